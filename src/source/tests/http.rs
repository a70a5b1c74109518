//! What is sent, what is refused, and how failures read.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use secrecy::SecretString;
use url::Url;

use super::server::{Server, TOKEN, answer, client, client_with_retries, json};
use crate::{
    network::{Network, check_transport},
    source::{Access, Answer, Auth, Client, ClientOptions, FetchError, Outage, Tokens, Unread},
};

async fn fetch(script: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> FetchError {
    let server = Server::start(script).await;
    Tokens::new(client(&server.base), "acme", "ORG").list().await.expect_err("a refused page")
}

#[tokio::test]
async fn bodies_that_are_not_the_json_of_the_api_are_refused_and_never_quoted() {
    for (body, cause) in [
        ("<!doctype html><title>Secret maintenance</title>", Unread::Html),
        (r#"{"data": [{"id": "a", "label": "Secret"#, Unread::Truncated),
        ("Secret", Unread::NotJson { line: 1, column: 1 }),
        (r#"{"data": "Secret"}"#, Unread::OtherShape { line: 1, column: 17 }),
    ] {
        let error = fetch(move |_, _| json(body)).await;
        assert!(matches!(&error, FetchError::Unreadable { cause: found, .. } if *found == cause), "{error:?}");
        assert!(error.is_transient() && !error.to_string().contains("Secret"), "{error}");
    }
}

#[tokio::test]
async fn outages_of_every_kind_are_told_apart() {
    let at = |error: FetchError| match error {
        FetchError::Unavailable { cause, .. } => cause,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(fetch(|_, _| answer("503 Service Unavailable", "", "<html>")).await), Outage::Status(503));
    assert_eq!(at(fetch(|_, _| Vec::new()).await), Outage::BrokenOff);
    let truncated = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\": [".to_vec();
    assert_eq!(at(fetch(move |_, _| truncated.clone()).await), Outage::BrokenOff);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port that was free");
    let base = Url::parse(&format!("http://{nobody}")).expect("an address");
    let error = Tokens::new(client(&base), "acme", "ORG").list().await.expect_err("nobody listens");
    assert!(error.to_string().contains("could not connect (Connection refused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = Url::parse(&format!("http://{}", listener.local_addr().expect("a port"))).expect("an address");
    let error = Tokens::new(client(&base), "acme", "ORG").list().await.expect_err("no answer");
    assert!(matches!(error, FetchError::Unavailable { cause: Outage::TimedOut, .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let huge = json(&" ".repeat(33 << 20));
    let error = fetch(move |_, _| huge.clone()).await;
    assert!(matches!(error, FetchError::TooLarge { limit_bytes: 33_554_432, .. }), "{error:?}");
}

#[tokio::test]
async fn compressed_answers_are_read_and_bytes_that_are_no_text_do_no_harm() {
    let mut body = br#"{"data":[{"id":"a","label":"n"#.to_vec();
    body.extend_from_slice(&[0xff, 0xfe]);
    body.extend_from_slice(br#"ame","status":"ALLOWED"}]}"#);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&body).expect("in memory");
    let packed = encoder.finish().expect("in memory");
    let server = Server::start(move |_, _| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        [head.as_bytes(), &packed].concat()
    })
    .await;
    let list = Tokens::new(client(&server.base), "acme", "ORG").list().await.expect("a page");
    assert_eq!(list.tokens[0].label, "n\u{fffd}\u{fffd}ame");
}

#[tokio::test]
async fn the_credential_goes_to_its_own_origin_only() {
    let thief = Server::start(|_, _| json("{}")).await;
    let to = thief.base.origin().ascii_serialization();

    let next = format!(r#"{{"data": [], "links": {{"next": "{to}/admin?cursor=x"}}}}"#);
    let error = fetch(move |_, _| json(&next)).await;
    assert!(matches!(&error, FetchError::ForeignUrl { to: found, .. } if *found == to), "{error:?}");

    let elsewhere = format!("Location: {to}/login\r\n");
    let error = fetch(move |_, _| answer("302 Found", &elsewhere, "")).await;
    assert!(matches!(&error, FetchError::ForeignUrl { to: found, .. } if *found == to), "{error:?}");

    let next = format!(r#"{{"values": [], "next": "{to}/2.0/workspaces/acme/members?page=2"}}"#);
    let server = Server::start(move |_, _| json(&next)).await;
    assert!(Access::new(client(&server.base), "acme").members().await.is_err());
    assert!(thief.requests().is_empty(), "{:?}", thief.requests());

    let mut own = server.base.clone();
    own.set_username("somebody").expect("an address with a host");
    let error = client(&server.base).follow(own.as_str()).expect_err("another's name");
    assert!(matches!(error, FetchError::ForeignCredential { .. }), "{error:?}");
}

#[tokio::test]
async fn a_walk_that_comes_back_to_where_it_was_is_stopped() {
    let error = fetch(|_, _| json(r#"{"data": [], "links": {"next": "again"}}"#)).await;
    assert!(matches!(error, FetchError::EndlessPaging { pages: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_list_of_more_rows_than_memory_should_hold_is_left() {
    let rows = "1,".repeat(600_000);
    let error = fetch(move |_, n| json(&format!(r#"{{"data": [{rows}1], "links": {{"next": "page-{n}"}}}}"#))).await;
    assert!(matches!(error, FetchError::EndlessPaging { pages: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_credential_is_sent_as_configured_and_shown_nowhere() {
    let server = Server::start(|_, _| answer("401 Unauthorized", "", "")).await;
    let bearer = client(&server.base);
    let error = Tokens::new(bearer.clone(), "acme", "ORG").list().await.expect_err("refused");
    let basic = Client::new(ClientOptions {
        base_url: server.base.clone(),
        auth: Auth::Basic { email: "bot@example.test".into(), token: SecretString::from(TOKEN) },
        limits: vec![(1_000, Duration::from_secs(3_600))],
        share: 0.8,
        retries: 4,
        network: Network::default(),
        seed: 1,
    })
    .expect("a loopback address is allowed");
    assert!(Access::new(basic, "acme").members().await.is_err());
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "a refused credential is tried once more where there are retries");
    assert!(requests[0].to_ascii_lowercase().contains(&format!("authorization: bearer {TOKEN}").to_ascii_lowercase()));
    assert!(requests[1].contains("Basic Ym90QGV4YW1wbGUudGVzdDpBVENUVDN4RmZHTjAtbm90LWEtcmVhbC10b2tlbg=="));
    let shown = format!("{error} {error:?} {bearer:?}");
    assert!(!shown.contains(TOKEN) && error.is_ours(), "{shown}");
}

#[tokio::test]
async fn usage_is_counted_by_status_class_and_apart_for_siblings() {
    let server = Server::start(|_, n| match n {
        0 => answer("500 Internal Server Error", "", ""),
        1 => answer("429 Too Many Requests", "Retry-After: 0\r\n", "Rate limit for this resource has been exceeded"),
        _ => json(r#"{"data": []}"#),
    })
    .await;
    let client = client_with_retries(&server.base, 4);
    let sibling = client.sibling();
    Tokens::new(client.clone(), "acme", "ORG").list().await.expect("the third attempt succeeds");
    let usage = client.take_usage();
    assert_eq!(usage.requests.into_iter().collect::<Vec<_>>(), [("2xx", 1), ("429", 1), ("5xx", 1)]);
    assert!(usage.budget_used > 0.0);
    assert!(client.take_usage().requests.is_empty() && sibling.take_usage().requests.is_empty());
}

#[tokio::test]
async fn an_address_that_credentials_must_not_go_to_is_refused_before_any_request() {
    for base in ["http://LOCALHOST.:8080", "http://[::ffff:127.0.0.1]", "http://127.9.9.9"] {
        check_transport(&Url::parse(base).expect("an address")).expect(base);
    }
    let base = Url::parse("http://api.example.test").expect("an address");
    let options = |network| ClientOptions {
        base_url: base.clone(),
        auth: Auth::Bearer(SecretString::from(TOKEN)),
        limits: Vec::new(),
        share: 1.0,
        retries: 0,
        network,
        seed: 0,
    };
    let error = Client::new(options(Network::default())).expect_err("unencrypted");
    assert!(error.to_string().contains("use https"), "{error}");
    let network: Network = toml::from_str(r#"allowed_hosts = ["api.atlassian.com"]"#).expect("a section");
    let base_url = Url::parse("https://api.example.test").expect("an address");
    let error = Client::new(ClientOptions { base_url, ..options(network) }).expect_err("not allowed");
    assert!(error.to_string().contains("allowed_hosts"), "{error}");
}

#[tokio::test]
async fn a_missing_scope_becomes_a_limit_that_names_it() {
    let server = Server::start(|_, _| {
        answer("403 Forbidden", "", include_str!("../../../tests/data/access/forbidden/missing_scope.json"))
    })
    .await;
    let answer = Access::new(client(&server.base), "acme").members().await.expect("a limit is no failure");
    let Answer::Limited(limit) = answer else { panic!("{answer:?}") };
    assert_eq!(
        limit.to_string(),
        "/workspaces/{workspace}/members is forbidden to our credential: grant the scope read:workspace:bitbucket"
    );
}

/// An answer in the pieces in which it comes.
fn in_pieces(pieces: &[&str], ended: bool) -> Vec<u8> {
    let chunk = |piece: &&str| format!("{:x}\r\n{piece}\r\n", piece.len());
    let end = if ended { "0\r\n\r\n" } else { "" };
    let body: String = pieces.iter().map(chunk).collect();
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}{end}").into_bytes()
}

/// The lines of an answer, and what ended it.
async fn lines_of(answer: Vec<u8>) -> (Vec<String>, Option<FetchError>) {
    let server = Server::start(move |_, _| answer.clone()).await;
    let asked = client(&server.base).ask(&server.base, "SELECT 1".to_owned(), Duration::from_secs(60)).await;
    let mut coming = asked.expect("an answer").unwrap_or_else(|_| panic!("a refusal"));
    let mut lines = Vec::new();
    loop {
        match coming.lines().await {
            Ok(Some(whole)) => lines.extend(String::from_utf8_lossy(&whole).lines().map(str::to_owned)),
            Ok(None) => return (lines, None),
            Err(error) => return (lines, Some(error)),
        }
    }
}

#[tokio::test]
async fn an_answer_is_read_line_by_line_however_it_comes() {
    let (lines, error) = lines_of(in_pieces(&["a\tb", "c\nd", "\te\nf\n", "g", "\n"], true)).await;
    assert_eq!((lines, error.is_none()), (["a\tbc", "d\te", "f", "g"].map(str::to_owned).to_vec(), true));

    for cut in [in_pieces(&["a\nb"], true), in_pieces(&["a\nb\n", "c"], false)] {
        let (_, error) = lines_of(cut).await;
        assert!(matches!(error, Some(FetchError::Unavailable { cause: Outage::BrokenOff, .. })), "{error:?}");
    }
    let piece = "x".repeat(1 << 18);
    let (lines, error) = lines_of(in_pieces(&["a\n", &piece, &piece, &piece, &piece, "x"], true)).await;
    assert!(matches!(error, Some(FetchError::TooLarge { limit_bytes: 1_048_576, .. })), "{error:?}");
    assert_eq!(lines, ["a"]);
    let (lines, error) = lines_of(in_pieces(&[&piece, &piece, &piece, &piece[1..], "\n"], true)).await;
    assert_eq!((lines[0].len(), error.is_none()), ((1 << 20) - 1, true), "as long as a line may be");
}
