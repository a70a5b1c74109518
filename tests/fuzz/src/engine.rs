//! A server on loopback that speaks PostgreSQL's protocol as far as the place from which on it says whatever it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use duskwatch::source::{LogEngine, PostgreSqlOptions};
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    time::timeout,
};

/// No conversation may take longer: what is asked is answered at once.
const LIMIT: Duration = Duration::from_secs(20);
/// `AuthenticationOk` and `ReadyForQuery`.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
/// `CommandComplete` and `ReadyForQuery`.
const DONE: &[u8] = b"C\0\0\0\x08SET\0Z\0\0\0\x05I";
/// Before the question itself come the settings of the session, and its own.
const BEFORE: usize = 2;

/// From where on it says what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The first byte.
    Beginning,
    /// The answer to the question.
    Question,
}

pub struct Engine {
    runtime: Runtime,
    port: u16,
    told: Arc<Mutex<(Since, Vec<u8>)>>,
}

impl Default for Engine {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let told = Arc::new(Mutex::new((Since::Beginning, Vec::new())));
        let shared = Arc::clone(&told);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (since, words) = shared.lock().expect("no panic holds it").clone();
                tokio::spawn(async move { drop(converse(stream, since, &words).await) });
            }
        });
        Self { runtime, port, told }
    }
}

impl Engine {
    /// Converses with a server that says these words from some place on, and hangs up.
    pub fn ask<T>(&self, since: Since, words: &[u8], conversation: impl AsyncFnOnce(LogEngine) -> T) -> T {
        *self.told.lock().expect("no panic holds it") = (since, words.to_vec());
        let engine = LogEngine::postgresql(PostgreSqlOptions {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            database: "logs".to_owned(),
            username: "duskwatch".to_owned(),
            password: "fuzz".into(),
            encrypted: false,
            ca_pem: None,
        });
        let engine = engine.expect("nothing is read for it");
        self.runtime.block_on(async { timeout(LIMIT, conversation(engine)).await }).expect("a conversation ends")
    }
}

async fn converse(mut stream: TcpStream, since: Since, words: &[u8]) -> io::Result<()> {
    // The first message has no kind.
    message(&mut stream).await?;
    if since == Since::Question {
        stream.write_all(WELCOME).await?;
        for _ in 0..BEFORE {
            stream.read_u8().await?;
            message(&mut stream).await?;
            stream.write_all(DONE).await?;
        }
        stream.read_u8().await?;
        message(&mut stream).await?;
    }
    stream.write_all(words).await?;
    stream.shutdown().await?;
    // Whoever hangs up on what was not read yet cuts off the answer.
    io::copy(&mut stream, &mut io::sink()).await.map(drop)
}

async fn message(stream: &mut TcpStream) -> io::Result<()> {
    let length = stream.read_u32().await?;
    let mut rest = stream.take(u64::from(length.saturating_sub(4)));
    io::copy(&mut rest, &mut io::sink()).await.map(drop)
}
