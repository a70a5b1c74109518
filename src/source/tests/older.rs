//! What lies before the steady lane: which slice is next, how it is asked for, when it ends, where it goes on.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    audit::{audit, events, ms, refused, round, stored},
    server::json,
};
use crate::{
    evidence::{Coverage, CoverageState, Ledger, coverage},
    source::{Audit, Position, Slice, Then, Walk, lost, next_slice},
};

const HOUR: Duration = Duration::from_secs(3_600);
const HOUR_MS: i64 = 3_600_000;

fn now() -> Timestamp {
    "2026-07-03T07:00:00Z".parse().expect("an instant")
}

fn slice(from: &str, to: &str) -> Slice {
    Slice { from_ms: ms(from), to_ms: ms(to) }
}

/// A ledger of these intervals; those with a reason were missed.
fn ledger(intervals: &[(&str, &str, &str)]) -> Ledger {
    let list = intervals.iter().fold(Vec::new(), |list, (from, to, reason)| {
        let state = if reason.is_empty() { CoverageState::Covered } else { CoverageState::Missed };
        let reason = (*reason).to_owned();
        coverage::insert(list, Coverage { from_ms: ms(from), to_ms: ms(to), state, items: 0, skipped: 0, reason })
    });
    Ledger { sources: BTreeMap::from([("audit/acme".to_owned(), list)]) }
}

/// The slices that are read one after the other, each to its end, until nothing is left.
fn slices(mut ledger: Ledger) -> Vec<Slice> {
    let mut read = Vec::new();
    while let Some(Slice { from_ms, to_ms }) = next_slice(&ledger, "audit/acme", now()) {
        let covered = Coverage { from_ms, to_ms, state: CoverageState::Covered, items: 0, skipped: 0, reason: String::new() };
        let list = ledger.sources.remove("audit/acme").unwrap_or_default();
        ledger.sources.insert("audit/acme".to_owned(), coverage::insert(list, covered));
        read.push(Slice { from_ms, to_ms });
        assert!(read.len() < 100, "{read:?}");
    }
    read
}

#[test]
fn the_newest_fortnight_comes_first_and_the_last_slice_ends_where_atlassian_keeps_nothing() {
    let read = slices(ledger(&[("2026-06-26T07:00:00Z", "2026-07-03T07:00:00Z", "")]));
    assert_eq!(read[0], slice("2026-06-12T07:00:00Z", "2026-06-26T07:00:00Z"));
    assert!(read.windows(2).all(|pair| pair[1].to_ms == pair[0].from_ms), "{read:?}");
    assert_eq!((read.len(), read[12]), (13, slice("2026-01-04T07:00:00Z", "2026-01-09T07:00:00Z")));
}

#[test]
fn a_gap_is_read_again_and_what_was_never_begun_is_left_to_the_steady_lane() {
    let seen = [("2025-12-01T00:00:00Z", "2026-07-03T06:00:00Z", "")];
    assert_eq!(slices(ledger(&seen)), []);
    let gap = [
        ("2025-12-01T00:00:00Z", "2026-06-01T00:00:00Z", ""),
        ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", "status 503"),
        ("2026-06-02T00:00:00Z", "2026-07-02T06:00:00Z", ""),
        ("2026-07-02T06:00:00Z", "2026-07-03T07:00:00Z", "status 503"),
    ];
    assert_eq!(slices(ledger(&gap)), [slice("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z")]);
    assert_eq!(slices(Ledger::default()), []);
}

#[test]
fn after_a_silence_longer_than_retention_the_rest_is_lost() {
    let late = ledger(&[("2025-10-01T00:00:00Z", "2025-12-01T00:00:00Z", "")]);
    assert_eq!(lost(&late, "audit/acme", now()), Some(slice("2025-12-01T00:00:00Z", "2026-01-04T07:00:00Z")));
    let in_time = ledger(&[("2025-10-01T00:00:00Z", "2026-06-01T00:00:00Z", "")]);
    assert_eq!((lost(&in_time, "audit/acme", now()), lost(&Ledger::default(), "audit/acme", now())), (None, None));
}

const FORTNIGHT: (&str, &str) = ("2026-06-12T07:00:00Z", "2026-06-26T07:00:00Z");

fn older(cursors: &BTreeMap<String, String>) -> Walk {
    Walk::older(cursors, slice(FORTNIGHT.0, FORTNIGHT.1), now(), HOUR)
}

#[tokio::test]
async fn a_slice_is_asked_for_with_the_overlap_on_both_sides_and_covers_itself() {
    let (server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=a") => events(&["2026-06-20T00:00:00Z", "2026-06-26T07:30:00Z"], Some("b")),
        t if t.contains("cursor=b") => events(&[], Some("b")),
        _ => events(&["2026-06-12T06:30:00Z", "2026-06-14T00:00:00Z"], Some("a")),
    })
    .await;
    let (cursors, covered, then) = round(&mut audit, &mut older(&stored(&[]))).await;
    let (from, to) = (ms(FORTNIGHT.0), ms(FORTNIGHT.1));
    let asked = format!("events-stream?from={}&to={}&limit=500", from - HOUR_MS, to + HOUR_MS);
    assert!(server.targets()[0].ends_with(&asked), "{:?}", server.targets());
    assert_eq!(then, Then::CaughtUp);
    assert_eq!(covered, [(from, ms("2026-06-14T00:00:00Z")), (ms("2026-06-14T00:00:00Z"), to)]);
    assert_eq!(cursors, stored(&[]), "nothing of a finished slice is remembered, and nothing of the steady lane touched");
}

#[tokio::test]
async fn a_server_that_does_not_keep_to_the_end_is_left_there() {
    let day = |n: usize| format!("2026-06-{:02}T00:00:00Z", 13 + n);
    let (server, mut audit) = audit(move |_, n| events(&[&day(n)], Some(&format!("c{n}")))).await;
    let (cursors, covered, then) = round(&mut audit, &mut older(&stored(&[]))).await;
    assert_eq!((then, server.targets().len()), (Then::CaughtUp, 15), "the first page past the end is the last");
    assert_eq!((covered.last().map(|(_, to)| *to), cursors), (Some(ms(FORTNIGHT.1)), stored(&[])));
}

#[tokio::test]
async fn a_late_event_of_the_slice_does_not_end_it() {
    let late = r#"{"data":[{"id":"l","attributes":{"time":"2026-06-20T00:00:00Z","processedAt":"2026-06-29T00:00:00Z",
        "action":"bitbucket_x"}}],"meta":{"next":"b"}}"#;
    let (server, mut audit) = audit(move |target, _| match target {
        t if t.contains("cursor=b") => events(&[], None),
        _ => json(late),
    })
    .await;
    let (_, _, then) = round(&mut audit, &mut older(&stored(&[]))).await;
    assert_eq!((then, server.targets().len()), (Then::CaughtUp, 2));
}

async fn after_one_page(audit: &mut Audit, walk: &mut Walk) -> BTreeMap<String, String> {
    let page = audit.page(walk.position()).await.expect("a page");
    walk.after(&page).cursors.into_iter().filter_map(|update| Some((update.key, update.value?))).collect()
}

#[tokio::test]
async fn a_slice_that_was_interrupted_goes_on_at_its_cursor_and_only_at_its_own() {
    let (_server, mut audit) = audit(|_, _| events(&["2026-06-14T00:00:00Z"], Some("a"))).await;
    let cursors = after_one_page(&mut audit, &mut older(&stored(&[]))).await;
    let rest = slice("2026-06-14T00:00:00Z", FORTNIGHT.1);
    assert_eq!(Walk::older(&cursors, rest, now(), HOUR).position(), &Position::Cursor("a".into()));
    let newer = slice("2026-06-28T00:00:00Z", "2026-06-29T00:00:00Z");
    let asked = Position::Between { from_ms: newer.from_ms - HOUR_MS, to_ms: newer.to_ms + HOUR_MS };
    assert_eq!(Walk::older(&cursors, newer, now(), HOUR).position(), &asked);
}

#[tokio::test]
async fn a_refused_cursor_of_a_slice_begins_again_where_the_slice_was_read_up_to() {
    let (server, mut audit) = audit(|target, n| match target {
        t if t.contains("cursor=") => refused(),
        _ if n == 0 => events(&["2026-06-14T00:00:00Z"], Some("a")),
        _ => events(&["2026-06-15T00:00:00Z"], None),
    })
    .await;
    let (cursors, covered, then) = round(&mut audit, &mut older(&stored(&[]))).await;
    assert_eq!((then, cursors), (Then::CaughtUp, stored(&[])));
    let again = format!("from={}&to={}", ms("2026-06-14T00:00:00Z") - HOUR_MS, ms(FORTNIGHT.1) + HOUR_MS);
    assert!(server.targets()[2].contains(&again), "{:?}", server.targets());
    assert_eq!(covered.last(), Some(&(ms("2026-06-14T00:00:00Z") - HOUR_MS, ms(FORTNIGHT.1))));
}
