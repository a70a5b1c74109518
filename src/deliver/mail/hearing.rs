//! How far a mail server is heard: lettre looks how long a line is when the line has ended, so a server that never ends one
//! would fill the memory.

use std::{io, net::SocketAddr};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::network::bounded::{Bounded, Limit};

/// All that a server may say while it takes one message: a dozen answers and the certificates of `STARTTLS` are some kilobytes.
const MAX_BYTES: usize = 64 << 10;

/// The same in lines, since lettre reads an answer of many lines anew with each of them. What is encrypted has a line end in
/// every 256 bytes or so, too.
const MAX_LINES: usize = 600;

/// What a server may say yet.
#[derive(Debug)]
pub(super) struct Hearing {
    peer: SocketAddr,
    bytes_left: usize,
    lines_left: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("it answers without end")]
struct Endless;

impl Hearing {
    /// A connection to a mail server, heard so far.
    pub(super) fn bound<S>(stream: S, peer: SocketAddr) -> Bounded<S, Self> {
        Bounded::new(stream, Self { peer, bytes_left: MAX_BYTES, lines_left: MAX_LINES })
    }
}

impl Limit for Hearing {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lines = bytes.split(|byte| *byte == b'\n').skip(1).count();
        let left = self.bytes_left.checked_sub(bytes.len()).zip(self.lines_left.checked_sub(lines));
        (self.bytes_left, self.lines_left) = left.ok_or_else(|| io::Error::other(Endless))?;
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Sync + Unpin> AsyncTokioStream for Bounded<S, Hearing> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.limit.peer)
    }
}
