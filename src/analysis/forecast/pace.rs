//! How fast integrations leave: a discrete-time hazard, fitted to who has left so far.
//!
//! ```text
//! h(i, t) = exp(a + b × ln(56 / τ) + s × season(t) + c × dark(t) + r × removed(t) + d × lately(t) + m × half(i, t)) × f(owner) × f(client) × f(category) × f(i)
//! ```
//!
//! a day, where τ is the days left (at least two weeks), season holds from the first brownout on, dark is the share of
//! the day inside brownout windows (all of it after the removal), removed holds after the removal, lately holds for the last four weeks and for the time to come, and half says that a replacement is
//! in use already beside the legacy credential.
//!
//! **The calendar** (a, b, s, c, r, d, m) is fitted by penalised Poisson likelihood, the piecewise exponential form of a discrete
//! hazard (Holford 1980; Laird and Olivier 1981). The penalties are priors, because before the end nobody has seen the
//! end: b = 1 is the law of deadlines, pressure proportional to one over the time that is left (Alfi, Parisi and
//! Pietronero, *Conference registration: how people react to a deadline*, Nature Physics 3, 2007); the others are
//! assumptions, wide enough that a few weeks of data overrule them.
//!
//! **Cohorts**: each owner, client and category has a factor with a Gamma prior of mean 1, so that its posterior mean is
//! (k + departures) / (k + departures expected of the whole): empirical Bayes shrinkage towards the whole organisation
//! (Clayton and Kaldor, *Biometrics* 43, 1987). A cohort of which little is known behaves like the whole.
//!
//! **Each integration** has a factor of its own in the same way, its frailty (Vaupel, Manton and Stallard, *Demography* 16,
//! 1979): who is still there when many have left is of those that do not leave easily. Without it the pace of a great day
//! would be expected of those whom that day has left behind.
//!
//! Whoever is silent right now counts as a departure with the probability that it is one, found from the hazard itself:
//! a few rounds of expectation and maximisation.

use super::presence::{self, Gaps};
use super::subject::{Cohort, Cohorts, Subject, Timeline};

/// The prior of the calendar's parameters: mean and standard deviation.
const PRIOR: [(f64, f64); PARAMETERS] = [
    // a: eight weeks before the end, half a percent a day, known within a factor of e.
    (-5.3, 1.0),
    // b: the law of deadlines.
    (1.0, 0.4),
    // s: brownouts make a deadline felt by those who read no announcement.
    (0.5, 0.5),
    // c: the longer they are, the more is hit, but part of that is the deadline's own law.
    (0.3, 0.4),
    // r: what fails is mended several times sooner than what only will fail.
    (1.2, 1.0),
    // d: an announcement, a campaign within the house, or its end: the pace of the last weeks goes on.
    (0.0, 0.5),
    // m: what is half done may be finished a little sooner, or be left at that.
    (0.2, 1.0),
];
/// The calendar is told relative to this distance, which lies in the middle of what is forecast.
const CENTRE_DAYS: f64 = 56.0;
/// Pressure grows until two weeks before the end, the usual lead time: who has not begun by then can hardly be done.
const LEAST_DAYS: i32 = 14;
/// The present pace is that of the last four weeks.
const LATELY_DAYS: i32 = 28;
/// Older departures say little of the present pace.
pub(super) const MEMORY_DAYS: i32 = 182;
/// Shapes of the Gamma priors: how many departures a cohort has to show before it is believed as much as the whole.
const OWNER_SHAPE: f64 = 3.0;
const CLIENT_SHAPE: f64 = 4.0;
const CATEGORY_SHAPE: f64 = 6.0;
/// Of the integrations' own factors: one third of them hardly ever leave (less than 0.4), one in seven at twice the pace.
pub(super) const OWN_SHAPE: f64 = 1.0;
const ROUNDS: usize = 5;
const NEWTON_STEPS: usize = 12;
/// A step this short, in the logarithm of the hazard, changes nothing that is shown.
const CLOSE: f64 = 1e-4;
/// Beta prior of a clean cut: two of three that begin to use a replacement are done with it.
const CLEAN_PRIOR: (f64, f64) = (4.0, 2.0);

pub(super) const PARAMETERS: usize = 7;
pub(super) type Parameters = [f64; PARAMETERS];

/// Which cohort of one kind somebody belongs to.
type CohortOf = fn(&Cohort) -> usize;

/// A cohort's factor: Gamma with this shape and rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    pub(super) shape: f64,
    pub(super) rate: f64,
}

impl Factor {
    pub(super) fn mean(self) -> f64 {
        self.shape / self.rate
    }
}

/// The fitted model.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub(super) calendar: Parameters,
    /// The lower triangle L of the posterior's covariance L × Lᵀ.
    pub(super) spread: [Parameters; PARAMETERS],
    pub(super) owners: Vec<Factor>,
    pub(super) clients: Vec<Factor>,
    pub(super) categories: Vec<Factor>,
    /// By subject, as far as it is known from its own past.
    pub(super) own: Vec<Factor>,
    /// By subject: the probability that it has left for good.
    pub(super) left: Vec<f64>,
    /// The share of those that have left of which a replacement was seen.
    pub(super) replaced_share: f64,
}

/// The calendar's row of one day; the last entry is the state.
pub(super) fn covariates(timeline: &Timeline<'_>, day: i32, half: bool) -> Parameters {
    let left = f64::from((timeline.removal.0 - day).max(LEAST_DAYS));
    let flag = |holds: bool| f64::from(u8::from(holds));
    let lately = flag(day > timeline.today.0 - LATELY_DAYS);
    [
        1.0,
        (CENTRE_DAYS / left).ln(),
        flag(timeline.in_season(day)),
        timeline.dark_share(day),
        flag(day >= timeline.removal.0),
        lately,
        flag(half),
    ]
}

pub(super) fn hazard(calendar: &Parameters, row: &Parameters) -> f64 {
    calendar.iter().zip(row).map(|(a, x)| a * x).sum::<f64>().exp()
}

/// Fits the model to everybody who was ever seen.
pub(super) fn fit(subjects: &[Subject<'_>], cohorts: &Cohorts, timeline: &Timeline<'_>) -> Pace {
    let gaps: Vec<Gaps> = subjects.iter().map(Gaps::of).collect();
    let mut pace = Pace::prior(subjects, cohorts);
    let days = Days::new(timeline);
    for _ in 0..ROUNDS {
        pace.nowcast(subjects, cohorts, &gaps, timeline);
        let table = Table::count(subjects, cohorts, &pace, &days);
        (pace.calendar, pace.spread) = maximise(&days, &table, pace.calendar);
        pace.update_factors(subjects, cohorts, &days);
    }
    pace.replaced_share = replaced_share(subjects, &pace.left);
    pace
}

/// What the priors alone say of everybody, where there is too little to fit them to.
pub(super) fn assume(subjects: &[Subject<'_>], cohorts: &Cohorts, timeline: &Timeline<'_>) -> Pace {
    let gaps: Vec<Gaps> = subjects.iter().map(Gaps::of).collect();
    let mut pace = Pace::prior(subjects, cohorts);
    pace.nowcast(subjects, cohorts, &gaps, timeline);
    pace
}

impl Pace {
    fn prior(subjects: &[Subject<'_>], cohorts: &Cohorts) -> Self {
        let even = |shape: f64, count: usize| vec![Factor { shape, rate: shape }; count];
        Self {
            calendar: PRIOR.map(|(mean, _)| mean),
            spread: [[0.0; PARAMETERS]; PARAMETERS],
            owners: even(OWNER_SHAPE, cohorts.owners),
            clients: even(CLIENT_SHAPE, cohorts.clients),
            categories: even(CATEGORY_SHAPE, cohorts.categories),
            own: even(OWN_SHAPE, subjects.len()),
            left: vec![0.0; subjects.len()],
            replaced_share: 0.0,
        }
    }

    /// The product of a subject's factors.
    fn factor(&self, number: usize, cohorts: &Cohorts) -> f64 {
        self.shared(&cohorts.of[number]) * self.own[number].mean()
    }

    /// The product of the factors that it shares with others.
    fn shared(&self, cohort: &Cohort) -> f64 {
        self.owners[cohort.owner].mean() * self.clients[cohort.client].mean() * self.categories[cohort.category].mean()
    }

    fn nowcast(&mut self, subjects: &[Subject<'_>], cohorts: &Cohorts, gaps: &[Gaps], timeline: &Timeline<'_>) {
        let clean_odds = clean_odds(subjects, &self.left);
        for (number, subject) in subjects.iter().enumerate() {
            let row = covariates(timeline, subject.passage.last.0, subject.half());
            let hazard = hazard(&self.calendar, &row) * self.factor(number, cohorts);
            self.left[number] = presence::left(subject, &gaps[number], hazard, clean_odds);
        }
    }

    /// One pass over owners, clients, categories and the integrations themselves, each given the others.
    fn update_factors(&mut self, subjects: &[Subject<'_>], cohorts: &Cohorts, days: &Days) {
        let baseline = days.cumulative(&self.calendar);
        let exposures: Vec<f64> =
            subjects.iter().zip(&self.left).map(|(subject, left)| days.exposure(subject, *left, &baseline)).collect();
        let departures: Vec<f64> = subjects
            .iter()
            .zip(&self.left)
            .map(|(subject, left)| if days.holds(subject.passage.last.0) { *left } else { 0.0 })
            .collect();
        let kinds: [(CohortOf, f64); 3] =
            [(|c| c.owner, OWNER_SHAPE), (|c| c.client, CLIENT_SHAPE), (|c| c.category, CATEGORY_SHAPE)];
        for (kind, (of, shape)) in kinds.into_iter().enumerate() {
            let factors = self.factors(kind);
            let mut updated = vec![Factor { shape, rate: shape }; factors.len()];
            for (number, cohort) in cohorts.of.iter().enumerate() {
                let others = self.factor(number, cohorts) / self.factors(kind)[of(cohort)].mean();
                let factor = &mut updated[of(cohort)];
                factor.shape += departures[number];
                factor.rate += exposures[number] * others;
            }
            *self.factors_mut(kind) = updated;
        }
        for (number, cohort) in cohorts.of.iter().enumerate() {
            let expected = exposures[number] * self.shared(cohort);
            self.own[number] = Factor { shape: OWN_SHAPE + departures[number], rate: OWN_SHAPE + expected };
        }
    }

    fn factors(&self, kind: usize) -> &Vec<Factor> {
        [&self.owners, &self.clients, &self.categories][kind]
    }

    fn factors_mut(&mut self, kind: usize) -> &mut Vec<Factor> {
        match kind {
            0 => &mut self.owners,
            1 => &mut self.clients,
            _ => &mut self.categories,
        }
    }
}

/// Of those that began to use a replacement: how many left with it, against how many went on with both.
fn clean_odds(subjects: &[Subject<'_>], left: &[f64]) -> f64 {
    let (mut clean, mut both) = CLEAN_PRIOR;
    for (subject, left) in subjects.iter().zip(left) {
        let Some((first, _)) = subject.passage.replaced else { continue };
        if first < subject.passage.last {
            both += 1.0;
        } else if subject.passage.first < first {
            clean += left;
        }
    }
    clean / both
}

/// The share of the departures that were seen with a replacement afterwards.
fn replaced_share(subjects: &[Subject<'_>], left: &[f64]) -> f64 {
    let (mut with, mut without) = (3.0, 1.0);
    for (subject, left) in subjects.iter().zip(left).filter(|(_, left)| **left > 0.5) {
        match subject.passage.replaced {
            Some((_, last)) if last >= subject.passage.last => with += left,
            _ => without += left,
        }
    }
    with / (with + without)
}

/// The days that are remembered, and the calendar's row of each.
struct Days {
    first: i32,
    /// By day from the first: the row without a replacement, and with one.
    rows: Vec<[Parameters; 2]>,
}

/// Departures and exposure (in integrations at risk, weighted by their factors) by day and state.
struct Table {
    departures: Vec<[f64; 2]>,
    exposures: Vec<[f64; 2]>,
}

impl Days {
    fn new(timeline: &Timeline<'_>) -> Self {
        let first = timeline.first.0.max(timeline.today.0 - MEMORY_DAYS);
        let rows = (first..=timeline.today.0).map(|day| [false, true].map(|half| covariates(timeline, day, half))).collect();
        Self { first, rows }
    }

    fn holds(&self, day: i32) -> bool {
        self.at(day) < self.rows.len() && day >= self.first
    }

    fn at(&self, day: i32) -> usize {
        usize::try_from(day - self.first).unwrap_or(0).min(self.rows.len())
    }

    /// The baseline's cumulative hazard before each day, by state.
    fn cumulative(&self, calendar: &Parameters) -> Vec<[f64; 2]> {
        let mut sum = [0.0; 2];
        let mut sums = vec![sum];
        for rows in &self.rows {
            for (sum, row) in sum.iter_mut().zip(rows) {
                *sum += hazard(calendar, row);
            }
            sums.push(sum);
        }
        sums
    }

    /// The stretches in which a subject was at risk: from, to (exclusive), state, weight.
    fn stretches(&self, subject: &Subject<'_>, left: f64) -> [(usize, usize, usize, f64); 3] {
        let passage = subject.passage;
        let last = self.at(passage.last.0 + 1);
        let turned = passage.replaced.map_or(last, |(first, _)| self.at(first.0 + 1).min(last));
        let state = usize::from(subject.half());
        [(self.at(passage.first.0), turned, 0, 1.0), (turned, last, 1, 1.0), (last, self.rows.len(), state, 1.0 - left)]
    }

    fn exposure(&self, subject: &Subject<'_>, left: f64, baseline: &[[f64; 2]]) -> f64 {
        let of = |(from, to, state, weight): (usize, usize, usize, f64)| {
            if to > from { (baseline[to][state] - baseline[from][state]) * weight } else { 0.0 }
        };
        self.stretches(subject, left).into_iter().map(of).sum()
    }
}

impl Table {
    fn count(subjects: &[Subject<'_>], cohorts: &Cohorts, pace: &Pace, days: &Days) -> Self {
        let length = days.rows.len();
        let mut table = Self { departures: vec![[0.0; 2]; length], exposures: vec![[0.0; 2]; length + 1] };
        for (number, subject) in subjects.iter().enumerate() {
            let (left, factor) = (pace.left[number], pace.factor(number, cohorts));
            for (from, to, state, weight) in days.stretches(subject, left) {
                if to > from {
                    // Differences first; the sums follow below.
                    table.exposures[from][state] += weight * factor;
                    table.exposures[to][state] -= weight * factor;
                }
            }
            if days.holds(subject.passage.last.0) {
                table.departures[days.at(subject.passage.last.0)][usize::from(subject.half())] += left;
            }
        }
        let mut sum = [0.0; 2];
        for exposures in &mut table.exposures {
            for (sum, exposure) in sum.iter_mut().zip(exposures) {
                *sum += *exposure;
                *exposure = *sum;
            }
        }
        table
    }
}

/// Newton's method for the penalised Poisson likelihood; the covariance by Laplace's approximation.
fn maximise(days: &Days, table: &Table, mut at: Parameters) -> (Parameters, [Parameters; PARAMETERS]) {
    let mut information = [[0.0; PARAMETERS]; PARAMETERS];
    for _ in 0..NEWTON_STEPS {
        let mut gradient = [0.0; PARAMETERS];
        information = [[0.0; PARAMETERS]; PARAMETERS];
        for (number, (mean, deviation)) in PRIOR.iter().enumerate() {
            let precision = 1.0 / (deviation * deviation);
            gradient[number] = (mean - at[number]) * precision;
            information[number][number] = precision;
        }
        for ((rows, departures), exposures) in days.rows.iter().zip(&table.departures).zip(&table.exposures) {
            for ((row, departed), exposed) in rows.iter().zip(departures).zip(exposures) {
                let expected = hazard(&at, row) * exposed.max(0.0);
                for i in 0..PARAMETERS {
                    gradient[i] += (departed - expected) * row[i];
                    for j in 0..PARAMETERS {
                        information[i][j] += expected * row[i] * row[j];
                    }
                }
            }
        }
        let root = cholesky(&information);
        let step = solve(&root, &gradient);
        if step.iter().all(|step| step.abs() < CLOSE) {
            break;
        }
        for (value, step) in at.iter_mut().zip(step) {
            // A step of one is a factor of e in the hazard: from far away, several of them.
            *value += step.clamp(-1.0, 1.0);
        }
    }
    (at, inverse_root(&cholesky(&information)))
}

/// The lower triangle of a positive definite matrix.
fn cholesky(matrix: &[Parameters; PARAMETERS]) -> [Parameters; PARAMETERS] {
    let mut root = [[0.0; PARAMETERS]; PARAMETERS];
    for i in 0..PARAMETERS {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| root[i][k] * root[j][k]).sum();
            root[i][j] = if i == j { (matrix[i][i] - known).max(1e-12).sqrt() } else { (matrix[i][j] - known) / root[j][j] };
        }
    }
    root
}

fn solve(root: &[Parameters; PARAMETERS], right: &Parameters) -> Parameters {
    let mut y = [0.0; PARAMETERS];
    for i in 0..PARAMETERS {
        y[i] = (right[i] - (0..i).map(|k| root[i][k] * y[k]).sum::<f64>()) / root[i][i];
    }
    let mut x = [0.0; PARAMETERS];
    for i in (0..PARAMETERS).rev() {
        x[i] = (y[i] - (i + 1..PARAMETERS).map(|k| root[k][i] * x[k]).sum::<f64>()) / root[i][i];
    }
    x
}

/// A square root of the inverse: with M = L × Lᵀ, the columns of L⁻ᵀ; multiplied by independent normals it has covariance
/// M⁻¹.
fn inverse_root(root: &[Parameters; PARAMETERS]) -> [Parameters; PARAMETERS] {
    let mut inverse = [[0.0; PARAMETERS]; PARAMETERS];
    for column in 0..PARAMETERS {
        let mut x = [0.0; PARAMETERS];
        for i in (0..PARAMETERS).rev() {
            let unit = if i == column { 1.0 } else { 0.0 };
            x[i] = (unit - (i + 1..PARAMETERS).map(|k| root[k][i] * x[k]).sum::<f64>()) / root[i][i];
        }
        for (row, value) in inverse.iter_mut().zip(x) {
            row[column] = value;
        }
    }
    inverse
}

#[cfg(test)]
mod tests;
