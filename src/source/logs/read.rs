//! Reading one planned file in blocks of whole lines, each with the cursor to commit.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    FilePlan, Layout,
    blocks::{BLOCK_BYTES, Blocks},
    compression::Input,
    shown,
};
use crate::{
    evidence::{CursorUpdate, Skipped},
    source::file::hole_bytes,
};

/// Reads one file to the end that it had when it was planned.
pub struct FileReader {
    plan: FilePlan,
    blocks: Blocks<io::Take<Input>>,
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
        if plan.layout != Layout::Lines {
            header = plan.layout.read_header(plan.compression.open(&plan.path)?)?;
        }
        if plan.layout == Layout::Table {
            offset = offset.max(header.len() as u64);
        }
        let left = match &mut input {
            Input::Plain(file) => {
                file.seek(SeekFrom::Start(offset))?;
                plan.length.saturating_sub(offset)
            }
            Input::Packed(packed) => {
                io::copy(&mut packed.take(offset), &mut io::sink())?;
                u64::MAX
            }
        };
        // One byte more than is left, so that filling the buffer finds the end.
        let bytes = usize::try_from(left).unwrap_or(BLOCK_BYTES).saturating_add(1);
        let blocks = Blocks::from(input.take(left), plan.layout, header, offset, bytes, plan.settled).skipping(skip_hole);
        Ok(Self { plan, blocks, finished: false })
    }

    /// The first line of a table, which is in none of its blocks; the first lines of a transcript; empty for other layouts.
    pub fn header(&self) -> &[u8] {
        self.blocks.header()
    }

    pub fn path(&self) -> &Path {
        &self.plan.path
    }

    /// When the file was last written, Unix milliseconds.
    pub fn changed_ms(&self) -> i64 {
        self.plan.modified_ms
    }

    /// The next whole lines; none at the end. A last line that is still being written is left for later.
    pub fn next_block(&mut self) -> io::Result<Option<Block<'_>>> {
        if self.finished {
            return Ok(None);
        }
        let too_long = self.blocks.advance()?;
        self.finished = self.blocks.is_last();
        let (bytes, offset) = (self.blocks.bytes(), self.blocks.offset());
        let cursor = self.plan.cursor(offset + bytes.len() as u64, self.finished);
        let sample = || format!("{}: a line of more than {BLOCK_BYTES} bytes", shown(&self.plan.path));
        let skipped = too_long.then(|| Skipped { reason: "too_long", count: 1, sample: sample() });
        Ok(Some(Block { bytes, offset, cursor, skipped: skipped.into_iter().collect() }))
    }

    /// The cursor of a file that turned out to be unreadable: it is left alone until it changes.
    pub fn give_up(&self) -> CursorUpdate {
        self.plan.cursor(self.blocks.offset(), true)
    }
}

/// A log whose writer went on at its old place after it was cut, or one that somebody made as long as disks are not, has a hole: no
/// line ends there, and to read its zeros could take days.
fn skip_hole(input: &mut io::Take<Input>) -> io::Result<u64> {
    let left = input.limit();
    let Input::Plain(file) = input.get_mut() else { return Ok(0) };
    let skipped = hole_bytes(file)?.min(left);
    file.seek_relative(skipped.cast_signed())?;
    input.set_limit(left - skipped);
    Ok(skipped)
}
