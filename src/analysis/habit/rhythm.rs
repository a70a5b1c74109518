//! The rhythm in words: what the periods are, who keeps them, when the next use is expected, and what its silence means.

use super::activity::Activity;
use super::period::{ENOUGH_RUNS, Pattern, Period, WORKING_DAYS};
use super::{Subject, character};
use crate::analysis::findings::{Rhythm, RhythmKind};
use crate::analysis::rank::counted;
use crate::evidence::{Day, time::MS_PER_HOUR, time::instant};

const WEEKDAYS: [&str; 7] = ["Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"];

/// Judges the rhythm of one integration as of the end of the last day that is over.
pub(super) fn rhythm(activity: &Activity, periods: &[Period], subject: &Subject<'_>) -> Rhythm {
    let probability = character::machine(activity, periods, subject);
    let kind = kind(activity, periods);
    let missed = periods.iter().map(|period| missed(activity, period)).max().unwrap_or(0);
    let next = next(activity, periods, kind);
    Rhythm {
        kind,
        words: words(activity, periods, kind, subject),
        confidence: periods.first().map_or(0.0, |period| period.confidence),
        machine: character::verdict(probability),
        machine_probability: probability,
        next: next.map(|(from_ms, to_ms)| (instant(from_ms), instant(to_ms))),
        missed,
        silence: silence(activity, kind, missed),
    }
}

fn kind(activity: &Activity, periods: &[Period]) -> RhythmKind {
    match periods {
        [] if activity.days.len() < ENOUGH_RUNS as usize => RhythmKind::Unknown,
        [] => RhythmKind::Irregular,
        [one] => match one.pattern {
            Pattern::Daily => RhythmKind::Daily,
            Pattern::Weekdays(WORKING_DAYS) => RhythmKind::WorkingDays,
            Pattern::Weekdays(_) => RhythmKind::Weekly,
            Pattern::Monthly(_) => RhythmKind::Monthly,
            Pattern::Every(..) => RhythmKind::Interval,
        },
        _ => RhythmKind::Several,
    }
}

/// The due days since the last use on which somebody looked and saw nothing.
fn missed(activity: &Activity, period: &Period) -> u32 {
    let since = activity.looked_days(activity.last().plus(1), activity.last_whole);
    u32::try_from(since.filter(|day| period.pattern.includes(*day)).count()).unwrap_or(u32::MAX)
}

/// From when until when the next use is expected, in milliseconds since the epoch.
fn next(activity: &Activity, periods: &[Period], kind: RhythmKind) -> Option<(i64, i64)> {
    // The day of now is not over, and may still be used.
    let from = activity.last().max(activity.last_whole).plus(1);
    if kind == RhythmKind::Irregular {
        let (usual, late) = gaps(activity)?;
        let (first, last) = (activity.last().plus(usual), activity.last().plus(late));
        return (last >= from).then(|| (first.max(from).start_ms(), last.end_ms()));
    }
    let of = |period: &Period| {
        let day = period.pattern.next_from(from);
        let Some(hours) = period.hours else { return (day.start_ms(), day.end_ms()) };
        let (first, last) = (i64::from(hours.trailing_zeros()), i64::from(hours.ilog2()));
        (day.start_ms() + first * MS_PER_HOUR, day.start_ms() + (last + 1) * MS_PER_HOUR)
    };
    periods.iter().map(of).min()
}

/// The median and the 90th percentile (nearest rank) of the gaps between days of use, in days that were seen.
fn gaps(activity: &Activity) -> Option<(i32, i32)> {
    let seen = |from: Day, to: Day| activity.looked_days(from.plus(1), to).count();
    let days = activity.days.windows(2);
    let mut gaps: Vec<i32> =
        days.filter_map(|pair| i32::try_from(seen(pair[0].day, pair[1].day)).ok()).map(|gap| gap.max(1)).collect();
    gaps.sort_unstable();
    let last = gaps.len().checked_sub(1)?;
    Some((gaps[last / 2], gaps[(last * 9).div_ceil(10)]))
}

fn words(activity: &Activity, periods: &[Period], kind: RhythmKind, subject: &Subject<'_>) -> String {
    match kind {
        RhythmKind::Unknown => {
            let days = counted(activity.days.len() as u64, "day", "days");
            format!("the rhythm is unknown: it was used on {days} only")
        }
        RhythmKind::Irregular => {
            let from = activity.last().plus(-55).max(activity.first());
            let seen = activity.looked_days(from, activity.last().max(activity.last_whole)).count();
            let used = activity.days.iter().filter(|active| active.day >= from).count();
            format!(
                "keeps no rhythm: used on {used} of the last {} that were seen",
                counted(seen.max(used) as u64, "day", "days")
            )
        }
        _ => {
            let all: Vec<String> = periods.iter().map(|period| period_words(period, subject)).collect();
            format!("runs {} ({})", all.join(", and "), sureness(periods))
        }
    }
}

fn period_words(period: &Period, subject: &Subject<'_>) -> String {
    let days = match period.pattern {
        Pattern::Daily => "every day".to_owned(),
        Pattern::Weekdays(WORKING_DAYS) => "on working days".to_owned(),
        Pattern::Weekdays(set) => {
            let named: Vec<&str> = (0..7).filter(|day| set >> day & 1 == 1).map(|day| WEEKDAYS[day]).collect();
            format!("on {}", named.join(", "))
        }
        Pattern::Monthly(31) => "on the last day of the month".to_owned(),
        Pattern::Monthly(day) => format!("on day {day} of the month"),
        Pattern::Every(step, _) => format!("every {step} days"),
    };
    let hours = period.hours.map_or_else(String::new, |hours| {
        let (first, last) = (hours.trailing_zeros(), 32 - hours.leading_zeros());
        if last == first + 1 {
            format!(" after {first:02}:00 UTC")
        } else {
            format!(" between {first:02}:00 and {last:02}:00 UTC")
        }
    });
    let place = period.place.map_or_else(String::new, |place| format!(" on {}", (subject.name_of)(place)));
    format!("{days}{hours}{place}")
}

fn sureness(periods: &[Period]) -> &'static str {
    match periods.iter().map(|period| period.confidence).fold(1.0, f64::min) {
        0.8.. => "sure",
        0.5.. => "likely",
        _ => "perhaps",
    }
}

/// What it means that nothing was seen since the last use; empty while nothing is missing.
fn silence(activity: &Activity, kind: RhythmKind, missed: u32) -> String {
    let silent = activity.looked_days(activity.last().plus(1), activity.last_whole).count();
    if silent == 0 {
        return String::new();
    }
    let silent = counted(silent as u64, "day", "days");
    match (kind, missed) {
        (RhythmKind::Unknown, _) => format!("silent for {silent}, which says nothing without a rhythm"),
        (RhythmKind::Irregular, _) => match gaps(activity) {
            Some((_, late)) => format!("silent for {silent}; nine of ten of its pauses were no longer than {late}"),
            None => String::new(),
        },
        (_, 0) => format!("silent for {silent}, in which nothing was due"),
        (_, missed) => format!("silent for {silent}: it was due on {missed} of them and did not run"),
    }
}
