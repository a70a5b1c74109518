//! Trouble at the doors delays what is known and never changes it; while it lasts the ledger says so.

use std::{fs, sync::Arc, time::Duration};

use duskwatch::{
    evidence::{Coverage, CoverageState},
    simulator::{Fault, FaultKind, RetryHeader, ServeOptions, When, World},
};
use jiff::Timestamp;

use crate::support::{
    NOW, Site, at, days_before,
    picture::{Picture, assert_same_counts},
    small_world,
};

/// A request and all its retries within one round.
const ATTEMPTS: u64 = 4;

/// Rounds after which the worst of the troubles below must be over.
const MAX_ROUNDS: usize = 8;

fn faulty(faults: Vec<Fault>) -> ServeOptions {
    let (minute, retry_header) = (Duration::from_millis(100), RetryHeader::RetryAfter);
    ServeOptions { faults, minute, retry_header, ..ServeOptions::default() }
}

/// A site that was read two days ago, without trouble if its faults let it.
async fn read_before(world: &Arc<World>, options: ServeOptions) -> (Site, Timestamp) {
    let mut site = Site::new(world, options).await;
    let before = days_before(world.now(), 2);
    site.grow(before);
    site.poll(&site.engine(), before).await;
    (site, before)
}

/// How many requests an endpoint has answered.
fn answered(site: &Site, endpoint: &str) -> u64 {
    site.server.requests().iter().filter(|((name, _), _)| *name == endpoint).map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_named_leaves_a_gap_in_the_ledger_and_is_made_up_for() {
    let world = small_world(6, at(NOW), 25);
    let (calm, _) = read_before(&world, ServeOptions::default()).await;
    let next = |kind, endpoint, sources| {
        let (from, count) = (answered(&calm, endpoint) + 1, ATTEMPTS * sources);
        Fault::new(kind, When::Burst { from, count }).at(endpoint)
    };
    let faults = vec![
        next(FaultKind::Status(503), "events-stream", 1),
        next(FaultKind::TruncatedBody, "api-tokens", 1),
        next(FaultKind::HtmlBody, "permissions", 2),
    ];
    let (mut site, before) = read_before(&world, faulty(faults)).await;
    let engine = site.engine();
    let during = days_before(world.now(), 1);
    site.grow(during);
    fs::rename(site.logs(), site.path("elsewhere")).unwrap();
    let outcome = engine.poll(&[], None, during).await.unwrap();
    fs::rename(site.path("elsewhere"), site.logs()).unwrap();
    assert_eq!(outcome.failed, engine.source_names(), "{:#?}", outcome.lines);
    let picture = Picture::of(&site.store()).await;
    for source in engine.source_names() {
        let last = picture.coverage[&source].last().unwrap();
        // Of a workspace's lists one fails and the others are read.
        let state = if source.starts_with("access/") { "partial" } else { "missed" };
        assert_eq!(last.state.as_str(), state, "{source}");
        let to_now = (0..=1).contains(&(last.to_ms - during.as_millisecond()));
        assert!(before.as_millisecond() <= last.from_ms + 1 && to_now, "{source}: {last:?}");
        assert_eq!(Some(&last.reason), picture.states[&source].failure.as_ref(), "{source}");
        assert!(outcome.lines.iter().any(|line| *line == format!("{source}: {}", last.reason)), "{:#?}", outcome.lines);
    }
    let report = site.report(&engine, during).await;
    assert_eq!(report["coverage"]["complete"], false);

    site.grow(world.now());
    site.poll(&engine, world.now()).await;
    let picture = Picture::of(&site.store()).await;
    for source in engine.source_names() {
        assert!(
            !picture.states_of(&source).iter().any(|(state, _)| *state == "missed"),
            "{source}: {:?}",
            picture.coverage[&source]
        );
    }
    let calm = Site::grown(&world, ServeOptions::default()).await;
    calm.poll(&calm.engine(), world.now()).await;
    assert_same_counts(&Picture::of(&calm.store()).await.counts, &picture.counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_every_kind_ends_in_what_a_calm_day_ends_in() {
    let world = small_world(7, at(NOW), 60);
    let calm = Site::grown(&world, ServeOptions::default()).await;
    calm.poll(&calm.engine(), world.now()).await;
    let expected = Picture::of(&calm.store()).await;
    let kinds = [
        (FaultKind::Status(500), 7),
        (FaultKind::TruncatedBody, 13),
        (FaultKind::HtmlBody, 17),
        (FaultKind::Reset, 11),
        (FaultKind::TooManyRequests, 23),
        (FaultKind::DuplicateEvents, 2),
    ];
    // Other faults shift the requests, so that one of them alone may be without a cursor.
    let expired = Fault::new(FaultKind::ExpiredCursor, When::Burst { from: 2, count: 4 }).at("events-stream");
    let mut faults = vec![expired];
    faults.extend(kinds.into_iter().map(|(kind, n)| Fault::new(kind, When::Every(n))));
    let site = Site::grown(&world, faulty(faults)).await;
    let engine = site.engine();
    let mut rounds = 0;
    while !engine.poll(&[], None, world.now()).await.unwrap().failed.is_empty() {
        rounds += 1;
        assert!(rounds < MAX_ROUNDS, "the trouble never ends");
    }
    let found = Picture::of(&site.store()).await;
    assert_same_counts(&expected.counts, &found.counts);
    assert_eq!(found.items("audit/acme"), expected.items("audit/acme"));
    let statuses: Vec<u16> = site.server.requests().keys().map(|(_, status)| *status).collect();
    assert!([200, 400, 429, 500].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_give_few_rows_a_page_are_read_to_their_end() {
    let world = small_world(8, at(NOW), 5);
    let calm = Site::grown(&world, ServeOptions::default()).await;
    calm.poll(&calm.engine(), world.now()).await;
    let small = Fault::new(FaultKind::SmallPages(10), When::Every(1));
    let site = Site::grown(&world, faulty(vec![small])).await;
    site.poll(&site.engine(), world.now()).await;
    assert!(site.server.faults()["small-pages"] > 0);
    let (expected, found) = (Picture::of(&calm.store()).await, Picture::of(&site.store()).await);
    assert_same_counts(&expected.counts, &found.counts);
    let items = |picture: &Picture| -> Vec<(String, CoverageState, u64)> {
        let last = |(source, intervals): (&String, &Vec<Coverage>)| {
            let last = intervals.last().unwrap();
            (source.clone(), last.state, last.items)
        };
        picture.coverage.iter().map(last).collect()
    };
    assert_eq!(items(&expected), items(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_goes_on_from_the_stored_time_without_repeats() {
    let world = small_world(8, at(NOW), 25);
    let (calm, _) = read_before(&world, ServeOptions::default()).await;
    let from = answered(&calm, "events-stream") + 1;
    let expired = Fault::new(FaultKind::ExpiredCursor, When::Burst { from, count: 1 }).at("events-stream");
    let (mut site, _) = read_before(&world, faulty(vec![expired])).await;
    let mut calm = calm;
    for site in [&mut calm, &mut site] {
        site.grow(world.now());
        site.poll(&site.engine(), world.now()).await;
    }
    assert_eq!(site.server.requests()[&("events-stream", 400)], 1);
    let (expected, found) = (Picture::of(&calm.store()).await, Picture::of(&site.store()).await);
    assert_same_counts(&expected.counts, &found.counts);
    assert_eq!(found.items("audit/acme"), expected.items("audit/acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_page_is_not_well_until_it_takes_one() {
    let world = small_world(9, at(NOW), 10);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let (engine, now) = (site.engine(), world.now());
    let database = rusqlite::Connection::open(site.store()).unwrap();
    database.execute_batch(include_str!("../data/faults/refuse_coverage.sql")).unwrap();
    let first = engine.round(0, None, now).await;
    assert!(first.failed && first.changed, "{first:?}");
    let logs = engine.source_names().len() - 1;
    engine.older_round(logs, now, None).await;
    let said = engine.readiness(now).await.not_ready;
    assert!(said.len() == 1 && said[0].starts_with("store: failing since") && said[0].contains("no room"), "{said:?}");

    database.execute_batch(include_str!("../data/faults/accept_coverage.sql")).unwrap();
    site.poll(&engine, now).await;
    assert_eq!(engine.readiness(now).await.not_ready, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_serves_the_others_is_not_well_until_it_takes_what_is_older() {
    let world = small_world(9, at(NOW), 25);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let (engine, now) = (site.engine(), world.now());
    assert!(engine.round(0, None, now).await.unread);
    let database = rusqlite::Connection::open(site.store()).unwrap();
    database.execute_batch(include_str!("../data/faults/refuse_coverage.sql")).unwrap();
    let older = engine.older_round(0, now, None).await;
    assert!(older.failed && !older.rests, "{older:?}");

    database.execute_batch(include_str!("../data/faults/accept_coverage.sql")).unwrap();
    assert!(!engine.round(0, None, now).await.failed);
    let said = engine.readiness(now).await.not_ready;
    assert!(said.len() == 1 && said[0].ends_with("; without it: what is older of audit/acme"), "{said:?}");
    assert!(!engine.older_round(0, now, None).await.failed);
    let said = engine.readiness(now).await.not_ready;
    assert!(!said.iter().any(|line| line.starts_with("store")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_judged_when_it_begins_and_when_it_is_over() {
    let world = small_world(9, at(NOW), 10);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let (engine, now) = (site.engine(), world.now());
    site.poll(&engine, now).await;
    let log = engine.source_names().iter().position(|name| name.starts_with("log/")).unwrap();
    fs::rename(site.logs(), site.path("elsewhere")).unwrap();
    let mut changed = Vec::new();
    for _ in 0..3 {
        changed.push(engine.round(log, None, now).await.changed);
    }
    fs::rename(site.path("elsewhere"), site.logs()).unwrap();
    for _ in 0..2 {
        changed.push(engine.round(log, None, now).await.changed);
    }
    assert_eq!(changed, [true, false, false, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_and_closed_to_us_is_not_permitted() {
    let world = small_world(9, at(NOW), 25);
    let calm = Site::grown(&world, ServeOptions::default()).await;
    calm.engine().round(0, None, world.now()).await;
    let refused = When::Burst { from: answered(&calm, "events-stream") + 1, count: ATTEMPTS };
    let site = Site::grown(&world, faulty(vec![Fault::new(FaultKind::Status(401), refused).at("events-stream")])).await;
    let engine = site.engine();
    let round = engine.round(0, None, world.now()).await;
    assert!(!round.failed && round.unread, "{round:?}");
    let older = engine.older_round(0, world.now(), None).await;
    assert!(older.failed && older.rests && older.line.contains("organization.acme.api_key"), "{older:?}");
    let states = Picture::of(&site.store()).await;
    let states: Vec<_> = states.states_of("audit/acme").into_iter().map(|(state, _)| state.to_owned()).collect();
    assert!(states.contains(&"not_permitted".to_owned()) && !states.contains(&"missed".to_owned()), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_was_closed_to_us_from_the_first_is_not_permitted() {
    let refused = Fault::new(FaultKind::Status(403), When::Every(1)).at("events-stream");
    let site = Site::grown(&small_world(9, at(NOW), 2), faulty(vec![refused])).await;
    let (engine, audit) = (site.engine(), ["audit/acme".to_owned()]);
    assert_eq!(engine.poll(&audit, None, at(NOW)).await.unwrap().failed, audit);
    let report = site.report(&engine, at(NOW)).await;
    let row = report["coverage"]["sources"].as_array().unwrap().iter().find(|row| row["source"] == audit[0]).unwrap();
    assert_eq!(row["state"], "not_permitted", "{row}");
    assert!(row["failure"].as_str().unwrap().contains("organization.acme.api_key"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_closed_to_us_at_first_says_since_when_after_it_opened() {
    let refused = Fault::new(FaultKind::Status(401), When::Burst { from: 1, count: 2 }).at("api-tokens");
    let site = Site::grown(&small_world(9, at(NOW), 2), faulty(vec![refused])).await;
    let (engine, tokens) = (site.engine(), ["tokens/acme".to_owned()]);
    let (closed, opened) = (at(NOW), at(NOW) + Duration::from_secs(3_600));
    assert_eq!(engine.poll(&tokens, None, closed).await.unwrap().failed, tokens);
    assert_eq!(engine.poll(&tokens, None, opened).await.unwrap().failed, Vec::<String>::new());
    let picture = Picture::of(&site.store()).await;
    let told: Vec<_> = picture.coverage[&tokens[0]].iter().map(|c| (c.state.as_str(), c.from_ms, c.to_ms)).collect();
    let [closed_ms, opened_ms] = [closed, opened].map(Timestamp::as_millisecond);
    assert_eq!(told, [("not_permitted", closed_ms, opened_ms), ("covered", opened_ms, opened_ms + 1)]);
    assert!(picture.coverage[&tokens[0]][0].reason.contains("organization.acme.api_key"));
}
