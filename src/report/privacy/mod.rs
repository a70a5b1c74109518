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
//! e-mail address and account id that is known of a human, in any case, where no letter or digit touches it.

mod names;
mod rewrite;

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    analysis::{Findings, Person, Policy, glob},
    evidence::{Category, Person as Facts, Roster},
};
use names::Names;
pub use rewrite::{Rewritten, explanation};

/// Addresses that Atlassian gives to access tokens and service accounts.
const MACHINE_DOMAINS: [&str; 2] = ["@bots.bitbucket.org", "@serviceaccount.atlassian.com"];

/// Words in names that people give to machines.
const MACHINE_WORDS: [&str; 28] = [
    "agent",
    "automation",
    "backup",
    "bot",
    "build",
    "builder",
    "buildkite",
    "ci",
    "cron",
    "daemon",
    "deploy",
    "deployer",
    "deployment",
    "jenkins",
    "machine",
    "mirror",
    "nightly",
    "pipeline",
    "pipelines",
    "release",
    "renovate",
    "robot",
    "runner",
    "scanner",
    "service",
    "svc",
    "sync",
    "system",
];

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
    names: Names,
}

impl Disguise {
    pub fn new(people: &People<'_>, findings: &Findings, policy: &Policy) -> Self {
        let everybody = Everybody::new(people.roster, findings);
        let machines = everybody.machines(findings, people.machines);
        let mut disguise = Self { key: people.key.to_vec(), machines, names: Names::default() };
        let mut names = names::Collected::default();
        for (id, facts) in &everybody.facts {
            if !disguise.is_machine(id) {
                names.person(&disguise.id(id), id, facts);
            }
        }
        for token in &findings.tokens {
            if disguise.is_human(&token.user.id) {
                names.text(&token.label, &disguise.label(&token.label));
            }
        }
        // Roles and people stand in the same place; teams are known.
        let teams: BTreeSet<String> = policy.owners.iter().map(|owner| owner.name.to_lowercase()).collect();
        let waivers = policy.waivers.iter().flat_map(|waiver| [&waiver.requester, &waiver.approver]);
        for name in waivers.chain(policy.closures.iter().map(|closure| &closure.by)) {
            if !teams.contains(&name.to_lowercase()) {
                names.text(name, &disguise.named(name));
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
        self.machines.contains(id)
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

/// Whoever is known, by user id, with all names.
struct Everybody {
    facts: BTreeMap<String, Vec<Facts>>,
}

impl Everybody {
    fn new(roster: &Roster, findings: &Findings) -> Self {
        let integrations = findings.campaigns.iter().flat_map(|found| &found.integrations).map(|row| &row.user);
        let users = findings.users.iter().map(|user| &user.user);
        let shown: Vec<&Person> = integrations.chain(users).chain(findings.tokens.iter().map(|token| &token.user)).collect();
        let mut facts: BTreeMap<String, Vec<Facts>> = BTreeMap::new();
        for person in &shown {
            facts.entry(person.id.clone()).or_default().push(Facts {
                display_name: person.name.clone(),
                email: person.email.clone(),
                ..Facts::default()
            });
        }
        for id in findings.traces.iter().map(|trace| &trace.key.user).chain(findings.authentications.iter().map(|row| &row.user))
        {
            facts.entry(id.clone()).or_default();
        }
        facts.remove("");
        for listed in listed(roster) {
            if let Some(id) = id_of(&facts, listed) {
                facts.entry(id).or_default().push(listed.clone());
            }
        }
        Self { facts }
    }

    /// The user ids of machines.
    fn machines(&self, findings: &Findings, patterns: &[String]) -> BTreeSet<String> {
        let works = works_like_a_machine(findings);
        let is_machine = |id: &str, facts: &[Facts]| {
            let names = names_of(id, facts);
            let by_domain = names.iter().any(|name| MACHINE_DOMAINS.iter().any(|domain| name.to_lowercase().ends_with(domain)));
            let by_pattern = names.iter().any(|name| patterns.iter().any(|pattern| glob(pattern, name)));
            by_domain || by_pattern || (works.get(id) == Some(&true) && names.iter().any(|name| says_machine(name)))
        };
        self.facts.iter().filter(|(id, facts)| is_machine(id, facts)).map(|(id, _)| id.clone()).collect()
    }
}

fn listed(roster: &Roster) -> impl Iterator<Item = &Facts> {
    let members = roster.members.iter().map(|member| &member.person);
    let listed = roster.listed.iter().map(|listed| &listed.person);
    let tokens = roster.tokens.iter().map(|token| &token.person);
    let gone = roster.gone_tokens.iter().map(|gone| &gone.token.person);
    let directory = roster.directory.iter().map(|entry| &entry.person);
    members.chain(listed).chain(tokens).chain(gone).chain(directory).chain(&roster.people)
}

/// The user id that facts of an inventory belong to: whoever is known by their account, address or name, else their own.
fn id_of(known: &BTreeMap<String, Vec<Facts>>, facts: &Facts) -> Option<String> {
    let ids = [
        facts.account_id.clone(),
        facts.email.as_ref().map(|email| format!("email:{email}")),
        facts.nickname.as_ref().map(|name| format!("name:{name}")),
        facts.display_name.as_ref().map(|name| format!("name:{name}")),
        facts.uuid.clone(),
    ];
    let mut ids: Vec<String> = ids.into_iter().flatten().filter(|id| !id.is_empty()).collect();
    let at = ids.iter().position(|id| known.contains_key(id)).unwrap_or(0);
    (!ids.is_empty()).then(|| ids.swap_remove(at))
}

fn names_of(id: &str, facts: &[Facts]) -> Vec<String> {
    let own = id.strip_prefix("name:").or(id.strip_prefix("email:")).unwrap_or_default().to_owned();
    let all = facts.iter().flat_map(|f| [&f.nickname, &f.display_name, &f.email].into_iter().flatten().cloned());
    all.chain([own]).filter(|name| !name.is_empty()).collect()
}

/// By user id, whether everything that is known of how a user works is machine-like; who was never seen at work is not there.
fn works_like_a_machine(findings: &Findings) -> BTreeMap<&str, bool> {
    let mut works = BTreeMap::new();
    for row in findings.campaigns.iter().flat_map(|found| &found.integrations) {
        let runs_alone = !row.category.interactive()
            && !matches!(row.category, Category::Unknown | Category::ScriptLibrary | Category::PackageManager);
        let machine = row.machine.unwrap_or(runs_alone);
        works.entry(row.user.id.as_str()).and_modify(|all| *all &= machine).or_insert(machine);
    }
    works
}

fn says_machine(name: &str) -> bool {
    let local = name.split('@').next().unwrap_or_default().to_lowercase();
    local.split(|c: char| !c.is_alphanumeric()).any(|word| MACHINE_WORDS.contains(&word))
}

#[cfg(test)]
mod tests;
