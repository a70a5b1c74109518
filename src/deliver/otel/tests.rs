//! What leaves is read from the wire, by receivers of the test's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Bytes;
use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
    response::Html,
};
use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::trace::{Span as _, Tracer as _};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue as WireKeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric, number_data_point};
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::tls::test_server;

mod grpc;
mod network;

const LIMIT: Duration = Duration::from_secs(10);

/// One request as it arrived.
struct Post {
    path: String,
    /// As the first line names it: to a proxy, and to nobody else.
    host: String,
    key: String,
    /// Of metrics; empty otherwise.
    request: ExportMetricsServiceRequest,
    body: Bytes,
}

/// A collector that hands over what it receives and answers with `status`.
async fn collector(status: StatusCode) -> (SocketAddr, mpsc::UnboundedReceiver<Post>) {
    answering(move |_| (status, Vec::new())).await
}

/// The same with an answer of its own to each request, by how many came before it.
async fn answering(
    answer: impl Fn(usize) -> (StatusCode, Vec<u8>) + Clone + Send + Sync + 'static,
) -> (SocketAddr, mpsc::UnboundedReceiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, posts) = collecting(answer);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, posts)
}

fn collecting(
    answer: impl Fn(usize) -> (StatusCode, Vec<u8>) + Clone + Send + Sync + 'static,
) -> (Router, mpsc::UnboundedReceiver<Post>) {
    let (send, posts) = mpsc::unbounded_channel();
    let before = Arc::<std::sync::atomic::AtomicUsize>::default();
    let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let key = headers.get("x-key").map(|key| key.to_str().unwrap().to_owned()).unwrap_or_default();
        let (path, host) = (uri.path().to_owned(), uri.host().unwrap_or_default().to_owned());
        let request =
            if path == "/v1/metrics" { ExportMetricsServiceRequest::decode(body.clone()).unwrap() } else { <_>::default() };
        send.send(Post { path, host, key, request, body }).unwrap();
        answer(before.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
    });
    (router, posts)
}

fn options(endpoint: String) -> Options {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    Options {
        endpoint,
        protocol: Protocol::Http,
        interval: Duration::from_secs(3600),
        headers: vec![("x-key".to_owned(), SecretString::from("hunter2"))],
        network: Network::default(),
    }
}

fn start(options: &Options) -> Exporter {
    let service = Service { name: "duskwatch".to_owned(), version: "0.1.0".to_owned(), instance_id: "host-1".to_owned() };
    Exporter::start(options, &service).unwrap()
}

fn integrations(status: &str, value: f64) -> Figure {
    Figure {
        name: "duskwatch.integrations",
        unit: "{integration}",
        description: "Integrations by status",
        kind: FigureKind::Gauge,
        attributes: vec![("status", status.to_owned())],
        value,
    }
}

fn requests(value: f64) -> Figure {
    Figure {
        name: "duskwatch.source.requests",
        unit: "{request}",
        description: "Requests to a source",
        kind: FigureKind::Counter,
        attributes: vec![("source", "audit/acme".to_owned())],
        value,
    }
}

fn ratio(value: f64) -> Figure {
    Figure {
        name: "duskwatch.observed.ratio",
        unit: "1",
        description: "Share of users observed",
        kind: FigureKind::Gauge,
        attributes: vec![],
        value,
    }
}

fn metrics(request: &ExportMetricsServiceRequest) -> BTreeMap<&str, &Metric> {
    let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).map(|metric| (metric.name.as_str(), metric)).collect()
}

fn points(metric: &Metric) -> &[NumberDataPoint] {
    match metric.data.as_ref().unwrap() {
        metric::Data::Gauge(gauge) => &gauge.data_points,
        metric::Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            assert_eq!(sum.aggregation_temporality, 2, "cumulative");
            &sum.data_points
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn text(attributes: &[WireKeyValue]) -> String {
    let value = |attribute: &WireKeyValue| match attribute.value.as_ref().and_then(|value| value.value.clone()) {
        Some(any_value::Value::StringValue(text)) => text,
        other => panic!("unexpected {other:?}"),
    };
    attributes.iter().map(|attribute| format!("{}={}", attribute.key, value(attribute))).collect::<Vec<_>>().join(",")
}

/// Series of one metric as `attributes → value`, integers and floats told apart.
fn series(request: &ExportMetricsServiceRequest, name: &str) -> Vec<String> {
    let Some(metric) = metrics(request).remove(name) else { return Vec::new() };
    let mut series: Vec<_> = points(metric)
        .iter()
        .map(|point| match point.value.unwrap() {
            number_data_point::Value::AsInt(value) => format!("{} {value} int", text(&point.attributes)),
            number_data_point::Value::AsDouble(value) => format!("{} {value} float", text(&point.attributes)),
        })
        .collect();
    series.sort();
    series
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// As counted since one instant and measured at another.
fn publish(exporter: &Exporter, figures: &[Figure]) {
    exporter.publish(figures, at(1_000), at(2_000));
}

/// Publishes, exports, and returns what arrived.
async fn exported(exporter: &Exporter, posts: &mut mpsc::UnboundedReceiver<Post>, figures: &[Figure]) -> Post {
    publish(exporter, figures);
    exporter.flush(LIMIT).await.unwrap();
    posts.recv().await.unwrap()
}

#[tokio::test]
async fn figures_arrive_with_their_unit_kind_and_service() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}/")));
    let post = exported(&exporter, &mut posts, &[integrations("active", 25.0), requests(7.0), ratio(0.5)]).await;

    assert_eq!((post.path.as_str(), post.key.as_str()), ("/v1/metrics", "hunter2"));
    let resource = post.request.resource_metrics[0].resource.as_ref().unwrap();
    let mut service: Vec<_> = resource.attributes.iter().map(|a| text(std::slice::from_ref(a))).collect();
    service.sort();
    assert_eq!(service, ["service.instance.id=host-1", "service.name=duskwatch", "service.version=0.1.0"]);

    let metrics = metrics(&post.request);
    let integrations = metrics["duskwatch.integrations"];
    assert_eq!((integrations.unit.as_str(), integrations.description.as_str()), ("{integration}", "Integrations by status"));
    assert!(matches!(integrations.data, Some(metric::Data::Gauge(_))));
    assert!(matches!(metrics["duskwatch.source.requests"].data, Some(metric::Data::Sum(_))));
    assert_eq!(series(&post.request, "duskwatch.integrations"), ["status=active 25 int"]);
    assert_eq!(series(&post.request, "duskwatch.source.requests"), ["source=audit/acme 7 int"]);
    assert_eq!(series(&post.request, "duskwatch.observed.ratio"), [" 0.5 float"]);
    assert_eq!(exporter.exports(), Exports { accepted: 1, failed: 0, last_error: None });
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_series_that_left_the_set_leaves_the_export() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}/v1/metrics")));
    let first = exported(&exporter, &mut posts, &[integrations("active", 25.0), integrations("failing", 2.0)]).await;
    assert_eq!(first.path, "/v1/metrics");
    assert_eq!(series(&first.request, "duskwatch.integrations"), ["status=active 25 int", "status=failing 2 int"]);

    let second = exported(&exporter, &mut posts, &[integrations("active", 24.0), ratio(1.0)]).await;
    assert_eq!(series(&second.request, "duskwatch.integrations"), ["status=active 24 int"]);

    let third = exported(&exporter, &mut posts, &[ratio(1.0)]).await;
    assert_eq!(series(&third.request, "duskwatch.integrations"), [""; 0]);
    let again = exported(&exporter, &mut posts, &[integrations("failing", 1.0)]).await;
    assert_eq!(series(&again.request, "duskwatch.integrations"), ["status=failing 1 int"]);
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_counter_is_its_total_and_never_falls() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}")));
    let mut totals = Vec::new();
    for total in [3.0, 8.0, 5.0, 9.0] {
        let post = exported(&exporter, &mut posts, &[requests(total)]).await;
        totals.extend(series(&post.request, "duskwatch.source.requests"));
    }
    assert_eq!(
        totals,
        ["source=audit/acme 3 int", "source=audit/acme 8 int", "source=audit/acme 8 int", "source=audit/acme 9 int"]
    );
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn an_unknown_value_is_left_out_and_not_zero() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}")));
    let figures = [integrations("active", f64::NAN), integrations("quiet", 0.0), ratio(f64::INFINITY), requests(-1.0)];
    let post = exported(&exporter, &mut posts, &figures).await;
    assert_eq!(series(&post.request, "duskwatch.integrations"), ["status=quiet 0 int"]);
    assert_eq!(series(&post.request, "duskwatch.observed.ratio"), [""; 0]);
    assert_eq!(series(&post.request, "duskwatch.source.requests"), ["source=audit/acme 0 int"]);
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_counter_began_with_the_store_and_a_gauge_never() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}")));
    let post = exported(&exporter, &mut posts, &[requests(7.0), ratio(0.5)]).await;
    let metrics = metrics(&post.request);
    let times = |name: &str| {
        let point = &points(metrics[name])[0];
        (point.start_time_unix_nano / 1_000_000_000, point.time_unix_nano / 1_000_000_000)
    };
    assert_eq!(times("duskwatch.source.requests"), (1_000, 2_000));
    assert_eq!(times("duskwatch.observed.ratio"), (0, 2_000));
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_collector_that_comes_back_misses_nothing_and_one_that_drops_parts_says_so() {
    let (address, mut posts) = answering(|before| match before {
        0 => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
        1 => (StatusCode::OK, Vec::new()),
        _ => {
            let partial_success =
                Some(ExportMetricsPartialSuccess { rejected_data_points: 3, error_message: "too many\nlabels".to_owned() });
            (StatusCode::OK, ExportMetricsServiceResponse { partial_success }.encode_to_vec())
        }
    })
    .await;
    let exporter = start(&options(format!("http://{address}")));
    let refused = exported(&exporter, &mut posts, &[ratio(1.0)]).await;
    assert_eq!(posts.recv().await.unwrap().request, refused.request);
    assert_eq!(exporter.exports(), Exports { accepted: 1, failed: 0, last_error: None });
    let error = format!("{:#}", exporter.flush(LIMIT).await.unwrap_err());
    assert!(error.ends_with("the collector dropped 3 of them: too many labels"), "{error}");
}

#[tokio::test]
async fn events_arrive_as_named_log_records_of_the_service() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}")));
    let event = Event {
        name: "duskwatch.integration.changed",
        at: at(3_000),
        body: "k7m2qd4x: active to failing (moved)".to_owned(),
        attributes: vec![("integration", "k7m2qd4x".to_owned())],
    };
    let service = Service { name: "duskwatch".to_owned(), version: "0.1.0".to_owned(), instance_id: "host-1".to_owned() };
    exporter.send(&encode(&service, &[event])).await.unwrap();
    let post = posts.recv().await.unwrap();
    assert_eq!((post.path.as_str(), post.key.as_str()), ("/v1/logs", "hunter2"));
    let request = ExportLogsServiceRequest::decode(post.body).unwrap();
    let logs = &request.resource_logs[0];
    assert!(text(&logs.resource.as_ref().unwrap().attributes).starts_with("service.name=duskwatch,"));
    let record = &logs.scope_logs[0].log_records[0];
    assert_eq!((record.event_name.as_str(), record.severity_text.as_str()), ("duskwatch.integration.changed", "INFO"));
    assert_eq!(record.time_unix_nano, 3_000_000_000_000);
    assert_eq!(text(&record.attributes), "integration=k7m2qd4x");
    assert!(exporter.send(b"no protobuf").await.is_err());
}

/// Any text, with more of what means something to somebody.
fn drawn(rng: &mut fastrand::Rng) -> String {
    let pieces = ["\0", "\n", "=", ",", "\"", "\\", "{", "\u{202e}", "\u{1b}[2J", "duskwatch.x", "user"];
    let piece = |rng: &mut fastrand::Rng| {
        if rng.bool() {
            pieces[rng.usize(..pieces.len())].to_owned()
        } else {
            char::from_u32(rng.u32(..0x11_0000)).unwrap_or('x').to_string()
        }
    };
    (0..rng.usize(..20)).map(|_| piece(rng)).collect()
}

#[tokio::test]
async fn whatever_a_name_holds_it_arrives_as_the_one_value_that_it_is() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}")));
    let mut rng = fastrand::Rng::with_seed(10);
    let names: Vec<String> = (0..500).map(|_| drawn(&mut rng)).chain(["A".repeat(100_000)]).collect();
    let pair = |key: &str, value: &str| WireKeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }),
        ..WireKeyValue::default()
    };

    let named = |name: &String| Figure { attributes: vec![("user", name.clone()), ("team", String::new())], ..ratio(1.0) };
    let figures: Vec<Figure> = names.iter().map(named).collect();
    let post = exported(&exporter, &mut posts, &figures).await;
    let arrived = metrics(&post.request);
    assert_eq!(arrived.keys().copied().collect::<Vec<_>>(), [figures[0].name]);
    let values: Vec<&[WireKeyValue]> = points(arrived[figures[0].name]).iter().map(|point| point.attributes.as_slice()).collect();
    assert!(values.iter().zip(&names).all(|(found, name)| *found == [pair("user", name), pair("team", "")]));
    assert_eq!(values.len(), names.len());

    let event =
        |name: &String| Event { name: "duskwatch.x", at: at(1), body: name.clone(), attributes: vec![("reason", name.clone())] };
    let events: Vec<Event> = names.iter().map(event).collect();
    let service = Service { name: "duskwatch".to_owned(), version: "0.1.0".to_owned(), instance_id: "host-1".to_owned() };
    exporter.send(&encode(&service, &events)).await.unwrap();
    let request = ExportLogsServiceRequest::decode(posts.recv().await.unwrap().body).unwrap();
    let records = &request.resource_logs[0].scope_logs[0].log_records;
    assert_eq!(records.len(), names.len());
    for (record, name) in records.iter().zip(&names) {
        assert_eq!((&record.event_name[..], &record.attributes[..]), ("duskwatch.x", &[pair("reason", name)][..]));
        assert_eq!(record.body, pair("reason", name).value);
    }
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_and_traces_of_the_service_leave_by_the_same_way() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let service = Service { name: "duskwatch".to_owned(), version: "0.1.0".to_owned(), instance_id: "host-1".to_owned() };
    let own = Own::start(&options(format!("http://{address}")), &service, true, true).unwrap();
    let tracer = own.tracer().unwrap();
    tracer.start("round").end();
    let logger = own.logs().unwrap().logger("duskwatch");
    let mut record = logger.create_log_record();
    record.set_body("it fails".into());
    logger.emit(record);
    own.shutdown(LIMIT).await.unwrap();
    let mut seen = BTreeMap::new();
    while let Ok(post) = posts.try_recv() {
        assert_eq!(post.key, "hunter2");
        seen.insert(post.path, post.body);
    }
    let traces = ExportTraceServiceRequest::decode(seen["/v1/traces"].clone()).unwrap();
    let spans = &traces.resource_spans[0];
    assert_eq!(spans.scope_spans[0].spans[0].name, "round");
    assert!(text(&spans.resource.as_ref().unwrap().attributes).contains("service.name=duskwatch"));
    let logs = ExportLogsServiceRequest::decode(seen["/v1/logs"].clone()).unwrap();
    assert_eq!(logs.resource_logs[0].scope_logs[0].log_records.len(), 1);

    let off = Own::start(&options(format!("http://{address}")), &service, false, false).unwrap();
    assert!(off.logs().is_none() && off.tracer().is_none());
    off.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn many_series_are_not_folded_into_one() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let exporter = start(&options(format!("http://{address}")));
    let figures: Vec<_> = (0..5_000).map(|n| integrations(&format!("s{n}"), 1.0)).collect();
    let post = exported(&exporter, &mut posts, &figures).await;
    assert_eq!(series(&post.request, "duskwatch.integrations").len(), 5_000);
    exporter.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn the_interval_exports_and_the_stop_exports_a_last_time() {
    let (address, mut posts) = collector(StatusCode::OK).await;
    let often = Options { interval: Duration::from_millis(20), ..options(format!("http://{address}")) };
    let exporter = start(&often);
    publish(&exporter, &[integrations("active", 1.0)]);
    assert_eq!(series(&posts.recv().await.unwrap().request, "duskwatch.integrations"), ["status=active 1 int"]);
    exporter.shutdown(LIMIT).await.unwrap();

    let exporter = start(&options(format!("http://{address}")));
    publish(&exporter, &[integrations("active", 2.0)]);
    exporter.shutdown(LIMIT).await.unwrap();
    let mut last = Vec::new();
    while let Ok(post) = posts.try_recv() {
        last = series(&post.request, "duskwatch.integrations");
    }
    assert_eq!(last, ["status=active 2 int"]);
}

#[tokio::test]
async fn a_collector_that_refuses_or_hangs_is_reported_within_the_limit() {
    let (address, _posts) = collector(StatusCode::UNAUTHORIZED).await;
    let exporter = start(&options(format!("http://{address}")));
    publish(&exporter, &[ratio(1.0)]);
    let error = exporter.flush(LIMIT).await.unwrap_err();
    assert_eq!(format!("{error:#}"), "the metrics could not be exported: the collector answers 401 Unauthorized");
    let exports = exporter.exports();
    assert_eq!((exports.accepted, exports.failed), (0, 1));
    assert!(exports.last_error.is_some_and(|words| words.contains("401")));
    assert!(exporter.shutdown(LIMIT).await.is_err());

    // A proxy that asks for a login, with a status that says that all is well.
    let page = Router::new()
        .fallback(|uri: Uri| async move { Html(if uri.path().starts_with("/own") { "" } else { "<html>Sign in</html>" }) });
    let login = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = login.local_addr().unwrap();
    let exporter = start(&options(format!("http://{own}")));
    tokio::spawn(async move { axum::serve(login, page).await.unwrap() });
    publish(&exporter, &[ratio(1.0)]);
    let error = exporter.flush(LIMIT).await.unwrap_err();
    assert!(format!("{error:#}").contains("with a web page"), "{error:#}");
    assert_eq!((exporter.exports().accepted, exporter.exports().failed), (0, 1));
    // A receiver of somebody's own, whose answer is empty and called a page by its framework.
    let exporter = start(&options(format!("http://{own}/own")));
    publish(&exporter, &[ratio(1.0)]);
    exporter.flush(LIMIT).await.unwrap();

    let hung = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let exporter = start(&options(format!("http://{}", hung.local_addr().unwrap())));
    publish(&exporter, &[ratio(1.0)]);
    let error = exporter.shutdown(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.to_string(), "the metrics could not be exported within 50ms");
}

#[tokio::test]
async fn endpoints_and_headers_that_are_none_are_refused_without_secrets() {
    let service = Service { name: "duskwatch".to_owned(), version: String::new(), instance_id: String::new() };
    let refusal = |options: &Options| format!("{:#}", Exporter::start(options, &service).err().unwrap());
    for (endpoint, words) in [
        ("", "no URL such as"),
        ("127.0.0.1:4318", "no URL such as"),
        ("ftp://127.0.0.1", "begins with http"),
        ("http://127.0.0.1?key=hunter2", "ends after its path"),
        ("http://u:hunter2@127.0.0.1", "must not hold a username or password"),
    ] {
        let said = refusal(&options(endpoint.to_owned()));
        assert!(said.contains(words) && !said.contains("hunter2"), "{endpoint}: {said}");
    }
    for header in [("a b", "x"), ("x-key", "hunter2\r\nx: y")] {
        let headers = vec![(header.0.to_owned(), SecretString::from(header.1))];
        let said = refusal(&Options { headers, ..options("http://127.0.0.1:4318".to_owned()) });
        assert!(said.contains(header.0) && !said.contains("hunter2"), "{said}");
    }
    let network = Network { ca_file: "Cargo.toml".into(), ..Network::default() };
    let bad_ca = Options { network, ..options("https://127.0.0.1:4318".to_owned()) };
    assert_eq!(refusal(&bad_ca), "network.ca_file Cargo.toml: the CA file holds no certificate in PEM");
    let network = Network { allowed_hosts: vec!["mail.example.test".to_owned()], ..Network::default() };
    let elsewhere = Options { network, ..options("https://otel.example.test".to_owned()) };
    assert_eq!(refusal(&elsewhere), "otel.example.test is not among network.allowed_hosts");
    assert!(!format!("{:?}", options(String::new())).contains("hunter2"));
}
