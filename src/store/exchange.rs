//! Evidence that instances hand to one another, already counted: what this one has, and what others brought.
//!
//! Of every day of another instance one file says what is counted and when that was looked at: the one that was written last
//! (`exchange_day`). So files may come in any order and as often as they like. A day is replaced as a whole, for all sources of
//! the instance, in one transaction; an import that is ended between two days is simply repeated.

use std::collections::{HashMap, HashSet};

use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Reader, SourceState, StoreError, Writer,
    convert::{count, stored},
    history,
    sources::cursors,
};
use crate::evidence::{
    Coverage, CoverageState, CursorUpdate, Day, DayCount, Track, Verdict,
    coverage::merge,
    exchange::{self, Entry, Header, Source, source_name},
    time::instant,
};

const FIND_TRACK: &str = include_str!("../../sql/queries/exchange/find_track.sql");
const LIST_SOURCES_OF: &str = include_str!("../../sql/queries/exchange/list_sources_of.sql");
const LIST_SOURCES: &str = include_str!("../../sql/queries/exchange/list_sources.sql");
const FIND_FIRST_COVERED: &str = include_str!("../../sql/queries/exchange/find_first_covered.sql");
const COUNT_DAYS_BEFORE: &str = include_str!("../../sql/queries/exchange/count_days_before.sql");
const CLAIM_DAY: &str = include_str!("../../sql/queries/exchange/claim_day.sql");
const FORGET_PACKED: &str = include_str!("../../sql/queries/exchange/forget_packed.sql");
const DELETE_COUNTS: &str = include_str!("../../sql/queries/exchange/delete_counts.sql");
const COUNT_STAGED: &str = include_str!("../../sql/queries/exchange/count_staged.sql");
const DELETE_COVERAGE: &str = include_str!("../../sql/queries/exchange/delete_coverage.sql");
const PUT_ITEMS: &str = include_str!("../../sql/queries/exchange/put_items.sql");
const HAS_SAME_COUNTS: &str = include_str!("../../sql/queries/exchange/has_same_counts.sql");
const SEAL_DAYS: &str = include_str!("../../sql/queries/exchange/seal_days.sql");

/// The cursor of an instance: when its newest file was written, Unix milliseconds, and that file's digest.
const WRITTEN: &str = "written";

/// A piece of what this instance counted.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// To which the counts after it belong, and the number of its source.
    Track(usize, &'a Track),
    /// With the row of its verdict.
    Count(&'a DayCount, i64),
}

/// A file of another instance of which a part is taken in.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub header: Header,
    pub digest: [u8; 32],
    pub sources: Vec<Source>,
}

impl Exchanged {
    /// What decides between two files: when they were written, and for those of one instant what they say.
    fn stamp(&self) -> (i64, String) {
        (self.header.written_ms, HEXLOWER.encode(&self.digest))
    }

    /// The names of its sources here; the instance itself, whose files are a source, first.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let own = std::iter::once("").chain(self.sources.iter().map(|source| source.name.as_str()));
        own.map(|source| source_name(&self.header.instance, source))
    }
}

/// What decides about the newest file of an instance that came here.
fn newest(cursors: &[(String, String)]) -> Option<(i64, String)> {
    let (_, value) = cursors.iter().find(|(key, _)| key == WRITTEN)?;
    let (written_ms, digest) = value.split_once(' ')?;
    Some((written_ms.parse().ok()?, digest.to_owned()))
}

impl Reader {
    /// The sources that this instance reads itself, sorted by name.
    pub fn own_sources(&self) -> Result<Vec<Source>, StoreError> {
        let mut list = self.connection.prepare_cached(LIST_SOURCES)?;
        let rows = list.query_map([], |row| {
            Ok(Source { name: row.get(0)?, items: count(row, 1)?, last_success_ms: row.get(2)?, last_failure_ms: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The first day of which anything is known.
    pub fn first_known_day(&self) -> Result<Option<Day>, StoreError> {
        let covered: Option<i64> = self.connection.prepare_cached(FIND_FIRST_COVERED)?.query_row([], |row| row.get(0))?;
        Ok(self.first_counted_day()?.into_iter().chain(covered.map(Day::of_ms)).min())
    }

    /// Every verdict with its row, in the order of the rows; the first of the pair says the rule.
    pub fn own_verdicts(&self) -> Result<Vec<(i64, Verdict, String)>, StoreError> {
        let (verdicts, rules) = self.verdicts()?;
        let mut all: Vec<_> = verdicts.into_iter().map(|(id, v)| (id, v, rules[usize::from(v.rule)].clone())).collect();
        all.sort_by_key(|(id, ..)| *id);
        Ok(all)
    }

    /// Hands over what is counted of these sources within days, track by track. Little of it is in memory at one time: what was
    /// not packed yet, a few bytes a count.
    pub fn each_counted<E>(
        &self,
        sources: &[Source],
        (from, until): (Day, Day),
        mut take: impl FnMut(Counted<'_>) -> Result<(), E>,
    ) -> Result<Result<(), E>, StoreError> {
        let verdicts = self.verdicts()?.0;
        let number: HashMap<&str, usize> = sources.iter().enumerate().map(|(at, source)| (source.name.as_str(), at)).collect();
        let mut find = self.connection.prepare_cached(FIND_TRACK)?;
        // The row of the track that came last, and whether it is of one of the sources.
        let (mut last, mut wanted, mut refused) = (None, false, None);
        self.each_count(until.plus(-1), |row, counted| {
            if counted.day < from || refused.is_some() {
                return Ok(());
            }
            if last != Some(row) {
                let found = find.query_row(named_params! { ":id": row }, history::track).optional()?;
                let found = found.ok_or_else(|| StoreError::Corrupt("a counted track is missing".to_owned()))?;
                let source = number.get(found.source.as_str());
                (last, wanted) = (Some(row), source.is_some());
                refused = source.and_then(|source| take(Counted::Track(*source, &found.track)).err());
            }
            let verdict_row = counted.verdict.cast_signed();
            if let Some(verdict) = verdicts.get(&verdict_row).filter(|_| wanted && refused.is_none()) {
                refused = take(Counted::Count(&counted.with(0, *verdict), verdict_row)).err();
            }
            Ok(())
        })?;
        Ok(refused.map_or(Ok(()), Err))
    }

    /// Whether an instance would have named more sources with this file than one can have.
    pub fn names_too_many(&self, file: &Exchanged) -> Result<bool, StoreError> {
        let known = known_sources(&self.connection, &file.header.instance)?;
        let all: HashSet<String> = known.into_iter().map(|(_, name)| name).chain(file.names().skip(1)).collect();
        Ok(all.len() > exchange::MAX_SOURCES)
    }

    /// Whether a file says anything that no later one has said.
    pub fn is_news(&self, file: &Exchanged) -> Result<bool, StoreError> {
        let Exchanged { header, digest, .. } = file;
        let instance = source_name(&header.instance, "");
        let mut count_days = self.connection.prepare_cached(COUNT_DAYS_BEFORE)?;
        let values = named_params! {
            ":source": instance,
            ":from_day": header.from.0,
            ":until_day": header.until.0,
            ":written_ms": header.written_ms,
            ":digest": digest,
        };
        if header.from < header.until && count_days.query_row(values, |row| count(row, 0))? > 0 {
            return Ok(true);
        }
        let cursors = self.cursors(&instance)?;
        Ok(newest(&cursors).is_none_or(|newest| newest < file.stamp()))
    }
}

impl Writer<'_> {
    /// Takes up a day of a file whose counts are staged, unless a later file speaks for the day. `coverage` is what the file says
    /// of the day, by the numbers of its sources.
    pub fn exchange_day(&mut self, file: &Exchanged, day: Day, coverage: &[(usize, Coverage)]) -> Result<(), StoreError> {
        let instance_id = self.source_id(&source_name(&file.header.instance, ""))?;
        if !self.claim_day(file, day, instance_id)? {
            return Ok(());
        }
        let mut taken = Vec::new();
        for (source_id, name) in known_sources(self.connection, &file.header.instance)? {
            if self.claim_day(file, day, source_id)? {
                taken.push((source_id, name));
            }
        }
        self.replace_counts(file, day, &taken)?;
        let mut said = HashMap::<&str, Vec<Coverage>>::new();
        for (source, interval) in coverage {
            said.entry(&file.sources[*source].name).or_default().push(interval.clone());
        }
        self.replace_coverage(instance_id, day, vec![looked_at(&file.header, day)])?;
        taken.iter().try_for_each(|(source_id, name)| {
            let own = said.remove(exchange::own_name(name)).unwrap_or_default();
            self.replace_coverage(*source_id, day, own)
        })
    }

    fn claim_day(&self, file: &Exchanged, day: Day, source_id: i64) -> Result<bool, StoreError> {
        let values = named_params! {
            ":day": day.0,
            ":source_id": source_id,
            ":written_ms": file.header.written_ms,
            ":digest": file.digest,
        };
        Ok(self.connection.prepare_cached(CLAIM_DAY)?.execute(values)? > 0)
    }

    fn replace_coverage(&self, source_id: i64, day: Day, mut intervals: Vec<Coverage>) -> Result<(), StoreError> {
        let span = named_params! { ":source_id": source_id, ":from_ms": day.start_ms(), ":to_ms": day.end_ms() };
        self.connection.prepare_cached(DELETE_COVERAGE)?.execute(span)?;
        intervals.sort_by_key(|interval| (interval.from_ms, interval.to_ms));
        // Whatever the file says, a ledger's intervals do not overlap.
        let mut end_ms = i64::MIN;
        for interval in merge(intervals) {
            let from_ms = interval.from_ms.max(end_ms);
            if from_ms < interval.to_ms {
                self.put_coverage(source_id, &Coverage { from_ms, ..interval.clone() })?;
            }
            end_ms = end_ms.max(interval.to_ms);
        }
        Ok(())
    }

    /// Most days of a file are as they were in the one before it: those are not written again.
    fn replace_counts(&self, file: &Exchanged, day: Day, taken: &[(i64, String)]) -> Result<(), StoreError> {
        let of_file = named_params! { ":day": day.0, ":digest": file.digest };
        if self.connection.prepare_cached(HAS_SAME_COUNTS)?.query_row(of_file, |row| row.get(0))? {
            return Ok(());
        }
        let (periods, period) = Self::packed_place(day);
        let packed = named_params! { ":day": day.0, ":digest": file.digest, ":periods": periods, ":period": period };
        self.connection.prepare_cached(FORGET_PACKED)?.execute(packed)?;
        self.connection.prepare_cached(DELETE_COUNTS)?.execute(of_file)?;
        self.unpack(std::iter::once(day))?;
        let mut add = self.connection.prepare_cached(COUNT_STAGED)?;
        taken.iter().try_for_each(|(id, _)| add.execute(named_params! { ":source_id": id, ":day": day.0 }).map(drop))?;
        Ok(())
    }

    /// Forgets what has come of a file of this instance: another one begins, or this one was refused.
    pub fn begin_exchange(&mut self, file: &Exchanged) -> Result<(), StoreError> {
        let source_id = self.source_id(&source_name(&file.header.instance, ""))?;
        file.names().try_for_each(|name| self.source_id(&name).map(drop))?;
        for (_, name) in known_sources(self.connection, &file.header.instance)? {
            self.begin_answer(&name)?;
        }
        self.forget_staged_entries(source_id)
    }

    /// A file was taken in: what its lists and `registers` say and how its sources are doing, unless a later one has said so.
    /// Nothing of it is staged any more.
    pub fn end_exchange(&mut self, file: &Exchanged, registers: &[Entry]) -> Result<(), StoreError> {
        let names: Vec<String> = file.names().collect();
        let instance = names[0].as_str();
        let source_id = self.source_id(instance)?;
        let stamp = file.stamp();
        if newest(&cursors(self.connection, instance)?).is_some_and(|newest| newest > stamp) {
            return self.begin_exchange(file);
        }
        self.take_up_entries(&file.header.instance, registers)?;
        self.begin_exchange(file)?;
        let value = Some(format!("{} {}", stamp.0, stamp.1));
        self.put_cursors(source_id, &[CursorUpdate { key: WRITTEN.to_owned(), value }])?;
        let state = SourceState { last_success: Some(instant(stamp.0)), ..SourceState::default() };
        self.note_source(instance, &state)?;
        for (name, source) in names[1..].iter().zip(&file.sources) {
            let id = self.source_id(name)?;
            self.connection.prepare_cached(PUT_ITEMS)?.execute(named_params! { ":id": id, ":items": stored(source.items) })?;
            let state = SourceState {
                last_success: source.last_success_ms.map(instant),
                last_failure: source.last_failure_ms.map(instant),
                failure: source.last_failure_ms.map(|_| FAILED_THERE.to_owned()),
                ..SourceState::default()
            };
            self.note_source(name, &state)?;
        }
        Ok(())
    }

    /// No file is to bring back what is erased: days on which a track is counted stay as they will be without the person.
    pub(super) fn seal_exchanged_days(&self, track: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached(SEAL_DAYS)?.execute(named_params! { ":track_id": track })?;
        Ok(())
    }
}

/// Why a source of another instance failed is known there.
const FAILED_THERE: &str = "it failed where it is read: look at the report of that instance";

/// When files of an instance speak of a day: up to the instant at which it wrote.
fn looked_at(header: &Header, day: Day) -> Coverage {
    Coverage {
        from_ms: day.start_ms(),
        to_ms: day.end_ms().min(header.written_ms),
        state: CoverageState::Covered,
        items: 0,
        skipped: 0,
        reason: String::new(),
    }
}

/// The rows and names of what an instance has ever named as its sources. What its newest file does not name any more was not
/// there on the days for which that speaks: an instance that was set up anew may call the same log something else.
fn known_sources(connection: &Connection, instance: &str) -> Result<Vec<(i64, String)>, StoreError> {
    let mut list = connection.prepare_cached(LIST_SOURCES_OF)?;
    let prefix = source_name(instance, "") + "/";
    let rows = list.query_map(named_params! { ":prefix": prefix }, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
