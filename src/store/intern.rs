//! Numbers for what repeats: sources, names, tracks, verdicts, people.
//!
//! The writer remembers the numbers of sources, tracks and verdicts in memory, because every page asks for the same
//! few again. Names are asked for only when a track is new, so they are left to SQLite.

use std::{collections::HashMap, hash::Hash};

use rusqlite::{Connection, OptionalExtension, ToSql, named_params};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::{
    StoreError, Writer,
    callers::{Book, Roll},
    convert::text_or_empty,
};
use crate::evidence::{CROWD, Person, Track, Verdict};

const FIND_SOURCE: &str = include_str!("../../sql/queries/ingest/find_source.sql");
const INSERT_SOURCE: &str = include_str!("../../sql/queries/ingest/insert_source.sql");
const FIND_NAME: &str = include_str!("../../sql/queries/ingest/find_name.sql");
const INSERT_NAME: &str = include_str!("../../sql/queries/ingest/insert_name.sql");
const FIND_TRACK: &str = include_str!("../../sql/queries/ingest/find_track.sql");
const INSERT_TRACK: &str = include_str!("../../sql/queries/ingest/insert_track.sql");
const FIND_VERDICT: &str = include_str!("../../sql/queries/ingest/find_verdict.sql");
const INSERT_VERDICT: &str = include_str!("../../sql/queries/ingest/insert_verdict.sql");
const FIND_PERSON: &str = include_str!("../../sql/queries/ingest/find_person.sql");
const INSERT_PERSON: &str = include_str!("../../sql/queries/ingest/insert_person.sql");
const NOTE_PERSON: &str = include_str!("../../sql/queries/ingest/note_person.sql");

/// Tracks remembered in memory: about 3 MiB. When they are full they are forgotten and looked up again.
const MAX_TRACKS: usize = 1 << 16;

/// Verdicts remembered in memory; the rules yield a few hundred.
const MAX_VERDICTS: usize = 1 << 12;

/// Sources remembered in memory; they are configured.
const MAX_SOURCES: usize = 1 << 10;

/// What lists that are read here are marked with, and whom they name.
pub(super) const TOLD_HERE: i64 = 0;

/// The number of the absent name, from the first migration.
const NO_NAME: i64 = 0;

/// What a text stands for that has no number; no row has it.
const UNHEARD: i64 = -1;

/// Numbers of committed rows.
#[derive(Default)]
pub(super) struct Interned {
    sources: HashMap<String, i64>,
    /// By a 128-bit hash under the store's key: the texts of a track would take twenty times the memory.
    tracks: HashMap<u128, i64>,
    /// The same of what a reclassification builds.
    next_tracks: HashMap<u128, i64>,
    roll: Roll,
    next_roll: Roll,
    /// By the rule's id and the verdict without its batch's number for that rule.
    verdicts: HashMap<(String, Verdict), i64>,
}

impl Interned {
    pub(super) fn roll(&mut self, book: Book) -> &mut Roll {
        match book {
            Book::Present => &mut self.roll,
            Book::Next => &mut self.next_roll,
        }
    }

    fn tracks(&mut self, book: Book) -> &mut HashMap<u128, i64> {
        match book {
            Book::Present => &mut self.tracks,
            Book::Next => &mut self.next_tracks,
        }
    }

    /// Another reclassification begins, or none goes on.
    pub(super) fn forget_next(&mut self) {
        self.next_tracks.clear();
        self.next_roll = None;
    }
}

impl Writer<'_> {
    pub(super) fn source_id(&mut self, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.interned.sources.get(name) {
            return Ok(*id);
        }
        let id = find_or_insert(self.connection, FIND_SOURCE, INSERT_SOURCE, named_params! { ":name": name })?;
        remember(&mut self.interned.sources, MAX_SOURCES, name.to_owned(), id);
        Ok(id)
    }

    pub(super) fn track_id(&mut self, source_id: i64, track: &Track) -> Result<i64, StoreError> {
        self.track_id_in(Book::Present, source_id, track)
    }

    /// The number of a track in what a reclassification builds.
    pub(super) fn next_track_id(&mut self, source_id: i64, track: &Track) -> Result<i64, StoreError> {
        self.track_id_in(Book::Next, source_id, track)
    }

    fn track_id_in(&mut self, book: Book, source_id: i64, track: &Track) -> Result<i64, StoreError> {
        let mut hasher = SipHasher13::new_with_key(self.seen_key);
        source_id.hash(&mut hasher);
        track.hash(&mut hasher);
        let key = hasher.finish128().as_u128();
        if let Some(id) = self.interned.tracks(book).get(&key) {
            return Ok(*id);
        }
        let present = if book == Book::Present { find_track(self.connection, source_id, track)? } else { None };
        let id = match present {
            Some(id) => id,
            None => self.new_track_id(book, source_id, track)?,
        };
        remember(self.interned.tracks(book), MAX_TRACKS, key, id);
        Ok(id)
    }

    fn new_track_id(&mut self, book: Book, source_id: i64, track: &Track) -> Result<i64, StoreError> {
        let track = self.counted_as(book, source_id, track)?;
        if let Some(id) = find_track(self.connection, source_id, &track)? {
            return Ok(id);
        }
        if track.username.as_deref() == Some(CROWD) {
            let limit = self.callers_per_source;
            tracing::warn!(limit, "a source tells of more integrations than it may name: those beyond are counted together");
        }
        Ok(with_track_values(
            source_id,
            &track,
            |text| name_id(self.connection, text),
            |values| self.connection.prepare_cached(INSERT_TRACK)?.query_row(values, |row| row.get(0)),
        )?)
    }

    pub(super) fn verdict_id(&mut self, verdict: Verdict, rule: &str) -> Result<i64, StoreError> {
        let key = (rule.to_owned(), Verdict { rule: 0, ..verdict });
        if let Some(id) = self.interned.verdicts.get(&key) {
            return Ok(*id);
        }
        let values = named_params! {
            ":credential": verdict.credential.as_str(),
            ":grade": verdict.grade.as_str(),
            ":outcome": verdict.outcome.as_str(),
            ":operation": verdict.operation.as_str(),
            ":brownout": verdict.window.as_str(),
            ":rule": rule,
            ":authentication": verdict.authentication,
        };
        let id = find_or_insert(self.connection, FIND_VERDICT, INSERT_VERDICT, values)?;
        remember(&mut self.interned.verdicts, MAX_VERDICTS, key, id);
        Ok(id)
    }

    /// `told_by` as in the inventories: 0 where it is told here.
    pub(super) fn person_id(&self, person: &Person, told_by: i64) -> Result<i64, StoreError> {
        let values = named_params! {
            ":account_id": text_or_empty(person.account_id.as_ref()),
            ":uuid": text_or_empty(person.uuid.as_ref()),
            ":nickname": text_or_empty(person.nickname.as_ref()),
            ":display_name": text_or_empty(person.display_name.as_ref()),
            ":email": text_or_empty(person.email.as_ref()),
        };
        let id = find_or_insert(self.connection, FIND_PERSON, INSERT_PERSON, values)?;
        self.connection.prepare_cached(NOTE_PERSON)?.execute(named_params! { ":person_id": id, ":told_by": told_by })?;
        Ok(id)
    }
}

/// The number of a text; an empty one is an absent one.
pub(super) fn name_id(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    if text.is_empty() {
        return Ok(NO_NAME);
    }
    match find_name(connection, text)? {
        Some(id) => Ok(id),
        None => connection.prepare_cached(INSERT_NAME)?.query_row(named_params! { ":text": text }, |row| row.get(0)),
    }
}

/// The number of a track, if it has one.
pub(super) fn find_track(connection: &Connection, source_id: i64, track: &Track) -> rusqlite::Result<Option<i64>> {
    let find =
        |values: &[(&str, &dyn ToSql)]| connection.prepare_cached(FIND_TRACK)?.query_row(values, |row| row.get(0)).optional();
    with_track_values(source_id, track, |text| Ok(find_name(connection, text)?.unwrap_or(UNHEARD)), find)
}

/// Hands over the columns of a track, with the numbers of its names.
pub(super) fn with_track_values<T>(
    source_id: i64,
    track: &Track,
    number: impl Fn(&str) -> rusqlite::Result<i64>,
    work: impl FnOnce(&[(&str, &dyn ToSql)]) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let number = |text: &str| if text.is_empty() { Ok(NO_NAME) } else { number(text) };
    let name = |text: Option<&String>| number(text_or_empty(text));
    let values = named_params! {
        ":source_id": source_id,
        ":username_id": name(track.username.as_ref())?,
        ":email_id": name(track.email.as_ref())?,
        ":account_id": name(track.account_id.as_ref())?,
        ":display_name_id": name(track.display_name.as_ref())?,
        ":client_id": name(track.client.as_ref())?,
        ":origin_kind": track.origin.kind(),
        ":origin_id": number(&track.origin.text())?,
        ":host_id": name(track.host.as_ref())?,
        ":workspace_id": name(track.workspace.as_ref())?,
        ":repository_id": name(track.repository.as_ref())?,
        ":token_id": name(track.token_id.as_ref())?,
        ":token_label_id": name(track.token_label.as_ref())?,
        ":secret_id": name(track.secret_id.as_ref())?,
    };
    work(values)
}

fn find_name(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(FIND_NAME)?.query_row(named_params! { ":text": text }, |row| row.get(0)).optional()
}

fn find_or_insert(connection: &Connection, find: &str, insert: &str, values: &[(&str, &dyn ToSql)]) -> rusqlite::Result<i64> {
    match connection.prepare_cached(find)?.query_row(values, |row| row.get(0)).optional()? {
        Some(id) => Ok(id),
        None => connection.prepare_cached(insert)?.query_row(values, |row| row.get(0)),
    }
}

fn remember<K: Eq + Hash>(map: &mut HashMap<K, i64>, limit: usize, key: K, id: i64) {
    if map.len() >= limit {
        map.clear();
    }
    map.insert(key, id);
}
