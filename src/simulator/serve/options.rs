//! How the simulated APIs behave: credentials, limits, the forms in which real ones differ, and faults.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::kinds::Fault;

/// How the audit stream says that there is nothing more for now; the documentation and real clients disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfStream {
    /// Every page has a cursor, even an empty one.
    CursorOnLastPage,
    /// The walk ends with an empty page whose `meta.next` is null.
    EmptyPageWithoutCursor,
}

/// What stands in `links.next` of the token inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextForm {
    Url,
    BareCursor,
}

/// Which header tells how long to wait after a 429, beside `X-RateLimit-Reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryHeader {
    RetryAfter,
    /// `Retry-After` with an HTTP date.
    RetryAfterDate,
    XRetryAfter,
    /// Only `X-RateLimit-Reset`, in the form of its API.
    ResetOnly,
    /// Only `X-RateLimit-Reset`, as a Unix time.
    ResetEpoch,
    /// No header at all.
    Nothing,
}

impl RetryHeader {
    pub const ALL: [Self; 6] =
        [Self::RetryAfter, Self::RetryAfterDate, Self::XRetryAfter, Self::ResetOnly, Self::ResetEpoch, Self::Nothing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetryAfter => "retry-after",
            Self::RetryAfterDate => "retry-after-date",
            Self::XRetryAfter => "x-retry-after",
            Self::ResetOnly => "reset",
            Self::ResetEpoch => "reset-epoch",
            Self::Nothing => "nothing",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// How to serve a world. The credentials are the ones that the configuration of the product has to present.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    pub listen: SocketAddr,
    /// Bearer key of the organisation's APIs.
    pub organization_key: String,
    /// Bearer token of every workspace.
    pub workspace_token: String,
    /// E-mail and API token for Basic authentication at Bitbucket.
    pub email: String,
    pub api_token: String,
    /// The budget of the organisation's APIs, a minute.
    pub requests_per_minute: u32,
    /// The budget of Bitbucket's API, an hour.
    pub requests_per_hour: u32,
    /// How long the minute of the budget lasts, and a sixtieth of its hour; tests shorten it.
    pub minute: Duration,
    pub retry_header: RetryHeader,
    pub end_of_stream: EndOfStream,
    pub next_form: NextForm,
    /// Some pages of the audit stream repeat an event or two of the page before.
    pub repeats: bool,
    /// Every answer has the simulated time as its `Date`; else only those that need one have, and the others the real time.
    pub shows_clock: bool,
    pub faults: Vec<Fault>,
    pub fault_seed: u64,
    /// The origin of another host, to which some faults lead.
    pub elsewhere: String,
}

impl Default for ServeOptions {
    /// A free port of the loopback address, generous budgets, no faults.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            organization_key: "simulated-organization-key".to_owned(),
            workspace_token: "simulated-workspace-token".to_owned(),
            email: "duskwatch@example.test".to_owned(),
            api_token: "simulated-api-token".to_owned(),
            requests_per_minute: 1_000_000,
            requests_per_hour: 1_000_000,
            minute: Duration::from_secs(60),
            retry_header: RetryHeader::RetryAfter,
            end_of_stream: EndOfStream::CursorOnLastPage,
            next_form: NextForm::Url,
            repeats: true,
            shows_clock: true,
            faults: Vec::new(),
            fault_seed: 0,
            elsewhere: "http://elsewhere.example.test".to_owned(),
        }
    }
}
