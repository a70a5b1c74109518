//! How far a mail server is heard: lettre looks how long a line is when the line has ended, so a server that never ends one
//! would fill the memory. And it keeps what came in clear text behind the answer to `STARTTLS` for what comes encrypted
//! (CVE-2011-0411, in a client): whoever stands between could say that the mail was taken.

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
    /// Where TLS is still to come.
    clear: Option<Answer>,
}

/// How much of an answer in clear text has come: its first line is the last one unless there is a `-` behind its code.
#[derive(Debug, Default)]
struct Answer {
    /// Bytes of the present line.
    length: usize,
    goes_on: bool,
}

/// The records of TLS with which a server begins: an alert, a handshake. No line of an answer does.
const RECORDS: [u8; 2] = [21, 22];

/// Bytes of the code of an answer.
const CODE: usize = 3;

#[derive(Debug, thiserror::Error)]
#[error("it answers without end")]
struct Endless;

#[derive(Debug, thiserror::Error)]
#[error("it answers in clear text what it was not asked: somebody on the way may have written that")]
struct NotAsked;

impl Hearing {
    /// A connection to a mail server, heard so far.
    pub(super) fn bound<S>(stream: S, peer: SocketAddr) -> Bounded<S, Self> {
        Self::heard(stream, peer, None)
    }

    /// The same, of one that is encrypted after `STARTTLS`.
    pub(super) fn until_encrypted<S>(stream: S, peer: SocketAddr) -> Bounded<S, Self> {
        Self::heard(stream, peer, Some(Answer::default()))
    }

    fn heard<S>(stream: S, peer: SocketAddr, clear: Option<Answer>) -> Bounded<S, Self> {
        Bounded::new(stream, Self { peer, bytes_left: MAX_BYTES, lines_left: MAX_LINES, clear })
    }
}

impl Answer {
    /// Whether TLS has begun, once these bytes have come; refused when something stands behind an answer. What comes later, after
    /// `STARTTLS`, TLS takes for its own and refuses itself.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let mut is_whole = false;
        for byte in bytes {
            if is_whole {
                return Err(io::Error::other(NotAsked));
            }
            if self.length == 0 && RECORDS.contains(byte) {
                return Ok(true);
            }
            match byte {
                b'\n' => {
                    is_whole = !self.goes_on;
                    *self = Self::default();
                }
                byte => {
                    self.goes_on |= self.length == CODE && *byte == b'-';
                    self.length += 1;
                }
            }
        }
        Ok(false)
    }
}

impl Limit for Hearing {
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lines = bytes.split(|byte| *byte == b'\n').skip(1).count();
        let left = self.bytes_left.checked_sub(bytes.len()).zip(self.lines_left.checked_sub(lines));
        (self.bytes_left, self.lines_left) = left.ok_or_else(|| io::Error::other(Endless))?;
        if let Some(answer) = &mut self.clear
            && answer.hear(bytes)?
        {
            self.clear = None;
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Sync + Unpin> AsyncTokioStream for Bounded<S, Hearing> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.limit.peer)
    }
}
