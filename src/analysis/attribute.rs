//! What belongs together: tracks become integrations. A track that names user, client and origin says itself where it
//! belongs; one that leaves something open joins the only integration that agrees with all it does name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::identity::{People, unresolved};
use crate::evidence::{ClientCatalogue, Origin, Track, TrackCount};

/// Client of an integration whose evidence names none.
pub(super) const UNKNOWN_CLIENT: &str = "unknown";

/// User, client and origin as text, the name of an integration before it has an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) user: String,
    pub(super) client: String,
    pub(super) origin: String,
}

/// One integration and the tracks that make it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) key: Key,
    /// Numbers of tracks, ascending.
    pub(super) tracks: Vec<usize>,
    /// The key with the user as it was before it was resolved, for each such form.
    pub(super) forms: BTreeSet<Key>,
}

/// A track with its user resolved.
struct Seen<'a> {
    number: usize,
    track: &'a Track,
    user: Option<String>,
}

impl Seen<'_> {
    fn closed(&self) -> bool {
        self.user.is_some() && self.track.client.is_some() && !self.track.origin.is_open()
    }

    fn key(&self) -> Key {
        self.key_with(self.user.clone().unwrap_or_default())
    }

    fn key_with(&self, user: String) -> Key {
        let client = self.track.client.clone().unwrap_or_else(|| UNKNOWN_CLIENT.to_owned());
        Key { user, client, origin: self.track.origin.text() }
    }
}

/// What the closed tracks of one integration say of it.
struct Candidate<'a> {
    origin: &'a Origin,
    interactive: bool,
    hosts: BTreeSet<&'a str>,
    workspaces: BTreeSet<&'a str>,
    repositories: BTreeSet<(&'a str, Option<&'a str>)>,
}

/// Groups tracks into integrations, sorted by key. `signs_in` says of each track whether it ever signed anybody in;
/// others make no integration.
pub(super) fn attribute(tracks: &[TrackCount], signs_in: &[bool], people: &People, clients: &ClientCatalogue) -> Vec<Unit> {
    let seen: Vec<Seen<'_>> = tracks
        .iter()
        .enumerate()
        .filter(|(number, _)| signs_in[*number])
        .map(|(number, shown)| Seen { number, track: &shown.track, user: people.user_of(&shown.track) })
        .collect();
    let mut units: BTreeMap<Key, Unit> = BTreeMap::new();
    let mut candidates: BTreeMap<Key, Candidate<'_>> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.closed()) {
        let key = seen.key();
        let interactive = clients.category(&key.client).interactive();
        candidates.entry(key.clone()).or_insert_with(|| Candidate::new(&seen.track.origin, interactive)).learn(seen.track);
        place(&mut units, key, seen, true);
    }
    let index = CandidateIndex::new(&candidates);
    for seen in seen.iter().filter(|seen| !seen.closed()) {
        match index.only_one(seen) {
            Some(key) => place(&mut units, key.clone(), seen, false),
            None => place(&mut units, seen.key(), seen, true),
        }
    }
    let mut units: Vec<Unit> = units.into_values().collect();
    for unit in &mut units {
        unit.tracks.sort_unstable();
    }
    units
}

/// The key of a track that joins another's integration is no former key of that integration.
fn place(units: &mut BTreeMap<Key, Unit>, key: Key, seen: &Seen<'_>, by_its_own_key: bool) {
    let unit = units.entry(key).or_insert_with_key(|key| Unit { key: key.clone(), tracks: Vec::new(), forms: BTreeSet::new() });
    unit.tracks.push(seen.number);
    if by_its_own_key {
        let forms = unresolved(seen.track).into_iter().map(|user| seen.key_with(user)).filter(|form| *form != unit.key);
        unit.forms.extend(forms);
    }
}

impl<'a> Candidate<'a> {
    fn new(origin: &'a Origin, interactive: bool) -> Self {
        Self { origin, interactive, hosts: BTreeSet::new(), workspaces: BTreeSet::new(), repositories: BTreeSet::new() }
    }

    fn learn(&mut self, track: &'a Track) {
        let workspace = track.workspace.as_deref();
        self.hosts.extend(track.host.as_deref());
        self.workspaces.extend(workspace);
        self.repositories.extend(track.repository.as_deref().map(|repository| (repository, workspace)));
    }

    fn agrees(&self, key: &Key, seen: &Seen<'_>) -> bool {
        seen.user.as_ref().is_none_or(|user| *user == key.user)
            && seen.track.client.as_ref().is_none_or(|client| *client == key.client)
            && self.agrees_on_origin(&seen.track.origin)
            && seen.track.host.as_deref().is_none_or(|host| self.hosts.is_empty() || self.hosts.contains(host))
            && self.agrees_on_place(seen)
    }

    fn agrees_on_origin(&self, origin: &Origin) -> bool {
        let carried_about = matches!((origin, self.origin), (Origin::Address(_), Origin::Roaming)) && self.interactive;
        // A job says what runs, a network where: two names of one place, and a proxy knows the second only.
        let runs_there = matches!((origin, self.origin), (Origin::Job(_), Origin::Network(_) | Origin::Address(_)));
        origin.is_open() || origin == self.origin || carried_about || runs_there
    }

    /// An integration that itself names no repository (a proxy that sees hosts only) contradicts none, as long as the
    /// track names its user.
    fn agrees_on_place(&self, seen: &Seen<'_>) -> bool {
        let workspace = seen.track.workspace.as_deref();
        match seen.track.repository.as_deref() {
            Some(repository) if !self.repositories.is_empty() => match workspace {
                Some(_) => self.repositories.contains(&(repository, workspace)),
                None => self.repositories.iter().any(|(known, _)| *known == repository),
            },
            Some(_) if seen.user.is_none() => false,
            _ => workspace.is_none_or(|workspace| self.workspaces.is_empty() || self.workspaces.contains(workspace)),
        }
    }
}

/// The candidates by what an open track must name: the user or the repository.
struct CandidateIndex<'a> {
    all: Vec<(&'a Key, &'a Candidate<'a>)>,
    by_user: HashMap<&'a str, Vec<usize>>,
    by_repository: HashMap<&'a str, Vec<usize>>,
}

impl<'a> CandidateIndex<'a> {
    fn new(candidates: &'a BTreeMap<Key, Candidate<'a>>) -> Self {
        let mut index = Self { all: candidates.iter().collect(), by_user: HashMap::new(), by_repository: HashMap::new() };
        for (number, (key, candidate)) in index.all.iter().enumerate() {
            index.by_user.entry(&key.user).or_default().push(number);
            let slugs: BTreeSet<&str> = candidate.repositories.iter().map(|(slug, _)| *slug).collect();
            for slug in slugs {
                index.by_repository.entry(slug).or_default().push(number);
            }
        }
        index
    }

    fn only_one(&self, seen: &Seen<'_>) -> Option<&'a Key> {
        let numbers = match (&seen.user, seen.track.repository.as_deref()) {
            (Some(user), _) => self.by_user.get(user.as_str()),
            (None, Some(repository)) => self.by_repository.get(repository),
            (None, None) => None,
        }?;
        let fits = || numbers.iter().map(|number| self.all[*number]).filter(|(key, candidate)| candidate.agrees(key, seen));
        let job = matches!(seen.track.origin, Origin::Job(_));
        let by_name = || fits().filter(|(_, candidate)| job && *candidate.origin == seen.track.origin);
        if by_name().next().is_some() { only(by_name()) } else { only(fits()) }
    }
}

fn only<'a>(mut fits: impl Iterator<Item = (&'a Key, &'a Candidate<'a>)>) -> Option<&'a Key> {
    match (fits.next(), fits.next()) {
        (Some((key, _)), None) => Some(key),
        _ => None,
    }
}
