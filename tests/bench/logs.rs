//! A log by `import`, beside parsing alone; several at once; and judging anew what was kept of it.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    process::Stdio,
    thread,
};

use anyhow::anyhow;

use super::{
    bench::{Bench, NOW, Setup},
    corpus, limits,
    program::{Run, Service, store_bytes},
    table::{Row, float, mebibytes},
};

/// Lines that are parsed alone; more would only take more memory.
const PARSED_LINES: usize = 500_000;
/// Logs that are read at once.
const TOGETHER: usize = 5;

/// Imports the whole log into an empty store.
fn import(bench: &Bench, setup: &Setup) -> anyhow::Result<Run> {
    setup.run_anew(&["import", "--format", "json", &bench.log()?.path.display().to_string()])
}

pub fn log(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let (log, setup) = (bench.log()?, bench.configuration("log", "")?);
    let text: Vec<String> = BufReader::new(File::open(&log.path)?).lines().take(PARSED_LINES).collect::<Result<_, _>>()?;
    let text = text.join("\n");
    let [mut whole, mut parsed, mut both, mut of_parse, mut cpu, mut peak, mut size] = [const { Vec::new() }; 7];
    for _ in 0..bench.runs() {
        let run = import(bench, &setup)?;
        let lines = float(log.lines);
        whole.push(lines / run.seconds);
        parsed.push(limits::parse_lines(&text));
        both.push(parse_twice(&text)?);
        of_parse.push(whole[whole.len() - 1] / parsed[parsed.len() - 1] * 100.0);
        cpu.push(run.cpu_seconds * 1e6 / lines);
        peak.push(mebibytes(run.peak_bytes));
        size.push(float(store_bytes(&setup.store)?) / float(run.counts()?.0));
    }
    let again = setup.run(&["import", "--format", "json", &log.path.display().to_string()])?;
    Ok(vec![
        Row::new(format!("import, lines of {} bytes", log.bytes / log.lines), "lines/s", whole).at_least(500_000.0),
        Row::new("serde_json parse alone", "lines/s", parsed),
        Row::new("… by two threads at once", "lines/s", both),
        Row::new("import, of parse alone", "%", of_parse).at_least(40.0),
        Row::new("CPU", "µs/line", cpu),
        Row::new("peak resident memory", "MiB", peak).at_most(64.0),
        Row::new("store, raw included", "bytes/line", size).at_most(60.0),
        Row::new("the same file again", "lines/s", vec![float(log.lines) / again.seconds]),
    ])
}

/// What two threads parse that each have all of it: on a machine whose second core is half of the first, little more than one.
fn parse_twice(text: &str) -> anyhow::Result<f64> {
    thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| limits::parse_lines(text)));
        both.into_iter().map(|one| one.join().map_err(|_| anyhow!("a thread that parses has ended"))).sum()
    })
}

/// Five logs of one `poll`, each as large as a fifth of the log.
pub fn together(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let log = bench.log()?;
    let lines = usize::try_from(log.lines)? / TOGETHER;
    let mut all = BufReader::new(File::open(&log.path)?).split(b'\n');
    let mut sections = String::new();
    for part in 0..TOGETHER {
        let path = bench.path(&format!("part-{part}.jsonl"));
        let mut bytes = Vec::new();
        for line in all.by_ref().take(lines) {
            bytes.extend(line?);
            bytes.push(b'\n');
        }
        fs::write(&path, bytes)?;
        let path = path.display().to_string();
        writeln!(sections, "[[log]]\nname = \"part-{part}\"\npaths = [{path:?}]")?;
    }
    let setup = bench.configuration("together", &sections)?;
    let [mut whole, mut peak] = [const { Vec::new() }; 2];
    for _ in 0..bench.runs() {
        let run = setup.run_anew(&["poll"])?;
        let (kept, skipped) = run.counts()?;
        whole.push(float(kept + skipped) / run.seconds);
        peak.push(mebibytes(run.peak_bytes));
    }
    Ok(vec![
        Row::new("poll of five logs at once", "lines/s", whole).at_least(500_000.0),
        Row::new("peak resident memory", "MiB", peak).at_most(64.0),
    ])
}

/// Judges the log anew while the service answers.
pub fn reclassify(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    const ADDRESS: &str = "127.0.0.1:39188";
    // A service watches something, and this log has nothing to say meanwhile.
    let silent = bench.path("silent.jsonl");
    fs::write(&silent, "")?;
    let silent = silent.display().to_string();
    let sections = format!("[[log]]\nname = \"silent\"\npaths = [{silent:?}]\n[http]\nlisten = {ADDRESS:?}\n");
    let setup = bench.configuration("reclassify", &sections)?;
    let directory = bench.path("twice");
    let log = corpus::write_log(&directory, bench.scaled(2 * corpus::LOG_LINES))?;
    let imported = setup.run_anew(&["import", "--format", "json", &log.path.display().to_string()])?;
    fs::remove_dir_all(directory)?;
    let (kept, _) = imported.counts()?;
    let [mut rate, mut cpu, mut peak, mut pages] = [const { Vec::new() }; 4];
    for _ in 0..bench.runs() {
        let run = setup.run(&["reclassify"])?;
        rate.push(float(kept) / run.seconds);
        cpu.push(run.cpu_seconds * 1e6 / float(kept));
        peak.push(mebibytes(run.peak_bytes));
    }
    let service = Service::start(setup.command().arg("run"), ADDRESS)?;
    let mut beside = setup.command().args(["--now", NOW, "reclassify"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    while beside.try_wait()?.is_none() {
        pages.push(service.timed("/")? * 1e3);
    }
    pages.sort_by(f64::total_cmp);
    let slow = pages.get(pages.len() * 99 / 100).copied().unwrap_or(0.0);
    Ok(vec![
        Row::new(format!("import of {} lines, peak resident memory", log.lines), "MiB", vec![mebibytes(imported.peak_bytes)])
            .at_most(64.0),
        Row::new(format!("reclassify of {kept} kept items"), "items/s", rate).at_least(300_000.0),
        Row::new("CPU", "µs/item", cpu),
        Row::new("peak resident memory", "MiB", peak).at_most(64.0),
        Row::new("the page meanwhile, 99th percentile", "ms", vec![slow]).at_most(200.0),
    ])
}
