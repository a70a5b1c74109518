//! The journal, and what it knows of the configuration: what was accepted last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{Reader, StoreError, Writer, convert::count};
use crate::evidence::journal::JournalEntry;

const APPEND_ENTRY: &str = include_str!("../../sql/queries/journal/append_entry.sql");
const FIND_LAST_ENTRY: &str = include_str!("../../sql/queries/journal/find_last_entry.sql");
const LIST_ENTRIES: &str = include_str!("../../sql/queries/journal/list_entries.sql");
const LIST_ACCEPTED: &str = include_str!("../../sql/queries/journal/list_accepted.sql");
const PUT_ACCEPTED: &str = include_str!("../../sql/queries/journal/put_accepted.sql");
const DELETE_ACCEPTED: &str = include_str!("../../sql/queries/journal/delete_accepted.sql");

/// Entries of a section of the configuration, by name, each in words without secrets.
pub type Accepted = BTreeMap<String, String>;

impl Writer<'_> {
    /// Appends an entry to the journal.
    pub fn journal(&mut self, at: Timestamp, actor: &str, action: &str, detail: &str) -> Result<(), StoreError> {
        let last = self.connection.prepare_cached(FIND_LAST_ENTRY)?.query_row([], entry).optional()?;
        let next = JournalEntry::after(last.as_ref(), at, actor, action, detail);
        self.connection.prepare_cached(APPEND_ENTRY)?.execute(named_params! {
            ":sequence": next.sequence.cast_signed(),
            ":at_s": next.at.as_second(),
            ":actor": next.actor,
            ":action": next.action,
            ":detail": next.detail,
            ":hash": next.hash,
        })?;
        Ok(())
    }

    /// What was accepted of a section when it was looked at last; empty when it never was.
    pub fn accepted(&self, section: &str) -> Result<Accepted, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_ACCEPTED)?;
        let rows = statement.query_map(named_params! { ":section": section }, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Remembers what is accepted of a section from now on.
    pub fn accept(&mut self, section: &str, now: &Accepted) -> Result<(), StoreError> {
        let mut delete = self.connection.prepare_cached(DELETE_ACCEPTED)?;
        for key in self.accepted(section)?.keys().filter(|key| !now.contains_key(*key)) {
            delete.execute(named_params! { ":section": section, ":key": key })?;
        }
        let mut put = self.connection.prepare_cached(PUT_ACCEPTED)?;
        for (key, words) in now {
            put.execute(named_params! { ":section": section, ":key": key, ":words": words })?;
        }
        Ok(())
    }
}

impl Reader {
    /// The whole journal, the oldest entry first.
    pub fn journal(&self) -> Result<Vec<JournalEntry>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_ENTRIES)?;
        Ok(statement.query_map([], entry)?.collect::<Result<_, _>>()?)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<JournalEntry> {
    Ok(JournalEntry {
        sequence: count(row, 0)?,
        at: Timestamp::from_second(row.get(1)?).unwrap_or(Timestamp::MAX),
        actor: row.get(2)?,
        action: row.get(3)?,
        detail: row.get(4)?,
        hash: row.get(5)?,
    })
}
