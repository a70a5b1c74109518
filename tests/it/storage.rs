//! Disks that are full, broken or read-only, and files that are not what they were: said in words, never silently empty, and
//! with a way out that is tried here.

use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use duskwatch::simulator::ServeOptions;
use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::{JoinSet, block_in_place};

use crate::support::{
    NOW, Site, at,
    disk::{Disk, Fault},
    integrations, leave_out,
    picture::{Picture, assert_same_counts},
    program::{Ran, Service, answer_with, duskwatch, duskwatch_at, hasten, program},
    small_world,
    smtp::MailServer,
};

/// Looks after which nobody reads the store any more.
const MAX_LOOKS: usize = 20_000;
/// Damaged stores that are looked at.
const DAMAGES: u64 = 24;

/// When a service is started that looks at a world of [`NOW`], and how fast its clock runs: what it does thrice a minute is
/// soon done.
const STARTED: &str = "2026-07-03T07:20:00Z";
const SPEED: u32 = 40;

const LIST_TABLES: &str = include_str!("../data/faults/list_tables.sql");

/// Bytes of a page of a store.
const PAGE: u64 = 4096;

/// Something that is done to a file.
type Damage = fn(&Path);

async fn site(seed: u64) -> Site {
    Site::grown(&small_world(seed, at(NOW), 8), ServeOptions::default()).await
}

#[track_caller]
fn well(ran: &Ran) {
    assert_eq!(ran.status, 0, "{ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_refuses_what_was_known_is_served_and_the_trouble_told_once() {
    let mut services = JoinSet::new();
    for fault in Fault::REFUSALS {
        services.spawn(refused(fault));
    }
    while let Some(ended) = services.join_next().await {
        ended.unwrap();
    }
}

/// A site whose security receives mail.
async fn told_by_mail() -> (Site, MailServer) {
    let (site, mail) = (site(87).await, MailServer::start().await);
    let email = format!(
        "[schedule]\nlogs = \"1s\"\n[email]\nserver = {:?}\nfrom = \"Duskwatch <duskwatch@example.test>\"\n\
         [[email.recipient]]\naddress = \"security@example.test\"\n",
        mail.url
    );
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text + &email).unwrap();
    (site, mail)
}

async fn refused(fault: Fault) {
    let (site, mail) = told_by_mail().await;
    let disk = Disk::of(&site);
    let (mut service, base) = Service::serving_with(&site, |command| {
        disk.under(command, fault, 0);
        hasten(command, at(STARTED), SPEED);
    });
    let sources = site.engine().source_names();
    service.wait_for("round done", &sources);
    let (status, before) = answer_with(&base, "<main").await;
    assert_eq!(status, 200);

    disk.fail(Some(fault));
    service.wait_for("it fails", &["part=\"store\"".to_owned()]);
    let (status, said) = answer_with(&format!("{base}/readyz"), "store: failing since").await;
    assert!(status == 503 && fault.words().iter().any(|words| said.contains(words)), "{said}");
    let since = failing_since(&said);
    let (status, page) = answer_with(&base, "The store is failing since ").await;
    assert!(status == 200 && page.len() > before.len() / 2, "{page}");
    answer_with(&format!("{base}/metrics"), &failing_series(since)).await;
    let told = mail.next().await;
    assert!(told.header("Message-ID").unwrap().starts_with("<duskwatch.alarm.store."), "{told:?}");
    assert!(fault.words().iter().any(|words| told.text.contains(words)), "{}", told.text);

    disk.fail(None);
    service.wait_for("it works again", &["part=\"store\"".to_owned()]);
    let over = mail.next().await;
    assert!(over.text.contains("the store works again"), "{}", over.text);
    service.wait_for("round done", &sources.into_iter().filter(|source| source.starts_with("log/")).collect::<Vec<_>>());
    assert_logs_are_read_again(&site, &base, since).await;
    let (ended, log) = service.terminate();
    assert!(ended.success() && !log.contains("panicked"), "{log}");
    assert_eq!(mail.take().len(), 0, "it is told once");
    assert_eq!(duskwatch(&site, &["store", "verify"]).status, 0);
    let calm = self::site(87).await;
    calm.poll(&calm.engine(), at(NOW)).await;
    assert_same_counts(&Picture::of(&calm.store()).await.counts, &Picture::of(&site.store()).await.counts);
}

/// Nothing is said of a store that works again, and the time in which it failed has been read since.
async fn assert_logs_are_read_again(site: &Site, base: &str, failed: Timestamp) {
    assert_eq!(answer_with(&format!("{base}/readyz"), "Ready.").await.0, 200);
    let (_, metrics) = answer_with(&format!("{base}/metrics"), "").await;
    assert!(!metrics.contains("\nduskwatch_store_failing_time_seconds "), "{metrics}");
    let last = metrics.lines().filter_map(|line| line.strip_prefix("duskwatch_source_last_success_time_seconds{source=\"log/"));
    let last = last.map(|line| line.split_once(' ').unwrap().1.parse().unwrap()).max().unwrap();
    let now = Timestamp::from_second(last).unwrap();
    assert!(now > failed, "{now} {failed}");
    let digest = duskwatch_at(site, &now.to_string(), &["report", "--format", "json"]);
    let report: Value = serde_json::from_str(&digest.out).unwrap();
    let rows = report["coverage"]["sources"].as_array().unwrap().iter();
    let logs: Vec<&Value> = rows.filter(|row| row["source"].as_str().unwrap().starts_with("log/")).collect();
    for row in &logs {
        assert!(row["state"] == "reading" && at(row["looked_until"].as_str().unwrap()) >= failed, "{failed}: {row:#}");
    }
    assert!(logs.len() > 3, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_damaged_while_the_service_runs_is_told_and_what_was_known_stays() {
    let pages: Damage = |path| {
        // The first page is sound: of what it leads to nothing is.
        let length = usize::try_from(fs::metadata(path).unwrap().len()).unwrap();
        overwrite(path, PAGE, &vec![0xA5; length - usize::try_from(PAGE).unwrap()]);
    };
    let header: Damage = |path| overwrite(path, 0, &[0xA5; 100]);
    let mut services = JoinSet::new();
    // The one page that a header stands in may be written anew: then the log of the database holds a sound one.
    for (damage, may_heal) in [(pages, false), (header, true)] {
        services.spawn(damaged(damage, may_heal));
    }
    while let Some(ended) = services.join_next().await {
        ended.unwrap();
    }
}

async fn damaged(damage: Damage, may_heal: bool) {
    let (site, mail) = told_by_mail().await;
    // The first judgement of the service has all there is, so that what it shows changes no more.
    well(&duskwatch(&site, &["poll"]));
    let (mut service, base) = Service::serving_with(&site, |command| hasten(command, at(STARTED), SPEED));
    let sources = site.engine().source_names();
    service.wait_for("round done", &sources);
    let (_, before) = answer_with(&base, "<main").await;
    let (_, counted) = answer_with(&format!("{base}/metrics"), "\nduskwatch_integrations{").await;
    let counted: Vec<&str> = counted.lines().filter(|line| line.starts_with("duskwatch_integrations{")).collect();

    empty_log(&site.store());
    damage(&site.store());
    service.wait_for("it fails", &["part=\"store\"".to_owned()]);
    let (status, said) = answer_with(&format!("{base}/readyz"), "store: failing since ").await;
    assert!(status == 503 && shown_as_damaged(&said), "{said}");
    let since = failing_since(&said);
    let (status, page) = answer_with(&base, "The store is failing since ").await;
    assert!(status == 200 && page.len() > before.len() / 2 && shown_as_damaged(&page), "{page}");
    let (_, metrics) = answer_with(&format!("{base}/metrics"), &failing_series(since)).await;
    assert!(counted.iter().all(|line| metrics.contains(line)), "{counted:?} are not all in {metrics}");
    let told = mail.next().await;
    assert!(told.header("Message-ID").unwrap().starts_with("<duskwatch.alarm.store."), "{told:?}");
    assert!(shown_as_damaged(&told.text), "{}", told.text);
    let report = duskwatch(&site, &["report", "--format", "json"]);
    assert!((report.status == 1 || may_heal) && shows_or_tells(&report), "{may_heal} {report:#?}");

    let (ended, log) = service.terminate();
    assert!(ended.success() && !log.contains("panicked"), "{log}");
    // Rounds that were under way may end; of those a second each, none begins that ends well.
    let last = log.rsplit("it fails").next().unwrap();
    assert!(last.matches("round done").count() <= sources.len(), "it goes on collecting: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_removed_or_replaced_under_a_service_is_told_until_it_is_back() {
    let mut services = JoinSet::new();
    for replaced in [false, true] {
        services.spawn(taken_away(replaced));
    }
    while let Some(ended) = services.join_next().await {
        ended.unwrap();
    }
}

async fn taken_away(replaced: bool) {
    let (site, mail) = told_by_mail().await;
    well(&duskwatch(&site, &["poll"]));
    let (mut service, base) = Service::serving_with(&site, |command| hasten(command, at(STARTED), SPEED));
    service.wait_for("round done", &site.engine().source_names());
    answer_with(&base, "<main").await;

    let (path, away) = (site.store(), site.path("away.db"));
    empty_log(&path);
    fs::rename(&path, &away).unwrap();
    if replaced {
        fs::copy(&away, &path).unwrap();
    }
    let there = || fs::read(&path).unwrap_or_default();
    let before = there();
    service.wait_for("it fails", &["part=\"store\"".to_owned()]);
    let (status, said) = answer_with(&format!("{base}/readyz"), "store: failing since ").await;
    assert!(status == 503 && said.contains("removed or replaced while it was in use"), "{said}");
    assert_eq!(answer_with(&base, "The store is failing since ").await.0, 200);
    answer_with(&format!("{base}/metrics"), &failing_series(failing_since(&said))).await;
    let told = mail.next().await;
    assert!(told.text.contains("removed or replaced"), "{}", told.text);
    assert!(there() == before, "nothing is written to what is not the store");
    if replaced {
        // The way to go on with the other file, as the words say.
        let (ended, _) = service.terminate();
        assert!(ended.success());
        site.remove_log();
        well(&duskwatch(&site, &["store", "verify"]));
        return well(&duskwatch(&site, &["poll"]));
    }
    for beside in [&["store", "prune"][..], &["status"], &["report"]] {
        let beside = duskwatch(&site, beside);
        assert!(beside.status != 0 && beside.err.contains("put it back") && !path.exists(), "{beside:#?}");
    }

    fs::rename(&away, &path).unwrap();
    service.wait_for("it works again", &["part=\"store\"".to_owned()]);
    let over = mail.next().await;
    assert!(over.text.contains("the store works again"), "{}", over.text);
    let (ended, log) = service.terminate();
    assert!(ended.success() && !log.contains("panicked"), "{log}");
    assert_eq!(log.matches("it fails part=\"store\"").count(), 1, "{log}");
    well(&duskwatch(&site, &["store", "verify"]));
}

/// Since when the store fails, as `/readyz` says it.
fn failing_since(ready: &str) -> Timestamp {
    at(ready.split("failing since ").nth(1).unwrap().split(": ").next().unwrap())
}

/// The same as the metrics say it.
fn failing_series(since: Timestamp) -> String {
    format!("\nduskwatch_store_failing_time_seconds {}\n", since.as_second())
}

/// Everything that was committed stands in the file of a service that runs, once nobody reads from the log.
fn empty_log(store: &Path) {
    let database = rusqlite::Connection::open(store).unwrap();
    let is_busy = || {
        let mut busy = 1;
        database.pragma(None, "wal_checkpoint", "TRUNCATE", |row| row.get(0).map(|found| busy = found)).unwrap();
        busy == 1
    };
    assert!((0..MAX_LOOKS).any(|_| !is_busy()), "somebody reads all the time");
}

/// What is damaged, and the way out.
fn shown_as_damaged(text: &str) -> bool {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.contains("the store is damaged, or its disk fails") && text.contains("restore a backup")
}

/// Runs a command where the directory `small` of the site is a disk of its own, after what the operator did to it.
const ON_A_SMALL_DISK: &str = "set -u; d=\"$1\"; shift
mount -t tmpfs -o size=400k,mode=700 tmpfs \"$d/small\" || exit 99
say() { echo \"== $1\"; shift; \"$@\" 2>&1; echo \"status $?\"; }
say full \"$@\" poll
mount -o remount,size=64m \"$d/small\"
say room \"$@\" poll
say verified \"$@\" store verify
mount -o remount,ro \"$d/small\"
say read-only \"$@\" poll
say read \"$@\" report
mount -o remount,rw \"$d/small\"
say writable \"$@\" poll
say sound \"$@\" store verify";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_full_or_read_only_is_used_again_when_it_is_mended() {
    let site = site(88).await;
    fs::create_dir(site.path("small")).unwrap();
    let text = fs::read_to_string(site.config()).unwrap();
    let path = format!("path = {:?}", site.store().display().to_string());
    let small = format!("path = {:?}", site.path("small/duskwatch.db").display().to_string());
    fs::write(site.config(), text.replace(&path, &small)).unwrap();
    let mut own = program(&site);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "bash", "-c", ON_A_SMALL_DISK, "bash"]).arg(site.dir.path());
    command.arg(own.get_program()).args(own.args(["--now", NOW]).get_args()).env("NO_COLOR", "1").stdin(Stdio::null());
    let ran = block_in_place(|| command.output()).unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    if !said.contains("== sound") {
        // A kernel that lets nobody mount: the preloaded disk of the other tests stands for it.
        return leave_out(&format!("no small disk could be made: {}", String::from_utf8_lossy(&ran.stderr)));
    }
    let of = |step: &str| said.split("== ").find(|part| part.starts_with(step)).unwrap();
    assert!(of("full").contains("the disk of the store is full") && !of("full").ends_with("status 0\n"), "{said}");
    assert!(of("read-only").contains("read-only") && !of("read-only").ends_with("status 0\n"), "{said}");
    for step in ["room", "verified", "read\n", "writable", "sound"] {
        assert!(of(step).ends_with("status 0\n"), "{step}: {said}");
    }
    assert!(of("read\n").contains("STILL ON APP PASSWORDS") || of("read\n").len() > 500, "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_flipped_bits_is_never_shown_as_empty() {
    let site = site(89).await;
    well(&duskwatch(&site, &["poll"]));
    settle(&site);
    let sound = fs::read(site.store()).unwrap();
    let mut found = 0;
    for seed in 0..DAMAGES {
        let mut rng = Rng::with_seed(seed);
        let mut bytes = sound.clone();
        for _ in 0..rng.usize(1..200) {
            let (place, bit) = (rng.usize(..bytes.len()), rng.u8(..8));
            bytes[place] ^= 1 << bit;
        }
        fs::write(site.store(), &bytes).unwrap();
        let verified = duskwatch(&site, &["store", "verify"]);
        let report = duskwatch(&site, &["report", "--format", "json"]);
        for ran in [&verified, &report] {
            assert!(!ran.err.contains("panicked") && [0, 1].contains(&ran.status), "{seed}: {ran:#?}");
            assert!(ran.status == 0 || !ran.err.is_empty(), "{seed}: {ran:#?}");
        }
        found += u64::from(verified.status == 1);
        assert!(shows_or_tells(&report), "{seed}: {}", report.err);
    }
    assert!(found > DAMAGES / 2, "{found}");
}

/// Whether a report shows what is there, or what is wrong with the store and the way out.
fn shows_or_tells(report: &Ran) -> bool {
    const TOLD: [(&str, &str); 4] = [
        ("the store is damaged", "restore a backup"),
        ("this is not a duskwatch store", "restore a backup"),
        ("this program knows versions up to", "use a newer program"),
        ("the store has version", "by a command that writes"),
    ];
    match report.status {
        0 => !integrations(&serde_json::from_str(&report.out).unwrap()).is_empty(),
        _ => TOLD.iter().any(|(wrong, way_out)| report.err.contains(wrong) && report.err.contains(way_out)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_lost_its_rows_is_never_shown_as_if_it_had_none() {
    let site = site(89).await;
    well(&duskwatch(&site, &["poll"]));
    settle(&site);
    let sound = fs::read(site.store()).unwrap();
    let database = rusqlite::Connection::open(site.store()).unwrap();
    let page_size: u64 = database.pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0)).unwrap().into();
    assert_eq!(page_size, PAGE);
    let mut list = database.prepare(LIST_TABLES).unwrap();
    let roots = list.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap);
    let roots: Vec<(String, u32)> = roots.collect();
    assert!(roots.iter().any(|(table, _)| table == "day_count"), "{roots:?}");
    for (table, root) in roots {
        let mut bytes = sound.clone();
        let page = &mut bytes[usize::try_from(u64::from(root - 1) * PAGE).unwrap()..];
        // A leaf without cells: for SQLite a table without rows.
        page[0] = if page[0] % 8 == 5 { 13 } else { 10 };
        page[3..5].fill(0);
        fs::write(site.store(), &bytes).unwrap();
        let report = duskwatch(&site, &["report", "--format", "json"]);
        assert!(shows_or_tells(&report), "{table}: {}", report.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_place_of_a_store_is_named_left_alone_and_mended_by_a_copy() {
    let site = site(91).await;
    well(&duskwatch(&site, &["poll"]));
    let copy = site.path("copy.db");
    well(&duskwatch(&site, &["store", "backup", copy.to_str().unwrap()]));
    let expected = Picture::of(&site.store()).await;
    let damages: [(&str, Damage, &str); 4] = [
        (
            "a foreign file",
            |path| fs::write(path, "not a database at all, but long enough to look like one").unwrap(),
            "this is not a duskwatch store",
        ),
        ("a newer schema", |path| overwrite(path, 60, &99_u32.to_be_bytes()), "use a newer program"),
        ("a cut file", cut, "the store is damaged"),
        ("a broken header", |path| overwrite(path, 0, b"SQLite format 9"), "this is not a duskwatch store"),
    ];
    for (what, damage, words) in damages {
        settle(&site);
        damage(&site.store());
        let bytes = read(&site.store());
        for arguments in [&["report"][..], &["poll"], &["run"]] {
            let mut command = program(&site);
            if arguments != ["run"] {
                command.args(["--now", NOW]);
            }
            let ran = block_in_place(|| command.args(arguments).stdin(Stdio::null()).output()).unwrap();
            let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert!(!ran.status.success() && said.contains(words) && !said.contains("panicked"), "{what}: {arguments:?}: {said}");
        }
        assert!(what == "a cut file" || read(&site.store()) == bytes, "{what} was changed");
        // The way out of the manual.
        site.remove_store();
        fs::copy(&copy, site.store()).unwrap();
        well(&duskwatch(&site, &["store", "verify"]));
        well(&duskwatch(&site, &["poll"]));
        assert_same_counts(&expected.counts, &Picture::of(&site.store()).await.counts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_its_log_goes_on_from_where_its_file_stands() {
    let mut site = Site::new(&small_world(92, at(NOW), 8), ServeOptions::default()).await;
    let before = crate::support::days_before(at(NOW), 2);
    site.grow(before);
    well(&crate::support::program::duskwatch_at(&site, &before.to_string(), &["poll"]));
    settle(&site);
    let file = read(&site.store());
    site.grow(at(NOW));
    well(&duskwatch(&site, &["poll"]));
    let expected = Picture::of(&site.store()).await;
    // What was committed since stood in the log, and the log is gone.
    fs::write(site.store(), file).unwrap();
    site.remove_log();
    well(&duskwatch(&site, &["store", "verify"]));
    well(&duskwatch(&site, &["poll"]));
    assert_same_counts(&expected.counts, &Picture::of(&site.store()).await.counts);
}

/// Everything that was committed stands in the file, and nothing beside it.
fn settle(site: &Site) {
    let database = rusqlite::Connection::open(site.store()).unwrap();
    database.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())).unwrap();
    database.close().unwrap();
    assert!(!site.path("duskwatch.db-wal").exists());
}

fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn overwrite(path: &Path, place: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(place)).unwrap();
    file.write_all(bytes).unwrap();
}

fn cut(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 3).unwrap();
}
