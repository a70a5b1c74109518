//! Of whom nothing could have been seen.

use super::world::*;
use crate::analysis::{Activity, Share, changes, statuses};
use crate::evidence::{Credential, Grade, Member, Origin, Track, Verdict};

/// A workspace of four: two seen, one not, one who has not been active for long.
fn workspace() -> World {
    let mut world = World::watched();
    world.cover("access/acme", 0, 90);
    for (name, accessed) in [("ada", 88), ("ken", 70), ("zoe", 89), ("old", 20)] {
        join(&mut world, "acme", name, Some(accessed));
    }
    world.see(&jenkins("ada", "api"), 85, legacy(Accepted));
    world.see(&jenkins("ken", "api"), 45, token(Accepted));
    world
}

fn join(world: &mut World, workspace: &str, name: &str, accessed: Option<i32>) {
    world.roster.members.push(Member {
        workspace: workspace.to_owned(),
        person: person(&format!("acc-{name}"), name, ""),
        permission: None,
        last_accessed: accessed.map(noon),
    });
}

fn observed(world: &World, on: i32) -> Vec<(String, Option<bool>)> {
    world.judged_on(on).users.into_iter().map(|user| (user.user.id, user.observed)).collect()
}

fn user(name: &str, observed: Option<bool>) -> (String, Option<bool>) {
    (format!("acc-{name}"), observed)
}

#[test]
fn who_works_and_is_seen_by_nothing_that_shows_credentials_is_not_observed() {
    let mut world = workspace();
    world.see_through("audit/acme", &jenkins("zoe", "api"), 89, Verdict::of(Credential::Session, Grade::Proven, Accepted), 1);
    let expected = [user("ada", Some(true)), user("ken", Some(true)), user("old", None), user("zoe", Some(false))];
    assert_eq!(observed(&world, 89), expected, "the audit log cannot show an app password");
    let judged = world.judged_on(89);
    let row = &judged.observation.as_ref().unwrap().workspaces[0];
    assert_eq!((row.activity, row.members, row.active, row.observed), (Activity::Told, 4, 3, 2));
    assert_eq!(judged.campaigns[0].burndown.last().unwrap().observed, Some(Share { part: 2, whole: 3 }));
    assert_eq!(judged.campaigns[0].integrations.len(), 1, "and none of them remains");
    world.see_through("intake/jenkins", &jenkins("zoe", "api"), 60, token(Accepted), 1);
    assert_eq!(observed(&world, 89)[3], user("zoe", Some(true)), "within a month before the last activity");
}

#[test]
fn an_activity_that_is_not_told_any_more_is_unknown_and_not_an_absence() {
    let mut world = workspace();
    world.cover("access/acme", 0, 110);
    world.see_through("audit/acme", &jenkins("zoe", "api"), 98, Verdict::of(Credential::Session, Grade::Proven, Accepted), 1);
    let judged = world.judged_on(109);
    let row = &judged.observation.as_ref().unwrap().workspaces[0];
    assert_eq!((row.activity, row.members, row.observed), (Activity::NoLongerTold(day(89)), 4, 1));
    assert_eq!(row.share(), None);
    assert_eq!(judged.campaigns[0].burndown.last().unwrap().observed, None);
    assert_eq!(observed(&world, 109)[3], user("zoe", None));
}

#[test]
fn what_cannot_be_known_has_its_reason() {
    let activities = |world: &World, on: i32| -> Vec<(String, Activity)> {
        let rows = world.judged_on(on).observation.unwrap().workspaces;
        rows.into_iter().map(|row| (row.workspace, row.activity)).collect()
    };
    let mut world = workspace();
    world.cover("access/closed", 0, 90);
    join(&mut world, "moved", "eve", None);
    let expected =
        [("acme".to_owned(), Activity::Told), ("closed".to_owned(), Activity::NoList), ("moved".to_owned(), Activity::NeverTold)];
    assert_eq!(activities(&world, 89), expected);
    assert_eq!(activities(&world, 80)[0].1, Activity::NotKept, "who was active later may have been active then");
    world.cover("access/acme", 90, 120);
    assert_eq!(
        activities(&world, 89)[0].1,
        Activity::Told,
        "a list that is read again and tells of nothing later changes nothing"
    );
    let all = world.judged_on(89).observation.unwrap();
    assert_eq!((all.active, all.observed), (3, 2), "people of one workspace stand beside what is unknown of another");
}

#[test]
fn accounts_of_tokens_are_no_people_and_names_without_an_account_may_be_somebodys() {
    let mut world = workspace();
    world.roster.members.push(Member {
        workspace: "acme".to_owned(),
        person: person("acc-bot", "", "1f2@bots.bitbucket.org"),
        permission: None,
        last_accessed: Some(noon(89)),
    });
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("z.o.e", "api") };
    world.see(&laptop, 88, legacy(Accepted));
    let all = world.judged_on(89).observation.unwrap();
    assert_eq!((all.workspaces[0].members, all.active, all.observed, all.strangers), (4, 3, 2, 1));
}

#[test]
fn after_the_removal_nobody_is_judged_for_not_being_seen() {
    let mut world = workspace();
    world.cover("access/acme", 0, 160);
    for member in &mut world.roster.members {
        member.last_accessed = Some(noon(REMOVAL));
    }
    let judged = world.judged_on(REMOVAL);
    assert_eq!(judged.observation, None);
    assert!(judged.users.iter().all(|user| user.observed.is_none()));
    assert_eq!(judged.campaigns[0].burndown.last().unwrap().observed, None);
    let before = world.judged_on(REMOVAL - 1);
    assert!(changes(&statuses(&before), &judged).is_empty());
}
