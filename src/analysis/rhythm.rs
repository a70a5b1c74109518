//! How often something is used: the gaps between distinct days of use, their 90th percentile (the period), and how long
//! its silence has to be before it means something (the horizon).

use crate::evidence::Day;

/// Below this many distinct days of use a period is a guess, and is not stated.
const DAYS_FOR_A_PERIOD: u32 = 3;
/// What an unknown period counts as, in days: a monthly job is the longest rhythm that is common.
const UNKNOWN_PERIOD_DAYS: f64 = 31.0;
/// Silence means something after this many periods.
const PERIODS_OF_SILENCE: f64 = 2.0;

/// The days of use of one series, one day after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    days: u32,
    last: Option<Day>,
    /// Gap in days and how often it occurred, longest first. The distinct gaps of a series of n days sum up to at most
    /// n, so this list is never longer than √(2n): adding a day costs next to nothing.
    gaps: Vec<(i32, u32)>,
}

impl Rhythm {
    /// Adds a day of use; days come in order, and a day counts once.
    pub(super) fn add(&mut self, day: Day) {
        if self.last == Some(day) {
            return;
        }
        if let Some(last) = self.last.replace(day) {
            let gap = day.0 - last.0;
            let at = self.gaps.partition_point(|(longer, _)| *longer > gap);
            match self.gaps.get_mut(at) {
                Some((same, times)) if *same == gap => *times += 1,
                _ => self.gaps.insert(at, (gap, 1)),
            }
        }
        self.days += 1;
    }

    pub(super) fn last(&self) -> Option<Day> {
        self.last
    }

    /// The distinct gaps between days of use and how often each occurred, longest first.
    pub(super) fn gaps(&self) -> &[(i32, u32)] {
        &self.gaps
    }

    /// The 90th percentile of the gaps, in days, with linear interpolation between the two nearest ranks.
    pub(super) fn period(&self) -> Option<f64> {
        if self.days < DAYS_FOR_A_PERIOD {
            return None;
        }
        let last_rank = self.days - 2;
        // In tenths, so that a rank that is whole stays whole.
        let (rank, tenths) = (last_rank * 9 / 10, last_rank * 9 % 10);
        let lower = self.at_rank(last_rank - rank);
        let upper = self.at_rank((last_rank - rank).saturating_sub(1));
        Some(lower + (upper - lower) * f64::from(tenths) / 10.0)
    }

    /// The gap that has `longer` gaps before it when they are sorted from the longest.
    fn at_rank(&self, longer: u32) -> f64 {
        let mut before = 0;
        let found = self.gaps.iter().find(|(_, times)| {
            before += times;
            before > longer
        });
        found.map_or(0.0, |(gap, _)| f64::from(*gap))
    }

    /// H = max(`quiet_after`, 2 × period), in covered days.
    pub(super) fn horizon(&self, quiet_after_days: f64) -> f64 {
        quiet_after_days.max(PERIODS_OF_SILENCE * self.period().unwrap_or(UNKNOWN_PERIOD_DAYS))
    }

    /// The horizon of a part of an integration, which has one of its own only when its period is known.
    pub(super) fn own_horizon(&self, quiet_after_days: f64) -> Option<f64> {
        self.period().map(|_| self.horizon(quiet_after_days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(days: &[i32]) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for day in days {
            rhythm.add(Day(*day));
        }
        rhythm
    }

    fn period(gaps: &[i32]) -> Option<f64> {
        let mut day = 100;
        let days: Vec<i32> = std::iter::once(day)
            .chain(gaps.iter().map(|gap| {
                day += gap;
                day
            }))
            .collect();
        rhythm(&days).period()
    }

    #[test]
    fn the_period_is_unknown_below_three_distinct_days() {
        assert_eq!(rhythm(&[]).period(), None);
        assert_eq!(rhythm(&[5, 5, 9, 9, 9]).period(), None);
        assert_eq!(rhythm(&[5, 6, 7]).period(), Some(1.0));
    }

    #[test]
    fn the_period_is_the_ninetieth_percentile_with_linear_interpolation() {
        // Reference values by numpy.percentile(gaps, 90).
        for (gaps, expected) in [
            (vec![1, 2], 1.9),
            (vec![7, 1], 6.4),
            (vec![1, 1, 1, 10], 7.3),
            (vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 10.0),
            (vec![1, 1, 1, 1, 1, 1, 1, 1, 1, 3], 1.2),
            (vec![30, 31, 30, 28, 31], 31.0),
        ] {
            let found = period(&gaps).unwrap();
            assert!((found - expected).abs() < 1e-9, "{gaps:?}: {found}");
        }
    }

    #[test]
    fn the_horizon_is_two_periods_and_never_shorter_than_quiet_after() {
        assert!((rhythm(&[1]).horizon(7.0) - 62.0).abs() < 1e-9);
        assert!((rhythm(&[1, 2, 3]).horizon(7.0) - 7.0).abs() < 1e-9);
        assert!((rhythm(&[0, 10, 20]).horizon(7.0) - 20.0).abs() < 1e-9);
        assert_eq!(rhythm(&[0, 10]).own_horizon(7.0), None);
    }
}
