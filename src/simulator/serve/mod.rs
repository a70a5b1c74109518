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
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{World, inventory};
use limit::Budget;
use route::{Shared, answer, endpoint};
use socket::{Breakable, Fuse};

mod arrivals;
mod atlassian;
mod bitbucket;
mod fault;
mod kinds;
mod limit;
mod options;
mod refusals;
mod reply;
mod route;
mod socket;
mod spoil;
mod wire;

#[cfg(test)]
mod tests;

pub use arrivals::Arrivals;
pub use kinds::{Fault, FaultKind, Odd, When};
pub use options::{EndOfStream, NextForm, RetryHeader, ServeOptions};
pub use refusals::Refusal;

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
        arrivals: Mutex::default(),
        number: AtomicU64::new(0),
        faults: Mutex::new(fault::Faults::new(options.faults.clone(), options.fault_seed)),
        world,
        options,
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let app = Router::new().fallback(handle).with_state(Arc::clone(&shared)).into_make_service_with_connect_info::<Fuse>();
    let task = tokio::spawn(async move {
        // The sender either sends or is dropped; both mean stop.
        let until = async move { stopped.await.unwrap_or(()) };
        axum::serve(Breakable(listener), app).with_graceful_shutdown(until).await
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

    /// Plays other faults from now on, each of which counts its requests anew; none is a calm day.
    pub fn disturb(&self, faults: Vec<Fault>, seed: u64) {
        self.shared.faults().replace(faults, seed);
    }

    /// How often each kind of fault has struck.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.shared.faults().struck().clone()
    }

    /// Stops listening and waits for what is under way.
    ///
    /// # Errors
    /// When the listener had failed.
    pub async fn shutdown(self) -> io::Result<()> {
        drop(self.stop);
        let abort = self.task.abort_handle();
        if let Ok(joined) = tokio::time::timeout(SHUTDOWN_PATIENCE, self.task).await {
            return joined.unwrap_or_else(|error| Err(io::Error::other(error)));
        }
        abort.abort();
        Ok(())
    }
}

async fn handle(State(shared): State<Arc<Shared>>, ConnectInfo(fuse): ConnectInfo<Fuse>, request: Request) -> Response {
    let (ask, gzip) = wire::ask(&request);
    let number = shared.number.fetch_add(1, Ordering::Relaxed);
    let (endpoint, api) = endpoint(&ask.path);
    shared.arrivals().note(api);
    let fault = shared.faults().strike(endpoint);
    let reply = answer(&shared, &ask, endpoint, api, number, fault.as_ref());
    *shared.counts.lock().unwrap_or_else(PoisonError::into_inner).entry((endpoint, reply.status)).or_default() += 1;
    wire::respond(reply, gzip, fault.as_ref(), &fuse).await
}
