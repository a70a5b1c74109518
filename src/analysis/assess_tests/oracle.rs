//! The sweep against an oracle that is slow and obvious: the contract's table, read from scratch for every day.

use super::world::*;
use crate::analysis::Closure;
use crate::evidence::{Grade, Outcome, Status, Verdict, WindowKind};

const DAYS: i32 = 90;
/// As many stories as reach every status several times.
const SEEDS: u64 = 120;
const SOURCES: [&str; 3] = ["log/a", "log/b", "audit/c"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Legacy,
    Replacement,
    Other,
}

#[derive(Clone, Copy)]
struct Use {
    on: i32,
    ms: i64,
    source: usize,
    repository: Option<usize>,
    kind: Kind,
    outcome: Outcome,
    window: WindowKind,
    strong: bool,
}

impl Use {
    fn in_window(&self) -> bool {
        self.window != WindowKind::Outside
    }

    /// What counts once a day, however many sources show it; with their better grade, where several do.
    fn cell(&self) -> (i32, Option<usize>, Kind, Outcome) {
        (self.on, self.repository, self.kind, self.outcome)
    }
}

/// A random integration: evidence, which days each source covers, an owner's words, the removal.
#[derive(Clone)]
struct Story {
    uses: Vec<Use>,
    covered: [Vec<bool>; 3],
    closures: Vec<i32>,
    removal: i32,
    quiet_after: i32,
}

#[derive(Clone, Copy)]
struct Standing {
    on: i32,
    status: Status,
    returned: bool,
}

impl Story {
    fn tell(rng: &mut fastrand::Rng) -> Self {
        // Half of the stories obey the brownouts and an early removal: what is refused there is refused throughout.
        let obeys = rng.bool();
        let removal = rng.i32(if obeys { 15..50 } else { 20..DAYS + 20 });
        // Thirds of the story differ in rhythm, place and sources.
        let every = [rng.i32(1..12), rng.i32(1..12), rng.i32(1..12)];
        let outcomes = [Outcome::Accepted, Outcome::Rejected, Outcome::Rejected, Outcome::Unknown];
        let second = if obeys { Kind::Legacy } else { Kind::Replacement };
        let kinds = [Kind::Legacy, Kind::Legacy, second, Kind::Other];
        let mut uses: Vec<Use> = Vec::new();
        let (mut on, end) = (rng.i32(0..20), rng.i32(10..DAYS));
        while on < end {
            let third = usize::try_from(on * 3 / DAYS).unwrap();
            for second in 0..rng.i64(1..4) {
                let windows = [WindowKind::Published, WindowKind::Published, WindowKind::Extrapolated];
                let window = if on < removal && rng.u8(0..4) == 0 { windows[rng.usize(0..3)] } else { WindowKind::Outside };
                let refused = obeys && (window != WindowKind::Outside || on >= removal);
                uses.push(Use {
                    on,
                    ms: day(on).start_ms() + second * 1_000 + rng.i64(0..1_000),
                    source: rng.usize(0..=third),
                    repository: [None, Some(0), Some(1), Some(third), Some(third)][rng.usize(0..5)],
                    kind: kinds[rng.usize(0..4)],
                    outcome: outcomes[if refused { 1 } else { rng.usize(0..4) }],
                    window,
                    strong: rng.bool(),
                });
            }
            on += rng.i32(1..=every[third]) * if rng.u8(0..12) == 0 { 6 } else { 1 };
        }
        let cover = |rng: &mut fastrand::Rng| (0..DAYS).map(|_| rng.u8(0..10) < 7).collect();
        Self {
            uses,
            covered: [cover(rng), cover(rng), cover(rng)],
            closures: (0..rng.usize(0..2)).map(|_| rng.i32(0..DAYS)).collect(),
            removal,
            quiet_after: rng.i32(2..9),
        }
    }

    fn world(&self) -> World {
        let mut world = World::empty();
        for (source, days) in SOURCES.iter().zip(&self.covered) {
            (0..DAYS).filter(|on| days[usize::try_from(*on).unwrap()]).for_each(|on| world.cover(source, on, on + 1));
        }
        for used in &self.uses {
            let mut track = jenkins("ada", "");
            track.repository = used.repository.map(|number| format!("r{number}"));
            let grade = if used.strong { Grade::Strong } else { Grade::Weak };
            let verdict = match used.kind {
                Kind::Legacy => legacy(used.outcome),
                Kind::Replacement => token(used.outcome),
                Kind::Other => Verdict::of(crate::evidence::Credential::Unknown, Grade::None, used.outcome),
            };
            world.see_at(SOURCES[used.source], &track, used.ms, Verdict { grade, window: used.window, ..verdict }, 1);
        }
        world.policy.quiet_after_days = f64::from(self.quiet_after);
        world.campaigns[0].removal = day(self.removal).start();
        world
    }

    /// The story as it is told on a day: without what came later, and lifted by what is known by then.
    fn known_on(&self, on: i32) -> Self {
        let uses: Vec<Use> = self.uses.iter().copied().filter(|used| used.on <= on).collect();
        // Of each day, place, credential and outcome the source with the most uses, of all and of those in a window.
        let most = |cell, wanted: &dyn Fn(&Use) -> bool| -> usize {
            let of = |source| uses.iter().filter(|used| used.cell() == cell && used.source == source && wanted(used)).count();
            (0..3).map(of).max().unwrap()
        };
        let mut cells: Vec<_> = uses.iter().map(Use::cell).collect();
        cells.dedup();
        let cells: Vec<_> =
            cells.iter().enumerate().filter(|(i, cell)| !cells[..*i].contains(cell)).map(|(_, cell)| *cell).collect();
        let published = |cell| most(cell, &|used| used.window == WindowKind::Published);
        let outside = |cell| {
            most(cell, &|_| true).saturating_sub(published(cell) + most(cell, &|used| used.window == WindowKind::Extrapolated))
        };
        let sum = |kind, outcome, count: &dyn Fn((i32, Option<usize>, Kind, Outcome)) -> usize| -> usize {
            cells.iter().filter(|cell| (cell.2, cell.3) == (kind, outcome)).map(|cell| count(*cell)).sum()
        };
        let never_accepted = !uses.iter().any(|used| used.window == WindowKind::Published && used.outcome == Outcome::Accepted);
        let experiment = never_accepted
            && sum(Kind::Legacy, Outcome::Accepted, &outside) >= 3
            && sum(Kind::Legacy, Outcome::Rejected, &published) >= 3;
        let last = uses.iter().filter(|used| used.outcome == Outcome::Accepted).max_by_key(|used| used.ms);
        let stopped = last.is_some_and(|last| {
            let told = Self { uses: uses.clone(), ..self.clone() };
            last.kind == Kind::Legacy && told.is_strong(last) && last.on < self.removal
        });
        let lift = |mut used: Use| {
            if used.outcome == Outcome::Rejected {
                used.strong |= experiment && used.kind == Kind::Legacy && used.window == WindowKind::Published;
                if stopped && used.kind == Kind::Other && used.on >= self.removal {
                    (used.kind, used.strong) = (Kind::Legacy, false);
                }
            }
            used
        };
        Self { uses: uses.iter().copied().map(lift).collect(), ..self.clone() }
    }

    fn is_strong(&self, used: &Use) -> bool {
        let same = || self.uses.iter().filter(|other| other.cell() == used.cell());
        used.strong || (same().any(|other| other.source != used.source) && same().any(|other| other.strong))
    }

    fn legacy(&self, at: i32) -> Vec<Use> {
        self.uses.iter().copied().filter(|used| used.on <= at && used.kind == Kind::Legacy).collect()
    }

    fn replacements(&self, at: i32) -> Vec<Use> {
        let replaced = |used: &Use| used.kind == Kind::Replacement && used.outcome == Outcome::Accepted;
        self.uses.iter().copied().filter(|used| used.on <= at && replaced(used)).collect()
    }

    /// Covered days after a day, by the sources that had shown the integration by then.
    fn silence(&self, after: i32, at: i32) -> f64 {
        let shown = |source: usize| self.uses.iter().any(|used| used.on <= at && used.source == source);
        let covered = |on: i32| (0..3).any(|source| shown(source) && self.covered[source][usize::try_from(on).unwrap()]);
        f64::from(i32::try_from((after + 1..=at).filter(|on| covered(*on)).count()).unwrap())
    }

    fn period(uses: &[Use]) -> Option<f64> {
        let mut days: Vec<i32> = uses.iter().map(|used| used.on).collect();
        days.sort_unstable();
        days.dedup();
        if days.len() < 3 {
            return None;
        }
        let mut gaps: Vec<i32> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        let tenths = (gaps.len() - 1) * 9;
        let (low, high) = (gaps[tenths / 10], gaps[(tenths / 10 + 1).min(gaps.len() - 1)]);
        Some(f64::from(low) + f64::from(high - low) * f64::from(u8::try_from(tenths % 10).unwrap()) / 10.0)
    }

    fn horizon(&self, uses: &[Use]) -> f64 {
        f64::from(self.quiet_after).max(2.0 * Self::period(uses).unwrap_or(31.0))
    }

    fn status(&self, at: i32) -> Status {
        let (legacy, replacements) = (self.legacy(at), self.replacements(at));
        let own = self.horizon(&legacy);
        let in_place = |repository| legacy.iter().copied().filter(|used| used.repository == repository).collect::<Vec<_>>();
        let horizon_of = |repository: Option<usize>| {
            let uses = in_place(repository);
            let known = repository.is_some() && Self::period(&uses).is_some();
            if known { own.max(self.horizon(&uses)) } else { own }
        };
        let within = |used: &&Use| self.silence(used.on, at) < horizon_of(used.repository);
        let recent: Vec<&Use> = legacy.iter().filter(within).collect();
        let replaced_on = |used: &Use| {
            replacements.iter().any(|replacement| {
                (used.repository.is_none() || replacement.repository == used.repository)
                    && self.silence(replacement.on, at) < horizon_of(used.repository)
            })
        };
        let knocks = |used: &&Use| used.outcome == Outcome::Rejected && replaced_on(used);
        if at >= self.removal && !recent.is_empty() && recent.iter().all(knocks) {
            return Status::Stale;
        }
        let newest = legacy.iter().map(|used| used.on).max().unwrap();
        let in_own = |used: &Use| self.silence(used.on, at) < own;
        if self.silence(newest, at) < own && replacements.iter().any(in_own) {
            return Status::Migrating;
        }
        let outside = legacy.iter().filter(|used| !used.in_window());
        let last = outside.max_by_key(|used| (used.ms, used.outcome == Outcome::Rejected));
        if last.is_some_and(|last| last.outcome == Outcome::Rejected && within(&last)) {
            return Status::Failing;
        }
        if !recent.is_empty() {
            return Status::Active;
        }
        let newest_ms = legacy.iter().map(|used| used.ms).max().unwrap();
        if replacements.iter().any(|used| used.ms > newest_ms) {
            return Status::Migrated;
        }
        let closed = self.closures.iter().any(|on| *on <= at && newest <= *on);
        let nothing_since = !self.uses.iter().any(|used| used.on <= at && used.ms > newest_ms);
        let long = self.silence(newest, at) >= own.max(30.0);
        if closed || (Self::period(&legacy).is_some() && long && nothing_since) { Status::Retired } else { Status::Quiet }
    }

    /// Day by day, from the first legacy use.
    fn standings(&self, until: i32) -> Vec<Standing> {
        let first = self.legacy(until).iter().map(|used| used.on).min().unwrap();
        let (mut gone, mut returned) = (false, false);
        let stand = |on: i32| {
            let status = self.status(on);
            let used = self.legacy(on).iter().any(|used| used.on == on);
            if matches!(status, Status::Migrated | Status::Retired) {
                (gone, returned) = (true, false);
            } else if gone && used {
                (gone, returned) = (false, true);
            }
            Standing { on, status, returned }
        };
        (first..=until).map(stand).collect()
    }

    fn strong(&self, at: i32) -> bool {
        let legacy = self.legacy(at);
        let strong = |used: &&Use| self.is_strong(used);
        let own = self.horizon(&legacy);
        let recent: Vec<&Use> = legacy.iter().filter(|used| self.silence(used.on, at) < own).collect();
        if recent.is_empty() { legacy.iter().any(|used| strong(&used)) } else { recent.iter().any(strong) }
    }
}

#[test]
fn every_day_of_the_sweep_equals_a_judgement_from_scratch() {
    for seed in 0..SEEDS {
        let story = Story::tell(&mut fastrand::Rng::with_seed(seed));
        let Some(first) = story.legacy(DAYS).iter().map(|used| used.on).min() else { continue };
        let mut world = story.world();
        let id = world.row(DAYS - 1).id;
        world.policy.closures = story
            .closures
            .iter()
            .map(|on| Closure { integration: id.clone(), date: day(*on).date(), by: String::new(), ticket: String::new() })
            .collect();
        let swept = world.judged_on(DAYS - 1).campaigns.remove(0).burndown;
        assert_eq!(swept.len(), usize::try_from(DAYS - first).unwrap(), "seed {seed}");
        let told = story.known_on(DAYS - 1);
        for (standing, row) in told.standings(DAYS - 1).iter().zip(&swept) {
            let counts = [row.stale, row.migrating, row.failing, row.active, row.migrated, row.retired, row.quiet];
            let found: Vec<Status> = Status::ALL.iter().copied().zip(counts).filter(|(_, n)| *n == 1).map(|(s, _)| s).collect();
            assert_eq!(found, [standing.status], "seed {seed}, day {}", standing.on);
            let known = standing.status.remaining() && told.strong(standing.on);
            assert_eq!((row.remaining_known, row.day), (u32::from(known), day(standing.on)), "seed {seed}, day {}", standing.on);
        }
        for at in (first..DAYS).filter(|at| at % 21 == 0 || *at == DAYS - 1) {
            let (then, told) = (world.row(at), story.known_on(at));
            let standing = *told.standings(at).last().unwrap();
            assert_eq!((then.status, then.returned), (standing.status, standing.returned), "seed {seed}, seen from day {at}");
        }
    }
}

#[test]
fn the_stories_reach_every_status_and_both_lifts() {
    let mut reached = std::collections::BTreeSet::new();
    let (mut by_brownouts, mut by_removal) = (0, 0);
    for seed in 0..SEEDS {
        let story = Story::tell(&mut fastrand::Rng::with_seed(seed));
        if story.legacy(DAYS).is_empty() {
            continue;
        }
        let told = story.known_on(DAYS - 1);
        reached.extend(told.standings(DAYS - 1).iter().map(|standing| standing.status));
        let lifted = |on_more: &dyn Fn(&Use, &Use) -> bool| story.uses.iter().zip(&told.uses).any(|(a, b)| on_more(a, b));
        by_brownouts += u32::from(lifted(&|before, after| before.kind == after.kind && before.strong != after.strong));
        by_removal += u32::from(lifted(&|before, after| before.kind != after.kind));
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), Status::ALL);
    assert!(by_brownouts > 5 && by_removal > 5, "{by_brownouts} and {by_removal} stories are lifted");
}
