//! The service by the real clock: ended politely or killed in the middle of its first backfill, it loses and repeats nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use duskwatch::{
    clock::Clock,
    simulator::{Fault, FaultKind, ServeOptions, When},
};
use jiff::{Timestamp, Unit};

use crate::support::{
    Site,
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
const KILLED_AT: [u64; 3] = [2, 4, 7];

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
    let mut known = 0;
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
    service.wait_for("round done", &site.engine().source_names());
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
