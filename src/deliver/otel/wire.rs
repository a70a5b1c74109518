//! What leaves, as messages of the protocol.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    metrics::v1::{
        AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
    },
    resource::v1::Resource,
};

use prost::Message as _;

use super::Service;
use crate::report::{Figure, FigureKind};

/// Something that happened: a log record with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: &'static str,
    pub at: Timestamp,
    /// One sentence.
    pub body: String,
    pub attributes: Vec<(&'static str, String)>,
}

pub(super) fn metrics(service: &Service, figures: &[Figure], since: Timestamp, at: Timestamp) -> ExportMetricsServiceRequest {
    let mut families: BTreeMap<&str, Vec<&Figure>> = BTreeMap::new();
    for figure in figures {
        families.entry(figure.name).or_default().push(figure);
    }
    let scope_metrics = ScopeMetrics {
        scope: Some(scope(service)),
        metrics: families.into_values().map(|family| metric(&family, since, at)).collect(),
        ..ScopeMetrics::default()
    };
    let resource = Some(resource(service));
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { resource, scope_metrics: vec![scope_metrics], ..ResourceMetrics::default() }],
    }
}

fn metric(family: &[&Figure], since: Timestamp, at: Timestamp) -> Metric {
    let first = family[0];
    let since = if first.kind == FigureKind::Counter { nanoseconds(since) } else { 0 };
    let point = |figure: &&Figure| NumberDataPoint {
        attributes: attributes(&figure.attributes),
        start_time_unix_nano: since,
        time_unix_nano: nanoseconds(at),
        value: Some(value(figure)),
        ..NumberDataPoint::default()
    };
    let data_points = family.iter().map(point).collect();
    let data = match first.kind {
        FigureKind::Gauge => metric::Data::Gauge(Gauge { data_points }),
        FigureKind::Counter => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
    };
    Metric {
        name: first.name.to_owned(),
        description: first.description.to_owned(),
        unit: first.unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// Counted things are whole numbers.
fn value(figure: &Figure) -> number_data_point::Value {
    if figure.unit.starts_with('{') || figure.unit == "By" {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and counts are far below")]
        let whole = figure.value.round() as i64;
        number_data_point::Value::AsInt(whole)
    } else {
        number_data_point::Value::AsDouble(figure.value)
    }
}

/// Events as they leave, to be kept until they do.
pub fn encode(service: &Service, events: &[Event]) -> Vec<u8> {
    logs(service, events).encode_to_vec()
}

pub(super) fn decoded(events: &[u8]) -> Result<ExportLogsServiceRequest> {
    ExportLogsServiceRequest::decode(events).context("events that were kept cannot be read")
}

fn logs(service: &Service, events: &[Event]) -> ExportLogsServiceRequest {
    let record = |event: &Event| LogRecord {
        time_unix_nano: nanoseconds(event.at),
        observed_time_unix_nano: nanoseconds(event.at),
        severity_number: SeverityNumber::Info.into(),
        severity_text: "INFO".to_owned(),
        event_name: event.name.to_owned(),
        body: Some(text(&event.body)),
        attributes: attributes(&event.attributes),
        ..LogRecord::default()
    };
    let scope_logs =
        ScopeLogs { scope: Some(scope(service)), log_records: events.iter().map(record).collect(), ..ScopeLogs::default() };
    let resource = Some(resource(service));
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs: vec![scope_logs], ..ResourceLogs::default() }],
    }
}

fn resource(service: &Service) -> Resource {
    let named = [
        ("service.name", service.name.clone()),
        ("service.version", service.version.clone()),
        ("service.instance.id", service.instance_id.clone()),
    ];
    Resource { attributes: attributes(&named), ..Resource::default() }
}

fn scope(service: &Service) -> InstrumentationScope {
    InstrumentationScope { name: "duskwatch".to_owned(), version: service.version.clone(), ..InstrumentationScope::default() }
}

fn attributes(of: &[(&'static str, String)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(&'static str, String)| KeyValue {
        key: (*key).to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    of.iter().map(pair).collect()
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }
}

/// Instants before 1970 are none that anybody measures at.
fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}
