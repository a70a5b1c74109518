//! Removing what is too old, in steps that are one short transaction each, and giving its space back.
//!
//! | what | goes by | stays |
//! |---|---|---|
//! | chunks, and where sightings are found in them | the sightings' own day | the day counts; of a chunk that reaches over the day, what is younger |
//! | ids of seen items | the day on which they came | |
//!
//! From the first step on `retention` says of which days nothing but counts is kept, so that a pruning that ends anywhere
//! leaves nothing that looks lost.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{Reader, StoreError, Writer};
use crate::evidence::{Day, chunk, time::instant};

const BEGIN_PRUNING: &str = include_str!("../../sql/queries/prune/begin_pruning.sql");
const END_PRUNING: &str = include_str!("../../sql/queries/prune/end_pruning.sql");
const READ_RETENTION: &str = include_str!("../../sql/queries/prune/read_retention.sql");
const LIST_OLD_CHUNKS: &str = include_str!("../../sql/queries/prune/list_old_chunks.sql");
const DELETE_CHUNK: &str = include_str!("../../sql/queries/prune/delete_chunk.sql");
const REPLACE_CHUNK: &str = include_str!("../../sql/queries/prune/replace_chunk.sql");
const DELETE_OLDEST_INDEX: &str = include_str!("../../sql/queries/prune/delete_oldest_index.sql");
const DELETE_OLDEST_NEXT_INDEX: &str = include_str!("../../sql/queries/prune/delete_oldest_next_index.sql");
const LIST_SOURCE_NUMBERS: &str = include_str!("../../sql/queries/prune/list_source_numbers.sql");
const FIND_ID_FURTHER_ON: &str = include_str!("../../sql/queries/prune/find_id_further_on.sql");
const DELETE_IDS: &str = include_str!("../../sql/queries/prune/delete_ids.sql");

const MINUTES_PER_DAY: i64 = 24 * 60;

/// What was removed because of its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// Of days before it only counts are kept.
    pub raw_from: Day,
    /// When all that was too old had been removed last.
    pub pruned: Option<Timestamp>,
}

/// A chunk's place in the order of its oldest sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    first_ms: i64,
    last_ms: i64,
    id: i64,
}

impl Old {
    pub const FIRST: Self = Self { first_ms: i64::MIN, last_ms: i64::MIN, id: i64::MIN };
}

/// A seen item's place among those of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenItem {
    source_id: i64,
    minute: i64,
    hash: i64,
}

impl Reader {
    /// None when nothing was ever removed.
    pub fn retention(&self) -> Result<Option<Pruning>, StoreError> {
        retention(&self.connection)
    }

    /// Where the seen items of each source begin.
    pub fn first_ids(&self) -> Result<Vec<SeenItem>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_SOURCE_NUMBERS)?;
        let rows = statement.query_map([], |row| Ok(SeenItem { source_id: row.get(0)?, minute: i64::MIN, hash: i64::MIN }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writer<'_> {
    /// Says that of days before one nothing but counts is kept from now on, and returns how it was before.
    pub fn begin_pruning(&mut self, raw_from: Day) -> Result<Option<Pruning>, StoreError> {
        let before = retention(self.connection)?;
        self.connection.prepare_cached(BEGIN_PRUNING)?.execute(named_params! { ":raw_from_day": raw_from.0 })?;
        Ok(before)
    }

    pub fn end_pruning(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.connection.prepare_cached(END_PRUNING)?.execute(named_params! { ":now_ms": now.as_millisecond() })?;
        Ok(())
    }

    /// Removes the sightings from before a day in at most `limit` chunks after one. Returns how many chunks lost something,
    /// and where to go on; none when that was the last. A chunk that cannot be read goes when all of it is too old.
    pub fn prune_chunks(&mut self, before: Day, after: Old, limit: u32) -> Result<(u64, Option<Old>), StoreError> {
        let mut list = self.connection.prepare_cached(LIST_OLD_CHUNKS)?;
        let values = named_params! {
            ":before_ms": before.start_ms(), ":first_ms": after.first_ms, ":last_ms": after.last_ms, ":id": after.id, ":limit": limit,
        };
        let rows = list.query_map(values, |row| Ok(Old { id: row.get(0)?, first_ms: row.get(1)?, last_ms: row.get(2)? }))?;
        let old = rows.collect::<Result<Vec<_>, _>>()?;
        for chunk in &old {
            self.prune_chunk(before, *chunk)?;
        }
        let more = u64::from(limit) == old.len() as u64;
        Ok((old.len() as u64, old.last().copied().filter(|_| more)))
    }

    fn prune_chunk(&self, before: Day, old: Old) -> Result<(), StoreError> {
        if old.last_ms < before.start_ms() {
            return self.delete_chunk(old.id);
        }
        match self.rewrite_chunk(old.id, |sighting| sighting.time_ms >= before.start_ms()) {
            // What is young in it is still counted, and verify names it.
            Err(StoreError::Corrupt(error)) => {
                tracing::warn!(chunk = old.id, error, "a chunk cannot be read: it is left as it is");
                Ok(())
            }
            other => other,
        }
    }

    pub(super) fn delete_chunk(&self, id: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached(DELETE_CHUNK)?.execute(named_params! { ":id": id })?;
        Ok(())
    }

    /// Puts what `keep` leaves of a chunk, which it may change, in the chunk's place.
    pub(super) fn rewrite_chunk(
        &self,
        id: i64,
        keep: impl FnMut(&mut crate::evidence::Sighting<'static>) -> bool,
    ) -> Result<(), StoreError> {
        let bytes = super::kept::chunk_bytes(self.connection, id)?;
        let left = chunk::rewritten(&bytes, keep).map_err(|error| StoreError::Corrupt(format!("chunk {id}: {error}")))?;
        match left {
            None => self.connection.prepare_cached(DELETE_CHUNK)?.execute(named_params! { ":id": id })?,
            Some(left) => self.connection.prepare_cached(REPLACE_CHUNK)?.execute(named_params! {
                ":id": id, ":items": left.items, ":first_ms": left.first_ms, ":last_ms": left.last_ms, ":bytes": left.bytes,
            })?,
        };
        Ok(())
    }

    /// Forgets where sightings of the oldest day before one were found; false when there is no such day.
    pub fn prune_index(&mut self, before: Day) -> Result<bool, StoreError> {
        let mut removed = 0;
        for statement in [DELETE_OLDEST_INDEX, DELETE_OLDEST_NEXT_INDEX] {
            removed += self.connection.prepare_cached(statement)?.execute(named_params! { ":before": before.0 })?;
        }
        Ok(removed > 0)
    }

    /// Forgets the ids that came before a day among the `rows` ids after one. Returns how many, and where to go on; none when
    /// none is left that could be that old.
    pub fn prune_ids(&mut self, claimed_before: Day, after: SeenItem, rows: u32) -> Result<(u64, Option<SeenItem>), StoreError> {
        let SeenItem { source_id, minute, hash } = after;
        // Nothing is accepted that is dated more than a day ahead of when it comes.
        let until_minute = (i64::from(claimed_before.0) + 1) * MINUTES_PER_DAY;
        let find = named_params! {
            ":source_id": source_id, ":minute": minute, ":hash": hash, ":until_minute": until_minute, ":rows": rows.saturating_sub(1),
        };
        let mut further = self.connection.prepare_cached(FIND_ID_FURTHER_ON)?;
        let next =
            further.query_row(find, |row| Ok(SeenItem { source_id, minute: row.get(0)?, hash: row.get(1)? })).optional()?;
        let to = next.unwrap_or(SeenItem { source_id, minute: until_minute, hash: i64::MIN });
        let removed = self.connection.prepare_cached(DELETE_IDS)?.execute(named_params! {
            ":source_id": source_id, ":minute": minute, ":hash": hash, ":to_minute": to.minute, ":to_hash": to.hash,
            ":claimed_before": claimed_before.0,
        })?;
        Ok((removed as u64, next))
    }

    /// Gives at most so many free pages back to the file system, and returns how many were given.
    pub fn give_back(&mut self, pages: u32) -> Result<u64, StoreError> {
        let free = || self.connection.pragma_query_value(None, "freelist_count", |row| super::convert::count(row, 0));
        let before = free()?;
        // Each step of the pragma's statement moves a page.
        self.connection.pragma(None, "incremental_vacuum", pages, |_| Ok(()))?;
        Ok(before.saturating_sub(free()?))
    }
}

fn retention(connection: &Connection) -> Result<Option<Pruning>, StoreError> {
    let read = |row: &rusqlite::Row<'_>| {
        let pruned_ms: i64 = row.get(1)?;
        Ok(Pruning { raw_from: Day(row.get(0)?), pruned: (pruned_ms > 0).then(|| instant(pruned_ms)) })
    };
    Ok(connection.prepare_cached(READ_RETENTION)?.query_row([], read).optional()?)
}
