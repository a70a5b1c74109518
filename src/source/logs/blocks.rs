//! Cutting a stream into blocks of whole lines, of which only one is in memory.

use std::io::{self, Read};

use super::Layout;
use crate::evidence::format::{HEAD_BYTES, is_whole_object, split_block, split_operations, split_rows};

/// Bytes of one block, and with it the longest line that is looked for the end of.
pub(super) const BLOCK_BYTES: usize = 1 << 20;
/// The longest header of a table that is read.
const MAX_HEADER_BYTES: usize = 65_536;

/// The content of one file, cut as its layout wants it.
pub struct Blocks<R> {
    input: R,
    /// Goes over what follows of the input that nobody wrote, and returns how many bytes that were.
    skip_hole: fn(&mut R) -> io::Result<u64>,
    layout: Layout,
    header: Vec<u8>,
    /// Nobody writes to the file any more: its last line is whole even without an end.
    complete: bool,
    /// Where in the content `buffer` begins.
    offset: u64,
    buffer: Vec<u8>,
    /// The part of `buffer` that is the present block.
    given: usize,
    filled: usize,
    at_end: bool,
}

impl<R: Read> Blocks<R> {
    /// All of a stream that nobody writes to any more.
    ///
    /// # Errors
    /// A stream that cannot be read.
    pub fn new(input: R, layout: Layout) -> io::Result<Self> {
        let mut blocks = Self::from(input, layout, Vec::new(), 0, BLOCK_BYTES, true);
        if layout != Layout::Lines {
            blocks.refill()?;
            blocks.header = layout.header_of(&blocks.buffer[..blocks.filled]).to_vec();
        }
        if layout == Layout::Table {
            blocks.given = blocks.header.len();
        }
        Ok(blocks)
    }

    /// What follows an offset of a content whose header is known, in a buffer for so many bytes.
    pub(super) fn from(input: R, layout: Layout, header: Vec<u8>, offset: u64, bytes: usize, complete: bool) -> Self {
        let buffer = vec![0; bytes.clamp(1, BLOCK_BYTES)];
        Self { input, skip_hole: |_| Ok(0), layout, header, complete, offset, buffer, given: 0, filled: 0, at_end: false }
    }

    /// Goes over holes in an input that may have some.
    pub(super) fn skipping(self, skip_hole: fn(&mut R) -> io::Result<u64>) -> Self {
        Self { skip_hole, ..self }
    }

    /// Goes on to the next block; whether a line was passed over before it because no block can hold it.
    ///
    /// # Errors
    /// A stream that cannot be read.
    pub fn advance(&mut self) -> io::Result<bool> {
        self.refill()?;
        let whole = self.whole();
        let too_long = whole == 0 && !self.at_end;
        if too_long {
            self.drop_line()?;
        }
        self.given = if too_long { self.whole() } else { whole };
        Ok(too_long)
    }

    /// The present block; it may be empty.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.given]
    }

    /// The first line of a table, which is in none of its blocks; the first lines of a transcript; empty for other layouts.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Where in the content the present block begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Nothing follows the present block but, perhaps, a line that is still being written.
    pub fn is_last(&self) -> bool {
        self.at_end && self.split(&self.buffer[self.given..self.filled]) == 0
    }

    /// Moves what is left of the last block to the front and fills up behind it.
    fn refill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.given..self.filled, 0);
        self.offset += self.given as u64;
        self.filled -= self.given;
        self.given = 0;
        while !self.at_end && self.filled < self.buffer.len() {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.at_end = true,
                Ok(bytes) => self.filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn whole(&self) -> usize {
        self.split(&self.buffer[..self.filled])
    }

    /// The length of the whole lines that some bytes begin with, of no more than one block can hold.
    fn split(&self, bytes: &[u8]) -> usize {
        let complete = self.at_end && self.complete;
        if self.layout == Layout::Table {
            return split_rows(bytes, &self.header, complete).0.len();
        }
        let (whole, rest) = split_block(bytes);
        match self.layout {
            _ if complete && !rest.contains(&b'\n') => bytes.len(),
            Layout::Lines if self.at_end && is_whole_object(rest) => bytes.len(),
            Layout::Transcript => split_operations(whole).0.len(),
            _ => whole.len(),
        }
    }

    /// Skips the rest of a line that fills the whole buffer.
    fn drop_line(&mut self) -> io::Result<()> {
        while !self.at_end && !self.buffer[..self.filled].contains(&b'\n') {
            self.given = self.filled;
            self.offset += (self.skip_hole)(&mut self.input)?;
            self.refill()?;
        }
        self.given = first_line(&self.buffer[..self.filled]).len();
        self.refill()
    }
}

/// The first line with its end; all bytes where it has none.
fn first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    &bytes[..end]
}

impl Layout {
    /// What the beginning of a content says of all of it.
    fn header_of(self, beginning: &[u8]) -> &[u8] {
        match self {
            Self::Lines => &[],
            Self::Table => first_line(beginning),
            Self::Transcript => &beginning[..beginning.len().min(HEAD_BYTES)],
        }
    }

    /// The header of a content, or as much of it as is read.
    pub(super) fn read_header(self, input: impl Read) -> io::Result<Vec<u8>> {
        let mut beginning = Vec::new();
        input.take(MAX_HEADER_BYTES as u64).read_to_end(&mut beginning)?;
        beginning.truncate(self.header_of(&beginning).len());
        Ok(beginning)
    }
}
