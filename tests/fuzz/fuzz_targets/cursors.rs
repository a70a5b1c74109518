//! What is stored of how far a source was read: a changed or damaged cursor costs a second look, never a stop.
#![cfg_attr(not(test), no_main)]

use std::{collections::BTreeMap, fs, sync::LazyLock, time::Duration};

use duskwatch::{
    evidence::format::Format,
    source::{FileReader, Layout, Slice, Walk, plan},
};
use duskwatch_fuzz::NOW_MS;
use jiff::Timestamp;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.jsonl"), "{\"time\":\"2026-07-03T06:07:12Z\"}\n".repeat(3)).expect("written");
    folder
});

/// Lines of `key value`; the key `file` stands for that of the one file.
fn stored(text: &str) -> BTreeMap<String, String> {
    let found = plan(&[pattern()], Layout::of(Format::Json), &BTreeMap::new(), now()).expect("a pattern");
    let key = found.files.first().map(|file| file.give_up().key).expect("the file is found");
    let pair = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let own = |(name, value): (String, String)| (if name == "file" { key.clone() } else { name }, value);
    text.lines().filter_map(pair).map(own).collect()
}

fn pattern() -> String {
    FOLDER.path().join("*.jsonl").display().to_string()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(NOW_MS).expect("an instant")
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let stored = stored(text);
    let hour = Duration::from_secs(3_600);
    std::hint::black_box(Walk::steady(&stored, now(), None, hour).position());
    let slice = Slice { from_ms: NOW_MS - 86_400_000, to_ms: NOW_MS };
    std::hint::black_box(Walk::older(&stored, slice, now(), hour).position());
    let plan = plan(&[pattern()], Layout::of(Format::Json), &stored, now()).expect("a pattern");
    for file in plan.files {
        let mut reader = FileReader::open(file).expect("it can be read");
        let ends = (0..10).any(|_| reader.next_block().expect("it can be read").is_none());
        assert!(ends, "three lines make ten blocks");
    }
});
