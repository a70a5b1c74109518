//! What became of known integrations, in words: renamed, taken in by another, or fallen apart again.

use super::assess::Scene;
use super::keys::Turn;
use super::{IntegrationKey, NameState, Reidentified};

pub(super) fn describe(scene: &Scene<'_>, turns: Vec<Turn>) -> Vec<Reidentified> {
    turns
        .into_iter()
        .map(|turn| match turn {
            Turn::Renamed { id, was, unit } => {
                Reidentified { integration: id, taken_in_by: None, words: difference(scene, &was, unit) }
            }
            Turn::TakenIn { id, was, unit } => {
                let into = &scene.ids[unit];
                let words = format!("is one with {into}: {}", difference(scene, &was, unit));
                Reidentified { integration: id, taken_in_by: Some(into.clone()), words }
            }
            Turn::Parted { unit, from } => {
                let id = scene.ids[unit].clone();
                Reidentified {
                    integration: id,
                    taken_in_by: None,
                    words: format!("is no longer one with {from}{}", why(scene, unit)),
                }
            }
        })
        .collect()
}

/// In what a unit differs from a key that stood for it.
fn difference(scene: &Scene<'_>, was: &IntegrationKey, unit: usize) -> String {
    let key = &scene.units[unit].key;
    let user = (was.user != key.user).then(|| match (was.user.as_str(), key.user.as_str()) {
        ("", _) => format!("its user is {}", shown(scene, unit)),
        (was, "") => format!("its user, {was} before, is open again{}", why(scene, unit)),
        (was, _) => format!("its user is {}, {was} before{}", shown(scene, unit), why(scene, unit)),
    });
    let (now, before) = (key.shown_client(), was.shown_client());
    let client = (now != before).then(|| format!("its client is {now}, {before} before"));
    let origin = (was.origin != key.origin).then(|| format!("its origin is {}, {} before", key.origin.text(), was.origin.text()));
    let differences: Vec<String> = [user, client, origin].into_iter().flatten().collect();
    if differences.is_empty() { "what was seen is the same".to_owned() } else { differences.join(" and ") }
}

fn shown(scene: &Scene<'_>, unit: usize) -> String {
    let person = &scene.persons[unit];
    match person.name.as_ref().or(person.email.as_ref()) {
        Some(name) if !person.id.ends_with(name.as_str()) => format!("{name} ({})", person.id),
        _ => person.id.clone(),
    }
}

/// Why a user is not resolved any more, if that is so.
fn why(scene: &Scene<'_>, unit: usize) -> &'static str {
    match scene.people.state(&scene.units[unit].key.user) {
        NameState::Ambiguous => ", since the name may be several users'",
        NameState::Resolved | NameState::Unresolved => "",
    }
}
