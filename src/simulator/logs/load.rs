//! A log of any length, for measuring: what the two egress proxies write of one stretch of time.
//!
//! All integrations do their day's work again and again, each time with other chances, until there are enough lines; these are
//! spread evenly over the stretch. So lines grow while people, clients, origins and repositories stay those of the organisation.
//! Nothing is held but the organisation. Lines that no engine's table holds are left out: halves, and whole headers.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::evidence::Day;

use super::{
    super::{Door, Options, World},
    exchange::{self, Exchange},
    lines, noise,
};

/// Writes so many JSON lines of the time from an instant up to and without another, in its order. Their answers are those of the
/// day of `options.now`.
///
/// # Errors
/// When `to` cannot be written, or when such an organisation writes nothing on that day.
pub fn write_load(
    seed: u64,
    options: &Options,
    (from, until): (Timestamp, Timestamp),
    lines: u64,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut world = World::without_events(seed, options);
    let day = Day::of(options.now);
    let mut pen = Pen { to, from_ms: from.as_millisecond(), until_ms: until.as_millisecond(), lines, written: 0 };
    let mut round = 0;
    while pen.written < lines {
        let before = pen.written;
        world.options.future = Some((day, round));
        pen.work_of(&world, day)?;
        if pen.written == before {
            return Err(io::Error::other("nobody of this organisation works on that day"));
        }
        round += 1;
    }
    Ok(())
}

struct Pen<'t, W> {
    to: &'t mut W,
    from_ms: i64,
    until_ms: i64,
    lines: u64,
    written: u64,
}

impl<W: Write> Pen<'_, W> {
    /// A day's work of all integrations, with what is nobody's evenly among it.
    fn work_of(&mut self, world: &World, day: Day) -> io::Result<()> {
        let (mut others, mut uses, mut requests) = (Vec::new(), Vec::new(), Vec::new());
        noise::of_day(world, day, &mut |door, it| others.extend(is_egress(door).then_some((door, it))));
        let count = world.integrations.len();
        let mut others = others.into_iter();
        for (place, integration) in world.integrations.iter().enumerate() {
            let due = others.len() / (count - place);
            requests.extend(others.by_ref().take(due));
            if let Some(door) = integration.door.filter(|door| is_egress(*door)) {
                uses.clear();
                world.uses_on(integration, day, &mut uses);
                for one in &uses {
                    exchange::of_use(world, integration, one, &mut |it| requests.push((door, it)));
                }
            }
            for (door, it) in requests.drain(..) {
                if self.written == self.lines {
                    return Ok(());
                }
                self.line(door, it)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, door: Door, it: Exchange<'_>) -> io::Result<()> {
        let span = i128::from(self.until_ms - self.from_ms) * i128::from(self.written) / i128::from(self.lines);
        let at_ms = self.from_ms + i64::try_from(span).unwrap_or(0);
        self.written += 1;
        lines::write_tidy(self.to, door, Exchange { at_ms, ..it })
    }
}

fn is_egress(door: Door) -> bool {
    matches!(door, Door::Inspected | Door::Plain)
}
