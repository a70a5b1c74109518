//! The way in: for readers the page, the report, the CSV package and the health of the service, for senders the intake.
//!
//! The page and the report were rendered before and lie in memory as [`Served`], and the package is written from there to who
//! asks ([`Files`]): names in a URL reach no path, and serving goes on when the disk does not. Single rows and other orders of
//! the ranking are asked of the daemon ([`Pages`]), a few at a time. The room hides HTTP, its limits, who may read and who may
//! send.
//!
//! Absent: rendering (`report`), when the document changes (`daemon` sends a new one through the watch channel), what stands
//! behind a row (`daemon`), what is done with evidence (`daemon` takes it from a channel), and TLS.

mod access;
mod connections;
mod files;
mod intake;
mod pages;
mod pulse;
mod routes;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use files::Files;
pub use intake::{Delivery, Intake, Receipt, Reply};
pub use pages::{Answer, Asked, Pages};
pub use pulse::Pulse;

/// Where the service listens and who may read.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    /// Required unless `listen` is a loopback address.
    pub token: Option<SecretString>,
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
    /// Empty while everything works; else one line for each source or part that does not, and since when.
    pub not_ready: Vec<String>,
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
    pub report_json: Bytes,
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
    TcpListener::bind(options.listen).await.map_err(|error| StartError::Listen(options.listen, error))
}

/// Serves until `stop`, then lets running answers finish within a time limit.
pub async fn run(
    listener: TcpListener,
    token: Option<SecretString>,
    served: watch::Receiver<Arc<Served>>,
    intake: Option<Intake>,
    stop: CancellationToken,
) {
    connections::accept(listener, routes::router(token, served, intake), stop, connections::LIMITS).await;
}
