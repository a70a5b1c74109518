//! Each fault as somebody meets it who asks the doors.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use reqwest::{Client, Response, redirect::Policy};
use serde_json::Value;

use super::{Fault, FaultKind, RetryHeader, ServeOptions, Server, When, serve};
use crate::simulator::{Options, Size, World};

const ELSEWHERE: &str = "http://elsewhere.example.test";

/// A server that plays faults, and somebody who asks it.
struct Stand {
    world: Arc<World>,
    server: Server,
    client: Client,
}

impl Stand {
    async fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let now = "2026-07-03T07:00:00Z".parse().expect("an instant");
        let world = Arc::new(World::generate(5, &Options { history_days: 20, ..Options::new(Size::Small, now) }));
        let server = serve(Arc::clone(&world), ServeOptions::default()).await.expect("a free port");
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        Self { world, server, client }
    }

    async fn ask(&self, kind: &str, path: &str) -> reqwest::Result<Response> {
        let kind = FaultKind::parse(kind).expect("a known name");
        self.server.disturb(vec![Fault::new(kind, When::Every(1))], 0);
        let key = if path.starts_with("/2.0") { "simulated-workspace-token" } else { "simulated-organization-key" };
        self.client.get(format!("{}{path}", self.server.atlassian_url())).bearer_auth(key).send().await
    }

    fn stream(&self) -> String {
        format!("/admin/v1/orgs/{}/events-stream?limit=20&from=0", self.world.organization().id)
    }

    async fn page(&self, kind: &str, path: &str) -> Value {
        self.ask(kind, path).await.expect("an answer").json().await.expect("a page")
    }
}

#[test]
fn every_kind_has_a_name_of_its_own_that_can_be_read_back() {
    let names: Vec<&str> = FaultKind::all().map(|(name, ..)| name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    assert!(
        names.len() > 55 && names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b"-0123456789".contains(&b)))
    );
    for (name, kind, about) in FaultKind::all() {
        assert_eq!((kind.name(), FaultKind::parse(name)), (name, Some(kind)));
        assert!(!about.is_empty(), "{name}");
    }
}

#[test]
fn a_fault_is_written_as_name_value_time_and_place() {
    let status = Fault::new(FaultKind::Status(502), When::Every(7)).at("api-tokens");
    assert_eq!(Fault::parse("status=502,every=7,at=api-tokens"), Ok(status));
    let slow = FaultKind::SlowBody(Duration::from_secs(90));
    assert_eq!(Fault::parse("slow-body=90,burst=3+4"), Ok(Fault::new(slow, When::Burst { from: 3, count: 4 })));
    let limited = FaultKind::RateLimited(RetryHeader::ResetEpoch);
    assert_eq!(Fault::parse("rate-limited=reset-epoch,chance=0.5"), Ok(Fault::new(limited, When::Chance(0.5))));
    let small = FaultKind::SmallPages(10);
    assert_eq!(Fault::parse("small-pages=10,at=members"), Ok(Fault::new(small, When::Every(1)).at("members")));
    assert_eq!(Fault::parse("html"), Ok(Fault::new(FaultKind::HtmlBody, When::Every(1))));
    let place = "permissions/repositories/one";
    assert_eq!(Fault::parse(&format!("html,at={place}")), Ok(Fault::new(FaultKind::HtmlBody, When::Every(1)).at(place)));
    for wrong in
        ["", "htm", "html=3", "status=200", "small-pages=0", "html,every=0", "html,chance=2", "html,at=nowhere", "html,often"]
    {
        assert!(Fault::parse(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn connections_break_before_the_headers_in_them_and_in_the_body() {
    let stand = Stand::new().await;
    for kind in ["reset-before-headers", "reset-in-headers", "reset", "truncated-gzip"] {
        let whole = match stand.ask(kind, &stand.stream()).await {
            Ok(answer) => answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        assert!(!whole, "{kind}");
    }
    assert_eq!(stand.server.faults().values().sum::<u64>(), 4);
}

#[tokio::test]
async fn every_refusal_has_the_status_and_the_body_that_it_really_had() {
    let stand = Stand::new().await;
    for (name, status, words) in [
        ("token-wants-email", 401, "API token must be used with an atlassian registered email"),
        ("unauthorized-empty", 401, ""),
        ("account-password", 401, "ba-p/1948231 App passwords are recommended"),
        ("scope-missing", 403, r#""required":["account"]"#),
        ("change-2770", 410, "CHANGE-2770 - Functionality has been deprecated"),
        ("too-many-requests-text", 429, "Rate limit for this resource has been exceeded"),
        ("invalid-search-time", 400, "INVALID_SEARCH_TIME_DATE"),
        ("bad-gateway", 502, "<!DOCTYPE html>"),
        ("empty-body", 200, ""),
    ] {
        let answer = stand.ask(name, &stand.stream()).await.expect("an answer");
        assert_eq!(answer.status(), status, "{name}");
        let body = answer.text().await.expect("a body");
        assert!(body.contains(words) && (body.is_empty() == words.is_empty()), "{name}: {body}");
    }
}

#[tokio::test]
async fn a_429_tells_the_wait_in_each_form_or_not_at_all() {
    let stand = Stand::new().await;
    for (form, header, value) in [
        ("retry-after", "retry-after", "1"),
        ("retry-after-date", "retry-after", "Fri, 03 Jul 2026 07:00:01 GMT"),
        ("x-retry-after", "x-retry-after", "1"),
        ("reset", "x-ratelimit-reset", "2026-07-03T07:00Z"),
        ("reset-epoch", "x-ratelimit-reset", "1783062001"),
    ] {
        let answer = stand.ask(&format!("rate-limited={form}"), &stand.stream()).await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers()[header].to_str().ok()), (429, Some(value)), "{form}");
        assert_eq!(answer.headers()["date"], "Fri, 03 Jul 2026 07:00:00 GMT");
    }
    let silent = stand.ask("rate-limited=nothing", "/2.0/user").await.expect("an answer");
    assert!(silent.headers().keys().all(|name| !name.as_str().contains("rate") && !name.as_str().contains("retry")));
    assert_eq!(silent.headers()["date"], "Fri, 03 Jul 2026 07:00:00 GMT", "of every answer");
}

#[tokio::test]
async fn a_page_can_lead_astray() {
    let stand = Stand::new().await;
    let path = stand.stream();
    let first = stand.page("wrong-content-type", &path).await;
    let cursor = first["meta"]["next"].as_str().expect("a cursor").to_owned();
    let second = format!("{}&cursor={cursor}", path.replace("&from=0", ""));
    let calm = stand.page("wrong-content-type", &second).await;
    let same = stand.page("same-cursor", &second).await;
    assert_eq!((same["meta"]["next"].as_str(), &same["data"]), (Some(cursor.as_str()), &calm["data"]));
    let fresh = stand.page("fresh-cursors", &second).await;
    let renamed = fresh["meta"]["next"].as_str().expect("a cursor");
    assert_ne!(renamed, cursor);
    assert_eq!(stand.page("fresh-cursors", &second.replace(&cursor, renamed)).await["data"], calm["data"]);
    for (kind, begin) in [
        ("next-on-other-host", ELSEWHERE.to_owned()),
        ("next-with-other-scheme", stand.server.atlassian_url().replace("http", "https")),
        ("next-with-user-info", "http://somebody:".to_owned()),
    ] {
        let led = stand.page(kind, &path).await;
        assert!(led["links"]["next"].as_str().is_some_and(|next| next.starts_with(&begin)), "{kind}: {}", led["links"]);
    }
    assert!(stand.page("null-data", &path).await["data"].is_null());
    for (kind, begin) in [("redirect=307", stand.server.atlassian_url()), ("redirect-away=301", ELSEWHERE.to_owned())] {
        let answer = stand.ask(kind, &path).await.expect("an answer");
        assert!(answer.status().is_redirection() && answer.headers()["location"].to_str().is_ok_and(|to| to.starts_with(&begin)));
    }
}

#[tokio::test]
async fn an_odd_item_comes_before_the_others_which_stay_as_they_are() {
    let stand = Stand::new().await;
    let path = stand.stream();
    let calm = stand.page("wrong-content-type", &path).await;
    let others = calm["data"].as_array().expect("events");
    for kind in ["late-event", "unknown-values", "missing-fields", "system-actor", "huge-field"] {
        let page = stand.page(kind, &path).await;
        let (odd, rest) = page["data"].as_array().and_then(|data| data.split_first()).expect("events");
        assert!(odd["id"].as_str().is_some_and(|id| id.starts_with("odd-")) && rest == others, "{kind}");
    }
    let bytes = stand.ask("invalid-utf8", &path).await.expect("an answer").bytes().await.expect("a body");
    assert!(std::str::from_utf8(&bytes).is_err());
    let slug = stand.world.workspaces().next().expect("a workspace").to_owned();
    let members = stand.page("unknown-values", &format!("/2.0/workspaces/{slug}/members")).await;
    assert_eq!(members["values"][0]["type"], "simulated-novelty");
    assert_eq!(members["values"][1]["type"], "workspace_membership");
}
