//! The steps, one after the other.

use super::subject::{Cohorts, Subject, Timeline};
use super::{Counted, Forecast, Outlook, Quantiles, Recorded, moves, pace, quantiles, share, simulate, whole};
use crate::analysis::rank::total;
use crate::evidence::{Campaign, Day};

/// Below this much history nothing is forecast: four weeks of pace.
const LEAST_HISTORY_DAYS: i32 = 28;
/// Below this many integrations ever seen nothing is forecast: a distribution of two or three is a list.
const LEAST_INTEGRATIONS: usize = 5;
/// After the removal the repair is looked at this far ahead.
const REPAIR_DAYS: i32 = 28;
/// The distances that are recorded and scored, beside the removal.
const STEPS: [i32; 6] = [7, 14, 21, 28, 42, 56];

/// The forecast of one campaign, and for each subject the share of the week after the removal in which it is expected to
/// use the legacy credential (after the removal: the probability that it still does).
pub(in crate::analysis) fn judge(subjects: &[Subject<'_>], campaign: &Campaign, today: Day) -> (Forecast, Vec<f64>) {
    let Some(first) = subjects.iter().map(|s| s.passage.first).min() else {
        return (Forecast::NotEnough(format!("nobody was seen with {} yet", campaign.words.many)), Vec::new());
    };
    let timeline = Timeline::new(campaign, first, today);
    let cohorts = Cohorts::new(subjects);
    if let Some(missing) = too_little(subjects, &timeline) {
        return (Forecast::NotEnough(missing), by_the_priors(subjects, &cohorts, &timeline));
    }
    let pace = pace::fit(subjects, &cohorts, &timeline);
    let counts = |s: &Subject<'_>| if timeline.removed() { s.failing } else { s.remaining };
    let counted: Vec<usize> = (0..subjects.len()).filter(|number| counts(&subjects[*number])).collect();
    let target = if timeline.removed() { today.plus(REPAIR_DAYS) } else { timeline.removal.plus(-1) };
    let mut targets: Vec<i32> = STEPS.iter().copied().filter(|step| today.plus(*step) < target).collect();
    targets.push(target.0 - today.0);
    let runs = simulate::run(subjects, &counted, &cohorts, &pace, &timeline, &targets);
    let mut using: Vec<f64> = pace.left.iter().map(|left| 1.0 - left).collect();
    if !timeline.removed() {
        for (number, share) in counted.iter().zip(&runs.week_after) {
            using[*number] = *share;
        }
    }
    let point = |(target, counts): (&i32, &Vec<u32>)| Recorded {
        day: today,
        target: today.plus(*target),
        quantiles: quantiles(counts),
        zero_probability: share(counts, |n| *n == 0),
    };
    let path = targets.iter().zip(&runs.counts).map(point).collect();
    let outlook = outlook(subjects, &counted, &pace, &timeline, &runs, path);
    (Forecast::Known(Box::new(outlook)), using)
}

/// Who is still there at the removal, by what is assumed of everybody.
fn by_the_priors(subjects: &[Subject<'_>], cohorts: &Cohorts, timeline: &Timeline<'_>) -> Vec<f64> {
    let pace = pace::assume(subjects, cohorts, timeline);
    let days = timeline.today.0 + 1..timeline.removal.0;
    let ahead: f64 = days.map(|day| pace::hazard(&pace.calendar, &pace::covariates(timeline, day, false))).sum();
    let half = pace.calendar[pace::PARAMETERS - 1].exp();
    let stays = |subject: &Subject<'_>| (-ahead * if subject.half() { half } else { 1.0 }).exp();
    subjects.iter().zip(&pace.left).map(|(subject, left)| (1.0 - left) * stays(subject)).collect()
}

fn too_little(subjects: &[Subject<'_>], timeline: &Timeline<'_>) -> Option<String> {
    let days = timeline.today.0 - timeline.first.0 + 1;
    if days < LEAST_HISTORY_DAYS {
        return Some(format!("a forecast needs {LEAST_HISTORY_DAYS} days of evidence, and there {}", are(i64::from(days))));
    }
    let (noun, seen) = (&timeline.campaign.words.many, subjects.len());
    (seen < LEAST_INTEGRATIONS).then(|| {
        format!(
            "a forecast needs {LEAST_INTEGRATIONS} integrations that were seen with {noun}, and there {}",
            are(i64::try_from(seen).unwrap_or(i64::MAX))
        )
    })
}

fn are(number: i64) -> String {
    if number == 1 { "is 1".to_owned() } else { format!("are {number}") }
}

fn outlook(
    subjects: &[Subject<'_>],
    counted: &[usize],
    pace: &pace::Pace,
    timeline: &Timeline<'_>,
    runs: &simulate::Runs,
    path: Vec<Recorded>,
) -> Outlook {
    let today = timeline.today;
    let zero = quantiles(&runs.zero);
    let date = |offset: i32| (offset != simulate::NEVER).then(|| today.plus(offset));
    let still_used = total(counted.iter().map(|number| 1.0 - pace.left[*number]));
    let weeks = (f64::from((timeline.removal.0 - today.0).max(1)) / 7.0).max(1.0);
    let recent = |s: &Subject<'_>| s.passage.last > today.plus(-RECENT_DAYS);
    let stopped = total(subjects.iter().zip(&pace.left).filter(|(s, _)| recent(s)).map(|(_, left)| *left));
    let mut lags: Vec<i32> = counted.iter().map(|number| whole(subjects[*number].passage.lag_days.ceil())).collect();
    lags.sort_unstable();
    Outlook {
        counted: if timeline.removed() { Counted::Failing } else { Counted::Remaining },
        zero_day: Quantiles { p10: date(zero.p10), p50: date(zero.p50), p90: date(zero.p90) },
        path,
        still_used,
        needed_a_week: if timeline.removed() { 0.0 } else { still_used / weeks },
        stopped_a_week: stopped / (f64::from(RECENT_DAYS) / 7.0),
        last_visible_stop: timeline.removal.plus(-1 - lags.get(lags.len() / 2).copied().unwrap_or(0)),
        moves: moves::greatest(subjects, counted, runs, timeline.removed()),
    }
}

/// The present pace is that of four weeks.
const RECENT_DAYS: i32 = 28;
