//! Files that nobody holds in memory: each is written anew, piece by piece, to whoever asks for it.

use std::{
    convert::Infallible,
    fmt,
    io::{self, Write},
    sync::Arc,
};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::{sync::mpsc, task::spawn_blocking};

/// Bytes that are handed over at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait for a caller who reads slowly; then the writer waits.
const PIECES_WAITING: usize = 4;

type WriteOne = dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync;

/// One of them.
#[derive(Clone)]
pub struct Written(Arc<WriteOne>);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl Written {
    pub fn new(write: impl Fn(&mut dyn Write) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// It is written as fast as it is read, and no further once nobody reads.
    pub(super) fn body(self) -> Body {
        let (sender, receiver) = mpsc::channel(PIECES_WAITING);
        spawn_blocking(move || {
            let mut out = Pieces { piece: Vec::with_capacity(PIECE_BYTES), sender };
            if let Err(error) = (self.0)(&mut out).and_then(|()| out.hand_over()) {
                tracing::debug!(%error, "a file was not read to its end");
            }
        });
        let pieces = stream::unfold(receiver, |mut receiver| async {
            let piece = receiver.recv().await?;
            Some((Ok::<_, Infallible>(piece), receiver))
        });
        Body::from_stream(pieces)
    }
}

type WriteNamed = dyn Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync;

/// The files that can be asked for, and what writes them.
#[derive(Clone)]
pub struct Files {
    names: Vec<&'static str>,
    writing: Arc<WriteNamed>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Files").field(&self.names).finish()
    }
}

impl Files {
    pub fn new(
        names: impl IntoIterator<Item = &'static str>,
        write: impl Fn(&str, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { names: names.into_iter().collect(), writing: Arc::new(write) }
    }

    /// The file of this name, if there is one.
    pub(super) fn of(&self, name: &str) -> Option<Written> {
        let name = *self.names.iter().find(|known| **known == name)?;
        let writing = Arc::clone(&self.writing);
        Some(Written::new(move |out| writing(name, out)))
    }
}

struct Pieces {
    piece: Vec<u8>,
    sender: mpsc::Sender<Bytes>,
}

impl Pieces {
    fn hand_over(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        if piece.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
