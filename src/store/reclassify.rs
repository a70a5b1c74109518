//! Judging anew what was kept: counts by the present rules are built beside those that readers see, batch by batch, and take
//! their place in one transaction.
//!
//! | state | what it holds | what readers see |
//! |---|---|---|
//! | none | no row in `reclassification`; the `…_next` tables are empty | the counts |
//! | building | the rules and the limit it goes by, and the last chunk whose sightings are in the `…_next` tables | the counts as they were |
//! | switched | as none | the new counts of every day of a source of which all is kept, the old ones of the others |
//!
//! Each batch commits its counts with the number of its last chunk, so a build that ends anywhere goes on there. What is
//! recorded meanwhile is counted as ever, and its chunk comes after the last one: the switch takes in the rest first. How many
//! uses of a day and source the chunks held when they were recorded is added up in `kept_day`; where that is not what is
//! counted, something of the day is not kept any more, and its counts stay.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Reader, StoreError, Writer,
    callers::Book,
    convert::{count, later, stored},
};
use crate::{
    analysis::{Anew, Recount},
    evidence::Day,
};

const LIST_CHUNKS_AFTER: &str = include_str!("../../sql/queries/reclassify/list_chunks_after.sql");
const READ_PROGRESS: &str = include_str!("../../sql/queries/reclassify/read_progress.sql");
const PUT_PROGRESS: &str = include_str!("../../sql/queries/reclassify/put_progress.sql");
const DELETE_PROGRESS: &str = include_str!("../../sql/queries/reclassify/delete_progress.sql");
const EMPTY_NEXT_COUNTS: &str = include_str!("../../sql/queries/reclassify/empty_next_counts.sql");
const EMPTY_NEXT_INDEX: &str = include_str!("../../sql/queries/reclassify/empty_next_index.sql");
const EMPTY_KEPT_DAYS: &str = include_str!("../../sql/queries/reclassify/empty_kept_days.sql");
const ADD_NEXT_COUNT: &str = include_str!("../../sql/queries/reclassify/add_next_count.sql");
const INDEX_NEXT_CHUNK: &str = include_str!("../../sql/queries/reclassify/index_next_chunk.sql");
const ADD_KEPT_DAY: &str = include_str!("../../sql/queries/reclassify/add_kept_day.sql");
const LIST_KEPT_DAYS: &str = include_str!("../../sql/queries/reclassify/list_kept_days.sql");
const LIST_NEXT_COUNTS: &str = include_str!("../../sql/queries/reclassify/list_next_counts.sql");
const SUM_COUNTS_OF_DAY: &str = include_str!("../../sql/queries/reclassify/sum_counts_of_day.sql");
const DELETE_KEPT_DAY: &str = include_str!("../../sql/queries/reclassify/delete_kept_day.sql");
const DELETE_REPLACED_COUNTS: &str = include_str!("../../sql/queries/reclassify/delete_replaced_counts.sql");
const INSERT_REPLACING_COUNTS: &str = include_str!("../../sql/queries/reclassify/insert_replacing_counts.sql");
const DELETE_REPLACED_INDEX: &str = include_str!("../../sql/queries/reclassify/delete_replaced_index.sql");
const INSERT_REPLACING_INDEX: &str = include_str!("../../sql/queries/reclassify/insert_replacing_index.sql");
const DELETE_UNKNOWN_VALUE: &str = include_str!("../../sql/queries/reclassify/delete_unknown_value.sql");
const ADD_RULING: &str = include_str!("../../sql/queries/ingest/add_ruling.sql");
const FORGET_RULINGS: &str = include_str!("../../sql/queries/reclassify/forget_rulings.sql");
const COUNT_ITEMS_OF_OTHER_RULINGS: &str = include_str!("../../sql/queries/report/count_items_of_other_rulings.sql");

/// A chunk with its place in the order of recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    pub id: i64,
    pub source: String,
    pub bytes: Vec<u8>,
}

/// How far a reclassification is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it judges by.
    pub fingerprint: String,
    /// How many integrations a source may name.
    pub per_source: u64,
    /// The last chunk that is counted.
    pub done_chunk: i64,
    pub items: u64,
}

/// A chunk as it is judged now.
#[derive(Clone, Debug)]
pub struct Rejudged {
    pub chunk: i64,
    pub source: String,
    pub recount: Recount,
}

impl Reader {
    /// The chunks after one, in the order in which they were recorded: at most `limit`, and none more once they have
    /// `max_bytes`.
    pub fn chunks_after(&self, after: i64, limit: u32, max_bytes: usize) -> Result<Vec<StoredChunk>, StoreError> {
        chunks_after(&self.connection, after, limit, max_bytes)
    }

    /// How many items were judged by something else than what this fingerprint stands for.
    pub fn items_judged_otherwise(&self, fingerprint: &str) -> Result<u64, StoreError> {
        let values = named_params! { ":fingerprint": fingerprint };
        Ok(self.connection.prepare_cached(COUNT_ITEMS_OF_OTHER_RULINGS)?.query_row(values, |row| count(row, 0))?)
    }

    /// What a reclassification that is under way has counted up to a day.
    pub fn anew(&self, until: Day) -> Result<Anew, StoreError> {
        let history = self.listed_history(LIST_NEXT_COUNTS, until)?;
        let kept = kept_days(&self.connection)?.into_iter().map(|kept| ((Day(kept.day), kept.source), kept.uses));
        Ok(Anew { history, kept: kept.collect() })
    }
}

impl Writer<'_> {
    /// As [`Reader::chunks_after`], of what is recorded at this moment.
    pub fn chunks_after(&self, after: i64, limit: u32) -> Result<Vec<StoredChunk>, StoreError> {
        chunks_after(self.connection, after, limit, usize::MAX)
    }

    /// Goes on with a reclassification by the rules of this fingerprint and the same limit of what a source may name, or begins
    /// one; what was built by others is thrown away.
    pub fn begin_reclassification(&mut self, fingerprint: &str) -> Result<Progress, StoreError> {
        let per_source = stored(self.callers_per_source as u64).unsigned_abs();
        let begun = Progress { fingerprint: fingerprint.to_owned(), per_source, done_chunk: 0, items: 0 };
        let is_the_same = |other: &Progress| (&other.fingerprint, other.per_source) == (&begun.fingerprint, begun.per_source);
        if let Some(progress) = self.progress()?.filter(is_the_same) {
            return Ok(progress);
        }
        self.throw_away()?;
        self.put_progress(&begun)?;
        Ok(begun)
    }

    /// Adds what chunks after `progress` are judged as now, and returns how far it is then. Where another process has gone on
    /// meanwhile nothing is added; none when the reclassification has ended.
    pub fn add_rejudged(
        &mut self,
        progress: &Progress,
        chunks: &[Rejudged],
        rules: &[String],
    ) -> Result<Option<Progress>, StoreError> {
        let present = self.progress()?;
        if present.as_ref() != Some(progress) {
            return Ok(present);
        }
        let mut progress = progress.clone();
        for chunk in chunks {
            self.add_rejudged_chunk(chunk, rules)?;
            progress.done_chunk = chunk.chunk;
            progress.items += chunk.recount.items;
        }
        self.put_progress(&progress)?;
        Ok(Some(progress))
    }

    /// Puts what was judged anew in the place of what was counted, on every day of a source of which all is kept.
    pub fn switch_to_rejudged(&mut self, progress: &Progress) -> Result<(), StoreError> {
        for of_day in kept_days(self.connection)?.chunk_by(|a, b| a.day == b.day) {
            let day = of_day[0].day;
            self.leave_what_is_not_whole(day, of_day)?;
            for statement in [DELETE_REPLACED_COUNTS, INSERT_REPLACING_COUNTS, DELETE_REPLACED_INDEX, INSERT_REPLACING_INDEX] {
                self.connection.prepare_cached(statement)?.execute(named_params! { ":day": day })?;
            }
        }
        self.unpack_everything()?;
        self.throw_away()?;
        self.connection.prepare_cached(FORGET_RULINGS)?.execute([])?;
        self.add_ruling(&progress.fingerprint, progress.items)
    }

    /// Forgets the sources of a day of which more is counted than is kept.
    fn leave_what_is_not_whole(&self, day: i32, kept: &[KeptDay]) -> Result<(), StoreError> {
        let mut sum = self.connection.prepare_cached(SUM_COUNTS_OF_DAY)?;
        let sums = sum.query_map(named_params! { ":day": day }, |row| Ok((row.get(0)?, count(row, 1)?)))?;
        let counted: HashMap<i64, u64> = sums.collect::<Result<_, _>>()?;
        let mut delete = self.connection.prepare_cached(DELETE_KEPT_DAY)?;
        for of_source in kept.iter().filter(|kept| counted.get(&kept.source_id).copied().unwrap_or(0) != kept.uses) {
            delete.execute(named_params! { ":day": day, ":source_id": of_source.source_id })?;
        }
        Ok(())
    }

    /// Takes values, by field, from the list of those that nobody has explained.
    pub fn forget_unknown(&mut self, explained: &[(String, String)]) -> Result<(), StoreError> {
        let mut delete = self.connection.prepare_cached(DELETE_UNKNOWN_VALUE)?;
        for (field, value) in explained {
            delete.execute(named_params! { ":field": field, ":value": value })?;
        }
        Ok(())
    }

    /// Counts items under what they were judged by.
    pub(super) fn add_ruling(&self, fingerprint: &str, items: u64) -> Result<(), StoreError> {
        let values = named_params! { ":fingerprint": fingerprint, ":items": stored(items) };
        self.connection.prepare_cached(ADD_RULING)?.execute(values)?;
        Ok(())
    }

    /// How far the reclassification is that is under way, if one is.
    pub fn progress(&self) -> Result<Option<Progress>, StoreError> {
        let read = |row: &rusqlite::Row<'_>| {
            let (fingerprint, per_source) = (row.get(0)?, count(row, 3)?);
            Ok(Progress { fingerprint, per_source, done_chunk: row.get(1)?, items: count(row, 2)? })
        };
        Ok(self.connection.prepare_cached(READ_PROGRESS)?.query_row([], read).optional()?)
    }

    fn put_progress(&self, progress: &Progress) -> Result<(), StoreError> {
        self.connection.prepare_cached(PUT_PROGRESS)?.execute(named_params! {
            ":fingerprint": progress.fingerprint,
            ":done_chunk": progress.done_chunk,
            ":items": stored(progress.items),
            ":per_source": stored(progress.per_source),
        })?;
        Ok(())
    }

    /// Forgets what was built; whoever builds it is told so by its next step.
    pub(super) fn throw_away(&mut self) -> Result<(), StoreError> {
        self.interned.forget_next();
        for statement in [EMPTY_NEXT_COUNTS, EMPTY_NEXT_INDEX, EMPTY_KEPT_DAYS, DELETE_PROGRESS] {
            self.connection.prepare_cached(statement)?.execute([])?;
        }
        Ok(())
    }

    /// The rows of the tracks of what was built so far.
    pub(super) fn rejudged_tracks(&self) -> Result<HashSet<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_NEXT_COUNTS)?;
        let rows = statement.query_map(named_params! { ":until": i32::MAX }, |row| row.get(1))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn add_rejudged_chunk(&mut self, rejudged: &Rejudged, rules: &[String]) -> Result<(), StoreError> {
        let Rejudged { chunk, source, recount } = rejudged;
        let source_id = self.source_id(source)?;
        let tracks = self.track_ids(Book::Next, source, &recount.tracks)?;
        self.add_day_counts(ADD_NEXT_COUNT, &recount.counts, &tracks, rules)?;
        // Tracks that differed in a batch may be one row of the table.
        let mut places: BTreeMap<(i32, i64, u32), u64> = BTreeMap::new();
        for place in &recount.places {
            *places.entry((place.day.0, tracks[place.track as usize], place.ordinal)).or_default() += place.uses;
        }
        let mut index = self.connection.prepare_cached(INDEX_NEXT_CHUNK)?;
        for ((day, track_id, ordinal), uses) in places {
            index.execute(named_params! {
                ":day": day,
                ":track_id": track_id,
                ":chunk_id": chunk,
                ":ordinal": ordinal,
                ":uses": stored(uses),
            })?;
        }
        let mut keep = self.connection.prepare_cached(ADD_KEPT_DAY)?;
        for (day, uses) in &recount.counted_before {
            keep.execute(named_params! { ":day": day.0, ":source_id": source_id, ":uses": stored(*uses) })?;
        }
        Ok(())
    }
}

/// What the chunks held of one day and source when they were recorded.
struct KeptDay {
    day: i32,
    source: String,
    uses: u64,
    source_id: i64,
}

fn kept_days(connection: &Connection) -> Result<Vec<KeptDay>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_KEPT_DAYS)?;
    let rows = statement.query_map([], |row| {
        Ok(KeptDay { day: row.get(0)?, source: row.get(1)?, uses: count(row, 2)?, source_id: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn chunks_after(connection: &Connection, after: i64, limit: u32, max_bytes: usize) -> Result<Vec<StoredChunk>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_CHUNKS_AFTER)?;
    let mut rows = statement.query(named_params! { ":after": after, ":limit": limit })?;
    let (mut chunks, mut bytes) = (Vec::new(), 0);
    while bytes < max_bytes
        && let Some(row) = rows.next()?
    {
        let before = chunks.last().map_or(after, |chunk: &StoredChunk| chunk.id);
        let chunk = StoredChunk { id: later(&before, row.get(0)?)?, source: row.get(1)?, bytes: row.get(2)? };
        bytes += chunk.bytes.len();
        chunks.push(chunk);
    }
    Ok(chunks)
}
