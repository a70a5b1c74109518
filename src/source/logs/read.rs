//! Reading one planned file in blocks of whole lines.

use std::io::{self, Read, Seek, SeekFrom};

use super::{FilePlan, Layout, compression::Input, shown};
use crate::evidence::{CursorUpdate, Skipped, format::split_block};

/// Bytes of one block, and with it the longest line that is read.
const BLOCK_BYTES: usize = 2 << 20;
/// The longest header of a table that is read.
const MAX_HEADER_BYTES: u64 = 65_536;

/// Reads one file to the end that it had when it was planned.
pub struct FileReader {
    plan: FilePlan,
    input: io::Take<Input>,
    header: Vec<u8>,
    /// Where in the content `buffer` begins.
    offset: u64,
    buffer: Vec<u8>,
    /// The part of `buffer` that the last block was.
    given: usize,
    filled: usize,
    at_end: bool,
    /// The last block's cursor said that the file was read to its end.
    finished: bool,
}

/// Whole lines, and the cursor to commit with what is in them. The block that finds the end may be empty.
#[derive(Debug)]
pub struct Block<'a> {
    pub bytes: &'a [u8],
    /// Where in the file's content the block begins.
    pub offset: u64,
    pub cursor: CursorUpdate,
    /// Lines that are longer than a block.
    pub skipped: Vec<Skipped>,
}

impl FileReader {
    /// Opens a planned file where its cursor stands.
    pub fn open(plan: FilePlan) -> io::Result<Self> {
        let mut input = plan.compression.open(&plan.path)?;
        let mut offset = plan.offset;
        let mut header = Vec::new();
        if plan.layout == Layout::Table {
            header = first_line(&mut plan.compression.open(&plan.path)?)?;
            offset = offset.max(header.len() as u64);
        }
        let left = match &mut input {
            Input::Plain(file) => {
                file.seek(SeekFrom::Start(offset))?;
                plan.length.saturating_sub(offset)
            }
            packed => {
                io::copy(&mut packed.take(offset), &mut io::sink())?;
                u64::MAX
            }
        };
        let buffer = vec![0; BLOCK_BYTES.min(usize::try_from(left).unwrap_or(BLOCK_BYTES)).max(1)];
        Ok(Self { plan, input: input.take(left), header, offset, buffer, given: 0, filled: 0, at_end: false, finished: false })
    }

    /// The first line of a table, which is in none of its blocks; empty for other layouts.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next whole lines; none at the end. A last line that is still being written is left for later.
    pub fn next_block(&mut self) -> io::Result<Option<Block<'_>>> {
        let mut skipped = Vec::new();
        self.refill()?;
        if self.lines() == 0 && !self.at_end {
            self.drop_line()?;
            let sample = format!("{}: a line of more than {BLOCK_BYTES} bytes", shown(&self.plan.path));
            skipped.push(Skipped { reason: "line_too_long", count: 1, sample });
        }
        self.given = self.lines();
        if self.given == 0 && skipped.is_empty() && (!self.at_end || self.finished) {
            return Ok(None);
        }
        self.finished = self.at_end;
        let cursor = self.plan.cursor(self.offset + self.given as u64, self.finished);
        Ok(Some(Block { bytes: &self.buffer[..self.given], offset: self.offset, cursor, skipped }))
    }

    /// The cursor of a file that turned out to be unreadable: it is left alone until it changes.
    pub fn give_up(&self) -> CursorUpdate {
        self.plan.cursor(self.offset, true)
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
        self.at_end |= self.input.limit() == 0;
        Ok(())
    }

    /// The length of the whole lines in the buffer, of no more than one chunk can hold.
    fn lines(&self) -> usize {
        let (whole, rest) = split_block(&self.buffer[..self.filled]);
        let last = self.at_end && self.plan.settled && !rest.contains(&b'\n');
        if last { self.filled } else { whole.len() }
    }

    /// Skips the rest of a line that fills the whole buffer.
    fn drop_line(&mut self) -> io::Result<()> {
        while !self.at_end && !self.buffer[..self.filled].contains(&b'\n') {
            self.given = self.filled;
            self.refill()?;
        }
        let rest = self.buffer[..self.filled].iter().position(|byte| *byte == b'\n').map_or(self.filled, |end| end + 1);
        self.given = rest;
        self.refill()
    }
}

fn first_line(input: &mut Input) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    input.take(MAX_HEADER_BYTES).read_to_end(&mut line)?;
    let end = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |end| end + 1);
    line.truncate(end);
    Ok(line)
}
