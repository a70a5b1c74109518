//! Growing log files: which of them have something new, and reading that in bounded blocks of whole lines.
//!
//! A file is known by how it begins, not by its name, so renaming it (rotation), truncating it after a copy and compressing
//! it neither loses nor repeats a line. Nothing is held open between two looks. These functions block; call them from a
//! blocking thread.
//!
//! A round: [`plan()`] compares the disk with the stored cursors, [`FileReader`] reads one planned file after the other, and
//! each [`Block`]'s cursor is committed with what was found in it.

mod blocks;
mod compression;
mod cursor;
mod plan;
mod read;

pub use blocks::Blocks;
pub use plan::{FilePlan, GONE, NO_FILE, NO_REGULAR_FILE, Plan, UNREADABLE, plan};
pub use read::{Block, FileReader};

use std::{
    fs::File,
    io::{self, Read, Seek as _},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use compression::Input;

use super::file::{hole_bytes, open_file};
use crate::{evidence::format::Format, report::inert};

/// Where a shell hands a pipe over: there nobody else puts one.
const HANDED_OVER: [&str; 3] = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];

/// The whole content of a file, or what comes through a pipe.
pub struct Content(Origin);

enum Origin {
    Piped(Box<dyn Read + Send>),
    File(Input),
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Origin::Piped(input) => input.read(buffer),
            Origin::File(input) => input.read(buffer),
        }
    }
}

impl Content {
    /// Goes over what follows that nobody wrote, and returns how many bytes that were.
    fn skip_hole(&mut self) -> io::Result<u64> {
        let Origin::File(Input::Plain(file)) = &mut self.0 else { return Ok(0) };
        let skipped = hole_bytes(file)?;
        file.seek_relative(skipped.cast_signed())?;
        Ok(skipped)
    }
}

/// The whole content of a file in blocks of whole lines; holes are gone over as when a log is followed.
pub fn content_blocks(path: &Path, layout: Layout) -> io::Result<Blocks<Content>> {
    Ok(Blocks::new(content(path)?, layout)?.skipping(Content::skip_hole))
}

/// The whole content of a file, uncompressed by its ending; `-` is standard input.
pub fn content(path: &Path) -> io::Result<Content> {
    if path.as_os_str() == "-" {
        return Ok(Content(Origin::Piped(Box::new(io::stdin()))));
    }
    let handed_over = HANDED_OVER.iter().any(|place| path.starts_with(place));
    let file = if handed_over { File::open(path)? } else { open_file(path)? };
    let seekable = file.metadata()?.is_file();
    let input = compression::Compression::of(path).unpack(file)?;
    Ok(Content(if seekable { Origin::File(input) } else { Origin::Piped(Box::new(input)) }))
}

/// When a file was last written, Unix milliseconds; none for standard input.
pub fn changed_ms(path: &Path) -> Option<i64> {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    i64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// A path as people are shown it: whoever can name a file must neither write to their terminals nor hide what it is called.
pub fn shown(path: &Path) -> String {
    inert::record(&path.to_string_lossy())
}

/// How the lines of a file belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Every line is an item of its own.
    Lines,
    /// The first line names the columns of the others.
    Table,
    /// One file is the output of one job. Many jobs begin with the same words, so its path is part of what it is known by.
    Transcript,
}

impl Layout {
    /// How the lines of a format belong together in its files.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Json | Format::Combined | Format::Squid => Self::Lines,
            Format::Csv => Self::Table,
            Format::Transcript => Self::Transcript,
        }
    }

    /// A last line without its end is still being written, until the file has not changed for this long. Servers write
    /// through buffers that may hold half a line for hours; a job's output simply ends. (A JSON object shows that it is whole.)
    fn settles_after(self) -> Duration {
        match self {
            Self::Lines | Self::Table => Duration::from_secs(86_400),
            Self::Transcript => Duration::from_secs(60),
        }
    }

    /// The lines at the beginning by which a file is known: a table's header is the same in all of them.
    fn telling_lines(self) -> usize {
        match self {
            Self::Lines | Self::Transcript => 1,
            Self::Table => 2,
        }
    }
}
