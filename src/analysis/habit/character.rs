//! Machine or person: weights of evidence (I. J. Good, "Probability and the weighing of evidence", 1950), added up as log
//! odds in favour of a machine and turned into a probability.
//!
//! | sign | weight |
//! |---|---|
//! | client: CI, GitOps, IaC, backup, scanner, bot | +2 |
//! | client: other shared software; a library that scripts use | +1; +½ |
//! | client: git on a command line; an IDE | −½; −2 |
//! | origin: a job; a named network; roaming | +2; +1; −2 |
//! | ten repositories or more | +1 |
//! | a clock starts it: a period at a few hours, sure by ½ or more | +2 |
//! | its quietest eight hours hold 15 % of its use or more; under 2 % while it fills five hours or more | +2; −1½ |
//! | weekends as busy as half of the working days; under a tenth of them | +1½; −1 |
//!
//! The weights are set by judgement, not fitted: each is about the factor by which the sign is more frequent among machines
//! than among people in an organisation that works by day and rests on weekends. Signs are not independent, so no single
//! one is given more than e² ≈ 7. Where the odds are below 4 to 1 either way, nothing is said.

use super::Subject;
use super::activity::{Activity, weekday};
use super::period::Period;
use crate::evidence::{Category, Day, Origin};

/// Said from this probability on.
const SURE: f64 = 0.8;
const CLOCKWORK: f64 = 0.5;
const MANY_REPOSITORIES: usize = 10;
/// Signs of the clock and of weekends count from this many days of use.
const ENOUGH_DAYS: usize = 5;

/// The probability that it is a machine, if there is use enough to judge it.
pub(super) fn machine(activity: &Activity, periods: &[Period], subject: &Subject<'_>) -> Option<f64> {
    if activity.days.len() < super::period::ENOUGH_RUNS as usize {
        return None;
    }
    let clockwork = periods.iter().any(|period| period.hours.is_some() && period.confidence >= CLOCKWORK);
    let many = subject.repositories >= MANY_REPOSITORIES;
    let fixed = client(subject.category) + origin(subject) + if many { 1.0 } else { 0.0 } + if clockwork { 2.0 } else { 0.0 };
    let habits = if activity.days.len() < ENOUGH_DAYS { 0.0 } else { hours(&activity.by_hour) + weekends(activity) };
    Some(1.0 / (1.0 + (-(fixed + habits)).exp()))
}

/// Yes, no, or nothing to be said.
pub(super) fn verdict(probability: Option<f64>) -> Option<bool> {
    let probability = probability?;
    if probability >= SURE { Some(true) } else { (probability <= 1.0 - SURE).then_some(false) }
}

fn client(category: Category) -> f64 {
    match category {
        Category::Ci
        | Category::GitOps
        | Category::Iac
        | Category::BackupMirror
        | Category::CodeScanning
        | Category::DependencyBot => 2.0,
        Category::AtlassianProduct | Category::PackageManager => 1.0,
        Category::ScriptLibrary => 0.5,
        Category::Unknown => 0.0,
        Category::GitClient => -0.5,
        Category::Ide => -2.0,
    }
}

fn origin(subject: &Subject<'_>) -> f64 {
    match subject.origin {
        Origin::Job(_) => 2.0,
        Origin::Network(_) => 1.0,
        Origin::Roaming => -2.0,
        _ => 0.0,
    }
}

/// Whether it ever sleeps.
fn hours(by_hour: &[f64; 24]) -> f64 {
    let all: f64 = by_hour.iter().sum();
    let of_eight = |start: usize| (start..start + 8).map(|hour| by_hour[hour % 24]).sum::<f64>();
    let quietest = (0..24).map(of_eight).fold(f64::INFINITY, f64::min) / all.max(1e-9);
    let filled = by_hour.iter().filter(|uses| **uses > 0.0).count();
    if quietest >= 0.15 {
        2.0
    } else if quietest < 0.02 && filled >= 5 {
        -1.5
    } else {
        0.0
    }
}

fn weekends(activity: &Activity) -> f64 {
    let (mut seen, mut used) = ([0.0; 2], [0.0; 2]);
    for day in activity.looked_days(activity.first(), activity.last()) {
        let weekend = usize::from(is_weekend(day));
        seen[weekend] += 1.0;
        used[weekend] += if activity.on(day).is_some() { 1.0 } else { 0.0 };
    }
    let [working, weekend] = [used[0] / f64::max(seen[0], 1.0), used[1] / f64::max(seen[1], 1.0)];
    if seen[1] < 4.0 || working == 0.0 {
        0.0
    } else if weekend >= 0.5 * working {
        1.5
    } else if weekend < 0.1 * working {
        -1.0
    } else {
        0.0
    }
}

fn is_weekend(day: Day) -> bool {
    weekday(day) >= 5
}
