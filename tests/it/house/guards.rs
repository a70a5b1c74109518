//! Whoever promises something names the test that guards it, and that test is there.

use std::{collections::BTreeSet, fs};

use regex::Regex;

use super::code::{root, rust_files};

/// Names of tests in a text: words in backticks with at least three underscores.
fn named(text: &str) -> Vec<String> {
    let name = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`").expect("a valid expression");
    name.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The tests in a text: functions that are marked as such, and those that pytest would run.
fn tests(text: &str) -> Vec<String> {
    let marked = r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\n(?:\s*(?:#\[.*\]|//.*)\n)*\s*(?:pub )?(?:async )?fn (\w+)\(";
    let test = Regex::new(&format!(r"(?m)^\s*(?:{marked}|(?:async )?def (test_\w+)\()")).expect("a valid expression");
    let name = |found: regex::Captures<'_>| found.get(1).or(found.get(2)).map(|name| name.as_str().to_owned());
    test.captures_iter(text).filter_map(name).collect()
}

/// Every test of the product, and every check against others.
fn known_tests() -> BTreeSet<String> {
    let peers = fs::read_dir(root().join("tests/peers")).expect("the checks").map(|entry| entry.expect("an entry").path());
    let python = peers.filter(|path| path.extension().is_some_and(|kind| kind == "py"));
    let files = ["src", "tests"].into_iter().flat_map(rust_files).chain(python);
    files.flat_map(|path| tests(&fs::read_to_string(path).expect("a readable file"))).collect()
}

/// The invariants of the crate, each in one piece.
fn invariants(text: &str) -> Vec<String> {
    let section = text.split("//! # Invariants").nth(1).and_then(|rest| rest.split("//! # ").next()).unwrap_or_default();
    let begins = Regex::new(r"(?m)^//! \d+\. ").expect("a valid expression");
    let starts: Vec<usize> = begins.find_iter(section).map(|found| found.start()).collect();
    let ends = starts.iter().skip(1).copied().chain([section.len()]);
    starts.iter().zip(ends).map(|(start, end)| section[*start..end].to_owned()).collect()
}

fn unguarded(text: &str) -> Vec<String> {
    invariants(text).into_iter().filter(|invariant| named(invariant).is_empty()).collect()
}

#[test]
fn every_invariant_names_a_test_and_every_named_test_is_there() {
    let crate_text = fs::read_to_string(root().join("src/lib.rs")).expect("the crate");
    assert!(invariants(&crate_text).len() > 10);
    assert_eq!(unguarded(&crate_text), Vec::<String>::new());
    let security = fs::read_to_string(root().join("deploy/SECURITY.md")).expect("the threat model");
    assert!(named(&security).len() > 40);
    let known = known_tests();
    let missing: Vec<String> =
        named(&crate_text).into_iter().chain(named(&security)).filter(|name| !known.contains(name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn an_invariant_without_a_test_is_caught() {
    let text = "//! # Invariants\n//!\n//! 1. All is well. (`a_test_of_it_exists`)\n//! 2. All is\n//!    better.\n//!\n//! # Glossary\n//! `x`\n";
    assert_eq!(unguarded(text).len(), 1);
    assert_eq!(named(text), ["a_test_of_it_exists"]);
}

#[test]
fn a_function_that_nothing_runs_is_no_test() {
    let text = "#[test]\nfn plain() {}\n    #[tokio::test(flavor = \"multi_thread\")]\n    // So it is.\n    \
                #[cfg(target_os = \"linux\")]\n    async fn marked() {}\n// #[test]\nfn helper() {}\nfn other() {}\n\
                async def test_of_others(page):\ndef helper_of_others():\n";
    assert_eq!(tests(text), ["plain", "marked", "test_of_others"]);
}
