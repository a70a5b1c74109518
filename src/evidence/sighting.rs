//! One recorded fact as it was read, and the page it came on.

use std::{borrow::Cow, net::IpAddr};

use jiff::Timestamp;

use super::{Person, Skipped, UnknownValue};

/// Text that is borrowed from the bytes it was read from where it can be.
pub type Text<'a> = Option<Cow<'a, str>>;

/// Usernames that stand for a kind of credential: access tokens (and OAuth), API tokens.
pub const RESERVED_USERNAMES: [&str; 2] = ["x-token-auth", "x-bitbucket-api-token-auth"];

/// Whether a username, in any case, stands for a kind of credential and names nobody.
pub fn is_reserved(username: &str) -> bool {
    RESERVED_USERNAMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(username))
}

/// The evidence object of the contract: who, when, from where, with which client and credential, on which repository,
/// with what outcome. Everything but the time may be missing. Secrets are already gone ([`super::redact`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting<'a> {
    /// Milliseconds since the Unix epoch, UTC.
    pub time_ms: i64,
    pub event_id: Text<'a>,
    pub workspace: Text<'a>,
    /// The repository's slug, without its workspace.
    pub repository: Text<'a>,
    /// The name that was presented with the secret: a nickname, an e-mail address, or a reserved name.
    pub username: Text<'a>,
    pub email: Text<'a>,
    pub account_id: Text<'a>,
    /// The display name, which only audit events carry.
    pub display_name: Text<'a>,
    pub client_ip: Option<IpAddr>,
    pub user_agent: Text<'a>,
    /// `basic`, `bearer`, `ssh`, …, lower case.
    pub scheme: Text<'a>,
    /// The first four characters of a recognised secret: `ATBB`, `ATAT` or `ATCT`.
    pub secret_prefix: Text<'a>,
    pub secret_id: Text<'a>,
    pub auth_type: Text<'a>,
    pub token_id: Text<'a>,
    pub token_label: Text<'a>,
    pub job: Text<'a>,
    pub host: Text<'a>,
    pub method: Text<'a>,
    pub path: Text<'a>,
    pub status: Option<u16>,
    pub message: Text<'a>,
    /// The action of an audit event.
    pub action: Text<'a>,
    /// How many uses this stands for; above 1 something upstream has already counted, within one UTC day.
    pub uses: u32,
    /// The last instant of the uses that were counted upstream.
    pub until_ms: Option<i64>,
    /// False for events that tell about people and tokens only (an audit event that is no Bitbucket action).
    pub authentication: bool,
}

impl Sighting<'_> {
    /// A sighting at an instant, with nothing else known.
    pub fn at(time: Timestamp) -> Self {
        Self { time_ms: time.as_millisecond(), uses: 1, authentication: true, ..Self::default() }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Sighting<'static> {
        let own = |text: Text<'_>| text.map(|text| Cow::Owned(text.into_owned()));
        Sighting {
            time_ms: self.time_ms,
            event_id: own(self.event_id),
            workspace: own(self.workspace),
            repository: own(self.repository),
            username: own(self.username),
            email: own(self.email),
            account_id: own(self.account_id),
            display_name: own(self.display_name),
            client_ip: self.client_ip,
            user_agent: own(self.user_agent),
            scheme: own(self.scheme),
            secret_prefix: own(self.secret_prefix),
            secret_id: own(self.secret_id),
            auth_type: own(self.auth_type),
            token_id: own(self.token_id),
            token_label: own(self.token_label),
            job: own(self.job),
            host: own(self.host),
            method: own(self.method),
            path: own(self.path),
            status: self.status,
            message: own(self.message),
            action: own(self.action),
            uses: self.uses,
            until_ms: self.until_ms,
            authentication: self.authentication,
        }
    }
}

/// What one fetch brought: sightings, what was not one, and who was seen on the way.
#[derive(Debug, Default)]
pub struct Page<'a> {
    pub sightings: Vec<Sighting<'a>>,
    pub skipped: Vec<Skipped>,
    pub unknown: Vec<UnknownValue>,
    pub people: Vec<Person>,
    /// Ids and own times (Unix milliseconds) of items that were skipped with the reason [`OTHER_PRODUCT`], so that they
    /// are counted once however often they are read.
    pub passed_over: Vec<(Cow<'a, str>, i64)>,
    /// Of a block of lines or rows: the own time of each, in order, the blank and the skipped ones included; none of one
    /// that tells no time.
    pub times: Vec<Option<i64>>,
}

/// Why an audit event that concerns neither Bitbucket nor credentials is skipped.
pub const OTHER_PRODUCT: &str = "other_product";
