//! The way in: for readers the page, the report, the CSV package and the health of the service, for senders the intake.
//!
//! The page was rendered before and lies in memory with the report as [`Served`]; the report as JSON ([`OnDemand`]) and the
//! package ([`Files`]) are written from there to who asks: names in a URL reach no path, and serving goes on when the disk does
//! not. Single rows and other orders of the ranking are asked of the daemon ([`Pages`]). All of these a few at a time. The room
//! hides HTTP, its limits, who may read and who may send.
//!
//! Absent: rendering (`report`), when the document changes (`daemon` sends a new one through the watch channel), what stands
//! behind a row (`daemon`), what is done with evidence (`daemon` takes it from a channel).

mod access;
mod connections;
mod failures;
mod files;
mod head;
mod intake;
mod pages;
mod pulse;
mod routes;
#[cfg(test)]
mod tests;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use access::{Access, TrustedProxy};
pub use files::{Files, OnDemand};
pub use intake::{Intake, Pushed, Receipt, Reply};
pub use pages::{Answer, Asked, Pages};
pub use pulse::Pulse;
pub use tls::Tls;

/// Where the service listens and who may read.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub access: Access,
}

/// What callers meet; it may change while the service runs, and holds from the next request on.
#[derive(Default)]
pub struct Doors {
    pub access: Access,
    /// None where nobody may push evidence.
    pub intake: Option<Intake>,
}

/// What callers are shown.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// None until the first report was built.
    pub document: Option<Arc<Document>>,
    /// None where nothing turns: one document is shown, and nothing else happens.
    pub pulse: Option<Pulse>,
    /// The metrics in Prometheus' text format; empty until they were first measured.
    pub metrics: Bytes,
    pub readiness: Readiness,
    /// What keeps the document from being up to date, or from leaving, and since when: a sentence each.
    pub trouble: Vec<String>,
}

/// What is not as it should be, one line for each source or part of the service, since when and why.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    /// Empty while the store is open and every source fresh.
    pub not_ready: Vec<String>,
    /// What keeps nobody from looking: sources that are read but for a part, parts of the service that fail.
    pub in_part: Vec<String>,
}

/// One report in all its forms.
#[derive(Clone, Debug)]
pub struct Document {
    pub made_at: Timestamp,
    /// What does not lie ready.
    pub pages: Pages,
    pub page_html: Bytes,
    /// The page's `Content-Security-Policy`: only its own style and script.
    pub page_policy: String,
    pub report_json: OnDemand,
    pub calendar: Bytes,
    /// The CSV package.
    pub files: Files,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0} can be reached from other machines: a token is required ([http] token)")]
    TokenRequired(SocketAddr),
    #[error("the token for the page is empty")]
    EmptyToken,
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// Opens the listening socket, once it is clear that strangers cannot read.
pub async fn listen(options: &Options) -> Result<TcpListener, StartError> {
    access::check(options)?;
    let bound = TcpListener::bind(options.listen).await;
    let listener = bound.map_err(|error| StartError::Listen(options.listen, error))?;
    if let Ok(address) = listener.local_addr()
        && access::is_in_clear_text(options, address)
    {
        tracing::warn!(%address, "the page is served without TLS: tokens and names can be read on their way; set [http] tls");
    }
    Ok(listener)
}

/// Serves until `stop`, then lets running answers finish within a time limit.
pub async fn run(
    listener: TcpListener,
    doors: watch::Receiver<Arc<Doors>>,
    served: watch::Receiver<Arc<Served>>,
    stop: CancellationToken,
) {
    connections::accept(listener, routes::router(doors.clone(), served), doors, stop, connections::LIMITS).await;
}
