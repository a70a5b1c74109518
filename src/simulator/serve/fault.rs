//! Faults on purpose: when one strikes, and what it answers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    limit::Api,
    options::{Fault, FaultKind, When},
    reply::{Ask, Reply},
};
use crate::simulator::seed::{Seed, Topic};

/// The faults of a server, each with the number of requests it might have struck.
#[derive(Debug)]
pub(super) struct Faults {
    faults: Vec<(Fault, AtomicU64)>,
    seed: Seed,
}

impl Faults {
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self { faults: faults.into_iter().map(|fault| (fault, AtomicU64::new(0))).collect(), seed: Seed(seed) }
    }

    /// The first fault that strikes this request; all of them count it.
    pub fn strike(&self, endpoint: &str) -> Option<FaultKind> {
        let mut struck = None;
        for (index, (fault, seen)) in self.faults.iter().enumerate() {
            if fault.endpoint.is_some_and(|only| only != endpoint) {
                continue;
            }
            let number = seen.fetch_add(1, Ordering::Relaxed) + 1;
            let due = match fault.when {
                When::Every(n) => number.is_multiple_of(n.max(1)),
                When::Chance(chance) => self.seed.chance(Topic::Fault, index as u64, number, chance),
                When::Burst { from, count } => (from..from + count).contains(&number),
            };
            if due && struck.is_none() {
                struck = Some(fault.kind.clone());
            }
        }
        struck
    }
}

/// The reply of faults that do not ask the handler.
pub(super) fn instead(fault: &FaultKind, api: Api, ask: &Ask) -> Option<Reply> {
    match (fault, api) {
        (FaultKind::Status(status), Api::Atlassian) => Some(Reply::atlassian_error(*status, "SIMULATED", "Simulated trouble")),
        (FaultKind::Status(status), Api::Bitbucket) => Some(Reply::bitbucket_error(*status, "Simulated trouble")),
        (FaultKind::HtmlBody, _) => Some(Reply::html()),
        (FaultKind::ExpiredCursor, Api::Atlassian) if ask.param("cursor").is_some() => {
            Some(Reply::atlassian_error(400, "INVALID_PAGE_CURSOR", "The page cursor is invalid or has expired"))
        }
        _ => None,
    }
}
