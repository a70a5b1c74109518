//! Recording what was read: one page or batch, its cursor and its coverage, in one transaction.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use jiff::Timestamp;
use rusqlite::named_params;

use super::{
    StoreError, Writer,
    callers::Book,
    convert::{stored, text_or_empty},
    intern::TOLD_HERE,
};
use crate::evidence::{Batch, CursorUpdate, Day, DayCount, Skipped, UnknownValue, Verdict, chunk::Chunk};

const ADD_DAY_COUNT: &str = include_str!("../../sql/queries/ingest/add_day_count.sql");
const INSERT_CHUNK: &str = include_str!("../../sql/queries/ingest/insert_chunk.sql");
const INDEX_CHUNK: &str = include_str!("../../sql/queries/ingest/index_chunk.sql");
const ADD_SKIPPED: &str = include_str!("../../sql/queries/ingest/add_skipped.sql");
const ADD_UNKNOWN_VALUE: &str = include_str!("../../sql/queries/ingest/add_unknown_value.sql");
const PUT_CURSOR: &str = include_str!("../../sql/queries/ingest/put_cursor.sql");
const DELETE_CURSOR: &str = include_str!("../../sql/queries/ingest/delete_cursor.sql");
const ADD_AUTHENTICATIONS: &str = include_str!("../../sql/queries/ingest/add_authentications.sql");
const ADD_ITEMS: &str = include_str!("../../sql/queries/ingest/add_items.sql");

/// Unexplained values kept apart for each field; the others are counted together, so that a field that holds free text
/// cannot fill the store.
const MAX_UNKNOWN_VALUES: i64 = 1000;

/// Workspaces of which there are totals; whoever writes a log can invent more.
pub(super) const MAX_WORKSPACES: i64 = 1000;

/// The value under which the others are counted.
pub(super) const OTHER_VALUES: &str = "(others)";

impl Writer<'_> {
    /// Records one page or batch: its counts, chunk, people, skipped and unknown items, coverage and cursors, and adds
    /// it to the running totals. What repeats must have been left out before ([`Writer::claim`]).
    pub fn record(&mut self, batch: &Batch, now: Timestamp) -> Result<(), StoreError> {
        let source_id = self.source_id(&batch.source)?;
        let tracks = self.track_ids(Book::Present, &batch.source, &batch.tracks)?;
        self.unpack(batch.counts.iter().map(|count| count.day))?;
        self.add_day_counts(ADD_DAY_COUNT, &batch.counts, &tracks, &batch.rules)?;
        self.add_authentications(batch)?;
        if let Some(chunk) = &batch.chunk {
            self.add_ruling(&batch.fingerprint, batch.items)?;
            self.keep_chunk(source_id, chunk, &batch.counts, &tracks, now)?;
        }
        for person in &batch.people {
            self.person_id(person, TOLD_HERE)?;
        }
        self.add_items(source_id, batch.items)?;
        self.add_skipped(source_id, &batch.skipped)?;
        self.add_unknown(&batch.unknown, Day::of(now))?;
        for interval in &batch.coverage {
            self.cover_source(source_id, interval)?;
        }
        self.put_cursors(source_id, &batch.cursors)
    }

    /// Adds day counts by a statement that does so; `tracks` are the rows of the tracks that the counts point to, and
    /// verdicts point into `rules`.
    pub(super) fn add_day_counts(
        &mut self,
        statement: &'static str,
        counts: &[DayCount],
        tracks: &[i64],
        rules: &[String],
    ) -> Result<(), StoreError> {
        let verdicts = self.verdict_ids(counts, rules)?;
        // In the order of the tree, so that neighbours are written together.
        let mut rows: Vec<(i32, i64, i64, &DayCount)> =
            counts.iter().map(|c| (c.day.0, tracks[c.track as usize], verdicts[&c.verdict], c)).collect();
        rows.sort_unstable_by_key(|(day, track, verdict, _)| (*day, *track, *verdict));
        let mut add = self.connection.prepare_cached(statement)?;
        for (day, track_id, verdict_id, count) in rows {
            add.execute(named_params! {
                ":day": day,
                ":track_id": track_id,
                ":verdict_id": verdict_id,
                ":uses": stored(count.uses),
                ":first_ms": count.first_ms,
                ":last_ms": count.last_ms,
                ":hours": count.hours,
            })?;
        }
        Ok(())
    }

    fn verdict_ids(&mut self, counts: &[DayCount], rules: &[String]) -> Result<HashMap<Verdict, i64>, StoreError> {
        let mut ids = HashMap::new();
        for count in counts {
            if let Entry::Vacant(entry) = ids.entry(count.verdict) {
                entry.insert(self.verdict_id(count.verdict, &rules[usize::from(count.verdict.rule)])?);
            }
        }
        Ok(ids)
    }

    fn add_authentications(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut totals = BTreeMap::new();
        for count in batch.counts.iter().filter(|count| count.verdict.authentication) {
            let workspace = text_or_empty(batch.tracks[count.track as usize].workspace.as_ref());
            let Verdict { credential, outcome, grade, .. } = count.verdict;
            let total = totals.entry((workspace, credential, outcome, grade)).or_insert(0_u64);
            *total = total.saturating_add(count.uses);
        }
        let mut add = self.connection.prepare_cached(ADD_AUTHENTICATIONS)?;
        for ((workspace, credential, outcome, grade), uses) in totals {
            add.execute(named_params! {
                ":workspace": workspace,
                ":credential": credential.as_str(),
                ":outcome": outcome.as_str(),
                ":grade": grade.as_str(),
                ":uses": stored(uses),
                ":limit": MAX_WORKSPACES,
                ":others": OTHER_VALUES,
            })?;
        }
        Ok(())
    }

    fn keep_chunk(
        &self,
        source_id: i64,
        chunk: &Chunk,
        counts: &[DayCount],
        tracks: &[i64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let values = named_params! {
            ":source_id": source_id,
            ":recorded_ms": now.as_millisecond(),
            ":items": chunk.items,
            ":first_ms": chunk.first_ms,
            ":last_ms": chunk.last_ms,
            ":bytes": chunk.bytes,
        };
        let chunk_id: i64 = self.connection.prepare_cached(INSERT_CHUNK)?.query_row(values, |row| row.get(0))?;
        let mut uses = BTreeMap::new();
        for count in counts {
            let sum = uses.entry((count.day.0, tracks[count.track as usize], count.track)).or_insert(0_u64);
            *sum = sum.saturating_add(count.uses);
        }
        let mut index = self.connection.prepare_cached(INDEX_CHUNK)?;
        for ((day, track_id, ordinal), uses) in uses {
            index.execute(named_params! {
                ":day": day,
                ":track_id": track_id,
                ":chunk_id": chunk_id,
                ":ordinal": ordinal,
                ":uses": stored(uses),
            })?;
        }
        Ok(())
    }

    fn add_items(&self, source_id: i64, items: u64) -> Result<(), StoreError> {
        if items > 0 {
            let values = named_params! { ":source_id": source_id, ":items": stored(items) };
            self.connection.prepare_cached(ADD_ITEMS)?.execute(values)?;
        }
        Ok(())
    }

    fn add_skipped(&self, source_id: i64, skipped: &[Skipped]) -> Result<(), StoreError> {
        let mut add = self.connection.prepare_cached(ADD_SKIPPED)?;
        for Skipped { reason, count, sample } in skipped {
            add.execute(named_params! {
                ":source_id": source_id,
                ":reason": reason,
                ":total": stored(*count),
                ":sample": sample,
            })?;
        }
        Ok(())
    }

    fn add_unknown(&self, unknown: &[UnknownValue], day: Day) -> Result<(), StoreError> {
        let mut add = self.connection.prepare_cached(ADD_UNKNOWN_VALUE)?;
        for UnknownValue { field, value, count } in unknown {
            add.execute(named_params! {
                ":field": field,
                ":value": value,
                ":total": stored(*count),
                ":day": day.0,
                ":limit": MAX_UNKNOWN_VALUES,
                ":others": OTHER_VALUES,
            })?;
        }
        Ok(())
    }

    pub(super) fn put_cursors(&self, source_id: i64, cursors: &[CursorUpdate]) -> Result<(), StoreError> {
        for CursorUpdate { key, value } in cursors {
            if let Some(value) = value {
                let values = named_params! { ":source_id": source_id, ":key": key, ":value": value };
                self.connection.prepare_cached(PUT_CURSOR)?.execute(values)?;
            } else {
                let values = named_params! { ":source_id": source_id, ":key": key };
                self.connection.prepare_cached(DELETE_CURSOR)?.execute(values)?;
            }
        }
        Ok(())
    }
}
