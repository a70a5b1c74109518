//! What a person or a program reads, byte for byte. When a document changes on purpose, the failing test has written the
//! new one beside the old one's name under `target/`, ready to be read and copied.

use std::path::Path;

use super::fixture::{acme, after_the_removal};
use crate::report::{csv, html, json, letter, text};

#[track_caller]
fn same_as_file(name: &str, found: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/data/report").join(name);
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != found {
        let fresh = root.join("target/report").join(name);
        std::fs::create_dir_all(fresh.parent().expect("it has one")).expect("target is writable");
        std::fs::write(&fresh, found).expect("target is writable");
        let line = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
        panic!(
            "{} differs from line {}:\n  expected {:?}\n  found    {:?}\nthe new text is in {}",
            path.display(),
            line + 1,
            expected.lines().nth(line),
            found.lines().nth(line),
            fresh.display()
        );
    }
}

#[test]
fn the_terminal_shows_headline_ranking_and_coverage() {
    same_as_file("summary.txt", &text::summary(&acme().report(), 160));
}

#[test]
fn the_digest_reads_well_as_plain_text() {
    same_as_file("digest.txt", &letter::digest(&acme().report()).text);
}

#[test]
fn the_digest_turns_to_what_is_broken_after_the_removal() {
    same_as_file("digest-after-removal.txt", &letter::digest(&after_the_removal().report()).text);
}

#[test]
fn the_brief_reads_well_as_plain_text() {
    same_as_file("brief.txt", &letter::brief(&acme().report()).text);
}

#[test]
fn the_mail_and_the_page_are_as_they_were_looked_at() {
    let report = acme().report();
    same_as_file("digest.html", &letter::digest(&report).html);
    same_as_file("brief.html", &letter::brief(&report).html);
    same_as_file("page.html", &html::page(&report));
}

#[test]
fn the_package_holds_the_files_and_columns_of_the_contract() {
    for file in csv::package(&acme().report()) {
        same_as_file(&format!("package/{}", file.name), std::str::from_utf8(&file.bytes).expect("the package is UTF-8"));
    }
}

#[test]
fn the_json_report_is_the_document() {
    let value: serde_json::Value = serde_json::from_str(&json::document(&acme().report())).expect("valid JSON");
    same_as_file("report.json", &format!("{value:#}\n"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (acme().report(), acme().report());
    assert_eq!(csv::archive(&csv::package(&one)), csv::archive(&csv::package(&two)));
    assert_eq!(letter::digest(&one), letter::digest(&two));
    assert_eq!(html::page(&one), html::page(&two));
}
