use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use super::{
    Intake, Pushed, Receipt,
    door::{LIMITS, Limits, PLACES_EACH},
};
use crate::{
    evidence::format::MAX_BLOCK_LINES,
    serve::{Access, Doors, Served},
};

const PAGE: &str = "the page's token";
const JENKINS: &str = "jenkins' own token";
const PROXY: &str = "the proxy's own token, which is longer";
const LINE: &str = "{\"time\":\"2026-07-03T06:07:12Z\",\"host\":\"bitbucket.org\"}\n";

/// A running server, and the daemon's end of its channels.
struct Running {
    address: SocketAddr,
    inbox: mpsc::Receiver<Pushed>,
    _served: watch::Sender<Arc<Served>>,
}

async fn start(limits: Limits) -> Running {
    let senders = [JENKINS, PROXY].map(SecretString::from);
    let (intake, inbox) = Intake::within(limits, &senders).unwrap();
    let (address, served) = serve(Some(intake)).await;
    Running { address, inbox, _served: served }
}

async fn serve(intake: Option<Intake>) -> (SocketAddr, watch::Sender<Arc<Served>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = watch::channel(Arc::new(Served::default()));
    let access = Access { token: Some(SecretString::from(PAGE)), ..Access::default() };
    let (_, doors) = watch::channel(Arc::new(Doors { access, intake }));
    tokio::spawn(crate::serve::run(listener, doors, receive, CancellationToken::new()));
    (address, send)
}

fn client() -> Client {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().no_proxy().build().unwrap()
}

fn request(address: SocketAddr, method: Method) -> RequestBuilder {
    client().request(method, format!("http://{address}/v1/evidence"))
}

impl Running {
    fn post(&self, token: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        request(self.address, Method::POST).bearer_auth(token).body(body)
    }

    /// Sends a request of which nothing may reach the daemon, and returns the status and when to come again.
    async fn refused(&mut self, request: RequestBuilder) -> (u16, Option<u64>) {
        let response = request.send().await.unwrap();
        assert!(self.inbox.try_recv().is_err(), "nothing is handed on");
        let again = header(&response, "retry-after").parse().ok();
        (response.status().as_u16(), again)
    }

    /// Sends a request, and hands out what reaches the daemon.
    async fn delivered(&mut self, request: RequestBuilder) -> (usize, String) {
        let sent = tokio::spawn(request.send());
        let Pushed { sender, lines, reply } = self.inbox.recv().await.unwrap();
        reply.send(Receipt { lines: 1, recorded: 1, ..Receipt::default() });
        assert_eq!(sent.await.unwrap().unwrap().status(), 200);
        (sender, String::from_utf8(lines).unwrap())
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd_within(window_log: u32, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn the_answer_comes_after_the_commit_and_says_what_became_of_every_line() {
    let mut running = start(LIMITS).await;
    let sent = tokio::spawn(running.post(JENKINS, LINE).send());
    let Pushed { lines, reply, .. } = running.inbox.recv().await.unwrap();
    assert_eq!(lines, LINE.as_bytes());
    assert!(!sent.is_finished(), "nothing is committed yet");
    let refused = vec![(2, "malformed"), (7, "other_workspace")];
    reply.send(Receipt { lines: 7, recorded: 4, repeated: 1, skipped: 2, malformed: 1, refused });
    let response = sent.await.unwrap().unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    assert_eq!(header(&response, "cache-control"), "no-store");
    let expected = r#"{"lines":7,"recorded":4,"repeated":1,"skipped":2,"refused":[{"line":2,"reason":"malformed"},{"line":7,"reason":"other_workspace"}]}"#;
    assert_eq!(response.text().await.unwrap(), format!("{expected}\n"));
}

#[tokio::test]
async fn a_body_without_any_json_object_is_no_evidence() {
    let mut running = start(LIMITS).await;
    let sent = tokio::spawn(running.post(JENKINS, "remote: CHANGE-3222").send());
    let reply = running.inbox.recv().await.unwrap().reply;
    reply.send(Receipt { lines: 1, skipped: 1, malformed: 1, refused: vec![(1, "malformed")], ..Receipt::default() });
    let response = sent.await.unwrap().unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains(r#""line":1,"reason":"malformed""#));
    assert_eq!(running.refused(running.post(JENKINS, "")).await, (400, None));
    assert_eq!(running.refused(running.post(JENKINS, "\r\n\n  \n")).await, (400, None));
}

#[tokio::test]
async fn plain_and_compressed_bodies_are_read_alike() {
    let mut running = start(LIMITS).await;
    let twice = [gzip(LINE.as_bytes()), gzip(LINE.as_bytes())].concat();
    for (encoding, body, lines) in [
        ("identity", LINE.as_bytes().to_vec(), 1),
        ("gzip", gzip(LINE.as_bytes()), 1),
        ("GZip", twice, 2),
        ("zstd", zstd_within(23, LINE.as_bytes()), 1),
    ] {
        let request = running.post(JENKINS, body).header("content-encoding", encoding);
        assert_eq!(running.delivered(request).await, (0, LINE.repeat(lines)), "{encoding}");
    }
}

#[tokio::test]
async fn encodings_that_nobody_reads_here_and_damaged_bodies_are_refused() {
    let mut running = start(LIMITS).await;
    for (encoding, body, status) in [
        ("br", LINE.into(), 415),
        ("gzip, gzip", gzip(&gzip(LINE.as_bytes())), 415),
        ("gzip", LINE.into(), 400),
        ("gzip", gzip(LINE.as_bytes())[..30].to_vec(), 400),
        ("zstd", gzip(LINE.as_bytes()), 400),
        ("zstd", zstd_within(27, LINE.repeat(200_000).as_bytes()), 400),
    ] {
        let request = running.post(JENKINS, body).header("content-encoding", encoding);
        assert_eq!(running.refused(request).await.0, status, "{encoding}");
    }
    let request = running.post(JENKINS, LINE).header("content-encoding", "gzip").header("content-encoding", "gzip");
    assert_eq!(running.refused(request).await.0, 415);
}

#[tokio::test]
async fn what_is_too_large_is_refused_however_small_it_comes() {
    let mut running = start(LIMITS).await;
    let zeros = vec![b'0'; 64 << 20];
    for (encoding, body) in [("gzip", gzip(&zeros)), ("zstd", zstd_within(20, &zeros))] {
        assert!(body.len() < 100_000, "{encoding}: {} bytes", body.len());
        let request = running.post(JENKINS, body).header("content-encoding", encoding);
        assert_eq!(running.refused(request).await.0, 413, "{encoding}");
    }
    let large = || vec![b' '; LIMITS.body + 1];
    assert_eq!(running.refused(running.post(JENKINS, large())).await.0, 413);
    let unannounced = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(large())]));
    assert_eq!(running.refused(running.post(JENKINS, unannounced)).await.0, 413);
    let many = "x\n".repeat(MAX_BLOCK_LINES) + "x";
    assert_eq!(running.refused(running.post(JENKINS, many.clone())).await.0, 413);
    assert_eq!(running.delivered(running.post(JENKINS, many[2..].to_owned())).await.1, many[2..]);
    let words = running.post(JENKINS, many).send().await.unwrap().text().await.unwrap();
    assert_eq!(words, "Too many lines: at most 16384 a request.\n");
}

#[tokio::test]
async fn each_sender_is_known_by_its_own_token_and_the_page_by_another() {
    let mut running = start(LIMITS).await;
    assert_eq!(running.delivered(running.post(JENKINS, LINE)).await.0, 0);
    assert_eq!(running.delivered(running.post(PROXY, LINE)).await.0, 1);
    let as_password = request(running.address, Method::POST).basic_auth("anybody", Some(PROXY)).body(LINE);
    assert_eq!(running.delivered(as_password).await.0, 1);
    for token in ["", PAGE, "jenkins' own toke", "jenkins' own tokens", &JENKINS.to_uppercase()] {
        assert_eq!(running.refused(running.post(token, LINE)).await, (401, None), "{token}");
    }
    let nameless = request(running.address, Method::POST).body(LINE);
    assert_eq!(running.refused(nameless).await, (401, None));
    let page = client().get(format!("http://{}/report.json", running.address));
    assert_eq!(page.bearer_auth(JENKINS).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn evidence_is_posted_and_not_asked_for() {
    let running = start(LIMITS).await;
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = request(running.address, method.clone()).bearer_auth(JENKINS).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "POST"), "{method}");
    }
}

#[tokio::test]
async fn without_senders_there_is_no_door() {
    let (address, _served) = serve(None).await;
    for method in [Method::GET, Method::POST] {
        for token in [PAGE, JENKINS] {
            let response = request(address, method.clone()).bearer_auth(token).body(LINE).send().await.unwrap();
            assert_eq!(response.status(), 404, "{method} {token}");
        }
    }
}

#[tokio::test]
async fn a_sender_that_comes_too_often_is_told_when_to_come_again_and_keeps_nobody_waiting() {
    let mut running = start(Limits { burst: 2, pause: Duration::from_secs(3_600), ..LIMITS }).await;
    for _ in 0..2 {
        running.delivered(running.post(JENKINS, LINE)).await;
    }
    assert_eq!(running.refused(running.post(JENKINS, LINE)).await, (429, Some(3_600)));
    running.delivered(running.post(PROXY, LINE)).await;
}

#[tokio::test]
async fn wrong_tokens_at_the_page_and_at_the_door_for_senders_count_together_and_the_right_ones_wait_with_them() {
    let mut running = start(LIMITS).await;
    let page = format!("http://{}/report.json", running.address);
    let ask = async |token: &str| client().get(&page).bearer_auth(token).send().await.unwrap().status().as_u16();
    for _ in 0..10 {
        assert_eq!(running.refused(running.post("a guess", LINE)).await, (401, None));
        assert_eq!(ask("a guess").await, 401);
    }
    for token in ["a guess", JENKINS] {
        let (status, again) = running.refused(running.post(token, LINE)).await;
        assert!(status == 429 && again.is_some_and(|seconds| (1..=6).contains(&seconds)), "{token}: {status}, {again:?}");
    }
    assert_eq!(ask(PAGE).await, 429);
    let told = running.post(JENKINS, LINE).send().await.unwrap().text().await.unwrap();
    assert_eq!(told, "Too many wrong tokens came from your address.\n");
}

#[tokio::test]
async fn requests_beyond_the_places_of_a_sender_are_sent_away_until_one_is_free() {
    let mut running = start(LIMITS).await;
    let (mut waiting, mut deliveries) = (Vec::new(), Vec::new());
    for _ in 0..PLACES_EACH {
        waiting.push(tokio::spawn(running.post(JENKINS, LINE).send()));
        deliveries.push(running.inbox.recv().await.unwrap());
    }
    assert_eq!(running.refused(running.post(JENKINS, LINE)).await, (503, Some(5)));
    running.delivered(running.post(PROXY, LINE)).await;
    deliveries.pop().unwrap().reply.send(Receipt { lines: 1, recorded: 1, ..Receipt::default() });
    assert_eq!(waiting.pop().unwrap().await.unwrap().unwrap().status(), 200);
    running.delivered(running.post(JENKINS, LINE)).await;
}

#[tokio::test]
async fn a_sender_whose_lines_were_not_recorded_is_told_to_come_again() {
    let mut running = start(Limits { answer_time: Duration::from_millis(50), ..LIMITS }).await;
    let sent = tokio::spawn(running.post(JENKINS, LINE).send());
    drop(running.inbox.recv().await.unwrap().reply);
    let response = sent.await.unwrap().unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "5"));
    let slow = running.post(JENKINS, LINE).send().await.unwrap();
    assert_eq!((slow.status().as_u16(), header(&slow, "retry-after")), (503, "5"));
    assert!(running.inbox.try_recv().is_ok(), "what was handed on is not taken back");
}

#[tokio::test]
async fn a_sender_that_trickles_gives_up_its_place() {
    let mut running = start(Limits { body_time: Duration::from_millis(50), ..LIMITS }).await;
    let mut slow = Vec::new();
    for _ in 0..PLACES_EACH {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head =
            format!("POST /v1/evidence HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {JENKINS}\r\ncontent-length: 99\r\n\r\n{{");
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    for stream in &mut slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    running.delivered(running.post(JENKINS, LINE)).await;
}
