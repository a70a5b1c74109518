//! `store prune`, and the same once a day by the service itself: what is older than it may be is removed, and its space given
//! back to the file system, in steps between which others write.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use super::{Engine, options::Retention, schedule::interval_due};
use crate::{
    analysis::counted,
    evidence::Day,
    report::size,
    store::{Old, Reader, StoreError},
};

/// Who prunes without being asked.
const SERVICE: &str = "run";
/// How often the service looks for what has become too old: retention is counted in days.
const EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Chunks of one step, each up to some hundred kilobytes.
const CHUNKS_A_STEP: u32 = 16;
/// Rows of ids that one step looks at, each up to some forty kilobytes.
const SEEN_A_STEP: u32 = 1_000;
/// Pages that one step moves: 4 MiB.
const PAGES_A_STEP: u32 = 1_024;

/// What a pruning removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Of days before it nothing but counts is kept.
    pub raw_from: Day,
    /// Ids of items that came before it are gone.
    pub ids_from: Day,
    /// Batches of what was read that lost something, or went as a whole.
    pub chunks: u64,
    pub ids: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

impl Retention {
    /// For how many days what was read is kept.
    pub(super) fn kept_days(self) -> i32 {
        self.raw_days.min(self.evidence_days)
    }

    /// The first day of which what was read is kept, and the first day of which ids are kept.
    fn first_days(self, now: Timestamp) -> (Day, Day) {
        let first = |days: i32| Day::of(now).plus(days.saturating_neg());
        (first(self.kept_days()), first(self.evidence_days))
    }
}

impl Engine {
    /// Removes what is too old; `progress` is told after each step what was done so far.
    pub async fn prune(&self, command: &str, now: Timestamp, progress: impl Fn(&Pruned)) -> Result<Pruned, StoreError> {
        let (raw_from, ids_from) = self.options.retention.first_days(now);
        let bytes_before = self.store.read(Reader::store_size_bytes).await?;
        let mut pruned = Pruned { raw_from, ids_from, bytes_before, bytes_after: bytes_before, ..Pruned::default() };
        self.store.write(move |w| w.begin_pruning(raw_from)).await?;
        let mut after = Some(Old::FIRST);
        while let Some(old) = after {
            let (chunks, next) = self.store.write(move |w| w.prune_chunks(raw_from, old, CHUNKS_A_STEP)).await?;
            (after, pruned.chunks) = (next, pruned.chunks + chunks);
            tracing::debug!(pruned.chunks, "a step of pruning is done");
            progress(&pruned);
        }
        while self.store.write(move |w| w.prune_index(raw_from)).await? {}
        let mut after = Some(0);
        while let Some(row) = after {
            let (ids, next) = self.store.write(move |w| w.prune_seen(ids_from, row, SEEN_A_STEP)).await?;
            (after, pruned.ids) = (next, pruned.ids + ids);
            progress(&pruned);
        }
        while self.store.write(|w| w.give_back(PAGES_A_STEP)).await? > 0 {
            tracing::debug!("pages were given back");
        }
        pruned.bytes_after = self.store.read(Reader::store_size_bytes).await?;
        self.note_pruned(&pruned, command, now).await?;
        self.store.empty_log().await?;
        Ok(pruned)
    }

    /// Prunes if a day has passed since everything was done last.
    pub(super) async fn prune_when_due(&self, now: Timestamp) -> Result<(), StoreError> {
        let done = self.store.read(Reader::retention).await?.and_then(|retention| retention.pruned);
        if !interval_due(done, EVERY, now) {
            return Ok(());
        }
        let pruned = self.prune(SERVICE, now, |_| {}).await?;
        tracing::info!(pruned.chunks, pruned.ids, pruned.bytes_before, pruned.bytes_after, "what is too old was removed");
        Ok(())
    }

    async fn note_pruned(&self, pruned: &Pruned, command: &str, now: Timestamp) -> Result<(), StoreError> {
        // What the service does every day is worth a line when it removed something; what somebody asked for always is.
        let noted = command != SERVICE || pruned.chunks + pruned.ids > 0;
        let entry = noted.then(|| (self.actor(command), pruned.detail()));
        let write = move |w: &mut crate::store::Writer<'_>| {
            if let Some((actor, detail)) = entry {
                w.journal(now, &actor, "prune", &detail)?;
            }
            w.end_pruning(now)
        };
        self.store.write(write).await
    }
}

impl Pruned {
    /// The line in the journal.
    fn detail(&self) -> String {
        let Self { raw_from, ids_from, chunks, ids, .. } = self;
        let batches = counted(*chunks, "batch", "batches");
        format!("what was read of days before {raw_from} ({batches}); the ids of items that came before {ids_from} ({ids})")
    }
}

impl fmt::Display for Pruned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raw_from, ids_from, chunks, ids, bytes_before, bytes_after } = self;
        let batches = counted(*chunks, "batch", "batches");
        writeln!(f, "what was read of days before {raw_from}: {batches} removed or shortened; the counts of days are kept")?;
        writeln!(f, "ids of items that came before {ids_from}: {ids} removed")?;
        let given = bytes_before.saturating_sub(*bytes_after);
        write!(f, "the store has {}, {} less than before", size(*bytes_after), size(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_kept_no_longer_than_single_pieces_of_evidence() {
        let now = "2026-07-03T07:00:00Z".parse().expect("an instant");
        let days = |raw_days, evidence_days| {
            let (raw, ids) = Retention { raw_days, evidence_days }.first_days(now);
            (raw.to_string(), ids.to_string())
        };
        assert_eq!(days(180, 400), ("2026-01-04".to_owned(), "2025-05-29".to_owned()));
        assert_eq!(days(180, 30), ("2026-06-03".to_owned(), "2026-06-03".to_owned()));
        assert_eq!(days(0, 0).0, "2026-07-03");
    }
}
