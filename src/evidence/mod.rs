//! The words of the domain. PURE: no I/O, no clock, no environment, no randomness.
//!
//! Everything that two rooms share is a type of this room: what was read ([`Sighting`]), what the rules said of it
//! ([`Verdict`]), how it is counted ([`Batch`], [`History`]), when anybody was looking ([`coverage`]) and what is being
//! retired ([`Campaign`], [`Expiry`]). Secrets are dropped here, before anything is stored, logged or shown ([`redact`]).
//!
//! Absent: judgement (`analysis`), wire formats of remote APIs (`source`), SQL (`store`).

pub mod callers;
pub mod campaign;
pub mod chunk;
pub mod clients;
pub mod counts;
pub mod coverage;
pub mod exchange;
pub mod format;
pub mod history;
pub mod inert;
pub mod journal;
pub mod loopback;
pub mod mention;
pub mod origin;
pub mod pattern;
pub mod place;
pub mod redact;
pub mod roster;
pub mod settings;
pub mod sighting;
mod source_kind;
pub mod time;
pub mod vocabulary;

pub use callers::{CROWD, Callers, ELSEWHERE, crowd_of, is_crowd};
pub use campaign::{Campaign, Expiry, Window};
pub use clients::{CatalogueFault, Client, ClientCatalogue, Steps};
pub use counts::Counts;
pub use coverage::{Coverage, CoverageState, Ledger};
pub use history::{Batch, CursorUpdate, DayCount, History, MALFORMED, Skipped, Track, TrackCount, UnknownTotal, UnknownValue};
pub use origin::{NamedNetworks, Origin, OriginRef, canonical as canonical_network};
pub use roster::{
    ApiToken, DeployKey, DirectoryEntry, GoneToken, Listed, Member, Missing, Permission, Person, RegisteredCredential,
    Repository, RepositoryPermission, Roster,
};
pub use sighting::{OTHER_PRODUCT, Page, RESERVED_USERNAMES, Sighting, is_reserved};
pub use source_kind::SourceKind;
pub use time::Day;
pub use vocabulary::{Category, Credential, Grade, Operation, Outcome, Status, Verdict, WindowKind};
