//! Day uses: what each integration did on each day, in each place, with which credential and outcome. The same use seen
//! by two sources counts once. Grades that the history lifts are lifted here, before anybody counts.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::Unit;
use super::bounds::Bounds;
use super::lift::{Lift, SecretKinds};
use crate::evidence::{Campaign, Credential, Day, DayCount, Grade, History, Outcome, Verdict, WindowKind};

/// Where something was used; the repository is open in evidence that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    pub(super) workspace: Option<&'a str>,
    pub(super) repository: Option<&'a str>,
}

/// `workspace/repository`, as far as they are named.
impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.workspace, self.repository) {
            (Some(workspace), Some(repository)) => write!(f, "{workspace}/{repository}"),
            (named, other) => f.write_str(named.or(other).unwrap_or("an unnamed place")),
        }
    }
}

/// One integration's uses on one day in one place with one credential and outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) day: Day,
    /// Index into [`Uses::places`].
    pub(super) place: u32,
    pub(super) credential: Credential,
    pub(super) outcome: Outcome,
    /// Which conditions of campaigns on the place hold ([`Bounds::marks`]).
    pub(super) marks: u32,
    /// The best of all that says so.
    pub(super) grade: Grade,
    /// The rule that gave this grade.
    pub(super) rule: u16,
    pub(super) uses: u64,
    /// Of the uses, those inside published and inside extrapolated brownout windows.
    pub(super) uses_published: u64,
    pub(super) uses_extrapolated: u64,
    pub(super) writes: u64,
    /// Bit h is set when it was used in UTC hour h.
    pub(super) hours: u32,
    /// The same of uses outside brownout windows.
    pub(super) hours_outside: u32,
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
    /// The ids of the rules that cells point into: the history's, and those that lift.
    pub(super) rules: Vec<String>,
    /// What secrets are proven to be.
    pub(super) secrets: SecretKinds,
}

pub(super) struct UnitUses {
    /// Sorted by day, place, credential, outcome, marks.
    pub(super) cells: Vec<Cell>,
    /// The sources that have shown it, each with the day on which it first did; sorted by day.
    pub(super) shown: Vec<(Day, u32)>,
    /// What its history lifted.
    pub(super) lift: Lift,
}

/// A day count with what its track adds.
#[derive(Clone, Copy)]
struct Shown<'a> {
    place: u32,
    source: u32,
    /// As [`Bounds::fits`] says.
    fits: u32,
    bounds: &'a Bounds<'a>,
    count: &'a DayCount,
}

impl Shown<'_> {
    fn cell_key(&self) -> (Day, u32, Credential, Outcome, u32) {
        let verdict = &self.count.verdict;
        (self.count.day, self.place, verdict.credential, verdict.outcome, self.marks())
    }

    fn marks(&self) -> u32 {
        self.bounds.marks(self.fits, self.count.verdict.credential)
    }
}

/// Folds the day counts of `first..=last` that signed somebody in, or failed to. The campaigns say which places are kept apart,
/// and the one that retires app passwords what a history lifts.
pub(super) fn fold<'a>(history: &'a History, units: &[Unit], (first, last): (Day, Day), campaigns: &[Campaign]) -> Uses<'a> {
    let (bounds, lifting) = (&Bounds::new(campaigns), campaigns.iter().find(|campaign| campaign.retires_app_passwords()));
    let place_of = |number: usize| {
        let track = &history.tracks[number].track;
        Place { workspace: track.workspace.as_deref(), repository: track.repository.as_deref() }
    };
    let numbers = || units.iter().flat_map(|unit| unit.tracks.iter().copied());
    let places: Vec<Place<'_>> = numbers().map(place_of).collect::<BTreeSet<_>>().into_iter().collect();
    let sources: Vec<&str> =
        numbers().map(|number| history.tracks[number].source.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let of_track = by_track(history);
    let secrets = SecretKinds::of(history, last);
    let mut rules = history.rules.clone();
    let folded = units.iter().map(|unit| {
        let mut counts = Vec::new();
        for &number in &unit.tracks {
            let place = index_of(&places, &place_of(number));
            let source = index_of(&sources, &history.tracks[number].source.as_str());
            let fits = bounds.fits(&history.tracks[number].track);
            let counted = history.counts[of_track[number].clone()].iter();
            let relevant = counted.filter(|c| c.verdict.authentication && (first..=last).contains(&c.day));
            counts.extend(relevant.map(|count| Shown { place, source, fits, bounds, count }));
        }
        let by_secret = |verdict: &mut Verdict, count: &DayCount| secrets.apply(verdict, count.track as usize);
        if unit.tracks.iter().any(|track| secrets.knows(*track)) {
            UnitUses::judge(&mut with(&counts, &lifted(&counts, by_secret, &mut rules)), lifting, &mut rules)
        } else {
            UnitUses::judge(&mut counts, lifting, &mut rules)
        }
    });
    let units = folded.collect();
    Uses { places, sources, units, rules, secrets }
}

/// The counts with their verdicts lifted; `lift` gives the id of the rule where it did so.
fn lifted(
    counts: &[Shown<'_>],
    lift: impl Fn(&mut Verdict, &DayCount) -> Option<&'static str>,
    rules: &mut Vec<String>,
) -> Vec<DayCount> {
    let mut lifted = |shown: &Shown<'_>| {
        let mut count = *shown.count;
        if let Some(id) = lift(&mut count.verdict, shown.count) {
            let known = rules.iter().position(|rule| rule == id);
            let number = known.unwrap_or_else(|| {
                rules.push(id.to_owned());
                rules.len() - 1
            });
            count.verdict.rule = u16::try_from(number).unwrap_or(count.verdict.rule);
        }
        count
    };
    counts.iter().map(&mut lifted).collect()
}

/// What was shown, with other verdicts.
fn with<'a>(shown: &[Shown<'a>], counts: &'a [DayCount]) -> Vec<Shown<'a>> {
    shown.iter().zip(counts).map(|(shown, count)| Shown { count, ..*shown }).collect()
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
    /// Folds, and folds again with other verdicts where the history lifts some: a credential that is known now joins the
    /// cells of its kind.
    fn judge(counts: &mut [Shown<'_>], lifting: Option<&Campaign>, rules: &mut Vec<String>) -> Self {
        let uses = Self::fold(counts);
        let lift = lifting.map(|campaign| Lift::of(&uses.cells, campaign)).unwrap_or_default();
        if lift.is_nothing() {
            return uses;
        }
        let by_history = |verdict: &mut Verdict, count: &DayCount| lift.apply(verdict, count.first_ms);
        Self { lift, ..Self::fold(&mut with(counts, &lifted(counts, by_history, rules))) }
    }

    fn fold(counts: &mut [Shown<'_>]) -> Self {
        // Stable: counts of one track are in order already, and such runs cost little.
        counts.sort_by_key(|c| (c.cell_key(), c.source));
        let cells = counts.chunk_by(|a, b| a.cell_key() == b.cell_key()).map(Cell::of).collect();
        let mut first_shown: BTreeMap<u32, Day> = BTreeMap::new();
        for count in &*counts {
            first_shown.entry(count.source).or_insert(count.count.day);
        }
        let mut shown: Vec<(Day, u32)> = first_shown.into_iter().map(|(source, day)| (day, source)).collect();
        shown.sort_unstable();
        Self { cells, shown, lift: Lift::default() }
    }
}

impl Cell {
    /// Uses outside brownout windows; where sources disagree, those that none of them saw inside.
    pub(super) fn uses_outside(&self) -> u64 {
        self.uses.saturating_sub(self.uses_published + self.uses_extrapolated)
    }

    /// The sum within a source, then the largest of the sums; the best grade of all.
    fn of(counts: &[Shown<'_>]) -> Self {
        let mut cell = Self::empty(&counts[0]);
        for source in counts.chunk_by(|a, b| a.source == b.source) {
            let (mut uses, mut writes, mut published, mut extrapolated) = (0, 0, 0, 0);
            for DayCount { verdict, uses: counted, .. } in source.iter().map(|c| c.count) {
                uses += counted;
                writes += if verdict.operation.writes() { *counted } else { 0 };
                match verdict.window {
                    WindowKind::Outside => {}
                    WindowKind::Published => published += counted,
                    WindowKind::Extrapolated => extrapolated += counted,
                }
            }
            cell.uses = cell.uses.max(uses);
            cell.writes = cell.writes.max(writes);
            cell.uses_published = cell.uses_published.max(published);
            cell.uses_extrapolated = cell.uses_extrapolated.max(extrapolated);
        }
        for DayCount { verdict, first_ms, last_ms, hours, .. } in counts.iter().map(|c| c.count) {
            if verdict.grade > cell.grade {
                (cell.grade, cell.rule) = (verdict.grade, verdict.rule);
            }
            cell.first_ms = cell.first_ms.min(*first_ms);
            cell.last_ms = cell.last_ms.max(*last_ms);
            cell.hours |= hours;
            if verdict.window == WindowKind::Outside {
                cell.hours_outside |= hours;
                cell.last_outside_ms = cell.last_outside_ms.max(Some(*last_ms));
            }
        }
        cell
    }

    fn empty(shown @ Shown { place, count, .. }: &Shown<'_>) -> Self {
        Self {
            day: count.day,
            place: *place,
            credential: count.verdict.credential,
            outcome: count.verdict.outcome,
            marks: shown.marks(),
            grade: count.verdict.grade,
            rule: count.verdict.rule,
            uses: 0,
            uses_published: 0,
            uses_extrapolated: 0,
            writes: 0,
            hours: 0,
            hours_outside: 0,
            first_ms: count.first_ms,
            last_ms: count.last_ms,
            last_outside_ms: None,
        }
    }
}
