//! From what was asked to the handler that answers, past budget, faults and authentication.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use super::{
    Arrivals, atlassian, bitbucket, fault,
    kinds::FaultKind,
    limit::{Api, Budget, Charge, http_date},
    options::ServeOptions,
    reply::{Ask, Reply},
    spoil::spoil,
};
use crate::{
    evidence::time::instant,
    simulator::{World, inventory::Token},
};

/// What every request sees.
#[derive(Debug)]
pub(super) struct Shared {
    pub world: Arc<World>,
    pub options: ServeOptions,
    pub organization: String,
    pub tokens: Vec<Token>,
    pub by_user: HashMap<usize, Vec<u32>>,
    pub now_ms: AtomicI64,
    pub atlassian: Mutex<Budget>,
    pub bitbucket: Mutex<Budget>,
    pub counts: Mutex<BTreeMap<(&'static str, u16), u64>>,
    pub arrivals: Mutex<Arrivals>,
    pub number: AtomicU64,
    pub faults: Mutex<fault::Faults>,
}

impl Shared {
    pub fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub fn faults(&self) -> MutexGuard<'_, fault::Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn charge(&self, api: Api) -> Charge {
        let budget = if api == Api::Atlassian { &self.atlassian } else { &self.bitbucket };
        budget.lock().unwrap_or_else(PoisonError::into_inner).charge()
    }
}

/// Answers a request, and counts nothing but its budget. The clock of the servers is the simulated one, if they show one.
pub(super) fn answer(shared: &Shared, ask: &Ask, endpoint: &str, api: Api, number: u64, fault: Option<&FaultKind>) -> Reply {
    let now = instant(shared.now_ms());
    let shown = match fault {
        Some(FaultKind::ClockSkew(ahead)) => Some(now.saturating_add(*ahead).unwrap_or(now)),
        // A wait may be told as an instant.
        Some(FaultKind::TooManyRequests | FaultKind::RateLimited(_)) => Some(now),
        _ => shared.options.shows_clock.then_some(now),
    };
    let reply = undated(shared, ask, endpoint, api, number, fault);
    if let Some(shown) = shown { reply.with("date", http_date(shown)) } else { reply }
}

fn undated(shared: &Shared, ask: &Ask, endpoint: &str, api: Api, number: u64, fault: Option<&FaultKind>) -> Reply {
    let options = &shared.options;
    let now = instant(shared.now_ms());
    if let Some(FaultKind::TooManyRequests | FaultKind::RateLimited(_)) = fault {
        let header = if let Some(FaultKind::RateLimited(header)) = fault { *header } else { options.retry_header };
        return Charge::spent(options, api).refuse(header, api, now, number);
    }
    let charge = shared.charge(api);
    if charge.exceeded {
        return charge.refuse(options.retry_header, api, now, number);
    }
    let reply = fault.and_then(|fault| fault::instead(fault, api, ask, &options.elsewhere)).unwrap_or_else(|| {
        let refused =
            if api == Api::Atlassian { atlassian::unauthorized(shared, ask) } else { bitbucket::unauthorized(shared, ask) };
        refused.unwrap_or_else(|| route(shared, ask, endpoint, fault == Some(&FaultKind::DuplicateEvents)))
    });
    let reply = match fault {
        Some(FaultKind::WrongContentType) => Reply { kind: "text/html", ..reply },
        Some(fault) => spoil(fault, reply, ask, &options.elsewhere, number),
        None => reply,
    };
    charge.tell(reply, api, now)
}

/// The names under which requests are counted and faults are placed.
pub(super) const ENDPOINTS: [&str; 12] = [
    "events-stream",
    "event-actions",
    "api-tokens",
    "user",
    "members",
    "permissions",
    "permissions/repositories",
    "permissions/repositories/one",
    "repositories",
    "deploy-keys",
    "removed",
    "unknown",
];

/// The name under which requests are counted, and whose budget pays.
pub(super) fn endpoint(path: &str) -> (&'static str, Api) {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["admin", "v1", "orgs", _, "events-stream"] => ("events-stream", Api::Atlassian),
        ["admin", "v1", "orgs", _, "event-actions"] => ("event-actions", Api::Atlassian),
        ["admin", "api-access", "v1", "orgs", _, "api-tokens"] => ("api-tokens", Api::Atlassian),
        ["2.0", "user"] => ("user", Api::Bitbucket),
        ["2.0", "workspaces", _, "members"] => ("members", Api::Bitbucket),
        ["2.0", "workspaces", _, "permissions"] => ("permissions", Api::Bitbucket),
        ["2.0", "workspaces", _, "permissions", "repositories"] => ("permissions/repositories", Api::Bitbucket),
        ["2.0", "workspaces", _, "permissions", "repositories", _] => ("permissions/repositories/one", Api::Bitbucket),
        ["2.0", "repositories", _] => ("repositories", Api::Bitbucket),
        ["2.0", "repositories", _, _, "deploy-keys"] => ("deploy-keys", Api::Bitbucket),
        ["2.0", "workspaces" | "repositories" | "snippets"] | ["2.0", "user", "permissions", _] => ("removed", Api::Bitbucket),
        ["2.0", ..] => ("unknown", Api::Bitbucket),
        _ => ("unknown", Api::Atlassian),
    }
}

fn route(shared: &Shared, ask: &Ask, endpoint: &str, duplicate: bool) -> Reply {
    let parts: Vec<&str> = ask.path.trim_matches('/').split('/').collect();
    let organization = |index: usize| parts.get(index) == Some(&shared.organization.as_str());
    let foreign = || Reply::atlassian_error(403, "FORBIDDEN", "The key does not administer this organization");
    let reply = match endpoint {
        "events-stream" | "event-actions" if !organization(3) => Ok(foreign()),
        "api-tokens" if !organization(4) => Ok(foreign()),
        "events-stream" => Ok(atlassian::events(shared, ask, duplicate)),
        "event-actions" => Ok(atlassian::actions()),
        "api-tokens" => Ok(atlassian::tokens(shared, ask)),
        "user" => Ok(bitbucket::user(shared)),
        "removed" => Ok(bitbucket::removed()),
        "members" => bitbucket::members(shared, ask, parts[2]),
        "permissions" => bitbucket::permissions(shared, ask, parts[2]),
        "permissions/repositories" => bitbucket::repository_permissions(shared, ask, parts[2]),
        "permissions/repositories/one" => bitbucket::permissions_on(shared, ask, parts[2], parts[5]),
        "repositories" => bitbucket::repositories(shared, ask, parts[2]),
        "deploy-keys" => bitbucket::deploy_keys(shared, ask, parts[2], parts[3]),
        _ if parts.first() == Some(&"2.0") => Ok(Reply::bitbucket_error(404, "Resource not found")),
        _ => Ok(Reply::atlassian_error(404, "NOT_FOUND", "Not found")),
    };
    reply.unwrap_or_else(|refusal| refusal)
}
