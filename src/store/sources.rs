//! What is known of the sources: where they go on reading, when they were looking, how they are doing, and what they
//! brought so far.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::{
    Reader, StoreError, Writer,
    convert::{count, ms, optional_instant, optional_text, stored, word},
};
use crate::evidence::{Coverage, CoverageState, Credential, Grade, Ledger, Outcome, coverage};

const LIST_TOUCHING_COVERAGE: &str = include_str!("../../sql/queries/ingest/list_touching_coverage.sql");
const DELETE_COVERAGE: &str = include_str!("../../sql/queries/ingest/delete_coverage.sql");
const INSERT_COVERAGE: &str = include_str!("../../sql/queries/ingest/insert_coverage.sql");
const ADD_REQUESTS: &str = include_str!("../../sql/queries/ingest/add_requests.sql");
const NOTE_SOURCE: &str = include_str!("../../sql/queries/ingest/note_source.sql");
const LIST_CURSORS: &str = include_str!("../../sql/queries/report/list_cursors.sql");
const LIST_COVERAGE: &str = include_str!("../../sql/queries/report/list_coverage.sql");
const DELETE_FUTURE_COVERAGE: &str = include_str!("../../sql/queries/ingest/delete_future_coverage.sql");
const END_FUTURE_COVERAGE: &str = include_str!("../../sql/queries/ingest/end_future_coverage.sql");
const FIND_LOOKED_UNTIL: &str = include_str!("../../sql/queries/ingest/find_looked_until.sql");
const LIST_READ_IN_PART: &str = include_str!("../../sql/queries/report/list_read_in_part.sql");
const LIST_SOURCES: &str = include_str!("../../sql/queries/report/list_sources.sql");
const LIST_SKIPPED: &str = include_str!("../../sql/queries/report/list_skipped.sql");
const LIST_AUTHENTICATION_TOTALS: &str = include_str!("../../sql/queries/report/list_authentication_totals.sql");
const LIST_REQUEST_TOTALS: &str = include_str!("../../sql/queries/report/list_request_totals.sql");

/// How a source is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    pub last_success: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    /// The last failure in words.
    pub failure: Option<String>,
    /// What a reader should know though nothing failed; an empty one takes back the last.
    pub warning: Option<String>,
    /// What the source's word counts for at most, whatever the rules say of it; none: no limit. Kept with the source, since
    /// what it brought may be classified anew when the configuration no longer knows it.
    pub maximum_grade: Option<Grade>,
}

/// A source that was read in part when it was read last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadInPart {
    pub source: String,
    pub reason: String,
    /// When it was read whole last.
    pub whole: Option<Timestamp>,
}

/// Running totals since the store was created; they never go back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub authentications: Vec<AuthenticationTotal>,
    /// Items by source, skipped ones not included.
    pub items: Vec<(String, u64)>,
    pub skipped: Vec<SkippedTotal>,
    pub requests: Vec<RequestTotal>,
}

/// Authentications as they were classified when they were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationTotal {
    pub workspace: Option<String>,
    pub credential: Credential,
    pub outcome: Outcome,
    pub grade: Grade,
    pub uses: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTotal {
    pub source: String,
    pub reason: String,
    pub count: u64,
    /// The newest, safe to show.
    pub sample: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTotal {
    pub source: String,
    pub status_class: String,
    pub count: u64,
}

impl Writer<'_> {
    /// Adds what was learned of an interval of a source without a page: that it was missed, or not permitted.
    pub fn cover(&mut self, source: &str, interval: &Coverage) -> Result<(), StoreError> {
        let source_id = self.source_id(source)?;
        self.cover_source(source_id, interval)
    }

    pub(super) fn cover_source(&self, source_id: i64, interval: &Coverage) -> Result<(), StoreError> {
        let touching = self.touching_coverage(source_id, interval)?;
        let merged = coverage::insert(touching.clone(), interval.clone());
        let mut delete = self.connection.prepare_cached(DELETE_COVERAGE)?;
        for old in touching.iter().filter(|old| !merged.contains(old)) {
            delete.execute(named_params! { ":source_id": source_id, ":from_ms": old.from_ms })?;
        }
        merged.iter().filter(|new| !touching.contains(new)).try_for_each(|new| self.put_coverage(source_id, new))
    }

    /// Takes back what the ledger says of a source beyond an instant: nobody has looked there, the clock was ahead. The interval that
    /// goes beyond it is in doubt from an earlier instant on, and ends there if it says that somebody looked.
    pub fn forget_future(&mut self, source: &str, from: Timestamp, doubted_from: Timestamp) -> Result<(), StoreError> {
        let (from_ms, doubted_from_ms) = (from.as_millisecond(), doubted_from.as_millisecond());
        let mut delete = self.connection.prepare_cached(DELETE_FUTURE_COVERAGE)?;
        delete.execute(named_params! { ":source": source, ":from_ms": from_ms })?;
        let mut end = self.connection.prepare_cached(END_FUTURE_COVERAGE)?;
        end.execute(named_params! { ":source": source, ":from_ms": from_ms, ":doubted_from_ms": doubted_from_ms })?;
        Ok(())
    }

    /// Adds an interval that overlaps none.
    pub(super) fn put_coverage(&self, source_id: i64, new: &Coverage) -> Result<(), StoreError> {
        self.connection.prepare_cached(INSERT_COVERAGE)?.execute(named_params! {
            ":source_id": source_id,
            ":from_ms": new.from_ms,
            ":to_ms": new.to_ms,
            ":state": new.state.as_str(),
            ":items": stored(new.items),
            ":skipped": stored(new.skipped),
            ":reason": new.reason,
        })?;
        Ok(())
    }

    fn touching_coverage(&self, source_id: i64, interval: &Coverage) -> Result<Vec<Coverage>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_TOUCHING_COVERAGE)?;
        let values = named_params! { ":source_id": source_id, ":from_ms": interval.from_ms, ":to_ms": interval.to_ms };
        let rows = statement.query_map(values, |row| coverage_from(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts requests to a source by the class of the answer: `2xx`, `429`, `timeout`, a bounded set.
    pub fn count_requests(&mut self, source: &str, status_class: &str, requests: u64) -> Result<(), StoreError> {
        let source_id = self.source_id(source)?;
        self.connection.prepare_cached(ADD_REQUESTS)?.execute(named_params! {
            ":source_id": source_id,
            ":status_class": status_class,
            ":requests": stored(requests),
        })?;
        Ok(())
    }

    /// Notes how a source is doing; fields that are none stay as they were.
    pub fn note_source(&mut self, source: &str, state: &SourceState) -> Result<(), StoreError> {
        let source_id = self.source_id(source)?;
        self.connection.prepare_cached(NOTE_SOURCE)?.execute(named_params! {
            ":source_id": source_id,
            ":last_success_ms": ms(state.last_success),
            ":last_failure_ms": ms(state.last_failure),
            ":failure": state.failure,
            ":warning": state.warning,
            ":maximum_grade": state.maximum_grade.map(Grade::as_str),
        })?;
        Ok(())
    }
}

impl Reader {
    /// Where a source goes on reading: keys and values, sorted by key.
    pub fn cursors(&self, source: &str) -> Result<Vec<(String, String)>, StoreError> {
        cursors(&self.connection, source)
    }

    /// When each source was looking.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        let mut sources: BTreeMap<String, Vec<Coverage>> = BTreeMap::new();
        let mut statement = self.connection.prepare_cached(LIST_COVERAGE)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sources.entry(row.get(0)?).or_default().push(coverage_from(row, 1)?);
        }
        // What other instances tell is kept day by day.
        for intervals in sources.values_mut() {
            *intervals = coverage::merge(std::mem::take(intervals));
        }
        Ok(Ledger { sources })
    }

    /// The last instant up to which a source was looked at, in milliseconds.
    pub fn looked_until_ms(&self, source: &str) -> Result<Option<i64>, StoreError> {
        let mut statement = self.connection.prepare_cached(FIND_LOOKED_UNTIL)?;
        let [covered, partial] = [CoverageState::Covered, CoverageState::Partial].map(CoverageState::as_str);
        let until_ms =
            statement.query_row(named_params! {":source": source, ":covered": covered, ":partial": partial}, |row| row.get(0))?;
        Ok(until_ms)
    }

    /// The sources that were read in part when they were read last, sorted by name.
    pub fn read_in_part(&self) -> Result<Vec<ReadInPart>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_READ_IN_PART)?;
        let states = named_params! { ":covered": CoverageState::Covered.as_str(), ":partial": CoverageState::Partial.as_str() };
        let rows = statement.query_map(states, |row| {
            Ok(ReadInPart { source: row.get(0)?, reason: row.get(1)?, whole: optional_instant(row, 2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How every source is doing that ever told something, sorted by name.
    pub fn source_states(&self) -> Result<Vec<(String, SourceState)>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_SOURCES)?;
        let rows = statement.query_map([], |row| {
            let state = SourceState {
                last_success: optional_instant(row, 2)?,
                last_failure: optional_instant(row, 3)?,
                failure: optional_text(row, 4)?,
                warning: optional_text(row, 5)?,
                maximum_grade: optional_text(row, 6)?.as_deref().and_then(Grade::parse),
            };
            Ok((row.get(0)?, state))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Running totals, for counters.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let mut authentications = self.connection.prepare_cached(LIST_AUTHENTICATION_TOTALS)?;
        let mut items = self.connection.prepare_cached(LIST_SOURCES)?;
        let mut requests = self.connection.prepare_cached(LIST_REQUEST_TOTALS)?;
        Ok(Totals {
            authentications: authentications.query_map([], authentication_total)?.collect::<Result<_, _>>()?,
            items: items.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?.collect::<Result<_, _>>()?,
            skipped: self.skipped()?,
            requests: requests.query_map([], request_total)?.collect::<Result<_, _>>()?,
        })
    }

    /// What was not kept, by source and reason.
    pub fn skipped(&self) -> Result<Vec<SkippedTotal>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_SKIPPED)?;
        let rows = statement.query_map([], |row| {
            Ok(SkippedTotal { source: row.get(0)?, reason: row.get(1)?, count: count(row, 2)?, sample: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is left on its disk for this process; none where the file system does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.connection.path()?).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The size of the database file, its write-ahead log not included.
    pub fn store_size_bytes(&self) -> Result<u64, StoreError> {
        let pragma = |name| self.connection.pragma_query_value(None, name, |row| count(row, 0));
        Ok(pragma("page_count")? * pragma("page_size")?)
    }
}

pub(super) fn cursors(connection: &Connection, source: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_CURSORS)?;
    let rows = statement.query_map(named_params! { ":source": source }, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn coverage_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Coverage> {
    Ok(Coverage {
        from_ms: row.get(first)?,
        to_ms: row.get(first + 1)?,
        state: word(row, first + 2, CoverageState::parse)?,
        items: count(row, first + 3)?,
        skipped: count(row, first + 4)?,
        reason: row.get(first + 5)?,
    })
}

fn authentication_total(row: &Row<'_>) -> rusqlite::Result<AuthenticationTotal> {
    Ok(AuthenticationTotal {
        workspace: optional_text(row, 0)?,
        credential: word(row, 1, Credential::parse)?,
        outcome: word(row, 2, Outcome::parse)?,
        grade: word(row, 3, Grade::parse)?,
        uses: count(row, 4)?,
    })
}

fn request_total(row: &Row<'_>) -> rusqlite::Result<RequestTotal> {
    Ok(RequestTotal { source: row.get(0)?, status_class: row.get(1)?, count: count(row, 2)? })
}
