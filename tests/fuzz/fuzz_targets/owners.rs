//! A table of owners beside the configuration. Faults say where they are, and that it is in the table.
#![cfg_attr(not(test), no_main)]

use std::{fs, sync::LazyLock};

use duskwatch::config::{Secrets, parse};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("owners.csv");
    fs::write(&path, bytes).expect("written");
    let table = path.display().to_string();
    let text = format!("owners_file = {table:?}\n");
    if let Err(faults) = parse("duskwatch.toml", &text, Secrets::Unneeded) {
        assert!(!faults.is_empty());
        let readable = str::from_utf8(bytes).is_ok();
        assert!(faults.iter().all(|fault| !fault.words.is_empty() && (!readable || fault.file == table)), "{faults:?}");
    }
});
