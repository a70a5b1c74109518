//! Lines that nobody understands, of a log that was understood before. Every log has one now and then; so many of which none is
//! understood are of another format, however slowly they come.

use super::{COMMENT, Log, counted};
use crate::{
    evidence::{Batch, CursorUpdate, Ledger, Skipped, format::UNDERSTOOD},
    source::UNREADABLE,
};

/// The cursor of such lines: how many came since a line was understood, and until when the log was looked at before the first of
/// them, in Unix milliseconds.
pub const ODD: &str = "odd";

/// So many are not odd any more.
const MIN_NOT_UNDERSTOOD: u64 = 20;

/// What the words begin with by which they are found again.
const NONE_UNDERSTOOD: &str = "no line of ";

/// The lines that came since one was understood.
#[derive(Clone, Debug, Default)]
pub struct Odd {
    count: u64,
    since_ms: i64,
    stored: bool,
    /// A line of this round was understood. Of files that are written side by side, one makes up for the others.
    understood: bool,
}

impl Odd {
    /// As a round begins that goes on where the log was looked at last.
    pub fn new(stored: Option<&String>, looked_ms: i64) -> Self {
        let parse = |text: &String| {
            let (count, since_ms) = text.split_once(' ')?;
            Some((count.parse().ok()?, since_ms.parse().ok()?))
        };
        let known: Option<(u64, i64)> = stored.and_then(parse);
        let (count, since_ms) = known.unwrap_or((0, looked_ms));
        Self { count, since_ms: since_ms.min(looked_ms), stored: stored.is_some(), understood: false }
    }

    /// Takes a block into account; the update, to be committed with it, when that changes anything.
    pub fn add(&mut self, batch: &Batch) -> Option<CursorUpdate> {
        self.understood |= is_understood(batch.items, &batch.skipped);
        let more = not_understood(&batch.skipped).map(|skip| skip.count).sum::<u64>();
        if self.understood {
            self.count = 0;
            return std::mem::take(&mut self.stored).then(|| CursorUpdate { key: ODD.to_owned(), value: None });
        }
        self.count = self.count.saturating_add(more);
        self.stored |= more > 0;
        (more > 0).then(|| CursorUpdate { key: ODD.to_owned(), value: Some(format!("{} {}", self.count, self.since_ms)) })
    }

    /// Since when nobody has understood the log; none while it is understood.
    pub fn since_ms(&self) -> Option<i64> {
        (self.count >= MIN_NOT_UNDERSTOOD).then_some(self.since_ms)
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// What is said of them: as long as they are the trouble the same as before, so that it is one trouble.
    pub fn words(&self, skipped: &[Skipped], log: &Log, source: &str, ledger: &Ledger) -> Option<String> {
        self.since_ms()?;
        let last = ledger.sources.get(source).and_then(|intervals| intervals.last()).filter(|last| !last.state.looked());
        let before = last.and_then(|last| Some(last.reason[last.reason.find(NONE_UNDERSTOOD)?..].to_owned()));
        let first = not_understood(skipped).next();
        Some(before.unwrap_or_else(|| match first {
            Some(first) => words(&Skipped { count: self.count, ..first.clone() }, log),
            None => words(&Skipped { reason: "in earlier rounds", count: self.count, sample: String::new() }, log),
        }))
    }
}

/// What is said of lines of which none could be understood. They are mostly of another format than was said.
pub fn words(Skipped { reason, count, sample }: &Skipped, log: &Log) -> String {
    let sample = if sample.is_empty() { String::new() } else { format!(", such as {sample}") };
    let are = counted(*count, "is", "are");
    let (paths, format) = (log.paths.join(", "), log.form.format);
    format!("{NONE_UNDERSTOOD}{paths} is understood as {format}: {are} skipped ({reason}){sample}; look at `format` and `fields`")
}

/// Whether any line was understood, be it one that shows nothing.
pub fn is_understood(items: u64, skipped: &[Skipped]) -> bool {
    items > 0 || skipped.iter().any(|skip| UNDERSTOOD.contains(&skip.reason))
}

/// The lines that were not; comments say nothing, whether the others are understood or not.
pub fn not_understood(skipped: &[Skipped]) -> impl Iterator<Item = &Skipped> {
    let none = |skip: &&Skipped| ![COMMENT, UNREADABLE].contains(&skip.reason) && !UNDERSTOOD.contains(&skip.reason);
    skipped.iter().filter(none)
}
