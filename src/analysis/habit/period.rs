//! The periods that an integration keeps: which days of the calendar it runs on, and at which hour.
//!
//! Cron and its kin run on days that a calendar names: every day, some weekdays, a day of the month, every so many days. Each
//! such pattern is scored against the days that were seen: *kept* is the share of its due days on which something ran,
//! *explained* the share of the days of use that were due. The best pattern (by their harmonic mean, simple ones first) is
//! taken, its days are set aside, and what is left is searched again: a weekly run on other days than a monthly one shows
//! up so. A weekly run on the days of a nightly one does not; it is found where it keeps an hour or a repository of its own.
//!
//! How sure a period is, is the lower end of the Wilson score interval of *kept* (E. B. Wilson, "Probable inference, the law
//! of succession, and statistical inference", J. Am. Stat. Assoc. 22, 1927), one-sided 90 %, times *explained*: three times
//! out of three is little, thirty out of thirty is much.

use super::activity::{Activity, weekday};
use crate::evidence::Day;

/// Fewer runs than this are no pattern.
pub(super) const ENOUGH_RUNS: u32 = 3;
/// A period is one when it is kept at least so often, and explains at least so much of what it is to explain.
const KEPT: f64 = 0.75;
const EXPLAINED: f64 = 0.5;
/// What keeps an hour or a repository of its own beside another period has to be surer of itself.
const EXPLAINED_BESIDE: f64 = 0.8;
/// A weekday belongs to a pattern of weekdays when it is used on so many of those that were seen.
const WEEKDAY_SHARE: f64 = 0.6;
/// Daily and weekly patterns are read from the last eight weeks of use, so that a changed habit is forgotten.
const WEEKS_DAYS: i32 = 56;
const LONGEST_STEP_DAYS: i32 = 45;
const SHORTEST_MONTH_DAYS: i32 = 28;
/// What is used in more hours than this is started by no clock, and of more repositories none is looked at by itself.
const MOST_HOURS: usize = 8;
const MOST_PLACES: usize = 32;
/// A period that was missed more often than this, while something else ran, is over.
const OVER_AFTER: usize = 2;
const MAX_PERIODS: usize = 4;
/// The 90 % quantile of the normal distribution.
const Z: f64 = 1.2816;
pub(super) const WORKING_DAYS: u8 = 0b001_1111;

/// Which days of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Daily,
    /// Bit 0 is Monday.
    Weekdays(u8),
    /// A day of the month; in a shorter month its last day.
    Monthly(i8),
    /// Every so many days, counted from one of them.
    Every(i32, Day),
}

/// A pattern that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Period {
    pub(super) pattern: Pattern,
    /// The UTC hours of its runs, if they are few: bit h for hour h.
    pub(super) hours: Option<u32>,
    /// The repository that keeps it by itself, as a place number.
    pub(super) place: Option<u32>,
    /// How often it was due, and ran.
    pub(super) due: u32,
    pub(super) ran: u32,
    /// 0 to 1.
    pub(super) confidence: f64,
    pub(super) last_run: Day,
}

impl Pattern {
    pub(super) fn includes(self, day: Day) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekdays(set) => set >> weekday(day) & 1 == 1,
            Self::Monthly(wanted) => {
                let date = day.date();
                date.day() == wanted.min(date.days_in_month())
            }
            Self::Every(step, from) => (day.0 - from.0).rem_euclid(step) == 0,
        }
    }

    /// The first day of the pattern on or after a day.
    pub(super) fn next_from(self, day: Day) -> Day {
        let longest = 62;
        (day.0..day.0.saturating_add(longest)).map(Day).find(|day| self.includes(*day)).unwrap_or(day)
    }
}

/// The periods of an integration, the one that explains most first; none below three days of use.
pub(super) fn periods(activity: &Activity) -> Vec<Period> {
    let all: Vec<Day> = activity.days.iter().map(|active| active.day).collect();
    let mut periods = Vec::new();
    let mut rest = all;
    while periods.len() < MAX_PERIODS {
        let Some(mut found) = best(activity, &rest, EXPLAINED) else { break };
        let before = rest.len();
        rest.retain(|day| !found.pattern.includes(*day));
        found.hours = few_hours(activity, found.pattern);
        periods.push(found);
        if rest.len() == before {
            break;
        }
    }
    beside(activity, &mut periods);
    periods.truncate(MAX_PERIODS);
    periods
}

/// What keeps an hour or a repository of its own on the days of another period.
fn beside(activity: &Activity, periods: &mut Vec<Period>) {
    let at_hour = |hour: u32| -> Vec<Day> {
        activity.days.iter().filter(|active| active.hours >> hour & 1 == 1).map(|active| active.day).collect()
    };
    let by_hour: Vec<(u32, Vec<Day>)> = (0..24).map(|hour| (hour, at_hour(hour))).filter(|(_, days)| !days.is_empty()).collect();
    let tells = by_hour.len() <= MOST_HOURS;
    for (hour, days) in by_hour.into_iter().filter(|_| tells) {
        let own = best(activity, &days, EXPLAINED_BESIDE).filter(|found| is_new(periods, found));
        periods.extend(own.map(|found| Period { hours: Some(1 << hour), ..found }));
    }
    if (2..=MOST_PLACES).contains(&activity.places.len()) {
        for place in &activity.places {
            let own = best(activity, &place.days, EXPLAINED_BESIDE).filter(|found| is_new(periods, found));
            periods.extend(own.map(|found| Period { place: Some(place.place), ..found }));
        }
    }
}

fn is_new(periods: &[Period], found: &Period) -> bool {
    let same = |known: &Period| match (known.pattern, found.pattern) {
        // Every seven days and on one weekday are the same.
        (Pattern::Every(..), Pattern::Every(..)) => true,
        (a, b) => a == b,
    };
    !periods.iter().any(same)
}

/// The pattern that fits some days of use best, if one does.
fn best(activity: &Activity, used: &[Day], explained: f64) -> Option<Period> {
    let last = *used.last().filter(|_| used.len() >= ENOUGH_RUNS as usize)?;
    let recent = &used[used.partition_point(|day| day.0 <= last.0 - WEEKS_DAYS)..];
    let from = |days: &[Day]| days.first().copied().unwrap_or(last);
    let weekly = [Some(Pattern::Daily), weekdays(activity, recent, from(recent), last)];
    let weekly = weekly.into_iter().flatten().map(|pattern| (pattern, recent));
    let rare = rare(used, explained).map(|pattern| (pattern, used));
    let fits = weekly.chain(rare).filter_map(|(pattern, days)| fit(activity, pattern, days, explained));
    // The first of equals is the simplest.
    fits.reduce(|best, next| if next.1 > best.1 + 1e-9 { next } else { best }).map(|(period, _)| period)
}

/// Patterns of a few days a month, where they could explain enough of the days of use at all.
fn rare(used: &[Day], explained: f64) -> impl Iterator<Item = Pattern> {
    let span = used.first().zip(used.last()).map_or(0, |(first, last)| last.0 - first.0);
    let could = move |pattern: &Pattern| {
        let step = if let Pattern::Every(step, _) = pattern { *step } else { SHORTEST_MONTH_DAYS };
        let most = f64::from(span / step + 1);
        most >= explained * f64::from(u32::try_from(used.len()).unwrap_or(u32::MAX))
    };
    let monthly = if could(&Pattern::Monthly(1)) { monthly(used) } else { Vec::new() };
    monthly.into_iter().chain(steps(used).filter(could))
}

/// The period and its score, the harmonic mean of kept and explained.
///
/// This is asked of every integration, some patterns and rounds each, and most of them are none: what costs least is asked
/// first. The days of use are fewer than the days that were seen, and those of the calendar cost most.
fn fit(activity: &Activity, pattern: Pattern, used: &[Day], explained: f64) -> Option<(Period, f64)> {
    let (first, last) = (*used.first()?, *used.last()?);
    let mut runs = used.iter().filter(|day| pattern.includes(**day));
    let last_run = *runs.next_back()?;
    let ran = u32::try_from(runs.count() + 1).ok()?;
    let share = f64::from(ran) / f64::from(u32::try_from(used.len()).ok()?);
    if ran < ENOUGH_RUNS || share < explained {
        return None;
    }
    // A habit of the past is none: a period that was due and not kept since is over.
    let due_in = |from, to| activity.looked_days(from, to).filter(|day| pattern.includes(*day));
    if due_in(last_run.plus(1), activity.last()).nth(OVER_AFTER).is_some() {
        return None;
    }
    let due = u32::try_from(due_in(first, last).count()).ok()?.max(1);
    // Today is used and not over: a run without a due day.
    let kept = (f64::from(ran) / f64::from(due)).min(1.0);
    if kept < KEPT {
        return None;
    }
    let confidence = wilson_lower(kept, due.max(ran)) * share;
    let period = Period { pattern, hours: None, place: None, due: due.max(ran), ran, confidence, last_run };
    Some((period, 2.0 * kept * share / (kept + share)))
}

/// The lower end of the Wilson score interval of a share of so many trials.
fn wilson_lower(share: f64, trials: u32) -> f64 {
    let n = f64::from(trials);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - spread) / (1.0 + Z * Z / n)).max(0.0)
}

/// The weekdays that are used mostly; none when it is all or none of them.
fn weekdays(activity: &Activity, used: &[Day], from: Day, to: Day) -> Option<Pattern> {
    let (mut seen, mut ran) = ([0_u32; 7], [0_u32; 7]);
    activity.looked_days(from, to).for_each(|day| seen[weekday(day)] += 1);
    for day in used {
        ran[weekday(*day)] += 1;
    }
    let often = |day: &usize| ran[*day] > 0 && f64::from(ran[*day]) >= WEEKDAY_SHARE * f64::from(seen[*day]);
    let set = (0..7).filter(often).fold(0_u8, |set, day| set | 1 << day);
    (set != 0 && set != 0b111_1111).then_some(Pattern::Weekdays(set))
}

fn monthly(used: &[Day]) -> Vec<Pattern> {
    let mut counts = [0_u32; 32];
    for day in used {
        counts[usize::try_from(day.date().day()).unwrap_or(0)] += 1;
    }
    // Runs of the 29th to 31st move to the last day of shorter months.
    let most = (1..=31_i8).max_by_key(|day| (counts[usize::try_from(*day).unwrap_or(0)], -day));
    most.into_iter().chain([31]).map(Pattern::Monthly).collect()
}

/// Every so many days: the most frequent step between days of use, from its most frequent phase.
fn steps(used: &[Day]) -> Option<Pattern> {
    let mut gaps: Vec<i32> = used.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    gaps.sort_unstable();
    let step = *gaps.chunk_by(|a, b| a == b).max_by_key(|same| same.len())?.first()?;
    if !(2..=LONGEST_STEP_DAYS).contains(&step) || step == 7 {
        return None;
    }
    let mut phases: Vec<i32> = used.iter().map(|day| day.0.rem_euclid(step)).collect();
    phases.sort_unstable();
    let phase = *phases.chunk_by(|a, b| a == b).max_by_key(|same| same.len())?.first()?;
    let from = used.iter().copied().find(|day| day.0.rem_euclid(step) == phase)?;
    Some(Pattern::Every(step, from))
}

/// The hours of a pattern's days, where few hours hold nearly all of them: a clock starts it.
fn few_hours(activity: &Activity, pattern: Pattern) -> Option<u32> {
    const FEW: u32 = 3;
    let days: Vec<u32> = activity.days.iter().filter(|active| pattern.includes(active.day)).map(|active| active.hours).collect();
    let often = |hour: &u32| days.iter().filter(|hours| **hours >> hour & 1 == 1).count() * 4 >= days.len().max(1);
    let set = (0..24).filter(often).fold(0_u32, |set, hour| set | 1 << hour);
    let inside = days.iter().filter(|hours| **hours & !set == 0).count();
    (set != 0 && set.count_ones() <= FEW && inside * 10 >= days.len() * 8).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in the order in which one would say it: everything is counted, then asked.
    fn plainly(activity: &Activity, pattern: Pattern, used: &[Day], explained: f64) -> Option<(Period, f64)> {
        let (first, last) = (*used.first()?, *used.last()?);
        let due = activity.looked_days(first, last).filter(|day| pattern.includes(*day)).count();
        let runs: Vec<Day> = used.iter().copied().filter(|day| pattern.includes(*day)).collect();
        let last_run = *runs.last()?;
        let since = activity.looked_days(last_run.plus(1), activity.last()).filter(|day| pattern.includes(*day)).count();
        let (due, ran) = (u32::try_from(due).ok()?.max(1), u32::try_from(runs.len()).ok()?);
        let kept = (f64::from(ran) / f64::from(due)).min(1.0);
        let share = f64::from(ran) / f64::from(u32::try_from(used.len()).ok()?);
        if since > OVER_AFTER || ran < ENOUGH_RUNS || kept < KEPT || share < explained {
            return None;
        }
        let confidence = wilson_lower(kept, due.max(ran)) * share;
        let period = Period { pattern, hours: None, place: None, due: due.max(ran), ran, confidence, last_run };
        Some((period, 2.0 * kept * share / (kept + share)))
    }

    /// A year that keeps some pattern more or less, seen on most days.
    fn lived(rng: &mut fastrand::Rng, pattern: Pattern) -> Activity {
        let (kept, seen, stray) = (rng.f64().max(0.3), rng.f64().max(0.5), rng.f64() * 0.1);
        let days = (20_600..20_600 + rng.i32(5..400)).map(Day);
        let is_used = |day: &Day, rng: &mut fastrand::Rng| rng.f64() < if pattern.includes(*day) { kept } else { stray };
        let used: Vec<Day> = days.clone().filter(|day| is_used(day, rng)).collect();
        let looked: Vec<Day> = days.filter(|_| rng.f64() < seen).collect();
        Activity::lived(&used, &looked, Day(20_600 + rng.i32(300..420)))
    }

    #[test]
    fn what_is_asked_first_makes_no_difference() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut fitting, mut not) = (0, 0);
        for _ in 0..400 {
            let patterns = [
                Pattern::Daily,
                Pattern::Weekdays(rng.u8(1..127)),
                Pattern::Monthly(rng.i8(1..=31)),
                Pattern::Every(rng.i32(2..=LONGEST_STEP_DAYS), Day(20_600)),
            ];
            let kept = patterns[rng.usize(..4)];
            let activity = lived(&mut rng, kept);
            let used: Vec<Day> = activity.days.iter().map(|active| active.day).collect();
            for pattern in patterns {
                for explained in [EXPLAINED, EXPLAINED_BESIDE] {
                    let found = fit(&activity, pattern, &used, explained);
                    assert_eq!(found, plainly(&activity, pattern, &used, explained), "{pattern:?} of {used:?}");
                    *if found.is_some() { &mut fitting } else { &mut not } += 1;
                }
            }
        }
        assert!(fitting > 100 && not > 100, "{fitting} fit and {not} do not");
    }
}
