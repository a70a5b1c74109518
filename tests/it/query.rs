//! An engine is asked slice by slice: what it answers is counted once, late rows included, and half an answer counts nowhere.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use duskwatch::{
    config,
    daemon::{Engine, PollOutcome},
    evidence::Day,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::block_in_place,
};

use crate::support::{
    at, files,
    lake::{Lake, Trouble},
    picture::Picture,
};

const SOURCE: &str = "query/lake";

struct Asker {
    dir: TempDir,
    engine: Arc<Engine>,
}

impl Asker {
    fn new(section: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let text =
            format!("[store]\npath = \"{}\"\n[csv]\ndirectory = \"\"\n{section}", dir.path().join("duskwatch.db").display());
        fs::write(dir.path().join("duskwatch.toml"), text).unwrap();
        Self::again(dir)
    }

    /// The service, started in a directory with another configuration or another hand in its store.
    fn again(dir: TempDir) -> Self {
        let options = config::load(&dir.path().join("duskwatch.toml"), config::Secrets::Needed).unwrap();
        Self { engine: Arc::new(Engine::open(options).unwrap()), dir }
    }

    /// Ends the service, and runs a command in its place. Returns its exit status and what it said.
    fn command(self, arguments: &[&str]) -> (TempDir, Option<i32>, String) {
        let Self { dir, engine } = self;
        drop(engine);
        let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
        command.arg("--config").arg(dir.path().join("duskwatch.toml")).args(["--now", "2026-07-03T07:10:00Z"]).args(arguments);
        let ran = block_in_place(|| command.stdin(Stdio::null()).env_remove("RUST_LOG").output()).unwrap();
        let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (dir, ran.status.code(), said)
    }

    /// Files of the store in which a name stands.
    fn naming(&self, name: &str) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| fs::read(path).unwrap().windows(name.len()).any(|bytes| bytes == name.as_bytes());
        files(self.dir.path()).into_iter().filter(holds).collect()
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
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(lake.slices(), ["0-24", "0-24", "0-6"]);
    let picture = asker.picture().await;
    assert_eq!((picture.uses(SOURCE), picture.items(SOURCE)), (54, 48));
    assert_eq!(picture.states_of(SOURCE).iter().map(|(state, _)| *state).collect::<Vec<_>>(), ["covered", "partial"]);
    lake.counts(2);
    asker.poll("2026-07-03T12:30:00Z").await;
    assert_eq!(lake.slices(), ["0-6", "6-12"]);
    let picture = asker.picture().await;
    assert_eq!((picture.uses(SOURCE), picture.items(SOURCE)), (48 + 24, 60));
    asker.poll("2026-07-03T12:40:00Z").await;
    assert_eq!(lake.slices(), Vec::<String>::new());
    lake.counts(3);
    asker.poll("2026-07-04T03:00:00Z").await;
    assert_eq!(lake.slices(), ["6-12", "12-18", "18-24"]);
    let picture = asker.picture().await;
    assert_eq!((picture.uses(SOURCE), picture.counts.len()), (48 + 12 + 54, 3));
    let (only, since) = ([SOURCE.to_owned()], Day::of(at("2026-07-03T00:00:00Z")));
    let since = asker.engine.poll(&only, Some(since), at("2026-07-04T03:00:00Z"));
    assert_eq!(since.await.unwrap().failed, Vec::<String>::new());
    assert_eq!(lake.slices(), ["0-24"]);
    let again = asker.picture().await;
    assert_eq!((again.uses(SOURCE), again.items(SOURCE)), (48 + 72, picture.items(SOURCE)));
    assert_eq!(again.totals.authentications.iter().map(|total| total.uses).sum::<u64>(), 48 + 12 + 54);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_a_time_that_has_not_come_by_the_clock_of_the_engine() {
    let (lake, present) = (Lake::start().await, at("2026-07-03T07:00:00Z").as_millisecond());
    lake.tells_time(move || present);
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-05T07:00:00Z").await;
    // By our clock this would go on to the sixth hour of the fifth.
    assert_eq!(lake.slices(), ["0-6"]);
    let picture = asker.picture().await;
    assert_eq!(picture.coverage[SOURCE].last().unwrap().to_ms, at("2026-07-03T06:00:00Z").as_millisecond());
    assert_eq!(picture.states_of(SOURCE).last().unwrap().0, "partial", "late rows are still to come");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_when_both_clocks_were_ahead_is_asked_again() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    lake.holds(0);
    asker.poll("2026-07-04T07:00:00Z").await;
    lake.slices();
    lake.holds(1);
    asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(lake.slices(), ["0-24", "0-6"], "a day before the present, and what is over of this one");
    let picture = asker.picture().await;
    assert_eq!(
        (picture.uses(SOURCE), picture.coverage[SOURCE].last().unwrap().to_ms),
        (30, at("2026-07-03T06:00:00Z").as_millisecond())
    );
    asker.poll("2026-07-04T07:00:00Z").await;
    // The totals have the day up to noon, so that no question goes over it.
    assert_eq!(lake.slices(), ["0-6", "6-12", "12-18", "18-24", "0-6"]);
    assert_eq!(asker.picture().await.uses(SOURCE), 24 + 24 + 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_again_is_counted_once_though_it_breaks_off() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-05T07:00:00Z").await;
    assert_eq!(asker.picture().await.items(SOURCE), 48, "two days are settled");
    lake.slices();
    lake.fails_after(1, Trouble::Cut);
    assert_eq!(asker.poll("2026-07-03T07:00:00Z").await.failed, [SOURCE]);
    assert_eq!(lake.slices().len(), 2);
    asker.poll("2026-07-03T08:00:00Z").await;
    assert_eq!(lake.slices(), ["0-24", "0-6"], "the second of two days that were in doubt, and this one");
    assert_eq!(asker.picture().await.items(SOURCE), 48);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_clock_is_behind_holds_up_what_is_new_and_nothing_is_lost() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-03T07:00:00Z").await;
    let before = asker.picture().await;
    lake.slices();
    lake.tells_time(|| 0);
    asker.poll("2026-07-03T12:30:00Z").await;
    let during = asker.picture().await;
    assert_eq!((lake.slices(), &during.coverage), (Vec::new(), &before.coverage));
    let warning = during.states[SOURCE].warning.as_deref().unwrap();
    assert!(warning.contains("the engine's clock is behind ours"), "{warning}");
    let right = at("2026-07-03T12:30:00Z").as_millisecond();
    lake.tells_time(move || right);
    asker.poll("2026-07-03T12:30:00Z").await;
    assert_eq!(lake.slices(), ["0-6", "6-12"]);
    let after = asker.picture().await;
    assert_eq!((after.items(SOURCE), &after.states[SOURCE].warning), (54, &None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_comes_with_its_limit_and_with_settings_that_the_engine_knows() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-03T07:00:00Z").await;
    let settings = lake.settings();
    for known in [
        "max_execution_time=600",
        "query_id=duskwatch-lake-",
        "log_comment=duskwatch",
        "short_circuit_function_evaluation=disable",
    ] {
        assert!(settings.contains(known), "{known} is not in {settings}");
    }
    assert!(!settings.contains("cancel_http"), "{settings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_under_other_rules_is_said() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-03T07:00:00Z").await;
    let config = asker.dir.path().join("duskwatch.toml");
    let text = fs::read_to_string(&config).unwrap() + "[[origin]]\nname = \"farm\"\nnetworks = [\"10.20.0.0/16\"]\n";
    fs::write(&config, text).unwrap();
    let Asker { dir, engine } = asker;
    drop(engine);
    let asker = Asker::again(dir);
    asker.poll("2026-07-03T08:00:00Z").await;
    let warning = asker.picture().await.states[SOURCE].warning.clone().unwrap_or_default();
    assert!(warning.starts_with("rules, clients, networks or dates have changed"), "{warning}");
    let since = Some(Day::of(at("2026-07-01T00:00:00Z")));
    asker.engine.poll(&[], since, at("2026-07-03T08:05:00Z")).await.unwrap();
    asker.poll("2026-07-03T08:10:00Z").await;
    assert_eq!(asker.picture().await.states[SOURCE].warning.clone().unwrap_or_default(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_counts_nowhere_and_is_asked_for_again() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    lake.fails_after(1, Trouble::Exception);
    let outcome = asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(outcome.failed, [SOURCE]);
    assert!(outcome.lines[0].contains("row 25 of the answer"), "{:?}", outcome.lines);
    assert_eq!(asker.picture().await.uses(SOURCE), 24);
    lake.slices();
    let outcome = asker.poll("2026-07-03T07:05:00Z").await;
    assert_eq!((outcome.failed, lake.slices()), (vec![], vec!["0-24".to_owned(), "0-6".to_owned()]));
    assert_eq!(asker.picture().await.uses(SOURCE), 54);
}

/// More rows than one transaction stages, so that some of an answer is in the store when the rest does not come.
const MANY: usize = 9_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_leaves_the_store_as_it_was() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-03T07:00:00Z").await;
    let before = asker.picture().await;
    lake.slices();
    lake.holds(MANY);
    lake.fails_after(0, Trouble::Cut);
    let outcome = asker.poll("2026-07-03T12:00:00Z").await;
    assert_eq!((outcome.failed, lake.slices()), (vec![SOURCE.to_owned()], vec!["0-6".to_owned()]));
    assert!(outcome.lines[0].contains("the connection broke off"), "{:?}", outcome.lines);
    assert!(!asker.naming("pay-8000").is_empty(), "a part of it had come");
    let cut = asker.picture().await;
    assert_eq!((cut.counts, cut.totals.items), (before.counts, before.totals.items));
    lake.holds(2);
    let outcome = asker.poll("2026-07-03T12:05:00Z").await;
    assert_eq!((outcome.failed, lake.slices()), (vec![], vec!["0-6".to_owned(), "6-12".to_owned()]));
    assert_eq!(asker.picture().await.uses(SOURCE), 48 + 2 * 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_from_slices_and_from_half_an_answer_and_no_count_is_lost() {
    let lake = Lake::start().await;
    let asker = Asker::new(&lake.section());
    asker.poll("2026-07-03T07:00:00Z").await;
    lake.holds(MANY);
    lake.fails_after(0, Trouble::Cut);
    asker.poll("2026-07-03T12:00:00Z").await;
    assert!(!asker.naming("mona").is_empty());
    let (dir, status, said) = asker.command(&["store", "forget", "mona"]);
    assert!(status == Some(0) && said.contains("erased-1"), "{said}");
    let asker = Asker::again(dir);
    assert_eq!(asker.naming("mona"), Vec::<PathBuf>::new());
    let erased = asker.picture().await;
    assert_eq!(erased.uses(SOURCE), 54);
    assert!(erased.counts.keys().all(|(_, track, ..)| track.username.as_deref() == Some("erased-1")), "{:?}", erased.counts);
    // What is asked again replaces what was counted of the person, under whatever name it stands.
    lake.holds(1);
    lake.slices();
    asker.poll("2026-07-03T12:05:00Z").await;
    assert_eq!((lake.slices(), asker.picture().await.uses(SOURCE)), (vec!["0-6".to_owned(), "6-12".to_owned()], 48 + 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_at_which_no_engine_answers_is_to_be_looked_at_by_its_key() {
    let lake = Lake::start().await;
    lake.fails_after(0, Trouble::Stranger);
    let (_dir, status, said) = Asker::new(&lake.section()).command(&["check"]);
    assert_eq!(status, Some(78), "{said}");
    assert!(said.contains("answers with status 418, as no engine does") && said.contains("check url"), "{said}");
    assert!(!said.contains("api_url"), "{said}");
}

/// A message of PostgreSQL's protocol.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

/// Speaks that protocol as far as a question, which it answers so. Returns the `[[query]]` that asks it.
async fn postgresql(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let ready = message(b'Z', b"I");
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 65_536];
        assert_ne!(stream.read(&mut asked).await.unwrap(), 0);
        stream.write_all(&[message(b'R', &[0; 4]), ready.clone()].concat()).await.unwrap();
        loop {
            let length = stream.read(&mut asked).await.unwrap_or(0);
            let question = String::from_utf8_lossy(&asked[..length]).into_owned();
            if length == 0 {
                return;
            }
            let done = [message(b'C', b"SELECT 1\0"), ready.clone()].concat();
            // Not every one that speaks the protocol knows what time it is.
            let unknown = [message(b'E', b"SERROR\0C42883\0Mno such function\0\0"), ready.clone()].concat();
            let said = match () {
                () if question.contains("GROUP BY") => &answer,
                () if question.contains("epoch FROM") => &unknown,
                () => &done,
            };
            stream.write_all(said).await.unwrap();
        }
    });
    format!(
        "[[query]]\nname = \"lake\"\nengine = \"postgresql\"\nurl = \"postgresql://{address}/logs\"\nusername = \"duskwatch\"\n\
         table = \"logs\"\ncolumns = {{ time = \"ts\" }}\nbackfill = \"2d\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_postgresql_without_end_is_refused_by_its_length() {
    let two_gigabytes = [&b"D"[..], &i32::MAX.to_be_bytes(), &[0, 24]].concat();
    let asker = Asker::new(&postgresql(two_gigabytes).await);
    let outcome = asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(outcome.failed, [SOURCE]);
    assert!(outcome.lines[0].contains("sent more than 1048576 bytes"), "{:?}", outcome.lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_postgresql_that_is_no_text_is_skipped_and_told() {
    // As a database without an encoding (SQL_ASCII) keeps what others wrote.
    let latin = [&1_u16.to_be_bytes()[..], &3_u32.to_be_bytes(), b"Zo\xeb"].concat();
    let column = [&1_u16.to_be_bytes()[..], b"day\0", &[0; 6], &25_u32.to_be_bytes(), &[0xff; 6], &[0; 2]].concat();
    let end = [message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat();
    let asker = Asker::new(&postgresql([message(b'T', &column), message(b'D', &latin), end].concat()).await);
    let outcome = asker.poll("2026-07-03T07:00:00Z").await;
    assert_eq!(outcome.failed, [""; 0], "{:?}", outcome.lines);
    let (_dir, _, status) = asker.command(&["status"]);
    assert!(status.contains("rows that are not UTF-8 were skipped"), "{status}");
}
