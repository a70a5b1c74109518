//! The service's own log: to standard error, for people or as JSON, filtered by `RUST_LOG`; and on request, with the traces of its
//! rounds, to a collector.

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::deliver::otel::Own;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// One JSON object a line: timestamp, level, message, target, and the fields of the event beside them.
    Json,
}

/// What is our own; the libraries that carry it away must not fill it.
const OURS: &str = "duskwatch";

/// Starts logging. Call once, before anything is to be logged.
pub fn start(default: LevelFilter, form: Form, own: &Own) {
    // Libraries speak of their own affairs; only their warnings matter to an operator, and what is said again by us does not.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,rustls_platform_verifier=off,{OURS}={default}")));
    let lines = tracing_subscriber::fmt::layer::<Registry>().with_writer(std::io::stderr);
    let lines = match form {
        Form::Text => lines
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && !crate::config::no_color())
            .with_target(false)
            .boxed(),
        Form::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    let ours = |level| Targets::new().with_target(OURS, level);
    let logs = own.logs().map(|provider| OpenTelemetryTracingBridge::new(provider).with_filter(ours(LevelFilter::INFO)));
    let traces =
        own.tracer().map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours(LevelFilter::DEBUG)));
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(logs).with(traces).init();
}
