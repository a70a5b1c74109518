//! The campaigns of expiry: which tokens end soon, and which of them too soon for the team that has to renew them.

use super::{
    build::count,
    document::{ExpiryCounts, ExpiryReport, TokenRow},
    inputs::Inputs,
    rows,
};
use crate::evidence::{Coverage, Expiry, SourceKind};

/// What has expired is shown for so long: somebody may still wonder why a job fails.
const SHOWN_WHEN_EXPIRED_DAYS: i32 = 31;

pub(super) fn reports(inputs: &Inputs<'_>, tokens: &[TokenRow]) -> Vec<ExpiryReport> {
    let blind = blind(inputs, tokens);
    inputs.expiries.iter().map(|expiry| report(inputs, expiry, tokens, blind)).collect()
}

/// Neither an inventory of tokens nor a register was ever read by then.
pub(super) fn blind(inputs: &Inputs<'_>, tokens: &[TokenRow]) -> bool {
    let now_ms = inputs.findings.now.as_millisecond();
    !tokens.iter().any(is_listed) && !inputs.ledger.sources.iter().any(|(name, list)| is_inventory(name, list, now_ms))
}

fn is_listed(token: &TokenRow) -> bool {
    token.listed_by != rows::OWN
}

fn report(inputs: &Inputs<'_>, expiry: &Expiry, tokens: &[TokenRow], blind: bool) -> ExpiryReport {
    let horizon_days = inputs.policy.expiry_horizon_days;
    let ours = tokens.iter().filter(|t| is_listed(t) && expiry.credentials.contains(&t.kind));
    let mut tokens: Vec<TokenRow> = ours.filter(|t| ends_soon(t, horizon_days) || expired_lately(t)).cloned().collect();
    tokens.sort_by(|a, b| {
        let key = |t: &TokenRow| (!expired_lately(t), t.latest_safe_start, t.expires_at);
        key(a).cmp(&key(b)).then_with(|| a.token.cmp(&b.token))
    });
    let of = |wanted: &dyn Fn(&TokenRow) -> bool| count(tokens.iter().filter(|t| wanted(t)));
    ExpiryReport {
        id: expiry.id.clone(),
        name: expiry.name.clone(),
        noun: expiry.noun.clone(),
        documentation: expiry.documentation.clone(),
        advice: expiry.advice.clone(),
        horizon_days,
        blind,
        counts: ExpiryCounts {
            expiring: of(&|t| !expired_lately(t)),
            overdue: of(&|t| t.overdue),
            expired: of(&expired_lately),
            leavers: of(&|t| t.leaver),
            unowned: of(&|t| t.owner.is_empty()),
        },
        tokens,
    }
}

/// Within the horizon, or within the lead time of an owner who needs longer.
fn ends_soon(token: &TokenRow, horizon_days: i32) -> bool {
    rows::usable(token) && !token.expired && token.days_left.is_some_and(|days| days <= horizon_days || token.overdue)
}

fn expired_lately(token: &TokenRow) -> bool {
    let ended = rows::usable(token) || token.status.eq_ignore_ascii_case("expired");
    ended && token.expired && token.days_left.is_some_and(|days| days >= -SHOWN_WHEN_EXPIRED_DAYS)
}

/// Whether a source is one that was read by then.
fn is_inventory(source: &str, intervals: &[Coverage], now_ms: i64) -> bool {
    let looked = |interval: &Coverage| interval.state.looked() && interval.from_ms <= now_ms;
    SourceKind::Tokens.name_of(source).is_some() && intervals.iter().any(looked)
}
