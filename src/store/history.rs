//! All day counts, for the judgement.

use std::collections::HashMap;

use rusqlite::{Connection, Row, named_params};

use super::{
    Reader, StoreError,
    convert::{count, optional_text, word},
};
use crate::evidence::{
    Credential, Day, DayCount, Grade, History, Operation, Origin, Outcome, Track, TrackCount, UnknownTotal, Verdict, WindowKind,
    counts::Packer,
};

const LIST_DAY_COUNTS: &str = include_str!("../../sql/queries/report/list_day_counts.sql");
const LIST_TRACKS: &str = include_str!("../../sql/queries/report/list_tracks.sql");
const LIST_VERDICTS: &str = include_str!("../../sql/queries/report/list_verdicts.sql");
const LIST_UNKNOWN_VALUES: &str = include_str!("../../sql/queries/report/list_unknown_values.sql");

impl Reader {
    /// Every day count up to and with the day `until`, and the tracks they belong to.
    pub fn history(&self, until: Day) -> Result<History, StoreError> {
        self.history_of(LIST_DAY_COUNTS, until)
    }

    /// The day counts that a statement lists.
    pub(super) fn history_of(&self, list: &str, until: Day) -> Result<History, StoreError> {
        let (verdicts, rules) = self.verdicts()?;
        let mut packer = Packer::new(verdicts.values().copied().collect());
        let number = |verdict: &Verdict| packer.verdicts().binary_search(verdict).unwrap_or_default();
        let verdicts: HashMap<i64, (usize, Verdict)> = verdicts.iter().map(|(id, v)| (*id, (number(v), *v))).collect();
        let mut index_of = HashMap::new();
        let mut same: Vec<(usize, DayCount)> = Vec::new();
        let mut statement = self.connection.prepare_cached(list)?;
        let mut rows = statement.query(named_params! { ":until": until.0 })?;
        while let Some(row) = rows.next()? {
            let next = u32::try_from(index_of.len()).map_err(|_| StoreError::Corrupt("too many tracks".to_owned()))?;
            let verdict: i64 = row.get(2)?;
            let missing = || StoreError::Corrupt(format!("verdict {verdict} is missing"));
            let (number, verdict) = *verdicts.get(&verdict).ok_or_else(missing)?;
            let counted = DayCount {
                day: Day(row.get(0)?),
                track: *index_of.entry(row.get::<_, i64>(1)?).or_insert(next),
                verdict,
                uses: count(row, 3)?,
                first_ms: row.get(4)?,
                last_ms: row.get(5)?,
                hours: row.get(6)?,
            };
            if same.first().is_some_and(|(_, of)| (of.day, of.track) != (counted.day, counted.track)) {
                pack(&mut packer, &mut same);
            }
            same.push((number, counted));
        }
        pack(&mut packer, &mut same);
        Ok(History { tracks: self.tracks_at(&index_of)?, counts: packer.finish(), rules, unknown: self.unknown_values()? })
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
    fn verdicts(&self) -> Result<(HashMap<i64, Verdict>, Vec<String>), StoreError> {
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

/// Packs the counts of a track on a day, by verdict.
fn pack(packer: &mut Packer, same: &mut Vec<(usize, DayCount)>) {
    same.sort_unstable_by_key(|(verdict, _)| *verdict);
    for (verdict, count) in same.drain(..) {
        packer.add(count.track as usize, &count, verdict);
    }
}

pub(super) fn tracks(connection: &Connection) -> Result<Vec<(i64, TrackCount)>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_TRACKS)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, track(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
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

fn track(row: &Row<'_>) -> rusqlite::Result<TrackCount> {
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
