//! The database file: SQLite, one writer, a few readers.
//!
//! Everything that must survive a restart goes through this room: day counts and compressed chunks of evidence, what
//! was seen already, cursors, coverage, inventories with their past, the ids of integrations, recorded judgements, and
//! the outbox. [`Store::write`] runs a closure in one immediate transaction: what it records is kept together or not at
//! all, the cursor of a page with its evidence. [`Store::read`] shows one consistent snapshot. Closures are synchronous
//! and run on a blocking thread, so no transaction spans an await.
//!
//! Hidden here: the schema (`sql/`), its migrations, pragmas, interning, and how words are spelt in rows.
//! Absent: judgement, wire formats, and any decision what to record or deliver when.

mod alarms;
mod backup;
mod calendar;
mod callers;
mod convert;
mod erase;
mod error;
mod exchange;
mod exchanged_lists;
mod growth;
mod handle;
mod history;
mod ingest;
mod intern;
mod inventory;
mod journal;
mod judgement;
mod kept;
mod lock;
mod merged;
mod open;
mod outbox;
mod packed;
mod prune;
mod reclassify;
mod register;
mod rights;
mod roster;
mod seen;
mod slices;
mod sources;
#[cfg(test)]
mod tests;
mod verify;
mod wipe;

pub use alarms::MailState;
pub use backup::BackupError;
pub use erase::Erased;
pub use error::{OpenError, StoreError};
pub use exchange::{Counted, Exchanged};
pub use growth::Growth;
pub use handle::{Reader, Store, Writer};
pub use journal::Accepted;
pub use kept::{KeptDay, TrackRow};
pub use lock::Lock;
pub use outbox::{GivenUp, NOT_CONFIGURED, NewMessage, OTLP, OutboxSummary, Outgoing, Settled, Waiting};
pub use prune::{Old, Pruning};
pub use reclassify::{Progress, Rejudged, StoredChunk};
pub use slices::Slice;
pub use sources::{AuthenticationTotal, ReadInPart, RequestTotal, SkippedTotal, SourceState, Totals};
pub use verify::Finding;
