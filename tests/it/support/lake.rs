//! An engine that keeps a log and answers as ClickHouse does over HTTP: with a row for each hour that a question is about.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const HOUR_MS: i64 = 3_600_000;

/// What goes wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The engine gives up, and says so behind the rows.
    Exception,
    /// The connection ends within the last row.
    Cut,
    /// There is another server, which knows nothing of questions.
    Stranger,
}

/// What it is to answer.
#[derive(Debug)]
struct Plan {
    /// How often each row was seen.
    uses: usize,
    /// Rows of an hour, each of another repository.
    rows: usize,
    /// After so many answers there is trouble, once.
    trouble: Option<(usize, Trouble)>,
    /// Every answer is this.
    lasting: Option<Trouble>,
    asked: Vec<String>,
    /// What stood in the address of the last question.
    settings: String,
}

pub struct Lake {
    pub address: String,
    plan: Arc<Mutex<Plan>>,
}

impl Lake {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let plan = Plan { uses: 1, rows: 1, trouble: None, lasting: None, asked: Vec::new(), settings: String::new() };
        let plan = Arc::new(Mutex::new(plan));
        let lake = Self { address, plan: Arc::clone(&plan) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&plan)));
            }
        });
        lake
    }

    /// From now on every row was seen so often.
    pub fn counts(&self, uses: usize) {
        self.plan.lock().unwrap().uses = uses;
    }

    /// From now on there are so many rows of an hour.
    pub fn holds(&self, rows: usize) {
        self.plan.lock().unwrap().rows = rows;
    }

    /// After so many more answers there is trouble, once.
    pub fn fails_after(&self, answers: usize, trouble: Trouble) {
        self.plan.lock().unwrap().trouble = Some((answers, trouble));
    }

    /// From now on there is this trouble, or none.
    pub fn fails(&self, trouble: Option<Trouble>) {
        self.plan.lock().unwrap().lasting = trouble;
    }

    /// The slices that were asked for since the last call, as hours of the day.
    pub fn slices(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.plan.lock().unwrap().asked);
        let hours = asked.iter().map(|statement| {
            let (from, to) = slice(statement);
            format!("{}-{}", from / HOUR_MS % 24, (to - 1) / HOUR_MS % 24 + 1)
        });
        hours.collect()
    }

    /// The settings that the last question came with.
    pub fn settings(&self) -> String {
        self.plan.lock().unwrap().settings.clone()
    }

    /// The `[[query]]` that asks it.
    pub fn section(&self) -> String {
        format!(
            "[[query]]\nname = \"lake\"\nurl = \"http://{}\"\ntable = \"logs\"\ncolumns = {{ time = \"ts\" }}\n\
             time_unit = \"milliseconds\"\nslice = \"6h\"\nlate = \"3h\"\nbackfill = \"2d\"\n",
            self.address
        )
    }
}

impl Plan {
    fn rows_of(&self, statement: &str) -> String {
        let (from, to) = slice(statement);
        let mut rows = String::new();
        for ms in (from..to).step_by(usize::try_from(HOUR_MS).unwrap()) {
            let (day, bit, uses) = (ms / (24 * HOUR_MS), 1 << (ms / HOUR_MS % 24), self.uses);
            for number in 0..self.rows {
                write!(
                    rows,
                    "1\t{day}\t{uses}\t{uses}\t{ms}\t{ms}\t{bit}\t17\taccepted\tgit_read\toutside\tmona\t\t\tgit-cli\tr\t"
                )
                .unwrap();
                writeln!(rows, "bitbucket.org\tacme\tpay-{number}\t\t\t\t\t").unwrap();
            }
        }
        rows
    }

    /// What comes now, if it is time for it.
    fn trouble_now(&mut self) -> Option<Trouble> {
        if self.lasting.is_some() {
            return self.lasting;
        }
        let (left, trouble) = self.trouble?;
        self.trouble = left.checked_sub(1).map(|left| (left, trouble));
        (left == 0).then_some(trouble)
    }
}

async fn answer(mut stream: TcpStream, plan: Arc<Mutex<Plan>>) {
    // Who is killed while it asks has asked nothing.
    let Some((settings, question)) = question(&mut stream).await else { return };
    if question.contains("system.settings") {
        return reply(&mut stream, "200 OK", "log_comment\nshort_circuit_function_evaluation\n", false).await;
    }
    let (rows, trouble) = {
        let mut plan = plan.lock().unwrap();
        let rows = plan.rows_of(&question);
        plan.asked.push(question);
        plan.settings = settings;
        (rows, plan.trouble_now())
    };
    match trouble {
        None => reply(&mut stream, "200 OK", &rows, false).await,
        Some(Trouble::Cut) => reply(&mut stream, "200 OK", &rows, true).await,
        Some(Trouble::Stranger) => reply(&mut stream, "418 I'm a teapot", "", false).await,
        Some(Trouble::Exception) => {
            let text = format!("{rows}Code: 241, e.displayText() = DB::Exception: Memory limit exceeded\n");
            reply(&mut stream, "200 OK", &text, false).await;
        }
    }
}

/// What stands in its address, and what is asked.
async fn question(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut read = Vec::new();
    loop {
        let mut piece = vec![0; 16_384];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let wanted: usize =
            head.to_lowercase().split_once("content-length: ").unwrap().1.lines().next().unwrap().parse().unwrap();
        if body.len() >= wanted {
            return Some((head.lines().next().unwrap().to_owned(), body.to_owned()));
        }
    }
}

/// Of an answer that is cut the last bytes never come.
async fn reply(stream: &mut TcpStream, status: &str, body: &str, is_cut: bool) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let sent = if is_cut { &body[..body.len().saturating_sub(8)] } else { body };
    // Who was killed meanwhile does not read it.
    stream.write_all(format!("{head}{sent}").as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

fn slice(statement: &str) -> (i64, i64) {
    let bound = |sign: &str| statement.split_once(sign).unwrap().1.split_whitespace().next().unwrap().parse::<i64>().unwrap();
    (bound("WHERE `ts` >= "), bound("AND `ts` < "))
}
