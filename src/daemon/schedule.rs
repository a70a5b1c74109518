//! What is due: pure functions of what was done and of `now`. A timer only wakes whoever asks, so a restart, a suspend or
//! a change of the clock neither skips nor repeats anything.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use chrono::DateTime;
use croner::Cron;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// A report that goes out this long after its hour is marked late.
const LATE_AFTER: Duration = Duration::from_secs(30 * 60);

/// A report that has to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The instant of the schedule that it stands for; its identity.
    pub occurrence: Timestamp,
    /// When the first of the reports was due that this one stands for.
    pub first: Timestamp,
    /// How many it stands for: 1 unless some were missed.
    pub count: u32,
    pub late: bool,
}

/// Missed reports that are counted; more are as many.
const MAX_COUNTED: u32 = 366;

/// Checks a five-field cron line.
///
/// # Errors
/// Says what a cron line looks like.
fn parse_cron(line: &str) -> Result<Cron, String> {
    let wrong = || format!("`{line}` is no cron line: five fields, such as \"0 7 * * *\"");
    if line.split_whitespace().count() != 5 {
        return Err(wrong());
    }
    let ranges = "minutes 0-59, hours 0-23, days 1-31, months 1-12 or JAN-DEC, weekdays 0-7 or SUN-SAT";
    Cron::from_str(line).map_err(|_| format!("`{line}` is no cron line: its fields are {ranges}"))
}

/// Whether a text is a cron line that will be due some day.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_cron(line: &str) -> Result<(), String> {
    let next = parse_cron(line)?.find_next_occurrence(&DateTime::UNIX_EPOCH, true);
    next.map(drop).map_err(|_| format!("`{line}` names a day that no month has: it would never be due"))
}

/// The report that is due at `now`: the newest occurrence of the cron line after the one that was `done` last (for a new
/// store: after the service began). Several missed ones are one.
pub fn due(cron: &str, zone: &TimeZone, done: Timestamp, now: Timestamp) -> Option<Due> {
    let cron = parse_cron(cron).ok()?;
    let occurrence = newest_occurrence(&cron, zone, now).filter(|at| *at > done)?;
    let (mut first, mut count) = (occurrence, 1);
    while let Some(before) = newest_occurrence(&cron, zone, just_before(first)).filter(|at| *at > done && count < MAX_COUNTED) {
        (first, count) = (before, count + 1);
    }
    let late = count > 1 || is_late(occurrence, now);
    Some(Due { occurrence, first, count, late })
}

/// Whether what was due at `occurrence` is late now.
pub fn is_late(occurrence: Timestamp, now: Timestamp) -> bool {
    now.duration_since(occurrence).unsigned_abs() > LATE_AFTER
}

/// Cron lines name whole minutes.
fn just_before(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() - 1).unwrap_or(Timestamp::MIN)
}

/// The newest instant at or before `now` that the line names, by the clock of the zone: what the clock skips in spring comes as
/// much later, what it shows twice in autumn comes the first time. Croner gives the seconds of `now` back with the minute that
/// they lie in, and an occurrence must be the same whenever in its minute it is asked for.
fn newest_occurrence(cron: &Cron, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    // Croner is shown the zone's clock as if it were UTC's, so it needs no zones of its own.
    let shown = TimeZone::UTC.to_timestamp(zone.to_datetime(now)).ok()?.as_second();
    let minute = DateTime::from_timestamp(shown.div_euclid(60) * 60, 0)?;
    let mut found = cron.find_previous_occurrence(&minute, true).ok()?;
    loop {
        let shown = Timestamp::from_second(found.timestamp()).ok()?;
        let at = zone.to_timestamp(TimeZone::UTC.to_datetime(shown)).ok()?;
        if at <= now {
            return Some(at);
        }
        // In an hour that the clock has skipped, and so still to come: the one before it. There are as many as fit into a gap.
        found = cron.find_previous_occurrence(&found, false).ok()?;
    }
}

/// Whether something that repeats is due: never done, done long enough ago, or done in a future that a clock that was set
/// back has made impossible.
pub fn interval_due(done: Option<Timestamp>, every: Duration, now: Timestamp) -> bool {
    done.is_none_or(|done| done > now || now.duration_since(done).unsigned_abs() >= every)
}

/// Whether the clock on the wall goes as one does that nobody can set.
#[derive(Debug, Default)]
pub struct SteadyClock {
    last: Option<(Instant, Timestamp)>,
    set: Option<Instant>,
}

impl SteadyClock {
    /// A clock that is set by less goes on as it did.
    pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);
    const STEADY_AFTER: Duration = Duration::from_secs(3_600);

    /// Looks at both clocks, again and again, and returns by how much the one on the wall was set forward since the last look, as it
    /// is where the machine has slept, or, below zero, back; none where it goes on.
    pub fn was_set(&mut self, steady: Instant, now: Timestamp) -> Option<SignedDuration> {
        let (steady_before, before) = self.last.replace((steady, now))?;
        let (went_by, shown) = (steady.duration_since(steady_before), now.duration_since(before));
        let expected = SignedDuration::try_from(went_by).unwrap_or(SignedDuration::MAX);
        let by = Some(shown.saturating_sub(expected)).filter(|by| by.abs() > Self::TOLERANCE);
        self.set = by.map(|_| steady).or(self.set);
        by
    }

    /// After the clock on the wall was set it is not relied on for an hour.
    pub fn is_steady(&self, steady: Instant) -> bool {
        self.set.is_none_or(|set| steady.duration_since(set) >= Self::STEADY_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a valid instant")
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("a known zone")
    }

    /// Asks every ten minutes, as a timer would, and does what is due.
    fn occurrences(zone_name: &str, from: &str, to: &str, asleep: impl Fn(Timestamp) -> bool) -> Vec<(String, u32)> {
        let zone = zone(zone_name);
        let (mut done, mut now, mut out) = (at(from), at(from), Vec::new());
        while now < at(to) {
            if !asleep(now)
                && let Some(due) = due("30 2 * * *", &zone, done, now)
            {
                done = due.occurrence;
                out.push((due.occurrence.to_string(), due.count));
            }
            now += Duration::from_secs(600);
        }
        out
    }

    fn dates(list: &[(String, u32)]) -> Vec<&str> {
        list.iter().map(|(at, _)| &at[..10]).collect()
    }

    #[test]
    fn daylight_saving_neither_skips_nor_repeats_a_day() {
        let spring = occurrences("Europe/Berlin", "2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z", |_| false);
        assert_eq!(dates(&spring), ["2026-03-28", "2026-03-29", "2026-03-30", "2026-03-31"]);
        let autumn = occurrences("Europe/Berlin", "2026-10-23T12:00:00Z", "2026-10-27T12:00:00Z", |_| false);
        assert_eq!(dates(&autumn), ["2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27"]);
        assert_eq!((spring[1].0.as_str(), autumn[1].0.as_str()), ("2026-03-29T01:30:00Z", "2026-10-25T00:30:00Z"));
    }

    #[test]
    fn a_clock_that_was_set_is_not_relied_on_for_an_hour() {
        let (begun, mut clock) = (Instant::now(), SteadyClock::default());
        let mut look = |minutes: u64, shown: &str| {
            let steady = begun + Duration::from_secs(60 * minutes);
            (clock.was_set(steady, at(shown)).is_some(), clock.is_steady(steady))
        };
        assert_eq!(look(0, "2026-07-03T12:00:00Z"), (false, true));
        assert_eq!(look(60, "2026-07-03T13:00:10Z"), (false, true));
        assert_eq!(look(61, "2027-07-03T13:01:00Z"), (true, false), "a year ahead");
        assert_eq!(look(62, "2026-07-03T13:02:00Z"), (true, false), "right again");
        assert_eq!(look(100, "2026-07-03T13:40:00Z"), (false, false));
        assert_eq!(look(122, "2026-07-03T14:02:00Z"), (false, true));
    }

    #[test]
    fn several_missed_reports_become_one_that_is_late() {
        let asleep = |now: Timestamp| now >= at("2026-07-02T00:00:00Z") && now < at("2026-07-05T09:00:00Z");
        let list = occurrences("UTC", "2026-06-30T12:00:00Z", "2026-07-06T12:00:00Z", asleep);
        let expected = [("2026-07-01T02:30:00Z", 1), ("2026-07-05T02:30:00Z", 4), ("2026-07-06T02:30:00Z", 1)];
        assert_eq!(list, expected.map(|(at, count)| (at.to_owned(), count)));
    }

    #[test]
    fn an_hour_that_the_clock_skips_hides_no_report_before_it() {
        let zone = zone("Europe/Berlin");
        let due = |done: &str, now: &str| due("30 2 * * *", &zone, at(done), at(now)).map(|due| (due.occurrence, due.count));
        // Ten past three by a clock that went from two to three: what half past two would be is half past three.
        let found = due("2026-03-26T12:00:00Z", "2026-03-29T01:10:00Z");
        assert_eq!(found, Some((at("2026-03-28T01:30:00Z"), 2)));
        let found = due("2026-03-20T12:00:00Z", "2026-03-31T12:00:00Z");
        assert_eq!(found, Some((at("2026-03-31T00:30:00Z"), 11)), "the count goes on behind it");
    }

    #[test]
    fn a_new_service_waits_for_its_first_hour() {
        let began = at("2026-07-03T15:00:00Z");
        assert_eq!(due("0 7 * * *", &TimeZone::UTC, began, began), None);
        let found = due("0 7 * * *", &TimeZone::UTC, began, at("2026-07-04T07:00:00Z")).expect("the first hour has come");
        assert_eq!((found.occurrence, found.count, found.late), (at("2026-07-04T07:00:00Z"), 1, false));
        let found = due("0 7 * * *", &TimeZone::UTC, began, at("2026-07-04T08:00:00Z")).expect("still to be made");
        assert!(found.late);
    }

    #[test]
    fn an_occurrence_is_the_same_instant_whenever_it_is_asked_for() {
        let done = at("2026-07-03T07:00:00Z");
        for now in ["00.001", "00.122", "00.5", "00.999", "01", "20.467", "59.999"] {
            let found =
                due("0 7 * * *", &TimeZone::UTC, done, at(&format!("2026-07-04T07:00:{now}Z"))).expect("the hour has come");
            assert_eq!((found.occurrence, found.count), (at("2026-07-04T07:00:00Z"), 1), "{now}");
            assert_eq!(
                due("0 7 * * *", &TimeZone::UTC, found.occurrence, at(&format!("2026-07-04T07:00:{now}Z"))),
                None,
                "{now}"
            );
        }
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_no_report_and_stops_no_interval() {
        assert_eq!(due("0 7 * * *", &TimeZone::UTC, at("2026-07-03T07:00:00Z"), at("2026-07-03T06:00:00Z")), None);
        assert!(interval_due(Some(at("2026-07-03T07:00:00Z")), Duration::from_secs(60), at("2026-07-03T06:00:00Z")));
        assert!(!interval_due(Some(at("2026-07-03T07:00:00Z")), Duration::from_secs(60), at("2026-07-03T07:00:59Z")));
    }

    #[test]
    fn a_cron_line_has_five_fields() {
        assert!(parse_cron("0 8 * * MON").is_ok());
        assert!(parse_cron("0 0 8 * * MON").is_err());
        assert!(parse_cron("soon").is_err());
        assert_eq!(check_cron("0 7 29 2 *"), Ok(()));
        for never in ["0 7 31 2 *", "0 7 30 2 *", "0 8 31 4,6,9,11 *"] {
            assert_eq!(check_cron(never), Err(format!("`{never}` names a day that no month has: it would never be due")));
        }
    }
}
