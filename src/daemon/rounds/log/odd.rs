//! Lines that nobody understands. Every log has one now and then; so many of which none is understood are of another format,
//! however slowly they come, and of a log that was never understood the first of them is.

use super::{COMMENT, Log, counted};
use crate::{
    evidence::{CursorUpdate, Ledger, Skipped, format::is_understood},
    source::UNREADABLE,
};

/// The cursor of such lines: how many came since a line was understood, until when the log was looked at before the first of
/// them, in Unix milliseconds, and what that one was like.
pub const ODD: &str = "odd";

/// The cursor that says that a line of the log was understood once.
pub const KNOWN: &str = "known";

/// So many are not odd any more, of a log that was understood before.
const MIN_NOT_UNDERSTOOD: u64 = 20;

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
    /// A line was understood in a round before.
    known: bool,
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
        Self { count, since_ms: since_ms.min(looked_ms), first, stored: stored.is_some(), understood: false, known }
    }

    /// Takes a block into account; the updates, to be committed with it, when that changes anything.
    pub fn add(&mut self, items: u64, skipped: &[Skipped]) -> Vec<CursorUpdate> {
        let update = |key: &str, value| CursorUpdate { key: key.to_owned(), value };
        // Be it one that shows nothing.
        self.understood |= items > 0 || skipped.iter().any(is_understood);
        if self.understood {
            self.count = 0;
            self.first.clear();
            let known = (!std::mem::replace(&mut self.known, true)).then(|| update(KNOWN, Some("1".to_owned())));
            let ended = std::mem::take(&mut self.stored).then(|| update(ODD, None));
            return known.into_iter().chain(ended).collect();
        }
        let Some(first) = not_understood(skipped).next() else { return Vec::new() };
        if self.first.is_empty() {
            let sample = if first.sample.is_empty() { String::new() } else { format!(", such as {}", first.sample) };
            self.first = format!("({}){sample}", first.reason);
        }
        let more = not_understood(skipped).map(|skip| skip.count).sum::<u64>();
        self.count = self.count.saturating_add(more);
        self.stored = true;
        vec![update(ODD, Some(format!("{} {} {}", self.count, self.since_ms, self.first)))]
    }

    /// Since when nobody has understood the log; none while it is understood.
    pub fn since_ms(&self) -> Option<i64> {
        let enough = if self.known { MIN_NOT_UNDERSTOOD } else { 1 };
        (self.count >= enough).then_some(self.since_ms)
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// What is said of them, as long as they are the trouble the same as before, so that it is one trouble.
    pub fn words_as_before(&self, log: &Log, source: &str, ledger: &Ledger) -> Option<String> {
        let words = self.words(log)?;
        let last = ledger.sources.get(source).and_then(|intervals| intervals.last()).filter(|last| !last.state.looked());
        let before = |reason: &str| {
            let (_, told) = reason.split_once(&none_understood(log))?;
            let (told, _) = told.split_once(LOOK_AT)?;
            Some(format!("{}{told}{LOOK_AT}", none_understood(log)))
        };
        Some(last.and_then(|last| before(&last.reason)).unwrap_or(words))
    }

    /// What is said of lines of which none could be understood.
    pub fn words(&self, log: &Log) -> Option<String> {
        self.since_ms()?;
        let skipped = format!("{} skipped {}", counted(self.count, "is", "are"), self.first);
        Some(format!("{}{}{LOOK_AT}", none_understood(log), skipped.trim_end()))
    }
}

/// What the words begin with by which they are found again.
fn none_understood(log: &Log) -> String {
    format!("no line of {} is understood as {}: ", log.paths.join(", "), log.form.format)
}

/// What they end with: such lines are mostly of another format than was said.
const LOOK_AT: &str = "; look at `format` and `fields`";

/// The lines that nobody understands; comments say nothing, whether the others are understood or not.
fn not_understood(skipped: &[Skipped]) -> impl Iterator<Item = &Skipped> {
    let none = |skip: &&Skipped| ![COMMENT, UNREADABLE].contains(&skip.reason) && !is_understood(skip);
    skipped.iter().filter(none)
}
