//! What an answer says about the request budget, in every form that Atlassian's APIs have been seen to use.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::network::{asked_pause, date};

/// A reset that is a number below this counts seconds; a larger one is a Unix time (sampled from Bitbucket).
const LARGEST_RELATIVE_RESET: i64 = 1_000_000;

/// No header makes us wait longer: the windows of both APIs are an hour at most.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// The rate-limit signs of one answer, and the clock that its instants are measured by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RateSigns {
    /// Requests allowed, with the window where the header names one.
    pub limits: Vec<(u32, Option<Duration>)>,
    pub remaining: Option<u32>,
    pub reset_in: Option<Duration>,
    pub retry_after: Option<Duration>,
    pub near_limit: bool,
    /// The server's own time.
    pub date: Option<Timestamp>,
}

impl RateSigns {
    /// Reads the headers of one answer. Instants are measured against the server's own `Date`, so our clock need not be
    /// right; without a `Date` they say nothing.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
        let now = date(headers);
        let retry_after = [RETRY_AFTER.as_str(), "x-retry-after"].into_iter().find_map(|name| asked_pause(headers, name));
        Self {
            limits: text("x-ratelimit-limit").map(limits).unwrap_or_default(),
            remaining: text("x-ratelimit-remaining").and_then(|t| t.parse().ok()),
            reset_in: text("x-ratelimit-reset").and_then(|t| reset(t, now)),
            retry_after: retry_after.map(|pause| pause.min(LONGEST_WAIT)),
            near_limit: text("x-ratelimit-nearlimit").is_some_and(|t| t.eq_ignore_ascii_case("true")),
            date: now,
        }
    }
}

/// `60` or `60, 60;w=3600`: limits, each with its window in seconds where it is given.
fn limits(text: &str) -> Vec<(u32, Option<Duration>)> {
    let parse = |part: &str| {
        let mut fields = part.split(';').map(str::trim);
        let limit = fields.next()?.parse().ok()?;
        let window = fields.find_map(|f| f.strip_prefix("w=")).and_then(|w| w.parse().ok()).map(Duration::from_secs);
        Some((limit, window))
    };
    let all: Vec<_> = text.split(',').filter_map(parse).collect();
    let windowed: Vec<_> = all.iter().copied().filter(|(_, window)| window.is_some()).collect();
    if windowed.is_empty() { all } else { windowed }
}

/// Seconds that remain, a Unix time, or an ISO minute such as `2026-11-21T10:05Z`.
fn reset(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    match text.parse::<i64>() {
        Ok(seconds) if seconds < LARGEST_RELATIVE_RESET => Some(seconds_from_now(seconds)),
        Ok(epoch) => until(Timestamp::from_second(epoch).ok()?, now),
        Err(_) => until(iso_minute(text)?, now),
    }
}

fn until(at: Timestamp, now: Option<Timestamp>) -> Option<Duration> {
    now.map(|now| seconds_from_now(at.as_second() - now.as_second()))
}

fn seconds_from_now(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(LONGEST_WAIT)
}

/// An ISO instant that may leave out its seconds: any second of the minute may be meant, so its end is waited for.
fn iso_minute(text: &str) -> Option<Timestamp> {
    let split = text.split_at_checked("2026-11-21T10:05".len());
    let begin = split.and_then(|(minute, zone)| format!("{minute}:00{zone}").parse::<Timestamp>().ok());
    match begin {
        Some(begin) => begin.checked_add(1.minute()).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &str)]) -> RateSigns {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a header value"));
        }
        RateSigns::read(&headers)
    }

    const NOON: (&str, &str) = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");

    #[test]
    fn every_form_of_reset_says_how_long_to_wait() {
        for (reset, seconds) in [
            ("2026-11-21T12:05Z", Some(360)),
            ("2026-11-21T12:00Z", Some(60)),
            ("2026-11-21T11:59Z", Some(0)),
            ("2026-11-21T12:00:07Z", Some(7)),
            ("2026-11-21T14:05+0200", Some(360)),
            ("745", Some(745)),
            ("1795262430", Some(30)),
            ("2026-11-21T11:00Z", Some(0)),
            ("2027-11-21T11:00Z", Some(3_600)),
            ("soon", None),
        ] {
            assert_eq!(read(&[NOON, ("x-ratelimit-reset", reset)]).reset_in, seconds.map(Duration::from_secs), "{reset}");
        }
        assert_eq!(read(&[("x-ratelimit-reset", "2026-11-21T12:05Z")]).reset_in, None, "an instant needs the server's date");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_under_either_name() {
        let seconds = |pairs: &[(&'static str, &str)]| read(pairs).retry_after.map(|d| d.as_secs());
        assert_eq!(seconds(&[("retry-after", "17")]), Some(17));
        assert_eq!(seconds(&[NOON, ("retry-after", "Sat, 21 Nov 2026 12:01:30 GMT")]), Some(90));
        assert_eq!(seconds(&[("x-retry-after", "4")]), Some(4));
        assert_eq!(seconds(&[("retry-after", "-5")]), Some(0));
        assert_eq!(seconds(&[("retry-after", "86400")]), Some(3_600), "no window is longer");
        assert_eq!(seconds(&[("retry-after", "Sat, 21 Nov 2026 12:01:30 GMT")]), None, "a date needs the server's own");
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn a_limit_may_name_its_window() {
        let hour = Some(Duration::from_secs(3_600));
        assert_eq!(read(&[("x-ratelimit-limit", "50")]).limits, [(50, None)]);
        assert_eq!(read(&[("x-ratelimit-limit", "60, 60;w=3600")]).limits, [(60, hour)]);
        assert_eq!(read(&[("x-ratelimit-limit", "many")]).limits, []);
        let near = read(&[("x-ratelimit-nearlimit", "true"), ("x-ratelimit-remaining", "0")]);
        assert_eq!((near.near_limit, near.remaining), (true, Some(0)));
    }
}
