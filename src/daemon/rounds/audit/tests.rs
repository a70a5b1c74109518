use super::*;
use crate::source::tests::server::{Server, answer, client, json};

const ACTIONS: &str = r#"{"data": [{"id": "bitbucket_x", "attributes": {"displayName": "x", "groupDisplayName": "Bitbucket"}}]}"#;

#[tokio::test]
async fn a_catalogue_that_is_gone_is_asked_for_hourly_and_the_older_one_used_with_a_warning() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(&directory.path().join("duskwatch.db")).expect("a store");
    let server = Server::start(|target, before| match target {
        _ if !target.contains("event-actions") => json(r#"{"data": [], "meta": {"next": "c"}, "links": {}}"#),
        _ if before == 0 => json(ACTIONS),
        _ => answer("404 Not Found", "", ""),
    })
    .await;
    let round = AuditRound::new(Setting::bare("audit/acme"), client(&server.base), "ORG", Duration::from_secs(3_600));
    let first: Timestamp = "2026-07-03T07:00:00Z".parse().expect("an instant");
    let mut seen = Vec::new();
    for minutes in [0, 60, 24 * 60, 24 * 60 + 1, 25 * 60] {
        let tally = round.run(&store, None, first + minutes.minutes()).await.expect("a round with some catalogue");
        let asked = server.targets().iter().filter(|target| target.contains("event-actions")).count();
        seen.push((asked, tally.warning == OUTDATED));
    }
    assert_eq!(seen, [(1, false), (1, false), (2, true), (2, true), (3, true)]);
}

#[tokio::test]
async fn an_event_that_is_dated_further_ahead_than_clocks_differ_is_passed_over_and_counted_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(&directory.path().join("duskwatch.db")).expect("a store");
    let event = |id: &str, time: &str| {
        format!(
            r#"{{"id": "{id}", "attributes": {{"time": "{time}", "processedAt": "2026-07-03T06:59:00Z", "action": "bitbucket_x",
            "actor": {{"id": "7", "name": "ada"}}}}}}"#
        )
    };
    let events = [event("a", "2026-07-03T06:58:00Z"), event("b", "2026-07-04T06:59:00Z"), event("c", "2026-07-09T07:00:00Z")];
    let body = format!(r#"{{"data": [{}], "meta": {{"next": "c"}}, "links": {{}}}}"#, events.join(", "));
    let server = Server::start(move |target, _| match target {
        _ if target.contains("event-actions") => json(ACTIONS),
        _ if target.contains("cursor=") => json(r#"{"data": [], "meta": {"next": "c"}, "links": {}}"#),
        _ => json(&body),
    })
    .await;
    let round = AuditRound::new(Setting::bare("audit/acme"), client(&server.base), "ORG", Duration::from_secs(3_600));
    let now: Timestamp = "2026-07-03T07:00:00Z".parse().expect("an instant");
    for minutes in [0, 10] {
        round.run(&store, None, now + minutes.minutes()).await.expect("a round");
    }
    let totals = store.read(crate::store::Reader::totals).await.expect("totals");
    let skipped: Vec<_> = totals.skipped.iter().map(|s| (s.reason.as_str(), s.count, s.sample.as_str())).collect();
    assert_eq!((totals.items[0].1, skipped), (2, vec![("future", 1, "2026-07-09T07:00:00Z")]));
}
