//! One retirement: its numbers, what moved them, who is behind, and what comes next.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{ForecastReport, IntegrationRow, text, text_or_null};
use crate::{
    analysis::ChangeCause,
    evidence::{Day, Status, Window, campaign::Words},
    report::schema::{ChangeCauseWord, DayText, StatusWord},
};

/// One retirement.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct CampaignReport {
    pub id: String,
    pub name: String,
    /// What is being removed: `app passwords`.
    pub noun: String,
    /// How sentences speak of it.
    #[serde(skip)]
    pub words: Words,
    pub documentation: String,
    /// What to do whatever the client is; empty: what each row advises.
    pub advice: String,
    /// From when on nothing new of it could be made, if it was frozen at all.
    pub freeze: Option<Timestamp>,
    pub removal: Timestamp,
    /// Whether the removal has happened.
    pub removed: bool,
    /// Days to the removal, negative after it.
    pub days_left: i32,
    pub moved: Vec<MovedRow>,
    /// Nothing that could show the legacy credential was ever read, or none of it reaches back to then: the counts are unknown,
    /// not zero.
    pub blind: bool,
    /// Where what was read of sources that can show it begins, if the report lies before that.
    #[serde(skip)]
    pub reaches_back_to: Option<Timestamp>,
    /// It retires app passwords, which is what the steps of the client catalogue speak of.
    #[serde(skip)]
    pub has_steps: bool,
    pub counts: Counts,
    /// None when there is no earlier digest to compare with.
    pub movement: Option<Movement>,
    /// Every integration with legacy evidence; the ranked ones first, by rank.
    pub integrations: Vec<IntegrationRow>,
    pub teams: Vec<TeamRow>,
    pub blockers: Vec<BlockerRow>,
    /// The next brownouts, two days of them.
    pub windows: Vec<WindowRow>,
    /// All of them, for the chart.
    #[serde(skip)]
    pub all_windows: Vec<Window>,
    /// Bit h is set where one of the next windows meets UTC hour h, for the chart.
    #[serde(skip)]
    pub window_hours: u32,
    /// Expected legacy uses of all that remains by UTC hour of an average day, for the chart.
    #[serde(skip)]
    pub uses_by_hour: Vec<f64>,
    pub burndown: Vec<BurndownRow>,
    pub forecast: ForecastReport,
    pub waivers: Vec<WaiverRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct MovedRow {
    pub was: Timestamp,
    pub reason: String,
}

/// The numbers of the first line, each one of integrations unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Counts {
    pub remaining: u32,
    /// Of the remaining, by proven or strong evidence.
    pub known: u32,
    /// Of the remaining, by weak evidence only.
    pub possible: u32,
    pub users_remaining: u32,
    /// Of the remaining, those that work like machines, and like people; of the others it is not known.
    pub machines: u32,
    pub people: u32,
    pub kind_unknown: u32,
    pub active: u32,
    pub failing: u32,
    pub migrating: u32,
    pub quiet: u32,
    pub stale: u32,
    pub migrated: u32,
    pub retired: u32,
    /// Of the remaining, before the removal: the latest safe start has passed.
    pub overdue: u32,
    pub unowned: u32,
    pub returned: u32,
    pub waived: u32,
    pub waivers_expiring: u32,
    /// Refused only inside brownout windows so far.
    pub window_only: u32,
    /// A proven app password that was accepted after the removal.
    pub contradictions: u32,
    /// Of the remaining, those whose user has left.
    pub leavers: u32,
    /// Of the remaining, those whose user's name may be several users'.
    pub ambiguous_names: u32,
    /// Of the remaining, those whose user no inventory knows, or of which nothing names a user.
    pub unresolved_names: u32,
    /// Of the remaining, those whose secret is used by others too.
    pub shared_secrets: u32,
}

/// What became different since the last digest.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Movement {
    pub since: Timestamp,
    /// The remaining number as it was reported then.
    pub before: u32,
    pub delta: i64,
    pub causes: Vec<CauseRow>,
    /// The part of the delta that no recorded change explains.
    pub unexplained: i64,
    pub changes: Vec<ChangeRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct CauseRow {
    #[serde(serialize_with = "text")]
    #[schemars(with = "ChangeCauseWord")]
    pub cause: ChangeCause,
    pub changes: u32,
    /// What these changes did to the remaining number, and to its two parts as they are graded now.
    pub effect: i64,
    pub effect_known: i64,
    pub effect_possible: i64,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ChangeRow {
    /// How many had been recorded before it.
    #[serde(skip)]
    pub number: usize,
    #[serde(serialize_with = "text")]
    #[schemars(with = "DayText")]
    pub date: Day,
    pub campaign: String,
    pub integration: String,
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<StatusWord>")]
    pub from: Option<Status>,
    /// None for an integration that is no more.
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<StatusWord>")]
    pub to: Option<Status>,
    #[serde(serialize_with = "text")]
    #[schemars(with = "ChangeCauseWord")]
    pub cause: ChangeCause,
    pub reason: String,
}

/// An owner, by what remains and how late it is.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct TeamRow {
    /// Empty stands for no owner.
    pub owner: String,
    pub remaining: u32,
    pub failing: u32,
    pub overdue: u32,
    pub lead_time_days: i32,
    pub latest_safe_start: Timestamp,
    pub start_in_days: i32,
    pub time: TeamTime,
}

/// How a team's lead time stands to the time that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TeamTime {
    /// The latest safe start of something has passed.
    TooLate,
    /// It passes within two weeks.
    Soon,
    Fine,
}

/// What holds several integrations back at once: one client in one team's hands.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct BlockerRow {
    pub client_name: String,
    pub owner: String,
    pub remaining: u32,
    pub failing: u32,
    pub overdue: u32,
    pub uses_30d: u64,
    /// So many fewer integrations are expected to be left at the removal when it is moved today; null where nothing is forecast.
    pub effect: Option<f64>,
    pub decision: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct WindowRow {
    pub from: Timestamp,
    pub to: Timestamp,
    pub published: bool,
    pub running: bool,
    /// Expected legacy uses inside it.
    pub expected: f64,
    /// Integrations that are more likely than not to run in it.
    pub integrations: u32,
    /// The most exposed of them.
    pub most_exposed: Vec<ExposedRow>,
}

/// An integration that a window is expected to hit.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ExposedRow {
    pub integration: String,
    pub user_name: String,
    pub client_name: String,
    /// Expected legacy uses inside the window.
    pub expected: f64,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct WaiverRow {
    pub integration: String,
    #[serde(serialize_with = "text")]
    #[schemars(with = "DayText")]
    pub until: jiff::civil::Date,
    pub days_left: i32,
    pub requester: String,
    pub approver: String,
    pub ticket: String,
    pub reason: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct BurndownRow {
    pub campaign: String,
    #[serde(serialize_with = "text")]
    #[schemars(with = "DayText")]
    pub date: Day,
    pub remaining: u32,
    pub remaining_known: u32,
    pub remaining_as_reported: Option<u32>,
    pub active: u32,
    pub failing: u32,
    pub migrating: u32,
    pub stale: u32,
    pub quiet: u32,
    pub migrated: u32,
    pub retired: u32,
    pub users_remaining: u32,
    pub uses: u64,
    pub rejected: u64,
    /// Of the people who were active then, as reported on the day; none where that is unknown.
    pub observed_share: Option<f64>,
    /// Of the number that remains at the removal, as it was forecast on this day.
    pub forecast_p10: Option<u32>,
    pub forecast_p50: Option<u32>,
    pub forecast_p90: Option<u32>,
}
