//! Pages that do not lie ready: the ranking as somebody asks for it, one row, one team, coverage, forecasts.
//!
//! What is asked goes to the daemon, which answers from the judgement that the page shows. Answers cost reading and
//! rendering, so few are made at one time, and who waits too long is told to come again.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use futures_util::future::BoxFuture;

use super::{
    Document, Served,
    routes::{HTML, Shelf, Watched, no_document, page, plain},
};
use crate::report::html;

/// Answers that are made at one time. A reader of the store fewer than there are, so that the next judgement never waits
/// for readers of the page.
pub(super) const PLACES: usize = 2;

/// Parameters of one request, and characters of each: forms send a dozen short ones.
const MAX_PARAMETERS: usize = 20;
const MAX_PARAMETER_CHARS: usize = 500;

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The page, with parameters that choose and sort its rows.
    Ranking(Vec<(String, String)>),
    Integration(String),
    User(String),
    Team(String),
    Coverage,
    Forecasts,
}

/// What is answered, each with its HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Html(String),
    /// It is found at this path.
    Moved(String),
    Unknown(String),
    /// It cannot be asked so.
    Refused(String),
}

type Answering = dyn Fn(Asked) -> BoxFuture<'static, anyhow::Result<Answer>> + Send + Sync;

/// The way to the daemon: answers what is asked from one judgement.
#[derive(Clone)]
pub struct Pages(Arc<Answering>);

impl Pages {
    pub fn new(answer: impl Fn(Asked) -> BoxFuture<'static, anyhow::Result<Answer>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pages")
    }
}

pub(super) fn router(served: Watched) -> Router {
    let shelf = Shelf::new(served, PLACES);
    Router::new()
        .route("/", get(ranking))
        .route(
            "/integrations/{id}",
            get(async |shelf: State<Shelf>, id: Path<String>| answer(shelf.0, Asked::Integration(id.0)).await),
        )
        .route("/users/{id}", get(async |shelf: State<Shelf>, id: Path<String>| answer(shelf.0, Asked::User(id.0)).await))
        .route("/teams/{name}", get(async |shelf: State<Shelf>, name: Path<String>| answer(shelf.0, Asked::Team(name.0)).await))
        .route("/coverage", get(async |shelf: State<Shelf>| answer(shelf.0, Asked::Coverage).await))
        .route("/forecasts", get(async |shelf: State<Shelf>| answer(shelf.0, Asked::Forecasts).await))
        .with_state(shelf)
}

/// The page: as it lies ready, or as its parameters want it.
async fn ranking(State(shelf): State<Shelf>, uri: Uri) -> Response {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) else {
        return plain(StatusCode::BAD_REQUEST, "The parameters cannot be read.\n");
    };
    if pairs.is_empty() {
        return page(&shelf.served);
    }
    let long = |text: &String| text.chars().count() > MAX_PARAMETER_CHARS;
    if pairs.len() > MAX_PARAMETERS || pairs.iter().any(|(name, value)| long(name) || long(value)) {
        return plain(StatusCode::BAD_REQUEST, "These are more or longer parameters than the page has.\n");
    }
    answer(shelf, Asked::Ranking(pairs)).await
}

async fn answer(shelf: Shelf, asked: Asked) -> Response {
    let served = shelf.served.borrow().clone();
    let Some(document) = served.document.clone() else { return no_document(&served.readiness) };
    let place = match shelf.place().await {
        Ok(place) => place,
        Err(busy) => return busy,
    };
    let answering = (document.pages.0)(asked);
    // Apart from the connection: a caller who hangs up gives no place free before the work is done.
    let made = tokio::spawn(async move {
        let _place = place;
        answering.await
    });
    match made.await.unwrap_or_else(|error| Err(error.into())) {
        Ok(Answer::Html(html)) => as_page(StatusCode::OK, html, &served, &document),
        Ok(Answer::Unknown(html)) => as_page(StatusCode::NOT_FOUND, html, &served, &document),
        Ok(Answer::Refused(html)) => as_page(StatusCode::BAD_REQUEST, html, &served, &document),
        Ok(Answer::Moved(path)) => Redirect::temporary(&path).into_response(),
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "a page could not be made");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made; the reason is in the log of the service.\n")
        }
    }
}

/// HTML under the policy of the page, with what keeps it from being up to date.
fn as_page(status: StatusCode, html: String, served: &Served, document: &Document) -> Response {
    let html = if served.trouble.is_empty() { html } else { html::with_trouble(&html, &served.trouble) };
    let mut response = (status, [(header::CONTENT_TYPE, HTML)], html).into_response();
    response.headers_mut().extend(policy(document));
    response
}

/// A policy that is no header value costs the page its style, not the caller the policy.
pub(super) fn policy(document: &Document) -> Option<(HeaderName, HeaderValue)> {
    Some((header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(&document.page_policy).ok()?))
}
