//! What crosses the edge of the house: requests to the sources, what they answer, and what the program is built of.

use std::{fs, sync::LazyLock};

use regex::Regex;

use super::{
    Violation, assert_allowed, assert_caught, assert_kept,
    code::{SourceFile, root, sources},
};

/// What a source may be asked otherwise than by reading.
static WRITING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\.(?:post|put|patch|delete|request|execute)\s*\(|\bMethod\s*::\s*[A-Z]").expect("a valid expression")
});

/// A type that is made of what somebody sent, and that everybody may name.
static PUBLIC_WIRE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"#\[derive\([^)]*\bDeserialize\b[^)]*\)\]\s*(?:#\[[^\]]*\]\s*)*pub\s+(?:struct|enum)\s+(\w+)")
        .expect("a valid expression")
});

fn is_source(file: &SourceFile) -> bool {
    file.path.starts_with("src/source/")
}

fn found(files: &[SourceFile], pattern: &Regex, rule: &str) -> Vec<Violation> {
    let inside = files.iter().filter(|file| is_source(file));
    let places = inside.flat_map(|file| {
        let lines: Vec<usize> = file.matches(pattern).map(|(line, _)| line).filter(|line| !file.is_test(*line)).collect();
        lines.into_iter().map(move |line| Violation::new(file, line, rule))
    });
    places.collect()
}

/// Questions too long for an address are sent as a body; the account may only read, and the manual says so.
const ASKS_BY_BODY: &str = "src/source/http/asking.rs";

fn sources_are_only_read(files: &[SourceFile]) -> Vec<Violation> {
    let violations = found(files, &WRITING, "a source is asked to change something");
    violations.into_iter().filter(|violation| violation.path != ASKS_BY_BODY).collect()
}

fn wire_types_stay(files: &[SourceFile]) -> Vec<Violation> {
    found(files, &PUBLIC_WIRE, "a wire type is public")
}

#[test]
fn nothing_but_reading_is_asked_of_the_sources() {
    assert_kept(&sources_are_only_read(sources()));
    assert_caught(sources_are_only_read, "src/source/http.rs", "fn f() {\n    client.post(url);\n}\n", 2);
    assert_caught(sources_are_only_read, "src/source/http.rs", "fn f() {\n    send(Method::PUT);\n}\n", 2);
    assert_allowed(sources_are_only_read, "src/source/http.rs", "fn f() { client.get(url); }");
    assert_allowed(sources_are_only_read, "src/deliver/webhook.rs", "fn f() { client.post(url); }");
}

#[test]
fn what_is_read_from_the_wire_is_public_nowhere() {
    assert_kept(&wire_types_stay(sources()));
    assert_caught(
        wire_types_stay,
        "src/source/tokens.rs",
        "#[derive(Debug, Deserialize)]\n#[serde(default)]\npub struct Row;\n",
        1,
    );
    assert_allowed(
        wire_types_stay,
        "src/source/tokens.rs",
        "#[derive(Deserialize)]\npub(super) struct Row;\n#[derive(Debug)]\npub struct A;",
    );
}

/// Keys of a manifest that run code of ours at build time, or fetch code from elsewhere than the registry.
fn strays(manifest: &str) -> Vec<&str> {
    let stray = |line: &&str| {
        let line = line.trim();
        line.starts_with("build =")
            || line.starts_with("[build-dependencies")
            || line.contains("git =")
            || line.contains("path = \"..")
    };
    manifest.lines().filter(stray).collect()
}

#[test]
fn nothing_of_ours_runs_while_it_is_built() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    assert_eq!(strays(&manifest), Vec::<&str>::new());
    assert!(!root().join("build.rs").exists());
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert!(lock.lines().filter(|line| line.starts_with("source = ")).all(|line| line == registry));
    assert_eq!(strays("[build-dependencies]\nx = { git = \"https://example.test\" }\n").len(), 2);
}
