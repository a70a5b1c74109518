//! Numbers for what repeats: sources, names, tracks, verdicts, people.
//!
//! The writer remembers the numbers of sources, tracks and verdicts in memory, because every page asks for the same
//! few again. Names are asked for only when a track is new, so they are left to SQLite.

use std::{borrow::Cow, collections::HashMap, hash::Hash};

use rusqlite::{Connection, OptionalExtension, ToSql, named_params};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::{StoreError, Writer, callers::Book, convert::text_or_empty};
use crate::evidence::{Callers, Person, Track, Verdict};

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
    present: Remembered,
    /// Of what a reclassification builds.
    next: Remembered,
    /// By the rule's id and the verdict without its batch's number for that rule.
    verdicts: HashMap<(String, Verdict), i64>,
}

/// What is remembered of the tracks of one book.
#[derive(Default)]
pub(super) struct Remembered {
    /// By a 128-bit hash under the store's key: the texts of a track would take twenty times the memory.
    tracks: HashMap<u128, i64>,
    /// None until they were read.
    pub(super) callers: Option<Callers>,
}

impl Interned {
    pub(super) fn book(&mut self, book: Book) -> &mut Remembered {
        match book {
            Book::Present => &mut self.present,
            Book::Next => &mut self.next,
        }
    }

    /// Another reclassification begins, or none goes on.
    pub(super) fn forget_next(&mut self) {
        self.next = Remembered::default();
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

    /// The numbers of what a source shows, in its order.
    pub(super) fn track_ids(&mut self, book: Book, source: &str, tracks: &[Track]) -> Result<Vec<i64>, StoreError> {
        let source_id = self.source_id(source)?;
        tracks.iter().map(|track| self.track_id(book, (source, source_id), track)).collect()
    }

    fn track_id(&mut self, book: Book, (source, source_id): (&str, i64), track: &Track) -> Result<i64, StoreError> {
        let mut hasher = SipHasher13::new_with_key(self.seen_key);
        source_id.hash(&mut hasher);
        track.hash(&mut hasher);
        let key = hasher.finish128().as_u128();
        if let Some(id) = self.interned.book(book).tracks.get(&key) {
            return Ok(*id);
        }
        let id = self.find_or_insert_track(book, (source, source_id), track)?;
        remember(&mut self.interned.book(book).tracks, MAX_TRACKS, key, id);
        Ok(id)
    }

    fn find_or_insert_track(&mut self, book: Book, (source, source_id): (&str, i64), track: &Track) -> Result<i64, StoreError> {
        let own = find_track(self.connection, source_id, track)?;
        // What everybody sees under its own name goes on so.
        if let Some(id) = own.filter(|_| book == Book::Present) {
            return Ok(id);
        }
        let known = match self.counted_as(book, source, track)? {
            Cow::Borrowed(_) => own.ok_or(Cow::Borrowed(track)),
            Cow::Owned(other) => find_track(self.connection, source_id, &other)?.ok_or(Cow::Owned(other)),
        };
        known.or_else(|new| Ok(insert_track(self.connection, source_id, &new)?))
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
    find_or_insert(connection, FIND_NAME, INSERT_NAME, named_params! { ":text": text })
}

fn insert_track(connection: &Connection, source_id: i64, track: &Track) -> rusqlite::Result<i64> {
    let named = |text: &str| name_id(connection, text);
    let insert = |values: &[(&str, &dyn ToSql)]| connection.prepare_cached(INSERT_TRACK)?.query_row(values, |row| row.get(0));
    with_track_values(source_id, track, named, insert)
}

/// The number of a track, if it has one.
pub(super) fn find_track(connection: &Connection, source_id: i64, track: &Track) -> rusqlite::Result<Option<i64>> {
    let find =
        |values: &[(&str, &dyn ToSql)]| connection.prepare_cached(FIND_TRACK)?.query_row(values, |row| row.get(0)).optional();
    let heard = |text: &str| {
        let values = named_params! { ":text": text };
        Ok(connection.prepare_cached(FIND_NAME)?.query_row(values, |row| row.get(0)).optional()?.unwrap_or(UNHEARD))
    };
    with_track_values(source_id, track, heard, find)
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
