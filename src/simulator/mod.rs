//! The world outside, as a modelled organisation whose truth is known: the product's demo, best test and benchmark.
//!
//! A [`World`] is generated from a seed: people, teams, workspaces, repositories, and integrations that sign in with app
//! passwords until they migrate, half migrate, stop, return or break, by the calendar of the built-in campaign. It is seen
//! only through the doors of the real world: the organisation's audit stream and token inventory, Bitbucket's REST API
//! ([`serve`]) and client-side log files ([`World::write_logs`]). Requests and logs show only what had happened by the
//! simulated `now`. [`World::truth`] is for tests and benchmarks alone.
//!
//! Hidden here: how a believable organisation behaves, and every name and number of it. Uses are never held: they are
//! drawn again for each integration and day from the seed, so a part of the world costs what that part costs.
//!
//! Absent: judgement, the product's own parsers, the clock. All names are generated, all addresses are private or for
//! documentation, all secrets are random text that opens nothing.

use jiff::Timestamp;

use crate::evidence::Day;

mod actions;
mod address;
mod audit;
mod fate;
mod inventory;
mod logs;
mod names;
mod organization;
mod seed;
mod serve;
mod software;
mod temper;
mod truth;
mod uses;
mod world;

#[cfg(test)]
mod tests;

pub use fate::{Fate, Half};
pub use logs::{LogFiles, write_load};
pub use organization::{Owner, Team, User};
pub use serve::{
    Arrivals, EndOfStream, Fault, FaultKind, NextForm, Odd, Refusal, RetryHeader, ServeOptions, Server, When, serve,
};
pub use truth::Truth;
pub use uses::Use;
pub use world::{Door, Integration, NamedNetwork, Organization, World};

/// How big the organisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Small,
    Default,
    Large,
    /// For [`write_load`]: its audit events would fill the memory.
    Huge,
}

impl Size {
    pub const ALL: [Self; 4] = [Self::Small, Self::Default, Self::Large, Self::Huge];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Default => "default",
            Self::Large => "large",
            Self::Huge => "huge",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.as_str() == text)
    }

    fn scale(self) -> Scale {
        match self {
            Self::Small => Scale { users: 30, integrations: 20, workspaces: 2, teams: 4, repositories: 24, noise: 1.9 },
            Self::Default => Scale { users: 300, integrations: 200, workspaces: 12, teams: 16, repositories: 180, noise: 1.9 },
            Self::Large => {
                Scale { users: 8_000, integrations: 5_000, workspaces: 60, teams: 96, repositories: 3_000, noise: 0.8 }
            }
            Self::Huge => Scale {
                users: 500_000,
                integrations: 300_000,
                workspaces: 5_000,
                teams: 6_000,
                repositories: 180_000,
                noise: 0.8,
            },
        }
    }
}

/// The counts behind a [`Size`].
#[derive(Clone, Copy, Debug)]
struct Scale {
    users: usize,
    integrations: usize,
    workspaces: usize,
    teams: usize,
    repositories: usize,
    /// Audit events a user causes on a working day that have nothing to do with any integration.
    noise: f64,
}

/// What to generate. Same seed and options, same world.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub size: Size,
    /// The simulated present that history leads up to.
    pub now: Timestamp,
    pub history_days: u32,
    /// How far beyond `now` the world is known.
    pub future_days: u32,
    /// Multiplies the uses a day.
    pub intensity: f64,
    /// So many repositories instead of as many as the size has.
    pub repositories: Option<usize>,
    /// Nobody leaves or takes another name, every list is open, and every log is kept from the first day on, without holes,
    /// by a right clock: for comparing line by line what was read with what there is.
    pub steady: bool,
    /// From this day on other chances than the seed's, by a number: the same past with another future. Whatever was decided
    /// before the day goes on as it was.
    pub future: Option<(Day, u64)>,
}

impl Options {
    /// Five months of history and thirty days of future around `now`.
    pub fn new(size: Size, now: Timestamp) -> Self {
        Self { size, now, history_days: 150, future_days: 30, intensity: 1.0, repositories: None, steady: false, future: None }
    }
}
