//! The columns of every file, in the contract's order.

use std::{borrow::Cow, fmt::Display};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    super::document::{BurndownRow, ChangeRow, IntegrationRow, IntervalRow, TokenRow, UserRow},
    Column,
    Kind::{self, Boolean, Date, Instant, Integer, Number, Text},
};
use crate::{analysis::Authentication, evidence::journal::JournalEntry, report::inert};

const fn col<R>(name: &'static str, kind: Kind, description: &'static str, cell: fn(&R) -> Cow<'_, str>) -> Column<R> {
    Column { name, kind, description, cell }
}

/// Whole seconds, as the Frictionless `datetime` type wants them.
pub(super) fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn maybe_instant(at: Option<Timestamp>) -> Cow<'static, str> {
    at.map(instant).unwrap_or_default().into()
}

fn maybe(value: Option<impl Display>) -> Cow<'static, str> {
    value.map(|v| v.to_string()).unwrap_or_default().into()
}

fn number(value: f64) -> Cow<'static, str> {
    if value.is_finite() { format!("{value:.3}").into() } else { "".into() }
}

/// How a formula begins, also in the wide and the small forms that some programs take for the plain ones.
const FORMULA: [char; 13] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'];

/// Text that no spreadsheet runs: one that would be read as a formula gets an apostrophe in front. Where a program takes semicolons
/// for what parts cells, what follows one is such a text as well.
fn text(value: &str) -> Cow<'_, str> {
    // Behind a semicolon a quote only opens the cell.
    let invisible = |c: char| c.is_whitespace() || c == '"' || inert::hides_or_moves(c) || inert::joins(c);
    let runs = |part: &str| part.trim_start_matches(invisible).starts_with(FORMULA) || part.starts_with(['\t', '\r', '\n']);
    if !value.split(';').any(runs) {
        return value.into();
    }
    let quoted = |part: &str| if runs(part) { format!("'{part}") } else { part.to_owned() };
    value.split(';').map(quoted).collect::<Vec<_>>().join(";").into()
}

/// A list in one cell; a semicolon inside an item would split it in two.
fn list(items: &[String]) -> Cow<'static, str> {
    text(&items.iter().map(|item| item.replace(';', ",")).collect::<Vec<_>>().join(";")).into_owned().into()
}

pub(super) const INTEGRATIONS: &[Column<IntegrationRow>] = &[
    col("campaign", Text, "The retirement that this row belongs to", |r| text(&r.campaign)),
    col("rank", Integer, "1 is the most urgent; only remaining and stale integrations have one", |r| maybe(r.rank)),
    col("integration", Text, "Stable id of the user, client and origin", |r| text(&r.integration)),
    col("status", Text, "active, failing, migrating, quiet (these remain), stale, migrated or retired", |r| {
        r.status.to_string().into()
    }),
    col("returned", Boolean, "Was done, and uses the legacy credential again", |r| r.returned.to_string().into()),
    col("waived", Boolean, "An accepted outage or exception holds now", |r| r.waived.to_string().into()),
    col("window_only", Boolean, "Was rejected only inside brownout windows", |r| r.window_only.to_string().into()),
    col("unseen_since", Instant, "Since when no source that has shown it was looking", |r| maybe_instant(r.unseen_since)),
    col("grade", Text, "How firmly the credential is known: proven, strong, weak", |r| r.grade.as_str().into()),
    col("score", Number, "What the rank is made of; comparable within one file only", |r| number(r.score)),
    col("user", Text, "Atlassian account id, else email: or name: and what was seen", |r| text(&r.user)),
    col("user_name", Text, "Display name", |r| text(&r.user_name)),
    col("user_email", Text, "E-mail address", |r| text(&r.user_email)),
    col("owner", Text, "The team that has to move it", |r| text(&r.owner)),
    col("workspaces", Text, "Workspaces it uses, joined by ;", |r| list(&r.workspaces)),
    col("client", Text, "Id in the client catalogue", |r| text(&r.client)),
    col("client_name", Text, "Name in the client catalogue", |r| text(&r.client_name)),
    col("category", Text, "Kind of client", |r| r.category.to_string().into()),
    col("origin", Text, "Named network, job, roaming, address block or token label", |r| text(&r.origin)),
    col("machine", Boolean, "Works like a machine; empty where neither is likely enough", |r| maybe(r.machine)),
    col("period_days", Number, "90th percentile of the gaps between days of use", |r| {
        r.period_days.map(number).unwrap_or_default()
    }),
    col("first_seen", Instant, "First legacy use", |r| instant(r.first_seen).into()),
    col("last_seen", Instant, "Last legacy use", |r| instant(r.last_seen).into()),
    col("last_accepted", Instant, "Last legacy use that was accepted", |r| maybe_instant(r.last_accepted)),
    col("last_rejected", Instant, "Last legacy use that was rejected", |r| maybe_instant(r.last_rejected)),
    col("uses_7d", Integer, "Legacy uses on the last 7 UTC days", |r| r.uses_7d.to_string().into()),
    col("uses_30d", Integer, "Legacy uses on the last 30 UTC days", |r| r.uses_30d.to_string().into()),
    col("rejected_30d", Integer, "Of them rejected", |r| r.rejected_30d.to_string().into()),
    col("repositories", Text, "workspace/repository, joined by ;", |r| list(&r.repositories)),
    col("repository_count", Integer, "Number of repositories", |r| r.repository_count.to_string().into()),
    col("writes_30d", Integer, "Legacy uses on the last 30 UTC days that wrote", |r| r.writes_30d.to_string().into()),
    col("highest_permission", Text, "The user's highest right on these repositories", |r| text(&r.highest_permission)),
    col("replacement", Text, "The replacement credential it was last accepted with", |r| maybe(r.replacement)),
    col("replacement_last_seen", Instant, "When that was", |r| maybe_instant(r.replacement_last_seen)),
    col("replacement_rejected_30d", Integer, "Replacement credentials that were refused", |r| {
        r.replacement_rejected_30d.to_string().into()
    }),
    col("deadline", Instant, "When the legacy credential stops working", |r| instant(r.deadline).into()),
    col("latest_safe_start", Instant, "The deadline less the owner's lead time", |r| instant(r.latest_safe_start).into()),
    col("advice", Text, "What to create and which username goes with it", |r| text(&r.advice)),
    col("reasons", Text, "Why it has this status and grade, joined by ;", |r| list(&r.reasons)),
];

pub(super) const AUTHENTICATIONS: &[Column<Authentication>] = &[
    col("date", Date, "UTC day", |r| r.day.to_string().into()),
    col("user", Text, "User id; empty when nobody is named", |r| text(&r.user)),
    col("integration", Text, "Integration id", |r| text(&r.integration)),
    col("workspace", Text, "Workspace", |r| text(&r.workspace)),
    col("credential", Text, "What was presented", |r| r.credential.as_str().into()),
    col("grade", Text, "How firmly that is known", |r| r.grade.as_str().into()),
    col("outcome", Text, "accepted, rejected or unknown", |r| r.outcome.as_str().into()),
    col("uses", Integer, "How often", |r| r.uses.to_string().into()),
];

pub(super) const USERS: &[Column<UserRow>] = &[
    col("user", Text, "User id", |r| text(&r.user)),
    col("user_name", Text, "Display name", |r| text(&r.user_name)),
    col("user_email", Text, "E-mail address", |r| text(&r.user_email)),
    col("owner", Text, "Team", |r| text(&r.owner)),
    col("remaining_integrations", Integer, "Integrations that still have to move", |r| {
        r.remaining_integrations.to_string().into()
    }),
    col("legacy_uses_30d", Integer, "Uses of the legacy credential on the last 30 UTC days", |r| {
        r.legacy_uses_30d.to_string().into()
    }),
    col("replacement_uses_30d", Integer, "Uses of replacement credentials", |r| r.replacement_uses_30d.to_string().into()),
    col("other_uses_30d", Integer, "Other uses", |r| r.other_uses_30d.to_string().into()),
    col("last_legacy", Instant, "Last use of the legacy credential", |r| maybe_instant(r.last_legacy)),
    col("live_api_tokens", Integer, "Usable API tokens in the inventory: a hint, not a use", |r| maybe(r.live_api_tokens)),
    col("last_accessed", Instant, "Last activity as Bitbucket shows it", |r| maybe_instant(r.last_accessed)),
    col("highest_permission", Text, "Highest right anywhere", |r| text(&r.highest_permission)),
    col("observed", Boolean, "Whether a source that can show credentials has seen this user", |r| maybe(r.observed)),
    col("member", Boolean, "Whether this user is a member of a configured workspace", |r| maybe(r.member)),
];

pub(super) const BURNDOWN: &[Column<BurndownRow>] = &[
    col("campaign", Text, "The retirement", |r| text(&r.campaign)),
    col("date", Date, "UTC day, as it stood at its end", |r| r.date.to_string().into()),
    col("remaining", Integer, "Integrations that remained, as known now", |r| r.remaining.to_string().into()),
    col("remaining_known", Integer, "Of them by proven or strong evidence", |r| r.remaining_known.to_string().into()),
    col("remaining_as_reported", Integer, "The number as it was reported on the day", |r| maybe(r.remaining_as_reported)),
    col("active", Integer, "In this status", |r| r.active.to_string().into()),
    col("failing", Integer, "In this status", |r| r.failing.to_string().into()),
    col("migrating", Integer, "In this status", |r| r.migrating.to_string().into()),
    col("stale", Integer, "In this status", |r| r.stale.to_string().into()),
    col("quiet", Integer, "In this status", |r| r.quiet.to_string().into()),
    col("migrated", Integer, "In this status", |r| r.migrated.to_string().into()),
    col("retired", Integer, "In this status", |r| r.retired.to_string().into()),
    col("users_remaining", Integer, "Users with a remaining integration", |r| r.users_remaining.to_string().into()),
    col("uses", Integer, "Legacy uses of the day", |r| r.uses.to_string().into()),
    col("rejected", Integer, "Of them rejected", |r| r.rejected.to_string().into()),
    col(
        "observed_share",
        Number,
        "Share of the active users whom a source that can show credentials has seen, as reported",
        |r| r.observed_share.map(number).unwrap_or_default(),
    ),
    col("forecast_p10", Integer, "Forecast of the number at the removal as made on the day, 10 % quantile", |r| {
        maybe(r.forecast_p10)
    }),
    col("forecast_p50", Integer, "50 % quantile", |r| maybe(r.forecast_p50)),
    col("forecast_p90", Integer, "90 % quantile", |r| maybe(r.forecast_p90)),
];

pub(super) const CHANGES: &[Column<ChangeRow>] = &[
    col("date", Date, "UTC day on which the change was found", |r| r.date.to_string().into()),
    col("campaign", Text, "The retirement", |r| text(&r.campaign)),
    col("integration", Text, "Integration id", |r| text(&r.integration)),
    col("from", Text, "Status before; empty for a new integration", |r| maybe(r.from)),
    col("to", Text, "Status after; empty for one that is no more", |r| maybe(r.to)),
    col("cause", Text, "discovered, migrated, retired, returned, reclassified, coverage or moved", |r| {
        r.cause.to_string().into()
    }),
    col("reason", Text, "The same in words", |r| text(&r.reason)),
];

pub(super) const COVERAGE: &[Column<IntervalRow>] = &[
    col("source", Text, "Source", |r| text(&r.source)),
    col("from", Instant, "Start, included", |r| instant(r.from).into()),
    col("to", Instant, "End, excluded", |r| instant(r.to).into()),
    col("state", Text, "covered, partial, missed or not_permitted", |r| r.state.to_string().into()),
    col("items", Integer, "Items read", |r| r.items.to_string().into()),
    col("skipped", Integer, "Items not kept", |r| r.skipped.to_string().into()),
    col("reason", Text, "Why it was not covered", |r| text(&r.reason)),
];

pub(super) const TOKENS: &[Column<TokenRow>] = &[
    col("token", Text, "Id in the inventory, or the configuration key of an own secret; never a value", |r| text(&r.token)),
    col("kind", Text, "Kind of credential", |r| r.kind.to_string().into()),
    col("label", Text, "Label", |r| text(&r.label)),
    col("user", Text, "User id", |r| text(&r.user)),
    col("user_email", Text, "E-mail address", |r| text(&r.user_email)),
    col("owner", Text, "Team", |r| text(&r.owner)),
    col("integration", Text, "The integrations that use it, where that is known, joined by ;", |r| list(&r.integrations)),
    col("status", Text, "As the inventory says", |r| text(&r.status)),
    col("created_at", Instant, "Created", |r| maybe_instant(r.created_at)),
    col("last_active_at", Instant, "Last used", |r| maybe_instant(r.last_active_at)),
    col("expires_at", Instant, "Expires", |r| maybe_instant(r.expires_at)),
    col("days_left", Integer, "UTC days until the one on which it expires, negative after it", |r| maybe(r.days_left)),
    col("listed_by", Text, "The source that lists it; configuration for own secrets", |r| text(&r.listed_by)),
];

pub(super) const JOURNAL: &[Column<JournalEntry>] = &[
    col("sequence", Integer, "Position in the chain", |r| r.sequence.to_string().into()),
    col("time", Instant, "When", |r| instant(r.at).into()),
    col("actor", Text, "Who, and by which command", |r| text(&r.actor)),
    col("action", Text, "What was done, or the section of the configuration that changed", |r| text(&r.action)),
    col("detail", Text, "Details", |r| text(&r.detail)),
    col("hash", Text, "SHA-256 of the hash before and the fields, each as length:text", |r| text(&r.hash)),
];
