//! Whether the store is what it should be: the file, the references, the journal's chain, the ledger's order, and what is
//! kept against what is counted.
//!
//! | asked | of | holds when |
//! |---|---|---|
//! | file, references | SQLite | it finds nothing |
//! | journal | `evidence::journal` | the chain is unbroken |
//! | ledger | every source | its intervals are in order and do not overlap |
//! | counts | every day from which everything is kept, and every track | as many uses are indexed as are counted |
//! | packed counts | every period that is packed | it is what is counted in it |
//! | batches | every day and chunk | it decodes, and holds at least the uses that the index finds in it |

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, named_params, types::Value};

use super::{
    Reader, StoreError,
    convert::{count, later},
};
use crate::{
    analysis::counted,
    evidence::{
        Coverage, Day,
        chunk::{self, NO_TRACK},
        coverage,
        journal::first_break,
    },
};

const FIND_NEXT_COUNTED_DAY: &str = include_str!("../../sql/queries/verify/find_next_counted_day.sql");
const FIND_NEXT_INDEXED_DAY: &str = include_str!("../../sql/queries/verify/find_next_indexed_day.sql");
const LIST_COUNTS_OF_DAY: &str = include_str!("../../sql/queries/verify/list_counts_of_day.sql");
const LIST_INDEX_OF_DAY: &str = include_str!("../../sql/queries/verify/list_index_of_day.sql");
const LIST_SOURCES_OF_TRACKS: &str = include_str!("../../sql/queries/verify/list_sources_of_tracks.sql");

/// Faults of one kind that are listed; the first ones tell, more only fill the screen.
const MAX_FAULTS: usize = 20;

/// Chunks that are in memory at one time, and their bytes.
const CHUNKS_AT_ONCE: u32 = 32;
const BYTES_AT_ONCE: usize = 8 << 20;

/// One thing that was looked at: what is well of it, and what is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Finding {
    pub what: &'static str,
    /// In a few words, with numbers.
    pub well: String,
    pub faults: Vec<String>,
    /// Faults beyond those that are listed.
    pub more: u64,
}

impl Finding {
    fn new(what: &'static str) -> Self {
        Self { what, ..Self::default() }
    }

    fn fault(&mut self, words: String) {
        if self.faults.len() < MAX_FAULTS { self.faults.push(words) } else { self.more += 1 }
    }

    /// A part that cannot be read is a fault of it, and the other parts are still looked at.
    fn of(what: &'static str, look: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Self {
        let mut finding = Self::new(what);
        if let Err(error) = look(&mut finding) {
            finding.fault(format!("it cannot be read to its end: {error}"));
        }
        finding
    }
}

/// The uses of each chunk and of each day in it.
type Contents = HashMap<(Day, i64), u64>;

impl Reader {
    /// Looks at everything, on one snapshot.
    pub fn verify(&self) -> Vec<Finding> {
        let mut contents = Contents::new();
        vec![
            Finding::of("file", |finding| self.verify_file(finding)),
            Finding::of("references", |finding| self.verify_references(finding)),
            Finding::of("journal", |finding| self.verify_journal(finding)),
            Finding::of("ledger", |finding| self.verify_ledger(finding)),
            Finding::of("packed counts", |finding| self.verify_packed_counts(finding)),
            Finding::of("batches", |finding| self.verify_chunks(finding, &mut contents)),
            Finding::of("counts", |finding| self.verify_counts(finding, &contents)),
        ]
    }

    fn verify_file(&self, finding: &mut Finding) -> Result<(), StoreError> {
        self.connection.pragma_query(None, "integrity_check", |row| {
            let words: String = row.get(0)?;
            if words != "ok" {
                finding.fault(words);
            }
            Ok(())
        })?;
        "every page, index and constraint holds".clone_into(&mut finding.well);
        Ok(())
    }

    fn verify_references(&self, finding: &mut Finding) -> Result<(), StoreError> {
        self.connection.pragma_query(None, "foreign_key_check", |row| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            let number = match row.get(1)? {
                Value::Integer(number) => format!("row {number}"),
                _ => "a row".to_owned(),
            };
            finding.fault(format!("{number} of {table} names a row of {parent} that is not there"));
            Ok(())
        })?;
        "every row that is named is there".clone_into(&mut finding.well);
        Ok(())
    }

    fn verify_journal(&self, finding: &mut Finding) -> Result<(), StoreError> {
        let entries = self.journal()?;
        if let Some(broken) = first_break(&entries) {
            finding.fault(format!("entry {}: {}", broken.sequence, broken.words));
        }
        finding.well = format!("{}, the chain is unbroken", counted(entries.len() as u64, "entry", "entries"));
        Ok(())
    }

    fn verify_ledger(&self, finding: &mut Finding) -> Result<(), StoreError> {
        let ledger = self.ledger()?;
        for (source, intervals) in &ledger.sources {
            for interval in intervals.iter().filter(|interval| interval.to_ms <= interval.from_ms) {
                finding.fault(format!("{source}: an interval ends before it begins ({})", span(interval)));
            }
            for pair in intervals.windows(2).filter(|pair| pair[1].from_ms < pair[0].to_ms) {
                finding.fault(format!("{source}: two intervals overlap ({} and {})", span(&pair[0]), span(&pair[1])));
            }
        }
        let intervals = ledger.sources.values().map(|list| list.len() as u64).sum();
        let (intervals, sources) =
            (counted(intervals, "interval", "intervals"), counted(ledger.sources.len() as u64, "source", "sources"));
        finding.well = format!("{intervals} of {sources}, in order and apart");
        Ok(())
    }

    fn verify_packed_counts(&self, finding: &mut Finding) -> Result<(), StoreError> {
        let (periods, faults) = self.verify_packed()?;
        for fault in faults {
            finding.fault(fault);
        }
        finding.well = counted(
            periods as u64,
            "period that is over is packed as it is counted",
            "periods that are over are packed as they are counted",
        );
        Ok(())
    }

    fn verify_chunks(&self, finding: &mut Finding, contents: &mut Contents) -> Result<(), StoreError> {
        let (mut after, mut chunks, mut items) = (0, 0_u64, 0_u64);
        loop {
            let read = self.chunks_after(after, CHUNKS_AT_ONCE, BYTES_AT_ONCE)?;
            let Some(last) = read.last() else { break };
            after = last.id;
            for stored in &read {
                chunks += 1;
                let counted = chunk::with_decoded(&stored.bytes, |kept| {
                    for (sighting, _) in kept.iter().filter(|(_, ordinal)| *ordinal != NO_TRACK) {
                        *contents.entry((Day::of_ms(sighting.time_ms), stored.id)).or_default() += u64::from(sighting.uses);
                    }
                    kept.len() as u64
                });
                match counted {
                    Ok(held) => items += held,
                    Err(error) => finding.fault(format!("batch {} of {}: {error}", stored.id, stored.source)),
                }
            }
        }
        let (batches, items) = (counted(chunks, "batch", "batches"), counted(items, "item", "items"));
        finding.well = format!("{batches} of what was read, {items}, all can be read");
        Ok(())
    }

    /// Of days before the one from which everything is kept only counts may be left, or a part of the rest while it goes.
    fn verify_counts(&self, finding: &mut Finding, contents: &Contents) -> Result<(), StoreError> {
        let kept_from = self.retention()?.map_or(Day(i32::MIN), |retention| retention.raw_from);
        let sources = self.sources_of_tracks()?;
        let is_kept = |track: &i64| sources.get(track).is_none_or(|source| coverage::keeps_lines(source));
        let (mut days, mut uses, mut foreign, mut day) = (0_u64, 0_u64, 0_u64, Day(i32::MIN));
        while let Some(next) = self.next_day(day)? {
            day = next;
            days += 1;
            let mut counted = self.counts_of(day)?;
            foreign = counted.extract_if(|track, _| !is_kept(track)).fold(foreign, |sum, (_, uses)| sum.saturating_add(uses));
            uses = counted.values().fold(uses, |sum, uses| sum.saturating_add(*uses));
            if day >= kept_from {
                let indexed = self.indexed_of(day, contents, finding)?;
                compare(day, &counted, &indexed, &sources, finding);
            }
        }
        let pruned =
            if kept_from > Day(i32::MIN) { format!("; of days before {kept_from} only counts are kept") } else { String::new() };
        let elsewhere = if foreign > 0 { format!("; {foreign} more were counted elsewhere") } else { String::new() };
        let (uses, days) = (counted(uses, "use", "uses"), counted(days, "day", "days"));
        finding.well = format!("what is kept of them is {uses} on {days}{pruned}{elsewhere}");
        Ok(())
    }

    /// The next day after one of which anything is counted.
    pub(super) fn next_day_counted(&self, after: Day) -> Result<Option<Day>, StoreError> {
        next_counted_day(&self.connection, after)
    }

    fn next_day(&self, after: Day) -> Result<Option<Day>, StoreError> {
        let counted = next_counted_day(&self.connection, after)?;
        let indexed = next_day(&self.connection, FIND_NEXT_INDEXED_DAY, after)?;
        Ok(counted.into_iter().chain(indexed).min())
    }

    fn counts_of(&self, day: Day) -> Result<HashMap<i64, u64>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_COUNTS_OF_DAY)?;
        let rows = statement.query_map(named_params! { ":day": day.0 }, |row| Ok((row.get(0)?, count(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The uses of each track that the index finds in chunks which hold them.
    fn indexed_of(&self, day: Day, contents: &Contents, finding: &mut Finding) -> Result<HashMap<i64, u64>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_INDEX_OF_DAY)?;
        let mut rows = statement.query(named_params! { ":day": day.0 })?;
        let mut tracks: HashMap<i64, u64> = HashMap::new();
        let mut chunks: BTreeMap<i64, u64> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let uses = count(row, 2)?;
            *tracks.entry(row.get(0)?).or_default() += uses;
            *chunks.entry(row.get(1)?).or_default() += uses;
        }
        for (chunk, found) in chunks {
            match contents.get(&(day, chunk)) {
                None => finding.fault(format!("{day}: batch {chunk} is not there or cannot be read, and {found} uses with it")),
                Some(held) if *held < found => finding.fault(format!("{day}: batch {chunk} holds {held} of {found} uses")),
                Some(_) => {}
            }
        }
        Ok(tracks)
    }

    fn sources_of_tracks(&self) -> Result<HashMap<i64, String>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_SOURCES_OF_TRACKS)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The first day after one of which anything is counted.
pub(super) fn next_counted_day(connection: &Connection, after: Day) -> Result<Option<Day>, StoreError> {
    next_day(connection, FIND_NEXT_COUNTED_DAY, after)
}

fn next_day(connection: &Connection, find: &str, after: Day) -> Result<Option<Day>, StoreError> {
    let day: Option<i32> = connection.prepare_cached(find)?.query_row(named_params! { ":day": after.0 }, |row| row.get(0))?;
    day.map(|day| later(&after, Day(day))).transpose()
}

fn span(interval: &Coverage) -> String {
    let instant = crate::evidence::time::instant;
    format!("{} to {}", instant(interval.from_ms), instant(interval.to_ms))
}

/// One fault a source whose tracks are not counted as they are kept.
fn compare(
    day: Day,
    counted: &HashMap<i64, u64>,
    indexed: &HashMap<i64, u64>,
    sources: &HashMap<i64, String>,
    finding: &mut Finding,
) {
    let mut differ: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let tracks = counted.keys().chain(indexed.keys().filter(|track| !counted.contains_key(track)));
    for track in tracks {
        let of = |uses: &HashMap<i64, u64>| uses.get(track).copied().unwrap_or(0);
        if of(counted) != of(indexed) {
            let sums = differ.entry(sources.get(track).map_or("a source that is not there", String::as_str)).or_default();
            *sums = (sums.0 + of(counted), sums.1 + of(indexed));
        }
    }
    for (source, (counted, kept)) in differ {
        finding.fault(format!("{day}: {source}: {counted} uses are counted where {kept} are kept"));
    }
}
