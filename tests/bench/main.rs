//! The first gauges: how fast and how small the product is, on this machine, beside what its parts can do alone.
//!
//! The product is measured from outside: the real `duskwatch poll`, as a process of its own, with a real store on a real
//! disk. What it reads is made first ([`corpus`]); what its parts can do alone is measured on the same input in the same
//! run ([`limits`]). README.md says what each row means.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod corpus;
mod limits;
mod product;
mod table;
mod tape;

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};

use corpus::Corpus;
use product::Poll;
use table::{Gauge, mebibytes};

/// Times that everything is measured, after one round that records the tape and warms up.
const RUNS: usize = 5;

fn main() -> anyhow::Result<()> {
    let program = Path::new(env!("CARGO_BIN_EXE_duskwatch"));
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("a directory for the stores")?;
    eprintln!("making the organisation, its log and the tape of its audit stream");
    let corpus = Corpus::make(directory.path())?;
    corpus.poll(program, "audit/acme")?;
    let pages = corpus.tape.rewind()?;
    let (rows, lines) = (limits::rows(&pages)?, fs::read_to_string(&corpus.log)?);
    let (mut audit, mut log) = (Side::default(), Side::default());
    for run in 1..=RUNS {
        eprintln!("run {run} of {RUNS}");
        audit.polls.push(corpus.poll(program, "audit/acme")?);
        audit.parsed.push(limits::parse_pages(&pages)?);
        audit.inserted.push(limits::insert(&directory.path().join("limits.db"), &rows)?);
        log.polls.push(corpus.poll(program, "log/replay")?);
        log.parsed.push(limits::parse_lines(&lines));
    }
    ensure!(corpus.tape.misses() == 0, "the product asked for pages that are not on the tape");
    let mut gauges = audit.gauges("audit", "event");
    gauges.extend(log.gauges("log", "line"));
    gauges.push(Gauge::new("binary", "MiB", vec![mebibytes(fs::metadata(program)?.len())]));
    println!("{}", table::text(&corpus.words(&audit.polls, &log.polls), RUNS, &gauges));
    Ok(())
}

/// One kind of input: how the product read it, and the items per second that its parts reach alone.
#[derive(Default)]
struct Side {
    polls: Vec<Poll>,
    parsed: Vec<f64>,
    /// Empty for what is kept without a row an item.
    inserted: Vec<f64>,
}

impl Side {
    fn gauges(&self, kind: &str, item: &str) -> Vec<Gauge> {
        let of = |value: fn(&Poll) -> f64| self.polls.iter().map(value).collect::<Vec<_>>();
        let whole = of(Poll::per_second);
        let percent = |alone: &[f64]| whole.iter().zip(alone).map(|(whole, alone)| whole / alone * 100.0).collect();
        let gauge = |name: &str, unit: String, samples| Gauge::new(format!("{kind}: {name}"), unit, samples);
        let mut gauges = vec![
            gauge("duskwatch poll, end to end", format!("{item}s/s"), whole.clone()),
            gauge("serde_json parse alone", format!("{item}s/s"), self.parsed.clone()),
            gauge("end to end, of parse alone", "%".to_owned(), percent(&self.parsed)),
        ];
        if !self.inserted.is_empty() {
            gauges.push(gauge("rusqlite insert alone", format!("{item}s/s"), self.inserted.clone()));
            gauges.push(gauge("end to end, of insert alone", "%".to_owned(), percent(&self.inserted)));
        }
        gauges.extend([
            gauge("CPU of duskwatch", format!("µs/{item}"), of(Poll::cpu_micros_per_item)),
            gauge("CPU of what it is served by", format!("µs/{item}"), of(Poll::other_micros_per_item)),
            gauge("peak resident memory", "MiB".to_owned(), of(|poll| mebibytes(poll.peak_bytes))),
            gauge("store, raw included", format!("bytes/{item}"), of(Poll::store_bytes_per_kept)),
        ]);
        gauges
    }
}
