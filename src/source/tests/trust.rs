//! Whom the credential is sent to: who is known by a certificate, over a TLS of today, whatever name or proxy leads there.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use url::Url;

use super::server::{Server, TOKEN, client, client_through, json};
use crate::{
    network::{Network, trusting},
    source::{FetchError, Tokens},
};

async fn refusal(base: &Url, network: Network) -> FetchError {
    Tokens::new(client_through(base, 0, network), "acme", "ORG").list().await.expect_err("nobody to trust")
}

#[tokio::test]
async fn a_private_authority_vouches_and_without_it_nothing_is_sent() {
    let server = Server::start_tls(|_, _| json(r#"{"data": []}"#)).await;
    let error = refusal(&server.base, Network::default()).await.to_string();
    assert!(error.contains("signed by nobody who is trusted here") && error.contains("network.ca_file"), "{error}");
    assert_eq!(server.requests(), Vec::<String>::new());
    let tokens = Tokens::new(client_through(&server.base, 0, trusting()), "acme", "ORG");
    tokens.list().await.expect("the authority vouches for it");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_name_that_leads_to_another_machine_gets_nothing() {
    let server = Server::start_tls(|_, _| json(r#"{"data": []}"#)).await;
    let port = server.base.port().expect("a bound port");
    let elsewhere = Url::parse(&format!("https://localhost:{port}")).expect("an address");
    let error = refusal(&elsewhere, trusting()).await.to_string();
    assert!(error.contains("its certificate is for another host"), "{error}");
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_older_than_tls_1_2_is_spoken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = Url::parse(&format!("https://{}", listener.local_addr().expect("a port"))).expect("an address");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.expect("a record");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).await.expect("a hello");
        // A server's hello in TLS 1.1: version, random, no session, one cipher suite, no compression.
        let mut answer = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        answer.extend([7; 32]);
        answer.extend([0, 0, 0x2f, 0]);
        stream.write_all(&answer).await.expect("written");
        // The rest is an alert.
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest).await;
        (hello, rest, read.is_ok())
    });
    let error = refusal(&base, trusting()).await.to_string();
    assert!(error.contains("no TLS 1.2 or newer"), "{error}");
    let (hello, rest, _) = server.await.expect("no panic in the server");
    // The extension supported_versions: TLS 1.3 and 1.2, in this order, and no other.
    assert!(hello.windows(9).any(|bytes| bytes == [0, 43, 0, 5, 4, 3, 4, 3, 3]), "{hello:?}");
    assert!(rest.first().is_none_or(|kind| *kind == 21), "{rest:?}");
}

#[tokio::test]
async fn a_proxy_is_told_the_host_and_not_the_credential() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let proxy = format!("http://{}", listener.local_addr().expect("a port"));
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("more"));
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.expect("written");
        // What follows is TLS with whoever has the certificate.
        head.push(stream.read_u8().await.expect("a record"));
        head
    });
    let base = Url::parse("https://api.example.test").expect("an address");
    let network: Network = toml::from_str(&format!("proxy = {proxy:?}")).expect("a section");
    let error = refusal(&base, network).await;
    let head = asked.await.expect("no panic in the proxy");
    assert!(head.starts_with(b"CONNECT api.example.test:443 HTTP/1.1\r\n") && head.ends_with(&[22]), "{head:?}");
    let said = String::from_utf8_lossy(&head).to_lowercase();
    assert!(!said.contains("authorization:") && !said.contains(&TOKEN.to_lowercase()), "{said}");
    assert!(!error.to_string().contains(TOKEN) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_small_answer_that_unpacks_without_end_is_cut_off() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b' '; 1 << 20]).expect("in memory");
    }
    let packed = encoder.finish().expect("in memory");
    assert!(packed.len() < 100_000, "{}", packed.len());
    let server = Server::start(move |_, _| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        [head.as_bytes(), &packed].concat()
    })
    .await;
    let error = Tokens::new(client(&server.base), "acme", "ORG").list().await.expect_err("too much");
    assert!(matches!(error, FetchError::TooLarge { limit_bytes: 33_554_432, .. }), "{error:?}");
}

#[tokio::test]
async fn json_within_json_fills_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for (before, after) in [("", ""), ("[", "]"), ("[{\"id\": \"a\", \"user\": ", "}]")] {
            let deep = format!("{{\"data\": {before}{}1{}{after}}}", open.repeat(200_000), close.repeat(200_000));
            let server = Server::start(move |_, _| json(&deep)).await;
            let list = Tokens::new(client(&server.base), "acme", "ORG").list().await;
            let is_bounded = match &list {
                Ok(list) => list.tokens.len() + list.skipped.len() == 1,
                Err(error) => matches!(error, FetchError::Unreadable { .. }),
            };
            assert!(is_bounded, "{before}{open}: {list:?}");
        }
    }
}
