//! Who was looking, and of how many something is seen.

use jiff::{Timestamp, tz::TimeZone};

use super::{counted, grouped, instant, percent};
use crate::{
    analysis::{Activity, Observation, ObservedWorkspace, Share, Silence},
    evidence::{SourceKind, coverage, exchange},
    report::{
        SourceLine,
        document::{CoverageReport, SourceRow, SourceState},
        inert,
    },
};

/// Who was looking, in one sentence.
pub(in crate::report) fn coverage(coverage: &CoverageReport, zone: &TimeZone) -> String {
    let since = instant(coverage.since, zone);
    let watched: Vec<&SourceRow> = coverage.sources.iter().filter(|s| s.state != SourceState::Removed).collect();
    if watched.is_empty() {
        return "Nobody is looking: no source is configured and nothing was imported.".to_owned();
    }
    if watched.iter().all(|s| s.state == SourceState::Imported) {
        let until = watched.iter().filter_map(|s| s.looked_until).max();
        let until = until.map_or_else(|| "say nothing of uses".to_owned(), |until| format!("end on {}", instant(until, zone)));
        let looks = if coverage.complete { "Nobody looks on" } else { "Nobody is looking" };
        return format!("{looks}: all that was read are files that were imported by hand, and they {until}.");
    }
    if coverage.complete {
        return format!("{}{}", all_read(&coverage.sources, &since), second_look(coverage));
    }
    let reading = watched.iter().filter(|s| matches!(s.state, SourceState::Reading | SourceState::Imported)).count();
    let missed = watched.iter().filter(|s| s.missed_hours > 0.0).count();
    let gaps = if missed == 0 { String::new() } else { format!(", and {missed} missed some of the time since {since}") };
    let second_look = second_look(coverage);
    let all = watched.len();
    let are = if reading == 1 || all == 1 { "is" } else { "are" };
    let sources = counted(i64::try_from(all).unwrap_or(i64::MAX), "source");
    format!("Could not look everywhere: {reading} of {sources} {are} being read{gaps}.{second_look}")
}

/// What it means that nothing was missed. Who pushes is silent where there is nothing to say, and had perhaps not begun yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Complete {
    Everything,
    Polled,
    Pushed,
}

impl Complete {
    pub(in crate::report) fn of(sources: &[SourceRow]) -> Self {
        let watched = || sources.iter().filter(|row| row.state != SourceState::Removed);
        let is_pushed = |row: &&SourceRow| SourceKind::of(exchange::own_name(&row.source)) == Some(SourceKind::Intake);
        let pushed = watched().filter(is_pushed).count();
        let imported = watched().filter(|row| row.state == SourceState::Imported).count();
        match (pushed, watched().count() - pushed - imported) {
            (0, _) => Self::Everything,
            (_, 0) => Self::Pushed,
            (_, _) => Self::Polled,
        }
    }
}

fn all_read(sources: &[SourceRow], since: &str) -> String {
    match Complete::of(sources) {
        Complete::Everything => format!("Every source was read without a gap since {since}."),
        Complete::Polled => {
            format!("Every source that is polled was read without a gap since {since}; senders push what they see.")
        }
        Complete::Pushed => {
            "Every sender has been heard that pushes what it sees; what it does not push nobody looks for.".to_owned()
        }
    }
}

/// The sources that need a look although they are read; up to three by name.
fn second_look(coverage: &CoverageReport) -> String {
    const NAMED: usize = 3;
    let wanted: Vec<&str> = coverage.sources.iter().filter(|s| !s.warning.is_empty()).map(|s| s.source.as_str()).collect();
    match wanted.as_slice() {
        [] => String::new(),
        [one] => format!(" Look at {one} all the same: something about it is not as it should be."),
        several => {
            let more = if several.len() > NAMED { " and others" } else { "" };
            let names = several.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            format!(" Look at {names}{more} all the same: something about them is not as it should be.")
        }
    }
}

/// What a source tells of more than it may name. Only what is kept can be named anew.
pub(in crate::report) fn nameless(line: &SourceLine) -> String {
    let again = if coverage::keeps_lines(&line.name) { "run duskwatch reclassify" } else { "ask for it anew" };
    format!(
        "{} of the last 30 days {} beyond what one source may name, and counted together; if they are real, raise [store] \
         integrations_per_source and {again}, else look at who writes what is read",
        counted(i64::try_from(line.nameless).unwrap_or(i64::MAX), "item"),
        if line.nameless == 1 { "is" } else { "are" },
    )
}

/// Why nobody knows who was active on a day that is past.
const NOT_KEPT: &str = "of a day that is past nobody's activity is kept";

/// Of how many of those who work something is seen.
pub(in crate::report) fn observed(found: &Observation) -> String {
    let share = Share { part: found.observed, whole: found.active };
    let Some(ratio) = share.ratio() else {
        let past = found.workspaces.iter().any(|workspace| workspace.activity == Activity::NotKept);
        let why = if past { NOT_KEPT } else { "Bitbucket tells of nobody's activity in the last 30 days" };
        return format!("How many of the people who work can be seen is unknown: {why}.");
    };
    let seen = format!(
        "{} of {} who were active in the last 30 days {} seen by a source that can show credentials ({}); of {} no such \
         source saw anything, and none of them is in the numbers of this report.",
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
pub(in crate::report) fn observed_workspace(found: &ObservedWorkspace) -> String {
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
        Activity::NotKept => format!("{workspace}: unknown, since {NOT_KEPT}"),
    }
}

fn people(number: u32) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", grouped(i64::from(number))) }
}

/// That a source fell silent.
pub(in crate::report) fn silence(silence: &Silence, zone: &TimeZone) -> String {
    let days = counted(i64::from(silence.days), "day");
    let since = instant(silence.since, zone);
    format!("silent since {since}: it was read on {days} on which it usually shows something, and showed nothing")
}

/// The requests of a source, in part of what they may be.
pub(in crate::report) fn budget(row: &SourceRow) -> Option<String> {
    let used = row.budget_used?;
    Some(format!("{} {:.0} %", row.source, used * 100.0))
}

/// Why an instance is not heard whose files are taken in, and what to do.
pub(in crate::report) fn no_file(state: SourceState) -> Option<&'static str> {
    match state {
        SourceState::NeverRead => Some("no file of it was ever taken in: export one there, and import it here"),
        SourceState::Behind => Some("no newer file came: look at its timer, at the way that files take, and at the import here"),
        SourceState::Reading
        | SourceState::Failing
        | SourceState::NotPermitted
        | SourceState::Imported
        | SourceState::Removed => None,
    }
}

/// What it means that a source was taken out of the configuration.
pub(in crate::report) const NOT_CONFIGURED: &str = "nothing new of it is read, and what it alone showed stays as it was";

/// Why a source of our own shows nothing, or nothing new, that nothing keeps from being read.
pub(in crate::report) fn no_round(line: &SourceLine, state: SourceState) -> Option<String> {
    let behind = state == SourceState::Behind;
    if SourceKind::of(&line.name) != Some(SourceKind::Intake) {
        let words = "no round of it has ended since then: see whether the service ran";
        return behind.then(|| words.to_owned());
    }
    if (behind || state == SourceState::NeverRead) && !line.warning.is_empty() {
        return Some(inert::sentence(&line.warning));
    }
    behind.then(|| "nothing has come from its sender since then: see whether that runs".to_owned())
}

/// Of a source some of whose parts cannot be read: when they could be last.
pub(in crate::report) fn read_in_part(last: Option<Timestamp>, zone: &TimeZone) -> String {
    let ended = last.map_or_else(|| "has not ended yet".to_owned(), |at| format!("ended at {}", instant(at, zone)));
    format!("the rest was read, and a round without that {ended}")
}

/// How a source is doing.
pub(in crate::report) fn source_state(state: SourceState) -> &'static str {
    match state {
        SourceState::Reading => "reading",
        SourceState::Failing => "failing",
        SourceState::NotPermitted => "not permitted",
        SourceState::Behind => "behind",
        SourceState::NeverRead => "never read",
        SourceState::Imported => "imported",
        SourceState::Removed => "not configured any more",
    }
}
