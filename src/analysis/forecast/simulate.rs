//! The fitted model, run forward many times. Each run draws the calendar's parameters, the cohorts' factors and the fate
//! of every integration; what is counted is what the contract counts: an integration that stops still remains until it
//! has been silent for its horizon on covered days, and for ever when nothing shows that it was replaced and its rhythm
//! is unknown.
//!
//! Integrations that share an owner or a client share the draw of its factor, so they go or stay together. Beside the
//! uncertainty about the past there is one about the future, the larger of the two: a team may take its time now, or clear
//! its desk in a week; the whole organisation may; and the last two weeks are like none before them, so that no past says
//! how many will hurry then. These are effects that everybody shares: without them the counts would spread no more than
//! independent integrations do, which is far less than organisations differ (extra-Poisson variation: N. E. Breslow, *Applied
//! Statistics* 33, 1984).
//!
//! The numbers grow too: newcomers by the rate of the last four weeks, which falls as it has fallen, and returns by the
//! rate of the past.

use super::pace::{self, Pace};
use super::presence::Gaps;
use super::random::{Draws, name};
use super::subject::{Cohorts, Subject, Timeline};
use super::{real, whole};

/// Runs for a few hundred integrations; fewer for very many, whose total needs them less.
const MOST_RUNS: u32 = 1_000;
const LEAST_RUNS: u32 = 100;
const MOST_DRAWS: usize = 600_000;
/// Nothing is forecast beyond this long after the removal.
pub(super) const BEYOND_DAYS: i32 = 365;
/// Gamma shapes of what a cohort does in the time that is left, relative to its past: a team's pace varies by two thirds
/// from quarter to quarter, a client's by a third.
const OWNER_AHEAD: f64 = 2.5;
const CLIENT_AHEAD: f64 = 9.0;
/// The pace of the whole organisation in the time that is left, relative to its past: the logarithm's standard deviation.
/// Within a factor of three: a change of priorities stops everybody or moves everybody.
const WHOLE_AHEAD: f64 = 1.1;
/// The rush of the last days before the removal, relative to the pace before: the logarithm's mean and standard deviation.
/// Twice that pace, within a factor of five: some organisations panic, some let it come.
const RUSH: (f64, f64) = (0.7, 1.6);
const RUSH_DAYS: i32 = 14;
/// Integrations used this often are taken as used every day.
const EVERY_DAY: f64 = 2.0;
/// The contract's 30 days of silence before an integration without a replacement counts as retired.
const RETIRED_DAYS: f64 = 30.0;
/// Newcomers have an unknown rhythm, and the contract's horizon for it; who returns has a short one again.
const NEWCOMER_LAG: i32 = 62;
const RETURN_LAG: i32 = 14;
/// Prior of returns: one in a thousand days of being gone, worth five hundred such days.
const RETURN_PRIOR: (f64, f64) = (0.5, 500.0);
/// Newcomers are counted over this many days, and the fall of their number over twice as many.
const INFLOW_DAYS: i32 = 28;

/// What the runs said. Days are offsets: 0 is the end of today.
pub(super) struct Runs {
    /// By target: how many remained in each run, sorted.
    pub(super) counts: Vec<Vec<u32>>,
    /// In each run: the day at whose end nothing remains, sorted; [`NEVER`] when it lies beyond.
    pub(super) zero: Vec<i32>,
    /// By subject that is counted: the probability that it still uses the legacy credential at the removal, and the share
    /// of the week after it in which it does; and the probability that it still counts at the last target.
    pub(super) using: Vec<f64>,
    pub(super) week_after: Vec<f64>,
    pub(super) counting: Vec<f64>,
}

pub(super) const NEVER: i32 = i32::MAX;

/// One integration in the runs.
struct Runner {
    stream: u64,
    left: f64,
    /// Beside the factors that are drawn.
    factor: f64,
    owner: usize,
    client: usize,
    /// What it has outlived so far, in the hazard that it shares with others: the rate of its own factor.
    outlived: f64,
    half: bool,
    silent: i32,
    gap: f64,
    lag: i32,
    /// From the last use on, without a replacement; none: it stays quiet for ever.
    retires: Option<i32>,
    /// The probability that a departure is seen with a replacement: of one to come, and of one that has happened.
    replaced: f64,
    replaced_if_left: f64,
}

/// What comes new, a day.
struct Inflow {
    /// Newcomers on the first day, and what is left of it each day later.
    first_day: f64,
    fall: f64,
    /// Returns for each day that an integration is gone.
    returns: f64,
    gone: f64,
}

/// Runs everybody of `counted` forward and counts at each of the target days.
pub(super) fn run(
    subjects: &[Subject<'_>],
    counted: &[usize],
    cohorts: &Cohorts,
    pace: &Pace,
    timeline: &Timeline<'_>,
    targets: &[i32],
) -> Runs {
    let runners: Vec<Runner> = counted.iter().map(|number| Runner::of(&subjects[*number], *number, cohorts, pace)).collect();
    let inflow = Inflow::of(subjects, timeline);
    let ahead = Ahead::new(timeline);
    let runs = u32::try_from(MOST_DRAWS / runners.len().max(1)).unwrap_or(MOST_RUNS).clamp(LEAST_RUNS, MOST_RUNS);
    let mut said = Runs {
        counts: vec![Vec::new(); targets.len()],
        zero: Vec::new(),
        using: vec![0.0; runners.len()],
        week_after: vec![0.0; runners.len()],
        counting: vec![0.0; runners.len()],
    };
    for repetition in 0..runs {
        let draw = Draw::new(timeline, cohorts, pace, &ahead, repetition);
        let mut remaining = vec![0; targets.len()];
        let mut last_exit = 0;
        let mut gone_days = inflow.gone * f64::from(ahead.to_removal);
        for (number, runner) in runners.iter().enumerate() {
            let mut own = Draws::of(runner.stream, repetition);
            let multiplier = runner.multiplier(&draw, &mut own);
            let exit = runner.exit(&draw, multiplier, &mut own);
            count(&mut remaining, targets, 0, exit);
            last_exit = last_exit.max(exit);
            gone_days += f64::from((ahead.to_removal - exit).max(0));
            let using = (1.0 - runner.left) * (-multiplier * draw.baseline_at_removal()).exp();
            said.using[number] += using;
            said.week_after[number] += using * mean_survival(multiplier * draw.after * 7.0);
            said.counting[number] += f64::from(u8::from(targets.last().is_some_and(|target| exit > *target)));
        }
        for (from, exit) in inflow.arrivals(&draw, gone_days, repetition) {
            count(&mut remaining, targets, from, exit);
            last_exit = last_exit.max(exit);
        }
        said.zero.push(last_exit);
        for (counts, remaining) in said.counts.iter_mut().zip(remaining) {
            counts.push(remaining);
        }
    }
    for share in said.using.iter_mut().chain(&mut said.week_after).chain(&mut said.counting) {
        *share /= f64::from(runs);
    }
    said.counts.iter_mut().for_each(|counts| counts.sort_unstable());
    said.zero.sort_unstable();
    said
}

/// The mean of exp(−x) while x grows from 0 to this.
fn mean_survival(hazard: f64) -> f64 {
    if hazard > 1e-6 { -(-hazard).exp_m1() / hazard } else { 1.0 }
}

/// Counts somebody who remains from the end of one day to before the end of another.
fn count(remaining: &mut [u32], targets: &[i32], from: i32, exit: i32) {
    for (remaining, target) in remaining.iter_mut().zip(targets) {
        *remaining += u32::from(from <= *target && exit > *target);
    }
}

/// The calendar's rows of the days to come.
struct Ahead {
    to_removal: i32,
    rows: Vec<pace::Parameters>,
    after: pace::Parameters,
}

impl Ahead {
    fn new(timeline: &Timeline<'_>) -> Self {
        let to_removal = (timeline.removal.0 - 1 - timeline.today.0).max(0);
        let row = |offset: i32| pace::covariates(timeline, timeline.today.0 + offset, false);
        Self { to_removal, rows: (1..=to_removal).map(row).collect(), after: row(to_removal + 1) }
    }
}

/// What one run has in common.
struct Draw {
    /// The cumulative hazard at the end of each day, 0 at the end of today.
    baseline: Vec<f64>,
    /// A day, after the removal.
    after: f64,
    half: f64,
    owners: Vec<f64>,
    clients: Vec<f64>,
}

impl Draw {
    fn new(timeline: &Timeline<'_>, cohorts: &Cohorts, pace: &Pace, ahead: &Ahead, repetition: u32) -> Self {
        let mut draws = Draws::of(timeline.stream, repetition);
        let normals: pace::Parameters = std::array::from_fn(|_| draws.normal());
        let mut calendar = pace.calendar;
        for (value, row) in calendar.iter_mut().zip(&pace.spread) {
            *value += row.iter().zip(&normals).map(|(root, normal)| root * normal).sum::<f64>();
        }
        let whole = (WHOLE_AHEAD * draws.normal()).exp();
        let rush = (RUSH.0 + RUSH.1 * draws.normal()).exp();
        let mut sum = 0.0;
        let mut baseline = vec![sum];
        for (offset, row) in (1..).zip(&ahead.rows) {
            let hurries = ahead.to_removal - offset < RUSH_DAYS;
            sum += pace::hazard(&calendar, row) * whole * if hurries { rush } else { 1.0 };
            baseline.push(sum);
        }
        let shared = |factors: &[pace::Factor], ahead: f64, names: &[u64]| {
            let factor = |(factor, stream): (&pace::Factor, &u64)| {
                let mut own = Draws::of(*stream ^ timeline.stream, repetition);
                // The first stands for nobody in particular: its members have nothing in common.
                let to_come = if *stream == 0 { 1.0 } else { own.gamma(ahead) };
                factor.mean() * own.gamma(factor.shape) * to_come
            };
            factors.iter().zip(names).map(factor).collect()
        };
        Self {
            baseline,
            after: pace::hazard(&calendar, &ahead.after) * whole,
            half: calendar[pace::PARAMETERS - 1].exp(),
            owners: shared(&pace.owners, OWNER_AHEAD, &cohorts.owner_streams),
            clients: shared(&pace.clients, CLIENT_AHEAD, &cohorts.client_streams),
        }
    }

    fn baseline_at_removal(&self) -> f64 {
        self.baseline.last().copied().unwrap_or(0.0)
    }

    /// The first day by whose end the cumulative hazard has reached this.
    fn day_of(&self, hazard: f64) -> i32 {
        let days = self.baseline.partition_point(|sum| *sum < hazard);
        if days < self.baseline.len() {
            return i32::try_from(days).unwrap_or(NEVER);
        }
        let beyond = (hazard - self.baseline_at_removal()) / self.after;
        let last = i32::try_from(self.baseline.len() - 1).unwrap_or(NEVER);
        if beyond < f64::from(BEYOND_DAYS) { last + whole(beyond.ceil()) } else { NEVER }
    }
}

impl Runner {
    fn of(subject: &Subject<'_>, number: usize, cohorts: &Cohorts, pace: &Pace) -> Self {
        let passage = subject.passage;
        let gaps = Gaps::of(subject);
        let cohort = &cohorts.of[number];
        let silent = i32::try_from(passage.silent_days).unwrap_or(NEVER);
        let seen = passage.replaced.is_some_and(|(_, last)| last >= passage.last);
        let unseen = pace.replaced_share * gaps.longer_than(f64::from(silent));
        let lag = whole(passage.lag_days.ceil());
        let retires = passage.rhythm.period().is_some() && !passage.seen_since;
        Self {
            stream: name(subject.id),
            left: pace.left[number],
            factor: pace.categories[cohort.category].mean(),
            owner: cohort.owner,
            client: cohort.client,
            outlived: pace.own[number].rate,
            half: subject.half(),
            silent,
            gap: gaps.mean_days,
            lag,
            retires: retires.then(|| whole(passage.lag_days.max(RETIRED_DAYS).ceil())),
            replaced: pace.replaced_share,
            replaced_if_left: if seen { 1.0 } else { unseen / (unseen + 1.0 - pace.replaced_share) },
        }
    }

    /// Its hazard relative to the baseline of a run.
    fn multiplier(&self, draw: &Draw, own: &mut Draws) -> f64 {
        let half = if self.half { draw.half } else { 1.0 };
        let frailty = own.gamma(pace::OWN_SHAPE) * pace::OWN_SHAPE / self.outlived;
        self.factor * draw.owners[self.owner] * draw.clients[self.client] * half * frailty
    }

    /// The day at whose end it no longer counts as remaining.
    fn exit(&self, draw: &Draw, multiplier: f64, own: &mut Draws) -> i32 {
        let (already, replaced) = (own.uniform() < self.left, own.uniform());
        let (last, replaced) = if already {
            (-self.silent, replaced < self.replaced_if_left)
        } else {
            let leaves = draw.day_of(own.exponential() / multiplier.max(f64::MIN_POSITIVE));
            if leaves == NEVER {
                return NEVER;
            }
            (self.last_use_before(leaves), replaced < self.replaced)
        };
        let silence = if replaced { Some(self.lag) } else { self.retires };
        silence.map_or(NEVER, |silence| last.saturating_add(silence).max(1))
    }

    /// The last use before a day, from the last one on in steps of its rhythm.
    fn last_use_before(&self, day: i32) -> i32 {
        if self.gap <= EVERY_DAY {
            return day - 1;
        }
        let since = f64::from(day - 1 + self.silent);
        whole((since / self.gap).floor() * self.gap) - self.silent
    }
}

impl Inflow {
    fn of(subjects: &[Subject<'_>], timeline: &Timeline<'_>) -> Self {
        let first_seen = |from: i32, to: i32| {
            let days = (timeline.today.0 - to)..(timeline.today.0 - from);
            real(subjects.iter().filter(|s| days.contains(&(s.passage.first.0 - 1))).count())
        };
        let (now, before) = (first_seen(0, INFLOW_DAYS), first_seen(INFLOW_DAYS, 2 * INFLOW_DAYS));
        let fall = ((now + 0.5) / (before + 0.5)).clamp(0.25, 1.0);
        let period = f64::from(INFLOW_DAYS);
        let returns: f64 = subjects.iter().map(|s| real(s.passage.returns.len())).sum();
        let gone: f64 = subjects.iter().map(|s| f64::from(s.passage.gone_days)).sum();
        Self {
            first_day: (now + 0.25) / period * fall.sqrt(),
            fall: fall.powf(1.0 / period),
            returns: (RETURN_PRIOR.0 + returns) / (RETURN_PRIOR.1 + gone),
            gone: real(subjects.iter().filter(|s| s.gone).count()),
        }
    }

    /// From when to when each arrival of one run remains.
    fn arrivals(&self, draw: &Draw, gone_days: f64, repetition: u32) -> Vec<(i32, i32)> {
        let days = draw.baseline.len() - 1;
        let mut own = Draws::of(name("arrivals"), repetition);
        let mut arrivals = Vec::new();
        let mut arrive = |day: i32, lag: i32, own: &mut Draws| {
            let leaves = draw.day_of(draw.baseline[usize::try_from(day).unwrap_or(0)] + own.exponential());
            arrivals.push((day, leaves.saturating_add(lag)));
        };
        let mut rate = self.first_day;
        for day in 1..=i32::try_from(days).unwrap_or(0) {
            for _ in 0..own.poisson(rate) {
                arrive(day, NEWCOMER_LAG, &mut own);
            }
            rate *= self.fall;
        }
        for _ in 0..own.poisson(self.returns * gone_days) {
            let day = whole((own.uniform() * real(days)).ceil());
            arrive(day, RETURN_LAG, &mut own);
        }
        arrivals
    }
}
