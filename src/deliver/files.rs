//! Files that are either the old ones or the new ones, never half of each.
//!
//! A package is a directory named after its day. It is written beside its place under a hidden name, flushed, and
//! renamed; `latest` is a relative link to the newest package. A package of the same day changes places with the new one
//! in one step. Where a file system cannot do that it takes two renames: for the instant between them the day is missing,
//! and a crash in that instant is repaired by the next write.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

use crate::evidence::Day;

/// Reports name people and repositories: the group may read them, others may not.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// The link to the newest package.
const LATEST: &str = "latest";

/// The file by which a package is recognised as ours before anything is deleted.
const PACKAGE_MARK: &str = "datapackage.json";

/// Longest name of a file in a package: far above the contract's names, below every file system's limit.
const MAX_NAME: usize = 100;

/// Writes one file of a package, by its name, to where it goes.
pub type Content<'c> = dyn Fn(&str, &mut dyn Write) -> io::Result<()> + 'c;

/// Has the files of these names written into `<directory>/<day>/`, replacing a package of the same day as a whole, points
/// `latest` to the newest package, and removes packages of days more than `keep_days` before `today`. No file is held in
/// memory.
///
/// `directory` is made if it is missing; while another process writes to it, the write is refused. The package just
/// written is never removed, however old its day is.
pub fn write_package(
    directory: &Path,
    day: Day,
    names: &[&str],
    content: &Content<'_>,
    keep_days: i32,
    today: Day,
) -> Result<PathBuf> {
    for name in names {
        ensure!(is_plain_name(name), "{name:?} is no name for a file of a package");
    }
    make_directory(directory)?;
    let _alone = sole_writer(directory)?;
    repair(directory)?;

    let fresh = directory.join(format!(".{day}.new"));
    fill(&fresh, names, content).map_err(|error| also_remove(error, &fresh, fs::remove_dir_all(&fresh)))?;
    let place = put_in_place(directory, day, &fresh)?;
    prune(directory, day, today.plus(-keep_days))?;
    point_latest(directory, day)?;
    Ok(place)
}

/// Removes the packages of which a file holds what is looked for, and returns where they were; `latest` points to the newest
/// that is left.
pub fn remove_packages(directory: &Path, holds: impl Fn(&[u8]) -> bool) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let _alone = sole_writer(directory)?;
    repair(directory)?;
    let (mut removed, mut newest) = (Vec::new(), None);
    for (name, path) in entries(directory)? {
        let Some(day) = package_day(&name) else { continue };
        if !path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) || !path.join(PACKAGE_MARK).is_file() {
            continue;
        }
        if any_file(&path, &holds)? {
            remove_tree(&path)?;
            removed.push(path);
        } else {
            newest = newest.max(Some(day));
        }
    }
    removed.sort();
    match newest {
        Some(day) if !removed.is_empty() => point_latest(directory, day)?,
        None if !removed.is_empty() => remove_if_there(&directory.join(LATEST))?,
        _ => {}
    }
    Ok(removed)
}

fn any_file(package: &Path, holds: impl Fn(&[u8]) -> bool) -> Result<bool> {
    for (_, path) in entries(package)? {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if holds(&bytes) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Replaces the content of `path`: readers see the old content or the new one.
pub fn write_file_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, |out| out.write_all(bytes))
}

/// The same for content that is written piece by piece.
pub fn write_file(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    // Root could put a file in the place of `/dev/null`.
    if let Ok(there) = path.metadata() {
        if there.file_type().is_char_device() {
            let mut device = OpenOptions::new().write(true).open(path)?;
            return content(&mut device).with_context(|| format!("cannot write to {}", path.display()));
        }
        ensure!(
            there.is_file() || there.is_dir(),
            "{} is no file: write to standard output, and lead that there",
            path.display()
        );
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    let fresh = path.with_file_name(hidden);
    remove_if_there(&fresh)?;
    let written = write_new(&fresh, content).and_then(|()| rename(&fresh, path));
    written.map_err(|error| also_remove(error, &fresh, fs::remove_file(&fresh)))?;
    sync_directory(parent_of(path))
}

/// A file of this size is tried: an empty one fits also where there is no room left.
const TRIAL_BYTES: usize = 16 << 10;

/// Whether files can be made in a directory, or, where it is missing, the directory itself.
pub fn check_directory(directory: &Path) -> Result<()> {
    let there = nearest_directory(directory);
    ensure!(there.is_dir(), "{} is no directory", there.display());
    let trial = there.join(format!(".duskwatch-check-{}", std::process::id()));
    let written = write_new(&trial, |out| out.write_all(&[0; TRIAL_BYTES]));
    remove_if_there(&trial)?;
    written.with_context(|| format!("{} cannot be written", there.display()))
}

/// Bytes that are free to us where a directory lies.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The path, or the first one above it that is there.
pub fn nearest_directory(path: &Path) -> &Path {
    let above = path.ancestors().find(|path| path.exists() && !path.as_os_str().is_empty());
    above.unwrap_or(Path::new("."))
}

/// The directory in which a file lies.
pub fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The error of a write whose unfinished result was removed, or could not be.
fn also_remove(error: anyhow::Error, fresh: &Path, removed: io::Result<()>) -> anyhow::Error {
    match removed {
        Err(left) if left.kind() != io::ErrorKind::NotFound => {
            error.context(format!("{} is left behind ({left})", fresh.display()))
        }
        _ => error,
    }
}

/// The held lock by which an `export` and a running service do not write into each other's packages. File systems
/// without locks are used without.
fn sole_writer(directory: &Path) -> Result<File> {
    let handle = File::open(directory).with_context(|| format!("cannot open {}", directory.display()))?;
    match handle.try_lock() {
        Err(TryLockError::WouldBlock) => bail!("another process is writing to {}: try again", directory.display()),
        Err(TryLockError::Error(error)) => tracing::debug!(%error, "the package directory cannot be locked"),
        Ok(()) => {}
    }
    Ok(handle)
}

/// Letters, digits, dot, dash and underscore, not starting with a dot: nothing that leaves the directory or hides in it.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn fill(fresh: &Path, names: &[&str], content: &Content<'_>) -> Result<()> {
    make_directory(fresh)?;
    for name in names {
        write_new(&fresh.join(name), |out| content(name, out))?;
    }
    sync_directory(fresh)
}

fn put_in_place(directory: &Path, day: Day, fresh: &Path) -> Result<PathBuf> {
    let place = directory.join(day.to_string());
    let aside = directory.join(format!(".{day}.old"));
    if place.symlink_metadata().is_ok() {
        if exchange(fresh, &place)? {
            sync_directory(directory)?;
            // Under the hidden name of the new package stands the old one now.
            remove_tree(fresh)?;
            return Ok(place);
        }
        rename(&place, &aside)?;
    }
    rename(fresh, &place)?;
    sync_directory(directory)?;
    if aside.symlink_metadata().is_ok() {
        remove_tree(&aside)?;
    }
    Ok(place)
}

/// Finishes what a crash left: a half-written package goes, a package that was set aside returns unless its
/// replacement arrived.
fn repair(directory: &Path) -> Result<()> {
    for (name, path) in entries(directory)? {
        let Some(hidden) = name.strip_prefix('.') else { continue };
        if hidden.strip_suffix(".new").and_then(package_day).is_some() {
            remove_tree(&path)?;
        } else if let Some(day) = hidden.strip_suffix(".old").and_then(package_day) {
            let place = directory.join(day.to_string());
            if place.symlink_metadata().is_ok() {
                remove_tree(&path)?;
            } else {
                rename(&path, &place)?;
            }
        }
    }
    Ok(())
}

/// A package of an earlier day (a look back) does not take the link away from a later one.
fn point_latest(directory: &Path, written: Day) -> Result<()> {
    let link = directory.join(LATEST);
    let shown = fs::read_link(&link).ok().and_then(|to| package_day(to.to_str()?));
    if shown.is_some_and(|shown| shown > written && directory.join(shown.to_string()).is_dir()) {
        return Ok(());
    }
    let fresh = directory.join(".latest.new");
    remove_if_there(&fresh)?;
    symlink(written.to_string(), &fresh).with_context(|| format!("cannot make the link {}", fresh.display()))?;
    rename(&fresh, &link)?;
    sync_directory(directory)
}

fn prune(directory: &Path, written: Day, oldest_kept: Day) -> Result<()> {
    for (name, path) in entries(directory)? {
        let Some(day) = package_day(&name) else { continue };
        let is_directory = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if day < oldest_kept && day != written && is_directory && path.join(PACKAGE_MARK).is_file() {
            remove_tree(&path)?;
        }
    }
    Ok(())
}

/// The day a package is named after; only the exact form counts.
fn package_day(name: &str) -> Option<Day> {
    Day::parse(name).filter(|day| day.to_string() == name)
}

/// The entries with a readable name; ours all have one.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>> {
    let listing = || -> io::Result<Vec<_>> { fs::read_dir(directory)?.map(|e| e.map(|e| (e.file_name(), e.path()))).collect() };
    let listed = listing().with_context(|| format!("cannot list {}", directory.display()))?;
    Ok(listed.into_iter().filter_map(|(name, path)| Some((name.into_string().ok()?, path))).collect())
}

fn make_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .with_context(|| format!("cannot make the directory {}", path.display()))
}

fn write_new(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let write = || {
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
        let mut out = BufWriter::new(file);
        content(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the directory's new names survive a power loss.
fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).with_context(|| format!("cannot flush {}", path.display()))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

/// Lets two names change places; false where the file system cannot.
fn exchange(one: &Path, other: &Path) -> Result<bool> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot exchange {} and {}", one.display(), other.display())),
    }
}

fn remove_tree(path: &Path) -> Result<()> {
    fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
