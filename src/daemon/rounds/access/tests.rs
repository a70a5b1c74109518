use super::*;
use crate::{
    daemon::rounds::rotation::ROTATION,
    evidence::{Coverage, Permission, Roster},
    source::tests::server::{Server, answer, client, json},
};

const MEMBERS: &str = r#"{"values": [{"user": {"account_id": "712020:a"}, "permission": "owner",
    "last_accessed": "2026-06-18T10:13:52.159725+00:00"}]}"#;
const NAMED_ONLY: &str = r#"{"values": [{"user": {"account_id": "712020:a"}}]}"#;
const REPOSITORIES: &str = r#"{"values": [{"slug": "a"}, {"slug": "b"}, {"slug": "c"}]}"#;
const RIGHTS_ON_A: &str = r#"{"values": [{"permission": "write", "user": {"account_id": "712020:a"},
    "repository": {"full_name": "acme/a"}}]}"#;
const FORBIDDEN: &str = r#"{"type": "error", "error": {"message": "Forbidden"}}"#;
const SCOPE_MISSING: &str = include_str!("../../../../tests/data/access/forbidden/missing_scope.json");

/// A limit under which a round asks for more repositories than there are.
const AMPLE: u32 = 1_000;

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn script(target: &str) -> Vec<u8> {
    match path(target) {
        "/workspaces/acme/permissions" => json(MEMBERS),
        "/workspaces/acme/members" => json(NAMED_ONLY),
        "/repositories/acme" => json(REPOSITORIES),
        _ => json(r#"{"values": []}"#),
    }
}

/// As [`script`], the rights closed as a whole.
fn no_administrator(target: &str) -> Vec<u8> {
    match path(target) {
        "/workspaces/acme/permissions/repositories/a" => json(RIGHTS_ON_A),
        "/workspaces/acme/permissions/repositories" | "/workspaces/acme/permissions/repositories/b" => {
            answer("403 Forbidden", "", FORBIDDEN)
        }
        _ => script(target),
    }
}

struct Fixture {
    store: Store,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { store: Store::open(&directory.path().join("duskwatch.db")).expect("a store"), _directory: directory }
    }

    async fn round(&self, server: &Server, requests_per_hour: u32) -> Result<Tally, RoundError> {
        let now = "2026-07-03T07:00:00Z".parse().expect("an instant");
        AccessRound::new(client(&server.base), "acme", requests_per_hour, "workspace.acme.access_token".to_owned())
            .run(&self.store, now)
            .await
    }

    async fn roster(&self) -> Roster {
        self.store.read(|r| r.roster(Timestamp::MAX)).await.expect("a roster")
    }

    async fn counts(&self) -> (usize, usize) {
        let roster = self.roster().await;
        (roster.members.len(), roster.repositories.len())
    }

    /// The repository that was asked last.
    async fn reached(&self) -> Option<String> {
        let cursors = self.store.read(|r| r.cursors("access/acme")).await.expect("cursors");
        cursors.into_iter().find(|(key, _)| key == ROTATION).map(|(_, slug)| slug)
    }

    async fn last_interval(&self) -> Coverage {
        let ledger = self.store.read(crate::store::Reader::ledger).await.expect("a ledger");
        ledger.sources["access/acme"].last().expect("an interval").clone()
    }
}

fn asked(server: &Server, about: &str) -> Vec<String> {
    server.targets().iter().map(|target| path(target).to_owned()).filter(|path| path.contains(about)).collect()
}

#[tokio::test]
async fn a_repository_that_fails_has_had_its_turn_and_the_lists_are_kept() {
    let statuses = [("400 Bad Request", "c", false), ("503 Service Unavailable", "b", true), ("401 Unauthorized", "b", true)];
    for (status, reached, fails) in statuses {
        let f = Fixture::new();
        let server = Server::start(
            move |target, _| {
                if target.contains("/b/deploy-keys") { answer(status, "", "") } else { script(target) }
            },
        )
        .await;
        let (failed, left_out) = match f.round(&server, AMPLE).await {
            Ok(tally) => (false, tally.left_out),
            Err(RoundError::InPart(words)) => (true, words),
            Err(other) => panic!("the lists were read: {other}"),
        };
        assert_eq!((failed, left_out.contains("/b/deploy-keys")), (fails, true), "{left_out}");
        assert_eq!(left_out.contains("the secret is workspace.acme.access_token"), status.starts_with("401"), "{left_out}");
        assert_eq!(f.last_interval().await.reason, left_out);
        assert_eq!((f.counts().await, f.reached().await.as_deref()), ((1, 3), Some(reached)), "{status}");
    }
}

#[tokio::test]
async fn the_members_are_asked_for_only_where_the_permissions_cannot_be_read() {
    let f = Fixture::new();
    let server = Server::start(|target, _| script(target)).await;
    f.round(&server, AMPLE).await.expect("a good round");
    assert_eq!(asked(&server, "/members"), [""; 0]);
    assert_eq!(server.requests().len(), 3 + 3, "three lists, three repositories");
}

#[tokio::test]
async fn permissions_that_fail_take_nothing_away_that_was_known() {
    for (status, failed) in [("500 Oops", true), ("403 Forbidden", false)] {
        let f = Fixture::new();
        let whole = Server::start(|target, _| script(target)).await;
        f.round(&whole, AMPLE).await.expect("a good round");
        let before = f.roster().await.members;
        assert!(before[0].permission.is_some() && before[0].last_accessed.is_some());
        let server =
            Server::start(
                move |target, _| {
                    if path(target) == "/workspaces/acme/permissions" { answer(status, "", "") } else { script(target) }
                },
            )
            .await;
        let round = f.round(&server, AMPLE).await;
        assert_eq!(matches!(round, Err(RoundError::InPart(_))), failed, "{round:?}");
        assert_eq!(f.roster().await.members, before, "{status}");
        assert_eq!((f.counts().await, f.reached().await.as_deref()), ((1, 3), Some("c")));
    }
}

#[tokio::test]
async fn an_api_that_answers_nothing_fails_the_round_and_records_nothing() {
    let f = Fixture::new();
    let server = Server::start(|_, _| answer("503 Service Unavailable", "", "")).await;
    let failed = f.round(&server, AMPLE).await;
    assert!(matches!(failed, Err(RoundError::Fetch(FetchError::Unavailable { .. }))), "{failed:?}");
    assert_eq!((server.requests().len(), f.counts().await, f.reached().await), (2, (0, 0), None));
}

#[tokio::test]
async fn a_list_that_breaks_off_ends_nobody() {
    let f = Fixture::new();
    let first = r#"{"values": [{"slug": "a"}, {"slug": "b"}, {"slug": "c"}]}"#;
    let whole = Server::start(move |target, _| if path(target) == "/repositories/acme" { json(first) } else { script(target) });
    f.round(&whole.await, AMPLE).await.expect("a good round");
    let cut = Server::start(|target, _| match target {
        "/repositories/acme?page=2" => answer("500 Oops", "", ""),
        _ if path(target) == "/repositories/acme" => json(r#"{"values": [{"slug": "a"}], "next": "/repositories/acme?page=2"}"#),
        _ => script(target),
    });
    let round = f.round(&cut.await, AMPLE).await;
    assert!(matches!(round, Err(RoundError::InPart(_))), "{round:?}");
    assert_eq!(f.counts().await, (1, 3));
    // A row that cannot be read may be the one that is missing.
    let odd = Server::start(|target, _| match path(target) {
        "/repositories/acme" => json(r#"{"values": [{"slug": "a"}, {"slug": 5}]}"#),
        _ => script(target),
    });
    let tally = f.round(&odd.await, AMPLE).await.expect("a round");
    assert!(tally.left_out.contains("a row of /repositories/{workspace} could not be read"), "{}", tally.left_out);
    assert_eq!(f.counts().await, (1, 3));
    // A list that changes while it is walked shows its true end only in the next round.
    let moving = Server::start(|target, _| match target {
        "/repositories/acme?page=2" => json(r#"{"values": [{"slug": "c"}], "size": 2}"#),
        _ if path(target) == "/repositories/acme" => {
            json(r#"{"values": [{"slug": "a"}], "size": 3, "next": "/repositories/acme?page=2"}"#)
        }
        _ => script(target),
    });
    assert_eq!(f.round(&moving.await, AMPLE).await.expect("a good round").left_out, "");
    assert_eq!(f.counts().await, (1, 3));
    let settled = Server::start(|target, _| match path(target) {
        "/repositories/acme" => json(r#"{"values": [{"slug": "a"}, {"slug": "c"}], "size": 2}"#),
        _ => script(target),
    });
    f.round(&settled.await, AMPLE).await.expect("a good round");
    assert_eq!(f.counts().await, (1, 2));
}

#[tokio::test]
async fn without_an_administrators_token_rights_are_read_where_it_administers() {
    let f = Fixture::new();
    let server = Server::start(|target, _| no_administrator(target)).await;
    let tally = f.round(&server, AMPLE).await.expect("a round");
    let [right] = &f.roster().await.permissions[..] else { panic!("the rights on one repository") };
    assert_eq!((&*right.repository, &*right.account_id, right.permission), ("a", "712020:a", Permission::Write));
    assert_eq!(f.reached().await.as_deref(), Some("c"), "one that is closed keeps no other from its turn");
    for words in ["an administrator of the workspace", "one repository after the other", "an administrator of the repository"] {
        assert!(tally.left_out.contains(words), "{words}: {}", tally.left_out);
    }
    let interval = f.last_interval().await;
    assert_eq!((interval.state, interval.reason), (CoverageState::Partial, tally.left_out));

    // Closed does not mean gone.
    let closed = Server::start(|target, _| match path(target) {
        path if path.starts_with("/workspaces/acme/permissions/repositories") => answer("403 Forbidden", "", FORBIDDEN),
        _ => script(target),
    });
    f.round(&closed.await, AMPLE).await.expect("a round");
    assert_eq!(f.roster().await.permissions.len(), 1);
}

#[tokio::test]
async fn a_rotation_spends_its_allowance_and_the_next_goes_on_behind_it() {
    let f = Fixture::new();
    let server = Server::start(|target, _| no_administrator(target)).await;
    // A fifth of twenty pays for two repositories of two questions each.
    for (rounds, reached, keys) in
        [(1, "b", ["a", "b"].as_slice()), (2, "a", &["a", "b", "c", "a"]), (3, "c", &["a", "b", "c", "a", "b", "c"])]
    {
        f.round(&server, 20).await.expect("a round");
        let keys: Vec<String> = keys.iter().map(|slug| format!("/repositories/acme/{slug}/deploy-keys")).collect();
        assert_eq!((f.reached().await.as_deref(), asked(&server, "deploy-keys")), (Some(reached), keys), "round {rounds}");
        assert_eq!(asked(&server, "permissions/repositories/").len(), rounds * 2);
    }
}

#[tokio::test]
async fn a_question_whose_scope_is_missing_is_asked_once_and_the_other_goes_on() {
    let f = Fixture::new();
    let server = Server::start(|target, _| {
        if target.contains("deploy-keys") { answer("403 Forbidden", "", SCOPE_MISSING) } else { no_administrator(target) }
    })
    .await;
    let tally = f.round(&server, AMPLE).await.expect("a round");
    assert_eq!(asked(&server, "deploy-keys").len(), 1);
    assert_eq!(asked(&server, "permissions/repositories/").len(), 3);
    assert!(tally.left_out.contains("deploy-keys is forbidden to our credential: grant the scope"), "{}", tally.left_out);
    assert!(tally.left_out.ends_with("; the secret is workspace.acme.access_token"), "{}", tally.left_out);
}

#[tokio::test]
async fn a_list_that_ends_before_its_own_size_ends_nobody() {
    let f = Fixture::new();
    let whole = Server::start(|target, _| script(target)).await;
    f.round(&whole, AMPLE).await.expect("a good round");
    let short = Server::start(|target, _| match path(target) {
        "/repositories/acme" => json(r#"{"values": [{"slug": "a"}], "size": 3}"#),
        _ => script(target),
    });
    f.round(&short.await, AMPLE).await.expect("a round");
    assert_eq!(f.counts().await, (1, 3));
}

#[tokio::test]
async fn whom_only_failing_permissions_name_is_still_there() {
    for (status, left) in [("500 Oops", 1), ("403 Forbidden", 0)] {
        let f = Fixture::new();
        let whole = Server::start(|target, _| script(target)).await;
        f.round(&whole, AMPLE).await.expect("a good round");
        let server = Server::start(move |target, _| match path(target) {
            "/workspaces/acme/permissions" => answer(status, "", ""),
            "/workspaces/acme/members" => json(r#"{"values": []}"#),
            _ => script(target),
        });
        drop(f.round(&server.await, AMPLE).await);
        assert_eq!(f.counts().await, (left, 3), "{status}");
    }
}
