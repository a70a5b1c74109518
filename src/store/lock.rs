//! One process at a time runs, polls or sends on a store; and nobody judges while a person is erased.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use super::{OpenError, open::beside};

/// Longest text that is believed to name a holder; a process number has at most ten digits.
const MAX_HOLDER_BYTES: u64 = 32;

/// Stands beside the store while, and after, a process has the right to collect and deliver.
pub(super) const COLLECTING: &str = ".lock";
/// Stands beside it while, and after, a short writer judges, or a person is erased.
pub(super) const JUDGING: &str = ".judging";

const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// A right on a store, until it is dropped or the process ends: an operating system's lock on a file beside it, which no
/// crash leaves behind. The file itself stays, since removing it would let two holders lock two different files.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes a right that one process has at a time, and writes there who that is.
pub(super) fn alone(store: &Path, right: &str) -> Result<Lock, OpenError> {
    let (path, mut file) = open(store, right)?;
    let io = |cause| OpenError::Io { path: path.clone(), cause };
    if let Err(refused) = file.try_lock() {
        return Err(refusal(refused, store, file).unwrap_or_else(io));
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id())).map_err(io)?;
    Ok(Lock { _file: file })
}

/// Takes a right beside others, of whom none is alone. They leave no number: one of several would say little.
pub(super) fn beside_others(store: &Path, right: &str) -> Result<Lock, OpenError> {
    let (path, file) = open(store, right)?;
    let io = |cause| OpenError::Io { path: path.clone(), cause };
    if let Err(refused) = file.try_lock_shared() {
        return Err(refusal(refused, store, file).unwrap_or_else(io));
    }
    file.set_len(0).map_err(io)?;
    Ok(Lock { _file: file })
}

fn open(store: &Path, right: &str) -> Result<(PathBuf, File), OpenError> {
    // Whoever comes by a link that leads to the store takes the same right.
    let itself = store.canonicalize();
    let path = beside(itself.as_deref().unwrap_or(store), right);
    // A link in its place would have us write to whatever it leads to.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(NOFOLLOW);
    match options.open(&path) {
        Ok(file) => {
            give_to_owner(store, &file);
            Ok((path, file))
        }
        Err(cause) => Err(OpenError::Io { path, cause }),
    }
}

/// What root makes beside a store belongs to whom the store belongs to, as SQLite does it with its own files: else the service, which
/// is not root, could not open it any more.
fn give_to_owner(store: &Path, file: &File) {
    let (Ok(store), Ok(own)) = (store.metadata(), file.metadata()) else { return };
    if own.uid() == 0 && store.uid() != 0 {
        // Who may not do so has made it for themselves.
        fchown(file, Some(store.uid()), Some(store.gid())).ok();
    }
}

/// Somebody else has it; or what went wrong.
fn refusal(refused: TryLockError, store: &Path, file: File) -> Result<OpenError, io::Error> {
    match refused {
        TryLockError::WouldBlock => Ok(OpenError::Locked { path: store.to_owned(), holder: holder(file) }),
        TryLockError::Error(source) => Err(source),
    }
}

fn holder(file: File) -> String {
    let mut text = String::new();
    match file.take(MAX_HOLDER_BYTES).read_to_string(&mut text) {
        Ok(_) if text.parse::<u32>().is_ok() => format!("process {text}"),
        // The holder has not written its number yet, or is one of several.
        _ => "another process".to_owned(),
    }
}
