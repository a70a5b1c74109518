//! Counts, ranking, users, tokens and changes.

use super::world::*;
use crate::analysis::{BurndownDay, ChangeCause, Findings, Integration, Owner, changes, statuses};
use crate::evidence::{
    Credential, Day, Grade, Operation, Origin, Permission, RepositoryPermission, Status, Track, Verdict, WindowKind,
};

fn ids(findings: &Findings) -> Vec<(Option<u32>, String)> {
    findings.campaigns[0].integrations.iter().map(|row| (row.rank, row.user.id.clone())).collect()
}

#[test]
fn the_same_use_seen_by_two_sources_counts_once_with_the_better_grade() {
    let mut world = World::watched();
    let track = jenkins("ada", "api");
    let weak = Verdict { grade: Grade::Weak, ..legacy(Accepted) };
    let push = Verdict { operation: Operation::GitWrite, ..weak };
    world.see_through(LOG, &track, 10, weak, 3);
    world.see_through(LOG, &track, 10, push, 2);
    world.see_through("log/gateway", &track, 10, legacy(Accepted), 4);
    world.see_through("log/gateway", &track, 10, legacy(Rejected), 1);
    world.see_through("log/gateway", &jenkins("ada", "web"), 10, weak, 7);
    let findings = world.judged_on(10);
    let row = &findings.campaigns[0].integrations[0];
    assert_eq!((row.uses_7d, row.rejected_30d, row.writes_30d, row.grade), (5 + 1 + 7, 1, 2, Grade::Strong));
    assert_eq!(row.sources, ["log/egress", "log/gateway"]);
    let rows: Vec<_> =
        findings.authentications.of(|_, _| true).iter().map(|a| (a.grade.as_str(), a.outcome.as_str(), a.uses)).collect();
    assert_eq!(rows, [("strong", "accepted", 5), ("strong", "rejected", 1), ("weak", "accepted", 7)]);
}

#[test]
fn what_one_source_grades_differently_on_a_day_are_different_uses() {
    let mut world = World::watched();
    let weak = Verdict { grade: Grade::Weak, ..legacy(Accepted) };
    world.see_through(LOG, &jenkins("ada", "api"), 10, weak, 3);
    world.see_through(LOG, &jenkins("ada", "api"), 10, legacy(Accepted), 2);
    let told = |world: &World| {
        let findings = world.judged_on(10);
        let rows = findings.authentications.of(|_, _| true);
        let row = &findings.campaigns[0].integrations[0];
        let burnt = findings.campaigns[0].burndown[0].uses;
        (row.uses_7d, burnt, row.grade, rows.iter().map(|a| (a.grade.as_str(), a.uses)).collect::<Vec<_>>())
    };
    assert_eq!(told(&world), (5, 5, Grade::Strong, vec![("strong", 2), ("weak", 3)]));
    world.policy.minimum_grade = Grade::Strong;
    assert_eq!(told(&world), (2, 2, Grade::Strong, vec![("strong", 2), ("weak", 3)]));
    world.see_through("log/gateway", &jenkins("ada", "api"), 10, weak, 4);
    assert_eq!(told(&world), (5, 5, Grade::Strong, vec![("strong", 5)]), "which of them another one saw as well is not known");
}

#[test]
fn authentications_hold_every_credential_under_the_integrations_user() {
    let mut world = World::watched();
    world.roster.people.push(person("acc-1", "ada", ""));
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(&jenkins("ada", "web"), 10, legacy(Accepted));
    world.see(&jenkins("ada", "web"), 9, Verdict::of(Credential::Unknown, Grade::None, Accepted));
    let transcript = Track { workspace: Some("acme".to_owned()), repository: Some("web".to_owned()), ..Track::default() };
    world.see_through("import/ci", &transcript, 10, token(Accepted), 2);
    let rows: Vec<_> = world.judged_on(10).authentications.of(|_, _| true);
    let short: Vec<_> = rows.iter().map(|a| (a.day, a.user.as_str(), a.credential.as_str(), a.uses)).collect();
    assert_eq!(
        short,
        [(day(9), "acc-1", "unknown", 1), (day(10), "acc-1", "api_token", 2), (day(10), "acc-1", "app_password", 2)]
    );
}

#[test]
fn later_evidence_is_left_out_when_looking_back() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(&jenkins("ada", "api"), 11, legacy(Rejected));
    world.see(&jenkins("zoe", "api"), 12, legacy(Accepted));
    let findings = world.judged_on(10);
    assert_eq!(ids(&findings), [(Some(1), "name:ada".to_owned())]);
    assert_eq!(findings.campaigns[0].integrations[0].last_seen, noon(10));
    assert_eq!(findings.authentications.of(|_, _| true).len(), 1);
    assert_eq!(findings.users.len(), 1);
}

#[test]
fn a_crowd_that_several_cores_look_at_is_counted_as_one() {
    let mut world = World::watched();
    // Thirds of their integrations would cut through users.
    let users = 601;
    for user in 0..users {
        let name = format!("user-{user:03}");
        let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins(&name, "api") };
        for track in [jenkins(&name, "api"), laptop] {
            (10..=13).for_each(|on| world.see(&track, on, legacy(Accepted)));
        }
    }
    let findings = world.judged_on(13);
    let found = &findings.campaigns[0];
    let counts = |row: &BurndownDay| (row.day, row.remaining, row.remaining_known, row.active, row.users_remaining, row.uses);
    let days: Vec<_> = found.burndown.iter().map(counts).collect();
    let expected = (10..=13).map(|on| (day(on), 2 * users, 2 * users, 2 * users, users, 2 * u64::from(users)));
    assert_eq!(days, expected.collect::<Vec<_>>());
    let ranks: Vec<_> = found.integrations.iter().map(|row| row.rank).collect();
    assert_eq!(ranks, (1..=2 * users).map(Some).collect::<Vec<_>>());
    let daily: Vec<_> = findings.authentications.daily().iter().map(|daily| (daily.day, daily.uses)).collect();
    assert_eq!(daily, (10..=13).map(|on| (day(on), 2 * u64::from(users))).collect::<Vec<_>>());
    let of_users: Vec<_> = findings.users.iter().map(|user| (user.remaining_integrations, user.legacy_uses_30d)).collect();
    assert_eq!(of_users, (0..users).map(|_| (2, 8)).collect::<Vec<_>>());
}

#[test]
fn the_burndown_counts_integrations_and_people_day_by_day() {
    let mut world = World::watched();
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    (10..=20).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    world.see(&laptop, 12, Verdict { grade: Grade::Weak, ..legacy(Rejected) });
    (11..=12).for_each(|on| world.see(&jenkins("zoe", "api"), on, legacy(Accepted)));
    world.see(&Track { username: None, repository: None, ..jenkins("", "") }, 12, legacy(Accepted));
    world.see(&jenkins("ada", "api"), 21, token(Accepted));
    let burndown = world.judged_at(noon(30)).campaigns.remove(0).burndown;
    let at = |on: i32| burndown.iter().find(|row| row.day == day(on)).unwrap();
    assert_eq!(burndown.first().map(|row| row.day), Some(day(10)));
    assert_eq!(burndown.last().map(|row| row.day), Some(day(30)));
    assert_eq!((at(10).remaining, at(10).users_remaining, at(10).uses), (1, 1, 1));
    assert_eq!((at(12).remaining, at(12).remaining_known, at(12).users_remaining), (4, 3, 2));
    assert_eq!((at(12).failing, at(12).active, at(12).uses, at(12).rejected), (1, 3, 4, 1));
    assert_eq!((at(27).migrated, at(27).remaining, at(27).users_remaining), (1, 3, 2));
}

#[test]
fn equal_scores_are_ranked_by_id_and_the_gone_follow_unranked() {
    let mut world = World::watched();
    for name in ["zoe", "ada", "ken"] {
        (50..=60).for_each(|on| world.see(&jenkins(name, "api"), on, legacy(Accepted)));
    }
    (0..=10).for_each(|on| world.see(&jenkins("gone", "api"), on, legacy(Accepted)));
    let rows = world.rows(60);
    assert_eq!(rows.iter().map(|row| row.rank).collect::<Vec<_>>(), [Some(1), Some(2), Some(3), None]);
    assert!(rows[..3].is_sorted_by_key(|row| row.id.clone()));
    assert_eq!((rows[3].status, rows[3].score.to_bits(), rows[3].terms.len()), (Status::Retired, 0, 0));
    assert_eq!(ids(&world.judged_on(60)), ids(&world.judged_on(60)));
}

#[test]
fn what_tries_again_when_it_is_refused_breaks_more_often() {
    let tries = |refusals: u64| {
        let mut world = World::watched();
        let from_ms = world.campaigns[0].windows[0].from_ms;
        // Every other hour outside, and in the first window as often as is said.
        for hour in (60 * 24..111 * 24).step_by(2) {
            world.see_at(LOG, &jenkins("ada", "api"), day(0).start_ms() + hour * 3_600_000, legacy(Accepted), 1);
        }
        let refused = Verdict { window: WindowKind::Published, ..legacy(Rejected) };
        world.see_at(LOG, &jenkins("ada", "api"), from_ms, refused, refusals);
        let row = world.row(110);
        row.terms.iter().find(|term| term.name == "tries").map(|term| term.value).unwrap()
    };
    let (silent, loud) = (tries(1), tries(40));
    assert!((silent - 1.0).abs() < 1e-9 && loud > 1.5 && loud <= 3.0, "{silent} {loud}");
}

#[test]
fn windows_that_were_guessed_count_as_published_ones() {
    // Refusals in the first published window and in the first one that was guessed; seen from the day after the later one, or sooner.
    let tries = |published: u64, guessed: u64, sooner: i32| {
        let mut world = World::watched();
        let window_of =
            |published| world.campaigns[0].windows.iter().find(|window| window.published == published).copied().unwrap();
        let windows = [(true, published), (false, guessed)].map(|(published, refusals)| (window_of(published), refusals));
        let last = Day::of_ms(window_of(false).to_ms).0 - day(0).0 + 1;
        for hour in (60 * 24..i64::from(last) * 24).step_by(2) {
            world.see_at(LOG, &jenkins("ada", "api"), day(0).start_ms() + hour * 3_600_000, legacy(Accepted), 1);
        }
        for (window, refusals) in windows.into_iter().filter(|(_, refusals)| *refusals > 0) {
            let kind = if window.published { WindowKind::Published } else { WindowKind::Extrapolated };
            world.see_at(LOG, &jenkins("ada", "api"), window.from_ms, Verdict { window: kind, ..legacy(Rejected) }, refusals);
        }
        term(&world.row(last - sooner), "tries")
    };
    let (published, guessed) = (tries(30, 5, 0), tries(5, 30, 0));
    assert!((published - guessed).abs() < 1e-9 && (1.2..2.9).contains(&published), "{published} {guessed}");
    let (met, spared) = (tries(30, 0, 2), tries(30, 0, 0));
    assert!(spared < met, "what a guessed window spared was expected in it, too: {met} {spared}");
}

#[test]
fn a_few_refusals_say_less_of_one_than_those_of_all_that_are_like_it() {
    let tries = |users: &[(&str, u64)]| -> Vec<f64> {
        let mut world = World::watched();
        let from_ms = world.campaigns[0].windows[0].from_ms;
        let refused = Verdict { window: WindowKind::Published, ..legacy(Rejected) };
        for (user, refusals) in users {
            for hour in (60 * 24..111 * 24).step_by(2) {
                world.see_at(LOG, &jenkins(user, "api"), day(0).start_ms() + hour * 3_600_000, legacy(Accepted), 1);
            }
            world.see_at(LOG, &jenkins(user, "api"), from_ms, refused, *refusals);
        }
        let rows = world.rows(110);
        let of = |user: &str| rows.iter().find(|row| row.user.id == format!("name:{user}")).unwrap();
        let term = |user: &str| of(user).terms.iter().find(|term| term.name == "tries").map(|term| term.value).unwrap();
        users.iter().map(|(user, _)| term(user)).collect()
    };
    let alone = tries(&[("loud", 40)])[0];
    let among = tries(&[("loud", 40), ("ada", 1), ("ken", 1), ("mira", 1), ("zoe", 1), ("grace", 1)]);
    assert!(among[1] < among[0] && among[0] < alone, "{alone} {among:?}");
}

#[test]
fn what_is_seen_only_when_it_is_refused_is_counted_as_often_as_it_was_tried() {
    let mut world = World::watched();
    let from_ms = world.campaigns[0].windows[0].from_ms;
    let refused = Verdict { window: WindowKind::Published, ..legacy(Rejected) };
    for hour in (60 * 24..111 * 24).step_by(2) {
        world.see_at(LOG, &jenkins("ada", "api"), day(0).start_ms() + hour * 3_600_000, legacy(Accepted), 1);
    }
    world.see_at(LOG, &jenkins("ada", "api"), from_ms, refused, 40);
    world.see_at(LOG, &jenkins("ken", "api"), from_ms, refused, 40);
    let rows = world.rows(110);
    let tries = |user: &str| term(rows.iter().find(|row| row.user.id == user).unwrap(), "tries");
    assert!(tries("name:ada") > 1.5, "{}", tries("name:ada"));
    assert!((tries("name:ken") - 1.0).abs() < 1e-9, "its uses are these tries: {}", tries("name:ken"));
}

#[test]
fn of_what_is_moving_the_last_week_counts() {
    let uses = |moves: bool| {
        let mut world = World::watched();
        (60..=100).for_each(|on| world.see_through(LOG, &jenkins("ada", "api"), on, legacy(Accepted), 20));
        let left = if moves { 1 } else { 20 };
        (101..=110).for_each(|on| world.see_through(LOG, &jenkins("ada", "api"), on, legacy(Accepted), left));
        if moves {
            (101..=110).for_each(|on| world.see_through(LOG, &jenkins("ada", "api"), on, token(Accepted), 19));
        }
        let row = world.row(110);
        assert_eq!(row.status, if moves { Status::Migrating } else { Status::Active });
        term(&row, "uses")
    };
    let (moving, staying) = (uses(true), uses(false));
    assert!(moving < 0.5 * staying && staying > 120.0, "{moving} {staying}");
}

fn term(row: &Integration, name: &str) -> f64 {
    row.terms.iter().find(|term| term.name == name).map(|term| term.value).unwrap()
}

#[test]
fn what_is_new_is_not_taken_at_its_first_day() {
    let uses = |since: i32| {
        let mut world = World::watched();
        for name in ["ada", "bob", "cyd", "dan"] {
            (60..=100).for_each(|on| world.see_through(LOG, &jenkins(name, "api"), on, legacy(Accepted), 2));
        }
        (since..=100).for_each(|on| world.see_through(LOG, &jenkins("new", "api"), on, legacy(Accepted), 20));
        let rows = world.rows(100);
        term(rows.iter().find(|row| row.user.id == "name:new").unwrap(), "uses")
    };
    let (first_day, later) = (uses(100), uses(60));
    assert!(first_day < 60.0 && later > 120.0 && later < 140.0, "{first_day} {later}");
}

#[test]
fn what_brownouts_spare_again_and_again_is_hardly_the_legacy_credential() {
    let certainty = |refused_on: Option<i32>| {
        let mut world = World::watched();
        let weak = Verdict { grade: Grade::Weak, ..legacy(Accepted) };
        // Twice an hour, and by what can be told never inside a window.
        for hour in (60 * 24..111 * 24).flat_map(|hour| [2 * hour, 2 * hour + 1]) {
            let ms = day(0).start_ms() + hour * 1_800_000;
            if world.campaigns[0].window_at(ms) == WindowKind::Outside {
                world.see_at(LOG, &jenkins("ada", "api"), ms, weak, 1);
            }
        }
        if let Some(on) = refused_on {
            let window = world.campaigns[0].windows.iter().rfind(|window| window.from_ms < day(on).end_ms()).unwrap().from_ms;
            let refused = Verdict { grade: Grade::Weak, window: WindowKind::Published, ..legacy(Rejected) };
            world.see_at(LOG, &jenkins("ada", "api"), window, refused, 1);
        }
        term(&world.row(110), "certainty")
    };
    let (spared, spared_since, refused) = (certainty(None), certainty(Some(104)), certainty(Some(110)));
    assert!(spared < 0.15 && spared_since < 0.2 && refused > 0.6, "{spared} {spared_since} {refused}");
}

#[test]
fn the_more_it_does_and_the_surer_it_breaks_the_higher_it_ranks() {
    let mut world = World::watched();
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("laptop", "api") };
    for on in 50..=60 {
        world.see(&laptop, on, Verdict { grade: Grade::Weak, ..legacy(Accepted) });
        world.see(&jenkins("weak", "api"), on, Verdict { grade: Grade::Weak, ..legacy(Accepted) });
        world.see(&jenkins("half", "api"), on, legacy(Accepted));
        world.see(&jenkins("half", "api"), on, token(Accepted));
        world.see(&jenkins("sure", "api"), on, legacy(Accepted));
        world.see_through(LOG, &jenkins("busy", "api"), on, legacy(Accepted), 50);
    }
    (30..=50).for_each(|on| world.see(&jenkins("quiet", "api"), on, legacy(Accepted)));
    let ranked: Vec<String> = ids(&world.judged_on(60)).into_iter().map(|(_, user)| user.replace("name:", "")).collect();
    assert_eq!(ranked, ["busy", "sure", "half", "weak", "laptop", "quiet"]);
    let row = &world.rows(60)[0];
    let names: Vec<&str> = row.terms.iter().map(|term| term.name).collect();
    assert_eq!(names, ["uses", "tries", "stays", "certainty", "kind", "reach", "rights", "writes", "lateness"]);
    assert_eq!(row.terms[8].words, "removal in 88 days, the team needs 14");
    assert!(row.terms.iter().all(|term| !term.words.is_empty()));
}

#[test]
fn after_the_removal_what_is_broken_comes_first_by_rejections() {
    let mut world = World::watched();
    for on in 140..=160 {
        world.see_through(LOG, &jenkins("few", "api"), on, legacy(Rejected), 1);
        world.see_through(LOG, &jenkins("many", "api"), on, legacy(Rejected), 30);
        world.see_through(LOG, &jenkins("odd", "api"), on, legacy(Accepted), 5_000);
    }
    assert_eq!(
        ids(&world.judged_on(160)).into_iter().map(|(_, user)| user).collect::<Vec<_>>(),
        ["name:many", "name:few", "name:odd"]
    );
}

#[test]
fn owners_give_the_lead_time_and_the_latest_safe_start() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "payments-api"), 10, legacy(Accepted));
    assert_eq!(world.row(10).latest_safe_start, day(REMOVAL - 14).start());
    world.policy.owners = vec![Owner {
        name: "payments".to_owned(),
        email: Some("payments@example.test".to_owned()),
        lead_time_days: Some(45),
        repository: Some("payments-*".to_owned()),
        client: Some("jenkins".to_owned()),
        ..Owner::default()
    }];
    let row = world.row(10);
    assert_eq!((row.owner.as_deref(), row.lead_time_days), (Some("payments"), 45));
    assert_eq!((row.deadline, row.latest_safe_start), (day(REMOVAL).start(), day(REMOVAL - 45).start()));
    assert_eq!(world.judged_on(10).users[0].owner.as_deref(), Some("payments"));
}

#[test]
fn a_user_has_the_owner_of_an_integration_and_not_of_a_mixture_of_several() {
    let mut world = World::watched();
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    world.see(
        &Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") },
        10,
        legacy(Accepted),
    );
    let owner = |name: &str, origin: Option<&str>| Owner {
        name: name.to_owned(),
        client: Some("jenkins".to_owned()),
        origin: origin.map(str::to_owned),
        ..Owner::default()
    };
    world.policy.owners = vec![owner("nobody's", Some("roaming")), owner("ci", None)];
    let owners: Vec<_> = world.rows(10).into_iter().filter_map(|row| row.owner).collect();
    assert_eq!(owners, ["ci"]);
    assert_eq!(world.judged_on(10).users[0].owner.as_deref(), Some("ci"));
}

#[test]
fn rights_are_those_of_the_user_on_what_it_uses() {
    let mut world = World::watched();
    world.member(person("acc-1", "ada", ""), "member");
    world.member(person("acc-2", "zoe", ""), "owner");
    for (repository, permission) in [("api", Permission::Write), ("secret", Permission::Admin)] {
        world.roster.permissions.push(RepositoryPermission {
            workspace: "acme".into(),
            repository: repository.into(),
            account_id: "acc-1".into(),
            permission,
        });
    }
    for name in ["ada", "zoe", "stranger"] {
        world.see(&jenkins(name, "api"), 10, legacy(Accepted));
    }
    let findings = world.judged_on(10);
    let of = |user: &str| {
        let rows = &findings.campaigns[0].integrations;
        rows.iter().find(|row| row.user.id == user).unwrap().highest_permission.clone()
    };
    assert_eq!(of("acc-1").as_deref(), Some("write"));
    assert_eq!(of("acc-2").as_deref(), Some("admin"));
    assert_eq!(of("name:stranger"), None);
    let users: Vec<_> =
        findings.users.iter().map(|user| (user.user.id.as_str(), user.highest_permission.as_deref(), user.member)).collect();
    assert_eq!(
        users,
        [("acc-1", Some("admin"), Some(true)), ("acc-2", Some("admin"), Some(true)), ("name:stranger", None, None)]
    );
}

#[test]
fn users_are_counted_by_what_they_sign_in_with() {
    let mut world = World::watched();
    world.roster.people.push(person("acc-1", "ada", ""));
    world.api_token("t-1", person("acc-1", "", ""), Some(50));
    world.api_token("t-2", person("acc-1", "", ""), Some(12));
    world.api_token("t-3", person("acc-9", "", ""), None);
    world.see_through(LOG, &jenkins("ada", "api"), 20, legacy(Accepted), 4);
    world.see_through(LOG, &jenkins("ada", "api"), 20, token(Accepted), 3);
    world.see_through(LOG, &jenkins("ada", "api"), 20, Verdict::of(Credential::Unknown, Grade::None, Accepted), 2);
    let users = world.judged_on(20).users;
    let ada = &users[0];
    assert_eq!((ada.legacy_uses_30d, ada.replacement_uses_30d, ada.other_uses_30d), (4, 3, 2));
    assert_eq!((ada.remaining_integrations, ada.live_api_tokens, ada.last_legacy), (1, Some(1), Some(noon(20))));
    assert_eq!((users[1].user.id.as_str(), users[1].live_api_tokens, users[1].member), ("acc-9", Some(1), None));
}

#[test]
fn tokens_are_sorted_by_expiry_and_know_where_they_were_seen() {
    let mut world = World::watched();
    world.api_token("t-b", person("acc-1", "ada", ""), None);
    world.api_token("t-a", person("acc-1", "ada", ""), Some(19));
    world.api_token("t-c", person("acc-1", "ada", ""), Some(30));
    world.see(&Track { token_id: Some("t-c".to_owned()), ..jenkins("ada", "api") }, 10, token(Accepted));
    world.see(&jenkins("ada", "api"), 10, legacy(Accepted));
    let findings = world.judged_at(noon(20));
    let rows: Vec<_> = findings.tokens.iter().map(|t| (t.token.as_str(), t.days_left, !t.integrations.is_empty())).collect();
    assert_eq!(rows, [("t-a", Some(-1), false), ("t-c", Some(10), true), ("t-b", None, false)]);
    assert_eq!(findings.tokens[0].listed_by, "tokens/acme");
}

#[test]
fn the_row_says_why_and_what_to_do() {
    let mut world = World::watched();
    let weak = Verdict { grade: Grade::Weak, ..legacy(Accepted) };
    (10..=20).for_each(|on| world.see(&jenkins("ada", "api"), on, weak));
    let row = world.row(20);
    assert_eq!(
        row.reasons,
        [
            "an app password was last used on 2026-03-21",
            "7 uses in the last 7 days with what looks like an app password (weak: basic-nickname-rest)",
            "runs every day after 12:00 UTC (sure), like a machine; next expected on 2026-03-22",
            "its user is not resolved: no inventory knows ada",
        ]
    );
    assert!(row.advice.starts_with("Create: Bitbucket user API token"), "{}", row.advice);
    assert_eq!((row.workspace.as_deref(), row.repositories.as_slice()), (Some("acme"), &["acme/api".to_owned()][..]));
}

#[test]
fn a_change_is_told_with_its_cause() {
    let mut world = World::watched();
    (50..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    let told = |world: &World, before: i32, on: i32| {
        let changes = changes(&statuses(&world.judged_on(before)), &world.judged_on(on));
        changes.into_iter().map(|change| (change.from, change.to.unwrap(), change.cause)).collect::<Vec<_>>()
    };
    assert_eq!(told(&world, 49, 50), [(None, Status::Active, ChangeCause::Discovered)]);
    assert_eq!(told(&world, 50, 60), []);
    assert_eq!(told(&world, 60, 67), [(Some(Status::Active), Status::Quiet, ChangeCause::Moved)]);
    assert_eq!(told(&world, 67, 90), [(Some(Status::Quiet), Status::Retired, ChangeCause::Retired)]);
    world.see(&jenkins("ada", "api"), 95, legacy(Accepted));
    assert_eq!(told(&world, 94, 95), [(Some(Status::Retired), Status::Active, ChangeCause::Returned)]);
    world.see(&jenkins("ada", "api"), 96, token(Accepted));
    assert_eq!(told(&world, 96, 110), [(Some(Status::Migrating), Status::Migrated, ChangeCause::Migrated)]);
}

#[test]
fn who_only_knocks_any_more_has_migrated_and_who_is_let_in_again_is_back() {
    let mut world = World::watched();
    (REMOVAL - 20..REMOVAL + 10).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Rejected)));
    (REMOVAL + 5..REMOVAL + 10).for_each(|on| world.see(&jenkins("ada", "api"), on, token(Accepted)));
    let told = |before: i32, on: i32| {
        let changes = changes(&statuses(&world.judged_on(before)), &world.judged_on(on));
        changes.into_iter().map(|change| (change.from, change.to.unwrap(), change.cause)).collect::<Vec<_>>()
    };
    assert_eq!(told(REMOVAL + 3, REMOVAL + 5), [(Some(Status::Failing), Status::Stale, ChangeCause::Migrated)]);
    assert_eq!(told(REMOVAL + 5, REMOVAL + 3), [(Some(Status::Stale), Status::Failing, ChangeCause::Returned)]);
}

#[test]
fn evidence_that_came_late_is_a_change_of_coverage() {
    let mut world = World::watched();
    (50..=60).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    let before = statuses(&world.judged_on(67));
    (61..=65).for_each(|on| world.see(&jenkins("ada", "api"), on, legacy(Accepted)));
    let changes = changes(&before, &world.judged_on(68));
    assert_eq!((changes[0].to.unwrap(), changes[0].cause, changes[0].day), (Status::Active, ChangeCause::Coverage, day(68)));
}

#[test]
fn nothing_in_is_nothing_out() {
    let findings = World::empty().judged_on(100);
    assert!(findings.campaigns[0].integrations.is_empty() && findings.campaigns[0].burndown.is_empty());
    assert!(findings.users.is_empty() && findings.authentications.daily().is_empty() && findings.new_keys.is_empty());
}

#[test]
fn counts_that_no_number_holds_are_as_many_as_one_can() {
    let mut world = World::watched();
    let most = u64::MAX / 2 + 1;
    let inside = Verdict { window: WindowKind::Published, ..legacy(Rejected) };
    for (user, verdict) in [("ada", legacy(Accepted)), ("ada", legacy(Rejected)), ("mira", legacy(Accepted))] {
        for on in 85..=100 {
            world.see_through(LOG, &jenkins(user, "api"), on, verdict, most);
            world.see_through(LOG, &jenkins(user, "web"), on, token(verdict.outcome), most);
            world.see_through("log/gateway", &jenkins(user, "api"), on, inside, most);
        }
    }
    let rows = world.rows(100);
    assert_eq!(rows.iter().map(|row| (row.uses_7d, row.rejected_30d)).max(), Some((u64::MAX, u64::MAX)));
    assert_eq!(world.judged_on(100).users[0].legacy_uses_30d, u64::MAX);
}
