//! How evidence is counted: interned tracks, day counts, and the batch that one page becomes.
//!
//! There is no row a log line. What repeats about a sighting is a [`Track`]; how often it was seen on one day with one
//! verdict is a [`DayCount`]; the sightings themselves stay together in one compressed chunk ([`super::chunk`]).

use super::{Counts, Coverage, Day, Origin, Person, Verdict, chunk::Chunk};

/// Everything about a sighting that repeats, names as they came. Identity is resolved later, over whole histories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Track {
    pub username: Option<String>,
    pub email: Option<String>,
    pub account_id: Option<String>,
    pub display_name: Option<String>,
    /// The catalogue's id of the client; `unknown` for a user agent that nobody recognises; none without a user agent.
    pub client: Option<String>,
    pub origin: Origin,
    pub host: Option<String>,
    pub workspace: Option<String>,
    pub repository: Option<String>,
    pub token_id: Option<String>,
    pub token_label: Option<String>,
    pub secret_id: Option<String>,
}

/// How often one track was seen on one UTC day with one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// Index into the tracks beside it.
    pub track: u32,
    pub day: Day,
    pub verdict: Verdict,
    pub uses: u64,
    pub first_ms: i64,
    pub last_ms: i64,
    /// Bit h is set when it was used in UTC hour h; uses that were counted upstream stand for their first hour.
    pub hours: u32,
}

impl DayCount {
    /// Takes in uses of the same track, day and verdict.
    pub fn add(&mut self, other: &Self) {
        self.uses = self.uses.saturating_add(other.uses);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.hours |= other.hours;
    }
}

/// The reason of items that cannot be read at all.
pub const MALFORMED: &str = "malformed";

/// Items that were not kept, by reason, with one sample that is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub reason: &'static str,
    pub count: u64,
    pub sample: String,
}

impl Skipped {
    /// Sums up by reason; the first sample stands for all.
    pub fn add(sums: &mut Vec<Self>, skipped: &Self) {
        match sums.iter_mut().find(|sum| sum.reason == skipped.reason) {
            Some(sum) => sum.count += skipped.count,
            None => sums.push(skipped.clone()),
        }
    }
}

/// A value of a field that nobody has explained yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownValue {
    pub field: &'static str,
    pub value: String,
    pub count: u64,
}

/// How often an unexplained value was met in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownTotal {
    pub field: String,
    pub value: String,
    pub count: u64,
    pub first: Day,
    pub last: Day,
}

/// A cursor's new value; committed with the evidence it stands for. None forgets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorUpdate {
    pub key: String,
    pub value: Option<String>,
}

/// One page or file batch, ready to be recorded in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The source's name, as in the contract: `audit/acme`, `log/egress`, `import/old`.
    pub source: String,
    pub tracks: Vec<Track>,
    pub counts: Vec<DayCount>,
    /// The ids of the rules that verdicts point into.
    pub rules: Vec<String>,
    /// What it was judged by; see `analysis::Classifier::fingerprint`.
    pub fingerprint: String,
    pub chunk: Option<Chunk>,
    pub items: u64,
    pub skipped: Vec<Skipped>,
    pub unknown: Vec<UnknownValue>,
    pub people: Vec<Person>,
    pub coverage: Vec<Coverage>,
    pub cursors: Vec<CursorUpdate>,
}

/// A track with the source that showed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrackCount {
    pub source: String,
    pub track: Track,
}

/// All day counts of the store, for the judgement.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub tracks: Vec<TrackCount>,
    pub counts: Counts,
    pub rules: Vec<String>,
    /// Sorted by field, then value.
    pub unknown: Vec<UnknownTotal>,
}
