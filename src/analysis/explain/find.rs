//! Whom or what somebody means.

use std::collections::{BTreeSet, HashMap};

use crate::analysis::{Findings, IntegrationKey, KnownIntegration};
use crate::evidence::{Person as Facts, Roster};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// By its id.
    Integration(String),
    /// By the user id.
    User(String),
}

/// Nobody, or several, go by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Everything that could have been asked for, sorted.
    Nobody(Vec<String>),
    /// The user ids that a name may mean, sorted.
    Several(Vec<String>),
}

/// Finds an integration by its id, or a user by account id, user id, e-mail, nickname or display name; letters in either case
/// where nothing is spelt exactly so.
pub fn find(findings: &Findings, roster: &Roster, known: &[KnownIntegration], asked: &str) -> Result<Subject, Unknown> {
    let id = asked.to_ascii_lowercase();
    if let Some(trace) = findings.traces.iter().find(|trace| trace.key.id == id) {
        return Ok(Subject::Integration(trace.key.id.clone()));
    }
    if let Some(id) = under_another_id(findings, known, &id) {
        return Ok(Subject::Integration(id));
    }
    let names = names(findings, roster);
    let exactly: BTreeSet<&str> = names.iter().filter(|(name, _)| name == asked).map(|(_, id)| id.as_str()).collect();
    let folded = asked.to_lowercase();
    let alike = || names.iter().filter(|(name, _)| name.to_lowercase() == folded).map(|(_, id)| id.as_str()).collect();
    let users: BTreeSet<&str> = if exactly.is_empty() { alike() } else { exactly };
    match users.len() {
        0 => Err(Unknown::Nobody(everything(findings, &names))),
        1 => Ok(Subject::User(users.into_iter().collect())),
        _ => Err(Unknown::Several(users.into_iter().map(str::to_owned).collect())),
    }
}

/// The integration that took a remembered one in, or that its evidence belongs to now.
fn under_another_id(findings: &Findings, known: &[KnownIntegration], id: &str) -> Option<String> {
    let present = |id: &str| findings.traces.iter().find(|trace| trace.key.id == id).map(|trace| trace.key.id.clone());
    let taken_in = known.iter().filter(|integration| integration.former_ids.iter().any(|former| former == id));
    taken_in.map(|integration| integration.id.as_str()).find_map(present).or_else(|| {
        let mut keys = known.iter().filter(|integration| integration.id == id).flat_map(|integration| &integration.keys);
        keys.find_map(|key| {
            let same = |trace: &&super::Trace| IntegrationKey { id: key.id.clone(), ..trace.key.clone() } == *key;
            findings.traces.iter().find(same).map(|trace| trace.key.id.clone())
        })
    })
}

/// Every name of a user, with the user's id.
fn names(findings: &Findings, roster: &Roster) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for person in findings.users.iter().map(|user| &user.user) {
        names.push((person.id.clone(), person.id.clone()));
        let bare = ["email:", "name:"].iter().find_map(|kind| person.id.strip_prefix(kind));
        let more = [person.email.as_deref(), person.name.as_deref(), bare].into_iter().flatten();
        names.extend(more.map(|name| (name.to_owned(), person.id.clone())));
    }
    let users = findings.users.iter().map(|user| &user.user);
    let emails = users.clone().filter_map(|person| Some((person.email.as_deref()?, person.id.as_str())));
    let known: HashMap<&str, &str> = emails.chain(users.map(|person| (person.id.as_str(), person.id.as_str()))).collect();
    let members = roster.members.iter().map(|member| &member.person);
    let tokens = roster.tokens.iter().map(|token| &token.person);
    let directory = roster.directory.iter().map(|entry| &entry.person);
    for facts in roster.people.iter().chain(members).chain(tokens).chain(directory) {
        let Facts { account_id, uuid, nickname, display_name, email } = facts;
        let Some(id) = [account_id, email].into_iter().flatten().find_map(|name| known.get(name.as_str())) else { continue };
        let own = [account_id, uuid, nickname, display_name, email];
        names.extend(own.into_iter().flatten().map(|name| (name.clone(), (*id).to_owned())));
    }
    names
}

fn everything(findings: &Findings, names: &[(String, String)]) -> Vec<String> {
    let ids = findings.traces.iter().map(|trace| trace.key.id.clone());
    let all: BTreeSet<String> = ids.chain(names.iter().map(|(name, _)| name.clone())).collect();
    all.into_iter().collect()
}
