//! What an integration does on a day, drawn from the seed each time it is asked for.

use std::net::IpAddr;

use crate::evidence::{Credential, Day, Operation, Outcome, WindowKind};

use super::{
    address::Site,
    fate::Presented,
    seed::{Topic, pick, poisson},
    software::Rhythm,
    world::{Integration, World},
};

/// One authenticated conversation: a REST request, or a git command with its one or two requests that carry credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub at_ms: i64,
    pub integration: u32,
    pub repository: usize,
    pub operation: Operation,
    pub credential: Credential,
    pub outcome: Outcome,
    /// The HTTP status of its last request; 0 for SSH.
    pub status: u16,
    /// How many of its requests carry credentials.
    pub requests: u8,
    pub window: WindowKind,
    /// Refused by the provider's trouble, not for what was presented.
    pub transient: bool,
    pub(super) presented: Presented,
    pub(super) address: IpAddr,
    /// Decides every detail that is not above.
    pub(super) salt: u64,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// A conversation takes less than this, so that none reaches into the next day.
pub(super) const CONVERSATION_MS: i64 = 10_000;

/// Days on which the organisation rests, beside weekends.
const HOLIDAYS: &[&str] = &[
    "2025-12-25",
    "2025-12-26",
    "2026-01-01",
    "2026-04-03",
    "2026-04-06",
    "2026-05-01",
    "2026-05-14",
    "2026-05-25",
    "2026-12-25",
    "2026-12-26",
];

/// Share of the valid credentials that are refused by mistake.
const TRANSIENT_SHARE: f64 = 0.003;

impl World {
    /// Adds what an integration does on a day, in order of time.
    pub(super) fn uses_on(&self, integration: &Integration, day: Day, out: &mut Vec<Use>) {
        if self.is_closed(integration, day) {
            return;
        }
        let start = out.len();
        let other = self.options.future.filter(|(from, _)| day >= *from).map_or(0, |(_, number)| number << 32);
        let mut rng = self.seed.stream(Topic::Uses, u64::from(integration.id) | other, u64::from(day.0.unsigned_abs()));
        for (at_ms, place) in self.attempts(integration, day, &mut rng) {
            self.attempt(integration, day, at_ms, place, &mut rng, out);
        }
        out[start..].sort_by_key(|it| (it.at_ms, it.salt));
    }

    /// Who has left does nothing more in person; what runs in that name goes on until somebody closes the account.
    fn is_closed(&self, integration: &Integration, day: Day) -> bool {
        let forgotten = (10 + self.seed.hash(Topic::Absence, u64::from(integration.id), 1 << 34) % 60).to_le_bytes()[0];
        let grace = if integration.site == Site::Roaming { 0 } else { i32::from(forgotten) };
        self.places.users[integration.user].has_left_by(day.plus(-grace))
    }

    /// The instants of a day's work and the position of the repository each is about.
    fn attempts(&self, integration: &Integration, day: Day, rng: &mut fastrand::Rng) -> Vec<(i64, usize)> {
        let id = u64::from(integration.id);
        let fixed = self.seed.hash(Topic::Deployments, 99, id);
        let rest = self.rests(integration, day);
        let intensity = self.options.intensity;
        let count = |mean: f64, rng: &mut fastrand::Rng| poisson(rng, mean * intensity);
        let all = integration.repositories.len();
        let its_weekday = u64::from(weekday(day)) == fixed % 5;
        match integration.part.rhythm {
            Rhythm::Interval(mean) => {
                let number = count(mean, rng);
                (0..number).map(|_| (rng.i64(0..day_length()), favourite(rng, all))).collect()
            }
            Rhythm::Office(mean) => {
                let number = count(mean * rest, rng);
                (0..number).map(|_| (office_time(rng), favourite(rng, all))).collect()
            }
            Rhythm::Nightly => round(night_start(fixed), all, rng),
            Rhythm::NightlyAndWeekly => round(night_start(fixed), if its_weekday { all } else { all.min(2) }, rng),
            Rhythm::Weekly if its_weekday => round(night_start(fixed), all, rng),
            Rhythm::Fortnightly if its_weekday && week_of(day) % 2 == (fixed >> 8) % 2 => round(14 * HOUR_MS, all, rng),
            Rhythm::Monthly if u64::from(day_of_month(day)) == 1 + fixed % 28 => round(night_start(fixed), all, rng),
            Rhythm::Sporadic(chance) if rng.f64() < chance * rest => {
                let number = 1 + poisson(rng, 1.5);
                (0..number).map(|_| (office_time(rng), favourite(rng, all))).collect()
            }
            Rhythm::Weekly | Rhythm::Fortnightly | Rhythm::Monthly | Rhythm::Sporadic(_) => Vec::new(),
        }
    }

    /// How much of a working day's work is done: little on weekends and holidays, none in a person's weeks off.
    fn rests(&self, integration: &Integration, day: Day) -> f64 {
        if !integration.service && self.seed.chance(Topic::Absence, integration.user as u64, week_of(day), 0.06) {
            return 0.0;
        }
        match (free_day(day), integration.service) {
            (false, _) => 1.0,
            (true, true) => 0.2,
            (true, false) => 0.05,
        }
    }

    fn attempt(
        &self,
        integration: &Integration,
        day: Day,
        offset: i64,
        place: usize,
        rng: &mut fastrand::Rng,
        out: &mut Vec<Use>,
    ) {
        let part = integration.part;
        let operation = match (rng.u32(..100) < part.rest, rng.u32(..100) < part.writes) {
            (true, true) => Operation::ApiWrite,
            (true, false) => Operation::ApiRead,
            (false, true) => Operation::GitWrite,
            (false, false) => Operation::GitRead,
        };
        let draw = rng.u64(..);
        let Some(presented) = integration.fate.phase(day).presents(operation, place, draw >> 8) else { return };
        let address = integration.site.address(self.seed, u64::from(integration.deployment), day, rng);
        let mut at_ms = day.start_ms() + offset;
        // What is refused is tried again: machines by the book, people once in a while.
        for retry in 0..3 {
            let at = at_ms.min(day.end_ms() - CONVERSATION_MS);
            let mut one = Use {
                at_ms: at,
                integration: integration.id,
                repository: integration.repositories[place],
                operation,
                credential: if presented == Presented::Legacy { Credential::AppPassword } else { integration.replacement },
                outcome: Outcome::Accepted,
                status: 200,
                requests: 1,
                window: self.campaign.window_at(at),
                transient: false,
                presented,
                address,
                salt: draw.wrapping_add(retry),
            };
            self.answer(&mut one, rng);
            out.push(one);
            let again = if integration.service { 0.55 } else { 0.25 };
            if one.outcome != Outcome::Rejected || rng.f64() >= again {
                return;
            }
            at_ms += rng.i64(20_000..2 * MINUTE_MS);
        }
    }

    /// How Bitbucket answers.
    fn answer(&self, one: &mut Use, rng: &mut fastrand::Rng) {
        let git = matches!(one.operation, Operation::GitRead | Operation::GitWrite);
        let closed = one.window != WindowKind::Outside || self.campaign.removed_at(one.at_ms);
        let hiccup = rng.f64() < TRANSIENT_SHARE;
        if one.credential == Credential::SshKey {
            one.status = 0;
            return;
        }
        match one.presented {
            Presented::Legacy if closed => {
                one.outcome = Outcome::Rejected;
                one.status = if git { 410 } else { 401 };
            }
            Presented::Mistaken => {
                one.outcome = Outcome::Rejected;
                one.status = 401;
            }
            _ if hiccup => {
                one.outcome = Outcome::Rejected;
                one.status = 401;
                one.transient = true;
            }
            _ => {
                one.status = if one.operation == Operation::ApiWrite { 201 } else { 200 };
                // A fetch that finds something new, and every push, goes on with a second request.
                one.requests = 1 + u8::from(one.operation == Operation::GitWrite || (git && rng.f64() < 0.4));
            }
        }
    }

    /// The user agent an integration sends on a day; upgrades come at days of its own.
    pub(super) fn agent(&self, integration: &Integration, day: Day) -> &'static str {
        let agents = integration.part.agents;
        let draw = self.seed.hash(Topic::Agent, u64::from(integration.id), 0);
        let newest = agents.len() - 1;
        let begun = usize::try_from(draw % agents.len() as u64).unwrap_or(0);
        let stagger = i32::from(draw.to_le_bytes()[2]);
        let upgrades = usize::try_from((day.0 + stagger).div_euclid(120) - (self.first.0 + stagger).div_euclid(120));
        agents[newest.min(begun + upgrades.unwrap_or(0))]
    }
}

fn day_length() -> i64 {
    24 * HOUR_MS - CONVERSATION_MS
}

/// The first repository gets most of the work.
fn favourite(rng: &mut fastrand::Rng, count: usize) -> usize {
    rng.usize(..count).min(rng.usize(..count))
}

fn office_time(rng: &mut fastrand::Rng) -> i64 {
    if rng.f64() < 0.04 {
        return rng.i64(0..day_length());
    }
    // The sum of uniforms is bell-shaped enough for a day at the office, about 05:30 to 16:30 UTC.
    let bell = (rng.f64() + rng.f64() + rng.f64()) / 3.0;
    #[expect(clippy::cast_possible_truncation, reason = "the bell lies between 0 and 1")]
    let within = (bell * 13.0 * 3_600_000.0) as i64;
    4 * HOUR_MS + 30 * MINUTE_MS + within
}

/// Cron starts on the hour or at a quarter, at night; midnight is the most popular of all, and no start is before it.
fn night_start(fixed: u64) -> i64 {
    const HOURS: &[i64] = &[0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 22];
    let hour = HOURS[usize::try_from((fixed >> 16) % HOURS.len() as u64).unwrap_or(0)];
    let quarter = i64::from((fixed >> 24).to_le_bytes()[0] % 4);
    (hour * HOUR_MS + (quarter - 1) * 15 * MINUTE_MS).max(0)
}

/// All repositories one after the other.
fn round(start: i64, repositories: usize, rng: &mut fastrand::Rng) -> Vec<(i64, usize)> {
    let mut at = start + rng.i64(1_000..40_000);
    (0..repositories)
        .map(|place| {
            at += *pick(rng, &[4_000, 9_000, 20_000, 31_000]);
            (at, place)
        })
        .collect()
}

/// Weeks begin on Mondays.
fn week_of(day: Day) -> u64 {
    u64::try_from((day.0 + 3) / 7).unwrap_or(0)
}

/// 0 is Monday.
fn weekday(day: Day) -> u8 {
    u8::try_from((day.0 + 3).rem_euclid(7)).unwrap_or(0)
}

fn day_of_month(day: Day) -> u8 {
    day.date().day().unsigned_abs()
}

pub(super) fn free_day(day: Day) -> bool {
    weekday(day) >= 5 || HOLIDAYS.contains(&day.to_string().as_str())
}
