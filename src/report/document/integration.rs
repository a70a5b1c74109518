//! One integration, as every ranking shows it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{text, text_or_null};
use crate::{
    analysis::{NameState, RhythmKind},
    evidence::{Category, Credential, Grade, Status},
    report::schema::{CategoryWord, CredentialWord, GradeWord, NameStateWord, RhythmKindWord, StatusWord},
};

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
