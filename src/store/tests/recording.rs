use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jiff::SignedDuration;

use super::{
    super::{KeptDay, Reader, SourceState, StoreError},
    Fixture, accepted, at, batch, count, noon, track,
};
use crate::evidence::{
    Batch, Coverage, CoverageState, CursorUpdate, Day, ELSEWHERE, Grade, Outcome, Person, Sighting, Skipped, Track, TrackCount,
    UnknownValue, Verdict, chunk,
    time::{MS_PER_DAY, instant},
};

const DAY: i32 = 20_637;

fn interval(from_ms: i64, to_ms: i64, state: CoverageState) -> Coverage {
    Coverage { from_ms, to_ms, state, items: 5, skipped: 0, reason: String::new() }
}

/// What the daemon does with a page: claim, fold what is new, record.
async fn poll(f: &Fixture, ids: &'static [&'static str], cursor: &str) {
    let cursor = CursorUpdate { key: "next".to_owned(), value: Some(cursor.to_owned()) };
    f.write(move |w| {
        let fresh = w.claim("log/egress", ids.iter().map(|id| (*id, Some(1_783_058_832_000))), noon())?;
        let uses = fresh.iter().filter(|fresh| **fresh).count() as u64;
        let counts = if uses > 0 { vec![count(0, DAY, uses)] } else { Vec::new() };
        w.record(&Batch { cursors: vec![cursor], ..batch(vec![track("a", "r")], counts) }, noon())
    })
    .await;
}

#[tokio::test]
async fn a_page_that_comes_twice_counts_once() {
    let f = Fixture::new();
    poll(&f, &["e1", "e2", "e3", "e2"], "c1").await;
    let first = f.history().await;
    assert_eq!(first.counts.of(0).next().map(|c| c.uses), Some(3));
    poll(&f, &["e1", "e2", "e3", "e2"], "c1").await;
    assert_eq!(f.history().await.counts, first.counts);
    assert_eq!(f.read(Reader::totals).await.items, [("log/egress".to_owned(), 3)]);
    poll(&f, &["e3", "e4"], "c2").await;
    assert_eq!(f.history().await.counts.of(0).next().map(|c| c.uses), Some(4));
    assert_eq!(f.read(|r| r.cursors("log/egress")).await, [("next".to_owned(), "c2".to_owned())]);
}

#[tokio::test]
async fn the_same_id_from_another_source_is_another_item() {
    let f = Fixture::new();
    let claim = |source: &'static str| f.write(move |w| w.claim(source, [("e1", None)], noon()));
    assert_eq!(claim("audit/acme").await, [true]);
    assert_eq!(claim("audit/other").await, [true]);
    assert_eq!(claim("audit/acme").await, [false]);
}

#[tokio::test]
async fn day_counts_add_up_over_batches() {
    let f = Fixture::new();
    let mut early = count(0, DAY, 2);
    early.first_ms -= 500;
    let late = crate::evidence::DayCount { last_ms: early.last_ms + 700, hours: 0b110, ..count(0, DAY, 5) };
    let tracks = vec![track("a", "r"), track("b", "r")];
    let first = batch(tracks.clone(), vec![early, count(1, DAY - 1, 1)]);
    let second = batch(tracks.into_iter().rev().collect(), vec![crate::evidence::DayCount { track: 1, ..late }]);
    f.write(move |w| w.record(&first, noon())).await;
    f.write(move |w| w.record(&second, noon())).await;
    let history = f.history().await;
    let sum = history.counts.iter().find(|c| c.day == Day(DAY)).expect("the day is there");
    assert_eq!((sum.uses, sum.first_ms, sum.last_ms, sum.hours), (7, early.first_ms, late.last_ms, 0b111));
    assert_eq!(history.tracks[sum.track as usize].track, track("a", "r"));
    assert_eq!(history.rules[usize::from(sum.verdict.rule)], "basic-nickname-git");
    assert!(history.counts.iter().is_sorted_by_key(|c| (c.track, c.day)));
}

#[tokio::test]
async fn the_past_is_seen_without_what_came_later() {
    let f = Fixture::new();
    let tracks = vec![track("a", "r"), track("b", "r")];
    f.write(move |w| w.record(&batch(tracks, vec![count(0, DAY, 1), count(1, DAY - 1, 1)]), noon())).await;
    let before = f.read(|r| r.history(Day(DAY - 1))).await;
    assert_eq!(before.counts.iter().collect::<Vec<_>>(), [count(0, DAY - 1, 1)]);
    assert_eq!(before.tracks.len(), 1);
    assert_eq!(before.tracks[0].track, track("b", "r"));
}

#[tokio::test]
async fn a_track_comes_back_as_it_was() {
    let f = Fixture::new();
    let full = Track {
        email: Some("a@example.test".to_owned()),
        account_id: Some("557058:1b2c".to_owned()),
        display_name: Some("Änne O'Neil".to_owned()),
        token_id: Some("t-1".to_owned()),
        token_label: Some("mirror".to_owned()),
        secret_id: Some("s-1".to_owned()),
        ..track("a", "r")
    };
    let bare = Track { username: None, client: None, host: None, workspace: None, repository: None, ..track("a", "r") };
    let tracks = vec![full, bare];
    let sent = tracks.clone();
    f.write(move |w| w.record(&batch(sent, vec![count(0, DAY, 1), count(1, DAY, 1)]), noon())).await;
    let history = f.history().await;
    assert_eq!(history.tracks.iter().map(|t| t.track.clone()).collect::<Vec<_>>(), tracks);
    assert_eq!(history.tracks[0].source, "log/egress");
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_behind_in_the_file_or_in_memory() {
    let f = Fixture::new();
    let page = || {
        let mut page = batch(vec![track("a", "r")], vec![count(0, DAY, 1)]);
        page.cursors = vec![CursorUpdate { key: "next".to_owned(), value: Some("c".to_owned()) }];
        page
    };
    let failed = f.store.write(move |w| w.record(&page(), noon()).and(Err::<(), _>(StoreError::Stopped))).await;
    assert!(matches!(failed, Err(StoreError::Stopped)));
    let died = AssertUnwindSafe(f.store.write::<(), _>(move |w| {
        w.record(&page(), noon())?;
        panic!("the fold found a bug")
    }));
    assert!(died.catch_unwind().await.is_err());
    assert_eq!(f.history().await.tracks, []);
    assert_eq!(f.read(|r| r.cursors("log/egress")).await, []);
    assert_eq!(f.read(Reader::source_states).await, []);
    // Numbers that only memory knew would break the foreign keys of this one.
    let other = batch(vec![track("z", "z"), track("a", "r")], vec![count(0, DAY, 1), count(1, DAY, 2)]);
    f.write(move |w| w.record(&other, noon())).await;
    let history = f.history().await;
    let uses_of_a = history.counts.iter().find(|c| history.tracks[c.track as usize].track == track("a", "r"));
    assert_eq!(uses_of_a.map(|c| c.uses), Some(2));
}

#[tokio::test]
async fn coverage_is_merged_while_it_touches() {
    let f = Fixture::new();
    for (from, to) in [(0, 10), (10, 20), (40, 50)] {
        let page = Batch { coverage: vec![interval(from, to, CoverageState::Covered)], ..batch(vec![], vec![]) };
        f.write(move |w| w.record(&page, noon())).await;
    }
    f.write(|w| w.cover("log/egress", &interval(15, 45, CoverageState::Missed))).await;
    f.write(|w| w.cover("audit/acme", &interval(0, 10, CoverageState::NotPermitted))).await;
    let shape = |ledger: crate::evidence::Ledger| {
        ledger.sources["log/egress"].iter().map(|c| (c.from_ms, c.to_ms, c.state.as_str(), c.items)).collect::<Vec<_>>()
    };
    let ledger = f.read(Reader::ledger).await;
    assert_eq!(ledger.sources["audit/acme"].len(), 1);
    assert_eq!(shape(ledger), [(0, 20, "covered", 10), (20, 40, "missed", 3), (40, 50, "covered", 5)]);
    f.write(|w| w.cover("log/egress", &interval(20, 40, CoverageState::Covered))).await;
    assert_eq!(shape(f.read(Reader::ledger).await), [(0, 50, "covered", 20)]);
}

#[tokio::test]
async fn running_totals_add_up_and_leave_out_what_signs_nobody_in() {
    let f = Fixture::new();
    let rejected = Verdict {
        outcome: Outcome::Rejected,
        grade: Grade::Proven,
        operation: crate::evidence::Operation::GitWrite,
        ..accepted()
    };
    let opening = Verdict { outcome: Outcome::Unknown, authentication: false, ..accepted() };
    let page = move || {
        let mut page =
            batch(vec![track("a", "r"), Track { workspace: None, ..track("a", "r") }], vec![count(0, DAY, 2), count(1, DAY, 1)]);
        page.counts.extend([rejected, opening].map(|verdict| crate::evidence::DayCount { verdict, ..count(0, DAY, 4) }));
        page.skipped = vec![Skipped { reason: "other host", count: 3, sample: "GET example.test".to_owned() }];
        page
    };
    for _ in 0..2 {
        f.write(move |w| w.record(&page(), noon()).and_then(|()| w.count_requests("log/egress", "2xx", 1))).await;
    }
    let totals = f.read(Reader::totals).await;
    let uses: Vec<_> =
        totals.authentications.iter().map(|t| (t.workspace.as_deref(), t.outcome.as_str(), t.grade.as_str(), t.uses)).collect();
    assert_eq!(
        uses,
        [(None, "accepted", "weak", 2), (Some("acme"), "accepted", "weak", 4), (Some("acme"), "rejected", "proven", 8)]
    );
    assert_eq!((totals.skipped[0].count, totals.skipped[0].sample.as_str()), (6, "GET example.test"));
    assert_eq!(totals.requests[0].count, 2);
}

#[tokio::test]
async fn free_text_in_an_unexplained_field_cannot_fill_the_store() {
    let f = Fixture::new();
    let unknown = |n: u32| UnknownValue { field: "auth_type", value: format!("value-{n:04}"), count: 1 };
    let flood = Batch { unknown: (0..1500).map(unknown).collect(), ..batch(vec![], vec![]) };
    f.write(move |w| w.record(&flood, noon())).await;
    let again = Batch { unknown: vec![unknown(7)], ..batch(vec![], vec![]) };
    f.write(move |w| w.record(&again, at("2026-07-05T00:00:00Z"))).await;
    let values = f.read(Reader::unknown_values).await;
    assert_eq!(values.len(), 1001);
    assert_eq!((values[0].value.as_str(), values[0].count), ("(others)", 500));
    let seventh = values.iter().find(|v| v.value == "value-0007").expect("kept apart");
    assert_eq!(
        (seventh.count, seventh.first.to_string(), seventh.last.to_string()),
        (2, "2026-07-03".into(), "2026-07-05".into())
    );
}

#[tokio::test]
async fn a_source_keeps_what_a_later_note_does_not_say() {
    let f = Fixture::new();
    let failure = SourceState { last_failure: Some(noon()), failure: Some("401".to_owned()), ..SourceState::default() };
    let (warning, maximum_grade) = (Some("no action of Bitbucket".to_owned()), Some(Grade::Weak));
    let success = SourceState { last_success: Some(noon()), warning, maximum_grade, ..SourceState::default() };
    let expected = SourceState { failure: failure.failure.clone(), last_failure: failure.last_failure, ..success.clone() };
    f.write(move |w| w.note_source("audit/acme", &failure)).await;
    f.write(move |w| w.note_source("audit/acme", &success)).await;
    assert_eq!(f.read(Reader::source_states).await, [("audit/acme".to_owned(), expected)]);
}

#[tokio::test]
async fn what_is_noted_last_came_last_whatever_a_clock_said_that_was_ahead() {
    let f = Fixture::new();
    let [before, now] = [noon(), noon() - SignedDuration::from_hours(1)];
    let succeeded = |at| SourceState { last_success: Some(at), ..SourceState::default() };
    let failed = |at| SourceState { last_failure: Some(at), failure: Some("503".to_owned()), ..SourceState::default() };
    let after = async |first: SourceState, second: SourceState| {
        f.write(move |w| w.note_source("audit/acme", &first)).await;
        f.write(move |w| w.note_source("audit/acme", &second)).await;
        f.read(Reader::source_states).await.remove(0).1
    };
    let state = after(failed(before), succeeded(now)).await;
    assert_eq!((state.last_success, state.last_failure), (Some(now), Some(now)), "no failure came after it");
    let state = after(succeeded(before), failed(now)).await;
    assert_eq!((state.last_success, state.last_failure), (Some(now - SignedDuration::from_millis(1)), Some(now)));
}

#[tokio::test]
async fn a_forgotten_cursor_is_gone_and_people_are_kept_once() {
    let f = Fixture::new();
    let person = Person { nickname: Some("mtessel".to_owned()), ..Person::default() };
    for value in [Some("c".to_owned()), None] {
        let cursors = vec![CursorUpdate { key: "next".to_owned(), value }];
        let page = Batch { cursors, people: vec![person.clone()], ..batch(vec![], vec![]) };
        f.write(move |w| w.record(&page, noon())).await;
    }
    assert_eq!(f.read(|r| r.cursors("log/egress")).await, []);
    assert_eq!(f.read(|r| r.roster(noon())).await.people, [person]);
}

/// A use of `username` at a millisecond of the day.
fn use_at(username: &str, day: i32, ms: i64) -> Sighting<'static> {
    Sighting { username: Some(username.to_owned().into()), ..Sighting::at(instant(i64::from(day) * MS_PER_DAY + ms)) }
}

#[tokio::test]
async fn sightings_are_found_by_the_tracks_and_days_they_belong_to() {
    let f = Fixture::new();
    // One chunk of two days, a later one of the second day that holds older sightings, and one that is no longer kept.
    let pages = [
        vec![use_at("b", DAY, 10), use_at("a", DAY, 20), use_at("a", DAY + 1, 30), use_at("b", DAY + 1, 40)],
        vec![use_at("a", DAY + 1, 5), use_at("a", DAY + 1, 50)],
    ];
    let ordinals = |page: &[Sighting<'_>]| page.iter().map(|s| u32::from(s.username.as_deref() == Some("a"))).collect::<Vec<_>>();
    for page in pages {
        let counts = page.iter().zip(ordinals(&page)).map(|(s, track)| count(track, Day::of_ms(s.time_ms).0, 1)).collect();
        let chunk = Some(chunk::encode(&page, &ordinals(&page)));
        let page = Batch { chunk, ..batch(vec![track("b", "r"), track("a", "r")], counts) };
        f.write(move |w| w.record(&page, noon())).await;
    }
    f.write(|w| w.record(&batch(vec![track("a", "r")], vec![count(0, DAY + 2, 7)]), noon())).await;
    let tracks = f.history().await.tracks;
    let stranger = TrackCount { source: "log/other".to_owned(), ..tracks[0].clone() };
    let rows = f.read(move |r| r.track_rows(&[tracks.iter().collect(), vec![&stranger]].concat())).await;
    let [Some(first), Some(second), None] = rows[..] else { panic!("two tracks are known: {rows:?}") };
    let found = |day, limit| f.read(move |r| r.kept_on(Day(day), &[first, second], limit));
    let times = |kept: &KeptDay| kept.sightings.iter().map(|(_, s)| s.time_ms.rem_euclid(MS_PER_DAY)).collect::<Vec<_>>();
    assert_eq!(times(&found(DAY, 9).await), [20, 10]);
    let both = found(DAY + 1, 9).await;
    assert_eq!(times(&both), [50, 40, 30, 5]);
    assert_ne!(both.sightings[0].0, both.sightings[1].0, "each with its own track");
    assert_eq!(times(&found(DAY + 1, 3).await), [50, 40, 30]);
    let only_first = f.read(move |r| r.kept_on(Day(DAY + 1), &[first], 9)).await;
    assert!(only_first.sightings.len() < 4 && only_first.kept == [0]);
    assert_eq!(found(DAY + 2, 9).await, KeptDay::default(), "counted, but not kept");
    assert_eq!(found(DAY, 0).await.kept, [0, 1], "what is kept is said though nothing is asked for");
}

#[tokio::test]
async fn a_million_uses_take_little_room() {
    let f = Fixture::new();
    for n in 0..20_i32 {
        let tracks: Vec<Track> = (0..50).map(|t| track(&format!("user{t}"), "r")).collect();
        let counts = (0..50).flat_map(|t| (0..10).map(move |d| count(t, DAY + n * 10 + d, 100))).collect();
        f.write(move |w| w.record(&batch(tracks, counts), noon())).await;
    }
    let uses: u64 = f.history().await.counts.iter().map(|c| c.uses).sum();
    assert_eq!(uses, 1_000_000);
    let size = f.read(Reader::store_size_bytes).await;
    assert!(size < 1 << 20, "{size} bytes");
}

#[tokio::test]
async fn counts_without_end_are_bounded_and_whatever_reads_them_goes_on() {
    let f = Fixture::new();
    let (users, days, today) = (1_150, 29, Day::of(noon()).0);
    // So many of the largest counts are more than 64 bits hold.
    let elsewhere = (0..users).map(|n| track(&format!("user{n}"), ELSEWHERE)).collect();
    let each = (0..users).flat_map(|n| (1..=days).map(move |ago| count(n, today - ago, u64::MAX))).collect();
    let again = (0..users * 29).map(|_| count(0, today, u64::MAX)).collect();
    for (tracks, counts) in [(vec![track("ada", "r")], again), (elsewhere, each)] {
        let page = Batch { source: "query/lake".to_owned(), items: u64::MAX, ..batch(tracks, vec![]) };
        f.write(move |w| w.record(&Batch { counts, ..page }, noon())).await;
    }
    let most = 1 << 62;
    assert_eq!(f.read(|r| r.beyond_limits(noon())).await, [("query/lake".to_owned(), most)]);
    assert!(f.read(|r| r.growth(noon(), 180)).await.bytes_a_day.is_some());
    assert_eq!(f.read(|r| Ok(r.verify())).await.into_iter().find(|finding| !finding.faults.is_empty()), None);
    let of_ada = f.history().await.counts.iter().filter(|count| count.day.0 == today).map(|count| count.uses).collect::<Vec<_>>();
    assert_eq!(of_ada, [1 << 48], "which is more than any day has");
}

#[tokio::test]
async fn a_source_was_looked_at_up_to_its_last_interval_that_was_read() {
    let f = Fixture::new();
    f.write(|w| {
        w.cover("log/a", &interval(0, 10, CoverageState::Covered))?;
        w.cover("log/a", &interval(10, 20, CoverageState::Partial))?;
        w.cover("log/a", &interval(20, 30, CoverageState::Missed))?;
        w.cover("log/b", &interval(0, 40, CoverageState::Covered))?;
        w.cover("log/c", &interval(0, 40, CoverageState::NotPermitted))
    })
    .await;
    for (source, until) in [("log/a", Some(20)), ("log/b", Some(40)), ("log/c", None), ("log/d", None)] {
        assert_eq!(f.read(move |r| r.looked_until_ms(source)).await, until, "{source}");
    }
}

#[tokio::test]
async fn the_growth_is_what_the_uses_of_a_day_take_of_the_file() {
    let f = Fixture::new();
    let today = Day::of(noon()).0;
    assert_eq!(f.read(|r| r.growth(noon(), 180)).await.bytes_a_day, None, "there was no whole day yet");
    // Forty uses are kept, twenty of them of the two days before today.
    let counts = [(-60, 10), (-2, 15), (-1, 5), (0, 10)].map(|(ago, uses)| count(0, today + ago, uses));
    f.write(move |w| w.record(&batch(vec![track("ada", "api")], counts.to_vec()), noon())).await;
    let connection = rusqlite::Connection::open(f.path()).expect("the store");
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect("a number").unsigned_abs();
    let used = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
    let grown = f.read(|r| r.growth(noon(), 180)).await;
    assert_eq!((grown.used_bytes, grown.bytes_a_day), (used, Some(used * 20 / 40 / 2)));
    // What is too old is no part of what a use takes.
    assert_eq!(f.read(|r| r.growth(noon(), 10)).await.bytes_a_day, Some(used * 20 / 30 / 2));
}
