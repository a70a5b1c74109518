//! What proves a migration, what is missing to it, what keeps an integration in use, and why a replacement is refused.

use super::world::*;
use crate::analysis::TrapKind;
use crate::evidence::{Credential, Grade, Operation, Status, Track, Verdict, WindowKind};

/// A Jenkins that used the app password daily on days 80 to 99, and a token from day 98 on.
fn moved() -> World {
    let mut world = World::watched();
    (80..100).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    (98..=120).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    world
}

fn reason(world: &World, on: i32, start: &str) -> String {
    let reasons = world.row(on).reasons;
    reasons.iter().find(|reason| reason.starts_with(start)).unwrap_or_else(|| panic!("{start}: {reasons:?}")).clone()
}

#[test]
fn a_migration_is_proved_by_use_silence_and_brownouts() {
    let mut world = moved();
    for (on, window) in [(102, WindowKind::Published), (103, WindowKind::Published), (115, WindowKind::Extrapolated)] {
        world.see_at(LOG, &jenkins("ada", "api"), day(on).start_ms() + 300_000, Verdict { window, ..token(Accepted) }, 2);
    }
    let row = world.row(120);
    assert_eq!(row.status, Status::Migrated);
    let proof = row.proof.unwrap();
    assert_eq!((proof.last_legacy, proof.first_replacement), (noon(99), noon(98)));
    assert_eq!((proof.uses_since, proof.quiet_days, proof.survived_published_days), (21 + 6, 21, 2));
    assert_eq!((proof.survived_extrapolated_days, proof.missing.len()), (1, 0));
    assert_eq!(
        reason(&world, 120, "proof"),
        "proof: an app password last used on 2026-06-08, a replacement first on 2026-06-07; 27 uses of it since; 21 days without \
         the old one that somebody looked at (enough: 7); accepted inside published brownouts on 2 days"
    );
}

#[test]
fn what_is_missing_to_a_migration_is_named() {
    let mut world = moved();
    assert_eq!(
        reason(&world, 102, "still missing"),
        "still missing to have migrated: 4 more days without the old credential, with somebody looking"
    );
    (95..100).for_each(|on| world.see(&jenkins("ada", "web"), on, legacy(Accepted)));
    assert_eq!(
        reason(&world, 102, "still missing"),
        "still missing to have migrated: use of the replacement on acme/web; 4 more days without the old credential, with \
         somebody looking"
    );
    assert!(world.row(97).proof.is_none(), "nothing has begun");
}

#[test]
fn a_repository_with_a_longer_rhythm_is_named_as_what_keeps_it_in_use() {
    let mut world = World::watched();
    (0..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    (0..=40).step_by(20).for_each(|on| world.see(&jenkins("ada", "rare"), on, legacy(Accepted)));
    assert_eq!(world.row(79).status, Status::Active);
    assert_eq!(
        reason(&world, 79, "counts as in use"),
        "counts as in use because of acme/rare alone: its days of use lie up to 20 days apart, the last is 2026-04-10, and it is \
         given 40 days of silence"
    );
    assert!(!world.row(66).reasons.iter().any(|reason| reason.contains("alone")), "its own horizon holds");
    assert!(!world.row(80).reasons.iter().any(|reason| reason.contains("alone")), "nothing keeps it any more");
}

/// A replacement that is refused four times on the last day; gives the trap.
fn refused(username: &str, operation: Operation, credential: Credential) -> Option<TrapKind> {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 50, legacy(Accepted));
    let track = Track { account_id: Some("acc-1".to_owned()), ..jenkins(username, "api") };
    let known = Track { account_id: Some("acc-1".to_owned()), ..jenkins("ada", "api") };
    world.see(&known, 50, legacy(Accepted));
    let verdict = Verdict { operation, ..Verdict::of(credential, Grade::Proven, Rejected) };
    world.see_through(LOG, &track, 51, verdict, 4);
    let rows = world.rows(51);
    let row = rows.iter().find(|row| row.user.id == "acc-1").unwrap();
    row.trap.as_ref().map(|trap| trap.kind)
}

#[test]
fn the_form_of_the_username_tells_the_trap() {
    use Credential::{AccessToken, ApiToken, Oauth, Unknown};
    use Operation::{ApiRead, GitRead, GitWrite, Other};
    for (username, operation, credential, trap) in [
        ("ada@example.test", GitRead, ApiToken, Some(TrapKind::EmailOnGit)),
        ("ada@example.test", GitWrite, Unknown, Some(TrapKind::EmailOnGit)),
        ("ada@example.test", ApiRead, ApiToken, Some(TrapKind::RightUsername)),
        ("ada@example.test", ApiRead, Unknown, None),
        ("ada", ApiRead, ApiToken, Some(TrapKind::NoEmailOnRest)),
        ("ada", GitRead, ApiToken, Some(TrapKind::RightUsername)),
        ("ada", ApiRead, Unknown, None),
        ("x-bitbucket-api-token-auth", ApiRead, ApiToken, Some(TrapKind::NoEmailOnRest)),
        ("x-token-auth", GitRead, ApiToken, Some(TrapKind::EmailOnGit)),
        ("x-token-auth", GitRead, AccessToken, Some(TrapKind::RightUsername)),
        ("ada", GitRead, AccessToken, Some(TrapKind::AccessTokenName)),
        ("ada", Other, ApiToken, None),
        ("ada", ApiRead, Oauth, None),
    ] {
        assert_eq!(refused(username, operation, credential), trap, "{username} {operation} {credential}");
    }
}

#[test]
fn a_token_that_has_expired_is_the_trap_where_the_username_is_right() {
    let mut world = World::watched();
    world.roster.people.push(person("acc-1", "ada", ""));
    world.see(&jenkins("ada", "api"), 50, legacy(Accepted));
    world.see_through(LOG, &jenkins("ada", "api"), 51, token(Rejected), 3);
    let trap = |world: &World| world.row(51).trap.unwrap();
    assert_eq!((trap(&world).kind, trap(&world).uses), (TrapKind::RightUsername, 3));
    world.api_token("t-1", person("acc-1", "", ""), Some(45));
    assert_eq!(trap(&world).kind, TrapKind::Expired);
    assert!(reason(&world, 51, "a replacement was refused 3 times").ends_with("the last on 2026-04-15; create a new one"));
    world.api_token("t-2", person("acc-1", "", ""), Some(90));
    assert_eq!(trap(&world).kind, TrapKind::RightUsername, "one of them lives");
}

#[test]
fn refusals_of_long_ago_and_those_of_the_app_password_are_no_trap() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(&jenkins("ada", "api"), 11, token(Rejected));
    assert!(world.row(40).trap.is_some());
    assert!(world.row(41).trap.is_none());
    world.see(&jenkins("ada", "api"), 41, legacy(Rejected));
    assert!(world.row(41).trap.is_none());
}
