//! Every integration's uses by day, workspace, credential, grade and outcome. They are too many to keep: they are made anew,
//! some days at a time, whenever somebody asks for them, from the counts that the judgement looked at; the next days are made while
//! these are taken.

use std::{
    cmp::Ordering,
    panic::resume_unwind,
    sync::{Arc, mpsc::sync_channel},
    thread,
};

use super::Authentication;
use super::days::{Cell, Counted, UnitUses, add, sum};
use super::lift::Lift;
use crate::evidence::{Credential, Day, Grade, Outcome};

/// Days that are made at a time, 24 bytes a row: of twenty thousand integrations that are used each day four megabytes. Three lots
/// are there at once: one that is made, one that waits, one that is taken.
const DAYS: i32 = 8;

/// The authentications of one judgement. Clones share what they are made from.
#[derive(Clone, Debug, Default)]
pub struct Authentications {
    counted: Option<Arc<Counted>>,
    /// Those that signed somebody in, or failed to; sorted by user, then id.
    units: Vec<Named>,
    /// By place number; sorted as the names that were seen are.
    workspaces: Vec<Arc<str>>,
    /// Sorted.
    daily: Arc<[DailyUses]>,
}

/// One integration, as it is called, and what it is made of.
#[derive(Clone, Debug)]
struct Named {
    user: String,
    integration: String,
    tracks: Arc<[usize]>,
    lift: Lift,
}

/// All uses of one credential on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DailyUses {
    pub day: Day,
    pub credential: Credential,
    pub uses: u64,
}

impl Authentications {
    /// Tells `take` of each, sorted by day, user, integration, workspace, credential, grade, outcome as they are spelt.
    ///
    /// # Errors
    /// The first one of `take`.
    pub fn each<E>(&self, mut take: impl FnMut(&Authentication) -> Result<(), E>) -> Result<(), E> {
        let units: Vec<&Named> = self.units.iter().collect();
        let units = units.as_slice();
        thread::scope(|scope| {
            let (making, made) = sync_channel(1);
            let maker = scope.spawn(move || self.make(units, |rows| making.send(rows).is_ok()));
            let mut shown = None;
            // Whoever takes no more lets go of what is made, and that ends the making.
            for row in made.into_iter().flatten() {
                take(self.put(&mut shown, units, &row))?;
            }
            maker.join().unwrap_or_else(|panic| resume_unwind(panic));
            Ok(())
        })
    }

    /// Those of the integrations that are wanted, by user and id, in the same order.
    pub fn of(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<Authentication> {
        let units: Vec<&Named> = self.units.iter().filter(|unit| wanted(&unit.user, &unit.integration)).collect();
        let (mut shown, mut all) = (None, Vec::new());
        self.make(&units, |rows| {
            all.extend(rows.iter().map(|row| self.put(&mut shown, &units, row).clone()));
            true
        });
        all
    }

    /// How often each credential was used on each day, sorted.
    pub fn daily(&self) -> &[DailyUses] {
        &self.daily
    }

    /// Shows users, integrations and workspaces as these functions spell them, and puts them in the order of that.
    pub fn renamed(
        mut self,
        user: impl Fn(&str) -> String,
        integration: impl Fn(&str) -> String,
        workspace: impl Fn(&str) -> String,
    ) -> Self {
        for unit in &mut self.units {
            (unit.user, unit.integration) = (user(&unit.user), integration(&unit.integration));
        }
        // Stable, as where names are cut or hidden several may look alike.
        self.units.sort_by(Named::compare);
        let mut last: Option<(Arc<str>, Arc<str>)> = None;
        for seen in &mut self.workspaces {
            let known = last.take().filter(|(was, _)| was == seen);
            let (was, shown) = known.unwrap_or_else(|| (Arc::clone(seen), workspace(seen).into()));
            *seen = Arc::clone(&shown);
            last = Some((was, shown));
        }
        self
    }

    /// Makes the rows, some days at a time, as long as they are taken.
    fn make(&self, units: &[&Named], mut take: impl FnMut(Vec<Row>) -> bool) {
        let Some(counted) = &self.counted else { return };
        let made_of: Vec<(&[usize], Lift)> = units.iter().map(|unit| (&*unit.tracks, unit.lift)).collect();
        let words = |cell: &Cell| [cell.credential.as_str(), cell.grade.as_str(), cell.outcome.as_str()];
        let key = |cell: &Cell| (cell.day, &*self.workspaces[cell.place as usize], words(cell));
        let (mut walk, mut order) = (counted.walk(&made_of), Vec::new());
        loop {
            let mut rows = Vec::new();
            let more = walk.on(DAYS, |number, cells| {
                order.clear();
                order.extend_from_slice(cells);
                order.sort_by(|a, b| key(a).cmp(&key(b)));
                rows.extend(order.chunk_by(|a, b| key(a) == key(b)).map(|same| Row::of(number, same)));
            });
            // Stable: each day has the units in their order.
            rows.sort_by_key(|row| row.day);
            if !more || !take(rows) {
                return;
            }
        }
    }

    /// One row after the other in the same place: there are millions.
    fn put<'r>(&self, shown: &'r mut Option<Authentication>, units: &[&Named], row: &Row) -> &'r Authentication {
        let Row { day, unit, place, credential, grade, outcome, uses } = *row;
        let unit = units[unit as usize];
        let shown = shown.get_or_insert_with(|| Authentication {
            day,
            user: String::new(),
            integration: String::new(),
            workspace: String::new(),
            credential,
            grade,
            outcome,
            uses,
        });
        unit.user.clone_into(&mut shown.user);
        unit.integration.clone_into(&mut shown.integration);
        self.workspaces[place as usize].as_ref().clone_into(&mut shown.workspace);
        (shown.day, shown.credential, shown.grade, shown.outcome, shown.uses) = (day, credential, grade, outcome, uses);
        shown
    }
}

/// A row whose names are numbers.
struct Row {
    day: Day,
    /// Its position among the units that are told of.
    unit: u32,
    place: u32,
    credential: Credential,
    grade: Grade,
    outcome: Outcome,
    uses: u64,
}

impl Row {
    /// The sum of cells that differ in nothing that a row shows.
    fn of(unit: usize, same: &[Cell]) -> Self {
        let Cell { day, place, credential, grade, outcome, .. } = same[0];
        let unit = u32::try_from(unit).expect("more integrations do not fit into memory");
        Self { day, unit, place, credential, grade, outcome, uses: sum(same.iter().map(|cell| cell.uses)) }
    }
}

impl Named {
    fn compare(&self, other: &Self) -> Ordering {
        (&self.user, &self.integration).cmp(&(&other.user, &other.integration))
    }
}

/// Collects them unit by unit.
pub(super) struct Collected {
    units: Vec<Named>,
    first: Day,
    /// By day from the first one, then credential.
    daily: Vec<[u64; Credential::ALL.len()]>,
}

impl Collected {
    pub(super) fn new(first: Day, last: Day) -> Self {
        let days = usize::try_from(last.0 - first.0 + 1).unwrap_or_default();
        Self { units: Vec::new(), first, daily: vec![[0; Credential::ALL.len()]; days] }
    }

    pub(super) fn add(&mut self, user: &str, id: &str, tracks: &[usize], uses: &UnitUses) {
        if uses.cells.is_empty() {
            return;
        }
        for cell in &uses.cells {
            let day = usize::try_from(cell.day.0 - self.first.0).ok().and_then(|day| self.daily.get_mut(day));
            if let Some(day) = day {
                add(&mut day[cell.credential as usize], cell.uses);
            }
        }
        let (user, integration) = (user.to_owned(), id.to_owned());
        self.units.push(Named { user, integration, tracks: tracks.into(), lift: uses.lift });
    }

    /// Takes over those of other units, of the same days.
    pub(super) fn append(&mut self, others: Self) {
        self.units.extend(others.units);
        for (sums, others) in self.daily.iter_mut().zip(others.daily) {
            sums.iter_mut().zip(others).for_each(|(to, other)| add(to, other));
        }
    }

    /// `workspaces` are those of the places, by number.
    pub(super) fn finish<'a>(
        mut self,
        counted: Arc<Counted>,
        workspaces: impl Iterator<Item = Option<&'a str>>,
    ) -> Authentications {
        self.units.sort_unstable_by(Named::compare);
        let days = (self.first.0..).map(Day).zip(&self.daily);
        let daily = days.flat_map(|(day, sums)| {
            let of = move |credential: &Credential| DailyUses { day, credential: *credential, uses: sums[*credential as usize] };
            Credential::ALL.iter().map(of).filter(|daily| daily.uses > 0)
        });
        let daily = daily.collect();
        let mut names: Vec<Arc<str>> = Vec::new();
        for workspace in workspaces {
            let workspace = workspace.unwrap_or_default();
            let known = names.last().filter(|last| ***last == *workspace).cloned();
            names.push(known.unwrap_or_else(|| workspace.into()));
        }
        Authentications { counted: Some(counted), units: self.units, workspaces: names, daily }
    }
}

/// Rows that a test has written down.
#[cfg(test)]
impl FromIterator<Authentication> for Authentications {
    fn from_iter<I: IntoIterator<Item = Authentication>>(rows: I) -> Self {
        use crate::evidence::{DayCount, History, Track, TrackCount, Verdict};
        type Unit = (String, String);
        let (mut history, mut counts) = (History::default(), Vec::new());
        let mut units: std::collections::BTreeMap<Unit, Vec<usize>> = std::collections::BTreeMap::new();
        for row in rows {
            let track = Track { workspace: Some(row.workspace), ..Track::default() };
            let number = history.tracks.len();
            history.tracks.push(TrackCount { source: "log/egress".to_owned(), track });
            units.entry((row.user, row.integration)).or_default().push(number);
            let verdict = Verdict::of(row.credential, row.grade, row.outcome);
            let (track, ms) = (u32::try_from(number).expect("few rows"), row.day.start_ms());
            counts.push(DayCount { track, day: row.day, verdict, uses: row.uses, first_ms: ms, last_ms: ms, hours: 1 });
        }
        let days = || counts.iter().map(|count| count.day);
        let (first, last) = (days().min().unwrap_or_default(), days().max().unwrap_or_default());
        history.counts = counts.into();
        let (counted, names) = Counted::new(&history, (first, last), &[]);
        let mut collected = Collected::new(first, last);
        for ((user, id), tracks) in &units {
            collected.add(user, id, tracks, &counted.unit(tracks, None));
        }
        collected.finish(Arc::new(counted), names.places.iter().map(|place| place.workspace))
    }
}
