//! Erasing a person: whom somebody means, every name by which they go, and what evidence is without them.
//!
//! Counts stay, under a pseudonym that stands for every name of the person and leads back to nobody: what one person did is
//! still one person's, so that no integration falls apart or joins another's. Names of places (workspaces, repositories,
//! hosts) and of software are nobody's and stay. A name that others bear, too, is only theirs afterwards.

mod scrub;
#[cfg(test)]
mod tests;
mod written;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{identity::People, tracks::Spans};
use crate::evidence::{History, Origin, Person, Roster, Sighting, Track, is_reserved};
use scrub::Scrub;

/// Nobody, or several, go by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Every name that somebody goes by, sorted.
    Nobody(Vec<String>),
    /// The user ids that it may mean, sorted.
    Several(Vec<String>),
}

/// By what somebody is known. E-mail addresses, nicknames and display names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub accounts: BTreeSet<String>,
    pub uuids: BTreeSet<String>,
    pub emails: BTreeSet<String>,
    pub nicknames: BTreeSet<String>,
    pub display_names: BTreeSet<String>,
    /// Ids of the tokens that the inventories list as theirs.
    pub tokens: BTreeSet<String>,
    /// Nicknames and display names that somebody else has, too: they are in none of the sets above.
    pub shared: BTreeSet<String>,
}

impl Identity {
    /// Somebody of whom nothing is known but a name (in lower case), and the ways in which it was written.
    pub fn of_names(written: BTreeSet<String>, name: &str) -> Self {
        let lower = BTreeSet::from([name.to_owned()]);
        let emails = if name.contains('@') { lower.clone() } else { BTreeSet::new() };
        Self { accounts: written, emails, nicknames: lower.clone(), display_names: lower, ..Self::default() }
    }
}

/// The ways in which pieces of evidence write a name (in lower case), of somebody who is counted among others only.
pub fn written<'s>(sightings: impl Iterator<Item = &'s Sighting<'s>>, name: &str) -> BTreeSet<String> {
    let names = |s: &'s Sighting<'s>| [&s.account_id, &s.email, &s.username, &s.display_name].into_iter().flatten();
    sightings.flat_map(names).filter(|written| written.to_lowercase() == name).map(ToString::to_string).collect()
}

/// Finds somebody by any name, and all their names with it.
pub fn identify(history: &History, roster: &Roster, asked: &str) -> Result<Identity, Unclear> {
    People::new(roster, history, &Spans::new(history)).identify(history, roster, asked)
}

/// What is done to everything that names a person.
#[derive(Clone, Debug)]
pub struct Erasure {
    identity: Identity,
    pseudonym: String,
    free_text: Scrub,
    label: Scrub,
    path: Scrub,
}

/// The names that stand on one piece of evidence or in one row.
struct Names<'a> {
    account: Option<&'a str>,
    uuid: Option<&'a str>,
    email: Option<&'a str>,
    username: Option<&'a str>,
    display_name: Option<&'a str>,
    token: Option<&'a str>,
}

impl Erasure {
    pub fn new(identity: Identity, pseudonym: String) -> Self {
        let free_text = Scrub::of_text(&identity, &pseudonym);
        let label = Scrub::of_label(&identity, &pseudonym);
        let path = Scrub::of_path(&identity, &pseudonym);
        Self { identity, pseudonym, free_text, label, path }
    }

    /// What stands for every name.
    pub fn pseudonym(&self) -> &str {
        &self.pseudonym
    }

    /// Account ids, to which rights are given.
    pub fn accounts(&self) -> &BTreeSet<String> {
        &self.identity.accounts
    }

    /// Names that are kept because somebody else has them, too.
    pub fn shared(&self) -> &BTreeSet<String> {
        &self.identity.shared
    }

    /// Text that a name may stand in, as it came or as documents write it, without it; none when none does.
    pub fn text(&self, text: &str) -> Option<String> {
        self.free_text.apply(text)
    }

    /// The same for a label or a cell, in which a shorter name is somebody, too.
    pub fn label(&self, text: &str) -> Option<String> {
        self.label.apply(text)
    }

    /// Whether bytes that left, or wait to leave, name the person: rather once too often than not.
    pub fn is_named_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let in_lines = || matches!(written::without_breaks(&text), Cow::Owned(lines) if self.label.is_in(&lines));
        self.label.is_in(&text) || in_lines()
    }

    /// Whether facts are about the person.
    pub fn is_about(&self, facts: &Person) -> bool {
        self.is_own(&Names {
            account: facts.account_id.as_deref(),
            uuid: facts.uuid.as_deref(),
            email: facts.email.as_deref(),
            username: facts.nickname.as_deref(),
            display_name: facts.display_name.as_deref(),
            token: None,
        })
    }

    /// What stands for a user id of the person; none for anybody else's.
    pub fn user_id(&self, id: &str) -> Option<String> {
        let identity = &self.identity;
        if let Some(email) = id.strip_prefix("email:") {
            return identity.emails.contains(&email.to_lowercase()).then(|| format!("email:{}", self.email()));
        }
        if let Some(name) = id.strip_prefix("name:") {
            let name = name.to_lowercase();
            let own = identity.nicknames.contains(&name) || identity.display_names.contains(&name);
            return own.then(|| format!("name:{}", self.pseudonym));
        }
        identity.accounts.contains(id).then(|| self.pseudonym.clone())
    }

    /// The track as it is without the person; none when nothing of it changes.
    pub fn track(&self, track: &Track) -> Option<Track> {
        let own = self.is_own(&Names {
            account: track.account_id.as_deref(),
            uuid: None,
            email: track.email.as_deref(),
            username: track.username.as_deref(),
            display_name: track.display_name.as_deref(),
            token: track.token_id.as_deref(),
        });
        let mut left = track.clone();
        for text in [&mut left.token_label, &mut left.secret_id].into_iter().flatten() {
            self.scrub(text);
        }
        match &mut left.origin {
            Origin::Job(name) | Origin::TokenLabel(name) => self.scrub(name),
            Origin::Network(_) | Origin::Roaming | Origin::Address(_) | Origin::Unknown => {}
        }
        if own {
            left.username = track.username.as_deref().map(|name| self.presented(name));
            left.account_id = Some(self.pseudonym.clone());
            left.email = Some(self.email());
            left.display_name = None;
            left.token_id = None;
        }
        (left != *track).then_some(left)
    }

    /// Whether a sighting is the person's, or names them.
    pub fn touches(&self, s: &Sighting<'_>) -> bool {
        let (labels, texts) = ([&s.token_label, &s.secret_id, &s.job], [&s.user_agent, &s.message]);
        self.is_sighting_of(s)
            || labels.into_iter().flatten().any(|text| self.label.is_in(text))
            || texts.into_iter().flatten().any(|text| self.free_text.is_in(text))
            || s.path.as_deref().is_some_and(|path| self.path.is_in(path))
    }

    /// Takes the person out of a sighting.
    pub fn erase(&self, s: &mut Sighting<'static>) {
        let own = self.is_sighting_of(s);
        for text in [&mut s.token_label, &mut s.secret_id, &mut s.job].into_iter().flatten() {
            replace(text, self.label.apply(text));
        }
        for text in [&mut s.user_agent, &mut s.message].into_iter().flatten() {
            replace(text, self.free_text.apply(text));
        }
        if let Some(path) = &mut s.path {
            replace(path, self.path.apply(path));
        }
        if own {
            s.username = s.username.as_deref().map(|name| Cow::Owned(self.presented(name)));
            s.account_id = Some(Cow::Owned(self.pseudonym.clone()));
            s.email = Some(Cow::Owned(self.email()));
            s.display_name = None;
            s.token_id = None;
            s.event_id = None;
            s.client_ip = s.client_ip.map(neighbourhood);
        }
    }

    /// Whether a text is a name of the person, as a whole and however short.
    pub fn is_a_name(&self, text: &str) -> bool {
        let Identity { accounts, uuids, emails, nicknames, display_names, tokens, shared: _ } = &self.identity;
        let folded = text.to_lowercase();
        [accounts, uuids, tokens].iter().any(|names| names.contains(text))
            || [emails, nicknames, display_names].iter().any(|names| names.contains(&folded))
    }

    fn is_sighting_of(&self, s: &Sighting<'_>) -> bool {
        self.is_own(&Names {
            account: s.account_id.as_deref(),
            uuid: None,
            email: s.email.as_deref(),
            username: s.username.as_deref(),
            display_name: s.display_name.as_deref(),
            token: s.token_id.as_deref(),
        })
    }

    fn scrub(&self, text: &mut String) {
        if let Some(left) = self.label.apply(text) {
            *text = left;
        }
    }

    /// An address that no mail reaches.
    fn email(&self) -> String {
        format!("{}@erased.invalid", self.pseudonym)
    }

    /// What stands for the name that was presented with a secret; rules go by its kind, so that stays.
    fn presented(&self, name: &str) -> String {
        match name {
            reserved if is_reserved(reserved) => reserved.to_owned(),
            email if email.contains('@') => self.email(),
            _ => self.pseudonym.clone(),
        }
    }

    /// The strongest name decides; a weaker one beside it is only what somebody is called.
    fn is_own(&self, names: &Names<'_>) -> bool {
        let identity = &self.identity;
        let named = |name: Option<&str>| name.filter(|name| !name.is_empty()).map(str::to_lowercase);
        if let Some(account) = names.account.filter(|account| !account.is_empty()) {
            return identity.accounts.contains(account);
        }
        if let Some(uuid) = names.uuid.filter(|uuid| !uuid.is_empty()) {
            return identity.uuids.contains(uuid);
        }
        let username = names.username.filter(|name| !is_reserved(name));
        if let Some(email) = named(names.email).or_else(|| named(username.filter(|name| name.contains('@')))) {
            return identity.emails.contains(&email);
        }
        if let Some(nickname) = named(username) {
            return identity.nicknames.contains(&nickname) || identity.display_names.contains(&nickname);
        }
        if let Some(name) = named(names.display_name) {
            return identity.display_names.contains(&name) || identity.nicknames.contains(&name);
        }
        names.token.is_some_and(|token| identity.tokens.contains(token))
    }
}

fn replace(text: &mut Cow<'static, str>, with: Option<String>) {
    if let Some(with) = with {
        *text = Cow::Owned(with);
    }
}

/// The network in which the origin of a use is told: the address itself may be somebody's home.
fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & !0xff)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !(u128::MAX >> 48))),
    }
}
