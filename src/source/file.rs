//! Files in directories where others may write, too.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;

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
