//! What remains, by status, at the end of each week.

use super::{
    picture::{Ink, Picture, Sample, stack},
    remaining::{dates, lately},
};
use crate::{
    evidence::Status,
    report::document::{BurndownRow, CampaignReport},
};

const WEEK: usize = 7;
/// Of a week, so many days are bar.
const WIDE: f64 = 5.6;

/// From the ground up: what breaks first lies at the bottom.
const LAYERS: [(Status, Ink); 5] = [
    (Status::Failing, Ink::Vermillion),
    (Status::Active, Ink::Blue),
    (Status::Migrating, Ink::Green),
    (Status::Quiet, Ink::Grey),
    (Status::Stale, Ink::Amber),
];

/// None below two weeks.
pub fn statuses(campaign: &CampaignReport) -> Option<Picture> {
    let mut weeks: Vec<&BurndownRow> = lately(&campaign.burndown).iter().rev().step_by(WEEK).collect();
    weeks.reverse();
    let (first, last) = (*weeks.first()?, *weeks.last()?);
    if weeks.len() < 2 {
        return None;
    }
    let total = |day: &BurndownRow| u64::from(day.remaining + day.stale);
    let highest = weeks.iter().map(|day| total(day)).max().unwrap_or(0);
    let across = (f64::from(first.date.0) - WIDE, f64::from(last.date.0) + 1.5);
    let bar = |day: &&BurndownRow| {
        let heights = LAYERS.map(|(status, ink)| (u64::from(of(day, status)), ink));
        let end = f64::from(day.date.0) + 1.0;
        stack(end - WIDE, end, &heights)
    };
    let shown = LAYERS.into_iter().filter(|(status, _)| weeks.iter().any(|day| of(day, *status) > 0));
    let key = shown.map(|(status, ink)| (Sample::Fill, ink, format!("{} {status}", of(last, status)))).collect();
    let words = |day: &BurndownRow| {
        let parts = LAYERS.map(|(status, _)| format!("{} {status}", of(day, status)));
        format!("on {}: {}", day.date, parts.join(", "))
    };
    Some(Picture {
        title: "Status by week",
        alt: format!("Integrations by status at the end of each week: {}; {}.", words(first), words(last)),
        note: "As known now, at the end of each week; what has migrated or is retired is left out. The key has today’s numbers.",
        marks: dates(campaign, across),
        shapes: weeks.iter().flat_map(bar).collect(),
        key,
        ..Picture::over_days(across, highest)
    })
}

fn of(day: &BurndownRow, status: Status) -> u32 {
    match status {
        Status::Failing => day.failing,
        Status::Active => day.active,
        Status::Migrating => day.migrating,
        Status::Quiet => day.quiet,
        Status::Stale => day.stale,
        Status::Migrated => day.migrated,
        Status::Retired => day.retired,
    }
}
