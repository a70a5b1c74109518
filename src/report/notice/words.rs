//! The sentences of the notice.

use jiff::tz::TimeZone;

use super::{Hit, Notice, NoticeCampaign, NoticeRow};
use crate::report::document::IntegrationRow;
use crate::report::words::{after_removal, broken, counted, day, instant, sentence_case, span, sure};

/// Repositories that one row names in a mail; JSON has more.
const MAX_NAMED: usize = 12;

pub(in crate::report) fn subject(notice: &Notice) -> String {
    let owner = &notice.owner;
    let Some(c) = notice.campaigns.iter().find(|c| !c.integrations.is_empty()) else {
        return match notice.campaigns.first() {
            Some(c) => format!("[duskwatch] {owner}: nothing is left on {}", c.noun),
            None => format!("[duskwatch] {owner}: nothing to do"),
        };
    };
    if c.removed {
        return format!("[duskwatch] {owner}: {}, day {} after the removal", broken(&c.words, &c.counts), -c.days_left);
    }
    format!(
        "[duskwatch] {owner}: {} still on {}, {} failing, {} left",
        counted(c.counts.remaining, "integration"),
        c.noun,
        c.counts.failing,
        counted(c.days_left, "day")
    )
}

/// What of the owner's remains, and by when to begin.
pub(in crate::report) fn headline(c: &NoticeCampaign, owner: &str, zone: &TimeZone) -> String {
    let n = &c.counts;
    let removal = instant(c.removal, zone);
    let moved = match n.migrated + n.retired {
        0 => String::new(),
        1 => " 1 integration has already moved or is gone.".to_owned(),
        moved => format!(" {} have already moved or are gone.", counted(moved, "integration")),
    };
    if c.integrations.is_empty() {
        return format!(
            "Nothing of {owner} is seen on {} any more.{moved} This is the last notice, unless something comes back. Thank you.",
            c.noun
        );
    }
    if c.removed {
        return format!("{}{moved}", after_removal(&c.words, &c.noun, n, &removal));
    }
    format!(
        "{} of {owner} still {} {}: {}; {} failing now. {} {} on {removal}, in {}.{moved}",
        counted(n.remaining, "integration"),
        c.words.uses.of(n.remaining),
        c.noun,
        sure(n),
        n.failing,
        sentence_case(&c.noun),
        c.words.ends,
        counted(c.days_left, "day"),
    )
}

/// By when the first of them has to be begun; none after the removal.
pub(in crate::report) fn start(c: &NoticeCampaign) -> Option<String> {
    let at = c.latest_safe_start.filter(|_| !c.removed)?;
    let days = c.start_in_days?;
    let late = match c.counts.overdue {
        0 => String::new(),
        1 => {
            " For 1 of them the time that your team needs no longer suffices: begin at once, or ask for an exception.".to_owned()
        }
        several => format!(
            " For {several} of them the time that your team needs no longer suffices: begin at once, or ask for an exception."
        ),
    };
    let when = match days {
        ..0 => format!("{}, {} ago", day(at), counted(-days, "day")),
        0 => format!("{}, today", day(at)),
        _ => format!("{}, in {}", day(at), counted(days, "day")),
    };
    Some(format!("Latest safe start: {when}.{late}"))
}

/// What is to be done, for the top of the page.
pub(in crate::report) fn title(c: &NoticeCampaign) -> String {
    let n = &c.counts;
    match (c.integrations.is_empty(), c.removed) {
        (true, _) => format!("{}: nothing left to do", sentence_case(&c.noun)),
        (false, true) => format!("{}: {}", sentence_case(&c.noun), broken(&c.words, n)),
        (false, false) => format!("{} to move off {}", counted(n.remaining, "integration"), c.noun),
    }
}

/// Said where the owner has and had nothing.
pub(in crate::report) fn nothing(notice: &Notice) -> String {
    let doubt = if notice.complete { "" } else { " Not every source could be read: this is not the same as nothing." };
    format!("Nothing that is being retired was seen in the hands of {}.{doubt}", notice.owner)
}

/// On what it rests, and what to do when it is wrong.
pub(in crate::report) fn basis(notice: &Notice, contact: &str) -> String {
    let one = notice.campaigns.first().map_or("what is being retired", |c| c.words.one.as_str());
    let ask = if contact.is_empty() { "whoever runs duskwatch here" } else { contact };
    format!(
        "No Atlassian API says that a request used {one}: this is concluded from what requests and refusals show. If something \
         here is not yours, or is wrong, tell {ask}. A notice comes once a week while something is left to do, sooner when it \
         gets worse, and ends when nothing is left."
    )
}

/// A client and how many rows there are of it stand in the heading above them.
pub(in crate::report) fn group(client: &IntegrationRow) -> String {
    match client.client.as_str() {
        "unknown" => "Software that is not recognised".to_owned(),
        _ => client.client_name.clone(),
    }
}

/// Who else presents the same secret; empty without others.
pub(in crate::report) fn shared_secret(row: &NoticeRow) -> String {
    let own = row.row.secret_shared_with.join(", ");
    let elsewhere = match row.secret_shared_elsewhere {
        0 => String::new(),
        1 => "1 integration that is not yours".to_owned(),
        several => format!("{several} integrations that are not yours"),
    };
    [own, elsewhere].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" and ")
}

/// Who and from where, in one line.
pub(in crate::report) fn who(row: &NoticeRow) -> String {
    let who = [&row.row.user_name, &row.row.user].into_iter().find(|name| !name.is_empty());
    let who = who.map_or("somebody whom no evidence names", String::as_str);
    let from = match row.row.origin.as_str() {
        "roaming" => "on people's own machines".to_owned(),
        "unknown" => "from a place that is not known".to_owned(),
        origin => format!("from {origin}"),
    };
    format!("{who}, {from}")
}

pub(in crate::report) fn repositories(row: &NoticeRow) -> String {
    let shown = row.row.repositories.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match row.row.repository_count {
        0 => "none is named by the evidence".to_owned(),
        all if all > MAX_NAMED => format!("{shown} and {} more", all - MAX_NAMED),
        _ => shown,
    }
}

/// How often, at which hours, and when next.
pub(in crate::report) fn runs(row: &NoticeRow, zone: &TimeZone) -> String {
    let mut parts = vec![sentence_case(&row.row.rhythm)];
    if !row.hours.is_empty() {
        parts.push(row.hours.clone());
    }
    parts.push(format!("{} in 30 days, last on {}", counted_uses(row.row.uses_30d), instant(row.row.last_seen, zone)));
    if let Some(next) = row.row.next_expected_from.filter(|_| row.row.status.remaining()) {
        parts.push(format!("next expected from {} on", instant(next, zone)));
    }
    parts.join("; ")
}

fn counted_uses(uses: u64) -> String {
    counted(i64::try_from(uses).unwrap_or(i64::MAX), "use")
}

pub(in crate::report) fn next_brownout(hit: &Hit, zone: &TimeZone) -> String {
    let uses = if hit.expected < 1.5 { "about 1 use".to_owned() } else { format!("about {:.0} uses", hit.expected) };
    let kind = if hit.published { "published" } else { "extrapolated from the published ones" };
    let now = if hit.running { "running now" } else { kind };
    format!("{} ({now}): {uses} will probably be refused", span(hit.from, hit.to, zone))
}
