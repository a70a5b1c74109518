//! The kept seeds of the fuzz targets, each of them once: what a parser has got over stays so, and no seed is of a target that is gone.

use std::{collections::BTreeSet, fs, path::PathBuf};

// The targets name what they share, and what plays them, by crates that are here this one.
extern crate self as duskwatch_fuzz;
extern crate self as libfuzzer_sys;

#[path = "src/lib.rs"]
mod shared;

pub use shared::{Engine, NOW_MS, Remote, Since, Visited, log, record, response};

/// Instead of libFuzzer's: plays one input.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:expr) => {
        pub fn play($bytes: &[u8]) {
            $body
        }
    };
}

macro_rules! targets {
    ($($name:ident)*) => {
        #[path = "fuzz_targets"]
        mod targets {
            $(pub mod $name;)*
        }
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), targets::$name::play)),*];
    };
}

targets! {
    configuration
    cursors
    exchange
    intake
    log_combined
    log_csv
    log_json
    log_packed
    log_squid
    log_transcript
    net_access
    net_audit
    net_engines
    net_headers
    net_tokens
    owners
    rules
    stored
}

fn names(folder: &str) -> BTreeSet<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(folder);
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_target_has_kept_seeds_and_is_played_here() {
    let played: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!((names("fuzz_targets"), names("seeds")), (played.clone(), played));
}

#[test]
fn no_kept_seed_stops_a_parser() {
    for (name, play) in TARGETS {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
        let mut seeds: Vec<PathBuf> = fs::read_dir(folder).expect("seeds").map(|entry| entry.expect("an entry").path()).collect();
        seeds.sort();
        assert!(seeds.len() > 5, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            // The last of these lines is the one that a failure is about.
            eprintln!("{}", seed.display());
            play(&fs::read(&seed).expect("a seed"));
        }
    }
}
