//! The journal: who accepted or did what, and when. Each entry's hash covers the entry before it, so that nobody can change
//! or take out one without changing every later one.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// One entry as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Whole seconds, as every reader of the journal sees them.
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub detail: String,
    /// 64 hexadecimal digits.
    pub hash: String,
}

/// Where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenChain {
    /// The first entry that does not follow from the ones before it.
    pub sequence: u64,
    pub words: String,
}

impl JournalEntry {
    /// The entry that follows `previous`; the first of all when there is none.
    pub fn after(previous: Option<&Self>, at: Timestamp, actor: &str, action: &str, detail: &str) -> Self {
        let mut entry = Self {
            sequence: previous.map_or(1, |previous| previous.sequence + 1),
            at: Timestamp::from_second(at.as_second()).unwrap_or(at),
            actor: actor.to_owned(),
            action: action.to_owned(),
            detail: detail.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.hash_after(previous.map_or("", |previous| &previous.hash));
        entry
    }

    /// The SHA-256 of the hash before it (empty for the first) and the fields sequence, time, actor, action and detail, each
    /// as its length in bytes, a colon, and itself, so that no two lists of fields read alike.
    fn hash_after(&self, previous: &str) -> String {
        let (sequence, at) = (self.sequence.to_string(), self.at.to_string());
        let mut text = String::new();
        for field in [previous, &sequence, &at, &self.actor, &self.action, &self.detail] {
            write!(text, "{}:{field}", field.len()).expect("a string takes what it is given");
        }
        HEXLOWER.encode(&Sha256::digest(text))
    }
}

/// Where the chain of all entries, the oldest first, breaks first. Entries that were cut off at its end are not missed here:
/// the last hash of a package that was kept elsewhere tells.
pub fn first_break(entries: &[JournalEntry]) -> Option<BrokenChain> {
    let mut previous = "";
    for (index, entry) in entries.iter().enumerate() {
        let expected = index as u64 + 1;
        let words = if entry.sequence != expected {
            Some(format!("entry {expected} is missing"))
        } else if entry.hash_after(previous) != entry.hash {
            Some("its hash is not that of its fields and the entry before it".to_owned())
        } else {
            None
        };
        if let Some(words) = words {
            return Some(BrokenChain { sequence: entry.sequence, words });
        }
        previous = &entry.hash;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<JournalEntry> {
        let mut entries: Vec<JournalEntry> = Vec::new();
        for (seconds, action, detail) in
            [(0, "owners", "added payments"), (60, "waivers", "added k7m2qd4x"), (61, "reclassify", "")]
        {
            let at = Timestamp::from_second(1_783_058_400 + seconds).expect("an instant");
            entries.push(JournalEntry::after(entries.last(), at, "mtessel", action, detail));
        }
        entries
    }

    #[test]
    fn a_hash_is_that_of_the_fields_and_the_hash_before() {
        // printf '0:1:120:2026-07-03T06:00:00Z7:mtessel6:owners14:added payments' | sha256sum
        let entries = chain();
        assert_eq!(entries[0].hash, "f0f0ca56184fabdbc2aa9686f8ed0243aec8f831ee7eba4eb5a725e7dd22963f");
        assert_eq!(first_break(&entries), None);
        assert_eq!(first_break(&[]), None);
    }

    #[test]
    fn a_chain_that_was_changed_breaks_at_the_change() {
        let broken = |change: &dyn Fn(&mut Vec<JournalEntry>)| {
            let mut entries = chain();
            change(&mut entries);
            first_break(&entries).map(|broken| broken.sequence)
        };
        assert_eq!(broken(&|entries| entries[1].detail.push('x')), Some(2));
        assert_eq!(broken(&|entries| entries[0].actor = "somebody".to_owned()), Some(1));
        assert_eq!(broken(&|entries| entries[2].at = entries[1].at), Some(3));
        assert_eq!(broken(&|entries| drop(entries.remove(1))), Some(3));
        assert_eq!(broken(&|entries| entries.swap(0, 1)), Some(2));
        assert_eq!(
            broken(&|entries| {
                // Whoever rewrites an entry with its hash breaks the next one.
                entries[1] = JournalEntry::after(Some(&entries[0]), entries[1].at, "mtessel", "waivers", "removed k7m2qd4x");
            }),
            Some(3)
        );
        assert_eq!(broken(&|entries| entries.truncate(2)), None);
    }
}
