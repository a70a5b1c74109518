//! `[instance]`: who this is to another instance that takes in what it counted. `[[exchange]]`: whose files are taken in here.

use std::sync::Arc;

use super::reader::Section;
use crate::{
    daemon::options::{Exchange, Instance},
    evidence::exchange::{
        is_instance,
        seal::{PrivateKey, PublicKey},
    },
};

/// None where the section is left out.
pub(super) fn instance(section: Section) -> Option<Instance> {
    let (has_name, has_key) = (section.string("name").is_some(), section.string("key").is_some());
    let named = has_name || has_key;
    let name = if named { instance_name(&section) } else { String::new() };
    let key = section.parsed("key", |reference| {
        let pem = section.resolve_pem("key", reference)?;
        pem.map(|pem| PrivateKey::from_pem(secrecy::ExposeSecret::expose_secret(&pem)).map(Arc::new)).transpose()
    });
    if named && !has_key {
        section.fault("key", "is missing: its files are signed with it");
    }
    section.finish();
    named.then_some(Instance { name, key: key.flatten() })
}

pub(super) fn exchange(section: Section) -> Option<Exchange> {
    let name = instance_name(&section);
    if !section.has("public_key") {
        section.fault("public_key", "is missing: `duskwatch check` of that instance prints it");
    }
    let public_key = section.parsed("public_key", str::parse::<PublicKey>);
    let late_after = section.duration("late_after");
    section.finish();
    Some(Exchange { name, public_key: public_key?, late_after })
}

fn instance_name(section: &Section) -> String {
    let name = section.required("name");
    if !name.is_empty() && !is_instance(&name) {
        section
            .fault("name", "must be a word of small letters, digits and dashes, at most 32: it becomes part of sources' names");
    }
    name
}
