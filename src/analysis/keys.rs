//! Integration ids: short, stable, and kept when a name is resolved later, or the catalogue or a network's name improves.
//!
//! An integration is known by every key (user, client, origin) that ever stood for it. A key that is met again leads to its
//! id. So does one under which the same evidence went before its user was resolved, or before it found where it belongs. And a
//! new key of the same user that
//! shares client or origin with a known one of which nothing is left continues it: evidence does not vanish by itself, it was
//! read anew. Where two known integrations turn out to be one, the one known first keeps its id and the other's becomes a
//! former id of it; where one falls apart again, the part that has left goes by the id that its key had at first.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::attribute::{Key, Unit};
use super::{IntegrationKey, KnownIntegration};

/// Bytes of the digest that make the eight characters of an id.
const ID_BYTES: usize = 5;

/// The ids of all units, and what the store has to learn.
pub(super) struct Assigned {
    /// By unit.
    pub(super) ids: Vec<String>,
    /// By unit, sorted: the ids that it, or what it took in, had before.
    pub(super) former_ids: Vec<Vec<String>>,
    /// Keys that the store does not know, or not as what they stand for now; an integration's own key comes last.
    pub(super) new_keys: Vec<IntegrationKey>,
    pub(super) turns: Vec<Turn>,
}

/// What became of a known integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes by another key now.
    Renamed { id: String, was: IntegrationKey, unit: usize },
    /// It is part of another one, and its id a former id of that.
    TakenIn { id: String, was: IntegrationKey, unit: usize },
    /// A unit was part of the known integration `from`, and is none any more.
    Parted { unit: usize, from: String },
}

/// Finds the ids, as seen from `now`: what became known later is left out when looking back.
pub(super) fn assign(units: &[Unit], known: &[KnownIntegration], now: Timestamp, id_key: &[u8]) -> Assigned {
    let makes = Makes { id_key };
    let register = Register::new(units, known);
    let claims = register.claims(now);
    let mut used: HashSet<&str> = known.iter().map(|k| k.id.as_str()).collect();
    used.extend(known.iter().flat_map(|k| &k.former_ids).map(String::as_str));
    let mut fresh: HashSet<String> = HashSet::new();
    let mut assigned = Assigned {
        ids: Vec::with_capacity(units.len()),
        former_ids: Vec::with_capacity(units.len()),
        new_keys: Vec::new(),
        turns: Vec::new(),
    };
    for (number, unit) in units.iter().enumerate() {
        let id = match claims.kept[number] {
            Some(position) => known[position].id.clone(),
            None => register.first_id(&unit.key, makes).unwrap_or_else(|| makes.fresh_id(&unit.key, &used, &mut fresh)),
        };
        register.learn(number, &claims, &id, &mut assigned);
        assigned.former_ids.push(register.former_ids(number, &claims));
        assigned.ids.push(id);
    }
    let present: HashSet<&String> = assigned.ids.iter().collect();
    for ids in &mut assigned.former_ids {
        ids.retain(|id| !present.contains(id));
    }
    assigned
}

impl Key {
    pub(super) fn with_id(&self, id: &str) -> IntegrationKey {
        IntegrationKey { id: id.to_owned(), user: self.user.clone(), client: self.client.clone(), origin: self.origin.clone() }
    }

    fn of(key: &IntegrationKey) -> Self {
        Self { user: key.user.clone(), client: key.client.clone(), origin: key.origin.clone() }
    }
}

/// What the store remembers, by key, beside what stands for it now. Positions are those of known integrations.
struct Register<'a> {
    units: &'a [Unit],
    known: &'a [KnownIntegration],
    position: HashMap<Key, usize>,
    /// Which unit goes by a known integration's key today; names that were once somebody else's cannot take it away.
    holder: HashMap<usize, usize>,
    current: HashSet<&'a Key>,
}

/// Which known integrations the units continue.
struct Claims {
    /// By unit: the one whose id it keeps.
    kept: Vec<Option<usize>>,
    /// By unit: those that it takes in.
    taken_in: Vec<Vec<usize>>,
}

impl<'a> Register<'a> {
    fn new(units: &'a [Unit], known: &'a [KnownIntegration]) -> Self {
        let mut position = HashMap::new();
        let mut holder = HashMap::new();
        let numbers: HashMap<&Key, usize> = units.iter().enumerate().map(|(number, unit)| (&unit.key, number)).collect();
        for (at, integration) in known.iter().enumerate() {
            for key in integration.keys.iter().map(Key::of) {
                if let Some(number) = numbers.get(&key) {
                    holder.entry(at).or_insert(*number);
                }
                position.entry(key).or_insert(at);
            }
        }
        Self { units, known, position, holder, current: numbers.into_keys().collect() }
    }

    fn claims(&self, now: Timestamp) -> Claims {
        let mut claims = Claims { kept: vec![None; self.units.len()], taken_in: vec![Vec::new(); self.units.len()] };
        let mut taken = HashSet::new();
        let order = self.order();
        for &number in &order {
            claims.kept[number] = self.positions(number).find(|position| taken.insert(*position));
        }
        for &number in &order {
            let mut more = self.positions(number).chain(self.joined(number)).filter(|position| taken.insert(*position));
            if claims.kept[number].is_none() && !self.position.contains_key(&self.units[number].key) {
                claims.kept[number] = more.next();
            }
            claims.taken_in[number].extend(more);
        }
        self.adopt(&mut claims, &mut taken, now);
        claims
    }

    /// Units with a known key first, in the order in which they became known; then the others, the busiest first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.units.len()).collect();
        order.sort_by_key(|number| {
            let unit = &self.units[*number];
            (self.position.get(&unit.key).copied().unwrap_or(usize::MAX), Reverse(unit.uses))
        });
        order
    }

    /// The known integrations that a unit may continue, the one known first at the head.
    fn positions(&self, number: usize) -> impl Iterator<Item = usize> {
        let unit = &self.units[number];
        let forms = unit.forms.iter().filter(|form| !self.current.contains(form));
        let mut positions: Vec<usize> = std::iter::once(&unit.key)
            .chain(forms)
            .filter_map(|key| self.position.get(key).copied())
            .filter(|at| self.holder.get(at).is_none_or(|holder| *holder == number))
            .collect();
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter()
    }

    /// The known integrations that stood alone, and of which all evidence has joined units.
    fn joined(&self, number: usize) -> impl Iterator<Item = usize> {
        let joined = self.units[number].joined.iter().filter(|key| !self.current.contains(key));
        joined.filter_map(|key| self.position.get(key).copied()).filter(|at| !self.holder.contains_key(at))
    }

    /// New units continue the known integrations of which nothing is left and with which they share the user and either the
    /// client or the origin: the busiest of several new ones the one known first of several known ones.
    fn adopt(&self, claims: &mut Claims, taken: &mut HashSet<usize>, now: Timestamp) {
        let is_new = |number: &usize| claims.kept[*number].is_none() && !self.position.contains_key(&self.units[*number].key);
        let mut new_of: HashMap<&str, Vec<usize>> = HashMap::new();
        for number in (0..self.units.len()).filter(is_new) {
            new_of.entry(&self.units[number].key.user).or_default().push(number);
        }
        for (position, integration) in self.known.iter().enumerate() {
            let Some(was) = integration.keys.last().filter(|_| integration.since <= now) else { continue };
            if taken.contains(&position) || self.holder.contains_key(&position) {
                continue;
            }
            let alike = |number: &&usize| {
                let key = &self.units[**number].key;
                (key.client == was.client) != (key.origin == was.origin)
            };
            let new = new_of.get(was.user.as_str()).into_iter().flatten().filter(alike);
            let Some(&number) = new.max_by_key(|number| (self.units[**number].uses, Reverse(**number))) else { continue };
            taken.insert(position);
            match &mut claims.kept[number] {
                kept @ None => *kept = Some(position),
                Some(_) => claims.taken_in[number].push(position),
            }
        }
    }

    /// The keys that the store has to learn for a unit, and what became of the known integrations that it continues.
    fn learn(&self, number: usize, claims: &Claims, id: &str, assigned: &mut Assigned) {
        let unit = &self.units[number];
        let last = claims.kept[number].and_then(|position| self.known[position].keys.last());
        let stays = last.is_some_and(|last| Key::of(last) == unit.key);
        match (claims.kept[number], last) {
            (Some(_), Some(was)) if !stays => {
                assigned.turns.push(Turn::Renamed { id: id.to_owned(), was: was.clone(), unit: number });
            }
            (None, _) => {
                let from = self.position.get(&unit.key).map(|position| self.known[*position].id.clone());
                assigned.turns.extend(from.map(|from| Turn::Parted { unit: number, from }));
            }
            _ => {}
        }
        for taken_in in claims.taken_in[number].iter().map(|position| &self.known[*position]) {
            let Some(was) = taken_in.keys.last().cloned() else { continue };
            assigned.turns.push(Turn::TakenIn { id: taken_in.id.clone(), was, unit: number });
            let others = taken_in.keys.iter().map(Key::of).filter(|key| *key != unit.key);
            assigned.new_keys.extend(others.map(|key| key.with_id(id)));
        }
        if !stays || !claims.taken_in[number].is_empty() {
            assigned.new_keys.push(unit.key.with_id(id));
        }
    }

    fn former_ids(&self, number: usize, claims: &Claims) -> Vec<String> {
        let of = |position: &usize| self.known[*position].former_ids.iter().cloned();
        let taken_in = claims.taken_in[number].iter();
        let mut ids: Vec<String> = claims.kept[number].iter().flat_map(of).collect();
        ids.extend(taken_in.flat_map(|position| of(position).chain([self.known[*position].id.clone()])));
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The id that a known key had before its integration was taken in by the one it left again; also one that was made before
    /// ids had a key.
    fn first_id(&self, key: &Key, makes: Makes<'_>) -> Option<String> {
        let former_ids = &self.known[*self.position.get(key)?].former_ids;
        [makes, Makes { id_key: &[] }].map(|makes| makes.id(&joined(key))).into_iter().find(|id| former_ids.contains(id))
    }
}

fn joined(key: &Key) -> String {
    [key.user.as_str(), &key.client, &key.origin.text()].join("\0")
}

/// How ids are made. Client and origin stand beside an id wherever it is shown, so that without a key whoever has a list of the
/// staff can try whose it is.
#[derive(Clone, Copy)]
struct Makes<'a> {
    id_key: &'a [u8],
}

impl Makes<'_> {
    /// The first eight characters of the lower-case base32 of the key's SHA-256. When another key has them already (as two
    /// kinds of origin with one name do), a counter joins the key until they are free.
    fn fresh_id(self, key: &Key, used: &HashSet<&str>, fresh: &mut HashSet<String>) -> String {
        let joined = joined(key);
        let id = (0..=u32::MAX)
            .map(|attempt| if attempt == 0 { self.id(&joined) } else { self.id(&format!("{joined}\0{attempt}")) })
            .find(|id| !used.contains(id.as_str()) && !fresh.contains(id))
            .expect("2^40 ids are more than there are integrations");
        fresh.insert(id.clone());
        id
    }

    fn id(self, text: &str) -> String {
        let digest: [u8; 32] = if self.id_key.is_empty() {
            Sha256::digest(text.as_bytes()).into()
        } else {
            let mut mac = Hmac::<Sha256>::new_from_slice(self.id_key).expect("a key of any length is taken");
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().into()
        };
        BASE32_NOPAD.encode(&digest[..ID_BYTES]).to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Origin;

    const OPEN: Makes<'_> = Makes { id_key: &[] };

    fn key(user: &str) -> Key {
        Key { user: user.to_owned(), client: "jenkins".to_owned(), origin: Origin::Network("build-farm".to_owned()) }
    }

    #[test]
    fn an_id_is_eight_characters_of_the_digest_of_the_three() {
        // printf 'u1\0jenkins\0build-farm' | sha256sum | cut -c-10 | xxd -r -p | base32
        assert_eq!(OPEN.fresh_id(&key("u1"), &HashSet::new(), &mut HashSet::new()), "wtxqgy2g");
    }

    #[test]
    fn an_id_under_a_key_is_one_that_nobody_without_it_can_compute() {
        let id = |id_key| Makes { id_key }.fresh_id(&key("u1"), &HashSet::new(), &mut HashSet::new());
        assert_eq!(id(b"one".as_slice()), id(b"one"));
        assert_ne!(id(b"one".as_slice()), id(b"another"));
        assert_ne!(id(b"one".as_slice()), id(b""));
    }

    #[test]
    fn two_keys_never_share_an_id() {
        let (used, mut fresh) = (HashSet::new(), HashSet::new());
        let first = OPEN.fresh_id(&key("u1"), &used, &mut fresh);
        let second = OPEN.fresh_id(&key("u1"), &used, &mut fresh);
        assert_ne!(first, second);
        assert_eq!(second.len(), 8);
    }
}
