//! What a history says of evidence that by itself says less.

use super::world::*;
use crate::analysis::{TrapKind, lift};
use crate::evidence::{Credential, Grade, Outcome, RESERVED_USERNAMES, Status, Track, Verdict, WindowKind};

/// A 401 inside a brownout window, weak by itself.
fn refused(window: WindowKind) -> Verdict {
    Verdict { window, ..Verdict::of(Credential::AppPassword, Grade::Weak, Rejected) }
}

fn weak(outcome: Outcome) -> Verdict {
    Verdict::of(Credential::AppPassword, Grade::Weak, outcome)
}

/// A 401 at any other time.
fn unexplained() -> Verdict {
    Verdict::of(Credential::Unknown, Grade::None, Rejected)
}

/// Accepted outside windows and refused inside some, so often.
fn experiment(accepted: i32, refusals: i32, window: WindowKind) -> World {
    let mut world = World::watched();
    (0..accepted).for_each(|n| world.see(&jenkins("ada", "api"), 90 + n, weak(Accepted)));
    (0..refusals).for_each(|n| world.see(&jenkins("ada", "api"), 100 + n, refused(window)));
    world
}

fn grade_of(world: &World) -> Grade {
    world.row(104).grade
}

#[test]
fn what_is_accepted_outside_published_windows_and_refused_in_each_is_firmly_known() {
    let row = experiment(3, 3, WindowKind::Published).row(104);
    assert_eq!((row.grade, row.known()), (Grade::Strong, true));
    assert!(row.reasons.iter().any(|reason| reason.ends_with("(strong: lifted-by-brownouts)")), "{:?}", row.reasons);
    let rows = experiment(3, 3, WindowKind::Published).judged_on(104).authentications.of(|_, _| true);
    let grades: Vec<_> = rows.iter().map(|a| (a.outcome, a.grade, a.uses)).collect();
    assert_eq!(grades[2..4], [(Accepted, Grade::Weak, 1), (Rejected, Grade::Strong, 1)], "after lifting");
}

#[test]
fn an_experiment_that_says_too_little_lifts_nothing() {
    assert_eq!(grade_of(&experiment(2, 3, WindowKind::Published)), Grade::Weak);
    assert_eq!(grade_of(&experiment(3, 2, WindowKind::Published)), Grade::Weak);
}

#[test]
fn extrapolated_windows_lift_nothing() {
    assert_eq!(grade_of(&experiment(9, 9, WindowKind::Extrapolated)), Grade::Weak);
    let mut world = experiment(3, 3, WindowKind::Published);
    world.see(&jenkins("ada", "api"), 104, refused(WindowKind::Extrapolated));
    let rows = world.judged_on(104).authentications.of(|_, _| true);
    assert_eq!(rows.last().map(|a| (a.day, a.grade)), Some((day(104), Grade::Weak)), "not even in good company");
}

#[test]
fn anything_that_was_accepted_inside_a_window_spoils_the_experiment() {
    for credential in [Credential::ApiToken, Credential::Unknown] {
        let mut world = experiment(3, 3, WindowKind::Published);
        let accepted = Verdict { window: WindowKind::Published, ..Verdict::of(credential, Grade::Strong, Accepted) };
        world.see(&jenkins("ada", "api"), 103, accepted);
        assert_eq!(grade_of(&world), Grade::Weak, "{credential}");
    }
}

#[test]
fn the_experiment_counts_what_two_sources_saw_once() {
    let mut world = World::watched();
    for source in [LOG, "log/gateway"] {
        world.see_through(source, &jenkins("ada", "api"), 90, weak(Accepted), 2);
        world.see_through(source, &jenkins("ada", "api"), 100, refused(WindowKind::Published), 3);
    }
    assert_eq!(grade_of(&world), Grade::Weak, "two uses were accepted, not four");
}

/// Used an app password daily up to the removal, and was refused for reasons unknown on two days after it.
fn removed(last: Verdict) -> World {
    let mut world = World::watched();
    (120..REMOVAL - 1).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    world.see(&jenkins("ada", "api"), REMOVAL - 1, last);
    (REMOVAL..REMOVAL + 2).for_each(|on| world.see(&jenkins("ada", "api"), on, unexplained()));
    world
}

#[test]
fn a_refusal_after_the_removal_is_that_of_the_app_password_that_worked_last() {
    let row = removed(legacy(Accepted)).row(REMOVAL + 1);
    assert_eq!((row.status, row.last_rejected, row.rejected_30d), (Status::Failing, Some(noon(REMOVAL + 1)), 2));
    assert_eq!(row.lift.refused_since_ms, Some(day(REMOVAL).start_ms()));
    let rows = removed(legacy(Accepted)).judged_on(REMOVAL + 1).authentications.of(|_, _| true);
    let last = rows.last().unwrap();
    assert_eq!((last.credential, last.grade, last.outcome), (Credential::AppPassword, Grade::Weak, Rejected));
}

#[test]
fn a_refusal_is_explained_by_nothing_less() {
    let unlifted = |world: World| world.row(REMOVAL + 1).rejected_30d == 0;
    assert!(unlifted(removed(weak(Accepted))), "the last use was not firmly known");
    assert!(unlifted(removed(token(Accepted))), "the last use was of a token");
    let mut world = removed(legacy(Accepted));
    world.see(&jenkins("ada", "api"), REMOVAL + 1, token(Accepted));
    assert!(unlifted(world), "something is accepted");
    let mut world = removed(legacy(Accepted));
    world.see(&jenkins("ada", "api"), REMOVAL + 40, legacy(Accepted));
    assert!(!unlifted(world), "what comes later is not known yet");
}

#[test]
fn what_is_refused_under_a_name_that_app_passwords_never_had_is_a_token_that_is_tried() {
    for (name, trap) in [("ada@example.test", TrapKind::EmailOnGit), (RESERVED_USERNAMES[1], TrapKind::NoEmailOnRest)] {
        let mut world = World::watched();
        let called = |name| Track { account_id: Some("acc-1".to_owned()), ..jenkins(name, "api") };
        let proven = Verdict::of(Credential::AppPassword, Grade::Proven, Accepted);
        (120..REMOVAL - 8).for_each(|on| world.see(&called("ada"), on, proven));
        (REMOVAL + 4..REMOVAL + 10).for_each(|on| world.see(&called(name), on, unexplained()));
        let row = world.row(REMOVAL + 9);
        assert_eq!((row.status, row.last_rejected, row.rejected_30d), (Status::Quiet, None, 0), "{name}");
        assert_eq!(row.trap.map(|trap| (trap.kind, trap.uses)), Some((trap, 6)), "{name}");
        let rows = world.judged_on(REMOVAL + 9).authentications.of(|_, _| true);
        let last = rows.last().expect("the refusals are counted");
        assert_eq!((last.credential, last.grade), (Credential::Unknown, Grade::None), "{name}");
        // The old secret, sent by its old name, is still known by what it was.
        world.see(&called("ada"), REMOVAL + 9, unexplained());
        assert_eq!(world.row(REMOVAL + 9).status, Status::Failing, "{name}");
    }
}

#[test]
fn a_lifted_refusal_joins_the_refusals_of_its_day() {
    let mut world = removed(legacy(Accepted));
    world.see_through(LOG, &jenkins("ada", "api"), REMOVAL, weak(Rejected), 4);
    let rows = world.judged_on(REMOVAL).authentications.of(|_, _| true);
    let last = rows.last().unwrap();
    assert_eq!((last.credential, last.grade, last.uses), (Credential::AppPassword, Grade::Weak, 5));
}

#[test]
fn one_verdict_is_lifted_as_the_history_says() {
    let all = lift::Lift { by_brownouts: true, refused_since_ms: Some(1_000) };
    let lifted = |verdict: Verdict, ms| {
        let mut verdict = verdict;
        let rule = all.apply(&mut verdict, ms, true);
        (rule, verdict.credential, verdict.grade)
    };
    let inside = refused(WindowKind::Published);
    assert_eq!(lifted(inside, 0), (Some(lift::EXPERIMENT), Credential::AppPassword, Grade::Strong));
    assert_eq!(lifted(unexplained(), 1_000), (Some(lift::REMOVED), Credential::AppPassword, Grade::Weak));
    assert_eq!(lifted(unexplained(), 999), (None, Credential::Unknown, Grade::None));
    assert_eq!(lifted(Verdict { authentication: false, ..unexplained() }, 1_000).0, None);
    assert_eq!(lifted(Verdict { outcome: Accepted, ..inside }, 0).0, None);
    assert!(lift::Lift::default().is_nothing());
}

/// Ada's Jenkins with a secret that the egress log calls so.
fn labelled(secret: &str, repository: &str) -> Track {
    Track { secret_id: Some(secret.to_owned()), ..jenkins("ada", repository) }
}

fn proven(credential: Credential) -> Verdict {
    Verdict::of(credential, Grade::Proven, Accepted)
}

#[test]
fn a_secret_that_is_proven_to_be_a_token_is_one_on_every_line() {
    let mut world = World::watched();
    (90..100).for_each(|on| world.see(&labelled("s-1", "api"), on, weak(Accepted)));
    assert_eq!(world.row(99).grade, Grade::Weak, "nothing proves it");
    world.see(&labelled("s-1", "web"), 100, proven(Credential::ApiToken));
    assert!(world.rows(100).is_empty(), "it never used an app password");
    assert_eq!(world.rows(99).len(), 1, "which was not known before");
    let rows = world.judged_on(100).authentications.of(|_, _| true);
    assert!(rows.iter().all(|a| (a.credential, a.grade) == (Credential::ApiToken, Grade::Proven)), "{rows:?}");
}

#[test]
fn a_secret_that_is_proven_to_be_an_app_password_still_is_one_when_it_is_refused() {
    let mut world = World::watched();
    (90..REMOVAL - 10).for_each(|on| world.see(&labelled("s-1", "api"), on, proven(Credential::AppPassword)));
    // What works beside it is why no other rule explains the refusal.
    (REMOVAL - 5..REMOVAL + 5).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    world.see(&labelled("s-1", "api"), REMOVAL + 4, unexplained());
    let row = world.row(REMOVAL + 4);
    assert_eq!((row.status, row.last_rejected), (Status::Stale, Some(noon(REMOVAL + 4))));
    assert!(row.reasons.iter().any(|reason| reason.ends_with("(proven: lifted-by-same-secret)")), "{:?}", row.reasons);
}

#[test]
fn a_label_lifts_nothing_where_it_proves_nothing() {
    let lifted = |other: &Track, source: &str, proofs: &[Credential]| {
        let mut world = World::watched();
        (90..100).for_each(|on| world.see(&jenkins("ada", "api"), on, weak(Accepted)));
        (90..100).for_each(|on| world.see(&labelled("s-1", "api"), on, weak(Accepted)));
        for credential in proofs {
            world.see_through(source, other, 95, proven(*credential), 1);
        }
        let rows = world.judged_on(99).authentications.of(|_, _| true);
        rows.iter().filter(|a| a.credential == Credential::AppPassword).map(|a| a.uses).sum::<u64>() < 20
    };
    let token = [Credential::ApiToken];
    assert!(lifted(&labelled("s-1", "web"), LOG, &token));
    assert!(!lifted(&labelled("s-2", "web"), LOG, &token), "another secret");
    assert!(!lifted(&jenkins("ada", "web"), LOG, &token), "no label");
    assert!(!lifted(&labelled("s-1", "web"), "log/gateway", &token), "another sender's label");
    let both = [Credential::ApiToken, Credential::AppPassword];
    assert!(!lifted(&labelled("s-1", "web"), LOG, &both), "no label of one secret");
}

#[test]
fn what_a_line_says_firmly_itself_is_not_overruled_by_its_secret() {
    let mut world = World::watched();
    world.see(&labelled("s-1", "api"), 90, legacy(Accepted));
    world.see(&labelled("s-1", "web"), 90, proven(Credential::ApiToken));
    let row = world.row(90);
    assert_eq!((row.grade, row.status), (Grade::Strong, Status::Migrating));
}
