use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;

const KEEP: i32 = 90;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn write(directory: &Path, on: &str, today: &str, users: &str) -> PathBuf {
    let content = |name: &str, out: &mut dyn Write| out.write_all(if name == "users.csv" { users.as_bytes() } else { b"{}" });
    write_package(directory, day(on), &["users.csv", "datapackage.json"], &content, KEEP, day(today)).unwrap()
}

fn anything(_: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"x")
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = entries(directory).unwrap().into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

#[test]
fn a_package_stands_under_its_day_and_behind_the_link() {
    let home = tempfile::tempdir().unwrap();
    let reports = home.path().join("deep/reports");
    let place = write(&reports, "2026-07-03", "2026-07-03", "one\r\n");

    assert_eq!(place, reports.join("2026-07-03"));
    assert_eq!(fs::read_to_string(reports.join("latest/users.csv")).unwrap(), "one\r\n");
    assert_eq!(fs::read_link(reports.join("latest")).unwrap(), Path::new("2026-07-03"));
    assert_eq!(names(&reports), ["2026-07-03", "latest"]);
}

#[test]
fn a_package_of_the_same_day_is_replaced_as_a_whole() {
    let home = tempfile::tempdir().unwrap();
    let place = write(home.path(), "2026-07-03", "2026-07-03", "one\r\n");
    fs::write(place.join("left-over.csv"), "x").unwrap();
    write(home.path(), "2026-07-03", "2026-07-03", "two\r\n");

    assert_eq!(fs::read_to_string(place.join("users.csv")).unwrap(), "two\r\n");
    assert_eq!(names(&place), ["datapackage.json", "users.csv"]);
    assert_eq!(names(home.path()), ["2026-07-03", "latest"]);
}

#[test]
fn the_link_follows_the_newest_day_and_not_a_look_back() {
    let home = tempfile::tempdir().unwrap();
    for on in ["2026-07-02", "2026-07-03", "2026-06-30"] {
        write(home.path(), on, "2026-07-03", on);
    }
    assert_eq!(fs::read_to_string(home.path().join("latest/users.csv")).unwrap(), "2026-07-03");
    assert!(home.path().join("2026-06-30").is_dir());
}

#[test]
fn what_a_crash_left_is_repaired() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "2026-07-01", "2026-07-03", "kept");
    write(home.path(), "2026-07-02", "2026-07-03", "replaced");
    fs::rename(home.path().join("2026-07-01"), home.path().join(".2026-07-01.old")).unwrap();
    fs::create_dir(home.path().join(".2026-07-02.old")).unwrap();
    fs::create_dir(home.path().join(".2026-07-03.new")).unwrap();
    fs::write(home.path().join(".2026-07-03.new/users.csv"), "half").unwrap();

    write(home.path(), "2026-07-03", "2026-07-03", "whole");
    assert_eq!(names(home.path()), ["2026-07-01", "2026-07-02", "2026-07-03", "latest"]);
    assert_eq!(fs::read_to_string(home.path().join("2026-07-01/users.csv")).unwrap(), "kept");
    assert_eq!(fs::read_to_string(home.path().join("2026-07-03/users.csv")).unwrap(), "whole");
}

#[test]
fn old_packages_go_and_foreign_things_stay() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("datapackage.json"), "{}").unwrap();
    write(home.path(), "2026-04-03", "2026-04-03", "one day too old");
    write(home.path(), "2026-04-04", "2026-04-04", "just kept");
    for foreign in ["2020-01-01", "2020-1-1", "archive"] {
        fs::create_dir(home.path().join(foreign)).unwrap();
    }
    fs::write(home.path().join("2020-1-1/datapackage.json"), "{}").unwrap();
    symlink(elsewhere.path(), home.path().join("2020-01-02")).unwrap();

    write(home.path(), "2026-07-03", "2026-07-03", "new");
    assert_eq!(names(home.path()), ["2020-01-01", "2020-01-02", "2020-1-1", "2026-04-04", "2026-07-03", "archive", "latest"]);
    assert!(elsewhere.path().join("datapackage.json").exists());
}

#[test]
fn a_look_back_beyond_the_retention_is_not_removed_at_once() {
    let home = tempfile::tempdir().unwrap();
    assert!(write(home.path(), "2026-01-31", "2026-07-03", "old").join("users.csv").exists());
}

#[test]
fn names_that_leave_the_directory_are_refused_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    let reports = home.path().join("reports");
    for name in ["../escaped.csv", "/tmp/x.csv", "a/b.csv", "..", ".hidden", "", "a\nb", "é.csv", &"x".repeat(101)] {
        assert!(write_package(&reports, day("2026-07-03"), &[name], &anything, KEEP, day("2026-07-03")).is_err(), "{name:?}");
    }
    assert!(!reports.exists());
}

#[test]
fn a_package_that_cannot_be_finished_leaves_the_old_one_and_no_trace() {
    let home = tempfile::tempdir().unwrap();
    let place = write(home.path(), "2026-07-03", "2026-07-03", "old");
    let twice = ["users.csv", "users.csv"];
    assert!(write_package(home.path(), day("2026-07-03"), &twice, &anything, KEEP, day("2026-07-03")).is_err());
    let full = |_: &str, out: &mut dyn Write| {
        out.write_all(b"half of it")?;
        Err(io::ErrorKind::StorageFull.into())
    };
    assert!(write_package(home.path(), day("2026-07-03"), &["users.csv"], &full, KEEP, day("2026-07-03")).is_err());
    assert_eq!(fs::read_to_string(place.join("users.csv")).unwrap(), "old");
    assert_eq!(names(home.path()), ["2026-07-03", "latest"]);
}

#[test]
fn two_writers_do_not_mix() {
    let home = tempfile::tempdir().unwrap();
    let other = File::open(home.path()).unwrap();
    other.lock().unwrap();
    let error = write_package(home.path(), day("2026-07-03"), &["users.csv"], &anything, KEEP, day("2026-07-03")).unwrap_err();
    assert!(error.to_string().contains("another process is writing"), "{error}");
    assert_eq!(names(home.path()), [""; 0]);

    other.unlock().unwrap();
    write(home.path(), "2026-07-03", "2026-07-03", "one");
    write(home.path(), "2026-07-03", "2026-07-03", "the lock was given back");
}

#[test]
fn strangers_may_not_read_a_package() {
    let home = tempfile::tempdir().unwrap();
    let place = write(&home.path().join("reports"), "2026-07-03", "2026-07-03", "one");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place) & 0o027, 0);
    assert_eq!(mode(&home.path().join("reports")) & 0o027, 0);
    assert_eq!(mode(&place.join("users.csv")) & 0o137, 0);
}

#[test]
fn a_single_file_is_replaced_and_nothing_stays_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("digest.eml");
    fs::write(home.path().join(".digest.eml.new"), "half, from a crash").unwrap();
    write_file_atomic(&path, b"one").unwrap();
    write_file_atomic(&path, b"two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    // Whether the group reads it is also up to the machine.
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o737, 0o600, "{mode:o}");
    assert_eq!(names(home.path()), ["digest.eml"]);

    let error = write_file_atomic(&home.path().join("missing/digest.eml"), b"x").unwrap_err();
    assert!(format!("{error:#}").contains("missing"), "{error:#}");
    fs::create_dir(home.path().join("reports")).unwrap();
    let error = write_file_atomic(&home.path().join("reports"), b"x").unwrap_err();
    assert!(format!("{error:#}").contains("cannot rename"), "{error:#}");
    assert_eq!(names(home.path()), ["digest.eml", "reports"]);
}

#[test]
fn a_device_takes_what_is_written_and_stays_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("report.html");
    // By a link: a fault here must not cost the machine its own.
    symlink("/dev/null", &path).expect("a link");
    write_file_atomic(&path, b"a report").expect("a device takes everything");
    assert!(path.symlink_metadata().expect("it is there").file_type().is_symlink());
    rustix::fs::mkfifoat(CWD, directory.path().join("pipe"), rustix::fs::Mode::from_raw_mode(0o644)).expect("a pipe");
    let refused = write_file_atomic(&directory.path().join("pipe"), b"a report").expect_err("nobody may ever read from it");
    assert!(refused.to_string().contains("is no file"), "{refused}");
}
