//! Files with holes, which make them as long as somebody likes and cost nothing.

use std::fs::OpenOptions;

use super::{BLOCK, Layout, Logs, imported, in_time, tailed, trap};

#[test]
fn a_hole_in_an_archive_lets_no_more_come_out_of_it() {
    let logs = Logs::new(Layout::Lines, "*.jsonl");
    let path = logs.path("a.jsonl.zst");
    trap(&path, &vec![0; BLOCK], 300);
    OpenOptions::new().append(true).open(&path).expect("a file").set_len(400 << 20).expect("a hole");
    for (_, words) in [tailed(&logs), imported(&path)] {
        assert!(words.ends_with("times as long when it is unpacked"), "{words}");
    }
}

#[test]
fn a_log_as_long_as_no_disk_is_read_for_the_lines_that_somebody_wrote() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    logs.append("a.jsonl", "first\n");
    assert_eq!(logs.read(), ["first"]);
    // To read so many zeros would take hours.
    OpenOptions::new().append(true).open(logs.path("a.jsonl")).expect("a file").set_len(8 << 40).expect("a hole");
    logs.append("a.jsonl", "\nsecond\n");
    let (logs, read) = in_time(move || {
        let read = logs.read();
        (logs, read)
    });
    assert_eq!(read, ["second"]);
    // Not even a line behind it.
    OpenOptions::new().append(true).open(logs.path("a.jsonl")).expect("a file").set_len(15 << 40).expect("a hole");
    let (read, words) = in_time(move || tailed(&logs));
    assert_eq!((read, words.ends_with("a line of more than 1048576 bytes")), (0, true), "{words}");
}

#[test]
fn a_file_with_a_hole_is_imported_for_the_lines_that_somebody_wrote() {
    let mut logs = Logs::new(Layout::Lines, "*.jsonl");
    let path = logs.path("a.jsonl");
    logs.append("a.jsonl", "first\n");
    OpenOptions::new().append(true).open(&path).expect("a file").set_len(8 << 40).expect("a hole");
    logs.append("a.jsonl", "\nsecond\n");
    let (read, words) = in_time(move || imported(&path));
    assert_eq!((read, words.as_str()), ("first\nsecond\n".len(), "a line that no block can hold"));
}
