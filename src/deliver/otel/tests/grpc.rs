//! The same figures over gRPC.

use tokio::io::{AsyncRead, AsyncWrite};

use super::*;

/// What a gRPC collector answers: a message, and how the call ended; without a message that comes at once.
pub(super) struct Ended(Option<ExportMetricsServiceResponse>, &'static [(&'static str, &'static str)]);

impl Ended {
    pub(super) fn well(_: usize) -> Self {
        Self(Some(ExportMetricsServiceResponse::default()), &[("grpc-status", "0")])
    }
}

/// A gRPC collector, as far as one connection goes, with an answer to each call, by how many came before it.
pub(super) async fn grpc_collector(
    encrypted: bool,
    answer: impl Fn(usize) -> Ended + Send + Sync + 'static,
) -> (SocketAddr, mpsc::UnboundedReceiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (send, posts) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if encrypted {
            answer_grpc(test_server::acceptor(&[b"h2"]).accept(stream).await.unwrap(), send, answer).await;
        } else {
            answer_grpc(stream, send, answer).await;
        }
    });
    (address, posts)
}

/// Each message stands behind five bytes of framing; the end of a call is told by trailers.
async fn answer_grpc<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    send: mpsc::UnboundedSender<Post>,
    answer: impl Fn(usize) -> Ended + Send + Sync + 'static,
) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let (answer, mut before) = (Arc::new(answer), 0);
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (send, answer, nth) = (send.clone(), Arc::clone(&answer), before);
        before += 1;
        tokio::spawn(async move {
            let (head, mut body) = request.into_parts();
            let mut message = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = chunk.unwrap();
                body.flow_control().release_capacity(chunk.len()).unwrap();
                message.extend_from_slice(&chunk);
            }
            assert_eq!(message[..5], [&[0], &u32::try_from(message.len() - 5).unwrap().to_be_bytes()[..]].concat());
            assert_eq!(
                (&head.headers["te"], &head.headers["content-type"]),
                (&"trailers".parse().unwrap(), &"application/grpc".parse().unwrap())
            );
            let key = head.headers["x-key"].to_str().unwrap().to_owned();
            let request = ExportMetricsServiceRequest::decode(&message[5..]).unwrap();
            let (path, host) = (head.uri.path().to_owned(), head.uri.host().unwrap_or_default().to_owned());
            send.send(Post { path, host, key, request, body: Bytes::new() }).unwrap();
            let Ended(message, trailers) = answer(nth);
            let trailers: HeaderMap = trailers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect();
            let mut head = axum::http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let Some(message) = message.map(|message| message.encode_to_vec()) else {
                head.headers_mut().extend(trailers);
                respond.send_response(head, true).unwrap();
                return;
            };
            let mut stream = respond.send_response(head, false).unwrap();
            let framed = [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
            stream.send_data(Bytes::from(framed), false).unwrap();
            stream.send_trailers(trailers).unwrap();
        });
    }
}

#[tokio::test]
async fn how_a_call_of_grpc_ended_decides_whether_it_is_made_again_and_what_is_said() {
    let (address, mut posts) = grpc_collector(false, |before| match before {
        0 => Ended(None, &[("grpc-status", "14"), ("grpc-message", "come back later")]),
        1 => Ended::well(before),
        2 => Ended(None, &[("grpc-status", "7"), ("grpc-message", "no%20key%0Aof yours")]),
        3 => Ended(None, &[]),
        4 => Ended(None, &[("grpc-status", "99")]),
        _ => {
            let partial_success =
                Some(ExportMetricsPartialSuccess { rejected_data_points: 3, error_message: "too many\nlabels".to_owned() });
            Ended(Some(ExportMetricsServiceResponse { partial_success }), &[("grpc-status", "0")])
        }
    })
    .await;
    let exporter = start(&Options { protocol: Protocol::Grpc, ..options(format!("http://{address}")) });
    let refused = exported(&exporter, &mut posts, &[ratio(1.0)]).await;
    assert_eq!(posts.recv().await.unwrap().request, refused.request);
    assert_eq!(exporter.exports(), Exports { accepted: 1, failed: 0, last_error: None });
    for words in [
        "the collector answers PermissionDenied: no key of yours",
        "the collector answers without a status of gRPC",
        "the collector answers without a status of gRPC",
        "the collector dropped 3 of them: too many labels",
    ] {
        let error = exporter.flush(LIMIT).await.unwrap_err();
        assert_eq!(format!("{error:#}"), format!("the metrics could not be exported: {words}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_figures_leave_over_grpc() {
    let (address, mut posts) = grpc_collector(false, Ended::well).await;
    let over_grpc = Options { protocol: Protocol::Grpc, ..options(format!("http://{address}")) };
    let exporter = start(&over_grpc);
    let post = exported(&exporter, &mut posts, &[integrations("active", 25.0)]).await;
    assert_eq!(post.path, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    assert_eq!(post.key, "hunter2");
    assert_eq!(series(&post.request, "duskwatch.integrations"), ["status=active 25 int"]);

    publish(&exporter, &[integrations("active", 24.0)]);
    exporter.shutdown(LIMIT).await.unwrap();
    assert_eq!(series(&posts.recv().await.unwrap().request, "duskwatch.integrations"), ["status=active 24 int"]);
}
