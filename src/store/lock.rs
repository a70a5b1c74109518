//! One process at a time runs, polls or sends on a store.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::OpenError;

/// Longest text that is believed to name a holder; a process number has at most ten digits.
const MAX_HOLDER_BYTES: u64 = 32;

/// The right to collect and deliver, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock of the store at `store`: an operating system's lock on the file beside it, which no crash leaves
/// behind. The file itself stays, since removing it would let two holders lock two different files.
pub(super) fn acquire(store: &Path) -> Result<Lock, OpenError> {
    let path = lock_path(store);
    let io = |source| OpenError::Io { path: path.clone(), source };
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: store.to_owned(), holder: holder(file) }),
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id())).map_err(io)?;
    Ok(Lock { _file: file })
}

fn lock_path(store: &Path) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(".lock");
    PathBuf::from(name)
}

fn holder(file: File) -> String {
    let mut text = String::new();
    match file.take(MAX_HOLDER_BYTES).read_to_string(&mut text) {
        Ok(_) if text.parse::<u32>().is_ok() => format!("process {text}"),
        // The holder has the lock and has not written its number yet.
        _ => "another process".to_owned(),
    }
}
