//! How long a first look takes at the documented rate: the pure parts of the lanes, in a time that is only counted.
//!
//! `cargo test --lib source::tests::figures -- --nocapture` prints the figures.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::{Timestamp, ToSpan as _};

use crate::{
    evidence::{Coverage, CoverageState, Ledger, coverage, time::MS_PER_DAY},
    source::{AuditPage, Position, Then, Walk, budget::Budget, headers::RateSigns, next_slice},
};

const EVENTS: i64 = 1_000_000;
const PAGE: i64 = 500;
/// Between two events, so that all of them fill what Atlassian keeps.
const STEP_MS: i64 = 180 * MS_PER_DAY / EVENTS;
const MINUTE: Duration = Duration::from_secs(60);
const OVERLAP: Duration = Duration::from_secs(3_600);
/// Longer than such a page takes in practice.
const ANSWER: Duration = Duration::from_secs(1);
const SOURCE: &str = "audit/acme";

/// A stream without end in which one event comes after the other, seen at an instant.
struct Stream {
    began_ms: i64,
    now_ms: i64,
}

impl Stream {
    fn index(&self, ms: i64) -> i64 {
        ((ms - self.began_ms) / STEP_MS).max(0)
    }

    /// A cursor is the index of the next event and the end of the walk.
    fn page(&self, position: &Position) -> AuditPage {
        let (from, end) = match position {
            Position::From(ms) => (self.index(*ms), i64::MAX),
            Position::Between { from_ms, to_ms } => (self.index(*from_ms), self.index(*to_ms)),
            Position::Cursor(cursor) => {
                let (from, end) = cursor.split_once('.').expect("our own cursor");
                (from.parse().expect("a number"), end.parse().expect("a number"))
            }
        };
        let to = (from + PAGE).min(end).min(self.index(self.now_ms));
        let newest_ms = (to > from).then(|| self.began_ms + to * STEP_MS);
        AuditPage::of_nothing((to - from).unsigned_abs(), newest_ms, Some(format!("{to}.{end}")))
    }
}

/// What one service does from its first minute on.
struct Simulated {
    budget: Budget,
    began: Instant,
    clock: Instant,
    first_ms: i64,
    stored: BTreeMap<String, String>,
    ledger: Ledger,
    requests: u32,
}

impl Simulated {
    fn new(per_minute: u32) -> Self {
        let began = Instant::now();
        let now: Timestamp = "2026-07-03T07:00:00Z".parse().expect("an instant");
        Self {
            budget: Budget::new(&[(per_minute, MINUTE)], 0.8, began),
            began,
            clock: began,
            first_ms: now.as_millisecond(),
            stored: BTreeMap::new(),
            ledger: Ledger::default(),
            requests: 0,
        }
    }

    fn now(&self) -> Timestamp {
        let gone = i64::try_from((self.clock - self.began).as_millis()).expect("hours");
        Timestamp::from_millisecond(self.first_ms + gone).expect("in the calendar")
    }

    fn minutes(&self) -> f64 {
        (self.clock - self.began).as_secs_f64() / 60.0
    }

    fn wait(&mut self) {
        while let Err(wait) = self.budget.admit(self.clock) {
            self.clock += wait;
        }
    }

    /// One page and what is committed with it; whether the walk goes on.
    fn step(&mut self, walk: &mut Walk) -> bool {
        self.wait();
        self.requests += 1;
        self.clock += ANSWER;
        self.budget.learn(&RateSigns::default(), false, self.clock);
        let stream = Stream { began_ms: self.first_ms - 180 * MS_PER_DAY, now_ms: self.now().as_millisecond() };
        let step = walk.after(&stream.page(walk.position()));
        for update in step.cursors {
            match update.value {
                Some(value) => self.stored.insert(update.key, value),
                None => self.stored.remove(&update.key),
            };
        }
        if let Some((from_ms, to_ms)) = step.covered {
            let state = CoverageState::Covered;
            let new = Coverage { from_ms, to_ms, state, items: 0, skipped: 0, reason: String::new() };
            let list = self.ledger.sources.remove(SOURCE).unwrap_or_default();
            self.ledger.sources.insert(SOURCE.to_owned(), coverage::insert(list, new));
        }
        assert_ne!(step.then, Then::Endless);
        step.then == Then::Continue
    }

    fn steady(&mut self) {
        let mut walk = Walk::steady(&self.stored, self.now(), None, OVERLAP);
        while self.step(&mut walk) {}
    }

    /// Reads what is older until the next steady round is due; whether something is left.
    fn older(&mut self, due: Instant) -> bool {
        while let Some(slice) = next_slice(&self.ledger, SOURCE, self.now()) {
            let mut walk = Walk::older(&self.stored, slice, self.now(), OVERLAP);
            loop {
                if self.clock >= due {
                    return true;
                }
                if !self.step(&mut walk) {
                    break;
                }
            }
        }
        false
    }
}

/// Minutes until the first round has ended and until nothing is left, how late the latest steady round began, in seconds,
/// and the requests of all of it.
fn first_look(per_minute: u32) -> (f64, f64, f64, u32) {
    let mut service = Simulated::new(per_minute);
    service.steady();
    let useful = service.minutes();
    let mut due = service.clock.max(service.began + MINUTE);
    let mut latest = Duration::ZERO;
    for _ in 0..100_000 {
        if !service.older(due) {
            let all = service.minutes();
            let begin = service.now().checked_sub((179 * 24).hours()).expect("in the calendar").as_millisecond();
            assert_eq!(service.ledger.unseen(SOURCE, begin, service.first_ms), [], "nothing is left out");
            return (useful, all, latest.as_secs_f64(), service.requests);
        }
        latest = latest.max(service.clock - due);
        due = service.clock.max(due) + MINUTE;
        service.steady();
    }
    panic!("it never ends");
}

#[test]
fn a_million_events_are_useful_in_minutes_and_complete_in_hours() {
    for (per_minute, at_most) in [(50, (3.0, 70.0)), (10, (16.0, 480.0))] {
        let (useful, all, late, requests) = first_look(per_minute);
        println!(
            "1,000,000 events over 180 days at {per_minute} requests a minute, share 0.8: the newest week after {useful:.1} min, \
             everything after {all:.0} min, {requests} requests, no steady round later than {late:.1} s"
        );
        assert!(useful <= at_most.0 && all <= at_most.1, "{useful} {all}");
        assert!(late <= 10.0, "the older lane starves the steady one: {late}");
    }
}
