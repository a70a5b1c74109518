//! Alarms: noticing what is wrong, telling it once, and telling its end.
//!
//! What went out stands in the store, so that neither a restart nor the next round tells it again. What cannot be known at the
//! moment, such as how a source fares that was not read since the start, leaves an alarm as it is. The store's own trouble
//! cannot be recorded: it is told straight away, once a day, under a name that makes a repeat recognisable.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    Engine,
    delivery::MAIL,
    freshness::{self, Budgets, older_than, stale_after},
    schedule::{SteadyClock, interval_due},
    trouble::STORE,
};
use crate::{
    deliver::mail,
    evidence::{Day, exchange},
    report::{Alarm, AlarmKind, AlarmNews, Audience, SourceLine, alarm, event},
    store::{MailState, NewMessage, Reader, StoreError, Writer},
};

/// The audience of alarms in the outbox; their readers are those of the digest.
const ALARMS: &str = "alarms";

/// A report that has waited for so long is as good as undeliverable to whoever waits for it.
const WAITED_MS: i64 = 3_600_000;

/// How one thing stands that an alarm may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    kind: AlarmKind,
    about: String,
    /// Since when it is wrong, and why; none while it is well.
    wrong: Option<(Timestamp, String)>,
}

/// What is news: what is wrong and was not told, and what was told and is over.
fn news(open: &[Alarm], standings: &[Standing], now: Timestamp) -> Vec<AlarmNews> {
    let told = |s: &Standing| open.iter().find(|alarm| (alarm.kind, &alarm.about) == (s.kind, &s.about));
    let of = |s: &Standing| match (told(s), &s.wrong) {
        (None, Some((since, reason))) => {
            let alarm = Alarm { kind: s.kind, about: s.about.clone(), since: *since, reason: reason.clone() };
            Some(AlarmNews { alarm, until: None })
        }
        (Some(alarm), None) => Some(AlarmNews { alarm: alarm.clone(), until: Some(now) }),
        (Some(_), Some(_)) | (None, None) => None,
    };
    standings.iter().filter_map(of).collect()
}

/// How a source stands; none while that cannot be known. `waits` says that somebody has to act, `since` from when on it
/// could have been read.
fn source(line: &SourceLine, waits: bool, limit: Duration, since: Timestamp, now: Timestamp) -> Option<Standing> {
    // Files of another instance are taken in whether the service runs or not, and by the clock of that one.
    let handed_over = exchange::instance_of(&line.name).is_some();
    // What lies further ahead than clocks differ was noted by one that was set back since then, and says nothing.
    let success = line.last_success.filter(|at| handed_over || at.duration_since(now) <= SteadyClock::TOLERANCE);
    let is_old = |at| older_than(at, limit, now);
    let old = is_old(success.map_or(since, |success| if handed_over { success } else { success.max(since) }));
    let standing = |wrong| Some(Standing { kind: AlarmKind::SourceDown, about: line.name.clone(), wrong });
    let wrong = |why| standing(Some((success.unwrap_or(since).min(now), why)));
    match line.failed_last() {
        Some((_, why)) if waits || old => wrong(why.clone()),
        None if old && handed_over => wrong(no_file(success)),
        None if old => wrong(NO_ROUND.to_owned()),
        None if success.is_some_and(|at| !is_old(at)) => standing(None),
        Some(_) | None => None,
    }
}

const NO_ROUND: &str = "no round of it has ended for long";

fn no_file(newest: Option<Timestamp>) -> String {
    let since = newest.map_or_else(|| "no file of it ever came".to_owned(), |at| format!("its newest file was written at {at}"));
    format!("{since}: look at its timer, at the way that files take, and at the import here")
}

/// How the mail to an audience stands; none while it is on its way, or before the first.
fn report(audience: &Audience, state: Option<&MailState>, now: Timestamp) -> Option<Standing> {
    let state = state?;
    let standing = |wrong| Some(Standing { kind: AlarmKind::Undeliverable, about: audience.to_string(), wrong });
    let wrong = |why| standing(Some((state.enqueued, why)));
    let waits_for_long = now.as_millisecond() - state.enqueued.as_millisecond() > WAITED_MS;
    if state.given_up > 0 {
        wrong(format!("given up for {} of {} recipients: {}", state.given_up, state.recipients, state.failure))
    } else if state.pending > 0 && waits_for_long {
        wrong(format!("{} of {} recipients wait since {}: {}", state.pending, state.recipients, state.enqueued, state.failure))
    } else if state.pending == 0 {
        standing(None)
    } else {
        None
    }
}

/// What was told of things that are no longer there is over: an integration that is not back any more, a source that was taken
/// out of the configuration.
fn gone(open: &[Alarm], standings: &[Standing], sources: &BTreeSet<String>) -> Vec<Standing> {
    let is_gone = |alarm: &&Alarm| match alarm.kind {
        AlarmKind::Returned => !standings.iter().any(|s| (s.kind, &s.about) == (alarm.kind, &alarm.about)),
        AlarmKind::SourceDown => !sources.contains(&alarm.about),
        AlarmKind::Undeliverable | AlarmKind::StoreFailing => false,
    };
    open.iter().filter(is_gone).map(|alarm| Standing { kind: alarm.kind, about: alarm.about.clone(), wrong: None }).collect()
}

/// The store's trouble, as far as it was told.
#[derive(Clone, Debug, Default)]
pub struct StoreAlarm {
    /// The day that it was told for, and whom it reached.
    day: Option<Day>,
    reached: BTreeSet<String>,
    /// So many times it was over on that day.
    ended: u32,
    /// Since when it lasts; none while there is none, or none was told.
    told: Option<Alarm>,
    tried: Option<Timestamp>,
}

/// Pause between two attempts to tell the store's trouble to those whom it did not reach.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(5 * 60);

impl StoreAlarm {
    /// What the alarm is known by: the same when it is repeated, another one when it was over in between.
    fn name(&self, day: Day) -> String {
        if self.ended == 0 { format!("store.{day}") } else { format!("store.{day}.{}", self.ended + 1) }
    }

    /// Whether it is time to tell it.
    fn is_due(&self, now: Timestamp) -> bool {
        self.day != Some(Day::of(now)) || interval_due(self.tried, TRIED_AGAIN_AFTER, now)
    }
}

impl Engine {
    /// Tells what is newly wrong and what is over, as far as it can be known now: `returned` by the last judgement, sources since
    /// they could be read, mail by the outbox, and the store by what it last did.
    pub async fn raise_alarms(
        &self,
        returned: Option<&[Alarm]>,
        store: &mut StoreAlarm,
        reads_since: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let (open, mut standings) = self.standings(reads_since, now).await?;
        if let Some(returned) = returned {
            let back = |alarm: &Alarm| Standing {
                kind: alarm.kind,
                about: alarm.about.clone(),
                wrong: Some((now, alarm.reason.clone())),
            };
            standings.extend(returned.iter().map(back));
            let sources: BTreeSet<String> =
                self.options.source_names().into_iter().chain(self.options.exchanged_names()).collect();
            standings.extend(gone(&open, &standings, &sources));
        }
        let mut news = news(&open, &standings, now);
        let recovered = store.told.clone().filter(|_| self.store_trouble().is_none());
        news.extend(recovered.map(|alarm| AlarmNews { alarm, until: Some(now) }));
        if news.is_empty() {
            return Ok(());
        }
        let messages = self.alarm_messages(&news, now)?;
        let told = news.clone();
        let write = move |w: &mut Writer<'_>| {
            for AlarmNews { alarm, until } in told.iter().filter(|news| news.alarm.kind != AlarmKind::StoreFailing) {
                if until.is_none() { w.open_alarm(alarm)? } else { w.close_alarm(alarm)? }
            }
            messages.iter().try_for_each(|message| w.enqueue(message, now).map(drop))
        };
        self.store.write(write).await?;
        if news.iter().any(|news| news.alarm.kind == AlarmKind::StoreFailing) {
            *store = StoreAlarm { day: store.day, ended: store.ended + 1, ..StoreAlarm::default() };
        }
        for AlarmNews { alarm, until } in &news {
            tracing::warn!(alarm = %alarm.kind, about = alarm.about, over = until.is_some(), "an alarm goes out");
        }
        Ok(())
    }

    /// What went out, and how everything stands that it may be about.
    async fn standings(&self, reads_since: Timestamp, now: Timestamp) -> Result<(Vec<Alarm>, Vec<Standing>), StoreError> {
        let options = std::sync::Arc::clone(&self.options);
        let read = move |r: &Reader| {
            let lines = freshness::source_lines(r, &options, &Budgets::new(), now)?;
            let mails = Audience::WHOLE.map(|audience| Ok((r.mail_state(&audience.to_string())?, audience)));
            Ok((r.open_alarms()?, lines, mails.into_iter().collect::<Result<Vec<_>, StoreError>>()?))
        };
        let (open, lines, mails) = self.store.read(read).await?;
        let standings = lines.iter().filter_map(|line| {
            let limit = stale_after(&line.name, &self.options)?;
            source(line, self.waits_for_somebody(&line.name), limit, reads_since, now)
        });
        let mut standings: Vec<Standing> = standings.collect();
        standings.extend(mails.iter().filter_map(|(state, audience)| report(audience, state.as_ref(), now)));
        Ok((open, standings))
    }

    fn alarm_messages(&self, news: &[AlarmNews], now: Timestamp) -> anyhow::Result<Vec<NewMessage>> {
        let mut messages = self.options.event_messages(event::alarms(news, now), now);
        let recipients = self.options.recipients(&Audience::Security);
        if !recipients.is_empty() {
            let letter = alarm::letter(news, &self.options.schedule.timezone);
            let mail = self.mail(&letter, &format!("alarm.{}", now.as_millisecond()), now);
            messages.push(NewMessage {
                channel: MAIL.to_owned(),
                audience: ALARMS.to_owned(),
                occurrence: now,
                message_id: mail.message_id.clone(),
                subject: letter.subject,
                body: mail::compose(&mail)?,
                recipients,
                late: false,
            });
        }
        Ok(messages)
    }

    /// Whether the store is in trouble, and it is time to tell that.
    pub fn owes_store_alarm(&self, store: &StoreAlarm, now: Timestamp) -> bool {
        self.store_trouble().is_some() && store.is_due(now)
    }

    /// Tells the store's trouble without the store: to everybody whom it did not reach yet on this day.
    pub async fn tell_store_alarm(&self, mut store: StoreAlarm, now: Timestamp) -> StoreAlarm {
        let Some((since, reason)) = self.store_trouble() else { return store };
        let (day, before) = (Day::of(now), store.told.take());
        if store.day != Some(day) {
            store = StoreAlarm { day: Some(day), ..StoreAlarm::default() };
        }
        let since = before.map_or(since, |alarm| alarm.since);
        let alarm = Alarm { kind: AlarmKind::StoreFailing, about: STORE.to_owned(), since, reason };
        let news = [AlarmNews { alarm: alarm.clone(), until: None }];
        (store.told, store.tried) = (Some(alarm), Some(now));
        let name = store.name(day);
        if let Err(error) = self.mail_store_alarm(&news, &name, &mut store.reached, now).await {
            tracing::warn!(error = %format!("{error:#}"), "the alarm that the store fails was not mailed");
        }
        for event in event::alarms(&news, now) {
            let id = self.options.named_here(&format!("msg_{name}"));
            for webhook in
                self.options.webhooks.iter().filter(|webhook| !store.reached.contains(&webhook.label)).collect::<Vec<_>>()
            {
                let told = match self.options.hook(webhook) {
                    Ok(hook) => hook.send(&id, now, event.body.as_bytes()).await.map_err(anyhow::Error::from),
                    Err(error) => Err(error),
                };
                match told {
                    Ok(()) => drop(store.reached.insert(webhook.label.clone())),
                    Err(error) => {
                        tracing::warn!(hook = webhook.label, %error, "the alarm that the store fails was not told");
                    }
                }
            }
        }
        store
    }

    async fn mail_store_alarm(
        &self,
        news: &[AlarmNews],
        name: &str,
        reached: &mut BTreeSet<String>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let Some((mailer, from)) = self.mailer()? else { return Ok(()) };
        let letter = alarm::letter(news, &self.options.schedule.timezone);
        let body = mail::compose(&self.mail(&letter, &format!("alarm.{name}"), now))?;
        let mut failure = Ok(());
        for recipient in self.options.recipients(&Audience::Security) {
            if reached.contains(&recipient) {
                continue;
            }
            let mime = mail::addressed(&recipient, &letter.subject, &body).map_err(anyhow::Error::msg)?;
            // One who cannot be reached keeps it from nobody else.
            match mailer.send(from, &recipient, &mime).await {
                Ok(()) => drop(reached.insert(recipient)),
                Err(error) => failure = Err(error.into()),
            }
        }
        failure
    }
}

#[cfg(test)]
mod tests;
