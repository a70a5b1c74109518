//! Counted evidence as one instance hands it to another: a file of lines, and the seal on it.
//!
//! Each line is a JSON object with a `kind`. The first is the header: who wrote it, when, and for which UTC days it speaks. Then
//! come the sources that the instance reads, numbered from 0; when they were looking, a line for each interval of a day; and
//! verdicts, numbered from 0, and tracks, each before the day counts that belong to it; and what lists say ([`listed`]). The last
//! line is the seal ([`seal`]). What the file does not count of its days, of sources that it names or not, was not there, and what it
//! does not list neither: the file replaces what was known of the instance.
//!
//! Whoever wrote a file is trusted with what it says of its own sources and lists, and with nothing else: every text is bounded and
//! searched for secrets as if it came from a log, numbers have limits, and a line that says something else is refused with the
//! whole file.

pub mod listed;
mod parser;
pub mod seal;
#[cfg(test)]
mod tests;
mod text;
mod wire;

use std::fmt;

use super::{Coverage, Day, DayCount, Track, Verdict};
pub use listed::{Entry, Held};
pub use parser::{Item, Parser};
pub use wire::{end, line};

/// What the first line calls the format, and the version that is written and read here.
pub const FORMAT: &str = "duskwatch-exchange";
pub const VERSION: u32 = 1;

/// What the names of sources begin with whose evidence other instances counted: `exchange/emea/log/egress`.
pub const PREFIX: &str = "exchange/";

/// Longer lines are refused: a dozen names of the longest.
pub const MAX_LINE_BYTES: usize = 16 << 10;
/// Sources of one instance.
pub const MAX_SOURCES: usize = 4_096;
/// Intervals of coverage: some for every source and day of years.
pub const MAX_INTERVALS: usize = 1 << 20;
/// Different verdicts: rules yield a few hundred.
pub const MAX_VERDICTS: usize = 1 << 14;
/// The days for which one file speaks: ten years.
pub const MAX_DAYS: i32 = 3_660;
/// Rows of registers and directories, which are taken up at once.
pub const MAX_REGISTERED: usize = 1 << 20;
/// Lines of coverage, registers and directories together, which are in memory at one time.
pub const MAX_HELD_BYTES: usize = 64 << 20;
/// Uses of one day count, and items of one interval: so that billions of them can be added.
pub const MAX_COUNT: u64 = 1 << 40;
/// Texts of a track, in bytes.
const MAX_TEXT: usize = 512;

/// Who wrote a file, when, and for which days it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub instance: String,
    /// Unix milliseconds.
    pub written_ms: i64,
    pub from: Day,
    /// Excluded; the day after the one in which it was written.
    pub until: Day,
}

impl Header {
    pub fn days(&self) -> impl Iterator<Item = Day> + use<> {
        (self.from.0..self.until.0).map(Day)
    }

    fn speaks_for(&self, day: Day) -> bool {
        self.from <= day && day < self.until
    }
}

/// A source as the instance knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// As it is called there: `log/egress`.
    pub name: String,
    pub items: u64,
    pub last_success_ms: Option<i64>,
    pub last_failure_ms: Option<i64>,
}

/// What a line says, for whoever writes one.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    Header(&'a Header),
    Source(&'a Source),
    /// Of the source of this number.
    Coverage(usize, &'a Coverage),
    /// With the id of its rule.
    Verdict(Verdict, &'a str),
    /// Of the source of this number.
    Track(usize, &'a Track),
    /// Of the track before it, with the number of its verdict.
    Count(&'a DayCount, usize),
    /// A row of a list.
    Entry(&'a Entry),
}

/// What is wrong with a line, or with a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Malformed {
    /// A line that cannot be read. What stands in it is not repeated: anybody may have written it, for whatever terminal.
    fn unreadable(error: &serde_json::Error) -> Self {
        Self(format!("a line is no line of this format, from its column {} on", error.column()))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Whether a word may be an instance's name: it becomes part of the names of sources.
pub fn is_instance(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(inside) && !name.starts_with('-') && !name.ends_with('-')
}

/// What a source of an instance is called where its counts were handed to: `exchange/emea/log/egress`; `exchange/emea` is the
/// instance itself, whose files are the source.
pub fn source_name(instance: &str, source: &str) -> String {
    if source.is_empty() { format!("{PREFIX}{instance}") } else { format!("{PREFIX}{instance}/{source}") }
}

/// The name of a source as the instance that reads it calls it: of `exchange/emea/log/egress` and of `log/egress` the latter;
/// of an instance itself nothing.
pub fn own_name(source: &str) -> &str {
    match source.strip_prefix(PREFIX) {
        Some(exchanged) => exchanged.split_once('/').map_or("", |(_, own)| own),
        None => source,
    }
}

/// The instance that counted what a source shows; none for a source that is read here.
pub fn instance_of(source: &str) -> Option<&str> {
    let exchanged = source.strip_prefix(PREFIX)?;
    Some(exchanged.split_once('/').map_or(exchanged, |(instance, _)| instance))
}
