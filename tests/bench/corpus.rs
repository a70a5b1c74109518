//! What is read: the audit stream and a log file of one simulated organisation, and the configuration that points to both.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use duskwatch::simulator::{self, Options, ServeOptions, Server, Size, World};
use jiff::{Timestamp, ToSpan as _};
use tokio::runtime::Runtime;

use super::{product::Poll, tape::Tape};

const SEED: u64 = 11;
const NOW: &str = "2026-07-03T07:00:00Z";
/// An organisation of 300 people that works so much makes about 400,000 audit events in five months.
const INTENSITY: f64 = 27.0;
const LOG_LINES: u64 = 1_000_000;
/// The days before [`NOW`] whose log lines are written: enough for [`LOG_LINES`].
const LOG_DAYS: i64 = 40;
const STORE: &str = "duskwatch.db";

pub struct Corpus {
    pub tape: Tape,
    /// The log file: JSON lines as the organisation's inspecting proxy writes them.
    pub log: PathBuf,
    directory: PathBuf,
    log_bytes: u64,
    /// Answers while the tape is recorded; it stops when it is dropped.
    _simulator: Server,
    /// Serves the tape and the simulator.
    _runtime: Runtime,
}

impl Corpus {
    pub fn make(directory: &Path) -> anyhow::Result<Self> {
        let now: Timestamp = NOW.parse()?;
        let world = Arc::new(World::generate(SEED, &Options { intensity: INTENSITY, ..Options::new(Size::Default, now) }));
        let log = directory.join("replay.jsonl");
        let log_bytes = write_log(&world, directory, &log, now)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let server = runtime.block_on(simulator::serve(Arc::clone(&world), ServeOptions::default()))?;
        let tape = runtime.block_on(Tape::start(server.atlassian_url()))?;
        let corpus = Self { tape, log, directory: directory.to_owned(), log_bytes, _simulator: server, _runtime: runtime };
        fs::write(corpus.config(), corpus.configuration(&world.organization().id)?)?;
        Ok(corpus)
    }

    /// One round of one source, into an empty store.
    pub fn poll(&self, program: &Path, source: &str) -> anyhow::Result<Poll> {
        Poll::run(program, &self.config(), NOW, source, &self.directory.join(STORE))
    }

    /// What was read, in one line.
    pub fn words(&self, audit: &[Poll], log: &[Poll]) -> String {
        let counts = |polls: &[Poll]| polls.first().map_or((0, 0), |poll| (poll.items, poll.kept));
        let ((events, kept), (lines, _)) = (counts(audit), counts(log));
        format!(
            "{events} audit events in pages of 500, {kept} of them kept; {lines} log lines of {} bytes",
            self.log_bytes / LOG_LINES
        )
    }

    fn config(&self) -> PathBuf {
        self.directory.join("duskwatch.toml")
    }

    fn configuration(&self, organization: &str) -> anyhow::Result<String> {
        let key = self.directory.join("key");
        fs::write(&key, ServeOptions::default().organization_key)?;
        let (store, url) = (self.directory.join(STORE), &self.tape.url);
        let (key, log, store) = (key.display(), self.log.display(), store.display());
        Ok(format!(
            "[[organization]]\nname = \"acme\"\nid = {organization:?}\napi_url = {url:?}\napi_key = \"file:{key}\"\n\
             requests_per_minute = 1000000\nshare = 1.0\n\n\
             [[log]]\nname = \"replay\"\npaths = [\"{log}\"]\n\n\
             [store]\npath = \"{store}\"\n"
        ))
    }
}

/// The first lines of the inspecting proxy's files, in one file of a fixed number of lines. Returns its length in bytes.
fn write_log(world: &World, directory: &Path, to: &Path, now: Timestamp) -> anyhow::Result<u64> {
    let logs = directory.join("logs");
    let from = now.checked_sub((LOG_DAYS * 24).hours())?;
    world.write_logs(&logs, from, now)?;
    let mut months = fs::read_dir(&logs)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    months.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("egress-inspected")));
    months.sort();
    let mut out = BufWriter::new(File::create(to)?);
    let (mut lines, mut bytes, mut line) = (0, 0, Vec::new());
    for path in months {
        let mut month = BufReader::new(File::open(path)?);
        while lines < LOG_LINES && month.read_until(b'\n', &mut line)? > 0 {
            out.write_all(&line)?;
            lines += 1;
            bytes += line.len() as u64;
            line.clear();
        }
    }
    out.flush()?;
    ensure!(lines == LOG_LINES, "the simulated proxy wrote only {lines} lines");
    fs::remove_dir_all(&logs).context("the simulated logs")?;
    Ok(bytes)
}
