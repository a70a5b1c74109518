//! Files of counted evidence that another instance wrote (`evidence::exchange`), compressed with zstd.
//!
//! Such a file is read twice, and opened once: first to the end, line by line, so that its signature is known to be right before
//! anything of it is believed; then to be taken in. Both times its bytes are hashed, piece by piece, and a piece of which the two
//! differ is handed to nobody: what was changed in between was never signed. Memory is flat, and a few bytes that become
//! endlessly many are refused.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Seek as _},
    path::Path,
};

use super::file::{open_file, written_bytes};
use crate::evidence::exchange::{
    Header, Item, MAX_LINE_BYTES, Malformed, Parser, Source,
    seal::{PublicKey, Seal},
};

/// The largest window, as a power of two: what memory a file can ask for.
const MAX_WINDOW_LOG: u32 = 23;
/// No file is longer, uncompressed: a billion lines.
const MAX_BYTES: u64 = 128 << 30;
/// A file of counts becomes some ten times as long. One that becomes so many times as long, and longer than the next, is a trap.
const MAX_RATIO: u64 = 400;
const UNSUSPICIOUS_BYTES: u64 = 64 << 20;

/// So many bytes of whole lines are hashed, and then handed over, at one time.
const PIECE_BYTES: usize = 1 << 20;

/// An open file of another instance.
#[derive(Debug)]
pub struct ExchangeFile {
    file: File,
    compressed: u64,
    /// Once its signature is right: the digest of all lines up to the end of each piece.
    proven: Vec<[u8; 32]>,
}

/// A file whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub header: Header,
    pub sources: Vec<Source>,
    /// Of every byte before the last line.
    pub digest: [u8; 32],
    /// Lines before the last.
    pub lines: u64,
}

impl ExchangeFile {
    /// # Errors
    /// When it cannot be opened, or is nothing that can be read twice.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Err(refused("a file is read twice, first to prove who wrote it: name a file instead of -"));
        }
        let mut file = open_file(path)?;
        let compressed = written_bytes(&mut file)?;
        Ok(Self { file, compressed, proven: Vec::new() })
    }

    /// Reads the whole file and proves who wrote it. `key_of` is asked once, for the header that the file claims to have. A line
    /// that says what cannot be ends it at once: what nobody signed yet is not worth more work.
    ///
    /// # Errors
    /// A file that is damaged, incomplete, no such file, not signed by the key, or that says what cannot be.
    pub fn verify(&mut self, key_of: impl FnOnce(&Header) -> Result<PublicKey, String>) -> io::Result<Verified> {
        let (mut key_of, mut known) = (Some(key_of), None);
        let (mut parser, mut sources, mut proven) = (Parser::default(), Vec::new(), Vec::new());
        let (digest, lines, last) = self.pass(|piece, so_far| {
            proven.push(so_far);
            lines_of(piece).try_for_each(|line| {
                match (parser.line(line).map_err(io::Error::other)?, key_of.take()) {
                    (Item::Header(header), Some(key_of)) => {
                        let key = key_of(&header).map_err(io::Error::other)?;
                        known = Some((header, key));
                    }
                    (Item::Source(source), _) => sources.push(source),
                    _ => {}
                }
                Ok(())
            })
        })?;
        let (header, key) = known.ok_or_else(|| refused("there is nothing in it"))?;
        let signature = Parser::signature(&last).ok_or_else(|| refused("it has no seal at its end: it is incomplete"))?;
        if !key.has_signed(&digest, &signature) {
            return Err(refused(&format!(
                "the signature is not of the key that is trusted for `{}`: the file was changed, or somebody else wrote it",
                header.instance
            )));
        }
        self.proven = proven;
        Ok(Verified { header, sources, digest, lines })
    }

    /// Hands over every line before the last, as they were when the file was proven. Nothing of a piece is handed over that is not
    /// what was signed.
    ///
    /// # Errors
    /// As [`ExchangeFile::verify`], a file that has changed since, and what `take` refuses.
    pub fn read(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut proven = std::mem::take(&mut self.proven).into_iter();
        let read = self.pass(|piece, so_far| {
            if proven.next() != Some(so_far) {
                return Err(refused("the file was changed while it was read"));
            }
            lines_of(piece).try_for_each(&mut take)
        });
        read.map(drop)
    }

    /// Reads from the beginning to the end: the digest, how many lines there are before the last one, and the last one. `take` is
    /// given the lines before it piece by piece, each with the digest of all that were read so far.
    fn pass(&mut self, mut take: impl FnMut(&[u8], [u8; 32]) -> io::Result<()>) -> io::Result<([u8; 32], u64, Vec<u8>)> {
        self.file.rewind()?;
        let mut decoder = zstd::Decoder::new(&self.file)?;
        decoder.window_log_max(MAX_WINDOW_LOG)?;
        let limit = MAX_BYTES.min(UNSUSPICIOUS_BYTES.max(self.compressed.saturating_mul(MAX_RATIO)));
        let mut input = BufReader::with_capacity(1 << 16, decoder);
        let (mut seal, mut read, mut lines) = (Seal::default(), 0, 0);
        let (mut line, mut before, mut piece) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            line.clear();
            let length =
                input.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line).map_err(|error| damaged(&error))?;
            if !before.is_empty() && length > 0 {
                seal.add(&before);
                piece.extend_from_slice(&before);
                lines += 1;
            }
            if length == 0 || piece.len() >= PIECE_BYTES {
                take(&piece, seal.clone().digest())?;
                piece.clear();
            }
            if length == 0 {
                return Ok((seal.digest(), lines, before));
            }
            read += length as u64;
            if read > limit {
                return Err(refused("it becomes far longer when it is uncompressed than counts do: it is refused unread"));
            }
            if line.pop_if(|byte| *byte == b'\n').is_none() {
                let words = if length > MAX_LINE_BYTES { "a line is longer than any can be" } else { "it ends within a line" };
                return Err(refused(words));
            }
            line.push(b'\n');
            std::mem::swap(&mut line, &mut before);
        }
    }
}

/// The lines of a piece, without their ends.
fn lines_of(piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    piece.split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1])
}

fn refused(words: &str) -> io::Error {
    io::Error::other(Malformed(words.to_owned()))
}

fn damaged(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("it is damaged or incomplete: {error}"))
}
