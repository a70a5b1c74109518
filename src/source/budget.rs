//! How many requests one credential may send: a token bucket for each window of the vendor's limits, lowered by what the
//! answers say. Pure: the instant is an argument.
//!
//! A bucket lets through at most `allowed` requests in any window: its burst and one window's refill add up to that.

use std::time::{Duration, Instant};

use super::headers::RateSigns;

/// The share of a window's requests that may be sent at once. Small enough that the steady rate stays near the limit.
const BURST_SHARE: f64 = 0.125;
/// What a 429 without any hint is worth: the shortest documented window.
const UNTOLD_WAIT: Duration = Duration::from_secs(60);
/// Answers without a warning after which a lowered pace is doubled again.
const CALM_ANSWERS: u32 = 50;
/// A pace that warnings have lowered never falls below this, so that a source keeps moving.
const SLOWEST_PACE: f64 = 0.125;
/// Windows that answers may name beside the configured ones; both APIs name one.
const MAX_WINDOWS: usize = 4;
/// A limit of a longer one would stop us for days after a burst: no server has told one that it meant.
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3_600);

/// The requests that one credential may send.
#[derive(Debug)]
pub(super) struct Budget {
    buckets: Vec<Bucket>,
    share: f64,
    blocked_until: Option<Instant>,
    /// Factor on every refill, at most 1.
    pace: f64,
    calm_answers: u32,
}

#[derive(Debug)]
struct Bucket {
    window: Duration,
    /// Requests in one window that the configuration allows us; none when only an answer named this window.
    configured: Option<f64>,
    allowed: f64,
    tokens: f64,
    refilled_at: Instant,
    counter: WindowCounter,
}

impl Budget {
    /// `limits` are the vendor's, requests per window; `share` of them is ours.
    pub(super) fn new(limits: &[(u32, Duration)], share: f64, now: Instant) -> Self {
        let buckets = limits.iter().map(|&(limit, window)| Bucket::new(ours(limit, share), window, true, now)).collect();
        Self { buckets, share, blocked_until: None, pace: 1.0, calm_answers: 0 }
    }

    /// Takes leave for one request, or says how long to wait before asking again.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        self.blocked_until = None;
        let pace = self.pace;
        let wait = self.buckets.iter_mut().map(|b| b.wait(now, pace)).max().unwrap_or_default();
        if wait > Duration::ZERO {
            return Err(wait);
        }
        for bucket in &mut self.buckets {
            bucket.take(now);
        }
        Ok(())
    }

    /// Learns from an answer. For a refused request (429) returns how long the server wants to be left alone.
    pub(super) fn learn(&mut self, signs: &RateSigns, refused: bool, now: Instant) -> Duration {
        for &(limit, window) in &signs.limits {
            self.lower(limit, window, now);
        }
        if let Some(remaining) = signs.remaining {
            let window = self.window_of(signs.limits.first().and_then(|(_, window)| *window));
            if let Some(bucket) = self.buckets.iter_mut().find(|b| Some(b.window) == window) {
                bucket.tokens = bucket.tokens.min(f64::from(remaining));
            }
        }
        self.adapt_pace(refused, signs.near_limit);
        let wait = match (refused, signs.remaining, signs.reset_in) {
            (true, _, reset) => signs.retry_after.or(reset).unwrap_or(UNTOLD_WAIT),
            (false, Some(0), Some(reset)) => reset,
            _ => return Duration::ZERO,
        };
        self.blocked_until = self.blocked_until.max(Some(now + wait));
        wait
    }

    /// The used part of our share of the fullest window, 0 to 1.
    pub(super) fn used(&self, now: Instant) -> f64 {
        self.buckets.iter().map(|b| (b.counter.recent(now, b.window) / b.allowed).min(1.0)).fold(0.0, f64::max)
    }

    fn lower(&mut self, limit: u32, window: Option<Duration>, now: Instant) {
        let allowed = ours(limit, self.share);
        let Some(window) = self.window_of(window) else { return };
        let has_room = self.buckets.len() < MAX_WINDOWS && (Duration::from_secs(1)..=LONGEST_WINDOW).contains(&window);
        match self.buckets.iter_mut().find(|b| b.window == window) {
            Some(bucket) => bucket.allow(bucket.configured.map_or(allowed, |c| c.min(allowed))),
            None if has_room => self.buckets.push(Bucket::new(allowed, window, false, now)),
            None => {}
        }
    }

    /// A limit without a window is that of the first configured one: a minute for the organisation, an hour for Bitbucket.
    fn window_of(&self, stated: Option<Duration>) -> Option<Duration> {
        stated.or_else(|| self.buckets.first().map(|b| b.window))
    }

    /// A refusal halves the pace, a warning holds it at half, calm answers bring it back.
    fn adapt_pace(&mut self, refused: bool, near_limit: bool) {
        if refused || near_limit {
            self.calm_answers = 0;
            self.pace = if refused { (self.pace / 2.0).max(SLOWEST_PACE) } else { self.pace.min(0.5) };
            return;
        }
        self.calm_answers += 1;
        if self.calm_answers >= CALM_ANSWERS {
            self.calm_answers = 0;
            self.pace = (self.pace * 2.0).min(1.0);
        }
    }
}

fn ours(limit: u32, share: f64) -> f64 {
    (f64::from(limit) * share).floor().max(1.0)
}

impl Bucket {
    fn new(allowed: f64, window: Duration, configured: bool, now: Instant) -> Self {
        let counter = WindowCounter { started_at: now, current: 0, previous: 0 };
        let mut bucket =
            Self { window, configured: configured.then_some(allowed), allowed, tokens: 0.0, refilled_at: now, counter };
        bucket.tokens = bucket.burst();
        bucket
    }

    fn burst(&self) -> f64 {
        (self.allowed * BURST_SHARE).floor().max(1.0)
    }

    /// Requests a second. With room for one request only, the burst is the whole window's refill.
    fn rate(&self) -> f64 {
        (self.allowed - self.burst()).max(1.0) / self.window.as_secs_f64()
    }

    fn allow(&mut self, allowed: f64) {
        self.allowed = allowed;
        self.tokens = self.tokens.min(self.burst());
    }

    fn wait(&mut self, now: Instant, pace: f64) -> Duration {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate() * pace).min(self.burst());
        self.refilled_at = now;
        if self.tokens >= 1.0 {
            return Duration::ZERO;
        }
        // Rounded up to a millisecond, so that the next try finds the token.
        Duration::from_secs_f64((1.0 - self.tokens) / (self.rate() * pace)) + Duration::from_millis(1)
    }

    fn take(&mut self, now: Instant) {
        self.tokens -= 1.0;
        self.counter.count(now, self.window);
    }
}

/// Requests in the last window, estimated from two fixed windows side by side.
#[derive(Debug)]
struct WindowCounter {
    started_at: Instant,
    current: u32,
    previous: u32,
}

impl WindowCounter {
    fn count(&mut self, now: Instant, window: Duration) {
        let elapsed = now.saturating_duration_since(self.started_at);
        if elapsed >= window {
            self.previous = if elapsed < window * 2 { self.current } else { 0 };
            self.current = 0;
            self.started_at = now;
        }
        self.current += 1;
    }

    fn recent(&self, now: Instant, window: Duration) -> f64 {
        let elapsed = now.saturating_duration_since(self.started_at).as_secs_f64() / window.as_secs_f64();
        let (fading, weight) = if elapsed < 1.0 { (self.previous, 1.0 - elapsed) } else { (self.current, 2.0 - elapsed) };
        let kept = if elapsed < 1.0 { f64::from(self.current) } else { 0.0 };
        kept + f64::from(fading) * weight.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Sends as fast as the budget allows, for a while; returns the seconds at which requests went out.
    fn greedy(budget: &mut Budget, start: Instant, seconds: u64) -> Vec<f64> {
        let (mut now, mut sent) = (start, Vec::new());
        while now < start + Duration::from_secs(seconds) {
            match budget.admit(now) {
                Ok(()) => sent.push((now - start).as_secs_f64()),
                Err(wait) => now += wait,
            }
        }
        sent
    }

    fn most_in_any_minute(sent: &[f64]) -> usize {
        sent.iter().map(|from| sent.iter().filter(|at| (*from..from + 60.0).contains(at)).count()).max().unwrap_or(0)
    }

    #[test]
    fn no_minute_holds_more_than_our_share_and_most_of_it_is_used() {
        let now = Instant::now();
        for (limit, share, allowed) in [(50, 0.8, 40), (10, 0.8, 8), (10, 0.1, 1), (3, 1.0, 3), (60_000, 0.8, 48_000)] {
            let mut budget = Budget::new(&[(limit, MINUTE)], share, now);
            let sent = greedy(&mut budget, now, 200);
            assert!(most_in_any_minute_of(&sent) <= allowed, "{limit} × {share}");
            assert!(sent.len() >= allowed * 2, "{limit} × {share}: {} sent", sent.len());
        }
    }

    fn most_in_any_minute_of(sent: &[f64]) -> usize {
        if sent.len() < 5_000 { most_in_any_minute(sent) } else { sent.iter().filter(|at| **at < 60.0).count() }
    }

    #[test]
    fn a_generous_limit_does_not_slow_a_fast_server() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(100_000, MINUTE)], 0.8, now);
        assert!((0..5_000).all(|_| budget.admit(now).is_ok()));
    }

    #[test]
    fn headers_lower_the_limit_and_never_raise_it() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(50, MINUTE)], 1.0, now);
        budget.learn(&RateSigns { limits: vec![(10, None)], ..RateSigns::default() }, false, now);
        assert!(most_in_any_minute(&greedy(&mut budget, now, 300)) <= 10);
        let later = now + Duration::from_secs(600);
        budget.learn(&RateSigns { limits: vec![(5_000, None)], ..RateSigns::default() }, false, later);
        assert!(most_in_any_minute(&greedy(&mut budget, later, 300)) <= 50);
    }

    #[test]
    fn a_window_that_only_an_answer_names_is_kept_too() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(50, MINUTE)], 1.0, now);
        let hour = Duration::from_secs(3_600);
        budget.learn(&RateSigns { limits: vec![(60, Some(hour))], ..RateSigns::default() }, false, now);
        assert!(greedy(&mut budget, now, 3_600).len() <= 60);
    }

    #[test]
    fn a_window_of_a_year_is_none_that_a_server_means() {
        let now = Instant::now();
        for window in [Duration::from_secs(365 * 24 * 3_600), Duration::from_secs(u64::MAX), Duration::ZERO] {
            let mut budget = Budget::new(&[(50, MINUTE)], 1.0, now);
            budget.learn(&RateSigns { limits: vec![(60, Some(window))], ..RateSigns::default() }, false, now);
            assert!(greedy(&mut budget, now, 600).len() > 400, "{window:?}");
        }
    }

    #[test]
    fn a_refusal_blocks_as_long_as_told_or_a_minute() {
        let now = Instant::now();
        for (retry_after, reset_in, wait) in [(Some(7), Some(30), 7), (None, Some(30), 30), (None, None, 60)] {
            let mut budget = Budget::new(&[(50, MINUTE)], 1.0, now);
            let signs = RateSigns {
                retry_after: retry_after.map(Duration::from_secs),
                reset_in: reset_in.map(Duration::from_secs),
                ..RateSigns::default()
            };
            assert_eq!(budget.learn(&signs, true, now), Duration::from_secs(wait));
            assert_eq!(budget.admit(now), Err(Duration::from_secs(wait)));
            assert_eq!(budget.admit(now + Duration::from_secs(wait)), Ok(()));
        }
    }

    #[test]
    fn nothing_remaining_means_waiting_for_the_reset_before_any_refusal() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(50, MINUTE)], 1.0, now);
        let signs = RateSigns { remaining: Some(0), reset_in: Some(Duration::from_secs(12)), ..RateSigns::default() };
        budget.learn(&signs, false, now);
        assert_eq!(budget.admit(now), Err(Duration::from_secs(12)));
    }

    #[test]
    fn warnings_slow_down_and_calm_answers_bring_the_pace_back() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(60, MINUTE)], 1.0, now);
        let full = greedy(&mut budget, now, 600).len();
        budget.learn(&RateSigns { near_limit: true, ..RateSigns::default() }, false, now);
        let slowed = greedy(&mut budget, now + Duration::from_secs(600), 600).len();
        assert!(slowed * 10 < full * 6, "{slowed} of {full}");
        for _ in 0..CALM_ANSWERS {
            budget.learn(&RateSigns::default(), false, now);
        }
        assert!(greedy(&mut budget, now + Duration::from_secs(1_200), 600).len() * 10 > full * 9);
    }

    #[test]
    fn the_used_share_rises_with_requests_and_fades() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(40, MINUTE)], 1.0, now);
        assert!(budget.used(now) < f64::EPSILON);
        greedy(&mut budget, now, 60);
        let used = budget.used(now + MINUTE);
        assert!((0.7..=1.0).contains(&used), "{used}");
        assert!(budget.used(now + MINUTE * 3) < f64::EPSILON);
    }

    #[test]
    fn what_was_sent_in_the_window_before_counts_as_far_as_it_may_lie_in_the_last_minute() {
        let now = Instant::now();
        let mut budget = Budget::new(&[(40, MINUTE)], 1.0, now);
        let mut used_after_one_more = |seconds: u64| {
            let at = now + Duration::from_secs(seconds);
            assert_eq!(budget.admit(at), Ok(()));
            (budget.used(at) * 40.0, budget.used(at + MINUTE / 4) * 40.0)
        };
        for second in [0, 10, 20] {
            used_after_one_more(second);
        }
        // Three in the minute before, then one; a quarter of a minute later three quarters of the three.
        assert_eq!(used_after_one_more(90), (4.0, 1.0 + 3.0 * 0.75));
        assert_eq!(used_after_one_more(90 + 150), (1.0, 1.0), "two minutes later nothing of them is left");
    }
}
