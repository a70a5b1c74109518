//! Which files have something new. A look at a file that has not changed costs its metadata only.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io::{self, Read},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::LazyLock,
    time::UNIX_EPOCH,
};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use regex::Regex;
use sha2::{Digest, Sha256};

use super::{
    Layout,
    compression::Compression,
    cursor::{FileCursor, KEY_PREFIX, ending},
    shown,
};
use crate::evidence::{CursorUpdate, Skipped, time::MS_PER_DAY};

/// Files of one section; a glob that finds more is a slip.
const MAX_FILES: usize = 100_000;
/// A file is known by its first line, and by no more of it than this.
const MAX_HEAD_BYTES: u64 = 4_096;
/// How much of two files that begin alike is compared to tell a copy from a stranger.
const COMPARED_BYTES: u64 = 65_536;
/// Who rotates and compresses what others wrote.
const ROOT: u32 = 0;
/// A file that has been gone for so long is forgotten; until then it may be on a share that is not mounted.
const FORGOTTEN_AFTER_MS: i64 = 30 * MS_PER_DAY;

/// The reason for which a file or a directory is passed over that could be listed and not be read.
pub const UNREADABLE: &str = "unreadable_file";

/// The reason for which a log is not whole of which a file has gone that is named without a pattern.
pub const NO_FILE: &str = "no_file";

/// The reason for which a log is not whole in whose place, named without a pattern, is a directory or a pipe.
pub const NO_REGULAR_FILE: &str = "no_regular_file";

/// What is said of files that are gone before anybody could read them.
pub const GONE: &str = "gone_unread";

/// Cursor keys of files that could not be read are this and their path.
const REFUSED_PREFIX: &str = "unreadable:";
/// What is remembered of a file that the system does not open is this and which file it is.
const DENIED_PREFIX: &str = "denied ";

/// What rotation appends to a name: a number or a date.
static ROTATED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[.-]\d[\dT:._-]*$").expect("a constant pattern is valid"));

/// One file with something to read.
#[derive(Clone, Debug)]
pub struct FilePlan {
    pub path: PathBuf,
    pub(super) key: String,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) modified_ms: i64,
    owner: u32,
    pub(super) compression: Compression,
    pub(super) layout: Layout,
    /// Nobody writes to it any more: its last line is whole even without an end.
    pub(super) settled: bool,
}

impl FilePlan {
    /// The cursor of a file that cannot be opened: it is left alone until it changes.
    pub fn give_up(&self) -> CursorUpdate {
        self.cursor(self.offset, true)
    }

    pub(super) fn cursor(&self, offset: u64, finished: bool) -> CursorUpdate {
        let length = if finished { self.length } else { 0 };
        let path = self.path.to_string_lossy().into_owned();
        FileCursor { offset, length, modified_ms: self.modified_ms, gone_since_ms: 0, ending: self.ending(offset), path }
            .update(&self.key)
    }

    /// What is remembered to recognise a transcript that was written anew.
    fn ending(&self, offset: u64) -> String {
        if self.layout != Layout::Transcript || self.compression != Compression::None {
            return String::new();
        }
        // What is gone by now will not be recognised either, and be read from its beginning.
        ending(&self.path, offset).unwrap_or_else(|_| "gone".to_owned())
    }
}

/// What one look at the disk found.
#[derive(Debug, Default)]
pub struct Plan {
    /// The files to read, the oldest first.
    pub files: Vec<FilePlan>,
    /// Renamed, vanished and forgotten files; to be committed even when nothing is read.
    pub cursors: Vec<CursorUpdate>,
    /// Files that cannot be read, by reason, each counted once for as long as it cannot be read.
    pub skipped: Vec<Skipped>,
    /// What was not read this time, in words, one sample for each reason.
    pub unread: Vec<Skipped>,
    /// A file that cannot be read has something new, which no later look will find to be new.
    pub lost: bool,
    /// Files that no look could read and that are gone: what was in them is lost, and nothing is left that could be read.
    pub gone: Vec<Skipped>,
    /// What was written last when it was looked last is not there any more: nobody knows what came between it and these files.
    pub torn: bool,
    /// How many files the patterns found.
    pub found: usize,
}

/// Compares the files that `patterns` find, rotated and compressed ones included, with the stored cursors.
///
/// # Errors
/// A pattern that is none.
pub fn plan(
    patterns: &[String],
    layout: Layout,
    stored: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Plan, glob::PatternError> {
    let mut planner = Planner::new(layout, stored, now.as_millisecond());
    let Listing { paths, closed, absent, taken } = expand(patterns)?;
    if paths.len() > MAX_FILES {
        let (count, sample) = ((paths.len() - MAX_FILES) as u64, format!("more than {MAX_FILES} files"));
        planner.skip(&Skipped { reason: "too_many_files", count, sample }, true);
    }
    for path in paths.into_iter().take(MAX_FILES) {
        if let Err(error) = planner.look(path.clone()) {
            planner.refuse(&path, &error);
        }
    }
    for (path, error) in closed {
        planner.plan.found += 1;
        planner.refuse(&path, &error);
    }
    for path in absent {
        if planner.has_read(&path) {
            // Nothing was passed over: the look is not whole, however often it finds that.
            planner.skip(&Skipped { reason: NO_FILE, count: 1, sample: shown(Path::new(&path)) }, false);
        }
    }
    for path in taken {
        planner.skip(&Skipped { reason: NO_REGULAR_FILE, count: 1, sample: shown(Path::new(&path)) }, false);
    }
    Ok(planner.finish())
}

/// What the patterns find.
#[derive(Default)]
struct Listing {
    paths: BTreeSet<PathBuf>,
    /// Directories that may not be listed, so that nobody knows which files they hide, and what has a name that is no UTF-8.
    closed: BTreeMap<PathBuf, io::Error>,
    /// Patterns that find nothing.
    absent: Vec<String>,
    /// Paths without a pattern at which something else lies than a file.
    taken: Vec<String>,
}

impl Listing {
    /// Whether there was any.
    fn add(&mut self, found: glob::Paths, wanted: impl Fn(&Path) -> bool) -> bool {
        let mut any = false;
        for path in found {
            match path {
                Ok(path) if wanted(&path) => {
                    any = true;
                    self.paths.insert(path);
                }
                // Removed between two looks of the same listing.
                Err(error) if error.error().kind() != io::ErrorKind::NotFound => {
                    any = true;
                    self.closed.insert(error.path().to_owned(), error.into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        any
    }

    /// What a pattern would find if its name were UTF-8: of the others [`glob`] says nothing.
    fn add_misnamed(&mut self, text: &str) -> Result<bool, glob::PatternError> {
        let mut any = false;
        for place in Path::new(text).ancestors() {
            let (Some(name), Some(above)) = (place.file_name(), place.parent()) else { continue };
            if !is_pattern(&name.to_string_lossy()) {
                continue;
            }
            let (pattern, above) = (glob::Pattern::new(&place.to_string_lossy())?, above.to_string_lossy());
            let below = if name == "**" { Some(glob::glob(pattern.as_str())?) } else { None };
            for directory in glob::glob(&above)?.chain(below.into_iter().flatten()).flatten() {
                let is_wanted = if place == Path::new(text) { holds_something } else { is_inhabited };
                for path in misnamed(&directory, &pattern).filter(|path| is_wanted(path)) {
                    any = true;
                    self.closed.insert(path, io::Error::new(io::ErrorKind::InvalidFilename, "its name is no UTF-8"));
                }
            }
        }
        Ok(any)
    }
}

/// What of a directory a pattern would find if its name were UTF-8.
fn misnamed(directory: &Path, pattern: &glob::Pattern) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let misnamed = entries.filter(|path| path.file_name().is_some_and(|name| name.to_str().is_none()));
    misnamed.filter(|path| pattern.matches(&path.to_string_lossy()) || pattern.matches(&unrotated(path)))
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a path without a pattern leads to something, and not to a file.
fn is_something_else(text: &str) -> bool {
    !is_pattern(text) && std::fs::metadata(text).is_ok_and(|place| !place.is_file())
}

fn holds_something(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0)
}

/// Whether it is a directory that may hide something.
fn is_inhabited(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some())
}

/// The paths that match a pattern, and those that match it once a rotation's and a compression's suffix is taken away.
fn expand(patterns: &[String]) -> Result<Listing, glob::PatternError> {
    let mut listing = Listing::default();
    for text in patterns {
        let pattern = glob::Pattern::new(text)?;
        let mut any = listing.add(glob::glob(text)?, |_| true);
        for suffixed in [format!("{text}.*"), format!("{text}-*")] {
            any |= listing.add(glob::glob(&suffixed)?, |path| pattern.matches(&unrotated(path)));
        }
        any |= listing.add_misnamed(text)?;
        if is_something_else(text) {
            listing.taken.push(text.clone());
        } else if !any {
            listing.absent.push(text.clone());
        }
    }
    Ok(listing)
}

fn unrotated(path: &Path) -> String {
    ROTATED.replace(uncompressed(&path.to_string_lossy()), "").into_owned()
}

/// A name without the suffix of its compression.
fn uncompressed(name: &str) -> &str {
    name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name)
}

struct Planner<'a> {
    layout: Layout,
    now_ms: i64,
    stored: HashMap<&'a str, FileCursor>,
    by_path: HashMap<String, &'a str>,
    present: HashSet<String>,
    /// What every file was when it was last found to be unreadable, by the key of its cursor.
    refused: BTreeMap<&'a str, &'a str>,
    /// Which files this look found, if any could not be read before.
    turned_up: HashSet<String>,
    /// Paths that cannot be read in this look.
    unreadable: HashSet<String>,
    /// Where each fingerprint was found in this look.
    taken: HashMap<String, usize>,
    plan: Plan,
}

struct Found {
    path: PathBuf,
    length: u64,
    modified_ms: i64,
    owner: u32,
    compression: Compression,
    settled: bool,
}

/// A file that another one is compared with.
struct Other {
    path: PathBuf,
    length: u64,
    owner: u32,
    compression: Compression,
}

impl From<&FilePlan> for Other {
    fn from(plan: &FilePlan) -> Self {
        Self { path: plan.path.clone(), length: plan.length, owner: plan.owner, compression: plan.compression }
    }
}

impl Other {
    /// How long its content is at least.
    fn known_length(&self) -> u64 {
        if self.compression == Compression::None { self.length } else { 0 }
    }
}

impl<'a> Planner<'a> {
    fn new(layout: Layout, stored: &'a BTreeMap<String, String>, now_ms: i64) -> Self {
        let texts = stored.iter().map(|(key, text)| (key.as_str(), text.as_str()));
        let refused = texts.filter(|(key, _)| key.starts_with(REFUSED_PREFIX)).collect();
        let stored: HashMap<_, _> = stored
            .iter()
            .filter(|(key, _)| key.starts_with(KEY_PREFIX))
            .filter_map(|(key, text)| Some((key.as_str(), FileCursor::parse(text)?)))
            .collect();
        let by_path =
            stored.iter().filter(|(_, c)| c.length > 0 && c.gone_since_ms == 0).map(|(key, c)| (c.path.clone(), *key)).collect();
        let (present, turned_up, unreadable, taken) = (HashSet::new(), HashSet::new(), HashSet::new(), HashMap::new());
        Self { layout, now_ms, stored, by_path, present, refused, turned_up, unreadable, taken, plan: Plan::default() }
    }

    /// Whether there was a file at a path in some earlier look.
    fn has_read(&self, path: &str) -> bool {
        self.stored.values().any(|cursor| cursor.path == path)
    }

    fn look(&mut self, path: PathBuf) -> io::Result<()> {
        let metadata = match std::fs::metadata(&path) {
            // A directory is no log, whatever a pattern finds.
            Ok(metadata) if !metadata.is_file() => return Ok(()),
            Ok(metadata) => metadata,
            // Rotated away between the listing and now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.plan.found += 1;
                return Err(error);
            }
        };
        self.plan.found += 1;
        if metadata.len() == 0 {
            return Ok(());
        }
        if !self.refused.is_empty() {
            let directory = path.parent().and_then(|directory| directory.metadata().ok());
            self.turned_up.extend([Some(&metadata), directory.as_ref()].into_iter().flatten().map(denied));
        }
        let modified_ms = modified_ms(&metadata)?;
        let compression = Compression::of(&path);
        let quiet_ms = i64::try_from(self.layout.settles_after().as_millis()).unwrap_or(i64::MAX);
        let settled = compression != Compression::None || self.now_ms - modified_ms >= quiet_ms;
        let (length, owner) = (metadata.len(), metadata.uid());
        self.consider(Found { path, length, modified_ms, owner, compression, settled })
    }

    fn consider(&mut self, found: Found) -> io::Result<()> {
        let path = found.path.to_string_lossy().into_owned();
        if let Some(key) = self.by_path.get(&path).filter(|key| self.stored[**key].is_up_to_date(&found)) {
            self.present.insert((*key).to_owned());
            return Ok(());
        }
        let Some(head) = head_of(&found.path, found.compression, self.layout.telling_lines(), found.settled)? else {
            return Ok(());
        };
        let Some((key, from)) = self.key(&head, &found, &path) else { return Ok(()) };
        let mut known = self.stored.get(key.as_str());
        if let Some(cursor) = known
            && self.written_anew(cursor, &found, &path)?
        {
            known = None;
        }
        let known = known.or_else(|| self.before_rotation(&head, &found, &path));
        let (offset, ending) = known.map_or_else(|| (from, String::new()), |c| (c.offset, c.ending.clone()));
        self.present.insert(key.clone());
        if found.compression == Compression::None && offset == found.length {
            let cursor =
                FileCursor { offset, length: found.length, modified_ms: found.modified_ms, gone_since_ms: 0, ending, path };
            self.plan.cursors.push(cursor.update(&key));
            return Ok(());
        }
        self.add(key, found, offset);
        Ok(())
    }

    /// Whether a file that begins as before was emptied or overwritten. Every run of a job may write the same words to the
    /// same path, so a transcript that changed without growing was written again.
    fn written_anew(&self, known: &FileCursor, found: &Found, path: &str) -> io::Result<bool> {
        if found.compression != Compression::None {
            // It was read to its end, and has changed where it lies: rotation has put another one there.
            let changed = (known.length, known.modified_ms) != (found.length, found.modified_ms);
            return Ok(self.layout == Layout::Transcript && known.length > 0 && known.path == path && changed);
        }
        if self.layout != Layout::Transcript {
            return Ok(found.length < known.offset);
        }
        let changed = found.length == known.length && found.modified_ms != known.modified_ms;
        let shrunk = found.length < known.length.max(known.offset);
        Ok(changed || shrunk || !known.ending.is_empty() && ending(&found.path, known.offset)? != known.ending)
    }

    /// The cursor of a transcript under the name that it had before it was rotated: it began the same way, and was written at
    /// the same instant, which renaming and compressing keep.
    fn before_rotation(&self, head: &[u8], found: &Found, path: &str) -> Option<&FileCursor> {
        let place = uncompressed(path);
        let suffix = ROTATED.find(place).filter(|_| self.layout == Layout::Transcript)?.as_str();
        let base = place.strip_suffix(suffix)?;
        let (sign, number) = suffix.split_at(1);
        let before = number.parse::<u32>().ok().and_then(|n| n.checked_sub(1)).map(|n| format!("{base}{sign}{n}"));
        let cursor = |name: &str| self.stored.get(fingerprint(&[head, name.as_bytes()]).as_str());
        let same = |cursor: &&FileCursor| cursor.length > 0 && cursor.modified_ms == found.modified_ms;
        std::iter::once(base).chain(before.as_deref()).filter_map(cursor).find(same)
    }

    /// The fingerprint's key, and from where on a file is read that nothing is remembered of. A second file that begins with the
    /// same line is a copy of the first, or a stranger, which is known by its path from then on. Of two copies that are new the
    /// longer one stands for both. A file that was read keeps its key as long as it lies where it was: whoever can write beside
    /// it could otherwise take its place.
    fn key(&mut self, head: &[u8], found: &Found, path: &str) -> Option<(String, u64)> {
        // Builds are compressed where they lie.
        let place = if self.layout == Layout::Transcript { uncompressed(path) } else { path };
        let bound = fingerprint(&[head, place.as_bytes()]);
        if self.layout == Layout::Transcript || self.stored.contains_key(bound.as_str()) {
            return Some((bound, 0));
        }
        let key = fingerprint(&[head]);
        let read = self.stored.get(key.as_str()).filter(|cursor| cursor.path != path);
        let read = read.and_then(|cursor| Some((self.holder(cursor, head)?, cursor.offset)));
        let new = self.taken.get(&key).map(|&place| Other::from(&self.plan.files[place]));
        let longer = |other: &Other| found.compression == Compression::None && found.length > other.known_length();
        match (read, new) {
            (None, None) => Some((key, 0)),
            (Some((other, _)), _) | (None, Some(other)) if !is_copy(found, &other).unwrap_or(true) => {
                self.present.insert(key);
                Some((bound, 0))
            }
            (Some((other, offset)), _) => {
                self.present.insert(key);
                (longer(&other) && found.length > offset).then_some((bound, offset))
            }
            (None, Some(other)) => {
                self.present.insert(key.clone());
                longer(&other).then_some((key, 0))
            }
        }
    }

    /// The file that was read, if it still lies where it was. What begins differently or is shorter came after it was renamed
    /// or emptied.
    fn holder(&self, cursor: &FileCursor, head: &[u8]) -> Option<Other> {
        let path = PathBuf::from(&cursor.path);
        let metadata = std::fs::metadata(&path).ok()?;
        let (length, owner, compression) = (metadata.len(), metadata.uid(), Compression::of(&path));
        if compression == Compression::None && length < cursor.offset {
            return None;
        }
        let begins = head_of(&path, compression, self.layout.telling_lines(), true).ok()??;
        (begins == head).then_some(Other { path, length, owner, compression })
    }

    fn add(&mut self, key: String, found: Found, offset: u64) {
        let Found { path, length, modified_ms, owner, compression, settled } = found;
        let file = FilePlan { path, key, offset, length, modified_ms, owner, compression, layout: self.layout, settled };
        if let Some(&place) = self.taken.get(&file.key) {
            self.plan.files[place] = file;
        } else {
            self.taken.insert(file.key.clone(), self.plan.files.len());
            self.plan.files.push(file);
        }
    }

    /// What the system does not open counts as unread until it is read: nothing of it is lost as long as it is there. What is
    /// damaged is told once, and again as lost whenever it has changed since: to read it again would not mend it.
    fn refuse(&mut self, path: &Path, error: &io::Error) {
        let name = path.to_str().map_or_else(|| path.as_os_str().as_bytes().escape_ascii().to_string(), str::to_owned);
        let key = format!("{REFUSED_PREFIX}{name}");
        let is_misnamed = error.kind() == io::ErrorKind::InvalidFilename;
        // A directory that has no name for us is known again when it has one.
        let file = std::fs::metadata(path).ok().filter(|file| file.is_file() || is_misnamed);
        let is_damaged = error.raw_os_error().is_none() && !is_misnamed && file.is_some();
        if let Some(key) = file.as_ref().filter(|_| !is_damaged).and_then(|file| self.read_whole(file)) {
            self.present.insert(key.to_owned());
            return;
        }
        let seen = file.and_then(|file| {
            let changed = || Some(format!("{} {}", file.len(), modified_ms(&file).ok()?));
            if is_damaged { changed() } else { Some(denied(&file)) }
        });
        let seen = seen.unwrap_or_default();
        self.turned_up.insert(seen.clone());
        let known = self.refused.get(key.as_str()).copied();
        self.unreadable.insert(name);
        if is_damaged && known == Some(seen.as_str()) {
            return;
        }
        self.plan.lost |= is_damaged;
        let sample = format!("{}: {error}", shown(path));
        self.skip(&Skipped { reason: UNREADABLE, count: 1, sample }, known.is_none());
        // What was rotated away in this instant is found by the next look, under its new name.
        if known != Some(seen.as_str()) && error.kind() != io::ErrorKind::NotFound {
            self.plan.cursors.push(CursorUpdate { key, value: Some(seen) });
        }
    }

    /// The key of a file that was read to its end, and has only been renamed since.
    fn read_whole(&self, file: &std::fs::Metadata) -> Option<&'a str> {
        let now = (file.len(), file.len(), modified_ms(file).ok()?);
        self.stored.iter().find(|(_, read)| (read.offset, read.length, read.modified_ms) == now).map(|(key, _)| *key)
    }

    /// Forgets what could not be read and is no longer refused. Where it has gone meanwhile, or was emptied, it was never read.
    fn admit(&mut self) {
        for (&key, &text) in &self.refused {
            let path = &key[REFUSED_PREFIX.len()..];
            let is_refused = self.unreadable.contains(path);
            let is_denied = text.starts_with(DENIED_PREFIX);
            let is_missing = is_denied && !self.turned_up.contains(text) || text.is_empty() && !is_refused;
            if is_missing && has_gone(path, text) {
                self.plan.lost = true;
                Skipped::add(&mut self.plan.gone, &Skipped { reason: GONE, count: 1, sample: shown(Path::new(path)) });
            }
            if !is_refused && !is_hidden(path) {
                self.plan.cursors.push(CursorUpdate { key: key.to_owned(), value: None });
            }
        }
    }

    fn skip(&mut self, skipped: &Skipped, new: bool) {
        if new {
            Skipped::add(&mut self.plan.skipped, skipped);
        }
        Skipped::add(&mut self.plan.unread, skipped);
    }

    fn finish(mut self) -> Plan {
        self.admit();
        let listed = |key: &str, cursor: &FileCursor| self.present.contains(key) || self.unreadable.contains(&cursor.path);
        let present = || self.stored.iter().filter(|(_, cursor)| cursor.gone_since_ms == 0);
        // Several may have been written in one instant: which of them was written to last, nobody knows.
        let last_ms = present().map(|(_, cursor)| cursor.modified_ms).max();
        let mut last = present().filter(|(_, cursor)| Some(cursor.modified_ms) == last_ms);
        // Outputs of jobs come and go, each whole.
        self.plan.torn = self.layout != Layout::Transcript && last.any(|(key, cursor)| !listed(key, cursor));
        let gone = self.stored.iter().filter(|(key, cursor)| !listed(key, cursor));
        for (key, cursor) in gone {
            if cursor.gone_since_ms == 0 {
                self.plan.cursors.push(FileCursor { gone_since_ms: self.now_ms, ..cursor.clone() }.update(key));
            } else if self.now_ms - cursor.gone_since_ms > FORGOTTEN_AFTER_MS {
                self.plan.cursors.push(CursorUpdate { key: (*key).to_owned(), value: None });
            }
        }
        self.plan.cursors.sort_by(|a, b| a.key.cmp(&b.key));
        self.plan.files.sort_by(|a, b| (a.modified_ms, &a.path).cmp(&(b.modified_ms, &b.path)));
        self.plan
    }
}

impl FileCursor {
    /// Whether nothing has happened to the file since it was read to its end.
    fn is_up_to_date(&self, found: &Found) -> bool {
        let unchanged = self.length == found.length && self.modified_ms == found.modified_ms;
        let read = found.compression != Compression::None || self.offset == self.length || !found.settled;
        unchanged && read
    }
}

fn modified_ms(metadata: &std::fs::Metadata) -> io::Result<i64> {
    let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Which file the system does not open. Whatever it is called later, it is the same one; its number alone may soon be another's.
fn denied(metadata: &std::fs::Metadata) -> String {
    let created = metadata.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{DENIED_PREFIX}{}:{}:{}", metadata.dev(), metadata.ino(), created.as_nanos())
}

/// Whether a path does not lead any more to the file that could not be read there, or to nothing of it.
fn has_gone(path: &str, text: &str) -> bool {
    match std::fs::metadata(path) {
        Ok(metadata) => !text.is_empty() && (metadata.len() == 0 || denied(&metadata) != text),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Whether nobody can tell what lies at a path now.
fn is_hidden(path: &str) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
}

fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    // 64 bits tell a hundred thousand files apart.
    format!("{KEY_PREFIX}{}", HEXLOWER.encode(&hash.finalize()[..8]))
}

/// The first lines, without their end; none while they are still being written.
fn head_of(path: &Path, compression: Compression, lines: usize, settled: bool) -> io::Result<Option<Vec<u8>>> {
    let mut head = beginning(path, compression, MAX_HEAD_BYTES)?;
    let end = head.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).nth(lines - 1);
    match end {
        Some(end) => head.truncate(end),
        None if head.len() as u64 == MAX_HEAD_BYTES => {}
        None if settled => {
            let whole = head.strip_suffix(b"\n").map_or(head.len(), <[u8]>::len);
            head.truncate(whole);
        }
        None => return Ok(None),
    }
    Ok(Some(head))
}

fn beginning(path: &Path, compression: Compression, bytes: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    compression.open(path)?.take(bytes).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether a file holds the same as another one: both begin alike, and, where that can be looked up, the shorter one ends as the
/// other goes on there. A stranger's file is a copy of nobody's log; what is root's may be a copy of anybody's.
fn is_copy(found: &Found, other: &Other) -> io::Result<bool> {
    if found.owner != other.owner && found.owner != ROOT {
        return Ok(false);
    }
    let plain = [found.compression, other.compression] == [Compression::None; 2];
    let shorter = found.length.min(other.length);
    if plain && ending(&found.path, shorter)? != ending(&other.path, shorter)? {
        return Ok(false);
    }
    let begins = |path: &Path, compression| beginning(path, compression, COMPARED_BYTES);
    let (a, b) = (begins(&found.path, found.compression)?, begins(&other.path, other.compression)?);
    Ok(a.iter().zip(&b).all(|(a, b)| a == b))
}
