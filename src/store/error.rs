//! Why the store cannot be opened, and why a read or write failed.

use std::{io, path::PathBuf};

use rusqlite::{ErrorCode, ffi::SQLITE_IOERR_SHMSIZE};
use thiserror::Error;

/// The words hold the cause, which is no `source` beside them: a chain of errors says everything once.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{}: there is no store here yet; `duskwatch poll` makes one", path.display())]
    Missing { path: PathBuf },
    #[error("{}: the file of the store is gone, and its log ({}-wal) is not: put it back, or restore a backup and remove the log", path.display(), path.display())]
    TakenAway { path: PathBuf },
    #[error("{}: the file of the store has another name, a hard link: what is written by one name would break it by the other. Keep one: `find DIRECTORY -samefile {}` names them", path.display(), path.display())]
    Linked { path: PathBuf },
    #[error("{}: this is not a duskwatch store: see [store] path, or restore a backup", path.display())]
    Foreign { path: PathBuf },
    #[error("{}: the store has version {found}, this program knows versions up to {supported}; use a newer program", path.display())]
    Newer { path: PathBuf, found: u32, supported: u32 },
    #[error("{}: the store has version {found} and must first be brought to {supported} by a command that writes", path.display())]
    Older { path: PathBuf, found: u32, supported: u32 },
    #[error("{}: the store is in use by {holder}: let that end first", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error("{}: migration {migration} failed, the store is as it was: {}", path.display(), of_opening(cause))]
    Migration { path: PathBuf, migration: &'static str, cause: rusqlite::Error },
    #[error("{}: there is no such directory", path.display())]
    Nowhere { path: PathBuf },
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("{}: {}", path.display(), of_opening(cause))]
    Sqlite { path: PathBuf, cause: rusqlite::Error },
}

/// What went wrong while a store was opened: the words of [`StoreError`] where it has some.
fn of_opening(cause: &rusqlite::Error) -> String {
    match cause.sqlite_error_code() {
        _ if has_no_room(cause) => StoreError::NoRoom.to_string(),
        Some(ErrorCode::DiskFull) => StoreError::Full.to_string(),
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly.to_string(),
        _ if is_damage(cause) => StoreError::Corrupt(cause.to_string()).to_string(),
        Some(ErrorCode::SystemIoFailure) => StoreError::Broken(cause.to_string()).to_string(),
        Some(ErrorCode::CannotOpen) => StoreError::Closed(cause.to_string()).to_string(),
        _ => cause.to_string(),
    }
}

/// What only a damaged file answers: every statement is tried over every layout, so that what it names is there, as are the keys
/// that a store is made with, and every column holds what it was declared for.
fn is_damage(error: &rusqlite::Error) -> bool {
    let by_code =
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown));
    by_code
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::QueryReturnedNoRows
        )
}

/// Of its `-shm` file SQLite says no more than that it could not be made larger.
fn has_no_room(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE)
}

/// A read or write that failed. Nothing of a failed write is kept.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the disk of the store is full")]
    Full,
    #[error("the disk of the store is full, fails or is read-only: there is no room beside it")]
    NoRoom,
    #[error("the store cannot be written: see whether its file system is read-only, and the rights on it")]
    ReadOnly,
    #[error(
        "the store is damaged, or its disk fails ({0}): stop the service, keep the file, see the system's log, restore a backup"
    )]
    Corrupt(String),
    #[error(
        "the disk of the store fails, is full or has become read-only ({0}): look at the system's log; what was recorded stays as it was"
    )]
    Broken(String),
    #[error("the store cannot be opened ({0}): see whether its disk is full or read-only, and the rights on its directory")]
    Closed(String),
    #[error(
        "the file of the store was removed or replaced while it was in use: put it back; to use another one, stop the service and remove what stands beside it (-wal, -shm) first"
    )]
    Replaced,
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
            _ if has_no_room(&error) => Self::NoRoom,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            _ if is_damage(&error) => Self::Corrupt(error.to_string()),
            Some(ErrorCode::SystemIoFailure) => Self::Broken(error.to_string()),
            Some(ErrorCode::CannotOpen) => Self::Closed(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Refused(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_full_disk_is_named_as_far_as_sqlite_says_it() {
        let words = [
            (ffi::SQLITE_FULL, "the disk of the store is full"),
            (SQLITE_IOERR_SHMSIZE, "the disk of the store is full, fails or is read-only: there is no room beside it"),
        ];
        for (code, words) in words {
            let error = || rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let opening = OpenError::Sqlite { path: "/d/duskwatch.db".into(), cause: error() };
            assert_eq!(opening.to_string(), format!("/d/duskwatch.db: {words}"));
            let migrating = OpenError::Migration { path: "/d/duskwatch.db".into(), migration: "0001", cause: error() };
            assert!(migrating.to_string().ends_with(&format!("the store is as it was: {words}")), "{migrating}");
            assert_eq!(StoreError::from(error()).to_string(), words);
        }
        let failing = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_READ), None);
        assert!(matches!(StoreError::from(failing), StoreError::Broken(_)));
    }
}
