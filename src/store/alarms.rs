//! Alarms that went out and are not over.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::{
    Reader, StoreError, Writer,
    convert::{count, word},
};
use crate::{
    evidence::time::instant,
    report::{Alarm, AlarmKind},
};

const LIST_OPEN_ALARMS: &str = include_str!("../../sql/queries/alarm/list_open_alarms.sql");
const OPEN_ALARM: &str = include_str!("../../sql/queries/alarm/open_alarm.sql");
const CLOSE_ALARM: &str = include_str!("../../sql/queries/alarm/close_alarm.sql");
const READ_MAIL_STATE: &str = include_str!("../../sql/queries/alarm/read_mail_state.sql");

/// How the oldest mail to an audience that waits yet fares, or else the newest, in recipients. From whom it was
/// withdrawn is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailState {
    /// Since when it is in the outbox.
    pub enqueued: Timestamp,
    pub pending: u64,
    pub given_up: u64,
    pub recipients: u64,
    /// A failure of those for whom it was given up, or else of those who wait, in words; empty where there was none.
    pub failure: String,
}

impl Reader {
    /// Alarms that went out and whose end was not told.
    pub fn open_alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_OPEN_ALARMS)?;
        let rows = statement.query_map([], alarm)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How mail to an audience fares; none before the first, and where nobody was left to get the newest.
    pub fn mail_state(&self, audience: &str) -> Result<Option<MailState>, StoreError> {
        let mut statement = self.connection.prepare_cached(READ_MAIL_STATE)?;
        let values = named_params! { ":audience": audience };
        let state = statement.query_row(values, |row| {
            Ok(MailState {
                enqueued: instant(row.get(0)?),
                pending: count(row, 1)?,
                given_up: count(row, 2)?,
                recipients: count(row, 3)?,
                failure: row.get(4)?,
            })
        });
        Ok(state.optional()?)
    }
}

impl Writer<'_> {
    /// Remembers that an alarm went out, until it is over.
    pub fn open_alarm(&mut self, alarm: &Alarm) -> Result<(), StoreError> {
        self.connection.prepare_cached(OPEN_ALARM)?.execute(named_params! {
            ":kind": alarm.kind.as_str(),
            ":about": alarm.about,
            ":since_ms": alarm.since.as_millisecond(),
            ":reason": alarm.reason,
        })?;
        Ok(())
    }

    /// Forgets an alarm whose end is told.
    pub fn close_alarm(&mut self, alarm: &Alarm) -> Result<(), StoreError> {
        let values = named_params! { ":kind": alarm.kind.as_str(), ":about": alarm.about };
        self.connection.prepare_cached(CLOSE_ALARM)?.execute(values)?;
        Ok(())
    }
}

fn alarm(row: &Row<'_>) -> rusqlite::Result<Alarm> {
    Ok(Alarm { kind: word(row, 0, AlarmKind::parse)?, about: row.get(1)?, since: instant(row.get(2)?), reason: row.get(3)? })
}
