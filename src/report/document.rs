//! The document: what a reader sees, in the order in which it is read. Built once, by [`super::build()`]; every name in it
//! is already inert. Field names are the contract's column names, and the JSON report is this value.

mod campaign;
mod coverage;
mod forecast;
mod integration;
mod tokens;

use std::fmt::Display;

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

pub use campaign::{
    BlockerRow, BurndownRow, CampaignReport, CauseRow, ChangeRow, Counts, ExposedRow, MovedRow, Movement, TeamRow, TeamTime,
    WaiverRow, WindowRow,
};
pub use coverage::{CoverageReport, IntervalRow, ObservedReport, ObservedRow, SkippedRow, SourceRow, SourceState};
pub use forecast::{ForecastPointRow, ForecastReport, MoveRow, ScoreRow};
pub use integration::{ExperimentRow, IntegrationRow, TermRow};
pub use tokens::{Expiring, ExpiryCounts, ExpiryReport, TokenRow};

use super::{
    figures::Figure,
    inputs::{Late, ToldEvent},
    steps::StepsRow,
};
use crate::{
    analysis::Authentications,
    evidence::{Credential, Day, journal::JournalEntry},
};

pub(super) fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
pub(super) fn text_or_null<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Report {
    /// The instant it is seen from.
    pub now: Timestamp,
    /// The reader's time zone by its IANA name.
    pub timezone: String,
    #[serde(skip)]
    pub zone: TimeZone,
    pub late: Option<Late>,
    /// When the last digest was really sent; none for the first.
    pub previous: Option<Timestamp>,
    pub coverage: CoverageReport,
    pub campaigns: Vec<CampaignReport>,
    /// Every change ever recorded, sorted by date, then integration.
    pub changes: Vec<ChangeRow>,
    pub users: Vec<UserRow>,
    pub tokens: Vec<TokenRow>,
    pub expiring: Expiring,
    /// Messages that reached nobody, or not everybody, since the last digest.
    pub undelivered: Vec<UndeliveredRow>,
    /// Parts of the service that fail, beside its sources; of a report that the service made itself.
    pub failing: Vec<FailingRow>,
    /// The campaigns of expiry.
    pub expiries: Vec<ExpiryReport>,
    /// What to do, by client, for every integration that is still to be moved off app passwords.
    pub steps: Vec<StepsRow>,
    pub unknown: Vec<UnknownRow>,
    pub blind_spots: Vec<BlindSpotRow>,
    /// Kept items that were judged by other rules than the present ones: `duskwatch reclassify` judges them anew.
    pub judged_otherwise: u64,
    /// Too many for a page or for JSON: CSV only, which makes them row by row.
    #[serde(skip)]
    pub authentications: Authentications,
    /// How often each credential was used each week, for the chart: sorted by week, every credential in every week.
    #[serde(skip)]
    pub usage: Vec<UsageRow>,
    /// For the record: CSV only. Inert since it was written.
    #[serde(skip)]
    pub journal: Vec<JournalEntry>,
    /// What the calendar tells: `/calendar.ics` only.
    #[serde(skip)]
    pub calendar: Vec<EventRow>,
    /// The changes that were found with this judgement, of all of them; they leave one by one.
    #[serde(skip)]
    pub fresh: Vec<ChangeRow>,
    /// What was found, as metrics.
    #[serde(skip)]
    pub figures: Vec<Figure>,
}

/// An event of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Stays the same for as long as it speaks of the same thing.
    pub uid: String,
    pub starts: Timestamp,
    /// None for what happens in an instant.
    pub ends: Option<Timestamp>,
    pub category: &'static str,
    pub summary: String,
    pub description: String,
    /// Empty where nothing is documented.
    pub url: String,
    /// What is remembered of it, for the next time that it is told.
    pub told: ToldEvent,
}

/// Uses of one credential in one week, accepted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Its first day.
    pub week: Day,
    pub credential: Credential,
    pub uses: u64,
}

/// A message that did not reach everybody.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UndeliveredRow {
    pub channel: String,
    pub audience: String,
    pub due: Timestamp,
    /// Recipients whom it never reached.
    pub recipients: u32,
    /// The last failure.
    pub failure: String,
}

/// A part of the service that fails.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FailingRow {
    /// As `/readyz` names it.
    pub part: String,
    pub since: Timestamp,
    pub reason: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct UserRow {
    pub user: String,
    pub user_name: String,
    pub user_email: String,
    pub owner: String,
    pub remaining_integrations: u32,
    pub legacy_uses_30d: u64,
    pub replacement_uses_30d: u64,
    pub other_uses_30d: u64,
    pub last_legacy: Option<Timestamp>,
    pub live_api_tokens: Option<u32>,
    pub last_accessed: Option<Timestamp>,
    pub highest_permission: String,
    pub observed: Option<bool>,
    pub member: Option<bool>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct UnknownRow {
    pub field: String,
    pub value: String,
    pub count: u64,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct BlindSpotRow {
    pub name: String,
    pub reason: String,
}
