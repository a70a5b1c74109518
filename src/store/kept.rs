//! What was read, as far as it is kept: the sightings behind tracks, newest first. One chunk is in memory at a time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use rusqlite::{Connection, named_params};

use super::{Reader, StoreError};
use crate::evidence::{Day, Sighting, TrackCount, chunk};

const LIST_CHUNKS_OF_TRACK: &str = include_str!("../../sql/queries/explain/list_chunks_of_track.sql");
const READ_CHUNK: &str = include_str!("../../sql/queries/explain/read_chunk.sql");

/// A track as the store numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackRow(i64);

/// The sightings of one day.
#[derive(Debug, Default, PartialEq)]
pub struct KeptDay {
    /// Newest first, each with its track's place in the list that was asked for.
    pub sightings: Vec<(usize, Sighting<'static>)>,
    /// Which tracks of that list have sightings that are kept, also when others filled the limit; sorted.
    pub kept: Vec<usize>,
}

/// A chunk in which asked tracks have sightings.
#[derive(Default)]
struct Holding {
    last_ms: i64,
    /// By the track's number in the chunk.
    tracks: HashMap<u32, usize>,
}

impl Reader {
    /// The rows of tracks; none of one that the store does not know. Equal tracks have the same row.
    pub fn track_rows(&self, tracks: &[&TrackCount]) -> Result<Vec<Option<TrackRow>>, StoreError> {
        let stored = self.tracks()?;
        let known: HashMap<_, i64> = stored.iter().map(|(id, shown)| ((&shown.source, &shown.track), *id)).collect();
        Ok(tracks.iter().map(|shown| known.get(&(&shown.source, &shown.track)).map(|id| TrackRow(*id))).collect())
    }

    /// The newest sightings of tracks on one day, at most `limit` of them.
    pub fn kept_on(&self, day: Day, tracks: &[TrackRow], limit: usize) -> Result<KeptDay, StoreError> {
        let mut found = KeptDay::default();
        let mut chunks: Vec<(i64, Holding)> = self.holding(day, tracks)?.into_iter().collect();
        found.kept = chunks.iter().flat_map(|(_, holding)| holding.tracks.values().copied()).collect();
        found.kept.sort_unstable();
        found.kept.dedup();
        chunks.sort_by_key(|(id, holding)| (Reverse(holding.last_ms), *id));
        for (id, holding) in chunks {
            let full = limit.checked_sub(1).and_then(|last| found.sightings.get(last));
            if limit == 0 || full.is_some_and(|(_, oldest)| oldest.time_ms > holding.last_ms) {
                break;
            }
            let of_day = |sighting: &Sighting<'_>| Day::of_ms(sighting.time_ms) == day;
            let decoded = self.chunk(id)?.into_iter();
            let own = decoded.filter_map(|(sighting, ordinal)| Some((*holding.tracks.get(&ordinal)?, sighting)));
            found.sightings.extend(own.filter(|(_, sighting)| of_day(sighting)));
            found.sightings.sort_by_key(|(_, sighting)| Reverse(sighting.time_ms));
            found.sightings.truncate(limit);
        }
        Ok(found)
    }

    fn holding(&self, day: Day, tracks: &[TrackRow]) -> Result<BTreeMap<i64, Holding>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_CHUNKS_OF_TRACK)?;
        let mut chunks: BTreeMap<i64, Holding> = BTreeMap::new();
        for (at, TrackRow(track)) in tracks.iter().enumerate() {
            let mut rows = statement.query(named_params! { ":day": day.0, ":track_id": track })?;
            while let Some(row) = rows.next()? {
                let holding = chunks.entry(row.get(0)?).or_default();
                holding.last_ms = row.get(1)?;
                holding.tracks.insert(row.get(2)?, at);
            }
        }
        Ok(chunks)
    }

    fn chunk(&self, id: i64) -> Result<Vec<(Sighting<'static>, u32)>, StoreError> {
        let bytes = chunk_bytes(&self.connection, id)?;
        chunk::decode(&bytes).map_err(|error| StoreError::Corrupt(format!("chunk {id}: {error}")))
    }
}

pub(super) fn chunk_bytes(connection: &Connection, id: i64) -> Result<Vec<u8>, StoreError> {
    Ok(connection.prepare_cached(READ_CHUNK)?.query_row(named_params! { ":id": id }, |row| row.get(0))?)
}
