//! When anybody was looking. Time in which nobody looked is not silence.

use std::collections::BTreeMap;

use super::{Day, SourceKind, counts::add, exchange, time::MS_PER_DAY, vocabulary::spelled};

spelled!(CoverageState { Covered = "covered", Partial = "partial", Missed = "missed", NotPermitted = "not_permitted" });

impl CoverageState {
    /// Whether somebody was looking: a partial interval was read, with items refused.
    pub fn looked(self) -> bool {
        matches!(self, Self::Covered | Self::Partial)
    }
}

/// Whether a source can show credentials at work, the legacy ones included: what clients write and send. No API can.
pub fn shows_credentials(source: &str) -> bool {
    use SourceKind::{Import, Intake, Log, Query};
    matches!(SourceKind::of(exchange::own_name(source)), Some(Log | Query | Intake | Import))
}

/// Whether a source is a list that is read whole: it tells how things stand, not what happened.
pub fn is_list(source: &str) -> bool {
    matches!(SourceKind::of(exchange::own_name(source)), Some(SourceKind::Tokens | SourceKind::Access))
}

/// Whether what a source's counts were made of is kept beside them: not where somebody else has counted.
pub fn keeps_lines(source: &str) -> bool {
    exchange::instance_of(source).is_none() && SourceKind::of(source) != Some(SourceKind::Query)
}

/// No source claims more than the 400 days before a look: longer than logs are kept, and shorter than what one stray ancient
/// line would claim.
pub const MAX_CLAIMED_MS: i64 = 400 * MS_PER_DAY;

/// One interval of one source, `from_ms` included, `to_ms` excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    pub from_ms: i64,
    pub to_ms: i64,
    pub state: CoverageState,
    pub items: u64,
    pub skipped: u64,
    pub reason: String,
}

/// Adds what was learned last to a source's intervals and returns them sorted and disjoint. The new interval replaces
/// what it overlaps, except that looking is never undone by a later failure to look again. Neighbours of the same state
/// and reason that touch become one. Items of intervals that are cut are shared out by length.
pub fn insert(intervals: Vec<Coverage>, new: Coverage) -> Vec<Coverage> {
    if new.to_ms <= new.from_ms {
        return intervals;
    }
    let same = |a: &Coverage, b: &Coverage| a.state == b.state && a.reason == b.reason;
    let fresh = if new.state.looked() { vec![new] } else { without(new, intervals.iter().filter(|old| old.state.looked())) };
    // Intervals of one kind stay whole here and are merged below, so that their items add up exactly.
    let keep = |old: Coverage| if fresh.iter().any(|f| same(f, &old)) { vec![old] } else { without(old, fresh.iter()) };
    let mut all: Vec<Coverage> = intervals.into_iter().flat_map(keep).collect();
    all.extend(fresh);
    all.sort_by_key(|c| (c.from_ms, c.to_ms));
    merge(all)
}

/// The parts of `interval` that lie outside all the holes.
fn without<'h>(interval: Coverage, holes: impl Iterator<Item = &'h Coverage>) -> Vec<Coverage> {
    holes.fold(vec![interval], |parts, hole| parts.into_iter().flat_map(|part| cut(part, hole)).collect())
}

fn cut(interval: Coverage, hole: &Coverage) -> Vec<Coverage> {
    if hole.to_ms <= interval.from_ms || interval.to_ms <= hole.from_ms {
        return vec![interval];
    }
    let share = |n: u64, from: i64, to: i64| scale(n, to - from, interval.to_ms - interval.from_ms);
    [(interval.from_ms, hole.from_ms), (hole.to_ms, interval.to_ms)]
        .into_iter()
        .filter(|(from, to)| from < to)
        .map(|(from_ms, to_ms)| Coverage {
            from_ms,
            to_ms,
            items: share(interval.items, from_ms, to_ms),
            skipped: share(interval.skipped, from_ms, to_ms),
            ..interval.clone()
        })
        .collect()
}

fn scale(n: u64, part: i64, whole: i64) -> u64 {
    let (part, whole) = (u128::from(part.unsigned_abs()), u128::from(whole.unsigned_abs().max(1)));
    u64::try_from(u128::from(n) * part / whole).unwrap_or(u64::MAX)
}

/// The parts of an interval that lie in one UTC day each. Items are shared out by length, and add up to as many.
pub fn by_day(interval: &Coverage) -> impl Iterator<Item = Coverage> + '_ {
    let (from_ms, to_ms) = (interval.from_ms, interval.to_ms);
    let until = move |n: u64, ms: i64| scale(n, ms - from_ms, to_ms - from_ms);
    let last = Day::of_ms(to_ms.max(from_ms + 1) - 1);
    (Day::of_ms(from_ms).0..=last.0).map(Day).filter(move |_| from_ms < to_ms).map(move |day| {
        let (begin, end) = (day.start_ms().max(from_ms), day.end_ms().min(to_ms));
        let share = move |n: u64| until(n, end) - until(n, begin);
        Coverage {
            from_ms: begin,
            to_ms: end,
            items: share(interval.items),
            skipped: share(interval.skipped),
            ..interval.clone()
        }
    })
}

/// Intervals of one source as the ledger holds them: those that touch and are of the same state and reason are one.
pub fn merge(sorted: Vec<Coverage>) -> Vec<Coverage> {
    let mut out: Vec<Coverage> = Vec::with_capacity(sorted.len());
    for next in sorted {
        match out.last_mut() {
            Some(last) if last.to_ms >= next.from_ms && last.state == next.state && last.reason == next.reason => {
                last.to_ms = last.to_ms.max(next.to_ms);
                add(&mut last.items, next.items);
                add(&mut last.skipped, next.skipped);
            }
            _ => out.push(next),
        }
    }
    out
}

/// The intervals of every source, sorted by source and start.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub sources: BTreeMap<String, Vec<Coverage>>,
}

impl Ledger {
    /// The UTC days that lie wholly inside looked-at intervals of one source, sorted.
    pub fn covered_days(&self, source: &str) -> Vec<Day> {
        self.sources.get(source).map_or_else(Vec::new, |intervals| covered_days(intervals))
    }

    /// The parts of `[from_ms, to_ms)` in which nobody looked at the source, sorted.
    pub fn unseen(&self, source: &str, from_ms: i64, to_ms: i64) -> Vec<(i64, i64)> {
        let intervals = self.sources.get(source).map_or(&[][..], Vec::as_slice);
        let mut unseen = Vec::new();
        let mut seen_to_ms = from_ms;
        for c in intervals.iter().filter(|c| c.state.looked() && c.to_ms > from_ms && c.from_ms < to_ms) {
            if c.from_ms > seen_to_ms {
                unseen.push((seen_to_ms, c.from_ms));
            }
            seen_to_ms = seen_to_ms.max(c.to_ms);
        }
        if seen_to_ms < to_ms {
            unseen.push((seen_to_ms, to_ms));
        }
        unseen
    }

    /// Whether the source has ever shown something.
    pub fn showed_items(&self, source: &str) -> bool {
        self.sources.get(source).is_some_and(|intervals| intervals.iter().any(|c| c.items > 0))
    }

    /// What can be known at an instant: nothing of the time after it. A list that was read just then was looked at.
    #[must_use]
    pub fn until(mut self, ms: i64) -> Self {
        for intervals in self.sources.values_mut() {
            intervals.retain(|interval| interval.from_ms <= ms);
            // They are sorted and disjoint, so only the last one may reach beyond.
            let Some(last) = intervals.pop() else { continue };
            let from_ms = ms.max(last.from_ms + 1);
            let (state, reason) = (CoverageState::Missed, String::new());
            let later = Coverage { from_ms, to_ms: i64::MAX, state, items: 0, skipped: 0, reason };
            intervals.extend(cut(last, &later));
        }
        self
    }

    /// The last instant up to which the source was looked at.
    pub fn looked_until_ms(&self, source: &str) -> Option<i64> {
        self.sources.get(source)?.iter().filter(|c| c.state.looked()).map(|c| c.to_ms).max()
    }
}

/// The UTC days that lie wholly inside the looked-at ones of sorted intervals, sorted.
pub fn covered_days(intervals: &[Coverage]) -> Vec<Day> {
    let mut days = Vec::new();
    // Touching intervals of different states still cover a day together.
    let mut run: Option<(i64, i64)> = None;
    for c in intervals.iter().filter(|c| c.state.looked()) {
        run = match run {
            Some((from, to)) if c.from_ms <= to => Some((from, to.max(c.to_ms))),
            other => {
                push_whole_days(other, &mut days);
                Some((c.from_ms, c.to_ms))
            }
        };
    }
    push_whole_days(run, &mut days);
    days
}

fn push_whole_days(run: Option<(i64, i64)>, days: &mut Vec<Day>) {
    let Some((from, to)) = run else { return };
    let first = Day::of_ms(from + MS_PER_DAY - 1);
    let end = Day::of_ms(to);
    days.extend((first.0..end.0).map(Day));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(from_ms: i64, to_ms: i64, state: CoverageState, items: u64) -> Coverage {
        Coverage { from_ms, to_ms, state, items, skipped: 0, reason: String::new() }
    }

    fn shape(intervals: &[Coverage]) -> Vec<(i64, i64, &'static str, u64)> {
        intervals.iter().map(|c| (c.from_ms, c.to_ms, c.state.as_str(), c.items)).collect()
    }

    #[test]
    fn at_an_instant_nothing_is_known_of_the_time_after_it() {
        let all = [
            interval(0, 10, CoverageState::Covered, 5),
            interval(10, 30, CoverageState::Missed, 0),
            interval(30, 40, CoverageState::Covered, 7),
        ];
        let sources = [("log/a".to_owned(), all.to_vec()), ("log/b".to_owned(), all[2..].to_vec())].into();
        let known = |ms: i64| Ledger { sources: BTreeMap::clone(&sources) }.until(ms).sources;
        assert_eq!(known(40), sources);
        assert_eq!(known(20)["log/b"], [], "that there is such a source is known all the same");
        assert_eq!(shape(&known(20)["log/a"]), [(0, 10, "covered", 5), (10, 20, "missed", 0)]);
        assert_eq!(shape(&known(8)["log/a"]), [(0, 8, "covered", 4)]);
        assert_eq!(shape(&known(30)["log/b"]), [(30, 31, "covered", 0)]);
    }

    #[test]
    fn what_others_counted_has_no_lines_here_and_shows_credentials_all_the_same() {
        let of = |source| (keeps_lines(source), shows_credentials(source));
        assert_eq!(["log/egress", "import/hand", "intake/ci"].map(of), [(true, true); 3]);
        assert_eq!(["query/lake", "exchange/emea/log/egress", "exchange/emea/query/lake"].map(of), [(false, true); 3]);
        assert_eq!(of("audit/acme"), (true, false));
    }

    #[test]
    fn touching_intervals_become_one_and_their_items_add_up() {
        let list = [(0, 10), (10, 20), (15, 30)]
            .iter()
            .fold(Vec::new(), |list, (from, to)| insert(list, interval(*from, *to, CoverageState::Covered, 5)));
        assert_eq!(shape(&list), [(0, 30, "covered", 15)]);
        let list = insert(list, interval(30, 40, CoverageState::Covered, u64::MAX));
        assert_eq!(shape(&list), [(0, 40, "covered", u64::MAX)], "as many as a number holds");
    }

    #[test]
    fn an_interval_falls_into_days_and_its_items_add_up() {
        let whole = interval(MS_PER_DAY / 2, 3 * MS_PER_DAY + 1, CoverageState::Covered, 7);
        let days: Vec<_> = by_day(&whole).collect();
        assert_eq!(
            shape(&days),
            [
                (MS_PER_DAY / 2, MS_PER_DAY, "covered", 1),
                (MS_PER_DAY, 2 * MS_PER_DAY, "covered", 3),
                (2 * MS_PER_DAY, 3 * MS_PER_DAY, "covered", 2),
                (3 * MS_PER_DAY, 3 * MS_PER_DAY + 1, "covered", 1),
            ]
        );
        assert_eq!(merge(days), [whole]);
        assert_eq!(by_day(&interval(5, 5, CoverageState::Covered, 1)).count(), 0);
    }

    #[test]
    fn a_gap_that_is_read_later_is_closed() {
        let list = insert(Vec::new(), interval(0, 10, CoverageState::Covered, 1));
        let list = insert(list, interval(10, 40, CoverageState::Missed, 0));
        let list = insert(list, interval(10, 30, CoverageState::Covered, 2));
        assert_eq!(shape(&list), [(0, 30, "covered", 3), (30, 40, "missed", 0)]);
    }

    #[test]
    fn failing_to_look_again_does_not_undo_what_was_seen() {
        let list = insert(Vec::new(), interval(10, 20, CoverageState::Covered, 7));
        let list = insert(list, interval(0, 30, CoverageState::Missed, 0));
        assert_eq!(shape(&list), [(0, 10, "missed", 0), (10, 20, "covered", 7), (20, 30, "missed", 0)]);
    }

    #[test]
    fn a_day_counts_only_when_all_of_it_was_seen() {
        let mut ledger = Ledger::default();
        let half = MS_PER_DAY / 2;
        ledger.sources.insert(
            "log/a".into(),
            vec![
                interval(half, 2 * MS_PER_DAY + half, CoverageState::Covered, 0),
                interval(2 * MS_PER_DAY + half, 4 * MS_PER_DAY, CoverageState::Partial, 0),
                interval(4 * MS_PER_DAY, 4 * MS_PER_DAY + 1, CoverageState::Missed, 0),
                interval(4 * MS_PER_DAY + 1, 6 * MS_PER_DAY, CoverageState::Covered, 0),
            ],
        );
        assert_eq!(ledger.covered_days("log/a"), [Day(1), Day(2), Day(3), Day(5)]);
        assert_eq!(ledger.covered_days("log/b"), []);
        assert_eq!(ledger.looked_until_ms("log/a"), Some(6 * MS_PER_DAY));
    }

    #[test]
    fn what_was_not_seen_lies_between_what_was_looked_at() {
        let mut ledger = Ledger::default();
        let list = vec![
            interval(10, 20, CoverageState::Covered, 0),
            interval(20, 30, CoverageState::Partial, 0),
            interval(30, 40, CoverageState::Missed, 0),
            interval(50, 60, CoverageState::Covered, 0),
        ];
        ledger.sources.insert("audit/a".into(), list);
        assert_eq!(ledger.unseen("audit/a", 0, 70), [(0, 10), (30, 50), (60, 70)]);
        assert_eq!(ledger.unseen("audit/a", 15, 55), [(30, 50)]);
        assert_eq!(ledger.unseen("audit/a", 12, 18), []);
        assert_eq!(ledger.unseen("audit/b", 12, 18), [(12, 18)]);
    }
}
