//! Deliveries that are recorded before they are made: a crash repeats a message at worst, with the same Message-ID, and
//! never loses one.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, named_params};

use super::{
    Reader, StoreError, Writer,
    convert::{count, ms, optional_instant, stored},
};
use crate::{
    evidence::time::{MS_PER_DAY, instant},
    report::Previous,
};

/// The channel of what leaves over OTLP, whose messages are no text.
pub const OTLP: &str = "otlp";

/// Why a message for whom, or for what, the configuration no longer names is withdrawn.
pub const NOT_CONFIGURED: &str = "its recipient is not configured any more";

const INSERT_OCCURRENCE: &str = include_str!("../../sql/queries/outbox/insert_occurrence.sql");
const INSERT_MESSAGE: &str = include_str!("../../sql/queries/outbox/insert_message.sql");
const INSERT_RECIPIENT: &str = include_str!("../../sql/queries/outbox/insert_recipient.sql");
const LIST_DUE_RECIPIENTS: &str = include_str!("../../sql/queries/outbox/list_due_recipients.sql");
const BEGIN_ATTEMPT: &str = include_str!("../../sql/queries/outbox/begin_attempt.sql");
const LIST_WAITING: &str = include_str!("../../sql/queries/outbox/list_waiting.sql");
const FIND_HELD_UP: &str = include_str!("../../sql/queries/outbox/find_held_up.sql");
const LIST_WAITING_AUDIENCES: &str = include_str!("../../sql/queries/outbox/list_waiting_audiences.sql");
const SETTLE_RECIPIENT: &str = include_str!("../../sql/queries/outbox/settle_recipient.sql");
const POSTPONE_RECIPIENT: &str = include_str!("../../sql/queries/outbox/postpone_recipient.sql");
const REST_RECIPIENT: &str = include_str!("../../sql/queries/outbox/rest_recipient.sql");
const HURRY_RECIPIENTS: &str = include_str!("../../sql/queries/outbox/hurry_recipients.sql");
const MARK_OCCURRENCE_DONE: &str = include_str!("../../sql/queries/outbox/mark_occurrence_done.sql");
const EMPTY_SETTLED_MESSAGE: &str = include_str!("../../sql/queries/outbox/empty_settled_message.sql");
const FIND_LAST_OCCURRENCE: &str = include_str!("../../sql/queries/report/find_last_occurrence.sql");
const FIND_LAST_DELIVERY: &str = include_str!("../../sql/queries/report/find_last_delivery.sql");
const INSERT_TOLD: &str = include_str!("../../sql/queries/outbox/insert_told.sql");
const LIST_TOLD: &str = include_str!("../../sql/queries/report/list_told.sql");
const COUNT_PENDING_RECIPIENTS: &str = include_str!("../../sql/queries/report/count_pending_recipients.sql");
const LIST_GIVEN_UP: &str = include_str!("../../sql/queries/report/list_given_up.sql");
const COUNT_MADE_OCCURRENCES: &str = include_str!("../../sql/queries/report/count_made_occurrences.sql");
const LIST_SETTLED_TOTALS: &str = include_str!("../../sql/queries/report/list_settled_totals.sql");

/// A message to be delivered once for a scheduled occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub channel: String,
    pub audience: String,
    /// When it was due by the schedule.
    pub occurrence: Timestamp,
    pub message_id: String,
    pub subject: String,
    /// The whole message as it goes out: what its channel sends.
    pub body: Vec<u8>,
    pub recipients: Vec<String>,
    /// It is prepared after its time.
    pub late: bool,
}

/// One recipient whom one message should reach now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Names the recipient of this message to [`Writer::mark_sent`] and [`Writer::mark_failed`].
    pub id: i64,
    pub recipient: String,
    /// How often it was tried already.
    pub attempts: u32,
    pub channel: String,
    pub audience: String,
    pub occurrence: Timestamp,
    pub enqueued: Timestamp,
    pub message_id: String,
    pub subject: String,
    pub late: bool,
    pub body: Vec<u8>,
}

/// The outbox in numbers of recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxSummary {
    pub pending: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Of every channel that has settled something, sorted.
    pub settled: Vec<Settled>,
}

/// How many recipients one channel has reached since the store began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub channel: String,
    pub sent: u64,
    /// Given up.
    pub undeliverable: u64,
}

/// A recipient whom messages of one channel have not reached yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub channel: String,
    pub recipient: String,
    pub messages: u64,
    /// The last failure in words; empty when nothing was tried yet.
    pub failure: String,
}

/// A recipient whom a message never reached, or from whom it was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pub channel: String,
    pub audience: String,
    pub occurrence: Timestamp,
    pub subject: String,
    pub recipient: String,
    pub at: Timestamp,
    /// The last failure, or why it was withdrawn, in words.
    pub failure: String,
}

impl Writer<'_> {
    /// Puts a message into the outbox; false when this occurrence was prepared before, and then nothing changes.
    pub fn enqueue(&mut self, message: &NewMessage, now: Timestamp) -> Result<bool, StoreError> {
        if !self.insert_occurrence(&message.channel, &message.audience, message.occurrence, None)? {
            return Ok(false);
        }
        let values = named_params! {
            ":channel": message.channel,
            ":audience": message.audience,
            ":occurrence_ms": message.occurrence.as_millisecond(),
            ":now_ms": now.as_millisecond(),
            ":message_id": message.message_id,
            ":subject": message.subject,
            ":late": message.late,
            ":body": message.body,
        };
        let id: i64 = self.connection.prepare_cached(INSERT_MESSAGE)?.query_row(values, |row| row.get(0))?;
        let mut insert = self.connection.prepare_cached(INSERT_RECIPIENT)?;
        for address in &message.recipients {
            insert.execute(named_params! { ":message_id": id, ":address": address, ":due_ms": now.as_millisecond() })?;
        }
        Ok(true)
    }

    /// Records that a scheduled output without mail was made; false when it was recorded before.
    pub fn record_occurrence(
        &mut self,
        channel: &str,
        audience: &str,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.insert_occurrence(channel, audience, occurrence, Some(now))
    }

    /// Keeps what a scheduled report said, with it, so that the next one can say what has changed.
    pub fn remember_told(
        &mut self,
        channel: &str,
        audience: &str,
        occurrence: Timestamp,
        told: &Previous,
    ) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(INSERT_TOLD)?;
        for (campaign, remaining) in &told.remaining {
            insert.execute(named_params! {
                ":channel": channel,
                ":audience": audience,
                ":occurrence_ms": occurrence.as_millisecond(),
                ":campaign": campaign,
                ":told_ms": told.sent_at.as_millisecond(),
                ":remaining": remaining,
                ":changes": stored(told.changes as u64),
            })?;
        }
        Ok(())
    }

    /// Begins a schedule: only what is due after `now` will be made. A schedule that has begun stays as it is, unless it begins
    /// in what is the future now: the clock was ahead.
    pub fn begin_schedule(&mut self, channel: &str, audience: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut last = self.connection.prepare_cached(FIND_LAST_OCCURRENCE)?;
        let values = named_params! { ":channel": channel, ":audience": audience, ":now_ms": now.as_millisecond() };
        let last: Option<Timestamp> = last.query_row(values, |row| optional_instant(row, 0))?;
        if last.is_none() {
            self.insert_occurrence(channel, audience, now, None)?;
        }
        Ok(())
    }

    /// Counts an attempt before it is made: what cannot be recorded is not sent, or it would be sent again and again.
    pub fn begin_attempt(&mut self, id: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached(BEGIN_ATTEMPT)?.execute(named_params! { ":id": id })?;
        Ok(())
    }

    /// Records that a message reached a recipient.
    pub fn mark_sent(&mut self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        if let Some(message_id) = self.settle(id, "sent", "", now)? {
            let values = named_params! { ":message_id": message_id, ":now_ms": now.as_millisecond() };
            self.connection.prepare_cached(MARK_OCCURRENCE_DONE)?.execute(values)?;
        }
        Ok(())
    }

    /// Records that a message did not reach a recipient, why, and when to try again; none gives the recipient up.
    pub fn mark_failed(&mut self, id: i64, now: Timestamp, retry_at: Option<Timestamp>, words: &str) -> Result<(), StoreError> {
        match retry_at {
            Some(at) => {
                let values = named_params! { ":id": id, ":retry_ms": at.as_millisecond(), ":failure": words };
                self.connection.prepare_cached(POSTPONE_RECIPIENT)?.execute(values)?;
            }
            None => {
                self.settle(id, "given_up", words, now)?;
            }
        }
        Ok(())
    }

    /// Lets all that waits for a recipient of a channel wait until an instant at least: they ask to be left alone.
    pub fn rest(&mut self, channel: &str, recipient: &str, until: Timestamp) -> Result<(), StoreError> {
        let values = named_params! { ":channel": channel, ":recipient": recipient, ":until_ms": until.as_millisecond() };
        self.connection.prepare_cached(REST_RECIPIENT)?.execute(values)?;
        Ok(())
    }

    /// Takes a message back from a recipient who is not to get it any more, and says why: no delivery that failed.
    pub fn withdraw(&mut self, id: i64, now: Timestamp, why: &str) -> Result<(), StoreError> {
        self.settle(id, "withdrawn", why, now)?;
        Ok(())
    }

    /// Has all that waits for another attempt tried at once.
    pub fn hurry(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.connection.prepare_cached(HURRY_RECIPIENTS)?.execute(named_params! { ":now_ms": now.as_millisecond() })?;
        Ok(())
    }

    /// Ends the wait of a recipient and returns its message, if it was still waiting.
    fn settle(&self, id: i64, state: &str, failure: &str, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let values = named_params! { ":id": id, ":state": state, ":failure": failure, ":now_ms": now.as_millisecond() };
        let mut settle = self.connection.prepare_cached(SETTLE_RECIPIENT)?;
        let message: Option<i64> = settle.query_row(values, |row| row.get(0)).optional()?;
        if let Some(message_id) = message {
            self.connection.prepare_cached(EMPTY_SETTLED_MESSAGE)?.execute(named_params! { ":message_id": message_id })?;
        }
        Ok(message)
    }

    fn insert_occurrence(
        &self,
        channel: &str,
        audience: &str,
        occurrence: Timestamp,
        done: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let written = self.connection.prepare_cached(INSERT_OCCURRENCE)?.execute(named_params! {
            ":channel": channel,
            ":audience": audience,
            ":occurrence_ms": occurrence.as_millisecond(),
            ":done_ms": ms(done),
        })?;
        Ok(written == 1)
    }
}

impl Reader {
    /// Whom which message of a channel should reach now, alarms first, then the longest due, at most `limit`.
    pub fn due_recipients(&self, channel: &str, now: Timestamp, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_DUE_RECIPIENTS)?;
        let now_ms = now.as_millisecond();
        let values = named_params! { ":channel": channel, ":now_ms": now_ms, ":ahead_ms": now_ms + MS_PER_DAY, ":limit": limit };
        let rows = statement.query_map(values, outgoing)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The audiences for which a message of a channel waits, sorted.
    pub fn waiting_audiences(&self, channel: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_WAITING_AUDIENCES)?;
        let rows = statement.query_map(named_params! { ":channel": channel }, |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The latest occurrence of the schedule that was prepared or recorded, of those that are not ahead of `now`.
    pub fn last_occurrence(&self, channel: &str, audience: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut statement = self.connection.prepare_cached(FIND_LAST_OCCURRENCE)?;
        let values = named_params! { ":channel": channel, ":audience": audience, ":now_ms": now.as_millisecond() };
        Ok(statement.query_row(values, |row| optional_instant(row, 0))?)
    }

    /// How often an output without messages was made. Of one with messages only those that reached somebody count.
    pub fn made(&self, channel: &str) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(COUNT_MADE_OCCURRENCES)?;
        Ok(statement.query_row(named_params! { ":channel": channel }, |row| count(row, 0))?)
    }

    /// When a delivery last reached its first recipient, or an output without mail was last made.
    pub fn last_sent(&self, channel: &str, audience: &str) -> Result<Option<Timestamp>, StoreError> {
        self.instant_of(FIND_LAST_DELIVERY, channel, audience)
    }

    fn instant_of(&self, query: &str, channel: &str, audience: &str) -> Result<Option<Timestamp>, StoreError> {
        let values = named_params! { ":channel": channel, ":audience": audience };
        Ok(self.connection.prepare_cached(query)?.query_row(values, |row| optional_instant(row, 0))?)
    }

    /// What the last report said that had really reached somebody of this audience by an instant.
    pub fn told(&self, channel: &str, audience: &str, until: Timestamp) -> Result<Option<Previous>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_TOLD)?;
        let mut rows =
            statement.query(named_params! { ":channel": channel, ":audience": audience, ":until_ms": until.as_millisecond() })?;
        let mut told: Option<Previous> = None;
        while let Some(row) = rows.next()? {
            let previous = told.get_or_insert_default();
            previous.sent_at = instant(row.get(0)?);
            previous.remaining.insert(row.get(1)?, row.get(2)?);
            previous.changes = usize::try_from(count(row, 3)?).unwrap_or(usize::MAX);
        }
        Ok(told)
    }

    /// How many recipients wait, were reached, were given up.
    pub fn outbox_summary(&self) -> Result<OutboxSummary, StoreError> {
        let mut pending = self.connection.prepare_cached(COUNT_PENDING_RECIPIENTS)?;
        let (pending, oldest) = pending.query_row([], |row| Ok((count(row, 0)?, optional_instant(row, 1)?)))?;
        let mut settled = self.connection.prepare_cached(LIST_SETTLED_TOTALS)?;
        let settled = settled
            .query_map([], |row| Ok(Settled { channel: row.get(0)?, sent: count(row, 1)?, undeliverable: count(row, 2)? }))?;
        Ok(OutboxSummary { pending, oldest, settled: settled.collect::<Result<_, _>>()? })
    }

    /// Who is waited for, at most `limit`.
    pub fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_WAITING)?;
        let rows = statement.query_map(named_params! { ":limit": limit }, |row| {
            Ok(Waiting { channel: row.get(0)?, recipient: row.get(1)?, messages: count(row, 2)?, failure: row.get(4)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many messages of a channel were tried and wait, and why; none when none does.
    pub fn held_up(&self, channel: &str) -> Result<Option<(u64, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached(FIND_HELD_UP)?;
        let found = |row: &rusqlite::Row<'_>| Ok((count(row, 0)?, row.get::<_, Option<String>>(2)?));
        let (messages, why) = statement.query_row(named_params! { ":channel": channel }, found)?;
        Ok(why.map(|why| (messages, why)))
    }

    /// Whom no message reached in a period: given up or withdrawn after `since` and by `until`, the newest first, at most `limit`.
    pub fn given_up(&self, since: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<GivenUp>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_GIVEN_UP)?;
        let values = named_params! {
            ":since_ms": since.as_millisecond(),
            ":until_ms": until.as_millisecond(),
            ":limit": limit,
        };
        let rows = statement.query_map(values, |row| {
            Ok(GivenUp {
                channel: row.get(0)?,
                audience: row.get(1)?,
                occurrence: instant(row.get(2)?),
                subject: row.get(3)?,
                recipient: row.get(4)?,
                at: instant(row.get(5)?),
                failure: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        id: row.get(0)?,
        recipient: row.get(1)?,
        attempts: row.get(2)?,
        channel: row.get(3)?,
        audience: row.get(4)?,
        occurrence: instant(row.get(5)?),
        enqueued: instant(row.get(6)?),
        message_id: row.get(7)?,
        subject: row.get(8)?,
        late: row.get(9)?,
        body: row.get(10)?,
    })
}
