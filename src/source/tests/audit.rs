//! The audit stream: the documented shapes of events, both ends of a stream, refused cursors, circles.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::server::{Server, answer, client, json};
use crate::{
    evidence::{Page, Person, time::parse_instant},
    source::{Access, Actions, Audit, AuditPage, FetchError, Position, Then, Tokens, Walk},
};

const CATALOGUE: &str = include_str!("../../../tests/data/audit/event-actions/catalogue.json");
const SHAPES: &str = include_str!("../../../tests/data/audit/events/documented_shapes.json");
const MALFORMED: &str = include_str!("../../../tests/data/audit/events/malformed_among_good.json");
const REFUSED: &str = include_str!("../../../tests/data/audit/errors/cursor_refused.json");
const HOUR: Duration = Duration::from_secs(3_600);

fn now() -> Timestamp {
    "2026-07-03T07:00:00Z".parse().expect("an instant")
}

pub(super) fn ms(text: &str) -> i64 {
    parse_instant(text).expect("an instant").as_millisecond()
}

pub(super) fn stored(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(super) async fn audit(script: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> (Server, Audit) {
    let server = Server::start(script).await;
    let audit = Audit::new(client(&server.base), "ORG");
    (server, audit)
}

async fn page(body: &'static str) -> (AuditPage, Actions) {
    let (_server, mut audit) =
        audit(move |target, _| json(if target.ends_with("/event-actions") { CATALOGUE } else { body })).await;
    let actions = audit.actions().await.expect("a catalogue");
    (audit.page(&Position::From(0)).await.expect("a page"), actions)
}

fn skipped(page: &Page<'_>) -> Vec<(&'static str, u64, String)> {
    page.skipped.iter().map(|s| (s.reason, s.count, s.sample.clone())).collect()
}

#[tokio::test]
async fn an_event_says_who_where_from_and_how_they_signed_in() {
    let (page, actions) = page(SHAPES).await;
    let parsed = page.parse(&actions);
    let event = &parsed.sightings[0];
    assert_eq!(event.time_ms, ms("2026-07-03T06:07:12.482Z"));
    assert_eq!(event.event_id.as_deref(), Some("e-full"));
    assert_eq!(event.account_id.as_deref(), Some("712020:11111111-2222-3333-4444-555555555555"));
    assert_eq!(event.display_name.as_deref(), Some("Mira Tessel"));
    assert_eq!(event.email.as_deref(), Some("mira.tessel@example.test"));
    assert_eq!(event.client_ip.map(|ip| ip.to_string()).as_deref(), Some("198.51.100.7"));
    assert_eq!(event.auth_type.as_deref(), Some("api-token"));
    assert_eq!((event.token_id.as_deref(), event.token_label.as_deref()), (Some("tok-77"), Some("nightly mirror")));
    assert_eq!((event.workspace.as_deref(), event.repository.as_deref()), (Some("acme"), Some("payments-api")));
    assert!(event.authentication);
    assert_eq!(
        parsed.people,
        [Person {
            account_id: Some("712020:99999999-2222-3333-4444-555555555555".into()),
            display_name: Some("Olaf Brandt".into()),
            email: Some("olaf.brandt@example.test".into()),
            ..Person::default()
        }]
    );
}

#[tokio::test]
async fn missing_parts_other_spellings_and_system_actors_are_read_as_far_as_they_go() {
    let (page, actions) = page(SHAPES).await;
    let parsed = page.parse(&actions);
    let [_, sparse, token_name, system, new_values] = parsed.sightings.as_slice() else { panic!("five are kept") };
    assert_eq!(sparse.account_id.as_deref(), Some("557058:aaaaaaaa-2222-3333-4444-555555555555"));
    assert_eq!((sparse.time_ms, &sparse.display_name, &sparse.email), (ms("2026-07-03T06:08:00Z"), &None, &None));
    assert_eq!((token_name.token_id.as_deref(), token_name.token_label.as_deref()), (Some("4711"), Some("deploy")));
    assert_eq!(token_name.account_id.as_deref(), Some("5b10ac8d82e05b22cc7d4ef5"));
    assert!(!token_name.authentication, "an action of the account tells about a token, nobody signed in to Bitbucket");
    assert_eq!((&system.account_id, &system.email, &system.display_name), (&None, &None, &None));
    assert_eq!((system.workspace.as_deref(), system.client_ip), (Some("acme"), None));
    assert_eq!(new_values.time_ms, ms("2026-07-02T23:59:59Z"), "late events keep their own time");
    assert!(new_values.authentication, "the id alone says Bitbucket");
}

#[tokio::test]
async fn what_is_not_kept_is_counted_and_new_values_are_listed() {
    let (page, actions) = page(SHAPES).await;
    let parsed = page.parse(&actions);
    assert_eq!(actions.counts(), (2, 1));
    assert_eq!(skipped(&parsed), [("other_product", 1, "jira_issue_viewed".to_owned())]);
    let unknown: Vec<_> = parsed.unknown.iter().map(|u| (u.field, u.value.as_str(), u.count)).collect();
    assert_eq!(unknown, [("action", "bitbucket_pull_made", 1)], "ways to sign in are judged with the sightings");
    assert_eq!((page.events, page.newest_ms), (6, Some(ms("2026-07-03T06:12:01Z"))));
}

#[tokio::test]
async fn a_page_tells_of_no_more_people_than_pages_have_and_of_all_events() {
    let event = |n: u32| {
        format!(
            r#"{{"id":"e{n}","type":"events","attributes":{{"time":"2026-07-03T06:07:12Z","processedAt":"2026-07-03T06:07:14Z","action":"bitbucket_x","context":[{{"type":"users","attributes":{{"email":"n{n}@example.test"}}}}]}}}}"#
        )
    };
    let body = format!(r#"{{"data":[{}],"links":{{}}}}"#, (0..10_050).map(event).collect::<Vec<_>>().join(","));
    let (page, actions) = page(body.leak()).await;
    let parsed = page.parse(&actions);
    assert_eq!((parsed.sightings.len(), parsed.people.len()), (10_050, 10_000));
}

#[tokio::test]
async fn malformed_events_are_sampled_and_the_rest_is_kept() {
    let (page, actions) = page(MALFORMED).await;
    let parsed = page.parse(&actions);
    let ids: Vec<_> = parsed.sightings.iter().map(|s| s.event_id.as_deref().unwrap_or_default()).collect();
    assert_eq!(ids, ["e-1", "e-4"]);
    assert_eq!(skipped(&parsed), [("malformed", 3, "an event that is no object of the known form".to_owned())]);
    assert_eq!(page.events, 5);
}

#[tokio::test]
async fn a_secret_in_any_field_of_an_event_is_gone() {
    let (page, actions) = page(
        r#"{"data": [{"id": "e", "attributes": {"time": "2026-07-03T06:00:00Z", "action": "bitbucket_ATBBabcdefgh12345678",
        "actor": {"email": "mira:hunter2@example.test", "auth": {"authType": "token=hunter2"}},
        "context": [{"type": "repository", "attributes": {"fullName": "ATATT3xFfGF0hunter2/ATCTT3xFfGN0hunter2"}},
        {"type": "user", "id": "712020:password=hunter2", "attributes": {"email": "olaf:hunter2@example.test"}}]}},
        {"id": "f", "attributes": {"time": "2026-07-03T06:00:00Z", "action": "ATBBabcdefgh12345678"}}]}"#,
    )
    .await;
    let shown = format!("{:?}", page.parse(&actions));
    assert!(shown.contains("bitbucket_ATBB…") && shown.contains("other_product"), "{shown}");
    for secret in ["hunter2", "3xFf", "abcdefgh"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test]
async fn without_a_catalogue_the_ids_speak() {
    let (page, _) = page(SHAPES).await;
    let parsed = page.parse(&Actions::default());
    let kept: Vec<_> = parsed.sightings.iter().map(|s| (s.action.as_deref().unwrap_or(""), s.authentication)).collect();
    assert_eq!(kept, [("bb_deploy_key_added", false), ("api_token_created", false), ("bitbucket_pull_made", true)]);
    assert!(parsed.unknown.iter().all(|u| u.field != "action"));
}

/// The answer to a cursor that is no longer accepted.
pub(super) fn refused() -> Vec<u8> {
    answer("400 Bad Request", "", REFUSED)
}

/// Follows a stream to its end; returns the cursors to commit and what each page covered.
pub(super) async fn round(audit: &mut Audit, walk: &mut Walk) -> (BTreeMap<String, String>, Vec<(i64, i64)>, Then) {
    let (mut cursors, mut covered) = (BTreeMap::new(), Vec::new());
    for _ in 0..100 {
        let page = match audit.page(walk.position()).await {
            Err(FetchError::CursorRefused { .. }) => {
                assert!(walk.cursor_refused(), "once a round");
                continue;
            }
            page => page.expect("a page"),
        };
        let step = walk.after(&page);
        for update in step.cursors {
            match update.value {
                Some(value) => cursors.insert(update.key, value),
                None => cursors.remove(&update.key),
            };
        }
        covered.extend(step.covered);
        if step.then != Then::Continue {
            return (cursors, covered, step.then);
        }
    }
    panic!("the walk has no end");
}

pub(super) fn events(processed: &[&str], next: Option<&str>) -> Vec<u8> {
    let event =
        |at: &&str| format!(r#"{{"id":"{at}","attributes":{{"time":"{at}","processedAt":"{at}","action":"bitbucket_x"}}}}"#);
    let data = processed.iter().map(event).collect::<Vec<_>>().join(",");
    let next = next.map_or("null".to_owned(), |next| format!("\"{next}\""));
    json(&format!(r#"{{"data":[{data}],"meta":{{"next":{next}}},"links":{{}}}}"#))
}

#[tokio::test]
async fn a_stream_that_ends_with_an_empty_page_and_no_cursor_goes_on_from_the_stored_time() {
    let (server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=a%2Fb") => events(&["2026-07-03T06:30:00Z"], Some("c")),
        t if t.contains("cursor=c") => events(&[], None),
        _ => events(&["2026-07-03T06:00:00Z", "2026-07-03T06:10:00Z"], Some("a/b")),
    })
    .await;
    let mut walk = Walk::steady(&stored(&[]), now(), None, HOUR);
    let (cursors, covered, then) = round(&mut audit, &mut walk).await;
    assert_eq!(then, Then::CaughtUp);
    assert_eq!(cursors, stored(&[("processed_at", &ms("2026-07-03T06:30:00Z").to_string())]));
    let begin = ms("2026-06-26T07:00:00Z");
    let (first, second) = (ms("2026-07-03T06:10:00Z"), ms("2026-07-03T06:30:00Z"));
    assert_eq!(covered, [(begin, first), (first, second), (second, now().as_millisecond())]);
    assert_eq!(server.targets()[0], format!("/admin/v1/orgs/ORG/events-stream?from={begin}&limit=500"));
    let next = Walk::steady(&cursors, now(), None, HOUR);
    assert_eq!(next.position(), &Position::From(ms("2026-07-03T05:30:00Z")));
}

#[tokio::test]
async fn a_stream_that_always_gives_a_cursor_is_followed_from_it() {
    let (_server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=c1") => events(&[], Some("c2")),
        _ => events(&["2026-07-03T06:00:00Z"], Some("c1")),
    })
    .await;
    let mut walk = Walk::steady(&stored(&[("cursor", "c0"), ("processed_at", "1000")]), now(), None, HOUR);
    let (cursors, covered, then) = round(&mut audit, &mut walk).await;
    assert_eq!((then, cursors["cursor"].as_str()), (Then::CaughtUp, "c2"));
    assert_eq!(
        covered,
        [(ms("2026-01-04T07:00:00Z"), ms("2026-07-03T06:00:00Z")), (ms("2026-07-03T06:00:00Z"), now().as_millisecond())]
    );
}

#[tokio::test]
async fn a_cursor_in_the_link_alone_is_followed_too() {
    let (_server, mut audit) =
        audit(|_, _| json(r#"{"data": [], "links": {"next": "/admin/v1/orgs/ORG/events-stream?cursor=a%2Bb"}}"#)).await;
    let page = audit.page(&Position::From(0)).await.expect("a page");
    assert_eq!(page.next.as_deref(), Some("a+b"));
}

#[tokio::test]
async fn a_refused_cursor_begins_again_at_the_stored_time() {
    let (server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=old") => refused(),
        _ => events(&["2026-07-03T06:00:00Z"], None),
    })
    .await;
    let processed = ms("2026-07-03T05:00:00Z");
    let mut walk = Walk::steady(&stored(&[("cursor", "old"), ("processed_at", &processed.to_string())]), now(), None, HOUR);
    let (cursors, covered, _) = round(&mut audit, &mut walk).await;
    assert!(server.targets()[1].contains(&format!("from={}", processed - 3_600_000)), "{:?}", server.targets());
    assert!(!cursors.contains_key("cursor"));
    assert_eq!(covered, [(processed - 3_600_000, now().as_millisecond())]);
}

#[tokio::test]
async fn a_server_that_refuses_every_cursor_does_not_hold_the_round_for_ever() {
    let (server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=") => refused(),
        _ => events(&["2026-07-03T06:00:00Z"], Some("c")),
    })
    .await;
    let mut walk = Walk::steady(&stored(&[]), now(), None, HOUR);
    let mut restarted = 0;
    loop {
        match audit.page(walk.position()).await {
            Ok(page) => drop(walk.after(&page)),
            Err(FetchError::CursorRefused { .. }) if walk.cursor_refused() => restarted += 1,
            Err(error) => break assert!(matches!(error, FetchError::CursorRefused { .. }), "{error:?}"),
        }
        assert!(restarted < 10);
    }
    assert_eq!(restarted, 3);
    assert!(server.targets()[2].contains(&format!("from={}", ms("2026-07-03T05:00:00Z"))), "not from the beginning");
}

#[tokio::test]
async fn a_refused_page_size_is_lowered_for_good() {
    let (server, mut audit) = audit(|target, _| match target {
        t if t.contains("limit=500") => answer("400 Bad Request", "", r#"{"errors":[{"detail":"limit is too large"}]}"#),
        _ => events(&[], None),
    })
    .await;
    for _ in 0..2 {
        audit.page(&Position::From(5)).await.expect("a page of the documented size");
    }
    let limits: Vec<_> = server.targets().iter().map(|t| t.rsplit('=').next().map(str::to_owned)).collect();
    assert_eq!(limits, [Some("500".into()), Some("200".into()), Some("200".into())]);
}

#[tokio::test]
async fn a_stream_in_circles_is_left_and_its_cursor_forgotten() {
    let (_server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=a") => events(&["2026-07-03T06:00:00Z"], Some("b")),
        _ => events(&["2026-07-03T06:00:00Z"], Some("a")),
    })
    .await;
    let mut walk = Walk::steady(&stored(&[]), now(), None, HOUR);
    let (cursors, _, then) = round(&mut audit, &mut walk).await;
    assert_eq!(then, Then::Endless);
    assert!(!cursors.contains_key("cursor"));

    let (_server, mut audit) = audit_with_new_cursors().await;
    let (_, _, then) = round(&mut audit, &mut Walk::steady(&stored(&[]), now(), None, HOUR)).await;
    assert_eq!(then, Then::Endless, "ever new cursors over the same events are no progress");
}

async fn audit_with_new_cursors() -> (Server, Audit) {
    audit(|_, n| events(&["2026-07-03T06:00:00Z"], Some(&format!("c{n}")))).await
}

#[tokio::test]
async fn a_page_with_events_that_leads_to_itself_is_no_end_and_covers_only_what_it_shows() {
    let (_server, mut audit) = audit(|_, _| events(&["2026-07-03T06:00:00Z"], Some("c0"))).await;
    let processed = ms("2026-07-03T05:00:00Z").to_string();
    let mut walk = Walk::steady(&stored(&[("cursor", "c0"), ("processed_at", &processed)]), now(), None, HOUR);
    let (cursors, covered, then) = round(&mut audit, &mut walk).await;
    assert_eq!(then, Then::Endless);
    assert_eq!(covered, [(ms("2026-07-03T05:00:00Z"), ms("2026-07-03T06:00:00Z"))]);
    assert!(!cursors.contains_key("cursor"), "the next round begins at the stored time");
}

#[tokio::test]
async fn a_link_may_be_the_cursor_itself_and_one_that_names_none_is_no_end() {
    let page = async |linked: &'static str| {
        let body = format!(r#"{{"data": [], "meta": {{"next": null}}, "links": {{"next": "{linked}"}}}}"#);
        let (_server, mut audit) = audit(move |_, _| json(&body)).await;
        audit.page(&Position::From(0)).await
    };
    let next = page("c3").await.expect("a page").next;
    assert_eq!(next.as_deref(), Some("c3"));
    let unknown = page("/admin/v1/orgs/ORG/events-stream?after=c3").await;
    assert!(matches!(unknown, Err(FetchError::Unreadable { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_page_whose_list_is_null_is_no_empty_page() {
    let (_server, mut audit) = audit(|_, _| json(r#"{"data": null, "meta": {"next": "c1"}, "links": {}}"#)).await;
    let page = audit.page(&Position::From(0)).await;
    assert!(matches!(page, Err(FetchError::Unreadable { .. })), "{page:?}");
}

#[tokio::test]
async fn reading_again_what_was_read_before_is_progress_and_covers_only_what_was_seen() {
    let pages = 30;
    let at = |n: usize| format!("2026-06-01T00:{n:02}:00Z");
    let (_server, mut audit) = audit(move |_, n| events(&[&at(n)], (n < pages).then_some(format!("c{n}")).as_deref())).await;
    let processed = ms("2026-07-03T06:00:00Z").to_string();
    let since = "2026-06-01T00:00:00Z".parse().expect("an instant");
    let mut walk = Walk::steady(&stored(&[("cursor", "c"), ("processed_at", &processed)]), now(), Some(since), HOUR);
    let (cursors, covered, then) = round(&mut audit, &mut walk).await;
    assert_eq!((then, cursors["processed_at"].as_str()), (Then::CaughtUp, processed.as_str()));
    assert_eq!(covered[0], (ms("2026-06-01T00:00:00Z"), ms("2026-06-01T00:01:00Z")));
}

#[tokio::test]
async fn a_time_to_come_is_neither_covered_nor_stored() {
    let (_server, mut audit) = audit(|target, _| match target {
        t if t.contains("cursor=b") => events(&["2026-07-03T07:00:20Z"], Some("c")),
        t if t.contains("cursor=c") => events(&[], None),
        _ => events(&["2026-07-03T06:00:00Z", "9999-01-01T00:00:00Z"], Some("b")),
    })
    .await;
    let mut walk = Walk::steady(&stored(&[]), now(), None, HOUR);
    let (cursors, covered, _) = round(&mut audit, &mut walk).await;
    let now_ms = now().as_millisecond();
    assert_eq!(covered, [(ms("2026-06-26T07:00:00Z"), now_ms)]);
    assert_eq!(cursors["processed_at"], now_ms.to_string());

    let future = ms("9999-01-01T00:00:00Z").to_string();
    let mut walk = Walk::steady(&stored(&[("processed_at", &future)]), now(), None, HOUR);
    assert_eq!(walk.position(), &Position::From(ms("2026-06-26T07:00:00Z")), "what is still to come was never stored");
    let (cursors, ..) = round(&mut audit, &mut walk).await;
    assert_eq!(cursors["processed_at"], now_ms.to_string());
}

#[tokio::test]
async fn what_atlassian_no_longer_keeps_is_asked_for_but_not_covered() {
    let (server, mut audit) = audit(|_, _| events(&["2026-07-03T06:00:00Z"], None)).await;
    let since = "2020-01-01T00:00:00Z".parse().expect("an instant");
    let (_, covered, _) = round(&mut audit, &mut Walk::steady(&stored(&[]), now(), Some(since), HOUR)).await;
    assert!(server.targets()[0].contains(&format!("from={}", ms("2020-01-01T00:00:00Z"))), "{:?}", server.targets());
    assert_eq!(covered, [(ms("2026-01-04T07:00:00Z"), now().as_millisecond())]);
}

#[test]
fn a_round_begins_where_it_was_asked_to_or_where_the_last_one_ended() {
    let start = |pairs: &[(&str, &str)], since: Option<&str>| {
        let since = since.map(|at| at.parse().expect("an instant"));
        Walk::steady(&stored(pairs), now(), since, HOUR).position().clone()
    };
    assert_eq!(start(&[], None), Position::From(ms("2026-06-26T07:00:00Z")), "the newest week first");
    assert_eq!(start(&[("processed_at", "1")], None), Position::From(ms("2026-01-04T07:00:00Z")), "no longer kept");
    assert_eq!(start(&[("cursor", "c")], None), Position::Cursor("c".into()));
    assert_eq!(start(&[("cursor", "c")], Some("2026-06-01T00:00:00Z")), Position::From(ms("2026-06-01T00:00:00Z")));
}

#[tokio::test]
async fn rounds_run_on_tasks_of_their_own() {
    let (_server, mut audit) = audit(|_, _| events(&[], None)).await;
    let page = tokio::spawn(async move { audit.page(&Position::From(0)).await }).await.expect("no panic");
    assert_eq!(page.expect("a page").next, None);
    let server = Server::start(|_, _| json(r#"{"values": [], "data": []}"#)).await;
    let (access, tokens) = (Access::new(client(&server.base), "a"), Tokens::new(client(&server.base), "a", "O"));
    let lists = tokio::spawn(async move { (access.members().await.is_ok(), tokens.list().await.is_ok()) });
    assert_eq!(lists.await.expect("no panic"), (true, true));
}

#[tokio::test]
async fn a_stream_without_events_covers_the_time_between_its_rounds() {
    let (_server, mut audit) = audit(|_, _| events(&[], Some("c"))).await;
    let (first, _, _) = round(&mut audit, &mut Walk::steady(&stored(&[]), now(), None, HOUR)).await;
    let later = now() + HOUR;
    let (second, covered, _) = round(&mut audit, &mut Walk::steady(&first, later, None, HOUR)).await;
    assert_eq!(covered, [(now().as_millisecond(), later.as_millisecond())]);
    // A cursor that was stored without a time recovers.
    let (healed, _, _) = round(&mut audit, &mut Walk::steady(&stored(&[("cursor", "c")]), now(), None, HOUR)).await;
    assert_eq!(healed, first);
    // What came late before the first look is read again when the cursor is lost.
    let (server, mut audit) =
        self::audit(|target, _| if target.contains("cursor=c") { refused() } else { events(&[], None) }).await;
    round(&mut audit, &mut Walk::steady(&second, later, None, HOUR)).await;
    let from = (now() - HOUR).as_millisecond();
    assert!(server.targets()[1].contains(&format!("from={from}")), "{:?}", server.targets());
}

#[tokio::test]
async fn a_request_that_is_refused_at_every_page_size_lowers_none() {
    let (server, mut audit) = audit(|_, n| match n {
        0 | 1 => answer("400 Bad Request", "", r#"{"errors":[{"detail":"not now"}]}"#),
        _ => events(&[], None),
    })
    .await;
    audit.page(&Position::From(5)).await.expect_err("both sizes are refused");
    audit.page(&Position::From(5)).await.expect("a page");
    let limits: Vec<_> = server.targets().iter().map(|t| t.rsplit('=').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(limits, ["500", "200", "500"]);
}

#[test]
fn a_walk_that_is_very_long_goes_on_in_the_next_round() {
    let walked = |newest_ms: fn(usize) -> Option<i64>| {
        let mut walk = Walk::steady(&stored(&[]), now(), None, HOUR);
        let pages = (0..).map(|n| AuditPage::of_nothing(1, newest_ms(n), Some(format!("c{n}"))));
        pages.map(|page| walk.after(&page)).find(|step| step.then != Then::Continue).expect("a walk ends")
    };
    let step = walked(|n| i64::try_from(n).ok());
    assert_eq!(step.then, Then::Later);
    assert!(step.cursors.iter().any(|cursor| cursor.key == "cursor" && cursor.value.is_some()), "{:?}", step.cursors);
    assert_eq!(walked(|_| None).then, Then::Endless, "pages without a time show no progress");
}
