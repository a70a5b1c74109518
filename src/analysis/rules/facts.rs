//! What rules look at: the fields of a piece of evidence, and what follows from them and the campaign's calendar.

use crate::evidence::{Operation, Outcome, Sighting, WindowKind, is_reserved, place::Surface};

/// A field of the evidence object that may be there or not; the client is the catalogue's id of the user agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    EventId,
    Workspace,
    Repository,
    Username,
    Email,
    AccountId,
    UserAgent,
    Client,
    Scheme,
    SecretPrefix,
    SecretId,
    AuthType,
    TokenId,
    TokenLabel,
    Job,
    Host,
    Method,
    Path,
    Message,
    Action,
    ClientIp,
    Status,
    Uses,
    Until,
}

/// In the order of their declaration.
const FIELDS: [(Field, &str); 24] = [
    (Field::EventId, "event_id"),
    (Field::Workspace, "workspace"),
    (Field::Repository, "repository"),
    (Field::Username, "username"),
    (Field::Email, "email"),
    (Field::AccountId, "account_id"),
    (Field::UserAgent, "user_agent"),
    (Field::Client, "client"),
    (Field::Scheme, "scheme"),
    (Field::SecretPrefix, "secret_prefix"),
    (Field::SecretId, "secret_id"),
    (Field::AuthType, "auth_type"),
    (Field::TokenId, "token_id"),
    (Field::TokenLabel, "token_label"),
    (Field::Job, "job"),
    (Field::Host, "host"),
    (Field::Method, "method"),
    (Field::Path, "path"),
    (Field::Message, "message"),
    (Field::Action, "action"),
    (Field::ClientIp, "client_ip"),
    (Field::Status, "status"),
    (Field::Uses, "uses"),
    (Field::Until, "until"),
];

impl Field {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        FIELDS.into_iter().map(|(field, _)| field)
    }

    /// As the evidence object and the rules spell it.
    pub(super) fn as_str(self) -> &'static str {
        FIELDS[self as usize].1
    }

    pub(super) fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// What a username looks like. Reserved ones stand for a kind of credential and name nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsernameKind {
    Nickname,
    Email,
    Reserved,
    Absent,
}

impl UsernameKind {
    pub(super) fn of(username: Option<&str>) -> Self {
        match username {
            None => Self::Absent,
            Some(name) if is_reserved(name) => Self::Reserved,
            Some(name) if name.contains('@') => Self::Email,
            Some(_) => Self::Nickname,
        }
    }
}

/// A property of every piece of evidence that has one of a few values. Each value is one bit of a word: what a rule allows
/// is compared with what is there by one operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trait {
    pub(super) key: &'static str,
    first: u32,
    /// In the order of the enum that they belong to.
    pub(super) words: &'static [&'static str],
}

pub(super) const SURFACE: Trait = Trait { key: "surface", first: 0, words: &["git", "rest", "ssh", "other"] };
pub(super) const OPERATION: Trait =
    Trait { key: "operation", first: 4, words: &["git_read", "git_write", "api_read", "api_write", "other"] };
pub(super) const OUTCOME: Trait = Trait { key: "outcome", first: 9, words: &["accepted", "rejected", "unknown"] };
pub(super) const WINDOW: Trait = Trait { key: "window", first: 12, words: &["outside", "published", "extrapolated"] };
pub(super) const TIME: Trait = Trait { key: "time", first: 15, words: &["before_removal", "after_removal"] };
pub(super) const USERNAME_KIND: Trait =
    Trait { key: "username_kind", first: 17, words: &["nickname", "email", "reserved", "absent"] };
pub(super) const GIT_PATH: Trait = Trait { key: "git_path", first: 21, words: &["false", "true"] };

pub(super) const TRAITS: [Trait; 7] = [SURFACE, OPERATION, OUTCOME, WINDOW, TIME, USERNAME_KIND, GIT_PATH];

/// Every value of every trait.
pub(super) const ANY: u32 = (1 << 23) - 1;

impl Trait {
    pub(super) fn bit(&self, value: usize) -> u32 {
        1 << (self.first + u32::try_from(value).expect("a trait has a few values"))
    }

    /// All its values.
    pub(super) fn mask(&self) -> u32 {
        (0..self.words.len()).map(|value| self.bit(value)).sum()
    }
}

/// One piece of evidence as rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) sighting: &'a Sighting<'a>,
    workspace: Option<&'a str>,
    repository: Option<&'a str>,
    client: Option<&'a str>,
    /// The bit of each trait's value.
    pub(super) traits: u32,
    /// The bits of the fields that are there, of those that some rule asks for.
    pub(super) present: u32,
}

/// What follows from a sighting and is needed to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Derived<'a> {
    pub workspace: Option<&'a str>,
    pub repository: Option<&'a str>,
    pub client: Option<&'a str>,
    pub surface: Surface,
    pub operation: Operation,
    pub git_path: bool,
    pub outcome: Outcome,
    pub window: WindowKind,
    pub removed: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(sighting: &'a Sighting<'_>, derived: &Derived<'a>, asked: &[Field]) -> Self {
        let traits = SURFACE.bit(derived.surface as usize)
            | OPERATION.bit(derived.operation as usize)
            | OUTCOME.bit(derived.outcome as usize)
            | WINDOW.bit(derived.window as usize)
            | TIME.bit(usize::from(derived.removed))
            | USERNAME_KIND.bit(UsernameKind::of(sighting.username.as_deref()) as usize)
            | GIT_PATH.bit(usize::from(derived.git_path));
        let Derived { workspace, repository, client, .. } = *derived;
        let mut facts = Self { sighting, workspace, repository, client, traits, present: 0 };
        facts.present = asked.iter().filter(|field| facts.has(**field)).map(|field| field.bit()).sum();
        facts
    }

    fn has(&self, field: Field) -> bool {
        match field {
            Field::ClientIp => self.sighting.client_ip.is_some(),
            Field::Status => self.sighting.status.is_some(),
            Field::Until => self.sighting.until_ms.is_some(),
            Field::Uses => true,
            _ => self.text(field).is_some(),
        }
    }

    /// The text of a field that has one.
    pub(super) fn text(&self, field: Field) -> Option<&'a str> {
        let s = self.sighting;
        match field {
            Field::Workspace => self.workspace,
            Field::Repository => self.repository,
            Field::Client => self.client,
            Field::EventId => s.event_id.as_deref(),
            Field::Username => s.username.as_deref(),
            Field::Email => s.email.as_deref(),
            Field::AccountId => s.account_id.as_deref(),
            Field::UserAgent => s.user_agent.as_deref(),
            Field::Scheme => s.scheme.as_deref(),
            Field::SecretPrefix => s.secret_prefix.as_deref(),
            Field::SecretId => s.secret_id.as_deref(),
            Field::AuthType => s.auth_type.as_deref(),
            Field::TokenId => s.token_id.as_deref(),
            Field::TokenLabel => s.token_label.as_deref(),
            Field::Job => s.job.as_deref(),
            Field::Host => s.host.as_deref(),
            Field::Method => s.method.as_deref(),
            Field::Path => s.path.as_deref(),
            Field::Message => s.message.as_deref(),
            Field::Action => s.action.as_deref(),
            Field::ClientIp | Field::Status | Field::Uses | Field::Until => None,
        }
    }

    /// The number of a field that has one.
    pub(super) fn number(&self, field: Field) -> Option<u32> {
        match field {
            Field::Status => self.sighting.status.map(u32::from),
            Field::Uses => Some(self.sighting.uses),
            _ => None,
        }
    }
}
