//! Every row of the contract's table of statuses, and the definitions it rests on.

use super::world::*;
use crate::analysis::{Closure, Waiver};
use crate::evidence::{Credential, Grade, Operation, Outcome, Status, Verdict, WindowKind};

/// A Jenkins that used the app password daily, on days 50 to 60, and did nothing since.
fn daily() -> World {
    let mut world = World::watched();
    (50..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    world
}

fn in_window(verdict: Verdict) -> Verdict {
    Verdict { window: WindowKind::Published, ..verdict }
}

fn status(world: &World, on: i32) -> Status {
    world.row(on).status
}

#[test]
fn legacy_use_within_the_horizon_is_active_up_to_its_last_covered_day() {
    let world = daily();
    // H is 7 covered days: the sixth after the last use is within, the seventh is not.
    assert_eq!(status(&world, 60), Status::Active);
    assert_eq!(status(&world, 66), Status::Active);
    assert_eq!(status(&world, 67), Status::Quiet);
}

#[test]
fn days_that_nobody_saw_are_no_silence() {
    let mut world = World::empty();
    world.cover(LOG, 50, 63);
    world.cover(LOG, 93, 200);
    (50..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    // Days 61 and 62 and then 93 onwards are covered.
    assert_eq!(status(&world, 96), Status::Active);
    assert_eq!(status(&world, 97), Status::Quiet);
}

#[test]
fn only_sources_that_have_shown_an_integration_count_its_silence() {
    let mut world = World::empty();
    world.cover(LOG, 0, 61);
    world.cover("audit/acme", 0, 400);
    (50..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    assert_eq!(status(&world, 140), Status::Active);
    assert_eq!(world.row(140).unseen_since, Some(day(61).start()));
    assert_eq!(world.row(61).unseen_since, Some(day(61).start()));
    assert_eq!(world.row(60).unseen_since, None);
}

#[test]
fn the_day_of_now_is_covered_only_when_it_is_over() {
    let world = daily();
    let at = |now| world.judged_at(now).campaigns[0].integrations[0].status;
    assert_eq!(at(noon(67)), Status::Active);
    assert_eq!(at(day(67).end()), Status::Quiet);
}

#[test]
fn a_rare_job_has_a_long_horizon_and_an_unknown_one_counts_as_monthly() {
    let mut world = World::watched();
    for on in [0, 10, 20] {
        world.see(&jenkins("ada", "api"), on, legacy(Accepted));
    }
    assert_eq!(world.row(20).period_days, Some(10.0));
    assert_eq!(status(&world, 39), Status::Active);
    assert_eq!(status(&world, 40), Status::Quiet);

    let mut once = World::watched();
    once.see(&jenkins("ada", "api"), 0, legacy(Accepted));
    assert_eq!(once.row(0).period_days, None);
    assert_eq!(status(&once, 61), Status::Active);
    assert_eq!(status(&once, 62), Status::Quiet);
}

#[test]
fn a_repository_with_a_rhythm_of_its_own_keeps_the_integration_alive() {
    let mut world = World::watched();
    (0..=60).for_each(|on| world.see(&jenkins("ada", "daily"), on, legacy(Accepted)));
    for on in [0, 20, 40] {
        world.see(&jenkins("ada", "rare"), on, legacy(Accepted));
    }
    // The integration's own horizon ends on day 67; that of `rare` is 40 days after day 40.
    assert_eq!(status(&world, 79), Status::Active);
    assert_eq!(status(&world, 80), Status::Quiet);
}

#[test]
fn both_credentials_within_the_horizon_are_a_migration_on_its_way() {
    let mut world = daily();
    world.see(&jenkins("ada", "api"), 58, token(Accepted));
    assert_eq!(status(&world, 60), Status::Migrating);
    // The replacement has left the horizon, the app password has not.
    assert_eq!(status(&world, 65), Status::Active);
}

#[test]
fn a_refused_replacement_is_no_replacement_and_is_shown() {
    let mut world = daily();
    world.see(&jenkins("ada", "api"), 60, token(Rejected));
    let row = world.row(60);
    assert_eq!(row.status, Status::Active);
    assert_eq!((row.replacement, row.replacement_rejected_30d), (None, 1));
    assert!(row.reasons.iter().any(|reason| reason.contains("refused 1 time")), "{:?}", row.reasons);
}

#[test]
fn what_is_refused_under_a_name_that_only_a_token_has_counts_as_a_refused_replacement() {
    let mut world = daily();
    let mut track = jenkins("ada", "api");
    track.username = Some("ada@example.test".to_owned());
    track.account_id = Some("acc-1".to_owned());
    let mut own = jenkins("ada", "api");
    own.account_id = Some("acc-1".to_owned());
    (50..=60).for_each(|on| world.see(&own, on, legacy(Accepted)));
    let tried = Verdict { credential: Credential::Unknown, grade: Grade::None, operation: Operation::GitRead, ..token(Rejected) };
    (58..=60).for_each(|on| world.see(&track, on, tried));
    world.cover("log/other", 0, 400);
    (58..=60).for_each(|on| world.see_through("log/other", &track, on, tried, 1));
    world.see(&own, 60, token(Rejected));
    let rows = world.rows(60);
    let row = rows.iter().find(|row| row.user.id == "acc-1").unwrap();
    assert_eq!(row.replacement_rejected_30d, 4, "three by the name, which two logs have seen, and one by its secret");
    assert!(row.trap.as_ref().is_some_and(|trap| trap.uses <= 4), "{:?}", row.trap);
}

#[test]
fn the_newest_use_outside_brownouts_decides_about_failing() {
    let mut world = daily();
    world.see(&jenkins("ada", "api"), 61, legacy(Rejected));
    assert_eq!(status(&world, 61), Status::Failing);
    world.see(&jenkins("ada", "api"), 62, legacy(Accepted));
    assert_eq!(status(&world, 62), Status::Active);
    world.see(&jenkins("ada", "api"), 63, in_window(legacy(Rejected)));
    assert_eq!(status(&world, 63), Status::Active);
    assert_eq!(status(&world, 61), Status::Failing);
}

#[test]
fn rejected_only_inside_brownouts_is_marked_until_a_rejection_outside() {
    let mut world = daily();
    assert!(!world.row(60).window_only);
    world.see(&jenkins("ada", "api"), 61, in_window(legacy(Rejected)));
    assert!(world.row(61).window_only);
    world.see(&jenkins("ada", "api"), 62, legacy(Rejected));
    assert!(!world.row(62).window_only);
}

#[test]
fn silence_after_which_the_replacement_works_is_migrated() {
    let mut world = daily();
    world.see(&jenkins("ada", "api"), 62, token(Accepted));
    assert_eq!(status(&world, 66), Status::Migrating);
    assert_eq!(status(&world, 67), Status::Migrated);
    assert_eq!(status(&world, 140), Status::Migrated);
}

#[test]
fn a_replacement_before_the_last_use_proves_nothing() {
    let mut world = daily();
    world.see(&jenkins("ada", "api"), 59, token(Accepted));
    assert_eq!(status(&world, 67), Status::Quiet);
}

#[test]
fn long_silence_of_a_known_rhythm_is_retirement_unless_anything_else_was_seen() {
    let mut world = daily();
    assert_eq!(status(&world, 89), Status::Quiet);
    assert_eq!(status(&world, 90), Status::Retired);
    world.see(
        &jenkins("ada", "api"),
        80,
        Verdict { grade: Grade::None, ..Verdict::of(Credential::Unknown, Grade::None, Accepted) },
    );
    assert_eq!(status(&world, 90), Status::Quiet);
}

#[test]
fn silence_of_an_unknown_rhythm_is_never_retirement() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 0, legacy(Accepted));
    world.see(&jenkins("ada", "api"), 1, legacy(Accepted));
    assert_eq!(status(&world, 390), Status::Quiet);
}

#[test]
fn a_closure_retires_what_is_silent_until_later_use_disproves_it() {
    let mut world = daily();
    let integration = world.row(60).id;
    let closed = |on: i32| Closure {
        integration: integration.clone(),
        date: day(on).date(),
        by: "payments".to_owned(),
        ticket: "PAY-77".to_owned(),
    };
    world.policy.closures = vec![closed(70)];
    assert_eq!(status(&world, 66), Status::Active);
    assert_eq!(status(&world, 69), Status::Quiet);
    assert_eq!(status(&world, 70), Status::Retired);
    let told =
        format!("declared gone by payments on {} (PAY-77), and no use of an app password since then disproves it", day(70));
    assert_eq!(world.row(70).reasons[0], told);
    world.see(&jenkins("ada", "api"), 75, legacy(Accepted));
    let back = world.row(75);
    assert_eq!((back.status, back.returned), (Status::Active, true));
    let disproved = format!("declared gone on {}, and used since: that holds no longer", day(70));
    assert!(back.reasons.contains(&disproved), "{:?}", back.reasons);
    assert_eq!(status(&world, 85), Status::Quiet);
}

#[test]
fn returned_is_set_by_use_after_migration_and_cleared_by_the_next() {
    let mut world = daily();
    world.see(&jenkins("ada", "api"), 62, token(Accepted));
    world.see(&jenkins("ada", "api"), 80, legacy(Accepted));
    assert!(!world.row(79).returned);
    assert!(world.row(80).returned);
    assert!(world.row(100).returned, "silence alone clears nothing");
    assert!(!world.row(110).returned, "retired again");
    world.see(&jenkins("ada", "api"), 81, token(Accepted));
    let again = world.row(100);
    assert_eq!((again.status, again.returned), (Status::Migrated, false));
}

#[test]
fn after_the_removal_a_left_over_secret_is_stale_where_the_replacement_works_everywhere() {
    let mut world = World::watched();
    for on in 140..=155 {
        let outcome = if on < REMOVAL { Accepted } else { Rejected };
        world.see(&jenkins("ada", "api"), on, legacy(outcome));
        world.see(&jenkins("ada", "web"), on, legacy(outcome));
        world.see(&jenkins("ada", "api"), on, token(Accepted));
    }
    // Accepted legacy use (day 148) leaves the horizon of 7 days on day 155.
    assert_eq!(status(&world, 154), Status::Migrating);
    assert_eq!(status(&world, 155), Status::Migrating, "`web` has no replacement");
    world.see(&jenkins("ada", "web"), 152, token(Accepted));
    assert_eq!(status(&world, 155), Status::Stale);
    assert_eq!(status(&world, 154), Status::Migrating);
    assert!(world.row(155).rank.is_some());
}

#[test]
fn before_the_removal_nothing_is_stale() {
    let mut world = World::watched();
    for on in 120..=140 {
        world.see(&jenkins("ada", "api"), on, legacy(Rejected));
        world.see(&jenkins("ada", "api"), on, token(Accepted));
    }
    assert_eq!(status(&world, 140), Status::Migrating);
}

#[test]
fn the_removal_is_over_only_after_its_instant() {
    let mut world = World::watched();
    for on in 140..=REMOVAL {
        world.see(&jenkins("ada", "api"), on, legacy(Rejected));
        world.see(&jenkins("ada", "api"), on, token(Accepted));
    }
    assert_eq!(status(&world, REMOVAL - 1), Status::Migrating);
    assert_eq!(status(&world, REMOVAL), Status::Stale);
}

#[test]
fn accepted_proven_use_after_the_removal_is_a_contradiction() {
    let mut world = daily();
    let proven = Verdict { grade: Grade::Proven, ..legacy(Accepted) };
    world.see(&jenkins("ada", "api"), REMOVAL - 1, proven);
    assert!(!world.row(REMOVAL + 1).contradiction);
    world.see(&jenkins("ada", "api"), REMOVAL, proven);
    assert!(world.row(REMOVAL + 1).contradiction);
}

#[test]
fn evidence_below_the_minimum_grade_is_no_legacy_evidence() {
    let weak = Verdict { grade: Grade::Weak, ..legacy(Accepted) };
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, weak);
    assert_eq!(world.row(10).grade, Grade::Weak);
    assert!(!world.row(10).known());
    world.policy.minimum_grade = Grade::Strong;
    assert!(world.rows(10).is_empty());
}

#[test]
fn the_grade_is_the_best_within_the_horizon_else_of_all() {
    let mut world = World::watched();
    for on in 0..=20 {
        let grade = if on < 10 { Grade::Proven } else { Grade::Weak };
        world.see(&jenkins("ada", "api"), on, Verdict { grade, ..legacy(Accepted) });
    }
    assert_eq!(world.row(15).grade, Grade::Proven);
    assert_eq!(world.row(16).grade, Grade::Weak);
    assert_eq!(world.row(100).grade, Grade::Proven);
}

#[test]
fn use_with_an_unknown_outcome_is_use() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Outcome::Unknown));
    assert_eq!(status(&world, 10), Status::Active);
}

#[test]
fn a_waiver_marks_up_to_its_last_day_and_moves_nothing() {
    let mut world = daily();
    let plain = world.row(60);
    world.policy.waivers = vec![Waiver {
        integration: plain.id.clone(),
        until: day(60).date(),
        requester: "payments".to_owned(),
        approver: "CISO".to_owned(),
        ticket: "SEC-1".to_owned(),
        reason: "vendor release".to_owned(),
    }];
    let waived = world.row(60);
    assert_eq!((waived.waiver, waived.status, waived.score.to_bits()), (Some(0), plain.status, plain.score.to_bits()));
    assert_eq!(world.row(61).waiver, None);
}
