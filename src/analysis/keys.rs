//! Integration ids: short, stable, and kept when a name is resolved later.

use std::collections::{HashMap, HashSet};

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use super::attribute::{Key, Unit};
use super::{IntegrationKey, KnownIntegration};

/// Bytes of the digest that make the eight characters of an id.
const ID_BYTES: usize = 5;

/// The ids of all units, in their order, and the keys that the store does not know or knows under another id.
pub(super) fn assign(units: &[Unit], known: &[KnownIntegration]) -> (Vec<String>, Vec<IntegrationKey>) {
    let register = Register::new(units, known);
    let mut taken: HashSet<usize> = HashSet::new();
    let mut used: HashSet<String> = known.iter().map(|k| k.id.clone()).collect();
    let mut ids = vec![String::new(); units.len()];
    for number in register.order(units) {
        let unit = &units[number];
        let kept = register.positions(number, unit).find(|position| taken.insert(*position));
        ids[number] = match kept {
            Some(position) => known[position].id.clone(),
            None => fresh_id(&unit.key, &mut used),
        };
    }
    let mut new_keys = Vec::new();
    for (unit, id) in units.iter().zip(&ids) {
        let moved = unit.forms.iter().filter(|form| register.moves_to(form, id));
        let own = std::iter::once(&unit.key).filter(|key| register.id(key) != Some(id));
        new_keys.extend(own.chain(moved).map(|key| key.with_id(id)));
    }
    new_keys.sort_unstable();
    (ids, new_keys)
}

impl Key {
    fn with_id(&self, id: &str) -> IntegrationKey {
        IntegrationKey { id: id.to_owned(), user: self.user.clone(), client: self.client.clone(), origin: self.origin.clone() }
    }
}

/// What the store remembers, by key.
struct Register<'a> {
    known: &'a [KnownIntegration],
    position: HashMap<Key, usize>,
    /// Which unit goes by a known integration's key today; names that were once somebody else's cannot take it away.
    holder: HashMap<usize, usize>,
    current: HashSet<&'a Key>,
}

impl<'a> Register<'a> {
    fn new(units: &'a [Unit], known: &'a [KnownIntegration]) -> Self {
        let mut position = HashMap::new();
        let mut holder = HashMap::new();
        let numbers: HashMap<&Key, usize> = units.iter().enumerate().map(|(number, unit)| (&unit.key, number)).collect();
        for (at, integration) in known.iter().enumerate() {
            for key in &integration.keys {
                let key = Key { user: key.user.clone(), client: key.client.clone(), origin: key.origin.clone() };
                if let Some(number) = numbers.get(&key) {
                    holder.entry(at).or_insert(*number);
                }
                position.entry(key).or_insert(at);
            }
        }
        Self { known, position, holder, current: numbers.into_keys().collect() }
    }

    /// Units with a known key first, in the order in which they became known; then the others by key.
    fn order(&self, units: &[Unit]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by_key(|number| self.position.get(&units[*number].key).copied().unwrap_or(usize::MAX));
        order
    }

    /// The known integrations that a unit may continue, the one known first at the head.
    fn positions(&self, number: usize, unit: &Unit) -> impl Iterator<Item = usize> {
        let forms = unit.forms.iter().filter(|form| !self.current.contains(form));
        let mut positions: Vec<usize> = std::iter::once(&unit.key)
            .chain(forms)
            .filter_map(|key| self.position.get(key).copied())
            .filter(|at| self.holder.get(at).is_none_or(|holder| *holder == number))
            .collect();
        positions.sort_unstable();
        positions.into_iter()
    }

    fn id(&self, key: &Key) -> Option<&String> {
        self.position.get(key).map(|at| &self.known[*at].id)
    }

    fn moves_to(&self, form: &Key, id: &String) -> bool {
        !self.current.contains(form) && self.id(form).is_some_and(|known| known != id)
    }
}

/// The first eight characters of the lower-case base32 of the key's SHA-256. When another key has them already, a
/// counter joins the key until they are free.
fn fresh_id(key: &Key, used: &mut HashSet<String>) -> String {
    let joined = [key.user.as_str(), &key.client, &key.origin].join("\0");
    let id = (0..=u32::MAX)
        .map(|attempt| if attempt == 0 { hashed(&joined) } else { hashed(&format!("{joined}\0{attempt}")) })
        .find(|id| !used.contains(id))
        .expect("2^40 ids are more than there are integrations");
    used.insert(id.clone());
    id
}

fn hashed(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    BASE32_NOPAD.encode(&digest[..ID_BYTES]).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str) -> Key {
        Key { user: user.to_owned(), client: "jenkins".to_owned(), origin: "build-farm".to_owned() }
    }

    #[test]
    fn an_id_is_eight_characters_of_the_digest_of_the_three() {
        // printf 'u1\0jenkins\0build-farm' | sha256sum | cut -c-10 | xxd -r -p | base32
        assert_eq!(fresh_id(&key("u1"), &mut HashSet::new()), "wtxqgy2g");
    }

    #[test]
    fn two_keys_never_share_an_id() {
        let mut used = HashSet::new();
        let first = fresh_id(&key("u1"), &mut used);
        let second = fresh_id(&key("u1"), &mut used);
        assert_ne!(first, second);
        assert_eq!(second.len(), 8);
    }
}
