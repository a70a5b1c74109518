//! Tokens that end.

use super::{counted, day, grouped};
use crate::report::document::{Expiring, ExpiryReport, TokenRow};

/// What there is to say where a number would say that nothing ends.
pub(in crate::report) const NO_INVENTORY: &str = "Unknown: no inventory of tokens and no register has been read.";

/// `3 tokens expire in 60 days`, for a subject.
pub(in crate::report) fn expiring_soon(expiring: &Expiring) -> String {
    if expiring.blind {
        return "tokens not seen".to_owned();
    }
    let expire = if expiring.count == 1 { "expires" } else { "expire" };
    format!("{} {expire} in {}", counted(expiring.count, "token"), counted(expiring.horizon_days, "day"))
}

/// How many tokens end, and what is wrong with them beside that.
pub(in crate::report) fn expiring_headline(e: &ExpiryReport) -> String {
    let n = &e.counts;
    if e.blind {
        return NO_INVENTORY.to_owned();
    }
    let of = |count: u32, one: &str, many: &str| {
        (count > 0).then(|| format!("{} {}", grouped(count.into()), if count == 1 { one } else { many }))
    };
    let parts = [
        of(n.overdue, "is past its latest safe start", "are past their latest safe start"),
        of(n.leavers, "belongs to somebody who has left", "belong to people who have left"),
        of(n.unowned, "has no owner", "have no owner"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let ends = if n.expiring == 1 { "1 token ends".to_owned() } else { format!("{} {} end", grouped(n.expiring.into()), e.noun) };
    let expired =
        if n.expired > 0 { format!("; {} expired in the last 31 days", grouped(n.expired.into())) } else { String::new() };
    let more = if parts.is_empty() { String::new() } else { format!(" {}.", parts.join(", ")) };
    format!("{ends} within {}, or within the time that the owner needs{expired}.{more}", counted(e.horizon_days, "day"))
}

/// One token in a line: its label, whose it is, and what a reader has to know of it.
pub(in crate::report) fn token_line(t: &TokenRow) -> String {
    let whose = [&t.user_email, &t.user, &t.listed_by].into_iter().find(|text| !text.is_empty());
    let name = if t.label.is_empty() { &t.token } else { &t.label };
    format!("{name} ({}): {}", whose.map_or("", String::as_str), token_words(t))
}

/// The same without its name.
pub(in crate::report) fn token_words(t: &TokenRow) -> String {
    let left = match t.days_left {
        Some(0) if t.expired => "expired today".to_owned(),
        Some(days) if t.expired => format!("expired {} ago", counted(-days, "day")),
        Some(days) => format!("{} left", counted(days, "day")),
        None => "no expiry".to_owned(),
    };
    let mut parts = vec![left, format!("owner: {}", if t.owner.is_empty() { "nobody yet" } else { &t.owner })];
    if let Some(start) = t.latest_safe_start.filter(|_| !t.expired) {
        parts.push(format!("start by {}{}", day(start), if t.overdue { " (passed)" } else { "" }));
    }
    if t.leaver {
        parts.push("its user has left".to_owned());
    }
    if !t.integrations.is_empty() {
        parts.push(format!("used by {}", t.integrations.join(", ")));
    }
    parts.join("; ")
}
