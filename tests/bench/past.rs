//! A long past: what a report, an export, a page and a round cost over it, and what the service costs that only waits.

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use duskwatch::{
    clock::Clock,
    config::{self, Secrets},
    daemon::Engine,
    evidence::{
        Batch, Coverage, CoverageState, Credential, Day, DayCount, Grade, Operation, Origin, Outcome, Track, Verdict, WindowKind,
    },
    store::Store,
};
use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    bench::{Bench, Setup},
    program::{Run, Service, remove_store, store_bytes},
    table::{Row, float, mebibytes, median},
};

/// The one log that is read.
const LOG: &str = "egress.jsonl";
const SOURCE: &str = "log/egress";
const DAYS: i32 = 3 * 365;
const INTEGRATIONS: u64 = 20_000;
/// Two integrations and a half a person.
const INTEGRATIONS_A_PERSON: f64 = 2.5;
/// An integration is used every so many days, by what it is: nightly jobs, weekly ones, people, what is nearly forgotten.
const PERIODS: [i32; 8] = [1, 7, 7, 14, 14, 30, 30, 90];
/// Uses of a day on which there are any.
const USES: u64 = 4;
const CLIENTS: [&str; 4] = ["git-cli", "jenkins", "renovate", "unknown"];
/// Days of one transaction.
const DAYS_A_BATCH: i32 = 15;
const FILL: &str = include_str!("fill.sql");
/// New lines of one round.
const NEW_LINES: usize = 2_000;
const PAGES: usize = 200;
const JUDGEMENTS: usize = 4;

/// Writes a past of so many integrations and days that ends now, as the collector would have left it. Returns its uses.
fn write(store: &Path, integrations: u64, days: i32, now: Timestamp) -> anyhow::Result<u64> {
    remove_store(store)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let store = Store::open(store)?;
        let (today, mut uses) = (Day::of(now), 0);
        for from in (0..days).step_by(usize::try_from(DAYS_A_BATCH)?) {
            let batch = batch(integrations, today.plus(from - days), today.plus((from + DAYS_A_BATCH).min(days) - days));
            uses += batch.items;
            store.write(move |w| w.record(&batch, now)).await?;
        }
        while store.write(move |w| w.pack_next(today)).await? {}
        Ok(uses)
    })
}

/// All uses from one day to before another.
fn batch(integrations: u64, from: Day, to: Day) -> Batch {
    let verdict = Verdict {
        credential: Credential::AppPassword,
        grade: Grade::Weak,
        outcome: Outcome::Accepted,
        operation: Operation::GitRead,
        window: WindowKind::Outside,
        rule: 0,
        authentication: true,
    };
    let (mut tracks, mut counts) = (Vec::new(), Vec::new());
    for number in 0..integrations {
        let period = PERIODS[usize::try_from(number % 8).unwrap_or(0)];
        let offset = i32::try_from(number % 997).unwrap_or(0);
        let days: Vec<i32> = (from.0..to.0).filter(|day| (day + offset) % period == 0).collect();
        if days.is_empty() {
            continue;
        }
        let index = u32::try_from(tracks.len()).unwrap_or(u32::MAX);
        tracks.push(track(number));
        counts.extend(days.into_iter().map(|day| {
            let first_ms = Day(day).start_ms() + i64::from(offset) * 60_000;
            DayCount {
                track: index,
                day: Day(day),
                verdict,
                uses: USES,
                first_ms,
                last_ms: first_ms + 600_000,
                hours: 1 << (offset / 60),
            }
        }));
    }
    Batch {
        source: SOURCE.to_owned(),
        items: counts.iter().map(|count| count.uses).sum(),
        tracks,
        counts,
        rules: vec!["basic-nickname-rest".to_owned()],
        fingerprint: "0".repeat(64),
        coverage: vec![Coverage {
            from_ms: from.start_ms(),
            to_ms: to.start_ms(),
            state: CoverageState::Covered,
            items: 0,
            skipped: 0,
            reason: String::new(),
        }],
        ..Batch::default()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand people")]
fn track(number: u64) -> Track {
    let person = (float(number) / INTEGRATIONS_A_PERSON) as u64;
    Track {
        username: Some(format!("person{person}")),
        client: Some(CLIENTS[usize::try_from(number % 4).unwrap_or(0)].to_owned()),
        origin: Origin::Network(format!("network-{}", number % 5)),
        host: Some("bitbucket.org".to_owned()),
        workspace: Some("acme".to_owned()),
        repository: Some(format!("service-{}", number % 4_000)),
        ..Track::default()
    }
}

/// A configuration of one log, which has its first lines, over a past of so many integrations and days.
fn setup(bench: &Bench, integrations: u64, days: i32, address: &str) -> anyhow::Result<(Setup, u64)> {
    let log = bench.path(LOG);
    fs::write(&log, "")?;
    let sections =
        format!("[[log]]\nname = \"egress\"\npaths = [{:?}]\n[http]\nlisten = {address:?}\n", log.display().to_string());
    let setup = bench.configuration("past", &sections)?;
    eprintln!("  writing a past of {days} days and {integrations} integrations");
    let uses = write(&setup.store, integrations, days, Clock::System.now())?;
    Ok((setup, uses))
}

/// An address of this machine where nobody listens.
fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

pub fn past(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let address = free_address()?;
    let (setup, uses) = setup(bench, bench.scaled(INTEGRATIONS), DAYS, &address)?;
    let csv = bench.path("csv");
    let directory = csv.display().to_string();
    let [mut report, mut report_peak, mut export, mut export_peak] = [const { Vec::new() }; 4];
    for _ in 0..bench.runs() {
        let run = Run::of(setup.command().arg("report"))?;
        report.push(run.seconds);
        report_peak.push(mebibytes(run.peak_bytes));
        let run = Run::of(setup.command().args(["export", "--output", &directory]))?;
        export.push(run.seconds);
        export_peak.push(mebibytes(run.peak_bytes));
        fs::remove_dir_all(&csv)?;
    }
    let (pages, service_peak) = pages_and_peak(&setup, &bench.path(LOG), &address)?;
    let size = mebibytes(store_bytes(&setup.store)?);
    Ok(vec![
        Row::new("uses, of 3 years", "uses", vec![float(uses)]),
        Row::new("the store of it", "MiB", vec![size]),
        Row::new("report", "s", report).at_most(1.5),
        Row::new("report, peak resident memory", "MiB", report_peak).at_most(64.0),
        Row::new("export", "s", export).at_most(3.0),
        Row::new("export, peak resident memory", "MiB", export_peak).at_most(64.0),
        Row::new("a page, 99th percentile", "ms", vec![pages]).at_most(200.0),
        Row::new(format!("run, peak resident memory, {JUDGEMENTS} judgements"), "MiB", vec![service_peak]).at_most(64.0),
    ])
}

/// The 99th percentile of a page's time in milliseconds, and the peak memory of the service, over several judgements and set up as
/// `deploy/` does it.
fn pages_and_peak(setup: &Setup, log: &Path, address: &str) -> anyhow::Result<(f64, f64)> {
    let service = Service::start(setup.command().arg("run").env("MALLOC_ARENA_MAX", "1"), address)?;
    let mut times = (0..PAGES).map(|_| service.timed("/")).collect::<anyhow::Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    let mut judged_at = service.judged_at()?;
    for number in 1..JUDGEMENTS {
        fs::OpenOptions::new().append(true).open(log)?.write_all(new_lines(number).as_bytes())?;
        judged_at = service.wait_for_another(&judged_at)?;
    }
    Ok((times[PAGES * 99 / 100] * 1e3, mebibytes(service.peak_bytes())))
}

/// A round with news, and a report, of as many integrations as their past grows a hundredfold.
pub fn growth(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let address = free_address()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut rounds, mut reports) = (Vec::new(), Vec::new());
    for days in [DAYS / 100, DAYS / 10, DAYS] {
        let (setup, _) = setup(bench, bench.scaled(INTEGRATIONS), days, &address)?;
        let (mut round, mut report) = (Vec::new(), Vec::new());
        for run in 0..bench.runs() {
            fs::write(bench.path(LOG), new_lines(run))?;
            round.push(collecting_seconds(&runtime, &setup)? * 1e3);
            report.push(Run::of(setup.command().arg("report"))?.cpu_seconds * 1e3);
        }
        rounds.push(round);
        reports.push(report);
    }
    let ratio = |of: &[Vec<f64>], at: usize| vec![median(&of[at]) / median(&of[0]).max(f64::MIN_POSITIVE)];
    Ok(vec![
        Row::new(format!("a round of 2,000 new lines, {} days", DAYS / 100), "ms", rounds[0].clone()),
        Row::new("… of ten times the past", "times", ratio(&rounds, 1)).at_most(1.2),
        Row::new("… of a hundred times the past", "times", ratio(&rounds, 2)).at_most(1.2),
        Row::new(format!("a report, CPU, {} days", DAYS / 100), "ms", reports[0].clone()),
        Row::new("… of ten times the past", "times", ratio(&reports, 1)).at_most(2.0),
        Row::new("… of a hundred times the past", "times", ratio(&reports, 2)).at_most(3.0),
    ])
}

/// How long a round takes. In this process: the command `poll` judges as well, which a service does not with each round.
fn collecting_seconds(runtime: &tokio::runtime::Runtime, setup: &Setup) -> anyhow::Result<f64> {
    let options = config::load(&setup.config, Secrets::Needed).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let (engine, now) = (Arc::new(Engine::open(options)?), Clock::System.now());
    let begun = Instant::now();
    runtime.block_on(engine.poll(&[], None, now))?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Lines of today that were never read.
fn new_lines(run: usize) -> String {
    let now = Clock::System.now();
    let line = |number: usize| {
        format!(
            "{{\"time\":\"{now}\",\"client_ip\":\"198.51.100.7\",\"host\":\"bitbucket.org\",\"method\":\"GET\",\"status\":200,\
             \"path\":\"/acme/service-{}.git/info/refs?service=git-upload-pack\",\"user_agent\":\"git/2.45.1\",\
             \"scheme\":\"basic\",\"username\":\"person{}\",\"message\":\"{run}.{number}\"}}\n",
            number % 50,
            number % 80
        )
    };
    (0..NEW_LINES).map(line).collect()
}

/// Start on a large store, and what waiting costs.
pub fn service(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let address = free_address()?;
    let (setup, _) = setup(bench, bench.scaled(INTEGRATIONS), DAYS, &address)?;
    let mebibytes_more = bench.scaled(10 << 10);
    eprintln!("  filling the store with {mebibytes_more} MiB of what was read");
    Connection::open(&setup.store)?.execute_batch(&FILL.replace(":rows", &mebibytes_more.to_string()))?;
    let size = mebibytes(store_bytes(&setup.store)?) / 1024.0;
    let mut ready = Vec::new();
    for _ in 0..bench.runs() {
        ready.push(Service::start(setup.command().arg("run"), &address)?.ready_seconds * 1e3);
    }
    let service = Service::start(setup.command().arg("run"), &address)?;
    let (settle, watched) = if bench.quick { (10, 30) } else { (30, 180) };
    sleep(Duration::from_secs(settle));
    let (cpu, woken) = (service.cpu_seconds()?, service.wake_ups()?);
    sleep(Duration::from_secs(watched));
    let cpu = service.cpu_seconds()? - cpu;
    // Of a thread that has ended in between, what came last is not known.
    let since = |(thread, count): (PathBuf, u64)| count - woken.get(&thread).copied().unwrap_or(0);
    let woken: u64 = service.wake_ups()?.into_iter().map(since).sum();
    Ok(vec![
        Row::new(format!("start to /readyz, a store of {size:.1} GiB"), "ms", ready).at_most(300.0),
        Row::new("idle: CPU", "s/hour", vec![cpu * 3_600.0 / float(watched)]).at_most(2.0),
        Row::new("idle: wake-ups", "1/s", vec![float(woken) / float(watched)]).at_most(5.0),
    ])
}
