//! What is known beforehand of some logs: how often each hour was used, part of which is known late. Each hour of a day has a
//! repository of its own, so that day counts tell the hours apart.

use std::collections::BTreeMap;

use duskwatch::evidence::{CoverageState, Day};

use crate::support::picture::Picture;

pub const HOUR_MS: i64 = 3_600_000;

/// Uses of an hour that are there when it is over.
pub fn at_once(hour: i64) -> u64 {
    1 + hour.rem_euclid(4).unsigned_abs()
}

/// Uses of an hour that come later, and how much later.
pub fn later(hour: i64) -> (u64, i64) {
    (if hour.rem_euclid(3) == 0 { 2 } else { 0 }, hour.rem_euclid(175) * 60_000)
}

pub fn repository(hour: i64) -> String {
    format!("hour-{:02}", hour.rem_euclid(24))
}

/// The hours of a day.
pub fn of(day: Day) -> std::ops::Range<i64> {
    day.start_ms() / HOUR_MS..day.end_ms() / HOUR_MS
}

/// What a store has counted of such a log, by the hour.
pub fn counted(picture: &Picture, source: &str) -> BTreeMap<i64, u64> {
    let mut hours = BTreeMap::new();
    for ((of, track, day, _), (uses, ..)) in &picture.counts {
        if of == source {
            let repository = track.repository.as_deref().unwrap_or_default();
            let hour = repository.strip_prefix("hour-").and_then(|text| text.parse::<i64>().ok());
            *hours.entry(self::of(*day).start + hour.unwrap_or_else(|| panic!("{track:?}"))).or_default() += uses;
        }
    }
    hours
}

/// How a ledger says that an hour was looked at: the state of what holds all of it, if anything does.
pub fn looked_at(picture: &Picture, source: &str, hour: i64) -> Option<CoverageState> {
    let intervals = picture.coverage.get(source).into_iter().flatten();
    let mut holding = intervals.filter(|it| it.from_ms <= hour * HOUR_MS && (hour + 1) * HOUR_MS <= it.to_ms);
    holding.next().map(|it| it.state)
}
