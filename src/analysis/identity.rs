//! Who is who: the names that stand in evidence (account id, e-mail, nickname, display name) resolved to one user id,
//! by what the inventories say stands together.
//!
//! Facts that share an account id or uuid are one user. An e-mail address or a nickname leads to a user only when it
//! leads to exactly one; otherwise it stays what it is, as `email:…` or `name:…`.

use std::collections::{BTreeSet, HashMap};

use super::Person;
use crate::evidence::{ApiToken, Person as Facts, Roster, Track};

/// Usernames that stand for a kind of secret, not for somebody.
const RESERVED: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

/// One user, as far as the inventories know.
#[derive(Default)]
struct User {
    accounts: BTreeSet<String>,
    emails: BTreeSet<String>,
    nicknames: BTreeSet<String>,
    display_names: BTreeSet<String>,
}

impl User {
    fn learn(&mut self, facts: &Facts) {
        let add = |set: &mut BTreeSet<String>, value: &Option<String>| set.extend(value.clone());
        add(&mut self.accounts, &facts.account_id);
        add(&mut self.nicknames, &facts.nickname);
        add(&mut self.display_names, &facts.display_name);
        self.emails.extend(facts.email.as_deref().map(str::to_lowercase));
    }

    fn id(&self) -> Option<String> {
        self.accounts.first().cloned().or_else(|| self.emails.first().map(|email| format!("email:{email}")))
    }
}

/// Which users a name may mean.
type Index = HashMap<String, Vec<usize>>;

/// Everybody the inventories name.
pub(super) struct People {
    users: Vec<User>,
    by_account: HashMap<String, usize>,
    by_token: HashMap<String, String>,
    by_email: Index,
    by_nickname: Index,
    by_nickname_folded: Index,
    by_display_name: Index,
}

impl People {
    pub(super) fn new(roster: &Roster) -> Self {
        let facts: Vec<&Facts> = roster
            .people
            .iter()
            .chain(roster.members.iter().map(|member| &member.person))
            .chain(tokens_ever(roster).map(|token| &token.person))
            .chain(roster.directory.iter().map(|entry| &entry.person))
            .collect();
        let mut people = Self {
            users: strongly_joined(&facts),
            by_account: HashMap::new(),
            by_token: HashMap::new(),
            by_email: Index::new(),
            by_nickname: Index::new(),
            by_nickname_folded: Index::new(),
            by_display_name: Index::new(),
        };
        people.index_emails();
        people.join_by_email(&facts);
        people.index_names();
        for token in tokens_ever(roster) {
            people.by_token.extend(people.id_of(&token.person).map(|id| (token.token_id.clone(), id)));
        }
        people
    }

    /// The user that a track names; none when it names nobody.
    pub(super) fn user_of(&self, track: &Track) -> Option<String> {
        if let Some(account) = named(track.account_id.as_deref()) {
            return Some(self.canonical(account));
        }
        let (email, nickname) = (email_of(track), nickname_of(track));
        let display = named(track.display_name.as_deref());
        email
            .as_deref()
            .and_then(|email| self.choose(&self.by_email, email))
            .or_else(|| nickname.and_then(|name| self.by_nickname(name)))
            .or_else(|| {
                display.filter(|_| email.is_none() && nickname.is_none()).and_then(|n| self.choose(&self.by_display_name, n))
            })
            .and_then(|user| self.users[user].id())
            .or_else(|| unresolved(track).into_iter().next())
            .or_else(|| self.by_token.get(track.token_id.as_deref()?).cloned())
    }

    /// The user id of one entry of an inventory.
    pub(super) fn id_of(&self, facts: &Facts) -> Option<String> {
        self.user_of(&Track {
            username: facts.nickname.clone(),
            email: facts.email.clone(),
            account_id: facts.account_id.clone(),
            display_name: facts.display_name.clone(),
            client: None,
            origin: crate::evidence::Origin::Unknown,
            host: None,
            workspace: None,
            repository: None,
            token_id: None,
            token_label: None,
            secret_id: None,
        })
    }

    /// How a user id is shown.
    pub(super) fn person(&self, id: &str) -> Person {
        let email = id.strip_prefix("email:");
        let user = match email {
            Some(email) => self.choose(&self.by_email, email),
            None => self.by_account.get(id).copied(),
        };
        let user = user.map(|user| &self.users[user]);
        Person {
            id: id.to_owned(),
            name: user
                .and_then(|user| user.display_names.first().or(user.nicknames.first()).cloned())
                .or_else(|| id.strip_prefix("name:").map(str::to_owned)),
            email: user.and_then(|user| user.emails.first().cloned()).or_else(|| email.map(str::to_owned)),
        }
    }

    fn canonical(&self, account: &str) -> String {
        self.by_account.get(account).and_then(|user| self.users[*user].id()).unwrap_or_else(|| account.to_owned())
    }

    fn by_nickname(&self, name: &str) -> Option<usize> {
        if self.by_nickname.contains_key(name) {
            return self.choose(&self.by_nickname, name);
        }
        self.choose(&self.by_nickname_folded, &name.to_lowercase())
    }

    /// The only user with this name; a user with an account goes before facts without one.
    fn choose(&self, index: &Index, name: &str) -> Option<usize> {
        let candidates = index.get(name)?;
        let mut with_account = candidates.iter().filter(|user| !self.users[**user].accounts.is_empty());
        match (with_account.next(), with_account.next(), candidates.as_slice()) {
            (Some(only), None, _) | (None, None, [only]) => Some(*only),
            _ => None,
        }
    }

    fn index_emails(&mut self) {
        for (number, user) in self.users.iter().enumerate() {
            user.emails.iter().for_each(|email| enter(&mut self.by_email, email.clone(), number));
        }
    }

    /// Facts without account id and uuid (a directory's rows) belong to whom their e-mail address leads to.
    fn join_by_email(&mut self, facts: &[&Facts]) {
        for facts in facts.iter().filter(|facts| strong_keys(facts).next().is_none()) {
            let Some(email) = facts.email.as_deref().map(str::to_lowercase) else { continue };
            match (self.choose(&self.by_email, &email), self.by_email.contains_key(&email)) {
                (Some(user), _) => self.users[user].learn(facts),
                (None, true) => {}
                (None, false) => {
                    let mut user = User::default();
                    user.learn(facts);
                    enter(&mut self.by_email, email, self.users.len());
                    self.users.push(user);
                }
            }
        }
    }

    fn index_names(&mut self) {
        for (number, user) in self.users.iter().enumerate() {
            self.by_account.extend(user.accounts.iter().map(|account| (account.clone(), number)));
            for name in &user.nicknames {
                enter(&mut self.by_nickname, name.clone(), number);
                enter(&mut self.by_nickname_folded, name.to_lowercase(), number);
            }
            user.display_names.iter().for_each(|name| enter(&mut self.by_display_name, name.clone(), number));
        }
    }
}

/// Evidence that names a token keeps its user when the token is gone.
fn tokens_ever(roster: &Roster) -> impl Iterator<Item = &ApiToken> {
    roster.gone_tokens.iter().map(|gone| &gone.token).chain(&roster.tokens)
}

/// The ids a track would have if nothing were known about it, the strongest first. An integration keeps its id when one
/// of them is resolved.
pub(super) fn unresolved(track: &Track) -> Vec<String> {
    let email = email_of(track).map(|email| format!("email:{email}"));
    let names = [nickname_of(track), named(track.display_name.as_deref())];
    email.into_iter().chain(names.into_iter().flatten().map(|name| format!("name:{name}"))).collect()
}

fn email_of(track: &Track) -> Option<String> {
    let username = track.username.as_deref().filter(|name| name.contains('@'));
    named(track.email.as_deref()).or(username).map(str::to_lowercase)
}

fn nickname_of(track: &Track) -> Option<&str> {
    let reserved = |name: &&str| RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name));
    named(track.username.as_deref()).filter(|name| !name.contains('@') && !reserved(name))
}

fn named(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty())
}

fn enter(index: &mut Index, name: String, user: usize) {
    let users = index.entry(name).or_default();
    if !users.contains(&user) {
        users.push(user);
    }
}

fn strong_keys(facts: &Facts) -> impl Iterator<Item = (&'static str, &str)> {
    let account = facts.account_id.as_deref().map(|account| ("account", account));
    account.into_iter().chain(facts.uuid.as_deref().map(|uuid| ("uuid", uuid)))
}

/// Joins facts that share an account id or uuid, directly or through others.
fn strongly_joined(facts: &[&Facts]) -> Vec<User> {
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
    for (number, facts) in facts.iter().enumerate().filter(|(_, facts)| strong_keys(facts).next().is_some()) {
        let user = *user_of_root.entry(root(&mut parents, number)).or_insert_with(|| {
            users.push(User::default());
            users.len() - 1
        });
        users[user].learn(facts);
    }
    users
}

fn root(parents: &mut [usize], mut node: usize) -> usize {
    while parents[node] != node {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    node
}
