//! `[judgement]`, and what the organisation decided: who owns what, what is excepted, what is gone.

use super::{fields::grade, owners::owners, reader::Section};
use crate::{
    analysis::{Closure, Policy, Waiver},
    evidence::Grade,
};

pub(super) fn policy(root: &Section) -> Policy {
    let section = root.table("judgement");
    let grade = section.parsed("minimum_grade", grade);
    let policy = Policy {
        quiet_after_days: f64::from(section.days("quiet_after").unwrap_or_default()),
        lead_time_days: section.days("lead_time").unwrap_or_default(),
        minimum_grade: grade.unwrap_or(Grade::Weak),
        expiry_horizon_days: section.days("expiry_horizon").unwrap_or_default(),
        owners: owners(root),
        waivers: root.tables("waiver").into_iter().map(waiver).collect(),
        closures: root.tables("closure").into_iter().map(closure).collect(),
    };
    section.finish();
    policy
}

fn waiver(section: Section) -> Waiver {
    let waiver = Waiver {
        integration: integration(&section),
        until: section.date("until"),
        requester: section.required("requester"),
        approver: section.required("approver"),
        ticket: section.required("ticket"),
        reason: section.required("reason"),
    };
    section.finish();
    waiver
}

fn closure(section: Section) -> Closure {
    let closure = Closure {
        integration: integration(&section),
        date: section.date("date"),
        by: section.required("by"),
        ticket: section.required("ticket"),
    };
    section.finish();
    closure
}

fn integration(section: &Section) -> String {
    let id = section.required("integration");
    if !id.is_empty() && (id.len() != 8 || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())) {
        section.fault("integration", format!("`{id}` is no integration id: eight lower-case letters and digits"));
    }
    id
}
