//! What proves that a migration is over, and what is still missing while it is not.

use std::collections::BTreeMap;

use super::days::{Cell, sum};
use super::rank::counted;
use super::timeline::{Rules, Standing};
use super::{Proof, figures::Figures};
use crate::evidence::{Day, Status, time::instant};

/// Repositories that one sentence names.
const NAMED: usize = 3;

/// Spelt out for migrated and migrating integrations; `name_of` gives the name of a place.
pub(super) fn proof(
    cells: &[Cell],
    rules: &Rules<'_>,
    standing: &Standing,
    figures: &Figures,
    is_repository: &[bool],
    name_of: &dyn Fn(u32) -> String,
) -> Option<Proof> {
    if !matches!(standing.last.status, Status::Migrated | Status::Migrating) {
        return None;
    }
    let replacements = || cells.iter().filter(|cell| rules.is_replacement(cell));
    let since = || replacements().filter(|cell| cell.first_ms > figures.last_ms);
    let days = |inside: &dyn Fn(&Cell) -> u64| {
        let mut days: Vec<Day> = since().filter(|cell| inside(cell) > 0).map(|cell| cell.day).collect();
        days.dedup();
        u32::try_from(days.len()).unwrap_or(u32::MAX)
    };
    let mut proof = Proof {
        last_legacy: instant(figures.last_ms),
        first_replacement: instant(replacements().map(|cell| cell.first_ms).min()?),
        uses_since: sum(since().map(|cell| cell.uses)),
        quiet_days: standing.silent_days,
        needed_days: standing.horizon_days,
        survived_published_days: days(&|cell| rules.uses_inside(cell).0),
        survived_extrapolated_days: days(&|cell| rules.uses_inside(cell).1),
        missing: Vec::new(),
    };
    if standing.last.status == Status::Migrating {
        proof.missing = missing(standing.days_to_silence, &unreplaced(cells, rules, is_repository), name_of);
    }
    Some(proof)
}

/// Repositories on which no replacement was accepted after the last legacy use, by place number.
fn unreplaced(cells: &[Cell], rules: &Rules<'_>, is_repository: &[bool]) -> Vec<u32> {
    let mut places: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| is_repository[cell.place as usize]) {
        let (legacy, replaced) = places.entry(cell.place).or_insert((i64::MIN, i64::MIN));
        if rules.is_legacy(cell) {
            *legacy = cell.last_ms.max(*legacy);
        } else if rules.is_replacement(cell) {
            *replaced = cell.last_ms.max(*replaced);
        }
    }
    places.into_iter().filter(|(_, (legacy, replaced))| legacy > replaced).map(|(place, _)| place).collect()
}

fn missing(days_left: u32, unreplaced: &[u32], name_of: &dyn Fn(u32) -> String) -> Vec<String> {
    let mut missing = Vec::new();
    if !unreplaced.is_empty() {
        let named: Vec<String> = unreplaced.iter().take(NAMED).map(|place| name_of(*place)).collect();
        let more = unreplaced.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        missing.push(format!("use of the replacement on {}{more}", named.join(", ")));
    }
    if days_left > 0 {
        let days = counted(days_left.into(), "more day", "more days");
        missing.push(format!("{days} without the old credential, with somebody looking"));
    }
    missing
}

impl Proof {
    /// The proof, or what of it is missing, in one sentence.
    pub(super) fn words(&self, noun: &str) -> String {
        if !self.missing.is_empty() {
            return format!("still missing to have migrated: {}", self.missing.join("; "));
        }
        let uses = counted(self.uses_since, "use", "uses");
        let quiet = counted(self.quiet_days.into(), "day", "days");
        let survived = match (self.survived_published_days, self.survived_extrapolated_days) {
            (0, 0) => "no brownout met it since".to_owned(),
            (0, days) => format!("accepted inside extrapolated brownouts on {}", counted(days.into(), "day", "days")),
            (days, _) => format!("accepted inside published brownouts on {}", counted(days.into(), "day", "days")),
        };
        format!(
            "proof: {noun} last used on {}, a replacement first on {}; {uses} of it since; {quiet} without the old one that \
             somebody looked at (enough: {:.0}); {survived}",
            Day::of(self.last_legacy),
            Day::of(self.first_replacement),
            self.needed_days.ceil(),
        )
    }
}
