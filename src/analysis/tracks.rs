//! What the day counts say of each track as a whole.

use crate::evidence::{Credential, Day, History};

/// One track's uses, from the first day to the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// How often it signed somebody in, or failed to; other items tell about people only.
    pub(super) uses: u64,
    /// Of all its items.
    pub(super) first: Day,
    pub(super) last: Day,
    tells_credential: bool,
    /// Something that does not name its user was presented: a token, an OAuth grant, a key.
    pub(super) shows_token: bool,
}

/// By track number.
pub(super) struct Spans(Vec<Span>);

impl Spans {
    pub(super) fn new(history: &History) -> Self {
        let nothing = Span { uses: 0, first: Day(i32::MAX), last: Day(i32::MIN), tells_credential: false, shows_token: false };
        let mut spans = vec![nothing; history.tracks.len()];
        for count in &history.counts {
            let Some(span) = spans.get_mut(count.track as usize) else { continue };
            span.uses += if count.verdict.authentication { count.uses } else { 0 };
            span.first = span.first.min(count.day);
            span.last = span.last.max(count.day);
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
