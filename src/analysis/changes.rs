//! What is different from the judgement before.

use std::collections::{HashMap, HashSet};

use super::{Change, ChangeCause, Findings, Integration, Reidentified, Statuses};
use crate::evidence::{Day, Status};

/// Legacy use that is at least this many days old and makes an integration come alive again was not new, only late: the
/// source covered the gap afterwards.
const LATE_AFTER_DAYS: i32 = 2;

/// Every integration's status now, by campaign and id.
pub fn statuses(findings: &Findings) -> Statuses {
    let of_campaign = |campaign: &super::CampaignFindings| {
        let id = campaign.campaign.id.clone();
        campaign.integrations.iter().map(|row| ((id.clone(), row.id.clone()), row.status)).collect::<Vec<_>>()
    };
    findings.campaigns.iter().flat_map(of_campaign).collect()
}

/// The changes since `previous`, sorted by integration, then campaign. One that goes by another name than before is a
/// change also where its status is the same.
pub fn changes(previous: &Statuses, findings: &Findings) -> Vec<Change> {
    let today = Day::of_ms(findings.now.as_millisecond() - 1);
    let renamed: HashMap<&str, &Reidentified> =
        findings.reidentified.iter().map(|change| (change.integration.as_str(), change)).collect();
    let mut changes = Vec::new();
    for campaign in &findings.campaigns {
        let id = &campaign.campaign.id;
        let change = |integration: &str, from, to, cause, reason| Change {
            day: today,
            campaign: id.clone(),
            integration: integration.to_owned(),
            from,
            to,
            cause,
            reason,
        };
        for row in &campaign.integrations {
            let from = previous.get(&(id.clone(), row.id.clone())).copied();
            let renamed = renamed.get(row.id.as_str());
            if from == Some(row.status) && renamed.is_none() {
                continue;
            }
            let (cause, reason) = match renamed {
                Some(renamed) => (ChangeCause::Reclassified, reason(renamed, from, row)),
                None => (cause(from, row, today), row.reasons.first().cloned().unwrap_or_default()),
            };
            changes.push(change(&row.id, from, Some(row.status), cause, reason));
        }
        let present: HashSet<&str> = campaign.integrations.iter().map(|row| row.id.as_str()).collect();
        let before = previous.iter().filter(|((of, _), _)| of == id);
        for ((_, integration), from) in before.filter(|((_, integration), _)| !present.contains(integration.as_str())) {
            let reason = renamed.get(integration.as_str()).map_or_else(
                || {
                    format!(
                        "no evidence of {} is left in it: what was read is known better by now, or judged by other rules",
                        campaign.campaign.words.many
                    )
                },
                |renamed| renamed.words.clone(),
            );
            changes.push(change(integration, Some(*from), None, ChangeCause::Reclassified, reason));
        }
    }
    changes.sort_by(|a, b| (&a.integration, &a.campaign).cmp(&(&b.integration, &b.campaign)));
    changes
}

/// The new name, and why the status is another if it is.
fn reason(renamed: &Reidentified, from: Option<Status>, row: &Integration) -> String {
    match row.reasons.first().filter(|_| from.is_some_and(|from| from != row.status)) {
        Some(why) => format!("{}; {why}", renamed.words),
        None => renamed.words.clone(),
    }
}

fn cause(from: Option<Status>, row: &Integration, today: Day) -> ChangeCause {
    let Some(from) = from else { return ChangeCause::Discovered };
    let was_gone = matches!(from, Status::Migrated | Status::Retired);
    let was_silent = was_gone || from == Status::Quiet;
    let in_use = row.status.remaining() && row.status != Status::Quiet;
    let late = Day::of(row.last_seen) <= today.plus(-LATE_AFTER_DAYS);
    match row.status {
        Status::Migrated => ChangeCause::Migrated,
        Status::Retired => ChangeCause::Retired,
        // What still knocks has moved, and no longer remains.
        Status::Stale if from.remaining() => ChangeCause::Migrated,
        _ if from == Status::Stale && in_use => ChangeCause::Returned,
        Status::Quiet if row.unseen_since.is_some() => ChangeCause::Coverage,
        _ if was_gone && row.returned => ChangeCause::Returned,
        _ if was_silent && in_use && late => ChangeCause::Coverage,
        _ => ChangeCause::Moved,
    }
}
