//! What stands behind a row, and what would change it.

use std::{borrow::Cow, collections::HashMap};

use super::world::*;
use crate::analysis::{
    Classifier, Closure, Rules,
    explain::{Explanation, Gathered, Material, More, Subject, Unknown, as_judged, explain, find, tracks_of},
    guess,
};
use crate::evidence::{
    ClientCatalogue, Credential, Day, Grade, NamedNetworks, Origin, Outcome, Person, Sighting, Status, Track, Verdict,
    WindowKind, time::instant,
};

/// Explains what `asked` names from the end of a day; the newest `kept` tracks' days are kept as sightings, the others as
/// counts.
fn explained(world: &World, on: i32, asked: &str, kept: &[Sighting<'static>]) -> Explanation {
    let (findings, history) = (world.judged_on(on), world.history());
    let history = as_judged(&history, &world.roster);
    let subject = find(&findings, &world.roster, &world.known, asked).expect("somebody is meant");
    let mut gathered = Vec::new();
    for track in tracks_of(&findings, &subject) {
        for count in history.counts.iter().filter(|count| count.track as usize == track) {
            let sightings = kept.iter().filter(|sighting| Day::of_ms(sighting.time_ms) == count.day).cloned();
            let pieces: Vec<_> = sightings.map(Some).collect();
            let pieces = if pieces.is_empty() { vec![None] } else { pieces };
            gathered.extend(pieces.into_iter().map(|sighting| Gathered { track, day: count.day, sighting }));
        }
    }
    gathered.sort_by_key(|piece| std::cmp::Reverse(piece.day));
    let clients = ClientCatalogue::builtin().expect("a valid catalogue");
    let rules = Rules::builtin().expect("valid rules");
    let classifier = Classifier::new(
        rules,
        ClientCatalogue::builtin().expect("a valid catalogue"),
        NamedNetworks::default(),
        world.campaigns[0].clone(),
    );
    let limits = HashMap::from([("intake/ci".to_owned(), Grade::Weak)]);
    let material = Material {
        findings: &findings,
        history: &history,
        roster: &world.roster,
        known: &world.known,
        clients: &clients,
        classifier: &classifier,
        limits: &limits,
        gathered: &gathered,
    };
    explain(&material, &subject)
}

fn daily(world: &mut World, track: &Track, days: std::ops::Range<i32>) {
    days.for_each(|on| world.see(track, on, legacy(Accepted)));
}

/// The days that a sentence still asks for.
fn more_days(words: &str) -> i32 {
    let number = words.split("seen for ").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no days in {words}"))
}

#[test]
fn evidence_that_leaves_something_open_is_told_from_what_names_its_integration() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(&Track { username: Some("x-bitbucket-api-token-auth".to_owned()), ..jenkins("", "api") }, 11, token(Accepted));
    let id = world.row(12).id;
    let told: Vec<_> =
        explained(&world, 12, &id, &[]).evidence.iter().map(|piece| (piece.open, piece.verdict.credential)).collect();
    assert_eq!(told, [(true, Credential::ApiToken), (false, Credential::AppPassword)]);
}

#[test]
fn what_would_make_it_migrated_does_and_not_a_day_earlier() {
    let mut world = World::watched();
    daily(&mut world, &jenkins("ada", "api"), 10..20);
    let row = world.row(21);
    let explained = explained(&world, 21, &row.id, &[]);
    let verdict = &explained.integrations[0].verdicts[0];
    assert_eq!(verdict.row.status, Status::Active);
    let words = verdict.would_change.iter().find(|words| words.starts_with("It becomes migrated")).expect("said");
    assert_eq!(
        words,
        "It becomes migrated when no use of app passwords is seen for 5 more covered days (2 of 7 have passed) and a replacement was \
         accepted after the last use"
    );
    world.see(&jenkins("ada", "api"), 21, token(Accepted));
    let on = 21 + more_days(words);
    assert_eq!((world.row(on - 1).status, world.row(on).status), (Status::Migrating, Status::Migrated));
}

#[test]
fn a_quiet_one_says_when_it_would_be_retired() {
    let mut world = World::watched();
    daily(&mut world, &jenkins("ada", "api"), 10..20);
    let row = world.row(30);
    let explained = explained(&world, 30, &row.id, &[]);
    let words = &explained.integrations[0].verdicts[0].would_change;
    assert_eq!(row.status, Status::Quiet);
    assert_eq!(words[1], "It becomes retired when nothing at all is seen of it for 19 more covered days (11 of 30 have passed)");
    assert_eq!((world.row(48).status, world.row(49).status), (Status::Quiet, Status::Retired));
}

#[test]
fn two_days_of_use_are_no_rhythm_and_only_its_owner_can_retire_it() {
    let mut world = World::watched();
    daily(&mut world, &jenkins("ada", "api"), 10..12);
    let row = world.row(90);
    let explained = explained(&world, 90, &row.id, &[]);
    let words = &explained.integrations[0].verdicts[0].would_change;
    assert!(words[1].contains("its rhythm is not known") && words[1].contains(&format!("\"{}\"", row.id)), "{words:?}");
}

/// What would change the only integration, seen from the end of a day.
fn changes_of(world: &World, on: i32) -> (Status, String) {
    let row = world.row(on);
    let explained = explained(world, on, &row.id, &[]);
    (row.status, explained.integrations[0].verdicts[0].would_change.join("\n"))
}

/// Ada's Jenkins uses two repositories daily up to the removal, and its old secret is refused there daily after it.
fn knocking_on_two() -> World {
    let mut world = World::watched();
    for repository in ["api", "web"] {
        daily(&mut world, &jenkins("ada", repository), REMOVAL - 20..REMOVAL);
        (REMOVAL..REMOVAL + 60).for_each(|on| world.see(&jenkins("ada", repository), on, legacy(Rejected)));
    }
    world
}

#[test]
fn a_migrating_one_is_stale_once_all_is_refused_and_replaced_wherever_it_is_tried() {
    let mut world = knocking_on_two();
    (REMOVAL..REMOVAL + 60).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    let (status, words) = changes_of(&world, REMOVAL + 10);
    assert_eq!(status, Status::Migrating);
    let stale = "It becomes stale when an app password is still tried, but was not accepted for 7 covered days, and a replacement was \
                 accepted in that time on every repository that it touched";
    assert!(words.contains(stale), "{words}");
    world.see(&jenkins("ada", "web"), REMOVAL + 10, token(Accepted));
    assert_eq!(world.row(REMOVAL + 10).status, Status::Stale);
    let before = |words: String| !words.contains("It becomes stale");
    let mut early = World::watched();
    daily(&mut early, &jenkins("ada", "api"), 10..20);
    early.see(&jenkins("ada", "api"), 19, token(Accepted));
    let (status, words) = changes_of(&early, 19);
    assert!(status == Status::Migrating && before(words), "nothing is stale before the removal");
}

#[test]
fn a_stale_one_is_migrating_when_its_replacement_is_gone_in_one_place_and_failing_when_it_is_gone_everywhere() {
    let mut world = knocking_on_two();
    (REMOVAL..REMOVAL + 10).for_each(|on| world.see(&jenkins("ada", "web"), on, token(Accepted)));
    (REMOVAL..REMOVAL + 20).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    let (status, words) = changes_of(&world, REMOVAL + 9);
    assert_eq!(status, Status::Stale);
    let migrating = "It becomes migrating when a replacement is not accepted for 7 covered days on one of the repositories that the \
                     left-over secret touches, and still is elsewhere";
    let failing = "It becomes failing when a replacement is accepted nowhere for 7 covered days";
    assert!(words.contains(migrating) && words.contains(failing), "{words}");
    let statuses = [9 + 7, 19 + 7].map(|on| world.row(REMOVAL + on).status);
    assert_eq!(statuses, [Status::Migrating, Status::Failing]);
}

#[test]
fn one_that_silence_retired_is_migrated_by_a_replacement_and_quiet_by_anything_else() {
    let mut world = World::watched();
    daily(&mut world, &jenkins("ada", "api"), 10..20);
    let (status, words) = changes_of(&world, 60);
    assert_eq!(status, Status::Retired);
    assert!(
        words.starts_with("It becomes migrated as soon as a replacement is accepted\nIt becomes quiet when anything else"),
        "{words}"
    );
    world.see(&jenkins("ada", "api"), 61, Verdict::of(Credential::Unknown, Grade::None, Accepted));
    let (status, words) = changes_of(&world, 61);
    assert_eq!(status, Status::Quiet);
    assert!(words.contains("does not become retired by silence, because something else was seen"), "{words}");
    world.see(&jenkins("ada", "api"), 62, token(Accepted));
    assert_eq!(world.row(62).status, Status::Migrated);
}

#[test]
fn one_that_its_owner_declared_gone_stays_so_whatever_else_is_seen() {
    let mut world = World::watched();
    daily(&mut world, &jenkins("ada", "api"), 10..20);
    let id = world.row(20).id;
    world.policy.closures.push(Closure {
        integration: id,
        date: day(20).date(),
        by: "platform".to_owned(),
        ticket: "OPS-1".to_owned(),
    });
    world.see(&jenkins("ada", "api"), 61, Verdict::of(Credential::Unknown, Grade::None, Accepted));
    let (status, words) = changes_of(&world, 61);
    assert!(status == Status::Retired && !words.contains("quiet"), "{words}");
    assert!(words.starts_with("It becomes migrated as soon as"), "{words}");
}

#[test]
fn each_piece_stands_with_its_rule_and_what_the_history_made_of_it() {
    let mut world = World::watched();
    let refused = |window| Verdict { window, ..Verdict::of(Credential::AppPassword, Grade::Weak, Rejected) };
    (0..3).for_each(|n| world.see(&jenkins("ada", "api"), 90 + n, Verdict::of(Credential::AppPassword, Grade::Weak, Accepted)));
    (0..3).for_each(|n| world.see(&jenkins("ada", "api"), 100 + n, refused(WindowKind::Published)));
    let inside = Sighting {
        time_ms: day(102).start_ms() + 60_000,
        username: Some(Cow::Borrowed("ada")),
        scheme: Some(Cow::Borrowed("basic")),
        host: Some(Cow::Borrowed("api.bitbucket.org")),
        user_agent: Some(Cow::Borrowed("jenkins/2.479")),
        status: Some(401),
        uses: 1,
        authentication: true,
        ..Sighting::default()
    };
    let row = world.row(104);
    let explained = explained(&world, 104, &row.id, &[inside]);
    let newest = &explained.evidence[0];
    assert_eq!((newest.rule.as_str(), newest.verdict.grade), ("basic-nickname-refused-in-window", Grade::Weak));
    let lifted = newest.lifted.as_ref().expect("three refusals in windows, three uses outside");
    assert_eq!((lifted.grade, lifted.rule), (Grade::Strong, "lifted-by-brownouts"));
    assert!(newest.recorded_otherwise, "the counts name another rule");
    // The others are known by their counts only, each with the rule that was recorded.
    assert_eq!(explained.evidence.len(), 6);
    assert!(explained.evidence[1..].iter().all(|piece| piece.sighting.is_none() && piece.rule == "basic-nickname-rest"));
    let rules: Vec<&str> = explained.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(rules, ["basic-nickname-refused-in-window", "basic-nickname-rest", "lifted-by-brownouts"]);
    assert!(explained.rules.iter().all(|rule| !rule.reason.is_empty() && !rule.reason.contains("exists no more")));
    assert_eq!(explained.integrations[0].versions[0].version, "2.479");
    assert_eq!(explained.more, None);
}

#[test]
fn what_a_secret_proves_elsewhere_is_shown_with_its_rule() {
    let mut world = World::watched();
    let track = Track { secret_id: Some("s-1".to_owned()), ..jenkins("ada", "api") };
    world.see(&track, 90, Verdict::of(Credential::AppPassword, Grade::Weak, Accepted));
    world.see(&track, 91, Verdict::of(Credential::ApiToken, Grade::Proven, Accepted));
    let explained = explained(&world, 91, "ada", &[]);
    let lifted: Vec<_> =
        explained.evidence.iter().map(|piece| piece.lifted.as_ref().map(|it| (it.credential, it.grade))).collect();
    assert_eq!(lifted, [None, Some((Credential::ApiToken, Grade::Proven))], "newest first");
    assert!(explained.rules.iter().any(|rule| rule.id == "lifted-by-same-secret" && rule.reason.contains("secret")));
    assert!(explained.integrations[0].verdicts.is_empty(), "nothing of it is being retired");
}

#[test]
fn a_weak_one_says_how_far_the_experiment_has_come() {
    let mut world = World::watched();
    let weak = |window, outcome| Verdict { window, ..Verdict::of(Credential::AppPassword, Grade::Weak, outcome) };
    (0..4).for_each(|n| world.see(&jenkins("ada", "api"), 95 + n, weak(WindowKind::Outside, Accepted)));
    (0..2).for_each(|n| world.see(&jenkins("ada", "api"), 100 + n, weak(WindowKind::Published, Rejected)));
    let row = world.row(102);
    let explained = explained(&world, 102, &row.id, &[]);
    let words = &explained.integrations[0].verdicts[0].would_change;
    assert!(words.iter().any(|words| words.ends_with("none inside was accepted (so far 4, 2 and 0)")), "{words:?}");
    world.see(&jenkins("ada", "api"), 102, weak(WindowKind::Published, Rejected));
    assert_eq!((row.grade, world.row(103).grade), (Grade::Weak, Grade::Strong), "one more refusal did it");
}

#[test]
fn the_word_of_a_source_counts_no_more_than_it_may() {
    let mut world = World::watched();
    world.cover("intake/ci", 0, 400);
    world.see_through("intake/ci", &jenkins("ada", "api"), 50, Verdict::of(Credential::AppPassword, Grade::Weak, Rejected), 4);
    let told = Sighting {
        time_ms: day(50).start_ms() + 1_000,
        username: Some(Cow::Borrowed("ada")),
        message: Some(Cow::Borrowed("CHANGE-3222")),
        uses: 1,
        authentication: true,
        ..Sighting::default()
    };
    let row = world.row(51);
    let explained = explained(&world, 51, &row.id, &[told]);
    let piece = &explained.evidence[0];
    assert_eq!(
        (piece.rule.as_str(), piece.verdict.grade, piece.verdict.outcome),
        ("change-3222", Grade::Weak, Outcome::Rejected)
    );
    assert_eq!(explained.more, Some(More { uses: 3, oldest: day(50) }), "of four uses one is kept");
}

#[test]
fn a_user_is_found_by_every_name_and_shown_with_what_is_theirs() {
    let mut world = World::watched();
    world.member(Person { display_name: Some("Ada L".to_owned()), ..person("712020:ada", "ada", "ada@acme.test") }, "member");
    world.member(Person { display_name: Some("Twin".to_owned()), ..person("712020:t1", "t1", "") }, "member");
    world.member(Person { display_name: Some("Twin".to_owned()), ..person("712020:t2", "t2", "") }, "member");
    world.api_token("t-1", person("712020:ada", "", "ada@acme.test"), Some(300));
    daily(&mut world, &jenkins("ada", "api"), 10..20);
    daily(&mut world, &Track { client: Some("curl".to_owned()), ..jenkins("ada", "web") }, 10..20);
    let findings = world.judged_on(21);
    let found = |asked: &str| find(&findings, &world.roster, &world.known, asked);
    for asked in ["712020:ada", "ada", "ADA", "ada@acme.test", "Ada@Acme.test", "Ada L"] {
        assert_eq!(found(asked), Ok(Subject::User("712020:ada".to_owned())), "{asked}");
    }
    assert_eq!(found("Twin"), Err(Unknown::Several(vec!["712020:t1".to_owned(), "712020:t2".to_owned()])));
    let id = &findings.campaigns[0].integrations[0].id;
    assert_eq!(found(&id.to_uppercase()), Ok(Subject::Integration(id.clone())));
    let Err(Unknown::Nobody(names)) = found("adda") else { panic!("nobody goes by this name") };
    assert!(names.contains(&"ada".to_owned()) && names.contains(id), "{names:?}");

    let explained = explained(&world, 21, "ada", &[]);
    let user = explained.user.as_ref().expect("a user was asked for");
    assert_eq!((user.tokens.len(), user.memberships.len()), (1, 1));
    assert_eq!(user.finding.as_ref().map(|finding| finding.remaining_integrations), Some(2));
    assert_eq!(explained.integrations.len(), 2);
    assert_eq!(explained.evidence.len(), 20, "of both");
}

#[test]
fn what_is_not_being_retired_is_explained_without_a_verdict() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, token(Accepted));
    let findings = world.judged_on(21);
    let id = findings.authentications.of(|_, _| true)[0].integration.clone();
    let explained = explained(&world, 21, &id, &[]);
    assert!(explained.integrations[0].verdicts.is_empty() && explained.integrations[0].steps.is_none());
    assert_eq!(explained.evidence.len(), 1);
}

#[test]
fn a_library_is_guessed_by_name_or_by_how_it_works_and_keeps_its_key() {
    let clients = ClientCatalogue::builtin().expect("a valid catalogue");
    let git = |username: &str, origin: Origin, repository: &str| Track {
        client: Some("git-cli".to_owned()),
        origin,
        ..jenkins(username, repository)
    };
    let of = |world: &World| {
        let row = world.row(40);
        assert_eq!(row.client, "git-cli", "a guess is no key");
        guess(&row, &clients).map(|guess| (guess.client, guess.words, guess.reason))
    };
    let mut named = World::watched();
    daily(&mut named, &git("svc", Origin::Network("jenkins-agents".to_owned()), "api"), 10..40);
    let (client, words, reason) = of(&named).expect("its origin says it");
    assert_eq!(client.as_deref(), Some("jenkins"));
    assert_eq!(words, "probably Jenkins core and plugins that send their own name");
    assert_eq!(reason, "its origin is called jenkins-agents, and jenkins shows as git-cli");

    let mut mirror = World::watched();
    for repository in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        daily(&mut mirror, &git("svc", Origin::Network("build-farm".to_owned()), repository), 10..40);
    }
    let (client, words, reason) = of(&mirror).expect("its work says it");
    assert_eq!((client, words.as_str()), (None, "probably a mirror or backup"));
    assert_eq!(reason, "8 repositories from build-farm, runs every day after 12:00 UTC (sure), and no write in 30 days");

    let mut job = World::watched();
    daily(&mut job, &git("svc", Origin::Network("build-farm".to_owned()), "api"), 10..40);
    assert_eq!(of(&job).expect("its hours say it").1, "probably a scheduled job", "one repository is no mirror");

    let mut roaming = World::watched();
    for (on, hour) in (10..40).flat_map(|on| [8, 9, 11, 13, 15, 16].map(|hour| (on, hour))).filter(|(on, _)| on % 7 < 5) {
        let at = day(on).start_ms() + hour * 3_600_000;
        roaming.see_at(LOG, &git("ada", Origin::Roaming, "api"), at, legacy(Accepted), 1);
    }
    let (client, words, _) = of(&roaming).expect("its hours say it");
    assert_eq!((client, words.as_str()), (None, "probably a person at work"));

    let mut two_days = World::watched();
    daily(&mut two_days, &git("svc", Origin::Network("build-farm".to_owned()), "api"), 30..32);
    assert_eq!(of(&two_days), None, "nothing speaks for anything");
}

#[test]
fn what_is_lifted_in_an_explanation_is_what_was_counted_where_the_removal_is_not_at_midnight() {
    let mut world = World::watched();
    world.rules = vec!["unknown".to_owned()];
    world.campaigns[0].removal = noon(REMOVAL);
    let track = jenkins("ada", "api");
    daily(&mut world, &track, REMOVAL - 9..REMOVAL);
    let refused = Verdict::of(Credential::Unknown, Grade::None, Rejected);
    let hour = |on: i32, hour: i64| day(on).start_ms() + hour * 3_600_000;
    let mut kept = Vec::new();
    for on in REMOVAL..REMOVAL + 2 {
        world.see_between(&track, (hour(on, 6), hour(on, 18)), refused, 2);
        kept.extend([18, 6].map(|at| Sighting {
            username: Some(Cow::Borrowed("ada")),
            host: Some(Cow::Borrowed("bitbucket.org")),
            path: Some(Cow::Borrowed("/acme/api.git/info/refs")),
            scheme: Some(Cow::Borrowed("basic")),
            status: Some(401),
            ..Sighting::at(instant(hour(on, at)))
        }));
    }
    let row = world.row(REMOVAL + 1);
    let explained = explained(&world, REMOVAL + 1, &row.id, &kept);
    let lifted: Vec<_> = explained.evidence.iter().filter(|piece| piece.lifted.is_some()).map(|piece| piece.first).collect();
    assert_eq!(row.rejected_30d, 2, "a count that begins before the removal is not split");
    assert_eq!(lifted, [18, 6].map(|at| instant(hour(REMOVAL + 1, at))));
}
