//! People under pseudonyms (`[privacy] people = "pseudonyms"`): what a report is made of is rewritten before it is built, so
//! that no renderer can show what is not there.
//!
//! **Who is a machine.** An account is one when its e-mail address is of a domain that Atlassian gives to machines; when the
//! configuration says so by a pattern; or when everything that is known of how it works is machine-like (its rhythm, or a
//! client of the catalogue that no person sits at) *and* its name says the same (`svc-…`, `…-bot`). Reserved usernames name
//! nobody. In doubt it is a human: one whose nightly job runs under their own name must not be shown for it.
//!
//! **Pseudonyms** are made from the user id under a random key of the store: the same one in every report, and nobody who has
//! a list of the staff can compute them. Labels of a human's tokens are that human's own words and get one, too.
//!
//! **Texts** that hold names (reasons, repositories, jobs, samples, the journal) are searched for every name, nickname,
//! e-mail address and account id that is known of a human, in any case, where no letter or digit touches it. A pseudonym takes
//! its place where the organisation itself wrote the text, or where it is about that human; elsewhere a word that is the same for
//! everybody, or whoever can write a text for each colleague would learn who is who. In the name of a place it is a code of that
//! place, so that two places stay two.

mod hand_over;
mod humans;
mod names;
mod rewrite;

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    analysis::{Findings, Policy, is_crowd_id},
    evidence::{Origin, Roster},
};
pub use hand_over::HandOver;
use humans::Everybody;
use names::Names;
pub use rewrite::{Rewritten, explanation};

/// What makes pseudonyms, and what tells humans from machines beside the findings.
#[derive(Clone, Copy, Debug)]
pub struct People<'a> {
    /// The store's own random key.
    pub key: &'a [u8],
    pub roster: &'a Roster,
    /// Patterns of names that the organisation knows to be machines'.
    pub machines: &'a [String],
}

/// How people are shown in one report.
pub struct Disguise {
    key: Vec<u8>,
    machines: BTreeSet<String>,
    /// Of the configuration, in lower case.
    teams: BTreeSet<String>,
    names: Names,
}

impl Disguise {
    pub fn new(people: &People<'_>, findings: &Findings, policy: &Policy) -> Self {
        let everybody = Everybody::new(people.roster, findings);
        let machines = everybody.machines(findings, people.machines);
        let teams = policy.owners.iter().map(|owner| owner.name.to_lowercase()).collect();
        let mut disguise = Self { key: people.key.to_vec(), machines, teams, names: Names::default() };
        let mut names = names::Collected::default();
        for (id, facts) in &everybody.facts {
            if !disguise.is_machine(id) {
                names.person(&disguise.id(id), id, facts);
            }
        }
        for token in &findings.tokens {
            if disguise.is_human(&token.user.id) {
                names.text(&token.label, &disguise.label(&token.label), &disguise.id(&token.user.id));
            }
        }
        for key in findings.traces.iter().map(|trace| &trace.key) {
            if let Origin::TokenLabel(label) = &key.origin
                && !disguise.is_machine(&key.user)
            {
                names.text(label, &disguise.label(label), &disguise.id(&key.user));
            }
        }
        // Roles and people stand in the same place; teams are known.
        let waivers = policy.waivers.iter().flat_map(|waiver| [&waiver.requester, &waiver.approver]);
        for name in waivers.chain(policy.closures.iter().map(|closure| &closure.by)) {
            if !disguise.is_team(name) {
                names.text(name, &disguise.named(name), &disguise.named(name));
            }
        }
        disguise.names = names.ready();
        disguise
    }

    /// How a user id is shown.
    pub fn id(&self, id: &str) -> String {
        if self.is_human(id) { self.pseudonym("person", id) } else { id.to_owned() }
    }

    /// The user id that is shown so, of those that may be meant.
    pub fn behind<'i>(&self, shown: &str, mut ids: impl Iterator<Item = &'i str>) -> Option<&'i str> {
        ids.find(|id| self.is_human(id) && self.id(id) == shown)
    }

    /// A name of which nothing else is known.
    fn named(&self, name: &str) -> String {
        self.id(&format!("name:{name}"))
    }

    fn label(&self, label: &str) -> String {
        if label.is_empty() { String::new() } else { self.pseudonym("label", label) }
    }

    fn is_human(&self, id: &str) -> bool {
        !id.is_empty() && !self.is_machine(id)
    }

    fn is_machine(&self, id: &str) -> bool {
        self.machines.contains(id) || is_crowd_id(id)
    }

    fn is_team(&self, name: &str) -> bool {
        self.teams.contains(&name.to_lowercase())
    }

    fn pseudonym(&self, kind: &str, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length is taken");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        let code = BASE32_NOPAD.encode(&mac.finalize().into_bytes()).to_lowercase();
        format!("{kind}-{}", &code[..10])
    }
}

#[cfg(test)]
mod tests;
