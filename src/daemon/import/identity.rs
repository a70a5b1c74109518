//! What a line is known by: its bytes, and how many equal ones stood before it in its file. A transcript's operation is
//! known by everything that stands before it as well: without times, the failures of two runs look the same.
//!
//! Equal lines tell equal times, and a log is in the order of time but for a little: so to count equal ones it is enough to
//! remember the last lines, and memory does not grow with the file. A line that tells a time from before what is remembered
//! may have had an equal one that was forgotten. Then it also matters to its identity how often anything was forgotten
//! before it: the same content still has the same identities, and no two lines share one.

use std::{
    collections::HashMap,
    fmt::{self, Write as _},
};

use data_encoding::HEXLOWER;
use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use crate::evidence::format::{Format, lines as lines_of, operations, rows};

/// How many different lines are remembered at least, and half of what is at most: together some five megabytes. It is what
/// fits a table of 2^17 places.
const REMEMBERED: usize = (1 << 17) / 8 * 7;

/// The lines of a block as they are known, each with its end: rows, where the format has rows, and failing operations,
/// where it has those.
pub(super) fn lines<'a>(format: Format, block: &'a [u8], header: &[u8]) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
    match format {
        Format::Csv => Box::new(rows(block, header)),
        Format::Transcript => Box::new(operations(block)),
        _ => Box::new(lines_of(block)),
    }
}

/// The beginning of a hash.
pub(super) type Key = [u8; 16];

/// The hashes of one file's lines, block after block.
pub(super) struct Keys {
    format: Format,
    /// The content of a transcript up to here.
    before: Sha256,
}

impl Keys {
    pub(super) fn new(format: Format) -> Self {
        Self { format, before: Sha256::new() }
    }

    /// Those of the next block's lines.
    pub(super) fn of(&mut self, block: &[u8], header: &[u8]) -> Vec<Key> {
        lines(self.format, block, header).map(|line| self.next(line)).collect()
    }

    fn next(&mut self, line: &[u8]) -> Key {
        let digest = if self.format == Format::Transcript {
            self.before.update(line);
            self.before.clone().finalize()
        } else {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            Sha256::digest(line.strip_suffix(b"\r").unwrap_or(line))
        };
        digest.first_chunk().copied().expect("a SHA-256 has 32 bytes")
    }
}

/// The identities of one file's lines.
pub(super) struct Identities {
    /// By the first half of their keys.
    young: HashMap<u64, Count, RandomState>,
    /// What was young before; forgotten when that is full.
    old: HashMap<u64, Count, RandomState>,
    limit: usize,
    /// The last times that lines told of what is young, of what is old, and of what is forgotten.
    until_ms: [i64; 3],
    forgotten: u32,
}

#[derive(Clone, Copy, Default)]
struct Count {
    equal: u32,
    /// How often anything was forgotten before the first of them, if one before that may be forgotten.
    forgotten: u32,
}

impl Identities {
    pub(super) fn new() -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), limit: REMEMBERED, until_ms: [i64::MIN; 3], forgotten: 0 }
    }

    /// The identities of the next lines, by their keys and their own times. What stands before the keys of operations is part
    /// of them, so no two are equal.
    pub(super) fn of(&mut self, keys: &[Key], times: &[Option<i64>]) -> Ids {
        let mut ids = Ids::default();
        let (hex, times) = (HEXLOWER, times.iter().copied().chain(std::iter::repeat(None)));
        for (key, time_ms) in keys.iter().zip(times) {
            let Count { equal, forgotten } = self.count(key, time_ms);
            let key = hex.encode_display(key);
            match forgotten {
                0 => ids.push(format_args!("{key}.{equal}")),
                _ => ids.push(format_args!("{key}.{equal}.{forgotten}")),
            }
        }
        ids
    }

    fn count(&mut self, key: &Key, time_ms: Option<i64>) -> Count {
        if self.young.len() >= self.limit {
            self.forgotten += u32::from(!self.old.is_empty());
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
            let [young, old, forgotten] = self.until_ms;
            self.until_ms = [i64::MIN, young, forgotten.max(old)];
        }
        let short = u64::from_be_bytes(key.first_chunk().copied().expect("a key has 16 bytes"));
        let told_ms = time_ms.unwrap_or(self.until_ms[0]);
        self.until_ms[0] = self.until_ms[0].max(told_ms);
        let perhaps_forgotten = self.forgotten > 0 && time_ms.is_none_or(|ms| ms <= self.until_ms[2]);
        let first = || Count { equal: 0, forgotten: if perhaps_forgotten { self.forgotten } else { 0 } };
        let old = &self.old;
        let count = self.young.entry(short).or_insert_with(|| old.get(&short).copied().unwrap_or_else(first));
        count.equal += 1;
        *count
    }
}

/// The identities of a block's lines, in one text: a block has thousands.
#[derive(Debug, Default)]
pub(super) struct Ids {
    text: String,
    ends: Vec<usize>,
}

impl Ids {
    pub(super) fn push(&mut self, id: fmt::Arguments<'_>) {
        self.text.write_fmt(id).expect("a text takes all that is written to it");
        self.ends.push(self.text.len());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().scan(0, |start, end| Some(&self.text[std::mem::replace(start, *end)..*end]))
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(format: Format, content: &[u8]) -> Vec<String> {
        let keys = Keys::new(format).of(content, b"");
        Identities::new().of(&keys, &[]).iter().map(str::to_owned).collect()
    }

    #[test]
    fn equal_lines_are_told_apart_and_ends_do_not_matter() {
        let found = ids(Format::Json, b"a\nb\na\r\na");
        assert_eq!(found[0].split_once('.').map(|(key, _)| key), found[2].split_once('.').map(|(key, _)| key));
        assert!(found[0].ends_with(".1") && found[2].ends_with(".2") && found[3].ends_with(".3"), "{found:?}");
        assert_ne!(found[0], found[1]);
        assert_eq!(found[..2], ids(Format::Json, b"a\nb\n"));
    }

    #[test]
    fn a_row_with_line_breaks_is_one_line() {
        assert_eq!(Keys::new(Format::Csv).of(b"1,\"a\nb\"\n2,c\n", b"time,message\n").len(), 2);
    }

    #[test]
    fn beyond_what_is_remembered_the_same_content_has_the_same_identities_and_no_two_lines_share_one() {
        let content = b"a\nb\na\nc\na\nb\nd\na\ne\nf\n".repeat(9);
        let ids = || {
            let keys = Keys::new(Format::Json).of(&content, b"");
            let ids = Identities { limit: 3, ..Identities::new() }.of(&keys, &[]);
            ids.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let mut distinct = ids();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), content.len() / 2);
        assert_eq!(ids(), ids());
    }

    #[test]
    fn in_the_order_of_time_it_does_not_matter_where_a_file_begins() {
        // Each line twice, one after the other: far more than is remembered.
        let lines: Vec<i64> = (0..200).map(|at| at / 2).collect();
        let ids = |from: usize| {
            let keys: Vec<Key> =
                lines[from..].iter().map(|line| line.to_be_bytes().repeat(2).try_into().expect("16 bytes")).collect();
            let times: Vec<_> = lines[from..].iter().copied().map(Some).collect();
            let ids = Identities { limit: 8, ..Identities::new() }.of(&keys, &times);
            ids.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(ids(0)[100..], ids(100));
    }
}
