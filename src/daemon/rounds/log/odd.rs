//! Lines that nobody understands. Every log has one now and then; so many of which none is understood are of another format,
//! however slowly they come, and of a log that was never understood the first of them is.

use super::{COMMENT, Log, counted};
use crate::{
    evidence::{CursorUpdate, Ledger, Skipped, format::UNDERSTOOD},
    source::UNREADABLE,
};

/// The cursor of such lines: how many came since a line was understood, until when the log was looked at before the first of
/// them, in Unix milliseconds, and what that one was like.
pub const ODD: &str = "odd";

/// So many are not odd any more, of a log that was understood before.
const MIN_NOT_UNDERSTOOD: u64 = 20;

/// What the words begin with by which they are found again.
const NONE_UNDERSTOOD: &str = "no line of ";

/// The lines that came since one was understood.
#[derive(Clone, Debug, Default)]
pub struct Odd {
    count: u64,
    since_ms: i64,
    /// Why the first of them was not understood, and its shape.
    first: String,
    stored: bool,
    /// A line of this round was understood. Of files that are written side by side, one makes up for the others.
    understood: bool,
    /// So many are another format.
    enough: u64,
}

impl Odd {
    /// As a round begins that goes on where the log was looked at last; `known` says that it was understood before.
    pub fn new(stored: Option<&String>, looked_ms: i64, known: bool) -> Self {
        let parse = |text: &String| {
            let mut parts = text.splitn(3, ' ');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next().unwrap_or_default().to_owned()))
        };
        let before: Option<(u64, i64, String)> = stored.and_then(parse);
        let (count, since_ms, first) = before.unwrap_or((0, looked_ms, String::new()));
        let enough = if known { MIN_NOT_UNDERSTOOD } else { 1 };
        Self { count, since_ms: since_ms.min(looked_ms), first, stored: stored.is_some(), understood: false, enough }
    }

    /// Takes a block into account; the update, to be committed with it, when that changes anything.
    pub fn add(&mut self, items: u64, skipped: &[Skipped]) -> Option<CursorUpdate> {
        // Be it one that shows nothing.
        self.understood |= items > 0 || skipped.iter().any(|skip| UNDERSTOOD.contains(&skip.reason));
        if self.understood {
            self.count = 0;
            self.first.clear();
            return std::mem::take(&mut self.stored).then(|| CursorUpdate { key: ODD.to_owned(), value: None });
        }
        let first = not_understood(skipped).next()?;
        if self.first.is_empty() {
            let sample = if first.sample.is_empty() { String::new() } else { format!(", such as {}", first.sample) };
            self.first = format!("({}){sample}", first.reason);
        }
        let more = not_understood(skipped).map(|skip| skip.count).sum::<u64>();
        self.count = self.count.saturating_add(more);
        self.stored = true;
        Some(CursorUpdate { key: ODD.to_owned(), value: Some(format!("{} {} {}", self.count, self.since_ms, self.first)) })
    }

    /// Since when nobody has understood the log; none while it is understood.
    pub fn since_ms(&self) -> Option<i64> {
        (self.count >= self.enough).then_some(self.since_ms)
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// What is said of them, as long as they are the trouble the same as before, so that it is one trouble.
    pub fn words_as_before(&self, log: &Log, source: &str, ledger: &Ledger) -> Option<String> {
        let words = self.words(log)?;
        let last = ledger.sources.get(source).and_then(|intervals| intervals.last()).filter(|last| !last.state.looked());
        Some(last.and_then(|last| Some(last.reason[last.reason.find(NONE_UNDERSTOOD)?..].to_owned())).unwrap_or(words))
    }

    /// What is said of lines of which none could be understood. They are mostly of another format than was said.
    pub fn words(&self, log: &Log) -> Option<String> {
        self.since_ms()?;
        let (paths, format, are) = (log.paths.join(", "), log.form.format, counted(self.count, "is", "are"));
        let first = &self.first;
        Some(format!("{NONE_UNDERSTOOD}{paths} is understood as {format}: {are} skipped {first}; look at `format` and `fields`"))
    }
}

/// The lines that nobody understands; comments say nothing, whether the others are understood or not.
fn not_understood(skipped: &[Skipped]) -> impl Iterator<Item = &Skipped> {
    let none = |skip: &&Skipped| ![COMMENT, UNREADABLE].contains(&skip.reason) && !UNDERSTOOD.contains(&skip.reason);
    skipped.iter().filter(none)
}
