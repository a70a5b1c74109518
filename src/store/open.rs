//! From a path to a connection, and from any earlier layout to the present one.
//!
//! | the file | `user_version` | `open` | `open_read_only` |
//! |---|---|---|---|
//! | is missing | | creates it, migrates | refused: `Missing` |
//! | has two names (hard links) | | refused: `Linked` | as below |
//! | is missing, its log is not | | refused: `TakenAway` | refused: `TakenAway` |
//! | is empty | 0 | migrates | refused: `Missing`, or `Foreign` where something is in it that is no store |
//! | carries our `application_id` | of today | ready | ready |
//! | carries our `application_id` | lower | migrates, unless somebody collects or judges: `Locked` | refused: `Older` |
//! | carries our `application_id` | higher | refused: `Newer` | refused: `Newer` |
//! | is anything else | | refused: `Foreign` | refused: `Foreign` |
//!
//! A refused file is not changed, not by a byte. All pending migrations run in one immediate transaction, so a store is
//! at its old version or at the new one, whatever fails in between.

use std::{
    fs::{Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{OpenError, lock};

const COUNT_OBJECTS: &str = include_str!("../../sql/queries/open/count_objects.sql");
const READ_PEOPLE_KEY: &str = include_str!("../../sql/queries/open/read_people_key.sql");
const READ_SEEN_KEY: &str = include_str!("../../sql/queries/open/read_seen_key.sql");

/// `dusk` in ASCII; set by the first migration.
const APPLICATION_ID: u32 = 0x6475_736B;

/// How long a short writer waits for another process, as the contract promises it: longer than any one transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the log is not written while readers are waited for.
const PATIENCE_WITH_READERS: Duration = Duration::from_secs(2);

/// Every statement of the room fits, so that none is compiled twice.
const CACHED_STATEMENTS: usize = 128;

/// One step from a layout to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// In order; the position plus one is the `user_version` that a migration leads to. An applied file is frozen.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_first_layout", sql: include_str!("../../sql/migrations/0001_first_layout.sql") },
    Migration { name: "0002_seen_by_hour", sql: include_str!("../../sql/migrations/0002_seen_by_hour.sql") },
    Migration { name: "0003_settled_totals", sql: include_str!("../../sql/migrations/0003_settled_totals.sql") },
    Migration { name: "0004_packed_counts", sql: include_str!("../../sql/migrations/0004_packed_counts.sql") },
    Migration { name: "0005_slices", sql: include_str!("../../sql/migrations/0005_slices.sql") },
    Migration { name: "0006_exchange", sql: include_str!("../../sql/migrations/0006_exchange.sql") },
    Migration { name: "0007_exchanged_lists", sql: include_str!("../../sql/migrations/0007_exchanged_lists.sql") },
    Migration { name: "0008_told_people", sql: include_str!("../../sql/migrations/0008_told_people.sql") },
    Migration { name: "0009_reclassification_limit", sql: include_str!("../../sql/migrations/0009_reclassification_limit.sql") },
    Migration { name: "0010_withdrawn", sql: include_str!("../../sql/migrations/0010_withdrawn.sql") },
];

/// Which file lies at a path, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    pub(super) fn of(path: &Path) -> Option<Self> {
        path.metadata().ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for FileId {
    fn from(file: &Metadata) -> Self {
        Self { device: file.dev(), number: file.ino() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Empty,
    Ours { version: u32 },
    Foreign,
}

/// What a connection is for; a reader's share of memory is smaller, since it holds no working set.
#[derive(Clone, Copy, Debug)]
enum Role {
    Writer,
    Reader,
}

pub(super) fn open_writer(path: &Path, migrations: &[Migration]) -> Result<Connection, OpenError> {
    create_private(path)?;
    let sqlite = |cause| OpenError::Sqlite { path: path.to_owned(), cause };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
    // Before anything is set on it: a stranger's file stays as it is.
    let identity = identify(&connection).map_err(sqlite)?;
    refuse_unless_usable(path, identity, migrations)?;
    if identity == Identity::Empty {
        tracing::info!(path = %path.display(), "there is no store here yet: a new one is made");
        // What is pruned is given back in small steps; it can only be asked for before there is anything in the file.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(sqlite)?;
    }
    set_pragmas(&connection, Role::Writer).map_err(sqlite)?;
    migrate(&mut connection, path, migrations)?;
    Ok(connection)
}

/// Opens a store that exists and has today's layout.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) if is_taken_away(path) => OpenError::TakenAway { path: path.to_owned() },
        Some(ErrorCode::CannotOpen) if !path.exists() => OpenError::Missing { path: path.to_owned() },
        _ => OpenError::Sqlite { path: path.to_owned(), cause: source },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
    let supported = version_after(MIGRATIONS);
    match identify(&connection).map_err(sqlite)? {
        Identity::Ours { version } if version < supported => {
            return Err(OpenError::Older { path: path.to_owned(), found: version, supported });
        }
        Identity::Empty if is_untouched(path) => return Err(OpenError::Missing { path: path.to_owned() }),
        Identity::Empty => return Err(OpenError::Foreign { path: path.to_owned() }),
        identity => refuse_unless_usable(path, identity, MIGRATIONS)?,
    }
    set_pragmas(&connection, Role::Reader).map_err(sqlite)?;
    Ok(connection)
}

/// Nobody came further than to make the file, as on a full disk: what was ever opened has a header, or writes beside it.
fn is_untouched(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() == 0) && !beside(path, "-wal").exists()
}

/// The file is gone that a log is of, which holds what was committed to it.
fn is_taken_away(path: &Path) -> bool {
    !path.exists() && beside(path, "-wal").exists()
}

/// The path of what stands beside a store under its name and an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(super) fn read_seen_key(connection: &Connection) -> rusqlite::Result<[u8; 16]> {
    connection.query_row(READ_SEEN_KEY, [], |row| row.get(0))
}

/// What cannot be done at once because of a reader is left for later.
pub(super) fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE_WITH_READERS)?;
    let done = connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    done
}

pub(super) fn read_people_key(connection: &Connection) -> rusqlite::Result<Vec<u8>> {
    connection.query_row(READ_PEOPLE_KEY, [], |row| row.get(0))
}

/// Names of people are in the store: a new file is for its owner only. An existing file keeps its mode.
fn create_private(path: &Path) -> Result<(), OpenError> {
    // SQLite would take the log for that of the new file, or remove it; it holds what was committed to the one that is gone.
    if is_taken_away(path) {
        return Err(OpenError::TakenAway { path: path.to_owned() });
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        // SQLite keeps one log a name: what is committed by one is not there for whoever comes by the other, and overwritten.
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists
                && path.metadata().is_ok_and(|file| file.is_file() && file.nlink() > 1) =>
        {
            Err(OpenError::Linked { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Nowhere { path: path.to_owned() }),
        Err(cause) => Err(OpenError::Io { path: path.to_owned(), cause }),
    }
}

fn identify(connection: &Connection) -> rusqlite::Result<Identity> {
    let found = (|| {
        let application_id: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let objects: i64 = connection.query_row(COUNT_OBJECTS, [], |row| row.get(0))?;
        Ok(match (application_id, version, objects) {
            (APPLICATION_ID, version, _) => Identity::Ours { version },
            (0, 0, 0) => Identity::Empty,
            _ => Identity::Foreign,
        })
    })();
    match found {
        Err(error) if is_no_database(&error) => Ok(Identity::Foreign),
        found => found,
    }
}

/// A file that is no SQLite file at all, or pragmas of one that no program of ours wrote.
fn is_no_database(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::NotADatabase) || matches!(error, rusqlite::Error::IntegralValueOutOfRange(..))
}

fn refuse_unless_usable(path: &Path, identity: Identity, migrations: &[Migration]) -> Result<(), OpenError> {
    let supported = version_after(migrations);
    match identity {
        Identity::Foreign => Err(OpenError::Foreign { path: path.to_owned() }),
        Identity::Ours { version } if version > supported => {
            Err(OpenError::Newer { path: path.to_owned(), found: version, supported })
        }
        Identity::Ours { .. } | Identity::Empty => Ok(()),
    }
}

fn migrate(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let sqlite = |cause| OpenError::Sqlite { path: path.to_owned(), cause };
    let supported = version_after(migrations);
    let _alone = match identify(connection).map_err(sqlite)? {
        Identity::Ours { version } if version == supported => return Ok(()),
        // An older program that is at work on it knows nothing of a new layout.
        Identity::Ours { .. } => Some((lock::alone(path, lock::COLLECTING)?, lock::alone(path, lock::JUDGING)?)),
        Identity::Empty | Identity::Foreign => None,
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    // Asked again inside the transaction: another process may have made it while this one waited.
    let version = match identify(&transaction).map_err(sqlite)? {
        Identity::Ours { version } => version,
        Identity::Empty | Identity::Foreign => 0,
    };
    for migration in migrations.iter().skip(version as usize) {
        transaction.execute_batch(migration.sql).map_err(|cause| OpenError::Migration {
            path: path.to_owned(),
            migration: migration.name,
            cause,
        })?;
    }
    transaction.pragma_update(None, "user_version", supported).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

fn version_after(migrations: &[Migration]) -> u32 {
    u32::try_from(migrations.len()).expect("a program has fewer than four billion migrations")
}

fn set_pragmas(connection: &Connection, role: Role) -> rusqlite::Result<()> {
    let cache_kib = match role {
        // The leaves of the days being read, of names and of tracks; the whole process stays near 64 MiB.
        Role::Writer => 4 * 1024,
        // Reports scan; a larger cache would only be flushed by them.
        Role::Reader => 2 * 1024,
    };
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Sorts are small, and what they sort are names of people: they do not belong into /tmp.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A failing disk must be an error, not a signal that ends the process.
    connection.pragma_update(None, "mmap_size", 0)?;
    // Views, triggers and indexes of the file cannot call functions with side effects.
    connection.pragma_update(None, "trusted_schema", false)?;
    if let Role::Writer = role {
        // Readers go on while the writer writes.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        // What was acknowledged to a sender, and that a mail was sent, must survive a loss of power.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // After a burst the write-ahead log gives its disk space back, down to 64 MiB.
        connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    }
    Ok(())
}
