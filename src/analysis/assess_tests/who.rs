//! Names that change hands, people who leave, accounts that are nobody's, and secrets in several places.

use super::world::*;
use crate::analysis::{Integration, NameState};
use crate::evidence::{Credential, DirectoryEntry, Grade, Listed, Origin, Person, RegisteredCredential, Track, Verdict};

/// A member list named somebody so, from the start of one day to the start of another (none: until now).
fn listed(world: &mut World, person: &Person, from: i32, until: Option<i32>) {
    let until = until.map(|on| day(on).start());
    world.roster.listed.push(Listed { workspace: "acme".to_owned(), person: person.clone(), from: day(from).start(), until });
    if until.is_none() {
        world.member(person.clone(), "member");
    }
}

/// Every row's user and its first and last day of legacy use, sorted.
fn spans(world: &World, on: i32) -> Vec<(String, i32, i32)> {
    let number = |at: jiff::Timestamp| crate::evidence::Day::of(at).0 - day(0).0;
    let mut rows: Vec<_> =
        world.rows(on).into_iter().map(|row| (row.user.id, number(row.first_seen), number(row.last_seen))).collect();
    rows.sort();
    rows
}

fn span(user: &str, first: i32, last: i32) -> (String, i32, i32) {
    (user.to_owned(), first, last)
}

#[test]
fn who_is_renamed_keeps_what_was_done_under_the_old_name_and_is_shown_by_the_new_one() {
    let mut world = World::watched();
    let named = |nickname: &str, name: &str| Person { display_name: Some(name.to_owned()), ..person("acc-1", nickname, "") };
    listed(&mut world, &named("ada", "Ada Byron"), 0, Some(50));
    listed(&mut world, &named("lovelace", "Ada Lovelace"), 50, None);
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(&jenkins("lovelace", "api"), 60, legacy(Accepted));
    let row = world.row(70);
    assert_eq!((row.user.id.as_str(), row.user.name.as_deref()), ("acc-1", Some("Ada Lovelace")));
    assert_eq!((row.first_seen, row.last_seen, row.name_state), (noon(10), noon(60), NameState::Resolved));
}

#[test]
fn a_nickname_that_changed_hands_means_each_bearer_in_their_time() {
    let mut world = World::watched();
    listed(&mut world, &person("acc-1", "mt", ""), 20, Some(50));
    listed(&mut world, &person("acc-1", "mira", ""), 50, None);
    listed(&mut world, &person("acc-2", "mt", ""), 60, None);
    for on in [10, 30, 55, 60, 70] {
        world.see(&jenkins("mt", "api"), on, legacy(Accepted));
    }
    world.see(&jenkins("mira", "api"), 72, legacy(Accepted));
    let expected = [span("acc-1", 10, 72), span("acc-2", 60, 70)];
    assert_eq!(spans(&world, 80), expected, "before the lists and between them it is who bore it first and last");
}

#[test]
fn a_day_that_is_past_knows_whose_a_nickname_was_though_it_is_somebody_elses_since() {
    let mut world = World::watched();
    listed(&mut world, &person("acc-1", "mt", ""), 0, None);
    let later = person("acc-2", "mt", "");
    world.roster.people.push(later.clone());
    let from = day(60).start();
    world.roster.listed_later.push(Listed { workspace: "acme".to_owned(), person: later, from, until: None });
    world.see(&jenkins("mt", "api"), 10, legacy(Accepted));
    assert_eq!(spans(&world, 20), [span("acc-1", 10, 10)]);
}

/// mt's Jenkins works from day 10 to 20, mira's from a day on, and lists name mira since a day; her account is in the audit
/// log on day 5.
fn succession(began: i32, listed_since: i32) -> World {
    let mut world = World::watched();
    listed(&mut world, &person("acc-1", "mira", ""), listed_since, None);
    let account = Track { account_id: Some("acc-1".to_owned()), ..Track::default() };
    world.see_through("audit/acme", &account, 5, Verdict::of(Credential::Session, Grade::Proven, Accepted), 1);
    (10..=20).for_each(|on| world.see(&jenkins("mt", "api"), on, legacy(Accepted)));
    (began..=40).for_each(|on| world.see(&jenkins("mira", "api"), on, legacy(Accepted)));
    world
}

#[test]
fn a_name_that_no_list_knows_is_an_earlier_one_of_whoever_goes_on_in_its_place() {
    let world = succession(21, 30);
    assert_eq!(spans(&world, 50), [span("acc-1", 10, 40)]);
    let words = "mt is taken for an earlier nickname of its user: jenkins from build-farm went on under mira on 2026-03-22, on \
                 the same repositories, where mt had ended on 2026-03-21; the account was at work before, under no other \
                 nickname, and no list of members reaches so far back";
    assert_eq!(world.row(50).reasons.last().unwrap(), words);
    assert_eq!(succession(27, 30).rows(50).len(), 1, "a week is no gap");
}

#[test]
fn whoever_takes_over_a_place_is_not_taken_for_whoever_had_it() {
    let mt = span("name:mt", 10, 20);
    assert_eq!(spans(&succession(28, 30), 50), [span("acc-1", 28, 40), mt.clone()], "it did not go on at once");
    assert_eq!(spans(&succession(21, 15), 50), [span("acc-1", 21, 40), mt.clone()], "lists named mira before");
    let mut busy = succession(21, 30);
    busy.see(&Track { client: Some("git-cli".to_owned()), ..jenkins("mira", "web") }, 12, legacy(Accepted));
    assert!(spans(&busy, 50).contains(&mt), "mira was mira before");
    let mut elsewhere = succession(21, 30);
    elsewhere.see(&jenkins("mt", "web"), 12, legacy(Accepted));
    elsewhere.see(&jenkins("mira", "docs"), 22, legacy(Accepted));
    assert!(spans(&elsewhere, 50).contains(&span("name:mt", 10, 20)), "each worked on what the other did not");
    let mut two = succession(21, 30);
    listed(&mut two, &person("acc-2", "ken", ""), 30, None);
    let account = Track { account_id: Some("acc-2".to_owned()), ..Track::default() };
    two.see_through("audit/acme", &account, 5, Verdict::of(Credential::Session, Grade::Proven, Accepted), 1);
    two.see(&jenkins("ken", "api"), 23, legacy(Accepted));
    assert!(spans(&two, 50).contains(&mt), "one of two");
    let mut hired = World::watched();
    listed(&mut hired, &person("acc-1", "mira", ""), 30, None);
    (10..=20).for_each(|on| hired.see(&jenkins("mt", "api"), on, legacy(Accepted)));
    (21..=40).for_each(|on| hired.see(&jenkins("mira", "api"), on, legacy(Accepted)));
    assert!(spans(&hired, 50).contains(&mt), "nothing shows mira's account at work before");
}

#[test]
fn one_secret_under_two_names_one_after_the_other_belongs_to_one_user() {
    let world = |outcome, ended: i32| {
        let mut world = World::watched();
        listed(&mut world, &person("acc-1", "mira", ""), 15, None);
        (10..=ended).for_each(|on| world.see(&with_secret(jenkins("mt", "api"), "s1"), on, legacy(outcome)));
        (30..=40).for_each(|on| world.see(&with_secret(jenkins("mira", "web"), "s1"), on, legacy(Accepted)));
        world
    };
    assert_eq!(spans(&world(Accepted, 20), 50), [span("acc-1", 10, 40)]);
    let words = "mt is taken for an earlier nickname of its user: one secret was accepted under it until 2026-03-21, and under \
                 mira since 2026-03-31, and a secret belongs to one account";
    assert_eq!(world(Accepted, 20).row(50).reasons.last().unwrap(), words);
    let apart = |world: &World| spans(world, 50).iter().any(|(user, ..)| user == "name:mt");
    assert!(apart(&world(Rejected, 20)), "a mistyped name presents the right secret");
    assert!(apart(&world(Accepted, 31)), "nobody bears two names at once");
    let mut shared = world(Accepted, 20);
    listed(&mut shared, &person("acc-2", "ken", ""), 15, None);
    shared.see(&with_secret(jenkins("ken", "web"), "s1"), 35, legacy(Accepted));
    assert!(apart(&shared), "two known users with one label: it says nothing");
}

#[test]
fn a_sender_gives_away_no_nickname_that_others_have_seen() {
    let world = |others: &[&str]| {
        let mut world = World::watched();
        listed(&mut world, &person("acc-1", "mira", ""), 15, None);
        for name in others {
            world.see(&jenkins(name, "web"), 9, legacy(Rejected));
        }
        for (name, on) in [("mt", 10), ("mira", 30)] {
            world.see_through("intake/ci", &with_secret(jenkins(name, "api"), "s1"), on, legacy(Accepted), 1);
        }
        world
    };
    let apart = |world: &World| spans(world, 50).iter().any(|(user, ..)| user == "name:mt");
    assert!(!apart(&world(&[])), "of what a sender alone has seen it may say whose it is");
    assert!(apart(&world(&["mt"])) && apart(&world(&["MT"])));
}

#[test]
fn of_whom_the_directory_knows_no_more_than_a_nickname_nobody_is_an_heir_and_a_sender_may_say_who_it_is() {
    let mut world = World::watched();
    listed(&mut world, &person("acc-1", "mira", ""), 15, None);
    let linus = Person { display_name: Some("Linus Row".to_owned()), ..person("", "linus", "") };
    world.roster.directory =
        [person("", "mt", ""), linus].into_iter().map(|person| DirectoryEntry { person, team: None }).collect();
    for (name, secret, on) in [("mt", "s1", 10), ("mira", "s1", 30), ("lr", "s2", 10), ("linus", "s2", 30)] {
        world.see_through("intake/ci", &with_secret(jenkins(name, "api"), secret), on, legacy(Accepted), 1);
    }
    let mut shown: Vec<_> = world.rows(50).into_iter().map(|row| (row.user.id, row.user.name)).collect();
    shown.sort();
    let row = |id: &str, name: &str| (id.to_owned(), Some(name.to_owned()));
    assert_eq!(shown, [row("acc-1", "mira"), row("name:linus", "Linus Row"), row("name:lr", "lr")]);
}

#[test]
fn a_nickname_that_two_bear_at_once_or_that_no_list_dates_is_ambiguous() {
    let mut at_once = World::watched();
    listed(&mut at_once, &person("acc-1", "mt", "one@example.test"), 20, None);
    listed(&mut at_once, &person("acc-2", "mt", ""), 40, None);
    let mut undated = World::watched();
    listed(&mut undated, &person("acc-1", "mt", "one@example.test"), 20, None);
    undated.roster.people.push(person("acc-2", "mt", ""));
    for (world, expected) in
        [(&mut at_once, vec![span("acc-1", 30, 30), span("name:mt", 50, 50)]), (&mut undated, vec![span("name:mt", 30, 50)])]
    {
        world.see(&jenkins("mt", "api"), 30, legacy(Accepted));
        world.see(&jenkins("mt", "api"), 50, legacy(Accepted));
        assert_eq!(spans(world, 60), expected);
        let row = world.rows(60).into_iter().find(|row| row.user.id == "name:mt").unwrap();
        assert_eq!(row.name_state, NameState::Ambiguous);
        let words = "its user is ambiguous: mt may be mt (one@example.test) or mt (acc-2); a row of the directory with account id and \
                     nickname tells them apart";
        assert_eq!(row.reasons.last().unwrap(), words);
    }
}

#[test]
fn a_name_that_nobody_knows_and_evidence_without_one_say_so() {
    let mut world = World::watched();
    world.see(&jenkins("stranger", "api"), 10, legacy(Accepted));
    world.see(&Track { username: None, ..jenkins("", "web") }, 10, legacy(Accepted));
    let mut rows = world.rows(10);
    rows.sort_by_key(|row| row.user.id.clone());
    let last: Vec<_> = rows.iter().map(|row| (row.name_state, row.reasons.last().unwrap().as_str())).collect();
    assert_eq!(
        last,
        [
            (NameState::Unresolved, "nothing that was seen of it names a user"),
            (NameState::Unresolved, "its user is not resolved: no inventory knows stranger"),
        ]
    );
}

#[test]
fn the_actors_of_the_audit_log_tell_which_account_an_address_belongs_to() {
    let mut world = World::watched();
    let actor = Track { account_id: Some("acc-1".to_owned()), email: Some("Ada@Example.test".to_owned()), ..Track::default() };
    world.see_through("audit/acme", &actor, 5, Verdict::of(Credential::Session, Grade::Proven, Accepted), 1);
    world.see(&jenkins("ada@example.test", "api"), 10, legacy(Accepted));
    assert_eq!(spans(&world, 10), [span("acc-1", 10, 10)]);
}

/// The leaver flag of ada's row, and the words about it.
fn leaver(world: &World, on: i32) -> (bool, Option<String>) {
    let row = world.rows(on).into_iter().find(|row| row.user.id == "acc-1").unwrap();
    (row.leaver, row.reasons.into_iter().find(|reason| reason.starts_with("urgent: ")))
}

#[test]
fn who_left_the_lists_is_a_leaver_and_what_is_theirs_is_urgent() {
    let ada = person("acc-1", "ada", "");
    let mut world = World::watched();
    listed(&mut world, &ada, 0, Some(40));
    listed(&mut world, &person("acc-2", "grace", ""), 0, None);
    world.see(&jenkins("ada", "api"), 39, legacy(Accepted));
    let words = "urgent: its user has left every workspace that is read (the last one by 2026-04-10); it stops when the account is \
                 closed, and its user cannot move it";
    assert_eq!(leaver(&world, 50), (true, Some(words.to_owned())));
    assert_eq!(world.judged_on(50).users[0].member, Some(false));
    world.cover("access/elsewhere", 0, 50);
    assert_eq!(leaver(&world, 50), (false, None), "who may be a member of a workspace that could not be read has not left");
    assert_eq!(world.judged_on(50).users[0].member, None);
    world.member(ada, "member");
    assert_eq!(leaver(&world, 50), (false, None));
}

#[test]
fn an_account_that_was_never_listed_has_left_only_where_the_lists_are_known() {
    let mut world = World::watched();
    world.member(person("acc-2", "grace", ""), "member");
    let account = |repository: &str| Track { account_id: Some("acc-1".to_owned()), ..jenkins("", repository) };
    world.see(&account("api"), 10, legacy(Accepted));
    assert_eq!(leaver(&world, 10), (false, None), "an account that no inventory knows may be anybody's");
    world.api_token("t-1", person("acc-1", "", "ada@example.test"), None);
    let words = "urgent: its user's account is known and on no member list; it stops when the account is closed, and its user \
                 cannot move it";
    assert_eq!(leaver(&world, 10), (true, Some(words.to_owned())));
    world.see(&Track { workspace: Some("elsewhere".to_owned()), ..account("api") }, 11, legacy(Accepted));
    assert_eq!(leaver(&world, 11), (false, None), "it works in a workspace whose members are not known");
}

#[test]
fn accounts_of_access_tokens_are_not_people() {
    let actor = |name: &str, email: Option<&str>| Track {
        account_id: Some(format!("acc-{name}")),
        display_name: Some(name.to_owned()),
        email: email.map(str::to_owned),
        ..Track::default()
    };
    let unsaid = Verdict::of(Credential::Unknown, Grade::None, crate::evidence::Outcome::Unknown);
    let session = Verdict::of(Credential::Session, Grade::Proven, Accepted);
    let mut world = World::watched();
    world.member(person("acc-grace", "grace", ""), "member");
    world.roster.registered.push(RegisteredCredential {
        kind: Credential::AccessToken,
        label: "mirror".to_owned(),
        location: String::new(),
        owner: None,
        expires_at: None,
    });
    for (track, verdict) in [
        (actor("mirror", Some("x@elsewhere.test")), unsaid),
        (actor("bot", Some("4f1@bots.bitbucket.org")), session),
        (actor("nameless", None), unsaid),
        (actor("visitor", None), session),
        (actor("guest", Some("guest@elsewhere.test")), unsaid),
    ] {
        world.see_through("audit/acme", &track, 10, verdict, 1);
    }
    let users: Vec<String> = world.judged_on(10).users.into_iter().map(|user| user.user.id).collect();
    assert_eq!(users, ["acc-grace", "acc-guest", "acc-visitor"]);
}

fn with_secret(track: Track, secret: &str) -> Track {
    Track { secret_id: Some(secret.to_owned()), ..track }
}

fn shared(world: &World, on: i32) -> Vec<(String, usize)> {
    let rows = world.rows(on);
    let ids: Vec<&String> = rows.iter().map(|row| &row.id).collect();
    let known = |row: &Integration| row.secret_shared_with.iter().all(|id| ids.contains(&id) && *id != row.id);
    assert!(rows.iter().all(known));
    let mut shared: Vec<_> = rows.iter().map(|row| (row.user.id.clone(), row.secret_shared_with.len())).collect();
    shared.sort();
    shared
}

#[test]
fn places_that_present_one_secret_know_each_other() {
    let mut world = World::watched();
    let laptop = |user: &str| Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins(user, "api") };
    for on in 10..=20 {
        world.see(&with_secret(jenkins("ada", "api"), "s1"), on, legacy(Accepted));
        world.see(&with_secret(laptop("ada"), "s1"), on, legacy(Accepted));
        world.see(&with_secret(laptop("zoe"), "s2"), on, legacy(Accepted));
    }
    let office = Track { origin: Origin::Network("office".to_owned()), ..laptop("ada") };
    world.see_through("log/office", &with_secret(office, "s1"), 20, legacy(Accepted), 1);
    world.see_through("log/office", &with_secret(jenkins("ken", "api"), "s2"), 20, legacy(Accepted), 1);
    let row = |user: &str, others: usize| (format!("name:{user}"), others);
    assert_eq!(shared(&world, 20), [row("ada", 2), row("ada", 2), row("ada", 2), row("ken", 0), row("zoe", 0)]);
    let words = "the same secret is used in 2 other places; replacing it here leaves them";
    assert!(world.rows(20).iter().filter(|row| row.reasons.last().unwrap() == words).count() == 3);
    (21..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    (21..=60).for_each(|on| world.see(&with_secret(laptop("ada"), "s1"), on, legacy(Accepted)));
    assert_eq!(world.rows(60).iter().filter(|row| row.secret_shared_with.len() == 1).count(), 2, "what has moved has let go");
}

#[test]
fn one_label_on_everything_names_two_hundred_others_and_says_that_there_are_more() {
    let mut world = World::watched();
    for user in 0..300 {
        world.see(&with_secret(jenkins(&format!("user{user}"), "api"), "s1"), 10, legacy(Accepted));
    }
    let rows = world.rows(10);
    assert!(rows.iter().all(|row| row.secret_shared_with.len() == 200 && !row.secret_shared_with.contains(&row.id)));
    let words = "the same secret is used in more than 200 other places; replacing it here leaves them";
    assert!(rows.iter().all(|row| row.reasons.last().unwrap() == words));
}

#[test]
fn a_secret_that_was_seen_as_a_token_here_is_no_app_password_that_is_shared() {
    let mut world = World::watched();
    for on in 10..=20 {
        world.see(&jenkins("ada", "api"), on, legacy(Accepted));
        world.see(&with_secret(jenkins("ada", "api"), "s1"), on, token(Accepted));
        world.see(&with_secret(jenkins("zoe", "api"), "s1"), on, legacy(Accepted));
    }
    assert_eq!(shared(&world, 20), [("name:ada".to_owned(), 0), ("name:zoe".to_owned(), 0)]);
}

#[test]
fn a_token_that_the_same_sender_saw_under_one_name_belongs_to_that_user() {
    let reserved = |track: Track| Track { username: Some("x-bitbucket-api-token-auth".to_owned()), ..track };
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    let mut world = World::watched();
    world.see(&laptop, 10, legacy(Rejected));
    world.see(&with_secret(reserved(laptop.clone()), "s1"), 9, token(Accepted));
    assert_eq!(world.row(10).replacement, None, "somebody's token beside it is not taken for its own");
    let script = Track { client: Some("curl".to_owned()), ..jenkins("ada", "api") };
    world.see(&with_secret(script.clone(), "s1"), 9, token(Accepted));
    assert_eq!(world.row(10).replacement, Some(Credential::ApiToken));
    world.see(&with_secret(Track { username: Some("zoe".to_owned()), ..script }, "s1"), 9, token(Accepted));
    assert_eq!(world.row(10).replacement, None, "two names with one label: it says nothing");
}

#[test]
fn a_token_that_names_nobody_is_a_laptops_own_only_where_it_follows() {
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    let nobodys = |track: &Track| Track { username: Some("x-token-auth".to_owned()), ..track.clone() };
    let access = Verdict::of(Credential::AccessToken, Grade::Weak, Accepted);
    for (began, replaced) in [(5, None), (20, Some(Credential::AccessToken)), (30, Some(Credential::AccessToken))] {
        let mut world = World::watched();
        (10..=20).for_each(|on| world.see(&laptop, on, legacy(Accepted)));
        (began..=40).for_each(|on| world.see(&nobodys(&laptop), on, access));
        assert_eq!(world.rows(40)[0].replacement, replaced, "began on {began}");
    }
    let mut farm = World::watched();
    farm.see(&jenkins("ada", "api"), 20, legacy(Accepted));
    farm.see(&nobodys(&jenkins("", "api")), 5, access);
    assert_eq!(farm.row(40).replacement, Some(Credential::AccessToken), "a place of its own tells more than a street");
}

#[test]
fn another_credential_client_version_address_or_repository_is_no_other_integration() {
    let mut world = World::watched();
    (10..=20).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    world.see(&jenkins("ada", "web"), 21, legacy(Accepted));
    world.see(&Track { host: Some("api.bitbucket.org".to_owned()), ..jenkins("ada", "api") }, 22, legacy(Accepted));
    (23..=60).for_each(|on| world.see(&with_secret(jenkins("ada", "api"), "new"), on, token(Accepted)));
    (23..=60).for_each(|on| world.see(&with_secret(jenkins("ada", "web"), "new"), on, token(Accepted)));
    let row = world.row(60);
    assert_eq!((row.status, row.replacement), (crate::evidence::Status::Migrated, Some(Credential::ApiToken)));
}

#[test]
fn names_that_look_alike_stay_two_people() {
    let mut world = World::watched();
    // The second begins with a Cyrillic letter, the third has a joiner inside, the fourth is written in full width.
    let names = ["ada", "\u{430}da", "a\u{200d}da", "\u{ff41}da"];
    for (number, name) in names.iter().enumerate() {
        listed(&mut world, &person(&format!("acc-{number}"), name, ""), 0, None);
        world.see(&jenkins(name, "api"), 50, legacy(Accepted));
    }
    let expected: Vec<_> = (0..names.len()).map(|number| span(&format!("acc-{number}"), 50, 50)).collect();
    assert_eq!(spans(&world, 60), expected);
}

#[test]
fn rows_of_the_directory_without_an_account_id_say_the_same_in_every_order() {
    let rows = [
        person("", "linus", ""),
        person("", "linus", "linus@example.test"),
        person("", "", "mira@example.test"),
        person("", "tess", "mira@example.test"),
        person("", "mira", "mira@example.test"),
        // Somebody who was hired is not who was called so once.
        person("", "ada", "new@example.test"),
        person("", "grace", "hired@example.test"),
    ];
    let orders = [rows.to_vec(), rows.iter().rev().cloned().collect()];
    for order in orders {
        let mut world = World::watched();
        listed(&mut world, &person("acc-1", "mira", ""), 0, None);
        listed(&mut world, &person("acc-2", "ada", ""), 0, Some(5));
        listed(&mut world, &person("acc-3", "grace", ""), 0, Some(5));
        listed(&mut world, &person("acc-3", "bob", ""), 5, None);
        world.roster.directory = order.into_iter().map(|person| DirectoryEntry { person, team: None }).collect();
        let meant = [
            ("linus", "email:linus@example.test"),
            ("linus@example.test", "email:linus@example.test"),
            ("mira@example.test", "acc-1"),
            ("new@example.test", "email:new@example.test"),
            ("hired@example.test", "email:hired@example.test"),
            ("ada", "acc-2"),
        ];
        for (number, (name, _)) in meant.iter().enumerate() {
            world.see(&jenkins(name, &format!("repo-{number}")), 10, legacy(Accepted));
        }
        let mut found: Vec<_> = world.rows(11).into_iter().map(|row| row.user.id).collect();
        let mut expected: Vec<_> = meant.iter().map(|(_, id)| (*id).to_owned()).collect();
        found.sort();
        found.dedup();
        expected.sort();
        expected.dedup();
        assert_eq!(found, expected);
    }
}

/// Every order of these rows.
fn orders(rows: &[Person]) -> Vec<Vec<Person>> {
    let Some((first, rest)) = rows.split_first() else { return vec![Vec::new()] };
    let put = |order: Vec<Person>| {
        (0..=order.len()).map(move |place| {
            let mut order = order.clone();
            order.insert(place, first.clone());
            order
        })
    };
    orders(rest).into_iter().flat_map(put).collect()
}

/// Whom each name means where these rows without account id stand beside the member list, in whatever order.
fn meant(members: &[Person], rows: &[Person], names: &[&str]) -> Vec<String> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for order in orders(rows) {
        let directory: Vec<_> = order.into_iter().map(|person| DirectoryEntry { person, team: None }).collect();
        let meaning = |name: &&str| {
            let mut world = World::watched();
            for member in members {
                world.member(member.clone(), "member");
            }
            world.roster.directory.clone_from(&directory);
            world.see(&jenkins(name, "api"), 10, legacy(Accepted));
            world.row(11).user.id
        };
        found.push(names.iter().map(meaning).collect());
    }
    found.dedup();
    assert_eq!(found.len(), 1, "the order says whose it is: {found:?}");
    found.remove(0)
}

#[test]
fn a_new_address_with_nicknames_of_two_accounts_is_nobodys_of_them_and_the_nicknames_stay_sure() {
    let members = [person("acc-1", "mira", ""), person("acc-2", "mira-adm", ""), person("acc-3", "ada", "")];
    let rows = [person("", "mira", "m@x.test"), person("", "mira-adm", "M@x.test")];
    let names = ["mira", "mira-adm", "m@x.test"];
    assert_eq!(meant(&members, &rows, &names), ["acc-1", "acc-2", "email:m@x.test"]);
    // A nickname that nobody bears, or the same account's once more, contradicts nothing.
    let rows = [person("", "mira", "m@x.test"), person("", "mt", "m@x.test"), person("", "MIRA", "m@x.test")];
    assert_eq!(meant(&members, &rows, &["mira", "mt", "m@x.test", "ada"]), ["acc-1", "acc-1", "acc-1", "acc-3"]);
    // Nor does one that may be the same account's; one that may not be does.
    let two = [person("acc-1", "mira", ""), person("acc-1", "ops", ""), person("acc-2", "ops", ""), person("acc-3", "ops2", "")];
    let rows = [person("", "mira", "m@x.test"), person("", "ops", "m@x.test")];
    assert_eq!(meant(&two, &rows, &["mira", "m@x.test"]), ["acc-1", "acc-1"]);
    let two = [&two[..], &[person("acc-2", "ops2", "")]].concat();
    let rows = [person("", "mira", "m@x.test"), person("", "ops2", "m@x.test")];
    assert_eq!(meant(&two, &rows, &["mira", "m@x.test", "ops2"]), ["acc-1", "email:m@x.test", "name:ops2"]);
}

#[test]
fn of_two_new_addresses_with_one_nickname_neither_is_the_accounts() {
    let members = [person("acc-1", "ada", ""), person("acc-2", "grace", "")];
    let rows = [
        person("", "ada", "ada1@x.test"),
        person("", "ada", "ada2@x.test"),
        person("", "ada", ""),
        person("", "grace", "grace@x.test"),
    ];
    let names = ["ada", "ada1@x.test", "ada2@x.test", "grace@x.test"];
    assert_eq!(meant(&members, &rows, &names), ["acc-1", "email:ada1@x.test", "email:ada2@x.test", "acc-2"]);
    // An address that the account is known by claims nothing: it is no new one.
    let members = [person("acc-1", "ada", "ada1@x.test")];
    assert_eq!(meant(&members, &rows[..2], &names[..3]), ["acc-1"; 3]);
}

#[test]
fn whom_nicknames_alone_name_is_a_candidate_by_that_nickname() {
    let mut world = World::watched();
    let called = |nickname: &str| Person { display_name: Some("Mira Tessel".to_owned()), ..person("", nickname, "") };
    for nickname in ["mira", "mt"] {
        world.roster.directory.push(DirectoryEntry { person: called(nickname), team: None });
    }
    let track = Track { username: None, display_name: Some("Mira Tessel".to_owned()), ..jenkins("", "api") };
    world.see(&track, 10, legacy(Accepted));
    let row = world.row(11);
    assert_eq!(row.name_state, NameState::Ambiguous);
    let words = "its user is ambiguous: Mira Tessel may be Mira Tessel (name:mira) or Mira Tessel (name:mt); a row of the directory \
                 with account id and nickname tells them apart";
    assert_eq!(row.reasons.last().unwrap(), words);
}
