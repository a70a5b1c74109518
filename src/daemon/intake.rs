//! Evidence that senders push. One request is one batch: recorded in one transaction, answered after its commit.
//!
//! A line that comes again changes nothing: it is known by its sender and `event_id`, else by the content of its request and
//! its place in it. A line that was refused is remembered apart from these, so that it is counted once, and still welcome
//! when the configuration lets it in.
//!
//! What a line says of people (`username`, `email`, `account_id`) is its sender's claim: it says whom the line is about, and
//! teaches nobody's names, which only the inventories of the APIs do.

use std::{collections::BTreeMap, sync::Arc};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, mpsc};

use super::{Engine, engine::looked_until, options, rounds::Setting};
use crate::{
    analysis::{counted, fold},
    clock::Clock,
    evidence::{
        Coverage, CoverageState, Grade, MALFORMED, Page, Sighting, Skipped, SourceKind,
        coverage::MAX_CLAIMED_MS,
        format::{Defaults, Fields, is_understood, json::parse_lines},
        place::place,
        redact::MAX_NAME,
        time::MS_PER_HOUR,
    },
    serve::{Intake, Pushed, Receipt},
    store::{SourceState, StoreError, Writer},
};

/// Refused lines that an answer lists; the counts are complete.
const MAX_REFUSED: usize = 100;

/// Lines that their sender read and that do not concern us: it was looking.
const OTHER_HOST: &str = "other_host";

/// What one sender may say, and how its lines are read.
struct Sender {
    setting: Setting,
    workspaces: Vec<String>,
    maximum_grade: Grade,
}

/// The senders of the configuration, in its order, each with the newest hour, counted since the epoch, in which it
/// delivered.
pub struct Senders(Vec<(Arc<Sender>, Option<i64>)>);

/// One request's lines on their way into the store.
struct Arrival {
    sender: Arc<Sender>,
    last_hour: Option<i64>,
    bytes: Vec<u8>,
    now: Timestamp,
}

/// A line that is not blank.
struct Line<'a> {
    /// Counted from 1.
    number: usize,
    content: Result<Sighting<'a>, Skipped>,
}

impl Engine {
    /// The door for senders and its end inside, when there are any.
    pub(super) fn intake(&self) -> Option<(Intake, mpsc::Receiver<Pushed>)> {
        let tokens: Vec<SecretString> = self.options.http.intake.iter().map(|sender| sender.token.clone()).collect();
        Intake::new(&tokens)
    }

    /// Prepares for what senders may bring.
    pub async fn senders(&self) -> anyhow::Result<Senders> {
        let mut senders = Vec::new();
        for sender in &self.options.http.intake {
            let options::Sender { name, workspaces, maximum_grade, .. } = sender;
            let setting = self.setting(SourceKind::Intake.source(name)).with_maximum_grade(*maximum_grade);
            let looked_until = looked_until(&self.store, &setting.name).await?;
            let sender = Sender { setting, workspaces: workspaces.clone(), maximum_grade: *maximum_grade };
            senders.push((Arc::new(sender), looked_until.map(|until_ms| (until_ms - 1).div_euclid(MS_PER_HOUR))));
        }
        Ok(Senders(senders))
    }

    /// Records what senders push, one request after the other, until nobody can push any more; `recorded` is told of each
    /// that brought something new.
    pub(super) async fn record_pushed(&self, mut senders: Senders, mut inbox: mpsc::Receiver<Pushed>, recorded: Arc<Notify>) {
        while let Some(Pushed { sender, lines, reply }) = inbox.recv().await {
            // A sender is told to come again by the reply that is dropped here.
            let Some(receipt) = self.record_push(&mut senders, sender, lines, Clock::System.now()).await else { continue };
            if receipt.recorded > 0 || receipt.skipped > 0 {
                recorded.notify_one();
            }
            reply.send(receipt);
        }
    }

    /// Records one request of the sender at this place in the configuration, and gives the answer to it; none where it is not
    /// recorded and has to come again.
    pub async fn record_push(&self, senders: &mut Senders, sender: usize, lines: Vec<u8>, now: Timestamp) -> Option<Receipt> {
        let (sender, last_hour) = senders.0.get_mut(sender)?;
        let source = &sender.setting.name;
        let arrival = Arrival { sender: Arc::clone(sender), last_hour: *last_hour, bytes: lines, now };
        let store = self.store.clone();
        // A task of its own: whatever a request does to it, the next one is taken.
        match tokio::spawn(async move { store.write(move |w| arrival.record(w)).await }).await {
            Ok(Ok((receipt, newest))) => {
                *last_hour = newest;
                tracing::debug!(source, recorded = receipt.recorded, "evidence was pushed");
                self.note_store(source, None, now);
                Some(receipt)
            }
            Ok(Err(error)) => {
                self.note_store(source, Some(&error), now);
                None
            }
            Err(error) => {
                tracing::error!(source, panic = error.is_panic(), "recording pushed evidence ended badly");
                None
            }
        }
    }
}

impl Arrival {
    /// Records what is new, and returns with the receipt the newest hour in which the sender delivered.
    fn record(&self, w: &mut Writer<'_>) -> Result<(Receipt, Option<i64>), StoreError> {
        let lines = self.lines();
        let malformed = lines.iter().filter(|line| line.reason() == Some(MALFORMED)).count();
        let request = HEXLOWER.encode(&Sha256::digest(&self.bytes)[..16]);
        let mut receipt = Receipt { lines: lines.len() as u64, malformed: malformed as u64, ..Receipt::default() };
        // What has no evidence at all is known by its first line: of the others there may be no end.
        let known_by = if receipt.is_ndjson() { lines.len() } else { 1 };
        let ids: Vec<String> = lines.iter().take(known_by).map(|line| line.id(&request)).collect();
        // The time is not part of what identifies a line, and a repeat would have to come with the same one.
        let fresh = w.claim(&self.sender.setting.name, ids.iter().map(|id| (id.as_str(), None)), self.now)?;
        let usable = usable(&lines);
        let warning = if usable { Some(String::new()) } else { useless(&lines) };
        let page = sort(lines.into_iter().zip(fresh.into_iter().cycle()), &mut receipt);
        let newest = self.keep(w, page, warning, usable)?;
        Ok((receipt, newest))
    }

    /// Keeps what is new. Of a request of which nothing could be used is kept that it came and what it was like, so that somebody
    /// sees it; its sender has not delivered by it.
    fn keep(
        &self,
        w: &mut Writer<'_>,
        page: Page<'_>,
        warning: Option<String>,
        delivered: bool,
    ) -> Result<Option<i64>, StoreError> {
        let Sender { setting, maximum_grade, .. } = &*self.sender;
        let now_ms = self.now.as_millisecond();
        let hours = hours(&page, now_ms);
        let last_hour = self.last_hour.filter(|hour| *hour <= now_ms.div_euclid(MS_PER_HOUR));
        if last_hour != self.last_hour {
            // The clock was ahead.
            w.forget_future(&setting.name, self.now, self.now)?;
        }
        let skipped = page.skipped.iter().map(|s| s.count).sum();
        let mut batch = setting.classifier().with(|classifier| fold(&setting.name, page, None, classifier));
        batch.coverage = coverage(&hours, last_hour, skipped, now_ms);
        w.record(&batch, self.now)?;
        let state = SourceState {
            last_success: delivered.then_some(self.now),
            maximum_grade: delivered.then_some(*maximum_grade),
            warning,
            ..SourceState::default()
        };
        w.note_source(&setting.name, &state)?;
        Ok(hours.keys().last().copied().max(last_hour))
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let fields = Fields::default();
        let read = |(index, line)| {
            let mut page = parse_lines(line, &fields, Defaults::default(), self.now.as_millisecond());
            let content = match page.sightings.pop() {
                Some(sighting) => within(sighting, &self.sender.workspaces),
                None => Err(page.skipped.pop()?),
            };
            Some(Line { number: index + 1, content })
        };
        self.bytes.split(|byte| *byte == b'\n').enumerate().filter_map(read).collect()
    }
}

/// Holds a sender to its workspaces. A line that names none could be about any, so it is refused too.
fn within<'a>(sighting: Sighting<'a>, workspaces: &[String]) -> Result<Sighting<'a>, Skipped> {
    let s = &sighting;
    let place = place(s.scheme.as_deref(), s.host.as_deref(), s.method.as_deref(), s.path.as_deref());
    let named = s.workspace.as_deref().or(place.workspace);
    if workspaces.is_empty() || named.is_some_and(|named| workspaces.iter().any(|own| own.eq_ignore_ascii_case(named))) {
        return Ok(sighting);
    }
    let reason = if named.is_some() { "other_workspace" } else { "no_workspace" };
    Err(Skipped { reason, count: 1, sample: named.unwrap_or_default().to_owned() })
}

impl Line<'_> {
    fn reason(&self) -> Option<&'static str> {
        self.content.as_ref().err().map(|skipped| skipped.reason)
    }

    fn id(&self, request: &str) -> String {
        let number = self.number;
        match &self.content {
            Err(_) => format!("refused {request} {number}"),
            Ok(sighting) => match sighting.event_id.as_deref().filter(|id| is_whole(id)) {
                Some(id) => format!("event {id}"),
                None => format!("line {request} {number}"),
            },
        }
    }
}

/// Whether anything of a request could be used, if only to learn that its sender looks.
fn usable(lines: &[Line<'_>]) -> bool {
    lines.iter().any(|line| line.content.as_ref().err().is_none_or(is_understood))
}

/// What a reader should know of a sender of whose newest request nothing could be used; none where there was nothing in it.
fn useless(lines: &[Line<'_>]) -> Option<String> {
    let Skipped { reason, sample, .. } = lines.iter().find_map(|line| line.content.as_ref().err())?;
    let such_as = if sample.is_empty() { String::new() } else { format!(", such as {sample}") };
    let all = counted(lines.len() as u64, "line", "lines");
    Some(format!("nothing of its newest request could be used ({all}, {reason}{such_as}): see what its sender sends"))
}

/// An id that may have been cut at its limit (before a character of up to four bytes) identifies nothing.
fn is_whole(id: &str) -> bool {
    id.len() + 4 <= MAX_NAME
}

/// Counts every line, and keeps of them what is new.
fn sort<'a>(lines: impl Iterator<Item = (Line<'a>, bool)>, receipt: &mut Receipt) -> Page<'a> {
    let mut page = Page::default();
    for (line, fresh) in lines {
        match line.content {
            Ok(sighting) if fresh => page.sightings.push(sighting),
            Ok(_) => receipt.repeated += 1,
            Err(skipped) => {
                receipt.skipped += 1;
                if receipt.refused.len() < MAX_REFUSED {
                    receipt.refused.push((line.number, skipped.reason));
                }
                if fresh {
                    Skipped::add(&mut page.skipped, &skipped);
                }
            }
        }
    }
    receipt.recorded = page.sightings.len() as u64;
    page
}

/// The hours, counted since the epoch, in which a request says that its sender was looking, each with its lines: those its
/// lines are dated in, or, where it has only lines for other hosts, the hour in which it came.
fn hours(page: &Page<'_>, now_ms: i64) -> BTreeMap<i64, u64> {
    let mut hours = BTreeMap::new();
    // A sender's clock may be ahead.
    let times = page.sightings.iter().map(|sighting| sighting.time_ms.min(now_ms));
    for time_ms in times.filter(|time_ms| now_ms - time_ms <= MAX_CLAIMED_MS) {
        *hours.entry(time_ms.div_euclid(MS_PER_HOUR)).or_default() += 1;
    }
    if page.sightings.is_empty() && page.skipped.iter().any(|skipped| skipped.reason == OTHER_HOST) {
        hours.insert(now_ms.div_euclid(MS_PER_HOUR), 0);
    }
    hours
}

/// A sender covers the whole hours in which it delivered, the present one up to now. Its silence in any other hour may mean
/// that nothing happened or that it stopped, so it covers nothing. A request that brings nothing new claims nothing.
fn coverage(hours: &BTreeMap<i64, u64>, last_hour: Option<i64>, mut skipped: u64, now_ms: i64) -> Vec<Coverage> {
    let mut hours = hours.clone();
    if !hours.is_empty() {
        // It was covered up to the request that came last in it.
        hours.extend(last_hour.filter(|hour| !hours.contains_key(hour)).map(|hour| (hour, 0)));
    }
    let mut intervals: Vec<Coverage> = Vec::new();
    for (hour, items) in hours {
        let (from_ms, to_ms) = (hour * MS_PER_HOUR, ((hour + 1) * MS_PER_HOUR).min(now_ms));
        match intervals.last_mut() {
            Some(last) if last.to_ms == from_ms => {
                last.to_ms = to_ms;
                last.items += items;
            }
            _ => intervals.push(Coverage {
                from_ms,
                to_ms,
                state: CoverageState::Covered,
                items,
                skipped: std::mem::take(&mut skipped),
                reason: String::new(),
            }),
        }
    }
    intervals
}

#[cfg(test)]
mod tests;
