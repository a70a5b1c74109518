//! Has it already left? An integration that was used yesterday and one that was last used three weeks ago both remain by
//! the contract, but not with the same future. This is the nowcast under the forecast: the probability that the last use
//! of the legacy credential was the last one for good.
//!
//! Let S(s) be the chance that a gap between two days of use is longer than s days. Of an integration that leaves with
//! hazard h a day, seen last s covered days ago,
//!
//! ```text
//! P(left and silent) = h × (S(0) + S(1) + … + S(s−1)),    P(in use and silent) = (1 − h)^s × S(s)
//! ```
//!
//! and Bayes' rule gives the rest. S is the integration's own gaps, shrunk to a heavy-tailed law with their mean (Lomax),
//! because a holiday is longer than anything seen so far. When the first accepted use of a replacement came with the
//! silence, it says more than any hazard: then the prior odds are those of a clean cut against a move by halves.

use super::subject::Subject;

/// The prior law counts as one gap beside those that were seen.
const PRIOR_GAPS: f64 = 1.0;
/// The mean gap of an integration whose rhythm is unknown: the contract's 31 days.
const UNKNOWN_GAP_DAYS: f64 = 31.0;
/// The Lomax law falls with this power: a gap of three means and more once in sixteen.
const TAIL: i32 = 2;
/// Once a replacement is in use beside the legacy credential, what is left of the latter is thinner by this factor.
const THINNED: f64 = 2.0;
/// Nothing is surer than this: an integration that is long gone is still restored from a backup now and then.
const SUREST: f64 = 0.995;
/// Days over which the sum of S is taken; beyond them every term is next to nothing.
const MAX_SILENCE: u32 = 400;

/// How often an integration is used, as a law of the gaps between its days of use.
#[derive(Clone, Debug)]
pub(super) struct Gaps {
    /// Gap in days and how often it was seen, longest first.
    seen: Vec<(f64, f64)>,
    count: f64,
    pub(super) mean_days: f64,
}

impl Gaps {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let passage = subject.passage;
        let thinned = if passage.replaced.is_some_and(|(first, _)| first < passage.last) { THINNED } else { 1.0 };
        let seen: Vec<(f64, f64)> =
            passage.rhythm.gaps().iter().map(|(gap, times)| (f64::from(*gap) * thinned, f64::from(*times))).collect();
        let count: f64 = seen.iter().map(|(_, times)| times).sum();
        let days: f64 = seen.iter().map(|(gap, times)| gap * times).sum();
        Self { mean_days: (days + PRIOR_GAPS * UNKNOWN_GAP_DAYS.min(longest(&seen))) / (count + PRIOR_GAPS), seen, count }
    }

    /// S: the chance that a gap is longer than so many days.
    pub(super) fn longer_than(&self, days: f64) -> f64 {
        let seen: f64 = self.seen.iter().take_while(|(gap, _)| *gap > days).map(|(_, times)| times).sum();
        let prior = (1.0 + days / (self.mean_days * f64::from(TAIL - 1).max(1.0))).powi(-TAIL);
        (seen + PRIOR_GAPS * prior) / (self.count + PRIOR_GAPS)
    }
}

/// The longest gap seen; the unknown one where none was.
fn longest(seen: &[(f64, f64)]) -> f64 {
    seen.first().map_or(UNKNOWN_GAP_DAYS, |(gap, _)| *gap)
}

/// The probability that it has left for good, for a hazard a day around its last use, and the odds of a clean cut among
/// those that begin to use a replacement.
pub(super) fn left(subject: &Subject<'_>, gaps: &Gaps, hazard: f64, clean_odds: f64) -> f64 {
    let silent = subject.passage.silent_days.min(MAX_SILENCE);
    if silent == 0 {
        return 0.0;
    }
    let passage = subject.passage;
    let still = gaps.longer_than(f64::from(silent));
    let cut = passage.replaced.is_some_and(|(first, last)| first >= passage.last && last >= passage.last);
    let odds = if cut {
        clean_odds / still
    } else {
        let gone: f64 = (0..silent).map(|day| gaps.longer_than(f64::from(day))).sum();
        hazard * gone / ((1.0 - hazard.min(0.5)).powf(f64::from(silent)) * still)
    };
    (odds / (1.0 + odds)).min(SUREST)
}
