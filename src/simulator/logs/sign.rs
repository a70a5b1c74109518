//! What the lines of a use tell, and when: of its credential by the contract's table of signs. For the truth: no log is read
//! here.

use crate::evidence::{Grade, WindowKind};

use super::{
    super::{Door, World, uses::Use, world::Integration},
    exchange::{self, Exchange, GIT_HOST},
    lines,
    sink::SHAPES,
};

/// How firmly the log tells that a legacy use was one, with its user's name beside it; `none` where no line does.
pub(in super::super) fn of_use(world: &World, integration: &Integration, one: &Use) -> Grade {
    let mut best = Grade::None;
    // The squid knows no names.
    if let Some(door) = integration.door.filter(|door| *door != Door::Squid) {
        exchange::of_use(world, integration, one, &mut |it| {
            if world.weather.keeps(door, it.at_ms) {
                best = best.max(of_line(world, door, &it));
            }
        });
    }
    best
}

fn of_line(world: &World, door: Door, it: &Exchange<'_>) -> Grade {
    let said = lines::message(door, it).is_some_and(|text| text.contains("CHANGE-3222") || text.contains("App passwords are"));
    let git = it.host == GIT_HOST;
    // The calendar is held against the time that the line has.
    let written_ms = world.weather.clock(door, it.at_ms);
    let window = world.campaign.window_at(written_ms);
    let closed = window == WindowKind::Published || world.campaign.removed_at(written_ms);
    match (&it.login, it.status) {
        (None, _) => Grade::None,
        _ if said || lines::prefix(door, it) == Some("ATBB") => Grade::Proven,
        (_, 410) if git => Grade::Strong,
        (_, ..=399) if closed => Grade::None,
        (_, ..=399) if git => Grade::Weak,
        (_, ..=399) => Grade::Strong,
        (_, 401) if window != WindowKind::Outside => Grade::Weak,
        _ => Grade::None,
    }
}

/// The log that shows a use, and the times that its lines have, by that log's clock and precision; for the truth.
pub(in super::super) fn line_times(world: &World, integration: &Integration, one: &Use) -> Vec<(&'static str, i64)> {
    let mut times = Vec::new();
    if let Some(shape) = integration.door.and_then(|door| SHAPES.iter().find(|shape| shape.door == door)) {
        exchange::of_use(world, integration, one, &mut |it| {
            let ms = world.weather.clock(shape.door, it.at_ms);
            let written = if shape.format == "combined" { ms.div_euclid(1_000) * 1_000 } else { ms };
            times.extend(world.weather.keeps(shape.door, it.at_ms).then_some((shape.name, written)));
        });
    }
    times
}
