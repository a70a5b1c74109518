//! The metrics of the contract, as plain values: OpenTelemetry and Prometheus show the same figures. Attributes come from
//! bounded sets: configured workspaces (else `other`), closed vocabularies, configured sources; and from the highest ranks,
//! where somebody asks for them.
//!
//! Two telemetries, never mixed: what was found (here, as new as the judgement) and what the service says of itself
//! ([`own`], as new as the clock).

mod own;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use own::{Own, failing, own};

use super::{
    document::{CampaignReport, Report, SourceRow},
    inert,
    inputs::{Inputs, Organization},
    rows,
};
use crate::{
    analysis::Share,
    evidence::{Category, SourceKind, Status},
};

/// One data point.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: &'static str,
    /// In UCUM.
    pub unit: &'static str,
    pub description: &'static str,
    pub kind: FigureKind,
    /// In one order within one name; every value is inert and short.
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
const OBSERVED: Instrument =
    gauge("duskwatch.observed.ratio", "1", "Active members whom a source that can show credentials has seen");
const REMOVAL: Instrument = gauge("duskwatch.removal.time", "s", "When the legacy credential is removed, Unix time");
const FREEZE: Instrument = gauge("duskwatch.freeze.time", "s", "When no new legacy credential could be made, Unix time");
const TOKENS: Instrument = gauge("duskwatch.tokens.expiring", "{token}", "Usable API tokens that expire within the span");
const CREDENTIAL: Instrument = gauge("duskwatch.credential.expiry.time", "s", "When an own secret expires, Unix time");
const RANK: Instrument = gauge(
    "duskwatch.rank",
    "{rank}",
    "Place of an integration in the ranking, 1 is the most urgent; only the highest, and only where the configuration asks for them",
);

type Attributes = Vec<(&'static str, String)>;

#[derive(Default)]
struct Figures(Vec<Figure>);

impl Figures {
    fn add(&mut self, instrument: &Instrument, attributes: Attributes, value: f64) {
        let Instrument(name, unit, description, kind) = *instrument;
        let attributes = attributes.into_iter().map(|(key, value)| (key, inert::name(&value))).collect();
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

/// What was found.
pub(super) fn found(report: &Report, inputs: &Inputs<'_>) -> Vec<Figure> {
    let mut figures = Figures::default();
    for campaign in &report.campaigns {
        of_campaign(&mut figures, campaign, inputs.organizations);
        of_ranks(&mut figures, campaign, inputs.top);
    }
    for expiry in &report.expiries {
        let id = || vec![("campaign", expiry.id.clone())];
        figures.count(&OVERDUE, id(), u64::from(expiry.counts.overdue));
        figures.count(&UNOWNED, id(), u64::from(expiry.counts.unowned));
    }
    of_observed(&mut figures, report, inputs.organizations);
    of_tokens(&mut figures, report, inputs.organizations);
    for own in report.tokens.iter().filter(|t| t.listed_by == rows::OWN) {
        if let Some(at) = own.expires_at {
            figures.time(&CREDENTIAL, vec![("credential", own.token.clone())], at);
        }
    }
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

/// The highest ranks as single series: the only figures that name somebody.
fn of_ranks(figures: &mut Figures, campaign: &CampaignReport, top: u32) {
    for row in &campaign.integrations {
        let Some(rank) = row.rank.filter(|rank| *rank <= top) else { continue };
        let attributes = vec![
            ("campaign", campaign.id.clone()),
            ("integration", row.integration.clone()),
            ("user", row.user_name.clone()),
            ("client", row.client.clone()),
            ("origin", row.origin.clone()),
            ("owner", row.owner.clone()),
            ("status", row.status.to_string()),
        ];
        figures.count(&RANK, attributes, u64::from(rank));
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

/// Where the inventory was never read there is no figure: nobody has counted.
fn of_tokens(figures: &mut Figures, report: &Report, organizations: &[Organization]) {
    for organization in organizations {
        let source = SourceKind::Tokens.source(&organization.name);
        let was_read = |row: &SourceRow| row.source == source && (row.last_success.is_some() || row.looked_until.is_some());
        if !report.coverage.sources.iter().any(was_read) && report.tokens.iter().all(|t| t.listed_by != source) {
            continue;
        }
        for days in EXPIRY_SPANS {
            let soon = report
                .tokens
                .iter()
                .filter(|t| t.listed_by == source && rows::usable(t))
                .filter(|t| !t.expired && t.days_left.is_some_and(|left| left <= days))
                .count();
            let attributes = vec![("organization", organization.name.clone()), ("within", format!("{days}d"))];
            figures.count(&TOKENS, attributes, soon as u64);
        }
    }
}
