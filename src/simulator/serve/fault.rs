//! Faults on purpose: when one strikes, and what it answers instead.

use std::collections::BTreeMap;

use super::{
    atlassian, bitbucket,
    kinds::{Fault, FaultKind, When},
    limit::Api,
    reply::{Ask, Reply},
};
use crate::simulator::seed::{Seed, Topic};

/// Deeper than any parser that counts on its stack.
const BODY_DEPTH: usize = 100_000;
/// More than a client should read.
const HUGE_BODY_BYTES: usize = 40 << 20;

/// The faults of a server, each with how often it might have struck, and what has struck.
#[derive(Debug)]
pub(super) struct Faults {
    playing: Vec<(Fault, u64)>,
    seed: Seed,
    struck: BTreeMap<&'static str, u64>,
}

impl Faults {
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self { playing: faults.into_iter().map(|fault| (fault, 0)).collect(), seed: Seed(seed), struck: BTreeMap::new() }
    }

    /// Other faults from now on, which count from their beginning.
    pub fn replace(&mut self, faults: Vec<Fault>, seed: u64) {
        *self = Self { struck: std::mem::take(&mut self.struck), ..Self::new(faults, seed) };
    }

    /// The first fault that strikes this request; all of them count it.
    pub fn strike(&mut self, endpoint: &str) -> Option<FaultKind> {
        let mut struck = None;
        for (index, (fault, seen)) in self.playing.iter_mut().enumerate() {
            if fault.endpoint.is_some_and(|only| only != endpoint) {
                continue;
            }
            *seen += 1;
            let due = match fault.when {
                When::Every(n) => seen.is_multiple_of(n.max(1)),
                When::Chance(chance) => self.seed.chance(Topic::Fault, index as u64, *seen, chance),
                When::Burst { from, count } => (from..from.saturating_add(count)).contains(seen),
            };
            if due && struck.is_none() {
                struck = Some(fault.kind.clone());
            }
        }
        if let Some(kind) = &struck {
            *self.struck.entry(kind.name()).or_default() += 1;
        }
        struck
    }

    /// How often each kind has struck.
    pub fn struck(&self) -> &BTreeMap<&'static str, u64> {
        &self.struck
    }
}

/// The reply of faults that do not ask the handler.
pub(super) fn instead(fault: &FaultKind, api: Api, ask: &Ask, elsewhere: &str) -> Option<Reply> {
    let redirect = |status: u16, origin: &str| Reply::text(status, "").with("location", ask.address_at(origin));
    match (fault, api) {
        (FaultKind::Status(status), Api::Atlassian) => Some(Reply::atlassian_error(*status, "SIMULATED", "Simulated trouble")),
        (FaultKind::Status(status), Api::Bitbucket) => Some(Reply::bitbucket_error(*status, "Simulated trouble")),
        (FaultKind::Refused(refusal), _) => Some(Reply::new(refusal.status, refusal.kind, refusal.body)),
        (FaultKind::HtmlBody, _) => Some(Reply::html(200)),
        (FaultKind::BadGateway, _) => Some(Reply::html(502)),
        (FaultKind::EmptyBody, _) => Some(Reply::new(200, "application/json", "")),
        (FaultKind::NestedBody, _) => Some(Reply::new(200, "application/json", "[".repeat(BODY_DEPTH) + &"]".repeat(BODY_DEPTH))),
        (FaultKind::HugeBody, _) => {
            Some(Reply::new(200, "application/json", format!("{{\"data\":\"{}\"}}", "x".repeat(HUGE_BODY_BYTES))))
        }
        (FaultKind::RedirectHere(status), _) => Some(redirect(*status, &ask.origin)),
        (FaultKind::RedirectAway(status), _) => Some(redirect(*status, elsewhere)),
        (FaultKind::ExpiredCursor, Api::Atlassian) if ask.param("cursor").is_some() => {
            Some(Reply::atlassian_error(400, "INVALID_PAGE_CURSOR", "The page cursor is invalid or has expired"))
        }
        (FaultKind::InvalidSearchTime, Api::Atlassian) if ask.param("cursor").is_some() || ask.param("from").is_some() => {
            Some(Reply::atlassian_error(400, "INVALID_SEARCH_TIME_DATE", "The search time or date is invalid"))
        }
        (FaultKind::SmallPages(most), Api::Atlassian) if asks_more(ask, "pageSize", *most) => Some(atlassian::failed()),
        (FaultKind::SmallPages(most), Api::Bitbucket) if asks_more(ask, "pagelen", *most) => Some(bitbucket::invalid_page()),
        _ => None,
    }
}

fn asks_more(ask: &Ask, parameter: &str, most: usize) -> bool {
    ask.number::<usize>(parameter).is_ok_and(|rows| rows.is_some_and(|rows| rows > most))
}
