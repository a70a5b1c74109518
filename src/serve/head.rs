//! The head of a request as bytes, before anybody reads words in it.
//!
//! The HTTP library takes a lone line feed for the end of a line. A proxy that does not would pass on, inside one header, what
//! is read here as another one: the name of a caller, say. So every line of a head has to end as the standard says (RFC 9112,
//! 2.2), and since a connection carries one request, a head is all that comes before the first empty line.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No head may hold this byte: a head that does is refused by whoever reads it, with an answer.
const REFUSED: u8 = 0;

/// A connection whose first head is looked at as it arrives.
pub(super) struct Headed<S> {
    stream: S,
    head: Head,
}

impl<S> Headed<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, head: Head::default() }
    }
}

/// How far a head has come.
#[derive(Debug, Default)]
struct Head {
    /// The last byte was a carriage return.
    returned: bool,
    /// The present line has other bytes.
    filled: bool,
    /// A line was filled: empty ones before the first are passed over, as the library does.
    begun: bool,
    over: bool,
}

impl Head {
    /// Goes on with further bytes, and makes those lines unreadable that end in a lone line feed.
    fn pass(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.over {
                return;
            }
            match (*byte, self.returned) {
                (b'\n', true) => {
                    self.over = self.begun && !self.filled;
                    (self.returned, self.filled) = (false, false);
                }
                (b'\n', false) => *byte = REFUSED,
                (b'\r', _) => self.returned = true,
                _ => (self.returned, self.filled, self.begun) = (false, true, true),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Headed<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        this.head.pass(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Headed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left to read of bytes that come in pieces of some length.
    fn passed(text: &str, piece: usize) -> String {
        let (mut head, mut bytes) = (Head::default(), text.as_bytes().to_vec());
        bytes.chunks_mut(piece).for_each(|bytes| head.pass(bytes));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_of_a_head_that_ends_otherwise_is_made_unreadable_and_a_body_is_left_alone() {
        for piece in [1, 2, 3, 7, 1_000] {
            let sound = "\r\nPOST / HTTP/1.1\r\nhost: x\r\n\r\n{\"a\":1}\n{\"b\":2}\n\n";
            assert_eq!(passed(sound, piece), sound);
            for (sent, read) in [
                ("GET / HTTP/1.1\nhost: x\r\n\r\n", "GET / HTTP/1.1\0host: x\r\n\r\n"),
                ("GET / HTTP/1.1\r\na: b\nwho: me\r\n\r\n", "GET / HTTP/1.1\r\na: b\0who: me\r\n\r\n"),
                ("\r\n\r\nGET / HTTP/1.1\r\na: b\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\na: b\0\r\n"),
                ("GET / HTTP/1.1\r\n\n", "GET / HTTP/1.1\r\n\0"),
            ] {
                assert_eq!(passed(sent, piece), read, "{sent:?} by {piece}");
            }
        }
    }
}
