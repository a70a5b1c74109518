//! Why the store cannot be opened, and why a read or write failed.

use std::{io, path::PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{}: there is no store here yet; `duskwatch poll` makes one", path.display())]
    Missing { path: PathBuf },
    #[error("{}: this is not a duskwatch store", path.display())]
    Foreign { path: PathBuf },
    #[error("{}: the store has version {found}, this program knows versions up to {supported}; use a newer program", path.display())]
    Newer { path: PathBuf, found: u32, supported: u32 },
    #[error("{}: the store has version {found} and must first be brought to {supported} by a command that writes", path.display())]
    Older { path: PathBuf, found: u32, supported: u32 },
    #[error("{}: the store is in use by {holder}", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error("{}: migration {migration} failed, the store is as it was: {source}", path.display())]
    Migration { path: PathBuf, migration: &'static str, source: rusqlite::Error },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// A read or write that failed. Nothing of a failed write is kept.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the disk of the store is full")]
    Full,
    #[error("the store cannot be written")]
    ReadOnly,
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    #[error("another process kept the store busy for too long")]
    Busy,
    #[error("the store was stopped before it answered")]
    Stopped,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store refused: {0}")]
    Refused(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => match error {
                rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::IntegralValueOutOfRange(..) => {
                    Self::Corrupt(error.to_string())
                }
                _ => Self::Refused(error),
            },
        }
    }
}
