//! When it will be over: the distribution of the number that remains at the removal, and of the day on which nothing
//! remains.
//!
//! Four steps, each in its own file, that `judge` takes one after the other: who has left already (`presence`), how fast they leave (`pace`), what that means for
//! those that are left (`simulate`), and what would change it (`moves`). `score` looks back at earlier forecasts.
//!
//! What is forecast is the number *observed* remaining, by the contract's statuses, which lag behind the truth by each
//! integration's horizon: whatever stops in the last days before the removal still counts then.
//!
//! Everything assumed rather than measured is a named constant with its reason. Sources are watched as before; dates do
//! not move again; the organisation goes on as it has, with the pressure that deadlines put on people.

mod judge;
mod moves;
mod pace;
mod presence;
mod random;
mod score;
mod simulate;
mod subject;

pub use moves::{MAX_MOVES, Move};
pub use score::{Recorded, Score, look_back};

pub(super) use judge::judge;
pub(super) use subject::Subject;

use crate::evidence::Day;

/// What can be said of the end.
#[derive(Clone, Debug)]
pub enum Forecast {
    /// Too little is known, and what is missing.
    NotEnough(String),
    Known(Box<Outlook>),
}

impl Forecast {
    /// What has to be kept of it, to be scored later: the numbers remaining. The repair after the removal is not kept.
    pub fn to_record(&self) -> &[Recorded] {
        match self {
            Self::Known(outlook) if outlook.counted == Counted::Remaining => &outlook.path,
            _ => &[],
        }
    }
}

/// A distribution by its 10, 50 and 90 % quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantiles<T> {
    pub p10: T,
    pub p50: T,
    pub p90: T,
}

/// What is counted down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Before the removal: what remains.
    Remaining,
    /// After it: what fails now, until it is repaired.
    Failing,
}

#[derive(Clone, Debug)]
pub struct Outlook {
    pub counted: Counted,
    /// The day at whose end nothing is left; none when that lies more than a year after the removal.
    pub zero_day: Quantiles<Option<Day>>,
    /// The number on further days, the target last, sorted.
    pub path: Vec<Recorded>,
    /// What of the counted is expected to use the legacy credential still, now.
    pub still_used: f64,
    /// How many must stop each week from now on to be done at the removal.
    pub needed_a_week: f64,
    /// How many stopped each week of the last four, as far as can be told.
    pub stopped_a_week: f64,
    /// Most of what stops after this day still counts at the removal, for it has not been silent long enough.
    pub last_visible_stop: Day,
    /// The moves that change the forecast most, the greatest effect first.
    pub moves: Vec<Move>,
}

impl Outlook {
    /// The number at the end of the last day before the removal; after the removal, four weeks ahead.
    pub fn end(&self) -> Recorded {
        *self.path.last().expect("a path leads somewhere")
    }
}

/// The 10, 50 and 90 % quantiles of sorted values, each one of them (inverse of the empirical distribution function).
fn quantiles<T: Copy + Default>(sorted: &[T]) -> Quantiles<T> {
    let at = |tenths: usize| {
        let rank = (sorted.len() * tenths).div_ceil(10).max(1) - 1;
        sorted.get(rank).copied().unwrap_or_default()
    };
    Quantiles { p10: at(1), p50: at(5), p90: at(9) }
}

fn share<T>(values: &[T], holds: impl Fn(&T) -> bool) -> f64 {
    real(values.iter().filter(|value| holds(value)).count()) / real(values.len().max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts lie far below 2^53")]
fn real(count: usize) -> f64 {
    count as f64
}

/// Days from a float; what does not fit is the largest or smallest that does.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn whole(days: f64) -> i32 {
    days as i32
}
