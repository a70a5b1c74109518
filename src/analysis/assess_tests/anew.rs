//! What is different when what is kept is judged by other rules: which uses, whose they are then, and where these stand.

use super::world::{Accepted, World, jenkins, legacy, token};
use crate::{
    analysis::{ChangeCause, KnownIntegration, Reclassified},
    evidence::{Credential, Grade, Origin, Status, Track, Verdict},
};

fn called(client: &str, origin: &str) -> Track {
    Track { client: Some(client.to_owned()), origin: Origin::Network(origin.to_owned()), ..jenkins("mtessel", "pay") }
}

/// A world that sees each of these tracks daily from day 100 to day 109.
fn daily(tracks: &[(Track, crate::evidence::Verdict)]) -> World {
    let mut world = World::watched();
    for (track, verdict) in tracks {
        for on in 100..110 {
            world.see(track, on, *verdict);
        }
    }
    world
}

/// The same, with the ids that it has.
fn known(tracks: &[(Track, crate::evidence::Verdict)]) -> World {
    let mut world = daily(tracks);
    for key in world.judged_on(109).new_keys {
        match world.known.iter_mut().find(|known| known.id == key.id) {
            Some(known) => known.keys.push(key),
            None => world.known.push(KnownIntegration {
                id: key.id.clone(),
                since: super::world::day(100).start(),
                keys: vec![key],
                former_ids: Vec::new(),
            }),
        }
    }
    world
}

fn id_of(world: &World, client: &str) -> String {
    let key = world.known.iter().flat_map(|known| &known.keys).find(|key| key.client == client);
    key.expect("a known client").id.clone()
}

/// Client and id of every row after it.
fn rows(found: &Reclassified) -> Vec<(String, String)> {
    let mut rows: Vec<_> =
        found.findings.campaigns[0].integrations.iter().map(|row| (row.client.clone(), row.id.clone())).collect();
    rows.sort();
    rows
}

fn told(found: &Reclassified) -> Vec<String> {
    let line = |moved: &crate::analysis::Move| {
        format!("{} {} -> {} {} {}", moved.what, moved.from, moved.to, moved.uses, moved.integrations)
    };
    found.moves.iter().map(line).collect()
}

#[test]
fn an_id_goes_with_a_client_that_is_called_otherwise() {
    let before = known(&[(jenkins("mtessel", "pay"), legacy(Accepted))]);
    let after = daily(&[(called("acme-ci", "build-farm"), Verdict::of(Credential::AppPassword, Grade::Proven, Accepted))]);
    let found = before.judged_anew(&after, 100, 109);
    assert_eq!((found.uses, found.changed, found.left_uses), (10, 10, 0));
    assert_eq!(told(&found), ["client jenkins -> acme-ci 10 1", "grade strong -> proven 10 1"]);
    assert_eq!(rows(&found), [("acme-ci".to_owned(), id_of(&before, "jenkins"))]);
    let told: Vec<_> = found.changes.iter().map(|change| (change.from, change.to, change.cause)).collect();
    assert_eq!(told, [(Some(Status::Active), Some(Status::Active), ChangeCause::Reclassified)]);
    assert_eq!(found.keys.iter().map(|key| key.client.as_str()).collect::<Vec<_>>(), ["acme-ci"]);
}

#[test]
fn days_that_are_not_kept_stay_as_they_were_counted() {
    let before = known(&[(jenkins("mtessel", "pay"), legacy(Accepted))]);
    let after = daily(&[(jenkins("mtessel", "pay"), token(Accepted))]);
    let found = before.judged_anew(&after, 104, 109);
    assert_eq!((found.changed, found.left_days, found.left_uses), (6, 4, 4));
    let [row] = found.findings.campaigns[0].integrations.as_slice() else { panic!("one row: {:?}", rows(&found)) };
    assert_eq!((row.id.clone(), row.uses_30d, row.status), (id_of(&before, "jenkins"), 4, Status::Migrating));
}

#[test]
fn an_id_goes_with_a_client_whose_origin_is_called_otherwise_too() {
    let before = known(&[(jenkins("mtessel", "pay"), legacy(Accepted))]);
    let found = before.judged_anew(&daily(&[(called("acme-ci", "north"), legacy(Accepted))]), 100, 109);
    assert_eq!(rows(&found), [("acme-ci".to_owned(), id_of(&before, "jenkins"))]);
    assert!(found.changes.iter().all(|change| change.cause == ChangeCause::Reclassified), "{:?}", found.changes);
}

#[test]
fn two_that_become_one_go_by_the_id_of_the_one_that_had_the_name() {
    let (jenkins, other) = (jenkins("mtessel", "pay"), called("unknown", "build-farm"));
    let before = known(&[(jenkins.clone(), legacy(Accepted)), (other, legacy(Accepted))]);
    let after = daily(&[(jenkins.clone(), legacy(Accepted)), (jenkins, legacy(Accepted))]);
    let found = before.judged_anew(&after, 100, 109);
    assert_eq!(rows(&found), [("jenkins".to_owned(), id_of(&before, "jenkins"))]);
    let told: Vec<_> = found.changes.iter().map(|change| (change.integration.clone(), change.to)).collect();
    assert_eq!(told, [(id_of(&before, "unknown"), None)], "it is part of the other");
}

#[test]
fn of_one_that_becomes_several_the_largest_keeps_the_id() {
    let before = known(&[(jenkins("mtessel", "pay"), legacy(Accepted)), (jenkins("mtessel", "web"), legacy(Accepted))]);
    let mut after = daily(&[(called("jenkins", "north"), legacy(Accepted))]);
    for on in 100..110 {
        let south = Track { repository: Some("web".to_owned()), ..called("jenkins", "south") };
        after.see_through(super::world::LOG, &south, on, legacy(Accepted), 1);
    }
    let mut more = before;
    more.see(&jenkins("mtessel", "web"), 101, legacy(Accepted));
    let south = Track { repository: Some("web".to_owned()), ..called("jenkins", "south") };
    after.see(&south, 101, legacy(Accepted));
    let found = more.judged_anew(&after, 100, 109);
    let kept = id_of(&more, "jenkins");
    let rows = &found.findings.campaigns[0].integrations;
    let origins: Vec<_> = rows.iter().filter(|row| row.id == kept).map(|row| row.origin.as_str()).collect();
    assert_eq!((rows.len(), origins), (2, vec!["south"]));
    let other = |change: &&crate::analysis::Change| change.integration != kept;
    let new: Vec<_> = found.changes.iter().filter(other).map(|change| (change.from, change.to, change.cause)).collect();
    assert_eq!(new, [(None, Some(Status::Active), ChangeCause::Reclassified)]);
}

#[test]
fn what_shows_the_legacy_credential_no_more_leaves_with_a_cause() {
    let before = known(&[(jenkins("mtessel", "pay"), legacy(Accepted))]);
    let found = before.judged_anew(&daily(&[(jenkins("mtessel", "pay"), token(Accepted))]), 100, 109);
    assert_eq!(told(&found), ["credential app_password -> api_token 10 1"]);
    let [change] = found.changes.as_slice() else { panic!("{:?}", found.changes) };
    assert_eq!((change.from, change.to, change.cause), (Some(Status::Active), None, ChangeCause::Reclassified));
    assert_eq!(change.integration, id_of(&before, "jenkins"));
    assert_eq!(before.judged_anew(&daily(&[(jenkins("mtessel", "pay"), legacy(Accepted))]), 100, 109).changed, 0);
}
