//! Every judgement. PURE: no I/O, no clock, no environment, no randomness; `now` is an argument.
//!
//! Two steps. [`Classifier`] looks at one sighting at a time, with the rules and the campaign's calendar, and [`fold()`]
//! counts what it said. [`assess()`] looks at whole histories: who is who, what belongs together, where each integration
//! stands, what comes first.

mod assess;
#[cfg(test)]
mod assess_tests;
mod attribute;
mod authentications;
mod bounds;
mod burndown;
mod changes;
mod classify;
mod covered;
mod days;
pub mod erasure;
pub mod explain;
mod figures;
pub mod findings;
mod fold;
pub mod forecast;
mod guess;
mod habit;
mod identity;
mod integrations;
mod keys;
pub mod lift;
mod observed;
mod owners;
pub mod policy;
mod proof;
pub mod question;
mod rank;
mod reasons;
mod reclassified;
mod reidentified;
mod rhythm;
mod rights;
mod rules;
mod secrets;
mod silence;
mod timeline;
mod tokens;
mod tracks;
mod trap;
mod users;
mod who;

pub use assess::{Inputs, assess, attributed};
pub use authentications::{Authentications, DailyUses};
pub use changes::{changes, statuses};
pub use classify::{Classified, Classifier};
pub use findings::{
    Activity, Authentication, Brownouts, BurndownDay, CampaignFindings, Change, ChangeCause, Experiment, Exposure, Findings,
    Integration, IntegrationKey, KnownIntegration, NameState, NextWindow, Observation, ObservedWorkspace, Person, Proof,
    Reidentified, ReportedDay, Rhythm, RhythmKind, Share, Statuses, Term, TokenFinding, Trap, TrapKind, UserFinding,
};
pub use fold::{Found, Recount, fold, recount, track_of};
pub use forecast::{Forecast, Recorded};
pub use guess::{Guess, guess};
pub use identity::is_crowd_id;
pub use lift::Lift;
pub use owners::glob;
pub use policy::{Closure, Owner, Policy, Waiver};
pub use rank::{counted, total};
pub use reclassified::{Anew, Collected, Move, Reclassified, reclassified};
pub use rules::{Rule, Rules};
pub use silence::Silence;
pub use who::Who;
