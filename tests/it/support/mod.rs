//! A simulated organisation on loopback with logs, keys, a configuration and a store in a directory of its own, and what
//! a test asks of the store.

pub mod collector;
pub mod disk;
pub mod hooks;
pub mod lake;
pub mod picture;
pub mod program;
pub mod receiver;
pub mod requests;
pub mod seeds;
pub mod smtp;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use duskwatch::{
    config,
    daemon::{Engine, Options, PollOutcome},
    report::Audience,
    simulator::{self, LogFiles, ServeOptions, Server, Size, World},
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use tempfile::TempDir;

/// The day most tests look from: week four of the brownouts.
pub const NOW: &str = "2026-07-03T07:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub((days * 24).hours()).unwrap()
}

/// The smallest world that still has every kind of integration in it. It is steady: tests compare what was read with what was
/// there, line by line and day by day.
pub fn small_world(seed: u64, now: Timestamp, history_days: u32) -> Arc<World> {
    let options = simulator::Options {
        history_days,
        future_days: 1,
        intensity: 0.3,
        steady: true,
        ..simulator::Options::new(Size::Small, now)
    };
    Arc::new(World::generate(seed, &options))
}

pub struct Site {
    pub dir: TempDir,
    pub world: Arc<World>,
    pub server: Server,
    /// Up to when the logs are written.
    written: Timestamp,
}

impl Site {
    /// Serves a world whose logs are not yet written.
    pub async fn new(world: &Arc<World>, options: ServeOptions) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let server = simulator::serve(Arc::clone(world), options).await.unwrap();
        let keys = ServeOptions::default();
        fs::write(dir.path().join("organization.key"), keys.organization_key).unwrap();
        fs::write(dir.path().join("workspace.key"), keys.workspace_token).unwrap();
        let beginning = world.truth().days().0.start();
        let site = Self { dir, world: Arc::clone(world), server, written: beginning };
        let logs = world.write_logs(&site.logs(), beginning, beginning).unwrap();
        fs::write(site.config(), site.text(&logs)).unwrap();
        site
    }

    /// The same, with everything that happened until the world's present in its logs.
    pub async fn grown(world: &Arc<World>, options: ServeOptions) -> Self {
        let mut site = Self::new(world, options).await;
        site.grow(world.now());
        site
    }

    /// Lets the world go on to an instant: its logs grow, and its APIs show what has happened since.
    pub fn grow(&mut self, to: Timestamp) {
        self.world.write_logs(&self.logs(), self.written, to).unwrap();
        self.server.set_now(to);
        self.written = to;
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    pub fn store(&self) -> PathBuf {
        self.path("duskwatch.db")
    }

    /// With its log: a reader of the test may still have it open, and the log stands there as long.
    pub fn remove_store(&self) {
        fs::remove_file(self.store()).unwrap();
        self.remove_log();
    }

    /// What stands beside the store while it is open, and after a crash.
    pub fn remove_log(&self) {
        for end in ["-wal", "-shm"] {
            if let Err(error) = fs::remove_file(self.path(&format!("duskwatch.db{end}"))) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
            }
        }
    }

    pub fn config(&self) -> PathBuf {
        self.path("duskwatch.toml")
    }

    /// What an operator would write for this organisation.
    fn text(&self, logs: &LogFiles) -> String {
        let mut out = String::new();
        let organization = self.world.organization();
        writeln!(out, "[[organization]]\nname = {:?}\nid = {:?}", organization.name, organization.id).unwrap();
        writeln!(out, "api_url = {:?}\nrequests_per_minute = 60000", self.server.atlassian_url()).unwrap();
        writeln!(out, "api_key = \"file:{}\"", self.path("organization.key").display()).unwrap();
        for slug in self.world.workspaces() {
            writeln!(out, "[[organization.workspace]]\nslug = {slug:?}\napi_url = {:?}", self.server.bitbucket_url()).unwrap();
            writeln!(out, "requests_per_hour = 1000000").unwrap();
            writeln!(out, "auth = {{ access_token = \"file:{}\" }}", self.path("workspace.key").display()).unwrap();
        }
        for log in logs.logs.iter().filter(|log| log.format != "transcript") {
            writeln!(out, "{}", log.section()).unwrap();
        }
        writeln!(out, "[http]\nlisten = \"127.0.0.1:0\"").unwrap();
        writeln!(out, "[store]\npath = {:?}", self.store().display().to_string()).unwrap();
        // The world stands still while the clock of a running service goes on.
        writeln!(out, "keep_raw = \"9999d\"\nkeep_evidence = \"9999d\"").unwrap();
        writeln!(out, "[csv]\ndirectory = {:?}", self.path("csv").display().to_string()).unwrap();
        for network in self.world.named_networks() {
            writeln!(out, "[[origin]]\nname = {:?}\nnetworks = {:?}", network.name, network.networks).unwrap();
        }
        for owner in self.world.owners() {
            writeln!(out, "[[owner]]\nname = {:?}\nemail = {:?}", owner.name, owner.email).unwrap();
            writeln!(out, "lead_time = \"{}d\"", owner.lead_time_days).unwrap();
            writeln!(out, "match = {{ workspace = {:?}, repository = {:?} }}", owner.workspace, owner.repository).unwrap();
        }
        out
    }

    /// Adds a section for the output of jobs, which [`Site::new`] leaves out.
    pub fn watch_jobs(&self) {
        let paths = self.logs().join("transcripts/*.log").display().to_string();
        let section = format!("[[log]]\nname = \"ci-output\"\nformat = \"transcript\"\npaths = [{paths:?}]\n");
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), text + &section).unwrap();
    }

    pub fn options(&self) -> Options {
        config::load(&self.config(), config::Secrets::Needed).unwrap()
    }

    pub fn engine(&self) -> Arc<Engine> {
        Arc::new(Engine::open(self.options()).unwrap())
    }

    /// One round of every source, each of which must be well.
    pub async fn poll(&self, engine: &Arc<Engine>, now: Timestamp) -> PollOutcome {
        let outcome = engine.poll(&[], None, now).await.unwrap();
        assert_eq!(outcome.failed, Vec::<String>::new(), "{:#?}", outcome.lines);
        outcome
    }

    /// What a judgement at `now` says, as the JSON report.
    pub async fn report(&self, engine: &Arc<Engine>, now: Timestamp) -> Value {
        serde_json::from_str(&engine.judge(now).await.unwrap().json()).unwrap()
    }

    /// The files of the CSV package of a judgement at `now`.
    pub async fn package(&self, engine: &Arc<Engine>, now: Timestamp) -> PathBuf {
        let judged = engine.judge(now).await.unwrap();
        let written = judged.write_package(&self.path("csv"), 3_650).unwrap();
        assert_ne!(judged.text(&Audience::Security, 120), "");
        written
    }

    /// Every line of the egress logs, which are JSON, with the name of its log.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        for name in ["egress-inspected", "egress-plain"] {
            for path in files(&self.logs()).into_iter().filter(|path| file_name(path).starts_with(name)) {
                let text = fs::read_to_string(path).unwrap();
                lines.extend(text.lines().map(|line| (name, line.to_owned())));
            }
        }
        lines
    }

    /// Every item of a log: its lines, or the rows of a table, some of which go over several lines.
    pub fn items_of(&self, log: &str) -> Vec<String> {
        let mut items: Vec<String> = Vec::new();
        for path in files(&self.logs()).into_iter().filter(|path| file_name(path).starts_with(log)) {
            let text = fs::read_to_string(&path).unwrap();
            let rows = text.starts_with("Date;");
            for line in text.lines().skip(usize::from(rows)) {
                match items.last_mut() {
                    Some(row) if rows && !line.starts_with("2026-") => row.extend(["\n", line]),
                    _ => items.push(line.to_owned()),
                }
            }
        }
        items
    }
}

/// A machine that does not let a test look makes it fail, unless somebody has said that it may be left out.
#[track_caller]
pub fn leave_out(why: &str) {
    assert!(seeds::number("DUSKWATCH_MAY_LEAVE_OUT") == Some(1), "{why}: DUSKWATCH_MAY_LEAVE_OUT=1 leaves it out");
    eprintln!("left out: {why}");
}

/// Every file below a directory, sorted.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The rows of the one campaign's integrations.
pub fn integrations(report: &Value) -> &Vec<Value> {
    report["campaigns"][0]["integrations"].as_array().unwrap()
}
