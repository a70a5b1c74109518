//! The sweep against an oracle that is slow and obvious: the contract's table, read from scratch for every day.

use super::world::*;
use crate::analysis::Closure;
use crate::evidence::{Day, Grade, Outcome, Status, Verdict, WindowKind};

const DAYS: i32 = 90;
/// As many stories as reach every status several times.
const SEEDS: u64 = 120;
const SOURCES: [&str; 3] = ["log/a", "log/b", "audit/c"];

#[derive(Clone, Copy, PartialEq)]
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
    in_window: bool,
    strong: bool,
}

/// A random integration: evidence, which days each source covers, an owner's words, the removal.
struct Story {
    uses: Vec<Use>,
    covered: [Vec<bool>; 3],
    closures: Vec<i32>,
    removal: i32,
    quiet_after: i32,
}

impl Story {
    fn tell(rng: &mut fastrand::Rng) -> Self {
        let removal = rng.i32(20..DAYS + 20);
        // Thirds of the story differ in rhythm, place and sources.
        let every = [rng.i32(1..12), rng.i32(1..12), rng.i32(1..12)];
        let kinds = [Kind::Legacy, Kind::Legacy, Kind::Replacement, Kind::Other];
        let outcomes = [Outcome::Accepted, Outcome::Rejected, Outcome::Rejected, Outcome::Unknown];
        let mut uses: Vec<Use> = Vec::new();
        let (mut on, end) = (rng.i32(0..20), rng.i32(10..DAYS));
        while on < end {
            let third = usize::try_from(on * 3 / DAYS).unwrap();
            for second in 0..rng.i64(1..4) {
                uses.push(Use {
                    on,
                    ms: day(on).start_ms() + second * 1_000 + rng.i64(0..1_000),
                    source: rng.usize(0..=third),
                    repository: [None, Some(0), Some(1), Some(third), Some(third)][rng.usize(0..5)],
                    kind: kinds[rng.usize(0..4)],
                    outcome: outcomes[rng.usize(0..4)],
                    in_window: on < removal && rng.u8(0..4) == 0,
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
            let window = if used.in_window { WindowKind::Published } else { WindowKind::Outside };
            let grade = if used.strong { Grade::Strong } else { Grade::Weak };
            let verdict = match used.kind {
                Kind::Legacy => legacy(used.outcome),
                Kind::Replacement => token(used.outcome),
                Kind::Other => verdict(crate::evidence::Credential::Unknown, Grade::None, used.outcome),
            };
            world.see_at(SOURCES[used.source], &track, used.ms, Verdict { grade, window, ..verdict }, 1);
        }
        world.policy.quiet_after_days = f64::from(self.quiet_after);
        world.campaigns[0].removal = day(self.removal).start();
        world
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
        let outside = legacy.iter().filter(|used| !used.in_window);
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

    fn strong(&self, at: i32) -> bool {
        // The same day, place and outcome seen by several sources has the better grade, and so has all of it.
        let legacy = self.legacy(at);
        let same = |a: &Use, b: &Use| (a.on, a.repository, a.outcome) == (b.on, b.repository, b.outcome);
        let strong = |used: &&Use| legacy.iter().any(|other| same(used, other) && other.strong);
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
        let (mut gone, mut returned) = (false, false);
        for (at, row) in (first..DAYS).zip(&swept) {
            let expected = story.status(at);
            let counts = [row.stale, row.migrating, row.failing, row.active, row.migrated, row.retired, row.quiet];
            let found: Vec<Status> = Status::ALL.iter().copied().zip(counts).filter(|(_, n)| *n == 1).map(|(s, _)| s).collect();
            assert_eq!(found, [expected], "seed {seed}, day {at}");
            let used_today = story.legacy(at).iter().any(|used| used.on == at);
            if matches!(expected, Status::Migrated | Status::Retired) {
                (gone, returned) = (true, false);
            } else if gone && used_today {
                (gone, returned) = (false, true);
            }
            let known = expected.remaining() && story.strong(at);
            assert_eq!((row.remaining_known, row.day), (u32::from(known), Day(day(at).0)), "seed {seed}, day {at}");
            if at % 7 == 0 || at == DAYS - 1 {
                let then = world.row(at);
                assert_eq!((then.status, then.returned), (expected, returned), "seed {seed}, seen from day {at}");
            }
        }
    }
}

#[test]
fn the_stories_reach_every_status() {
    let mut reached = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        let story = Story::tell(&mut fastrand::Rng::with_seed(seed));
        if let Some(first) = story.legacy(DAYS).iter().map(|used| used.on).min() {
            reached.extend((first..DAYS).map(|at| story.status(at)));
        }
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), Status::ALL);
}
