//! A disk that fails under the program: `tests/faults/disk.c`, built here and preloaded.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::Site;

/// What happens at an operation of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before it, in the middle of it, after it.
    Kill,
    Tear,
    After,
    /// The power goes: a part of what was not flushed is lost, and the process with it.
    Power,
    Full,
    Broken,
    ReadOnly,
}

impl Fault {
    /// Those that end the process.
    pub const DEADLY: [Self; 4] = [Self::Kill, Self::Tear, Self::After, Self::Power];
    /// Those that the program is told of.
    pub const REFUSALS: [Self; 3] = [Self::Full, Self::Broken, Self::ReadOnly];

    /// One of these the program says of it.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Full => &["is full", "No space left"],
            // What cannot be read looks to SQLite as if it were damaged.
            // Of the file beside the store it does not say whether its disk is full, fails or is read-only.
            Self::Broken => &["the disk of the store fails", "is full, fails", "its disk fails", "Input/output error"],
            Self::ReadOnly => &["read-only", "Read-only"],
            Self::Kill | Self::Tear | Self::After | Self::Power => &[],
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Tear => "tear",
            Self::After => "after",
            Self::Power => "power",
            Self::Full => "ENOSPC",
            Self::Broken => "EIO",
            Self::ReadOnly => "EROFS",
        }
    }
}

/// The disk of a site: its store, its packages, its copies.
pub struct Disk {
    under: PathBuf,
    counter: PathBuf,
    switch: PathBuf,
}

impl Disk {
    /// Nothing fails until it is told to.
    pub fn of(site: &Site) -> Self {
        let (counter, switch) = (site.path("operations"), site.path("switch"));
        fs::write(&counter, [0; 8]).unwrap();
        Self { under: site.dir.path().to_owned(), counter, switch }
    }

    /// The command meets a fault at the operation of this number, or never at 0. A disk that refuses does so from then on.
    pub fn under(&self, command: &mut Command, fault: Fault, at: u64) {
        fs::write(&self.counter, [0; 8]).unwrap();
        command.env("LD_PRELOAD", library()).env("DISK_UNDER", &self.under).env("DISK_COUNTER", &self.counter);
        command.env("DISK_SWITCH", &self.switch).env("DISK_FAULT", fault.as_str());
        command.env("DISK_AT", at.to_string());
    }

    /// How many operations the last command did that its fault could have struck.
    pub fn operations(&self) -> u64 {
        u64::from_ne_bytes(fs::read(&self.counter).unwrap().try_into().unwrap())
    }

    /// From now on every operation fails so, or none.
    pub fn fail(&self, how: Option<Fault>) {
        match how {
            Some(fault) => {
                let fresh = self.switch.with_extension("new");
                fs::write(&fresh, fault.as_str()).unwrap();
                fs::rename(&fresh, &self.switch).unwrap();
            }
            None => fs::remove_file(&self.switch).unwrap(),
        }
    }
}

/// The library, built once by the compiler that the tests need anyway.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/disk.c");
        let (built, library) = (Path::new(env!("CARGO_TARGET_TMPDIR")), "libdisk.so");
        let fresh = built.join(format!("{library}.{}", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&fresh).arg(source).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "tests/faults/disk.c does not compile");
        // Another run of the tests may use the one that is there.
        fs::rename(&fresh, built.join(library)).unwrap();
        built.join(library)
    })
}
