//! How an integration works: its periods, who is behind it, what is expected of it, and what brownouts did to it.

use jiff::Timestamp;

use super::world::*;
use crate::analysis::{Integration, Rhythm, RhythmKind};
use crate::evidence::{Credential, Day, Grade, Origin, Status, Track, Verdict, WindowKind};

const HOUR_MS: i64 = 3_600_000;

/// An instant on a day of the test.
fn at(on: i32, hour: i64) -> i64 {
    day(on).start_ms() + hour * HOUR_MS + 5 * 60_000
}

fn run(world: &mut World, on: i32, hour: i64) {
    world.see_at(LOG, &jenkins("ada", "api"), at(on, hour), legacy(Accepted), 1);
}

/// Runs at one hour on the days that are wanted; day 0 is Sunday, 1 March.
fn runs(days: impl IntoIterator<Item = i32>, hour: i64) -> World {
    let mut world = World::watched();
    days.into_iter().for_each(|on| run(&mut world, on, hour));
    world
}

fn rhythm(world: &World, on: i32) -> Rhythm {
    world.row(on).rhythm
}

fn instants(from: (i32, i64), to: (i32, i64)) -> (Timestamp, Timestamp) {
    let instant = |(on, hour): (i32, i64)| crate::evidence::time::instant(day(on).start_ms() + hour * HOUR_MS);
    (instant(from), instant(to))
}

fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} is not {expected} ± {within}");
}

#[test]
fn a_nightly_job_is_expected_in_its_hour() {
    let world = runs(0..=60, 2);
    let found = rhythm(&world, 60);
    assert_eq!((found.kind, found.words.as_str()), (RhythmKind::Daily, "runs every day after 02:00 UTC (sure)"));
    assert_eq!((found.next, found.missed, found.silence.as_str()), (Some(instants((61, 2), (61, 3))), 0, ""));
    let later = rhythm(&world, 63);
    assert_eq!(later.silence, "silent for 3 days: it was due on 3 of them and did not run");
    assert_eq!((later.missed, later.next), (3, Some(instants((64, 2), (64, 3)))));
}

#[test]
fn the_day_of_now_may_still_be_used() {
    let world = runs(0..=60, 2);
    let row = world.judged_at(noon(61)).campaigns.remove(0).integrations.remove(0);
    assert_eq!((row.rhythm.next, row.rhythm.missed), (Some(instants((61, 2), (61, 3))), 0));
}

#[test]
fn a_weekly_run_beside_a_nightly_one_is_found_by_its_hour() {
    let mut world = runs(0..=60, 2);
    (0..=56).step_by(7).for_each(|on| run(&mut world, on, 5));
    let found = rhythm(&world, 60);
    assert_eq!(found.kind, RhythmKind::Several);
    assert_eq!(found.words, "runs every day after 02:00 UTC, and on Sundays after 05:00 UTC (sure)");
}

#[test]
fn a_weekly_run_beside_a_nightly_one_is_found_by_its_repository() {
    let mut world = runs(0..=60, 2);
    (1..=57).step_by(7).for_each(|on| world.see_at(LOG, &jenkins("ada", "mirror"), at(on, 2), legacy(Accepted), 1));
    (0..=60).for_each(|on| world.see_at(LOG, &jenkins("ada", "web"), at(on, 2), legacy(Accepted), 1));
    let found = rhythm(&world, 60);
    assert_eq!(found.words, "runs every day after 02:00 UTC, and on Mondays on acme/mirror (sure)");
}

#[test]
fn a_monthly_run_beside_a_weekly_one_is_found_on_its_days() {
    let mut world = runs((2..=170).step_by(7), 2);
    // The tenth of March to August.
    for on in [9, 40, 70, 101, 131, 162] {
        run(&mut world, on, 2);
    }
    let found = rhythm(&world, 170);
    assert_eq!(found.kind, RhythmKind::Several);
    assert!(
        found.words.starts_with("runs on Tuesdays after 02:00 UTC, and on day 10 of the month after 02:00 UTC"),
        "{}",
        found.words
    );
}

#[test]
fn a_monthly_job_is_not_gone_in_its_third_week() {
    // The first of March, April and May; seen on 21 May.
    let world = runs([0, 31, 61], 2);
    let row = world.row(81);
    assert_eq!((row.status, row.rhythm.kind), (Status::Active, RhythmKind::Monthly));
    assert_eq!(row.rhythm.silence, "silent for 20 days, in which nothing was due");
    assert_eq!(row.rhythm.next, Some(instants((92, 2), (92, 3))));
    assert!(row.reasons.iter().any(|reason| reason.contains("on day 1 of the month")), "{:?}", row.reasons);
}

#[test]
fn two_uses_are_no_rhythm() {
    let found = rhythm(&runs([10, 40], 2), 60);
    assert_eq!((found.kind, found.machine, found.next), (RhythmKind::Unknown, None, None));
    assert_eq!(found.words, "the rhythm is unknown: it was used on 2 days only");
    assert_eq!(found.silence, "silent for 20 days, which says nothing without a rhythm");
    assert_eq!(rhythm(&runs([10], 2), 10).words, "the rhythm is unknown: it was used on 1 day only");
}

#[test]
fn days_that_nobody_saw_are_neither_silence_nor_use() {
    let mut world = World::empty();
    world.cover(LOG, 0, 30);
    world.cover(LOG, 45, 61);
    world.cover(LOG, 70, 100);
    (0..=60).filter(|on| !(30..45).contains(on)).for_each(|on| run(&mut world, on, 2));
    let found = rhythm(&world, 71);
    assert_eq!(found.words, "runs every day after 02:00 UTC (sure)");
    assert_eq!((found.missed, found.silence.as_str()), (2, "silent for 2 days: it was due on 2 of them and did not run"));
    near(world.row(60).weekly_uses, 7.0, 0.01);
}

#[test]
fn evidence_without_any_coverage_is_judged_by_itself() {
    let mut world = World::empty();
    (0..10).for_each(|on| run(&mut world, on, 2));
    let row = world.row(80);
    assert_eq!((row.rhythm.kind, row.rhythm.missed, row.rhythm.silence.as_str()), (RhythmKind::Daily, 0, ""));
    near(row.weekly_uses, 7.0, 0.01);
    let mut once = World::empty();
    run(&mut once, 5, 2);
    let row = once.row(5);
    assert_eq!((row.rhythm.kind, row.brownouts.words.len()), (RhythmKind::Unknown, 0));
    near(row.exposure.by_hour[2], 1.0, 1e-9);
}

#[test]
fn what_a_brownout_refused_again_and_again_is_no_hour_of_the_habit() {
    let mut world = runs(60..=104, 2);
    let window = world.campaigns[0].windows[0];
    let refused = Verdict { window: WindowKind::Published, ..legacy(Rejected) };
    world.see_at(LOG, &jenkins("ada", "api"), window.from_ms, refused, 40);
    let (hour, by_hour) = (usize::try_from(window.from_ms / HOUR_MS % 24).unwrap(), world.row(104).exposure.by_hour);
    assert_ne!(hour, 2);
    near(by_hour[hour], 0.0, 1e-9);
    near(by_hour[2], by_hour.iter().sum(), 1e-9);
}

#[test]
fn evidence_of_the_future_changes_nothing() {
    let known = runs(0..=60, 2);
    let mut world = runs(0..=60, 2);
    (61..=90).step_by(3).for_each(|on| run(&mut world, on, 14));
    let (then, told) = (world.row(60), known.row(60));
    assert_eq!((then.rhythm, then.exposure, then.brownouts), (told.rhythm, told.exposure, told.brownouts));
}

#[test]
fn a_habit_that_changed_is_the_one_it_has_now() {
    let mut world = runs(0..=40, 2);
    (42..=112).step_by(7).for_each(|on| run(&mut world, on, 2));
    assert_eq!(rhythm(&world, 115).words, "runs on Sundays after 02:00 UTC (sure)");
}

#[test]
fn what_keeps_no_calendar_is_said_to_keep_none() {
    let mut rng = fastrand::Rng::with_seed(1);
    let days: Vec<i32> = (0..90).filter(|_| rng.u8(0..10) < 3).collect();
    let found = rhythm(&runs(days, 14), 90);
    assert_eq!(found.kind, RhythmKind::Irregular);
    assert!(found.words.starts_with("keeps no rhythm: used on "), "{}", found.words);
}

/// The integration of a track that is used on some days, at hours of its own choice.
#[test]
fn what_keeps_no_calendar_is_expected_after_its_usual_pauses() {
    // Pauses of 1, 2, 3, 5, 2, 9, 1, 4, 2, 6 and 3 days: their middle is 3, and nine of ten are at most 6.
    let pauses = [1, 2, 3, 5, 2, 9, 1, 4, 2, 6, 3];
    let days: Vec<i32> = std::iter::once(10)
        .chain(pauses.iter().scan(10, |on, pause| {
            *on += pause;
            Some(*on)
        }))
        .collect();
    let last = days[days.len() - 1];
    let world = runs(days, 14);
    let next = |on: i32| rhythm(&world, on).next;
    assert_eq!(rhythm(&world, last).kind, RhythmKind::Irregular);
    assert_eq!(next(last), Some(instants((last + 3, 0), (last + 7, 0))));
    assert_eq!(next(last + 5), Some(instants((last + 6, 0), (last + 7, 0))), "it is late, and may still come");
    assert_eq!(next(last + 8), None, "it is later than it ever was nine times of ten");
}

fn worked(track: &Track, days: impl IntoIterator<Item = i32>, hours: std::ops::Range<i64>) -> Integration {
    let mut world = World::watched();
    let mut rng = fastrand::Rng::with_seed(7);
    for on in days {
        (0..4).for_each(|_| world.see_at(LOG, track, at(on, rng.i64(hours.clone())), legacy(Accepted), 1));
    }
    world.row(60)
}

#[test]
fn who_hardly_works_at_night_is_less_surely_a_machine_than_what_never_sleeps() {
    // It works at night once in so many days.
    let probability = |once_in: i32| {
        let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
        let mut world = World::watched();
        let hours = (0..=40).flat_map(|on| (0..24).map(move |hour| (on, hour)));
        for (on, hour) in hours.filter(|(on, hour)| *hour >= 8 || on % once_in == 0) {
            world.see_at(LOG, &laptop, at(on, hour), legacy(Accepted), 10);
        }
        world.row(40).rhythm.machine_probability.unwrap()
    };
    let (hardly, always) = (probability(8), probability(1));
    assert!(hardly + 0.2 < always, "{hardly} {always}");
}

#[test]
fn machines_and_people_are_told_apart_by_hours_weekends_origin_and_client() {
    let laptop = Track { client: Some("git-cli".to_owned()), origin: Origin::Roaming, ..jenkins("ada", "api") };
    let script = Track { client: None, origin: Origin::parse("a", "198.51.100.0/24"), ..jenkins("ada", "api") };
    let working = || (0..=60).filter(|on| (1..=5).contains(&(on % 7)));
    assert_eq!(worked(&laptop, working(), 7..17).machine, Some(false));
    assert_eq!(worked(&jenkins("ada", "api"), 0..=60, 0..24).machine, Some(true));
    let unknown = Track { client: Some("unknown".to_owned()), ..script };
    assert_eq!(worked(&unknown, 0..=60, 0..24).machine, Some(true), "it never sleeps");
    assert_eq!(worked(&unknown, working(), 7..17).machine, Some(false), "it works when people do");
    let office = Track { client: Some("curl".to_owned()), origin: Origin::Network("office".to_owned()), ..unknown };
    assert_eq!(worked(&office, working(), 7..17).machine, None, "a script that people start may be either");
}

#[test]
fn the_weekly_uses_follow_the_present_rate() {
    let mut daily = World::watched();
    (0..=60).for_each(|on| world_uses(&mut daily, on, 3));
    near(daily.row(60).weekly_uses, 21.0, 0.01);
    let working = runs((0..=60).filter(|on| (1..=5).contains(&(on % 7))), 9);
    near(working.row(60).weekly_uses, 5.0, 0.3);
    near(runs((0..=56).step_by(7), 2).row(60).weekly_uses, 1.0, 0.3);
    let monthly = runs([0, 31, 61, 92], 2);
    near(monthly.row(100).weekly_uses, 7.0 * 12.0 / 365.25, 0.02);
    // Four weeks later little is left of a rate, and after thirteen weeks nothing.
    assert!(daily.row(78).weekly_uses < 10.0);
    near(daily.row(160).weekly_uses, 0.0, 0.01);
}

fn world_uses(world: &mut World, on: i32, uses: u64) {
    world.see_through(LOG, &jenkins("ada", "api"), on, legacy(Accepted), uses);
}

#[test]
fn refusals_that_are_tried_again_make_nothing_busier() {
    let mut world = World::watched();
    (0..40).for_each(|on| world_uses(&mut world, on, 4));
    (40..=70).for_each(|on| world.see_through(LOG, &jenkins("ada", "api"), on, legacy(Rejected), 12));
    near(world.row(70).weekly_uses, 28.0, 0.01);
}

#[test]
fn the_next_windows_hit_what_runs_in_their_hours() {
    let mut world = runs(0..=109, 0);
    (0..=109).for_each(|on| world.see_at(LOG, &jenkins("zoe", "api"), at(on, 14), legacy(Accepted), 10));
    let found = world.judged_on(109).campaigns.remove(0);
    let midnight = &found.windows[0];
    assert_eq!(found.windows.len(), 8);
    assert_eq!((midnight.integrations, midnight.window.published), (1, true));
    // Windows of half an hour, in which half of what runs in their hour runs: 00:05 may be any minute of its hour.
    near(midnight.expected, 0.5, 0.05);
    near(found.windows[1].expected, 0.0, 1e-9);
    let ada = found.integrations.iter().find(|row| row.user.id == "name:ada").unwrap();
    near(ada.exposure.first_week, 7.0, 0.01);
    near(ada.exposure.by_hour[0], 1.0, 0.01);
    let later = world.judged_on(134).campaigns.remove(0);
    assert!(later.windows.iter().all(|window| !window.window.published));
}

#[test]
fn nothing_expected_is_zero_and_not_less_by_a_sign() {
    let found = World::watched().judged_on(109).campaigns.remove(0);
    assert!(!found.windows.is_empty());
    assert!(found.windows.iter().all(|window| window.expected.is_sign_positive()), "{:?}", found.windows);
    // Its first day is not over: nothing is measured yet.
    let row = runs(60..=60, 2).judged_at(noon(60)).campaigns.remove(0).integrations.remove(0);
    near(row.exposure.days, 0.0, 1e-9);
    assert!(row.exposure.days.is_sign_positive() && row.exposure.first_week.is_sign_positive(), "{:?}", row.exposure);
    let words: Vec<&str> = row.terms.iter().map(|term| term.words.as_str()).collect();
    assert!(words.iter().all(|words| !words.contains("-0")), "{words:?}");
    assert!(words.iter().any(|words| words.contains("by 0 days")), "{words:?}");
}

#[test]
fn one_day_is_a_day_in_the_terms_of_a_rank() {
    let row = runs(60..=60, 2).row(60);
    let words = row.terms.iter().map(|term| term.words.as_str()).collect::<Vec<_>>().join("; ");
    assert!(words.contains("by 1 day and what is usual of Jenkins"), "{words}");
}

#[test]
fn what_is_not_due_in_the_week_after_the_removal_is_not_expected_in_it() {
    // Of two that run every two weeks one is due on the day after the removal, the other on the eighth day from it on.
    let expected = |first: i32| {
        let row = runs((first..146).step_by(14), 2).row(145);
        (row.exposure.first_week, row.weekly_uses)
    };
    let (due, not_due) = (expected(10), expected(3));
    near(due.0, 1.0, 0.01);
    near(not_due.0, 0.0, 0.01);
    near(due.1, 0.5, 0.01);
    near(not_due.1, 0.5, 0.01);
}

fn inside(window: WindowKind, verdict: Verdict) -> Verdict {
    Verdict { window, ..verdict }
}

/// Runs at 00:05 every day, refused in the windows of 9 to 19 June, days 100 to 110.
fn experiment() -> World {
    let mut world = runs(0..100, 0);
    for on in 100..=110 {
        let refused = inside(WindowKind::Published, legacy(Rejected));
        world.see_at(LOG, &jenkins("ada", "api"), at(on, 0), refused, 2);
    }
    world
}

#[test]
fn a_brownout_is_an_experiment_with_an_expectation() {
    let found = experiment().row(110).brownouts;
    assert_eq!((found.published.windows, found.published.seen, found.published.rejected), (44, 22, 22));
    // Seven windows of 15 and four of 30 minutes at midnight, of a job that may run at any minute of that hour.
    near(found.published.expected, 7.0 / 4.0 + 4.0 / 2.0, 0.05);
    assert_eq!((found.accepted_outside, found.rejected_outside, found.extrapolated.windows), (100, 0, 0));
    assert_eq!(found.words, ["in 44 windows that were published and watched, 3.8 uses were expected and 22 seen, all rejected"]);
}

#[test]
fn windows_that_nobody_watched_are_no_experiment() {
    let mut world = World::empty();
    world.cover(LOG, 0, 102);
    (0..=120).filter(|on| *on < 102 || *on > 110).for_each(|on| run(&mut world, on, 1));
    world.cover(LOG, 111, 122);
    let found = world.row(121).brownouts;
    assert_eq!((found.published.windows, found.extrapolated.windows), (8, 40));
    assert_eq!((found.published.seen, found.accepted_outside), (0, 112));
}

#[test]
fn absence_from_windows_is_told_when_it_cannot_be_chance() {
    let mut world = World::watched();
    // Twenty-four uses a day, none of them in a window.
    for on in 60..=110 {
        (0..24).for_each(|hour| world.see_at(LOG, &jenkins("ada", "api"), at(on, hour) + HOUR_MS * 2 / 3, legacy(Accepted), 4));
    }
    let found = world.row(110).brownouts;
    // Four of its uses an hour in 28 windows of 15 and 16 of 30 minutes; a little more, because it seems to use the open
    // part of these hours only.
    near(found.published.expected, 4.0 * (28.0 / 4.0 + 16.0 / 2.0), 4.0);
    assert!(found.words[0].ends_with("none was seen: something kept it away, or nobody could see it there"), "{:?}", found.words);
}

#[test]
fn windows_of_a_guess_are_told_apart() {
    let mut world = experiment();
    world.see_at(LOG, &jenkins("ada", "api"), at(112, 0), inside(WindowKind::Extrapolated, legacy(Accepted)), 1);
    let found = world.row(112).brownouts;
    assert_eq!((found.extrapolated.windows, found.extrapolated.accepted), (8, 1));
    assert!(found.words[1].ends_with("1 seen, 0 rejected, 1 accepted (their times are a guess)"), "{:?}", found.words);
}

/// A schedule whose truth is known, seen through coverage with holes; the model knows only what was seen.
#[test]
fn schedules_are_recovered_from_what_was_seen_of_them() {
    for seed in 0..150 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let hour = rng.i64(0..24);
        let (step, phase, dom) = (rng.i32(2..6), rng.i32(0..5), i8::try_from(rng.i32(1..29)).unwrap());
        let set = rng.u8(1..127);
        let due = |on: i32| match seed % 4 {
            0 => true,
            // Day 0 is a Sunday.
            1 => set >> ((on + 6) % 7) & 1 == 1,
            2 => day(on).date().day() == dom,
            _ => (on + phase) % step == 0,
        };
        let (end, now) = (rng.i32(120..200), rng.i32(200..240));
        let holes: Vec<i32> = (0..rng.usize(0..4)).map(|_| rng.i32(0..230)).collect();
        let seen = |on: i32| !holes.iter().any(|hole| (*hole..hole + 6).contains(&on));
        let mut world = World::empty();
        (0..=now).filter(|on| seen(*on)).for_each(|on| world.cover(LOG, on, on + 1));
        let days: Vec<i32> = (0..end).filter(|on| due(*on) && seen(*on)).collect();
        for on in &days {
            run(&mut world, *on, hour);
        }
        let found = rhythm(&world, now);
        let last = *days.last().unwrap();
        let missed = (last + 1..=now).filter(|on| due(*on) && seen(*on)).count();
        let next = (now + 1..now + 400).find(|on| due(*on)).unwrap();
        assert_eq!(found.missed, u32::try_from(missed).unwrap(), "seed {seed}: {}", found.words);
        assert_eq!(found.next, Some(instants((next, hour), (next, hour + 1))), "seed {seed}: {}", found.words);
    }
}

/// The weekly rate against the mean of what random integrations really do, by counting the past day by day.
#[test]
fn the_rate_of_random_use_is_near_its_mean() {
    let mut worst = 0.0_f64;
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (busy, idle) = (rng.u64(1..20), rng.u64(0..4));
        let mut world = World::watched();
        let mut sums = 0;
        for on in 0..=83 {
            let most = if (1..=5).contains(&(on % 7)) { busy } else { idle };
            let uses = rng.u64(0..=2 * most);
            if uses > 0 {
                world_uses(&mut world, on, uses);
            }
            sums += if on >= 56 { uses } else { 0 };
        }
        let expected = f64::from(u32::try_from(sums).unwrap()) / 4.0;
        worst = worst.max((world.row(83).weekly_uses - expected).abs() / expected);
    }
    assert!(worst < 0.05, "{worst}");
}

#[test]
fn replacement_use_is_no_legacy_habit() {
    let mut world = runs(0..=20, 2);
    (21..=60).for_each(|on| world.see_at(LOG, &jenkins("ada", "api"), at(on, 2), token(Accepted), 1));
    let row = world.row(60);
    assert_eq!((row.status, row.rhythm.missed), (Status::Migrated, 40));
    near(row.weekly_uses, 0.0, 0.01);
    let other = Verdict::of(Credential::Unknown, Grade::None, Accepted);
    world.see(&jenkins("ada", "api"), 60, other);
    assert_eq!(world.row(60).rhythm.missed, 40);
    assert_eq!(Day::of(row.last_seen), day(20));
}
