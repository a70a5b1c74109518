//! What happens to log files while they grow: lines that are half written, rotation by renaming and by copying,
//! compression.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use flate2::{Compression, write::GzEncoder};

use super::{
    lines::{self, LOGS},
    truth::Item,
};
use crate::support::{file_name, files};

/// How the names of logs end that nobody has rotated.
const ENDINGS: [&str; 3] = [".jsonl", ".log", ".csv"];

/// The end of a file that its writer has not written yet.
struct Held {
    path: PathBuf,
    rest: Vec<u8>,
}

pub struct Files {
    dir: PathBuf,
    held: Vec<Held>,
    /// What stands on lines that have been half written, now or once.
    late: BTreeSet<Item>,
    /// How long the files were before they grew.
    lengths: BTreeMap<PathBuf, usize>,
    /// Copied, and not yet emptied.
    copied: Vec<PathBuf>,
    /// Half compressed: the file, and the compressed one that grows beside it.
    half: Option<(PathBuf, PathBuf)>,
}

impl Files {
    pub fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        Self { dir, held: Vec::new(), late: BTreeSet::new(), lengths: BTreeMap::new(), copied: Vec::new(), half: None }
    }

    /// Ends whatever is half done, so that the files can grow.
    pub fn settle(&mut self) {
        for Held { path, rest } in self.held.drain(..) {
            OpenOptions::new().append(true).open(path).unwrap().write_all(&rest).unwrap();
        }
        for path in self.copied.drain(..) {
            File::create(path).unwrap();
        }
        if let Some((plain, packed)) = self.half.take() {
            fs::write(packed, compressed(&plain)).unwrap();
            fs::remove_file(plain).unwrap();
        }
        let lengths = self.plain(|_| true).into_iter().map(|path| (fs::read(&path).unwrap().len(), path));
        self.lengths = lengths.map(|(length, path)| (path, length)).collect();
    }

    /// Does to each file what its machine might do to it.
    pub fn disturb(&mut self, rng: &mut Rng) {
        for path in self.plain(|number| number == 0) {
            match rng.usize(..8) {
                0 => self.rename(&path),
                1 => self.copy(&path, rng.bool()),
                2..5 => self.hold_back(&path, rng),
                _ => {}
            }
        }
        let rotated = self.plain(|number| number > 0);
        if !rotated.is_empty() && rng.bool() {
            self.compress(&rotated[rng.usize(..rotated.len())], rng);
        }
    }

    /// Whether an item was written later than it happened: its time may have been covered before.
    pub fn is_late(&self, item: &Item) -> bool {
        self.late.contains(item)
    }

    /// The log of which a compressed file is there by half.
    pub fn half_compressed(&self) -> Option<&'static str> {
        self.half.as_ref().and_then(|(plain, _)| log_of(plain))
    }

    /// The uncompressed files whose number in the rotation is wanted.
    fn plain(&self, wanted: fn(u32) -> bool) -> Vec<PathBuf> {
        let mut paths = files(&self.dir);
        paths.retain(|path| path.parent() == Some(&self.dir) && log_of(path).is_some() && number(path).is_some_and(wanted));
        paths.retain(|path| fs::metadata(path).unwrap().len() > 0);
        paths
    }

    /// Rotates as logrotate does: `.1` becomes `.2`, the file itself `.1`. Who writes to it goes on doing so.
    fn rename(&mut self, path: &Path) {
        self.make_room(path);
        let to = rotated(path, 1);
        fs::rename(path, &to).unwrap();
        for held in self.held.iter_mut().filter(|held| held.path == path) {
            held.path.clone_from(&to);
        }
    }

    /// Rotates by copying; the original is emptied now, or after the next look.
    fn copy(&mut self, path: &Path, at_once: bool) {
        self.make_room(path);
        fs::copy(path, rotated(path, 1)).unwrap();
        if at_once {
            File::create(path).unwrap();
        } else {
            self.copied.push(path.to_owned());
        }
    }

    fn make_room(&mut self, path: &Path) {
        let mut older: Vec<(u32, &str, PathBuf)> = Vec::new();
        for found in files(&self.dir) {
            for ending in ["", ".gz"] {
                let rest =
                    found.to_str().unwrap().strip_prefix(path.to_str().unwrap()).and_then(|rest| rest.strip_suffix(ending));
                if let Some(Ok(number)) = rest.and_then(|rest| rest.strip_prefix('.')).map(str::parse) {
                    older.push((number, ending, found.clone()));
                }
            }
        }
        older.sort_by(|a, b| b.cmp(a));
        for (number, ending, from) in older {
            let to = PathBuf::from(format!("{}{ending}", rotated(path, number + 1).display()));
            fs::rename(&from, &to).unwrap();
            if let Some((plain, packed)) = &mut self.half {
                for moved in [plain, packed] {
                    if *moved == from {
                        moved.clone_from(&to);
                    }
                }
            }
            for held in self.held.iter_mut().filter(|held| held.path == from) {
                held.path.clone_from(&to);
            }
        }
    }

    /// Takes the last bytes away until the writer gets round to them. A line that was there before stays there.
    fn hold_back(&mut self, path: &Path, rng: &mut Rng) {
        let mut bytes = fs::read(path).unwrap();
        let line = last_item(&bytes);
        if self.lengths.get(path).is_some_and(|length| line < *length) {
            return;
        }
        let item = log_of(path).and_then(|log| lines::item(log, String::from_utf8_lossy(&bytes[line..]).trim_end()));
        let rest = bytes.split_off(rng.usize(line + 1..bytes.len()));
        fs::write(path, bytes).unwrap();
        self.held.push(Held { path: path.to_owned(), rest });
        self.late.extend(item);
    }

    /// Compresses a rotated file, or begins to.
    fn compress(&mut self, path: &Path, rng: &mut Rng) {
        let busy = self.half.is_some() || self.held.iter().any(|held| held.path == path);
        let packed = PathBuf::from(format!("{}.gz", path.display()));
        if busy || packed.exists() {
            return;
        }
        let mut bytes = compressed(path);
        if rng.bool() {
            bytes.truncate(bytes.len() / 2);
            self.half = Some((path.to_owned(), packed.clone()));
        } else {
            fs::remove_file(path).unwrap();
        }
        fs::write(packed, bytes).unwrap();
    }
}

/// The log that a file belongs to, by its name.
fn log_of(path: &Path) -> Option<&'static str> {
    LOGS.into_iter().find(|log| file_name(path).starts_with(log))
}

/// Where the last line begins, or the last row of a table, whose cells may hold several lines.
fn last_item(bytes: &[u8]) -> usize {
    let is_table = bytes.starts_with(b"Date;");
    let begins = |at: &usize| bytes[at - 1] == b'\n' && (!is_table || bytes[*at..].starts_with(b"2026-"));
    (1..bytes.len()).rev().find(begins).unwrap_or(0)
}

fn rotated(path: &Path, number: u32) -> PathBuf {
    PathBuf::from(format!("{}.{number}", path.display()))
}

/// 0 for the file that grows, then the number that rotation has given; none for compressed files.
fn number(path: &Path) -> Option<u32> {
    let (_, rest) = ENDINGS.iter().find_map(|ending| file_name(path).rsplit_once(ending))?;
    if rest.is_empty() { Some(0) } else { rest.strip_prefix('.')?.parse().ok() }
}

fn compressed(path: &Path) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap()
}
