//! The clear text before TLS. lettre keeps what it has read beyond the answer to `STARTTLS`, and takes it for answers that came
//! encrypted: whoever can write into the connection, though not read it, would tell us that the message was taken
//! (CVE-2011-0411).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How the first words of a TLS client begin, and no command of SMTP.
const HANDSHAKE: u8 = 22;

/// How those of a server begin that agrees, or does not.
const TLS_ANSWERS: [u8; 2] = [HANDSHAKE, 21];

/// A connection that is to be encrypted on the way. Until then it is read byte by byte, so that nobody above holds more of it
/// than the line that was waited for, and all that comes behind the consent has to be TLS.
#[derive(Debug)]
pub(super) struct Consent<S> {
    stream: S,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Clear,
    /// We have begun with TLS; the server has not answered yet.
    Begun,
    Encrypted,
}

#[derive(Debug, thiserror::Error)]
#[error("it answers in clear text behind its consent to TLS: somebody on the way may have written that")]
struct Unasked;

impl<S> Consent<S> {
    pub(super) fn awaited(stream: S) -> Self {
        Self { stream, stage: Stage::Clear }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Consent<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stage == Stage::Encrypted || into.remaining() == 0 {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let mut byte = [0];
        let mut next = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut next))?;
        if let (Stage::Begun, Some(first)) = (self.stage, next.filled().first()) {
            if !TLS_ANSWERS.contains(first) {
                return Poll::Ready(Err(io::Error::other(Unasked)));
            }
            self.stage = Stage::Encrypted;
        }
        into.put_slice(next.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Consent<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.stage == Stage::Clear && bytes.first() == Some(&HANDSHAKE) {
            self.stage = Stage::Begun;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
