//! The sentences that several renderers share, and the forms of numbers and dates in them.

use jiff::{Timestamp, tz::TimeZone};

use super::document::{
    CampaignReport, CauseRow, Counts, CoverageReport, ExpiryReport, IntegrationRow, Movement, Report, SourceRow, SourceState,
    TokenRow, UndeliveredRow, WindowRow,
};
use crate::{
    analysis::{Activity, Observation, ObservedWorkspace, Share, Silence},
    evidence::{Day, Status, campaign::Words},
};

/// What all numbers rest on, on the first screen of every report; before it that they do not all rest on the present rules,
/// where that is so.
pub(super) fn limits(report: &Report) -> String {
    let one = report.campaigns.first().map_or("what is being retired", |c| c.words.one.as_str());
    let limits = format!(
        "No Atlassian API says that a request used {one}. What stands here is concluded from what requests and refusals show, \
         so every row has a grade: known (proven or strong evidence) or possible (weak evidence). Nobody seen does not mean \
         nobody there."
    );
    if report.judged_otherwise == 0 {
        return limits;
    }
    let items = grouped(i64::try_from(report.judged_otherwise).unwrap_or(i64::MAX));
    format!(
        "The rules changed: {items} kept items were judged by other ones. Run duskwatch reclassify, and start a service anew that \
         began before. {limits}"
    )
}

pub(super) fn instant(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%-d %b %Y %H:%M %Z").to_string()
}

/// `3 Jul 2026 06:00–08:00 UTC`; with both days where a window goes over midnight.
pub(super) fn span(from: Timestamp, to: Timestamp, zone: &TimeZone) -> String {
    let (from, to) = (from.to_zoned(zone.clone()), to.to_zoned(zone.clone()));
    let until = if from.date() == to.date() { "\u{2013}%H:%M %Z" } else { " \u{2013} %-d %b %H:%M %Z" };
    format!("{}{}", from.strftime("%-d %b %Y %H:%M"), to.strftime(until))
}

/// The UTC day of an instant: dates of the campaign are UTC days.
pub(super) fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y").to_string()
}

/// `1 integration`, `2 integrations`.
pub(super) fn counted(n: impl Into<i64>, noun: &str) -> String {
    let n = n.into();
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n))
}

/// Digits in groups of three: `12,345`.
pub(super) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "\u{2212}" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `+3`, `−4`, `±0`: with the true minus sign.
pub(super) fn signed(n: i64) -> String {
    match n {
        0 => "±0".to_owned(),
        1.. => format!("+{}", grouped(n)),
        _ => grouped(n),
    }
}

/// The digest's subject, in the contract's two forms.
pub(super) fn subject(report: &Report) -> String {
    let Some(c) = report.campaigns.first() else { return "[duskwatch] no campaign is configured".to_owned() };
    if c.blind {
        return format!("[duskwatch] unknown: nothing that is connected can show {}", c.noun);
    }
    if c.removed {
        return format!(
            "[duskwatch] {} broken, {}, {} in {} days, day {} after the removal",
            c.counts.failing,
            leftovers(c),
            if report.expiring.count == 1 {
                "1 token expires".to_owned()
            } else {
                format!("{} tokens expire", report.expiring.count)
            },
            report.expiring.horizon_days,
            -c.days_left,
        );
    }
    let change = c.movement.as_ref().map(|m| format!(" ({})", signed(m.delta))).unwrap_or_default();
    format!(
        "[duskwatch] {} still on {}{change}, {} failing, {} left",
        counted(c.counts.remaining, "integration"),
        c.noun,
        c.counts.failing,
        counted(c.days_left, "day"),
    )
}

pub(super) fn brief_subject(report: &Report) -> String {
    let Some(c) = report.campaigns.first() else { return "[duskwatch] weekly brief: no campaign is configured".to_owned() };
    if c.blind {
        return format!("[duskwatch] weekly brief: unknown, nothing that is connected can show {}", c.noun);
    }
    if c.removed {
        let stale = leftovers(c);
        return format!("[duskwatch] weekly brief: {} broken, {stale}, day {} after the removal", c.counts.failing, -c.days_left);
    }
    let (remaining, days) = (counted(c.counts.remaining, "integration"), counted(c.days_left, "day"));
    format!("[duskwatch] weekly brief: {remaining} still on {}, {days} left", c.noun)
}

/// `6 stale secrets`: what those who have moved left behind.
fn leftovers(c: &CampaignReport) -> String {
    leftover(&c.words, c.counts.stale)
}

pub(super) fn leftover(words: &Words, number: u32) -> String {
    format!("{} {}", grouped(number.into()), words.leftover.of(number))
}

/// The number, what it consists of, and the time that is left.
pub(super) fn headline(c: &CampaignReport, zone: &TimeZone) -> String {
    let n = &c.counts;
    let sure = format!("{} known, {} possible", n.known, n.possible);
    let removal = instant(c.removal, zone);
    if c.blind {
        let time = if c.removed { &c.words.ended } else { &c.words.ends };
        return format!(
            "Unknown. Nothing that is connected can show who {} {}: no API says it, and no log, transcript or intake has been \
             read. A count of zero says nothing; connect one of them first. {} {time} on {removal}.",
            c.words.uses.one,
            c.noun,
            sentence_case(&c.noun),
        );
    }
    if c.removed {
        let fail = if n.failing == 1 { "integration fails" } else { "integrations fail" };
        let are = if n.stale == 1 { "is" } else { "are" };
        let remain = if n.remaining == 1 { "remains" } else { "remain" };
        return format!(
            "{} {fail} now, and {} {are} still tried by something that has moved; {} {remain} in all ({sure}). {} {} on {removal}.",
            n.failing,
            leftovers(c),
            n.remaining,
            sentence_case(&c.noun),
            c.words.ended,
        );
    }
    format!(
        "{} still {} {} ({sure}), {} of them failing now. {} left until the removal on {removal}.",
        counted(n.remaining, "integration"),
        c.words.uses.of(n.remaining),
        c.noun,
        n.failing,
        counted(c.days_left, "day"),
    )
}

pub(super) fn sentence_case(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Whether anything is different from the last digest, and whether that can be trusted: "nothing changed" is said only when
/// everybody was looking.
pub(super) fn change(c: &CampaignReport, report: &Report) -> String {
    let Some(m) = &c.movement else {
        let first = if report.previous.is_none() { "This is the first digest" } else { "The last digest did not speak of this" };
        return format!("{first}: there is nothing to compare with.");
    };
    let since = instant(m.since, &report.zone);
    match (m.changes.is_empty() && m.delta == 0, report.coverage.complete) {
        (true, true) => format!("Nothing changed since the last digest ({since}), and every source was read throughout."),
        (true, false) => format!(
            "No change was seen since the last digest ({since}), but not every source could be read: this is not the same as \
             no change."
        ),
        (false, complete) => {
            let doubt = if complete { "" } else { " Not every source could be read in that time." };
            format!(
                "{} since the last digest ({since}): {} remained then, {} now.{doubt}",
                changes_of_status(m.changes.len()),
                m.before,
                c.counts.remaining
            )
        }
    }
}

/// What the changes since the last digest did, by cause, with what is known and what is possible apart.
pub(super) fn causes(m: &Movement) -> String {
    let cause = |row: &CauseRow| {
        let parts = match (row.effect_known, row.effect_possible) {
            (0, 0) => String::new(),
            (known, possible) => format!(": {} known, {} possible", signed(known), signed(possible)),
        };
        format!("{} {} ({} remaining{parts})", row.cause, grouped(row.changes.into()), signed(row.effect))
    };
    let mut parts: Vec<String> = m.causes.iter().map(cause).collect();
    if m.unexplained != 0 {
        parts.push(format!("{} by late evidence that no recorded change explains", signed(m.unexplained)));
    }
    format!("{}.", parts.join("; "))
}

/// Whether those that remain work like machines or like people.
pub(super) fn kinds(n: &Counts) -> String {
    let [machines, people, unknown] = [n.machines, n.people, n.kind_unknown].map(|n| grouped(n.into()));
    format!("By how they work: {machines} like machines, {people} like people, {unknown} not known.")
}

/// A message that did not arrive everywhere.
pub(super) fn undelivered(row: &UndeliveredRow, zone: &TimeZone) -> String {
    let what = match (row.channel.as_str(), row.audience.as_str()) {
        ("mail", "security") => "digest".to_owned(),
        ("mail", "leadership") => "brief".to_owned(),
        ("mail", audience) => {
            audience.strip_prefix("owner:").map_or_else(|| audience.to_owned(), |owner| format!("notice to {owner}"))
        }
        (channel, _) => format!("{channel} message"),
    };
    format!(
        "The {what} that was due on {} did not reach {} of its recipients and is given up: {}",
        instant(row.due, zone),
        grouped(row.recipients.into()),
        row.failure
    )
}

fn changes_of_status(n: usize) -> String {
    format!("{} of status", counted(i64::try_from(n).unwrap_or(i64::MAX), "change"))
}

/// Who was looking, in one sentence.
pub(super) fn coverage(coverage: &CoverageReport, zone: &TimeZone) -> String {
    let since = instant(coverage.since, zone);
    if coverage.sources.is_empty() {
        return "Nobody is looking: no source is configured and nothing was imported.".to_owned();
    }
    if coverage.complete {
        return format!("Every source was read without a gap since {since}.{}", second_look(coverage));
    }
    let reading = coverage.sources.iter().filter(|s| matches!(s.state, SourceState::Reading | SourceState::Imported)).count();
    let missed = coverage.sources.iter().filter(|s| s.missed_hours > 0.0).count();
    let gaps = if missed == 0 { String::new() } else { format!(", and {missed} missed some of the time since {since}") };
    let second_look = second_look(coverage);
    format!("Could not look everywhere: {reading} of {} sources are being read{gaps}.{second_look}", coverage.sources.len())
}

/// The sources that need a look although they are read; up to three by name.
fn second_look(coverage: &CoverageReport) -> String {
    const NAMED: usize = 3;
    let wanted: Vec<&str> = coverage.sources.iter().filter(|s| !s.warning.is_empty()).map(|s| s.source.as_str()).collect();
    match wanted.as_slice() {
        [] => String::new(),
        [one] => format!(" Look at {one} all the same: it shows less than it should."),
        several => {
            let more = if several.len() > NAMED { " and others" } else { "" };
            let names = several.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            format!(" Look at {names}{more} all the same: they show less than they should.")
        }
    }
}

/// Of how many of those who work something is seen.
pub(super) fn observed(found: &Observation) -> String {
    let share = Share { part: found.observed, whole: found.active };
    let Some(ratio) = share.ratio() else {
        return "How many of the people who work can be seen is unknown: Bitbucket tells of nobody's activity in the last 30 days."
            .to_owned();
    };
    let seen = format!(
        "{} of {} who were active in the last 30 days {} seen by a source that can show credentials ({}); of {} nothing could be \
         seen, and none of them is in the numbers of this report.",
        found.observed,
        people(found.active),
        if found.observed == 1 { "was" } else { "were" },
        percent(ratio),
        people(found.active - found.observed),
    );
    match found.strangers {
        _ if found.observed == found.active => seen,
        0 => seen,
        1 => format!("{seen} 1 name that leads to no account may be one of theirs."),
        names => format!("{seen} {names} names that lead to no account may be some of theirs."),
    }
}

/// The same of one workspace.
pub(super) fn observed_workspace(found: &ObservedWorkspace) -> String {
    let ObservedWorkspace { workspace, members, active, observed, .. } = found;
    let among = |why: &str| {
        let members = counted(i64::from(*members), "member");
        format!("{workspace}: {observed} of {members} were seen; how many of the others are active is unknown, since {why}")
    };
    let moved = "it stops when a workspace is administered on admin.atlassian.com";
    match found.activity {
        Activity::Told => match found.share().and_then(Share::ratio) {
            Some(ratio) => {
                let whole = counted(i64::from(*active), "active member");
                format!("{workspace}: {observed} of {whole} seen ({}), {} not observed", percent(ratio), active - observed)
            }
            None => format!("{workspace}: no member was active in the last 30 days, as far as Bitbucket tells"),
        },
        Activity::NoList => format!("{workspace}: unknown, its member list could not be read"),
        Activity::NeverTold => among(&format!("Bitbucket tells no last activity ({moved})")),
        Activity::NoLongerTold(day) => among(&format!("Bitbucket has told no last activity after {day} ({moved})")),
        Activity::NotKept => format!("{workspace}: unknown for a day that is past, since past activities are not kept"),
    }
}

fn people(number: u32) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", grouped(i64::from(number))) }
}

/// Rounded down: a gap never reads as 100 %.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).floor())
}

/// How many tokens end, and what is wrong with them beside that.
pub(super) fn expiring_headline(e: &ExpiryReport) -> String {
    let n = &e.counts;
    if e.blind {
        return "Unknown: no inventory of tokens and no register has been read.".to_owned();
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
    format!("{ends} within {} days, or within the time that the owner needs{expired}.{more}", e.horizon_days)
}

/// One token in a line: its label, whose it is, and what a reader has to know of it.
pub(super) fn token_line(t: &TokenRow) -> String {
    let whose = [&t.user_email, &t.user, &t.listed_by].into_iter().find(|text| !text.is_empty());
    let name = if t.label.is_empty() { &t.token } else { &t.label };
    format!("{name} ({}): {}", whose.map_or("", String::as_str), token_words(t))
}

fn token_words(t: &TokenRow) -> String {
    let left = match t.days_left {
        Some(days @ ..0) => format!("expired {} ago", counted(-days, "day")),
        Some(days) => format!("{} left", counted(days, "day")),
        None => "no expiry".to_owned(),
    };
    let mut parts = vec![left, format!("owner: {}", if t.owner.is_empty() { "nobody yet" } else { &t.owner })];
    if let Some(start) = t.latest_safe_start.filter(|_| t.days_left >= Some(0)) {
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

/// That a source fell silent.
pub(super) fn silence(silence: &Silence, zone: &TimeZone) -> String {
    let days = counted(i64::from(silence.days), "day");
    let since = instant(silence.since, zone);
    format!("silent since {since}: it was read on {days} on which it usually shows something, and showed nothing")
}

/// The requests of a source, in part of what they may be.
pub(super) fn budget(row: &SourceRow) -> Option<String> {
    let used = row.budget_used?;
    Some(format!("{} {:.0} %", row.source, used * 100.0))
}

/// How a source is doing.
pub(super) fn source_state(state: SourceState) -> &'static str {
    match state {
        SourceState::Reading => "reading",
        SourceState::Failing => "failing",
        SourceState::NotPermitted => "not permitted",
        SourceState::Behind => "behind",
        SourceState::NeverRead => "never read",
        SourceState::Imported => "imported",
    }
}

/// The name of a client without what it lists in brackets or behind a comma, for where it stands in a sentence.
pub(super) fn short_name(client_name: &str) -> &str {
    let end = [" (", ", "].iter().filter_map(|mark| client_name.find(mark)).min();
    &client_name[..end.unwrap_or(client_name.len())]
}

/// What a reader has to know of a row beside its status.
pub(super) fn flags(row: &IntegrationRow) -> Vec<&'static str> {
    let flags = [
        (row.leaver, "its user has left"),
        (row.returned, "returned"),
        (row.waived, "waived"),
        (row.window_only, "refused only in brownouts"),
        (row.contradiction, "accepted after the removal"),
        (row.overdue, "overdue"),
    ];
    flags.into_iter().filter(|(set, _)| *set).map(|(_, words)| words).collect()
}

/// The rhythm in words, the contract's period, and when the next use is expected.
pub(super) fn rhythm(row: &IntegrationRow, zone: &TimeZone) -> String {
    let kind = match row.machine {
        Some(true) => ", like a machine",
        Some(false) => ", like a person",
        None => "",
    };
    let silence = if row.silence.is_empty() { String::new() } else { format!("; {}", row.silence) };
    let period =
        row.period_days.map(|days| format!("; nine of ten pauses are no longer than {days:.1} days")).unwrap_or_default();
    let next = row.next_expected_from.filter(|_| row.status.remaining());
    let next = next.map(|at| format!("; next expected from {} on", instant(at, zone))).unwrap_or_default();
    format!("{}{kind}{silence}{period}{next}", row.rhythm)
}

/// When evidence was seen, in UTC: an instant, from when until when, or a day of which only the count is kept.
pub(super) fn stamp(at: Timestamp, until: Option<Timestamp>, kept: bool) -> String {
    let second = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
    match (kept, until) {
        (true, None) => second(at),
        (true, Some(until)) => format!("{} to {}", second(at), second(until)),
        (false, _) => format!("{} (only the day's count is kept)", Day::of(at)),
    }
}

/// What is expected to run in a window.
pub(super) fn expected_in(window: &WindowRow) -> String {
    const NAMED: usize = 3;
    if window.integrations == 0 {
        return "nothing is likely to run in it".to_owned();
    }
    let named = window.most_exposed.iter().take(NAMED);
    let named: Vec<String> =
        named.map(|row| format!("{} with {} [{}]", row.user_name, short_name(&row.client_name), row.integration)).collect();
    let uses = if window.expected < 1.5 { "about 1 use".to_owned() } else { format!("about {:.0} uses", window.expected) };
    let more = if usize::try_from(window.integrations).is_ok_and(|all| all > named.len()) { ", …" } else { "" };
    format!("{uses} by {}: {}{more}", counted(i64::from(window.integrations), "integration"), named.join(", "))
}

/// Of a day's uses, the part that the hours of [`hours`] hold.
const MOST: f64 = 0.8;
/// Hours that hold most of the uses and are more than this name no time of day.
const ANY_TIME: usize = 16;

/// The fewest consecutive hours that hold most of the uses, on the clock of the zone; empty without uses.
pub(super) fn hours(by_hour: &[f64], now: Timestamp, zone: &TimeZone) -> String {
    let all: f64 = by_hour.iter().sum();
    let held = |from: usize, length: usize| (from..from + length).map(|hour| by_hour[hour % by_hour.len()]).sum::<f64>();
    if all <= 0.0 {
        return String::new();
    }
    let spans = (1..=ANY_TIME).flat_map(|length| (0..by_hour.len()).map(move |from| (from, length)));
    let Some((from, length)) = spans.into_iter().find(|(from, length)| held(*from, *length) >= MOST * all) else {
        return "at any time of the day".to_owned();
    };
    let clock = |hour: usize| {
        let today = crate::evidence::Day::of(now).start().as_second();
        let at = Timestamp::from_second(today + i64::try_from(hour).unwrap_or(0) * 3_600).unwrap_or(now);
        at.to_zoned(zone.clone())
    };
    let (from, to) = (clock(from), clock(from + length));
    format!("mostly {}\u{2013}{}", from.strftime("%H:%M"), to.strftime("%H:%M %Z"))
}

/// What a status means, in a line for those who did not build this.
pub(super) fn meaning(status: Status, removed: bool) -> &'static str {
    match status {
        Status::Active => "was used within the time that is usual for it, and accepted",
        Status::Failing if removed => "broken: it still tries, and is refused",
        Status::Failing => "its newest use was refused, and not because of a brownout",
        Status::Migrating => "both the old credential and its replacement are in use",
        Status::Quiet => "not used for longer than is usual for it, and no replacement was seen: silence is no proof",
        Status::Stale => "has moved, but a left-over secret is still sent somewhere and refused",
        Status::Migrated => "only the replacement is in use",
        Status::Retired => "gone for good",
    }
}

/// In the order in which a reader worries.
const EXPLAINED: [Status; 7] =
    [Status::Failing, Status::Active, Status::Migrating, Status::Quiet, Status::Stale, Status::Migrated, Status::Retired];

/// The statuses and grades that stand in a document, each explained once.
pub(super) fn glossary(shown: impl Iterator<Item = Status>, removed: bool) -> Vec<(&'static str, &'static str)> {
    let shown: Vec<Status> = shown.collect();
    let statuses = EXPLAINED.iter().filter(|status| shown.contains(status));
    let mut lines: Vec<(&str, &str)> = statuses.map(|status| (status.as_str(), meaning(*status, removed))).collect();
    if !lines.is_empty() {
        lines.push(("known", "proven (the sign is certain) or strong (nothing else explains it)"));
        lines.push(("possible", "weak: it looks like it, and something else may explain it"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_numbers() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-999), "\u{2212}999");
        assert_eq!(signed(0), "±0");
        assert_eq!(signed(-1_000), "\u{2212}1,000");
        assert_eq!(counted(1, "day"), "1 day");
        assert_eq!(counted(0, "day"), "0 days");
    }
}
