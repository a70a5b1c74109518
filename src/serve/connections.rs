//! Connections and their limits. `axum::serve` sets none, so hyper is driven directly.
//!
//! A connection carries one request: what a caller puts behind it is read by nobody, however the request's length was told
//! (RFC 9112, 11.2).

use std::net::SocketAddr;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Doors, access::Caller, head::Headed};

/// Open connections; further ones wait in the listener's queue. Readers and senders are few, and each costs a buffer.
const MAX_CONNECTIONS: usize = 256;

/// One connection, whatever it does: a caller that reads one byte a minute does not keep its place.
const CONNECTION_LIMIT: Duration = Duration::from_secs(300);

/// Bytes of request line and headers; browsers send about one KiB.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Pause after a refused accept (usually: no free file descriptor), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long callers are waited for.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// For the request line and headers: a caller that says nothing is not waited for.
    pub header: Duration,
    /// Running answers after the stop: only slow callers need longer.
    pub stop: Duration,
}

pub(super) const LIMITS: Limits = Limits { header: Duration::from_secs(10), stop: Duration::from_secs(5) };

pub(super) async fn accept(
    listener: TcpListener,
    router: Router,
    doors: watch::Receiver<Arc<Doors>>,
    stop: CancellationToken,
    limits: Limits,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some((stream, peer, place)) = stop.run_until_cancelled(next(&listener, &places, &mut connections)).await {
        let (router, doors, stop) = (router.clone(), doors.clone(), stop.clone());
        connections.spawn(async move {
            welcome(stream, peer, router, doors, stop, limits.header).await;
            drop(place);
        });
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.stop, finished).await.is_err() {
        tracing::warn!(open = connections.len(), "callers were cut off at the stop");
    }
}

/// The next connection and its place. Meanwhile, ended connections are collected.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    ended: &mut JoinSet<()>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
        while let Some(result) = ended.try_join_next() {
            if let Err(error) = result {
                tracing::error!(panic = error.is_panic(), "answering a caller failed");
            }
        }
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "a connection to the page could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Agrees on TLS where there is a certificate, the present one, and converses.
async fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    doors: watch::Receiver<Arc<Doors>>,
    stop: CancellationToken,
    header_limit: Duration,
) {
    let acceptor = doors.borrow().access.tls.as_ref().map(super::tls::Tls::acceptor);
    let caller = Caller { address: peer.ip().to_canonical(), by_tls: acceptor.is_some() };
    let Some(acceptor) = acceptor else { return converse(stream, caller, router, stop, header_limit).await };
    match tokio::time::timeout(header_limit, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, caller, router, stop, header_limit).await,
        Ok(Err(error)) => tracing::debug!(%error, "a caller and the page did not agree on TLS"),
        Err(_) => tracing::debug!("a caller took too long to agree on TLS"),
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    caller: Caller,
    router: Router,
    stop: CancellationToken,
    header_limit: Duration,
) {
    let routed = TowerToHyperService::new(router);
    let asked = Arc::new(AtomicBool::new(false));
    let noting = Arc::clone(&asked);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        noting.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(caller);
        routed.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .header_read_timeout(header_limit)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(Headed::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let conversation = async {
        tokio::select! {
            result = connection.as_mut() => result,
            () = stop.cancelled() => if asked.load(Ordering::Relaxed) { connection.as_mut().await } else { Ok(()) },
        }
    };
    match tokio::time::timeout(CONNECTION_LIMIT, conversation).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection to the page ended early"),
        Err(_) => tracing::debug!("a connection to the page reached its time limit"),
    }
}
