use super::*;
use crate::evidence::{Coverage, CoverageState, Credential, DayCount, Grade, Outcome, Track, TrackCount, Verdict};

/// 2026-05-04, a Monday.
const MONDAY: Day = Day(20_577);

/// A history in which a log showed something at noon of these days.
fn history(source: &str, days: impl IntoIterator<Item = i32>) -> History {
    let track = Track { username: Some("mtessel".into()), ..Track::default() };
    let verdict = Verdict::of(Credential::Unknown, Grade::None, Outcome::Unknown);
    let count = |day: i32| {
        let day = MONDAY.plus(day);
        let noon_ms = day.start_ms() + time::MS_PER_DAY / 2;
        DayCount { track: 0, day, verdict, uses: 1, first_ms: noon_ms, last_ms: noon_ms, hours: 1 << 12 }
    };
    History {
        tracks: vec![TrackCount { source: source.to_owned(), track }],
        counts: days.into_iter().map(count).collect::<Vec<_>>().into(),
        ..History::default()
    }
}

fn silent(history: &History, ledger: &Ledger, now: Timestamp) -> Vec<Silence> {
    silences(history, &Spans::new(history), ledger, now)
}

fn ledger(source: &str, looked: &[(i32, i32)]) -> Ledger {
    let interval = |(from, to): &(i32, i32)| Coverage {
        from_ms: MONDAY.plus(*from).start_ms(),
        to_ms: MONDAY.plus(*to).start_ms(),
        state: CoverageState::Covered,
        items: 0,
        skipped: 0,
        reason: String::new(),
    };
    let mut ledger = Ledger::default();
    ledger.sources.insert(source.to_owned(), looked.iter().map(interval).collect());
    ledger
}

/// How many usual days without anything are told of at the end of a day, when the log was read all the time.
fn silent_days(days: impl IntoIterator<Item = i32>, on: i32) -> Option<u32> {
    let found = silent(&history("log/egress", days), &ledger("log/egress", &[(0, on + 1)]), MONDAY.plus(on).end());
    found.first().map(|silence| silence.days)
}

fn is_working_day(day: i32) -> bool {
    day % 7 < 5
}

#[test]
fn a_source_of_every_day_is_silent_after_two_days() {
    assert_eq!((silent_days(0..56, 56), silent_days(0..56, 57), silent_days(0..56, 60)), (None, Some(2), Some(5)));
}

#[test]
fn a_weekend_is_no_silence_of_a_source_of_working_days() {
    let until_friday = || (0..54).filter(|day| is_working_day(*day));
    assert_eq!(silent_days(until_friday(), 55), None, "Sunday");
    assert_eq!(silent_days(until_friday(), 56), None, "Monday may be a holiday");
    assert_eq!(silent_days(until_friday(), 57), Some(2), "Tuesday");
}

#[test]
fn a_weekly_source_is_silent_after_two_of_its_days_even_if_it_has_missed_one_before() {
    let mondays = || (0..=56).step_by(7).filter(|day| *day != 21);
    assert_eq!((silent_days(mondays(), 69), silent_days(mondays(), 70)), (None, Some(2)));
}

#[test]
fn the_young_the_irregular_and_the_ever_quiet_are_never_silent() {
    assert_eq!(silent_days(0..21, 60), None, "three weeks are no habit");
    assert_eq!(silent_days((0..56).step_by(3), 80), None, "every third day is no weekday's habit");
    assert_eq!(silent_days([], 80), None);
}

#[test]
fn days_in_which_nobody_looked_are_neither_silence_nor_habit() {
    let day = |n: i32| MONDAY.plus(n).end();
    let history = history("log/egress", 0..56);
    assert_eq!(silent(&history, &ledger("log/egress", &[(0, 56)]), day(70)), []);
    assert_eq!(silent(&history, &ledger("log/egress", &[(0, 57), (69, 70)]), day(70)).len(), 1);
    assert_eq!(silent(&history, &ledger("log/egress", &[(40, 71)]), day(70)), [], "too little of its past was looked at");
}

#[test]
fn imports_come_once() {
    let (history, looked) = (history("import/json", 0..56), ledger("import/json", &[(0, 71)]));
    assert_eq!(silent(&history, &looked, MONDAY.plus(70).end()), []);
}
