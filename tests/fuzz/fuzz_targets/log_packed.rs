//! Packed files of logs, tailed and read by hand: whatever is in them, they come to an end, and no piece of them is large.
#![cfg_attr(not(test), no_main)]

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use duskwatch::{
    evidence::format::{Form, Format, Piece, parse_block},
    source::{Blocks, FileReader, Layout, content, plan},
};
use duskwatch_fuzz::{NOW_MS, record};
use jiff::Timestamp;
use tempfile::TempDir;

/// What becomes of an input of 64 KiB: a thousand times as much.
const MOST: usize = 66 << 20;
const BLOCK: usize = 1 << 20;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fn tailed(path: &Path, format: Format) {
    let now = Timestamp::from_millisecond(NOW_MS).expect("an instant");
    let pattern = path.display().to_string();
    let plan = plan(&[pattern], Layout::of(format), &BTreeMap::new(), now).expect("a pattern");
    for file in plan.files {
        let Ok(mut reader) = FileReader::open(file) else { continue };
        let (header, mut read) = (reader.header().to_vec(), 0);
        while let Ok(Some(block)) = reader.next_block() {
            assert!(block.bytes.len() <= BLOCK);
            // The others are such blocks as the targets of the formats read.
            if read == 0 {
                let piece = Piece { bytes: block.bytes, header: &header, path: "/var/log/fuzz.log", changed_ms: NOW_MS };
                record(parse_block(piece, &Form::new(format), NOW_MS), block.bytes.len());
            }
            read += block.bytes.len();
        }
        assert!(read <= MOST);
    }
}

fn by_hand(path: &Path, format: Format) {
    let Ok(mut blocks) = content(path).and_then(|input| Blocks::new(input, Layout::of(format))) else { return };
    let mut read = 0;
    while blocks.advance().is_ok() {
        assert!(blocks.bytes().len() <= BLOCK);
        read += blocks.bytes().len();
        if blocks.is_last() {
            break;
        }
    }
    assert!(read <= MOST);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, packed)) = bytes.split_first() else { return };
    let path = FOLDER.path().join(if choice & 1 == 0 { "a.log.gz" } else { "a.log.zst" });
    fs::write(&path, packed).expect("written");
    let format = [Format::Json, Format::Csv, Format::Transcript][usize::from(choice >> 1) % 3];
    tailed(&path, format);
    by_hand(&path, format);
});
