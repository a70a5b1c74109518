//! The OTLP exporter for either protocol.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{MetricExporter, Protocol as Wire, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use reqwest::blocking::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{Exports, Options, Protocol, lock};
use crate::deliver::check_ca;

/// One export. Below the shortest sensible interval, so that a hung collector delays but does not stack exports.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);

/// How much of a collector's words an error repeats, in characters.
const MAX_WORDS: usize = 300;

/// The SDK drops the outcome of its timed exports; this keeps it.
pub(super) struct Tallied {
    exporter: MetricExporter,
    exports: Arc<Mutex<Exports>>,
}

impl PushMetricExporter for Tallied {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        let mut exports = lock(&self.exports);
        exports.last_error = result.as_ref().err().map(|error| error.to_string().chars().take(MAX_WORDS).collect());
        if result.is_ok() {
            exports.accepted += 1;
        } else {
            exports.failed += 1;
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

pub(super) fn exporter(options: &Options, exports: Arc<Mutex<Exports>>) -> Result<Tallied> {
    let url = url::Url::parse(&options.endpoint).context("the metrics endpoint is no URL such as http://127.0.0.1:4318")?;
    ensure!(matches!(url.scheme(), "http" | "https"), "the metrics endpoint begins with http:// or https://");
    ensure!(url.username().is_empty() && url.password().is_none(), "the metrics endpoint must not hold a username or password");
    ensure!(url.query().is_none() && url.fragment().is_none(), "the metrics endpoint ends after its path");
    if let Some(pem) = &options.ca_pem {
        check_ca(pem)?;
    }
    let headers = headers(&options.headers)?;
    let exporter = match options.protocol {
        Protocol::Http => http(&url, headers, options.ca_pem.as_deref()),
        Protocol::Grpc => grpc(&url, headers, options.ca_pem.as_deref()),
    };
    Ok(Tallied { exporter: exporter.context("the metrics exporter cannot be set up")?, exports })
}

fn http(url: &url::Url, headers: HeaderMap, ca_pem: Option<&[u8]>) -> Result<MetricExporter> {
    let base = url.as_str().trim_end_matches('/');
    let endpoint = if base.ends_with("/v1/metrics") { base.to_owned() } else { format!("{base}/v1/metrics") };
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Wire::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_LIMIT)
        .with_http_client(blocking_client(url, headers, ca_pem)?)
        .with_temporality(Temporality::Cumulative);
    Ok(exporter.build()?)
}

/// No redirects: the headers may hold a key, and it is for this collector only.
fn blocking_client(url: &url::Url, headers: HeaderMap, ca_pem: Option<&[u8]>) -> Result<Client> {
    let mut builder =
        Client::builder().timeout(EXPORT_LIMIT).redirect(reqwest::redirect::Policy::none()).default_headers(headers);
    if is_loopback(url) {
        // What stays on this machine passes no proxy, which would see the headers.
        builder = builder.no_proxy();
    }
    if let Some(pem) = ca_pem {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).context("the CA file cannot be used")?;
        builder = builder.tls_certs_merge(certificates);
    }
    // The blocking client must not be made on a thread of the runtime.
    let built = std::thread::spawn(move || builder.build()).join();
    Ok(built.map_err(|_| anyhow!("no TLS provider is installed"))??)
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn grpc(url: &url::Url, headers: HeaderMap, ca_pem: Option<&[u8]>) -> Result<MetricExporter> {
    let mut exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(url.as_str())
        .with_timeout(EXPORT_LIMIT)
        .with_metadata(MetadataMap::from_headers(headers))
        .with_temporality(Temporality::Cumulative);
    if url.scheme() == "https" {
        // The exporter's own default trusts nobody.
        let mut tls = ClientTlsConfig::new().with_enabled_roots();
        if let Some(pem) = ca_pem {
            tls = tls.ca_certificate(Certificate::from_pem(pem));
        }
        exporter = exporter.with_tls_config(tls);
    }
    Ok(exporter.build()?)
}

fn headers(configured: &[(String, SecretString)]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in configured {
        let key: HeaderName = name.parse().with_context(|| format!("{name:?} is no header name"))?;
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| anyhow!("the value of the metrics header {name} cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}
