//! An engine is asked slice by slice: what it answers is counted once, late rows included, and half an answer counts nowhere.

use std::{
    fmt::Write as _,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use duskwatch::{
    config,
    daemon::{Engine, PollOutcome},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{at, picture::Picture};

const SOURCE: &str = "query/lake";
const HOUR_MS: i64 = 3_600_000;

/// Answers as ClickHouse does over HTTP: with one row for every hour that a question is about, as often as `uses` says. Its
/// second answer breaks off when it is told so.
struct Lake {
    address: String,
    uses: Arc<AtomicUsize>,
    broken: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Lake {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (uses, broken) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let lake = Self { address, uses: Arc::clone(&uses), broken: Arc::clone(&broken), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &uses, &broken, &asked).await;
            }
        });
        lake
    }

    /// The slices that were asked for since the last call, as hours of the day.
    fn slices(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let hours = asked.iter().map(|statement| {
            let (from, to) = slice(statement);
            format!("{}-{}", from / HOUR_MS % 24, (to - 1) / HOUR_MS % 24 + 1)
        });
        hours.collect()
    }
}

async fn answer(mut stream: TcpStream, uses: &AtomicUsize, broken: &AtomicUsize, asked: &Mutex<Vec<String>>) {
    let mut read = Vec::new();
    let body = loop {
        let mut piece = vec![0; 16_384];
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "a whole request");
        read.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let wanted =
            head.to_lowercase().split_once("content-length: ").unwrap().1.lines().next().unwrap().parse::<usize>().unwrap();
        if body.len() >= wanted {
            break body.to_owned();
        }
    };
    let rows =
        if body.contains("system.settings") { "log_comment\n".to_owned() } else { rows(&body, uses.load(Ordering::SeqCst)) };
    if !body.contains("system.settings") {
        asked.lock().unwrap().push(body);
        if broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1) {
            let text = format!("{rows}Code: 241, e.displayText() = DB::Exception: Memory limit exceeded\n");
            return reply(&mut stream, &text).await;
        }
    }
    reply(&mut stream, &rows).await;
}

async fn reply(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn slice(statement: &str) -> (i64, i64) {
    let bound = |sign: &str| statement.split_once(sign).unwrap().1.split_whitespace().next().unwrap().parse::<i64>().unwrap();
    (bound("WHERE `ts` >= "), bound("AND `ts` < "))
}

fn rows(statement: &str, uses: usize) -> String {
    let (from, to) = slice(statement);
    (from..to).step_by(usize::try_from(HOUR_MS).unwrap()).fold(String::new(), |mut rows, ms| {
        let (day, bit) = (ms / (24 * HOUR_MS), 1 << (ms / HOUR_MS % 24));
        write!(rows, "1\t{day}\t{uses}\t{uses}\t{ms}\t{ms}\t{bit}\t17\taccepted\tgit_read\toutside\tmona\t\t\tgit-cli\tr\t")
            .unwrap();
        writeln!(rows, "bitbucket.org\tacme\tpay\t\t\t\t\t").unwrap();
        rows
    })
}

struct Asker {
    dir: TempDir,
    engine: Arc<Engine>,
}

impl Asker {
    fn new(lake: &Lake) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "[store]\npath = \"{}\"\n[csv]\ndirectory = \"\"\n[[query]]\nname = \"lake\"\nurl = \"http://{}\"\ntable = \"logs\"\n\
             columns = {{ time = \"ts\" }}\ntime_unit = \"milliseconds\"\nslice = \"6h\"\nlate = \"3h\"\nbackfill = \"2d\"\n",
            dir.path().join("duskwatch.db").display(),
            lake.address
        );
        fs::write(dir.path().join("duskwatch.toml"), text).unwrap();
        let options = config::load(&dir.path().join("duskwatch.toml"), config::Secrets::Needed).unwrap();
        Self { engine: Arc::new(Engine::open(options).unwrap()), dir }
    }

    async fn poll(&self, now: &str) -> PollOutcome {
        self.engine.poll(&[], None, at(now)).await.unwrap()
    }

    async fn picture(&self) -> Picture {
        Picture::of(&self.dir.path().join("duskwatch.db")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slices_are_counted_once_and_replaced_when_rows_came_late() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake);
    asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(lake.slices(), ["0-24", "0-24", "0-6"]);
    let picture = asker.picture().await;
    assert_eq!((picture.uses(SOURCE), picture.items(SOURCE)), (54, 48));
    assert_eq!(picture.states_of(SOURCE).iter().map(|(state, _)| *state).collect::<Vec<_>>(), ["covered", "partial"]);
    lake.uses.store(2, Ordering::SeqCst);
    asker.poll("2026-07-03T12:30:00Z").await;
    assert_eq!(lake.slices(), ["0-6", "6-12"]);
    let picture = asker.picture().await;
    assert_eq!((picture.uses(SOURCE), picture.items(SOURCE)), (48 + 24, 60));
    asker.poll("2026-07-03T12:40:00Z").await;
    assert_eq!(lake.slices(), Vec::<String>::new());
    lake.uses.store(3, Ordering::SeqCst);
    asker.poll("2026-07-04T03:00:00Z").await;
    assert_eq!(lake.slices(), ["6-12", "12-18", "18-24"]);
    let picture = asker.picture().await;
    assert_eq!((picture.uses(SOURCE), picture.counts.len()), (48 + 12 + 54, 3));
    let (only, since) = ([SOURCE.to_owned()], duskwatch::evidence::Day::of(at("2026-07-03T00:00:00Z")));
    let since = asker.engine.poll(&only, Some(since), at("2026-07-04T03:00:00Z"));
    assert_eq!(since.await.unwrap().failed, Vec::<String>::new());
    assert_eq!(lake.slices(), ["0-24"]);
    let again = asker.picture().await;
    assert_eq!((again.uses(SOURCE), again.items(SOURCE)), (48 + 72, picture.items(SOURCE)));
    assert_eq!(again.totals.authentications.iter().map(|total| total.uses).sum::<u64>(), 48 + 12 + 54);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_under_other_rules_is_said() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake);
    asker.poll("2026-07-03T07:00:00Z").await;
    let config = asker.dir.path().join("duskwatch.toml");
    let text = fs::read_to_string(&config).unwrap() + "[[origin]]\nname = \"farm\"\nnetworks = [\"10.20.0.0/16\"]\n";
    fs::write(&config, text).unwrap();
    let Asker { dir, engine } = asker;
    drop(engine);
    let asker = Asker { engine: Arc::new(Engine::open(config::load(&config, config::Secrets::Needed).unwrap()).unwrap()), dir };
    asker.poll("2026-07-03T08:00:00Z").await;
    let warning = asker.picture().await.states[SOURCE].warning.clone().unwrap_or_default();
    assert!(warning.starts_with("rules, clients, networks or dates have changed"), "{warning}");
    let since = Some(duskwatch::evidence::Day::of(at("2026-07-01T00:00:00Z")));
    asker.engine.poll(&[], since, at("2026-07-03T08:05:00Z")).await.unwrap();
    asker.poll("2026-07-03T08:10:00Z").await;
    assert_eq!(asker.picture().await.states[SOURCE].warning.clone().unwrap_or_default(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_counts_nowhere_and_is_asked_for_again() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake);
    lake.broken.store(2, Ordering::SeqCst);
    let outcome = asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(outcome.failed, [SOURCE]);
    assert!(outcome.lines[0].contains("row 25 of the answer"), "{:?}", outcome.lines);
    assert_eq!(asker.picture().await.uses(SOURCE), 24);
    lake.slices();
    let outcome = asker.poll("2026-07-03T07:05:00Z").await;
    assert_eq!((outcome.failed, lake.slices()), (vec![], vec!["0-24".to_owned(), "0-6".to_owned()]));
    assert_eq!(asker.picture().await.uses(SOURCE), 54);
}
