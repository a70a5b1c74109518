//! What is answered to what.

use std::{sync::Arc, time::Duration};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::{
    Document, Doors, Pulse, Readiness, Served,
    access::{Caller, Turned},
    failures::Failures,
    files, intake, pages,
};
use crate::report::{html, inert, prometheus};

pub(super) const HTML: &str = "text/html; charset=utf-8";
const CALENDAR: &str = "text/calendar; charset=utf-8; method=PUBLISH";
const PLAIN: &str = "text/plain; charset=utf-8";

/// How long one waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// The two paths that machines ask without a token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// The policy of every answer but the page, which brings its own.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) type Watched = watch::Receiver<Arc<Served>>;

/// What is shown, and the places of those whom something of it is made for at one time.
#[derive(Clone)]
pub(super) struct Shelf {
    pub(super) served: Watched,
    places: Arc<Semaphore>,
}

impl Shelf {
    pub(super) fn new(served: Watched, places: usize) -> Self {
        Self { served, places: Arc::new(Semaphore::new(places)) }
    }

    /// One of the places; who finds none free in time is told when to come again.
    pub(super) async fn place(self) -> Result<OwnedSemaphorePermit, Response> {
        let Ok(Ok(place)) = timeout(PATIENCE, self.places.acquire_owned()).await else {
            let again = [(header::RETRY_AFTER, PATIENCE.as_secs().to_string())];
            let words = "Others are being answered. Come again in a moment.\n";
            return Err((again, plain(StatusCode::SERVICE_UNAVAILABLE, words)).into_response());
        };
        Ok(place)
    }
}

/// What stands between a caller and everything else.
#[derive(Clone)]
pub(super) struct Gate {
    doors: watch::Receiver<Arc<Doors>>,
    pub(super) failures: Arc<Failures>,
}

impl Gate {
    /// As they are now.
    pub(super) fn doors(&self) -> Arc<Doors> {
        Arc::clone(&self.doors.borrow())
    }
}

pub(super) fn router(doors: watch::Receiver<Arc<Doors>>, served: Watched) -> Router {
    let gate = Gate { doors, failures: Arc::default() };
    let pages = Router::new()
        .route("/metrics", get(metrics))
        .route("/calendar.ics", get(calendar))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .with_state(served.clone())
        .merge(files::router(served.clone()))
        .merge(pages::router(served))
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async { plain(StatusCode::METHOD_NOT_ALLOWED, "This can only be read.\n") })
        .layer(middleware::from_fn_with_state(gate.clone(), admit));
    // Senders have tokens of their own, and bodies.
    pages.merge(intake::router(gate)).layer(middleware::from_fn(address)).layer(middleware::from_fn(secure))
}

/// Refuses a request that names two hosts, of which a proxy may have looked at the other one, or none (RFC 9112, 3.2).
async fn address(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    // HTTP/1.0 is older than the header.
    if hosts > 1 || (hosts == 0 && request.version() != Version::HTTP_10) {
        return plain(StatusCode::BAD_REQUEST, "A request names one host.\n");
    }
    next.run(request).await
}

/// Refuses strangers and bodies before anything is looked up, so that a stranger learns no path.
async fn admit(State(gate): State<Gate>, Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    let doors = gate.doors();
    let admitted = if OPEN.contains(&request.uri().path()) {
        doors.access.admit_to_health(request.headers())
    } else {
        doors.access.admit(caller, request.headers(), &gate.failures)
    };
    if let Err(turned) = admitted {
        return turn(turned);
    }
    if !request.body().is_end_stream() {
        let close = [(header::CONNECTION, "close")];
        return (close, plain(StatusCode::PAYLOAD_TOO_LARGE, "Requests here have no body.\n")).into_response();
    }
    next.run(request).await
}

fn turn(turned: Turned) -> Response {
    match turned {
        Turned::Away => {
            let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"duskwatch\", charset=\"UTF-8\"")];
            (ask, plain(StatusCode::UNAUTHORIZED, "A token is required.\n")).into_response()
        }
        Turned::Later(wait) => {
            let again = [(header::RETRY_AFTER, (wait.as_secs() + 1).to_string())];
            (again, plain(StatusCode::TOO_MANY_REQUESTS, "Too many wrong tokens came from your address.\n")).into_response()
        }
        Turned::Elsewhere => {
            plain(StatusCode::MISDIRECTED_REQUEST, "Without a token this answers only to its own loopback address.\n")
        }
    }
}

/// The headers of every answer. Nothing is loaded from elsewhere, nothing is kept, nobody frames it; and whoever came
/// by TLS once comes by TLS.
async fn secure(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if caller.by_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The page as it lies ready.
pub(super) fn page(served: &Watched) -> Response {
    let served = served.borrow();
    let mut response = from_document(&served, |document| {
        let page = document.page_html.clone();
        if served.trouble.is_empty() {
            return (HTML, page);
        }
        (HTML, html::with_trouble(&String::from_utf8_lossy(&page), &served.trouble).into())
    });
    response.headers_mut().extend(served.document.as_ref().and_then(|document| pages::policy(document)));
    response
}

async fn calendar(State(served): State<Watched>) -> Response {
    from_document(&served.borrow(), |document| (CALENDAR, document.calendar.clone()))
}

async fn metrics(State(served): State<Watched>) -> Response {
    let served = served.borrow();
    let metrics = served.metrics.clone();
    if metrics.is_empty() {
        return no_document(&served.readiness);
    }
    ([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], metrics).into_response()
}

async fn health(State(served): State<Watched>) -> Response {
    match served.borrow().pulse.as_ref().and_then(Pulse::stands_still) {
        None => plain(StatusCode::OK, "The service runs.\n"),
        Some(silent) => {
            let words = format!("The service has stood still for {} s: start it anew.\n", silent.as_secs());
            plain(StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }
}

async fn ready(State(served): State<Watched>) -> Response {
    let Readiness { not_ready, in_part } = &served.borrow().readiness;
    match not_ready.as_slice() {
        [] => plain(StatusCode::OK, lines(&[&["Ready.".to_owned()], in_part.as_slice()].concat())),
        not_ready => plain(StatusCode::SERVICE_UNAVAILABLE, lines(&[not_ready, in_part].concat())),
    }
}

/// One line each, whatever a server far away has put into the reason.
fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| inert::record(line) + "\n").collect()
}

fn from_document<B: Into<Body>>(served: &Served, pick: impl Fn(&Document) -> (&'static str, B)) -> Response {
    let Some(document) = &served.document else { return no_document(&served.readiness) };
    let (kind, body) = pick(document);
    of_document(document, kind, body)
}

pub(super) fn of_document(document: &Document, kind: &str, body: impl Into<Body>) -> Response {
    let made_at = DateTimePrinter::new().timestamp_to_rfc9110_string(&document.made_at).unwrap_or_default();
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::LAST_MODIFIED, made_at)], body.into()).into_response()
}

pub(super) fn nothing_here() -> Response {
    plain(StatusCode::NOT_FOUND, "There is nothing here.\n")
}

/// There is no report yet, and perhaps there is none because of what is not as it should be.
pub(super) fn no_document(Readiness { not_ready, in_part }: &Readiness) -> Response {
    let words = [&["The first report is being made.".to_owned()], not_ready.as_slice(), in_part.as_slice()].concat();
    plain(StatusCode::SERVICE_UNAVAILABLE, lines(&words))
}

pub(super) fn plain(status: StatusCode, words: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, PLAIN)], words.into()).into_response()
}
