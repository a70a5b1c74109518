//! What is different from the judgement before.

use super::{Change, ChangeCause, Findings, Integration, Statuses};
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

/// The changes since `previous`, sorted by integration, then campaign. An integration that another one took in is no
/// change of status.
pub fn changes(previous: &Statuses, findings: &Findings) -> Vec<Change> {
    let today = Day::of_ms(findings.now.as_millisecond() - 1);
    let mut changes = Vec::new();
    for campaign in &findings.campaigns {
        for row in &campaign.integrations {
            let from = previous.get(&(campaign.campaign.id.clone(), row.id.clone())).copied();
            if from == Some(row.status) {
                continue;
            }
            changes.push(Change {
                day: today,
                campaign: campaign.campaign.id.clone(),
                integration: row.id.clone(),
                from,
                to: row.status,
                cause: cause(from, row, today),
                reason: row.reasons.first().cloned().unwrap_or_default(),
            });
        }
    }
    changes.sort_by(|a, b| (&a.integration, &a.campaign).cmp(&(&b.integration, &b.campaign)));
    changes
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
        Status::Quiet if row.unseen_since.is_some() => ChangeCause::Coverage,
        _ if was_gone && row.returned => ChangeCause::Returned,
        _ if was_silent && in_use && late => ChangeCause::Coverage,
        _ => ChangeCause::Moved,
    }
}
