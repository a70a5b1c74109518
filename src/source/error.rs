//! Why a fetch failed, in one plain line that says what to do. No line holds a token, a body or an address of a person.

use std::time::Duration;

/// A failed fetch. `at` is the host and path that was asked, without its query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    #[error("{at} does not accept our credential (401): {why}")]
    Unauthorized { at: String, why: Refusal },
    #[error("{at} is forbidden to our credential (403): {}", scopes(required, granted))]
    Forbidden { at: String, required: Vec<String>, granted: Vec<String> },
    #[error("{at} does not exist or our credential may not see it (404): check the name, and what the credential may read")]
    NotFound { at: String },
    /// `change` is the announcement (`CHANGE-2770`) of a removed endpoint; without one, Bitbucket documents the answer as
    /// "marked as spam".
    #[error("{at} is gone (410): {}", gone(change.as_deref()))]
    Gone { at: String, change: Option<String> },
    #[error("{at} no longer accepts the stored cursor: going on from the stored time")]
    CursorRefused { at: String },
    #[error("{at} does not accept the page size (400)")]
    PageSizeRefused { at: String },
    #[error("{at} refused the request with status {status}: check api_url and the identifiers in the configuration")]
    Refused { at: String, status: u16 },
    #[error("{at} answers with status {status}, as no engine does: check url")]
    NoEngine { at: String, status: u16 },
    /// By an engine's own code; its words may quote what it read.
    #[error("{at} refuses the question (code {code}{})", meaning(code))]
    Engine { at: String, code: String },
    #[error("{at} asks to wait {} s before the next request (429)", wait.as_secs())]
    RateLimited { at: String, wait: Duration },
    #[error("{at} is unavailable: {cause}; tried again next time")]
    Unavailable { at: String, cause: Outage },
    #[error("{at} sent what cannot be read: {cause}; the page is refused and asked for again")]
    Unreadable { at: String, cause: Unread },
    #[error("{at} sent more than {limit_bytes} bytes; the page is refused")]
    TooLarge { at: String, limit_bytes: usize },
    #[error("{at} points to {to}: our credential is only sent to its own host; check api_url")]
    ForeignUrl { at: String, to: String },
    #[error(
        "{at} points to an address with a username or password of its own, which would be sent instead of ours; check api_url"
    )]
    ForeignCredential { at: String },
    #[error("{at} sends pages without end; the walk was stopped after {pages}")]
    EndlessPaging { at: String, pages: usize },
}

/// What a 401 says of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is expired, revoked or wrong; create a new one and replace the secret")]
    Invalid,
    /// What an API token gets that is sent as bearer; also what any expired one gets.
    #[error(
        "it is expired, revoked or wrong, or of the other kind: an access token stands in auth as access_token, an API token \
         as email and api_token"
    )]
    OtherKind,
    #[error("an API token needs the e-mail address of its account as username")]
    WantsEmail,
    #[error("the API token has no Bitbucket scopes; create one with scopes for Bitbucket")]
    NoScopes,
    #[error("the token was made for another Atlassian product; create one for this API")]
    OtherProduct,
    /// An account of an engine that keeps logs.
    #[error("the account or its password is wrong, or may not come from this address")]
    Account,
    #[error("it is an app password, and those are refused; use an API token or an access token")]
    AppPassword,
    #[error("it is an account password, and those are refused; use an API token or an access token")]
    AccountPassword,
}

/// Why nothing usable came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    #[error("status {0}")]
    Status(u16),
    #[error("no answer in time")]
    TimedOut,
    /// With the operating system's own words, or ours where it is not trusted.
    #[error("could not connect ({0})")]
    Connect(String),
    #[error("the connection broke off")]
    BrokenOff,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    #[error("an HTML page instead of JSON")]
    Html,
    #[error("JSON that ends too early")]
    Truncated,
    #[error("text that is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("JSON of another shape (line {line}, column {column})")]
    OtherShape { line: usize, column: usize },
}

impl FetchError {
    /// Whether the same request may succeed soon without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Unreadable { .. } => true,
            Self::Engine { code, .. } => OUT_OF_ROOM.contains(&code.as_str()),
            _ => false,
        }
    }

    /// Whether a smaller page may be taken where this one was not: Atlassian's lists do not always say what they refuse.
    pub(super) fn may_be_of_page_size(&self) -> bool {
        matches!(self, Self::PageSizeRefused { .. } | Self::Refused { status: 400, .. })
    }

    /// Whether our own credential is the cause: trying harder does not help, somebody has to act.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Unauthorized { .. } | Self::Forbidden { .. })
    }
}

/// Codes that say that an engine had no time, memory or room for the question now: numbers are ClickHouse's, the others
/// PostgreSQL's (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const OUT_OF_ROOM: [&str; 11] = ["159", "160", "202", "209", "241", "252", "53000", "53100", "53200", "53300", "57014"];

/// What those codes mean that an operator meets.
fn meaning(code: &str) -> &'static str {
    match code {
        "16" | "47" | "42703" => ": there is no such column",
        "60" | "42P01" => ": there is no such table",
        "81" | "3D000" => ": there is no such database",
        "115" | "164" => ": the account may not set a limit of time, which readonly = 2 allows",
        "159" | "160" | "57014" => ": it took too long; ask for shorter slices",
        "202" | "53300" => ": it answers too many questions",
        "241" | "53200" => ": it has too little memory; ask for shorter slices",
        _ => "",
    }
}

fn scopes(required: &[String], granted: &[String]) -> String {
    match (required, granted) {
        ([], _) => "it lacks a scope or a role; see the manual for what this source needs".to_owned(),
        (required, []) => format!("grant the scope {}", required.join(", ")),
        (required, granted) => format!("grant the scope {} (it has {})", required.join(", "), granted.join(", ")),
    }
}

fn gone(change: Option<&str>) -> String {
    match change {
        Some(change) => format!("Atlassian removed this function ({change}); a newer duskwatch is needed for it"),
        None => "the endpoint was removed, or the workspace is marked as spam; ask Atlassian".to_owned(),
    }
}
