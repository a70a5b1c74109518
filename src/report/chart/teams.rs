//! Who has most left.

use super::picture::{Ink, Picture, Sample, Shape, numbers};
use crate::report::document::{CampaignReport, TeamRow};

/// More bars than this are too thin for their names.
const SHOWN: usize = 11;
const NAME_CHARS: usize = 24;
const BEFORE: &str = "Remaining integrations by owner; overdue: the latest safe start has passed.";

/// None below two teams: the headline says it all.
pub fn teams(campaign: &CampaignReport) -> Option<Picture> {
    let mut teams: Vec<&TeamRow> = campaign.teams.iter().collect();
    teams.sort_by(|a, b| (b.remaining, &a.owner).cmp(&(a.remaining, &b.owner)));
    let first = *teams.first().filter(|_| teams.len() > 1)?;
    let others: Vec<&TeamRow> = if teams.len() > SHOWN { teams.split_off(SHOWN - 1) } else { Vec::new() };
    let mut rows: Vec<(String, u32, u32, u32)> =
        teams.iter().map(|team| (name(team), team.remaining, team.failing, team.overdue)).collect();
    if !others.is_empty() {
        let sum = |of: fn(&TeamRow) -> u32| others.iter().map(|team| of(team)).sum();
        rows.push((format!("{} other teams", others.len()), sum(|t| t.remaining), sum(|t| t.failing), sum(|t| t.overdue)));
    }
    let most = rows.iter().map(|row| row.1).max().unwrap_or(0);
    let (end, x_labels) = numbers(u64::from(most));
    let count = f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    let (mut shapes, mut y_labels) = (Vec::new(), Vec::new());
    for (number, (name, remaining, failing, overdue)) in (1_u32..).zip(&rows) {
        let middle = count - f64::from(number) + 0.5;
        let (lower, upper) = (middle - 0.34, middle + 0.34);
        let bar = |from: u32, to: u32, ink| Shape::Bar { corners: [(f64::from(from), lower), (f64::from(to), upper)], ink };
        shapes.push(bar(0, *failing, Ink::Vermillion));
        shapes.push(bar(*failing, *remaining, Ink::Blue));
        let late = if *overdue > 0 { format!(", {overdue} overdue") } else { String::new() };
        shapes.push(Shape::Words { at: (f64::from(*remaining), middle), words: format!("{remaining}{late}") });
        y_labels.push((middle, name.clone()));
    }
    Some(Picture {
        title: "Teams by what remains",
        alt: format!(
            "{} teams have integrations left; {} has most: {}, of which {} fail.",
            campaign.teams.len(),
            name(first),
            first.remaining,
            first.failing
        ),
        note: if campaign.removed { "Remaining integrations by owner." } else { BEFORE },
        // The words beside the longest bar need room.
        x: (0.0, end * 1.12),
        top: count,
        x_labels,
        y_labels,
        lying: true,
        spans: Vec::new(),
        marks: Vec::new(),
        shapes,
        key: vec![(Sample::Fill, Ink::Vermillion, "failing".to_owned()), (Sample::Fill, Ink::Blue, "other remaining".to_owned())],
    })
}

fn name(team: &TeamRow) -> String {
    match team.owner.as_str() {
        "" => "no owner yet".to_owned(),
        owner if owner.chars().count() > NAME_CHARS => owner.chars().take(NAME_CHARS - 1).chain(std::iter::once('…')).collect(),
        owner => owner.to_owned(),
    }
}
