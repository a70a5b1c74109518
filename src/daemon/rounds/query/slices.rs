//! Which slice is asked next: a pure function of how far it is and what time it is.

use crate::{
    evidence::{
        Day,
        time::{MS_PER_DAY, MS_PER_HOUR},
    },
    store::Slice,
};

/// The cursors of how far a source is, Unix milliseconds: what was asked, what will not be asked again, and up to where lines are
/// in its totals.
pub(super) const ASKED: &str = "asked";
pub(super) const SETTLED: &str = "settled";
pub(super) const COUNTED: &str = "counted";

/// What was asked so little before its end is asked once more for late rows, and a clock that is set back by a moment was not wrong.
const AHEAD_MS: i64 = 2 * MS_PER_HOUR;
const MOMENT_MS: i64 = 60_000;

/// How long slices are, and how long their late rows are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Whole hours that divide a day.
    pub slice_ms: i64,
    pub late_ms: i64,
}

/// Everything before `asked_ms` was asked; everything before `settled_ms` will not be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub asked_ms: i64,
    pub settled_ms: i64,
}

impl Pace {
    /// The end of the slice in which an instant lies.
    pub(super) fn slice_end_ms(self, ms: i64) -> i64 {
        ms.saturating_add(self.slice_ms - 1).div_euclid(self.slice_ms) * self.slice_ms
    }
}

impl Progress {
    /// Nothing was asked from this instant on.
    pub(super) fn at(ms: i64) -> Self {
        Self { asked_ms: ms, settled_ms: ms }
    }

    /// The first slice that is old enough to be settled: a whole day where that is possible, since it costs the engine one
    /// question; but no slice goes over `counted_ms`, or a part of it would be counted twice. Else the first that is over and was
    /// never asked.
    pub(super) fn next(self, pace: Pace, counted_ms: i64, now_ms: i64) -> Option<Slice> {
        let from_ms = self.settled_ms;
        let settles = |length_ms: i64| from_ms + length_ms + pace.late_ms <= now_ms;
        let counted_in_part = (from_ms + 1..from_ms + MS_PER_DAY).contains(&counted_ms);
        if from_ms == Day::of_ms(from_ms).start_ms() && settles(MS_PER_DAY) && !counted_in_part {
            return Some(Slice { from_ms, to_ms: from_ms + MS_PER_DAY, settled: true });
        }
        // Slices that were longer or shorter before may begin at any hour, and none goes beyond its day.
        let end = |from_ms: i64| (from_ms + pace.slice_ms).min(Day::of_ms(from_ms).end_ms());
        if settles(end(from_ms) - from_ms) {
            return Some(Slice { from_ms, to_ms: end(from_ms), settled: true });
        }
        let (from_ms, to_ms) = (self.asked_ms, end(self.asked_ms));
        (to_ms <= now_ms).then_some(Slice { from_ms, to_ms, settled: false })
    }

    /// How far it truly is, if a clock that was ahead has gone beyond this instant: what was asked of the future, or settled before
    /// late rows could have come, is asked again, and as much before it, since that clock may have been wrong for as long as it was
    /// ahead. A first look goes back no further than `begin_ms`, and neither does this. Beyond `counted_ms` nothing was settled, a look
    /// has merely begun there.
    pub(super) fn set_right(self, pace: Pace, counted_ms: i64, now_ms: i64, begin_ms: i64) -> Self {
        let settled_ms = self.settled_ms.min(counted_ms);
        let settled_early_ms = settled_ms.saturating_add(pace.late_ms).saturating_sub(now_ms);
        let asked_early_ms = self.asked_ms.saturating_sub(now_ms);
        if settled_early_ms <= MOMENT_MS && asked_early_ms <= AHEAD_MS {
            return self;
        }
        let ahead_ms = settled_early_ms.max(asked_early_ms);
        let since_ms = now_ms.saturating_sub(ahead_ms).saturating_sub(pace.late_ms).max(begin_ms);
        Self::at(Day::of_ms(since_ms).start_ms().min(self.settled_ms))
    }

    pub(super) fn after(self, slice: Slice) -> Self {
        let settled_ms = if slice.settled { slice.to_ms } else { self.settled_ms };
        Self { asked_ms: self.asked_ms.max(slice.to_ms), settled_ms }
    }

    pub(super) fn cursors(self, counted_ms: i64) -> [(&'static str, String); 3] {
        [(ASKED, self.asked_ms), (SETTLED, self.settled_ms), (COUNTED, counted_ms)].map(|(key, ms)| (key, ms.to_string()))
    }

    /// How far both together are.
    pub(super) fn max(self, other: Self) -> Self {
        Self { asked_ms: self.asked_ms.max(other.asked_ms), settled_ms: self.settled_ms.max(other.settled_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { slice_ms: 2 * MS_PER_HOUR, late_ms: 3 * MS_PER_HOUR };

    /// All slices that are due, in hours since the epoch; a settled one ends with `!`.
    fn due(progress: &mut Progress, hour: i64) -> Vec<String> {
        let mut asked = Vec::new();
        while let Some(slice) = progress.next(PACE, progress.settled_ms, hour * MS_PER_HOUR) {
            let settled = if slice.settled { "!" } else { "" };
            asked.push(format!("{}-{}{settled}", slice.from_ms / MS_PER_HOUR, slice.to_ms / MS_PER_HOUR));
            *progress = progress.after(slice);
            assert!(asked.len() < 100, "the slices end");
        }
        asked
    }

    #[test]
    fn a_first_look_asks_whole_days_and_then_slices() {
        let mut progress = Progress::at(0);
        assert_eq!(due(&mut progress, 56), ["0-24!", "24-48!", "48-50!", "50-52!", "52-54", "54-56"]);
        assert_eq!(due(&mut progress, 56), Vec::<String>::new());
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_asked_is_asked_again() {
        let (mut progress, right) = (Progress::at(24 * MS_PER_HOUR), 7 * 24 + 1);
        due(&mut progress, right);
        let (before, now_ms) = (progress, right * MS_PER_HOUR);
        assert_eq!(before.set_right(PACE, before.settled_ms, now_ms - MOMENT_MS, 0), before);
        due(&mut progress, right + 48);
        // Two days and late rows before now, from the beginning of that day on.
        let mut set_right = progress.set_right(PACE, progress.settled_ms, now_ms, 0);
        assert_eq!(set_right, Progress::at(4 * 24 * MS_PER_HOUR));
        assert_eq!(due(&mut set_right, right)[..3], ["96-120!", "120-144!", "144-146!"]);
        // Not beyond what a first look would ask.
        let begin_ms = 5 * 24 * MS_PER_HOUR;
        assert_eq!(progress.set_right(PACE, progress.settled_ms, now_ms, begin_ms), Progress::at(begin_ms));
    }

    #[test]
    fn what_was_settled_too_early_by_an_hour_is_asked_again() {
        let pace = Pace { late_ms: 0, ..PACE };
        let (mut progress, hour) = (Progress::at(24 * MS_PER_HOUR), 33);
        while let Some(slice) = progress.next(pace, progress.settled_ms, (hour + 1) * MS_PER_HOUR) {
            progress = progress.after(slice);
        }
        assert_eq!(progress, Progress::at(34 * MS_PER_HOUR));
        assert_eq!(progress.set_right(pace, progress.settled_ms, hour * MS_PER_HOUR, 0), Progress::at(24 * MS_PER_HOUR));
    }

    #[test]
    fn where_a_look_began_nothing_was_settled_too_early() {
        // A first look goes back no further than rows are waited for.
        let (pace, begin_ms) = (Pace { late_ms: 7 * MS_PER_DAY, ..PACE }, 24 * MS_PER_HOUR);
        let mut progress = Progress::at(begin_ms);
        for hour in 48..96 {
            progress = progress.set_right(pace, i64::MIN, hour * MS_PER_HOUR, begin_ms);
            while let Some(slice) = progress.next(pace, i64::MIN, hour * MS_PER_HOUR) {
                assert!(!slice.settled, "{slice:?}");
                progress = progress.after(slice);
            }
            assert_eq!(progress.asked_ms, hour / 2 * 2 * MS_PER_HOUR);
        }
    }

    #[test]
    fn no_slice_is_partly_in_the_totals_already() {
        let counted_ms = PACE.slice_end_ms(29 * MS_PER_HOUR + 1);
        assert_eq!(counted_ms, 30 * MS_PER_HOUR);
        assert_eq!(PACE.slice_end_ms(counted_ms), counted_ms);
        let (mut progress, mut counted, mut asked) = (Progress::at(0), counted_ms, Vec::new());
        while let Some(slice) = progress.next(PACE, counted, 96 * MS_PER_HOUR).filter(|slice| slice.settled) {
            assert!(slice.to_ms <= counted || slice.from_ms >= counted, "{slice:?}");
            (progress, counted) = (progress.after(slice), counted.max(slice.to_ms));
            asked.push((slice.from_ms / MS_PER_HOUR, slice.to_ms / MS_PER_HOUR));
        }
        assert_eq!(asked[..5], [(0, 24), (24, 26), (26, 28), (28, 30), (30, 32)]);
        assert!(asked.contains(&(48, 72)), "{asked:?}");
    }

    #[test]
    fn a_slice_is_asked_when_it_is_over_and_once_more_when_nothing_comes_late() {
        let mut progress = Progress::at(24 * MS_PER_HOUR);
        assert_eq!(due(&mut progress, 25), Vec::<String>::new());
        assert_eq!(due(&mut progress, 26), ["24-26"]);
        assert_eq!(due(&mut progress, 28), ["26-28"]);
        assert_eq!(due(&mut progress, 29), ["24-26!"]);
        assert_eq!(
            due(&mut progress, 52),
            [
                "26-28!", "28-30!", "30-32!", "32-34!", "34-36!", "36-38!", "38-40!", "40-42!", "42-44!", "44-46!", "46-48!",
                "48-50", "50-52"
            ]
        );
    }
}
