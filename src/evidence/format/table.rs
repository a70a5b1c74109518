//! Tables (CSV): the first line names the columns, cells are split by `,`, `;` or a tab, whichever the header has most of,
//! and a quoted cell may hold line breaks.
//!
//! Rows are cut here and not by the `csv` crate, because a quote that nobody closes must cost its line and not the file: what
//! spans several lines is one row only where it has the header's columns.

use std::{borrow::Cow, ops::Range};

use super::{
    Defaults, Fields, MAX_BLOCK_LINES, MAX_LINE_BYTES, Piece,
    draft::{Draft, Refusal, Value},
    fields::Field,
    lines,
};
use crate::evidence::Page;

/// The first is taken where the header has none.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// Some writers end each row with a delimiter; more empty cells than these are a slip.
const MAX_SURPLUS: usize = 2;
/// Columns that are looked at: where a row ends may have to be asked at each of its lines.
const MAX_COLUMNS: usize = 1_000;

/// Splits whole rows off a buffer that begins with one: the next block, at most [`MAX_BLOCK_LINES`] rows, and the rest. A last
/// row without its end stays in the rest, unless nothing will follow it (`complete`).
pub fn split_rows<'a>(bytes: &'a [u8], header: &[u8], complete: bool) -> (&'a [u8], &'a [u8]) {
    let rows = Rows { table: Table::new(header), rest: bytes, complete };
    let end = rows.take(MAX_BLOCK_LINES).map(<[u8]>::len).sum();
    bytes.split_at(end)
}

/// The rows of a block, each with its end.
pub fn rows<'a>(block: &'a [u8], header: &[u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    Rows { table: Table::new(header), rest: block, complete: true }
}

/// Reads a block of whole rows.
pub(super) fn parse_rows<'a>(piece: Piece<'a>, fields: &Fields, defaults: Defaults<'a>, now_ms: i64) -> Page<'a> {
    let table = Table::new(piece.header);
    let header = String::from_utf8_lossy(piece.header);
    let header = header.trim_start_matches('\u{feff}').trim_end();
    let names = table.cells(header.as_bytes(), true).map(|cell| value(&header[cell]));
    let columns: Vec<_> = names.map(|name| fields.column(name.trim())).collect();
    let texts = rows(piece.bytes, piece.header).map(String::from_utf8_lossy);
    let read = |line: &str| if line.trim_end() == header { Err(Refusal::Comment) } else { Ok(()) };
    lines::items(
        Page::default(),
        texts,
        defaults,
        now_ms,
        |line| read(line).and_then(|()| table.draft(line, &columns)),
        lines::shape,
    )
}

/// How the rows of a table are cut.
#[derive(Clone, Copy)]
struct Table {
    delimiter: u8,
    columns: usize,
}

impl Table {
    fn new(header: &[u8]) -> Self {
        let count = |delimiter| Self { delimiter, columns: 0 }.cells(header, true).take(MAX_COLUMNS).count();
        let counted = DELIMITERS.map(|delimiter| Self { delimiter, columns: count(delimiter) });
        counted.into_iter().reduce(|best, next| if next.columns > best.columns { next } else { best }).expect("there are three")
    }

    fn cells(self, bytes: &[u8], complete: bool) -> Cells<'_> {
        Cells { delimiter: self.delimiter, bytes, complete, at: 0, end: None, ragged: false, whole: false }
    }

    /// The length of the row that some bytes begin with; none while its end is missing.
    fn row_length(self, bytes: &[u8], complete: bool) -> Option<usize> {
        let window = &bytes[..bytes.len().min(MAX_LINE_BYTES)];
        let complete_window = complete && window.len() == bytes.len();
        let mut cells = Cells { whole: true, ..self.cells(window, complete_window) };
        let fits = self.fits(&mut cells);
        let line = bytes.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
        if fits && !cells.ragged && bytes[0] != b'#' {
            let waiting = !complete && window.len() == bytes.len();
            if cells.end.is_some() || waiting {
                return cells.end;
            }
        }
        line.or(complete.then_some(bytes.len()))
    }

    /// Whether a row has the header's columns, or could have them once its end is there.
    fn fits(self, cells: &mut Cells<'_>) -> bool {
        let mut count = 0;
        for cell in cells.by_ref() {
            count += 1;
            if count > self.columns && !(cell.is_empty() && count <= self.columns + MAX_SURPLUS) {
                return false;
            }
        }
        count >= self.columns || cells.end.is_none()
    }

    fn draft<'l>(self, row: &'l str, columns: &[Option<Field>]) -> Result<Draft<'l>, Refusal> {
        let mut cells = self.cells(row.as_bytes(), true);
        if !self.fits(&mut cells) || cells.end.is_none() {
            return Err(Refusal::Malformed);
        }
        let mut draft = Draft::new();
        for (cell, field) in self.cells(row.as_bytes(), true).zip(columns) {
            if let Some(field) = field.filter(|_| !cell.is_empty()) {
                draft.set(field, Value::Text(value(&row[cell])));
            }
        }
        Ok(draft)
    }
}

struct Rows<'a> {
    table: Table,
    rest: &'a [u8],
    complete: bool,
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (row, rest) = self.rest.split_at(self.table.row_length(self.rest, self.complete)?);
        self.rest = rest;
        Some(row)
    }
}

/// Where the cells of the row are that some bytes begin with. Delimiters and quotes are ASCII, so a place never splits a
/// character.
struct Cells<'a> {
    delimiter: u8,
    bytes: &'a [u8],
    /// The end of the bytes ends the row.
    complete: bool,
    at: usize,
    /// Where the row ends, once that is known.
    end: Option<usize>,
    /// Something follows a closing quote: it may as well be the opening one of a later row.
    ragged: bool,
    /// What is ragged is not looked at further.
    whole: bool,
}

impl Iterator for Cells<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if self.end.is_some() || self.whole && self.ragged {
            return None;
        }
        let quoted = self.bytes.get(self.at) == Some(&b'"');
        let behind = if quoted { behind_quotes(self.bytes, self.at + 1)? } else { self.at };
        let stop = self.bytes[behind..].iter().position(|byte| *byte == self.delimiter || *byte == b'\n');
        let stop = stop.map(|length| behind + length).or(self.complete.then_some(self.bytes.len()))?;
        let (start, mut end) = (self.at, stop);
        if self.bytes.get(stop) == Some(&self.delimiter) {
            self.at = stop + 1;
        } else {
            self.end = Some(self.bytes.len().min(stop + 1));
            end -= usize::from(self.bytes[start..stop].ends_with(b"\r"));
        }
        self.ragged |= quoted && end != behind;
        Some(start..end)
    }
}

/// Where a quoted cell goes on behind its closing quote; a doubled quote closes nothing.
fn behind_quotes(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes[at..].iter().position(|byte| *byte == b'"')? + 1;
        if bytes.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// What a cell says, without its quotes.
fn value(cell: &str) -> Cow<'_, str> {
    match cell.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) if inner.contains('"') => Cow::Owned(inner.replace("\"\"", "\"")),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(cell),
    }
}
