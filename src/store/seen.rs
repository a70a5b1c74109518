//! What came already: the ids of items, so that nothing is counted twice, however often and in whatever pieces it is read.
//!
//! A row of its own an item would cost more than everything else that is done for a line of a log: a search in a tree that
//! soon is larger than any cache. But an item that comes again comes with the same time, and what is read together mostly
//! lies together in time. So items are known by hour: one row holds, sorted, the hashes of those items of one hour that came
//! together. A claim reads the rows of its hours, walks each once beside its own hashes, and appends a row of those that are
//! new; no row is ever written again. Of a busy hour only the rows are read whose items lie in the same seconds.
//!
//! An item without a time of its own is known by its hash alone: that also says its hour, long before there were any logs,
//! which it hardly ever shares.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};
use siphasher::sip::SipHasher13;

use super::{StoreError, Writer, convert::count};
use crate::evidence::{Day, time::MS_PER_HOUR};

const LIST_SEEN: &str = include_str!("../../sql/queries/ingest/list_seen.sql");
const INSERT_SEEN: &str = include_str!("../../sql/queries/ingest/insert_seen.sql");
const HAS_SEEN_BEFORE: &str = include_str!("../../sql/queries/ingest/has_seen_before.sql");
const FIND_SEEN_FURTHER_ON: &str = include_str!("../../sql/queries/prune/find_seen_further_on.sql");
const DELETE_SEEN: &str = include_str!("../../sql/queries/prune/delete_seen.sql");

const MS_PER_SECOND: i64 = 1_000;
const HASH_BYTES: usize = size_of::<u64>();

/// Hours of items without a time lie this far back, and as many more as 32 bits of their hash say.
const UNTIMED: i64 = -(1 << 33);
/// Until the second layout lines of imports came without their time. What came so is kept from here on, and asked for as
/// long as there is any.
const FORMERLY_UNTIMED: i64 = -(1 << 34);

/// An item that is claimed.
#[derive(Clone, Copy)]
struct Item {
    hour: i64,
    /// Since the epoch; 0 for what has no time.
    second: i64,
    hash: u64,
    /// Its place among the items of the call.
    index: usize,
}

impl Item {
    fn new(hash: u64, time_ms: Option<i64>, index: usize) -> Self {
        let hour = time_ms.map_or(untimed(UNTIMED, hash), |ms| ms.div_euclid(MS_PER_HOUR));
        Self { hour, second: time_ms.map_or(0, |ms| ms.div_euclid(MS_PER_SECOND)), hash, index }
    }
}

/// The hour that a hash says.
fn untimed(first: i64, hash: u64) -> i64 {
    first + (hash & u64::from(u32::MAX)).cast_signed()
}

impl Writer<'_> {
    /// Says of each item, given as its id and its own time in Unix milliseconds, whether this source brings it for the
    /// first time, and remembers it. An id that comes twice in one call is new once; the same item must always come with the
    /// same time, or without.
    pub fn claim<'i>(
        &mut self,
        source: &str,
        items: impl IntoIterator<Item = (&'i str, Option<i64>)>,
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError> {
        let source_id = self.source_id(source)?;
        let hasher = SipHasher13::new_with_key(self.seen_key);
        let numbered = items.into_iter().enumerate();
        let mut items: Vec<Item> =
            numbered.map(|(index, (id, time_ms))| Item::new(hasher.hash(id.as_bytes()), time_ms, index)).collect();
        items.sort_unstable_by_key(|item| (item.hour, item.hash, item.index));
        let seen = Seen::of(self.connection, source_id)?;
        let mut fresh = vec![false; items.len()];
        for of_hour in items.chunk_by(|a, b| a.hour == b.hour) {
            let new = seen.new_of(of_hour)?;
            seen.remember(&new, Day::of(now))?;
            for item in new {
                fresh[item.index] = true;
            }
        }
        Ok(fresh)
    }

    /// Forgets the items that came before a day among those of `rows` rows after one. Returns how many, and the row to go on
    /// after; none when that was the last.
    pub fn prune_seen(&mut self, claimed_before: Day, after: i64, rows: u32) -> Result<(u64, Option<i64>), StoreError> {
        let mut find = self.connection.prepare_cached(FIND_SEEN_FURTHER_ON)?;
        let next: Option<i64> =
            find.query_row(named_params! { ":after": after, ":rows": rows.saturating_sub(1) }, |row| row.get(0)).optional()?;
        let mut delete = self.connection.prepare_cached(DELETE_SEEN)?;
        let values = named_params! {
            ":after": after, ":to": next.unwrap_or(i64::MAX), ":claimed_before": claimed_before.0,
        };
        let bytes = delete.query_map(values, |row| count(row, 0))?.sum::<Result<u64, _>>()?;
        Ok((bytes / HASH_BYTES as u64, next))
    }
}

/// What one source brought.
struct Seen<'c> {
    connection: &'c Connection,
    source_id: i64,
    /// Some of it came without its time that now would come with it.
    formerly_untimed: bool,
}

impl<'c> Seen<'c> {
    fn of(connection: &'c Connection, source_id: i64) -> rusqlite::Result<Self> {
        let values = named_params! { ":source_id": source_id, ":hour": FORMERLY_UNTIMED + (1 << 32) };
        let formerly_untimed = connection.prepare_cached(HAS_SEEN_BEFORE)?.query_row(values, |row| row.get(0))?;
        Ok(Self { connection, source_id, formerly_untimed })
    }

    /// Those of some items of one hour, sorted by their hashes, that never came, each once.
    fn new_of(&self, of_hour: &[Item]) -> rusqlite::Result<Vec<Item>> {
        let mut new = of_hour.to_vec();
        new.dedup_by_key(|item| item.hash);
        self.leave_out_known(&mut new, of_hour[0].hour)?;
        if self.formerly_untimed {
            let mut left = Vec::new();
            for item in new {
                let mut alone = vec![Item { second: 0, ..item }];
                self.leave_out_known(&mut alone, untimed(FORMERLY_UNTIMED, item.hash))?;
                left.extend(alone.first().map(|_| item));
            }
            new = left;
        }
        Ok(new)
    }

    fn leave_out_known(&self, items: &mut Vec<Item>, hour: i64) -> rusqlite::Result<()> {
        let (from, to) = seconds(items);
        let mut list = self.connection.prepare_cached(LIST_SEEN)?;
        let values = named_params! { ":source_id": self.source_id, ":hour": hour, ":from_s": from, ":to_s": to };
        let mut rows = list.query(values)?;
        while let Some(row) = rows.next()? {
            let mut known =
                row.get_ref(0)?.as_blob()?.as_chunks::<HASH_BYTES>().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).peekable();
            items.retain(|item| {
                while known.next_if(|known| *known < item.hash).is_some() {}
                known.peek() != Some(&item.hash)
            });
        }
        Ok(())
    }

    fn remember(&self, new: &[Item], today: Day) -> rusqlite::Result<()> {
        let Some(first) = new.first() else { return Ok(()) };
        let (from, to) = seconds(new);
        let hashes: Vec<u8> = new.iter().flat_map(|item| item.hash.to_be_bytes()).collect();
        self.connection.prepare_cached(INSERT_SEEN)?.execute(named_params! {
            ":source_id": self.source_id, ":hour": first.hour, ":from_s": from, ":to_s": to,
            ":claimed_day": today.0, ":hashes": hashes,
        })?;
        Ok(())
    }
}

/// The first and the last second of some items.
fn seconds(items: &[Item]) -> (i64, i64) {
    let of = items.iter().map(|item| item.second);
    (of.clone().min().unwrap_or(0), of.max().unwrap_or(0))
}
