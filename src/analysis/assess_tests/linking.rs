//! Who is who, what belongs together, and ids that stay.

use super::world::*;
use crate::evidence::{DirectoryEntry, Origin, Person, Track, Verdict};

fn users(world: &World) -> Vec<String> {
    let mut users: Vec<String> = world.rows(100).into_iter().map(|row| row.user.id).collect();
    users.sort();
    users
}

fn with_user(username: &str) -> Vec<String> {
    let mut world = World::watched();
    world.roster.people = vec![
        person("acc-1", "Ada", "ada@example.test"),
        person("acc-2", "ADA", "other@example.test"),
        person("acc-3", "Grace", "grace@example.test"),
        person("acc-4", "twin", ""),
        person("acc-5", "twin", ""),
        person("", "linus", "ada@example.test"),
        person("", "ken", "ken@example.test"),
    ];
    world.see(&jenkins(username, "api"), 10, legacy(Accepted));
    users(&world)
}

#[test]
fn names_lead_to_an_account_only_when_they_lead_to_one() {
    for (username, user) in [
        ("Ada", "acc-1"),
        ("ada", "name:ada"),
        ("grace", "acc-3"),
        ("twin", "name:twin"),
        ("ADA@Example.test", "acc-1"),
        ("Nobody@Example.test", "email:nobody@example.test"),
        ("linus", "acc-1"),
        ("ken", "email:ken@example.test"),
        ("stranger", "name:stranger"),
    ] {
        assert_eq!(with_user(username), [user], "{username}");
    }
}

#[test]
fn facts_that_share_a_strong_key_are_one_user() {
    let mut world = World::watched();
    let uuid = Some("{u}".to_owned());
    world.roster.people = vec![
        crate::evidence::Person { uuid: uuid.clone(), nickname: Some("ada".to_owned()), ..person("", "", "") },
        crate::evidence::Person { uuid, display_name: Some("Ada Lovelace".to_owned()), ..person("acc-1", "", "a@example.test") },
    ];
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let row = world.row(10);
    assert_eq!(row.user.id, "acc-1");
    assert_eq!(row.user.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(row.user.email.as_deref(), Some("a@example.test"));
}

#[test]
fn members_and_tokens_resolve_names_too() {
    let mut world = World::watched();
    world.member(person("acc-1", "ada", ""), "member");
    world.api_token("t-1", person("acc-2", "", "grace@example.test"), None);
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(&jenkins("grace@example.test", "api"), 10, legacy(Accepted));
    assert_eq!(users(&world), ["acc-1", "acc-2"]);
}

#[test]
fn the_account_id_goes_before_the_email_and_the_email_before_the_username() {
    let mut world = World::watched();
    world.roster.people = vec![person("acc-1", "ada", ""), person("acc-2", "", "grace@example.test")];
    let email = Some("grace@example.test".to_owned());
    world.see(&Track { email: email.clone(), ..jenkins("ada", "api") }, 10, legacy(Accepted));
    world.see(&Track { email, account_id: Some("acc-9".to_owned()), ..jenkins("ada", "api") }, 10, legacy(Accepted));
    assert_eq!(users(&world), ["acc-2", "acc-9"]);
}

#[test]
fn reserved_usernames_name_nobody() {
    for reserved in ["x-token-auth", "x-bitbucket-api-token-auth"] {
        assert_eq!(with_user(reserved), [""], "{reserved}");
    }
}

/// Ada's Jenkins on `api`, and something that leaves things open; gives the keys of all integrations and their uses.
fn joined(others: &[Track], open: &Track) -> Vec<(String, String, String, u64)> {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    for other in others {
        world.see(other, 10, legacy(Accepted));
    }
    world.see_through("audit/acme", open, 11, legacy(Accepted), 5);
    let mut rows: Vec<_> = world.rows(11).into_iter().map(|row| (row.user.id, row.client, row.origin, row.uses_7d)).collect();
    rows.sort();
    rows
}

fn row(user: &str, client: &str, origin: &str, uses: u64) -> (String, String, String, u64) {
    (user.to_owned(), client.to_owned(), origin.to_owned(), uses)
}

/// What an audit event says: user, repository and the label of the token.
fn audited(username: &str, repository: &str) -> Track {
    Track {
        client: None,
        origin: Origin::TokenLabel("mirror".to_owned()),
        token_label: Some("mirror".to_owned()),
        ..jenkins(username, repository)
    }
}

#[test]
fn open_evidence_joins_the_only_integration_that_agrees() {
    assert_eq!(joined(&[], &audited("ada", "api")), [row("name:ada", "jenkins", "build-farm", 6)]);
}

#[test]
fn evidence_without_a_user_joins_by_its_repository() {
    let transcript = Track { workspace: Some("acme".to_owned()), repository: Some("api".to_owned()), ..Track::default() };
    assert_eq!(joined(&[], &transcript), [row("name:ada", "jenkins", "build-farm", 6)]);
    let reserved = Track { username: Some("x-token-auth".to_owned()), ..audited("", "api") };
    assert_eq!(joined(&[], &reserved), [row("name:ada", "jenkins", "build-farm", 6)]);
}

#[test]
fn a_job_joins_its_namesake_else_the_only_integration_of_its_user_in_a_network() {
    let nightly = Origin::Job("nightly".to_owned());
    let transcript = Track { client: None, origin: nightly.clone(), ..jenkins("ada", "api") };
    assert_eq!(joined(&[], &transcript), [row("name:ada", "jenkins", "build-farm", 6)]);
    let namesake = Track { origin: nightly, ..jenkins("ada", "api") };
    let expected = [row("name:ada", "jenkins", "build-farm", 1), row("name:ada", "jenkins", "nightly", 6)];
    assert_eq!(joined(std::slice::from_ref(&namesake), &transcript), expected);
    let other = Track { origin: Origin::Job("weekly".to_owned()), ..namesake.clone() };
    assert_eq!(joined(std::slice::from_ref(&other), &transcript)[0], row("name:ada", "jenkins", "build-farm", 6));
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    assert_eq!(joined(&[laptop], &transcript)[1], row("name:ada", "jenkins", "build-farm", 6), "no job runs on a laptop");
    let twin = Track { client: Some("git-cli".to_owned()), ..jenkins("ada", "api") };
    assert_eq!(joined(std::slice::from_ref(&twin), &transcript)[2], row("name:ada", "unknown", "nightly", 5), "several fit");
    let through = |host: &str, track: &Track| Track { host: Some(host.to_owned()), ..track.clone() };
    let scanner = through("api.bitbucket.org", &twin);
    let fetched = through("bitbucket.org", &transcript);
    assert_eq!(joined(&[scanner], &fetched)[1], row("name:ada", "jenkins", "build-farm", 6), "git does not ask the API");
}

#[test]
fn the_team_of_the_directory_owns_what_no_pattern_names() {
    let mut world = World::watched();
    world.roster.directory = vec![
        DirectoryEntry { person: person("acc-1", "ada", "ada@example.test"), team: Some("payments".to_owned()) },
        DirectoryEntry { person: person("", "linus", ""), team: Some("Platform".to_owned()) },
    ];
    world.policy.owners = vec![crate::analysis::Owner {
        name: "platform".to_owned(),
        email: Some("platform@example.test".to_owned()),
        lead_time_days: Some(45),
        repository: Some("infra".to_owned()),
        ..crate::analysis::Owner::default()
    }];
    for (user, repository) in [("ada", "api"), ("linus", "web"), ("stranger", "infra"), ("nobody", "api")] {
        world.see(&jenkins(user, repository), 10, legacy(Accepted));
    }
    let mut rows: Vec<_> =
        world.rows(11).into_iter().map(|row| (row.user.id, row.owner, row.owner_email, row.lead_time_days)).collect();
    rows.sort();
    let platform = || (Some("platform".to_owned()), Some("platform@example.test".to_owned()), 45);
    let row = |user: &str, (owner, email, days): (Option<String>, Option<String>, i32)| (user.to_owned(), owner, email, days);
    let expected = [
        row("acc-1", (Some("payments".to_owned()), None, 14)),
        row("name:linus", platform()),
        row("name:nobody", (None, None, 14)),
        row("name:stranger", platform()),
    ];
    assert_eq!(rows, expected, "the directory resolves ada, and a team with a section of its own has what that says");
}

#[test]
fn evidence_that_several_agree_with_stands_alone() {
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    let rows = joined(std::slice::from_ref(&laptop), &audited("ada", "api"));
    assert_eq!(
        rows,
        [
            row("name:ada", "git-cli", "roaming", 1),
            row("name:ada", "jenkins", "build-farm", 1),
            row("name:ada", "unknown", "mirror", 5),
        ]
    );
    let transcript = Track { workspace: Some("acme".to_owned()), repository: Some("api".to_owned()), ..Track::default() };
    assert_eq!(joined(&[laptop], &transcript)[0], row("", "unknown", "unknown", 5));
}

#[test]
fn evidence_that_names_no_client_is_not_that_of_a_client_which_nobody_knows() {
    let client = |client: Option<&str>| Track { client: client.map(str::to_owned), ..jenkins("ada", "api") };
    let apart = [
        row("name:ada", "jenkins", "build-farm", 1),
        row("name:ada", "unknown", "build-farm", 1),
        row("name:ada", "unknown", "build-farm", 5),
    ];
    assert_eq!(joined(&[client(Some("unknown"))], &client(None)), apart, "two agree");
    let elsewhere = Track { repository: Some("other".to_owned()), ..client(None) };
    assert_eq!(joined(&[client(Some("unknown"))], &elsewhere), apart, "none agrees");
    assert_eq!(joined(&[], &client(None)), [row("name:ada", "jenkins", "build-farm", 6)], "one agrees");

    let mut world = World::watched();
    world.see(&client(Some("unknown")), 10, legacy(Accepted));
    world.see(&elsewhere, 10, legacy(Accepted));
    let traces = world.judged_on(11).traces;
    assert_eq!(traces.iter().map(|trace| trace.key.shown_client()).collect::<Vec<_>>(), ["unknown", "unknown"]);
    assert_ne!(traces[0].key.client, traces[1].key.client, "two of one name for readers");
}

#[test]
fn one_secret_at_one_place_joins_what_agrees_with_all_of_its_repositories() {
    let token = |repository: &str| Track {
        username: None,
        secret_id: Some("s1".to_owned()),
        origin: Origin::Network("build-farm".to_owned()),
        ..jenkins("", repository)
    };
    let rows_of = |named: &[(&str, &str)], shown: &[&str]| {
        let mut world = World::watched();
        for (user, repository) in named {
            world.see(&jenkins(user, repository), 10, legacy(Accepted));
        }
        for repository in shown {
            world.see(&token(repository), 11, legacy(Accepted));
        }
        let mut rows: Vec<_> = world.rows(11).into_iter().map(|row| (row.user.id, row.uses_7d)).collect();
        rows.sort();
        rows
    };
    let row = |user: &str, uses: u64| (user.to_owned(), uses);
    let both = [("ada", "api"), ("bob", "api"), ("bob", "web")];
    assert_eq!(rows_of(&both, &["api"]), [row("", 1), row("name:ada", 1), row("name:bob", 2)], "two agree");
    assert_eq!(rows_of(&both, &["web"]), [row("name:ada", 1), row("name:bob", 3)]);
    assert_eq!(rows_of(&both, &["api", "web"]), [row("name:ada", 1), row("name:bob", 4)], "only bob agrees with both");
    let apart = [("ada", "api"), ("bob", "web")];
    assert_eq!(rows_of(&apart, &["api", "web"]), [row("", 2), row("name:ada", 1), row("name:bob", 1)], "nobody does");
    let elsewhere = [row("", 1), row("name:ada", 1), row("name:bob", 3)];
    assert_eq!(rows_of(&both, &["web", "other"]), elsewhere, "what nobody agrees with stands alone");
}

#[test]
fn a_secret_at_places_that_are_not_known_is_several_pieces_of_evidence() {
    let mut world = World::watched();
    let laptop = Track { origin: Origin::Network("office".to_owned()), ..jenkins("ada", "web") };
    for named in [jenkins("ada", "api"), laptop] {
        world.see(&Track { secret_id: Some("s1".to_owned()), ..named }, 10, legacy(Accepted));
    }
    for repository in ["api", "web"] {
        let open = Track { secret_id: Some("s1".to_owned()), origin: Origin::Unknown, ..jenkins("ada", repository) };
        world.see(&open, 11, legacy(Accepted));
    }
    let mut rows: Vec<_> = world.rows(11).into_iter().map(|row| (row.origin, row.uses_7d)).collect();
    rows.sort();
    assert_eq!(rows, [("build-farm".to_owned(), 2), ("office".to_owned(), 2)]);
}

#[test]
fn a_job_of_the_same_name_goes_before_others_that_agree_with_all_and_not_before_one_that_alone_does() {
    let job = |user: &str, repository: &str| Track { origin: Origin::Job("deploy".to_owned()), ..jenkins(user, repository) };
    let shown = |repositories: &[&str]| {
        let mut world = World::watched();
        for named in [job("ada", "api"), jenkins("bob", "api"), jenkins("bob", "web")] {
            world.see(&named, 10, legacy(Accepted));
        }
        for repository in repositories {
            let nobodys = Track { username: None, secret_id: Some("s1".to_owned()), ..job("", repository) };
            world.see(&nobodys, 11, legacy(Accepted));
        }
        let mut rows: Vec<_> = world.rows(11).into_iter().map(|row| (row.user.id, row.uses_7d)).collect();
        rows.sort();
        rows
    };
    let row = |user: &str, uses: u64| (user.to_owned(), uses);
    assert_eq!(shown(&["api"]), [row("name:ada", 2), row("name:bob", 2)]);
    assert_eq!(shown(&["api", "web"]), [row("name:ada", 1), row("name:bob", 4)]);
}

#[test]
fn evidence_that_nobody_agrees_with_stands_alone() {
    let alone = |open: &Track, user: &str| {
        let rows = joined(&[], open);
        assert_eq!(rows.len(), 2, "{open:?}");
        assert!(rows.contains(&row(user, "unknown", &open.origin.text(), 5)), "{rows:?}");
    };
    alone(&audited("grace", "api"), "name:grace");
    alone(&audited("ada", "other"), "name:ada");
    alone(&Track { workspace: Some("elsewhere".to_owned()), ..audited("ada", "api") }, "name:ada");
    alone(&Track { origin: Origin::Network("office".to_owned()), ..audited("ada", "api") }, "name:ada");
    alone(&Track { workspace: Some("acme".to_owned()), ..Track::default() }, "");
}

#[test]
fn an_address_agrees_with_a_roaming_person_but_not_with_a_farm() {
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    let address = Origin::parse("a", "198.51.100.0/24");
    let from_address = Track { origin: address, ..audited("ada", "api") };
    assert_eq!(
        joined(&[laptop], &from_address),
        [row("name:ada", "git-cli", "roaming", 6), row("name:ada", "jenkins", "build-farm", 1)]
    );
    assert_eq!(joined(&[], &from_address).len(), 2);
}

#[test]
fn an_integration_that_names_no_repository_contradicts_none_of_its_user() {
    let mut world = World::watched();
    world.see(&Track { repository: None, workspace: None, ..jenkins("ada", "") }, 10, legacy(Accepted));
    world.see_through("audit/acme", &audited("ada", "api"), 10, legacy(Accepted), 5);
    world.see_through("audit/acme", &Track { username: None, ..audited("", "api") }, 10, legacy(Accepted), 7);
    assert_eq!(world.rows(10).iter().map(|row| row.uses_7d).max(), Some(7));
    assert_eq!(world.rows(10).len(), 2);
}

#[test]
fn items_that_sign_nobody_in_make_no_integration_and_join_none() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let opening = Verdict { authentication: false, ..legacy(Accepted) };
    world.see(&jenkins("ada", "api"), 20, opening);
    world.see(&jenkins("grace", "api"), 20, opening);
    let row = world.row(20);
    assert_eq!((row.last_seen, row.uses_30d), (noon(10), 1));
}

#[test]
fn an_owner_of_a_user_stays_the_owner_when_the_name_is_resolved() {
    let mut world = World::watched();
    (0..10).for_each(|on| world.see(&jenkins("ada", "pay-api"), on, legacy(Accepted)));
    let by_user =
        |user: &str| crate::analysis::Owner { name: user.to_owned(), user: Some(user.to_owned()), ..Default::default() };
    world.policy.owners = vec![by_user("bob"), by_user("ada")];
    assert_eq!(world.row(11).owner.as_deref(), Some("ada"));
    world.member(Person { display_name: Some("Ada L".to_owned()), ..person("acc-1", "ada", "ada@example.test") }, "owner");
    let row = world.row(11);
    assert_eq!((row.user.id.as_str(), row.owner.as_deref()), ("acc-1", Some("ada")));
    world.policy.owners = vec![by_user("name:*"), by_user("name:Ada")];
    assert_eq!(world.row(11).owner.as_deref(), Some("name:Ada"), "as reports called the user before");
}

#[test]
fn a_row_of_the_directory_without_an_account_id_tells_whose_nickname_it_is() {
    let mut world = World::watched();
    let called = |who: Person, name: &str| DirectoryEntry {
        person: Person { display_name: Some(name.to_owned()), ..who },
        team: Some("payments".to_owned()),
    };
    world.member(person("acc-1", "mira", ""), "member");
    world.roster.directory =
        vec![called(person("", "mira", "mira@example.test"), "Mira Tessel"), called(person("", "linus", ""), "Linus Row")];
    world.roster.directory.push(DirectoryEntry { person: person("", "tess", ""), team: None });
    for user in ["mira", "mira@example.test", "linus", "tess", "stranger"] {
        world.see(&jenkins(user, "api"), 10, legacy(Accepted));
    }
    let mut rows: Vec<_> =
        world.rows(11).into_iter().map(|row| (row.user.id, row.user.name, row.user.email, row.owner)).collect();
    rows.sort();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        rows,
        [
            ("acc-1".to_owned(), text("Mira Tessel"), text("mira@example.test"), text("payments")),
            ("name:linus".to_owned(), text("Linus Row"), None, text("payments")),
            ("name:stranger".to_owned(), text("stranger"), None, None),
            ("name:tess".to_owned(), text("tess"), None, None),
        ]
    );
    let mut reasons: Vec<_> = world.rows(11).into_iter().flat_map(|row| row.reasons).collect();
    reasons.retain(|reason| reason.contains("account id") || reason.contains("no inventory"));
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "its user is not resolved: no inventory knows stranger",
            "linus is listed without an account id: a row of the directory with both resolves the user",
            "tess is listed without an account id: a row of the directory with both resolves the user",
        ]
    );
}
