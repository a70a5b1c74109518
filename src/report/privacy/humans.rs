//! Who is known, and who of them is a machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    analysis::{Findings, Person, glob},
    evidence::{Category, Person as Facts, Roster},
};

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

/// Whoever is known, by user id, with all names.
pub(super) struct Everybody {
    pub(super) facts: BTreeMap<String, Vec<Facts>>,
}

impl Everybody {
    pub(super) fn new(roster: &Roster, findings: &Findings) -> Self {
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
        for id in findings.traces.iter().map(|trace| &trace.key.user) {
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
    pub(super) fn machines(&self, findings: &Findings, patterns: &[String]) -> BTreeSet<String> {
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

pub(super) fn says_machine(name: &str) -> bool {
    let local = name.split('@').next().unwrap_or_default().to_lowercase();
    local.split(|c: char| !c.is_alphanumeric()).any(|word| MACHINE_WORDS.contains(&word))
}
