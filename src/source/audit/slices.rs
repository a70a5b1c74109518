//! What the steady lane leaves to be read: everything older than its beginning on the first run, and later the gaps that
//! the ledger knows. Pure: the ledger alone says what is left, so nothing has to be remembered beside it.

use jiff::Timestamp;

use super::walk::RETENTION_MS;
use crate::evidence::{Ledger, time::MS_PER_DAY};

/// Long enough that the page on which each slice ends costs little, short enough that the newest weeks come first.
const SLICE_MS: i64 = 14 * MS_PER_DAY;

/// A part of the stream that is read by itself, in milliseconds; `to_ms` is excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// The newest part of the source's stream that nobody has read and that Atlassian still keeps; none when nothing is left.
/// What lies after the last look is the steady lane's.
pub fn next_slice(ledger: &Ledger, source: &str, now: Timestamp) -> Option<Slice> {
    let until_ms = ledger.looked_until_ms(source)?;
    let oldest_ms = now.as_millisecond() - RETENTION_MS;
    let (from_ms, to_ms) = ledger.unseen(source, oldest_ms, until_ms).pop()?;
    Some(Slice { from_ms: from_ms.max(to_ms - SLICE_MS), to_ms })
}

/// The time between the last look and the oldest event that Atlassian still keeps: nobody will ever read it.
pub fn lost(ledger: &Ledger, source: &str, now: Timestamp) -> Option<Slice> {
    let from_ms = ledger.looked_until_ms(source)?;
    let to_ms = now.as_millisecond() - RETENTION_MS;
    (from_ms < to_ms).then_some(Slice { from_ms, to_ms })
}
