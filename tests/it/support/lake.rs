//! An engine that keeps a log and answers as ClickHouse does over HTTP: with rows for each hour that a question is about.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::requests::{Request, reply, request};

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
    /// It hangs up without a word.
    HangsUp,
    /// It refuses with a status, and words.
    Refuses(&'static str, &'static str),
    /// The answer begins after so many seconds.
    Late(u64),
    /// A row has a word where a number belongs.
    Malformed,
    /// Rows of the hour before come as well.
    Overlapping,
    /// A page for people, as somebody in between would show it.
    Page,
}

impl Trouble {
    /// The word by which it is counted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::Cut => "cut",
            Self::Stranger => "stranger",
            Self::HangsUp => "hangs up",
            Self::Refuses(status, _) => status,
            Self::Late(_) => "late",
            Self::Malformed => "malformed",
            Self::Overlapping => "overlapping",
            Self::Page => "page",
        }
    }

    /// Whether it is there before anything of the log is asked for.
    fn is_of_the_server(self) -> bool {
        matches!(self, Self::HangsUp | Self::Refuses(..) | Self::Late(_))
    }
}

/// The repositories of an hour, by its number since the epoch, and how often each was used.
type Held = Box<dyn Fn(i64) -> Vec<(String, usize)> + Send>;

/// What it is to answer.
struct Plan {
    /// How often each row was seen.
    uses: usize,
    /// Rows of an hour, each of another repository.
    rows: usize,
    /// In the place of both.
    held: Option<Held>,
    /// What time it is here, in milliseconds, if that is told.
    clock: Option<Box<dyn Fn() -> i64 + Send>>,
    /// After so many answers there is trouble, once.
    trouble: Option<(usize, Trouble)>,
    /// Every answer is this.
    lasting: Option<Trouble>,
    /// The troubles that there were, by their words.
    met: BTreeMap<&'static str, u64>,
    questions: u64,
    asked: Vec<String>,
    /// What stood in the address of the last question, and in its headers.
    head: String,
}

pub struct Lake {
    pub address: String,
    plan: Arc<Mutex<Plan>>,
}

impl Lake {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let plan = Plan {
            uses: 1,
            rows: 1,
            held: None,
            clock: None,
            trouble: None,
            lasting: None,
            met: BTreeMap::new(),
            questions: 0,
            asked: Vec::new(),
            head: String::new(),
        };
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

    /// From now on it holds this of each hour.
    pub fn shows(&self, held: impl Fn(i64) -> Vec<(String, usize)> + Send + 'static) {
        self.plan.lock().unwrap().held = Some(Box::new(held));
    }

    /// From now on it tells this time.
    pub fn tells_time(&self, clock: impl Fn() -> i64 + Send + 'static) {
        self.plan.lock().unwrap().clock = Some(Box::new(clock));
    }

    /// After so many more answers there is trouble, once.
    pub fn fails_after(&self, answers: usize, trouble: Trouble) {
        self.plan.lock().unwrap().trouble = Some((answers, trouble));
    }

    /// From now on there is this trouble, or none.
    pub fn fails(&self, trouble: Option<Trouble>) {
        self.plan.lock().unwrap().lasting = trouble;
    }

    /// No trouble is left.
    pub fn is_well(&self) {
        let mut plan = self.plan.lock().unwrap();
        (plan.trouble, plan.lasting) = (None, None);
    }

    /// How often there was which trouble.
    pub fn troubles(&self) -> BTreeMap<&'static str, u64> {
        self.plan.lock().unwrap().met.clone()
    }

    /// How many requests have come.
    pub fn questions(&self) -> u64 {
        self.plan.lock().unwrap().questions
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
        self.plan.lock().unwrap().head.lines().next().unwrap_or_default().to_owned()
    }

    /// The `[[query]]` that asks it.
    pub fn section(&self) -> String {
        self.section_with("slice = \"6h\"\nlate = \"3h\"\nbackfill = \"2d\"\n")
    }

    /// The same with other settings.
    pub fn section_with(&self, settings: &str) -> String {
        format!(
            "[[query]]\nname = \"lake\"\nurl = \"http://{}\"\ntable = \"logs\"\ncolumns = {{ time = \"ts\" }}\n\
             time_unit = \"milliseconds\"\n{settings}",
            self.address
        )
    }
}

impl Plan {
    fn rows_of(&self, (from, to): (i64, i64)) -> String {
        let mut rows = String::new();
        for ms in (from..to).step_by(usize::try_from(HOUR_MS).unwrap()) {
            let of_all = || (0..self.rows).map(|number| (format!("pay-{number}"), self.uses)).collect();
            for (repository, uses) in self.held.as_ref().map_or_else(of_all, |held| held(ms / HOUR_MS)) {
                row(&mut rows, ms, &repository, &uses.to_string());
            }
        }
        rows
    }

    /// What comes now, if it is time for it.
    fn trouble_now(&mut self) -> Option<Trouble> {
        let once = self.trouble.filter(|_| self.lasting.is_none());
        if let Some((left, trouble)) = once {
            self.trouble = left.checked_sub(1).map(|left| (left, trouble));
        }
        let now = self.lasting.or_else(|| once.filter(|(left, _)| *left == 0).map(|(_, trouble)| trouble));
        self.meets(now)
    }

    fn meets(&mut self, trouble: Option<Trouble>) -> Option<Trouble> {
        if let Some(trouble) = trouble {
            *self.met.entry(trouble.word()).or_default() += 1;
        }
        trouble
    }
}

fn row(rows: &mut String, ms: i64, repository: &str, uses: &str) {
    let (day, bit) = (ms / (24 * HOUR_MS), 1 << (ms / HOUR_MS % 24));
    write!(rows, "1\t{day}\t{uses}\t{uses}\t{ms}\t{ms}\t{bit}\t17\taccepted\tgit_read\toutside\tmona\t\t\tgit-cli\tr\t").unwrap();
    writeln!(rows, "bitbucket.org\tacme\t{repository}\t\t\t\t\t").unwrap();
}

async fn answer(mut stream: TcpStream, plan: Arc<Mutex<Plan>>) {
    // Who is killed while it asks has asked nothing.
    let Some(Request { head, body }) = request(&mut stream).await else { return };
    let question = String::from_utf8_lossy(&body).into_owned();
    let (rows, trouble) = {
        let mut plan = plan.lock().unwrap();
        plan.questions += 1;
        if question.contains("system.settings") {
            let lasting = plan.lasting.filter(|trouble| trouble.is_of_the_server());
            let time = plan.clock.as_ref().map_or_else(String::new, |clock| format!("time\t{}\n", clock() / 1_000));
            (format!("setting\tlog_comment\nsetting\tshort_circuit_function_evaluation\n{time}"), plan.meets(lasting))
        } else {
            let (from, to) = slice(&question);
            let trouble = plan.trouble_now();
            let from = if trouble == Some(Trouble::Overlapping) { from - HOUR_MS } else { from };
            let rows = plan.rows_of((from, to));
            plan.asked.push(question);
            plan.head = head;
            (rows, trouble)
        }
    };
    match trouble {
        None | Some(Trouble::Overlapping) => reply(&mut stream, "200 OK", rows.as_bytes(), false).await,
        Some(Trouble::Cut) => reply(&mut stream, "200 OK", rows.as_bytes(), true).await,
        Some(Trouble::Stranger) => reply(&mut stream, "418 I'm a teapot", b"", false).await,
        Some(Trouble::Exception) => {
            let text = format!("{rows}Code: 241, e.displayText() = DB::Exception: Memory limit exceeded\n");
            reply(&mut stream, "200 OK", text.as_bytes(), false).await;
        }
        Some(Trouble::HangsUp) => {}
        Some(Trouble::Refuses(status, words)) => reply(&mut stream, status, words.as_bytes(), false).await,
        Some(Trouble::Late(seconds)) => {
            sleep(Duration::from_secs(seconds)).await;
            reply(&mut stream, "200 OK", rows.as_bytes(), false).await;
        }
        Some(Trouble::Malformed) => {
            let mut rows = rows;
            row(&mut rows, 0, "pay-0", "many");
            reply(&mut stream, "200 OK", rows.as_bytes(), false).await;
        }
        Some(Trouble::Page) => reply(&mut stream, "200 OK", b"<html>\n<p>Please sign in.</p>\n</html>\n", false).await,
    }
}

fn slice(statement: &str) -> (i64, i64) {
    let bound = |sign: &str| statement.split_once(sign).unwrap().1.split_whitespace().next().unwrap().parse::<i64>().unwrap();
    (bound("WHERE `ts` >= "), bound("AND `ts` < "))
}
