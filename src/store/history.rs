//! All day counts, for the judgement.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, Row, named_params};

use super::{
    Reader, StoreError,
    convert::{count, optional_text, word},
    packed::numbered,
};
use crate::evidence::{
    Credential, Day, DayCount, Grade, History, Operation, Origin, Outcome, Track, TrackCount, UnknownTotal, Verdict, WindowKind,
    counts::{Numbered, Packer},
};

const LIST_TRACKS: &str = include_str!("../../sql/queries/report/list_tracks.sql");
const LIST_VERDICTS: &str = include_str!("../../sql/queries/report/list_verdicts.sql");
const HAS_TRACKS: &str = include_str!("../../sql/queries/report/has_tracks.sql");
const LIST_UNKNOWN_VALUES: &str = include_str!("../../sql/queries/report/list_unknown_values.sql");

/// The first thing that is wrong with the file, or `ok`.
const QUICK_CHECK: &str = "quick_check";

impl Reader {
    /// Every day count up to and with the day `until`, and the tracks they belong to.
    pub fn history(&self, until: Day) -> Result<History, StoreError> {
        let mut gathering = Gathering::new(self.verdicts()?.0);
        let mut last = None;
        self.each_count(until, |track, count| {
            if last.is_some_and(|last| last != track) {
                gathering.end();
            }
            last = Some(track);
            gathering.take(track, count)
        })?;
        if last.is_none() {
            self.assert_nothing_counted(until)?;
        }
        self.history_of(gathering)
    }

    /// Nothing is counted up to and with a day. That is believed only where it cannot be damage: to SQLite a page that lost its
    /// rows looks as if it had never had any.
    fn assert_nothing_counted(&self, until: Day) -> Result<(), StoreError> {
        let first = self.next_day_counted(Day(i32::MIN))?;
        if first.is_some_and(|first| first <= until) {
            return Err(StoreError::Corrupt("what is packed of what is counted is not there".to_owned()));
        }
        let was_used = || self.connection.prepare_cached(HAS_TRACKS)?.query_row([], |row| row.get::<_, bool>(0));
        // It reads the whole file; of one that tells of no use there is little.
        if first.is_some() || !was_used()? {
            return Ok(());
        }
        let found: String = self.connection.pragma_query_value(None, QUICK_CHECK, |row| row.get(0))?;
        let words = || format!("nothing is counted, and {}", found.lines().last().unwrap_or_default());
        if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(words())) }
    }

    /// The counts that a statement lists up to and with a day, in any order of tracks, each track's by day.
    pub(super) fn listed_history(&self, list: &str, until: Day) -> Result<History, StoreError> {
        let mut gathering = Gathering::new(self.verdicts()?.0);
        let mut statement = self.connection.prepare_cached(list)?;
        let mut rows = statement.query(named_params! { ":until": until.0 })?;
        while let Some(row) = rows.next()? {
            let (track, count) = numbered(row)?;
            gathering.take(track, count)?;
        }
        self.history_of(gathering)
    }

    fn history_of(&self, mut gathering: Gathering) -> Result<History, StoreError> {
        gathering.pack();
        let Gathering { index_of, packer, .. } = gathering;
        let (tracks, rules) = (self.tracks_at(&index_of)?, self.verdicts()?.1);
        Ok(History { tracks, counts: packer.finish(), rules, unknown: self.unknown_values()? })
    }

    /// Values of fields that nobody has explained, sorted by field and value.
    pub fn unknown_values(&self) -> Result<Vec<UnknownTotal>, StoreError> {
        let mut statement = self.connection.prepare_cached(LIST_UNKNOWN_VALUES)?;
        let rows = statement.query_map([], |row| {
            Ok(UnknownTotal {
                field: row.get(0)?,
                value: row.get(1)?,
                count: count(row, 2)?,
                first: Day(row.get(3)?),
                last: Day(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every track with its row's number, in the order in which they were met.
    pub(super) fn tracks(&self) -> Result<Vec<(i64, TrackCount)>, StoreError> {
        tracks(&self.connection)
    }

    /// The tracks that `index_of` names, each at its index.
    fn tracks_at(&self, index_of: &HashMap<i64, u32>) -> Result<Vec<TrackCount>, StoreError> {
        let mut found: Vec<(u32, TrackCount)> =
            self.tracks()?.into_iter().filter_map(|(id, track)| Some((*index_of.get(&id)?, track))).collect();
        if found.len() != index_of.len() {
            return Err(StoreError::Corrupt("a counted track is missing".to_owned()));
        }
        found.sort_unstable_by_key(|(index, _)| *index);
        Ok(found.into_iter().map(|(_, track)| track).collect())
    }

    /// Verdicts by their row's number, and the ids of the rules that they point into.
    pub(super) fn verdicts(&self) -> Result<(HashMap<i64, Verdict>, Vec<String>), StoreError> {
        let mut rules: Vec<String> = Vec::new();
        let mut verdicts = HashMap::new();
        let mut statement = self.connection.prepare_cached(LIST_VERDICTS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let rule: String = row.get(6)?;
            let index = rules.iter().position(|known| *known == rule).unwrap_or_else(|| {
                rules.push(rule);
                rules.len() - 1
            });
            let index = u16::try_from(index).map_err(|_| StoreError::Corrupt("too many rules".to_owned()))?;
            verdicts.insert(row.get(0)?, verdict(row, index)?);
        }
        Ok((verdicts, rules))
    }
}

/// Puts counts together as a history numbers them: tracks in the order in which they come, verdicts in theirs.
struct Gathering {
    /// By the row of a verdict: its number, and what it is. It is asked of every count, of which there are millions.
    verdicts: HashMap<u64, (usize, Verdict), RandomState>,
    /// By the row of a track; and the track that came last.
    index_of: HashMap<i64, u32>,
    last: Option<(i64, u32)>,
    packer: Packer,
    /// The counts of one track on one day, which come in the order of their verdicts' rows.
    same: Vec<(usize, DayCount)>,
}

impl Gathering {
    fn new(verdicts: HashMap<i64, Verdict>) -> Self {
        let packer = Packer::new(verdicts.values().copied().collect());
        let number = |verdict: &Verdict| packer.verdicts().binary_search(verdict).unwrap_or_default();
        let verdicts = verdicts.into_iter().map(|(id, verdict)| (id.cast_unsigned(), (number(&verdict), verdict))).collect();
        Self { verdicts, index_of: HashMap::new(), last: None, packer, same: Vec::new() }
    }

    fn take(&mut self, track: i64, count: Numbered) -> Result<(), StoreError> {
        let missing = || StoreError::Corrupt(format!("verdict {} is missing", count.verdict));
        let (number, verdict) = *self.verdicts.get(&count.verdict).ok_or_else(missing)?;
        let counted = count.with(self.index(track)?, verdict);
        if self.same.first().is_some_and(|(_, of)| (of.day, of.track) != (counted.day, counted.track)) {
            self.pack();
        }
        self.same.push((number, counted));
        Ok(())
    }

    fn index(&mut self, track: i64) -> Result<u32, StoreError> {
        if let Some((_, index)) = self.last.filter(|(last, _)| *last == track) {
            return Ok(index);
        }
        let next = u32::try_from(self.index_of.len()).map_err(|_| StoreError::Corrupt("too many tracks".to_owned()))?;
        let index = *self.index_of.entry(track).or_insert(next);
        self.last = Some((track, index));
        Ok(index)
    }

    fn pack(&mut self) {
        self.same.sort_unstable_by_key(|(verdict, _)| *verdict);
        for (verdict, count) in self.same.drain(..) {
            self.packer.add(count.track as usize, &count, verdict);
        }
    }

    /// All of the last track has come.
    fn end(&mut self) {
        let last = self.same.first().map(|(_, count)| count.track as usize);
        self.pack();
        if let Some(track) = last {
            self.packer.end(track);
        }
    }
}

pub(super) fn tracks(connection: &Connection) -> Result<Vec<(i64, TrackCount)>, StoreError> {
    let mut tracks = Vec::new();
    each_track(connection, |id, track| {
        tracks.push((id, track));
        Ok(())
    })?;
    Ok(tracks)
}

/// Hands over every track with its row's number, in the order in which they were met.
pub(super) fn each_track(
    connection: &Connection,
    mut take: impl FnMut(i64, TrackCount) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(LIST_TRACKS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, track(row)?)?;
    }
    Ok(())
}

fn verdict(row: &Row<'_>, rule: u16) -> rusqlite::Result<Verdict> {
    Ok(Verdict {
        credential: word(row, 1, Credential::parse)?,
        grade: word(row, 2, Grade::parse)?,
        outcome: word(row, 3, Outcome::parse)?,
        operation: word(row, 4, Operation::parse)?,
        window: word(row, 5, WindowKind::parse)?,
        rule,
        authentication: row.get(7)?,
    })
}

pub(super) fn track(row: &Row<'_>) -> rusqlite::Result<TrackCount> {
    let track = Track {
        username: optional_text(row, 2)?,
        email: optional_text(row, 3)?,
        account_id: optional_text(row, 4)?,
        display_name: optional_text(row, 5)?,
        client: optional_text(row, 6)?,
        origin: Origin::parse(row.get_ref(7)?.as_str()?, row.get_ref(8)?.as_str()?),
        host: optional_text(row, 9)?,
        workspace: optional_text(row, 10)?,
        repository: optional_text(row, 11)?,
        token_id: optional_text(row, 12)?,
        token_label: optional_text(row, 13)?,
        secret_id: optional_text(row, 14)?,
    };
    Ok(TrackCount { source: row.get(1)?, track })
}
