//! The token inventory and the access lists, as Atlassian writes them.

use super::server::{Server, answer, client, json};
use crate::{
    evidence::{Permission, time::parse_instant},
    source::{Access, Answer, FetchError, LimitReason, Listing, Tokens},
};

macro_rules! data {
    ($path:literal) => {
        include_str!(concat!("../../../tests/data/", $path))
    };
}

/// Serves `first` for the first request and `rest` after it, with the server's own address for `{base}`.
async fn serve(first: &'static str, rest: &'static [&'static str]) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    drop(listener);
    let base = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let own = std::sync::Arc::clone(&base);
    let server = Server::start(move |_, n| {
        let body = if n == 0 { first } else { rest[n - 1] };
        json(&body.replace("{base}", own.get().map_or("", String::as_str)))
    })
    .await;
    base.get_or_init(|| server.base.origin().ascii_serialization());
    server
}

fn complete<T: std::fmt::Debug>(answer: Answer<T>) -> Listing<T> {
    match answer {
        Answer::Complete(listing) => listing,
        Answer::Limited(limit) => panic!("{limit}"),
    }
}

#[tokio::test]
async fn the_token_list_is_read_to_its_end_over_both_forms_of_next() {
    let server = serve(
        data!("tokens/list/next_is_address.json"),
        &[data!("tokens/list/next_is_cursor.json"), data!("tokens/list/last_page.json")],
    )
    .await;
    let list = Tokens::new(client(&server.base), "acme", "ORG").list().await.expect("a list");
    assert_eq!(
        server.targets(),
        [
            "/admin/api-access/v1/orgs/ORG/api-tokens?pageSize=100",
            "/admin/api-access/v1/orgs/ORG/api-tokens?pageSize=100&cursor=two",
            "/admin/api-access/v1/orgs/ORG/api-tokens?pageSize=100&cursor=dGhyZWU%3D",
        ]
    );
    assert_eq!(list.tokens.iter().map(|t| t.token_id.as_str()).collect::<Vec<_>>(), ["a1b2", "c3d4", "e5f6"]);
    let token = &list.tokens[0];
    assert_eq!((token.organization.as_str(), token.label.as_str(), token.status.as_str()), ("acme", "nightly mirror", "allowed"));
    assert_eq!(token.person.account_id.as_deref(), Some("712020:11111111-2222-3333-4444-555555555555"));
    assert_eq!(token.person.email.as_deref(), Some("mira@example.test"));
    assert_eq!(token.expires_at, parse_instant("2027-06-10T08:00:00Z"));
    assert_eq!(list.tokens[2].expires_at, None);
    assert_eq!((list.skipped[0].reason, list.skipped[0].count), ("malformed", 1));
}

/// Serves pages of at most so many rows under a parameter; more is refused with an answer of its own.
async fn at_most(most: usize, parameter: &'static str, refusal: Vec<u8>, page: &'static str) -> Server {
    Server::start(move |target, _| {
        let rows = target.split(['?', '&']).find_map(|pair| pair.strip_prefix(parameter)?.strip_prefix('='));
        if rows.is_none_or(|rows| rows.parse().is_ok_and(|rows: usize| rows <= most)) { json(page) } else { refusal.clone() }
    })
    .await
}

/// The page sizes that were asked for, in order.
fn sizes(server: &Server) -> Vec<String> {
    let size = |target: String| target.split(['=', '&']).nth(1).map(str::to_owned);
    server.targets().into_iter().filter_map(size).collect()
}

#[tokio::test]
async fn a_page_size_that_is_refused_is_lowered_once_and_for_all() {
    let named = || answer("400 Bad Request", "", r#"{"type": "error", "error": {"message": "Invalid page or pagelen"}}"#);
    let plain = || answer("400 Bad Request", "", "");
    for (most, refusal, asked) in [(50, named(), ["100", "50", "50"].as_slice()), (10, plain(), &["100", "50", "10", "10"])] {
        let server = at_most(most, "pagelen", refusal, r#"{"values": []}"#).await;
        let access = Access::new(client(&server.base), "acme");
        complete(access.members().await.expect("a list"));
        complete(access.repositories().await.expect("a list"));
        assert_eq!(sizes(&server), asked);
    }
    let server = at_most(0, "pagelen", plain(), "").await;
    let access = Access::new(client(&server.base), "acme");
    for _ in 0..2 {
        let failed = access.members().await;
        assert!(matches!(failed, Err(FetchError::Refused { status: 400, .. })), "{failed:?}");
    }
    assert_eq!(sizes(&server), ["100", "50", "10", "100", "50", "10"], "nothing is learnt where no size helps");
}

#[tokio::test]
async fn the_token_list_answers_a_page_size_that_it_does_not_take_with_500() {
    let failed = || answer("500 Internal Server Error", "", "");
    let page = r#"{"data": [{"id": "a1b2", "user": {"email": "mira@example.test"}}], "links": {}}"#;
    let server = at_most(10, "pageSize", failed(), page).await;
    let tokens = Tokens::new(client(&server.base), "acme", "ORG");
    assert_eq!(tokens.of_account("mira@example.test").await.expect("a page").len(), 1);
    assert_eq!(tokens.list().await.expect("a list").tokens.len(), 1);
    assert_eq!(sizes(&server), ["100", "50", "10", "10"]);

    let server = at_most(0, "pageSize", answer("502 Bad Gateway", "", ""), page).await;
    let outage = Tokens::new(client(&server.base), "acme", "ORG").list().await;
    assert!(matches!(outage, Err(FetchError::Unavailable { .. })), "{outage:?}");
    assert_eq!(sizes(&server), ["100"], "another status is an outage");
}

#[tokio::test]
async fn a_bare_cursor_goes_on_with_the_size_that_worked() {
    let server = Server::start(|target, _| match target {
        target if target.contains("pageSize=100") => answer("400 Bad Request", "", ""),
        target if target.contains("cursor") => json(r#"{"data": []}"#),
        _ => json(r#"{"data": [], "links": {"next": "two"}}"#),
    })
    .await;
    Tokens::new(client(&server.base), "acme", "ORG").list().await.expect("a list");
    assert_eq!(sizes(&server), ["100", "50", "50"]);
}

#[tokio::test]
async fn a_token_whose_id_is_a_secret_is_not_kept() {
    let server = Server::start(|_, _| json(r#"{"data": [{"id": "ATATT3xFfGF0hunter2"}, {"id": "a1b2"}], "links": {}}"#)).await;
    let list = Tokens::new(client(&server.base), "acme", "ORG").list().await.expect("a list");
    assert_eq!(list.tokens.iter().map(|t| t.token_id.as_str()).collect::<Vec<_>>(), ["a1b2"]);
    assert_eq!((list.skipped[0].reason, list.skipped[0].count), ("malformed", 1));
}

#[tokio::test]
async fn members_are_read_over_pages_whose_addresses_the_server_makes() {
    let server = serve(data!("access/members/two_pages_first.json"), &[data!("access/members/two_pages_last.json")]).await;
    // The base has a path of its own, as Bitbucket's has.
    let base = server.base.join("/2.0").expect("an address");
    let members = complete(Access::new(client(&base), "acme").members().await.expect("a list"));
    assert_eq!(
        server.targets(),
        [
            "/2.0/workspaces/acme/members?pagelen=100&fields=next%2Csize%2Cvalues.user.uuid%2Cvalues.user.account_id\
             %2Cvalues.user.nickname%2Cvalues.user.display_name",
            "/2.0/workspaces/acme/members?pagelen=100&page=opaque"
        ]
    );
    let names: Vec<_> = members.items.iter().map(|m| m.person.nickname.as_deref().unwrap_or_default()).collect();
    assert_eq!(names, ["mt", "ob"]);
    assert_eq!(members.items[0].person.account_id.as_deref(), Some("712020:a"));
    assert_eq!((members.skipped[0].reason, members.skipped[0].count), ("malformed", 1), "a user without any key");
}

#[tokio::test]
async fn permissions_tell_the_last_activity_while_bitbucket_does() {
    let server = serve(data!("access/permissions/with_and_without_last_accessed.json"), &[]).await;
    let listing = complete(Access::new(client(&server.base), "acme").permissions().await.expect("a list"));
    let seen: Vec<_> = listing.items.iter().map(|m| (m.permission.as_deref(), m.last_accessed)).collect();
    assert_eq!(seen, [(Some("owner"), parse_instant("2026-06-18T10:13:52.159725Z")), (Some("collaborator"), None)]);
}

#[tokio::test]
async fn repositories_rights_and_deploy_keys_are_read() {
    let server = serve(
        data!("access/repositories/as_listed.json"),
        &[data!("access/repository-permissions/as_listed.json"), data!("access/deploy-keys/used_and_never_used.json")],
    )
    .await;
    let access = Access::new(client(&server.base), "acme");
    let repositories = complete(access.repositories().await.expect("a list")).items;
    let slugs: Vec<_> = repositories.iter().map(|r| (r.slug.as_str(), r.is_private)).collect();
    assert_eq!(slugs, [("payments-api", true), ("old-one", false)]);

    let rights = complete(access.repository_permissions().await.expect("a list"));
    assert_eq!((rights.items.len(), rights.items[0].permission), (1, Permission::Write));
    assert_eq!((&*rights.items[0].repository, &*rights.items[0].account_id), ("payments-api", "712020:a"));
    assert_eq!((rights.unknown[0].field, rights.unknown[0].value.as_str()), ("permission", "create-repo"));

    let keys = complete(access.deploy_keys("payments-api").await.expect("a list")).items;
    assert_eq!(
        keys.iter().map(|k| (k.key_id, k.last_used.is_some(), k.created_at.is_some())).collect::<Vec<_>>(),
        [(123, true, true), (124, false, true)]
    );
    assert!(server.targets()[2].starts_with("/repositories/acme/payments-api/deploy-keys?pagelen=100&fields=next%2Csize%2C"));
}

#[tokio::test]
async fn lists_that_cannot_be_seen_are_limits_and_outages_are_not() {
    for (status, body, reason, words) in [
        ("403 Forbidden", r#"{"error": {"message": "Forbidden"}}"#, LimitReason::Forbidden, "an administrator of the workspace"),
        (
            "403 Forbidden",
            data!("access/forbidden/missing_scope.json"),
            LimitReason::Scope,
            "grant the scope read:workspace:bitbucket",
        ),
        ("404 Not Found", "", LimitReason::NotVisible, "check the name"),
        ("410 Gone", data!("access/gone/removed_endpoint.json"), LimitReason::Removed, "CHANGE-2770"),
        ("410 Gone", "", LimitReason::MarkedAsSpam, "ask Atlassian"),
    ] {
        let server = Server::start(move |_, _| answer(status, "", body)).await;
        let found = Access::new(client(&server.base), "acme").repository_permissions().await.expect("no failure");
        let Answer::Limited(limit) = found else { panic!("{found:?}") };
        assert_eq!(limit.reason, reason);
        assert!(limit.advice.contains(words), "{limit}");
    }
    let server = Server::start(|_, _| answer("502 Bad Gateway", "", "")).await;
    let failed = Access::new(client(&server.base), "acme").members().await;
    assert!(matches!(failed, Err(FetchError::Unavailable { .. })), "{failed:?}");
}
