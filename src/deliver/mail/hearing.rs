//! The connection beneath the SMTP conversation. It hears a server out only so far: lettre looks how long a line is when the
//! line has ended, so a server that never ends one would fill the memory.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// All that a server may say while it takes one message: a dozen answers and the certificates of `STARTTLS` are some kilobytes.
const MAX_BYTES: usize = 64 << 10;

/// The same in lines, since lettre reads an answer of many lines anew with each of them. What is encrypted has a line end in
/// every 256 bytes or so, too.
const MAX_LINES: usize = 600;

/// A connection that is read so far and no further.
#[derive(Debug)]
pub(super) struct Hearing<S> {
    stream: S,
    peer: SocketAddr,
    bytes_left: usize,
    lines_left: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("it answers without end")]
struct Endless;

impl<S> Hearing<S> {
    pub(super) fn new(stream: S, peer: SocketAddr) -> Self {
        Self { stream, peer, bytes_left: MAX_BYTES, lines_left: MAX_LINES }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hearing<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.bytes_left == 0 || self.lines_left == 0 {
            return Poll::Ready(Err(io::Error::other(Endless)));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let said = &into.filled()[before..];
        self.bytes_left = self.bytes_left.saturating_sub(said.len());
        self.lines_left = self.lines_left.saturating_sub(said.split(|byte| *byte == b'\n').skip(1).count());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hearing<S> {
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

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Sync + Unpin> AsyncTokioStream for Hearing<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
