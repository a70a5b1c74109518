//! Every judgement. PURE: no I/O, no clock, no environment, no randomness; `now` is an argument.
//!
//! Two steps. `Classifier` looks at one sighting at a time, with the rules and the campaign's calendar, and
//! `Fold` counts what it said. `assess` looks at whole histories: who is who, what belongs together,
//! where each integration stands, what comes first.

pub mod classify;
pub mod findings;
pub mod fold;
pub mod policy;
pub mod rules;

pub use classify::{Classified, Classifier};
pub use findings::{
    Authentication, BurndownDay, CampaignFindings, Change, ChangeCause, Findings, Integration, IntegrationKey, KnownIntegration,
    Person, Term, TokenFinding, UserFinding,
};
pub use fold::fold;
pub use policy::{Closure, Owner, Policy, Waiver};
pub use rules::{Rule, Rules};
