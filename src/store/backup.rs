//! A copy of the store as it is at one moment, beside a process that writes.
//!
//! The copy is written under a hidden name beside its place, flushed, and renamed: whatever ends it, there is the old file or
//! the whole new one.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, named_params};

use super::{
    OpenError, StoreError, lock,
    open::{self, FileId, beside},
};

const COPY_STORE: &str = include_str!("../../sql/queries/backup/copy_store.sql");

/// What stands beside a store while something uses it.
const COMPANIONS: [&str; 4] = ["-wal", "-shm", lock::COLLECTING, lock::JUDGING];

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{}: that is the store itself: name another file", .0.display())]
    Itself(PathBuf),
    #[error("{}: that is no name for a file", .0.display())]
    NoFile(PathBuf),
    #[error("{}: there is a file that is no store: it is not overwritten", .0.display())]
    Foreign(PathBuf),
    #[error("{}: there is a store that something uses, see the file beside it: it is not overwritten", .0.display())]
    InUse(PathBuf),
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("{}: the copy does not fit: its disk is full", .0.display())]
    Full(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies the store at `store` to `to` and returns the copy's size. An earlier copy there is replaced.
pub(super) fn copy(store: &Path, to: &Path) -> Result<u64, BackupError> {
    refuse_unless_free(store, to)?;
    let reader = open::open_reader(store).map_err(StoreError::from)?;
    let fresh = hidden(to).ok_or_else(|| BackupError::NoFile(to.to_owned()))?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |cause| BackupError::Io { path, cause }
    };
    if let Err(error) = write_copy(&reader, &fresh) {
        remove_if_there(&fresh).map_err(io(&fresh))?;
        return Err(error);
    }
    fs::rename(&fresh, to).map_err(io(to))?;
    let directory = parent(to);
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io(directory))?;
    Ok(fs::metadata(to).map_err(io(to))?.len())
}

/// Writes what a connection sees into a file that only its owner may read, in the place of what an earlier one left when it was
/// killed, and flushes it.
pub(super) fn write_copy(connection: &Connection, to: &Path) -> Result<(), BackupError> {
    let io = |cause| BackupError::Io { path: to.to_owned(), cause };
    remove_if_there(to).map_err(io)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(io)?;
    tracing::debug!("the copy is being written");
    let written =
        connection.prepare(COPY_STORE).and_then(|mut copy| copy.execute(named_params! { ":path": to.to_string_lossy() }));
    written.map_err(|error| match StoreError::from(error) {
        StoreError::Full => BackupError::Full(to.to_owned()),
        error => error.into(),
    })?;
    file.sync_all().map_err(io)
}

fn refuse_unless_free(store: &Path, to: &Path) -> Result<(), BackupError> {
    let own = [""].iter().chain(&COMPANIONS).filter_map(|end| FileId::of(&beside(store, end)));
    let Ok(there) = fs::metadata(to) else {
        let would_be = COMPANIONS.iter().any(|end| beside(store, end) == to);
        return if would_be { Err(BackupError::Itself(to.to_owned())) } else { Ok(()) };
    };
    if own.into_iter().any(|own| own == FileId::from(&there)) {
        return Err(BackupError::Itself(to.to_owned()));
    }
    if !there.is_file() {
        return Err(BackupError::NoFile(to.to_owned()));
    }
    if COMPANIONS.iter().any(|end| beside(to, end).exists()) {
        return Err(BackupError::InUse(to.to_owned()));
    }
    match open::open_reader(to) {
        Ok(_) | Err(OpenError::Older { .. }) => Ok(()),
        Err(_) => Err(BackupError::Foreign(to.to_owned())),
    }
}

pub(super) fn hidden(path: &Path) -> Option<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name()?);
    name.push(".new");
    Some(path.with_file_name(name))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
