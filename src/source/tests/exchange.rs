//! Files of another instance in a directory where others may write, too.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::logs::{in_time, make_fifo};
use crate::{
    evidence::exchange::seal::PrivateKey,
    source::{ExchangeFile, Verified},
};

const SAMPLE: &str = include_str!("../../../tests/data/exchange/west.ndjson");
const KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGlVXn9oNS+gh8ZJgZ/yeNW9ObEdP845OHr8kBN7aGXh\n-----END PRIVATE KEY-----\n";

fn key() -> PrivateKey {
    PrivateKey::from_pem(KEY).expect("a key")
}

/// The sample, and a line behind it so many times.
fn text(line: &str, times: usize) -> String {
    format!("{SAMPLE}{}", format!("{line}\n").repeat(times))
}

/// A line that says something in few bytes and has many.
fn long_line(name: &str) -> String {
    let track =
        format!("{{\"kind\":\"track\",\"source\":0,\"username\":\"{name}\",\"origin_kind\":\"n\",\"origin\":\"build-farm\"}}");
    format!("{track:16000}")
}

fn packed(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).expect("in memory")
}

fn offered(bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("offered.ndjson.zst");
    fs::write(&path, bytes).expect("written");
    (directory, path)
}

fn verified(path: &Path) -> io::Result<(ExchangeFile, Verified)> {
    let mut file = ExchangeFile::open(path)?;
    let verified = file.verify(|_| Ok(key().public()))?;
    Ok((file, verified))
}

fn refused(path: &Path) -> String {
    verified(path).expect_err("it is refused").to_string()
}

#[test]
fn a_pipe_among_the_files_of_others_is_refused_and_waited_for_by_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("aaa.ndjson.zst");
    make_fifo(&path);
    let words = in_time(move || refused(&path));
    assert!(words.contains("no regular file"), "{words}");
}

#[test]
fn nothing_is_read_behind_the_first_line_that_says_what_cannot_be() {
    for line in ["{\"kind\":\"raw\"}", ""] {
        let unsigned = packed(&format!("{}{}", text(line, 1), text(&long_line("mtessel"), 200)));
        let (_directory, path) = offered(&[&unsigned[..], b"and what is damaged"].concat());
        let words = refused(&path);
        assert!(words.contains("no line of this format"), "{words}");
    }
}

#[test]
fn a_hole_in_a_file_lets_no_more_come_out_of_it() {
    let (_directory, path) = offered(&packed(&text(&long_line("mtessel"), 5_000)));
    let file = OpenOptions::new().append(true).open(&path).expect("a file");
    file.set_len(400 << 20).expect("a hole");
    let words = refused(&path);
    assert!(words.contains("far longer when it is uncompressed"), "{words}");
}
