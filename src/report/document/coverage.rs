//! When anybody was looking, and who.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::text;
use crate::{evidence::CoverageState, report::schema::CoverageStateWord};

/// When anybody was looking, and who.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct CoverageReport {
    /// The period that `complete` and `missed_hours` speak of: since the last digest, else the last 24 hours.
    pub since: Timestamp,
    /// Every source was read throughout the period.
    pub complete: bool,
    pub sources: Vec<SourceRow>,
    /// Of whom something can be seen at all; none after the removal.
    pub observed: Option<ObservedReport>,
    /// Every interval of every source, sorted by source, then start.
    pub intervals: Vec<IntervalRow>,
}

/// How many of the people who work are seen by a source that can show credentials. Who is not is in no other count.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ObservedReport {
    /// People who are active in a workspace whose activities are told.
    pub active: u32,
    pub observed: u32,
    pub not_observed: u32,
    /// Observed of active; none where nobody is known to be active.
    pub share: Option<f64>,
    pub words: String,
    pub workspaces: Vec<ObservedRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ObservedRow {
    pub workspace: String,
    /// None where the member list could not be read.
    pub members: Option<u32>,
    /// None where it is not known who is active; so are the next three.
    pub active: Option<u32>,
    pub observed: Option<u32>,
    pub not_observed: Option<u32>,
    pub share: Option<f64>,
    pub words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Read, and up to date.
    Reading,
    /// Its last attempt failed.
    Failing,
    /// Our credential may not read it.
    NotPermitted,
    /// Nothing failed, but it was read too long ago.
    Behind,
    NeverRead,
    /// Files by hand, once: it cannot be late.
    Imported,
    /// It was read once, and is not configured any more.
    Removed,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SourceRow {
    pub source: String,
    pub state: SourceState,
    pub looked_until: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
    pub failure: String,
    /// The covered share of the last 30 days, 0 to 1.
    pub covered_30d: f64,
    /// Hours in the period in which nobody looked.
    pub missed_hours: f64,
    /// Seconds in the last 30 days that were missed and not read later.
    pub gap_seconds: i64,
    /// How far the evidence lies behind: since it was last read, or since its last evidence if it fell silent.
    pub lag_seconds: Option<i64>,
    pub items: u64,
    pub skipped: u64,
    pub skipped_reasons: Vec<SkippedRow>,
    /// Requests made since the store began.
    pub requests: u64,
    /// The share of the request budget in use after the last round, 0 to 1; none for sources without one.
    pub budget_used: Option<f64>,
    /// What needs a look though nothing failed: it fell silent, or cannot show what it is there for. Else empty.
    pub warning: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SkippedRow {
    pub reason: String,
    pub count: u64,
    pub sample: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct IntervalRow {
    pub source: String,
    pub from: Timestamp,
    pub to: Timestamp,
    #[serde(serialize_with = "text")]
    #[schemars(with = "CoverageStateWord")]
    pub state: CoverageState,
    pub items: u64,
    pub skipped: u64,
    pub reason: String,
}
