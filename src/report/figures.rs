//! The metrics of the contract, as plain values: OpenTelemetry and Prometheus show the same figures. Attributes come from
//! bounded sets: configured workspaces (else `other`), closed vocabularies, configured sources.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    document::{CampaignReport, Report},
    inputs::{Inputs, Organization},
    rows,
};
use crate::{
    analysis::Share,
    evidence::{Category, Status},
};

/// One data point.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: &'static str,
    /// In UCUM.
    pub unit: &'static str,
    pub description: &'static str,
    pub kind: FigureKind,
    /// Sorted by key within one name.
    pub attributes: Vec<(&'static str, String)>,
    pub value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    Gauge,
    /// Monotonic, cumulative since the store began.
    Counter,
}

/// Tokens are counted as ending within each of these spans of days.
const EXPIRY_SPANS: [i32; 4] = [7, 14, 30, 60];
const OTHER: &str = "other";

struct Instrument(&'static str, &'static str, &'static str, FigureKind);

const fn gauge(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    Instrument(name, unit, description, FigureKind::Gauge)
}

const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Instrument {
    Instrument(name, unit, description, FigureKind::Counter)
}

const INTEGRATIONS: Instrument =
    gauge("duskwatch.integrations", "{integration}", "Integrations by status, each under its most used workspace");
const USERS: Instrument = gauge("duskwatch.users.remaining", "{user}", "Users with at least one remaining integration");
const OVERDUE: Instrument = gauge(
    "duskwatch.overdue",
    "{integration}",
    "Remaining integrations, or tokens of a campaign of expiry, whose latest safe start has passed",
);
const UNOWNED: Instrument =
    gauge("duskwatch.unowned", "{integration}", "Remaining integrations, or expiring tokens, that nobody owns");
const RETURNED: Instrument =
    gauge("duskwatch.returned", "{integration}", "Integrations that use the legacy credential again after they were done");
const WAIVERS: Instrument = gauge("duskwatch.waivers.expiring", "{integration}", "Waivers that end within 14 days");
const FORECAST: Instrument = gauge(
    "duskwatch.forecast.remaining",
    "{integration}",
    "Forecast of the integrations that remain at the removal, by quantile; after it, that fail four weeks ahead",
);
const ZERO: Instrument = gauge("duskwatch.forecast.zero_probability", "1", "Probability that none of them is left at that time");
const AUTHENTICATIONS: Instrument =
    counter("duskwatch.authentications", "{authentication}", "Authentications as classified when they were recorded");
const OBSERVED: Instrument =
    gauge("duskwatch.observed.ratio", "1", "Active members whom a source that can show credentials has seen");
const REMOVAL: Instrument = gauge("duskwatch.removal.time", "s", "When the legacy credential is removed, Unix time");
const FREEZE: Instrument = gauge("duskwatch.freeze.time", "s", "When no new legacy credential could be made, Unix time");
const TOKENS: Instrument = gauge("duskwatch.tokens.expiring", "{token}", "Usable API tokens that expire within the span");
const LAST_SUCCESS: Instrument = gauge("duskwatch.source.last_success.time", "s", "When the source was last read, Unix time");
const LAG: Instrument = gauge("duskwatch.source.lag", "s", "How far the evidence of the source lies behind");
const GAP: Instrument = gauge("duskwatch.source.gap", "s", "Time of the last 30 days that was missed and not read later");
const REQUESTS: Instrument = counter("duskwatch.source.requests", "{request}", "Requests made to the source");
const ITEMS: Instrument = counter("duskwatch.source.items", "{item}", "Items read from the source");
const SKIPPED: Instrument = counter("duskwatch.source.skipped", "{item}", "Items of the source that were not kept");
const BUDGET: Instrument = gauge("duskwatch.source.budget.used", "1", "Share of the source's request budget in use");
const CREDENTIAL: Instrument = gauge("duskwatch.credential.expiry.time", "s", "When an own secret expires, Unix time");
const DELIVERIES: Instrument = counter("duskwatch.deliveries", "{delivery}", "Deliveries attempted");
const OUTBOX: Instrument = gauge("duskwatch.outbox.pending", "{message}", "Messages that wait to be sent");
const STORE: Instrument = gauge("duskwatch.store.size", "By", "Size of the database");

type Attributes = Vec<(&'static str, String)>;

#[derive(Default)]
struct Figures(Vec<Figure>);

impl Figures {
    fn add(&mut self, instrument: &Instrument, attributes: Attributes, value: f64) {
        let Instrument(name, unit, description, kind) = *instrument;
        self.0.push(Figure { name, unit, description, kind, attributes, value });
    }

    fn count(&mut self, instrument: &Instrument, attributes: Attributes, value: u64) {
        #[expect(clippy::cast_precision_loss, reason = "metrics are floats; counts stay below 2^52")]
        self.add(instrument, attributes, value as f64);
    }

    fn time(&mut self, instrument: &Instrument, attributes: Attributes, at: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds of the calendar are below 2^52")]
        self.add(instrument, attributes, at.as_second() as f64);
    }
}

pub(super) fn measure(report: &Report, inputs: &Inputs<'_>) -> Vec<Figure> {
    let mut figures = Figures::default();
    for campaign in &report.campaigns {
        of_campaign(&mut figures, campaign, inputs.organizations);
    }
    for expiry in &report.expiries {
        let id = || vec![("campaign", expiry.id.clone())];
        figures.count(&OVERDUE, id(), u64::from(expiry.counts.overdue));
        figures.count(&UNOWNED, id(), u64::from(expiry.counts.unowned));
    }
    of_observed(&mut figures, report, inputs.organizations);
    of_authentications(&mut figures, inputs);
    of_tokens(&mut figures, report, inputs.organizations);
    of_sources(&mut figures, report, inputs);
    for own in report.tokens.iter().filter(|t| t.listed_by == rows::OWN) {
        if let Some(at) = own.expires_at {
            figures.time(&CREDENTIAL, vec![("credential", own.token.clone())], at);
        }
    }
    for total in &inputs.service.deliveries {
        let attributes = vec![("channel", total.channel.clone()), ("outcome", total.outcome.to_owned())];
        figures.count(&DELIVERIES, attributes, total.count);
    }
    figures.count(&OUTBOX, Vec::new(), inputs.service.outbox_pending);
    figures.count(&STORE, Vec::new(), inputs.service.store_bytes);
    figures.0
}

/// The configured organisation and workspace, else `other` for both.
fn place<'a>(organizations: &'a [Organization], workspace: &'a str) -> (&'a str, &'a str) {
    organizations
        .iter()
        .find(|o| o.workspaces.iter().any(|w| w == workspace))
        .map_or((OTHER, OTHER), |o| (o.name.as_str(), workspace))
}

fn of_campaign(figures: &mut Figures, campaign: &CampaignReport, organizations: &[Organization]) {
    let id = || ("campaign", campaign.id.clone());
    let mut by_status: BTreeMap<(&str, &str, Category), BTreeMap<Status, u64>> = BTreeMap::new();
    let mut users: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for row in &campaign.integrations {
        let (organization, workspace) = place(organizations, &row.workspace);
        *by_status.entry((organization, workspace, row.category)).or_default().entry(row.status).or_default() += 1;
        let remaining = users.entry((organization, workspace)).or_default();
        if row.status.remaining() && !row.user.is_empty() {
            remaining.insert(&row.user);
        }
    }
    for ((organization, workspace, category), counts) in by_status {
        // Every status, so that a series falls to zero instead of ending.
        for status in Status::ALL {
            let attributes = vec![
                id(),
                ("organization", organization.to_owned()),
                ("workspace", workspace.to_owned()),
                ("status", status.to_string()),
                ("category", category.to_string()),
            ];
            figures.count(&INTEGRATIONS, attributes, counts.get(status).copied().unwrap_or(0));
        }
    }
    for ((organization, workspace), users) in users {
        let attributes = vec![id(), ("organization", organization.to_owned()), ("workspace", workspace.to_owned())];
        figures.count(&USERS, attributes, users.len() as u64);
    }
    let counts = campaign.counts;
    figures.count(&OVERDUE, vec![id()], u64::from(counts.overdue));
    figures.count(&UNOWNED, vec![id()], u64::from(counts.unowned));
    figures.count(&RETURNED, vec![id()], u64::from(counts.returned));
    figures.count(&WAIVERS, vec![id()], u64::from(counts.waivers_expiring));
    if let Some(end) = &campaign.forecast.end {
        for (quantile, value) in [("0.1", end.p10), ("0.5", end.p50), ("0.9", end.p90)] {
            figures.count(&FORECAST, vec![id(), ("quantile", quantile.to_owned())], u64::from(value));
        }
        figures.add(&ZERO, vec![id()], end.zero_probability);
    }
    figures.time(&REMOVAL, vec![id()], campaign.removal);
    if let Some(freeze) = campaign.freeze {
        figures.time(&FREEZE, vec![id()], freeze);
    }
}

fn of_authentications(figures: &mut Figures, inputs: &Inputs<'_>) {
    let mut totals = BTreeMap::new();
    for total in &inputs.service.authentications {
        let place = place(inputs.organizations, &total.workspace);
        *totals.entry((place, total.credential, total.outcome, total.grade)).or_insert(0) += total.uses;
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

/// Where it is not known who is active there is no figure: an unknown share is not zero.
fn of_observed(figures: &mut Figures, report: &Report, organizations: &[Organization]) {
    let mut shares: BTreeMap<&str, Share> = BTreeMap::new();
    for row in report.coverage.observed.iter().flat_map(|observed| &observed.workspaces) {
        let (Some(part), Some(whole)) = (row.observed, row.active) else { continue };
        let share = shares.entry(place(organizations, &row.workspace).1).or_insert(Share { part: 0, whole: 0 });
        share.part += part;
        share.whole += whole;
    }
    for (workspace, ratio) in shares.into_iter().filter_map(|(workspace, share)| Some((workspace, share.ratio()?))) {
        figures.add(&OBSERVED, vec![("workspace", workspace.to_owned())], ratio);
    }
}

fn of_tokens(figures: &mut Figures, report: &Report, organizations: &[Organization]) {
    for organization in organizations {
        let source = format!("tokens/{}", organization.name);
        for days in EXPIRY_SPANS {
            let soon = report
                .tokens
                .iter()
                .filter(|t| t.listed_by == source && rows::usable(t))
                .filter(|t| t.days_left.is_some_and(|left| (0..=days).contains(&left)))
                .count();
            let attributes = vec![("organization", organization.name.clone()), ("within", format!("{days}d"))];
            figures.count(&TOKENS, attributes, soon as u64);
        }
    }
}

fn of_sources(figures: &mut Figures, report: &Report, inputs: &Inputs<'_>) {
    for line in inputs.sources {
        let source = || ("source", line.name.clone());
        if let Some(at) = line.last_success {
            figures.time(&LAST_SUCCESS, vec![source()], at);
        }
        for (class, requests) in &line.requests {
            figures.count(&REQUESTS, vec![source(), ("status_class", class.clone())], *requests);
        }
        figures.count(&ITEMS, vec![source()], line.items);
        for skipped in &line.skipped {
            figures.count(&SKIPPED, vec![source(), ("reason", skipped.reason.clone())], skipped.count);
        }
        if let Some(used) = line.budget_used {
            figures.add(&BUDGET, vec![source()], used);
        }
    }
    for row in report.coverage.sources.iter().filter(|row| inputs.sources.iter().any(|l| l.name == row.source)) {
        let source = || vec![("source", row.source.clone())];
        if let Some(lag) = row.lag_seconds {
            figures.count(&LAG, source(), lag.unsigned_abs());
        }
        figures.count(&GAP, source(), row.gap_seconds.unsigned_abs());
    }
}
