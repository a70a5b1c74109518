//! Which way exports take, whom they trust, and how far a collector is heard.

use tokio::{io::copy_bidirectional, sync::oneshot};
use tokio_rustls::server::TlsStream;

use super::{
    grpc::{Ended, grpc_collector},
    *,
};
use crate::network;

/// The same behind TLS.
async fn tls_collector() -> (SocketAddr, mpsc::UnboundedReceiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, posts) = collecting(|_| (StatusCode::OK, Vec::new()));
    tokio::spawn(async move { axum::serve(TlsListener(listener), router).await.unwrap() });
    (address, posts)
}

struct TlsListener(TcpListener);

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.0.accept().await.unwrap();
            if let Ok(stream) = test_server::acceptor(&[b"http/1.1"]).accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// A proxy that connects its one caller with a collector, whomever it asks for, and tells what it asked.
async fn tunnel(to: SocketAddr) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        tell.send(String::from_utf8(head).unwrap()).unwrap();
        let mut collector = TcpStream::connect(to).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        // It ends when either hangs up, however it does.
        copy_bidirectional(&mut stream, &mut collector).await.ok();
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_to_another_machine_pass_the_configured_proxy_and_those_to_this_one_do_not() {
    let (proxy, mut posts) = collector(StatusCode::OK).await;
    let through = |proxy: &str| Network { proxy: format!("http://{proxy}"), ..Network::default() };
    let network = through(&proxy.to_string());
    let exporter = start(&Options { network, ..options("http://otel.example.test:4318".to_owned()) });
    let post = exported(&exporter, &mut posts, &[integrations("active", 25.0)]).await;
    assert_eq!((post.path.as_str(), post.host.as_str()), ("/v1/metrics", "otel.example.test"));

    let collectors = [(Protocol::Http, tls_collector().await), (Protocol::Grpc, grpc_collector(true, Ended::well).await)];
    for (protocol, (collector, mut posts)) in collectors {
        let (proxy, asked) = tunnel(collector).await;
        let network = Network { proxy, ..network::trusting() };
        let exporter = start(&Options { protocol, network, ..options("https://otel.example.test".to_owned()) });
        let post = exported(&exporter, &mut posts, &[integrations("active", 25.0)]).await;
        assert_eq!(series(&post.request, "duskwatch.integrations"), ["status=active 25 int"], "{protocol:?}");
        exporter.shutdown(LIMIT).await.unwrap();
        let head = asked.await.unwrap();
        assert!(head.starts_with("CONNECT otel.example.test:443 HTTP/1.1\r\n") && !head.contains("hunter2"), "{head}");
    }

    let (here, mut posts) = collector(StatusCode::OK).await;
    let network = through("127.0.0.1:1");
    let exporter = start(&Options { network, ..options(format!("http://{here}")) });
    let post = exported(&exporter, &mut posts, &[integrations("active", 25.0)]).await;
    assert_eq!(post.host, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_file_vouches_for_a_collector_over_either_protocol() {
    let (http, mut http_posts) = tls_collector().await;
    let (grpc, mut grpc_posts) = grpc_collector(true, Ended::well).await;
    for (protocol, address, posts) in [(Protocol::Http, http, &mut http_posts), (Protocol::Grpc, grpc, &mut grpc_posts)] {
        let network = network::trusting();
        let exporter = start(&Options { protocol, network, ..options(format!("https://{address}")) });
        let post = exported(&exporter, posts, &[integrations("active", 25.0)]).await;
        assert_eq!(series(&post.request, "duskwatch.integrations"), ["status=active 25 int"], "{protocol:?}");
        exporter.shutdown(LIMIT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_nobody_vouches_for_gets_nothing() {
    let (address, mut posts) = tls_collector().await;
    let exporter = start(&options(format!("https://{address}")));
    publish(&exporter, &[ratio(1.0)]);
    assert!(exporter.flush(LIMIT).await.is_err());
    assert!(posts.try_recv().is_err());
    assert!(exporter.shutdown(LIMIT).await.is_err());
}

#[tokio::test]
async fn an_answer_without_end_is_left_and_a_redirect_is_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let written = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await.unwrap();
        let (piece, mut written) = (vec![0; 64 << 10], 0);
        while written < 1_000_000_000 && stream.write_all(&piece).await.is_ok() {
            written += piece.len();
        }
        written
    });
    let exporter = start(&options(format!("http://{address}")));
    publish(&exporter, &[ratio(1.0)]);
    exporter.flush(LIMIT).await.unwrap();
    // What the sockets buffer was written, and no more.
    assert!(written.await.unwrap() < 100_000_000);

    let (thief, mut posts) = collector(StatusCode::OK).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let redirecting = axum::Router::new()
        .fallback(move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", format!("http://{thief}/v1/metrics"))]) });
    tokio::spawn(async move { axum::serve(listener, redirecting).await.unwrap() });
    let exporter = start(&options(format!("http://{address}")));
    publish(&exporter, &[ratio(1.0)]);
    assert!(format!("{:#}", exporter.flush(LIMIT).await.unwrap_err()).contains("307"));
    assert!(posts.try_recv().is_err(), "the key went to somebody else");
}
