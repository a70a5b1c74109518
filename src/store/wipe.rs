//! Writing the whole file anew: what was removed from a database stays in its free space until it is overwritten.
//!
//! A clean copy is written beside the store and read back into it page by page, in one transaction: whatever ends it, the store
//! is whole, as it was or clean. `VACUUM` alone would build the copy in memory or in a directory of the system's.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{
    BackupError, StoreError,
    backup::{hidden, remove_if_there, write_copy},
};

const FORGET_ERASURE: &str = include_str!("../../sql/queries/erase/forget_erasure.sql");

/// All of it at once: nobody else may write in between.
const PAGES: i32 = i32::MAX;

/// Between two attempts while somebody else has the store.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn rewrite(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let Some(clean) = hidden(path) else { return Err(StoreError::ReadOnly) };
    let written = write_copy(connection, &clean).map_err(as_store_error).and_then(|()| read_back(connection, &clean));
    remove_if_there(&clean).map_err(|source| io_error(&clean, source))?;
    written?;
    connection.prepare_cached(FORGET_ERASURE)?.execute([])?;
    let mut busy = false;
    connection.pragma(None, "wal_checkpoint", "TRUNCATE", |row| {
        busy = row.get::<_, i64>(0)? != 0;
        Ok(())
    })?;
    if busy { Err(StoreError::Busy) } else { Ok(()) }
}

fn read_back(connection: &mut Connection, clean: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let clean = Connection::open_with_flags(clean, flags)?;
    Ok(Backup::new(&clean, connection)?.run_to_completion(PAGES, PAUSE, None)?)
}

fn as_store_error(error: BackupError) -> StoreError {
    match error {
        BackupError::Store(error) => error,
        BackupError::Full(_) => StoreError::Full,
        BackupError::Io { path, cause } => io_error(&path, cause),
        BackupError::Itself(path) | BackupError::NoFile(path) | BackupError::Foreign(path) | BackupError::InUse(path) => {
            io_error(&path, std::io::ErrorKind::AlreadyExists.into())
        }
    }
}

fn io_error(path: &Path, source: std::io::Error) -> StoreError {
    super::OpenError::Io { path: path.to_owned(), cause: source }.into()
}
