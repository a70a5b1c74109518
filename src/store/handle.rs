//! The handle on the store: who may read and write when, and what a transaction is.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    task::{JoinError, spawn_blocking},
};

use super::{
    BackupError, Lock, OpenError, StoreError, backup,
    intern::Interned,
    lock,
    open::{self, FileId, MIGRATIONS},
    wipe,
};

/// Snapshots that may be read at one time: the page, the metrics and a report. Each costs up to 2 MiB of cache.
const MAX_READERS: usize = 3;

/// The database file of one organisation. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// How many callers of one source may be named by what is written here.
    callers_per_source: usize,
}

struct Shared {
    path: PathBuf,
    /// Which file lay there when it was opened.
    file: Option<FileId>,
    /// None when the store was opened for reading only.
    writer: Option<Arc<AsyncMutex<WriterConnection>>>,
    /// Readers that nobody uses now; opened when they are first needed.
    idle_readers: Mutex<Vec<Reader>>,
    reader_permits: Arc<Semaphore>,
}

struct WriterConnection {
    connection: Connection,
    interned: Interned,
    /// What SQLite counts of the commits of others.
    others_wrote: i64,
    seen_key: [u8; 16],
    /// The limit by which tracks are interned.
    callers_per_source: usize,
}

/// One write transaction: what is recorded through it is kept together or not at all.
pub struct Writer<'t> {
    pub(super) connection: &'t Connection,
    pub(super) interned: &'t mut Interned,
    pub(super) seen_key: &'t [u8; 16],
    pub(super) callers_per_source: usize,
}

/// One consistent snapshot.
pub struct Reader {
    pub(super) connection: Connection,
}

impl Store {
    /// Opens the store at `path`, creates it (mode 0600) where there is none, and brings it to today's layout.
    ///
    /// # Errors
    /// A file that is no store, or one that a newer program wrote, is refused and not changed.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = open::open_writer(path, MIGRATIONS)?;
        let sqlite = |cause| OpenError::Sqlite { path: path.to_owned(), cause };
        let seen_key = open::read_seen_key(&connection).map_err(sqlite)?;
        let writer = WriterConnection {
            connection,
            interned: Interned::default(),
            others_wrote: 0,
            seen_key,
            callers_per_source: usize::MAX,
        };
        Ok(Self::shared(path, Some(writer), Vec::new()))
    }

    /// Opens a store that exists and has today's layout; changes nothing, also beside a process that writes.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let reader = Reader { connection: open::open_reader(path)? };
        Ok(Self::shared(path, None, vec![reader]))
    }

    fn shared(path: &Path, writer: Option<WriterConnection>, readers: Vec<Reader>) -> Self {
        let shared = Shared {
            path: path.to_owned(),
            file: FileId::of(path),
            writer: writer.map(|writer| Arc::new(AsyncMutex::new(writer))),
            idle_readers: Mutex::new(readers),
            reader_permits: Arc::new(Semaphore::new(MAX_READERS)),
        };
        Self { shared: Arc::new(shared), callers_per_source: usize::MAX }
    }

    /// This store, into which each source may name so many callers ([`Callers`](crate::evidence::Callers)).
    pub fn limited_to(self, callers_per_source: usize) -> Self {
        Self { callers_per_source, ..self }
    }

    /// Takes the right to collect and deliver on the store at `path`, which one process has at a time.
    ///
    /// # Errors
    /// [`OpenError::Locked`] names the process that has it.
    pub fn lock_exclusive(path: &Path) -> Result<Lock, OpenError> {
        lock::alone(path, lock::COLLECTING)
    }

    /// Takes the right to read names, judge, and write what follows, which several have at a time, and none while somebody is
    /// erased: what was judged before an erasure must not be written after it.
    ///
    /// # Errors
    /// [`OpenError::Locked`] names the process that erases.
    pub fn lock_judging(path: &Path) -> Result<Lock, OpenError> {
        lock::beside_others(path, lock::JUDGING)
    }

    /// Takes the right to erase somebody: nobody else collects, delivers or judges meanwhile.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when somebody does.
    pub fn lock_erasing(path: &Path) -> Result<(Lock, Lock), OpenError> {
        Ok((Self::lock_exclusive(path)?, lock::alone(path, lock::JUDGING)?))
    }

    /// Copies the store at `path`, as it is at this moment, to another place, and returns the copy's size.
    ///
    /// # Errors
    /// When the place is taken by anything but an earlier copy, or cannot be written.
    pub fn backup(path: &Path, to: &Path) -> Result<u64, BackupError> {
        backup::copy(path, to)
    }

    /// Runs `work` in one immediate transaction and commits when it returns Ok; writers take turns.
    #[tracing::instrument(name = "record", level = "debug", skip_all)]
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writer<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let callers_per_source = self.callers_per_source;
        self.with_writer(move |writer, _| writer.transact(callers_per_source, work)).await
    }

    /// Moves what was committed from the write-ahead log into the file, and empties the log unless somebody still reads from
    /// it: only then does the file get smaller.
    pub async fn empty_log(&self) -> Result<(), StoreError> {
        self.with_writer(|writer, _| Ok(open::empty_log(&writer.connection)?)).await
    }

    /// Writes the file anew, so that free space holds nothing of what was erased, and empties the write-ahead log.
    ///
    /// # Errors
    /// When the disk has no room for a second copy, or somebody reads from the store all the time.
    pub async fn leave_no_trace(&self) -> Result<(), StoreError> {
        self.with_writer(|writer, path| wipe::rewrite(&mut writer.connection, path)).await
    }

    async fn with_writer<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriterConnection, &Path) -> Result<T, StoreError> + Send + 'static,
    {
        let writer = Arc::clone(self.shared.writer.as_ref().ok_or(StoreError::ReadOnly)?);
        let (mut writer, shared) = (writer.lock_owned().await, Arc::clone(&self.shared));
        finished(
            spawn_blocking(move || {
                shared.refuse_another_file()?;
                work(&mut writer, &shared.path)
            })
            .await,
        )
    }

    /// Runs `work` on one consistent snapshot; a writer neither waits for it nor disturbs it.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    {
        let permits = Arc::clone(&self.shared.reader_permits);
        let permit = permits.acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        let shared = Arc::clone(&self.shared);
        finished(
            spawn_blocking(move || {
                let _permit = permit;
                shared.read(work)
            })
            .await,
        )
    }
}

impl Reader {
    /// The store's own random key for pseudonyms of people: the same for as long as there is the store.
    pub fn people_key(&self) -> Result<Vec<u8>, StoreError> {
        Ok(open::read_people_key(&self.connection)?)
    }
}

impl WriterConnection {
    /// What was interned in a transaction that does not commit must be forgotten with it, also when `work` panics: the
    /// interned numbers are taken out and put back only after the commit.
    fn transact<T>(
        &mut self,
        callers_per_source: usize,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut interned = std::mem::take(&mut self.interned);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let others: i64 = transaction.pragma_query_value(None, "data_version", |row| row.get(0))?;
        // Another process may have erased somebody, and with them rows that are remembered here; and by another limit others have
        // names.
        if (self.others_wrote, self.callers_per_source) != (others, callers_per_source) {
            (self.others_wrote, self.callers_per_source, interned) = (others, callers_per_source, Interned::default());
        }
        let seen_key = &self.seen_key;
        let result = work(&mut Writer { connection: &transaction, interned: &mut interned, seen_key, callers_per_source })?;
        transaction.commit()?;
        self.interned = interned;
        Ok(result)
    }
}

impl Shared {
    /// What is written to a file that was removed or replaced is written for nobody.
    fn refuse_another_file(&self) -> Result<(), StoreError> {
        let there = match std::fs::metadata(&self.path) {
            Ok(there) => Some(FileId::from(&there)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            // What cannot be looked up is for SQLite to refuse.
            Err(_) => return Ok(()),
        };
        if self.file.is_none() || there == self.file { Ok(()) } else { Err(StoreError::Replaced) }
    }

    fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.refuse_another_file()?;
        let idle = self.idle().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader { connection: open::open_reader(&self.path)? },
        };
        let snapshot = reader.connection.unchecked_transaction()?;
        let result = work(&reader);
        snapshot.finish()?;
        self.idle().push(reader);
        result
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic of the closure goes on in the caller; a runtime that shuts down answers [`StoreError::Stopped`].
fn finished<T>(joined: Result<Result<T, StoreError>, JoinError>) -> Result<T, StoreError> {
    match joined {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Stopped),
        },
    }
}
