//! The audit stream over loopback HTTP, beside parsing and inserting alone.

use anyhow::ensure;

use super::{
    bench::Bench,
    corpus::Audited,
    limits,
    program::store_bytes,
    table::{Row, float, mebibytes},
};

pub fn audit(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let audited = Audited::record(bench)?;
    let pages = audited.tape.rewind()?;
    let rows = limits::rows(&pages)?;
    let [mut whole, mut parsed, mut inserted, mut of_slower] = [const { Vec::new() }; 4];
    let [mut cpu, mut other, mut peak, mut size] = [const { Vec::new() }; 4];
    for _ in 0..bench.runs() {
        let run = audited.setup.run_anew(&["poll", "--source", "audit/acme"])?;
        let (kept, skipped) = run.counts()?;
        let events = float(kept + skipped);
        whole.push(events / run.seconds);
        parsed.push(limits::parse_pages(&pages)?);
        inserted.push(limits::insert(&bench.path("limits.db"), &rows)?);
        of_slower.push(whole[whole.len() - 1] / parsed[parsed.len() - 1].min(inserted[inserted.len() - 1]) * 100.0);
        cpu.push(run.cpu_seconds * 1e6 / events);
        other.push(run.other_seconds * 1e6 / events);
        peak.push(mebibytes(run.peak_bytes));
        size.push(float(store_bytes(&audited.setup.store)?) / float(kept));
    }
    ensure!(audited.tape.misses() == 0, "the product asked for pages that are not on the tape");
    Ok(vec![
        Row::new("poll, end to end", "events/s", whole).at_least(100_000.0),
        Row::new("serde_json parse alone", "events/s", parsed),
        Row::new("rusqlite insert alone", "events/s", inserted),
        Row::new("end to end, of the slower of these", "%", of_slower).at_least(50.0),
        Row::new("CPU", "µs/event", cpu),
        Row::new("CPU of what it is served by", "µs/event", other),
        Row::new("peak resident memory", "MiB", peak).at_most(64.0),
        Row::new("store, raw included", "bytes/event", size).at_most(180.0),
    ])
}
