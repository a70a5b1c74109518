//! What the calendar told of its events.

use std::collections::BTreeMap;

use rusqlite::{Row, named_params};

use super::{Reader, StoreError, Writer};
use crate::{
    evidence::time::instant,
    report::{ToldEvent, document::EventRow},
};

const LIST_EVENTS: &str = include_str!("../../sql/queries/calendar/list_events.sql");
const PUT_EVENT: &str = include_str!("../../sql/queries/calendar/put_event.sql");

impl Reader {
    /// Every event that the calendar ever told, by its UID.
    pub fn told_events(&self) -> Result<BTreeMap<String, ToldEvent>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_EVENTS)?;
        let rows = statement.query_map([], event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writer<'_> {
    /// Remembers events as they are told now; those that were told so before are not written.
    pub fn remember_events(&mut self, events: &[EventRow], told: &BTreeMap<String, ToldEvent>) -> Result<(), StoreError> {
        let mut put = self.connection.prepare_cached(PUT_EVENT)?;
        for EventRow { uid, told: now, .. } in events.iter().filter(|event| told.get(&event.uid) != Some(&event.told)) {
            put.execute(named_params! {
                ":uid": uid,
                ":starts_ms": now.starts.as_millisecond(),
                ":ends_ms": now.ends.as_millisecond(),
                ":words": now.words,
                ":sequence": now.sequence,
                ":revised_ms": now.revised.as_millisecond(),
            })?;
        }
        Ok(())
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<(String, ToldEvent)> {
    let told = ToldEvent {
        starts: instant(row.get(1)?),
        ends: instant(row.get(2)?),
        words: row.get(3)?,
        sequence: row.get(4)?,
        revised: instant(row.get(5)?),
    };
    Ok((row.get(0)?, told))
}
