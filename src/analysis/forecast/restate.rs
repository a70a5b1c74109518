//! What a day is known to have been later on is not what was reported of it: names are resolved, evidence is joined, gaps are
//! closed, and the number of that day becomes another. A forecast of a number that will be known better speaks of the later
//! one, so what has become of earlier reports becomes of it too.
//!
//! Of each day that was reported two weeks ago or earlier, the logarithm of (known now + 1) / (reported + 1) says by how much it
//! was off. Their mean and their spread, drawn towards an organisation in which nothing is restated, are those of what is
//! reported today. Reports of successive days are off by the same integrations, so a week of them weighs like one case.

use crate::analysis::{BurndownDay, ReportedDay};
use crate::evidence::Day;

/// Before this nearly nothing of a report has been restated yet.
const SETTLED_DAYS: i32 = 14;
/// What was reported earlier than this was off for other reasons.
const MEMORY_DAYS: i32 = 84;
/// So many weeks of reports that were right are assumed beside those that are known.
const PRIOR_WEEKS: f64 = 4.0;
/// The logarithm's standard deviation of those: two integrations of a hundred.
const PRIOR_DEVIATION: f64 = 0.02;

/// By which factor a number is off, as it is reported: the logarithm's mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Restatement {
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl Restatement {
    /// A number that stays what it was reported to be.
    pub(super) const NONE: Self = Self { mean: 0.0, deviation: 0.0 };

    /// By what was reported of earlier days, and what is known of them now; both sorted by day.
    pub(super) fn of(reported: &[ReportedDay], known: &[BurndownDay], today: Day) -> Self {
        let settled = today.plus(-MEMORY_DAYS)..=today.plus(-SETTLED_DAYS);
        let off = |told: &ReportedDay| {
            let known = known.binary_search_by_key(&told.day, |row| row.day).ok().map(|at| known[at].remaining)?;
            Some((f64::from(known + 1) / f64::from(told.remaining + 1)).ln())
        };
        let told: Vec<&ReportedDay> = reported.iter().filter(|told| settled.contains(&told.day)).collect();
        let mut weeks: Vec<i32> = told.iter().map(|told| told.day.0.div_euclid(7)).collect();
        weeks.dedup();
        let offs: Vec<f64> = told.into_iter().filter_map(off).collect();
        let (count, weeks) = (super::real(offs.len()).max(1.0), super::real(weeks.len()));
        let all = weeks + PRIOR_WEEKS;
        let mean = offs.iter().sum::<f64>() / count * weeks / all;
        let squares = offs.iter().map(|off| (off - mean).powi(2)).sum::<f64>() / count * weeks;
        let variance = (squares + PRIOR_WEEKS * (PRIOR_DEVIATION.powi(2) + mean.powi(2))) / all;
        Self { mean, deviation: variance.sqrt() }
    }

    /// What a number will be known to have been, for a standard normal draw.
    pub(super) fn apply(self, count: u32, normal: f64) -> u32 {
        let known = f64::from(count) * (self.mean + self.deviation * normal).exp();
        u32::try_from(super::whole(known.round())).unwrap_or(0)
    }
}
