//! The first look at a long past: the newest comes first, and whether the service is ended politely, killed in the middle or in
//! trouble, it loses and repeats nothing.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use duskwatch::{
    clock::Clock,
    simulator::{Fault, FaultKind, ServeOptions, When},
};
use jiff::{Timestamp, Unit};

use crate::support::{
    NOW, Site, at, days_before,
    picture::{Picture, assert_same_counts},
    program::{Service, duskwatch_now},
    small_world,
};

/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn this_hour() -> Timestamp {
    Clock::System.now().round(Unit::Hour).unwrap()
}

/// The requests for pages of the stream during which the service is killed.
const KILLED_AT: [u64; 4] = [2, 4, 7, 12];

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_in_its_first_backfill_it_counts_every_use_once() {
    let world = small_world(11, this_hour(), 110);
    let calm = Site::grown(&world, ServeOptions::default()).await;
    calm.poll(&calm.engine(), Clock::System.now()).await;
    let expected = Picture::of(&calm.store()).await;

    // The page hangs until the kill comes, so that the kill is always in the middle.
    let hang = |from| Fault::new(FaultKind::SlowBody(PATIENCE), When::Burst { from, count: 1 }).at("events-stream");
    let faults = KILLED_AT.into_iter().map(hang).collect();
    let site = Site::grown(&world, ServeOptions { faults, ..ServeOptions::default() }).await;
    let (began, mut known) = (Clock::System.now(), 0);
    for pages in KILLED_AT {
        let service = Service::start(&site);
        let started = Instant::now();
        while answered(&site) < pages {
            assert!(started.elapsed() < PATIENCE, "page {pages} is never asked for");
            tokio::task::yield_now().await;
        }
        drop(service);
        let items = Picture::of(&site.store()).await.items("audit/acme");
        assert!(items >= known && items < expected.items("audit/acme"), "{items} of {}", expected.items("audit/acme"));
        known = items;
    }
    assert!(known > 0, "something was committed before the last kill");
    let seen = &Picture::of(&site.store()).await.coverage["audit/acme"];
    let (from, to) = (seen[0].from_ms, seen.last().unwrap().to_ms);
    assert!(began.as_millisecond() <= to, "the newest is known: {seen:?}");
    let days = (to - from) / 86_400_000;
    assert!((8..170).contains(&days), "the kill comes in the middle of what is older: {days} days of {seen:?}");
    let ran = duskwatch_now(&site, &["poll"]);
    assert_eq!(ran.status, 0, "{ran:#?}");
    let found = Picture::of(&site.store()).await;
    assert_same_counts(&expected.counts, &found.counts);
    assert_eq!((found.totals.items, found.totals.authentications), (expected.totals.items, expected.totals.authentications));
}

fn answered(site: &Site) -> u64 {
    site.server.requests().iter().filter(|((name, _), _)| *name == "events-stream").map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_on_sigterm_and_a_poll_goes_on_from_there() {
    let world = small_world(12, this_hour(), 15);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let mut service = Service::start(&site);
    service.wait_for("unread=false", &site.engine().source_names());
    let beside = duskwatch_now(&site, &["poll"]);
    assert_eq!(beside.status, 1, "{beside:#?}");
    assert!(beside.err.contains("the store is in use by process"), "{beside:#?}");
    assert_eq!(duskwatch_now(&site, &["report"]).status, 0, "readers always work");
    let (status, log) = service.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopping") && !log.contains("ERROR"), "{log}");

    let before = Picture::of(&site.store()).await;
    let requests = answered(&site);
    assert_eq!(duskwatch_now(&site, &["poll"]).status, 0);
    let after = Picture::of(&site.store()).await;
    assert_same_counts(&before.counts, &after.counts);
    assert_eq!(before.items("audit/acme"), after.items("audit/acme"));
    assert_eq!(answered(&site), requests + 1, "one page tells that there is nothing new");
    let calm = Site::grown(&Arc::clone(&world), ServeOptions::default()).await;
    calm.poll(&calm.engine(), Clock::System.now()).await;
    assert_same_counts(&Picture::of(&calm.store()).await.counts, &after.counts);
}

/// How many requests a site's first round sends to the stream before it turns to what is older.
async fn steady_requests(site: &Site, now: Timestamp) -> u64 {
    let engine = site.engine();
    let audit = engine.source_names().iter().position(|name| name == "audit/acme").unwrap();
    let round = engine.round(audit, None, now).await;
    assert!(!round.failed && round.unread, "{round:?}");
    answered(site)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_does_not_wait_for_what_is_older() {
    let (now, before) = (this_hour(), days_before(this_hour(), 2));
    let world = small_world(13, now, 60);
    let mut calm = Site::new(&world, ServeOptions::default()).await;
    calm.grow(before);
    let from = steady_requests(&calm, before).await + 1;
    // The first page of what is older hangs as long as the test lasts.
    let hang = Fault::new(FaultKind::SlowBody(PATIENCE * 2), When::Burst { from, count: 1 }).at("events-stream");
    let mut site = Site::new(&world, ServeOptions { faults: vec![hang], ..ServeOptions::default() }).await;
    site.grow(before);
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), config + "[schedule]\naudit = \"5s\"\n").unwrap();
    let service = Service::start(&site);
    let known = items_when(&site, |_| answered(&site) > from).await;
    assert!(known > 0);
    site.grow(now);
    let found = items_when(&site, |items| items > known).await;
    let ledger = &Picture::of(&site.store()).await.coverage["audit/acme"];
    assert!(ledger[0].from_ms > days_before(before, 8).as_millisecond(), "{found} items, and nothing older: {ledger:?}");
    drop(service);
}

/// The items of the audit log as soon as something holds of them.
async fn items_when(site: &Site, holds: impl Fn(u64) -> bool) -> u64 {
    let started = Instant::now();
    loop {
        // The service asks for nothing before it has made its store.
        let items = if answered(site) > 0 { Picture::of(&site.store()).await.items("audit/acme") } else { 0 };
        if holds(items) {
            return items;
        }
        assert!(started.elapsed() < PATIENCE, "{items} items, {} requests", answered(site));
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_in_what_is_older_is_a_gap_with_a_reason_and_closed_later() {
    let world = small_world(14, at(NOW), 60);
    let calm = Site::grown(&world, ServeOptions::default()).await;
    let steady = steady_requests(&calm, at(NOW)).await;
    calm.poll(&calm.engine(), at(NOW)).await;
    let expected = Picture::of(&calm.store()).await;

    // The page after the first of what is older, and all its retries.
    let outage = Fault::new(FaultKind::Status(503), When::Burst { from: steady + 2, count: 4 }).at("events-stream");
    let site = Site::grown(&world, ServeOptions { faults: vec![outage], ..ServeOptions::default() }).await;
    let engine = site.engine();
    let outcome = engine.poll(&["audit/acme".to_owned()], None, at(NOW)).await.unwrap();
    assert_eq!(outcome.failed, ["audit/acme"]);
    let picture = Picture::of(&site.store()).await;
    let states = picture.states_of("audit/acme");
    let reasons: Vec<_> = states.iter().filter(|(state, _)| *state == "missed").map(|(_, reason)| *reason).collect();
    assert!(reasons.len() == 1 && reasons[0].contains("503"), "{states:?}");
    let newest = picture.coverage["audit/acme"].last().unwrap();
    assert!(newest.state.looked() && newest.to_ms >= at(NOW).as_millisecond(), "what is new is not in doubt: {newest:?}");
    assert!(picture.states["audit/acme"].failure.is_none(), "how fresh it is does not depend on what is older");
    let told = engine.readiness(at(NOW)).await;
    assert!(told.not_ready.iter().all(|line| !line.contains("audit")), "{told:?}");
    assert!(told.in_part.iter().any(|line| line.starts_with("what is older of audit/acme: failing since ")), "{told:?}");

    site.poll(&engine, at(NOW)).await;
    let told = engine.readiness(at(NOW)).await;
    assert!(told.in_part.iter().all(|line| !line.contains("audit")), "{told:?}");
    let found = Picture::of(&site.store()).await;
    assert_eq!(found.states_of("audit/acme"), [("covered", "")], "{:?}", found.coverage["audit/acme"]);
    assert_same_counts(&expected.counts, &found.counts);
    assert_eq!(found.skipped("audit/acme"), expected.skipped("audit/acme"), "what was passed over is counted once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_refused_in_what_is_older_loses_and_repeats_nothing() {
    let world = small_world(15, at(NOW), 60);
    let calm = Site::grown(&world, ServeOptions::default()).await;
    let steady = steady_requests(&calm, at(NOW)).await;
    calm.poll(&calm.engine(), at(NOW)).await;
    let expected = Picture::of(&calm.store()).await;

    let expired = Fault::new(FaultKind::ExpiredCursor, When::Burst { from: steady + 2, count: 2 }).at("events-stream");
    let site = Site::grown(&world, ServeOptions { faults: vec![expired], ..ServeOptions::default() }).await;
    site.poll(&site.engine(), at(NOW)).await;
    assert!(site.server.requests()[&("events-stream", 400)] >= 1);
    let found = Picture::of(&site.store()).await;
    assert_same_counts(&expected.counts, &found.counts);
    assert_eq!(
        (found.items("audit/acme"), found.skipped("audit/acme")),
        (expected.items("audit/acme"), expected.skipped("audit/acme"))
    );
}
