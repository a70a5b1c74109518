//! How values are spelt in rows.

use jiff::Timestamp;
use rusqlite::{Error, Row, types::Type};

use super::StoreError;
use crate::evidence::{Person, time::instant};

/// Counts are kept below this, so that two of them can be added within SQLite's 64 bits. Statements that add to a row keep to it,
/// and those that add many rows count in floating point, up to a bound of their own.
const MAX_COUNT: u64 = 1 << 48;

/// A count as it is stored.
pub(super) fn stored(count: u64) -> i64 {
    count.min(MAX_COUNT).cast_signed()
}

pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|count| count.max(0).cast_unsigned())
}

/// A member of a closed set. Other programs that know more words are refused at the door, so an unknown one is damage.
pub(super) fn word<T>(row: &Row<'_>, column: usize, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        let unknown = format!("{text:?} is no word of this column");
        Error::FromSqlConversionFailure(column, Type::Text, unknown.into())
    })
}

/// What was asked for as coming after another. A damaged tree may answer with what lies before it, and whoever goes on from there would
/// go in a circle.
pub(super) fn later<T: Ord>(after: &T, next: T) -> Result<T, StoreError> {
    if next > *after { Ok(next) } else { Err(StoreError::Corrupt("rows are not in order".to_owned())) }
}

/// An absent text is stored as an empty one.
pub(super) fn optional_text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    let text = row.get_ref(column)?.as_str()?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

pub(super) fn text_or_empty(text: Option<&String>) -> &str {
    text.map_or("", String::as_str)
}

pub(super) fn optional_instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(instant))
}

pub(super) fn ms(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millisecond)
}

/// The five columns of a person, from `first` on.
pub(super) fn person(row: &Row<'_>, first: usize) -> rusqlite::Result<Person> {
    Ok(Person {
        account_id: optional_text(row, first)?,
        uuid: optional_text(row, first + 1)?,
        nickname: optional_text(row, first + 2)?,
        display_name: optional_text(row, first + 3)?,
        email: optional_text(row, first + 4)?,
    })
}
