//! Day counts once more, packed, for the judgement, which reads all of them: a row each would cost it more than judging.
//!
//! `day_count` is the truth, and this is derived from it. A period is 64 days. Once it is over and has settled, everything that
//! is counted in it is packed in one transaction: one blob for each track, as [`crate::evidence::counts`] packs them, with the
//! store's numbers of verdicts. `packed_period` says of which periods that holds:
//!
//! | the period | `packed_period` | `packed_counts` | the judgement reads |
//! |---|---|---|---|
//! | is open, or was never packed | has no row | has no rows | its rows of `day_count` |
//! | is packed | has a row | is what `day_count` says, packed | its blobs |
//! | is counted in afterwards | its row is gone, in the transaction that counts | what was packed before, which nobody reads | its rows of `day_count` |
//!
//! So whoever counts only has to forget periods, which costs nothing, and late evidence is as cheap as other evidence. Counting
//! adds, so that packing a period again replaces every blob of it. Whoever takes counts away throws away what is packed of their
//! tracks, since nothing may be counted of them afterwards: a reclassification or an erasure everything, a day that is replaced
//! that of its tracks. All leave the work to the next packing.
//!
//! Blobs are clustered by track, then period: the judgement gets them track by track. That `day_count` comes by day, and is kept
//! beside them, costs a fifth more space, and keeps recording, verifying, erasing and judging anew as simple as they are.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, Row, named_params, types::Type};

use super::{Reader, StoreError, Writer, convert::count, verify::next_counted_day};
use crate::evidence::{
    Day,
    counts::{Numbered, Segment},
};

const LIST_PACKED_PERIODS: &str = include_str!("../../sql/queries/packed/list_packed_periods.sql");
const FORGET_PACKED_PERIOD: &str = include_str!("../../sql/queries/packed/forget_packed_period.sql");
const EMPTY_PACKED_PERIODS: &str = include_str!("../../sql/queries/packed/empty_packed_periods.sql");
const EMPTY_PACKED_COUNTS: &str = include_str!("../../sql/queries/packed/empty_packed_counts.sql");
const NOTE_PACKED_PERIOD: &str = include_str!("../../sql/queries/packed/note_packed_period.sql");
const PUT_PACKED_COUNTS: &str = include_str!("../../sql/queries/packed/put_packed_counts.sql");
const LIST_PACKED_COUNTS: &str = include_str!("../../sql/queries/packed/list_packed_counts.sql");
const FIND_PACKED_COUNTS: &str = include_str!("../../sql/queries/packed/find_packed_counts.sql");
const LIST_COUNTS_BETWEEN: &str = include_str!("../../sql/queries/packed/list_counts_between.sql");

/// Days of one period: few enough that the one which is open is read quickly, and enough that a blob is worth a row.
const DAYS: i32 = 64;
/// Periods that can be packed, all but the first: seven centuries from 1970 on. What is counted beyond them is read row by row.
const PERIODS: i32 = 4_096;
/// Evidence comes late: a period is packed when so many days have passed since it ended.
const SETTLED_AFTER_DAYS: i32 = 7;

/// The place of one track's counts of one period, which sorts by track, then period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot(i64);

impl Slot {
    fn of(track: i64, period: i32) -> Self {
        Self(track * i64::from(PERIODS) + i64::from(period))
    }

    fn track(self) -> i64 {
        self.0.div_euclid(i64::from(PERIODS))
    }

    fn period(self) -> i32 {
        i32::try_from(self.0.rem_euclid(i64::from(PERIODS))).unwrap_or(PERIODS)
    }
}

fn period_of(day: Day) -> i32 {
    day.0.div_euclid(DAYS)
}

fn first_day(period: i32) -> Day {
    Day(period.saturating_mul(DAYS))
}

fn last_day(period: i32) -> Day {
    first_day(period).plus(DAYS - 1)
}

impl Reader {
    /// Hands over every count up to and with a day, track by track, each track's by day, then verdict's number: the row of the
    /// track, and the count with the row of its verdict.
    pub(super) fn each_count(
        &self,
        until: Day,
        mut take: impl FnMut(i64, Numbered) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let packed = packed_periods(&self.connection)?;
        let mut loose = loose_counts(&self.connection, &packed, until)?.into_iter().peekable();
        let mut statement = self.connection.prepare_cached(LIST_PACKED_COUNTS)?;
        let mut rows = statement.query([])?;
        let mut unpack = |slot: Slot, bytes: &[u8]| {
            for count in Segment::read(bytes) {
                let count = count.ok_or_else(|| damaged(slot))?;
                if count.day <= until {
                    take(slot.track(), count)?;
                }
            }
            Ok::<_, StoreError>(())
        };
        while let Some(row) = rows.next()? {
            let slot = Slot(row.get(0)?);
            if !packed.contains(&slot.period()) || first_day(slot.period()) > until {
                continue;
            }
            while let Some((before, segment)) = loose.next_if(|(before, _)| *before < slot) {
                unpack(before, segment.as_bytes())?;
            }
            unpack(slot, bytes(row)?)?;
        }
        loose.try_for_each(|(slot, segment)| unpack(slot, segment.as_bytes()))
    }

    /// Periods whose packed counts are not what is counted, each in words; and how many periods are packed.
    pub(super) fn verify_packed(&self) -> Result<(usize, Vec<String>), StoreError> {
        let packed = packed_periods(&self.connection)?;
        let mut rows_of: BTreeMap<i32, usize> = BTreeMap::new();
        let mut list = self.connection.prepare_cached(LIST_PACKED_COUNTS)?;
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()? {
            *rows_of.entry(Slot(row.get(0)?).period()).or_default() += 1;
        }
        let mut faults = Vec::new();
        let mut find = self.connection.prepare_cached(FIND_PACKED_COUNTS)?;
        for period in &packed {
            let counted = segments(&self.connection, first_day(*period), last_day(*period))?;
            let mut differ = rows_of.get(period).copied().unwrap_or(0);
            for (track, segment) in &counted {
                let values = named_params! { ":id": Slot::of(*track, *period).0 };
                let kept: Option<Vec<u8>> = find.query_row(values, |row| row.get(0)).optional()?;
                match kept {
                    Some(kept) if kept == segment.as_bytes() => differ -= 1,
                    Some(_) => {}
                    None => differ += 1,
                }
            }
            if differ > 0 {
                let (from, to) = (first_day(*period), last_day(*period));
                faults.push(format!("{from} to {to}: what is packed of {differ} tracks is not what is counted"));
            }
        }
        Ok((packed.len(), faults))
    }
}

impl Writer<'_> {
    /// Packs the first period that is over and settled and not packed, if there is one. Returns whether there may be another.
    pub fn pack_next(&mut self, today: Day) -> Result<bool, StoreError> {
        let Some(first) = next_counted_day(self.connection, Day(-1))? else { return Ok(false) };
        let settled = today.plus(-SETTLED_AFTER_DAYS);
        let packed = packed_periods(self.connection)?;
        let is_over = |period: &i32| last_day(*period) < settled;
        let next = (period_of(first).max(1)..PERIODS).take_while(is_over).find(|period| !packed.contains(period));
        next.map_or(Ok(false), |period| self.pack(period).map(|()| true))
    }

    fn pack(&self, period: i32) -> Result<(), StoreError> {
        let mut put = self.connection.prepare_cached(PUT_PACKED_COUNTS)?;
        for (track, segment) in segments(self.connection, first_day(period), last_day(period))? {
            put.execute(named_params! { ":id": Slot::of(track, period).0, ":counts": segment.as_bytes() })?;
        }
        self.connection.prepare_cached(NOTE_PACKED_PERIOD)?.execute(named_params! { ":period": period })?;
        Ok(())
    }

    /// What is packed of these days says nothing any more: they are counted in.
    pub(super) fn unpack(&self, days: impl Iterator<Item = Day>) -> Result<(), StoreError> {
        let periods: BTreeSet<i32> = days.map(period_of).collect();
        let mut forget = self.connection.prepare_cached(FORGET_PACKED_PERIOD)?;
        periods.into_iter().try_for_each(|period| forget.execute(named_params! { ":period": period }).map(drop))?;
        Ok(())
    }

    /// How a statement finds the blobs of tracks in the period of a day: the factor of their number, and the period.
    pub(super) fn packed_place(day: Day) -> (i32, i32) {
        (PERIODS, period_of(day))
    }

    /// Throws away what is packed: counts are taken away somewhere.
    pub(super) fn unpack_everything(&self) -> Result<(), StoreError> {
        for statement in [EMPTY_PACKED_PERIODS, EMPTY_PACKED_COUNTS] {
            self.connection.prepare_cached(statement)?.execute([])?;
        }
        Ok(())
    }
}

fn damaged(slot: Slot) -> StoreError {
    StoreError::Corrupt(format!("the packed counts of track {} from {} on", slot.track(), first_day(slot.period())))
}

fn bytes<'r>(row: &'r Row<'_>) -> Result<&'r [u8], StoreError> {
    Ok(row.get_ref(1)?.as_blob().map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, error.into()))?)
}

fn packed_periods(connection: &Connection) -> Result<BTreeSet<i32>, StoreError> {
    let mut list = connection.prepare_cached(LIST_PACKED_PERIODS)?;
    Ok(list.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// What is counted up to and with a day and not packed, by track, then the first period of a run of periods that are not packed.
fn loose_counts(connection: &Connection, packed: &BTreeSet<i32>, until: Day) -> Result<BTreeMap<Slot, Segment>, StoreError> {
    let mut loose = BTreeMap::new();
    let mut from = Day(i32::MIN);
    for period in packed.iter().copied().map(Some).chain([None]) {
        let to = period.map_or(until, |period| first_day(period).plus(-1).min(until));
        let first = period_of(from).max(0);
        loose.extend(segments(connection, from, to)?.into_iter().map(|(track, segment)| (Slot::of(track, first), segment)));
        from = period.map_or(until, last_day).plus(1);
    }
    Ok(loose)
}

/// What is counted from a day to another, both included, packed, by track.
fn segments(connection: &Connection, from: Day, to: Day) -> Result<BTreeMap<i64, Segment>, StoreError> {
    let mut segments: BTreeMap<i64, Segment> = BTreeMap::new();
    if from > to {
        return Ok(segments);
    }
    let mut list = connection.prepare_cached(LIST_COUNTS_BETWEEN)?;
    let mut rows = list.query(named_params! { ":from": from.0, ":to": to.0 })?;
    while let Some(row) = rows.next()? {
        let (track, count) = numbered(row)?;
        segments.entry(track).or_default().add(&count);
    }
    Ok(segments)
}

/// The seven columns of a count: the row of its track, and the count with the row of its verdict.
pub(super) fn numbered(row: &Row<'_>) -> Result<(i64, Numbered), StoreError> {
    let numbered = Numbered {
        day: Day(row.get(0)?),
        verdict: row.get::<_, i64>(2)?.cast_unsigned(),
        uses: count(row, 3)?,
        first_ms: row.get(4)?,
        last_ms: row.get(5)?,
        hours: row.get(6)?,
    };
    Ok((row.get(1)?, numbered))
}
