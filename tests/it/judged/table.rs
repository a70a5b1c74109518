//! Figures of several worlds, summed up and set beside their goals.

use std::{collections::BTreeMap, fmt::Write as _};

/// A share or a mean: a sum and how many cases it is of.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    sum: f64,
    of: u64,
    /// What was other than it should be, for whoever looks why.
    pub slips: Vec<String>,
}

/// Slips that are kept of one world's figure.
const MAX_SLIPS: usize = 2_000;

impl Sample {
    /// One value, and what is wrong with it.
    pub fn of(value: f64, slips: Vec<String>) -> Self {
        Self { sum: value, of: 1, slips }
    }

    /// One case of a share, and what is wrong with it.
    pub fn count(&mut self, so: bool, slip: Option<String>) {
        self.sum += f64::from(u8::from(so));
        self.of += 1;
        self.slips.extend(slip.filter(|_| self.slips.len() < MAX_SLIPS));
    }

    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.of += other.of;
        self.slips.extend(other.slips.iter().take(MAX_SLIPS.saturating_sub(self.slips.len())).cloned());
    }

    /// None of nothing.
    pub fn value(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "cases are counted in millions at most")]
        (self.of > 0).then(|| self.sum / self.of as f64)
    }
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    Below(f64),
    Between(f64, f64),
    /// Nobody has promised anything; it is only told.
    Told,
}

impl Goal {
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::Below(limit) => value < limit,
            Self::Between(least, most) => (least..=most).contains(&value),
            Self::Told => true,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least:.2}"),
            Self::Below(limit) => format!("< {limit:.2}"),
            Self::Between(least, most) => format!(".{:.0}-.{:.0}", least * 100.0, most * 100.0),
            Self::Told => String::new(),
        }
    }
}

/// A figure of many worlds: over all cases of all of them, and how it differs from world to world.
#[derive(Debug)]
pub struct Line {
    pub name: &'static str,
    pub goal: Goal,
    pub all: Sample,
    /// Sorted.
    pub of_worlds: Vec<f64>,
}

impl Line {
    pub fn new(name: &'static str, goal: Goal, worlds: &[BTreeMap<&'static str, Sample>]) -> Self {
        let mut line = Self { name, goal, all: Sample::default(), of_worlds: Vec::new() };
        for sample in worlds.iter().filter_map(|figures| figures.get(name)) {
            line.all.add(sample);
            line.of_worlds.extend(sample.value());
        }
        line.of_worlds.sort_by(f64::total_cmp);
        line
    }

    /// `name  goal  all  median  min  max  cases  met`.
    fn text(&self) -> String {
        let Some(all) = self.all.value() else { return format!("{:<44}no case", self.name) };
        let (least, most) = (self.of_worlds[0], self.of_worlds[self.of_worlds.len() - 1]);
        let met = match self.goal {
            Goal::Told => "",
            goal if goal.is_met(all) => "met",
            _ => "MISSED",
        };
        let goal = self.goal.words();
        let median = median(&self.of_worlds);
        format!("{:<44}{goal:>8}{all:>9.4}{median:>9.4}{least:>9.4}{most:>9.4}{:>9}  {met}", self.name, self.all.of)
    }
}

/// The middle of sorted values: of an even number the mean of the middle two.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

pub fn text(lines: &[Line]) -> String {
    let mut out = format!("{:<44}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "figure", "goal", "all", "median", "min", "max", "cases");
    for line in lines {
        writeln!(out, "{}", line.text().trim_end()).unwrap();
    }
    out
}

#[test]
fn a_figure_is_summed_over_all_cases_and_spread_over_worlds() {
    let world = |right: u64, of: u64| {
        let mut sample = Sample::default();
        (0..of).for_each(|case| sample.count(case < right, None));
        BTreeMap::from([("share", sample)])
    };
    let line = Line::new("share", Goal::AtLeast(0.9), &[world(1, 2), world(8, 8), world(3, 4), BTreeMap::new()]);
    assert_eq!((line.all.value(), line.of_worlds.as_slice()), (Some(12.0 / 14.0), &[0.5, 0.75, 1.0][..]));
    let words: Vec<String> = text(&[line]).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(words, ["figure goal all median min max cases", "share >= 0.90 0.8571 0.7500 0.5000 1.0000 14 MISSED"]);
    assert_eq!((median(&[1.0, 2.0, 4.0, 9.0]), median(&[7.0])), (3.0, 7.0));
}
