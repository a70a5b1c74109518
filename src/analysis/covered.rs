//! Covered days, countable in one subtraction. Silence is measured on days on which somebody was looking.

use std::collections::BTreeMap;

use crate::evidence::{Day, Ledger};

/// How many covered days there are up to each day, for one set of sources.
#[derive(Clone, Debug)]
pub(super) struct CoveredDays {
    first: Day,
    /// `through[i]`: the covered days from `first` to `first + i`, both included.
    through: Vec<u32>,
}

impl CoveredDays {
    fn new(first: Day, last: Day, days: impl Iterator<Item = Day>) -> Self {
        let length = usize::try_from(last.0 - first.0 + 1).unwrap_or(0);
        let mut covered = vec![0_u32; length];
        for day in days {
            if let Some(slot) = usize::try_from(day.0 - first.0).ok().and_then(|i| covered.get_mut(i)) {
                *slot = 1;
            }
        }
        let mut sum = 0;
        for slot in &mut covered {
            sum += *slot;
            *slot = sum;
        }
        Self { first, through: covered }
    }

    /// The covered days up to and including `day`.
    pub(super) fn through(&self, day: Day) -> u32 {
        let i = usize::try_from(day.0 - self.first.0).unwrap_or(0);
        self.through.get(i).or(self.through.last()).copied().unwrap_or(0)
    }

    pub(super) fn contains(&self, day: Day) -> bool {
        let Ok(i) = usize::try_from(day.0 - self.first.0) else { return false };
        let before = i.checked_sub(1).map_or(0, |before| self.through.get(before).copied().unwrap_or(0));
        self.through.get(i).is_some_and(|through| *through > before)
    }

    /// The covered days after `day`, up to and including `at`.
    pub(super) fn between(&self, day: Day, at: Day) -> u32 {
        self.through(at).saturating_sub(self.through(day))
    }
}

/// The covered days of every set of sources that some integration was seen through.
pub(super) struct Coverages {
    first: Day,
    last: Day,
    /// By source number.
    days: Vec<Vec<Day>>,
    sets: Vec<CoveredDays>,
    by_sources: BTreeMap<Vec<u32>, usize>,
}

impl Coverages {
    /// Days count from `first`, and only when they end at or before `now_ms`.
    pub(super) fn new(ledger: &Ledger, sources: &[&str], first: Day, now_ms: i64) -> Self {
        let last = Day::of_ms(now_ms - 1);
        let whole = |day: &Day| day.end_ms() <= now_ms;
        let days = sources.iter().map(|source| ledger.covered_days(source).into_iter().filter(whole).collect()).collect();
        Self { first, last, days, sets: Vec::new(), by_sources: BTreeMap::new() }
    }

    /// The number of the set of these sources (sorted); a day is covered when one of them covers it.
    pub(super) fn of(&mut self, sources: &[u32]) -> usize {
        if let Some(set) = self.by_sources.get(sources) {
            return *set;
        }
        let days = sources.iter().flat_map(|source| self.days[*source as usize].iter().copied());
        self.sets.push(CoveredDays::new(self.first, self.last, days));
        self.by_sources.insert(sources.to_vec(), self.sets.len() - 1);
        self.sets.len() - 1
    }

    pub(super) fn set(&self, number: usize) -> &CoveredDays {
        &self.sets[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_covered_days_after_the_given_one_are_counted() {
        let covered = CoveredDays::new(Day(10), Day(20), [Day(9), Day(10), Day(12), Day(12), Day(15), Day(30)].into_iter());
        assert_eq!(covered.between(Day(10), Day(10)), 0);
        assert_eq!(covered.between(Day(10), Day(12)), 1);
        assert_eq!(covered.between(Day(11), Day(20)), 2);
        assert_eq!(covered.between(Day(15), Day(99)), 0);
        assert_eq!((8..32).map(Day).filter(|day| covered.contains(*day)).collect::<Vec<_>>(), [Day(10), Day(12), Day(15)]);
    }
}
