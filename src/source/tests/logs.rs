//! Files that grow, rotate, are truncated, compressed and deleted: every line once.

mod holes;
mod machine;
mod misnamed;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;

use crate::{
    evidence::CursorUpdate,
    source::{FileReader, Layout, Plan, content, content_blocks, plan, shown},
};

/// A directory that is read like the service reads it: a plan, its files, the cursors committed.
struct Logs {
    directory: tempfile::TempDir,
    layout: Layout,
    pattern: &'static str,
    cursors: BTreeMap<String, String>,
    now: Timestamp,
    /// Files written get this time; it moves on with every write.
    clock: SystemTime,
}

impl Logs {
    fn new(layout: Layout, pattern: &'static str) -> Self {
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_783_062_000);
        let now = Timestamp::from_second(1_783_062_060).expect("an instant");
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, layout, pattern, cursors: BTreeMap::new(), now, clock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn append(&mut self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        self.touch(&file);
    }

    fn touch(&mut self, file: &File) {
        self.clock += Duration::from_secs(1);
        file.set_modified(self.clock).expect("a settable time");
    }

    fn compress(&mut self, from: &str, to: &str) {
        let content = fs::read(self.path(from)).expect("a file");
        let packed = if Path::new(to).extension().is_some_and(|extension| extension == "gz") {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&content).expect("in memory");
            encoder.finish().expect("in memory")
        } else {
            zstd::encode_all(content.as_slice(), 1).expect("in memory")
        };
        fs::write(self.path(to), packed).expect("written");
        fs::remove_file(self.path(from)).expect("removed");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("renamed");
    }

    fn later(&mut self, seconds: i64) {
        self.now = Timestamp::from_second(self.now.as_second() + seconds).expect("an instant");
    }

    /// One round; the lines in the order in which they were read.
    fn read(&mut self) -> Vec<String> {
        let plan = self.plan();
        let mut updates = plan.cursors;
        let mut lines = Vec::new();
        for file in plan.files {
            let Ok(mut reader) = FileReader::open(file.clone()) else {
                updates.push(file.give_up());
                continue;
            };
            loop {
                match reader.next_block() {
                    Ok(Some(block)) => {
                        lines.extend(String::from_utf8_lossy(block.bytes).lines().map(str::to_owned));
                        updates.push(block.cursor);
                    }
                    Ok(None) => break,
                    Err(_) => {
                        updates.push(reader.give_up());
                        break;
                    }
                }
            }
        }
        self.commit(updates);
        lines
    }

    fn commit(&mut self, updates: Vec<CursorUpdate>) {
        for update in updates {
            match update.value {
                Some(value) => self.cursors.insert(update.key, value),
                None => self.cursors.remove(&update.key),
            };
        }
    }

    fn plan(&self) -> Plan {
        let pattern = self.path(self.pattern).to_string_lossy().into_owned();
        plan(&[pattern], self.layout, &self.cursors, self.now).expect("a pattern")
    }

    fn planned(&self) -> usize {
        self.plan().files.len()
    }
}

#[test]
fn a_growing_file_is_read_line_by_line_and_a_partial_line_waits_for_its_end() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", "one\ntw");
    assert_eq!(logs.read(), ["one"]);
    assert_eq!(logs.planned(), 0, "nothing new, nothing opened");
    logs.append("a.jsonl", "o\r\nthree\n");
    assert_eq!(logs.read(), ["two", "three"]);
    assert!(logs.read().is_empty());
}

#[test]
fn a_json_object_is_whole_without_the_end_of_its_line() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", "{\"a\":1}");
    assert!(logs.read().is_empty(), "a file is known by its first line, with whatever ends it");
    logs.append("a.jsonl", "\r\n{\"a\":2}");
    assert_eq!(logs.read(), ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!(logs.planned(), 0);
    logs.append("a.jsonl", "\r\n{\"a\":{\"b\":3}");
    assert!(logs.read().concat().is_empty(), "half of one waits, although something in it is whole");
    logs.append("a.jsonl", "}");
    assert_eq!(logs.read(), ["{\"a\":{\"b\":3}}"]);
    logs.append("a.jsonl", "\r\n");
    assert!(logs.read().concat().is_empty());
}

#[test]
fn renaming_and_compressing_a_read_file_repeats_nothing_and_loses_nothing() {
    for packed in ["a.jsonl.2.gz", "a.jsonl.2.zst", "a.jsonl-20260703.gz"] {
        let mut logs = Logs::new(Layout::Lines, "*.jsonl");
        logs.append("a.jsonl", "one\n");
        assert_eq!(logs.read(), ["one"]);
        logs.append("a.jsonl", "two\n");
        logs.rename("a.jsonl", "a.jsonl.1");
        logs.append("a.jsonl", "three\n");
        assert_eq!(logs.read(), ["two", "three"]);
        logs.compress("a.jsonl.1", packed);
        assert!(logs.read().is_empty(), "{packed}");
        assert_eq!(logs.planned(), 0, "a compressed file that was read is not opened again");
    }
}

#[test]
fn a_file_first_seen_compressed_is_read_whole_with_its_last_line() {
    for packed in ["old.jsonl.gz", "old.jsonl.zst"] {
        let mut logs = Logs::new(Layout::Lines, "*.jsonl");
        logs.append("old.jsonl", "one\ntwo\nthree");
        logs.compress("old.jsonl", packed);
        assert_eq!(logs.read(), ["one", "two", "three"]);
        assert_eq!(logs.planned(), 0);
    }
}

#[test]
fn copying_and_truncating_loses_and_repeats_nothing() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", "one\n");
    assert_eq!(logs.read(), ["one"]);
    logs.append("a.jsonl", "two\n");
    fs::copy(logs.path("a.jsonl"), logs.path("a.jsonl.1")).expect("copied");
    assert_eq!(logs.read(), ["two"], "the copy stands beside the original for a moment");
    File::create(logs.path("a.jsonl")).expect("truncated");
    assert!(logs.read().is_empty());
    logs.append("a.jsonl", "three\n");
    assert_eq!(logs.read(), ["three"]);
}

#[test]
fn a_file_that_begins_again_with_the_same_line_is_read_from_its_beginning() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", "started\none\ntwo\n");
    assert_eq!(logs.read().len(), 3);
    fs::remove_file(logs.path("a.jsonl")).expect("removed");
    logs.append("a.jsonl", "started\nx\n");
    assert_eq!(logs.read(), ["started", "x"]);
}

#[test]
fn different_files_that_begin_alike_are_all_read() {
    let mut logs = Logs::new(Layout::Lines, "*/a.log");
    for host in ["h1", "h2"] {
        fs::create_dir(logs.path(host)).expect("a directory");
        logs.append(&format!("{host}/a.log"), &format!("probe\n{host}\n"));
    }
    assert_eq!(logs.read(), ["probe", "h1", "probe", "h2"]);
    logs.append("h2/a.log", "more\n");
    assert_eq!(logs.read(), ["more"]);
    assert_eq!(logs.planned(), 0);
}

#[test]
fn a_new_file_that_begins_like_one_that_was_read_is_read_whole() {
    for (name, second) in [("h0.log", "h0"), ("h2.log", "h2")] {
        let mut logs = Logs::new(Layout::Lines, "*.log");
        logs.append("h1.log", "probe\nh1\n");
        assert_eq!(logs.read(), ["probe", "h1"]);
        logs.append(name, &format!("probe\n{second}\n"));
        assert_eq!(logs.read(), ["probe", second]);
        assert_eq!(logs.planned(), 0, "each has a cursor of its own");
        logs.append("h1.log", "more\n");
        assert_eq!(logs.read(), ["more"]);
        assert!(logs.read().is_empty());
    }
}

#[test]
fn a_copy_that_stays_beside_its_original_is_not_read() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("b.jsonl", "one\n");
    assert_eq!(logs.read(), ["one"]);
    fs::copy(logs.path("b.jsonl"), logs.path("a.jsonl")).expect("copied");
    assert!(logs.read().is_empty());
    logs.append("b.jsonl", "two\n");
    assert_eq!(logs.read(), ["two"]);
}

#[test]
fn a_file_that_begins_like_a_log_never_keeps_the_log_from_being_read() {
    let lines: Vec<String> = (0..8_000).map(|n| format!("line {n} of the log")).collect();
    let text = |lines: &[String]| lines.join("\n") + "\n";
    for (name, known) in [("a.jsonl", true), ("z.jsonl", true), ("a.jsonl", false), ("z.jsonl", false)] {
        let mut logs = Logs::new(Layout::Lines, "*.jsonl");
        let mut found = Vec::new();
        logs.append("m.jsonl", &text(&lines[..6_000]));
        if known {
            found.extend(logs.read());
        }
        // What can be read of the log now, a hole where its next lines will be, and more than it has.
        logs.append(name, &text(&lines[..4_000]));
        let file = OpenOptions::new().append(true).open(logs.path(name)).expect("a file");
        file.set_len(4 << 20).expect("a hole");
        logs.append(name, "\nsomething else\n");
        found.extend(logs.read());
        for part in [6_000..7_000, 7_000..8_000] {
            logs.append("m.jsonl", &text(&lines[part]));
            found.extend(logs.read());
        }
        let lost = lines.iter().filter(|line| !found.contains(line)).count();
        assert_eq!(lost, 0, "{name} {known}");
        let twice = found.iter().filter(|line| **line == lines[5_000]).count();
        assert_eq!((twice, logs.planned()), (1, 0), "{name} {known}");
    }
}

#[test]
fn a_file_of_somebody_else_stands_for_no_log_however_alike_it_looks() {
    let text = (0..8_000).map(|n| format!("line {n} of the log\n")).collect::<Vec<_>>().concat();
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("m.jsonl", &text);
    // As it begins and ends, and something else between.
    let alike = [&text[..80_000], &"x".repeat(text.len() - 90_000), &text[text.len() - 10_000..], "and more\n"].concat();
    logs.append("a.jsonl", &alike);
    for (name, owner) in [("m.jsonl", 1), ("a.jsonl", 2)] {
        // Only an administrator may give files away; one's own files are one's own to change.
        if std::os::unix::fs::chown(logs.path(name), Some(owner), None).is_err() {
            return;
        }
    }
    let found = logs.read();
    assert_eq!(text.lines().filter(|line| !found.iter().any(|found| found == line)).count(), 0);
}

#[test]
fn a_longer_copy_goes_on_where_the_log_that_was_read_ends() {
    let mut logs = Logs::new(Layout::Lines, "*/app.jsonl");
    for place in ["before", "now"] {
        fs::create_dir(logs.path(place)).expect("a directory");
    }
    logs.append("before/app.jsonl", "one\ntwo\n");
    assert_eq!(logs.read(), ["one", "two"]);
    fs::copy(logs.path("before/app.jsonl"), logs.path("now/app.jsonl")).expect("copied");
    assert!(logs.read().is_empty());
    for line in ["three", "four"] {
        logs.append("now/app.jsonl", &format!("{line}\n"));
        assert_eq!(logs.read(), [line]);
    }
    assert_eq!(logs.planned(), 0);
}

#[test]
fn tables_share_their_header_and_are_told_apart_by_the_first_row() {
    let mut logs = Logs::new(Layout::Table, "*.csv");
    logs.append("a.csv", "ts,src\n1,a\n");
    logs.append("b.csv", "ts,src\n2,b\n");
    logs.append("c.csv", "ts,src\n");
    assert_eq!(logs.read(), ["1,a", "2,b"], "the header is given apart");
    logs.append("c.csv", "3,c\n");
    assert_eq!(logs.read(), ["3,c"]);
}

#[test]
fn the_output_of_a_job_simply_ends() {
    let mut logs = Logs::new(Layout::Transcript, "build-*/log");
    for build in ["build-1", "build-2"] {
        fs::create_dir(logs.path(build)).expect("a directory");
        logs.append(&format!("{build}/log"), "Started by timer\nfatal: returned error: 410");
    }
    assert_eq!(logs.read(), ["Started by timer", "Started by timer"]);
    logs.later(120);
    assert_eq!(logs.read(), ["fatal: returned error: 410", "fatal: returned error: 410"]);
    assert!(logs.read().is_empty());
}

#[test]
fn a_transcript_that_every_run_overwrites_is_read_every_time() {
    let mut logs = Logs::new(Layout::Transcript, "*.log");
    let mut run = |lines: &[&str]| {
        fs::write(logs.path("mirror.log"), "").expect("emptied");
        logs.append("mirror.log", &(lines.join("\n") + "\n"));
        logs.later(120);
        logs.read()
    };
    for lines in [
        ["Fetching origin", "fatal: returned error: 410"].as_slice(),
        &["Fetching origin", "fatal: returned error: 410"],
        &["Fetching origin", "fatal: returned error: 403"],
        &["Fetching origin", "fatal: returned error: 410, and more", "than the run before"],
        &["Fetching origin", "fatal: gone"],
    ] {
        assert_eq!(run(lines), lines);
    }
    logs.append("mirror.log", "goes on\n");
    assert_eq!(logs.read(), ["goes on"], "what has only grown is not repeated");
    assert!(logs.read().is_empty());
}

/// As rotation does: what is renamed or compressed keeps its time.
fn rotate(logs: &mut Logs, from: &str, to: &str) {
    let modified = fs::metadata(logs.path(from)).and_then(|file| file.modified()).expect("a file");
    if to.ends_with("gz") && !from.ends_with("gz") {
        logs.compress(from, to);
    } else {
        logs.rename(from, to);
    }
    File::options().append(true).open(logs.path(to)).and_then(|file| file.set_modified(modified)).expect("a settable time");
}

#[test]
fn a_transcript_that_rotation_has_renamed_is_not_repeated_and_the_next_run_is_read() {
    for suffix in ["", ".gz"] {
        let mut logs = Logs::new(Layout::Transcript, "*.log");
        // Every run begins with the same words.
        for run in 0..4 {
            for number in (1..run).rev() {
                rotate(&mut logs, &format!("git.log.{number}{suffix}"), &format!("git.log.{}{suffix}", number + 1));
            }
            if run > 0 {
                rotate(&mut logs, "git.log", &format!("git.log.1{suffix}"));
            }
            logs.append("git.log", &format!("Fetching origin\nrun {run} failed\n"));
            logs.later(120);
            assert_eq!(logs.read(), ["Fetching origin".to_owned(), format!("run {run} failed")], "{suffix}");
            assert!(logs.read().is_empty(), "{suffix}");
        }
        rotate(&mut logs, "git.log", "git.log-20260703");
        assert!(logs.read().is_empty(), "{suffix}");
    }
}

#[test]
fn what_was_written_to_a_transcript_before_it_was_renamed_is_not_lost() {
    let mut logs = Logs::new(Layout::Transcript, "*.log");
    logs.append("git.log", "Fetching origin\n");
    logs.later(120);
    assert_eq!(logs.read(), ["Fetching origin"]);
    logs.append("git.log", "fatal: returned error: 410\n");
    rotate(&mut logs, "git.log", "git.log.1");
    logs.later(120);
    assert_eq!(logs.read(), ["Fetching origin", "fatal: returned error: 410"]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_once_and_counts_as_lost_when_it_changes() {
    let mut logs = Logs::new(Layout::Lines, "*.gz");
    logs.append("a.gz", "this is no archive");
    let found = logs.plan();
    assert_eq!((found.skipped.len(), found.unread.len(), found.lost), (1, 1, true));
    logs.commit(found.cursors);
    let found = logs.plan();
    assert_eq!((found.skipped.len(), found.unread.len(), found.lost), (0, 0, false), "nothing has happened to it");
    logs.append("a.gz", " still");
    let found = logs.plan();
    assert_eq!((found.skipped.len(), found.unread.len(), found.lost), (0, 1, true));
    logs.commit(found.cursors);
    fs::remove_file(logs.path("a.gz")).expect("removed");
    logs.read();
    assert!(logs.cursors.is_empty(), "{:?}", logs.cursors);
}

#[test]
fn what_nobody_can_look_at_is_unread_until_it_is_read() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    std::os::unix::fs::symlink("a.jsonl", logs.path("a.jsonl")).expect("a link to itself");
    for new in [1, 0, 0] {
        let found = logs.plan();
        assert_eq!((found.skipped.len(), found.unread.len(), found.lost), (new, 1, false));
        logs.commit(found.cursors);
    }
}

#[test]
fn a_file_that_is_unreadable_for_long_is_not_repeated_afterwards() {
    let mut logs = Logs::new(Layout::Lines, "*.gz");
    logs.append("a", "one\n");
    logs.compress("a", "a.gz");
    assert_eq!(logs.read(), ["one"]);
    let whole = fs::read(logs.path("a.gz")).expect("a file");
    fs::write(logs.path("a.gz"), "damaged").expect("written");
    for _ in 0..3 {
        assert!(logs.read().is_empty());
        logs.later(31 * 86_400);
    }
    fs::write(logs.path("a.gz"), whole).expect("mended");
    assert!(logs.read().is_empty());
}

#[test]
fn a_directory_that_may_not_be_listed_hides_files() {
    use std::os::unix::fs::PermissionsExt;
    let mut logs = Logs::new(Layout::Lines, "*/app.log");
    for name in ["open", "closed"] {
        fs::create_dir(logs.path(name)).expect("a directory");
        logs.append(&format!("{name}/app.log"), &format!("{name}\n"));
    }
    fs::set_permissions(logs.path("closed"), fs::Permissions::from_mode(0o0)).expect("set");
    // An administrator may list everything.
    let hidden = u64::from(fs::read_dir(logs.path("closed")).is_err());
    let found = logs.plan();
    assert_eq!(found.files.len() as u64, 2 - hidden);
    assert_eq!(found.skipped.iter().map(|s| s.count).sum::<u64>(), hidden);
    fs::set_permissions(logs.path("closed"), fs::Permissions::from_mode(0o700)).expect("set");
}

#[test]
fn a_file_that_is_gone_for_long_is_forgotten_and_one_that_comes_back_is_not_repeated() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", "one\n");
    assert_eq!(logs.read(), ["one"]);
    let away = logs.directory.path().with_extension("away");
    fs::rename(logs.path("a.jsonl"), &away).expect("unmounted");
    logs.read();
    logs.later(29 * 86_400);
    logs.read();
    fs::rename(&away, logs.path("a.jsonl")).expect("mounted again");
    assert!(logs.read().is_empty());
    fs::remove_file(logs.path("a.jsonl")).expect("removed");
    logs.read();
    logs.later(31 * 86_400);
    logs.read();
    assert!(logs.cursors.is_empty(), "{:?}", logs.cursors);
}

#[test]
fn lines_longer_than_a_block_are_skipped_and_counted() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    let long = "x".repeat(9 << 20);
    logs.append("a.jsonl", &format!("one\n{long}\ntwo\n"));
    let pattern = logs.path("*.jsonl").to_string_lossy().into_owned();
    let found = plan(&[pattern], Layout::Lines, &BTreeMap::new(), logs.now).expect("a pattern");
    let mut reader = FileReader::open(found.files[0].clone()).expect("a file");
    let (mut lines, mut skipped) = (Vec::new(), 0);
    while let Some(block) = reader.next_block().expect("readable") {
        lines.extend(String::from_utf8_lossy(block.bytes).lines().map(str::to_owned));
        skipped += block.skipped.iter().map(|s| s.count).sum::<u64>();
    }
    assert_eq!((lines, skipped), (vec!["one".to_owned(), "two".to_owned()], 1));
}

#[test]
fn a_damaged_archive_is_left_alone_until_it_changes() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", &"a line\n".repeat(10_000));
    logs.compress("a.jsonl", "a.jsonl.gz");
    let whole = fs::read(logs.path("a.jsonl.gz")).expect("a file");
    fs::write(logs.path("a.jsonl.gz"), &whole[..whole.len() - 12]).expect("cut");
    logs.read();
    assert_eq!(logs.planned(), 0);
    fs::write(logs.path("a.jsonl.gz"), &whole).expect("mended");
    assert_eq!(logs.read().len(), 10_000, "what follows the last good position");
    assert_eq!(logs.planned(), 0);
}

#[test]
fn an_archive_that_ends_before_what_was_read_of_it_is_left_alone_too() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", &"a line\n".repeat(10_000));
    assert_eq!(logs.read().len(), 10_000);
    logs.compress("a.jsonl", "a.jsonl.gz");
    let whole = fs::read(logs.path("a.jsonl.gz")).expect("a file");
    fs::write(logs.path("a.jsonl.gz"), &whole[..whole.len() - 12]).expect("cut");
    assert!(logs.read().is_empty());
    assert_eq!(logs.planned(), 0);
}

/// What one block holds at the most.
const BLOCK: usize = 1 << 20;

/// An archive of so many pieces that are all alike: each is packed by itself, and both formats go on behind one that ends.
fn trap(path: &Path, piece: &[u8], times: usize) {
    let packed = if path.extension().is_some_and(|extension| extension == "gz") {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(piece).expect("in memory");
        encoder.finish().expect("in memory")
    } else {
        zstd::encode_all(piece, 1).expect("in memory")
    };
    fs::write(path, packed.repeat(times)).expect("written");
}

/// Reads a packed log as the service does: how many bytes were handed over, and in what words it ended.
fn tailed(logs: &Logs) -> (usize, String) {
    let file = logs.plan().files.pop().expect("a file with something new");
    let mut reader = FileReader::open(file).expect("it begins well");
    let (mut read, mut words) = (0, Vec::new());
    loop {
        match reader.next_block() {
            Ok(Some(block)) => {
                assert!(block.bytes.len() <= BLOCK, "{} bytes at once", block.bytes.len());
                read += block.bytes.len();
                words.extend(block.skipped.into_iter().map(|skipped| skipped.sample));
            }
            Ok(None) => return (read, words.join("; ")),
            Err(error) => return (read, error.to_string()),
        }
    }
}

/// The same by hand.
fn imported(path: &Path) -> (usize, String) {
    let mut blocks = content_blocks(path, Layout::Lines).expect("it begins well");
    let (mut read, mut words) = (0, Vec::new());
    loop {
        match blocks.advance() {
            Ok(too_long) => words.extend(too_long.then_some("a line that no block can hold")),
            Err(error) => return (read, error.to_string()),
        }
        assert!(blocks.bytes().len() <= BLOCK, "{} bytes at once", blocks.bytes().len());
        read += blocks.bytes().len();
        if blocks.is_last() {
            return (read, words.join("; "));
        }
    }
}

#[test]
fn an_archive_that_unpacks_without_end_is_read_in_bounded_pieces_and_comes_to_an_end_in_words() {
    const TRAP: &str = "it becomes more than 10000 times as long when it is unpacked";
    let (zeros, lines) = (vec![0; BLOCK], [b"x".repeat(65_535), b"\n".to_vec()].concat().repeat(BLOCK >> 16));
    for (name, piece, times, [by_tail, by_hand]) in [
        // As dense as gzip gets it is read to its end, and is one line.
        ("a.jsonl.gz", &zeros[..BLOCK / 4], 512, ["a line of more than 1048576 bytes", "a line that no block can hold"]),
        ("b.jsonl.zst", &zeros, 600, [TRAP; 2]),
        ("c.jsonl.zst", &lines, 100, [""; 2]),
    ] {
        let mut logs = Logs::new(Layout::Lines, "*.jsonl");
        let path = logs.path(name);
        trap(&path, piece, times);
        let packed = fs::metadata(&path).expect("a file").len();
        assert!(packed < 200_000, "{name} has {packed} bytes");
        for ((read, words), expected) in [(tailed(&logs), by_tail), (imported(&path), by_hand)] {
            assert!(words.ends_with(expected) && words.is_empty() == expected.is_empty(), "{name}: {words}");
            assert!(read <= 400 << 20, "{name}: {read} bytes");
        }
        logs.read();
        assert_eq!(logs.planned(), 0, "{name} is left alone until it changes");
    }
}

/// A pipe with a name.
pub(super) fn make_fifo(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o644)).expect("a pipe");
}

/// What a work comes to that must not wait for anything.
pub(super) fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, until_done) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    until_done.recv_timeout(Duration::from_secs(20)).expect("it waits for what never comes")
}

#[test]
fn a_pipe_in_the_place_of_a_planned_log_is_refused_and_waited_for_by_nobody() {
    for name in ["a.log", "a.log.gz", "a.log.zst"] {
        for layout in [Layout::Lines, Layout::Table, Layout::Transcript] {
            let mut logs = Logs::new(layout, "*.log");
            logs.append("a.log", "ts,src\n1,a\n");
            if name != "a.log" {
                logs.compress("a.log", name);
            }
            logs.later(120);
            let planned = logs.plan().files.pop().expect("a file with something new");
            make_fifo(&logs.path("pipe"));
            logs.rename("pipe", name);
            let words = in_time(move || {
                planned.give_up();
                FileReader::open(planned).err().map(|error| error.to_string())
            });
            assert!(words.is_some_and(|words| words.contains("no regular file")), "{name} {layout:?}");
            assert_eq!(in_time(move || logs.planned()), 0, "{name} {layout:?}");
        }
    }
}

#[test]
fn a_pipe_that_a_shell_hands_over_is_read_and_one_that_lies_in_a_directory_is_not() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    thread::spawn(move || writer.write_all(b"one\n"));
    assert_eq!(in_time(move || imported(&path)), (4, String::new()));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("aaa.jsonl");
    make_fifo(&path);
    let words = in_time(move || content(&path).err().map(|error| error.to_string()));
    assert!(words.is_some_and(|words| words.contains("no regular file")));
}

#[test]
fn what_hides_or_moves_the_name_of_a_file_is_spelt_out() {
    let name = "a\u{202e}lnosj.\u{200b}exe\u{1b}[31m\u{feff}";
    assert_eq!(shown(Path::new(name)), "a\\u{202e}lnosj.\\u{200b}exe\\u{1b}[31m\\u{feff}");
    let long = format!("/var/log/{}.jsonl", "ä".repeat(2_000));
    assert_eq!(shown(Path::new(&long)), long);
}

#[test]
fn unreadable_files_are_counted_and_bad_patterns_refused() {
    let logs = Logs::new(Layout::Lines, "*.gz");
    fs::write(logs.path("a.gz"), b"this is no archive").expect("written");
    let pattern = |name: &str| vec![logs.path(name).to_string_lossy().into_owned()];
    let found = plan(&pattern("*.gz"), Layout::Lines, &BTreeMap::new(), logs.now).expect("a pattern");
    assert_eq!((found.files.len(), found.skipped[0].reason, found.skipped[0].count), (0, "unreadable_file", 1));
    fs::write(logs.path("b\u{1b}[31m.gz"), b"nor this").expect("written");
    let hostile = plan(&pattern("b*.gz"), Layout::Lines, &BTreeMap::new(), logs.now).expect("a pattern");
    assert!(hostile.skipped[0].sample.contains("b\\u{1b}[31m.gz: "), "{}", hostile.skipped[0].sample);
    assert!(plan(&pattern("***"), Layout::Lines, &BTreeMap::new(), logs.now).is_err());
    assert!(Path::new(&found.skipped[0].sample.split(": ").next().unwrap_or_default()).ends_with("a.gz"));
}

#[test]
fn a_stray_quote_costs_one_row_and_rows_of_several_lines_survive_the_end_of_a_block() {
    let mut logs = Logs::new(Layout::Table, "*.csv");
    let row = |n| format!("{n},\"begin {n}\nand a long line of text in the middle\nend {n}\"\n");
    let rows = (0..60_000).map(row).collect::<Vec<_>>().concat();
    logs.append("a.csv", &format!("n,message\n1,\"stray\n{rows}"));
    let pattern = logs.path("*.csv").to_string_lossy().into_owned();
    let found = plan(&[pattern], Layout::Table, &BTreeMap::new(), logs.now).expect("a pattern");
    let mut reader = FileReader::open(found.files[0].clone()).expect("a file");
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block().expect("readable") {
        blocks.push(String::from_utf8_lossy(block.bytes).into_owned());
    }
    assert!(blocks.len() > 2, "{} blocks", blocks.len());
    assert_eq!(blocks.concat(), format!("1,\"stray\n{rows}"));
    assert!(blocks.iter().skip(1).all(|block| block.split(',').next().is_some_and(|n| n.parse::<u32>().is_ok())));
}
