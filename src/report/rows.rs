//! One row of the document from one finding.

use jiff::Timestamp;

use super::{
    document::{ExperimentRow, ExposedRow, IntegrationRow, TermRow, TokenRow, UserRow, WindowRow},
    inert,
    inputs::{Inputs, OwnCredential},
};
use crate::{
    analysis::{Experiment, Integration, NextWindow, TokenFinding, UserFinding, guess},
    evidence::{
        Campaign, ClientCatalogue, Day,
        time::{self, days_between, instant},
    },
};

/// Repositories that one cell names; `repository_count` has them all.
const MAX_REPOSITORIES: usize = 200;
/// Other integrations that one row names.
const MAX_OTHERS: usize = 200;
/// Reasons and terms that explain a row.
const MAX_REASONS: usize = 12;
/// Where our own secrets are listed.
pub(super) const OWN: &str = "configuration";

fn optional(text: Option<&String>) -> String {
    text.map(|t| inert::name(t)).unwrap_or_default()
}

fn names(list: &[String], limit: usize) -> Vec<String> {
    list.iter().take(limit).map(|n| inert::name(n)).collect()
}

pub(super) fn integration(i: &Integration, campaign: &Campaign, clients: &ClientCatalogue, now: Timestamp) -> IntegrationRow {
    // Where the campaign itself says what to do, the client's own steps are beside the point.
    let client = clients.get(&i.client).filter(|_| campaign.advice.is_none());
    IntegrationRow {
        campaign: campaign.id.clone(),
        rank: i.rank,
        integration: inert::name(&i.id),
        former_ids: names(&i.former_ids, MAX_OTHERS),
        status: i.status,
        returned: i.returned,
        waived: i.waiver.is_some(),
        window_only: i.window_only,
        contradiction: i.contradiction,
        unseen_since: i.unseen_since,
        grade: i.grade,
        known: i.known(),
        score: i.score,
        terms: i.terms.iter().take(MAX_REASONS).map(term).collect(),
        user: inert::name(&i.user.id),
        user_name: optional(i.user.name.as_ref()),
        user_email: optional(i.user.email.as_ref()),
        name_state: i.name_state,
        leaver: i.leaver,
        secret_shared_with: names(&i.secret_shared_with, MAX_OTHERS),
        owner: optional(i.owner.as_ref()),
        workspace: optional(i.workspace.as_ref()),
        workspaces: names(&i.workspaces, MAX_REPOSITORIES),
        client: inert::name(&i.client),
        client_name: inert::name(&i.client_name),
        category: i.category,
        origin: inert::name(&i.origin),
        guess: guess(i, clients).map(|g| inert::sentence(&format!("{}: {}", g.words, g.reason))).unwrap_or_default(),
        machine: i.machine,
        period_days: i.period_days,
        rhythm: inert::sentence(&i.rhythm.words),
        rhythm_kind: i.rhythm.kind,
        rhythm_confidence: i.rhythm.confidence,
        next_expected_from: i.rhythm.next.map(|(from, _)| from),
        next_expected_to: i.rhythm.next.map(|(_, to)| to),
        silence: i.rhythm.silence.clone(),
        weekly_uses: i.weekly_uses,
        first_week_uses: i.exposure.first_week,
        uses_by_hour: i.exposure.by_hour.to_vec(),
        window_uses: i.exposure.windows.clone(),
        brownouts: experiments(i),
        migration_missing: i.proof.iter().flat_map(|proof| &proof.missing).map(|text| inert::sentence(text)).collect(),
        trap: i.trap.as_ref().map(|trap| inert::sentence(&trap.words)).unwrap_or_default(),
        first_seen: i.first_seen,
        last_seen: i.last_seen,
        last_accepted: i.last_accepted,
        last_rejected: i.last_rejected,
        uses_7d: i.uses_7d,
        uses_30d: i.uses_30d,
        rejected_30d: i.rejected_30d,
        repositories: names(&i.repositories, MAX_REPOSITORIES),
        repository_count: i.repositories.len(),
        writes_30d: i.writes_30d,
        highest_permission: optional(i.highest_permission.as_ref()),
        replacement: i.replacement,
        replacement_last_seen: i.replacement_last_seen,
        replacement_rejected_30d: i.replacement_rejected_30d,
        deadline: i.deadline,
        latest_safe_start: i.latest_safe_start,
        start_in_days: days_between(now, i.latest_safe_start),
        overdue: i.status.remaining() && i.latest_safe_start < now && now < i.deadline,
        advice: inert::sentence(&i.advice),
        username: client.map(|c| c.username.clone()).unwrap_or_default(),
        scopes: client.map(|c| c.scopes.clone()).unwrap_or_default(),
        documentation: client.map_or_else(|| campaign.documentation.clone(), |c| c.documentation.clone()),
        reasons: i.reasons.iter().take(MAX_REASONS).map(|r| inert::sentence(r)).collect(),
    }
}

/// Kinds of windows that it met.
fn experiments(i: &Integration) -> Vec<ExperimentRow> {
    let both = [(true, i.brownouts.published), (false, i.brownouts.extrapolated)];
    let met = both.into_iter().filter(|(_, experiment)| experiment.windows > 0 || experiment.seen > 0);
    met.map(|(published, Experiment { windows, expected, seen, rejected, accepted })| ExperimentRow {
        published,
        windows,
        expected,
        seen,
        rejected,
        accepted,
    })
    .collect()
}

/// A window and what is expected to run in it; `rows` are the campaign's integrations.
pub(super) fn window(next: &NextWindow, rows: &[IntegrationRow], now: Timestamp) -> WindowRow {
    let exposed = |(id, expected): &(String, f64)| {
        let row = rows.iter().find(|row| row.integration == inert::name(id))?;
        Some(ExposedRow {
            integration: row.integration.clone(),
            user_name: if row.user_name.is_empty() { row.user.clone() } else { row.user_name.clone() },
            client_name: row.client_name.clone(),
            expected: *expected,
        })
    };
    WindowRow {
        from: instant(next.window.from_ms),
        to: instant(next.window.to_ms),
        published: next.window.published,
        running: next.window.from_ms <= now.as_millisecond(),
        expected: next.expected,
        integrations: next.integrations,
        most_exposed: next.most_exposed.iter().filter_map(exposed).collect(),
    }
}

fn term(term: &crate::analysis::Term) -> TermRow {
    TermRow { name: term.name, value: term.value, words: inert::sentence(&term.words) }
}

pub(super) fn user(u: &UserFinding) -> UserRow {
    UserRow {
        user: inert::name(&u.user.id),
        user_name: optional(u.user.name.as_ref()),
        user_email: optional(u.user.email.as_ref()),
        owner: optional(u.owner.as_ref()),
        remaining_integrations: u.remaining_integrations,
        legacy_uses_30d: u.legacy_uses_30d,
        replacement_uses_30d: u.replacement_uses_30d,
        other_uses_30d: u.other_uses_30d,
        last_legacy: u.last_legacy,
        live_api_tokens: u.live_api_tokens,
        last_accessed: u.last_accessed,
        highest_permission: optional(u.highest_permission.as_ref()),
        observed: u.observed,
        member: u.member,
    }
}

/// The inventory's tokens and our own secrets, the first to expire first, those without expiry last.
pub(super) fn tokens(inputs: &Inputs<'_>) -> Vec<TokenRow> {
    let now = inputs.findings.now;
    let own = inputs.own_credentials.iter().filter(|c| c.expires.is_some()).map(|c| own_credential(c, now));
    let mut rows: Vec<TokenRow> = inputs.findings.tokens.iter().map(|t| token(t, now)).chain(own).collect();
    rows.sort_by(|a, b| {
        let key = |t: &TokenRow| (t.expires_at.is_none(), t.expires_at);
        key(a).cmp(&key(b)).then_with(|| a.token.cmp(&b.token))
    });
    rows
}

pub(super) fn token(t: &TokenFinding, now: Timestamp) -> TokenRow {
    let expired = t.expires_at.is_some_and(|at| at <= now);
    let lead_ms = i64::from(t.lead_time_days) * time::MS_PER_DAY;
    let latest_safe_start = t.expires_at.map(|at| time::instant(at.as_millisecond() - lead_ms));
    TokenRow {
        token: inert::name(&t.token),
        kind: t.kind,
        label: inert::name(&t.label),
        user: inert::name(&t.user.id),
        user_email: optional(t.user.email.as_ref()),
        owner: optional(t.owner.as_ref()),
        integrations: names(&t.integrations, MAX_REPOSITORIES),
        status: inert::name(&t.status),
        created_at: t.created_at,
        last_active_at: t.last_active_at,
        expires_at: t.expires_at,
        days_left: t.days_left,
        expired,
        latest_safe_start,
        overdue: !expired && latest_safe_start.is_some_and(|start| start < now),
        leaver: t.leaver,
        listed_by: inert::name(&t.listed_by),
    }
}

fn own_credential(c: &OwnCredential, now: Timestamp) -> TokenRow {
    let expires = c.expires.map(Day::from_date);
    TokenRow {
        token: inert::name(&c.name),
        kind: c.kind,
        label: inert::name(&c.name),
        user: String::new(),
        user_email: String::new(),
        owner: String::new(),
        integrations: Vec::new(),
        status: String::new(),
        created_at: None,
        last_active_at: None,
        expires_at: expires.map(Day::start),
        days_left: expires.map(|day| days_between(now, day.start())),
        // A date without an hour holds to its end.
        expired: expires.is_some_and(|day| day.end() <= now),
        latest_safe_start: None,
        overdue: false,
        leaver: false,
        listed_by: OWN.to_owned(),
    }
}

/// Whether it still opens something, and ends within so many days.
pub(super) fn ends_within(token: &TokenRow, days: i32) -> bool {
    token.listed_by != OWN && usable(token) && !token.expired && token.days_left.is_some_and(|left| left <= days)
}

/// Whether a token still opens anything, by the inventory's own words; a status that nobody knows counts as usable.
pub(super) fn usable(token: &TokenRow) -> bool {
    !["revoked", "blocked", "expired", "disabled", "deleted"].iter().any(|ended| token.status.eq_ignore_ascii_case(ended))
}
