//! What people would use instead, on the same input in the same run: a script of their own, Grove, DuckDB, sqlite-utils.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use super::{
    bench::Bench,
    corpus::Audited,
    program::Run,
    table::{Row, float, median},
};

/// Lines for those that would take minutes for all of them; the rate is what is compared.
const SAMPLE_LINES: u64 = 500_000;
/// Lines for sqlite-utils, which takes no malformed one.
const FEW_LINES: u64 = 100_000;

/// The Python of the peers, with what they are made of.
struct Python {
    programs: PathBuf,
    scripts: PathBuf,
}

impl Python {
    fn install() -> anyhow::Result<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/peers");
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
        let wanted = scripts.join("requirements.txt");
        let installed = venv.join("requirements.txt");
        if fs::read(&wanted)? != fs::read(&installed).unwrap_or_default() {
            eprintln!("  installing the peers");
            Run::of(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
            Run::of(
                Command::new(venv.join("bin/pip")).args(["install", "-q", "--disable-pip-version-check", "-r"]).arg(&wanted),
            )?;
            fs::copy(&wanted, &installed)?;
        }
        Ok(Self { programs: venv.join("bin"), scripts })
    }

    fn run(&self, script: &str, arguments: &[&str]) -> anyhow::Result<Run> {
        Run::of(Command::new(self.programs.join("python")).arg(self.scripts.join(script)).args(arguments))
    }
}

/// Seconds and CPU seconds an item, once a run.
#[derive(Default)]
struct Cost {
    seconds: Vec<f64>,
    cpu_seconds: Vec<f64>,
}

impl Cost {
    fn add(&mut self, run: &Run, items: u64) {
        self.seconds.push(run.seconds / float(items));
        self.cpu_seconds.push(run.cpu_seconds / float(items));
    }

    fn rate(&self) -> Vec<f64> {
        self.seconds.iter().map(|seconds| 1.0 / seconds).collect()
    }
}

fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

pub fn peers(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let python = Python::install()?;
    let mut rows = of_logs(bench, &python)?;
    rows.extend(of_audit(bench, &python)?);
    Ok(rows)
}

fn of_logs(bench: &Bench, python: &Python) -> anyhow::Result<Vec<Row>> {
    let (log, setup) = (bench.log()?, bench.configuration("beside", "")?);
    let path = log.path.display().to_string();
    let (sample_lines, few_lines) = (bench.scaled(SAMPLE_LINES), bench.scaled(FEW_LINES));
    let sample = first_lines(&log.path, &bench.path("sample.jsonl"), sample_lines, |_| true)?;
    let few = first_lines(&log.path, &bench.path("few.jsonl"), few_lines, |line| {
        serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
    })?;
    let database = bench.path("peer.db").display().to_string();
    let [mut own, mut script, mut duck, mut utils] = [const { Cost { seconds: Vec::new(), cpu_seconds: Vec::new() } }; 4];
    let (mut report, mut duck_again) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs() {
        own.add(&setup.run_anew(&["import", "--format", "json", &path])?, log.lines);
        report.push(setup.run(&["report"])?.seconds);
        let run = python.run("duck.py", &[&path])?;
        let again = run.words.split_once("again in ").and_then(|(_, words)| words.split(' ').next()?.parse().ok());
        let again: f64 = again.context("DuckDB's second time")?;
        duck_again.push(again);
        // The same question twice, of which the first is what is compared.
        duck.seconds.push((run.seconds - again) / float(log.lines));
        duck.cpu_seconds.push(run.cpu_seconds / 2.0 / float(log.lines));
        script.add(&anew(&database, || python.run("script_log.py", &[&sample, &database]))?, sample_lines);
        let insert = ["insert", &database, "use", &few, "--nl", "--alter"];
        utils.add(&anew(&database, || Run::of(Command::new(python.programs.join("sqlite-utils")).args(insert)))?, few_lines);
    }
    Ok(vec![
        Row::new("log: import", "lines/s", own.rate()),
        Row::new("log: script (json, sqlite3, pandas)", "lines/s", script.rate()),
        Row::new("… import is so many times as fast", "times", ratios(&script.seconds, &own.seconds)).at_least(5.0),
        Row::new("… and takes so many times less CPU", "times", ratios(&script.cpu_seconds, &own.cpu_seconds)).at_least(5.0),
        Row::new("log: DuckDB, which keeps nothing", "lines/s", duck.rate()),
        Row::new("… import takes so many times as long", "times", ratios(&own.seconds, &duck.seconds)).at_most(3.0),
        Row::new("… asked again, report is so many times as fast", "times", ratios(&duck_again, &report)).at_least(100.0),
        Row::new("log: sqlite-utils insert", "lines/s", utils.rate()),
        Row::new("… import is so many times as fast", "times", ratios(&utils.seconds, &own.seconds)).at_least(15.0),
    ])
}

fn of_audit(bench: &Bench, python: &Python) -> anyhow::Result<Vec<Row>> {
    let audited = Audited::record(bench)?;
    audited.tape.chain()?;
    let (url, id) = (audited.tape.url.clone(), audited.organization.clone());
    let database = bench.path("peer.db").display().to_string();
    let grove_files = bench.path("grove");
    let [mut own, mut script, mut grove] = [const { Cost { seconds: Vec::new(), cpu_seconds: Vec::new() } }; 3];
    let [mut own_asked, mut script_asked, mut grove_asked] = [const { Vec::new() }; 3];
    for _ in 0..bench.runs() {
        let take = |cost: &mut Cost, asked: &mut Vec<f64>, run: Run| -> anyhow::Result<()> {
            let (kept, skipped) = run.counts()?;
            cost.add(&run, kept + skipped);
            asked.push(float(audited.tape.asked()) / float(kept + skipped) * 1e6);
            Ok(())
        };
        audited.tape.asked();
        take(&mut own, &mut own_asked, audited.setup.run_anew(&["poll", "--source", "audit/acme"])?)?;
        take(&mut script, &mut script_asked, anew(&database, || python.run("script_audit.py", &[&url, &id, &database]))?)?;
        let directory = grove_files.display().to_string();
        take(&mut grove, &mut grove_asked, python.run("grove_audit.py", &[&url, &id, &directory])?)?;
        fs::remove_dir_all(&grove_files)?;
    }
    let slower = median(&grove.seconds) / median(&own.seconds);
    ensure!(slower.is_finite(), "nothing was read");
    Ok(vec![
        Row::new("audit: poll", "events/s", own.rate()),
        Row::new("audit: script (requests, sqlite3, pandas)", "events/s", script.rate()),
        Row::new("… poll is so many times as fast", "times", ratios(&script.seconds, &own.seconds)).at_least(5.0),
        Row::new("… and takes so many times less CPU", "times", ratios(&script.cpu_seconds, &own.cpu_seconds)).at_least(5.0),
        Row::new("audit: Grove, into files", "events/s", grove.rate()),
        Row::new("… poll is so many times as fast", "times", ratios(&grove.seconds, &own.seconds)).at_least(15.0),
        Row::new("requests a million events: poll", "requests", own_asked),
        Row::new("… script", "requests", script_asked),
        Row::new("… Grove", "requests", grove_asked),
    ])
}

/// Runs something that writes a database where there is none yet.
fn anew(database: &str, run: impl FnOnce() -> anyhow::Result<Run>) -> anyhow::Result<Run> {
    super::program::remove_store(Path::new(database))?;
    run()
}

/// The first lines of a file that may be taken, as a file of their own. Returns where it is.
fn first_lines(from: &Path, to: &Path, lines: u64, may: impl Fn(&[u8]) -> bool) -> anyhow::Result<String> {
    let mut out = BufWriter::new(File::create(to)?);
    let mut left = lines;
    for line in BufReader::new(File::open(from)?).split(b'\n') {
        let line = line?;
        if left == 0 {
            break;
        }
        if may(&line) {
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            left -= 1;
        }
    }
    out.flush()?;
    ensure!(left == 0, "the log has too few lines");
    Ok(to.display().to_string())
}
