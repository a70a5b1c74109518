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
