//! One service that is killed again and again, at random instants and at random operations of its disk, while it reads, takes
//! what is pushed, mails and writes packages. Its clock runs fast, so that a digest is due every other second.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    process::{ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use duskwatch::{
    simulator::ServeOptions,
    store::{Reader, Store},
};
use fastrand::Rng;
use jiff::{Timestamp, ToSpan as _};
use tokio::{
    sync::watch,
    task::{block_in_place, spawn_blocking},
    time::sleep,
};

use super::{Life, append, assert_packages_are_whole, assert_sent_once, assert_sound, crashes};
use crate::support::{
    NOW, Site, at, days_before,
    disk::{Disk, Fault},
    picture::{Picture, assert_same_counts},
    program::{duskwatch_at, forget_clock, hasten, program},
    smtp::MailServer,
};

/// Crashes that are played where nobody asks for more.
const CRASHES: usize = 6;
/// Crashes of one service. The next one begins anew, ten days before the present of its world, as its clock runs fast.
const CRASHES_OF_A_WORLD: usize = 60;
/// So much faster goes the clock of the service.
const SPEED: u32 = 300;
/// A life ends at the latest so many milliseconds after its page is served, or, some of them, after its beginning.
const LONGEST_LIFE_MS: u64 = 3_500;
/// A life that ends at an operation of the disk ends at one of the first so many.
const OPERATIONS: u64 = 900;
const HISTORY_DAYS: u32 = 14;
/// The first life begins so many days before the world's present.
const BEGINS_BEFORE: i64 = 10;
/// Lines of one request of a sender.
const PUSHED: i64 = 20;
const SENDER: &str = "intake/ci";

/// Where the page of a life is served, once it is.
type Served = watch::Receiver<Option<String>>;

struct Lives {
    site: Site,
    mail: MailServer,
    disk: Disk,
    rng: Rng,
    now: Timestamp,
    sent: Vec<Life>,
    /// Whether there is a store.
    stored: bool,
    /// Requests of the sender that were answered, by their number.
    pushed: u64,
}

/// What came of the lives that were played.
#[derive(Debug, Default)]
struct Outcome {
    crashes: usize,
    digests: usize,
    letters: usize,
    repeated_letters: usize,
    requests_of_the_sender: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_again_and_again_loses_nothing_and_tells_nothing_twice() {
    let (wanted, mut outcome) = (crashes(CRASHES), Outcome::default());
    // A world is short: its clock runs fast.
    while outcome.crashes < wanted {
        play((wanted - outcome.crashes).min(CRASHES_OF_A_WORLD), &mut outcome).await;
        eprintln!("a service that is killed: {outcome:?}");
    }
}

/// So many lives of one service, compared in the end with one that was never killed.
async fn play(wanted: usize, outcome: &mut Outcome) {
    let mut lives = Lives::begin(outcome.crashes as u64).await;
    for number in 0..wanted {
        lives.live(number).await;
    }
    lives.end().await;

    let mut calm = Site::new(&lives.site.world, ServeOptions::default()).await;
    calm.grow(lives.now);
    calm.poll(&calm.engine(), lives.now).await;
    let (expected, mut found) = (Picture::of(&calm.store()).await, Picture::of(&lives.site.store()).await);
    found.counts.retain(|(source, ..), _| source != SENDER);
    assert_same_counts(&expected.counts, &found.counts);
    for source in calm.engine().source_names().iter().filter(|source| !source.starts_with("access/")) {
        assert_eq!(expected.items(source), found.items(source), "{source}");
    }
    // The answer to the last request may have been cut off: it came again to nobody.
    let recorded = [lives.pushed, lives.pushed + 1].map(|requests| requests * PUSHED.unsigned_abs());
    assert!(recorded.contains(&found.items(SENDER)), "{} lines are not {recorded:?}", found.items(SENDER));

    let letters = assert_sent_once(&lives.sent);
    let all: usize = lives.sent.iter().map(|life| life.sent.len()).sum();
    let store = Store::open_read_only(&lives.site.store()).unwrap();
    let outbox = store.read(Reader::outbox_summary).await.unwrap();
    assert_eq!((outbox.pending, outbox.settled[0].sent), (0, letters.len() as u64), "{outbox:?}");
    outcome.crashes += wanted;
    outcome.digests += letters.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len();
    outcome.letters += letters.len();
    outcome.repeated_letters += all - letters.len();
    outcome.requests_of_the_sender += lives.pushed;
}

impl Lives {
    async fn begin(seed: u64) -> Self {
        let (site, mail) = super::site(83, HISTORY_DAYS).await;
        append(
            &site,
            "[schedule]\ndigest = \"*/10 * * * *\"\naudit = \"2m\"\ntokens = \"30m\"\naccess = \"1h\"\nlogs = \"2m\"\n",
        );
        fs::write(site.path("ci.token"), "J8tWv0sLq2cY5hXn").unwrap();
        append(&site, &format!("[[http.intake]]\nname = \"ci\"\ntoken = \"file:{}\"\n", site.path("ci.token").display()));
        let (disk, rng, now) = (Disk::of(&site), Rng::with_seed(seed), days_before(at(NOW), BEGINS_BEFORE));
        Self { site, mail, disk, rng, now, sent: Vec::new(), stored: false, pushed: 0 }
    }

    async fn live(&mut self, number: usize) {
        // Of a disk half of the lives die, the others whenever it comes.
        let (fault, operation) = match number % 2 {
            0 => (Fault::DEADLY[number / 2 % 4], self.rng.u64(1..OPERATIONS)),
            _ => (Fault::Kill, 0),
        };
        let length = Duration::from_millis(self.rng.u64(1..LONGEST_LIFE_MS));
        self.site.grow(self.now);
        let mut command = self.service(fault, operation);
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let (page, served) = watch::channel(None);
        let log = child.stderr.take().unwrap();
        let mut said = spawn_blocking(move || read(log, &page));
        let mut text = None;
        tokio::select! {
            ended = &mut said => text = Some(ended.unwrap()),
            () = ends(number % 4 != 3, served.clone(), length) => {}
            () = push(served, &mut self.pushed, self.now) => {}
        }
        child.kill().unwrap();
        block_in_place(|| child.wait()).unwrap();
        forget_clock(child.id());
        let text = match text {
            Some(text) => text,
            None => said.await.unwrap(),
        };
        self.now = self.now.checked_add(begun.elapsed() * SPEED).unwrap();
        let when = format!("life {number}, {fault:?} at operation {operation}");
        assert!(!text.contains("panicked") && self.now < at(NOW), "{when}, until {}: {text}", self.now);
        self.sent.push(Life::of(&self.site, &self.mail));
        assert_sent_once(&self.sent);
        self.stored |= Store::open_read_only(&self.site.store()).is_ok();
        if self.stored {
            assert_sound(&self.site, &when).await;
        }
        assert_packages_are_whole(&self.site, &when);
    }

    fn service(&self, fault: Fault, operation: u64) -> Command {
        let mut command = program(&self.site);
        command.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        self.disk.under(&mut command, fault, operation);
        hasten(&mut command, self.now, SPEED);
        command
    }

    /// What was cut off is made up for.
    async fn end(&mut self) {
        self.site.grow(self.now);
        for arguments in [&["poll"][..], &["send", "--audience", "security"]] {
            let ran = duskwatch_at(&self.site, &self.now.to_string(), arguments);
            assert_eq!(ran.status, 0, "{ran:#?}");
        }
        assert_sound(&self.site, "at the end").await;
        self.sent.push(Life::of(&self.site, &self.mail));
    }
}

/// When a life ends: so long after its page is served, or after now.
async fn ends(after_page: bool, mut served: Served, length: Duration) {
    if after_page && served.wait_for(Option::is_some).await.is_err() {
        std::future::pending::<()>().await;
    }
    sleep(length).await;
}

/// Reads a log to its end, and tells where the page is served.
fn read(log: ChildStderr, page: &watch::Sender<Option<String>>) -> String {
    let mut text = String::new();
    for line in BufReader::new(log).lines().map(Result::unwrap) {
        if let Some(address) = line.split("the page is served address=").nth(1) {
            page.send_replace(Some(address.trim().to_owned()));
        }
        text += &line;
        text.push('\n');
    }
    text
}

/// Pushes one request after the other, each until it is answered; never ends by itself.
async fn push(mut served: Served, pushed: &mut u64, now: Timestamp) {
    let address = served.wait_for(Option::is_some).await.ok().and_then(|address| address.clone());
    if let Some(address) = address {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let request = client.post(format!("http://{address}/v1/evidence")).bearer_auth("J8tWv0sLq2cY5hXn");
            match request.body(lines(*pushed, now)).send().await {
                Ok(answer) if answer.status() == 200 => *pushed += 1,
                _ => break,
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
    std::future::pending::<()>().await;
}

/// The lines of a request: the same ones whenever it is sent, but for their time, by ids of their own.
fn lines(number: u64, now: Timestamp) -> String {
    let line = |n: i64| {
        let time = now.checked_sub(n.minutes()).unwrap();
        format!(
            "{{\"event_id\":\"{number}-{n}\",\"time\":\"{time}\",\"username\":\"pushed-{}\",\"secret_prefix\":\"ATBB\",\
             \"status\":200,\"host\":\"bitbucket.org\",\"path\":\"/acme/repo-{n}.git/info/refs\"}}\n",
            number % 5
        )
    };
    (0..PUSHED).map(line).collect()
}
