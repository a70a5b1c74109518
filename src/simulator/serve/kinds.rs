//! The faults by name: what can go wrong at the doors and when, and how both are written on a command line.

use std::{mem::discriminant, time::Duration};

use super::{
    options::RetryHeader,
    refusals::{REFUSALS, Refusal},
    route::ENDPOINTS,
};

/// A disturbance of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Answers with this status and the vendor's error body.
    Status(u16),
    /// Answers with a refusal as it has been seen.
    Refused(&'static Refusal),
    /// Answers 429, whatever the budget.
    TooManyRequests,
    /// The same, with this header instead of the server's.
    RateLimited(RetryHeader),
    /// A cursor is no longer accepted.
    ExpiredCursor,
    /// The same, under the other name that the vendor's model has.
    InvalidSearchTime,
    /// A list takes pages of so many rows at most.
    SmallPages(usize),
    /// A redirection to the same address.
    RedirectHere(u16),
    /// A redirection to another host.
    RedirectAway(u16),
    /// JSON that ends in the middle, complete as far as HTTP knows.
    TruncatedBody,
    /// Compressed JSON that ends in the middle, complete as far as HTTP knows.
    TruncatedGzip,
    /// An HTML page with status 200.
    HtmlBody,
    /// An HTML page with status 502.
    BadGateway,
    /// Nothing, with status 200.
    EmptyBody,
    /// JSON of arrays in arrays in arrays.
    NestedBody,
    /// A body of 40 MiB.
    HugeBody,
    /// The right body under the name of another format.
    WrongContentType,
    /// A pause before the answer begins.
    SlowHeaders(Duration),
    /// A pause in the middle of the body.
    SlowBody(Duration),
    /// The connection breaks before the answer begins.
    ResetBeforeHeaders,
    /// The connection breaks in the middle of the headers.
    ResetInHeaders,
    /// The connection breaks in the middle of the body.
    Reset,
    /// The server's `Date` is so far ahead.
    ClockSkew(Duration),
    /// A page of the audit stream begins with the end of the page before.
    DuplicateEvents,
    /// The stream's empty last page has no cursor.
    EndWithoutCursor,
    /// The inventory's `next` is a bare cursor.
    BareNext,
    /// A page leads to itself.
    SameCursor,
    /// A page leads to itself under a new name, as often as it is asked for.
    FreshCursors,
    NextOnOtherHost,
    NextWithOtherScheme,
    /// `next` carries a username and a password.
    NextWithUserInfo,
    /// The list of a page is null, and the page is the last.
    NullData,
    /// A page has one more item, which is odd.
    Odd(Odd),
}

/// What is odd about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// It happened long before it was processed.
    Late,
    /// Its action, `authType` and types are in no documentation.
    UnknownValues,
    /// It has only what it cannot be without.
    MissingFields,
    /// A product did it.
    SystemActor,
    /// A field of 1 MiB.
    HugeField,
    /// A field of objects in objects.
    NestedField,
    /// A field that is not UTF-8.
    InvalidUtf8,
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

/// Every kind that is no [`Refusal`], with the value that stands for those that have one, and what it does.
const KINDS: [(&str, FaultKind, &str); 38] = [
    ("status", FaultKind::Status(503), "this status with the vendor's error body"),
    ("too-many-requests", FaultKind::TooManyRequests, "429 with the server's usual headers"),
    ("rate-limited", FaultKind::RateLimited(RetryHeader::RetryAfter), "429 with one form of header, or `nothing`"),
    ("expired-cursor", FaultKind::ExpiredCursor, "400 `errors[]`: the page cursor is invalid"),
    ("invalid-search-time", FaultKind::InvalidSearchTime, "400 `errors[]`: the search time is invalid"),
    ("small-pages", FaultKind::SmallPages(50), "400, or 500 of the token list, to more rows a page than this"),
    ("redirect", FaultKind::RedirectHere(302), "a redirection to the same address"),
    ("redirect-away", FaultKind::RedirectAway(302), "a redirection to another host"),
    ("truncated-json", FaultKind::TruncatedBody, "JSON that ends in the middle"),
    ("truncated-gzip", FaultKind::TruncatedGzip, "a compressed body that ends in the middle"),
    ("html", FaultKind::HtmlBody, "an HTML page with status 200"),
    ("bad-gateway", FaultKind::BadGateway, "an HTML page with status 502"),
    ("empty-body", FaultKind::EmptyBody, "nothing with status 200"),
    ("nested-body", FaultKind::NestedBody, "arrays in arrays, 100,000 deep"),
    ("huge-body", FaultKind::HugeBody, "a body of 40 MiB"),
    ("wrong-content-type", FaultKind::WrongContentType, "the right body, called text/html"),
    ("slow-headers", FaultKind::SlowHeaders(Duration::from_secs(5)), "so many seconds before the answer begins"),
    ("slow-body", FaultKind::SlowBody(Duration::from_secs(5)), "so many seconds in the middle of the body"),
    ("reset-before-headers", FaultKind::ResetBeforeHeaders, "the connection breaks before the answer"),
    ("reset-in-headers", FaultKind::ResetInHeaders, "the connection breaks in the headers"),
    ("reset", FaultKind::Reset, "the connection breaks in the body"),
    ("clock-skew", FaultKind::ClockSkew(Duration::from_secs(7_200)), "`Date` is so many seconds ahead of the simulated time"),
    ("duplicate-events", FaultKind::DuplicateEvents, "an audit page begins with the end of the one before"),
    ("end-without-cursor", FaultKind::EndWithoutCursor, "the empty last audit page has no cursor"),
    ("bare-next", FaultKind::BareNext, "the token list's `next` is a bare cursor"),
    ("same-cursor", FaultKind::SameCursor, "a page leads to itself"),
    ("fresh-cursors", FaultKind::FreshCursors, "a page leads to itself under ever new cursors"),
    ("next-on-other-host", FaultKind::NextOnOtherHost, "`next` is on another host"),
    ("next-with-other-scheme", FaultKind::NextWithOtherScheme, "`next` has another scheme"),
    ("next-with-user-info", FaultKind::NextWithUserInfo, "`next` carries a username and a password"),
    ("null-data", FaultKind::NullData, "the list is null and the page is the last"),
    ("late-event", FaultKind::Odd(Odd::Late), "one more event, which happened weeks ago"),
    ("unknown-values", FaultKind::Odd(Odd::UnknownValues), "one more item with values that nobody has documented"),
    ("missing-fields", FaultKind::Odd(Odd::MissingFields), "one more item that lacks most fields"),
    ("system-actor", FaultKind::Odd(Odd::SystemActor), "one more event, by a product"),
    ("huge-field", FaultKind::Odd(Odd::HugeField), "one more item with a field of 1 MiB"),
    ("nested-field", FaultKind::Odd(Odd::NestedField), "one more item with a field that is 1,000 deep"),
    ("invalid-utf8", FaultKind::Odd(Odd::InvalidUtf8), "one more item with bytes that are not UTF-8"),
];

impl FaultKind {
    /// Every kind, with its name and what it does.
    pub fn all() -> impl Iterator<Item = (&'static str, Self, &'static str)> {
        let refused = REFUSALS.iter().map(|it| (it.name, Self::Refused(it), it.about));
        KINDS.into_iter().chain(refused)
    }

    pub fn name(&self) -> &'static str {
        let same = |(_, kind, _): &(&str, Self, &str)| match self {
            Self::Refused(_) | Self::Odd(_) => kind == self,
            _ => discriminant(kind) == discriminant(self),
        };
        Self::all().find(same).map_or("status", |(name, ..)| name)
    }

    /// Reads `name` or `name=value`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let (_, kind, _) = Self::all().find(|(known, ..)| *known == name)?;
        let Some(value) = value else { return Some(kind) };
        let seconds = || value.parse().ok().map(Duration::from_secs);
        let status = |statuses: std::ops::Range<u16>| value.parse().ok().filter(|status| statuses.contains(status));
        match kind {
            Self::Status(_) => status(400..600).map(Self::Status),
            Self::RedirectHere(_) => status(300..400).map(Self::RedirectHere),
            Self::RedirectAway(_) => status(300..400).map(Self::RedirectAway),
            Self::RateLimited(_) => RetryHeader::parse(value).map(Self::RateLimited),
            Self::SmallPages(_) => value.parse().ok().filter(|rows| *rows > 0).map(Self::SmallPages),
            Self::SlowHeaders(_) => seconds().map(Self::SlowHeaders),
            Self::SlowBody(_) => seconds().map(Self::SlowBody),
            Self::ClockSkew(_) => seconds().map(Self::ClockSkew),
            _ => None,
        }
    }
}

impl Fault {
    pub fn new(kind: FaultKind, when: When) -> Self {
        Self { kind, when, endpoint: None }
    }

    pub fn at(self, endpoint: &'static str) -> Self {
        Self { endpoint: Some(endpoint), ..self }
    }

    /// Reads `name[=value]`, then in any order `every=N`, `chance=P` or `burst=FROM+COUNT`, and `at=ENDPOINT`, separated by
    /// commas. Without a time it happens always.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let kind = parts.next().unwrap_or_default();
        let kind = FaultKind::parse(kind).ok_or_else(|| format!("`{kind}` is no fault; `--faults` lists them"))?;
        let mut fault = Self::new(kind, When::Every(1));
        for part in parts {
            match part.split_once('=') {
                Some(("at", name)) => {
                    let known = ENDPOINTS.into_iter().find(|endpoint| *endpoint == name);
                    fault.endpoint = Some(known.ok_or_else(|| format!("`{name}` is none of {}", ENDPOINTS.join(", ")))?);
                }
                Some((word, value)) => fault.when = when(word, value).ok_or_else(|| format!("`{part}` is no time"))?,
                None => return Err(format!("`{part}` is none of every=N, chance=P, burst=FROM+COUNT, at=ENDPOINT")),
            }
        }
        Ok(fault)
    }
}

fn when(word: &str, value: &str) -> Option<When> {
    match word {
        "every" => value.parse().ok().filter(|n| *n > 0).map(When::Every),
        "chance" => value.parse().ok().filter(|chance| (0.0..=1.0).contains(chance)).map(When::Chance),
        "burst" => {
            let (from, count) = value.split_once('+')?;
            Some(When::Burst { from: from.parse().ok()?, count: count.parse().ok()? })
        }
        _ => None,
    }
}
