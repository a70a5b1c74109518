//! The file formats of evidence: bytes in, a [`Page`] out. Log files, the intake and imports share them.
//!
//! Hidden here: how each format spells its fields, what is tolerated, and that secrets are reduced field by field before
//! a value reaches a [`Sighting`](super::Sighting). A line that is no evidence is counted and sampled, never an error.
//!
//! Absent: reading files (`source`), deciding what a sighting means (`analysis`).

use super::{Page, Skipped, vocabulary::spelled};

mod combined;
mod draft;
pub mod fields;
pub mod json;
mod lines;
pub mod register;
mod request;
mod squid;
mod table;
mod transcript;

pub use draft::{Defaults, FUTURE, is_ahead};
pub use fields::Fields;
pub use lines::lines;
pub use table::{rows, split_rows};
pub use transcript::{HEAD_BYTES, operations, split_operations};

spelled!(
    /// The formats, as `[[log]] format` and `import --format` spell them.
    Format { Json = "json", Csv = "csv", Combined = "combined", Squid = "squid", Transcript = "transcript" }
);

spelled!(
    /// Whose the user field of a log of requests is: the proxy's own account, which says nothing of Bitbucket, or the name
    /// that was presented to Bitbucket.
    UserField { Proxy = "proxy", Bitbucket = "bitbucket" }
);

impl Format {
    /// Whether a mapping says where the fields are found; the other formats have them in fixed places.
    pub fn has_fields(self) -> bool {
        matches!(self, Self::Json | Self::Csv)
    }

    pub fn has_user_field(self) -> bool {
        matches!(self, Self::Combined | Self::Squid)
    }
}

/// How the lines of one log are read.
#[derive(Clone, Debug)]
pub struct Form {
    pub format: Format,
    pub fields: Fields,
    /// Stands for the host that lines do not name.
    pub host: Option<String>,
    pub user: UserField,
}

impl Form {
    /// A format as it is, without settings of its own.
    pub fn new(format: Format) -> Self {
        Self { format, fields: Fields::default(), host: None, user: UserField::Proxy }
    }
}

/// Whole lines of one file, and what the file says of all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Piece<'a> {
    pub bytes: &'a [u8],
    /// The first line of a table, which names its columns, or the first lines of a transcript, which name the job; empty for
    /// other formats.
    pub header: &'a [u8],
    /// Where the file lies, and when it was last written, Unix milliseconds: what a transcript does not say itself.
    pub path: &'a str,
    pub changed_ms: i64,
}

/// Reads whole lines as a log's form says. `now_ms` is the present, Unix milliseconds. Sightings borrow from the piece.
///
/// Lines are skipped, by reason: `malformed`, `no_time`, `future`, `other_host`, `too_long`, `no_use`, `no_request` (the log
/// tells of a connection without one) and `comment`; of a transcript `no_evidence`, `quotation` and `no_user`. Blank lines
/// are nothing.
pub fn parse_block<'a>(piece: Piece<'a>, form: &'a Form, now_ms: i64) -> Page<'a> {
    let defaults = Defaults { host: form.host.as_deref() };
    match form.format {
        Format::Json => json::parse_lines(piece.bytes, &form.fields, defaults, now_ms),
        Format::Csv => table::parse_rows(piece, &form.fields, defaults, now_ms),
        Format::Combined => lines::parse(piece.bytes, defaults, now_ms, |line| combined::read(line, form.user), lines::shape),
        Format::Squid => lines::parse(piece.bytes, defaults, now_ms, |line| squid::read(line, form.user), lines::shape),
        Format::Transcript => transcript::parse(piece, now_ms),
    }
}

/// No more lines than this make one block, so that one block's sightings stay near ten megabytes in memory.
pub const MAX_BLOCK_LINES: usize = 16_384;

/// Reasons for skipping a line that was read and says something else.
const UNDERSTOOD: [&str; 6] = ["other_host", "no_use", "no_request", "no_evidence", "quotation", "no_user"];

/// Whether a line that was skipped was understood, and says something else: what it stands in is of the expected format.
pub fn is_understood(skipped: &Skipped) -> bool {
    UNDERSTOOD.contains(&skipped.reason)
}

/// A longer line is no evidence; it is skipped unread.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// Splits whole lines off a buffer: the next block, at most [`MAX_BLOCK_LINES`] lines, and the rest. A last line without
/// its end stays in the rest.
pub fn split_block(bytes: &[u8]) -> (&[u8], &[u8]) {
    let whole = lines(bytes).take(MAX_BLOCK_LINES).take_while(|line| line.ends_with(b"\n"));
    let end = whole.map(<[u8]>::len).sum();
    bytes.split_at(end)
}

/// Whether bytes without the end of a line are a whole line all the same: nothing can follow a JSON object.
pub fn is_whole_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

#[cfg(test)]
mod tests;
