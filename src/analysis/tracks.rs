//! What the day counts say of each track as a whole.

use super::days::add;
use crate::evidence::{Credential, Day, History, Outcome};

/// One track's uses, from the first day to the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// How often it signed somebody in, or failed to; other items tell about people only.
    pub(super) uses: u64,
    /// Of all its items.
    pub(super) first: Day,
    pub(super) last: Day,
    tells_credential: bool,
    /// It has signed somebody in.
    pub(super) worked: bool,
    /// Something that does not name its user was presented: a token, an OAuth grant, a key.
    pub(super) shows_token: bool,
    /// The newest instant of all its items, milliseconds since the epoch.
    pub(super) last_ms: i64,
    /// Bit k is set when something was seen k days before the last day.
    pub(super) recent: u64,
}

/// By track number.
pub(super) struct Spans(Vec<Span>);

impl Spans {
    pub(super) fn new(history: &History) -> Self {
        let nothing = Span {
            uses: 0,
            first: Day(i32::MAX),
            last: Day(i32::MIN),
            tells_credential: false,
            worked: false,
            shows_token: false,
            last_ms: i64::MIN,
            recent: 0,
        };
        let mut spans = vec![nothing; history.tracks.len()];
        for count in history.counts.iter() {
            let Some(span) = spans.get_mut(count.track as usize) else { continue };
            add(&mut span.uses, if count.verdict.authentication { count.uses } else { 0 });
            span.worked |= count.verdict.authentication && count.verdict.outcome == Outcome::Accepted;
            span.first = span.first.min(count.day);
            // Each track's counts come by day.
            let later = u32::try_from(i64::from(count.day.0) - i64::from(span.last.0)).unwrap_or(u32::MAX);
            span.recent = span.recent.checked_shl(later).unwrap_or(0) | 1;
            span.last = count.day;
            span.last_ms = span.last_ms.max(count.last_ms);
            let credential = count.verdict.credential;
            span.tells_credential |= credential != Credential::Unknown;
            span.shows_token |=
                !matches!(credential, Credential::Unknown | Credential::AppPassword | Credential::AccountPassword);
        }
        Self(spans)
    }

    pub(super) fn of(&self, track: usize) -> Span {
        self.0[track]
    }

    /// Whether any evidence of a track says how somebody signed in.
    pub(super) fn tells_credential(&self, track: usize) -> bool {
        self.0[track].tells_credential
    }
}
