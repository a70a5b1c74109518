//! Order and time: which source is read when, what is judged after it, which report is due, how everything ends.
//!
//! A round fetches, parses, classifies, counts and records, one page at a time; the judgement reads the whole store and
//! records what changed; a report is made once for each instant of its schedule. What is due is decided by pure functions
//! ([`schedule`]) from what the store says was done.
//!
//! Hidden here: pacing, the pairing of a page with its transaction, retries of deliveries, shutdown. Absent: how anything is
//! fetched, stored, judged, rendered or sent (the rooms).

mod accepted;
mod alarms;
mod changed;
mod check;
mod clients;
mod delivery;
mod engine;
mod exchange;
mod explain;
mod forget;
mod freshness;
mod health;
mod import;
mod intake;
mod judge;
mod manager;
mod notices;
pub mod options;
mod outcome;
mod packing;
mod pages;
mod reclassify;
mod retention;
mod rounds;
mod run;
pub mod schedule;
mod skew;
mod space;
mod status;
mod trace;
mod trouble;
mod webhooks;

pub use alarms::StoreAlarm;
pub use check::{Extent, Finding, State, check};
pub use delivery::{Delivery, Preview, Sent};
pub use engine::{Engine, PollOutcome};
pub use exchange::{HandedOver, hand_over};
pub use explain::{Question, explain};
pub use forget::Forgotten;
pub use health::{Healthy, health};
pub use import::{Imported, RegisterKind};
pub use intake::Senders;
pub use judge::{Judged, Measured, look};
pub use options::Options;
pub use reclassify::{Outcome as Reclassification, preview_reclassification};
pub use retention::Pruned;
pub use run::{Renewal, run};
pub use space::Space;
pub use status::status;

/// More side by side than this gains little, and threads are counted: the unit allows 128 of them.
const MAX_CORES: usize = 8;

/// On how many cores one piece of work may be done.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_CORES)
}
