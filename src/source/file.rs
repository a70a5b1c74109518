//! Files in directories where others may write, too.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::{
    fs::{OFlags, SeekFrom, seek},
    io::Errno,
};

/// Nothing is waited for, and no terminal becomes ours.
const FLAGS: i32 = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits().cast_signed();

/// Opens a file to read it. Whoever may write beside it can put a pipe in its place to which nobody ever writes: what is no regular
/// file is refused and not waited for.
///
/// # Errors
/// As [`File::open`], and what is no regular file.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(FLAGS).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file, and only such are read")) }
}

/// How many bytes somebody wrote at the beginning of a file. A hole makes a file as long as one likes and costs nothing; nothing
/// that is packed has one. A file system that knows of no holes says that there is none.
pub(super) fn written_bytes(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let hole = seek(&*file, SeekFrom::Hole(0)).unwrap_or(length);
    file.rewind()?;
    Ok(hole.min(length))
}

/// How many bytes follow, from where the file is read, that nobody wrote.
pub(super) fn hole_bytes(file: &mut File) -> io::Result<u64> {
    let here = file.stream_position()?;
    let data = match seek(&*file, SeekFrom::Data(here)) {
        Ok(data) => data,
        Err(Errno::NXIO) => file.metadata()?.len().max(here),
        Err(_) => here,
    };
    file.seek(io::SeekFrom::Start(here))?;
    Ok(data - here)
}
