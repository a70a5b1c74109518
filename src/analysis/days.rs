//! Day uses: what each integration did on each day, in each place, with which credential and outcome. The same use seen
//! by two sources counts once. Grades that the history lifts are lifted here, before anybody counts.

use std::collections::BTreeSet;

use super::bounds::Bounds;
use super::lift::{self, Lift, SecretKinds};
pub(super) use crate::evidence::counts::{add, sum};
use crate::evidence::{
    Campaign, Counts, Credential, Day, DayCount, Grade, History, Outcome, TrackCount, WindowKind, counts::TrackCounts,
};

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

/// One integration's uses on one day in one place with one credential and outcome, and with one grade where one source alone
/// shows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) day: Day,
    /// Index into [`Names::places`].
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

/// What the uses of every unit are folded from: the history's counts, and what its tracks and secrets add. It is what remains
/// of a history when the names in it are gone.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    counts: Counts,
    tracks: Vec<TrackFacts>,
    bounds: Bounds,
    /// What secrets are proven to be.
    pub(super) secrets: SecretKinds,
    /// The first and last day that are judged.
    pub(super) first: Day,
    pub(super) last: Day,
    /// The ids of the rules that cells point into: the history's, and those that lift.
    pub(super) rules: Vec<String>,
}

/// What a track adds to its counts.
#[derive(Clone, Copy, Debug)]
struct TrackFacts {
    place: u32,
    source: u32,
    /// As [`Bounds::fits`] says.
    fits: u32,
    /// As [`lift::is_old_name`] says.
    old_name: bool,
}

/// The names that [`Counted`] has numbers for.
pub(super) struct Names<'a> {
    /// Sorted, so that their numbers sort as they do.
    pub(super) places: Vec<Place<'a>>,
    /// Sorted, so that their numbers sort as they do.
    pub(super) sources: Vec<&'a str>,
}

/// One unit's day uses.
pub(super) struct UnitUses {
    /// Sorted by day, place, credential, outcome, marks, grade.
    pub(super) cells: Vec<Cell>,
    /// Sorted by the day on which the unit was first shown, then source.
    pub(super) shown: Vec<Showing>,
    /// What its history lifted.
    pub(super) lift: Lift,
}

/// On which days a source first and last showed a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Showing {
    pub(super) first: Day,
    pub(super) source: u32,
    pub(super) last: Day,
}

/// A day count with what its track adds.
#[derive(Clone, Copy)]
struct Shown {
    track: TrackFacts,
    marks: u32,
    count: DayCount,
}

impl Shown {
    fn cell_key(&self) -> (Day, u32, Credential, Outcome, u32) {
        let verdict = &self.count.verdict;
        (self.count.day, self.track.place, verdict.credential, verdict.outcome, self.marks)
    }
}

impl Counted {
    /// The campaigns say which places are kept apart.
    pub(super) fn new<'a>(history: &'a History, (first, last): (Day, Day), campaigns: &[Campaign]) -> (Self, Names<'a>) {
        let place_of = |shown: &'a TrackCount| {
            let track = &shown.track;
            Place { workspace: track.workspace.as_deref(), repository: track.repository.as_deref() }
        };
        let tracks = &history.tracks;
        let places: Vec<Place<'_>> = tracks.iter().map(place_of).collect::<BTreeSet<_>>().into_iter().collect();
        let sources: Vec<&str> = tracks.iter().map(|shown| shown.source.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
        let bounds = Bounds::new(campaigns);
        let facts = |shown: &'a TrackCount| TrackFacts {
            place: index_of(&places, &place_of(shown)),
            source: index_of(&sources, &shown.source.as_str()),
            fits: bounds.fits(&shown.track),
            old_name: lift::is_old_name(shown.track.username.as_deref()),
        };
        let mut rules = history.rules.clone();
        for id in lift::RULES {
            if !rules.iter().any(|rule| rule == id) {
                rules.push(id.to_owned());
            }
        }
        let counted = Self {
            counts: history.counts.clone(),
            tracks: tracks.iter().map(facts).collect(),
            secrets: SecretKinds::of(history, last),
            bounds,
            first,
            last,
            rules,
        };
        (counted, Names { places, sources })
    }

    /// Folds the day counts of a unit that signed somebody in, or failed to; `lifting` is the campaign that says what a history
    /// lifts, the one that retires app passwords.
    pub(super) fn unit(&self, tracks: &[usize], lifting: Option<&Campaign>) -> UnitUses {
        let counts = tracks.iter().flat_map(|track| self.counts.of(*track).map(|count| self.shown(*track, count)));
        let mut counts: Vec<Shown> = counts.filter(|shown| self.is_judged(&shown.count)).collect();
        let uses = UnitUses::fold(&mut counts);
        let lift = lifting.map(|campaign| Lift::of(&uses.cells, campaign)).unwrap_or_default();
        if lift.is_nothing() {
            return uses;
        }
        // A credential that is known now joins the cells of its kind.
        for shown in &mut counts {
            self.lift(shown, lift);
        }
        UnitUses { lift, ..UnitUses::fold(&mut counts) }
    }

    /// The uses of units, some days at a time.
    pub(super) fn walk<'a>(&'a self, units: &[(&[usize], Lift)]) -> Walk<'a> {
        let cursors = |tracks: &[usize]| tracks.iter().map(|track| (*track, self.counts.of(*track))).collect::<Vec<_>>();
        let walkers = units.iter().map(|(tracks, lift)| Walker { cursors: cursors(tracks), lift: *lift });
        Walk { counted: self, walkers: walkers.collect(), next: self.first, counts: Vec::new(), cells: Vec::new() }
    }

    fn is_judged(&self, count: &DayCount) -> bool {
        count.verdict.authentication && (self.first..=self.last).contains(&count.day)
    }

    /// What is known of the secret of a track is lifted here.
    fn shown(&self, track: usize, mut count: DayCount) -> Shown {
        if let Some(id) = self.secrets.apply(&mut count.verdict, track) {
            count.verdict.rule = self.number_of(id);
        }
        let facts = self.tracks[track];
        Shown { track: facts, marks: self.bounds.marks(facts.fits, count.verdict.credential), count }
    }

    fn lift(&self, shown: &mut Shown, lift: Lift) {
        let verdict = &mut shown.count.verdict;
        if let Some(id) = lift.apply(verdict, shown.count.first_ms, shown.track.old_name) {
            verdict.rule = self.number_of(id);
            shown.marks = self.bounds.marks(shown.track.fits, verdict.credential);
        }
    }

    /// Rules are a few dozen.
    fn number_of(&self, rule: &str) -> u16 {
        let number = self.rules.iter().position(|known| known == rule).unwrap_or_default();
        u16::try_from(number).unwrap_or(u16::MAX)
    }
}

/// How far the uses of some units have been told.
pub(super) struct Walk<'a> {
    counted: &'a Counted,
    walkers: Vec<Walker<'a>>,
    /// The first day that was not told.
    next: Day,
    /// Of the unit that is told; their memory is used again for the next.
    counts: Vec<Shown>,
    cells: Vec<Cell>,
}

/// One unit's counts that were not told.
struct Walker<'a> {
    cursors: Vec<(usize, TrackCounts<'a>)>,
    lift: Lift,
}

impl Walk<'_> {
    /// Goes on by so many days, unit by unit, since what is told of one lies together in memory: `take` gets the position of
    /// a unit and its cells of these days, if it has any. Returns whether there were days left.
    pub(super) fn on(&mut self, days: i32, mut take: impl FnMut(usize, &[Cell])) -> bool {
        if self.next > self.counted.last {
            return false;
        }
        self.next = self.next.plus(days);
        for (number, walker) in self.walkers.iter_mut().enumerate() {
            self.counts.clear();
            for (track, cursor) in &mut walker.cursors {
                while cursor.next_day().is_some_and(|day| day < self.next) {
                    let shown = cursor.next().map(|count| self.counted.shown(*track, count));
                    self.counts.extend(shown.filter(|shown| self.counted.is_judged(&shown.count)));
                }
            }
            if !self.counts.is_empty() {
                self.counts.iter_mut().for_each(|shown| self.counted.lift(shown, walker.lift));
                self.cells.clear();
                self.cells.extend(folded(&mut self.counts));
                take(number, &self.cells);
            }
        }
        true
    }
}

/// The number of a value that was collected into `sorted`; more than fit into a number do not fit into memory.
fn index_of<T: Ord>(sorted: &[T], value: &T) -> u32 {
    let position = sorted.binary_search(value).expect("every value was collected");
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// The cells that counts make, in their order.
fn folded(counts: &mut [Shown]) -> impl Iterator<Item = Cell> {
    // Stable: counts of one track are in order already, and such runs cost little.
    counts.sort_by_key(|c| (c.cell_key(), c.track.source, c.count.verdict.grade));
    counts.chunk_by(|a, b| a.cell_key() == b.cell_key()).flat_map(|same| {
        // What one source grades differently are different uses; what another one shows as well are the same.
        let shared = same.first().map(|c| c.track.source) != same.last().map(|c| c.track.source);
        same.chunk_by(move |a, b| shared || a.count.verdict.grade == b.count.verdict.grade).map(Cell::of)
    })
}

impl UnitUses {
    fn fold(counts: &mut [Shown]) -> Self {
        let cells = folded(counts).collect();
        let mut shown: Vec<Showing> = Vec::new();
        for Shown { track: TrackFacts { source, .. }, count: DayCount { day, .. }, .. } in &*counts {
            match shown.iter_mut().find(|showing| showing.source == *source) {
                Some(showing) => showing.last = *day,
                None => shown.push(Showing { first: *day, source: *source, last: *day }),
            }
        }
        shown.sort_unstable();
        Self { cells, shown, lift: Lift::default() }
    }
}

impl Cell {
    /// Uses outside brownout windows; where sources disagree, those that none of them saw inside.
    pub(super) fn uses_outside(&self) -> u64 {
        self.uses.saturating_sub(self.uses_published.saturating_add(self.uses_extrapolated))
    }

    /// The sum within a source, then the largest of the sums; the best grade of all.
    fn of(counts: &[Shown]) -> Self {
        let mut cell = Self::empty(&counts[0]);
        for source in counts.chunk_by(|a, b| a.track.source == b.track.source) {
            let (mut uses, mut writes, mut published, mut extrapolated) = (0, 0, 0, 0);
            for DayCount { verdict, uses: counted, .. } in source.iter().map(|c| &c.count) {
                add(&mut uses, *counted);
                add(&mut writes, if verdict.operation.writes() { *counted } else { 0 });
                match verdict.window {
                    WindowKind::Outside => {}
                    WindowKind::Published => add(&mut published, *counted),
                    WindowKind::Extrapolated => add(&mut extrapolated, *counted),
                }
            }
            cell.uses = cell.uses.max(uses);
            cell.writes = cell.writes.max(writes);
            cell.uses_published = cell.uses_published.max(published);
            cell.uses_extrapolated = cell.uses_extrapolated.max(extrapolated);
        }
        for DayCount { verdict, first_ms, last_ms, hours, .. } in counts.iter().map(|c| &c.count) {
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

    fn empty(Shown { track, marks, count }: &Shown) -> Self {
        Self {
            day: count.day,
            place: track.place,
            credential: count.verdict.credential,
            outcome: count.verdict.outcome,
            marks: *marks,
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
