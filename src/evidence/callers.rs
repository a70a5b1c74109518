//! How many callers a source may tell of.
//!
//! A caller is who signs in with what client from where, as one source names them: about what an integration is before its names
//! are resolved. Whoever writes a log can name as many as they like, and a judgement holds each of them in memory. So those
//! beyond a limit are counted together, under one name and without client, origin or place; those who were there before keep
//! theirs, so that a crowd hides none of them.

use std::{
    borrow::Cow,
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

use super::Track;

/// The user name of those beyond the limit.
pub const CROWD: &str = "(everybody else)";

/// Whom one source has told of.
#[derive(Clone, Debug)]
pub struct Callers {
    limit: usize,
    /// By hashes.
    known: HashSet<u64>,
    state: RandomState,
}

impl Callers {
    pub fn new(limit: usize) -> Self {
        Self { limit, known: HashSet::new(), state: RandomState::new() }
    }

    /// Takes note of what is counted under its own name, whatever the limit.
    pub fn meet(&mut self, track: &Track) {
        self.known.insert(self.caller(track));
    }

    /// What a track is counted as: itself while its caller is known or there is room, else the crowd's.
    pub fn admit<'t>(&mut self, track: &'t Track) -> Cow<'t, Track> {
        let caller = self.caller(track);
        if self.known.contains(&caller) {
            return Cow::Borrowed(track);
        }
        if self.known.len() >= self.limit {
            return Cow::Owned(Track { username: Some(CROWD.to_owned()), ..Track::default() });
        }
        self.known.insert(caller);
        Cow::Borrowed(track)
    }

    fn caller(&self, track: &Track) -> u64 {
        let Track { username, email, account_id, display_name, client, origin, token_id, token_label, .. } = track;
        self.state.hash_one((username, email, account_id, display_name, client, origin, token_id, token_label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Origin;

    fn track(username: &str, repository: &str) -> Track {
        Track { username: Some(username.to_owned()), repository: Some(repository.to_owned()), ..Track::default() }
    }

    #[test]
    fn those_beyond_the_limit_are_one_and_those_before_keep_their_names() {
        let mut callers = Callers::new(3);
        callers.meet(&track("a", "one"));
        for mine in [track("b", "one"), Track { origin: Origin::Roaming, ..track("b", "one") }] {
            assert_eq!(*callers.admit(&mine), mine);
        }
        let [first, second] = ["c", "d"].map(|name| callers.admit(&track(name, "one")).into_owned());
        assert_eq!((first.username.as_deref(), &first.repository), (Some(CROWD), &None));
        assert_eq!(first, second);
        for mine in [track("a", "another"), Track { origin: Origin::Roaming, ..track("b", "another") }] {
            assert_eq!(*callers.admit(&mine), mine, "another place of the same caller takes no room");
        }
    }
}
