//! The way to the collector, over either protocol, with retries.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Collected, Limited};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest,
    metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse},
    trace::v1::ExportTraceServiceRequest,
};
use prost::Message as _;
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, TE},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Options, Protocol, grpc};
use crate::{deliver::SendError, network::asked_pause, report::inert, tls};

/// One attempt.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// Pauses before further attempts at an export that may succeed later: a hiccup loses nothing, and an outage is left to the next
/// interval.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

/// How much of a collector's words an error repeats, in characters.
const MAX_WORDS: usize = 300;

/// More than a collector's answer needs.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// One export.
pub(super) enum Signal {
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
    Traces(ExportTraceServiceRequest),
}

pub(super) struct Sender {
    client: Client,
    protocol: Protocol,
    base: String,
}

/// Why an attempt failed, and when another one makes sense.
struct Refusal {
    again: bool,
    /// The collector asked to wait so long.
    pause: Option<Duration>,
    /// A part was taken: the same again, however late, would bring that part twice.
    in_part: bool,
    words: String,
}

impl Sender {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let url = Url::parse(&options.endpoint).context("the endpoint is no URL such as http://127.0.0.1:4318")?;
        ensure!(matches!(url.scheme(), "http" | "https"), "the endpoint begins with http:// or https://");
        ensure!(url.username().is_empty() && url.password().is_none(), "the endpoint must not hold a username or password");
        check_endpoint(&url)?;
        let builder = options.network.client(&url)?.timeout(ATTEMPT_LIMIT).default_headers(headers(&options.headers)?);
        let (builder, base) = match options.protocol {
            Protocol::Http => (builder, base(&url)),
            Protocol::Grpc => (over_grpc(&url, builder), url.origin().ascii_serialization()),
        };
        let client = builder.build().context("the way to the collector cannot be set up")?;
        Ok(Self { client, protocol: options.protocol, base })
    }

    /// Sends one export, again where the collector may take it at once. The error is permanent when a part was taken.
    pub(super) async fn send(&self, signal: &Signal) -> Result<(), SendError> {
        for pause in PAUSES {
            let Err(refusal) = self.attempt(signal).await else { return Ok(()) };
            let pause = refusal.pause.unwrap_or(pause);
            if !refusal.again || pause > ATTEMPT_LIMIT {
                return Err(refusal.into());
            }
            tokio::time::sleep(pause).await;
        }
        self.attempt(signal).await.map_err(SendError::from)
    }

    async fn attempt(&self, signal: &Signal) -> Result<(), Refusal> {
        let sent = self.request(signal).send().await;
        let answer = sent.map_err(|error| Refusal::later(&unreached(error)))?;
        if !answer.status().is_success() {
            return Err(Refusal::of(&answer));
        }
        let headers = answer.headers().clone();
        let answer = Limited::new(reqwest::Body::from(answer), MAX_ANSWER_BYTES).collect().await;
        let message = match self.protocol {
            // The status has said it all, unless there is more.
            Protocol::Http => answer.map(Collected::to_bytes).unwrap_or_default(),
            Protocol::Grpc => {
                let answer = answer.map_err(|error| Refusal::later(&format!("the answer broke off: {error}")))?;
                grpc::message(&headers, answer).map_err(|failure| Refusal::said(failure.again, &failure.words))?
            }
        };
        if is_page(&headers) && !message.is_empty() {
            return Err(Refusal::said(false, "with a web page, as a login or a proxy does: it has taken nothing"));
        }
        taken(message)
    }

    fn request(&self, signal: &Signal) -> RequestBuilder {
        let (path, service, message) = match signal {
            Signal::Metrics(request) => ("metrics", "metrics.v1.MetricsService", request.encode_to_vec()),
            Signal::Logs(request) => ("logs", "logs.v1.LogsService", request.encode_to_vec()),
            Signal::Traces(request) => ("traces", "trace.v1.TraceService", request.encode_to_vec()),
        };
        let base = &self.base;
        match self.protocol {
            Protocol::Http => {
                let request = self.client.post(format!("{base}/v1/{path}"));
                request.header(CONTENT_TYPE, "application/x-protobuf").body(message)
            }
            Protocol::Grpc => {
                let request = self.client.post(format!("{base}/opentelemetry.proto.collector.{service}/Export"));
                request.header(CONTENT_TYPE, "application/grpc").header(TE, "trailers").body(grpc::framed(&message))
            }
        }
    }
}

/// Why nobody answered, without the address.
fn unreached(error: reqwest::Error) -> String {
    let error = error.without_url();
    tls::words(&error).unwrap_or_else(|| format!("{:#}", anyhow::Error::new(error)))
}

fn base(url: &Url) -> String {
    let base = url.as_str().trim_end_matches('/');
    base.strip_suffix("/v1/metrics").unwrap_or(base).to_owned()
}

/// HTTP/2 from the first byte; services lie at the root. A proxy passes it on inside TLS, and does not speak it in clear text.
fn over_grpc(url: &Url, builder: ClientBuilder) -> ClientBuilder {
    let builder = builder.http2_prior_knowledge().no_gzip();
    if url.scheme() == "https" { builder } else { builder.no_proxy() }
}

/// Whether this is for people to read, which no collector answers.
fn is_page(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/html"))
}

/// A collector may take an export and drop parts of it; those are gone, and the same again would be dropped again.
/// The answers to all three signals are written alike.
fn taken(message: Bytes) -> Result<(), Refusal> {
    match ExportMetricsServiceResponse::decode(message).unwrap_or_default().partial_success {
        Some(part) if part.rejected_data_points > 0 => {
            let words = format!("the collector dropped {} of them: {}", part.rejected_data_points, short(&part.error_message));
            Err(Refusal { again: false, pause: None, in_part: true, words })
        }
        _ => Ok(()),
    }
}

impl Refusal {
    fn later(words: &str) -> Self {
        Self { again: true, pause: None, in_part: false, words: short(words) }
    }

    fn of(answer: &Response) -> Self {
        let again = matches!(
            answer.status(),
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        let pause = asked_pause(answer.headers(), RETRY_AFTER.as_str());
        Self { pause, ..Self::said(again, &answer.status().to_string()) }
    }

    fn said(again: bool, words: &str) -> Self {
        Self { again, pause: None, in_part: false, words: short(&format!("the collector answers {words}")) }
    }
}

impl From<Refusal> for SendError {
    fn from(refusal: Refusal) -> Self {
        Self { permanent: refusal.in_part, unanswered: false, pause: refusal.pause, words: refusal.words }
    }
}

fn short(words: &str) -> String {
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
    inert::sentence(&line)
}

/// Whether an address can be that of a collector, to which the paths of the signals are added.
///
/// # Errors
/// When something stands behind its path.
pub fn check_endpoint(url: &Url) -> Result<()> {
    ensure!(url.query().is_none() && url.fragment().is_none(), "the endpoint ends after its path");
    Ok(())
}

/// A header of each export, as it is sent.
///
/// # Errors
/// When the name is none, or the value cannot stand in a header.
pub fn header(name: &str, value: &SecretString) -> Result<(HeaderName, HeaderValue)> {
    let key: HeaderName = name.parse().with_context(|| format!("{name:?} is no header name"))?;
    let mut value = HeaderValue::from_str(value.expose_secret())
        .map_err(|_| anyhow!("the value of the header {name:?} cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok((key, value))
}

fn headers(configured: &[(String, SecretString)]) -> Result<HeaderMap> {
    configured.iter().map(|(name, value)| header(name, value)).collect()
}
