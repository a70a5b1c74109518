//! `store prune`: what is too old goes, its space comes back, and no count changes.

use std::fs;

use duskwatch::{evidence::Day, simulator::ServeOptions, store::Store};
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use crate::support::{
    NOW, Site, at, integrations,
    picture::{Picture, assert_same_counts, kept},
    program::{Ran, Service, duskwatch, duskwatch_at, killed_after},
    small_world,
};

/// A store that knows forty days, all of which may be kept.
async fn polled(seed: u64) -> Site {
    let site = Site::grown(&small_world(seed, at(NOW), 40), ServeOptions::default()).await;
    let engine = site.engine();
    site.poll(&engine, at(NOW)).await;
    engine.judge(at(NOW)).await.unwrap();
    site
}

fn keep(site: &Site, raw: &str, evidence: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    let rules = format!("keep_raw = {raw:?}\nkeep_evidence = {evidence:?}");
    fs::write(site.config(), text.replace("keep_raw = \"9999d\"\nkeep_evidence = \"9999d\"", &rules)).unwrap();
}

#[track_caller]
fn well(ran: Ran) -> String {
    assert_eq!(ran.status, 0, "{ran:#?}");
    ran.out
}

fn report(site: &Site) -> Value {
    serde_json::from_str(&well(duskwatch(site, &["report", "--format", "json"]))).unwrap()
}

fn size(site: &Site) -> u64 {
    let files = ["duskwatch.db", "duskwatch.db-wal"].map(|name| fs::metadata(site.path(name)).map_or(0, |file| file.len()));
    files.iter().sum()
}

fn first_day(days: i64) -> Timestamp {
    Day::of(at(NOW).checked_sub((days * 24).hours()).unwrap()).start()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_with_its_space_and_no_report_changes() {
    let site = polled(31).await;
    let (before, pieces, reported) = (Picture::of(&site.store()).await, kept(&site.store()), report(&site));
    keep(&site, "5d", "10d");
    let old = size(&site);
    let told = well(duskwatch(&site, &["store", "prune"]));
    assert!(told.starts_with("what was read of days before 2026-06-28: ") && told.contains(" less than before"), "{told}");
    let young = size(&site);
    assert!(young * 2 < old, "{old} bytes became {young}");

    let after = Picture::of(&site.store()).await;
    assert_same_counts(&before.counts, &after.counts);
    assert_eq!((after.totals, after.coverage, after.states), (before.totals, before.coverage, before.states));
    let from = first_day(5).as_millisecond();
    let expected: Vec<_> = pieces.into_iter().filter(|(_, sighting)| sighting.time_ms >= from).collect();
    assert_eq!(kept(&site.store()), expected);
    assert!(!expected.is_empty());
    assert_eq!(report(&site), reported);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_says_that_single_pieces_were_removed_by_the_rule_and_reclassify_leaves_their_days() {
    let site = polled(31).await;
    keep(&site, "5d", "400d");
    well(duskwatch(&site, &["store", "prune"]));
    let reported = report(&site);
    let row = integrations(&reported).iter().max_by_key(|row| row["uses_30d"].as_u64()).unwrap();
    let id = row["integration"].as_str().unwrap();
    let explained: Value =
        serde_json::from_str(&well(duskwatch(&site, &["explain", id, "--format", "json", "--limit", "100000"]))).unwrap();
    assert_eq!(explained["kept_from"], "2026-06-28");
    for piece in explained["evidence"].as_array().unwrap() {
        let young = piece["time"].as_str().unwrap() >= "2026-06-28";
        assert_eq!(piece["kept"], young, "{piece:#}");
    }
    let told = well(duskwatch(&site, &["explain", id, "--limit", "100000"]));
    assert!(told.replace("\n    ", " ").contains("days before 2026-06-28 were removed by the rule"), "{told}");
    let done = well(duskwatch(&site, &["reclassify"]));
    let left = done.lines().last().unwrap();
    assert!(left.ends_with("stay as they were counted") && !left.starts_with("0 uses"), "{done}");
    assert_eq!(report(&site)["campaigns"][0]["counts"], reported["campaigns"][0]["counts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruning_that_somebody_asked_for_is_journalled_although_nothing_was_left_to_remove() {
    let site = polled(31).await;
    keep(&site, "5d", "10d");
    for _ in 0..2 {
        well(duskwatch(&site, &["store", "prune"]));
    }
    let journal = Store::open_read_only(&site.store()).unwrap().read(duskwatch::store::Reader::journal).await.unwrap();
    let pruned: Vec<_> = journal.iter().filter(|entry| entry.action == "prune").collect();
    assert_eq!(pruned.len(), 2, "{journal:#?}");
    for entry in &pruned {
        assert!(entry.detail.starts_with("what was read of days before 2026-06-28 ("), "{entry:?}");
        assert!(entry.actor.ends_with("(duskwatch store prune)"), "{entry:?}");
    }
    assert!(!pruned[0].detail.contains("(0 batches)") && pruned[1].detail.contains("(0 batches)"), "{pruned:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_known_again_as_long_as_single_pieces_of_evidence_are_kept() {
    let site = polled(31).await;
    keep(&site, "5d", "10d");
    let line = "{\"time\":\"2026-07-02T10:00:00Z\",\"host\":\"bitbucket.org\",\"username\":\"mtessel\",\"status\":200}\n";
    fs::write(site.path("hand.jsonl"), line).unwrap();
    let import =
        |now: &str| well(duskwatch_at(&site, now, &["import", "--format", "json", site.path("hand.jsonl").to_str().unwrap()]));
    assert!(import(NOW).contains("1 recorded, 0 known before"));
    let prune = |now: &str| well(duskwatch_at(&site, now, &["store", "prune"]));
    prune("2026-07-13T07:00:00Z");
    assert!(import("2026-07-13T07:00:00Z").contains("0 recorded, 1 known before"));
    prune("2026-07-14T07:00:00Z");
    assert!(import("2026-07-14T07:00:00Z").contains("1 recorded, 0 known before"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruning_that_is_killed_anywhere_leaves_a_sound_store_and_is_ended_by_the_next() {
    let site = polled(32).await;
    let before = Picture::of(&site.store()).await;
    let pieces = kept(&site.store());
    keep(&site, "5d", "10d");
    let mut killed = 0;
    for (words, times) in [("a step of pruning is done", 1), ("a step of pruning is done", 2), ("pages were given back", 1)] {
        killed += u32::from(killed_after(&site, &["--now", NOW, "store", "prune"], words, times));
        assert_same_counts(&before.counts, &Picture::of(&site.store()).await.counts);
    }
    assert!(killed > 0, "no pruning took long enough to be killed in");
    well(duskwatch(&site, &["store", "prune"]));
    let from = first_day(5).as_millisecond();
    let expected: Vec<_> = pieces.into_iter().filter(|(_, sighting)| sighting.time_ms >= from).collect();
    assert_eq!(kept(&site.store()), expected);
    assert_same_counts(&before.counts, &Picture::of(&site.store()).await.counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_prunes_by_itself_and_takes_turns_with_the_command() {
    let site = polled(31).await;
    let before = Picture::of(&site.store()).await;
    let old = size(&site);
    keep(&site, "1d", "1d");
    let mut service = Service::start(&site);
    let told = well(duskwatch(&site, &["store", "prune"]));
    assert!(told.contains("the store has "), "{told}");
    service.wait_for("what is too old was removed", &["bytes_after=".to_owned()]);
    let (status, _) = service.terminate();
    assert!(status.success());
    // The world stands still: all of it is older than a day by the clock of the service.
    assert_eq!(kept(&site.store()), Vec::new());
    assert_same_counts(&before.counts, &Picture::of(&site.store()).await.counts);
    assert!(size(&site) * 2 < old);
}
