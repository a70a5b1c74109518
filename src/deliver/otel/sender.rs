//! The way to the collector, over either protocol, with retries.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsServiceRequest, logs_service_client::LogsServiceClient},
    metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse, metrics_service_client::MetricsServiceClient},
    trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
};
use prost::Message as _;
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use tonic::{
    Code, Request, Status,
    metadata::MetadataMap,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use url::Url;

use super::{Options, Protocol};
use crate::deliver::check_ca;

/// One attempt.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// Pauses before further attempts at an export that may succeed later: a hiccup loses nothing, and an outage is left to the next
/// interval.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

/// How much of a collector's words an error repeats, in characters.
const MAX_WORDS: usize = 300;

const PROTOBUF: &str = "application/x-protobuf";

/// One export.
pub(super) enum Signal {
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
    Traces(ExportTraceServiceRequest),
}

pub(super) enum Sender {
    Http { client: Client, base: String },
    Grpc { channel: Channel, metadata: MetadataMap },
}

/// Why an attempt failed, and when another one makes sense.
struct Refusal {
    again: bool,
    /// The collector asked to wait so long.
    pause: Option<Duration>,
    words: String,
}

impl Sender {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let url = Url::parse(&options.endpoint).context("the endpoint is no URL such as http://127.0.0.1:4318")?;
        ensure!(matches!(url.scheme(), "http" | "https"), "the endpoint begins with http:// or https://");
        ensure!(url.username().is_empty() && url.password().is_none(), "the endpoint must not hold a username or password");
        ensure!(url.query().is_none() && url.fragment().is_none(), "the endpoint ends after its path");
        if let Some(pem) = &options.ca_pem {
            check_ca(pem)?;
        }
        let headers = headers(&options.headers)?;
        match options.protocol {
            Protocol::Http => http(&url, headers, options.ca_pem.as_deref()),
            Protocol::Grpc => grpc(&url, headers, options.ca_pem.as_deref()),
        }
    }

    /// Sends one export, again where the collector may take it later.
    pub(super) async fn send(&self, signal: &Signal) -> Result<()> {
        for pause in PAUSES {
            let Err(refusal) = self.attempt(signal).await else { return Ok(()) };
            if !refusal.again {
                bail!(refusal.words);
            }
            tokio::time::sleep(refusal.pause.unwrap_or(pause).min(ATTEMPT_LIMIT)).await;
        }
        self.attempt(signal).await.map_err(|refusal| anyhow!(refusal.words))
    }

    async fn attempt(&self, signal: &Signal) -> Result<(), Refusal> {
        match self {
            Self::Http { client, base } => post(client, base, signal).await,
            Self::Grpc { channel, metadata } => call(channel.clone(), metadata.clone(), signal).await,
        }
    }
}

fn http(url: &Url, headers: HeaderMap, ca_pem: Option<&[u8]>) -> Result<Sender> {
    // No redirects: the headers may hold a key, and it is for this collector only.
    let mut builder =
        Client::builder().timeout(ATTEMPT_LIMIT).redirect(reqwest::redirect::Policy::none()).default_headers(headers);
    if is_loopback(url) {
        // What stays on this machine passes no proxy, which would see the headers.
        builder = builder.no_proxy();
    }
    if let Some(pem) = ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).context("the CA file cannot be used")?;
        builder = builder.tls_certs_merge(certificates);
    }
    let base = url.as_str().trim_end_matches('/');
    let base = base.strip_suffix("/v1/metrics").unwrap_or(base).to_owned();
    Ok(Sender::Http { client: builder.build().context("the way to the collector cannot be set up")?, base })
}

async fn post(client: &Client, base: &str, signal: &Signal) -> Result<(), Refusal> {
    let (path, body) = match signal {
        Signal::Metrics(request) => ("metrics", request.encode_to_vec()),
        Signal::Logs(request) => ("logs", request.encode_to_vec()),
        Signal::Traces(request) => ("traces", request.encode_to_vec()),
    };
    let sent = client.post(format!("{base}/v1/{path}")).header(CONTENT_TYPE, PROTOBUF).body(body).send().await;
    let answer = sent.map_err(|error| Refusal::later(&format!("{:#}", anyhow::Error::new(error.without_url()))))?;
    let status = answer.status();
    if status.is_success() {
        let bytes = answer.bytes().await.unwrap_or_default();
        // The answers to all three signals are written alike.
        let answer = ExportMetricsServiceResponse::decode(bytes).unwrap_or_default();
        return taken(answer.partial_success.map(|part| (part.rejected_data_points, part.error_message)));
    }
    let pause = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Err(Refusal {
        again: matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        pause: pause.map(Duration::from_secs),
        words: format!("the collector answers {status}"),
    })
}

fn grpc(url: &Url, headers: HeaderMap, ca_pem: Option<&[u8]>) -> Result<Sender> {
    let mut endpoint = Endpoint::from_shared(url.as_str().to_owned())?.connect_timeout(ATTEMPT_LIMIT).timeout(ATTEMPT_LIMIT);
    if url.scheme() == "https" {
        let mut tls = ClientTlsConfig::new().with_enabled_roots();
        if let Some(pem) = ca_pem {
            tls = tls.ca_certificate(Certificate::from_pem(pem));
        }
        endpoint = endpoint.tls_config(tls).context("the way to the collector cannot be set up")?;
    }
    Ok(Sender::Grpc { channel: endpoint.connect_lazy(), metadata: MetadataMap::from_headers(headers) })
}

async fn call(channel: Channel, metadata: MetadataMap, signal: &Signal) -> Result<(), Refusal> {
    let rejected = match signal {
        Signal::Metrics(request) => {
            let answer = MetricsServiceClient::new(channel).export(with(metadata, request.clone())).await;
            answer.map(|answer| answer.into_inner().partial_success.map(|p| (p.rejected_data_points, p.error_message)))
        }
        Signal::Logs(request) => {
            let answer = LogsServiceClient::new(channel).export(with(metadata, request.clone())).await;
            answer.map(|answer| answer.into_inner().partial_success.map(|p| (p.rejected_log_records, p.error_message)))
        }
        Signal::Traces(request) => {
            let answer = TraceServiceClient::new(channel).export(with(metadata, request.clone())).await;
            answer.map(|answer| answer.into_inner().partial_success.map(|p| (p.rejected_spans, p.error_message)))
        }
    };
    taken(rejected.map_err(|status| Refusal::of(&status))?)
}

fn with<T>(metadata: MetadataMap, message: T) -> Request<T> {
    let mut request = Request::new(message);
    *request.metadata_mut() = metadata;
    request
}

/// A collector may take an export and drop parts of it; those are gone, and the same again would be dropped again.
fn taken(rejected: Option<(i64, String)>) -> Result<(), Refusal> {
    match rejected {
        Some((count, words)) if count > 0 => {
            Err(Refusal { again: false, pause: None, words: format!("the collector dropped {count} of them: {}", short(&words)) })
        }
        _ => Ok(()),
    }
}

impl Refusal {
    fn later(words: &str) -> Self {
        Self { again: true, pause: None, words: short(words) }
    }

    fn of(status: &Status) -> Self {
        let again = matches!(
            status.code(),
            Code::Cancelled
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unavailable
                | Code::DataLoss
                | Code::ResourceExhausted
        );
        Self { again, pause: None, words: short(&format!("the collector answers {:?}: {}", status.code(), status.message())) }
    }
}

fn short(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn headers(configured: &[(String, SecretString)]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in configured {
        let key: HeaderName = name.parse().with_context(|| format!("{name:?} is no header name"))?;
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| anyhow!("the value of the header {name} cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}
