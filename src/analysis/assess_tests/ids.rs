//! Ids that stay when names are resolved, integrations turn out to be one, or fall apart again.

use super::world::*;
use crate::analysis::{Change, ChangeCause, IntegrationKey, KnownIntegration, Statuses, Waiver, changes, statuses};
use crate::evidence::{Origin, Status, Track};

/// The store's memory after one judgement.
fn remember(world: &mut World, on: i32) {
    for key in world.judged_on(on).new_keys {
        let same = |known: &IntegrationKey| (&known.user, &known.client, &known.origin) == (&key.user, &key.client, &key.origin);
        let mut first_id = None;
        for integration in &mut world.known {
            if integration.keys.iter().any(same) && integration.id != key.id {
                first_id = Some(integration.id.clone());
            }
            integration.keys.retain(|known| !same(known));
        }
        world.known.retain(|known| !known.keys.is_empty() || known.id == key.id);
        let former_ids = first_id.into_iter();
        match world.known.iter_mut().find(|known| known.id == key.id) {
            Some(known) => {
                known.former_ids.extend(former_ids);
                known.keys.push(key);
            }
            None => world.known.push(KnownIntegration {
                id: key.id.clone(),
                since: day(on).end(),
                keys: vec![key],
                former_ids: former_ids.collect(),
            }),
        }
    }
}

#[test]
fn an_integration_keeps_its_id_when_its_user_is_resolved() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let before = world.row(10).id;
    remember(&mut world, 10);
    world.roster.people.push(person("acc-1", "ada", ""));
    let row = world.row(11);
    assert_eq!((row.user.id.as_str(), &row.id), ("acc-1", &before));
    let alias = IntegrationKey {
        id: before.clone(),
        user: "acc-1".to_owned(),
        client: "jenkins".to_owned(),
        origin: Origin::Network("build-farm".to_owned()),
    };
    assert_eq!(world.judged_on(11).new_keys, [alias]);
    remember(&mut world, 11);
    assert!(world.judged_on(12).new_keys.is_empty());
    world.roster.people.clear();
    assert_eq!(world.row(13).id, before, "also when the name is lost again");
}

#[test]
fn two_integrations_that_turn_out_to_be_one_keep_the_older_id() {
    let mut world = World::watched();
    world.see(&jenkins("zoe", "api"), 10, legacy(Accepted));
    let older = world.row(10).id;
    remember(&mut world, 10);
    let known_by_account = Track { account_id: Some("acc-1".to_owned()), ..jenkins("", "api") };
    world.see(&known_by_account, 11, legacy(Accepted));
    assert_eq!(world.rows(11).len(), 2);
    remember(&mut world, 11);
    world.roster.people.push(person("acc-1", "zoe", ""));
    assert_eq!(world.row(12).id, older);
    remember(&mut world, 12);
    assert!(world.judged_on(12).new_keys.is_empty());
    assert_eq!(world.row(12).id, older);
}

#[test]
fn a_name_that_is_somebody_elses_today_takes_no_id_away() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let plain = world.row(10).id;
    remember(&mut world, 10);
    world.see(&Track { account_id: Some("acc-1".to_owned()), ..jenkins("ada", "api") }, 11, legacy(Accepted));
    let rows = world.rows(11);
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0].id, rows[1].id);
    assert!(rows.iter().any(|row| row.id == plain && row.user.id == "name:ada"));
}

#[test]
fn evidence_of_no_client_keeps_its_id_beside_an_unknown_one_and_that_one_when_the_catalogue_improves() {
    let see = |world: &mut World, client: Option<&str>, repository: &str, on: i32| {
        let client = client.map(str::to_owned);
        world.see(&Track { client, ..jenkins("ada", repository) }, on, legacy(Accepted));
    };
    let id_of = |world: &World, client: &str, on: i32| {
        let traces = world.judged_on(on).traces;
        traces.into_iter().find(|trace| trace.key.client == client).map(|trace| trace.key.id)
    };
    let mut world = World::watched();
    see(&mut world, None, "api", 10);
    let nameless = Some(world.row(10).id);
    remember(&mut world, 10);
    see(&mut world, Some("unknown"), "other", 11);
    let unknown = id_of(&world, "unknown", 11);
    assert_eq!((id_of(&world, "", 11), unknown.is_some()), (nameless.clone(), true));
    remember(&mut world, 11);

    let mut improved = World::watched();
    improved.known = world.known;
    see(&mut improved, None, "api", 10);
    see(&mut improved, Some("renovate"), "other", 11);
    assert_eq!((id_of(&improved, "", 12), id_of(&improved, "renovate", 12)), (nameless, unknown));
}

#[test]
fn ids_depend_on_nothing_but_user_client_and_origin() {
    let mut alone = World::watched();
    alone.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let mut crowd = World::watched();
    for name in ["zoe", "grace", "ada", "ken"] {
        crowd.see(&jenkins(name, "other"), 40, legacy(Rejected));
    }
    let id = alone.row(10).id;
    assert!(crowd.rows(40).iter().any(|row| row.id == id && row.user.id == "name:ada"));
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
}

/// The statuses after one judgement, and what it remembered.
fn judged_and_remembered(world: &mut World, on: i32) -> Statuses {
    let before = statuses(&world.judged_on(on));
    remember(world, on);
    before
}

fn told(changes: &[Change]) -> Vec<(&str, Option<Status>, Option<Status>, &str)> {
    assert!(changes.iter().all(|change| change.cause == ChangeCause::Reclassified), "{changes:#?}");
    changes.iter().map(|change| (change.integration.as_str(), change.from, change.to, change.reason.as_str())).collect()
}

#[test]
fn a_resolved_name_is_a_change_though_nothing_else_is_different() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let before = judged_and_remembered(&mut world, 10);
    world
        .roster
        .people
        .push(crate::evidence::Person { display_name: Some("Ada Lovelace".to_owned()), ..person("acc-1", "ada", "") });
    let id = world.row(11).id;
    let active = Some(Status::Active);
    let words = "its user is Ada Lovelace (acc-1), name:ada before";
    assert_eq!(told(&changes(&before, &world.judged_on(11))), [(id.as_str(), active, active, words)]);
    let before = judged_and_remembered(&mut world, 11);
    assert_eq!(changes(&before, &world.judged_on(12)), []);
}

/// Zoe by name and by account, judged on days 10 and 11, one from then on.
fn merged() -> (World, [String; 2], Statuses) {
    let mut world = World::watched();
    world.see(&jenkins("zoe", "api"), 10, legacy(Accepted));
    remember(&mut world, 10);
    let older = world.row(10).id;
    world.see(&Track { account_id: Some("acc-1".to_owned()), ..jenkins("", "api") }, 11, legacy(Accepted));
    let before = judged_and_remembered(&mut world, 11);
    let younger = world.rows(11).into_iter().map(|row| row.id).find(|id| *id != older).unwrap();
    world.roster.people.push(person("acc-1", "zoe", ""));
    (world, [older, younger], before)
}

#[test]
fn the_id_that_is_taken_in_ends_with_a_reason_and_still_finds_its_integration() {
    let (mut world, [older, younger], before) = merged();
    let changes = changes(&before, &world.judged_on(12));
    let active = Some(Status::Active);
    let renamed = "its user is zoe (acc-1), name:zoe before";
    let gone = format!("is one with {older}: what was seen is the same");
    let mut expected = [(older.as_str(), active, active, renamed), (younger.as_str(), active, None, gone.as_str())];
    expected.sort_unstable();
    assert_eq!(told(&changes), expected);
    remember(&mut world, 12);
    world.policy.waivers = vec![Waiver {
        integration: younger.clone(),
        until: day(50).date(),
        requester: String::new(),
        approver: "CISO".to_owned(),
        ticket: "SEC-1".to_owned(),
        reason: String::new(),
    }];
    let row = world.row(13);
    assert_eq!((row.id, row.former_ids, row.waiver), (older, vec![younger], Some(0)));
}

#[test]
fn an_ambiguous_name_parts_what_was_one_and_each_part_has_its_old_id_back() {
    let (mut world, [older, younger], _) = merged();
    let before = judged_and_remembered(&mut world, 12);
    world.roster.people.push(person("acc-2", "zoe", ""));
    let parted = world.judged_on(13);
    let mut rows: Vec<_> = parted.campaigns[0].integrations.iter().map(|row| (row.user.id.clone(), row.id.clone())).collect();
    rows.sort();
    assert_eq!(rows, [("acc-1".to_owned(), younger.clone()), ("name:zoe".to_owned(), older.clone())]);
    let active = Some(Status::Active);
    let reopened = "its user is name:zoe, acc-1 before, since the name may be several users'";
    let left = format!("is no longer one with {older}");
    let changes = changes(&before, &parted);
    let mut expected = [(older.as_str(), active, active, reopened), (younger.as_str(), None, active, left.as_str())];
    expected.sort_unstable();
    assert_eq!(told(&changes), expected);
    remember(&mut world, 13);
    assert!(world.judged_on(14).new_keys.is_empty());
    assert!(world.rows(14).iter().all(|row| row.former_ids.is_empty()));
}

#[test]
fn what_is_read_anew_with_a_better_catalogue_or_network_keeps_its_id() {
    let script = |client: &str, origin: Origin| Track { client: Some(client.to_owned()), origin, ..jenkins("ada", "api") };
    let farm = || Origin::Network("build-farm".to_owned());
    let address = |text: &str| Origin::parse("a", text);
    for (was, is, words) in [
        (script("unknown", farm()), script("jenkins", farm()), "its client is jenkins, unknown before"),
        (script("jenkins", address("10.20.3.0/24")), script("jenkins", farm()), "its origin is build-farm, 10.20.3.0/24 before"),
    ] {
        let mut world = World::watched();
        world.see(&was, 10, legacy(Accepted));
        world.see(&jenkins("zoe", "api"), 10, legacy(Accepted));
        let before = judged_and_remembered(&mut world, 10);
        let id = world.rows(10).into_iter().find(|row| row.user.id == "name:ada").unwrap().id;
        let mut anew = World::watched();
        anew.known = world.known;
        anew.see(&is, 10, legacy(Accepted));
        anew.see(&jenkins("zoe", "api"), 10, legacy(Accepted));
        let judged = anew.judged_on(11);
        let active = Some(Status::Active);
        assert_eq!(told(&changes(&before, &judged)), [(id.as_str(), active, active, words)]);
        assert!(anew.rows(11).iter().any(|row| row.id == id && row.user.id == "name:ada"));
    }
}

#[test]
fn evidence_that_finds_where_it_belongs_keeps_its_id_or_is_taken_in() {
    let label = Track {
        client: None,
        origin: Origin::TokenLabel("mirror".to_owned()),
        token_label: Some("mirror".to_owned()),
        ..jenkins("ada", "web")
    };
    let differs = "its client is jenkins, unknown before and its origin is build-farm, mirror before";
    for known_before in [false, true] {
        let mut world = World::watched();
        if known_before {
            world.see(&jenkins("ada", "api"), 9, legacy(Accepted));
            remember(&mut world, 9);
        }
        world.see_through("audit/acme", &label, 10, legacy(Accepted), 1);
        let before = judged_and_remembered(&mut world, 10);
        let alone = world.rows(10).into_iter().find(|row| row.client == "unknown").unwrap().id;
        world.see(&jenkins("ada", "web"), 11, legacy(Accepted));
        let (row, judged) = (world.row(11), world.judged_on(11));
        let (found, active) = (changes(&before, &judged), Some(Status::Active));
        if known_before {
            let gone = format!("is one with {}: {differs}", row.id);
            assert_eq!(told(&found), [(alone.as_str(), active, None, gone.as_str())]);
            assert_eq!(row.former_ids, [alone]);
        } else {
            assert_eq!(told(&found), [(alone.as_str(), active, active, differs)]);
            assert_eq!(row.id, alone);
        }
    }
}

#[test]
fn kinds_of_origin_with_one_name_are_two_integrations_and_ordinary_ids_stay() {
    let of = |origin: Origin| Track { origin, ..jenkins("ada", "api") };
    let mut world = World::watched();
    for (on, origin) in [
        Origin::Network("nightly".to_owned()),
        Origin::Job("nightly".to_owned()),
        Origin::Job("roaming".to_owned()),
        Origin::Roaming,
    ]
    .into_iter()
    .enumerate()
    {
        let on = 10 + i32::try_from(on).unwrap();
        world.see(&of(origin), on, legacy(Accepted));
        remember(&mut world, on);
    }
    let rows = world.rows(13);
    assert_eq!(rows.len(), 4);
    let mut ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let mut alone = World::watched();
    alone.see(&of(Origin::Network("nightly".to_owned())), 10, legacy(Accepted));
    assert!(ids.contains(&alone.row(10).id), "the first keeps the id that it always had");
}
