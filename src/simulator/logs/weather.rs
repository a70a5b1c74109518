//! What goes wrong with logs themselves: some begin to be collected late, stretches of some are lost, and the clocks of
//! some hosts are wrong.

use std::collections::BTreeMap;

use crate::evidence::Day;

use super::super::{
    Door,
    seed::{Seed, Topic},
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Of the logs beside the first egress log, this share is collected only from a later day on.
const LATE_SHARE: f64 = 0.35;
/// Share of the hosts whose clock is seconds off, and of those whose clock is minutes off.
const SECONDS_OFF: f64 = 0.25;
const MINUTES_OFF: f64 = 0.1;

/// The weather of every log.
#[derive(Debug)]
pub(in super::super) struct Weather {
    doors: BTreeMap<Door, Local>,
}

#[derive(Debug)]
struct Local {
    begins_ms: i64,
    lost: Vec<(i64, i64)>,
    /// How far the host's clock is ahead.
    ahead_ms: i64,
}

impl Weather {
    pub fn of(seed: Seed, first: Day, last: Day) -> Self {
        let local = |(door, number): (&Door, u64)| (*door, Local::of(seed, *door, number, (first.start_ms(), last.start_ms())));
        Self { doors: Door::ALL.iter().zip(0..).map(local).collect() }
    }

    /// Nothing goes wrong.
    pub fn fair(first: Day) -> Self {
        let fair = |door: &Door| (*door, Local { begins_ms: first.start_ms(), lost: Vec::new(), ahead_ms: 0 });
        Self { doors: Door::ALL.iter().map(fair).collect() }
    }

    /// Whether the log keeps what passes at an instant.
    pub fn keeps(&self, door: Door, at_ms: i64) -> bool {
        let local = &self.doors[&door];
        at_ms >= local.begins_ms && !local.lost.iter().any(|(from, to)| (*from..*to).contains(&at_ms))
    }

    /// What the log's host takes an instant for.
    pub fn clock(&self, door: Door, at_ms: i64) -> i64 {
        at_ms + self.doors[&door].ahead_ms
    }
}

impl Local {
    fn of(seed: Seed, door: Door, number: u64, (first_ms, last_ms): (i64, i64)) -> Self {
        let mut rng = seed.stream(Topic::Weather, number, 0);
        let span = last_ms - first_ms;
        let late = rng.f64() < LATE_SHARE && door != Door::Inspected;
        let begins_ms = if late { first_ms + rng.i64(span / 20..span / 3) } else { first_ms };
        let lost = (0..rng.usize(..3)).map(|_| {
            let longest = (9 * DAY_MS).min(span / 12);
            // Hours are more common than days.
            let length = longest / (1 << rng.u32(..6));
            let from = first_ms + rng.i64(span / 10..span);
            (from, from + length.max(HOUR_MS))
        });
        let lost = lost.collect();
        let sign = if rng.bool() { 1 } else { -1 };
        let ahead_ms = sign
            * match rng.f64() {
                draw if draw < MINUTES_OFF => rng.i64(60_000..240_000),
                draw if draw < MINUTES_OFF + SECONDS_OFF => rng.i64(400..45_000),
                _ => 0,
            };
        Self { begins_ms, lost, ahead_ms }
    }
}
