//! The file formats of evidence: bytes in, a [`Page`](super::Page) out. Log files, the intake and imports share them.
//!
//! Hidden here: how each format spells its fields, what is tolerated, and that secrets are reduced field by field before
//! a value reaches a [`Sighting`](super::Sighting). A line that is no evidence is counted and sampled, never an error.
//!
//! Absent: reading files (`source`), deciding what a sighting means (`analysis`).

use std::io::BufRead;

mod draft;
pub mod fields;
pub mod json;
pub mod transcript;

pub use draft::Defaults;
pub use fields::Fields;

/// No more lines than this make one block, so that one block's sightings stay near ten megabytes in memory.
pub const MAX_BLOCK_LINES: usize = 16_384;

/// A longer line is no evidence; it is skipped unread.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// Splits whole lines off a buffer: the next block, at most [`MAX_BLOCK_LINES`] lines, and the rest. A last line without
/// its end stays in the rest.
pub fn split_block(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut rest, mut end) = (bytes, 0);
    for _ in 0..MAX_BLOCK_LINES {
        match rest.skip_until(b'\n') {
            Ok(length) if length > 0 && bytes[end + length - 1] == b'\n' => end += length,
            _ => break,
        }
    }
    bytes.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_whole_lines_and_not_too_many() {
        assert_eq!(split_block(b"a\nb\nhalf"), (b"a\nb\n".as_slice(), b"half".as_slice()));
        assert_eq!(split_block(b"half"), (b"".as_slice(), b"half".as_slice()));
        let lines = b"x\n".repeat(MAX_BLOCK_LINES + 5);
        assert_eq!(split_block(&lines).1, b"x\n".repeat(5));
    }
}
