//! What is counted of one integration in one campaign, beside its status.

use std::collections::BTreeMap;

use super::days::{Cell, add};
use super::rank::{as_f64, total};
use super::timeline::{Passage, Rules};
use crate::evidence::{Credential, Day, Grade, Outcome};

/// The windows of the columns `…_7d` and `…_30d`, the day of now included.
pub(super) const WEEK_DAYS: i32 = 7;
pub(super) const MONTH_DAYS: i32 = 30;

/// The weight of a day in the present rate of use halves with this many days before the last use.
const RATE_HALVES_DAYS: f64 = 7.0;
/// What is used every month keeps its share: the weight of a day halves at the earliest after two of its periods.
const RATE_HALVES_PERIODS: f64 = 2.0;
/// The days of a rate are at least a week.
const LEAST_RATE_DAYS: i32 = 7;

/// Sums and extremes over an integration's cells. Instants are milliseconds since the epoch.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// Of legacy use, as all that do not say otherwise.
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) last_accepted_ms: Option<i64>,
    pub(super) last_rejected_ms: Option<i64>,
    pub(super) rejected_outside_windows: bool,
    pub(super) uses_7d: u64,
    pub(super) uses_30d: u64,
    /// Rejected legacy uses a week at the present rate.
    pub(super) weekly_rejected: f64,
    pub(super) rejected_30d: u64,
    pub(super) writes_30d: u64,
    /// Uses by place number.
    pub(super) places: BTreeMap<u32, u64>,
    pub(super) accepted_after_removal: bool,
    /// The newest accepted replacement.
    pub(super) replacement: Option<(i64, Credential)>,
    pub(super) replacement_rejected_30d: u64,
    /// The newest rule by grade.
    rules: [Option<(i64, u16)>; Grade::ALL.len()],
}

impl Figures {
    /// `passage` tells the rhythm that the present rate is measured by.
    pub(super) fn of(cells: &[Cell], rules: &Rules<'_>, passage: &Passage) -> Self {
        let mut figures = Self {
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            last_accepted_ms: None,
            last_rejected_ms: None,
            rejected_outside_windows: false,
            uses_7d: 0,
            uses_30d: 0,
            weekly_rejected: 0.0,
            rejected_30d: 0,
            writes_30d: 0,
            places: BTreeMap::new(),
            accepted_after_removal: false,
            replacement: None,
            replacement_rejected_30d: 0,
            rules: [None; Grade::ALL.len()],
        };
        for cell in cells {
            if rules.is_legacy(cell) {
                figures.take_legacy(cell, rules);
            } else if rules.is_replacement(cell) {
                figures.replacement = figures.replacement.max(Some((cell.last_ms, cell.credential)));
            } else if rules.presents_replacement(cell) && cell.outcome == Outcome::Rejected {
                add(&mut figures.replacement_rejected_30d, if recent(cell, rules, MONTH_DAYS) { cell.uses } else { 0 });
            }
        }
        figures.weekly_rejected = weekly_rejected(cells, rules, passage);
        figures
    }

    fn take_legacy(&mut self, cell: &Cell, rules: &Rules<'_>) {
        self.first_ms = self.first_ms.min(cell.first_ms);
        self.last_ms = self.last_ms.max(cell.last_ms);
        add(self.places.entry(cell.place).or_default(), cell.uses);
        let rule = &mut self.rules[cell.grade as usize];
        *rule = (*rule).max(Some((cell.last_ms, cell.rule)));
        match cell.outcome {
            Outcome::Accepted => {
                self.last_accepted_ms = self.last_accepted_ms.max(Some(cell.last_ms));
                let removed = rules.campaign.removed_at(cell.last_ms);
                self.accepted_after_removal |= removed && cell.grade == Grade::Proven;
            }
            Outcome::Rejected => {
                self.last_rejected_ms = self.last_rejected_ms.max(Some(cell.last_ms));
                self.rejected_outside_windows |= rules.last_outside_ms(cell).is_some();
            }
            Outcome::Unknown => {}
        }
        if recent(cell, rules, MONTH_DAYS) {
            add(&mut self.uses_30d, cell.uses);
            add(&mut self.writes_30d, cell.writes);
            add(&mut self.rejected_30d, if cell.outcome == Outcome::Rejected { cell.uses } else { 0 });
        }
        add(&mut self.uses_7d, if recent(cell, rules, WEEK_DAYS) { cell.uses } else { 0 });
    }

    pub(super) fn window_only(&self) -> bool {
        self.last_rejected_ms.is_some() && !self.rejected_outside_windows
    }

    /// The rule that gave the newest evidence of a grade.
    pub(super) fn rule(&self, grade: Grade) -> Option<u16> {
        self.rules[grade as usize].map(|(_, rule)| rule)
    }
}

/// The present rate of rejections a week, as an exponentially weighted mean: 7 × Σ w × uses / Σ w over the days up to the
/// last use. Nothing falls out of a window at once, so that a rank does not jump because a day has passed. Where a
/// replacement has taken a part over, the days before it did say nothing of the rest.
fn weekly_rejected(cells: &[Cell], rules: &Rules<'_>, passage: &Passage) -> f64 {
    let period = passage.rhythm.period().unwrap_or(0.0);
    let halves = RATE_HALVES_DAYS.max(RATE_HALVES_PERIODS * period);
    let weight = |day: Day| (-f64::from(passage.last.0 - day.0) / halves).exp2();
    let since = passage.replaced.map_or(passage.first, |(first, _)| passage.first.max(first));
    let since = since.min(passage.last.plus(1 - LEAST_RATE_DAYS));
    let counts = |cell: &&Cell| cell.day >= since && cell.outcome == Outcome::Rejected && rules.is_legacy(cell);
    let rejected = total(cells.iter().filter(counts).map(|cell| as_f64(cell.uses) * weight(cell.day)));
    let days: f64 = (since.0..=passage.last.0).map(|day| weight(Day(day))).sum();
    rejected / days * 7.0
}

/// Whether a cell lies on one of the last `days` days, today included.
pub(super) fn recent(cell: &Cell, rules: &Rules<'_>, days: i32) -> bool {
    cell.day > rules.today.plus(-days)
}
