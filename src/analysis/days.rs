//! Day uses: what each integration did on each day, in each place, with which credential and outcome. The same use seen
//! by two sources counts once.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::Unit;
use crate::evidence::{Credential, Day, DayCount, Grade, History, Outcome, WindowKind};

/// Where something was used; the repository is open in evidence that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    pub(super) workspace: Option<&'a str>,
    pub(super) repository: Option<&'a str>,
}

/// One integration's uses on one day in one place with one credential and outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) day: Day,
    /// Index into [`Uses::places`].
    pub(super) place: u32,
    pub(super) credential: Credential,
    pub(super) outcome: Outcome,
    /// The best of all that says so.
    pub(super) grade: Grade,
    /// The rule that gave this grade.
    pub(super) rule: u16,
    pub(super) uses: u64,
    pub(super) writes: u64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    /// The newest instant outside brownout windows.
    pub(super) last_outside_ms: Option<i64>,
}

/// The day uses of all integrations.
pub(super) struct Uses<'a> {
    /// Sorted, so that their numbers sort as they do.
    pub(super) places: Vec<Place<'a>>,
    /// Sorted, so that their numbers sort as they do.
    pub(super) sources: Vec<&'a str>,
    /// By unit.
    pub(super) units: Vec<UnitUses>,
}

pub(super) struct UnitUses {
    /// Sorted by day, place, credential, outcome.
    pub(super) cells: Vec<Cell>,
    /// The sources that have shown it, each with the day on which it first did; sorted by day.
    pub(super) shown: Vec<(Day, u32)>,
}

/// A day count with what its track adds.
#[derive(Clone, Copy)]
struct Shown<'a> {
    place: u32,
    source: u32,
    count: &'a DayCount,
}

impl Shown<'_> {
    fn cell_key(&self) -> (Day, u32, Credential, Outcome) {
        (self.count.day, self.place, self.count.verdict.credential, self.count.verdict.outcome)
    }
}

/// Folds the day counts of `first..=last` that signed somebody in, or failed to.
pub(super) fn fold<'a>(history: &'a History, units: &[Unit], first: Day, last: Day) -> Uses<'a> {
    let place_of = |number: usize| {
        let track = &history.tracks[number].track;
        Place { workspace: track.workspace.as_deref(), repository: track.repository.as_deref() }
    };
    let numbers = || units.iter().flat_map(|unit| unit.tracks.iter().copied());
    let places: Vec<Place<'_>> = numbers().map(place_of).collect::<BTreeSet<_>>().into_iter().collect();
    let sources: Vec<&str> =
        numbers().map(|number| history.tracks[number].source.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let of_track = by_track(history);
    let folded = units.iter().map(|unit| {
        let mut counts = Vec::new();
        for &number in &unit.tracks {
            let place = index_of(&places, &place_of(number));
            let source = index_of(&sources, &history.tracks[number].source.as_str());
            let counted = history.counts[of_track[number].clone()].iter();
            let relevant = counted.filter(|c| c.verdict.authentication && (first..=last).contains(&c.day));
            counts.extend(relevant.map(|count| Shown { place, source, count }));
        }
        UnitUses::fold(counts)
    });
    let units = folded.collect();
    Uses { places, sources, units }
}

/// The range of each track's counts; they are sorted by track.
fn by_track(history: &History) -> Vec<std::ops::Range<usize>> {
    let mut ranges = vec![0..0; history.tracks.len()];
    let mut start = 0;
    for run in history.counts.chunk_by(|a, b| a.track == b.track) {
        if let Some(range) = ranges.get_mut(run[0].track as usize) {
            *range = start..start + run.len();
        }
        start += run.len();
    }
    ranges
}

/// The number of a value that was collected into `sorted`; more than fit into a number do not fit into memory.
fn index_of<T: Ord>(sorted: &[T], value: &T) -> u32 {
    let position = sorted.binary_search(value).expect("every value was collected");
    u32::try_from(position).unwrap_or(u32::MAX)
}

impl UnitUses {
    fn fold(mut counts: Vec<Shown<'_>>) -> Self {
        // Stable: counts of one track are in order already, and such runs cost little.
        counts.sort_by_key(|c| (c.cell_key(), c.source));
        let cells = counts.chunk_by(|a, b| a.cell_key() == b.cell_key()).map(Cell::of).collect();
        let mut first_shown: BTreeMap<u32, Day> = BTreeMap::new();
        for count in &counts {
            first_shown.entry(count.source).or_insert(count.count.day);
        }
        let mut shown: Vec<(Day, u32)> = first_shown.into_iter().map(|(source, day)| (day, source)).collect();
        shown.sort_unstable();
        Self { cells, shown }
    }
}

impl Cell {
    /// The sum within a source, then the largest of the sums; the best grade of all.
    fn of(counts: &[Shown<'_>]) -> Self {
        let mut cell = Self::empty(&counts[0]);
        for source in counts.chunk_by(|a, b| a.source == b.source) {
            let writing = |c: &&Shown<'_>| c.count.verdict.operation.writes();
            cell.uses = cell.uses.max(source.iter().map(|c| c.count.uses).sum());
            cell.writes = cell.writes.max(source.iter().filter(writing).map(|c| c.count.uses).sum());
        }
        for DayCount { verdict, first_ms, last_ms, .. } in counts.iter().map(|c| c.count) {
            if verdict.grade > cell.grade {
                (cell.grade, cell.rule) = (verdict.grade, verdict.rule);
            }
            cell.first_ms = cell.first_ms.min(*first_ms);
            cell.last_ms = cell.last_ms.max(*last_ms);
            if verdict.window == WindowKind::Outside {
                cell.last_outside_ms = cell.last_outside_ms.max(Some(*last_ms));
            }
        }
        cell
    }

    fn empty(Shown { place, count, .. }: &Shown<'_>) -> Self {
        Self {
            day: count.day,
            place: *place,
            credential: count.verdict.credential,
            outcome: count.verdict.outcome,
            grade: count.verdict.grade,
            rule: count.verdict.rule,
            uses: 0,
            writes: 0,
            first_ms: count.first_ms,
            last_ms: count.last_ms,
            last_outside_ms: None,
        }
    }
}
