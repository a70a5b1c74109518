//! Following the stream: where a walk begins, when it ends, and what is committed with each page. Pure.
//!
//! Two lanes. The *steady* lane follows the cursor towards the present; on the very first run it begins a few days back, so
//! that a first report is useful at once. The *older* lane reads a [`Slice`] of what lies before: `from` and `to` are
//! widened by the overlap, since it is not documented whether they mean the time of an event or of its processing, and an
//! event that both lanes bring counts once by its id.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{AuditPage, Slice};
use crate::evidence::{CursorUpdate, time::MS_PER_DAY};

/// The key under which the steady lane's last non-empty cursor is stored.
const CURSOR: &str = "cursor";
/// The key under which the steady lane's largest `processedAt` is stored, in milliseconds.
const PROCESSED_AT: &str = "processed_at";
/// The key under which the older lane's cursor is stored while a slice is under way.
const OLDER_CURSOR: &str = "older.cursor";
/// The key under which the end of the slice is stored that the older lane's cursor belongs to.
const OLDER_TO: &str = "older.to";
/// Atlassian keeps events this long.
pub(super) const RETENTION_MS: i64 = 180 * MS_PER_DAY;
/// The very first round begins this far back: the newest week is read within minutes at any documented rate.
const FIRST_LOOK_MS: i64 = 7 * MS_PER_DAY;
/// A processing time may be this far ahead of the beginning of the round: events are processed while it runs, and clocks
/// differ. What is further ahead is wrong and says nothing.
const MAX_AHEAD_MS: i64 = MS_PER_DAY;
/// Pages of one walk, ten million events; a longer one goes on in the next round.
const MAX_PAGES: usize = 20_000;
/// Full pages in a row whose newest processing time does not move: more than any burst, so the server is going in circles.
const MAX_STILL_PAGES: usize = 20;

/// Refused cursors that one walk gets over; a server that refuses more accepts none.
const MAX_RESTARTS: usize = 3;

/// Where to read. Instants are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    Cursor(String),
    From(i64),
    Between { from_ms: i64, to_ms: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Steady,
    Older(Slice),
}

/// One walk over the stream or a slice of it.
#[derive(Debug)]
pub struct Walk {
    lane: Lane,
    position: Position,
    /// Where to begin again when the cursor is refused before anything was read.
    fallback_ms: i64,
    overlap_ms: i64,
    now_ms: i64,
    /// What is covered when the walk has come to its end.
    end_ms: i64,
    /// Up to where the stream is known, in processing time.
    covered_to_ms: i64,
    /// The newest processing time ever committed, and the newest of this walk since it (re)started.
    newest_ms: Option<i64>,
    reached_ms: Option<i64>,
    used: HashSet<String>,
    pages: usize,
    still_pages: usize,
    restarts: usize,
}

/// What to do after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// To be committed with the page's evidence.
    pub cursors: Vec<CursorUpdate>,
    /// The interval that the page closes, in milliseconds of processing time.
    pub covered: Option<(i64, i64)>,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Continue,
    /// The end of the stream, or of the slice.
    CaughtUp,
    /// The walk is long enough; the next one goes on at its cursor.
    Later,
    /// The server sends pages without end; the walk stops here.
    Endless,
}

impl Walk {
    /// The steady lane: begins at `since` where somebody asked for it, at the stored cursor, at the stored processing time
    /// less the overlap, or a few days back. Nothing that Atlassian no longer keeps is ever covered, whatever was asked
    /// for, and a stored time that is still to come is none.
    pub fn steady(stored: &BTreeMap<String, String>, now: Timestamp, since: Option<Timestamp>, overlap: Duration) -> Self {
        let now_ms = now.as_millisecond();
        let oldest_ms = now_ms - RETENTION_MS;
        let processed_ms = stored.get(PROCESSED_AT).and_then(|text| text.parse::<i64>().ok()).filter(|ms| *ms <= now_ms);
        let overlap_ms = in_ms(overlap);
        let fallback_ms = processed_ms.map_or(now_ms - FIRST_LOOK_MS, |ms| ms.saturating_sub(overlap_ms).max(oldest_ms));
        let (position, covered_to_ms) = match (since, stored.get(CURSOR)) {
            (Some(since), _) => (Position::From(since.as_millisecond()), since.as_millisecond()),
            (None, Some(cursor)) => (Position::Cursor(cursor.clone()), processed_ms.unwrap_or(now_ms)),
            (None, None) => (Position::From(fallback_ms), fallback_ms),
        };
        let covered_to_ms = covered_to_ms.max(oldest_ms);
        Self {
            newest_ms: processed_ms,
            ..Self::new(Lane::Steady, position, (fallback_ms, overlap_ms), (covered_to_ms, now_ms), now_ms)
        }
    }

    /// The older lane: begins at the cursor that was stored for this slice, or at its beginning.
    pub fn older(stored: &BTreeMap<String, String>, slice: Slice, now: Timestamp, overlap: Duration) -> Self {
        let overlap_ms = in_ms(overlap);
        let fallback_ms = slice.from_ms - overlap_ms;
        let under_way = stored.get(OLDER_TO).is_some_and(|to| *to == slice.to_ms.to_string());
        let position = match stored.get(OLDER_CURSOR).filter(|_| under_way) {
            Some(cursor) => Position::Cursor(cursor.clone()),
            None => Position::Between { from_ms: fallback_ms, to_ms: slice.to_ms + overlap_ms },
        };
        let now_ms = now.as_millisecond();
        Self::new(Lane::Older(slice), position, (fallback_ms, overlap_ms), (slice.from_ms, slice.to_ms), now_ms)
    }

    fn new(
        lane: Lane,
        position: Position,
        (fallback_ms, overlap_ms): (i64, i64),
        (covered_to_ms, end_ms): (i64, i64),
        now_ms: i64,
    ) -> Self {
        Self {
            lane,
            position,
            fallback_ms,
            overlap_ms,
            now_ms,
            end_ms,
            covered_to_ms,
            newest_ms: None,
            reached_ms: None,
            used: HashSet::new(),
            pages: 0,
            still_pages: 0,
            restarts: 0,
        }
    }

    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Takes a page into account.
    pub fn after(&mut self, page: &AuditPage) -> Step {
        self.pages += 1;
        let newest_ms = page.newest_ms.filter(|ms| *ms <= self.now_ms.saturating_add(MAX_AHEAD_MS));
        let moved = newest_ms > self.reached_ms;
        self.still_pages = if moved || newest_ms.is_none() { 0 } else { self.still_pages + 1 };
        self.reached_ms = self.reached_ms.max(newest_ms);
        // Nothing is known beyond the end, which is the beginning of the round or the end of the slice.
        self.newest_ms = self.newest_ms.max(newest_ms.map(|ms| ms.min(self.end_ms)));
        let then = self.then(page);
        if then == Then::CaughtUp {
            // Nothing was ever processed up to the end, so that is where later rounds cover from.
            self.newest_ms.get_or_insert(self.end_ms);
        }
        let covered_to_ms = match self.reached_ms {
            _ if then == Then::CaughtUp => self.end_ms,
            Some(reached_ms) => reached_ms.min(self.end_ms),
            None => self.covered_to_ms,
        };
        let covered = (covered_to_ms > self.covered_to_ms).then_some((self.covered_to_ms, covered_to_ms));
        self.covered_to_ms = self.covered_to_ms.max(covered_to_ms);
        if let Some(next) = &page.next {
            self.position = Position::Cursor(next.clone());
        }
        Step { cursors: self.cursors(page.next.clone(), then), covered, then }
    }

    /// How many pages it has seen.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// A walk in circles begins again at the stored time; so does a stream that ends without a cursor.
    fn cursors(&self, next: Option<String>, then: Then) -> Vec<CursorUpdate> {
        let put = |key: &str, value: Option<String>| CursorUpdate { key: key.to_owned(), value };
        let next = next.filter(|_| then != Then::Endless);
        match self.lane {
            Lane::Steady => {
                let processed = self.newest_ms.map(|ms| put(PROCESSED_AT, Some(ms.to_string())));
                std::iter::once(put(CURSOR, next)).chain(processed).collect()
            }
            Lane::Older(slice) => {
                let next = next.filter(|_| then != Then::CaughtUp);
                let to = next.as_ref().map(|_| slice.to_ms.to_string());
                vec![put(OLDER_CURSOR, next), put(OLDER_TO, to)]
            }
        }
    }

    /// The server no longer accepts the cursor: begins again at the newest processing time that was seen, less the
    /// overlap; the next page's step replaces the stored cursor. False when that has been tried often enough in this walk.
    pub fn cursor_refused(&mut self) -> bool {
        if self.restarts >= MAX_RESTARTS || !matches!(self.position, Position::Cursor(_)) {
            return false;
        }
        self.restarts += 1;
        let from_ms = self.newest_ms.map_or(self.fallback_ms, |ms| (ms - self.overlap_ms).max(self.fallback_ms));
        self.position = match self.lane {
            Lane::Steady => Position::From(from_ms),
            Lane::Older(slice) => Position::Between { from_ms, to_ms: slice.to_ms + self.overlap_ms },
        };
        self.covered_to_ms = self.covered_to_ms.min(from_ms.max(self.first_ms()));
        self.used.clear();
        self.reached_ms = None;
        true
    }

    /// Before this the walk covers nothing: a slice is asked for with an overlap that others have read.
    fn first_ms(&self) -> i64 {
        match self.lane {
            Lane::Steady => i64::MIN,
            Lane::Older(slice) => slice.from_ms,
        }
    }

    /// The stream ends with an empty page or without a cursor: both styles are documented. A page with events whose cursor
    /// leads to itself is the smallest circle: nobody knows what would have followed.
    fn then(&mut self, page: &AuditPage) -> Then {
        let Some(next) = page.next.as_deref().filter(|_| page.events > 0) else { return Then::CaughtUp };
        if self.is_past(page) {
            return Then::CaughtUp;
        }
        let again = self.position == Position::Cursor(next.to_owned()) || !self.used.insert(next.to_owned());
        if again || self.still_pages >= MAX_STILL_PAGES {
            return Then::Endless;
        }
        match self.reached_ms {
            _ if self.pages < MAX_PAGES => Then::Continue,
            // Pages that never tell a time may be the same for ever.
            None => Then::Endless,
            Some(_) => Then::Later,
        }
    }

    /// A server that does not keep to `to` shows itself by an event that neither happened nor was processed before it.
    fn is_past(&self, page: &AuditPage) -> bool {
        let Lane::Older(slice) = self.lane else { return false };
        let past = |ms: i64| ms >= slice.to_ms + self.overlap_ms;
        page.newest_ms.is_some_and(past) && page.newest_time_ms.is_none_or(past)
    }
}

fn in_ms(overlap: Duration) -> i64 {
    i64::try_from(overlap.as_millis()).unwrap_or(RETENTION_MS)
}
