//! What a line is known by: its bytes, and how many equal ones stood before it in its file. A transcript's operation is
//! known by everything that stands before it as well: without times, the failures of two runs look the same.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use crate::evidence::format::{Format, operations, rows};

/// How many different lines are remembered to count equal ones, some ninety megabytes. Beyond them counting begins anew,
/// and which count it is becomes part of the identity: the same content still has the same identities.
const MAX_REMEMBERED: usize = 3_500_000;

/// The lines of a block as they are known, each with its end: rows, where the format has rows, and failing operations,
/// where it has those.
pub(super) fn lines<'a>(format: Format, block: &'a [u8], header: &[u8]) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
    match format {
        Format::Csv => Box::new(rows(block, header)),
        Format::Transcript => Box::new(operations(block)),
        _ => Box::new(block.split_inclusive(|byte| *byte == b'\n')),
    }
}

/// The identities of one file's lines, block after block.
pub(super) struct Identities {
    format: Format,
    ordinals: HashMap<[u8; 16], u32, RandomState>,
    limit: usize,
    /// The content of a transcript up to here.
    before: Sha256,
    /// How often the ordinals were forgotten.
    begun: u32,
}

impl Identities {
    pub(super) fn new(format: Format) -> Self {
        Self { format, ordinals: HashMap::default(), limit: MAX_REMEMBERED, before: Sha256::new(), begun: 0 }
    }

    /// The identities of the next block's lines.
    pub(super) fn of(&mut self, block: &[u8], header: &[u8]) -> Vec<String> {
        lines(self.format, block, header).map(|line| self.next(line)).collect()
    }

    fn next(&mut self, line: &[u8]) -> String {
        if self.ordinals.len() >= self.limit {
            self.ordinals.clear();
            self.begun += 1;
        }
        if self.format == Format::Transcript {
            self.before.update(line);
            return HEXLOWER.encode(&self.before.clone().finalize()[..16]);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut key = [0; 16];
        key.copy_from_slice(&Sha256::digest(line)[..16]);
        let ordinal = self.ordinals.entry(key).or_default();
        *ordinal += 1;
        let key = HEXLOWER.encode(&key);
        match self.begun {
            0 => format!("{key}.{ordinal}"),
            begun => format!("{key}.{ordinal}.{begun}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_are_told_apart_and_ends_do_not_matter() {
        let ids = Identities::new(Format::Json).of(b"a\nb\na\r\na", b"");
        assert_eq!(ids[0].split_once('.').map(|(key, _)| key), ids[2].split_once('.').map(|(key, _)| key));
        assert!(ids[0].ends_with(".1") && ids[2].ends_with(".2") && ids[3].ends_with(".3"), "{ids:?}");
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[..2], Identities::new(Format::Json).of(b"a\nb\n", b""));
    }

    #[test]
    fn a_row_with_line_breaks_is_one_line() {
        assert_eq!(Identities::new(Format::Csv).of(b"1,\"a\nb\"\n2,c\n", b"time,message\n").len(), 2);
    }

    #[test]
    fn beyond_what_is_remembered_the_same_content_has_the_same_identities_and_no_two_lines_share_one() {
        let content = b"a\nb\na\nc\na\nb\nd\na\n".repeat(9);
        let ids = || Identities { limit: 3, ..Identities::new(Format::Json) }.of(&content, b"");
        let mut distinct = ids();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), content.len() / 2);
        assert_eq!(ids(), ids());
    }
}
