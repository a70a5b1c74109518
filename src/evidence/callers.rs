//! How much a source may name.
//!
//! A caller is who signs in with what client from where, as one source names them: about what an integration is before its names
//! are resolved. Whoever writes a log can name as many as they like, and places without end for each, and a judgement holds all
//! of them in memory. So of each source
//!
//! | beyond | new ones are counted |
//! |---|---|
//! | the limit of callers, and half as much again for those who are known by name | together, as [`crowd_of`] the source, without client, origin or place |
//! | ten times the limit of places and secrets | under their caller, at [`ELSEWHERE`] |
//!
//! Whoever was there before keeps their name and places. Known by name is whom a list of people names, or the source itself has
//! named: a crowd of strangers does not hide that they move.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
};

use super::{Track, is_reserved};

/// Places and secrets for each caller that is allowed, on average. Few callers touch more than one repository.
const TRACKS_A_CALLER: usize = 10;

/// How the user name of those beyond the limit begins.
pub const CROWD: &str = "(everybody else of ";

/// The repository of what is beyond the limit of places: one for each caller, whoever presents it.
pub const ELSEWHERE: &str = "(everywhere else)";

/// The user name under which the callers of a source are counted that are beyond its limit.
pub fn crowd_of(source: &str) -> String {
    format!("{CROWD}{source})")
}

/// Whether a user name stands for those beyond a limit: nobody's, whoever presents it.
pub fn is_crowd(username: &str) -> bool {
    username.starts_with(CROWD)
}

/// Whom every source has told of.
#[derive(Debug)]
pub struct Callers {
    limit: usize,
    /// Names that lists of people have.
    people: HashSet<u64>,
    sources: HashMap<String, Met>,
}

/// The same in every process, so that what is counted does not depend on chance.
type Hashes = BuildHasherDefault<DefaultHasher>;

/// Whom one source has told of, by hashes.
#[derive(Debug, Default)]
struct Met {
    callers: HashSet<u64>,
    names: HashSet<u64>,
    tracks: HashSet<u64>,
}

impl Callers {
    /// So many callers of each source, and the names of people who are known anyway.
    pub fn new<'a>(limit: usize, people: impl IntoIterator<Item = &'a str>) -> Self {
        Self { limit, people: people.into_iter().map(hash).collect(), sources: HashMap::new() }
    }

    /// Takes note of what is counted as it is, whatever the limit.
    pub fn meet(&mut self, source: &str, track: &Track) {
        self.sources.entry(source.to_owned()).or_default().enter(track);
    }

    /// What a track is counted as: itself, where its caller and its place are known or there is room for them.
    pub fn admit<'t>(&mut self, source: &str, track: &'t Track) -> Cow<'t, Track> {
        let (limit, met) = (self.limit, self.sources.entry(source.to_owned()).or_default());
        let is_known = |name: &str| self.people.contains(&hash(name)) || met.names.contains(&hash(name));
        let known = names(track).any(|name| is_reserved(name) || is_known(name));
        let room = if known { limit.saturating_add(limit / 2) } else { limit };
        let presents_a_crowd = names(track).any(is_crowd);
        if presents_a_crowd || (met.callers.len() >= room && !met.callers.contains(&caller(track))) {
            return Cow::Owned(Track { username: Some(crowd_of(source)), ..Track::default() });
        }
        let presents_elsewhere = track.repository.as_deref() == Some(ELSEWHERE);
        let room_for_places = met.tracks.len() < limit.saturating_mul(TRACKS_A_CALLER);
        if presents_elsewhere || !(room_for_places || met.tracks.contains(&hash(track))) {
            met.callers.insert(caller(track));
            let repository = Some(ELSEWHERE.to_owned());
            return Cow::Owned(Track { host: None, workspace: None, repository, secret_id: None, ..track.clone() });
        }
        met.enter(track);
        Cow::Borrowed(track)
    }
}

impl Met {
    fn enter(&mut self, track: &Track) {
        self.callers.insert(caller(track));
        self.names.extend(names(track).map(hash));
        self.tracks.insert(hash(track));
    }
}

fn names(track: &Track) -> impl Iterator<Item = &str> {
    [&track.username, &track.email, &track.account_id, &track.display_name].into_iter().flatten().map(String::as_str)
}

fn caller(track: &Track) -> u64 {
    let Track { username, email, account_id, display_name, client, origin, token_id, token_label, .. } = track;
    hash((username, email, account_id, display_name, client, origin, token_id, token_label))
}

fn hash(of: impl Hash) -> u64 {
    Hashes::default().hash_one(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Origin;

    const LOG: &str = "log/egress";

    fn track(username: &str, repository: &str) -> Track {
        Track { username: Some(username.to_owned()), repository: Some(repository.to_owned()), ..Track::default() }
    }

    fn at(origin: &str, track: Track) -> Track {
        Track { origin: Origin::Network(origin.to_owned()), ..track }
    }

    fn crowd() -> Track {
        Track { username: Some(crowd_of(LOG)), ..Track::default() }
    }

    #[test]
    fn strangers_beyond_the_limit_are_one_and_those_before_keep_their_names() {
        let mut callers = Callers::new(2, []);
        callers.meet(LOG, &track("a", "one"));
        assert_eq!(*callers.admit(LOG, &track("b", "one")), track("b", "one"));
        assert_eq!(*callers.admit(LOG, &track("c", "one")), crowd());
        assert_eq!(*callers.admit(LOG, &track("d", "two")), crowd());
        assert_eq!(*callers.admit("log/other", &track("c", "one")), track("c", "one"), "each source has room of its own");
        for mine in [track("a", "another"), track("b", "another")] {
            assert_eq!(*callers.admit(LOG, &mine), mine, "another place of the same caller takes no room");
        }
    }

    #[test]
    fn there_is_room_left_for_those_who_are_known_by_name() {
        let mut callers = Callers::new(4, ["mira@example.test"]);
        for name in ["a", "b", "c", "d", "e", "f"] {
            callers.admit(LOG, &track(name, "one"));
        }
        assert_eq!(*callers.admit(LOG, &track("g", "one")), crowd());
        for known in [track("mira@example.test", "one"), at("farm", track("a", "one"))] {
            assert_eq!(*callers.admit(LOG, &known), known);
        }
        assert_eq!(*callers.admit(LOG, &at("farm", track("b", "one"))), crowd(), "and for no more of them than that");
    }

    #[test]
    fn places_without_end_are_one_and_those_before_stay() {
        let mut callers = Callers::new(3, []);
        for place in 0..30 {
            callers.admit(LOG, &track("a", &place.to_string()));
        }
        assert_eq!(*callers.admit(LOG, &track("a", "29")), track("a", "29"));
        let secret = Track { secret_id: Some("s".to_owned()), workspace: Some("acme".to_owned()), ..track("a", "31") };
        for mine in [track("a", "30"), secret] {
            assert_eq!(*callers.admit(LOG, &mine), track("a", ELSEWHERE));
        }
    }

    #[test]
    fn the_name_of_a_crowd_is_nobodys() {
        let mut callers = Callers::new(3, []);
        assert_eq!(*callers.admit(LOG, &at("farm", track(&crowd_of("log/other"), "one"))), crowd());
    }

    #[test]
    fn whoever_presents_the_name_of_everywhere_else_has_no_places_there() {
        let mut callers = Callers::new(3, []);
        for secret in ["one", "two"] {
            let mine = Track { secret_id: Some(secret.to_owned()), workspace: Some("acme".to_owned()), ..track("a", ELSEWHERE) };
            assert_eq!(*callers.admit(LOG, &mine), track("a", ELSEWHERE));
        }
    }
}
