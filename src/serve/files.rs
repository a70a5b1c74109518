//! Files that nobody holds in memory: each is written anew, piece by piece, to whoever asks for it.

use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    response::Response,
    routing::get,
};
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::spawn_blocking,
};

use super::{
    Document,
    routes::{Shelf, Watched, no_document, nothing_here, of_document},
};

const JSON: &str = "application/json";
const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Bytes that are handed over at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait for a caller who reads slowly; then the writer waits.
const PIECES_WAITING: usize = 4;

/// Files that are written at one time: each has a thread, authentications.csv a second one, and keeps the report that it is written
/// from.
pub(super) const WRITERS: usize = 8;

type WriteOne = dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync;

/// One file, written on demand.
#[derive(Clone)]
pub struct OnDemand(Arc<WriteOne>);

impl fmt::Debug for OnDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDemand")
    }
}

impl OnDemand {
    pub fn new(write: impl Fn(&mut dyn Write) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// It is written as fast as it is read, and no further once nobody reads; then the place is free again. What cannot be written
    /// to its end breaks the connection, so that nobody takes the part for the whole.
    pub(super) fn body(self, place: OwnedSemaphorePermit) -> Body {
        let (sender, receiver) = mpsc::channel(PIECES_WAITING);
        spawn_blocking(move || {
            let _place = place;
            let mut out = Pieces { piece: Vec::with_capacity(PIECE_BYTES), sender };
            let written = (self.0)(&mut out).and_then(|()| out.hand_over()).and_then(|()| out.send(Piece::End));
            if let Err(error) = written {
                tracing::debug!(%error, "a file was not read to its end");
            }
        });
        Body::from_stream(stream::unfold(receiver, |mut receiver| async {
            match receiver.recv().await {
                Some(Piece::Of(bytes)) => Some((Ok(bytes), receiver)),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::from(io::ErrorKind::UnexpectedEof)), receiver)),
            }
        }))
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
    pub(super) fn of(&self, name: &str) -> Option<OnDemand> {
        let name = *self.names.iter().find(|known| **known == name)?;
        let writing = Arc::clone(&self.writing);
        Some(OnDemand::new(move |out| writing(name, out)))
    }
}

pub(super) fn router(served: Watched) -> Router {
    Router::new().route("/report.json", get(report)).route("/csv/{name}", get(csv)).with_state(Shelf::new(served, WRITERS))
}

async fn report(State(shelf): State<Shelf>) -> Response {
    file(shelf, JSON, |document| Some(document.report_json.clone())).await
}

async fn csv(State(shelf): State<Shelf>, Path(name): Path<String>) -> Response {
    let is_json = std::path::Path::new(&name).extension().is_some_and(|extension| extension == "json");
    file(shelf, if is_json { JSON } else { CSV }, |document| document.files.of(&name)).await
}

async fn file(shelf: Shelf, kind: &str, pick: impl Fn(&Document) -> Option<OnDemand>) -> Response {
    let served = shelf.served.borrow().clone();
    let Some(document) = served.document.clone() else { return no_document(&served.readiness) };
    let Some(file) = pick(&document) else { return nothing_here() };
    match shelf.place().await {
        Ok(place) => of_document(&document, kind, file.body(place)),
        Err(busy) => busy,
    }
}

enum Piece {
    Of(Bytes),
    End,
}

struct Pieces {
    piece: Vec<u8>,
    sender: mpsc::Sender<Piece>,
}

impl Pieces {
    fn hand_over(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        if piece.is_empty() { Ok(()) } else { self.send(Piece::Of(piece.into())) }
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        self.sender.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
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
