//! Taking a person out of everything that is stored. What is counted stays, under a pseudonym (`analysis::erasure`).
//!
//! | what | then |
//! |---|---|
//! | chunks | written anew without the person, some at a time, before everything else |
//! | tracks, keys of integrations | carry the pseudonym; tracks that become equal are one |
//! | people, members, rights, tokens, rows of directories | are gone |
//! | sentences, labels, samples | name the pseudonym |
//! | mail that waits | is withdrawn: what it says cannot be taken back in part, and a report is made anew |
//! | what waits for programs | is withdrawn where it names the person: it is not told again |
//! | names of files (of logs and registers, as they lie on the disk) | stay: by them a file is known again |
//! | the journal | stays: nothing is written into it that would have to be erased (`daemon::accepted`) |
//!
//! SQLite leaves what was there in free space, so the file is written anew afterwards ([`super::Store::leave_no_trace`]); until
//! that is done, `meta` says so.

use jiff::Timestamp;
use rusqlite::{ErrorCode, named_params};

use super::{
    Reader, StoreError, Writer,
    convert::{count, person},
    history,
    intern::{self, Interned},
    outbox::OTLP,
    verify::next_counted_day,
};
use crate::{
    analysis::erasure::Erasure,
    evidence::{Day, Origin, chunk},
};

const UPDATE_TRACK: &str = include_str!("../../sql/queries/erase/update_track.sql");
const MERGE_COUNTS: &str = include_str!("../../sql/queries/erase/merge_counts.sql");
const DELETE_COUNTS: &str = include_str!("../../sql/queries/erase/delete_counts.sql");
const MERGE_INDEX: &str = include_str!("../../sql/queries/erase/merge_index.sql");
const DELETE_INDEX: &str = include_str!("../../sql/queries/erase/delete_index.sql");
const DELETE_TRACK: &str = include_str!("../../sql/queries/erase/delete_track.sql");
const LIST_PEOPLE_BY_NUMBER: &str = include_str!("../../sql/queries/erase/list_people_by_number.sql");
const DELETE_MEMBERS: &str = include_str!("../../sql/queries/erase/delete_members.sql");
const DELETE_TOKEN_USES: &str = include_str!("../../sql/queries/erase/delete_token_uses.sql");
const DELETE_TOKENS: &str = include_str!("../../sql/queries/erase/delete_tokens.sql");
const DELETE_PERSON: &str = include_str!("../../sql/queries/erase/delete_person.sql");
const DELETE_RIGHTS: &str = include_str!("../../sql/queries/erase/delete_rights.sql");
const LIST_DIRECTORY_ROWS: &str = include_str!("../../sql/queries/erase/list_directory_rows.sql");
const DELETE_DIRECTORY_ROW: &str = include_str!("../../sql/queries/erase/delete_directory_row.sql");
const LIST_KEYS: &str = include_str!("../../sql/queries/erase/list_keys.sql");
const RENAME_KEY: &str = include_str!("../../sql/queries/erase/rename_key.sql");
const WITHDRAW_MAIL: &str = include_str!("../../sql/queries/erase/withdraw_mail.sql");
const LIST_WAITING_EVENTS: &str = include_str!("../../sql/queries/erase/list_waiting_events.sql");
const WITHDRAW_MESSAGE: &str = include_str!("../../sql/queries/erase/withdraw_message.sql");
const EMPTY_MESSAGES: &str = include_str!("../../sql/queries/erase/empty_messages.sql");
const LIST_NAMES: &str = include_str!("../../sql/queries/erase/list_names.sql");
const IS_PLACE: &str = include_str!("../../sql/queries/erase/is_place.sql");
const DELETE_NAME: &str = include_str!("../../sql/queries/erase/delete_name.sql");
const LIST_TEXTS: &str = include_str!("../../sql/queries/erase/list_texts.sql");
const NOTE_ERASURE: &str = include_str!("../../sql/queries/erase/note_erasure.sql");
const FIND_TRACES: &str = include_str!("../../sql/queries/erase/find_traces.sql");

/// Where texts stand, by the words of the list, and what puts others there.
const PUT_TEXT: [(&str, &str); 24] = [
    ("failure", include_str!("../../sql/queries/erase/put_failure.sql")),
    ("warning", include_str!("../../sql/queries/erase/put_warning.sql")),
    ("coverage", include_str!("../../sql/queries/erase/put_coverage_reason.sql")),
    ("sample", include_str!("../../sql/queries/erase/put_sample.sql")),
    ("value", include_str!("../../sql/queries/erase/put_unknown_value.sql")),
    ("odd", include_str!("../../sql/queries/erase/put_odd.sql")),
    ("key label", include_str!("../../sql/queries/erase/put_key_label.sql")),
    ("label", include_str!("../../sql/queries/erase/put_label.sql")),
    ("token label", include_str!("../../sql/queries/erase/put_token_label.sql")),
    ("team", include_str!("../../sql/queries/erase/put_team.sql")),
    ("audience", include_str!("../../sql/queries/erase/put_occurrence_audience.sql")),
    ("audience", include_str!("../../sql/queries/erase/put_message_audience.sql")),
    ("audience", include_str!("../../sql/queries/erase/put_told_audience.sql")),
    ("location", include_str!("../../sql/queries/erase/put_location.sql")),
    ("owner", include_str!("../../sql/queries/erase/put_owner.sql")),
    ("change", include_str!("../../sql/queries/erase/put_change_reason.sql")),
    ("subject", include_str!("../../sql/queries/erase/put_subject.sql")),
    ("address", include_str!("../../sql/queries/erase/put_address.sql")),
    ("undelivered", include_str!("../../sql/queries/erase/put_undelivered.sql")),
    ("accepted name", include_str!("../../sql/queries/erase/put_accepted_name.sql")),
    ("accepted", include_str!("../../sql/queries/erase/put_accepted_words.sql")),
    ("alarm", include_str!("../../sql/queries/erase/put_alarm_reason.sql")),
    ("alarmed", include_str!("../../sql/queries/erase/put_alarmed.sql")),
    ("event", include_str!("../../sql/queries/erase/put_event.sql")),
];

/// Places of texts that are labels and not sentences: initials are somebody there, too.
const LABELS: [&str; 6] = ["key label", "label", "token label", "team", "owner", "audience"];

/// What withdrawn messages say of themselves.
pub(super) const WITHDRAWN: &str = "withdrawn, because a person was erased";

/// How much of what was changed or removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub chunks: u64,
    pub tracks: u64,
    pub people: u64,
    pub memberships: u64,
    pub rights: u64,
    pub tokens: u64,
    pub directory_rows: u64,
    pub keys: u64,
    pub texts: u64,
    /// Recipients of mail that waited, and messages to programs that named the person.
    pub withdrawn: u64,
    pub withdrawn_events: u64,
    /// Names that are also those of a place or of software, and stay as such.
    pub names_of_places: u64,
    /// Names that only somebody else still goes by.
    pub names_of_others: u64,
}

impl Reader {
    /// Whether an erasure was ended before its last traces were overwritten.
    pub fn has_traces(&self) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached(FIND_TRACES)?.query_row([], |row| count(row, 0))? > 0)
    }
}

impl Writer<'_> {
    /// Takes the person out of at most `limit` chunks after one. Returns how many changed, and the last that was looked at;
    /// none when there was none. A chunk that cannot be read holds nothing that can be shown: it is removed.
    pub fn erase_from_chunks(&mut self, erasure: &Erasure, after: i64, limit: u32) -> Result<(u64, Option<i64>), StoreError> {
        // Who ends in between has left traces, though nobody is erased yet.
        self.connection.prepare_cached(NOTE_ERASURE)?.execute([])?;
        let chunks = self.chunks_after(after, limit)?;
        let mut changed = 0;
        for stored in &chunks {
            match chunk::with_decoded(&stored.bytes, |kept| kept.iter().any(|(sighting, _)| erasure.touches(sighting))) {
                Ok(false) => continue,
                Ok(true) => self.rewrite_chunk(stored.id, |sighting| {
                    erasure.erase(sighting);
                    true
                })?,
                Err(error) => {
                    tracing::warn!(chunk = stored.id, %error, "a chunk cannot be read: it is removed, since nobody knows whom it names");
                    self.delete_chunk(stored.id)?;
                }
            }
            changed += 1;
        }
        Ok((changed, chunks.last().map(|chunk| chunk.id)))
    }

    /// Takes the person out of everything else.
    pub fn erase(&mut self, erasure: &Erasure, now: Timestamp) -> Result<Erased, StoreError> {
        self.connection.prepare_cached(NOTE_ERASURE)?.execute([])?;
        // An occurrence and its messages change whom they are for one after the other.
        self.connection.pragma_update(None, "defer_foreign_keys", true)?;
        self.throw_away()?;
        self.unpack_everything()?;
        self.forget_staged()?;
        let mut erased = Erased { tracks: self.erase_from_tracks(erasure)?, ..Erased::default() };
        self.erase_inventories(erasure, &mut erased)?;
        erased.directory_rows = self.erase_from_directories(erasure)?;
        erased.keys = self.erase_from_keys(erasure)?;
        self.withdraw_waiting(erasure, now, &mut erased)?;
        erased.texts = self.erase_from_texts(erasure)?;
        self.erase_names(erasure, &mut erased)?;
        // Rows that it remembers may be gone.
        *self.interned = Interned::default();
        Ok(erased)
    }

    fn erase_from_tracks(&mut self, erasure: &Erasure) -> Result<u64, StoreError> {
        let mut changed = 0;
        for (id, shown) in history::tracks(self.connection)? {
            let Some(left) = erasure.track(&shown.track) else { continue };
            self.seal_exchanged_days(id)?;
            let source_id = self.source_id(&shown.source)?;
            if let Some(other) = intern::find_track(self.connection, source_id, &left)? {
                self.merge_tracks(id, other)?;
            } else {
                let named = |text: &str| intern::name_id(self.connection, text);
                intern::with_track_values(source_id, &left, named, |values| {
                    let values: Vec<_> = values.iter().copied().chain([(":id", &id as &dyn rusqlite::ToSql)]).collect();
                    self.connection.prepare_cached(UPDATE_TRACK)?.execute(values.as_slice()).map(drop)
                })?;
            }
            changed += 1;
        }
        Ok(changed)
    }

    fn merge_tracks(&self, from: i64, into: i64) -> Result<(), StoreError> {
        let mut day = Day(i32::MIN);
        while let Some(next) = next_counted_day(self.connection, day)? {
            day = next;
            let both = named_params! { ":day": day.0, ":from": from, ":into": into };
            let one = named_params! { ":day": day.0, ":from": from };
            self.connection.prepare_cached(MERGE_COUNTS)?.execute(both)?;
            self.connection.prepare_cached(DELETE_COUNTS)?.execute(one)?;
            self.connection.prepare_cached(MERGE_INDEX)?.execute(both)?;
            self.connection.prepare_cached(DELETE_INDEX)?.execute(one)?;
        }
        self.merge_slices(from, into)?;
        self.connection.prepare_cached(DELETE_TRACK)?.execute(named_params! { ":id": from })?;
        Ok(())
    }

    fn erase_inventories(&self, erasure: &Erasure, erased: &mut Erased) -> Result<(), StoreError> {
        let mut list = self.connection.prepare_cached(LIST_PEOPLE_BY_NUMBER)?;
        let people = list.query_map([], |row| Ok((row.get::<_, i64>(0)?, person(row, 1)?)))?.collect::<Result<Vec<_>, _>>()?;
        let run = |statement: &str, person_id: i64| {
            let removed = self.connection.prepare_cached(statement)?.execute(named_params! { ":person_id": person_id })?;
            Ok::<_, StoreError>(removed as u64)
        };
        for (id, _) in people.iter().filter(|(_, facts)| erasure.is_about(facts)) {
            erased.memberships += run(DELETE_MEMBERS, *id)?;
            run(DELETE_TOKEN_USES, *id)?;
            erased.tokens += run(DELETE_TOKENS, *id)?;
            erased.people += run(DELETE_PERSON, *id)?;
        }
        for account in erasure.accounts() {
            let values = named_params! { ":account": account };
            erased.rights += self.connection.prepare_cached(DELETE_RIGHTS)?.execute(values)? as u64;
        }
        Ok(())
    }

    fn erase_from_directories(&self, erasure: &Erasure) -> Result<u64, StoreError> {
        let mut list = self.connection.prepare_cached(LIST_DIRECTORY_ROWS)?;
        let rows = list.query_map([], |row| {
            let text = |column| super::convert::optional_text(row, column);
            let facts = crate::evidence::Person {
                account_id: text(2)?,
                uuid: None,
                nickname: text(3)?,
                display_name: text(4)?,
                email: text(5)?,
            };
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, facts))
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut removed = 0;
        for (register, line, _) in rows.iter().filter(|(_, _, facts)| erasure.is_about(facts)) {
            let values = named_params! { ":register": register, ":line": line };
            removed += self.connection.prepare_cached(DELETE_DIRECTORY_ROW)?.execute(values)? as u64;
        }
        Ok(removed)
    }

    fn erase_from_keys(&self, erasure: &Erasure) -> Result<u64, StoreError> {
        let mut list = self.connection.prepare_cached(LIST_KEYS)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let keys: Vec<(i64, String, String, String)> = list.query_map([], read)?.collect::<Result<_, _>>()?;
        let mut changed = 0;
        for (id, user, kind, origin) in keys {
            let named = matches!(Origin::parse(&kind, &origin), Origin::Job(_) | Origin::TokenLabel(_));
            let (new_user, new_origin) = (erasure.user_id(&user), erasure.label(&origin).filter(|_| named));
            if new_user.is_none() && new_origin.is_none() {
                continue;
            }
            let (user, origin) = (new_user.unwrap_or(user), new_origin.unwrap_or(origin));
            let values = named_params! { ":id": id, ":user": user, ":origin": origin };
            changed += self.connection.prepare_cached(RENAME_KEY)?.execute(values)? as u64;
        }
        Ok(changed)
    }

    fn withdraw_waiting(&self, erasure: &Erasure, now: Timestamp, erased: &mut Erased) -> Result<(), StoreError> {
        let withdrawal = named_params! { ":now_ms": now.as_millisecond(), ":failure": WITHDRAWN };
        erased.withdrawn = self.connection.prepare_cached(WITHDRAW_MAIL)?.execute(withdrawal)? as u64;
        let mut list = self.connection.prepare_cached(LIST_WAITING_EVENTS)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let events: Vec<(i64, String, Vec<u8>)> = list.query_map([], read)?.collect::<Result<_, _>>()?;
        // What a collector is sent is no text: a name in it touches lengths and tags that look like letters.
        let names = |channel: &str, body: &[u8]| channel == OTLP || erasure.is_named_in(body);
        for (id, ..) in events.iter().filter(|(_, channel, body)| names(channel, body)) {
            let values = named_params! { ":message_id": id, ":now_ms": now.as_millisecond(), ":failure": WITHDRAWN };
            self.connection.prepare_cached(WITHDRAW_MESSAGE)?.execute(values)?;
            erased.withdrawn_events += 1;
        }
        self.connection.prepare_cached(EMPTY_MESSAGES)?.execute([])?;
        Ok(())
    }

    fn erase_from_texts(&self, erasure: &Erasure) -> Result<u64, StoreError> {
        let mut list = self.connection.prepare_cached(LIST_TEXTS)?;
        let texts: Vec<(String, String)> = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut changed = 0;
        for (place, old) in texts {
            let left = if LABELS.contains(&place.as_str()) { erasure.label(&old) } else { erasure.text(&old) };
            let Some(new) = left else { continue };
            for (_, statement) in PUT_TEXT.iter().filter(|(name, _)| *name == place) {
                let values = named_params! { ":old": old, ":new": new };
                changed += self.connection.prepare_cached(statement)?.execute(values)? as u64;
            }
        }
        Ok(changed)
    }

    /// Removes the names that nothing and nobody goes by any more.
    fn erase_names(&self, erasure: &Erasure, erased: &mut Erased) -> Result<(), StoreError> {
        // A name that something else goes by says so at once.
        self.connection.pragma_update(None, "defer_foreign_keys", false)?;
        let mut list = self.connection.prepare_cached(LIST_NAMES)?;
        let names: Vec<(i64, String)> = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        for (id, _) in names.iter().filter(|(_, text)| erasure.label(text).is_some() || erasure.is_a_name(text)) {
            let id = named_params! { ":id": id };
            match self.connection.prepare_cached(DELETE_NAME)?.execute(id) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    let is_place: bool = self.connection.prepare_cached(IS_PLACE)?.query_row(id, |row| row.get(0))?;
                    let kept = if is_place { &mut erased.names_of_places } else { &mut erased.names_of_others };
                    *kept += 1;
                }
                other => drop(other?),
            }
        }
        Ok(())
    }
}
