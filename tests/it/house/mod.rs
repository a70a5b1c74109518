//! The house rules, as tests: what every file of this project may and may not do.
//!
//! A failing rule names file, line and rule. Every checker is a function from files to violations, and a test of its own
//! shows that it can fail.

mod code;
mod edges;
mod gauges;
mod guards;
mod habits;
mod imports;
mod tree;

use code::SourceFile;

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    path: String,
    line: usize,
    rule: String,
}

impl Violation {
    fn new(file: &SourceFile, line: usize, rule: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, rule: rule.into() }
    }
}

#[track_caller]
fn assert_kept(violations: &[Violation]) {
    let lines: Vec<_> = violations.iter().map(|v| format!("{}:{}: {}", v.path, v.line, v.rule)).collect();
    assert!(lines.is_empty(), "{} places break a house rule:\n{}", lines.len(), lines.join("\n"));
}

/// Shows that a rule can fail: `checker` must find exactly one violation, on this line of `text`.
#[track_caller]
fn assert_caught(checker: fn(&[SourceFile]) -> Vec<Violation>, path: &str, text: &str, line: usize) {
    let violations = checker(&[SourceFile::new(path, text)]);
    let lines: Vec<_> = violations.iter().map(|v| v.line).collect();
    assert_eq!(lines, [line], "in {path}:\n{text}\nfound {violations:?}");
}

#[track_caller]
fn assert_allowed(checker: fn(&[SourceFile]) -> Vec<Violation>, path: &str, text: &str) {
    assert_eq!(checker(&[SourceFile::new(path, text)]), [], "in {path}:\n{text}");
}
