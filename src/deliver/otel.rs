//! OpenTelemetry over OTLP: metrics, events, and on request the logs and traces of the service itself.
//!
//! The caller publishes whole sets of figures; what leaves at each interval is the last set, with the instant at which it was
//! measured. A counter begins with the store, not with the process, and goes on after a restart; the SDK's counters can only
//! begin with the process, so metrics are written onto the wire here. OTLP is lossy by design: a set that does not arrive is
//! replaced by the next one, and what must not be lost (events) waits with the caller.
//!
//! Hidden: the messages of the protocol, HTTP and gRPC, TLS, retries, and the SDK behind logs and traces. Absent: what is
//! measured (`report` and `daemon`), and every global provider, which stays unset.

mod grpc;
mod own;
mod probe;
mod sender;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::SendError;
use crate::{
    network::Network,
    report::{Figure, FigureKind},
};
use sender::{Sender, Signal};

pub use own::Own;
pub use probe::probe;
pub use sender::{check_endpoint, header};
pub use wire::{Event, encode};

/// Where everything goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The collector's base address, such as `http://127.0.0.1:4318` (`/v1/metrics` and its like are added for HTTP).
    pub endpoint: String,
    pub protocol: Protocol,
    pub interval: Duration,
    /// Sent with every export, for collectors that ask for a key.
    pub headers: Vec<(String, SecretString)>,
    pub network: Network,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Grpc,
}

/// Who exports: the resource attributes `service.*`.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    pub version: String,
    pub instance_id: String,
}

/// How the exports of metrics went in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    pub accepted: u64,
    pub failed: u64,
    /// Why the last one failed; none when the last one was accepted.
    pub last_error: Option<String>,
}

/// The running exporter. Stop it with [`Exporter::shutdown`]; one that is dropped exports nothing more.
pub struct Exporter {
    shared: Arc<Shared>,
    timer: JoinHandle<()>,
}

struct Shared {
    sender: Sender,
    service: Service,
    published: Mutex<Published>,
    exports: Mutex<Exports>,
}

/// The last set.
#[derive(Default)]
struct Published {
    figures: Vec<Figure>,
    since: Timestamp,
    at: Timestamp,
    /// The highest total of every counter so far.
    totals: BTreeMap<Series, f64>,
}

type Series = (&'static str, Vec<(&'static str, String)>);

impl Exporter {
    /// Starts exporting every interval, on the runtime that it is called on; for `https` a rustls provider must be installed.
    /// The collector need not be there yet.
    pub fn start(options: &Options, service: &Service) -> Result<Self> {
        let shared = Arc::new(Shared {
            sender: Sender::new(options)?,
            service: service.clone(),
            published: Mutex::default(),
            exports: Mutex::default(),
        });
        let (ticking, every) = (Arc::clone(&shared), options.interval);
        let timer = tokio::spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick is at once, before anything was published.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                // How it went is in the exports: nobody waits for it here.
                drop(ticking.export().await);
            }
        });
        Ok(Self { shared, timer })
    }

    /// Replaces what is exported: figures as measured `at` an instant, counters as counted `since` one. A figure that is no
    /// finite number is left out: unknown is not zero. Counters never fall: a total below an earlier one is held at that one.
    pub fn publish(&self, figures: &[Figure], since: Timestamp, at: Timestamp) {
        let mut published = lock(&self.shared.published);
        let mut next: Vec<Figure> = figures.iter().filter(|figure| figure.value.is_finite()).cloned().collect();
        for figure in next.iter_mut().filter(|figure| figure.kind == FigureKind::Counter) {
            let highest = published.totals.entry((figure.name, figure.attributes.clone())).or_insert(0.0);
            *highest = highest.max(figure.value);
            figure.value = *highest;
        }
        (published.figures, published.since, published.at) = (next, since, at);
    }

    /// How the exports went so far, the timed ones included: nobody else hears of those.
    pub fn exports(&self) -> Exports {
        lock(&self.shared.exports).clone()
    }

    /// Exports now. An error says that the collector did not take it, or not within `limit`.
    pub async fn flush(&self, limit: Duration) -> Result<()> {
        match timeout(limit, self.shared.export()).await {
            Ok(result) => result.context("the metrics could not be exported"),
            Err(_) => Err(anyhow!("the metrics could not be exported within {limit:?}")),
        }
    }

    /// Sends what [`encode`] made, once; whoever has it keeps it until this succeeds.
    ///
    /// # Errors
    /// Permanent when nothing is left to wait for: a part was taken, so that all of it again would bring that part twice.
    pub async fn send(&self, encoded: &[u8]) -> Result<(), SendError> {
        let decoded = wire::decoded(encoded).map_err(|error| SendError::for_good(format!("{error:#}")))?;
        self.shared.sender.send(&Signal::Logs(decoded)).await
    }

    /// Exports a last time and stops. After `limit` the export is left to its fate.
    pub async fn shutdown(&self, limit: Duration) -> Result<()> {
        self.timer.abort();
        self.flush(limit).await
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

impl Shared {
    async fn export(&self) -> Result<()> {
        let request = {
            let published = lock(&self.published);
            if published.figures.is_empty() {
                return Ok(());
            }
            wire::metrics(&self.service, &published.figures, published.since, published.at)
        };
        let result = self.sender.send(&Signal::Metrics(request)).await;
        let mut exports = lock(&self.exports);
        exports.last_error = result.as_ref().err().map(|error| format!("{error:#}"));
        if result.is_ok() {
            exports.accepted += 1;
        } else {
            exports.failed += 1;
        }
        Ok(result?)
    }
}

/// The data behind the lock is replaced as a whole, so a panic elsewhere leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
