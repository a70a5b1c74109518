//! What all gauges share: the program, a directory for what is made, and how much of it is made.

use std::{
    cell::OnceCell,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use tempfile::TempDir;

use super::{
    corpus::{self, Log},
    program::{Run, remove_store},
    table::{Row, mebibytes},
};

/// The simulated present.
pub const NOW: &str = "2026-07-03T07:00:00Z";

pub struct Bench {
    pub quick: bool,
    directory: TempDir,
    log: OnceCell<Log>,
}

impl Bench {
    pub fn new(quick: bool) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("a directory for the stores")?;
        Ok(Self { quick, directory, log: OnceCell::new() })
    }

    /// Times that everything is measured.
    pub fn runs(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// A number of things, or a fifth of it.
    pub fn scaled(&self, full: u64) -> u64 {
        if self.quick { full / 5 } else { full }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The log that is replayed, made when it is first asked for.
    pub fn log(&self) -> anyhow::Result<&Log> {
        if self.log.get().is_none() {
            let log = corpus::write_log(&self.path("log"), self.scaled(corpus::LOG_LINES))?;
            drop(self.log.set(log));
        }
        self.log.get().context("it was made above")
    }

    /// Writes a configuration with a store of its own, and returns both.
    pub fn configuration(&self, name: &str, sections: &str) -> anyhow::Result<Setup> {
        let (config, store) = (self.path(&format!("{name}.toml")), self.path(&format!("{name}.db")));
        fs::write(&config, format!("{sections}\n[store]\npath = {:?}\n", store.display().to_string()))?;
        Ok(Setup { config, store })
    }
}

/// A configuration and its store.
pub struct Setup {
    pub config: PathBuf,
    pub store: PathBuf,
}

impl Setup {
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.arg("--config").arg(&self.config).env("NO_COLOR", "1").env_remove("RUST_LOG");
        command
    }

    /// Runs a command of the product, seen from [`NOW`].
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Run> {
        Run::of(self.command().args(["--now", NOW]).args(arguments))
    }

    /// The same on a store that does not exist yet.
    pub fn run_anew(&self, arguments: &[&str]) -> anyhow::Result<Run> {
        remove_store(&self.store)?;
        self.run(arguments)
    }
}

pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_duskwatch"))
}

/// How long the program takes to build where nothing is built yet; what it is made of has been fetched.
pub fn build(_: &Bench) -> anyhow::Result<Vec<Row>> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--release", "--locked", "--offline", "--quiet", "--target-dir"]).arg(directory.path());
    let run = Run::of(command.current_dir(env!("CARGO_MANIFEST_DIR")))?;
    Ok(vec![Row::new("clean release build", "s", vec![run.seconds]).at_most(360.0), Row::new("CPU", "s", vec![run.cpu_seconds])])
}

/// How large the program is, as `cargo bench` builds it, which is the release profile.
pub fn binary(_: &Bench) -> anyhow::Result<Vec<Row>> {
    Ok(vec![Row::new("binary", "MiB", vec![mebibytes(fs::metadata(program())?.len())]).at_most(18.0)])
}
