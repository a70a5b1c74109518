//! Several campaigns side by side, each by its file alone, and deadlines of tokens.

use super::world::{Accepted, LOG, Rejected, World, day, jenkins, legacy, noon, person, token};
use crate::analysis::Owner;
use crate::evidence::{Campaign, Credential, Grade, Listed, Origin, Outcome, RegisteredCredential, Status, Track, Verdict};

const SSH: usize = 1;

fn builtin(name: &str) -> Campaign {
    Campaign::parse(Campaign::builtin(name).unwrap()).unwrap()
}

/// App passwords, and SSH at the old host.
fn two_campaigns() -> World {
    let mut world = World::watched();
    world.campaigns.push(builtin("builtin:bitbucket-ssh-host"));
    world
}

/// What a proxy shows of SSH: a network and a host.
fn tunnel(host: &str) -> Track {
    Track { origin: Origin::Network("build-farm".to_owned()), host: Some(host.to_owned()), ..Track::default() }
}

fn key(outcome: Outcome) -> Verdict {
    Verdict::of(Credential::SshKey, Grade::Proven, outcome)
}

fn ssh_status(world: &World, on: i32) -> Option<Status> {
    world.judged_on(on).campaigns[SSH].integrations.first().map(|row| row.status)
}

#[test]
fn who_moves_from_the_old_host_to_the_new_one_migrates() {
    let mut world = two_campaigns();
    (10..=20).for_each(|on| world.see(&tunnel("bitbucket.org:22"), on, key(Outcome::Unknown)));
    (18..=40).for_each(|on| world.see(&tunnel("ssh.bitbucket.org:22"), on, key(Outcome::Unknown)));
    assert_eq!([12, 20, 40].map(|on| ssh_status(&world, on)), [Status::Active, Status::Migrating, Status::Migrated].map(Some));
    let row = world.judged_on(20).campaigns.remove(SSH).integrations.remove(0);
    assert_eq!(
        row.reasons,
        [
            "SSH at ssh.bitbucket.org was used on 2026-03-21, but SSH at bitbucket.org was still presented on 2026-03-21",
            "still missing to have migrated: 7 more days without the old credential, with somebody looking",
            "7 uses in the last 7 days with SSH at bitbucket.org (proven: basic-nickname-rest)",
            "runs every day after 12:00 UTC (sure), like a machine; next expected on 2026-03-22",
            "nothing that was seen of it names a user",
        ]
    );
    assert!(row.advice.starts_with("Change every remote"), "{}", row.advice);
    assert_eq!(row.deadline.to_string(), "2026-11-12T00:00:00Z");
    assert!(world.judged_on(40).campaigns[0].integrations.is_empty(), "no app password was seen");
}

#[test]
fn the_alternative_host_is_neither_the_old_nor_the_new_one() {
    let mut world = two_campaigns();
    (10..=20).for_each(|on| world.see(&tunnel("altssh.bitbucket.org:443"), on, key(Outcome::Unknown)));
    assert_eq!(ssh_status(&world, 20), None);
    world.see(&tunnel("bitbucket.org"), 9, key(Outcome::Unknown));
    assert_eq!(ssh_status(&world, 90), Some(Status::Quiet));
}

#[test]
fn a_campaign_that_asks_for_hosts_leaves_the_others_as_they_are() {
    let judged = |with_ssh: bool| {
        let mut world = if with_ssh { two_campaigns() } else { World::watched() };
        let at = |host: &str| Track { host: Some(host.to_owned()), ..jenkins("ada", "api") };
        for on in 10..=20 {
            // The same uses, of which one source knows the host and the other does not: the larger number counts.
            world.see_through(LOG, &at("bitbucket.org"), on, legacy(Accepted), 3);
            world.see_through("log/other", &jenkins("ada", "api"), on, legacy(Accepted), 5);
            world.see_through(LOG, &at("api.bitbucket.org"), on, token(Rejected), 2);
        }
        let findings = world.judged_on(20);
        let row = findings.campaigns[0].integrations[0].clone();
        (row.uses_7d, row.replacement_rejected_30d, row.score, row.reasons, findings.authentications.of(|_, _| true))
    };
    assert_eq!(judged(true), judged(false));
    assert_eq!(judged(true).0, 35);
}

const OF_CONNECT_APPS: fn(Outcome) -> Verdict = |outcome| Verdict::of(Credential::Connect, Grade::Proven, outcome);

/// Connect apps that were used on ten days, and on the 21st are refused for an hour from each of these times on.
fn connect_apps_with_brownouts(starts: &str) -> World {
    let mut world = World::watched();
    let text = format!(
        "id = \"connect\"\nname = \"Connect apps\"\nnoun = \"Connect apps\"\nremoval = \"2026-12-31\"\n\
         documentation = \"https://example.test/\"\n[legacy]\ncredentials = [\"connect\"]\n[replacement]\ncredentials = [\"oauth\"]\n\
         [[brownout]]\nfrom = \"2026-03-21\"\nto = \"2026-03-22\"\nminutes = 60\nstarts = [{starts}]\npublished = true\n"
    );
    world.campaigns.push(Campaign::parse(&text).unwrap());
    (10..20).for_each(|on| world.see(&jenkins("ada", "api"), on, OF_CONNECT_APPS(Accepted)));
    world
}

#[test]
fn another_campaign_has_brownouts_of_its_own() {
    let (mut world, app) = (connect_apps_with_brownouts("\"12:00\""), OF_CONNECT_APPS);
    // Day 20 is the 21st: inside the campaign's own window at noon.
    world.see(&jenkins("ada", "api"), 20, app(Rejected));
    let row = world.judged_on(20).campaigns.remove(1).integrations.remove(0);
    assert_eq!((row.status, row.window_only), (Status::Active, true));
    world.see(&jenkins("ada", "api"), 22, app(Rejected));
    let row = world.judged_on(22).campaigns.remove(1).integrations.remove(0);
    assert_eq!((row.status, row.window_only), (Status::Failing, false));
    assert_eq!(row.reasons[0], "its newest use of a Connect app was refused, on 2026-03-23");
}

#[test]
fn a_day_that_begins_and_ends_in_windows_of_another_campaign_may_lie_outside_between() {
    let judged = |between: bool| {
        let (mut world, app) = (connect_apps_with_brownouts("\"00:00\", \"12:00\""), OF_CONNECT_APPS);
        let at = |minutes: i64| day(20).start_ms() + minutes * 60_000;
        world.see_between(&jenkins("ada", "api"), (at(10), at(12 * 60 + 10)), app(Rejected), 2);
        if between {
            world.see_at(LOG, &jenkins("ada", "api"), at(6 * 60), app(Rejected), 1);
        }
        let row = world.judged_on(20).campaigns.remove(1).integrations.remove(0);
        (row.status, row.window_only)
    };
    assert_eq!(judged(false), (Status::Active, true));
    assert_eq!(judged(true), (Status::Failing, false));
}

#[test]
fn a_workspace_can_be_what_is_retired() {
    let mut world = World::watched();
    let text = "id = \"old-workspace\"\nname = \"The workspace acme-old\"\nnoun = \"acme-old\"\nremoval = \"2026-09-01\"\n\
        documentation = \"https://example.test/\"\n[legacy]\nworkspaces = [\"Acme-Old\"]\n[replacement]\nworkspaces = [\"acme\"]\n";
    world.campaigns.push(Campaign::parse(text).unwrap());
    let old = Track { workspace: Some("acme-old".to_owned()), ..jenkins("ada", "api") };
    (10..=15).for_each(|on| world.see(&old, on, token(Accepted)));
    (14..=30).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    let status = |on| world.judged_on(on).campaigns[1].integrations[0].status;
    assert_eq!([12, 15, 30].map(status), [Status::Active, Status::Migrating, Status::Migrated]);
}

#[test]
fn a_token_is_due_by_the_time_that_its_owner_needs() {
    let mut world = World::watched();
    world.member(person("acc-1", "ada", ""), "member");
    world.api_token("t-1", person("acc-1", "ada", ""), Some(50));
    world.api_token("t-2", person("acc-2", "bob", ""), Some(50));
    let (workspace, bob) = ("acme".to_owned(), person("acc-2", "bob", ""));
    world.roster.listed.push(Listed { workspace, person: bob, from: day(0).start(), until: Some(day(10).start()) });
    let slow = Owner { name: "slow".to_owned(), lead_time_days: Some(45), user: Some("acc-1".to_owned()), ..Owner::default() };
    world.policy.owners.push(slow);
    world.roster.registered.push(RegisteredCredential {
        kind: Credential::AccessToken,
        label: "nightly".to_owned(),
        location: "vault".to_owned(),
        owner: Some("Slow".to_owned()),
        expires_at: Some(day(50).start()),
    });
    let found: Vec<_> = world.judged_at(noon(20)).tokens;
    let rows: Vec<_> = found.iter().map(|t| (t.token.as_str(), t.owner.as_deref(), t.lead_time_days, t.leaver)).collect();
    let slow = |name| Some(name);
    assert_eq!(rows, [("t-1", slow("slow"), 45, false), ("t-2", None, 14, true), ("vault: nightly", slow("Slow"), 45, false)]);
}

#[test]
fn a_token_is_linked_to_every_integration_that_uses_it() {
    let mut world = World::watched();
    world.api_token("t-1", person("acc-1", "ada", ""), Some(50));
    world.api_token("t-2", person("acc-2", "bob", ""), Some(51));
    world.roster.tokens[1].label = "mirror of bob".to_owned();
    let seen = |username: &str, repository: &str, id: Option<&str>, label: Option<&str>| Track {
        token_id: id.map(str::to_owned),
        token_label: label.map(str::to_owned),
        origin: Origin::Network(format!("net-{repository}")),
        ..jenkins(username, repository)
    };
    world.see(&seen("ada", "one", Some("t-1"), None), 10, token(Accepted));
    world.see(&seen("ada", "two", None, Some("mirror")), 10, token(Accepted));
    // A label that another user's token has as well says nothing of this one.
    world.see(&seen("eve", "three", None, Some("mirror")), 10, token(Accepted));
    world.see(&Track { token_label: Some("mirror of bob".to_owned()), ..Track::default() }, 10, token(Accepted));
    let found = world.judged_at(noon(20)).tokens;
    let linked: Vec<_> = found.iter().map(|t| (t.token.as_str(), t.integrations.len())).collect();
    assert_eq!(linked, [("t-1", 2), ("t-2", 1)]);
    assert!(found[0].integrations.is_sorted());
}
