//! Credentials that end: replacements, registered ones and our own.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::text;
use crate::{evidence::Credential, report::schema::CredentialWord};

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
    /// UTC days until the one on which it expires, negative after it.
    pub days_left: Option<i32>,
    /// Its end has come, perhaps today; of a secret of our own: the day is over.
    pub expired: bool,
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
    /// No inventory and no register was read: the count is unknown, not zero.
    pub blind: bool,
    /// Tokens that end within the horizon.
    pub count: u32,
    /// The first of them.
    pub tokens: Vec<TokenRow>,
    /// Our own secrets with an expiry inside the warning time.
    pub own: Vec<TokenRow>,
}
