//! A connection whose other side is heard only so far, beneath a client that would wait in memory for whatever was begun.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How far the other side is heard.
pub trait Limit: Unpin {
    /// Looks at what has come, piece by piece as it comes. It reaches the client unless this refuses it.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A connection within a limit. What we say ourselves passes as it is.
#[derive(Debug)]
pub struct Bounded<S, L> {
    stream: S,
    pub limit: L,
}

impl<S, L> Bounded<S, L> {
    pub fn new(stream: S, limit: L) -> Self {
        Self { stream, limit }
    }
}

impl<S: AsyncRead + Unpin, L: Limit> AsyncRead for Bounded<S, L> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        Poll::Ready(self.limit.hear(&into.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin, L: Limit> AsyncWrite for Bounded<S, L> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
