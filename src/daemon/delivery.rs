//! Delivering: which report is due, making it once, and sending what waits in the outbox.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;

use super::{
    Engine, Judged,
    schedule::{Due, due},
};
use crate::{
    deliver::mail::{self, Attachment, Inline, Mail, Mailer},
    report::{Audience, Late, Letter},
    store::{NewMessage, Outgoing, StoreError},
};

/// The channel of mails in the store, and that of CSV packages.
const MAIL: &str = "mail";
const CSV: &str = "csv";

/// Pauses between the attempts to reach one recipient; after the last one the message waits no longer.
const RETRY_AFTER: [Duration; 10] = [
    Duration::from_secs(60),
    Duration::from_secs(2 * 60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(4 * 3_600),
    Duration::from_secs(8 * 3_600),
    Duration::from_secs(8 * 3_600),
];

/// Messages that one look at the outbox sends.
const SENT_AT_ONCE: u32 = 50;

/// What one `send` did.
#[derive(Debug, Default)]
pub struct Sent {
    pub subject: String,
    pub delivered: u64,
    pub waiting: Vec<String>,
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: delivered to {}, waiting for {}", self.subject, self.delivered, self.waiting.len())
    }
}

impl Engine {
    /// The report that is due for an audience; none when nobody would receive it.
    pub async fn due_report(&self, audience: Audience, now: Timestamp) -> anyhow::Result<Option<Due>> {
        let schedule = &self.options.schedule;
        let line = match audience {
            Audience::Security => &schedule.digest,
            Audience::Leadership => &schedule.brief,
        };
        let Some(line) = line else { return Ok(None) };
        if self.channels(audience).is_empty() {
            return Ok(None);
        }
        let channel = self.channels(audience)[0];
        let (since, done) = self.store.read(move |r| Ok((r.made_at()?, r.last_occurrence(channel, audience.as_str())?))).await?;
        Ok(due(line, &schedule.timezone, since, done, now))
    }

    /// The ways a report for this audience leaves; the first one stands for all of them in the store.
    fn channels(&self, audience: Audience) -> Vec<&'static str> {
        let mut channels = Vec::new();
        if !self.recipients(audience).is_empty() {
            channels.push(MAIL);
        }
        if audience == Audience::Security && self.options.csv.directory.is_some() {
            channels.push(CSV);
        }
        channels
    }

    fn recipients(&self, audience: Audience) -> Vec<String> {
        let recipients = self.options.email.iter().flat_map(|email| &email.recipients);
        recipients.filter(|(_, of)| *of == audience).map(|(address, _)| address.clone()).collect()
    }
}
