//! Request budgets, and the headers that tell of them.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use tokio::time::Instant;

use super::{
    options::{RetryHeader, ServeOptions},
    reply::Reply,
};

/// Which API a request belongs to: their budgets and headers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Atlassian,
    Bitbucket,
}

/// Counts the requests of one window of time.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u32,
    window: Duration,
    used: u32,
    since: Instant,
}

/// The state of a budget after a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    limit: u32,
    remaining: u32,
    reset: Duration,
    pub exceeded: bool,
}

impl Budget {
    pub fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window, used: 0, since: Instant::now() }
    }

    /// Counts one request; a refused one costs nothing.
    pub fn charge(&mut self) -> Charge {
        if self.since.elapsed() >= self.window {
            self.since = Instant::now();
            self.used = 0;
        }
        let exceeded = self.used >= self.limit;
        self.used += u32::from(!exceeded);
        let reset = self.window.saturating_sub(self.since.elapsed());
        Charge { limit: self.limit, remaining: self.limit - self.used, reset, exceeded }
    }
}

impl Charge {
    /// What a 429 without a spent budget claims.
    pub fn spent(options: &ServeOptions, api: Api) -> Self {
        let limit = if api == Api::Atlassian { options.requests_per_minute } else { options.requests_per_hour };
        Self { limit, remaining: 0, reset: Duration::from_secs(1).min(options.minute), exceeded: true }
    }

    fn seconds(self) -> u64 {
        self.reset.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
    }

    /// Adds the headers with which each API tells the state of its budget.
    pub fn tell(self, reply: Reply, api: Api, now: Timestamp) -> Reply {
        let reply = reply.with("x-ratelimit-remaining", self.remaining);
        match api {
            Api::Atlassian => reply.with("x-ratelimit-limit", self.limit).with("x-ratelimit-reset", self.minute(now)),
            Api::Bitbucket => reply
                .with("x-ratelimit-limit", format!("{0}, {0};w=3600", self.limit))
                .with("x-ratelimit-reset", self.seconds())
                .with("x-ratelimit-nearlimit", self.remaining < self.limit / 5)
                .with("x-ratelimit-resource", "api"),
        }
    }

    /// The end of the window by the simulated clock.
    fn end(self, now: Timestamp) -> Timestamp {
        now.checked_add(i64::try_from(self.seconds()).unwrap_or(60).seconds()).unwrap_or(now)
    }

    /// The minute that it lies in. A client that takes the minute's first second for the end comes back too early.
    fn minute(self, now: Timestamp) -> String {
        self.end(now).strftime("%Y-%m-%dT%H:%MZ").to_string()
    }

    /// A 429, as JSON or, at Bitbucket now and then, as plain text.
    pub fn refuse(self, header: RetryHeader, api: Api, now: Timestamp, number: u64) -> Reply {
        const MESSAGE: &str = "Rate limit for this resource has been exceeded";
        let reply = match api {
            Api::Atlassian => Reply::atlassian_error(429, "TOO_MANY_REQUESTS", MESSAGE),
            Api::Bitbucket if number.is_multiple_of(2) => Reply::text(429, MESSAGE),
            Api::Bitbucket => Reply::bitbucket_error(429, MESSAGE),
        };
        match header {
            RetryHeader::RetryAfter => self.tell(reply, api, now).with("retry-after", self.seconds()),
            RetryHeader::RetryAfterDate => self.tell(reply, api, now).with("retry-after", http_date(self.end(now))),
            RetryHeader::XRetryAfter => self.tell(reply, api, now).with("x-retry-after", self.seconds()),
            RetryHeader::ResetOnly => self.tell(reply, api, now),
            RetryHeader::ResetEpoch => {
                reply.with("x-ratelimit-remaining", self.remaining).with("x-ratelimit-reset", self.end(now).as_second())
            }
            RetryHeader::Nothing => reply,
        }
    }
}

/// The form of `Date` and `Retry-After`.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
