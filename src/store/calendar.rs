//! What the calendar told of its events.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
};

use jiff::Timestamp;
use rusqlite::{Row, named_params};

use super::{Reader, StoreError, Writer};
use crate::{
    evidence::time::{MS_PER_DAY, instant},
    report::{ToldEvent, document::EventRow},
};

const LIST_EVENTS: &str = include_str!("../../sql/queries/calendar/list_events.sql");
const PUT_EVENT: &str = include_str!("../../sql/queries/calendar/put_event.sql");
const DELETE_EVENT: &str = include_str!("../../sql/queries/calendar/delete_event.sql");

/// Days after its end that an event is known which is told no more. Programs ask at least daily, and drop it then.
const REMEMBERED_DAYS: i64 = 60;

/// Events that are known. All of them are read at each judgement, and a list of tokens can name others each time.
const MAX_EVENTS: usize = 10_000;

impl Reader {
    /// Every event that the calendar told and that is known yet, by its UID.
    pub fn told_events(&self) -> Result<BTreeMap<String, ToldEvent>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_EVENTS)?;
        let rows = statement.query_map([], event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writer<'_> {
    /// Remembers events as they are told now; those that were told so before are not written. What is told no more is known for
    /// as long as a program may still show its copy, and no more of them than a limit, those that changed last.
    pub fn remember_events(
        &mut self,
        events: &[EventRow],
        told: &BTreeMap<String, ToldEvent>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
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
        self.forget_events(events, told, now)
    }

    fn forget_events(&self, events: &[EventRow], told: &BTreeMap<String, ToldEvent>, now: Timestamp) -> Result<(), StoreError> {
        let present: HashSet<&str> = events.iter().map(|event| event.uid.as_str()).collect();
        let mut gone: Vec<(&String, &ToldEvent)> = told.iter().filter(|(uid, _)| !present.contains(uid.as_str())).collect();
        gone.sort_by_key(|(uid, told)| (Reverse(told.revised), *uid));
        let past_ms = now.as_millisecond().saturating_sub(REMEMBERED_DAYS * MS_PER_DAY);
        let room = MAX_EVENTS.saturating_sub(present.len());
        let mut delete = self.connection.prepare_cached(DELETE_EVENT)?;
        for (number, (uid, told)) in gone.into_iter().enumerate() {
            if number >= room || told.ends.as_millisecond() < past_ms {
                delete.execute(named_params! { ":uid": uid })?;
            }
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
