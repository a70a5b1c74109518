//! Dates as a calendar program takes them.

use super::{
    fixture::{World, acme, after_the_removal, at},
    snapshots::same_as_file,
};
use crate::{
    evidence::Window,
    report::{calendar, document::EventRow},
};

fn events(world: &World) -> Vec<EventRow> {
    world.report().calendar
}

fn event<'e>(events: &'e [EventRow], uid: &str) -> &'e EventRow {
    events.iter().find(|event| event.uid.starts_with(uid)).unwrap_or_else(|| panic!("no {uid} in {events:#?}"))
}

/// The next judgement, a day later, which knows what this one told.
fn a_day_later(world: &mut World) {
    world.told_events = events(world).into_iter().map(|event| (event.uid, event.told)).collect();
    world.findings.now = at("2026-07-04T07:00:00Z");
}

#[test]
fn it_tells_brownouts_the_removal_the_latest_safe_starts_and_expiries() {
    same_as_file("calendar.ics", calendar::document(&events(&acme())));
}

#[test]
fn lines_are_folded_between_characters_and_nothing_ends_one_early() {
    let mut world = acme();
    world.campaign().integrations[0].owner =
        Some("Zahlungsverkehr für Österreich; Zoë, 名前\\名前名前名前名前名前名前名前名前".to_owned());
    world.findings.tokens[0].label = "a\r\nEND:VCALENDAR".to_owned();
    let text = calendar::document(&events(&world));
    assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{text}");
    assert_eq!(text.matches("\r\nEND:VCALENDAR").count(), 1);
    let unfolded = text.replace("\r\n ", "");
    assert!(unfolded.contains("Österreich\\; Zoë\\, 名前\\\\名前名前"), "{unfolded}");
}

#[test]
fn what_stays_as_it_is_stays_byte_for_byte() {
    let mut world = acme();
    let first = calendar::document(&events(&world));
    a_day_later(&mut world);
    for window in &mut world.campaign().windows {
        window.most_exposed.clear();
    }
    let later = events(&world);
    for uid in ["removal.", "start.", "expiry."] {
        let (was, is) = (event(&events(&acme()), uid).clone(), event(&later, uid));
        assert_eq!((&was.uid, &was.told), (&is.uid, &is.told));
    }
    assert!(first.contains("SEQUENCE:0") && !first.contains("SEQUENCE:1"));
}

#[test]
fn the_sequence_grows_when_a_time_changes_and_only_then() {
    let mut world = acme();
    let before = events(&world);
    a_day_later(&mut world);
    world.campaign().campaign.removal = at("2026-08-04T00:00:00Z");
    let Window { from_ms, .. } = &mut world.campaign().campaign.windows[3];
    *from_ms += 1_800_000;
    world.campaign().integrations[0].latest_safe_start = at("2026-06-20T00:00:00Z");
    world.findings.tokens[0].label = "another label".to_owned();
    let after = events(&world);
    let removal = event(&after, "removal.");
    assert_eq!((removal.told.sequence, removal.told.revised), (1, at("2026-07-04T07:00:00Z")));
    assert_eq!(event(&after, "start.").told.sequence, 1);
    let moved: Vec<&str> = after.iter().filter(|event| event.told.sequence > 0).map(|event| event.category).collect();
    assert_eq!(moved.iter().filter(|category| **category == "BROWNOUT").count(), 1, "{moved:?}");
    let token = after.iter().find(|event| event.summary.contains("another label")).expect("it has an event");
    assert_eq!((token.told.sequence, token.told.revised), (0, at("2026-07-04T07:00:00Z")));
    let uids = |events: &[EventRow]| {
        let mut uids: Vec<String> = events.iter().map(|event| event.uid.clone()).collect();
        uids.sort();
        uids
    };
    assert_eq!(uids(&before), uids(&after));
}

#[test]
fn after_the_removal_nobody_is_told_when_to_start() {
    assert!(events(&after_the_removal()).iter().all(|event| event.category != "LATEST SAFE START"));
}
