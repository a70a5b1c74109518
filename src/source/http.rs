//! One HTTP client per credential. It sends the credential to its own origin only, follows no redirect, bounds times and
//! bodies, spends from the request budget, and turns every answer into text or a [`FetchError`].

pub(super) mod asking;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use data_encoding::BASE64;
use jiff::Timestamp;
use reqwest::{
    StatusCode,
    header::{ACCEPT, AGE, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use super::{
    FetchError, Outage, Unread,
    budget::Budget,
    headers::RateSigns,
    refusal::refusal,
    retry::{Gate, persist},
};
use crate::{network::Network, tls};

/// The largest body that is read: 500 audit events with fields of many kilobytes each still fit.
const MAX_BODY_BYTES: usize = 32 << 20;
/// Error bodies are read only as far as their message goes.
const MAX_ERROR_BODY_BYTES: usize = 64 << 10;
/// The time one request may take, body included; a slower server is as good as none.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How a client signs in.
#[derive(Clone, Debug)]
pub enum Auth {
    Bearer(SecretString),
    Basic { email: String, token: SecretString },
}

/// Sections of one configuration may name the same credential.
impl PartialEq for Auth {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bearer(a), Self::Bearer(b)) => a.expose_secret() == b.expose_secret(),
            (Self::Basic { email: a, token: s }, Self::Basic { email: b, token: t }) => {
                a == b && s.expose_secret() == t.expose_secret()
            }
            _ => false,
        }
    }
}

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub base_url: Url,
    pub auth: Auth,
    /// The vendor's limits for this credential, each as requests in a window; `share` of them is ours.
    pub limits: Vec<(u32, Duration)>,
    pub share: f64,
    /// How often a failed request is sent again, at most four times.
    pub retries: usize,
    pub network: Network,
    /// Seed of the jitter.
    pub seed: u64,
}

/// What a client did since it was last asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Requests sent, by status class: `2xx`, `3xx`, `4xx`, `429`, `5xx`, and `none` without an answer.
    pub requests: BTreeMap<&'static str, u64>,
    /// The time from the wish to the answer that was not spent in requests: pacing, told waits, back-off.
    pub waited: Duration,
    /// The used part of our share of the request budget, 0 to 1.
    pub budget_used: f64,
    /// The server's clock, as its last answer told it, and when that was by a stopwatch.
    pub server_time: Option<(Timestamp, std::time::Instant)>,
}

impl Usage {
    /// Whether a request succeeded.
    pub fn is_answered(&self) -> bool {
        self.requests.contains_key("2xx")
    }
}

/// A client for one origin with one credential; clones count their usage together, siblings apart.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    retries: usize,
    gate: Arc<Gate>,
    usage: Arc<Mutex<Usage>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// Builds a client. A TLS provider must have been installed for the process.
    ///
    /// # Errors
    /// An address that credentials must not be sent to, a secret that fits into no header, a certificate file that cannot
    /// be read.
    pub fn new(options: ClientOptions) -> anyhow::Result<Self> {
        let base = options.base_url;
        options.network.check(&base)?;
        let builder = options.network.client(&base)?.default_headers(headers(&options.auth)?).timeout(REQUEST_TIMEOUT);
        let http = builder.gzip(true).build().context("the HTTP client could not be built")?;
        let budget = Budget::new(&options.limits, options.share, Instant::now().into_std());
        let gate = Arc::new(Gate::new(budget, options.seed));
        Ok(Self { http, base, retries: options.retries, gate, usage: Arc::default() })
    }

    /// The same credential and request budget, with a usage of its own: for a second source behind one key.
    pub fn sibling(&self) -> Self {
        Self { usage: Arc::default(), ..self.clone() }
    }

    /// This client with the request budget of another one: of the same credential, before it was set up anew.
    pub fn spending_with(self, other: &Self) -> Self {
        Self { gate: Arc::clone(&other.gate), ..self }
    }

    /// What was sent since the last call.
    pub fn take_usage(&self) -> Usage {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        Usage { budget_used: self.gate.used(), ..std::mem::take(&mut *usage) }
    }

    /// An address below the base, from path segments that are escaped here.
    pub(super) fn url<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http address has path segments").pop_if_empty().extend(segments);
        url
    }

    /// Reads a `next` address of a page.
    ///
    /// # Errors
    /// [`FetchError::ForeignUrl`] when it is none of our own origin, [`FetchError::ForeignCredential`] when it brings
    /// credentials.
    pub(super) fn follow(&self, next: &str) -> Result<Url, FetchError> {
        let url = self.base.join(next).ok().filter(|url| url.origin() == self.base.origin());
        let url = url.ok_or_else(|| FetchError::ForeignUrl { at: place(&self.base), to: origin_of(next) })?;
        if url.username().is_empty() && url.password().is_none() {
            return Ok(url);
        }
        Err(FetchError::ForeignCredential { at: place(&self.base) })
    }

    /// Fetches `url` and reads its body with `read`. A body that cannot be read counts as a failed attempt and is asked for
    /// again, like an outage.
    pub(super) async fn get<T>(&self, url: &Url, read: impl Fn(Reply) -> Result<T, FetchError>) -> Result<T, FetchError> {
        let at = place(url);
        if url.origin() != self.base.origin() {
            return Err(FetchError::ForeignUrl { at: place(&self.base), to: at });
        }
        let (started, busy) = (Instant::now(), Mutex::new(Duration::ZERO));
        let (at_ref, busy_ref, read) = (&at, &busy, &read);
        let outcome = persist(&self.gate, &at, self.retries, || async move {
            let sent = Instant::now();
            let reply = self.send(url, at_ref).await;
            *busy_ref.lock().unwrap_or_else(PoisonError::into_inner) += sent.elapsed();
            read(reply?)
        })
        .await;
        let busy = *busy.lock().unwrap_or_else(PoisonError::into_inner);
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).waited += started.elapsed().saturating_sub(busy);
        outcome
    }

    #[tracing::instrument(name = "fetch", level = "debug", skip_all, fields(at))]
    async fn send(&self, url: &Url, at: &str) -> Result<Reply, FetchError> {
        let answer = match self.http.get(url.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                self.count("none");
                return Err(unavailable(at, &error));
            }
        };
        let status = answer.status();
        self.count(class(status));
        let signs = RateSigns::read(answer.headers());
        // Who stands in between has a clock of its own, and what it has kept is old.
        if status.is_success() && !answer.headers().contains_key(AGE) {
            self.usage.lock().unwrap_or_else(PoisonError::into_inner).server_time =
                signs.date.map(|date| (date, std::time::Instant::now()));
        }
        let told = self.gate.learn(&signs, status == StatusCode::TOO_MANY_REQUESTS);
        if status.is_success() {
            return Ok(Reply { at: at.to_owned(), text: body(answer, at, MAX_BODY_BYTES).await? });
        }
        if status.is_redirection() {
            return Err(redirected(url, status, answer.headers()));
        }
        // An error body that breaks off or is too long leaves the status to speak.
        let text = body(answer, at, MAX_ERROR_BODY_BYTES).await.unwrap_or_default();
        let error = refusal(at, status.as_u16(), &text, url.query_pairs().any(|(key, _)| key == "cursor"), told);
        if matches!(error, FetchError::RateLimited { .. }) && status != StatusCode::TOO_MANY_REQUESTS {
            let wait = self.gate.learn(&RateSigns::default(), true);
            return Err(FetchError::RateLimited { at: at.to_owned(), wait });
        }
        Err(error)
    }

    fn count(&self, class: &'static str) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner).requests.entry(class).or_default() += 1;
    }
}

/// A body as it came, valid UTF-8.
pub(super) struct Reply {
    pub at: String,
    pub text: String,
}

impl Reply {
    /// The body as one JSON value of a wire type that owns its text.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, FetchError> {
        serde_json::from_str(&self.text).map_err(|error| self.unreadable(&error))
    }

    /// Says what is wrong with the body, without quoting it.
    pub(super) fn unreadable(&self, error: &serde_json::Error) -> FetchError {
        let (line, column) = (error.line(), error.column());
        let cause = match error.classify() {
            _ if self.text.trim_start().starts_with('<') => Unread::Html,
            serde_json::error::Category::Eof => Unread::Truncated,
            serde_json::error::Category::Data => Unread::OtherShape { line, column },
            _ => Unread::NotJson { line, column },
        };
        FetchError::Unreadable { at: self.at.clone(), cause }
    }
}

/// Host and path, for messages: queries may hold names and cursors.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}{}", url.path()),
        None => format!("{host}{}", url.path()),
    }
}

fn origin_of(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "an unreadable address".to_owned(),
    }
}

fn headers(auth: &Auth) -> anyhow::Result<HeaderMap> {
    let text = match auth {
        Auth::Bearer(secret) => format!("Bearer {}", secret.expose_secret().trim()),
        Auth::Basic { email, token } => {
            format!("Basic {}", BASE64.encode(format!("{email}:{}", token.expose_secret().trim()).as_bytes()))
        }
    };
    // The error of a header value quotes nothing of it.
    let mut value = HeaderValue::from_str(&text).context("the credential holds characters that no HTTP header may hold")?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value), (ACCEPT, HeaderValue::from_static("application/json"))]))
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "429",
        100..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

fn redirected(from: &Url, status: StatusCode, headers: &HeaderMap) -> FetchError {
    let target = headers.get(LOCATION).and_then(|to| from.join(to.to_str().ok()?).ok());
    match target.map(|url| url.origin()).filter(|origin| *origin != from.origin()) {
        Some(origin) => FetchError::ForeignUrl { at: place(from), to: origin.ascii_serialization() },
        None => FetchError::Refused { at: place(from), status: status.as_u16() },
    }
}

async fn body(mut answer: reqwest::Response, at: &str, limit_bytes: usize) -> Result<String, FetchError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unavailable(at, &error))? {
        if bytes.len() + chunk.len() > limit_bytes {
            return Err(FetchError::TooLarge { at: at.to_owned(), limit_bytes });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn unavailable(at: &str, error: &reqwest::Error) -> FetchError {
    let cause = if error.is_timeout() {
        Outage::TimedOut
    } else if error.is_connect() {
        Outage::Connect(tls::words(error).unwrap_or_else(|| innermost(error)))
    } else {
        Outage::BrokenOff
    };
    FetchError::Unavailable { at: at.to_owned(), cause }
}

/// The last link of an error's chain: the operating system's words, without addresses.
fn innermost(error: &reqwest::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    for _ in 0..16 {
        let Some(source) = last.source() else { break };
        last = source;
    }
    last.to_string().chars().take(200).collect()
}
