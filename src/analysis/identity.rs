//! Who is who: the names that stand in evidence (account id, e-mail, nickname, display name) resolved to one user id,
//! by what the inventories and the audit log say stands together.
//!
//! Facts that share an account id or uuid are one user. An e-mail address or a nickname leads to a user only when it
//! leads to exactly one; otherwise it stays what it is, as `email:…` or `name:…`. A nickname that changed hands leads to
//! each of its bearers in their time ([`bearers`]); a user that was renamed keeps what it did under the old name, also where
//! only evidence tells that the name was theirs ([`former`]).

mod bearers;
mod former;
mod joined;
mod rows;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use self::bearers::Bearers;
use self::former::Former;
use self::joined::{User, strongly_joined};
use super::erasure::{Identity, Unclear};
use super::tracks::Spans;
use super::{NameState, Person};
use crate::evidence::{ApiToken, Credential, Day, History, Person as Facts, Roster, SourceKind, Track, is_crowd, is_reserved};

/// Access tokens act as users of their own, with addresses of this domain.
const TOKEN_DOMAIN: &str = "@bots.bitbucket.org";

/// Which users a name may mean.
type Index = HashMap<String, Vec<usize>>;

/// Everybody whom the inventories and the audit log name.
pub(super) struct People {
    users: Vec<User>,
    by_account: HashMap<String, usize>,
    by_token: HashMap<String, String>,
    by_email: Index,
    by_nickname: Index,
    by_nickname_folded: Index,
    by_display_name: Index,
    bearers: Bearers,
    /// Nicknames that no list, but evidence gives to a user.
    former: Vec<Former>,
    /// Labels of access tokens, as registers have them.
    token_labels: BTreeSet<String>,
    members_are_known: bool,
}

impl People {
    pub(super) fn new(roster: &Roster, history: &History, spans: &Spans) -> Self {
        let actors = audit_actors(history, spans);
        // Who is shown how is decided by what is learned first: what holds now goes before what held once.
        let listed = roster
            .members
            .iter()
            .map(|member| &member.person)
            .chain(roster.tokens.iter().map(|token| &token.person))
            .chain(roster.directory.iter().map(|entry| &entry.person));
        let mut facts: Vec<&Facts> = listed.collect();
        let present = facts.len();
        facts.extend(roster.gone_tokens.iter().map(|gone| &gone.token.person));
        let (memberships, others) = (facts.len(), facts.len() + roster.listed.len());
        facts.extend(roster.listed.iter().chain(&roster.listed_later).map(|listed| &listed.person));
        facts.extend(roster.people.iter().chain(actors.iter().map(|(actor, _)| actor)));
        let (mut users, user_of_fact) = strongly_joined(&facts);
        for (number, user) in user_of_fact.iter().enumerate() {
            let Some(user) = user.map(|user| &mut users[user]) else { continue };
            user.listed |= number < others;
            user.called.extend(facts[number].nickname.clone().filter(|_| number < present));
            let actor = (number + actors.len()).checked_sub(facts.len());
            user.says_how |= actor.is_some_and(|actor| actors[actor].1);
        }
        let listed_since = former::listed_since(users.len(), roster, &user_of_fact[memberships..others]);
        // Who takes a name later leaves it to whoever has it now.
        let rows = roster.listed.iter().chain(&roster.listed_later);
        let bearings = rows.zip(&user_of_fact[memberships..]).filter_map(|(row, user)| Some((row, (*user)?)));
        let mut people = Self {
            bearers: Bearers::new(bearings),
            users,
            by_account: HashMap::new(),
            by_token: HashMap::new(),
            by_email: Index::new(),
            by_nickname: Index::new(),
            by_nickname_folded: Index::new(),
            by_display_name: Index::new(),
            former: Vec::new(),
            token_labels: access_token_labels(roster),
            members_are_known: !roster.members.is_empty(),
        };
        people.index_emails();
        people.index_names();
        people.join_by_name(&facts);
        people.index_names();
        people.learn_former(former::find(&people, history, spans, &listed_since));
        for token in tokens_ever(roster) {
            people.by_token.extend(people.id_of(&token.person).map(|id| (token.token_id.clone(), id)));
        }
        people
    }

    fn learn_former(&mut self, former: Vec<Former>) {
        for Former { name, user, .. } in &former {
            self.users[*user].nicknames.insert(name.clone());
            enter(&mut self.by_nickname, name.clone(), *user);
            enter(&mut self.by_nickname_folded, name.to_lowercase(), *user);
        }
        self.former = former;
    }

    /// Why nicknames that no list knows are taken for a user's.
    pub(super) fn former_names(&self, id: &str) -> impl Iterator<Item = &str> {
        let user = self.by_account.get(id).copied();
        self.former.iter().filter(move |former| Some(former.user) == user).map(|former| former.why.as_str())
    }

    /// Whom somebody means by any name of theirs, and what else they are called.
    pub(super) fn identify(&self, history: &History, roster: &Roster, asked: &str) -> Result<Identity, Unclear> {
        let bare = ["email:", "name:"].iter().find_map(|kind| asked.strip_prefix(kind)).unwrap_or(asked);
        let exactly: Vec<usize> =
            (0..self.users.len()).filter(|user| self.users[*user].names().any(|name| name == bare)).collect();
        let folded = bare.to_lowercase();
        let alike =
            || (0..self.users.len()).filter(|user| self.users[*user].names().any(|name| name.to_lowercase() == folded)).collect();
        let meant: Vec<usize> = if exactly.is_empty() { alike() } else { exactly };
        match meant.as_slice() {
            [user] => Ok(self.identity_of(*user, roster)),
            [] => self.only_in_evidence(history, &folded),
            several => {
                let mut ids: Vec<String> = several.iter().filter_map(|user| self.users[*user].id()).collect();
                ids.sort();
                Err(Unclear::Several(ids))
            }
        }
    }

    fn identity_of(&self, number: usize, roster: &Roster) -> Identity {
        let user = &self.users[number];
        let fold = |names: &BTreeSet<String>| names.iter().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>();
        let others: HashSet<String> = self
            .users
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
            .flat_map(|(_, other)| other.names().map(str::to_lowercase))
            .collect();
        let mut shared = BTreeSet::new();
        let mut alone = |names: &BTreeSet<String>| -> BTreeSet<String> {
            let (common, own): (BTreeSet<String>, BTreeSet<String>) =
                fold(names).into_iter().partition(|name| others.contains(name));
            shared.extend(common);
            own
        };
        let (nicknames, display_names, emails) = (alone(&user.nicknames), alone(&user.display_names), alone(&user.emails));
        let id = user.id();
        let tokens = tokens_ever(roster).filter(|token| id.is_some() && self.id_of(&token.person) == id);
        Identity {
            accounts: user.accounts.clone(),
            uuids: user.uuids.clone(),
            tokens: tokens.map(|token| token.token_id.clone()).collect(),
            emails,
            nicknames,
            display_names,
            shared,
        }
    }

    /// A name that no inventory knows, but evidence presents.
    fn only_in_evidence(&self, history: &History, folded: &str) -> Result<Identity, Unclear> {
        let presented = |track: &Track| {
            let names = [&track.account_id, &track.email, &track.username, &track.display_name];
            names.into_iter().flatten().filter(|name| !is_reserved(name)).cloned().collect::<Vec<_>>()
        };
        let names: BTreeSet<String> = history.tracks.iter().flat_map(|shown| presented(&shown.track)).collect();
        let meant: BTreeSet<String> = names.iter().filter(|name| name.to_lowercase() == folded).cloned().collect();
        if meant.is_empty() {
            let known = self.users.iter().flat_map(User::names).map(str::to_owned);
            return Err(Unclear::Nobody(known.chain(names).collect::<BTreeSet<_>>().into_iter().collect()));
        }
        Ok(Identity::of_names(meant, folded))
    }

    /// The user that a track names in evidence of a day (none: at any time); none when it names nobody.
    pub(super) fn user_of(&self, track: &Track, day: Option<Day>) -> Option<String> {
        if track.username.as_deref().is_some_and(is_crowd) {
            return unresolved(track).into_iter().next();
        }
        if let Some(account) = named(track.account_id.as_deref()) {
            return Some(self.canonical(account));
        }
        self.named_user(track, day)
            .and_then(|user| self.users[user].id())
            .or_else(|| self.by_token.get(track.token_id.as_deref()?).cloned())
            .or_else(|| unresolved(track).into_iter().next())
    }

    /// The user that the names of a track lead to.
    fn named_user(&self, track: &Track, day: Option<Day>) -> Option<usize> {
        let (email, nickname) = (email_of(track), nickname_of(track));
        let display = named(track.display_name.as_deref()).filter(|_| email.is_none() && nickname.is_none());
        let by_email = email.as_deref().and_then(|email| self.only(self.meant_by_email(email)));
        by_email
            .or_else(|| nickname.and_then(|name| self.by_nickname(name, day)))
            .or_else(|| display.and_then(|name| self.only(lookup(&self.by_display_name, name))))
    }

    /// The user id of one entry of an inventory.
    pub(super) fn id_of(&self, facts: &Facts) -> Option<String> {
        let track = Track {
            username: facts.nickname.clone(),
            email: facts.email.clone(),
            account_id: facts.account_id.clone(),
            display_name: facts.display_name.clone(),
            ..Track::default()
        };
        self.user_of(&track, None)
    }

    /// How a user id is shown.
    pub(super) fn person(&self, id: &str) -> Person {
        let email = id.strip_prefix("email:");
        let user = self.meant_by_id(id).map(|user| &self.users[user]);
        Person {
            id: id.to_owned(),
            name: user.and_then(User::shown).cloned().or_else(|| id.strip_prefix("name:").map(str::to_owned)),
            email: user.and_then(|user| user.email.clone()).or_else(|| email.map(str::to_owned)),
        }
    }

    /// Everything that a user id goes by: a name that is resolved meanwhile is still the user's.
    pub(super) fn names<'s>(&'s self, id: &'s str) -> Vec<&'s str> {
        let open = id.strip_prefix("email:").or_else(|| id.strip_prefix("name:"));
        let user = self.meant_by_id(id).map(|user| &self.users[user]);
        [Some(id), open].into_iter().flatten().chain(user.into_iter().flat_map(User::names)).collect()
    }

    /// The one user that a user id stands for.
    fn meant_by_id(&self, id: &str) -> Option<usize> {
        match (id.strip_prefix("email:"), id.strip_prefix("name:")) {
            (Some(email), _) => self.only(self.meant_by_email(email)),
            // A row of the directory may know whose nickname it is, and no account.
            (None, Some(name)) => self.only(self.meant_by_nickname(name)).filter(|user| self.users[*user].id().is_none()),
            (None, None) => self.by_account.get(id).copied(),
        }
    }

    /// Whether an inventory has the one whom an unresolved name means, without an account id.
    pub(super) fn lacks_account(&self, id: &str) -> bool {
        id.starts_with("name:") && self.meant_by_id(id).is_some()
    }

    /// How well it is known whom a user id stands for.
    pub(super) fn state(&self, id: &str) -> NameState {
        let resolved = match (id.strip_prefix("email:"), id.strip_prefix("name:")) {
            (Some(email), _) => self.only(self.meant_by_email(email)).is_some(),
            (None, Some(_)) => false,
            (None, None) => !id.is_empty(),
        };
        match self.meant_by(id).len() {
            _ if resolved => NameState::Resolved,
            0 | 1 => NameState::Unresolved,
            _ => NameState::Ambiguous,
        }
    }

    /// The users that an ambiguous user id may mean, as they are shown, sorted.
    pub(super) fn candidates(&self, id: &str) -> Vec<Person> {
        let shown = |user: &User| match user.id() {
            Some(id) => self.person(&id),
            None => Person { id: user.makeshift_id(), name: user.shown().cloned(), email: None },
        };
        let mut candidates: Vec<Person> = self.meant_by(id).iter().map(|user| shown(&self.users[*user])).collect();
        candidates.sort();
        candidates
    }

    /// Whether an account is the one that an access token acts under: nobody's. Its address says so, or its name is the
    /// label of a registered access token, or the audit log shows an actor with a name but no address that no list has
    /// ever held and of which it never says how it signed in.
    pub(super) fn is_token(&self, id: &str) -> bool {
        let Some(user) = self.by_account.get(id).map(|user| &self.users[*user]) else { return false };
        let addressed = user.emails.iter().any(|email| email.ends_with(TOKEN_DOMAIN));
        let labelled = user.display_names.iter().any(|name| self.token_labels.contains(name));
        let nobody = self.members_are_known && !user.says_how && user.emails.is_empty() && !user.display_names.is_empty();
        addressed || (!user.listed && (labelled || nobody))
    }

    /// Whether a list of members or tokens, or the directory, has named a user at some time.
    pub(super) fn was_listed(&self, id: &str) -> bool {
        self.by_account.get(id).is_some_and(|user| self.users[*user].listed)
    }

    fn canonical(&self, account: &str) -> String {
        self.by_account.get(account).and_then(|user| self.users[*user].id()).unwrap_or_else(|| account.to_owned())
    }

    /// The users that the name in an unresolved id may mean; those with an account go before facts without one.
    fn meant_by(&self, id: &str) -> &[usize] {
        match (id.strip_prefix("email:"), id.strip_prefix("name:")) {
            (Some(email), _) => self.meant_by_email(email),
            (None, Some(name)) => match self.meant_by_nickname(name) {
                [] => lookup(&self.by_display_name, name),
                users => users,
            },
            (None, None) => &[],
        }
    }

    fn meant_by_email(&self, email: &str) -> &[usize] {
        lookup(&self.by_email, email)
    }

    /// Git takes nicknames as they are written, people write them as they like: the exact one goes first.
    fn meant_by_nickname(&self, name: &str) -> &[usize] {
        match lookup(&self.by_nickname, name) {
            [] => lookup(&self.by_nickname_folded, &name.to_lowercase()),
            users => users,
        }
    }

    /// Whether nobody who has an id bears a nickname. Of whom a row of the directory tells no more than the nickname, nobody
    /// knows who it is.
    fn leads_to_nobody(&self, name: &str) -> bool {
        self.meant_by_nickname(name).iter().all(|user| self.users[*user].id().is_none())
    }

    fn by_nickname(&self, name: &str, day: Option<Day>) -> Option<usize> {
        let users = self.meant_by_nickname(name);
        self.only(users).or_else(|| self.bearers.on(&name.to_lowercase(), users, day?))
    }

    /// The only one of these users.
    fn only(&self, users: &[usize]) -> Option<usize> {
        let with_account = |user: &&usize| !self.users[**user].accounts.is_empty();
        let mut accounts = users.iter().filter(with_account);
        match (accounts.next(), accounts.next(), users) {
            (Some(only), None, _) | (None, None, [only]) => Some(*only),
            _ => None,
        }
    }

    fn index_emails(&mut self) {
        for (number, user) in self.users.iter().enumerate() {
            user.emails.iter().for_each(|email| enter(&mut self.by_email, email.clone(), number));
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

/// Gives every track whose nickname changed hands one track for each bearer, so that each means one user throughout.
pub(super) fn split_by_bearer<'a>(history: &'a History, people: &People) -> Cow<'a, History> {
    let mut split = Cow::Borrowed(history);
    for (number, shown) in history.tracks.iter().enumerate() {
        let track = &shown.track;
        let by_name = named(track.account_id.as_deref()).is_none() && email_of(track).is_none();
        let Some(name) = nickname_of(track).filter(|_| by_name) else { continue };
        let users = people.meant_by_nickname(name);
        if users.len() > 1 && people.only(users).is_none() {
            divide(history, number, |day| people.by_nickname(name, Some(day)), &mut split);
        }
    }
    split
}

/// The first bearer keeps the track, each other one gets a copy.
fn divide(history: &History, number: usize, bearer: impl Fn(Day) -> Option<usize>, split: &mut Cow<'_, History>) {
    let mut tracks: Vec<(Option<usize>, usize)> = Vec::new();
    for count in history.counts.of(number) {
        let bearer = bearer(count.day);
        if !tracks.iter().any(|(of, _)| *of == bearer) {
            let track = if tracks.is_empty() { number } else { copy(split.to_mut(), number) };
            tracks.push((bearer, track));
        }
    }
    if tracks.len() > 1 {
        let of = |bearer: Option<usize>| tracks.iter().find(|(of, _)| *of == bearer).map_or(number, |(_, track)| *track);
        split.to_mut().counts.hand_over(number, |count| of(bearer(count.day)));
    }
}

fn copy(history: &mut History, number: usize) -> usize {
    history.tracks.push(history.tracks[number].clone());
    history.tracks.len() - 1
}

/// Who acted, as the audit log names them, each once, and whether it ever said how they had signed in.
fn audit_actors(history: &History, spans: &Spans) -> Vec<(Facts, bool)> {
    let mut seen = HashSet::new();
    let mut actors = Vec::new();
    for (number, shown) in
        history.tracks.iter().enumerate().filter(|(_, shown)| SourceKind::Audit.name_of(&shown.source).is_some())
    {
        let track = &shown.track;
        let says_how = track.token_id.is_some() || track.token_label.is_some() || spans.tells_credential(number);
        let names = (&track.account_id, &track.email, &track.display_name, says_how);
        if track.account_id.is_some() && seen.insert(names) {
            let facts = Facts {
                account_id: track.account_id.clone(),
                email: track.email.as_deref().map(str::to_lowercase),
                display_name: track.display_name.clone(),
                ..Facts::default()
            };
            actors.push((facts, says_how));
        }
    }
    actors
}

fn access_token_labels(roster: &Roster) -> BTreeSet<String> {
    let access_tokens = roster.registered.iter().filter(|credential| credential.kind == Credential::AccessToken);
    access_tokens.map(|credential| credential.label.clone()).filter(|label| !label.is_empty()).collect()
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

/// Whether a user id stands for many of whom nothing is known ([`crate::evidence::Callers`]).
pub fn is_crowd_id(id: &str) -> bool {
    id.strip_prefix("name:").is_some_and(is_crowd)
}

fn email_of(track: &Track) -> Option<String> {
    let username = track.username.as_deref().filter(|name| name.contains('@'));
    named(track.email.as_deref()).or(username).map(str::to_lowercase)
}

fn nickname_of(track: &Track) -> Option<&str> {
    named(track.username.as_deref()).filter(|name| !name.contains('@') && !is_reserved(name))
}

fn named(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty())
}

fn lookup<'a>(index: &'a Index, name: &str) -> &'a [usize] {
    index.get(name).map_or(&[], Vec::as_slice)
}

fn enter(index: &mut Index, name: String, user: usize) {
    let users = index.entry(name).or_default();
    if !users.contains(&user) {
        users.push(user);
    }
}
