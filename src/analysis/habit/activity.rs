//! The days of legacy use of one integration, among the days on which somebody looked.

use super::super::covered::CoveredDays;
use super::super::days::{Cell, add};
use super::super::timeline::{Course, Rules};
use crate::evidence::{Day, Outcome};

/// Older use says nothing of what comes: a year and a month, so that a monthly rhythm has been met a dozen times.
const MAX_DAYS: i32 = 400;

/// One day of legacy use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ActiveDay {
    pub(super) day: Day,
    /// Uses that were not rejected, and those that were.
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    /// Uses outside brownout windows.
    pub(super) outside: u64,
    /// Bit h is set when it was used in UTC hour h.
    pub(super) hours: u32,
}

/// One repository's days of legacy use.
#[derive(Clone, Debug)]
pub(super) struct PlaceDays {
    pub(super) place: u32,
    pub(super) days: Vec<Day>,
}

/// Legacy use day by day, and which days were looked at.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    /// Sorted; never empty.
    pub(super) days: Vec<ActiveDay>,
    /// By place number; only repositories, and only of integrations with several places.
    pub(super) places: Vec<PlaceDays>,
    /// Uses by UTC hour, spread evenly over the hours of a day's use; and the same of uses outside windows alone.
    pub(super) by_hour: [f64; 24],
    pub(super) outside_by_hour: [f64; 24],
    /// The last day that is over.
    pub(super) last_whole: Day,
    /// Each day from the first on.
    seen: Vec<Seen>,
}

/// What is known of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nobody looked.
    No,
    /// One of the sources that had shown the integration by then covered it, and there was no use.
    Silent,
    /// The index of its use.
    Used(usize),
}

impl Activity {
    /// None without legacy use.
    pub(super) fn of(course: &Course<'_>, rules: &Rules<'_>) -> Option<Self> {
        let oldest = rules.today.plus(-MAX_DAYS);
        let legacy = || course.cells.iter().filter(|cell| rules.is_legacy(cell));
        // One that is older altogether keeps its own last year.
        let oldest = oldest.min(legacy().next_back()?.day.plus(-MAX_DAYS));
        let whole = rules.today.end_ms() <= rules.now_ms;
        let mut activity = Self {
            days: Vec::new(),
            places: Vec::new(),
            by_hour: [0.0; 24],
            outside_by_hour: [0.0; 24],
            last_whole: if whole { rules.today } else { rules.today.plus(-1) },
            seen: Vec::new(),
        };
        for cell in legacy().filter(|cell| cell.day >= oldest) {
            activity.take(cell, rules, course.is_repository[cell.place as usize]);
        }
        activity.places.sort_unstable_by_key(|place| place.place);
        activity.seen = seen_days(course.covered, &activity.days, rules.today);
        Some(activity)
    }

    fn take(&mut self, cell: &Cell, rules: &Rules<'_>, is_repository: bool) {
        let outside = rules.uses_outside(cell);
        if self.days.last().is_none_or(|last| last.day < cell.day) {
            self.days.push(ActiveDay { day: cell.day, accepted: 0, rejected: 0, outside: 0, hours: 0 });
        }
        let last = self.days.len() - 1;
        let day = &mut self.days[last];
        add(if cell.outcome == Outcome::Rejected { &mut day.rejected } else { &mut day.accepted }, cell.uses);
        add(&mut day.outside, outside);
        day.hours |= cell.hours;
        spread(&mut self.by_hour, cell.uses, cell.hours);
        let hours = if rules.by_calendar { cell.hours_outside } else { cell.hours };
        spread(&mut self.outside_by_hour, outside, hours);
        if is_repository {
            let known = self.places.iter_mut().find(|place| place.place == cell.place);
            match known {
                Some(place) if place.days.last() == Some(&cell.day) => {}
                Some(place) => place.days.push(cell.day),
                None => self.places.push(PlaceDays { place: cell.place, days: vec![cell.day] }),
            }
        }
    }

    pub(super) fn first(&self) -> Day {
        self.days[0].day
    }

    pub(super) fn last(&self) -> Day {
        self.days[self.days.len() - 1].day
    }

    pub(super) fn on(&self, day: Day) -> Option<&ActiveDay> {
        match self.seen(day) {
            Seen::Used(at) => Some(&self.days[at]),
            Seen::No | Seen::Silent => None,
        }
    }

    pub(super) fn looked(&self, day: Day) -> bool {
        self.seen(day) != Seen::No
    }

    fn seen(&self, day: Day) -> Seen {
        usize::try_from(day.0 - self.first().0).ok().and_then(|i| self.seen.get(i)).copied().unwrap_or(Seen::No)
    }

    /// The days of a range that were seen and are over, in order.
    pub(super) fn looked_days(&self, from: Day, to: Day) -> impl DoubleEndedIterator<Item = Day> + '_ {
        (from.0..=to.0.min(self.last_whole.0)).map(Day).filter(|day| self.looked(*day))
    }
}

#[cfg(test)]
impl Activity {
    /// One use on each of some days, at midnight, among others that were looked at.
    pub(super) fn lived(used: &[Day], looked: &[Day], today: Day) -> Self {
        let once = |day: &Day| ActiveDay { day: *day, accepted: 1, rejected: 0, outside: 1, hours: 1 };
        let first = used.first().copied().unwrap_or(today);
        let seen = |day: i32| match used.iter().position(|used| used.0 == day) {
            Some(at) => Seen::Used(at),
            None if looked.contains(&Day(day)) => Seen::Silent,
            None => Seen::No,
        };
        Self {
            days: used.iter().map(once).collect(),
            places: Vec::new(),
            by_hour: [0.0; 24],
            outside_by_hour: [0.0; 24],
            last_whole: today.plus(-1),
            seen: (first.0..=today.0).map(seen).collect(),
        }
    }
}

fn seen_days(phases: &[(Day, &CoveredDays)], used: &[ActiveDay], today: Day) -> Vec<Seen> {
    let first = used[0].day;
    let mut days: Vec<Seen> = (first.0..=today.0.max(first.0)).map(|_| Seen::No).collect();
    let mut mark = |day: Day, seen: Seen| {
        if let Some(slot) = usize::try_from(day.0 - first.0).ok().and_then(|i| days.get_mut(i)) {
            *slot = seen;
        }
    };
    for (number, (from, covered)) in phases.iter().enumerate() {
        let until = phases.get(number + 1).map_or(today, |(next, _)| next.plus(-1));
        let looked = (from.0.max(first.0)..=until.0).map(Day).filter(|day| covered.contains(*day));
        looked.for_each(|day| mark(day, Seen::Silent));
    }
    used.iter().enumerate().for_each(|(at, active)| mark(active.day, Seen::Used(at)));
    days
}

fn spread(by_hour: &mut [f64; 24], uses: u64, hours: u32) {
    let each = as_f64(uses) / f64::from(hours.count_ones().max(1));
    for (hour, sum) in by_hour.iter_mut().enumerate() {
        if hours >> hour & 1 == 1 {
            *sum += each;
        }
    }
}

/// 0 is Monday.
pub(super) fn weekday(day: Day) -> usize {
    usize::try_from((day.0 + 3).rem_euclid(7)).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of uses lie far below 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "spans of time in milliseconds lie far below 2^53")]
pub(super) fn part(ms: i64, whole_ms: i64) -> f64 {
    ms as f64 / whole_ms as f64
}
