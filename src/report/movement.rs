//! What became different since the last digest that was really sent.

use std::collections::HashSet;

use super::{
    document::{CauseRow, ChangeRow, IntegrationRow, Movement},
    inert,
    inputs::Inputs,
};
use crate::{
    analysis::{Change, ChangeCause},
    evidence::Status,
};

/// Every recorded change, sorted by date, then integration; changes of one integration on one day keep their order.
pub(super) fn all_changes(changes: &[Change]) -> Vec<ChangeRow> {
    let mut rows: Vec<ChangeRow> = changes.iter().enumerate().map(row).collect();
    rows.sort_by(|a, b| (a.date, &a.integration).cmp(&(b.date, &b.integration)));
    rows
}

/// The changes that were found with this judgement.
pub(super) fn fresh_changes(inputs: &Inputs<'_>) -> Vec<ChangeRow> {
    let known = inputs.changes.len().saturating_sub(inputs.fresh);
    inputs.changes.iter().enumerate().skip(known).map(row).collect()
}

/// The difference to the number that the reader saw last, split by cause. None when no digest was sent before, or when it
/// did not speak of this campaign.
pub(super) fn since_last_digest(
    inputs: &Inputs<'_>,
    campaign: &str,
    rows: &[IntegrationRow],
    remaining: u32,
) -> Option<Movement> {
    let previous = inputs.previous?;
    let before = *previous.remaining.get(campaign)?;
    let all = inputs.changes.iter().enumerate().skip(previous.changes);
    let new: Vec<(usize, &Change)> = all.filter(|(_, change)| change.campaign == campaign).collect();
    let causes = causes(&new, rows);
    let delta = i64::from(remaining) - i64::from(before);
    Some(Movement {
        since: previous.sent_at,
        before,
        delta,
        unexplained: delta - causes.iter().map(|c| c.effect).sum::<i64>(),
        causes,
        changes: new.into_iter().map(row).collect(),
    })
}

/// One that is no more counts with the possible ones.
fn causes(changes: &[(usize, &Change)], rows: &[IntegrationRow]) -> Vec<CauseRow> {
    let known: HashSet<&str> = rows.iter().filter(|row| row.known).map(|row| row.integration.as_str()).collect();
    let of = |cause: ChangeCause| {
        let same = || changes.iter().map(|(_, change)| change).filter(move |change| change.cause == cause);
        let effect = |graded: &dyn Fn(&Change) -> bool| same().filter(|change| graded(change)).map(|change| effect(change)).sum();
        let is_known = |change: &Change| known.contains(change.integration.as_str());
        CauseRow {
            cause,
            changes: super::build::count(same()),
            effect: effect(&|_| true),
            effect_known: effect(&is_known),
            effect_possible: effect(&|change| !is_known(change)),
        }
    };
    ChangeCause::ALL.iter().map(|cause| of(*cause)).filter(|row| row.changes > 0).collect()
}

/// What one change does to the remaining number.
fn effect(change: &Change) -> i64 {
    i64::from(change.to.is_some_and(Status::remaining)) - i64::from(change.from.is_some_and(Status::remaining))
}

fn row((number, change): (usize, &Change)) -> ChangeRow {
    ChangeRow {
        number,
        date: change.day,
        campaign: change.campaign.clone(),
        integration: inert::name(&change.integration),
        from: change.from,
        to: change.to,
        cause: change.cause,
        reason: inert::sentence(&change.reason),
    }
}
