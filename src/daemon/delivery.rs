//! Delivering: which report is due, making it once, and sending what waits in the outbox.

use std::time::Duration;

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    Engine, Judged,
    notices::told,
    schedule::{Due, due, is_late},
};
use crate::{
    analysis::counted,
    deliver::mail::{self, Attachment, Inline, Mail, Mailer, SendError},
    report::{self, Audience, InlineImage, Late, Letter},
    store::{NOT_CONFIGURED, NewMessage, Outgoing, StoreError, Writer},
};

/// The channel of what leaves as a mail.
pub(super) const MAIL: &str = "mail";

/// The name under which trouble with mails that wait is told.
pub(super) const OUTBOX: &str = "outbox";

/// What leaves on schedule. Each has its own record in the store, so that one that fails keeps back no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Mail(Audience),
    /// The CSV package, with the digest.
    Package,
    /// The notices to owners.
    Notices,
}

impl Delivery {
    pub fn channel(&self) -> &'static str {
        match self {
            Self::Mail(_) | Self::Notices => MAIL,
            Self::Package => "csv",
        }
    }

    /// Who reads it; none where each reader has a document of their own.
    pub fn audience(&self) -> Option<&Audience> {
        match self {
            Self::Mail(audience) => Some(audience),
            Self::Package => Some(&Audience::Security),
            Self::Notices => None,
        }
    }

    /// The name of its schedule within the channel.
    pub(super) fn record(&self) -> String {
        self.audience().map_or_else(|| "owners".to_owned(), Audience::to_string)
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.channel(), self.record())
    }
}

/// Pauses between the attempts to reach one recipient; after the last one the message waits no longer.
const PAUSES: [Duration; 10] = [
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

/// Who asks to be left alone for longer is asked again all the same: what waits would be old.
const LONGEST_PAUSE: Duration = Duration::from_secs(8 * 3_600);

/// Messages that one look at the outbox sends.
pub(super) const SENT_AT_ONCE: u32 = 50;

/// A mail as it would go out.
#[derive(Debug)]
pub struct Preview {
    pub audience: Audience,
    pub recipients: Vec<String>,
    /// With its first recipient.
    pub mime: Vec<u8>,
}

/// What one `send` did.
#[derive(Debug, Default)]
pub struct Sent {
    pub what: String,
    pub delivered: u64,
    pub waiting: Vec<String>,
    /// Why it could be sent to nobody, if that is so: the configuration names no way.
    pub no_way: Option<String>,
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.no_way.is_some() {
            return f.write_str(&self.what);
        }
        write!(f, "{}: delivered to {}, not delivered to {}", self.what, self.delivered, self.waiting.len())
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
        let begin =
            move |w: &mut Writer<'_>| deliveries.into_iter().try_for_each(|d| w.begin_schedule(d.channel(), &d.record(), now));
        Ok(self.store.write(begin).await?)
    }

    /// When a delivery is due, if it is.
    pub async fn due(&self, delivery: &Delivery, now: Timestamp) -> anyhow::Result<Option<Due>> {
        let schedule = &self.options.schedule;
        let line = match delivery.audience() {
            Some(Audience::Security) => &schedule.digest,
            Some(Audience::Leadership) => &schedule.brief,
            Some(Audience::Owner(_)) | None => &schedule.notices,
        };
        let Some(line) = line else { return Ok(None) };
        let (channel, record) = (delivery.channel(), delivery.record());
        let Some(done) = self.store.read(move |r| r.last_occurrence(channel, &record, now)).await? else {
            // It has never begun, or begun by a clock that was ahead.
            self.begin_schedules(now).await?;
            return Ok(None);
        };
        Ok(due(line, &schedule.timezone, done, now))
    }

    /// Makes what is due, and says what was made: writes the CSV package, or puts mails into the outbox.
    pub async fn make(&self, delivery: &Delivery, judged: &Judged, due: Due, now: Timestamp) -> anyhow::Result<String> {
        match delivery {
            Delivery::Mail(audience) => {
                self.enqueue(audience, judged, due, now).await?;
                Ok("a mail was put into the outbox".to_owned())
            }
            Delivery::Notices => self.enqueue_notices(judged, due, now).await,
            Delivery::Package => {
                if let Some(directory) = &self.options.csv.directory {
                    judged.write_package(directory, self.options.csv.keep_days).context("the CSV package")?;
                }
                self.note_as_told(delivery, judged, due.occurrence, now).await?;
                Ok("the CSV package was written".to_owned())
            }
        }
    }

    /// Records the digest of a judgement as one that was read, without sending it: for a demonstration of the next one.
    pub async fn note_as_sent(&self, judged: &Judged, now: Timestamp) -> anyhow::Result<()> {
        self.note_as_told(&Delivery::Package, judged, now, now).await
    }

    async fn note_as_told(
        &self,
        delivery: &Delivery,
        judged: &Judged,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let (channel, record, told) = (delivery.channel(), delivery.record(), judged.told.clone());
        let note = move |w: &mut Writer<'_>| {
            w.record_occurrence(channel, &record, occurrence, now)?;
            w.remember_told(channel, &record, occurrence, &told)
        };
        Ok(self.store.write(note).await?)
    }

    async fn enqueue(&self, audience: &Audience, judged: &Judged, due: Due, now: Timestamp) -> anyhow::Result<()> {
        let message = self.message(audience, judged, due)?;
        let told = match audience {
            Audience::Owner(owner) => told(judged, owner),
            Audience::Security | Audience::Leadership => judged.told.clone(),
        };
        let write = move |w: &mut Writer<'_>| {
            w.enqueue(&message, now)?;
            w.remember_told(&message.channel, &message.audience, message.occurrence, &told)
        };
        Ok(self.store.write(write).await?)
    }

    /// The report of an audience as the outbox keeps it.
    pub(super) fn message(&self, audience: &Audience, judged: &Judged, due: Due) -> anyhow::Result<NewMessage> {
        let letter = judged.letter(audience);
        let mail = self.mail(&letter, &name_of(audience, due.occurrence), due.occurrence);
        Ok(NewMessage {
            channel: MAIL.to_owned(),
            audience: audience.to_string(),
            occurrence: due.occurrence,
            message_id: mail.message_id.clone(),
            subject: letter.subject,
            body: mail::compose(&mail)?,
            recipients: self.options.recipients(audience),
            late: due.late,
        })
    }

    /// A letter as a mail; `name` tells it from all others.
    pub(super) fn mail(&self, letter: &Letter, name: &str, date: Timestamp) -> Mail {
        let from = self.options.email.as_ref().map_or(DEMO_SENDER, |email| email.from.as_str());
        let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
        Mail {
            from: from.to_owned(),
            contact: self.options.contact().to_owned(),
            message_id: format!("duskwatch.{}@{domain}", self.options.named_here(name)),
            list_id: format!("{}.{domain}", letter.list_id),
            date,
            text: letter.text.clone(),
            html: letter.html.clone(),
            inline: letter.images.iter().map(inline).collect(),
            attachments: letter.attachments.iter().map(attachment).collect(),
        }
    }

    /// The mails as they would go out: to one audience, or all that are sent on schedule.
    pub async fn preview(&self, audience: Option<&Audience>, now: Timestamp) -> anyhow::Result<Vec<Preview>> {
        let judged = self.view(now).await?;
        let mut audiences: Vec<Audience> = audience.map_or_else(|| Audience::WHOLE.to_vec(), |one| vec![one.clone()]);
        if audience.is_none() && self.deliveries().contains(&Delivery::Notices) {
            audiences.extend(self.owners_to_tell(&judged).await?.into_iter().map(Audience::Owner));
        }
        let preview = |audience: &Audience| {
            let mime = self.compose(audience, &judged, now)?;
            Ok(Preview { audience: audience.clone(), recipients: self.options.recipients(audience), mime })
        };
        audiences.iter().map(preview).collect()
    }

    /// The mail of a judgement to an audience as its first recipient gets it.
    pub fn compose(&self, audience: &Audience, judged: &Judged, now: Timestamp) -> anyhow::Result<Vec<u8>> {
        let letter = judged.letter(audience);
        let mime = mail::compose(&self.mail(&letter, &name_of(audience, now), now))?;
        let recipients = self.options.recipients(audience);
        let stand_in = || format!("{}@example.test", reader_label(audience));
        let to = recipients.first().map_or_else(stand_in, Clone::clone);
        mail::addressed(&to, &letter.subject, &mime).map_err(anyhow::Error::msg)
    }

    /// Makes and sends now what an audience receives, or else all that is sent on schedule.
    pub async fn send_now(&self, audience: Option<&Audience>, now: Timestamp) -> anyhow::Result<Vec<Sent>> {
        let mut sent = Vec::new();
        let audiences: Vec<&Audience> = audience.map_or_else(|| Audience::WHOLE.iter().collect(), |one| vec![one]);
        for audience in audiences {
            let wanted = match audience {
                // Whoever asks for one notice gets it, whenever the last one left.
                Audience::Owner(_) if self.can_be_written_to(audience) => vec![Delivery::Mail(audience.clone())],
                _ => self.deliveries().into_iter().filter(|delivery| delivery.audience() == Some(audience)).collect(),
            };
            // A package reaches nobody by itself.
            let no_way = (!wanted.iter().any(|delivery| delivery.channel() == MAIL)).then(|| self.no_way_to(audience));
            if !wanted.is_empty() {
                sent.push(self.send(audience.to_string(), wanted, now).await?);
            }
            sent.extend(no_way);
        }
        if audience.is_none() && self.deliveries().contains(&Delivery::Notices) {
            sent.push(self.send("owners".to_owned(), vec![Delivery::Notices], now).await?);
        }
        Ok(sent)
    }

    fn can_be_written_to(&self, audience: &Audience) -> bool {
        self.options.email.is_some() && !self.options.recipients(audience).is_empty()
    }

    /// What is said where no mail is configured to leave for an audience.
    fn no_way_to(&self, audience: &Audience) -> Sent {
        let others = Audience::WHOLE.iter().any(|audience| !self.options.recipients(audience).is_empty());
        let why = match audience {
            _ if self.options.email.is_none() => "no mail server is configured: set [email] server".to_owned(),
            Audience::Owner(_) => "no address of it is configured: give its [[owner]] an email".to_owned(),
            _ if others => format!("no [[email.recipient]] has audience = \"{audience}\""),
            Audience::Security | Audience::Leadership => "no recipient is configured: add an [[email.recipient]]".to_owned(),
        };
        let no_way = format!("{audience}: nobody receives this report, since {why}");
        Sent { what: no_way.clone(), no_way: Some(no_way), ..Sent::default() }
    }

    async fn send(&self, name: String, wanted: Vec<Delivery>, now: Timestamp) -> anyhow::Result<Sent> {
        let judged = self.judge(now).await?;
        let due = Due { occurrence: now, first: now, count: 1, late: false };
        let (mut made, mut unmade) = (Vec::new(), Vec::new());
        for delivery in wanted {
            match self.make(&delivery, &judged, due, now).await {
                Ok(words) => made.push(words),
                Err(error) => unmade.push(format!("{error:#}")),
            }
        }
        // Whoever asks by hand does not wait for the pause after a failed attempt.
        let mut sent = self.send_due_by(Timestamp::MAX, now).await?;
        sent.waiting.extend(unmade);
        sent.what = format!("{name}: {}", made.join("; "));
        Ok(sent)
    }

    /// Sends what waits in the outbox and is due.
    pub async fn send_waiting(&self, now: Timestamp) -> anyhow::Result<Sent> {
        self.send_due_by(now, now).await
    }

    async fn send_due_by(&self, due: Timestamp, now: Timestamp) -> anyhow::Result<Sent> {
        let waiting = self.store.read(move |r| r.due_recipients(MAIL, due, SENT_AT_ONCE)).await?;
        let reaches = |message: &Outgoing| self.options.is_recipient(&message.audience, &message.recipient);
        let (waiting, gone): (Vec<_>, Vec<_>) = waiting.into_iter().partition(reaches);
        self.withdraw(gone, now).await?;
        let mut sent = Sent::default();
        if waiting.is_empty() {
            return Ok(sent);
        }
        let Some((mailer, from)) = self.mailer()? else { return Ok(sent) };
        let mut waiting = waiting.into_iter();
        for message in waiting.by_ref() {
            if self.send_one(&mailer, from, message, now, &mut sent).await? {
                break;
            }
        }
        // Each would wait as long, and what leaves for programs waits behind them.
        sent.waiting
            .extend(waiting.map(|message| format!("{}: not tried, since the mail server does not answer", message.recipient)));
        Ok(sent)
    }

    /// The way to the mail server, and who writes; none where no mail is configured.
    pub(super) fn mailer(&self) -> anyhow::Result<Option<(Mailer, &str)>> {
        let Some(email) = &self.options.email else { return Ok(None) };
        let mailer = Mailer::new(&email.mail_options(self.options.network.ca_pem()?))?;
        Ok(Some((mailer, email.from.as_str())))
    }

    /// Whether the server did not answer.
    async fn send_one(
        &self,
        mailer: &Mailer,
        from: &str,
        message: Outgoing,
        now: Timestamp,
        sent: &mut Sent,
    ) -> anyhow::Result<bool> {
        let id = message.id;
        self.store.write(move |w| w.begin_attempt(id)).await?;
        let begun = Instant::now();
        let subject = self.subject(&message, now);
        let outcome = match mail::addressed(&message.recipient, &subject, &message.body) {
            Ok(mime) => mailer.send(from, &message.recipient, &mime).await,
            Err(words) => Err(SendError::for_good(words)),
        };
        let unanswered = outcome.as_ref().is_err_and(|error| error.unanswered);
        self.settle(&message, &mailer.server(), outcome, now.checked_add(begun.elapsed()).unwrap_or(now), sent).await?;
        Ok(unanswered)
    }

    /// Records what became of one message to one recipient, and says whether it was taken. `by` names the way that it went:
    /// recipients may be people, whom the log does not name.
    pub(super) async fn settle(
        &self,
        message: &Outgoing,
        by: &str,
        outcome: Result<(), SendError>,
        now: Timestamp,
        sent: &mut Sent,
    ) -> Result<bool, StoreError> {
        let (id, channel, message_id) = (message.id, message.channel.as_str(), message.message_id.as_str());
        let Err(error) = outcome else {
            tracing::info!(channel, by, message_id, "a message was delivered");
            sent.delivered += 1;
            self.store.write(move |w| w.mark_sent(id, now)).await?;
            return Ok(true);
        };
        let rests_until = error.pause.and_then(|pause| now.checked_add(pause.min(LONGEST_PAUSE)).ok());
        let retry_at = if error.permanent { None } else { retry_at(message.attempts, now) };
        let retry_at = retry_at.map(|at| rests_until.map_or(at, |until| until.max(at)));
        let next_try = retry_at.map_or_else(|| "never: the message is given up".to_owned(), |at| at.to_string());
        let attempt = message.attempts + 1;
        tracing::warn!(channel, by, message_id, attempt, next_try, %error, "a message was not delivered");
        sent.waiting.push(format!("{}: {error}", message.recipient));
        let (channel, recipient) = (message.channel.clone(), message.recipient.clone());
        let note = move |w: &mut Writer<'_>| {
            w.mark_failed(id, now, retry_at, &error.words)?;
            rests_until.map_or(Ok(()), |until| w.rest(&channel, &recipient, until))
        };
        self.store.write(note).await?;
        Ok(false)
    }
}

impl Engine {
    /// Withdraws what waits for whom, or for what, the configuration no longer names: nobody was to get it.
    pub(super) async fn withdraw(&self, waiting: Vec<Outgoing>, now: Timestamp) -> Result<(), StoreError> {
        if waiting.is_empty() {
            return Ok(());
        }
        for Outgoing { channel, message_id, .. } in &waiting {
            tracing::info!(channel, message_id, why = NOT_CONFIGURED, "a message was withdrawn");
        }
        let withdraw =
            move |w: &mut Writer<'_>| waiting.iter().try_for_each(|message| w.withdraw(message.id, now, NOT_CONFIGURED));
        self.store.write(withdraw).await
    }

    /// Takes note of how sending what waits of a channel went. A part whose messages were tried and still wait fails until they
    /// have left, or are given up or withdrawn, which the digest tells.
    pub(super) async fn note_sent(&self, part: &str, channel: &'static str, sent: anyhow::Result<Sent>, now: Timestamp) {
        let held_up = match sent {
            Ok(_) => self.held_up(channel).await.map_err(anyhow::Error::from),
            Err(error) => Err(error),
        };
        match held_up {
            Ok(Some(why)) => {
                self.note_store(part, None, now);
                self.note_failed(part, &why, false, now)
            }
            Ok(None) => self.note_well(part, now),
            // What waited for nobody was not withdrawn. Others tell of a store that fails.
            Err(_) if self.lacks(part) => return,
            Err(error) => self.note_error(part, &error, now),
        };
    }

    /// Why messages of a channel wait that were tried, if any do. Whom they wait for may be people, whom it does not name.
    async fn held_up(&self, channel: &'static str) -> Result<Option<String>, StoreError> {
        let held_up = self.store.read(move |r| r.held_up(channel)).await?;
        Ok(held_up.map(|(messages, why)| format!("{} to be sent: {why}", counted(messages, "message waits", "messages wait"))))
    }

    /// The subject of a copy that leaves now: one that leaves late says since when it was due.
    fn subject(&self, message: &Outgoing, now: Timestamp) -> String {
        if !message.late && !is_late(message.occurrence, now) {
            return message.subject.clone();
        }
        let due = message.occurrence.to_zoned(self.options.schedule.timezone.clone());
        format!("{} (late: due {})", message.subject, due.strftime("%-d %b %H:%M %Z"))
    }
}

/// Tells the report of an audience and an instant from all others.
fn name_of(audience: &Audience, occurrence: Timestamp) -> String {
    format!("{}.{}", reader_label(audience), occurrence.as_second())
}

/// Names the reader in identifiers, where an owner's own name may not stand.
fn reader_label(audience: &Audience) -> String {
    match audience {
        Audience::Owner(name) => format!("owner-{}", &HEXLOWER.encode(&Sha256::digest(name))[..12]),
        Audience::Security | Audience::Leadership => audience.to_string(),
    }
}

/// When a message is tried again that was tried so often before; none when it is given up.
fn retry_at(attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let pause = PAUSES.get(usize::try_from(attempts).unwrap_or(usize::MAX))?;
    now.checked_add(*pause).ok()
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
