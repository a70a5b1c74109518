//! Figures of collecting, measured against the simulated APIs. `cargo test --test it figures -- --nocapture` prints them.

use std::{sync::Arc, time::Duration};

use duskwatch::{
    network::Network,
    simulator::{EndOfStream, ServeOptions},
    source::{Audit, Auth, Client, ClientOptions, Position, Tokens},
};
use jiff::{Timestamp, ToSpan as _};
use tokio::time::Instant;

use crate::support::{NOW, Site, at, days_before, picture::Picture, small_world};

const AUDIT: &str = "audit/acme";

/// A minute of the scaled clock: long enough that a busy machine still keeps most of the pace.
const SCALED_MINUTE: Duration = Duration::from_millis(800);

/// Scaled minutes that two sources ask for as much as they may.
const SCALED_MINUTES: u32 = 5;

fn sent(site: &Site, endpoint: &str) -> u64 {
    site.server.requests().iter().filter(|((name, _), _)| *name == endpoint).map(|(_, count)| count).sum()
}

fn all_sent(site: &Site) -> u64 {
    site.server.requests().values().sum()
}

/// The audit stream and the token list ask side by side for some minutes, as often as one credential may. The requests that
/// were answered, and those that were refused.
async fn greedy(enforced_per_minute: u32, configured_per_minute: u32) -> (u64, u64) {
    let options = ServeOptions { requests_per_minute: enforced_per_minute, minute: SCALED_MINUTE, ..ServeOptions::default() };
    let site = Site::new(&small_world(31, at(NOW), 2), options).await;
    let client = Client::new(ClientOptions {
        base_url: site.server.atlassian_url().parse().unwrap(),
        auth: Auth::Bearer(ServeOptions::default().organization_key.into()),
        limits: vec![(configured_per_minute, SCALED_MINUTE)],
        share: 0.8,
        retries: 3,
        network: Network::default(),
        seed: 1,
    })
    .unwrap();
    let organization = site.world.organization().id;
    let mut audit = Audit::new(client.sibling(), &organization);
    let tokens = Tokens::new(client, "acme", &organization);
    let nothing_yet = Position::From(site.world.now().as_millisecond());
    let end = Instant::now() + SCALED_MINUTE * SCALED_MINUTES;
    let stream = async {
        while Instant::now() < end {
            audit.page(&nothing_yet).await.unwrap();
        }
    };
    let lists = async {
        while Instant::now() < end {
            tokens.list().await.unwrap();
        }
    };
    tokio::join!(stream, lists);
    let requests = site.server.requests();
    let of = |wanted| requests.iter().filter(|((_, status), _)| *status == wanted).map(|(_, count)| count).sum();
    (of(200), of(429))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_limits_are_used_and_never_exceeded() {
    for (enforced, configured) in [(50, 50), (10, 10), (10, 50)] {
        let (answered, refused) = greedy(enforced, configured).await;
        #[expect(clippy::cast_precision_loss, reason = "some hundred requests")]
        let share = answered as f64 / f64::from(enforced * SCALED_MINUTES) * 100.0;
        println!(
            "a server that enforces {enforced} requests a minute, {configured} configured, share 0.8: {answered} answered in \
             {SCALED_MINUTES} scaled minutes, {share:.0} % of what it allows, {refused} refused (429)"
        );
        assert_eq!(refused, 0, "{enforced} {configured}");
        // Half of the paced rate: a busy machine may be slow, a stalled budget is not.
        assert!(answered >= u64::from(enforced * SCALED_MINUTES / 3), "{answered} of {enforced}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_first_look_of_new_events_and_of_an_idle_hour() {
    for end_of_stream in [EndOfStream::CursorOnLastPage, EndOfStream::EmptyPageWithoutCursor] {
        let world = small_world(32, at(NOW), 60);
        let mut site = Site::new(&world, ServeOptions { end_of_stream, ..ServeOptions::default() }).await;
        let yesterday = days_before(at(NOW), 1);
        site.grow(yesterday);
        let engine = site.engine();
        site.poll(&engine, yesterday).await;
        let (first, known) = (sent(&site, "events-stream"), events(&site).await);
        site.grow(at(NOW));
        poll_audit(&engine, at(NOW)).await;
        let (more, new) = (sent(&site, "events-stream") - first, events(&site).await - known);
        let idle = idle_hour(&site, &engine).await;
        #[expect(clippy::cast_precision_loss, reason = "some thousand events")]
        let per_thousand = |requests: u64, events: u64| requests as f64 * 1_000.0 / events as f64;
        println!(
            "{end_of_stream:?}: first look at {known} events: {first} requests ({:.1} per 1,000 events); a day of {new} new \
             events in one round: {more} ({:.1} per 1,000); an idle hour of audit 1m and tokens 1h: {idle}",
            per_thousand(first, known),
            per_thousand(more, new),
        );
        assert!(more <= new / 500 + 4, "{more} requests for {new} events");
        // One a minute, and one more where the stream gives no cursor at its end; the token list, and the catalogue if it is due.
        let a_minute = if end_of_stream == EndOfStream::CursorOnLastPage { 60 } else { 120 };
        assert!((60..=a_minute + 3).contains(&idle), "{idle}");
    }
}

/// Events of the stream that were read, once each, kept or not.
async fn events(site: &Site) -> u64 {
    let picture = Picture::of(&site.store()).await;
    picture.items(AUDIT) + picture.skipped(AUDIT)
}

async fn poll_audit(engine: &Arc<duskwatch::daemon::Engine>, now: Timestamp) {
    let outcome = engine.poll(&[AUDIT.to_owned()], None, now).await.unwrap();
    assert_eq!(outcome.failed, Vec::<String>::new(), "{:?}", outcome.lines);
}

/// The requests of an hour in which nothing happens.
async fn idle_hour(site: &Site, engine: &Arc<duskwatch::daemon::Engine>) -> u64 {
    let before = all_sent(site);
    for minute in 1..=60 {
        poll_audit(engine, at(NOW).checked_add(minute.minutes()).unwrap()).await;
    }
    let hour = at(NOW).checked_add(1.hours()).unwrap();
    let outcome = engine.poll(&["tokens/acme".to_owned()], None, hour).await.unwrap();
    assert_eq!(outcome.failed, Vec::<String>::new());
    all_sent(site) - before
}
