use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::{network, tls::test_server};

/// The secret, id and time of the examples of Standard Webhooks.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = b"{\"test\": 2432232314}";

fn at() -> Timestamp {
    Timestamp::from_second(1_614_265_330).unwrap()
}

fn hook(url: &str, network: Network) -> Hook {
    rustls::crypto::ring::default_provider().install_default().ok();
    let options = Options { url: url.parse().unwrap(), secret: SECRET.into(), network };
    Hook::new(&options).unwrap()
}

/// Answers one request with `answer`, and returns what it was sent.
async fn once(answer: &'static str, tls: bool) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if tls {
            converse(test_server::acceptor(&[]).accept(stream).await.unwrap(), answer).await
        } else {
            converse(stream, answer).await
        }
    });
    (format!("{}://127.0.0.1:{port}/hooks/hunter2?key=hunter3", if tls { "https" } else { "http" }), task)
}

async fn converse(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(BODY) {
        request.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
    String::from_utf8(request).unwrap()
}

#[tokio::test]
async fn the_signature_is_that_of_the_specification() {
    let signed = hook("http://127.0.0.1:1/", Network::default()).signature(ID, at(), BODY);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn a_message_goes_out_signed_and_a_2xx_takes_it() {
    for tls in [false, true] {
        let (url, asked) = once("HTTP/1.1 204 No Content\r\n\r\n", tls).await;
        hook(&url, if tls { network::trusting() } else { Network::default() }).send(ID, at(), BODY).await.unwrap();
        let request = asked.await.unwrap();
        assert!(request.starts_with("POST /hooks/hunter2?key=hunter3 HTTP/1.1\r\n"), "{request}");
        for line in [
            "content-type: application/json",
            "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp: 1614265330",
            "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ] {
            assert!(request.lines().any(|sent| sent == line), "{line} is not in {request}");
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_tried_again_unless_the_receiver_is_gone() {
    for (answer, permanent, words) in [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", false, "500"),
        ("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", false, "400"),
        ("HTTP/1.1 429 Slow down\r\ncontent-length: 0\r\n\r\n", false, "429"),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", true, "gone"),
        ("HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n", false, "not followed"),
        ("", false, "broke off"),
    ] {
        let (url, asked) = once(answer, false).await;
        let error = hook(&url, Network::default()).send(ID, at(), BODY).await.unwrap_err();
        asked.await.unwrap();
        assert!(error.permanent == permanent && error.words.contains(words), "{answer}: {error:?}");
        assert!(!error.words.contains("hunter"), "{error:?}");
    }
    let nobody = hook("http://127.0.0.1:1/hunter2", Network::default()).send(ID, at(), BODY).await.unwrap_err();
    assert!(nobody.words.contains("could not be reached") && !nobody.words.contains("hunter2"), "{nobody:?}");
}

#[tokio::test]
async fn who_asks_to_be_left_alone_says_for_how_long() {
    for (header, seconds) in [
        ("retry-after: 120", Some(120)),
        ("date: Tue, 24 Nov 2026 10:00:00 GMT\r\nretry-after: Tue, 24 Nov 2026 12:00:00 GMT", Some(7_200)),
        ("retry-after: soon", None),
        ("x-nothing: 1", None),
    ] {
        let answer = format!("HTTP/1.1 429 Slow down\r\n{header}\r\ncontent-length: 0\r\n\r\n").leak();
        let (url, asked) = once(answer, false).await;
        let error = hook(&url, Network::default()).send(ID, at(), BODY).await.unwrap_err();
        asked.await.unwrap();
        assert_eq!(error.pause.map(|pause| pause.as_secs()), seconds, "{header}");
    }
}

#[tokio::test]
async fn a_receiver_that_nobody_vouches_for_is_not_told() {
    let (url, asked) = once("HTTP/1.1 200 OK\r\n\r\n", true).await;
    let error = hook(&url, Network::default()).send(ID, at(), BODY).await.unwrap_err();
    assert!(!error.permanent && error.words.contains("could not be reached"), "{error:?}");
    assert!(asked.await.is_err(), "the handshake failed");
}

#[test]
fn secrets_are_checked_and_never_repeated() {
    assert_eq!(check_secret(&SECRET.into()), Ok(()));
    for (secret, words) in [
        ("hunter2", "must be base64, with or without whsec_"),
        ("whsec_hunter2!", "must be base64"),
        ("whsec_aHVudGVyMg==", "has 7 bytes: 24 to 64"),
    ] {
        let found = check_secret(&secret.into()).unwrap_err();
        assert!(found.contains(words) && !found.contains("hunter2") && !found.contains("aHVudGVyMg"), "{found}");
    }
    assert_eq!(
        place(&"https://hooks.example.test:8443/services/T0/hunter2?x=1".parse().unwrap()),
        "https://hooks.example.test:8443"
    );
}
