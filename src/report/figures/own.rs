//! What the service says of itself: its sources, requests, deliveries and store. Measured again at every look, whether or not
//! anything was found: an idle source is as fresh as its last round.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Figure, Figures, Instrument, counter, gauge, place};
use crate::{
    analysis::Silence,
    evidence::{Ledger, MALFORMED, SourceKind, counts::add},
    report::{
        coverage,
        inputs::{Organization, Service, SourceLine},
    },
};

const AUTHENTICATIONS: Instrument =
    counter("duskwatch.authentications", "{authentication}", "Authentications as classified when they were recorded");
const LAST_SUCCESS: Instrument = gauge("duskwatch.source.last_success.time", "s", "When the source was last read, Unix time");
const LAG: Instrument = gauge("duskwatch.source.lag", "s", "How far the evidence of the source lies behind");
const GAP: Instrument = gauge("duskwatch.source.gap", "s", "Time of the last 30 days that was missed and not read later");
const REQUESTS: Instrument = counter("duskwatch.source.requests", "{request}", "Requests made to the source");
const ITEMS: Instrument = counter("duskwatch.source.items", "{item}", "Items of the source that were kept");
const SKIPPED: Instrument = counter("duskwatch.source.skipped", "{item}", "Items of the source that were not kept, by reason");
const NAMELESS: Instrument =
    gauge("duskwatch.source.nameless", "{item}", "Items of the last 30 days whose users are beyond those that have names");
const BUDGET: Instrument = gauge("duskwatch.source.budget.used", "1", "Share of the source's request budget in use");
const DELIVERIES: Instrument = counter("duskwatch.deliveries", "{delivery}", "Deliveries that ended, by their outcome");
const OUTBOX: Instrument = gauge("duskwatch.outbox.pending", "{message}", "Messages that wait to be sent");
const STORE: Instrument = gauge("duskwatch.store.size", "By", "Size of the database");
const FREE: Instrument = gauge("duskwatch.store.free", "By", "Space that is left on the disk of the database");

const STORE_FAILING: Instrument =
    gauge("duskwatch.store.failing.time", "s", "Since when the store fails, Unix time; missing while it works");
const FAILING: Instrument = gauge(
    "duskwatch.failing.time",
    "s",
    "Since when a part of the service beside store and sources fails; missing while it works",
);

/// The reason of items that were kept, so that kept and skipped ones are one table.
const KEPT: &str = "kept";
/// Counters that are there from the beginning, so that a rate sees their first step.
const FIRST_SKIPPED: &str = MALFORMED;
const FIRST_STATUS: &str = "2xx";

/// What the service's own figures are made of.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    pub now: Timestamp,
    /// Every configured source.
    pub sources: &'a [SourceLine],
    pub ledger: &'a Ledger,
    /// As the last judgement found them.
    pub silences: &'a [Silence],
    pub organizations: &'a [Organization],
    pub service: &'a Service,
}

/// What the service says of itself.
pub fn own(of: &Own<'_>) -> Vec<Figure> {
    let mut figures = Figures::default();
    authentications(&mut figures, of);
    for line in of.sources {
        source(&mut figures, of, line);
    }
    for total in &of.service.deliveries {
        let attributes = vec![("channel", total.channel.clone()), ("outcome", total.outcome.to_owned())];
        figures.count(&DELIVERIES, attributes, total.count);
    }
    figures.count(&OUTBOX, Vec::new(), of.service.outbox_pending);
    figures.count(&STORE, Vec::new(), of.service.store_bytes);
    if let Some(free) = of.service.free_bytes {
        figures.count(&FREE, Vec::new(), free);
    }
    figures.0
}

/// Trouble that the store cannot tell: since when it fails itself, and other parts of the service, by name.
pub fn failing(store: Option<Timestamp>, parts: &[(String, Timestamp)]) -> Vec<Figure> {
    let mut figures = Figures::default();
    if let Some(since) = store {
        figures.time(&STORE_FAILING, Vec::new(), since);
    }
    for (part, since) in parts {
        figures.time(&FAILING, vec![("part", part.clone())], *since);
    }
    figures.0
}

fn authentications(figures: &mut Figures, of: &Own<'_>) {
    let mut totals = BTreeMap::new();
    for total in &of.service.authentications {
        let place = place(of.organizations, &total.workspace);
        add(totals.entry((place, total.credential, total.outcome, total.grade)).or_insert(0), total.uses);
    }
    for (((organization, workspace), credential, outcome, grade), uses) in totals {
        let attributes = vec![
            ("organization", organization.to_owned()),
            ("workspace", workspace.to_owned()),
            ("credential", credential.to_string()),
            ("outcome", outcome.to_string()),
            ("grade", grade.to_string()),
        ];
        figures.count(&AUTHENTICATIONS, attributes, uses);
    }
}

fn source(figures: &mut Figures, of: &Own<'_>, line: &SourceLine) {
    let source = || ("source", line.name.clone());
    if let Some(at) = line.last_success {
        figures.time(&LAST_SUCCESS, vec![source()], at);
    }
    let seen = coverage::seen(of.ledger, of.silences, line, of.now);
    if let Some(lag) = seen.lag_seconds {
        figures.count(&LAG, vec![source()], lag.unsigned_abs());
    }
    figures.count(&GAP, vec![source()], seen.gap_seconds.unsigned_abs());
    let mut requests: BTreeMap<&str, u64> = line.requests.iter().map(|(class, count)| (class.as_str(), *count)).collect();
    if asks(&line.name) {
        requests.entry(FIRST_STATUS).or_default();
    }
    for (class, count) in requests {
        figures.count(&REQUESTS, vec![source(), ("status_class", class.to_owned())], count);
    }
    figures.count(&ITEMS, vec![source(), ("reason", KEPT.to_owned())], line.items);
    let mut skipped: BTreeMap<&str, u64> = line.skipped.iter().map(|s| (s.reason.as_str(), s.count)).collect();
    skipped.entry(FIRST_SKIPPED).or_default();
    for (reason, count) in skipped {
        figures.count(&SKIPPED, vec![source(), ("reason", reason.to_owned())], count);
    }
    figures.count(&NAMELESS, vec![source()], line.nameless);
    if let Some(used) = line.budget_used {
        figures.add(&BUDGET, vec![source()], used);
    }
}

/// Whether a source is an API, which is asked by requests.
fn asks(source: &str) -> bool {
    matches!(SourceKind::of(source), Some(SourceKind::Audit | SourceKind::Tokens | SourceKind::Access))
}
