//! Files of another instance in a directory where others may write, too.

use super::logs::{in_time, make_fifo};
use crate::source::ExchangeFile;

#[test]
fn a_pipe_among_the_files_of_others_is_refused_and_waited_for_by_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("aaa.ndjson.zst");
    make_fifo(&path);
    let words = in_time(move || ExchangeFile::open(&path).expect_err("it is refused").to_string());
    assert!(words.contains("no regular file"), "{words}");
}
