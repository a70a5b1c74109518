//! What is read: a log file and the audit stream of one simulated organisation.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use duskwatch::simulator::{self, Options, ServeOptions, Server, Size, World};
use jiff::{Timestamp, ToSpan as _, civil::Date};
use tokio::runtime::Runtime;

use super::{
    bench::{Bench, NOW, Setup},
    tape::Tape,
};

const SEED: u64 = 11;
/// An organisation of 300 people that works so much makes about a million audit events in five months.
const INTENSITY: f64 = 68.0;
/// Lines of the log that is replayed.
pub const LOG_LINES: u64 = 5_000_000;
/// Lines that the simulated proxy writes; the log is these again and again, each time so many days earlier.
const WRITTEN_LINES: u64 = 500_000;
const LOG_DAYS: i64 = 20;

/// JSON lines as the organisation's inspecting proxy writes them, in the order of time.
pub struct Log {
    pub path: PathBuf,
    pub lines: u64,
    pub bytes: u64,
}

/// Writes a log of so many lines. Malformed lines, foreign hosts and whole `Authorization` headers are among them.
pub fn write_log(directory: &Path, lines: u64) -> anyhow::Result<Log> {
    eprintln!("  writing a log of {lines} lines");
    fs::create_dir_all(directory)?;
    let now: Timestamp = NOW.parse()?;
    let world = World::generate(SEED, &Options { intensity: INTENSITY, ..Options::new(Size::Default, now) });
    let written = some_lines(&world, &directory.join("written"), now)?;
    let path = directory.join("replay.jsonl");
    let mut out = BufWriter::new(File::create(&path)?);
    let (mut left, mut bytes) = (lines, 0);
    for round in (0..lines.div_ceil(WRITTEN_LINES)).rev() {
        let days = i64::try_from(round)? * (LOG_DAYS + 1);
        for line in written.iter().take(usize::try_from(left)?) {
            let line = earlier(line, days)?;
            out.write_all(&line)?;
            (left, bytes) = (left - 1, bytes + line.len() as u64);
        }
    }
    out.flush()?;
    Ok(Log { path, lines, bytes })
}

/// The line with its date so many days earlier; one that tells no date is given another end, so that no two are equal.
fn earlier(line: &[u8], days: i64) -> anyhow::Result<Vec<u8>> {
    const MARK: &[u8] = b"\"time\":\"";
    let mut line = line.to_vec();
    let date = line.windows(MARK.len()).position(|at| at == MARK).map(|at| at + MARK.len()..at + MARK.len() + 10);
    if let Some(place) = date.filter(|place| place.end <= line.len()) {
        if let Some(date) = std::str::from_utf8(&line[place.clone()])?.parse::<Date>().ok().filter(|_| days > 0) {
            line[place].copy_from_slice(date.checked_sub(days.days())?.to_string().as_bytes());
        }
    } else {
        let end = line.len() - 1;
        line.splice(end..end, format!(" {days}").into_bytes());
    }
    Ok(line)
}

/// The first lines of the inspecting proxy's files.
fn some_lines(world: &World, logs: &Path, now: Timestamp) -> anyhow::Result<Vec<Vec<u8>>> {
    world.write_logs(logs, now.checked_sub((LOG_DAYS * 24).hours())?, now)?;
    let mut months = fs::read_dir(logs)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    months.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("egress-inspected")));
    months.sort();
    let mut lines = Vec::new();
    for path in months {
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            let mut line = line?;
            line.push(b'\n');
            lines.push(line);
        }
    }
    lines.truncate(usize::try_from(WRITTEN_LINES)?);
    fs::remove_dir_all(logs).context("the simulated logs")?;
    ensure!(lines.len() as u64 == WRITTEN_LINES, "the simulated proxy wrote only {} lines", lines.len());
    Ok(lines)
}

/// An organisation with its audit stream on tape.
pub struct Audited {
    pub tape: Tape,
    pub setup: Setup,
    /// Its id.
    pub organization: String,
    /// Answers while the tape is recorded; it stops when it is dropped.
    _simulator: Server,
    /// Serves the tape and the simulator.
    _runtime: Runtime,
}

impl Audited {
    /// The first poll, which records the tape, does not count: inventing and compressing a page costs more than reading it.
    pub fn record(bench: &Bench) -> anyhow::Result<Self> {
        eprintln!("  recording the audit stream");
        let intensity = if bench.quick { INTENSITY / 5.0 } else { INTENSITY };
        let world = Arc::new(World::generate(SEED, &Options { intensity, ..Options::new(Size::Default, NOW.parse()?) }));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let server = runtime.block_on(simulator::serve(Arc::clone(&world), ServeOptions::default()))?;
        let tape = runtime.block_on(Tape::start(server.atlassian_url()))?;
        let key = bench.path("key");
        fs::write(&key, ServeOptions::default().organization_key)?;
        let (id, url) = (&world.organization().id, &tape.url);
        let setup = bench.configuration(
            "audit",
            &format!(
                "[[organization]]\nname = \"acme\"\nid = {id:?}\napi_url = {url:?}\napi_key = \"file:{}\"\n\
                 requests_per_minute = 1000000\nshare = 1.0\n",
                key.display()
            ),
        )?;
        setup.run_anew(&["poll", "--source", "audit/acme"])?;
        Ok(Self { tape, setup, organization: id.clone(), _simulator: server, _runtime: runtime })
    }
}
