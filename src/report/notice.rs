//! The notice: what one owner has to move, how, and by when. It holds that owner's rows, and nothing of another's.

pub(super) mod view;
pub(super) mod words;

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Report,
    build::counts,
    document::{CampaignReport, ChangeRow, Counts, IntegrationRow, TokenRow},
    inert,
    inputs::Late,
    rows,
    steps::{self, ProofRow, StepsRow},
    words::hours,
};
use crate::{
    analysis::NextWindow,
    evidence::{ClientCatalogue, Status},
};

/// One owner's document. JSON has the same fields.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Notice {
    pub now: Timestamp,
    pub timezone: String,
    #[serde(skip)]
    pub zone: TimeZone,
    pub late: Option<Late>,
    pub owner: String,
    /// Every source was read since the last digest.
    pub complete: bool,
    /// Those in which the owner has, or had, something.
    pub campaigns: Vec<NoticeCampaign>,
    /// The owner's tokens that end soon, or have ended lately.
    pub tokens: Vec<TokenRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct NoticeCampaign {
    pub id: String,
    pub name: String,
    pub noun: String,
    #[serde(skip)]
    pub words: crate::evidence::campaign::Words,
    pub documentation: String,
    /// What to do whatever the client is; empty: the steps of each client.
    pub advice: String,
    pub removal: Timestamp,
    pub removed: bool,
    pub days_left: i32,
    pub counts: Counts,
    /// Of those that remain, the first to be begun; none where nothing remains.
    pub latest_safe_start: Option<Timestamp>,
    pub start_in_days: Option<i32>,
    /// What remains or is stale; the rows of one client stand together, the most urgent client first.
    pub integrations: Vec<NoticeRow>,
    /// What to do, by client, in the order of the rows.
    pub steps: Vec<StepsRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct NoticeRow {
    #[serde(flatten)]
    pub row: IntegrationRow,
    /// Others that present the same secret and are not this owner's.
    pub secret_shared_elsewhere: usize,
    /// When it works, in the reader's time zone; empty where that is not known.
    pub hours: String,
    /// The next brownout that is likely to hit it.
    pub next_brownout: Option<Hit>,
    /// The commands that show that the new secret works, for this repository and account.
    pub proofs: Vec<ProofRow>,
}

/// A brownout to come, and the legacy uses that are expected inside it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Hit {
    pub from: Timestamp,
    pub to: Timestamp,
    pub published: bool,
    pub running: bool,
    pub expected: f64,
}

impl Notice {
    /// What has to be done by campaign: integrations that remain or are stale.
    pub fn to_do(&self) -> BTreeMap<String, u32> {
        let to_do = |c: &NoticeCampaign| (c.id.clone(), u32::try_from(c.integrations.len()).unwrap_or(u32::MAX));
        self.campaigns.iter().map(to_do).collect()
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.campaigns.iter().all(|c| c.integrations.is_empty())
    }
}

/// The notice to `owner`.
pub fn of(report: &Report, owner: &str, clients: &ClientCatalogue) -> Notice {
    let owner = inert::name(owner);
    Notice {
        now: report.now,
        timezone: report.timezone.clone(),
        zone: report.zone.clone(),
        late: report.late,
        complete: report.coverage.complete,
        campaigns: report.campaigns.iter().filter_map(|c| campaign(report, c, &owner, clients)).collect(),
        tokens: tokens(report, &owner),
        owner,
    }
}

/// Whether, among the changes after the first `after`, something of the notice appeared, came back or began to fail.
pub fn got_worse(report: &Report, notice: &Notice, after: usize) -> bool {
    let own = |change: &ChangeRow| {
        let campaign = notice.campaigns.iter().find(|c| c.id == change.campaign);
        campaign.is_some_and(|c| c.integrations.iter().any(|row| row.row.integration == change.integration))
    };
    let worse = |change: &ChangeRow| {
        let from_nothing = !change.from.is_some_and(Status::holds_secret) && change.to.is_some_and(Status::remaining);
        change.to == Some(Status::Failing) || from_nothing
    };
    report.changes.iter().any(|change| change.number >= after && worse(change) && own(change))
}

fn campaign(report: &Report, c: &CampaignReport, owner: &str, clients: &ClientCatalogue) -> Option<NoticeCampaign> {
    let own: Vec<IntegrationRow> = c.integrations.iter().filter(|row| row.owner == owner).cloned().collect();
    if own.is_empty() {
        return None;
    }
    let counts = counts(&own, &[]);
    let first = own.iter().filter(|row| row.status.remaining()).min_by_key(|row| row.latest_safe_start);
    let (latest_safe_start, start_in_days) = (first.map(|row| row.latest_safe_start), first.map(|row| row.start_in_days));
    let listed = together(own.iter().filter(|row| row.rank.is_some()).collect());
    Some(NoticeCampaign {
        id: c.id.clone(),
        name: c.name.clone(),
        noun: c.noun.clone(),
        words: c.words.clone(),
        documentation: c.documentation.clone(),
        advice: c.advice.clone(),
        removal: c.removal,
        removed: c.removed,
        days_left: c.days_left,
        counts,
        latest_safe_start,
        start_in_days,
        steps: if c.has_steps { steps_of(&listed, clients) } else { Vec::new() },
        integrations: listed.into_iter().map(|listed| row(report, c, listed, &own, clients)).collect(),
    })
}

/// The rows of one client behind its most urgent one.
fn together(mut rows: Vec<&IntegrationRow>) -> Vec<&IntegrationRow> {
    let mut first: BTreeMap<&str, Option<u32>> = BTreeMap::new();
    for row in &rows {
        let rank = first.entry(&row.client).or_insert(row.rank);
        *rank = (*rank).min(row.rank);
    }
    rows.sort_by_key(|row| (first[row.client.as_str()], row.rank));
    rows
}

fn steps_of(rows: &[&IntegrationRow], clients: &ClientCatalogue) -> Vec<StepsRow> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.client.as_str()).collect();
    ids.dedup();
    ids.into_iter().filter_map(|id| clients.steps(id)).map(|steps| steps::row(&steps)).collect()
}

fn row(
    report: &Report,
    c: &CampaignReport,
    row: &IntegrationRow,
    own: &[IntegrationRow],
    clients: &ClientCatalogue,
) -> NoticeRow {
    let is_own = |id: &String| own.iter().any(|row| row.integration == *id);
    let mut shown = row.clone();
    shown.secret_shared_with.retain(is_own);
    let email = Some(row.user_email.as_str()).filter(|email| !email.is_empty());
    let steps = clients.steps(&row.client).filter(|_| c.has_steps);
    let filled = steps.map(|steps| steps::row(&steps.filled(row.repositories.first().map(String::as_str), email)));
    NoticeRow {
        secret_shared_elsewhere: row.secret_shared_with.len() - shown.secret_shared_with.len(),
        hours: hours(&row.uses_by_hour, report.now, &report.zone),
        next_brownout: next_hit(c, row),
        proofs: filled.map(|steps| steps.proofs).unwrap_or_default(),
        row: shown,
    }
}

fn next_hit(c: &CampaignReport, row: &IntegrationRow) -> Option<Hit> {
    let (window, expected) = c.windows.iter().zip(&row.window_uses).find(|(_, expected)| NextWindow::hits(**expected))?;
    Some(Hit { from: window.from, to: window.to, published: window.published, running: window.running, expected: *expected })
}

/// Those that a campaign of expiry lists; without one, those that end within the horizon.
fn tokens(report: &Report, owner: &str) -> Vec<TokenRow> {
    let own = |token: &&TokenRow| token.owner == owner;
    if report.expiries.is_empty() {
        let soon = |t: &&TokenRow| rows::ends_within(t, report.expiring.horizon_days);
        return report.tokens.iter().filter(own).filter(soon).cloned().collect();
    }
    let mut tokens: Vec<TokenRow> = report.expiries.iter().flat_map(|e| &e.tokens).filter(own).cloned().collect();
    tokens.sort_by(|a, b| (a.expires_at, &a.token).cmp(&(b.expires_at, &b.token)));
    tokens.dedup_by(|a, b| a.token == b.token);
    tokens
}
