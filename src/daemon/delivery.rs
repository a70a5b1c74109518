//! Delivering: which report is due, making it once, and sending what waits in the outbox.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;

use super::{
    Engine, Judged,
    schedule::{Due, due},
};
use crate::{
    deliver::mail::{self, Attachment, Inline, Mail, Mailer, SendError},
    report::{self, Audience, InlineImage, Late, Letter},
    store::{NewMessage, Outgoing, Writer},
};

/// The channel of what leaves as a mail.
pub(super) const MAIL: &str = "mail";

/// What leaves on schedule. Each has its own record in the store, so that one that fails keeps back no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Mail(Audience),
    /// The CSV package, with the digest.
    Package,
}

impl Delivery {
    pub fn channel(self) -> &'static str {
        match self {
            Self::Mail(_) => MAIL,
            Self::Package => "csv",
        }
    }

    pub fn audience(self) -> Audience {
        match self {
            Self::Mail(audience) => audience,
            Self::Package => Audience::Security,
        }
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.channel(), self.audience())
    }
}

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

impl Sent {
    /// What did not arrive, if anything.
    pub fn problem(&self) -> Option<String> {
        (!self.waiting.is_empty()).then(|| self.waiting.join("; "))
    }
}

impl Engine {
    /// What is configured to leave.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.options.deliveries()
    }

    /// Begins the schedules of a service that runs for the first time: what was due before was nobody's.
    pub async fn begin_schedules(&self, now: Timestamp) -> anyhow::Result<()> {
        let deliveries = self.deliveries();
        let begin = move |w: &mut Writer<'_>| {
            deliveries.into_iter().try_for_each(|d| w.begin_schedule(d.channel(), d.audience().as_str(), now))
        };
        Ok(self.store.write(begin).await?)
    }

    /// When a delivery is due, if it is.
    pub async fn due(&self, delivery: Delivery, now: Timestamp) -> anyhow::Result<Option<Due>> {
        let schedule = &self.options.schedule;
        let line = match delivery.audience() {
            Audience::Security => &schedule.digest,
            Audience::Leadership => &schedule.brief,
        };
        let Some(line) = line else { return Ok(None) };
        let done = self.store.read(move |r| r.last_occurrence(delivery.channel(), delivery.audience().as_str())).await?;
        Ok(due(line, &schedule.timezone, done.unwrap_or(now), now))
    }

    /// Makes what is due: writes the CSV package, or puts the mail into the outbox.
    pub async fn make(&self, delivery: Delivery, judged: &Judged, due: Due, now: Timestamp) -> anyhow::Result<()> {
        match delivery {
            Delivery::Mail(audience) => self.enqueue(audience, judged, due, now).await,
            Delivery::Package => {
                if let Some(directory) = &self.options.csv.directory {
                    judged.write_package(directory, self.options.csv.keep_days).context("the CSV package")?;
                }
                self.note_as_told(Delivery::Package, judged, due.occurrence, now).await
            }
        }
    }

    /// Records the digest of a judgement as one that was read, without sending it: for a demonstration of the next one.
    pub async fn note_as_sent(&self, judged: &Judged, now: Timestamp) -> anyhow::Result<()> {
        self.note_as_told(Delivery::Package, judged, now, now).await
    }

    async fn note_as_told(
        &self,
        delivery: Delivery,
        judged: &Judged,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let told = judged.told.clone();
        let note = move |w: &mut Writer<'_>| {
            w.record_occurrence(delivery.channel(), delivery.audience().as_str(), occurrence, now)?;
            w.remember_told(delivery.channel(), delivery.audience().as_str(), occurrence, &told)
        };
        Ok(self.store.write(note).await?)
    }

    async fn enqueue(&self, audience: Audience, judged: &Judged, due: Due, now: Timestamp) -> anyhow::Result<()> {
        let mail = self.mail(&judged.letter(audience), due.occurrence);
        let message = NewMessage {
            channel: Delivery::Mail(audience).channel().to_owned(),
            audience: audience.as_str().to_owned(),
            occurrence: due.occurrence,
            message_id: mail.message_id.clone(),
            subject: mail.subject.clone(),
            body: mail::compose(&mail)?,
            recipients: self.options.recipients(audience),
            late: due.late,
        };
        let told = judged.told.clone();
        let write = move |w: &mut Writer<'_>| {
            w.enqueue(&message, now)?;
            w.remember_told(&message.channel, &message.audience, message.occurrence, &told)
        };
        Ok(self.store.write(write).await?)
    }

    fn mail(&self, letter: &Letter, occurrence: Timestamp) -> Mail {
        let from = self.options.email.as_ref().map_or(DEMO_SENDER, |email| email.from.as_str());
        let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
        let (seconds, audience) = (occurrence.as_second(), letter.audience.as_str());
        Mail {
            from: from.to_owned(),
            subject: letter.subject.clone(),
            message_id: format!("duskwatch.{audience}.{seconds}@{domain}"),
            list_id: format!("{}.{domain}", letter.list_id),
            date: occurrence,
            text: letter.text.clone(),
            html: letter.html.clone(),
            inline: letter.images.iter().map(inline).collect(),
            attachments: letter.attachments.iter().map(attachment).collect(),
        }
    }

    /// The mail as it would go out, with its first recipient.
    pub async fn preview(&self, audience: Audience, now: Timestamp) -> anyhow::Result<Vec<u8>> {
        self.compose(audience, &self.view(now).await?, now)
    }

    /// As [`Engine::preview`], of a judgement that was made.
    pub fn compose(&self, audience: Audience, judged: &Judged, now: Timestamp) -> anyhow::Result<Vec<u8>> {
        let mime = mail::compose(&self.mail(&judged.letter(audience), now))?;
        let recipients = self.options.recipients(audience);
        let to = recipients.first().map_or_else(|| format!("{audience}@example.test"), Clone::clone);
        mail::addressed(&to, &mime).map_err(anyhow::Error::msg)
    }

    /// Makes the report of an audience now and sends it.
    pub async fn send_now(&self, audience: Audience, now: Timestamp) -> anyhow::Result<Sent> {
        let deliveries = self.deliveries();
        let wanted: Vec<Delivery> = deliveries.into_iter().filter(|delivery| delivery.audience() == audience).collect();
        if wanted.is_empty() {
            return Ok(Sent { subject: format!("{audience}: nobody receives this report"), ..Sent::default() });
        }
        let mailed = wanted.contains(&Delivery::Mail(audience));
        let judged = self.judge(now).await?;
        let due = Due { occurrence: now, first: now, count: 1, late: false };
        let mut unmade = Vec::new();
        for delivery in wanted {
            unmade.extend(self.make(delivery, &judged, due, now).await.err().map(|error| format!("{error:#}")));
        }
        // Whoever asks by hand does not wait for the pause after a failed attempt.
        let mut sent = self.send_due_by(Timestamp::MAX, now).await?;
        sent.waiting.extend(unmade);
        sent.subject =
            if mailed { judged.letter(audience).subject } else { "the CSV package is written; no mail is configured".to_owned() };
        Ok(sent)
    }

    /// Sends what waits in the outbox and is due.
    pub async fn send_waiting(&self, now: Timestamp) -> anyhow::Result<Sent> {
        self.send_due_by(now, now).await
    }

    async fn send_due_by(&self, due: Timestamp, now: Timestamp) -> anyhow::Result<Sent> {
        let mut sent = Sent::default();
        let Some(email) = &self.options.email else { return Ok(sent) };
        let waiting = self.store.read(move |r| r.due_recipients(MAIL, due, SENT_AT_ONCE)).await?;
        if waiting.is_empty() {
            return Ok(sent);
        }
        let mailer = Mailer::new(&email.mail_options(self.options.network.ca_pem()?))?;
        for message in waiting {
            self.send_one(&mailer, &email.from, message, now, &mut sent).await?;
        }
        Ok(sent)
    }

    async fn send_one(
        &self,
        mailer: &Mailer,
        from: &str,
        message: Outgoing,
        now: Timestamp,
        sent: &mut Sent,
    ) -> anyhow::Result<()> {
        let id = message.id;
        let failure = match mail::addressed(&message.recipient, &message.body) {
            Ok(mime) => mailer.send(from, &message.recipient, &mime).await.err(),
            Err(words) => Some(SendError { permanent: true, words }),
        };
        let server = mailer.server();
        let Some(error) = failure else {
            tracing::info!(server, message_id = message.message_id, "a mail was delivered");
            sent.delivered += 1;
            return Ok(self.store.write(move |w| w.mark_sent(id, now)).await?);
        };
        let attempt = usize::try_from(message.attempts).unwrap_or(usize::MAX);
        let retry_at = RETRY_AFTER.get(attempt).filter(|_| !error.permanent).and_then(|pause| now.checked_add(*pause).ok());
        let next_try = retry_at.map_or_else(|| "never: the message is given up".to_owned(), |at| at.to_string());
        tracing::warn!(server, message_id = message.message_id, attempt = attempt + 1, next_try, %error, "a mail was not delivered");
        sent.waiting.push(format!("{}: {error}", message.recipient));
        Ok(self.store.write(move |w| w.mark_failed(id, now, retry_at, &error.words)).await?)
    }
}

/// Stands in a preview where no mail is configured.
const DEMO_SENDER: &str = "Duskwatch <duskwatch@example.test>";

fn inline(image: &InlineImage) -> Inline {
    Inline { content_id: image.content_id.clone(), mime: "image/png".to_owned(), bytes: image.png.clone() }
}

fn attachment(file: &report::Attachment) -> Attachment {
    Attachment { name: file.name.clone(), mime: file.mime.to_owned(), bytes: file.bytes.clone() }
}

/// A report that stands for missed ones says so.
pub fn late(due: &Due) -> Option<Late> {
    due.late.then_some(Late { due: due.first, missed: due.count })
}
