//! What a store holds, without its numbering and its order: two stores that know the same give the same picture.

use std::{collections::BTreeMap, path::Path};

use duskwatch::{
    evidence::{Coverage, Day, Sighting, Track, chunk},
    store::{SourceState, Store, Totals},
};
use rusqlite::{Connection, OpenFlags};

const LIST_KEPT_CHUNKS: &str = include_str!("../../data/mixtures/list_kept_chunks.sql");

/// Uses, first and last instant of every source, track, day and verdict.
pub type Counts = BTreeMap<(String, Track, Day, String), (u64, i64, i64)>;

#[derive(Debug)]
pub struct Picture {
    pub counts: Counts,
    pub totals: Totals,
    pub coverage: BTreeMap<String, Vec<Coverage>>,
    pub states: BTreeMap<String, SourceState>,
}

impl Picture {
    /// What is committed now, seen beside any process that writes.
    pub async fn of(store: &Path) -> Self {
        let store = Store::open_read_only(store).unwrap();
        let everything = store.read(|r| Ok((r.history(Day(i32::MAX))?, r.totals()?, r.ledger()?, r.source_states()?))).await;
        let (history, totals, ledger, states) = everything.unwrap();
        let mut counts = Counts::new();
        for count in history.counts.iter() {
            let shown = &history.tracks[usize::try_from(count.track).unwrap()];
            let verdict = count.verdict;
            let rule = &history.rules[usize::from(verdict.rule)];
            let said = format!(
                "{} {} {} {:?} {:?} {rule} {}",
                verdict.credential, verdict.grade, verdict.outcome, verdict.operation, verdict.window, verdict.authentication
            );
            let key = (shown.source.clone(), shown.track.clone(), count.day, said);
            let twice = counts.insert(key, (count.uses, count.first_ms, count.last_ms));
            assert_eq!(twice, None, "a day of a track with one verdict stands twice");
        }
        Self { counts, totals, coverage: ledger.sources, states: states.into_iter().collect() }
    }

    /// How many uses the day counts of a source add up to.
    pub fn uses(&self, source: &str) -> u64 {
        self.counts.iter().filter(|((of, ..), _)| of == source).map(|(_, (uses, ..))| uses).sum()
    }

    pub fn items(&self, source: &str) -> u64 {
        self.totals.items.iter().find(|(name, _)| name == source).map_or(0, |(_, items)| *items)
    }

    pub fn skipped(&self, source: &str) -> u64 {
        self.totals.skipped.iter().filter(|s| s.source == source).map(|s| s.count).sum()
    }

    /// The state and reason of each interval of a source.
    pub fn states_of(&self, source: &str) -> Vec<(&'static str, &str)> {
        self.coverage[source].iter().map(|c| (c.state.as_str(), c.reason.as_str())).collect()
    }
}

/// Fails with the first differences instead of thousands of lines.
#[track_caller]
pub fn assert_same_counts(expected: &Counts, found: &Counts) {
    let missing: Vec<_> = expected.iter().filter(|(key, value)| found.get(key) != Some(value)).take(3).collect();
    let surplus: Vec<_> = found.iter().filter(|(key, value)| expected.get(key) != Some(value)).take(3).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "expected, but not so: {missing:#?}\nfound, but not so: {surplus:#?}");
    assert!(!expected.is_empty());
}

/// Fails when anything expected was counted less often; what a fault has added may be there beside it.
#[track_caller]
pub fn assert_no_count_is_missing(expected: &Counts, found: &Counts) {
    let fewer = |(key, (uses, ..)): &(&_, &(u64, i64, i64))| found.get(*key).is_none_or(|(counted, ..)| counted < uses);
    let missing: Vec<_> = expected.iter().filter(fewer).take(3).collect();
    assert!(missing.is_empty(), "expected, but not so: {missing:#?}");
    assert!(!expected.is_empty());
}

/// Every item that a store has kept, with its source, in the order of recording.
pub fn kept(store: &Path) -> Vec<(String, Sighting<'static>)> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(LIST_KEPT_CHUNKS).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut items = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let (source, bytes): (String, Vec<u8>) = (row.get(0).unwrap(), row.get(1).unwrap());
        items.extend(chunk::decode(&bytes).unwrap().into_iter().map(|(sighting, _)| (source.clone(), sighting)));
    }
    items
}
