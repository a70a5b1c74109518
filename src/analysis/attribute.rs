//! What belongs together: tracks become integrations. A track that names user, client and origin says itself where it
//! belongs; one that leaves something open joins the only integration that agrees with all it does name.
//!
//! Three readings of the contract's sentence on open evidence are ours. A secret belongs to one user: evidence that names
//! none but a secret which the same source has shown under one user's name is that user's. One secret in the hands of one
//! client at one origin is one piece of evidence, whatever repositories it is shown on: what agrees with some of those on
//! which anybody agrees, and not with all, is not where it belongs. And a token that names nobody, presented from wherever a
//! person happens to be, says too little to be taken for the laptop of somebody who is still seen there under a name of his
//! own: it joins only where it follows ([`Candidate::precedes`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::classify::{UNKNOWN_CLIENT, UNNAMED_CLIENT, shown_client};
use super::days::add;
use super::identity::{People, unresolved};
use super::tracks::{Span, Spans};
use crate::evidence::{ClientCatalogue, Day, Origin, Track, TrackCount};

/// How many candidates open evidence may look at in one judgement. Tens of thousands of integrations take a hundredth of it; a log
/// that names as many of one user as it may, and open evidence of that user without end, must not stop the judgement. What has
/// few candidates comes first, so that such a log takes nothing from others.
const MAX_LOOKS: usize = 100_000_000;

/// What an integration is, the name of one before it has an id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) user: String,
    pub(super) client: String,
    pub(super) origin: Origin,
}

impl Key {
    /// The client as readers know it.
    pub(super) fn shown_client(&self) -> &str {
        shown_client(&self.client)
    }
}

/// One integration and the tracks that make it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) key: Key,
    /// Numbers of tracks, ascending.
    pub(super) tracks: Vec<usize>,
    /// Those of them that leave something of it open, and fit nothing else; ascending.
    pub(super) open: Vec<usize>,
    /// The key with the user as it was before it was resolved, for each such form.
    pub(super) forms: BTreeSet<Key>,
    /// The keys under which tracks that joined it would stand alone.
    pub(super) joined: BTreeSet<Key>,
    /// Of all its tracks.
    pub(super) uses: u64,
}

/// A track with its user resolved.
struct Seen<'a> {
    number: usize,
    track: &'a Track,
    span: Span,
    user: Option<String>,
}

impl Seen<'_> {
    fn closed(&self) -> bool {
        self.user.is_some() && self.track.client.is_some() && !self.track.origin.is_open()
    }

    /// Where it stands alone. Beside evidence of a user agent that nobody knows it would be taken for that one's, were it not for
    /// a client of its own.
    fn key(&self) -> Key {
        let named = self.user.is_some() && !self.track.origin.is_open();
        let nobody = if named { UNNAMED_CLIENT } else { UNKNOWN_CLIENT };
        let client = self.track.client.as_deref().unwrap_or(nobody).to_owned();
        Key { user: self.user.clone().unwrap_or_default(), client, origin: self.track.origin.clone() }
    }

    /// A token that names nobody, from the address of whoever carries the machine about.
    fn is_anybodys_token(&self) -> bool {
        self.user.is_none() && self.span.shows_token && matches!(self.track.origin, Origin::Roaming | Origin::Address(_))
    }
}

/// What the closed tracks of one integration say of it.
struct Candidate<'a> {
    origin: &'a Origin,
    interactive: bool,
    hosts: BTreeSet<&'a str>,
    workspaces: BTreeSet<&'a str>,
    /// By slug and workspace: the last day on which it was seen there under its own name.
    repositories: BTreeMap<(&'a str, Option<&'a str>), Day>,
}

/// Groups tracks into integrations, sorted by key. Tracks that never signed anybody in make none.
pub(super) fn attribute(tracks: &[TrackCount], spans: &Spans, people: &People, clients: &ClientCatalogue) -> Vec<Unit> {
    let seen = seen(tracks, spans, people);
    let mut units: BTreeMap<Key, Unit> = BTreeMap::new();
    let mut candidates: BTreeMap<Key, Candidate<'_>> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.closed()) {
        let key = seen.key();
        let interactive = clients.category(&key.client).interactive();
        candidates.entry(key.clone()).or_insert_with(|| Candidate::new(&seen.track.origin, interactive)).learn(seen);
        place(&mut units, key, seen, None);
    }
    let index = CandidateIndex::new(&candidates);
    let mut looks = MAX_LOOKS;
    let mut open = open_evidence(tracks, &seen);
    open.sort_by_cached_key(|evidence| evidence.iter().map(|seen| index.of_same_name(seen).len()).sum::<usize>());
    for evidence in open {
        let one = index.only_one(&evidence, &mut looks);
        for seen in evidence {
            let alone = seen.key();
            match one.filter(|one| index.fits(*one, seen)) {
                Some(one) => place(&mut units, index.all[one].0.clone(), seen, Some(alone)),
                None => place(&mut units, alone, seen, None),
            }
        }
    }
    let mut units: Vec<Unit> = units.into_values().collect();
    for unit in &mut units {
        unit.tracks.sort_unstable();
        unit.open.sort_unstable();
    }
    units
}

/// The tracks that ever signed somebody in, or failed to, with the users that their names or else their secrets lead to.
fn seen<'a>(tracks: &'a [TrackCount], spans: &Spans, people: &People) -> Vec<Seen<'a>> {
    let signing = tracks.iter().enumerate().filter(|(number, _)| spans.of(*number).uses > 0);
    let mut seen: Vec<Seen<'a>> = signing
        .map(|(number, shown)| {
            let span = spans.of(number);
            Seen { number, track: &shown.track, span, user: people.user_of(&shown.track, Some(span.first)) }
        })
        .collect();
    let holders = holders(tracks, &seen);
    for seen in seen.iter_mut().filter(|seen| seen.user.is_none()) {
        seen.user = secret(&tracks[seen.number]).and_then(|secret| holders.get(&secret).cloned().flatten());
    }
    seen
}

/// The only user of each secret; none where several names were seen with it. A label means something to its sender alone.
fn holders<'a>(tracks: &'a [TrackCount], seen: &[Seen<'_>]) -> HashMap<(&'a str, &'a str), Option<String>> {
    let mut holders: HashMap<(&str, &str), Option<String>> = HashMap::new();
    for seen in seen {
        let (Some(user), Some(secret)) = (&seen.user, secret(&tracks[seen.number])) else { continue };
        let holder = holders.entry(secret).or_insert_with(|| Some(user.clone()));
        if holder.as_ref() != Some(user) {
            *holder = None;
        }
    }
    holders
}

/// The tracks that leave something open, those of one secret in the hands of one client at one origin together: what is not
/// named may be several.
fn open_evidence<'a, 's>(tracks: &'a [TrackCount], seen: &'s [Seen<'a>]) -> Vec<Vec<&'s Seen<'a>>> {
    let mut evidence: Vec<Vec<&Seen<'_>>> = Vec::new();
    let mut by_secret = HashMap::new();
    for seen in seen.iter().filter(|seen| !seen.closed()) {
        let Track { client, origin, .. } = seen.track;
        let place = match (secret(&tracks[seen.number]), client) {
            (Some(secret), Some(client)) if !origin.is_open() => {
                *by_secret.entry((secret, &seen.user, client, origin)).or_insert(evidence.len())
            }
            _ => evidence.len(),
        };
        if place == evidence.len() {
            evidence.push(Vec::new());
        }
        evidence[place].push(seen);
    }
    evidence
}

fn secret(shown: &TrackCount) -> Option<(&str, &str)> {
    Some((shown.source.as_str(), shown.track.secret_id.as_deref()?))
}

/// Places a track by its own key, or by another's: then the one under which it would stand `alone` is no former key of that
/// integration.
fn place(units: &mut BTreeMap<Key, Unit>, key: Key, seen: &Seen<'_>, alone: Option<Key>) {
    let unit = units.entry(key).or_insert_with_key(Unit::new);
    unit.tracks.push(seen.number);
    add(&mut unit.uses, seen.span.uses);
    if let Some(alone) = alone {
        unit.joined.insert(alone);
        unit.open.push(seen.number);
    } else {
        let forms = unresolved(seen.track).into_iter().map(|user| Key { user, ..unit.key.clone() });
        unit.forms.extend(forms.filter(|form| *form != unit.key));
    }
}

impl Unit {
    fn new(key: &Key) -> Self {
        Self { key: key.clone(), tracks: Vec::new(), open: Vec::new(), forms: BTreeSet::new(), joined: BTreeSet::new(), uses: 0 }
    }
}

impl<'a> Candidate<'a> {
    fn new(origin: &'a Origin, interactive: bool) -> Self {
        Self { origin, interactive, hosts: BTreeSet::new(), workspaces: BTreeSet::new(), repositories: BTreeMap::new() }
    }

    fn learn(&mut self, seen: &Seen<'a>) {
        let workspace = seen.track.workspace.as_deref();
        self.hosts.extend(seen.track.host.as_deref());
        self.workspaces.extend(workspace);
        if let Some(repository) = seen.track.repository.as_deref() {
            let last = self.repositories.entry((repository, workspace)).or_insert(seen.span.last);
            *last = seen.span.last.max(*last);
        }
    }

    /// User and client agree already: the index knows them.
    fn agrees(&self, seen: &Seen<'_>) -> bool {
        self.agrees_on_origin(&seen.track.origin)
            && seen.track.host.as_deref().is_none_or(|host| self.hosts.is_empty() || self.hosts.contains(host))
            && self.agrees_on_place(seen)
            && (!seen.is_anybodys_token() || *self.origin != Origin::Roaming || self.precedes(seen))
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
            Some(repository) if !self.repositories.is_empty() => self.last_on(repository, workspace).is_some(),
            Some(_) if seen.user.is_none() => false,
            _ => workspace.is_none_or(|workspace| self.workspaces.is_empty() || self.workspaces.contains(workspace)),
        }
    }

    /// Whether it was last seen on the track's repository before the track began, or on its first day: what moves to a
    /// token stops using its name. Somebody else's token beside it does not make it stop.
    fn precedes(&self, seen: &Seen<'_>) -> bool {
        let workspace = seen.track.workspace.as_deref();
        let last = seen.track.repository.as_deref().and_then(|repository| self.last_on(repository, workspace));
        last.is_none_or(|last| last <= seen.span.first)
    }

    fn last_on(&self, repository: &str, workspace: Option<&str>) -> Option<Day> {
        if workspace.is_some() {
            return self.repositories.get(&(repository, workspace)).copied();
        }
        let of_slug = self.repositories.range((repository, None)..).take_while(|((slug, _), _)| *slug == repository);
        of_slug.map(|(_, last)| *last).max()
    }
}

/// The candidates by what an open track must name, the user or the repository, and by the client that it may name. Who writes
/// a log decides how many there are of each.
struct CandidateIndex<'a> {
    all: Vec<(&'a Key, &'a Candidate<'a>)>,
    by_user: ByClient<'a>,
    by_repository: ByClient<'a>,
}

/// The numbers of candidates: of one client, and of any.
type ByClient<'a> = HashMap<(&'a str, Option<&'a str>), Vec<usize>>;

impl<'a> CandidateIndex<'a> {
    fn new(candidates: &'a BTreeMap<Key, Candidate<'a>>) -> Self {
        let mut index = Self { all: candidates.iter().collect(), by_user: HashMap::new(), by_repository: HashMap::new() };
        for (number, (key, candidate)) in index.all.iter().enumerate() {
            let slugs: HashSet<&str> = candidate.repositories.keys().map(|(slug, _)| *slug).collect();
            for client in [None, Some(key.client.as_str())] {
                index.by_user.entry((&key.user, client)).or_default().push(number);
                for slug in &slugs {
                    index.by_repository.entry((slug, client)).or_default().push(number);
                }
            }
        }
        index
    }

    /// The only candidate that agrees with all the tracks with which any agrees. None as well where more would have to be looked
    /// at than `looks` leaves, from which it takes.
    fn only_one(&self, evidence: &[&Seen<'_>], looks: &mut usize) -> Option<usize> {
        let mut common: Option<Vec<usize>> = None;
        for seen in evidence {
            let numbers = self.of_same_name(seen);
            *looks = looks.checked_sub(numbers.len())?;
            let fitting: Vec<usize> = numbers.iter().copied().filter(|number| self.all[*number].1.agrees(seen)).collect();
            match &mut common {
                _ if fitting.is_empty() => {}
                None => common = Some(fitting),
                Some(common) => common.retain(|one| fitting.binary_search(one).is_ok()),
            }
        }
        let mut common = common?;
        // A job of the same name goes before whatever else runs there.
        let origin = &evidence.first()?.track.origin;
        let namesake = |number: &usize| self.all[*number].1.origin == origin;
        if matches!(origin, Origin::Job(_)) && common.iter().any(namesake) {
            common.retain(namesake);
        }
        if let [one] = common[..] { Some(one) } else { None }
    }

    fn fits(&self, number: usize, seen: &Seen<'_>) -> bool {
        self.of_same_name(seen).binary_search(&number).is_ok() && self.all[number].1.agrees(seen)
    }

    /// Of the user that a track names, or else on its repository, with the client that it names. Ascending.
    fn of_same_name<'s>(&'s self, seen: &'s Seen<'s>) -> &'s [usize] {
        let client = seen.track.client.as_deref();
        let numbers = match (&seen.user, seen.track.repository.as_deref()) {
            (Some(user), _) => self.by_user.get(&(user.as_str(), client)),
            (None, Some(repository)) => self.by_repository.get(&(repository, client)),
            (None, None) => None,
        };
        numbers.map_or(&[], Vec::as_slice)
    }
}
