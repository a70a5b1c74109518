//! Telling programs: every change of status and every alarm as a message of its own, through the same outbox as mail.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::{
    Engine, Options,
    delivery::{SENT_AT_ONCE, Sent},
};
use crate::{
    deliver::webhook::{self, Hook},
    report::event::Event,
    store::{NewMessage, Outgoing},
};

/// The channel of what leaves as a webhook.
pub(super) const WEBHOOK: &str = "webhook";

/// A configured receiver.
pub struct Webhook {
    /// Names it in the outbox and to people, without what is secret of its address.
    pub(crate) label: String,
    pub(crate) url: Url,
    pub(crate) secret: SecretString,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Options {
    /// Events as the outbox keeps them until every webhook has taken them; none where there is no webhook.
    pub(super) fn event_messages(&self, events: Vec<Event>, at: Timestamp) -> Vec<NewMessage> {
        if self.webhooks.is_empty() {
            return Vec::new();
        }
        let message = |event: Event| NewMessage {
            channel: WEBHOOK.to_owned(),
            audience: format!("{} {} {}", event.kind, event.about, event.id),
            occurrence: at,
            message_id: event.id,
            subject: event.kind.to_owned(),
            body: event.body.into_bytes(),
            recipients: self.webhooks.iter().map(|hook| hook.label.clone()).collect(),
            late: false,
        };
        events.into_iter().map(message).collect()
    }

    pub(super) fn hook(&self, webhook: &Webhook) -> anyhow::Result<Hook> {
        let (url, secret, network) = (webhook.url.clone(), webhook.secret.clone(), self.network.clone());
        Hook::new(&webhook::Options { url, secret, network })
    }
}

impl Engine {
    /// Whether any program is told.
    pub fn has_webhooks(&self) -> bool {
        !self.options.webhooks.is_empty()
    }

    /// Tells programs what waits for them in the outbox and is due by then, as [`Engine::send_waiting`] does for people.
    pub async fn send_events(&self, due: Timestamp, now: Timestamp) -> anyhow::Result<Sent> {
        let waiting = self.store.read(move |r| r.due_recipients(WEBHOOK, due, SENT_AT_ONCE)).await?;
        let (mut resting, mut gone, mut sent) = (BTreeSet::new(), Vec::new(), Sent::default());
        for message in waiting {
            let Some(webhook) = self.options.webhooks.iter().find(|webhook| webhook.label == message.recipient) else {
                gone.push(message);
                continue;
            };
            // One that has just failed would fail the next message too, and keep the others waiting for that.
            if resting.contains(&webhook.label) {
                sent.waiting.push(format!("{}: {}", message.recipient, message.subject));
            } else if !self.send_event(webhook, &message, now, &mut sent).await? {
                resting.insert(&webhook.label);
            }
        }
        self.withdraw(gone, now).await?;
        Ok(Sent { what: "webhooks".to_owned(), ..sent })
    }

    /// Whether the message was taken.
    async fn send_event(&self, webhook: &Webhook, message: &Outgoing, now: Timestamp, sent: &mut Sent) -> anyhow::Result<bool> {
        let id = message.id;
        self.store.write(move |w| w.begin_attempt(id)).await?;
        let outcome = self.options.hook(webhook)?.send(&message.message_id, now, &message.body).await;
        Ok(self.settle(message, &message.recipient, outcome, now, sent).await?)
    }
}
