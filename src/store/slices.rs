//! What engines count, slice by slice of time. Late rows make a slice be asked again, and its new answer replaces the old one.
//!
//! A day count is a sum over a day, and does not know its slices. So the slices of days that are not settled are kept beside it
//! (`slice_count`), and the day of a source is counted anew from them whenever one is replaced. Once a day is settled they go;
//! to ask of such a day again is to ask of all of it. An answer comes in pieces (`staged_count`) and counts when it is whole.

use jiff::Timestamp;
use rusqlite::named_params;

use super::{
    StoreError, Writer,
    callers::Book,
    ingest::{MAX_WORKSPACES, OTHER_VALUES},
};
use crate::evidence::{Batch, Day, time::MS_PER_HOUR};

const EMPTY_STAGED: &str = include_str!("../../sql/queries/slice/empty_staged.sql");
const EMPTY_ALL_STAGED: &str = include_str!("../../sql/queries/slice/empty_all_staged.sql");
const STAGE_COUNT: &str = include_str!("../../sql/queries/slice/stage_count.sql");
const DELETE_SLICE: &str = include_str!("../../sql/queries/slice/delete_slice.sql");
const DELETE_SLICES_OF_DAY: &str = include_str!("../../sql/queries/slice/delete_slices_of_day.sql");
const INSERT_SLICE: &str = include_str!("../../sql/queries/slice/insert_slice.sql");
const FORGET_PACKED: &str = include_str!("../../sql/queries/slice/forget_packed.sql");
const DELETE_COUNTS: &str = include_str!("../../sql/queries/slice/delete_counts.sql");
const COUNT_SLICES: &str = include_str!("../../sql/queries/slice/count_slices.sql");
const COUNT_STAGED: &str = include_str!("../../sql/queries/slice/count_staged.sql");
const ADD_AUTHENTICATIONS: &str = include_str!("../../sql/queries/slice/add_authentications.sql");
const MERGE_SLICES: &str = include_str!("../../sql/queries/erase/merge_slices.sql");
const DELETE_SLICES: &str = include_str!("../../sql/queries/erase/delete_slices.sql");

/// A slice of time, within one day, by whole hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub from_ms: i64,
    pub to_ms: i64,
    /// Nothing late is waited for any more.
    pub settled: bool,
}

impl Slice {
    pub fn day(&self) -> Day {
        Day::of_ms(self.from_ms)
    }

    fn is_whole_day(&self) -> bool {
        self.from_ms == self.day().start_ms() && self.to_ms == self.day().end_ms()
    }

    /// Of the day, the last one excluded.
    fn hours(&self) -> (i64, i64) {
        let hour = |ms: i64| (ms - self.day().start_ms()) / MS_PER_HOUR;
        (hour(self.from_ms), hour(self.to_ms))
    }
}

impl Writer<'_> {
    /// Forgets what has come of a source's answer: another one begins.
    pub fn begin_answer(&mut self, source: &str) -> Result<(), StoreError> {
        let source_id = self.source_id(source)?;
        self.connection.prepare_cached(EMPTY_STAGED)?.execute(named_params! { ":source_id": source_id })?;
        Ok(())
    }

    /// Takes in a piece of an answer, which counts nowhere yet.
    pub fn stage(&mut self, piece: &Batch) -> Result<(), StoreError> {
        let tracks = self.track_ids(Book::Present, &piece.source, &piece.tracks)?;
        self.add_day_counts(STAGE_COUNT, &piece.counts, &tracks, &piece.rules)
    }

    /// The answer for a slice is whole: it takes the place of an earlier one. `batch` is what else goes with it: its cursor, its
    /// coverage and, when `first`, what adds to running totals, which never go back.
    pub fn end_answer(&mut self, slice: Slice, batch: &Batch, first: bool, now: Timestamp) -> Result<(), StoreError> {
        let (source_id, day) = (self.source_id(&batch.source)?, slice.day());
        let of_day = named_params! { ":source_id": source_id, ":day": day.0 };
        let run = |statement: &str| self.connection.prepare_cached(statement)?.execute(of_day).map(drop);
        let (periods, period) = Self::packed_place(day);
        let packed = named_params! { ":source_id": source_id, ":day": day.0, ":periods": periods, ":period": period };
        self.connection.prepare_cached(FORGET_PACKED)?.execute(packed)?;
        self.unpack(std::iter::once(day))?;
        if slice.is_whole_day() {
            run(DELETE_SLICES_OF_DAY)?;
            run(DELETE_COUNTS)?;
            run(COUNT_STAGED)?;
        } else {
            let (from, to) = slice.hours();
            let old = named_params! { ":source_id": source_id, ":day": day.0, ":from_hour": from, ":to_hour": to };
            self.connection.prepare_cached(DELETE_SLICE)?.execute(old)?;
            let new = named_params! { ":source_id": source_id, ":day": day.0, ":from_hour": from };
            self.connection.prepare_cached(INSERT_SLICE)?.execute(new)?;
            run(DELETE_COUNTS)?;
            run(COUNT_SLICES)?;
            if slice.settled && slice.to_ms == day.end_ms() {
                run(DELETE_SLICES_OF_DAY)?;
            }
        }
        if first {
            let total = named_params! { ":source_id": source_id, ":limit": MAX_WORKSPACES, ":others": OTHER_VALUES };
            self.connection.prepare_cached(ADD_AUTHENTICATIONS)?.execute(total)?;
        }
        self.connection.prepare_cached(EMPTY_STAGED)?.execute(named_params! { ":source_id": source_id })?;
        self.record(batch, now)
    }

    /// Counts what slices say of one track under another, where somebody is erased.
    pub(super) fn merge_slices(&self, from: i64, into: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached(MERGE_SLICES)?.execute(named_params! { ":from": from, ":into": into })?;
        self.connection.prepare_cached(DELETE_SLICES)?.execute(named_params! { ":from": from })?;
        Ok(())
    }

    /// Forgets every answer that is not whole.
    pub(super) fn forget_staged(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached(EMPTY_ALL_STAGED)?.execute([])?;
        Ok(())
    }
}
