//! A listener that answers each request with the bytes it is told, and remembers what it was asked.

use std::{
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use secrecy::SecretString;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use crate::{
    network::Network,
    source::{Auth, Client, ClientOptions},
    tls::test_server,
};

pub const TOKEN: &str = "ATCTT3xFfGN0-not-a-real-token";

pub struct Server {
    pub base: Url,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `script` gets the target of a request and how many came before it.
    pub async fn start(script: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = Url::parse(&format!("http://{}", listener.local_addr().expect("a bound port"))).expect("an address");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let request = read_request(stream, &seen, &script).await;
                assert!(request.is_ok() || request.is_err_and(|e| e.kind() != std::io::ErrorKind::InvalidData));
            }
        });
        Self { base, requests }
    }

    /// The same behind TLS, with the test's certificate for 127.0.0.1. Whoever does not trust it sends nothing.
    pub async fn start_tls(script: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = Url::parse(&format!("https://{}", listener.local_addr().expect("a bound port"))).expect("an address");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = test_server::acceptor(&[b"http/1.1"]).accept(stream).await {
                    drop(read_request(stream, &seen, &script).await);
                }
            }
        });
        Self { base, requests }
    }

    /// The request heads, in order.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic in the server").clone()
    }

    pub fn targets(&self) -> Vec<String> {
        self.requests().iter().filter_map(|head| head.split(' ').nth(1).map(str::to_owned)).collect()
    }
}

async fn read_request(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<String>>,
    script: &(impl Fn(&str, usize) -> Vec<u8> + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    // What is left unread when a connection is closed resets it, and the answer with it.
    let length =
        head.to_lowercase().split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await?;
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let before = {
        let mut seen = seen.lock().expect("no panic in the server");
        seen.push(head);
        seen.len() - 1
    };
    stream.write_all(&script(&target, before)).await?;
    stream.shutdown().await
}

pub fn json(body: &str) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json\r\n", body)
}

pub fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

pub fn client(base: &Url) -> Client {
    client_with_retries(base, 0)
}

pub fn client_with_retries(base: &Url, retries: usize) -> Client {
    client_through(base, retries, Network::default())
}

pub fn client_through(base: &Url, retries: usize, network: Network) -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another test's provider serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    let auth = Auth::Bearer(SecretString::from(TOKEN));
    Client::new(ClientOptions {
        base_url: base.clone(),
        auth,
        limits: vec![(60_000, Duration::from_secs(60))],
        share: 1.0,
        retries,
        network,
        seed: 7,
    })
    .expect("credentials may be sent there")
}
