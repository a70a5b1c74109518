//! When anybody was looking, in a form that separates "nothing happened" from "nobody looked".

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    document::{CoverageReport, IntervalRow, ObservedReport, ObservedRow, SkippedRow, SourceRow, SourceState},
    inert,
    inputs::{Inputs, SourceLine},
    words,
};
use crate::{
    analysis::{Activity, Observation, ObservedWorkspace, Share, Silence},
    evidence::{Coverage, CoverageState, Ledger, SourceKind, counts::sum, coverage, exchange, time},
};

const MS_PER_HOUR: i64 = 3_600_000;
/// A report looks back to the last digest, and so far at least: what comes an hour after a digest rests on more than an hour.
const LEAST_PERIOD_MS: i64 = time::MS_PER_DAY;
/// A source of which nobody says how often there is a look, such as a sender, is behind after this long.
const BEHIND_AFTER_MS: i64 = time::MS_PER_DAY;
/// What is younger than the last look of such a source is not missed yet for so long.
const LOOK_AGE_MS: i64 = MS_PER_HOUR;
/// What `covered_30d` and `gap_seconds` look back on.
const LOOK_BACK_MS: i64 = 30 * time::MS_PER_DAY;
/// Reasons for skipping that one source may list.
const MAX_REASONS: usize = 20;

pub(super) fn report(inputs: &Inputs<'_>) -> CoverageReport {
    let now_ms = inputs.findings.now.as_millisecond();
    let since_ms = inputs.previous.map_or(now_ms, |p| p.sent_at.as_millisecond()).min(now_ms - LEAST_PERIOD_MS);
    let sources: Vec<SourceRow> = lines(inputs).iter().map(|line| source(inputs, line, since_ms)).collect();
    let read_throughout = |s: &SourceRow| match s.state {
        SourceState::Imported | SourceState::Removed => true,
        SourceState::Reading => s.missed_hours == 0.0,
        _ => false,
    };
    // Files by hand say nothing of the time after them, and where there is nothing else nobody looks on.
    let just_imported = |until: Timestamp| now_ms - until.as_millisecond() <= BEHIND_AFTER_MS;
    let looks = |s: &SourceRow| match s.state {
        SourceState::Imported => s.looked_until.is_some_and(just_imported),
        state => state != SourceState::Removed,
    };
    let complete = sources.iter().any(looks) && sources.iter().all(read_throughout);
    CoverageReport {
        since: time::instant(since_ms),
        complete,
        sources,
        observed: inputs.findings.observation.as_ref().map(observed),
        intervals: intervals(inputs),
    }
}

fn observed(observation: &Observation) -> ObservedReport {
    let share = Share { part: observation.observed, whole: observation.active };
    ObservedReport {
        active: share.whole,
        observed: share.part,
        not_observed: share.whole - share.part,
        share: share.ratio(),
        words: words::observed(observation),
        workspaces: observation.workspaces.iter().map(observed_workspace).collect(),
    }
}

fn observed_workspace(found: &ObservedWorkspace) -> ObservedRow {
    let told = found.activity == Activity::Told;
    ObservedRow {
        workspace: inert::name(&found.workspace),
        members: (found.activity != Activity::NoList).then_some(found.members),
        active: told.then_some(found.active),
        observed: told.then_some(found.observed),
        not_observed: told.then(|| found.active - found.observed),
        share: found.share().and_then(Share::ratio),
        words: inert::sentence(&words::observed_workspace(found)),
    }
}

/// The configured sources, then those that only the ledger knows: imports, and sources that were read once and are not configured
/// any more.
fn lines(inputs: &Inputs<'_>) -> Vec<SourceLine> {
    let configured: BTreeSet<&str> = inputs.sources.iter().map(|s| s.name.as_str()).collect();
    let others = inputs.ledger.sources.iter().filter(|(name, intervals)| {
        !configured.contains(name.as_str()) && intervals.iter().any(|interval| interval.state.looked())
    });
    let line = |name: &String| SourceLine { name: name.clone(), removed: true, ..SourceLine::default() };
    inputs.sources.iter().map(|line| as_then(line, inputs)).chain(others.map(|(name, _)| line(name))).collect()
}

/// How a source was doing at the report's instant. What is noted of it is how it did last; where that was later, the ledger says,
/// as far as it is known now, until when it had been read by then, whether that went on, and what it had shown.
fn as_then(line: &SourceLine, inputs: &Inputs<'_>) -> SourceLine {
    let (now, name) = (inputs.findings.now, line.name.as_str());
    let later = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
    let (succeeded, failed) = (later(line.last_success), later(line.last_failure.as_ref().map(|(at, _)| *at)));
    let mut line = line.clone();
    if succeeded {
        line.last_success = inputs.ledger.looked_until_ms(name).map(time::instant);
        line.warning.clear();
    }
    if failed {
        let newest = inputs.ledger.sources.get(name).and_then(|intervals| intervals.last());
        let failing = newest.filter(|c| c.state == CoverageState::Missed && c.to_ms >= now.as_millisecond());
        line.last_failure = failing.map(|c| (now, c.reason.clone()));
    }
    if succeeded || failed || inputs.looking_back {
        line.items = 0;
        line.skipped.clear();
    }
    line
}

fn source(inputs: &Inputs<'_>, line: &SourceLine, since_ms: i64) -> SourceRow {
    let now_ms = inputs.findings.now.as_millisecond();
    let intervals = inputs.ledger.sources.get(&line.name).map_or(&[][..], Vec::as_slice);
    let silence = inputs.findings.silences.iter().find(|silence| silence.source == line.name);
    let looked_until = inputs.ledger.looked_until_ms(&line.name);
    let covered = overlap(intervals, now_ms - LOOK_BACK_MS, now_ms, CoverageState::looked);
    let seen = seen(inputs.ledger, &inputs.findings.silences, line, inputs.findings.now);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a month are far below 2^52")]
    let ratio = |part: i64, whole: i64| part as f64 / whole as f64;
    let state = state(line, intervals, looked_until, now_ms);
    let failure = failure(line, intervals, (state, since_ms), inputs.timezone);
    let told = if state == SourceState::Reading { "" } else { failure.as_str() };
    SourceRow {
        source: inert::name(&line.name),
        state,
        looked_until: looked_until.map(time::instant),
        last_success: line.last_success,
        last_failure: line.last_failure.as_ref().map(|(at, _)| *at),
        covered_30d: ratio(covered, LOOK_BACK_MS),
        missed_hours: ratio(missed_ms(line, intervals, (since_ms, now_ms)), MS_PER_HOUR),
        gap_seconds: seen.gap_seconds,
        lag_seconds: seen.lag_seconds,
        items: sum(intervals.iter().map(|c| c.items)).max(line.items),
        skipped: sum(intervals.iter().map(|c| c.skipped)).max(sum(line.skipped.iter().map(|s| s.count))),
        skipped_reasons: line.skipped.iter().take(MAX_REASONS).map(skipped).collect(),
        requests: sum(line.requests.iter().map(|(_, count)| *count)),
        budget_used: line.budget_used,
        warning: warning(line, intervals, silence, told, inputs.timezone),
        failure,
    }
}

/// How much of a period nobody was looking: what the ledger calls missed, and what it says nothing of.
fn missed_ms(line: &SourceLine, intervals: &[Coverage], (from_ms, to_ms): (i64, i64)) -> i64 {
    if line.removed {
        return 0;
    }
    // Files by hand come once, and senders speak when there is something to say.
    if matches!(SourceKind::of(exchange::own_name(&line.name)), Some(SourceKind::Import | SourceKind::Intake)) {
        return overlap(intervals, from_ms, to_ms, |state| !state.looked());
    }
    let is_list = coverage::is_list(&line.name);
    let success = line.last_success.map(Timestamp::as_millisecond).filter(|_| is_list);
    let seen = intervals.iter().filter(|c| c.state.looked() && c.from_ms <= to_ms);
    let first = seen.clone().map(|c| c.from_ms).min().into_iter().chain(success).min();
    let last = seen.map(|c| c.to_ms).max().max(success).map(|last| last.min(to_ms));
    // A list tells how things stand; before it was read first, there was nothing to miss.
    let begun = first.filter(|first| is_list && *first <= to_ms).map_or(from_ms, |first| first.max(from_ms));
    let allowed = line.fresh_for.map_or(LOOK_AGE_MS, |limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
    let ended = last.filter(|last| to_ms - last <= allowed).unwrap_or(to_ms);
    (ended - begun - overlap(intervals, begun, ended, CoverageState::looked)).max(0)
}

/// How much of the time up to an instant one source has seen.
pub(super) struct Seen {
    /// None when it was never looked at.
    pub(super) lag_seconds: Option<i64>,
    pub(super) gap_seconds: i64,
}

pub(super) fn seen(ledger: &Ledger, silences: &[Silence], line: &SourceLine, now: Timestamp) -> Seen {
    let (source, now_ms) = (line.name.as_str(), now.as_millisecond());
    let intervals = ledger.sources.get(source).map_or(&[][..], Vec::as_slice);
    let begun = intervals.iter().map(|c| c.from_ms).min().unwrap_or(now_ms).max(now_ms - LOOK_BACK_MS);
    let known_until = silences.iter().find(|silence| silence.source == source).map(|silence| silence.since.as_millisecond());
    let until = known_until.or_else(|| ledger.looked_until_ms(source));
    Seen {
        lag_seconds: until.map(|until| (now_ms - until).max(0) / 1_000),
        gap_seconds: missed_ms(line, intervals, (begun, now_ms)) / 1_000,
    }
}

/// Whether our credential was refused when it was tried last. What an engine is asked for is older than that it answered.
fn is_refused(line: &SourceLine, newest: &Coverage) -> bool {
    let answered_since = line.last_success.is_some_and(|at| at.as_millisecond() >= newest.to_ms);
    newest.state == CoverageState::NotPermitted && !answered_since
}

/// Why it is not read: the last failure, what the ledger says of a source that may see nothing, or that nobody tried; of one
/// that is read, why something was missed since a time.
fn failure(line: &SourceLine, intervals: &[Coverage], (state, since_ms): (SourceState, i64), zone: &TimeZone) -> String {
    if state == SourceState::Removed {
        return words::NOT_CONFIGURED.to_owned();
    }
    let newest = intervals.iter().max_by_key(|c| c.to_ms);
    let refused = newest.filter(|c| is_refused(line, c)).map(|c| c.reason.as_str());
    let what = line.failed_last().map(|(_, what)| what.as_str());
    let missed = || intervals.iter().filter(|c| c.state == CoverageState::Missed && c.to_ms > since_ms).max_by_key(|c| c.to_ms);
    let missed = if state == SourceState::Reading { missed().map(|c| c.reason.as_str()) } else { None };
    let nobody = match exchange::instance_of(&line.name) {
        Some(_) if exchange::own_name(&line.name).is_empty() => words::no_file(state).map(str::to_owned),
        Some(_) => None,
        None => words::no_round(line, state),
    };
    let what = what.filter(|what| !what.is_empty()).or(refused).or(missed);
    let why = what.map(inert::sentence).or(nobody).unwrap_or_default();
    // Up to when the rest was read says nothing of the part that was not.
    if state == SourceState::Failing && newest.is_some_and(|c| c.state == CoverageState::Partial) {
        let whole = if coverage::is_list(&line.name) { read_whole_at(intervals) } else { line.last_success };
        return format!("{why}; {}", words::read_in_part(whole, zone));
    }
    why
}

/// What needs a look though it is read: part of it may not be seen, or it shows less than it should. Not what its failure has
/// `told` already.
fn warning(line: &SourceLine, intervals: &[Coverage], silence: Option<&Silence>, told: &str, zone: &TimeZone) -> String {
    if line.removed {
        return String::new();
    }
    let newest = intervals.iter().max_by_key(|c| c.to_ms);
    let limit = newest.filter(|c| c.state == CoverageState::Partial && !c.reason.is_empty()).map(|c| inert::sentence(&c.reason));
    let limit = limit.filter(|limit| !told.contains(limit)).map(|limit| {
        // An engine's newest rows are always in part: they are asked for once more.
        let since = coverage::is_list(&line.name).then(|| words::read_in_part(read_whole_at(intervals), zone));
        [Some(limit), since].into_iter().flatten().collect::<Vec<_>>().join("; ")
    });
    let silent = silence.map(|silence| words::silence(silence, zone));
    let warned = Some(inert::sentence(&line.warning)).filter(|warned| !warned.is_empty() && !told.contains(warned.as_str()));
    let nameless = (line.nameless > 0).then(|| words::nameless(line));
    [warned, limit, nameless, silent].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// When a list was read last without a part of it missing.
fn read_whole_at(intervals: &[Coverage]) -> Option<Timestamp> {
    intervals.iter().filter(|c| c.state == CoverageState::Covered).map(|c| c.to_ms - 1).max().map(time::instant)
}

fn skipped(line: &super::inputs::SkippedLine) -> SkippedRow {
    SkippedRow { reason: inert::name(&line.reason), count: line.count, sample: inert::name(&line.sample) }
}

fn state(line: &SourceLine, intervals: &[Coverage], looked_until: Option<i64>, now_ms: i64) -> SourceState {
    let newest = intervals.iter().max_by_key(|c| c.to_ms);
    // Who has never delivered a day through speaks when there is something to say, and its silence is no failure.
    let kind = SourceKind::of(exchange::own_name(&line.name));
    let occasional = kind == Some(SourceKind::Intake) && coverage::covered_days(intervals).is_empty();
    let latest = looked_until.max(line.last_success.map(Timestamp::as_millisecond));
    let behind_after_ms = line.fresh_for.map_or(BEHIND_AFTER_MS, |limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
    if kind == Some(SourceKind::Import) {
        SourceState::Imported
    } else if line.removed {
        SourceState::Removed
    } else if newest.is_some_and(|newest| is_refused(line, newest)) {
        SourceState::NotPermitted
    } else if line.failed_last().is_some() {
        SourceState::Failing
    } else {
        match latest {
            None => SourceState::NeverRead,
            Some(at) if now_ms - at > behind_after_ms && !occasional => SourceState::Behind,
            Some(_) => SourceState::Reading,
        }
    }
}

/// Milliseconds of `[from_ms, to_ms)` that intervals of the wanted state fill; the ledger's intervals are disjoint.
fn overlap(intervals: &[Coverage], from_ms: i64, to_ms: i64, wanted: impl Fn(CoverageState) -> bool) -> i64 {
    let inside = |c: &Coverage| (c.to_ms.min(to_ms) - c.from_ms.max(from_ms)).max(0);
    intervals.iter().filter(|c| wanted(c.state)).map(inside).sum()
}

fn intervals(inputs: &Inputs<'_>) -> Vec<IntervalRow> {
    let row = |source: &str, c: &Coverage| IntervalRow {
        source: inert::name(source),
        from: time::instant(c.from_ms),
        to: time::instant(c.to_ms),
        state: c.state,
        items: c.items,
        skipped: c.skipped,
        reason: inert::sentence(&c.reason),
    };
    inputs.ledger.sources.iter().flat_map(|(name, list)| list.iter().map(move |c| row(name, c))).collect()
}
