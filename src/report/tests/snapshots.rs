//! What a person or a program reads, byte for byte. When a document changes on purpose, the failing test has written the
//! new one under `target/report`, ready to be read and copied.

use std::path::Path;

use super::fixture::{acme, after_the_removal, file};
use crate::report::{csv, html, json, letter, schema, text};

/// Compares every document before it complains, so that one run writes all that are new.
#[track_caller]
pub(super) fn same_as_files(documents: &[(String, String)]) {
    same_as_those_in("tests/data/report", documents);
}

#[track_caller]
fn same_as_those_in(folder: &str, documents: &[(String, String)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut differences = String::new();
    for (name, found) in documents {
        let expected = std::fs::read_to_string(root.join(folder).join(name)).unwrap_or_default();
        if expected != *found {
            let fresh = root.join("target/report").join(name);
            std::fs::create_dir_all(fresh.parent().expect("it has one")).expect("target is writable");
            std::fs::write(&fresh, found).expect("target is writable");
            differences.push_str(&difference(name, &expected, found));
        }
    }
    assert!(differences.is_empty(), "{differences}\nthe new texts are in target/report");
}

fn difference(name: &str, expected: &str, found: &str) -> String {
    let line = expected.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
    let (was, is) = (expected.lines().nth(line), found.lines().nth(line));
    format!("\n{name} differs from line {}:\n  expected {was:?}\n  found    {is:?}", line + 1)
}

#[track_caller]
pub(super) fn same_as_file(name: &str, found: String) {
    same_as_files(&[(name.to_owned(), found)]);
}

#[test]
fn the_terminal_shows_headline_ranking_and_coverage() {
    same_as_file("summary.txt", text::summary(&acme().report(), 160));
}

#[test]
fn the_digest_reads_well_as_plain_text() {
    same_as_file("digest.txt", letter::digest(&acme().report()).text);
}

#[test]
fn the_digest_turns_to_what_is_broken_after_the_removal() {
    same_as_file("digest-after-removal.txt", letter::digest(&after_the_removal().report()).text);
}

#[test]
fn the_brief_reads_well_as_plain_text() {
    same_as_file("brief.txt", letter::brief(&acme().report()).text);
}

#[test]
fn the_mail_and_the_page_are_as_they_were_looked_at() {
    let report = acme().report();
    same_as_files(&[
        ("digest.html".to_owned(), letter::digest(&report).html),
        ("brief.html".to_owned(), letter::brief(&report).html),
        ("page.html".to_owned(), html::page(&report)),
    ]);
}

#[test]
fn the_package_holds_the_files_and_columns_of_the_contract() {
    let report = acme().report();
    let documents: Vec<_> = csv::names().map(|name| (format!("package/{name}"), file(&report, name))).collect();
    same_as_files(&documents);
}

#[test]
fn the_json_report_is_the_document() {
    let value: serde_json::Value = serde_json::from_str(&json::text(&acme().report())).expect("valid JSON");
    same_as_file("report.json", format!("{value:#}\n"));
}

#[test]
fn the_schemas_of_what_is_written_as_json_are_those_of_its_types() {
    let files = [("notice.schema.json", schema::notice()), ("report.schema.json", schema::report())];
    same_as_those_in("config", &files.map(|(name, text)| (name.to_owned(), text)));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (acme().report(), acme().report());
    assert_eq!(csv::archive(&one), csv::archive(&two));
    assert_eq!(letter::digest(&one), letter::digest(&two));
    assert_eq!(html::page(&one), html::page(&two));
}
