//! The store as its callers know it, and the rules of `sql/README.md`.

mod calendar;
mod callers;
mod erasing;
mod exchanged;
mod inventories;
mod journal;
mod judgements;
mod opening;
mod outbox;
mod packing;
mod past;
mod reclassifying;
mod recording;
mod sql;

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Reader, Store, StoreError, Writer};
use crate::evidence::{Batch, Credential, Day, DayCount, Grade, History, Origin, Outcome, Track, Verdict, time::MS_PER_DAY};

/// A store of its own in a directory that goes away with it.
struct Fixture {
    store: Store,
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(&directory.path().join("duskwatch.db")).expect("a new store");
        Self { store, directory }
    }

    /// In which each source may name so many callers.
    fn limited_to(callers_per_source: usize) -> Self {
        let Self { store, directory } = Self::new();
        Self { store: store.limited_to(callers_per_source), directory }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("duskwatch.db")
    }

    async fn write<T: Send + 'static>(&self, work: impl FnOnce(&mut Writer<'_>) -> Result<T, StoreError> + Send + 'static) -> T {
        self.store.write(work).await.expect("the write commits")
    }

    async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static) -> T {
        self.store.read(work).await.expect("the read succeeds")
    }

    async fn history(&self) -> History {
        self.read(|r| r.history(Day(i32::MAX))).await
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn noon() -> Timestamp {
    at("2026-07-03T12:00:00Z")
}

fn track(username: &str, repository: &str) -> Track {
    Track {
        username: Some(username.to_owned()),
        client: Some("git-cli".to_owned()),
        origin: Origin::Network("build-farm".to_owned()),
        host: Some("bitbucket.org".to_owned()),
        workspace: Some("acme".to_owned()),
        repository: Some(repository.to_owned()),
        ..Track::default()
    }
}

fn accepted() -> Verdict {
    Verdict::of(Credential::AppPassword, Grade::Weak, Outcome::Accepted)
}

fn count(track: u32, day: i32, uses: u64) -> DayCount {
    let start = i64::from(day) * MS_PER_DAY;
    DayCount { track, day: Day(day), verdict: accepted(), uses, first_ms: start + 1000, last_ms: start + 2000, hours: 1 }
}

/// A batch of `log/egress` with one rule.
fn batch(tracks: Vec<Track>, counts: Vec<DayCount>) -> Batch {
    let items = counts.iter().map(|c| c.uses).sum();
    Batch {
        source: "log/egress".to_owned(),
        tracks,
        counts,
        rules: vec!["basic-nickname-git".to_owned()],
        items,
        ..Batch::default()
    }
}
