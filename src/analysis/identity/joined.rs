//! Facts become users: what shares an account id or uuid, directly or through others, is one.

use std::collections::{BTreeSet, HashMap};

use crate::evidence::Person as Facts;

/// One user, as far as it is known.
#[derive(Default)]
pub(super) struct User {
    pub(super) accounts: BTreeSet<String>,
    pub(super) uuids: BTreeSet<String>,
    pub(super) emails: BTreeSet<String>,
    pub(super) nicknames: BTreeSet<String>,
    pub(super) display_names: BTreeSet<String>,
    /// The names by which it is shown: those that were learned first.
    pub(super) name: Option<String>,
    pub(super) nickname: Option<String>,
    pub(super) email: Option<String>,
    /// The nicknames by which lists of members and tokens, and the directory, call it now.
    pub(super) called: BTreeSet<String>,
    /// A list of members or tokens, or the directory, has named it at some time.
    pub(super) listed: bool,
    /// Evidence that named it said how it had signed in.
    pub(super) says_how: bool,
}

impl User {
    pub(super) fn learn(&mut self, facts: &Facts) {
        let add = |set: &mut BTreeSet<String>, value: &Option<String>| set.extend(value.clone());
        add(&mut self.accounts, &facts.account_id);
        add(&mut self.uuids, &facts.uuid);
        add(&mut self.nicknames, &facts.nickname);
        add(&mut self.display_names, &facts.display_name);
        let email = facts.email.as_deref().map(str::to_lowercase);
        self.emails.extend(email.clone());
        keep_first(&mut self.name, facts.display_name.as_ref());
        keep_first(&mut self.nickname, facts.nickname.as_ref());
        keep_first(&mut self.email, email.as_ref());
    }

    pub(super) fn id(&self) -> Option<String> {
        self.accounts.first().cloned().or_else(|| self.emails.first().map(|email| format!("email:{email}")))
    }

    /// What tells it from others where it has no id.
    pub(super) fn makeshift_id(&self) -> String {
        let named = || self.nicknames.first().or(self.display_names.first()).map(|name| format!("name:{name}"));
        self.uuids.first().cloned().or_else(named).unwrap_or_default()
    }

    /// Everything that it goes by.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let Self { accounts, uuids, emails, nicknames, display_names, .. } = self;
        [accounts, uuids, emails, nicknames, display_names].into_iter().flatten().map(String::as_str)
    }

    pub(super) fn shown(&self) -> Option<&String> {
        self.name.as_ref().or(self.nickname.as_ref())
    }
}

fn keep_first(kept: &mut Option<String>, new: Option<&String>) {
    if kept.is_none() {
        *kept = new.cloned();
    }
}

/// Account id and uuid: each belongs to one user for ever.
pub(super) fn strong_keys(facts: &Facts) -> impl Iterator<Item = (&'static str, &str)> {
    let account = facts.account_id.as_deref().map(|account| ("account", account));
    account.into_iter().chain(facts.uuid.as_deref().map(|uuid| ("uuid", uuid)))
}

/// The users that facts with strong keys make, and for each of the facts its user.
pub(super) fn strongly_joined(facts: &[&Facts]) -> (Vec<User>, Vec<Option<usize>>) {
    let mut parents: Vec<usize> = (0..facts.len()).collect();
    let mut first_with = HashMap::new();
    for (number, facts) in facts.iter().enumerate() {
        for key in strong_keys(facts) {
            let other = *first_with.entry(key).or_insert(number);
            let (a, b) = (root(&mut parents, number), root(&mut parents, other));
            parents[a.max(b)] = a.min(b);
        }
    }
    let mut users = Vec::new();
    let mut user_of_root = HashMap::new();
    let mut user_of_fact = vec![None; facts.len()];
    for (number, facts) in facts.iter().enumerate().filter(|(_, facts)| strong_keys(facts).next().is_some()) {
        let user = *user_of_root.entry(root(&mut parents, number)).or_insert_with(|| {
            users.push(User::default());
            users.len() - 1
        });
        users[user].learn(facts);
        user_of_fact[number] = Some(user);
    }
    (users, user_of_fact)
}

fn root(parents: &mut [usize], mut node: usize) -> usize {
    while parents[node] != node {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    node
}
