//! What the service says of itself: how fresh each source is, what it cost, what waits in the outbox.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Delivery, Engine, Options, judge::Measured, webhooks::WEBHOOK};
use crate::{
    evidence::{SourceKind, coverage::is_list, exchange},
    report::{AuthenticationTotal, DeliveryTotal, Figure, Service, SkippedLine, SourceLine, figures},
    serve::Readiness,
    store::{ReadInPart, Reader, Settled, StoreError},
};

/// A source is stale when it was not read for so many of its intervals: one may fail, two may be slow.
const STALE_AFTER_INTERVALS: u32 = 3;

/// However short the interval, a source gets this long.
const STALE_AFTER_AT_LEAST: Duration = Duration::from_secs(5 * 60);

/// A source whose credential is refused is asked this often at most.
const REFUSED_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The used part of each source's request budget, 0 to 1, after its last round in this process.
pub type Budgets = BTreeMap<String, f64>;

/// How every configured source is doing, in the order of the configuration, and after them those that were imported.
pub fn source_lines(store: &Reader, options: &Options, budgets: &Budgets, now: Timestamp) -> Result<Vec<SourceLine>, StoreError> {
    let (states, totals, nameless) = (store.source_states()?, store.totals()?, store.beyond_limits(now)?);
    let mut names = options.source_names();
    names.extend(options.pushed_names());
    names.extend(options.exchanged_names());
    let also = |name: &String| SourceKind::of(name) == Some(SourceKind::Import) || options.late_after(name).is_some();
    let others: Vec<_> =
        states.iter().map(|(name, _)| name).filter(|name| also(name) && !names.contains(name)).cloned().collect();
    names.extend(others);
    let line = |name: String| {
        let state = states.iter().find(|(n, _)| *n == name).map(|(_, state)| state.clone()).unwrap_or_default();
        let skipped = totals.skipped.iter().filter(|s| s.source == name);
        SourceLine {
            last_success: state.last_success,
            last_failure: state.last_failure.map(|at| (at, state.failure.unwrap_or_default())),
            items: totals.items.iter().find(|(n, _)| *n == name).map_or(0, |(_, items)| *items),
            skipped: skipped
                .map(|s| SkippedLine { reason: s.reason.clone(), count: s.count, sample: s.sample.clone() })
                .collect(),
            requests: totals.requests.iter().filter(|r| r.source == name).map(|r| (r.status_class.clone(), r.count)).collect(),
            budget_used: budgets.get(&name).copied(),
            warning: state.warning.unwrap_or_default(),
            nameless: nameless.iter().filter(|(n, _)| *n == name).map(|(_, items)| items).sum(),
            fresh_for: fresh_for(&name, options),
            removed: false,
            name,
        }
    };
    Ok(names.into_iter().map(line).collect())
}

/// The running totals of the service's own work.
fn service(store: &Reader, options: &Options) -> Result<Service, StoreError> {
    let authentications = store.totals()?.authentications.into_iter().map(|t| AuthenticationTotal {
        workspace: t.workspace.unwrap_or_default(),
        credential: t.credential,
        outcome: t.outcome,
        grade: t.grade,
        uses: t.uses,
    });
    let outbox = store.outbox_summary()?;
    Ok(Service {
        authentications: authentications.collect(),
        deliveries: deliveries(store, options, outbox.settled)?,
        outbox_pending: outbox.pending,
        store_bytes: store.store_size_bytes()?,
        free_bytes: store.free_bytes(),
    })
}

/// What ended on each channel. What is configured and has not delivered yet is there too, so that its series begin at zero.
fn deliveries(store: &Reader, options: &Options, settled: Vec<Settled>) -> Result<Vec<DeliveryTotal>, StoreError> {
    let mut totals = BTreeMap::new();
    for delivery in options.deliveries() {
        let made = if delivery == Delivery::Package { store.made(delivery.channel())? } else { 0 };
        totals.insert((delivery.channel().to_owned(), "sent"), made);
        totals.insert((delivery.channel().to_owned(), "failed"), 0);
    }
    if !options.webhooks.is_empty() {
        totals.extend(["sent", "failed"].map(|outcome| ((WEBHOOK.to_owned(), outcome), 0)));
    }
    for Settled { channel, sent, undeliverable } in settled {
        totals.insert((channel.clone(), "sent"), sent);
        totals.insert((channel, "failed"), undeliverable);
    }
    Ok(totals.into_iter().map(|((channel, outcome), count)| DeliveryTotal { channel, outcome, count }).collect())
}

impl Engine {
    /// All metrics: what the last judgement found, and what the service says of itself now.
    pub async fn figures(&self, measured: &Measured, now: Timestamp) -> Result<Vec<Figure>, StoreError> {
        let (options, budgets, silences) = (Arc::clone(&self.options), self.budgets(), measured.silences.clone());
        let own = move |r: &Reader| {
            Ok(figures::own(&figures::Own {
                now,
                sources: &source_lines(r, &options, &budgets, now)?,
                ledger: &r.ledger()?,
                silences: &silences,
                organizations: &options.known_organizations(),
                service: &service(r, &options)?,
            }))
        };
        let own = self.store.read(own).await?;
        Ok(measured.found.iter().cloned().chain(own).collect())
    }
}

/// How long a source may be unread; none where nobody here can mend it: a sender may have nothing to say, a file by hand comes
/// once, and how a source of another instance is doing is that one's business. That its files come is ours.
pub fn stale_after(source: &str, options: &Options) -> Option<Duration> {
    let left_alone = matches!(SourceKind::of(source), Some(SourceKind::Import | SourceKind::Intake));
    match exchange::instance_of(source) {
        Some(_) if exchange::own_name(source).is_empty() => options.late_after(source),
        Some(_) => None,
        None if left_alone => None,
        None => Some((options.every(source) * STALE_AFTER_INTERVALS).max(STALE_AFTER_AT_LEAST)),
    }
}

/// How old the newest look of a source may be while it is read as it should. A question to an engine is of slices of time that
/// are over; and who polls by hand or by cron is late by more than a service.
fn fresh_for(source: &str, options: &Options) -> Option<Duration> {
    const AT_LEAST: Duration = Duration::from_secs(3_600);
    let slice = options.queries.iter().find(|query| SourceKind::split(source) == Some((SourceKind::Query, &query.name)));
    let slice = slice.map_or(0, |query| query.pace.slice_ms + query.pace.late_ms).unsigned_abs();
    options.late_after(source).or_else(|| Some(stale_after(source, options)?.max(AT_LEAST) + Duration::from_millis(slice)))
}

/// Whether an instant is longer ago than a limit. What lies ahead was noted by a clock that was set back since then: the next round
/// of its source puts that right, whatever comes of it.
pub fn older_than(at: Timestamp, limit: Duration, now: Timestamp) -> bool {
    now.duration_since(at) > SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX)
}

/// How long a source is left alone whose credential is refused: somebody has to act first.
pub fn rested(source: &str, options: &Options) -> Duration {
    options.every(source).max(REFUSED_PAUSE)
}

/// One line for each source that is not fresh, or waits for somebody to act: since when, and why; and for each of the others whose
/// newest list lacks a part.
pub fn readiness(
    sources: &[SourceLine],
    in_part: &[ReadInPart],
    options: &Options,
    waits: impl Fn(&str) -> bool,
    now: Timestamp,
) -> Readiness {
    let stale = |source: &&SourceLine| {
        let old = |limit| source.last_success.is_none_or(|at| older_than(at, limit, now));
        stale_after(&source.name, options).is_some_and(|limit| old(limit) || waits(&source.name))
    };
    let words = |source: &SourceLine| {
        let (never, since) = if exchange::instance_of(&source.name).is_some() {
            ("no file of it was ever taken in", "its newest file was written at")
        } else {
            ("never read", "not read since")
        };
        let since = source.last_success.map_or_else(|| never.to_owned(), |at| format!("{since} {at}"));
        // What failed before it was read is over, and is not why it is not read now.
        match source.failed_last() {
            Some((_, why)) if waits(&source.name) => {
                let minutes = rested(&source.name, options).as_secs() / 60;
                let pause = if minutes.is_multiple_of(60) { format!("{} h", minutes / 60) } else { format!("{minutes} min") };
                format!("{}: {since}: {why}; asked again every {pause}, and at once after a reload", source.name)
            }
            Some((_, why)) => format!("{}: {since}: {why}", source.name),
            None if exchange::instance_of(&source.name).is_some() => format!("{}: {since}", source.name),
            None => {
                let when = if source.last_success.is_some() { "since then" } else { "yet" };
                format!("{}: {since}: no round of it has ended {when}", source.name)
            }
        }
    };
    let part = |source: &SourceLine| {
        // An engine's newest rows are always in part: they are asked for once more.
        let ReadInPart { whole, reason, .. } = in_part.iter().find(|part| part.source == source.name && is_list(&part.source))?;
        let since = whole.map_or_else(|| "never read as a whole".to_owned(), |at| format!("read in part since {at}"));
        Some(format!("{}: {since}: {reason}", source.name))
    };
    Readiness {
        not_ready: sources.iter().filter(stale).map(words).collect(),
        in_part: sources.iter().filter(|source| !stale(source)).filter_map(part).collect(),
    }
}
