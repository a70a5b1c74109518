//! `store backup` and `store verify`: a copy that a service can go on from, and clear words for what is wrong with a store.

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use duskwatch::simulator::ServeOptions;
use jiff::{Timestamp, ToSpan as _};

use crate::support::{
    NOW, Site, at,
    picture::{Picture, assert_same_counts},
    program::{Ran, Service, duskwatch, duskwatch_at, killed_after},
    small_world,
};

async fn polled(seed: u64) -> Site {
    let site = Site::grown(&small_world(seed, at(NOW), 12), ServeOptions::default()).await;
    let ran = duskwatch(&site, &["poll"]);
    assert_eq!(ran.status, 0, "{ran:#?}");
    site
}

#[track_caller]
fn well(ran: Ran) -> String {
    assert_eq!(ran.status, 0, "{ran:#?}");
    ran.out
}

/// Lets the configuration name another file as the store.
fn use_store(site: &Site, path: &Path) {
    let text = fs::read_to_string(site.config()).unwrap();
    let line = text.lines().find(|line| line.starts_with("path = ") && line.contains(".db")).unwrap();
    fs::write(site.config(), text.replace(line, &format!("path = {:?}", path.display().to_string()))).unwrap();
}

fn backup(site: &Site, to: &Path) -> Ran {
    duskwatch(site, &["store", "backup", to.to_str().unwrap()])
}

/// What of each source was seen up to an instant: from when, how, and whether all the way. A service has the clock of the day on
/// which the test runs, so what its rounds saw beyond is of no interest.
fn seen_until(picture: &Picture, until: Timestamp) -> Vec<(&str, i64, &str, bool)> {
    let intervals = picture.coverage.iter().flat_map(|(source, intervals)| intervals.iter().map(move |c| (source, c)));
    intervals.map(|(source, c)| (source.as_str(), c.from_ms, c.state.as_str(), c.to_ms >= until.as_millisecond())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_copied_beside_a_running_service_is_put_back_and_goes_on_as_if_nothing_had_happened() {
    let mut site = polled(41).await;
    let (service, _) = Service::serving(&site);
    let copy = site.path("copy.db");
    let told = well(backup(&site, &copy));
    assert!(told.contains("copy.db") && told.contains('B'), "{told}");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(service.terminate().0.success());

    let later = at(NOW).checked_add(5.hours()).unwrap();
    site.grow(later);
    well(duskwatch_at(&site, &later.to_string(), &["poll"]));
    let expected = Picture::of(&site.store()).await;
    site.remove_store();
    fs::copy(&copy, site.store()).unwrap();
    well(duskwatch_at(&site, &later.to_string(), &["store", "verify"]));
    well(duskwatch_at(&site, &later.to_string(), &["poll"]));
    let restored = Picture::of(&site.store()).await;
    assert_same_counts(&expected.counts, &restored.counts);
    assert_eq!(seen_until(&restored, later), seen_until(&expected, later));
    well(duskwatch_at(&site, &later.to_string(), &["store", "verify"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_overwrites_an_earlier_copy_and_nothing_else() {
    let site = polled(41).await;
    let before = Picture::of(&site.store()).await;
    let copy = site.path("copy.db");
    well(backup(&site, &copy));
    well(backup(&site, &copy));
    let (list, link, used) = (site.path("list.txt"), site.path("link.db"), site.path("used.db"));
    fs::write(&list, "a shopping list").unwrap();
    fs::hard_link(site.store(), &link).unwrap();
    fs::copy(&copy, &used).unwrap();
    fs::write(site.path("used.db-wal"), "").unwrap();
    for (to, words) in [
        (site.store(), "that is the store itself"),
        (site.path("duskwatch.db-wal"), "that is the store itself"),
        (link, "that is the store itself"),
        (list.clone(), "a file that is no store: it is not overwritten"),
        (site.path("csv/.."), "that is no name for a file"),
        (used, "a store that something uses"),
        (site.path("nowhere/copy.db"), "No such file"),
    ] {
        let ran = backup(&site, &to);
        assert!(ran.status == 1 && ran.err.contains(words), "{}: {ran:#?}", to.display());
    }
    assert_eq!(fs::read_to_string(list).unwrap(), "a shopping list");
    assert_same_counts(&before.counts, &Picture::of(&site.store()).await.counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_leaves_the_earlier_copy_and_nothing_that_stops_the_next() {
    let site = polled(41).await;
    let copy = site.path("copy.db");
    well(backup(&site, &copy));
    let (bytes, expected) = (fs::read(&copy).unwrap(), Picture::of(&copy).await);
    let arguments = ["--now", NOW, "store", "backup", copy.to_str().unwrap()];
    for _ in 0..4 {
        if killed_after(&site, &arguments, "the copy is being written", 1) {
            assert!(fs::read(&copy).unwrap() == bytes, "the earlier copy changed");
        }
    }
    well(backup(&site, &copy));
    assert!(!site.path(".copy.db.new").exists());
    assert_same_counts(&expected.counts, &Picture::of(&copy).await.counts);
    use_store(&site, &copy);
    well(duskwatch(&site, &["store", "verify"]));
}

/// A copy with something done to it, as the store; what verify says of it.
fn verified(site: &Site, copy: &Path, name: &str, damage: impl FnOnce(&Path)) -> Ran {
    let path = site.path(name);
    fs::copy(copy, &path).unwrap();
    damage(&path);
    use_store(site, &path);
    duskwatch(site, &["store", "verify"])
}

fn run(sql: &'static str) -> impl FnOnce(&Path) {
    move |path: &Path| rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_store_is_said_in_words_and_what_is_not_too() {
    let site = polled(41).await;
    let (service, _) = Service::serving(&site);
    let told = well(duskwatch(&site, &["store", "verify"]));
    assert!(service.terminate().0.success());
    for part in ["file: ", "references: ", "journal: ", "ledger: ", "packed counts: ", "batches: ", "counts: ", "size: "] {
        assert!(told.lines().any(|line| line.starts_with(part)), "{part} is not in {told}");
    }
    assert!(told.contains(" a day; ") && told.contains(" free on its disk"), "{told}");
    let copy = site.path("copy.db");
    well(backup(&site, &copy));
    let damages = [
        ("journal", include_str!("../data/store/break_journal.sql"), "entry 1: its hash is not that of its fields"),
        ("counts", include_str!("../data/store/raise_counts.sql"), "uses are counted where "),
        ("ledger", include_str!("../data/store/overlap_coverage.sql"), "two intervals overlap"),
        ("references", include_str!("../data/store/lose_a_verdict.sql"), "names a row of verdict that is not there"),
        ("packed counts", include_str!("../data/store/claim_a_packed_period.sql"), "is not what is counted"),
        ("batches", include_str!("../data/store/spoil_a_chunk.sql"), "the chunk "),
        ("counts", include_str!("../data/store/lose_some_chunks.sql"), "is not there or cannot be read"),
    ];
    for (number, (part, sql, words)) in damages.into_iter().enumerate() {
        let ran = verified(&site, &copy, &format!("damaged-{number}.db"), run(sql));
        let faults: Vec<&str> = ran.out.lines().filter(|line| line.starts_with(&format!("{part}: FAULT: "))).collect();
        assert!(ran.status == 1 && faults.iter().any(|line| line.contains(words)), "{part}: {ran:#?}");
        assert!(ran.err.contains("duskwatch: the store has "), "{}", ran.err);
    }
    let overwritten = |path: &Path| {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        let middle = file.metadata().unwrap().len() / 2;
        file.seek(SeekFrom::Start(middle)).unwrap();
        file.write_all(&vec![0xA5; 20_000]).unwrap();
    };
    let ran = verified(&site, &copy, "overwritten.db", overwritten);
    assert!(ran.status == 1 && ran.out.contains("file: FAULT: "), "{ran:#?}");
    let ran = verified(&site, &copy, "cut.db", |path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 3).unwrap();
    });
    assert_eq!(ran.status, 1, "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pruned_or_judged_anew_is_no_fault() {
    let site = polled(42).await;
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace("keep_raw = \"9999d\"", "keep_raw = \"4d\"")).unwrap();
    well(duskwatch(&site, &["store", "prune"]));
    let told = well(duskwatch(&site, &["store", "verify"]));
    assert!(told.contains("of days before 2026-06-29 only counts are kept"), "{told}");
    well(duskwatch(&site, &["reclassify"]));
    well(duskwatch(&site, &["store", "verify"]));
}
