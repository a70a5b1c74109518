use std::time::Duration;

use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).expect("within range")
}

fn line(success: Option<i64>, failure: Option<i64>) -> SourceLine {
    SourceLine {
        name: "audit/acme".to_owned(),
        last_success: success.map(at),
        last_failure: failure.map(|minutes| (at(minutes), "503".to_owned())),
        ..SourceLine::default()
    }
}

/// At minute 100 of a service that began at minute 0; a source may be stale for five minutes.
fn found(line: &SourceLine, waits: bool) -> String {
    said(source(line, waits, Duration::from_secs(300), at(0), at(100)))
}

fn said(standing: Option<Standing>) -> String {
    standing.map_or("unknown".to_owned(), |standing| standing.wrong.map_or("well".to_owned(), |(_, why)| why))
}

#[test]
fn a_source_is_down_when_it_is_stale_or_somebody_has_to_act_and_not_with_its_first_failure() {
    assert_eq!(found(&line(Some(99), None), false), "well");
    assert_eq!(found(&line(Some(98), Some(99)), false), "unknown", "one round failed");
    assert_eq!(found(&line(Some(98), Some(99)), true), "503", "nobody has to wait for more");
    assert_eq!(found(&line(Some(90), Some(99)), false), "503");
    assert_eq!(found(&line(Some(90), None), false), "no round of it has ended for long");
    assert_eq!(found(&line(None, Some(99)), false), "503");
    let begun = |line: &SourceLine| said(source(line, false, Duration::from_secs(300), at(98), at(100)));
    assert_eq!(begun(&line(Some(-9_000), None)), "unknown", "it stood still for a week and has just begun");
    assert_eq!(begun(&line(Some(-9_000), Some(-8_999))), "unknown");
}

#[test]
fn a_clock_that_is_set_back_makes_no_alarm_and_hides_none() {
    // The clock went back from minute 160 to 100, or the machine had begun by it; the service reads since then.
    let found = |line: &SourceLine, since: i64, now: i64| said(source(line, false, Duration::from_secs(300), at(since), at(now)));
    assert_eq!(found(&line(Some(160), None), 100, 100), "unknown", "not read since");
    assert_eq!(found(&line(Some(101), None), 100, 102), "well");
    for since in [0, 104] {
        let small = found(&line(Some(104), None), since, 102);
        assert_eq!(small, "well", "it went back by less than anybody notices, since {since}");
    }
    assert_eq!(found(&line(Some(160), None), 100, 106), "no round of it has ended for long");
    assert_eq!(found(&line(Some(101), None), 100, 107), "no round of it has ended for long");
}

#[test]
fn a_source_is_down_since_it_was_read_last() {
    let since = |line: &SourceLine| source(line, true, Duration::from_secs(300), at(50), at(100)).and_then(|s| Some(s.wrong?.0));
    assert_eq!(since(&line(Some(90), Some(99))), Some(at(90)));
    assert_eq!(since(&line(None, Some(99))), Some(at(50)), "never read: since it could have been");
}

#[test]
fn an_instance_is_late_by_its_newest_file_however_young_the_service_is() {
    let file = |written: Option<i64>| SourceLine { name: "exchange/emea".to_owned(), ..line(written, None) };
    let begun = |line: &SourceLine| said(source(line, false, Duration::from_secs(300), at(98), at(100)));
    assert_eq!(begun(&file(Some(96))), "well");
    assert!(begun(&file(Some(94))).starts_with("its newest file was written at 2027-01-15T09:34:00Z: look at"));
    assert_eq!(begun(&file(Some(130))), "well", "by its own clock");
    assert_eq!(begun(&file(None)), "unknown", "the first may come yet");
    assert!(found(&file(None), false).starts_with("no file of it ever came: look at"));
}

#[test]
fn a_report_is_undeliverable_when_it_is_given_up_or_waits_for_long() {
    let state = |enqueued, pending, given_up| MailState {
        enqueued: at(enqueued),
        pending,
        given_up,
        recipients: 3,
        failure: "connection refused".to_owned(),
    };
    let found = |state| said(report(&Audience::Security, Some(&state), at(100)));
    assert_eq!(found(state(0, 0, 0)), "well");
    assert_eq!(found(state(50, 1, 0)), "unknown", "it is on its way");
    let waiting = found(state(20, 1, 0));
    assert!(waiting.starts_with("1 of 3 recipients wait since 2027-01-15T08:20:00Z: connection"), "{waiting}");
    assert_eq!(found(state(99, 1, 1)), "given up for 1 of 3 recipients: connection refused");
    assert_eq!(report(&Audience::Security, None, at(100)), None);
}

fn standing(about: &str, wrong: Option<&str>) -> Standing {
    Standing { kind: AlarmKind::SourceDown, about: about.to_owned(), wrong: wrong.map(|why| (at(0), why.to_owned())) }
}

#[test]
fn every_trouble_is_told_once_and_so_is_its_end() {
    let mut open = Vec::new();
    let mut told = Vec::new();
    let story = [Some("401"), Some("401"), Some("403"), None, None, Some("401")];
    for (minute, wrong) in (0..).zip(story) {
        for news in news(&open, &[standing("audit/acme", wrong), standing("log/egress", None)], at(minute)) {
            told.push((minute, news.until.is_some(), news.alarm.since, news.alarm.reason.clone()));
            open.retain(|alarm| alarm != &news.alarm);
            open.extend(news.until.is_none().then_some(news.alarm));
        }
    }
    let expected = [(0, false, at(0), "401"), (3, true, at(0), "401"), (5, false, at(0), "401")];
    assert_eq!(told, expected.map(|(minute, over, since, why)| (minute, over, since, why.to_owned())));
}

#[test]
fn what_cannot_be_known_leaves_an_alarm_as_it_is_and_what_is_no_more_ends_it() {
    let alarm = |kind, about: &str| Alarm { kind, about: about.to_owned(), since: at(0), reason: String::new() };
    let open = [
        alarm(AlarmKind::SourceDown, "audit/acme"),
        alarm(AlarmKind::SourceDown, "log/old"),
        alarm(AlarmKind::Returned, "campaign/k7m2qd4x"),
        alarm(AlarmKind::Undeliverable, "security"),
    ];
    assert_eq!(news(&open, &[], at(1)), []);
    let sources = BTreeSet::from(["audit/acme".to_owned()]);
    let over: Vec<String> = gone(&open, &[], &sources).into_iter().map(|standing| standing.about).collect();
    assert_eq!(over, ["log/old", "campaign/k7m2qd4x"]);
}

#[test]
fn the_stores_trouble_is_told_once_a_day_and_again_to_whom_it_did_not_reach() {
    let told = StoreAlarm { day: Some(Day::of(at(0))), tried: Some(at(0)), ..StoreAlarm::default() };
    assert!(StoreAlarm::default().is_due(at(0)));
    assert_eq!([1, 5].map(|minutes| told.is_due(at(minutes))), [false, true]);
    assert!(told.is_due(at(16 * 60)), "the next day");
    let day = Day::of(at(0));
    let again = StoreAlarm { ended: 1, ..told.clone() };
    assert_eq!([told.name(day), again.name(day)], [format!("store.{day}"), format!("store.{day}.2")]);
}
