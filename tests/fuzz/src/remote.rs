//! A server on loopback that answers whatever it is told, and a client of the product that asks it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use duskwatch::source::{Auth, Client, ClientOptions, Network};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
    time::timeout,
};
use url::Url;

/// No fetch may take longer: what is asked answers at once.
const LIMIT: Duration = Duration::from_secs(20);

pub struct Remote {
    runtime: Runtime,
    answer: Arc<Mutex<Vec<u8>>>,
    base: Url,
    client: Client,
}

impl Default for Remote {
    fn default() -> Self {
        rustls::crypto::ring::default_provider().install_default().expect("nobody was first");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let base = Url::parse(&format!("http://{}", listener.local_addr().expect("a port"))).expect("an address");
        let told = Arc::clone(&answer);
        runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            let answer = told.lock().expect("no panic holds it").clone();
                            if stream.write_all(&answer).await.is_err()
                                || !answer.starts_with(b"HTTP/1.1 200 OK\r\ncontent-length")
                            {
                                return;
                            }
                        }
                    }
                });
            }
        });
        let client = client(&base);
        Self { runtime, answer, base, client }
    }
}

impl Remote {
    /// Fetches, by a client that is kept, from a server that gives this answer to everything.
    pub fn ask<T>(&self, answer: Vec<u8>, fetch: impl AsyncFnOnce(Client) -> T) -> T {
        self.fetch(answer, self.client.clone(), fetch)
    }

    /// The same by a client that has learnt nothing yet.
    pub fn ask_anew<T>(&self, answer: Vec<u8>, fetch: impl AsyncFnOnce(Client) -> T) -> T {
        self.fetch(answer, client(&self.base), fetch)
    }

    fn fetch<T>(&self, answer: Vec<u8>, client: Client, fetch: impl AsyncFnOnce(Client) -> T) -> T {
        *self.answer.lock().expect("no panic holds it") = answer;
        self.runtime.block_on(async { timeout(LIMIT, fetch(client)).await }).expect("a fetch ends")
    }
}

fn client(base: &Url) -> Client {
    // One small file instead of the system's, which take longer to read than a request.
    let network: Network =
        toml::from_str(concat!("ca_file = \"", env!("CARGO_MANIFEST_DIR"), "/../data/deliver/tls/ca.pem\"")).expect("a section");
    let auth = Auth::Bearer(SecretString::from("fuzz"));
    let options = ClientOptions { base_url: base.clone(), auth, limits: Vec::new(), share: 1.0, retries: 0, network, seed: 1 };
    Client::new(options).expect("a loopback address")
}

/// A whole answer with this body.
pub fn response(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
