//! Integrations, brownouts and statuses, each in a line.

use jiff::tz::TimeZone;

use super::{counted, instant};
use crate::{
    evidence::Status,
    report::document::{IntegrationRow, WindowRow},
};

/// The name of a client without what it lists in brackets or behind a comma, for where it stands in a sentence.
pub(in crate::report) fn short_name(client_name: &str) -> &str {
    let end = [" (", ", "].iter().filter_map(|mark| client_name.find(mark)).min();
    &client_name[..end.unwrap_or(client_name.len())]
}

pub(in crate::report) const OVERDUE: &str = "overdue";

/// Something that is true of a row, in words.
type Flag = (&'static str, fn(&IntegrationRow) -> bool);

/// What a reader has to know of a row beside its status.
pub(in crate::report) const FLAGS: [Flag; 6] = [
    ("its user has left", |row| row.leaver),
    ("returned", |row| row.returned),
    ("waived", |row| row.waived),
    ("refused only in brownouts", |row| row.window_only),
    ("accepted after the removal", |row| row.contradiction),
    (OVERDUE, |row| row.overdue),
];

/// Those that are set.
pub(in crate::report) fn flags(row: &IntegrationRow) -> Vec<&'static str> {
    FLAGS.iter().filter(|(_, is_set)| is_set(row)).map(|(words, _)| *words).collect()
}

/// The rhythm in words, the contract's period, and when the next use is expected.
pub(in crate::report) fn rhythm(row: &IntegrationRow, zone: &TimeZone) -> String {
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

/// What is expected to run in a window; `blind` where nothing that was read can tell.
pub(in crate::report) fn expected_in(window: &WindowRow, blind: bool) -> String {
    const NAMED: usize = 3;
    if blind {
        return "unknown what runs in it".to_owned();
    }
    let uses = if window.expected < 1.5 { "about 1 use".to_owned() } else { format!("about {:.0} uses", window.expected) };
    match window.integrations {
        0 if window.expected < 0.5 => return "nothing is likely to run in it".to_owned(),
        // A job that runs at some minute of an hour is more likely to miss a quarter of it.
        0 => return format!("{uses}, though none that is likely of any single integration"),
        _ => {}
    }
    let named = window.most_exposed.iter().take(NAMED);
    let named: Vec<String> =
        named.map(|row| format!("{} with {} [{}]", row.user_name, short_name(&row.client_name), row.integration)).collect();
    let more = if usize::try_from(window.integrations).is_ok_and(|all| all > named.len()) { " and others" } else { "" };
    format!("{uses} by {}: {}{more}", counted(i64::from(window.integrations), "integration"), named.join(", "))
}

/// What a status means, in a line for those who did not build this.
fn meaning(status: Status, removed: bool) -> &'static str {
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
pub(in crate::report) fn glossary(shown: impl Iterator<Item = Status>, removed: bool) -> Vec<(&'static str, &'static str)> {
    let shown: Vec<Status> = shown.collect();
    let statuses = EXPLAINED.iter().filter(|status| shown.contains(status));
    let mut lines: Vec<(&str, &str)> = statuses.map(|status| (status.as_str(), meaning(*status, removed))).collect();
    if !lines.is_empty() {
        lines.push(("known", "proven (the sign is certain) or strong (nothing else explains it)"));
        lines.push(("possible", "weak: it looks like it, and something else may explain it"));
    }
    lines
}
