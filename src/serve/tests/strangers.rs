//! What strangers try: doors that nobody thought of, requests inside requests, heads without end, silence, TLS of yesterday.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::Value;

use super::*;

const SENDER: &str = "a sender's own token";

/// What the room says of itself.
fn description() -> Value {
    serde_json::from_str(include_str!("../../../config/http.openapi.json")).unwrap()
}

/// Every path that the code routes.
fn routed(folder: &Path) -> BTreeSet<String> {
    let route = Regex::new(r#"\.route\(\s*(?:"([^"]+)"|(\w+))"#).unwrap();
    let path = Regex::new(r#"const PATH: &str = "([^"]+)""#).unwrap();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("tests") {
            found.extend(routed(&entry));
        } else if entry.is_file() && !entry.ends_with("tests.rs") {
            let text = fs::read_to_string(&entry).unwrap();
            assert_eq!(route.find_iter(&text).count(), text.matches(".route(").count(), "{}", entry.display());
            let literal = |found: regex::Captures<'_>| found.get(1).map(|path| path.as_str().to_owned());
            let named = || path.captures(&text).map(|found| found[1].to_owned()).expect("a route by the name of its constant");
            found.extend(route.captures_iter(&text).map(|found| literal(found).unwrap_or_else(named)));
        }
    }
    found
}

#[test]
fn the_description_has_every_route_and_no_other() {
    let described = description()["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(routed(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve"))), described);
}

#[tokio::test]
async fn every_route_but_health_asks_for_its_own_token() {
    let running = started(Some(TOKEN)).await;
    let (intake, _inbox) = Intake::new(&[SecretString::from(SENDER)]).unwrap();
    running.doors.send_replace(Arc::new(Doors { access: access(Some(TOKEN)), intake: Some(intake) }));
    let description = description();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let url = format!("{}{}", running.base, path.replace("{id}", "x").replace("{name}", "users.csv"));
        let ask = async |method: &Method, token: Option<&str>| {
            let request = client().request(method.clone(), &url);
            let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
            request.send().await.unwrap().status()
        };
        for (method, operation) in operations.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let is_open = operation["security"] == serde_json::json!([]);
            let (own, other) = if method == Method::POST { (SENDER, TOKEN) } else { (TOKEN, SENDER) };
            let allowed = ask(&method, Some(own)).await;
            assert!(operation["responses"].get(allowed.as_str()).is_some(), "{method} {path}: {allowed} is not described");
            assert_ne!(allowed, StatusCode::UNAUTHORIZED, "{method} {path}");
            for token in [None, Some(other)] {
                let status = ask(&method, token).await;
                assert_eq!(status == StatusCode::UNAUTHORIZED, !is_open, "{method} {path} with {token:?}: {status}");
            }
        }
    }
}

/// The request that others are to carry in.
const HIDDEN: &str = "GET /report.json HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn a_request_inside_another_is_never_answered() {
    let running = started(None).await;
    for head in [
        "POST /v1/evidence HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/evidence HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\ncontent-length: 44\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0, 44\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: +0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 44\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n c: d\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\r\n\tc: d\r\n\r\n",
        "GET / HTTP/1.1\nhost: localhost\n\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\nx-c: d\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\rx-c: d\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-a: b\0\r\n\r\n",
        "\n\nGET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET / HTTP/1.1 x\r\nhost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: localhost\r\nhost: elsewhere\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = raw(&running, &format!("{head}{HIDDEN}")).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{head:?}: {answer}");
        assert!(answer.matches("HTTP/1.").count() <= 1 && !answer.contains("remaining"), "{head:?}: {answer}");
    }
    let answer = raw(&running, &format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n{HIDDEN}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.matches("HTTP/1.").count() == 1, "{answer}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn a_request_that_names_two_hosts_or_none_is_refused() {
    let running = started(None).await;
    for request in ["GET /report.json", "GET /healthz", "GET /nowhere", "POST /v1/evidence"] {
        for (version, hosts, is_sound) in [
            ("1.1", "host: localhost\r\n", true),
            ("1.1", "host: localhost\r\nHost: evil\r\n", false),
            ("1.1", "host: localhost\r\nx-a: b\r\nhost: localhost\r\n", false),
            ("1.1", "", false),
            ("1.0", "host: localhost\r\n", true),
            ("1.0", "host: localhost\r\nhost: evil\r\n", false),
            // Older than that header.
            ("1.0", "", true),
        ] {
            let answer = raw(&running, &format!("{request} HTTP/{version}\r\n{hosts}\r\n")).await;
            assert!(answer.starts_with("HTTP/1."), "{request} {version} {hosts:?}: {answer}");
            assert_eq!(!answer[8..].starts_with(" 400 "), is_sound, "{request} {version} {hosts:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn nobody_is_vouched_for_by_a_line_inside_a_header() {
    let network = "127.0.0.0/8".parse().unwrap();
    let proxy = TrustedProxy::new(vec![network], "x-forwarded-user").unwrap();
    let access = Access { trusted_proxy: Some(proxy), ..access(Some(TOKEN)) };
    let running = open(access, shown(), |listener, doors, receive, stop| tokio::spawn(run(listener, doors, receive, stop))).await;
    let ask = async |line: &str| raw(&running, &format!("GET /report.json HTTP/1.1\r\nhost: x\r\n{line}\r\n\r\n")).await;
    assert!(ask("x-forwarded-user: ada").await.starts_with("HTTP/1.1 200 "));
    for line in ["x-note: a\nx-forwarded-user: ada", "x-note: a\rx-forwarded-user: ada", "x-note: a\r\n x-forwarded-user: ada"] {
        let answer = ask(line).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line:?}: {answer}");
    }
}

#[tokio::test]
async fn heads_without_end_are_refused_in_every_form() {
    let running = started(None).await;
    for head in [
        format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(20_000)),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(200)),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}: b\r\n\r\n", "a".repeat(20_000)),
        format!("{} / HTTP/1.1\r\nhost: localhost\r\n\r\n", "G".repeat(20_000)),
    ] {
        let answer = raw(&running, &head).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{}: {answer}", &head[..20]);
    }
}

#[tokio::test]
async fn callers_that_say_nothing_keep_nobody_out_for_long() {
    let limits = connections::Limits { header: Duration::from_millis(200), ..connections::LIMITS };
    let running = start_within(limits, document()).await;
    let mut silent = Vec::new();
    for number in 0..600 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: lo").await.unwrap();
        }
        silent.push(stream);
    }
    let answered = tokio::time::timeout(Duration::from_secs(20), get(&running, "/report.json")).await;
    assert_eq!(answered.expect("somebody else's turn comes").status(), StatusCode::OK);
    drop(silent);
}

/// The first words of a client that knows nothing newer than TLS 1.1.
fn old_hello() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

#[tokio::test]
async fn nothing_older_than_tls_1_2_is_answered() {
    let files = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deliver/tls"));
    let tls = Tls::read(&files.join("server.pem"), &files.join("server.key")).unwrap();
    let with_tls = Access { tls: Some(tls), ..access(Some(TOKEN)) };
    let running =
        open(with_tls, shown(), |listener, doors, receive, stop| tokio::spawn(run(listener, doors, receive, stop))).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&old_hello()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.len() == 7 && answer.starts_with(&[21]) && answer[5] == 2, "a fatal alert, not {answer:?}");
}
