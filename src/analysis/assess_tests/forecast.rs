//! When it will be over: what the forecast says of stories whose end is plain.

use super::world::*;
use crate::analysis::forecast::{Counted, Outlook};
use crate::analysis::{Forecast, Owner};
use crate::evidence::Track;

/// Everybody of the crowd, each on a build farm of its own user.
const CROWD: [&str; 12] = ["ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy", "jon", "kim", "leo"];

/// Somebody's Jenkins, used on each of these days.
fn daily(world: &mut World, name: &str, days: std::ops::Range<i32>) {
    let track = jenkins(name, &format!("{name}-api"));
    days.for_each(|on| world.see(&track, on, legacy(Accepted)));
}

/// The same with a token.
fn replaced(world: &mut World, name: &str, days: std::ops::Range<i32>) {
    let track: Track = jenkins(name, &format!("{name}-api"));
    days.for_each(|on| world.see(&track, on, token(Accepted)));
}

fn forecast(world: &World, on: i32) -> Forecast {
    world.judged_on(on).campaigns.remove(0).forecast
}

#[track_caller]
fn known(world: &World, on: i32) -> Outlook {
    match forecast(world, on) {
        Forecast::Known(outlook) => *outlook,
        Forecast::NotEnough(missing) => panic!("no forecast: {missing}"),
    }
}

#[track_caller]
fn missing(world: &World, on: i32) -> String {
    match forecast(world, on) {
        Forecast::NotEnough(missing) => missing,
        Forecast::Known(outlook) => panic!("a forecast of too little: {outlook:?}"),
    }
}

fn crowd_on(days: std::ops::Range<i32>) -> World {
    let mut world = World::watched();
    for name in CROWD {
        daily(&mut world, name, days.clone());
    }
    world
}

#[test]
fn too_little_is_said_to_be_too_little() {
    assert_eq!(missing(&World::empty(), 60), "nobody was seen with app passwords yet");
    let five_days = "a forecast needs 28 days of evidence, and there are 5";
    assert_eq!(missing(&crowd_on(10..15), 14), five_days);
    let mut one = World::watched();
    daily(&mut one, "ada", 10..90);
    assert_eq!(missing(&one, 89), "a forecast needs 5 integrations that were seen with app passwords, and there is 1");
    assert_eq!(missing(&crowd_on(10..11), 10), "a forecast needs 28 days of evidence, and there is 1");
}

#[test]
fn where_nobody_ever_left_most_are_expected_to_stay() {
    let outlook = known(&crowd_on(0..110), 109);
    let end = outlook.end();
    assert_eq!((outlook.counted, end.target), (Counted::Remaining, day(REMOVAL - 1)));
    assert!(end.quantiles.p50 >= 9 && end.quantiles.p90 <= 13 && end.zero_probability < 0.01, "{end:?}");
    assert!(outlook.stopped_a_week < 0.1 && outlook.still_used > 11.9, "{outlook:?}");
    assert!((outlook.needed_a_week - 12.0 * 7.0 / 40.0).abs() < 0.1, "forty days are left: {}", outlook.needed_a_week);
}

#[test]
fn where_all_have_migrated_nothing_is_expected_to_remain() {
    let mut world = crowd_on(0..60);
    for name in CROWD {
        replaced(&mut world, name, 60..120);
    }
    let outlook = known(&world, 119);
    let end = outlook.end();
    assert_eq!(end.quantiles.p50, 0, "{end:?}");
    assert!(end.zero_probability > 0.6 && end.zero_probability < 1.0, "somebody may still come back: {end:?}");
    assert!(outlook.moves.is_empty() && outlook.still_used < 1e-9);
}

#[test]
fn who_has_moved_but_is_not_silent_long_enough_counts_today_and_not_at_the_removal() {
    let mut world = crowd_on(0..118);
    for name in &CROWD[..6] {
        replaced(&mut world, name, 118..122);
    }
    for name in &CROWD[6..] {
        daily(&mut world, name, 118..122);
    }
    let outlook = known(&world, 121);
    assert!((5.9..7.5).contains(&outlook.still_used), "{}", outlook.still_used);
    let soon = outlook.path[0];
    assert_eq!((soon.target, soon.quantiles.p90 <= 8), (day(128), true), "seven days of silence are over: {soon:?}");
}

#[test]
fn what_stops_in_the_last_days_still_counts_at_the_removal() {
    let mut world = crowd_on(0..145);
    for name in CROWD {
        replaced(&mut world, name, 145..147);
    }
    let outlook = known(&world, 146);
    assert_eq!(outlook.end().quantiles.p10, 12, "{:?}", outlook.end());
    assert_eq!(outlook.last_visible_stop, day(REMOVAL - 1 - 7));
    assert!(outlook.still_used < 8.0, "and yet most have stopped: {}", outlook.still_used);
}

#[test]
fn time_in_which_nobody_looked_is_no_sign_that_somebody_left() {
    let story = |covered_until: i32| {
        let mut world = World::empty();
        world.cover(LOG, 0, covered_until);
        for name in CROWD {
            daily(&mut world, name, 0..100);
        }
        known(&world, 119).still_used
    };
    assert!(story(100) > 11.9, "{}", story(100));
    assert!(story(120) < 3.0, "twenty days of silence under everybody's eyes: {}", story(120));
}

#[test]
fn a_later_removal_leaves_more_time() {
    let mut world = crowd_on(0..110);
    for (name, on) in CROWD.iter().zip([40, 55, 70, 80, 90]) {
        let moved = jenkins(&format!("{name}-early"), "api");
        (0..on).for_each(|on| world.see(&moved, on, legacy(Accepted)));
        (on..110).for_each(|on| world.see(&moved, on, token(Accepted)));
    }
    let before = known(&world, 109);
    world.campaigns[0].removal = day(REMOVAL + 60).start();
    let after = known(&world, 109);
    assert_eq!(after.end().target, day(REMOVAL + 59));
    assert!(after.end().quantiles.p50 < before.end().quantiles.p50, "{:?} {:?}", before.end(), after.end());
}

#[test]
fn after_the_removal_the_repair_of_what_fails_is_forecast_and_nothing_is_kept() {
    let mut world = crowd_on(0..REMOVAL);
    for name in CROWD {
        let track = jenkins(name, &format!("{name}-api"));
        (REMOVAL..REMOVAL + 10).for_each(|on| world.see(&track, on, legacy(Rejected)));
    }
    let found = forecast(&world, REMOVAL + 9);
    assert!(found.to_record().is_empty());
    let outlook = known(&world, REMOVAL + 9);
    let end = outlook.end();
    assert_eq!((outlook.counted, end.target), (Counted::Failing, day(REMOVAL + 9 + 28)));
    assert!(end.quantiles.p10 < 12 && end.quantiles.p90 == 12, "nobody has mended anything yet: {outlook:?}");
    assert!(outlook.zero_day.p10.is_none_or(|zero| zero > day(REMOVAL + 16)), "{outlook:?}");
}

#[test]
fn integrations_that_share_an_owner_leave_together() {
    // Of a software that nobody recognised, which has nothing in common.
    let all_leave = |owners: usize| {
        let mut world = World::watched();
        for name in CROWD {
            let track = Track { client: None, ..jenkins(name, "api") };
            (0..100).for_each(|on| world.see(&track, on, legacy(Accepted)));
        }
        world.policy.owners = (0..owners)
            .map(|number| Owner {
                name: format!("team-{number}"),
                user: Some(if owners == 1 { "*".to_owned() } else { format!("*{}", CROWD[number]) }),
                ..Owner::default()
            })
            .collect();
        known(&world, 99).end().zero_probability
    };
    assert!(all_leave(1) > all_leave(12), "{} {}", all_leave(1), all_leave(12));
}

#[test]
fn who_has_outlived_a_great_day_leaves_less_easily_than_who_came_after_it() {
    let mut world = World::watched();
    for name in &CROWD[..8] {
        daily(&mut world, name, 0..100);
        replaced(&mut world, name, 100..115);
    }
    daily(&mut world, "kim", 0..115);
    daily(&mut world, "leo", 101..115);
    let rows = world.rows(114);
    let stays = |user: &str| rows.iter().find(|row| row.user.id == format!("name:{user}")).unwrap().stays;
    assert!(stays("kim") > stays("leo") + 0.02, "{} {}", stays("kim"), stays("leo"));
}

#[test]
fn the_greatest_moves_are_blockers() {
    let mut world = crowd_on(0..100);
    world.policy.owners = vec![Owner { name: "vowels".to_owned(), user: Some("*ada".to_owned()), ..Owner::default() }];
    let outlook = known(&world, 99);
    let moves: Vec<_> = outlook.moves.iter().map(|m| (m.owner.as_deref(), m.client.as_str(), m.integrations.len())).collect();
    assert_eq!(moves, [(None, "jenkins", 11), (Some("vowels"), "jenkins", 1)]);
    let total: f64 = outlook.moves.iter().map(|m| m.effect).sum();
    assert!(total > 6.0 && total <= 12.0, "{total}");
}

#[test]
fn the_same_evidence_gives_the_same_forecast_whatever_its_order() {
    let forward = crowd_on(0..100);
    let mut backward = World::watched();
    for name in CROWD.iter().rev() {
        daily(&mut backward, name, 0..100);
    }
    assert_eq!(format!("{:?}", forecast(&forward, 99)), format!("{:?}", forecast(&backward, 99)));
}

#[test]
fn an_integration_that_falls_silent_is_less_and_less_likely_to_stay() {
    let mut world = crowd_on(0..110);
    daily(&mut world, "zoe", 0..95);
    let stays = |on: i32| {
        let rows = world.rows(on);
        rows.iter().find(|row| row.user.id == "name:zoe").map(|row| row.stays).unwrap()
    };
    let seen: Vec<f64> = [94, 97, 100, 104].map(stays).to_vec();
    assert!(seen.windows(2).all(|pair| pair[1] < pair[0]), "{seen:?}");
    assert!(seen[3] < 0.5 * seen[0], "{seen:?}");
}

#[test]
fn who_knocks_with_a_token_that_is_refused_is_not_expected_to_be_counted_as_gone() {
    let end = |knock: bool| {
        let mut world = World::watched();
        for name in CROWD {
            daily(&mut world, name, 0..95);
            if knock {
                let track = jenkins(name, &format!("{name}-api"));
                (96..104).for_each(|on| world.see(&track, on, token(Rejected)));
            }
        }
        known(&world, 104).end().quantiles
    };
    let (silent, knocking) = (end(false), end(true));
    assert!(silent.p90 < 6 && knocking.p10 > 6, "silence alone {silent:?}, refused tokens {knocking:?}");
}

#[test]
fn who_is_half_done_leaves_sooner_where_others_have_left_from_there() {
    let mut world = crowd_on(0..110);
    for number in 0..12 {
        let (name, on) = (format!("left{number}"), 70 + 2 * number);
        daily(&mut world, &name, 0..on);
        replaced(&mut world, &name, on - 6..110);
    }
    for name in &CROWD[..6] {
        replaced(&mut world, name, 106..110);
    }
    let rows = world.rows(109);
    let stay = |names: &[&str]| -> f64 {
        rows.iter().filter(|row| names.contains(&&row.user.id["name:".len()..])).map(|row| row.stays).sum()
    };
    let (half, whole) = (stay(&CROWD[..6]), stay(&CROWD[6..]));
    assert!(half < 0.8 * whole, "{half} of the six that have begun, {whole} of those that have not");
}

#[test]
fn a_cut_is_believed_the_sooner_the_more_cuts_were_clean() {
    let stays = |clean: bool| {
        let mut world = crowd_on(0..110);
        for number in 0..24 {
            let (name, on) = (format!("other{number}"), 60 + number);
            daily(&mut world, &name, 0..if clean { on } else { 110 });
            replaced(&mut world, &name, on..110);
        }
        // Weekly: a few days of silence say nothing by themselves.
        let track = jenkins("zoe", "zoe-api");
        (0..106).step_by(7).for_each(|on| world.see(&track, on, legacy(Accepted)));
        replaced(&mut world, "zoe", 107..110);
        let rows = world.rows(109);
        rows.iter().find(|row| row.user.id == "name:zoe").map(|row| row.stays).unwrap()
    };
    let (clean, both) = (stays(true), stays(false));
    assert!(clean < 0.1 && both > 0.4, "{clean} where all cuts were clean, {both} where everybody went on with both");
}
