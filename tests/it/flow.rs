//! What the doors showed is what is recorded, once, however often and in whatever pieces it was read.

use std::{collections::BTreeSet, fs};

use duskwatch::simulator::{EndOfStream, Fault, FaultKind, ServeOptions, When};
use regex::Regex;
use serde_json::Value;

use crate::support::{
    NOW, Site, at, days_before, files,
    picture::{Picture, assert_same_counts},
    small_world,
};

const AUDIT: &str = "audit/acme";

/// Pages of the simulated stream that a test walks at most.
const MAX_PAGES: usize = 200;

/// The ids that the audit stream shows to anybody who walks it to its end.
async fn event_ids(site: &Site) -> BTreeSet<String> {
    let url = format!("{}/admin/v1/orgs/{}/events-stream", site.server.atlassian_url(), site.world.organization().id);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut ids, mut query) = (BTreeSet::new(), "from=0".to_owned());
    for _ in 0..MAX_PAGES {
        let key = ServeOptions::default().organization_key;
        let page = client.get(format!("{url}?limit=500&{query}")).bearer_auth(key).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        let data = page["data"].as_array().unwrap();
        ids.extend(data.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        match page["meta"]["next"].as_str() {
            Some(next) if !data.is_empty() => query = format!("from=0&cursor={next}"),
            _ => return ids,
        }
    }
    panic!("the stream has no end");
}

/// How many lines of a log concern Bitbucket, how many of these carry credentials, and how many lines do not concern it or
/// cannot be read.
fn lines_of(site: &Site, log: &str) -> (u64, u64, u64) {
    let (mut kept, mut signed_in, mut dropped) = (0, 0, 0);
    for (_, line) in site.lines().iter().filter(|(name, _)| *name == log) {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        if matches!(line["host"].as_str(), Some("bitbucket.org" | "api.bitbucket.org")) {
            kept += 1;
            signed_in += u64::from(line["scheme"].is_string() || line["authorization"].is_string());
        } else {
            dropped += 1;
        }
    }
    (kept, signed_in, dropped)
}

fn assert_lines_are_counted_once(site: &Site, picture: &Picture) {
    for log in ["egress-inspected", "egress-plain"] {
        let (source, (kept, signed_in, dropped)) = (format!("log/{log}"), lines_of(site, log));
        assert!(signed_in > 50, "{log} has only {signed_in} lines with credentials");
        assert_eq!((picture.items(&source), picture.skipped(&source)), (kept, dropped), "{log}");
        assert_eq!(picture.uses(&source), signed_in, "{log}");
    }
    let ours = Regex::new(r"[ /;](?:api\.)?bitbucket\.org[:/;]").unwrap();
    for (log, form) in OTHER_FORMS {
        let (source, form) = (format!("log/{log}"), Regex::new(form).unwrap());
        let (whole, broken): (Vec<_>, Vec<_>) = site.items_of(log).into_iter().partition(|item| form.is_match(item));
        let (kept, foreign): (Vec<_>, Vec<_>) = whole.into_iter().partition(|item| log == "gateway" || ours.is_match(item));
        assert!(kept.len() > 10, "{log} has only {} lines", kept.len());
        let dropped = broken.len() + foreign.len();
        assert_eq!((picture.items(&source), picture.skipped(&source)), (kept.len() as u64, dropped as u64), "{log}");
        let signs = |item: &&String| form.captures(item).is_some_and(|found| found.name("user").or(found.name("sign")).is_some());
        assert_eq!(picture.uses(&source), kept.iter().filter(signs).count() as u64, "{log}");
    }
}

/// What a whole item of the other logs looks like, and where it shows a user or another sign of a credential: SSH, and where
/// no user is known, git's being told that something is gone.
const OTHER_FORMS: [(&str, &str); 3] = [
    (
        "gateway",
        r#"^\S+ - (?:(?<user>[^- ]\S*)|-) \[[^]]+\] "(?:(?<sign>CONNECT \S+:22)|\w+ \S+) HTTP/1.1" \d+ \d+ "-" "[^"]*"$"#,
    ),
    (
        "squid",
        r"^\d+\.\d+ +\d+ \S+ TCP_(?:MISS/410 \d+ \w+ (?<user>https://bitbucket\.org/)\S+|\w+/\d+ \d+ (?:(?<sign>CONNECT \S+:22)|\w+ \S+)) \S+ HIER_DIRECT/\S+ -$",
    ),
    ("filter", r#"(?s)^2026[^;]+;[^;]+;[^;]*;(?<sign>[a-z]+)?;[^;]+;\w+;[^;]+;\d+;("([^"]|"")*"|[^;"]*);("([^"]|"")*"|[^;"]*)$"#),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_kept_once_however_the_stream_ends_and_repeats_itself() {
    let world = small_world(3, at(NOW), 40);
    let plain = Site::grown(&world, ServeOptions { repeats: false, ..ServeOptions::default() }).await;
    let engine = plain.engine();
    plain.poll(&engine, at(NOW)).await;
    let expected = Picture::of(&plain.store()).await;
    let shown = event_ids(&plain).await.len() as u64;
    assert!(shown > 1_000, "{shown} events are no test of paging");
    assert_eq!(expected.items(AUDIT) + expected.skipped(AUDIT), shown);
    assert!(expected.items(AUDIT) > 100 && expected.skipped(AUDIT) > 100);
    assert_lines_are_counted_once(&plain, &expected);

    let twice = Fault::new(FaultKind::DuplicateEvents, When::Every(2)).at("events-stream");
    for end_of_stream in [EndOfStream::CursorOnLastPage, EndOfStream::EmptyPageWithoutCursor] {
        let options = ServeOptions { repeats: true, end_of_stream, faults: vec![twice.clone()], ..ServeOptions::default() };
        let site = Site::grown(&world, options).await;
        let engine = site.engine();
        for round in 0..3 {
            site.poll(&engine, at(NOW)).await;
            let picture = Picture::of(&site.store()).await;
            assert_same_counts(&expected.counts, &picture.counts);
            assert_eq!(picture.items(AUDIT), expected.items(AUDIT), "{end_of_stream:?}, round {round}");
            assert_eq!(picture.totals.authentications, expected.totals.authentications, "{end_of_stream:?}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_counted_once_while_files_grow_are_rotated_and_the_service_starts_anew() {
    let world = small_world(4, at(NOW), 20);
    let mut site = Site::new(&world, ServeOptions::default()).await;
    let mut engine = site.engine();
    for (step, days) in [9, 7, 4, 2, 0].into_iter().enumerate() {
        let now = days_before(at(NOW), days);
        if step == 2 || step == 3 {
            drop(engine);
            engine = site.engine();
        }
        if step == 3 {
            rotate(&site);
        }
        site.grow(now);
        if step == 4 {
            // What is renamed after it has grown is still the file that was read before.
            rotate(&site);
        }
        site.poll(&engine, now).await;
        assert_lines_are_counted_once(&site, &Picture::of(&site.store()).await);
        site.poll(&engine, now).await;
        assert_lines_are_counted_once(&site, &Picture::of(&site.store()).await);
    }
}

/// Renames every log file as logrotate does: `.1` becomes `.2`, the file itself `.1`.
fn rotate(site: &Site) {
    let mut paths = files(&site.logs());
    paths.retain(|path| path.parent() == Some(&site.logs()));
    for path in paths.iter().rev() {
        let name = path.to_str().unwrap();
        let rotated = name.rsplit_once('.').and_then(|(stem, number)| Some((stem, number.parse::<u32>().ok()?)));
        let (stem, number) = rotated.unwrap_or((name, 0));
        fs::rename(path, format!("{stem}.{}", number + 1)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_round_and_a_round_a_day_end_in_the_same_report() {
    let world = small_world(5, at(NOW), 30);
    let once = Site::grown(&world, ServeOptions::default()).await;
    let engine = once.engine();
    once.poll(&engine, at(NOW)).await;
    let in_one_go = once.package(&engine, at(NOW)).await;

    let mut daily = Site::new(&world, ServeOptions::default()).await;
    let mut engine = daily.engine();
    for days in (0..25).rev() {
        let now = days_before(at(NOW), days);
        daily.grow(now);
        daily.poll(&engine, now).await;
        if days % 10 == 0 {
            drop(engine);
            engine = daily.engine();
        }
    }
    assert_same_counts(&Picture::of(&once.store()).await.counts, &Picture::of(&daily.store()).await.counts);
    let day_by_day = daily.package(&engine, at(NOW)).await;
    for name in ["integrations.csv", "authentications.csv"] {
        let (one, many) = (fs::read_to_string(in_one_go.join(name)).unwrap(), fs::read_to_string(day_by_day.join(name)).unwrap());
        assert!(one.lines().count() > 5, "{name}: {one}");
        let differences: Vec<_> = one.lines().zip(many.lines()).filter(|(a, b)| a != b).take(3).collect();
        assert!(one == many, "{name}: {differences:#?}");
    }
}
