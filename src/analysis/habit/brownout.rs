//! Brownouts as an experiment on every integration, and what the next ones and the removal will hit.

use super::activity::Activity;
use super::calendar::Calendar;
use super::expectation::Expectation;
use super::period::Period;
use crate::analysis::days::{Cell, add};
use crate::analysis::findings::{Brownouts, Experiment, Exposure};
use crate::analysis::rank::counted;
use crate::analysis::timeline::Rules;
use crate::evidence::{Day, Grade, Outcome, Window};

/// Days after the removal whose uses count as what it hits first.
const FIRST_DAYS: i32 = 7;
/// With so many uses expected, none at all happens by chance once in twenty (e⁻³): the rule of three (J. A. Hanley and
/// A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983).
const TELLING: f64 = 3.0;

/// What the windows that are over did, up to the integration's last legacy use.
pub(super) fn brownouts(
    (activity, hours): (&Activity, &[f64; 24]),
    periods: &[Period],
    cells: &[Cell],
    (rules, calendar): (&Rules<'_>, &Calendar),
) -> Brownouts {
    let past = rules.campaign.windows.partition_point(|window| window.to_ms <= rules.now_ms);
    let met = |window: &&Window| {
        let day = Day::of_ms(window.from_ms);
        day >= activity.first() && day <= activity.last() && activity.looked(day)
    };
    let met: Vec<&Window> = rules.campaign.windows[..past].iter().filter(met).collect();
    let (mut published, mut extrapolated) = (Experiment::default(), Experiment::default());
    let (firm_ms, mut spared) = (last_firm_ms(cells, rules), 0.0);
    if !met.is_empty() {
        let usual = Expectation::undisturbed(activity, periods, hours, calendar);
        for window in met {
            let experiment = if window.published { &mut published } else { &mut extrapolated };
            let expected = usual.within(window);
            experiment.windows += 1;
            experiment.expected += expected;
            spared += if window.from_ms > firm_ms { expected } else { 0.0 };
        }
    }
    let (mut accepted_outside, mut rejected_outside) = (0, 0);
    for cell in cells.iter().filter(|cell| rules.is_legacy(cell)) {
        let (in_published, in_extrapolated) = rules.uses_inside(cell);
        published.take(cell.outcome, in_published);
        extrapolated.take(cell.outcome, in_extrapolated);
        let outside = if cell.outcome == Outcome::Rejected { &mut rejected_outside } else { &mut accepted_outside };
        add(outside, rules.uses_outside(cell));
    }
    let mut brownouts = Brownouts { published, extrapolated, accepted_outside, rejected_outside, spared, words: Vec::new() };
    brownouts.words = words(&brownouts);
    brownouts
}

/// The last instant at which it was surely the legacy credential: firmly known, or refused.
fn last_firm_ms(cells: &[Cell], rules: &Rules<'_>) -> i64 {
    let firm = |cell: &&Cell| rules.is_legacy(cell) && (cell.grade >= Grade::Strong || cell.outcome == Outcome::Rejected);
    cells.iter().filter(firm).map(|cell| cell.last_ms).max().unwrap_or(i64::MIN)
}

impl Experiment {
    fn take(&mut self, outcome: Outcome, uses: u64) {
        add(&mut self.seen, uses);
        match outcome {
            Outcome::Accepted => add(&mut self.accepted, uses),
            Outcome::Rejected => add(&mut self.rejected, uses),
            Outcome::Unknown => {}
        }
    }
}

fn words(brownouts: &Brownouts) -> Vec<String> {
    let kinds = [(&brownouts.published, "published"), (&brownouts.extrapolated, "extrapolated")];
    kinds.into_iter().filter(|(experiment, _)| experiment.windows > 0 || experiment.seen > 0).map(|(e, k)| said(e, k)).collect()
}

fn said(experiment: &Experiment, kind: &str) -> String {
    let windows = counted(experiment.windows.into(), "window", "windows");
    let expected = format!("in {windows} that were {kind} and watched, {:.1} uses were expected", experiment.expected);
    let seen = match (experiment.seen, experiment.rejected, experiment.accepted) {
        (0, ..) if experiment.expected >= TELLING => {
            "none was seen: something kept it away, or nobody could see it there".to_owned()
        }
        (0, ..) => "none was seen, which may be chance".to_owned(),
        (seen, rejected, _) if rejected == seen => format!("{seen} seen, all rejected"),
        (seen, rejected, accepted) => format!("{seen} seen, {rejected} rejected, {accepted} accepted"),
    };
    let doubt = if kind == "published" { "" } else { " (their times are a guess)" };
    format!("{expected} and {seen}{doubt}")
}

/// Expected legacy uses in each of the next windows and in the first days after the removal (after it: in the coming days).
pub(super) fn exposure(expectation: &Expectation, windows: &[Window], rules: &Rules<'_>) -> Exposure {
    let first = Day::of(rules.campaign.removal).max(rules.today.plus(1));
    Exposure {
        by_hour: expectation.by_hour(),
        windows: windows.iter().map(|window| expectation.within(window)).collect(),
        first_week: expectation.from(first, FIRST_DAYS),
        days: expectation.days,
    }
}
