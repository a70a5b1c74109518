//! The APIs through which a world is seen, on a local socket.
//!
//! Hidden here: routing, authentication, paging, request budgets, faults. A handler is a plain function from what was asked
//! to a reply; HTTP is only at the edge.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{
    World,
    inventory::{self, Token},
};
use crate::evidence::time::instant;
use limit::{Api, Budget, Charge};
use reply::{Ask, Reply};

mod atlassian;
mod bitbucket;
mod fault;
mod limit;
mod options;
mod reply;
mod wire;

pub use options::{EndOfStream, Fault, FaultKind, NextForm, RetryHeader, ServeOptions, When};

/// What every request sees.
#[derive(Debug)]
struct Shared {
    world: Arc<World>,
    options: ServeOptions,
    organization: String,
    tokens: Vec<Token>,
    by_user: HashMap<usize, Vec<u32>>,
    now_ms: AtomicI64,
    atlassian: Mutex<Budget>,
    bitbucket: Mutex<Budget>,
    counts: Mutex<BTreeMap<(&'static str, u16), u64>>,
    number: AtomicU64,
    faults: fault::Faults,
}

impl Shared {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn charge(&self, api: Api) -> Charge {
        let budget = if api == Api::Atlassian { &self.atlassian } else { &self.bitbucket };
        budget.lock().unwrap_or_else(PoisonError::into_inner).charge()
    }
}

/// The simulated APIs, until they are shut down.
#[derive(Debug)]
pub struct Server {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

/// A caller that keeps its connection longer than this at a shutdown is cut off.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// Serves a world, seen from the `now` it was generated for until [`Server::set_now`] moves it.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(world: Arc<World>, options: ServeOptions) -> io::Result<Server> {
    let listener = TcpListener::bind(options.listen).await?;
    let addr = listener.local_addr()?;
    let mut by_user: HashMap<usize, Vec<u32>> = HashMap::new();
    for integration in &world.integrations {
        by_user.entry(integration.user).or_default().push(integration.id);
    }
    let shared = Arc::new(Shared {
        organization: world.organization().id,
        tokens: inventory::generate(&world),
        by_user,
        now_ms: AtomicI64::new(world.now().as_millisecond()),
        atlassian: Mutex::new(Budget::new(options.requests_per_minute, options.minute)),
        bitbucket: Mutex::new(Budget::new(options.requests_per_hour, options.minute * 60)),
        counts: Mutex::default(),
        number: AtomicU64::new(0),
        faults: fault::Faults::new(options.faults.clone(), options.fault_seed),
        world,
        options,
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
    let task = tokio::spawn(async move {
        // The sender either sends or is dropped; both mean stop.
        let until = async move { stopped.await.unwrap_or(()) };
        axum::serve(listener, app).with_graceful_shutdown(until).await
    });
    Ok(Server { addr, shared, stop, task })
}

impl Server {
    /// The base address of the organisation's APIs.
    pub fn atlassian_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The base address of Bitbucket's API.
    pub fn bitbucket_url(&self) -> String {
        format!("http://{}/2.0", self.addr)
    }

    /// Moves the simulated present.
    pub fn set_now(&self, now: Timestamp) {
        self.shared.now_ms.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// How many requests each endpoint answered with which status.
    pub fn requests(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops listening and waits for what is under way.
    ///
    /// # Errors
    /// When the listener had failed.
    pub async fn shutdown(self) -> io::Result<()> {
        drop(self.stop);
        let abort = self.task.abort_handle();
        match tokio::time::timeout(SHUTDOWN_PATIENCE, self.task).await {
            Ok(joined) => joined.unwrap_or_else(|error| Err(io::Error::other(error))),
            Err(_) => {
                abort.abort();
                Ok(())
            }
        }
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (ask, gzip) = wire::ask(&request);
    let number = shared.number.fetch_add(1, Ordering::Relaxed);
    let (endpoint, api) = endpoint(&ask.path);
    let fault = shared.faults.strike(endpoint);
    let reply = answer(&shared, &ask, endpoint, api, number, fault.as_ref());
    *shared.counts.lock().unwrap_or_else(PoisonError::into_inner).entry((endpoint, reply.status)).or_default() += 1;
    wire::respond(reply, gzip, fault)
}

fn answer(shared: &Shared, ask: &Ask, endpoint: &str, api: Api, number: u64, fault: Option<&FaultKind>) -> Reply {
    let now = instant(shared.now_ms());
    let charge =
        if fault == Some(&FaultKind::TooManyRequests) { Charge::spent(&shared.options, api) } else { shared.charge(api) };
    if charge.exceeded {
        return charge.refuse(&shared.options, api, now, number);
    }
    let reply = fault.and_then(|fault| fault::instead(fault, api, ask)).unwrap_or_else(|| {
        let refused =
            if api == Api::Atlassian { atlassian::unauthorized(shared, ask) } else { bitbucket::unauthorized(shared, ask) };
        refused.unwrap_or_else(|| route(shared, ask, endpoint, fault == Some(&FaultKind::DuplicateEvents)))
    });
    charge.tell(reply, api, now)
}

/// The name under which requests are counted, and whose budget pays.
fn endpoint(path: &str) -> (&'static str, Api) {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["admin", "v1", "orgs", _, "events-stream"] => ("events-stream", Api::Atlassian),
        ["admin", "v1", "orgs", _, "event-actions"] => ("event-actions", Api::Atlassian),
        ["admin", "api-access", "v1", "orgs", _, "api-tokens"] => ("api-tokens", Api::Atlassian),
        ["2.0", "user"] => ("user", Api::Bitbucket),
        ["2.0", "workspaces", _, "members"] => ("members", Api::Bitbucket),
        ["2.0", "workspaces", _, "permissions"] => ("permissions", Api::Bitbucket),
        ["2.0", "workspaces", _, "permissions", "repositories"] => ("permissions/repositories", Api::Bitbucket),
        ["2.0", "repositories", _] => ("repositories", Api::Bitbucket),
        ["2.0", "repositories", _, _, "deploy-keys"] => ("deploy-keys", Api::Bitbucket),
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
        "members" => bitbucket::members(shared, ask, parts[2]),
        "permissions" => bitbucket::permissions(shared, ask, parts[2]),
        "permissions/repositories" => bitbucket::repository_permissions(shared, ask, parts[2]),
        "repositories" => bitbucket::repositories(shared, ask, parts[2]),
        "deploy-keys" => bitbucket::deploy_keys(shared, ask, parts[2], parts[3]),
        _ if parts.first() == Some(&"2.0") => Ok(Reply::bitbucket_error(404, "Resource not found")),
        _ => Ok(Reply::atlassian_error(404, "NOT_FOUND", "Not found")),
    };
    reply.unwrap_or_else(|refusal| refusal)
}
