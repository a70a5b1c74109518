//! Removing what is too old, in steps that are one short transaction each, and giving its space back.
//!
//! | what | goes by | stays |
//! |---|---|---|
//! | chunks, and where sightings are found in them | the sightings' own day | the day counts; of a chunk that reaches over the day, what is younger |
//! | ids of seen items ([`super::seen`]) | the day on which they came | |
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

impl Reader {
    /// None when nothing was ever removed.
    pub fn retention(&self) -> Result<Option<Pruning>, StoreError> {
        retention(&self.connection)
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
