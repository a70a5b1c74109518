//! How the simulated APIs behave: credentials, limits, the forms in which real ones differ, and faults.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

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
    XRetryAfter,
    /// Only `X-RateLimit-Reset`.
    ResetOnly,
    /// No header at all.
    Nothing,
}

/// A disturbance of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Answers with this status and the vendor's error body.
    Status(u16),
    /// Answers 429, whatever the budget.
    TooManyRequests,
    /// JSON that ends in the middle, complete as far as HTTP knows.
    TruncatedBody,
    /// An HTML page with status 200.
    HtmlBody,
    /// A pause in the middle of the body.
    SlowBody(Duration),
    /// The connection breaks in the middle of the body.
    Reset,
    /// A page of the audit stream begins with the end of the page before.
    DuplicateEvents,
    /// A cursor is no longer accepted.
    ExpiredCursor,
}

/// On which of the requests that it may concern a fault happens; they are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Every(u64),
    Chance(f64),
    /// From a request on, for so many.
    Burst {
        from: u64,
        count: u64,
    },
}

/// A disturbance, and when it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub when: When,
    /// Only this endpoint, as [`super::Server::requests`] names it; none is all.
    pub endpoint: Option<&'static str>,
}

impl Fault {
    pub fn new(kind: FaultKind, when: When) -> Self {
        Self { kind, when, endpoint: None }
    }

    pub fn at(self, endpoint: &'static str) -> Self {
        Self { endpoint: Some(endpoint), ..self }
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
    pub faults: Vec<Fault>,
    pub fault_seed: u64,
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
            faults: Vec::new(),
            fault_seed: 0,
        }
    }
}
