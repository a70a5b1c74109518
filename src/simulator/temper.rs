//! How an organisation faces a deadline. No two do it alike: some move early, some in panic, some on one great day, some
//! hardly at all. A forecast that knows one curve by heart fails on the others.

use crate::evidence::{Campaign, Day};

use super::seed::{Seed, Topic};

/// Days between the brownout notice and the removal that it announced.
const NOTICE_DAYS: i32 = 70;
/// The last days before the removal, in which whoever has waited hurries.
const LAST_DAYS: i32 = 14;
/// So long after the removal the first shock is over.
const SHOCK_DAYS: i32 = 14;

/// Daily chances that somebody replaces an app password, by the part of the calendar, and what teams do together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Temper {
    pub name: &'static str,
    /// From the freeze to the notice.
    quiet: f64,
    /// From the notice to the brownouts.
    notice: f64,
    brownouts: f64,
    /// Added on a day that is dark from end to end.
    dark: f64,
    last: f64,
    /// From the removal on, and when the shock is over.
    shock: f64,
    after: f64,
    /// Share of the teams that move most of what they have left on one day.
    sweeps: f64,
    /// Between which days before the removal; nearly one day where these are few.
    sweep_days: (i32, i32),
    /// Share of a sweeping team's deployments that take part.
    sweep_takes: f64,
}

const ORDINARY: Temper = Temper {
    name: "ordinary",
    quiet: 0.0013,
    notice: 0.0045,
    brownouts: 0.008,
    dark: 0.02,
    last: 0.036,
    shock: 0.13,
    after: 0.045,
    sweeps: 0.4,
    sweep_days: (3, 60),
    sweep_takes: 0.6,
};
const EARLY: Temper = Temper {
    name: "early movers",
    quiet: 0.006,
    notice: 0.014,
    brownouts: 0.012,
    dark: 0.01,
    last: 0.02,
    sweeps: 0.3,
    sweep_days: (40, 150),
    ..ORDINARY
};
const LATE: Temper = Temper {
    name: "late panic",
    quiet: 0.0003,
    notice: 0.0008,
    brownouts: 0.002,
    dark: 0.006,
    last: 0.075,
    shock: 0.2,
    sweeps: 0.25,
    sweep_days: (1, 9),
    ..ORDINARY
};
const BIG_BANG: Temper = Temper {
    name: "one great day",
    quiet: 0.0006,
    notice: 0.0012,
    brownouts: 0.004,
    dark: 0.01,
    last: 0.018,
    sweeps: 0.85,
    sweep_takes: 0.8,
    ..ORDINARY
};
const STALLED: Temper = Temper {
    name: "stalled",
    quiet: 0.0005,
    notice: 0.0012,
    brownouts: 0.0025,
    dark: 0.004,
    last: 0.006,
    shock: 0.07,
    after: 0.02,
    sweeps: 0.08,
    ..ORDINARY
};

/// Of twelve organisations.
const TEMPERS: [&Temper; 12] =
    [&ORDINARY, &ORDINARY, &ORDINARY, &ORDINARY, &EARLY, &EARLY, &LATE, &LATE, &BIG_BANG, &BIG_BANG, &STALLED, &STALLED];

impl Temper {
    /// One of the five, and of its own measure: no chance is the same in two organisations.
    pub fn of(seed: Seed) -> Self {
        let mut rng = seed.stream(Topic::Temper, 0, 0);
        // The organisation of the demo, seed 1, is an ordinary one.
        let mut temper = if seed.0 == 1 { ORDINARY } else { TEMPERS[rng.usize(..TEMPERS.len())].clone() };
        let level = 0.75 + 0.55 * rng.f64();
        let chances = [
            &mut temper.quiet,
            &mut temper.notice,
            &mut temper.brownouts,
            &mut temper.dark,
            &mut temper.last,
            &mut temper.shock,
            &mut temper.after,
        ];
        for chance in chances {
            *chance *= level * (0.75 + 0.55 * rng.f64());
        }
        if temper.name == BIG_BANG.name {
            let day = rng.i32(4..45);
            temper.sweep_days = (day, day + 3);
        }
        temper
    }

    /// The chance of a day.
    pub fn pressure(&self, campaign: &Campaign, day: Day) -> f64 {
        const BEFORE_THE_FREEZE: f64 = 0.0004;
        let left = Day::of(campaign.removal).0 - day.0;
        let begun = campaign.windows.first().is_some_and(|first| day >= Day::of_ms(first.from_ms));
        if campaign.freeze.is_some_and(|freeze| day < Day::of(freeze)) {
            BEFORE_THE_FREEZE
        } else if left <= -SHOCK_DAYS {
            self.after
        } else if left <= 0 {
            self.shock
        } else if left <= LAST_DAYS {
            self.last
        } else if begun {
            self.brownouts + self.dark * dark_share(campaign, day)
        } else if left <= NOTICE_DAYS {
            self.notice
        } else {
            self.quiet
        }
    }

    /// The day on which a team moves most of what it has left, for the teams that do.
    pub fn sweep(&self, seed: Seed, campaign: &Campaign, team: usize) -> Option<Day> {
        let mut rng = seed.stream(Topic::Fate, 1, team as u64);
        let sweeps = rng.f64() < self.sweeps;
        let (from, to) = self.sweep_days;
        sweeps.then(|| Day(Day::of(campaign.removal).0 - rng.i32(from..to)))
    }

    pub fn sweep_takes(&self) -> f64 {
        self.sweep_takes
    }
}

/// The part of a day that lies inside brownout windows.
fn dark_share(campaign: &Campaign, day: Day) -> f64 {
    let inside = campaign.windows.iter().filter(|w| Day::of_ms(w.from_ms) == day);
    let minutes = inside.map(|w| u32::try_from((w.to_ms - w.from_ms) / 60_000).unwrap_or(0)).sum::<u32>();
    f64::from(minutes) / 1_440.0
}
