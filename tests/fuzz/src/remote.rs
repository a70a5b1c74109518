//! A server on loopback that answers whatever it is told, and a client of the product that asks it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use duskwatch::{
    network::Network,
    source::{Auth, Client, ClientOptions},
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
    time::timeout,
};
use url::Url;

/// No fetch may take longer by its clock, which jumps over every pause: a walk waits at most some minutes for each of its pages.
const LIMIT: Duration = Duration::from_secs(86_400);
const AUTHORITY: &str = "tests/data/deliver/tls/ca.pem";
/// What the server allows, as a configuration says it: headers lower it.
const ALLOWED: (u32, Duration) = (50, Duration::from_secs(60));

/// What the server answers to everything, and whether more can be asked of it afterwards: where nobody knows how long an answer
/// says that it is, its end is that of the connection.
#[derive(Clone, Default)]
struct Told {
    answer: Vec<u8>,
    stays: bool,
}

pub struct Remote {
    runtime: Runtime,
    told: Arc<Mutex<Told>>,
    base: Url,
    client: Client,
}

impl Default for Remote {
    fn default() -> Self {
        // Where several targets share a process one of them is first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let told = Arc::<Mutex<Told>>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let base = Url::parse(&format!("http://{}", listener.local_addr().expect("a port"))).expect("an address");
        let shared = Arc::clone(&told);
        runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let told = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            let Told { answer, stays } = told.lock().expect("no panic holds it").clone();
                            if stream.write_all(&answer).await.is_err() || !stays {
                                return;
                            }
                        }
                    }
                });
            }
        });
        let client = client(&base);
        Self { runtime, told, base, client }
    }
}

impl Remote {
    /// Fetches, by a client that is kept, from a server that gives this answer, which is one of [`response`], to everything.
    pub fn ask<T>(&self, answer: Vec<u8>, fetch: impl AsyncFnOnce(Client) -> T) -> T {
        self.fetch(Told { answer, stays: true }, self.client.clone(), fetch)
    }

    /// The same with any answer, by a client that has learnt nothing yet.
    pub fn ask_anew<T>(&self, answer: Vec<u8>, fetch: impl AsyncFnOnce(Client) -> T) -> T {
        self.fetch(Told { answer, stays: false }, client(&self.base), fetch)
    }

    fn fetch<T>(&self, told: Told, client: Client, fetch: impl AsyncFnOnce(Client) -> T) -> T {
        *self.told.lock().expect("no panic holds it") = told;
        self.runtime.block_on(async { timeout(LIMIT, fetch(client)).await }).expect("a fetch ends")
    }
}

fn client(base: &Url) -> Client {
    // One small file instead of the system's, which take longer to read than a request.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join(AUTHORITY));
    let authority = above.into_iter().find(|path| path.exists()).expect("the project");
    let network: Network = toml::from_str(&format!("ca_file = {:?}", authority.display().to_string())).expect("a section");
    let auth = Auth::Bearer(SecretString::from("fuzz"));
    let options = ClientOptions { base_url: base.clone(), auth, limits: vec![ALLOWED], share: 0.8, retries: 0, network, seed: 1 };
    Client::new(options).expect("a loopback address")
}

/// A whole answer with this body.
pub fn response(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
