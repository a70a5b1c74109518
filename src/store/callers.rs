//! How many callers a source may name ([`Callers`]): `[store] integrations_per_source`.
//!
//! Whom a source has told of is known from its tracks, which are read when the first new one comes. What of them is counted no
//! more, because a reclassification renamed it, counts as well. A reclassification names callers in the order in which they came
//! first, as if it had recorded them.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use jiff::Timestamp;
use rusqlite::named_params;

use super::{Reader, StoreError, Writer, convert::count, history};
use crate::evidence::{CROWD, Callers, Day, Track};

const COUNT_CROWDS: &str = include_str!("../../sql/queries/callers/count_crowds.sql");

/// Days that a crowd is told of after it was last seen.
const TOLD_DAYS: i32 = 30;

/// What counts are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Book {
    /// What everybody sees.
    Present,
    /// What a reclassification builds.
    Next,
}

/// The callers of every source in one book; none until they were read.
pub(super) type Roll = Option<HashMap<i64, Callers>>;

impl Writer<'_> {
    /// What a track that is new to a book is counted as there.
    pub(super) fn counted_as<'t>(&mut self, book: Book, source_id: i64, track: &'t Track) -> Result<Cow<'t, Track>, StoreError> {
        let mut roll = match self.interned.roll(book).take() {
            Some(roll) => roll,
            None => self.read_roll(book)?,
        };
        let counted_as = roll.entry(source_id).or_insert_with(|| Callers::new(self.callers_per_source)).admit(track);
        *self.interned.roll(book) = Some(roll);
        Ok(counted_as)
    }

    fn read_roll(&mut self, book: Book) -> Result<HashMap<i64, Callers>, StoreError> {
        let next = if book == Book::Next { self.rejudged_tracks()? } else { HashSet::default() };
        let mut roll: HashMap<i64, Callers> = HashMap::new();
        history::each_track(self.connection, |id, of_source| {
            if book == Book::Present || next.contains(&id) {
                let source_id = self.source_id(&of_source.source)?;
                roll.entry(source_id).or_insert_with(|| Callers::new(self.callers_per_source)).meet(&of_source.track);
            }
            Ok(())
        })?;
        Ok(roll)
    }
}

impl Reader {
    /// By source, sorted: how many items it counted lately of callers beyond the limit.
    pub fn crowds(&self, now: Timestamp) -> Result<Vec<(String, u64)>, StoreError> {
        let mut statement = self.connection.prepare_cached(COUNT_CROWDS)?;
        let last = Day::of(now);
        let values = named_params! { ":crowd": CROWD, ":first": last.plus(-TOLD_DAYS).0, ":last": last.0 };
        let crowds = statement.query_map(values, |row| Ok((row.get(0)?, count(row, 1)?)))?;
        Ok(crowds.collect::<Result<_, _>>()?)
    }
}
