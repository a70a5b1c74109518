//! Following the stream: where a round begins, when it ends, and what is committed with each page. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;

use super::AuditPage;
use crate::evidence::{CursorUpdate, time::MS_PER_DAY};

/// The key under which the last non-empty cursor is stored.
const CURSOR: &str = "cursor";
/// The key under which the largest `processedAt` is stored, in milliseconds.
const PROCESSED_AT: &str = "processed_at";
/// Atlassian keeps events this long.
const RETENTION_MS: i64 = 180 * MS_PER_DAY;
/// A processing time may be this far ahead of the beginning of the round: events are processed while it runs, and clocks
/// differ. What is further ahead is wrong and says nothing.
const MAX_AHEAD_MS: i64 = MS_PER_DAY;
/// Pages of one round, ten million events; a walk that is longer goes on in the next round.
const MAX_PAGES: usize = 20_000;
/// Full pages in a row whose newest processing time does not move: more than any burst, so the server is going in circles.
const MAX_STILL_PAGES: usize = 20;

/// Refused cursors that one round gets over; a server that refuses more accepts none.
const MAX_RESTARTS: usize = 3;

/// Where to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    Cursor(String),
    /// Milliseconds since the Unix epoch.
    From(i64),
}

/// One round over the stream.
#[derive(Debug)]
pub struct Walk {
    position: Position,
    /// Where to begin again when the cursor is refused before anything was read.
    fallback_ms: i64,
    overlap_ms: i64,
    now_ms: i64,
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
    CaughtUp,
    /// The server sends pages without end; the round stops here.
    Endless,
}

impl Walk {
    /// Begins a round: at `since` where somebody asked for it, at the stored cursor, at the stored processing time less
    /// the overlap, or as far back as Atlassian keeps events. Nothing before that is ever covered, whatever was asked for,
    /// and a stored time that is still to come is none.
    pub fn start(stored: &BTreeMap<String, String>, now: Timestamp, since: Option<Timestamp>, overlap: Duration) -> Self {
        let now_ms = now.as_millisecond();
        let oldest_ms = now_ms - RETENTION_MS;
        let processed_ms = stored.get(PROCESSED_AT).and_then(|text| text.parse::<i64>().ok()).filter(|ms| *ms <= now_ms);
        let overlap_ms = i64::try_from(overlap.as_millis()).unwrap_or(RETENTION_MS);
        let fallback_ms = processed_ms.map_or(oldest_ms, |ms| (ms - overlap_ms).max(oldest_ms));
        let (position, covered_to_ms) = match (since, stored.get(CURSOR)) {
            (Some(since), _) => (Position::From(since.as_millisecond()), since.as_millisecond()),
            (None, Some(cursor)) => (Position::Cursor(cursor.clone()), processed_ms.unwrap_or(now_ms)),
            (None, None) => (Position::From(fallback_ms), fallback_ms),
        };
        Self {
            position,
            fallback_ms,
            overlap_ms,
            now_ms,
            covered_to_ms: covered_to_ms.max(oldest_ms),
            newest_ms: processed_ms,
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
        // Nothing is known beyond the beginning of the round.
        let known_ms = newest_ms.map(|ms| ms.min(self.now_ms));
        self.newest_ms = self.newest_ms.max(known_ms);
        let then = self.then(page.next.as_deref(), page.events);
        let covered_to_ms = match self.reached_ms {
            _ if then == Then::CaughtUp => self.now_ms,
            Some(reached_ms) => reached_ms.min(self.now_ms),
            None => self.covered_to_ms,
        };
        let covered = (covered_to_ms > self.covered_to_ms).then_some((self.covered_to_ms, covered_to_ms));
        self.covered_to_ms = self.covered_to_ms.max(covered_to_ms);
        if let Some(next) = &page.next {
            self.position = Position::Cursor(next.clone());
        }
        // A walk in circles begins again at the stored time; so does a stream that ends without a cursor.
        let cursor = page.next.clone().filter(|_| then != Then::Endless);
        let mut cursors = vec![CursorUpdate { key: CURSOR.to_owned(), value: cursor }];
        cursors.extend(self.newest_ms.map(|ms| CursorUpdate { key: PROCESSED_AT.to_owned(), value: Some(ms.to_string()) }));
        Step { cursors, covered, then }
    }

    /// The server no longer accepts the cursor: begins again at the newest processing time that was seen, less the
    /// overlap; the next page's step replaces the stored cursor. False when that has been tried often enough in this round.
    pub fn cursor_refused(&mut self) -> bool {
        if self.restarts >= MAX_RESTARTS || matches!(self.position, Position::From(_)) {
            return false;
        }
        self.restarts += 1;
        let from_ms = self.newest_ms.map_or(self.fallback_ms, |ms| (ms - self.overlap_ms).max(self.fallback_ms));
        self.position = Position::From(from_ms);
        self.covered_to_ms = self.covered_to_ms.min(from_ms);
        self.used.clear();
        self.reached_ms = None;
        true
    }

    /// The stream ends with an empty page or without a cursor: both styles are documented. A page whose cursor leads to
    /// itself is the end as well.
    fn then(&mut self, next: Option<&str>, events: u64) -> Then {
        let Some(next) = next.filter(|_| events > 0) else { return Then::CaughtUp };
        if self.position == Position::Cursor(next.to_owned()) {
            return Then::CaughtUp;
        }
        let again = !self.used.insert(next.to_owned());
        if again || self.pages >= MAX_PAGES || self.still_pages >= MAX_STILL_PAGES { Then::Endless } else { Then::Continue }
    }
}
