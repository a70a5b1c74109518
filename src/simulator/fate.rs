//! What becomes of each integration: whether and when it leaves app passwords, and what goes wrong on the way.

use crate::evidence::{Campaign, Day, Operation};

use super::{
    seed::{Seed, Topic},
    temper::Temper,
};

/// Which part of the work has moved to the replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The REST API yes, git no.
    Rest,
    /// The first so many of its repositories.
    Repositories(usize),
}

/// The life of one integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Had left app passwords before history begins, or never had one.
    NeverLegacy,
    /// Still signs in with its app password when the world ends.
    Stays,
    Migrates {
        on: Day,
    },
    /// Tries the replacement the wrong way from `tried` on, beside the old secret, and gets it right on `on`.
    Stumbles {
        tried: Day,
        on: Day,
    },
    /// Moves a part, and the rest only on `rest` if ever.
    Halves {
        on: Day,
        part: Half,
        rest: Option<Day>,
    },
    /// Moves, but the old secret stays behind somewhere and goes on knocking.
    Leaves {
        on: Day,
    },
    /// Moves, and is rolled back to the app password for good.
    Returns {
        on: Day,
        back: Day,
    },
    /// Stops for good.
    Retires {
        on: Day,
    },
    /// Rests between two days and goes on as before.
    Rests {
        from: Day,
        until: Day,
    },
}

/// How an integration signs in on a given day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Legacy,
    Trying,
    Partial(Half),
    Leftover,
    Replaced,
    Silent,
}

/// Share of the uses that still present the old secret after a move that left it behind, in percent.
const LEFTOVER_PERCENT: u64 = 18;

impl Fate {
    pub(super) fn phase(&self, day: Day) -> Phase {
        let since = |on: Day, phase| if day >= on { phase } else { Phase::Legacy };
        match *self {
            Self::NeverLegacy => Phase::Replaced,
            Self::Stays => Phase::Legacy,
            Self::Stumbles { on, .. } if day >= on => Phase::Replaced,
            Self::Stumbles { tried, .. } => since(tried, Phase::Trying),
            Self::Halves { rest: Some(rest), .. } if day >= rest => Phase::Replaced,
            Self::Halves { on, part, .. } => since(on, Phase::Partial(part)),
            Self::Leaves { on } => since(on, Phase::Leftover),
            Self::Returns { back, .. } if day >= back => Phase::Legacy,
            Self::Migrates { on } | Self::Returns { on, .. } => since(on, Phase::Replaced),
            Self::Retires { on } => since(on, Phase::Silent),
            Self::Rests { from, until } => {
                if day >= from && day < until {
                    Phase::Silent
                } else {
                    Phase::Legacy
                }
            }
        }
    }

    /// The first day on which a replacement was presented, rightly or wrongly.
    pub(super) fn replacement_since(&self) -> Option<Day> {
        match *self {
            Self::NeverLegacy => Some(Day(i32::MIN)),
            Self::Migrates { on } | Self::Leaves { on } | Self::Halves { on, .. } | Self::Returns { on, .. } => Some(on),
            Self::Stumbles { tried, .. } => Some(tried),
            Self::Stays | Self::Retires { .. } | Self::Rests { .. } => None,
        }
    }
}

/// What one use presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Legacy,
    Replacement,
    /// The replacement, with the wrong one of its two usernames.
    Mistaken,
}

impl Phase {
    /// What a use presents; `place` is the repository's position in the integration's list, `draw` decides mixtures.
    pub fn presents(self, operation: Operation, place: usize, draw: u64) -> Option<Presented> {
        let api = matches!(operation, Operation::ApiRead | Operation::ApiWrite);
        let either = |moved| if moved { Presented::Replacement } else { Presented::Legacy };
        match self {
            Self::Silent => None,
            Self::Legacy => Some(Presented::Legacy),
            Self::Replaced => Some(Presented::Replacement),
            Self::Trying => Some(if draw.is_multiple_of(2) { Presented::Mistaken } else { Presented::Legacy }),
            Self::Partial(Half::Rest) => Some(either(api)),
            Self::Partial(Half::Repositories(moved)) => Some(either(place < moved)),
            Self::Leftover => Some(either(draw % 100 >= LEFTOVER_PERCENT)),
        }
    }
}

/// Whose fate is drawn.
pub(super) struct Subject {
    /// Ties the parts of a deployment together: mostly they move on the same day.
    pub deployment: u64,
    pub part: usize,
    pub team: usize,
    pub ease: f64,
    pub repositories: usize,
    /// One client does both REST and git.
    pub mixed: bool,
}

/// Draws fates by the campaign's calendar and the organisation's temper.
pub(super) struct Fates<'a> {
    pub seed: Seed,
    pub campaign: &'a Campaign,
    pub temper: Temper,
    pub first: Day,
    pub last: Day,
    /// As [`super::Options::future`].
    pub future: Option<(Day, u64)>,
}

/// Share of the deployments that used app passwords when history begins.
const LEGACY_SHARE: f64 = 0.68;

impl Fates<'_> {
    fn hazard_day(&self, from: Day, rng: &mut fastrand::Rng, ease: f64) -> Option<Day> {
        let hit = |day: &Day, rng: &mut fastrand::Rng| rng.f64() < self.temper.pressure(self.campaign, *day) * ease;
        (from.0..self.last.0).map(Day).find(|day| hit(day, rng))
    }

    /// The day on which a deployment moves of its own accord.
    fn moving_day(&self, deployment: u64, rng: &mut fastrand::Rng, ease: f64) -> Option<Day> {
        let day = self.hazard_day(self.first, rng, ease);
        match self.future {
            Some((from, number)) if day.is_none_or(|day| day >= from) => {
                let mut other = self.seed.stream(Topic::Future, number, deployment);
                self.hazard_day(from, &mut other, ease)
            }
            _ => day,
        }
    }

    /// Whether a deployment starts with an app password.
    pub fn starts_legacy(&self, deployment: u64) -> bool {
        self.seed.chance(Topic::Fate, 2, deployment, LEGACY_SHARE)
    }

    /// The fate of one part of a deployment.
    pub fn draw(&self, subject: &Subject) -> Fate {
        if !self.starts_legacy(subject.deployment) {
            return Fate::NeverLegacy;
        }
        let mut rng = self.seed.stream(Topic::Fate, 3, subject.deployment);
        let personal = subject.ease * (0.4 + 1.4 * rng.f64());
        let mut day = self.moving_day(subject.deployment, &mut rng, personal);
        let sweep = self.temper.sweep(self.seed, self.campaign, subject.team);
        if let Some(sweep) = sweep.filter(|_| rng.f64() < self.temper.sweep_takes()) {
            day = Some(day.map_or(sweep, |day| day.min(sweep)));
        }
        let day = day.filter(|day| *day > self.first && *day < self.last);
        let own = self.seed.stream(Topic::Fate, 4 + subject.part as u64, subject.deployment);
        // The second client of a deployment is sometimes forgotten: scans move, checkouts do not.
        if subject.part > 0 && rng.f64() < 0.22 {
            return Fate::Stays;
        }
        self.shape(own, day, subject)
    }

    fn shape(&self, mut rng: fastrand::Rng, day: Option<Day>, subject: &Subject) -> Fate {
        let span = self.last.0 - self.first.0;
        match rng.u32(..100) {
            0..7 => return Fate::Retires { on: Day(self.first.0 + rng.i32(span / 10..span.max(2))) },
            7..10 => {
                let from = Day(self.first.0 + rng.i32(span / 10..(span * 3 / 4).max(2)));
                return Fate::Rests { from, until: Day(from.0 + rng.i32(15..45)) };
            }
            _ => {}
        }
        let Some(on) = day else { return Fate::Stays };
        match rng.u32(..100) {
            60..80 if subject.mixed => {
                Fate::Halves { on, part: Half::Rest, rest: rng.bool().then(|| Day(on.0 + rng.i32(3..30))) }
            }
            60..70 => Fate::Stumbles { tried: Day(on.0 - rng.i32(1..6)), on },
            70..80 if subject.repositories > 1 => Fate::Halves {
                on,
                part: Half::Repositories(rng.usize(1..subject.repositories)),
                rest: rng.bool().then(|| Day(on.0 + rng.i32(3..30))),
            },
            80..90 => Fate::Leaves { on },
            90..96 => Fate::Returns { on, back: Day(on.0 + rng.i32(4..30)) },
            _ => Fate::Migrates { on },
        }
    }
}
