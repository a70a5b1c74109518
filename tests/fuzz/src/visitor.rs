//! The listening side, with a sender's door, asked byte by byte.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use duskwatch::{
    evidence::format::{Form, Format, Piece, parse_block},
    serve::{Access, Doors, Intake, Receipt, Served},
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// A caller that has said everything and hung up is answered, or not, within this.
const LIMIT: Duration = Duration::from_secs(20);

pub struct Visited {
    runtime: Runtime,
    address: SocketAddr,
    _served: watch::Sender<Arc<Served>>,
    _doors: watch::Sender<Arc<Doors>>,
}

impl Default for Visited {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a port");
        let senders: Vec<SecretString> = vec!["fuzz".into()];
        let (intake, mut inbox) = Intake::new(&senders).expect("there is a sender");
        let access = Access { token: Some(SecretString::from("page")), ..Access::default() };
        let (doors, met) = watch::channel(Arc::new(Doors { access, intake: Some(intake) }));
        let (served, shown) = watch::channel(Arc::new(Served::default()));
        runtime.spawn(duskwatch::serve::run(listener, met, shown, CancellationToken::new()));
        runtime.spawn(async move {
            let form = Form::new(Format::Json);
            while let Some(pushed) = inbox.recv().await {
                let piece = Piece { bytes: &pushed.lines, ..Piece::default() };
                super::record(parse_block(piece, &form, super::NOW_MS), pushed.lines.len());
                pushed.reply.send(Receipt { lines: 1, recorded: 1, ..Receipt::default() });
            }
        });
        Self { runtime, address, _served: served, _doors: doors }
    }
}

impl Visited {
    /// Says something, hangs up, and gives what was answered.
    pub fn say(&self, words: &[u8]) -> Vec<u8> {
        let conversation = async {
            let mut stream = TcpStream::connect(self.address).await.expect("a listener");
            // Whoever is refused is hung up on while it speaks.
            drop(stream.write_all(words).await);
            drop(stream.shutdown().await);
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer).await);
            answer
        };
        self.runtime.block_on(async { timeout(LIMIT, conversation).await }).expect("a conversation ends")
    }
}
