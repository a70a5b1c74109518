//! How much a source may name ([`Callers`]): `[store] integrations_per_source`.
//!
//! Whom a source has told of is known from its tracks, which are read when the first new one comes. What of them is counted no
//! more, because a reclassification renamed it, counts as well. A reclassification names callers in the order in which they came
//! first, as if it had recorded them.

use std::{borrow::Cow, collections::HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{Reader, StoreError, Writer, convert::count, history};
use crate::evidence::{CROWD, Callers, Day, ELSEWHERE, Track};

const LIST_KNOWN_NAMES: &str = include_str!("../../sql/queries/callers/list_known_names.sql");
const COUNT_CROWDS: &str = include_str!("../../sql/queries/callers/count_crowds.sql");
const COUNT_ELSEWHERE: &str = include_str!("../../sql/queries/callers/count_elsewhere.sql");

/// Days that it is told of after it was last seen.
const TOLD_DAYS: i32 = 30;

/// What counts are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Book {
    /// What everybody sees.
    Present,
    /// What a reclassification builds.
    Next,
}

impl Writer<'_> {
    /// What a track that is new to a book is counted as there.
    pub(super) fn counted_as<'t>(&mut self, book: Book, source: &str, track: &'t Track) -> Result<Cow<'t, Track>, StoreError> {
        let mut callers = match self.interned.book(book).callers.take() {
            Some(callers) => callers,
            None => self.read_callers(book)?,
        };
        let counted_as = callers.admit(source, track);
        self.interned.book(book).callers = Some(callers);
        Ok(counted_as)
    }

    fn read_callers(&self, book: Book) -> Result<Callers, StoreError> {
        let next = if book == Book::Next { self.rejudged_tracks()? } else { HashSet::new() };
        let mut callers = Callers::new(self.callers_per_source, known_names(self.connection)?.iter().map(String::as_str));
        history::each_track(self.connection, |id, of_source| {
            if book == Book::Present || next.contains(&id) {
                callers.meet(&of_source.source, &of_source.track);
            }
            Ok(())
        })?;
        Ok(callers)
    }
}

impl Reader {
    /// Nobody, of so many callers a source, and everybody's names.
    pub fn no_callers(&self, per_source: usize) -> Result<Callers, StoreError> {
        Ok(Callers::new(per_source, known_names(&self.connection)?.iter().map(String::as_str)))
    }

    /// By source: how many items it counted lately of what is beyond the limits.
    pub fn beyond_limits(&self, now: Timestamp) -> Result<Vec<(String, u64)>, StoreError> {
        let last = Day::of(now);
        let (first, last) = (last.plus(-TOLD_DAYS).0, last.0);
        let beyond = |statement, name| {
            let mut statement = self.connection.prepare_cached(statement)?;
            let rows = statement.query_map(named_params! { ":name": name, ":first": first, ":last": last }, |row| {
                Ok((row.get(0)?, count(row, 1)?))
            })?;
            Ok::<Vec<(String, u64)>, StoreError>(rows.collect::<Result<_, _>>()?)
        };
        Ok([beyond(COUNT_CROWDS, CROWD)?, beyond(COUNT_ELSEWHERE, ELSEWHERE)?].concat())
    }
}

fn known_names(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_KNOWN_NAMES)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
