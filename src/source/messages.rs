//! The messages of PostgreSQL, none longer than any that is meant for us.
//!
//! Its client waits for a message to be whole, in memory, whatever length the server has written before it. So the lengths are
//! read here on their way (<https://www.postgresql.org/docs/current/protocol-message-formats.html>: a byte for the kind, four for the length,
//! which counts itself).

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::network::bounded::Limit;

/// A row has a few hundred bytes; this is no row any more.
pub(super) const MAX_MESSAGE_BYTES: usize = 1 << 20;
const HEAD_BYTES: usize = 5;

/// What a server sends, until a message is too long.
pub(super) struct Messages {
    head: [u8; HEAD_BYTES],
    /// Bytes of `head` that have come.
    begun: usize,
    /// Bytes of the message that are still to come.
    left: usize,
    refused: TooLong,
}

/// Whether a message was too long: the client says of it only that the connection has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct TooLong(Arc<AtomicBool>);

impl TooLong {
    pub fn was_seen(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Messages {
    pub fn new(refused: TooLong) -> Self {
        Self { head: [0; HEAD_BYTES], begun: 0, left: 0, refused }
    }

    fn length(&self) -> io::Result<usize> {
        let [_, length @ ..] = self.head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE_BYTES {
            self.refused.0.store(true, Ordering::Release);
            return Err(io::Error::other("a message longer than any that is meant for us"));
        }
        Ok(length.saturating_sub(4))
    }
}

impl Limit for Messages {
    fn hear(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            bytes = &bytes[passed..];
            let taken = (HEAD_BYTES - self.begun).min(bytes.len());
            self.head[self.begun..self.begun + taken].copy_from_slice(&bytes[..taken]);
            self.begun += taken;
            bytes = &bytes[taken..];
            if self.begun == HEAD_BYTES {
                self.begun = 0;
                self.left = self.length()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::network::bounded::Bounded;

    /// What comes through of these messages, in pieces of so many bytes.
    async fn through(bytes: &[u8], piece: usize) -> (usize, bool) {
        let seen = TooLong::default();
        let mut stream = Bounded::new(bytes, Messages::new(seen.clone()));
        let (mut buffer, mut came) = (vec![0; piece], 0);
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            came += length;
        }
        (came, seen.was_seen())
    }

    #[tokio::test]
    async fn messages_pass_however_they_are_cut_until_one_is_too_long() {
        let message = |length: usize| [&b"D"[..], &u32::try_from(length + 4).unwrap().to_be_bytes(), &vec![7; length]].concat();
        let good = [message(0), message(1), message(300), message(MAX_MESSAGE_BYTES - 4)].concat();
        let bad = [&good[..], b"D\xff\xff\xff\xff", &[7; 9]].concat();
        for piece in [1, 2, 7, 4_096] {
            assert_eq!(through(&good, piece).await, (good.len(), false), "{piece}");
            let (came, seen) = through(&bad, piece).await;
            assert!(seen && came < good.len() + 5, "{piece}: {came}");
        }
    }
}
