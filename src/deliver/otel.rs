//! Metrics over OTLP. The caller publishes whole sets of figures; what leaves at each interval is the last set.
//!
//! Instruments are observable, so that a series that is gone from the set is gone from the export (a synchronous gauge
//! would repeat its last value for ever). The SDK's reader has a thread of its own; flushing and stopping block, so
//! they run on threads of their own too, never on the runtime's, and under a time limit. OTLP is lossy by design:
//! nothing that must arrive may rest on it.
//!
//! Absent: what is measured (`report` and `daemon`), and the global meter provider, which stays unset.

mod probe;
#[cfg(test)]
mod tests;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream};
use secrecy::SecretString;

use crate::report::{Figure, FigureKind as Kind};

pub use probe::probe;

/// Series of one instrument. The SDK folds what is beyond into one series marked `otel.metric.overflow`; its own
/// limit of 2,000 would be reached by the statuses and categories of a few hundred workspaces.
const MAX_SERIES: usize = 10_000;

/// Longest attribute value in characters: names come from outside, collectors index them.
const MAX_ATTRIBUTE: usize = 200;

/// Where metrics go.
#[derive(Clone, Debug)]
pub struct Options {
    /// The collector's base address, such as `http://127.0.0.1:4318` (`/v1/metrics` is added for HTTP).
    pub endpoint: String,
    pub protocol: Protocol,
    pub interval: Duration,
    /// Sent with every export, for collectors that ask for a key.
    pub headers: Vec<(String, SecretString)>,
    /// Certificates in PEM that are trusted beside the usual ones.
    pub ca_pem: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "http" => Some(Self::Http),
            "grpc" => Some(Self::Grpc),
            _ => None,
        }
    }
}

/// Who exports: the resource attributes `service.*`.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    pub version: String,
    pub instance_id: String,
}

/// How the exports of this process went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    pub accepted: u64,
    pub failed: u64,
    /// Why the last one failed; none when the last one was accepted.
    pub last_error: Option<String>,
}

/// The running exporter. Stop it with [`Exporter::shutdown`]; dropping it blocks.
pub struct Exporter {
    provider: SdkMeterProvider,
    meter: Meter,
    published: Arc<Mutex<Published>>,
    instruments: Mutex<BTreeSet<&'static str>>,
    exports: Arc<Mutex<Exports>>,
}

/// The last set: name, then attributes in the order they were given, to value.
type Published = BTreeMap<&'static str, BTreeMap<Attributes, f64>>;
type Attributes = Vec<(&'static str, String)>;

impl Exporter {
    /// Starts exporting every `interval`. Called on a multi-thread runtime, on which gRPC runs; for `https` a rustls
    /// provider must be installed. The collector need not be there yet.
    pub fn start(options: &Options, service: &Service) -> Result<Self> {
        let exports = Arc::<Mutex<Exports>>::default();
        let exporter = transport::exporter(options, Arc::clone(&exports))?;
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", service.name.clone()),
            KeyValue::new("service.version", service.version.clone()),
            KeyValue::new("service.instance.id", service.instance_id.clone()),
        ]);
        let provider = SdkMeterProvider::builder()
            .with_resource(resource.build())
            .with_reader(PeriodicReader::builder(exporter).with_interval(options.interval).build())
            .with_view(|_: &Instrument| Stream::builder().with_cardinality_limit(MAX_SERIES).build().ok())
            .build();
        let scope = InstrumentationScope::builder("duskwatch").with_version(service.version.clone()).build();
        Ok(Self {
            meter: provider.meter_with_scope(scope),
            provider,
            published: Arc::default(),
            instruments: Mutex::default(),
            exports,
        })
    }

    /// Replaces what is exported. A figure that is no finite number is left out: unknown is not zero. Counters never
    /// fall: a total below the last published one is held at that one.
    pub fn publish(&self, figures: &[Figure]) {
        let mut next = Published::new();
        {
            let mut last = lock(&self.published);
            for figure in figures.iter().filter(|figure| figure.value.is_finite()) {
                let attributes = inert(&figure.attributes);
                let before = last.get(figure.name).and_then(|series| series.get(&attributes));
                let value = match (figure.kind, before) {
                    (Kind::Counter, Some(before)) => figure.value.max(*before),
                    _ => figure.value,
                };
                next.entry(figure.name).or_default().insert(attributes, value);
            }
            *last = next;
        }
        for figure in figures {
            self.register(figure);
        }
    }

    /// How the exports went so far, the timed ones included: nobody else hears of those.
    pub fn exports(&self) -> Exports {
        lock(&self.exports).clone()
    }

    /// Exports now. An error says that the collector did not take it, or not within `limit`.
    pub async fn flush(&self, limit: Duration) -> Result<()> {
        let provider = self.provider.clone();
        finish("flush", limit, move || provider.force_flush()).await
    }

    /// Exports a last time and stops. After `limit` the export is left to its fate.
    pub async fn shutdown(self, limit: Duration) -> Result<()> {
        finish("stop", limit, move || self.provider.shutdown()).await
    }

    /// Makes the instrument of a name that is published for the first time.
    fn register(&self, figure: &Figure) {
        if !lock(&self.instruments).insert(figure.name) {
            return;
        }
        let (name, unit, description) = (figure.name, figure.unit, figure.description);
        let published = Arc::clone(&self.published);
        macro_rules! instrument {
            ($builder:ident, $convert:expr) => {{
                let observe = move |to: &dyn AsyncInstrument<_>| observe(&published, name, to, $convert);
                self.meter.$builder(name).with_unit(unit).with_description(description).with_callback(observe).build();
            }};
        }
        match (figure.kind, is_count(unit)) {
            (Kind::Gauge, true) => instrument!(i64_observable_gauge, whole),
            (Kind::Gauge, false) => instrument!(f64_observable_gauge, |value| value),
            (Kind::Counter, true) => instrument!(u64_observable_counter, |value| u64::try_from(whole(value)).unwrap_or(0)),
            (Kind::Counter, false) => instrument!(f64_observable_counter, |value| value),
        }
    }
}

fn observe<T>(published: &Mutex<Published>, name: &str, to: &dyn AsyncInstrument<T>, convert: impl Fn(f64) -> T) {
    for (attributes, value) in lock(published).get(name).into_iter().flatten() {
        let attributes: Vec<_> = attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone())).collect();
        to.observe(convert(*value), &attributes);
    }
}

/// Counted things are exported as integers, everything else as floating point.
fn is_count(unit: &str) -> bool {
    unit.starts_with('{') || unit == "By"
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and counts are far below")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// Attribute values as one bounded line each.
fn inert(attributes: &[(&'static str, String)]) -> Attributes {
    let clean = |value: &str| value.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_ATTRIBUTE).collect();
    attributes.iter().map(|(key, value)| (*key, clean(value))).collect()
}

/// Runs a blocking call of the SDK on a thread of its own. Not `spawn_blocking`: the runtime waits for those when it
/// ends, and a hung collector would hold up the exit.
async fn finish(what: &str, limit: Duration, call: impl FnOnce() -> OTelSdkResult + Send + 'static) -> Result<()> {
    let (done, waiting) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name(format!("otel-{what}"))
        .spawn(move || {
            if done.send(call()).is_err() {
                tracing::debug!("the metrics export ended after its time limit");
            }
        })
        .context("no thread for the metrics export")?;
    match tokio::time::timeout(limit, waiting).await {
        Ok(Ok(result)) => result.with_context(|| format!("the metrics exporter could not {what}")),
        Ok(Err(_)) => bail!("the metrics exporter panicked"),
        Err(_) => bail!("the metrics exporter did not {what} within {limit:?}"),
    }
}

/// The data behind the lock is replaced as a whole, so a panic elsewhere leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
