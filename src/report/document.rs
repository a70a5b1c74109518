//! The document: what a reader sees, in the order in which it is read. Built once, by [`super::build()`]; every name in it
//! is already inert. Field names are the contract's column names, and the JSON report is this value.

use std::fmt::Display;

use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::{
    figures::Figure,
    inputs::{Late, ToldEvent},
    schema::{
        CategoryWord, ChangeCauseWord, CoverageStateWord, CredentialWord, DayText, GradeWord, NameStateWord, RhythmKindWord,
        StatusWord,
    },
    steps::StepsRow,
};
use crate::{
    analysis::{Authentication, ChangeCause, NameState, RhythmKind},
    evidence::{Category, CoverageState, Credential, Day, Grade, Status, campaign::Words, journal::JournalEntry},
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
    /// The campaigns of expiry.
    pub expiries: Vec<ExpiryReport>,
    /// What to do, by client, for every integration that is still to be moved off app passwords.
    pub steps: Vec<StepsRow>,
    pub unknown: Vec<UnknownRow>,
    pub blind_spots: Vec<BlindSpotRow>,
    /// Kept items that were judged by other rules than the present ones: `duskwatch reclassify` judges them anew.
    pub judged_otherwise: u64,
    /// Too many for a page or for JSON: CSV only.
    #[serde(skip)]
    pub authentications: Vec<Authentication>,
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
    /// Nothing that could show the legacy credential was ever read: the counts are unknown, not zero.
    pub blind: bool,
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
    pub all_windows: Vec<crate::evidence::Window>,
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

/// Uses of one credential in one week, accepted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Its first day.
    pub week: Day,
    pub credential: Credential,
    pub uses: u64,
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

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct IntegrationRow {
    pub campaign: String,
    pub rank: Option<u32>,
    pub integration: String,
    /// Ids of integrations that turned out to be this one.
    pub former_ids: Vec<String>,
    #[serde(serialize_with = "text")]
    #[schemars(with = "StatusWord")]
    pub status: Status,
    pub returned: bool,
    pub waived: bool,
    pub window_only: bool,
    pub contradiction: bool,
    pub unseen_since: Option<Timestamp>,
    #[serde(serialize_with = "text")]
    #[schemars(with = "GradeWord")]
    pub grade: Grade,
    /// Proven or strong; else possible.
    pub known: bool,
    pub score: f64,
    pub terms: Vec<TermRow>,
    pub user: String,
    pub user_name: String,
    pub user_email: String,
    /// Whether the user is one that the inventories know.
    #[serde(serialize_with = "text")]
    #[schemars(with = "NameStateWord")]
    pub name_state: NameState,
    /// The user is a member of no workspace any more.
    pub leaver: bool,
    /// The other integrations that present the same secret.
    pub secret_shared_with: Vec<String>,
    /// Empty when nobody owns it.
    pub owner: String,
    pub workspace: String,
    pub workspaces: Vec<String>,
    pub client: String,
    pub client_name: String,
    #[serde(serialize_with = "text")]
    #[schemars(with = "CategoryWord")]
    pub category: Category,
    pub origin: String,
    /// What probably runs behind a client that names only its library, and why; empty without a guess.
    pub guess: String,
    pub machine: Option<bool>,
    pub period_days: Option<f64>,
    /// How it works, in words.
    pub rhythm: String,
    #[serde(serialize_with = "text")]
    #[schemars(with = "RhythmKindWord")]
    pub rhythm_kind: RhythmKind,
    /// 0 to 1; 0 where there is no period.
    pub rhythm_confidence: f64,
    /// When the next use is expected: an hour, a day or several; the end is excluded.
    pub next_expected_from: Option<Timestamp>,
    pub next_expected_to: Option<Timestamp>,
    /// What its silence means; empty while there is none.
    pub silence: String,
    /// Expected legacy uses in an average week, at the present rate.
    pub weekly_uses: f64,
    /// Expected legacy uses on the seven days from the removal; after it, on the coming seven.
    pub first_week_uses: f64,
    /// Expected legacy uses by UTC hour of an average day.
    pub uses_by_hour: Vec<f64>,
    /// Expected legacy uses inside each of the campaign's next windows.
    pub window_uses: Vec<f64>,
    /// What past brownouts did to it; first the published windows, then the extrapolated ones.
    pub brownouts: Vec<ExperimentRow>,
    /// What of its migration is still missing; empty unless it is migrating.
    pub migration_missing: Vec<String>,
    /// Why a replacement was refused, and the step that mends it; empty where none was.
    pub trap: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub last_accepted: Option<Timestamp>,
    pub last_rejected: Option<Timestamp>,
    pub uses_7d: u64,
    pub uses_30d: u64,
    pub rejected_30d: u64,
    pub repositories: Vec<String>,
    pub repository_count: usize,
    pub writes_30d: u64,
    pub highest_permission: String,
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<CredentialWord>")]
    pub replacement: Option<Credential>,
    pub replacement_last_seen: Option<Timestamp>,
    pub replacement_rejected_30d: u64,
    pub deadline: Timestamp,
    pub latest_safe_start: Timestamp,
    /// Days to the latest safe start; negative when it has passed.
    pub start_in_days: i32,
    pub overdue: bool,
    pub advice: String,
    /// From the client catalogue.
    pub username: String,
    pub scopes: String,
    pub documentation: String,
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct TermRow {
    pub name: &'static str,
    pub value: f64,
    pub words: String,
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

/// Brownout windows of one kind and one integration.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ExperimentRow {
    pub published: bool,
    /// Windows that are over, on days that were seen.
    pub windows: u32,
    pub expected: f64,
    pub seen: u64,
    pub rejected: u64,
    pub accepted: u64,
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

/// When it will be over.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct ForecastReport {
    /// What a forecast lacks; empty when there is one.
    pub missing: String,
    /// `remaining`, or after the removal `failing`.
    pub counted: &'static str,
    /// At the end of the last day before the removal; after the removal four weeks ahead.
    pub end: Option<ForecastPointRow>,
    /// The day at whose end nothing is left; none when that lies more than a year after the removal.
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub zero_day_p10: Option<Day>,
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub zero_day_p50: Option<Day>,
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub zero_day_p90: Option<Day>,
    /// Sorted by date; the end is the last.
    pub path: Vec<ForecastPointRow>,
    /// How many of the counted are expected to use the legacy credential still, now.
    pub still_used: f64,
    /// So many must stop each week to be done at the removal.
    pub needed_a_week: f64,
    /// So many stopped each week of the last four.
    pub stopped_a_week: f64,
    /// Most of what stops later still counts at the removal.
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub last_visible_stop: Option<Day>,
    pub moves: Vec<MoveRow>,
    /// How earlier forecasts did, by their distance.
    pub scores: Vec<ScoreRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ForecastPointRow {
    #[serde(serialize_with = "text")]
    #[schemars(with = "DayText")]
    pub date: Day,
    pub p10: u32,
    pub p50: u32,
    pub p90: u32,
    pub zero_probability: f64,
}

/// What would change the forecast: one client in one team's hands.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct MoveRow {
    pub client_name: String,
    pub owner: String,
    pub integration_count: usize,
    pub integrations: Vec<String>,
    /// So many fewer integrations are expected to be left at the removal when it is moved today.
    pub effect: f64,
}

/// Forecasts of some distance whose day has come, against what came. Errors and losses are in integrations.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ScoreRow {
    pub from_days: i32,
    pub to_days: Option<i32>,
    pub forecasts: u32,
    /// The share that held what came between the 10 and 90 % quantiles.
    pub held: f64,
    pub error: f64,
    pub error_unchanged: f64,
    pub error_line: f64,
    pub pinball: f64,
    pub pinball_unchanged: f64,
    pub pinball_line: f64,
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
pub struct TokenRow {
    pub token: String,
    #[serde(serialize_with = "text")]
    #[schemars(with = "CredentialWord")]
    pub kind: Credential,
    pub label: String,
    pub user: String,
    pub user_email: String,
    pub owner: String,
    /// Those that use it, sorted.
    pub integrations: Vec<String>,
    pub status: String,
    pub created_at: Option<Timestamp>,
    pub last_active_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub days_left: Option<i32>,
    /// The expiry less the owner's lead time.
    pub latest_safe_start: Option<Timestamp>,
    /// It has not expired, but fewer days are left than the owner needs.
    pub overdue: bool,
    /// Its user has left every workspace that is read.
    pub leaver: bool,
    pub listed_by: String,
}

/// Tokens that end one by one: a campaign of expiry.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ExpiryReport {
    pub id: String,
    pub name: String,
    /// What ends: `tokens`.
    pub noun: String,
    pub documentation: String,
    /// What to do with each.
    pub advice: String,
    pub horizon_days: i32,
    /// No inventory and no register was read: the counts are unknown, not zero.
    pub blind: bool,
    pub counts: ExpiryCounts,
    /// Lately expired ones first, then by their latest safe start.
    pub tokens: Vec<TokenRow>,
}

/// Tokens of a campaign of expiry. All but the first are parts of those that are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ExpiryCounts {
    /// They end within the horizon, or within their owner's lead time where that is longer.
    pub expiring: u32,
    /// Fewer days are left than the owner needs.
    pub overdue: u32,
    /// Expired in the last 31 days.
    pub expired: u32,
    pub leavers: u32,
    pub unowned: u32,
}

/// Replacements that end soon, which is the next cliff.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Expiring {
    pub horizon_days: i32,
    /// Tokens that end within the horizon.
    pub count: u32,
    /// The first of them.
    pub tokens: Vec<TokenRow>,
    /// Our own secrets with an expiry inside the warning time.
    pub own: Vec<TokenRow>,
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
