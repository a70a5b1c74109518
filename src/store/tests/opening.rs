use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::PathBuf,
};

use rusqlite::Connection;

use super::{
    super::{
        OpenError, Reader, Store, StoreError,
        open::{MIGRATIONS, Migration, open_writer},
    },
    Fixture, batch, count, noon, track,
};

const FOREIGN: &str = include_str!("../../../tests/data/store/foreign.sql");
const BROKEN: Migration = Migration { name: "broken", sql: include_str!("../../../tests/data/store/broken_migration.sql") };
const NEXT: Migration = Migration { name: "next", sql: include_str!("../../../tests/data/store/next_migration.sql") };

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("duskwatch.db");
    (directory, path)
}

fn with(more: Migration) -> Vec<Migration> {
    MIGRATIONS.iter().copied().chain([more]).collect()
}

#[tokio::test]
async fn a_new_store_is_for_its_owner_only_and_opens_again() {
    let f = Fixture::new();
    f.write(|w| w.record(&batch(vec![track("a", "r")], vec![count(0, 20_000, 3)]), noon())).await;
    let _rights = [Store::lock_exclusive(&f.path()), Store::lock_judging(&f.path())].map(|right| right.expect("it is free"));
    for file in ["duskwatch.db", "duskwatch.db-wal", "duskwatch.db.lock", "duskwatch.db.judging"] {
        let mode = fs::metadata(f.directory.path().join(file)).expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let again = Store::open(&f.path()).expect("a store opens again");
    assert_eq!(again.read(|r| r.cursors("log/egress")).await.expect("a read"), []);
    assert_eq!(f.history().await.counts.of(0).map(|c| c.uses).sum::<u64>(), 3);
}

#[test]
fn what_is_no_store_is_refused_and_not_changed() {
    let (_directory, path) = directory();
    Connection::open(&path).expect("a database").execute_batch(FOREIGN).expect("somebody's table");
    let before = fs::read(&path).expect("the file");
    assert!(matches!(Store::open(&path), Err(OpenError::Foreign { .. })));
    assert!(matches!(Store::open_read_only(&path), Err(OpenError::Foreign { .. })));
    assert_eq!(fs::read(&path).expect("the file"), before);

    fs::write(&path, "integration,status\r\n".repeat(400)).expect("a text file");
    assert!(matches!(Store::open(&path), Err(OpenError::Foreign { .. })));
}

#[test]
fn a_store_of_a_newer_program_is_refused_with_both_versions() {
    let (_directory, path) = directory();
    drop(open_writer(&path, &with(NEXT)).expect("the newer program opens it"));
    let supported = MIGRATIONS.len();
    for refused in [Store::open(&path).err(), Store::open_read_only(&path).err()] {
        let words = refused.expect("refused").to_string();
        assert!(words.contains(&format!("version {}", supported + 1)), "{words}");
        assert!(words.contains(&format!("up to {supported}")), "{words}");
    }
}

#[test]
fn a_store_that_somebody_works_on_is_not_brought_to_another_layout() {
    let (_directory, path) = directory();
    drop(open_writer(&path, MIGRATIONS).expect("a store"));
    for right in [Store::lock_exclusive, Store::lock_judging] {
        let _right = right(&path).expect("nobody holds it");
        let refused = open_writer(&path, &with(NEXT)).expect_err("an older program is at work");
        assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
        drop(open_writer(&path, MIGRATIONS).expect("it has its layout"));
    }
    drop(open_writer(&path, &with(NEXT)).expect("nobody is at work any more"));
}

#[test]
fn a_failed_migration_leaves_the_store_at_its_version() {
    let (_directory, path) = directory();
    drop(Store::open(&path).expect("a new store"));
    let refused = open_writer(&path, &with(BROKEN)).expect_err("the migration fails");
    assert!(matches!(refused, OpenError::Migration { migration: "broken", .. }), "{refused}");
    Store::open(&path).expect("the store is as it was");
    // Nothing half done is in the way of a mended migration, and nothing of the broken one stayed.
    let connection = open_writer(&path, &with(NEXT)).expect("the mended migration runs");
    assert!(!connection.table_exists(None, "half_done").expect("the schema is readable"));
}

#[test]
fn reading_only_needs_a_store_of_today() {
    let (_directory, path) = directory();
    assert!(matches!(Store::open_read_only(&path), Err(OpenError::Missing { .. })));
    assert!(!path.exists());
    // A full disk leaves no more than that, and the next start takes it.
    fs::write(&path, "").expect("an empty file");
    assert!(matches!(Store::open_read_only(&path), Err(OpenError::Missing { .. })));
    Store::open(&path).expect("a store");
}

#[tokio::test]
async fn a_reader_beside_a_writer_sees_what_was_committed_and_cannot_write() {
    let f = Fixture::new();
    let reader = Store::open_read_only(&f.path()).expect("the store is there");
    f.write(|w| w.record(&batch(vec![track("a", "r")], vec![count(0, 20_000, 3)]), noon())).await;
    let totals = reader.read(Reader::totals).await.expect("a read");
    assert_eq!(totals.items, [("log/egress".to_owned(), 3)]);
    let refused = reader.write(|w| w.count_requests("log/egress", "2xx", 1)).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly)));
}

#[tokio::test]
async fn a_snapshot_does_not_move_while_it_is_read() {
    let f = Fixture::new();
    f.write(|w| w.count_requests("audit/acme", "2xx", 1)).await;
    let other = Store::open_read_only(&f.path()).expect("the store is there");
    let (seen_first, go_on) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let reading = tokio::spawn(async move {
        other
            .read(move |r| {
                let first = r.totals()?;
                seen_first.0.send(()).expect("the test waits");
                go_on.1.recv().expect("the test goes on");
                Ok((first, r.totals()?))
            })
            .await
    });
    tokio::task::spawn_blocking(move || seen_first.1.recv()).await.expect("no panic").expect("the reader began");
    f.write(|w| w.count_requests("audit/acme", "2xx", 1)).await;
    go_on.0.send(()).expect("the reader waits");
    let (first, second) = reading.await.expect("no panic").expect("a read");
    assert_eq!(first, second);
    assert_eq!(f.read(Reader::totals).await.requests[0].count, 2);
}

#[test]
fn a_second_holder_is_refused_and_told_who_holds_the_store() {
    let (_directory, path) = directory();
    drop(Store::open(&path).expect("a store"));
    let lock = Store::lock_exclusive(&path).expect("nobody holds it");
    let refused = Store::lock_exclusive(&path).expect_err("it is held").to_string();
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    Store::lock_exclusive(&link).expect_err("it is held by the other path");
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    drop(lock);
    Store::lock_exclusive(&path).expect("it is free again");
}

#[test]
fn a_store_with_two_names_is_written_by_none() {
    let (_directory, path) = directory();
    drop(Store::open(&path).expect("a store"));
    let other = path.with_file_name("other.db");
    fs::hard_link(&path, &other).expect("a hard link");
    for name in [&path, &other] {
        let refused = Store::open(name).err().expect("each would have a log of its own").to_string();
        assert!(refused.contains("a hard link"), "{refused}");
    }
    drop(Store::open_read_only(&path).expect("whoever reads breaks nothing"));
    fs::remove_file(other).expect("there are two");
    drop(Store::open(&path).expect("a store"));
    let refused = Store::open(path.parent().expect("it lies in one")).err().expect("a directory is no store").to_string();
    assert!(!refused.contains("a hard link"), "{refused}");
}

#[test]
fn what_root_makes_beside_a_store_belongs_to_whom_the_store_belongs_to() {
    let (directory, path) = directory();
    drop(Store::open(&path).expect("a store"));
    // Only root may give files away, and only root makes what the service could not open.
    if chown(&path, Some(1), Some(1)).is_err() {
        return;
    }
    drop(Store::lock_exclusive(&path).expect("nobody holds it"));
    drop(Store::lock_judging(&path).expect("nobody erases"));
    for name in ["duskwatch.db.lock", "duskwatch.db.judging"] {
        let beside = directory.path().join(name).metadata().expect("it stands beside the store");
        assert_eq!((beside.uid(), beside.gid(), beside.mode() & 0o777), (1, 1, 0o600), "{name}");
    }
}

#[test]
fn a_link_in_the_place_of_a_lock_leads_nowhere() {
    let (directory, path) = directory();
    let elsewhere = directory.path().join("elsewhere");
    fs::write(&elsewhere, "of somebody else").expect("a file");
    symlink(&elsewhere, directory.path().join("duskwatch.db.lock")).expect("a link");
    let refused = Store::lock_exclusive(&path).expect_err("a link is no lock").to_string();
    assert!(refused.contains("duskwatch.db.lock"), "{refused}");
    assert_eq!(fs::read_to_string(&elsewhere).expect("a file"), "of somebody else");
}

#[test]
fn several_judge_at_a_time_and_nobody_while_somebody_is_erased() {
    let (_directory, path) = directory();
    let judging = [Store::lock_judging(&path).expect("nobody erases"), Store::lock_judging(&path).expect("nobody erases")];
    let collecting = Store::lock_exclusive(&path).expect("whoever judges hinders nobody who collects");
    let refused = Store::lock_erasing(&path).expect_err("somebody collects").to_string();
    assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
    drop(collecting);
    let refused = Store::lock_erasing(&path).expect_err("two judge").to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    drop(judging);
    let erasing = Store::lock_erasing(&path).expect("it is free");
    let refused = Store::lock_judging(&path).expect_err("somebody is erased").to_string();
    assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
    Store::lock_exclusive(&path).expect_err("somebody is erased");
    drop(erasing);
    drop(Store::lock_judging(&path).expect("it is over"));
    let refused = {
        let _judging = Store::lock_judging(&path);
        Store::lock_erasing(&path).expect_err("one judges").to_string()
    };
    assert!(refused.contains("in use by another process"), "the number of who erased before is gone: {refused}");
}
