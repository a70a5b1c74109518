//! Files of another instance in a directory where others may write, too.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::logs::{in_time, make_fifo};
use crate::{
    evidence::exchange::{
        self,
        seal::{PrivateKey, Seal},
    },
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

fn signed(text: &str) -> Vec<u8> {
    let mut seal = Seal::default();
    seal.add(text.as_bytes());
    let whole = [text.as_bytes(), &exchange::end(&key().sign(&seal.digest()))].concat();
    zstd::encode_all(&whole[..], 1).expect("in memory")
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

#[test]
fn what_is_put_into_a_proven_file_is_handed_to_nobody() {
    for honest in [0, 1, 300] {
        let (_directory, path) = offered(&signed(&text(&long_line("mtessel"), 400)));
        let (mut file, Verified { lines, .. }) = verified(&path).expect("it is signed");
        assert_eq!(lines, SAMPLE.lines().count() as u64 + 400);
        let forged = format!("{}{}", text(&long_line("mtessel"), honest), format!("{}\n", long_line("ada")).repeat(400 - honest));
        fs::write(&path, signed(&forged)).expect("overwritten where it lies");
        let mut believed = 0;
        let read = file.read(|line| {
            assert!(!line.windows(5).any(|word| word == b"\"ada\""), "a forged line after {believed}");
            believed += 1;
            Ok(())
        });
        let words = read.map(drop).expect_err("it is not what was proven").to_string();
        assert!(words.contains("changed while it was read"), "{words}");
        assert!(believed <= SAMPLE.lines().count() + honest);
    }
}

#[test]
fn a_file_that_stays_as_it_was_proven_is_handed_over_whole() {
    let (_directory, path) = offered(&signed(&text(&long_line("mtessel"), 400)));
    let (mut file, Verified { lines, .. }) = verified(&path).expect("it is signed");
    let mut read = Vec::new();
    let taken = file.read(|line| {
        read.push(String::from_utf8_lossy(line).into_owned());
        Ok(())
    });
    taken.map(drop).expect("nothing has changed");
    assert_eq!((read.len() as u64, read.join("\n") + "\n"), (lines, text(&long_line("mtessel"), 400)));
}
