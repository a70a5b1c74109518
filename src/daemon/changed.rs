//! Changes of status on their way to a SIEM: each leaves once, as an event over OTLP. They wait in the outbox, written in the
//! transaction that recorded them, so a collector that is away for less than a day misses none.

use jiff::Timestamp;

use super::{
    Engine,
    delivery::{SENT_AT_ONCE, Sent},
};
use crate::{
    deliver::otel::{self, Event, Exporter},
    report::document::ChangeRow,
    store::{NewMessage, OTLP},
};

/// The name that such an event goes by.
const CHANGED: &str = "duskwatch.integration.changed";
pub(super) const CHANGES: &str = OTLP;
const COLLECTOR: &str = "collector";

/// Events of one message: a first judgement finds thousands.
const AT_ONCE: usize = 500;

/// The messages that tell of changes.
pub(super) fn messages(service: &otel::Service, changes: &[ChangeRow], now: Timestamp) -> Vec<NewMessage> {
    // Two judgements may be of one instant. A message is known by it and by the number of its first change, which no other has.
    let message = |batch: &[ChangeRow]| {
        let events: Vec<Event> = batch.iter().map(|change| event(change, now)).collect();
        let first = batch.first().map_or(0, |change| change.number);
        NewMessage {
            channel: CHANGES.to_owned(),
            audience: format!("changes from {first} on"),
            occurrence: now,
            message_id: format!("{CHANGED}.{}.{first}", now.as_millisecond()),
            subject: format!("{} changes of status", batch.len()),
            body: otel::encode(service, &events),
            recipients: vec![COLLECTOR.to_owned()],
            late: false,
        }
    };
    changes.chunks(AT_ONCE).map(message).collect()
}

/// The columns of `changes.csv`; a status that was not there before, or is not any more, is left out.
fn event(change: &ChangeRow, now: Timestamp) -> Event {
    let mut attributes = vec![
        ("date", change.date.to_string()),
        ("campaign", change.campaign.clone()),
        ("integration", change.integration.clone()),
        ("cause", change.cause.to_string()),
        ("reason", change.reason.clone()),
    ];
    attributes.extend(change.from.map(|status| ("from", status.to_string())));
    attributes.extend(change.to.map(|status| ("to", status.to_string())));
    let status =
        |status: Option<crate::evidence::Status>| status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
    let body = format!("{}: {} to {} ({})", change.integration, status(change.from), status(change.to), change.cause);
    Event { name: CHANGED, at: now, body, attributes }
}

impl Engine {
    /// Sends the changes that wait, the oldest first, until one is not taken; where no collector is configured any more, they are
    /// withdrawn.
    pub async fn send_changes(&self, exporter: Option<&Exporter>, now: Timestamp) -> anyhow::Result<Sent> {
        let waiting = self.store.read(move |r| r.due_recipients(CHANGES, now, SENT_AT_ONCE)).await?;
        let mut sent = Sent::default();
        let Some(exporter) = exporter else {
            self.withdraw(waiting, now).await?;
            return Ok(sent);
        };
        for message in waiting {
            let id = message.id;
            self.store.write(move |w| w.begin_attempt(id)).await?;
            let outcome = exporter.send(&message.body).await;
            if !self.settle(&message, COLLECTOR, outcome, now, &mut sent).await? {
                break;
            }
        }
        Ok(sent)
    }
}
