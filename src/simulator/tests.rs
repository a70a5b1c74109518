//! Tests at the door of the room.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, ToSpan};
use reqwest::{Client, Response};
use serde_json::Value;

use super::*;
use crate::evidence::{ClientCatalogue, Credential, Day, Outcome, WindowKind};

fn now() -> Timestamp {
    "2026-07-03T07:00:00Z".parse().unwrap()
}

fn small() -> World {
    World::generate(7, &Options::new(Size::Small, now()))
}

fn client() -> Client {
    // Another test may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().build().unwrap()
}

/// Every file below a directory, with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

async fn stand(options: ServeOptions) -> (Arc<World>, Server) {
    let world = Arc::new(small());
    let server = serve(Arc::clone(&world), options).await.unwrap();
    (world, server)
}

fn stream_url(world: &World, server: &Server) -> String {
    format!("{}/admin/v1/orgs/{}/events-stream", server.atlassian_url(), world.organization().id)
}

async fn get(client: &Client, url: &str) -> Response {
    client.get(url).bearer_auth("simulated-organization-key").send().await.unwrap()
}

async fn page(client: &Client, url: &str) -> Value {
    let response = get(client, url).await;
    assert_eq!(response.status(), 200, "{url}");
    response.json().await.unwrap()
}

/// Walks the stream to its end, and returns the ids in the order in which they came, and the last cursor.
async fn walk(client: &Client, url: &str, query: &str) -> (Vec<String>, Option<String>) {
    let (mut ids, mut next, mut cursor) = (Vec::new(), format!("{url}?{query}"), None);
    let query = query.split("&cursor").next().unwrap();
    for _ in 0..500 {
        let body = page(client, &next).await;
        let data = body["data"].as_array().unwrap();
        ids.extend(data.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        let Some(text) = body["meta"]["next"].as_str() else { return (ids, cursor) };
        cursor = Some(text.to_owned());
        if data.is_empty() {
            return (ids, cursor);
        }
        next = format!("{url}?{query}&cursor={text}");
    }
    panic!("the stream has no end");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let (from, to) = (now().checked_sub(72.hours()).unwrap(), now());
    let written = |seed: u64| {
        let dir = tempfile::tempdir().unwrap();
        World::generate(seed, &Options::new(Size::Small, now())).write_logs(dir.path(), from, to).unwrap();
        files(dir.path())
    };
    assert_eq!(written(7), written(7));
    assert_ne!(written(7), written(8));
}

#[test]
fn logs_that_grow_in_two_steps_equal_logs_written_at_once() {
    let world = small();
    let from: Timestamp = "2026-06-28T22:00:00Z".parse().unwrap();
    let middle: Timestamp = "2026-07-01T06:07:12.500Z".parse().unwrap();
    let (once, twice) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    world.write_logs(once.path(), from, now()).unwrap();
    world.write_logs(twice.path(), from, middle).unwrap();
    world.write_logs(twice.path(), middle, now()).unwrap();
    assert_eq!(files(once.path()), files(twice.path()));
}

#[test]
fn what_is_done_on_a_day_is_done_within_it() {
    let world = World::generate(1, &Options { history_days: 35, ..Options::new(Size::Default, now()) });
    for integration in world.truth().integrations() {
        for day in (world.first.0..world.last.0).map(Day) {
            let uses: Vec<Use> = world.truth().uses(integration, day, Day(day.0 + 1)).collect();
            let outside = uses.iter().find(|one| Day::of_ms(one.at_ms) != day);
            assert_eq!(outside, None, "of {day}");
        }
    }
}

#[test]
fn nothing_after_the_present_is_written() {
    let world = small();
    let dir = tempfile::tempdir().unwrap();
    world.write_logs(dir.path(), now().checked_sub(24.hours()).unwrap(), now()).unwrap();
    for (name, bytes) in files(dir.path()) {
        let text = String::from_utf8(bytes).unwrap();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let time: Timestamp = line["time"].as_str().unwrap().parse().unwrap();
            // Some hosts' clocks are minutes ahead.
            assert!(time < now().checked_add(4.minutes()).unwrap(), "{name}");
        }
    }
}

#[test]
fn egress_lines_are_as_long_as_real_ones_and_careless_ones_hold_a_header() {
    let world = small();
    let dir = tempfile::tempdir().unwrap();
    world.write_logs(dir.path(), now().checked_sub(960.hours()).unwrap(), now()).unwrap();
    let all = files(dir.path());
    let mut lengths: Vec<usize> = Vec::new();
    let (mut headers, mut broken) = (0, 0);
    for (_, bytes) in all.iter().filter(|(name, _)| name.ends_with("jsonl")) {
        for line in std::str::from_utf8(bytes).unwrap().lines() {
            match serde_json::from_str::<Value>(line) {
                Ok(value) => {
                    headers += usize::from(value["authorization"].as_str().is_some_and(|it| it.starts_with("Basic ")));
                    lengths.push(line.len());
                }
                Err(_) => broken += 1,
            }
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!((330..=400).contains(&median), "{median}");
    assert!(headers > 0 && broken > 0, "{headers} headers, {broken} broken lines");
}

#[test]
fn app_passwords_are_refused_exactly_inside_windows_and_after_the_removal() {
    let world = World::generate(7, &Options::new(Size::Small, "2026-07-20T07:00:00Z".parse().unwrap()));
    let truth = world.truth();
    let (first, last) = truth.days();
    let (mut inside, mut outside) = (0, 0);
    for integration in truth.integrations() {
        for one in truth.legacy_uses(integration, first, last).filter(|it| !it.transient) {
            let closed = truth.campaign().window_at(one.at_ms) != WindowKind::Outside || truth.campaign().removed_at(one.at_ms);
            assert_eq!(one.outcome == Outcome::Rejected, closed, "{one:?}");
            if closed {
                inside += 1;
                assert!(matches!(one.status, 401 | 410));
            } else {
                outside += 1;
            }
        }
    }
    assert!(inside > 20 && outside > 1_000, "{inside} inside, {outside} outside");
}

#[test]
fn job_output_says_why_git_was_refused() {
    let world = World::generate(3, &Options::new(Size::Default, now()));
    let dir = tempfile::tempdir().unwrap();
    let logs = world.write_logs(dir.path(), "2026-06-20T00:00:00Z".parse().unwrap(), now()).unwrap();
    let output: String = files(&dir.path().join("transcripts")).into_values().map(|it| String::from_utf8(it).unwrap()).collect();
    assert!(output.contains("remote: CHANGE-3222 - Functionality has been deprecated"));
    assert!(output.contains("The requested URL returned error: 410"));
    assert!(logs.logs.iter().all(|log| log.lines > 0), "{logs:?}");
    let table = std::fs::read_to_string(dir.path().join("filter-2026-06.csv")).unwrap();
    assert!(table.contains(";\"remote: ") && table.contains("\nremote: see \"\"the changelog\"\""), "rows of several lines");
}

#[test]
fn the_default_world_has_the_promised_size() {
    let world = World::generate(1, &Options::new(Size::Default, now()));
    let truth = world.truth();
    let (first, _) = truth.days();
    assert_eq!(truth.users().len(), 300);
    assert_eq!(truth.integrations().len(), 200);
    assert_eq!(world.workspaces().count(), 12);
    let legacy = truth.integrations().iter().filter(|it| it.fate != Fate::NeverLegacy).count();
    assert!((120..=150).contains(&legacy), "{legacy} started with app passwords");
    let visible = world.events.iter().filter(|it| it.processed_ms <= now().as_millisecond()).count();
    assert!((60_000..=100_000).contains(&visible), "{visible} events");
    let dir = tempfile::tempdir().unwrap();
    let logs = world.write_logs(dir.path(), jiff::Timestamp::from_millisecond(first.start_ms()).unwrap(), now()).unwrap();
    assert!((250_000..=400_000).contains(&logs.lines()), "{} lines: {logs:?}", logs.lines());
}

#[test]
fn integrations_leave_under_pressure_and_some_never_do() {
    let world = World::generate(1, &Options::new(Size::Default, "2026-07-20T07:00:00Z".parse().unwrap()));
    let truth = world.truth();
    let left = |day: &str| truth.integrations().iter().filter(|it| truth.remaining_on(it, Day::parse(day).unwrap())).count();
    let (start, brownouts, removal) = (left("2026-02-20"), left("2026-06-09"), left("2026-07-28"));
    assert!(start > brownouts && brownouts > removal, "{start} {brownouts} {removal}");
    assert!((20..=90).contains(&removal), "{removal} of {start} still knock after the removal");
    let failing = truth.integrations().iter().filter(|it| truth.failing_after_removal(it).next().is_some()).count();
    assert!(failing > 15, "{failing} break");
    let fates: HashSet<_> = truth.integrations().iter().map(|it| std::mem::discriminant(&it.fate)).collect();
    assert_eq!(fates.len(), 9, "every kind of fate occurs");
}

#[test]
fn integrations_are_distinct_and_their_agents_are_recognised() {
    let world = World::generate(1, &Options::new(Size::Default, now()));
    let truth = world.truth();
    let catalogue = ClientCatalogue::builtin().unwrap();
    let keys: HashSet<_> = truth.integrations().iter().map(|it| (it.user, it.client, it.origin.text())).collect();
    assert_eq!(keys.len(), truth.integrations().len());
    for part in software::KINDS.iter().flat_map(|kind| kind.parts) {
        for agent in part.agents {
            assert_eq!(catalogue.recognise(agent).map_or("unknown", |it| it.id.as_str()), part.client, "{agent}");
        }
    }
}

#[test]
fn users_are_told_apart() {
    let places = organization::Places::generate(seed::Seed(1), &Size::Large.scale(), Some((Day(20_000), Day(20_180))));
    let distinct = |key: fn(&User) -> &str| places.users.iter().map(key).collect::<HashSet<_>>().len();
    assert_eq!(distinct(|it| &it.account_id), 8_000);
    assert_eq!(distinct(|it| &it.nickname), 8_000);
    assert_eq!(distinct(|it| &it.email), 8_000);
}

#[test]
fn no_inventory_lists_the_tokens_of_guests() {
    let world = World::generate(1, &Options::new(Size::Default, now()));
    let guest = |user: usize| !world.places.users[user].managed;
    let uses_tokens = |it: &&Integration| it.replacement == Credential::ApiToken && it.fate.replacement_since().is_some();
    assert!(world.integrations.iter().filter(uses_tokens).any(|it| guest(it.user)), "a guest signs in with one");
    let listed = inventory::generate(&world);
    assert!(listed.len() > 50 && !listed.iter().any(|token| guest(token.user)));
    let elsewhere = |user: &User| user.email.ends_with("@guests.test");
    assert!(world.places.users.iter().all(|user| elsewhere(user) != user.managed));
}

#[test]
fn no_event_says_app_password_or_user_agent() {
    let world = small();
    for event in world.events.iter().step_by(7) {
        let text = event.render(&world, "org").to_string().to_lowercase();
        for word in ["app_password", "app-password", "app password", "user_agent", "useragent", "atbb"] {
            assert!(!text.contains(word), "{text}");
        }
    }
}

#[tokio::test]
async fn every_visible_event_comes_exactly_once_whatever_the_end_looks_like() {
    for end_of_stream in [EndOfStream::CursorOnLastPage, EndOfStream::EmptyPageWithoutCursor] {
        let (world, server) = stand(ServeOptions { end_of_stream, ..ServeOptions::default() }).await;
        let (client, url) = (client(), stream_url(&world, &server));
        let visible = world.events.iter().filter(|it| it.processed_ms <= now().as_millisecond()).count();
        let (ids, cursor) = walk(&client, &url, "limit=400").await;
        let distinct: HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), visible);
        assert!(ids.len() > visible, "some pages repeat");
        let later = now().checked_add(24.hours()).unwrap();
        server.set_now(later);
        let grown = world.events.iter().filter(|it| it.processed_ms <= later.as_millisecond()).count();
        let (more, _) = walk(&client, &url, &format!("limit=400&cursor={}", cursor.unwrap())).await;
        let all: HashSet<_> = ids.iter().chain(&more).collect();
        assert_eq!(all.len(), grown);
        server.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn the_stream_runs_backwards_and_between_instants() {
    let (world, server) = stand(ServeOptions { repeats: false, ..ServeOptions::default() }).await;
    let (client, url) = (client(), stream_url(&world, &server));
    let to = now().as_millisecond() - 86_400_000;
    let query = format!("limit=100&from={}&to={to}", to - 3 * 86_400_000);
    let (mut forwards, _) = walk(&client, &url, &query).await;
    let (backwards, _) = walk(&client, &url, &format!("{query}&sortOrder=desc")).await;
    assert!(forwards.len() > 50);
    forwards.reverse();
    assert_eq!(forwards, backwards);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_next_link_can_be_followed_and_bad_cursors_and_keys_are_refused() {
    let (world, server) = stand(ServeOptions::default()).await;
    let (client, url) = (client(), stream_url(&world, &server));
    let first = page(&client, &format!("{url}?limit=10")).await;
    let second = page(&client, first["links"]["next"].as_str().unwrap()).await;
    assert_ne!(first["data"][9]["id"], second["data"][9]["id"]);
    let refused = get(&client, &format!("{url}?cursor=nonsense")).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["errors"][0]["code"], "INVALID_PAGE_CURSOR");
    assert_eq!(client.get(&url).bearer_auth("wrong").send().await.unwrap().status(), 401);
    let foreign = format!("{}/admin/v1/orgs/other/events-stream", server.atlassian_url());
    assert_eq!(get(&client, &foreign).await.status(), 403);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn tokens_are_listed_once_in_both_link_forms_and_unknown_parameters_fail() {
    for next_form in [NextForm::Url, NextForm::BareCursor] {
        let (world, server) = stand(ServeOptions { next_form, ..ServeOptions::default() }).await;
        let client = client();
        let url = format!("{}/admin/api-access/v1/orgs/{}/api-tokens", server.atlassian_url(), world.organization().id);
        let (mut ids, mut next) = (Vec::new(), Some(format!("{url}?pageSize=3")));
        while let Some(address) = next {
            let body = page(&client, &address).await;
            ids.extend(body["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
            let link = body["links"]["next"].as_str();
            next = link.map(|it| if it.starts_with("http") { it.to_owned() } else { format!("{url}?pageSize=3&cursor={it}") });
        }
        assert!(ids.len() > 4, "{ids:?}");
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert_eq!(get(&client, &format!("{url}?limit=10")).await.status(), 500);
        server.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn bitbucket_pages_its_lists_and_refuses_the_matrix_of_a_foreign_workspace() {
    let (world, server) = stand(ServeOptions::default()).await;
    let client = client();
    let slugs: Vec<&str> = world.workspaces().collect();
    let mut repositories = 0;
    for slug in &slugs {
        let mut next = Some(format!("{}/repositories/{slug}?pagelen=5", server.bitbucket_url()));
        while let Some(url) = next {
            let body: Value =
                client.get(url).bearer_auth("simulated-workspace-token").send().await.unwrap().json().await.unwrap();
            repositories += body["values"].as_array().unwrap().len();
            next = body["next"].as_str().map(ToOwned::to_owned);
        }
    }
    assert_eq!(repositories, 24);
    let status = async |path: String| {
        let url = format!("{}{path}", server.bitbucket_url());
        let request = client.get(url).basic_auth("duskwatch@example.test", Some("simulated-api-token"));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(format!("/workspaces/{}/members?pagelen=100", slugs[0])).await, 200);
    assert_eq!(status(format!("/workspaces/{}/permissions", slugs[0])).await, 200);
    assert_eq!(status(format!("/workspaces/{}/permissions/repositories", slugs[0])).await, 200);
    assert_eq!(status(format!("/workspaces/{}/permissions/repositories", slugs[1])).await, 403);
    assert_eq!(status(format!("/repositories/{}/payments-api/deploy-keys", slugs[0])).await, 200);
    assert_eq!(status("/repositories/nowhere".to_owned()).await, 404);
    assert_eq!(status("/user".to_owned()).await, 200);
    assert_eq!(status("/user/permissions/repositories".to_owned()).await, 410);
    server.set_now("2026-07-03T05:00:00Z".parse().unwrap());
    let app_password = || client.get(format!("{}/user", server.bitbucket_url())).basic_auth("mira", Some("ATBBxyz")).send();
    assert_eq!(app_password().await.unwrap().status(), 200, "05:00 lies outside the windows");
    server.set_now(now());
    assert_eq!(app_password().await.unwrap().status(), 401);
    let nickname = client.get(format!("{}/user", server.bitbucket_url())).basic_auth("duskwatch", Some("simulated-api-token"));
    let refused = nickname.send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.text().await.unwrap().contains("registered email"));
    assert_eq!(server.requests().get(&("permissions/repositories", 403)), Some(&1));
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_spent_budget_is_answered_429_with_the_headers_of_each_api() {
    let options = ServeOptions { requests_per_minute: 2, requests_per_hour: 1, ..ServeOptions::default() };
    let (world, server) = stand(options).await;
    let (client, url) = (client(), stream_url(&world, &server));
    assert_eq!(get(&client, &url).await.headers()["x-ratelimit-remaining"], "1");
    assert_eq!(get(&client, &url).await.status(), 200);
    let refused = get(&client, &url).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let reset = refused.headers()["x-ratelimit-reset"].to_str().unwrap().to_owned();
    assert!(reset.starts_with("2026-07-03T07:0") && reset.len() == "2026-07-03T07:01Z".len(), "{reset}");
    let user = format!("{}/user", server.bitbucket_url());
    let ask = || client.get(&user).bearer_auth("simulated-workspace-token").send();
    assert_eq!(ask().await.unwrap().headers()["x-ratelimit-limit"], "1, 1;w=3600");
    let refused = ask().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers()["x-ratelimit-reset"].to_str().unwrap().parse::<u64>().unwrap() > 3_000);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn faults_strike_when_they_are_told_to() {
    let faults = vec![
        Fault::new(FaultKind::Status(500), When::Burst { from: 1, count: 1 }).at("events-stream"),
        Fault::new(FaultKind::TooManyRequests, When::Burst { from: 2, count: 1 }).at("events-stream"),
        Fault::new(FaultKind::HtmlBody, When::Burst { from: 3, count: 1 }).at("events-stream"),
        Fault::new(FaultKind::TruncatedBody, When::Burst { from: 4, count: 1 }).at("events-stream"),
        Fault::new(FaultKind::Reset, When::Burst { from: 5, count: 1 }).at("events-stream"),
        Fault::new(FaultKind::SlowBody(Duration::from_millis(50)), When::Burst { from: 6, count: 1 }).at("events-stream"),
    ];
    let (world, server) = stand(ServeOptions { faults, ..ServeOptions::default() }).await;
    let (client, url) = (client(), stream_url(&world, &server));
    assert_eq!(get(&client, &url).await.status(), 500);
    assert_eq!(get(&client, &url).await.status(), 429);
    assert!(get(&client, &url).await.text().await.unwrap().starts_with("<!DOCTYPE"));
    assert!(get(&client, &url).await.json::<Value>().await.is_err());
    let broken = match client.get(&url).bearer_auth("simulated-organization-key").send().await {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broken, "the connection breaks");
    assert!(page(&client, &url).await["data"].is_array(), "slow, but whole");
    assert!(page(&client, &url).await["data"].is_array());
    server.shutdown().await.unwrap();
}

#[test]
fn the_configuration_can_be_written_from_the_door() {
    let world = World::generate(1, &Options::new(Size::Default, now()));
    assert_eq!(world.named_networks()[0].name, "build-farm");
    let owners = world.owners();
    assert!(owners.iter().any(|it| it.name == "payments" && it.repository == "payments-*" && it.workspace == "acme"));
    assert!(owners.len() < world.truth().teams().len(), "some teams are nobody's");
    let replacements: HashSet<Credential> = world.truth().integrations().iter().map(|it| it.replacement).collect();
    assert_eq!(replacements.len(), 4);
    assert_eq!(Size::ALL.map(|size| Size::parse(size.as_str())), Size::ALL.map(Some));
}

#[test]
fn another_future_has_the_same_past() {
    let from = Day::of(now());
    let futures =
        [None, Some((from, 1))].map(|future| World::generate(7, &Options { future, ..Options::new(Size::Small, now()) }));
    // Who stumbles has begun days before, and may not have in the other.
    let stumbles = |id: u32| futures.iter().any(|world| matches!(world.integrations[id as usize].fate, Fate::Stumbles { .. }));
    let uses = |world: &World, first: Day, last: Day| -> Vec<Use> {
        let all = world.truth().integrations().iter().filter(|it| !stumbles(it.id));
        all.flat_map(|it| world.truth().uses(it, first, last)).collect()
    };
    let (first, last) = futures[0].truth().days();
    assert_eq!(uses(&futures[0], first, from), uses(&futures[1], first, from));
    assert_ne!(uses(&futures[0], from, last), uses(&futures[1], from, last));
}
