//! Imports point inward.

use std::sync::LazyLock;

use regex::Regex;

use super::code::{SourceFile, sources};
use super::{Violation, assert_allowed, assert_caught, assert_kept};

/// Which modules of the crate each module may name. What is not listed may name nothing.
const MAY_NAME: [(&str, &[&str]); 16] = [
    ("evidence", &[]),
    ("analysis", &["evidence"]),
    ("report", &["evidence", "analysis"]),
    ("source", OUTSIDE),
    ("store", PURE),
    ("deliver", OUTSIDE),
    ("serve", PURE),
    ("simulator", &["evidence"]),
    ("daemon", &["evidence", "analysis", "report", "source", "store", "deliver", "serve", "network", "clock"]),
    ("config", &["evidence", "analysis", "report", "source", "store", "deliver", "serve", "network", "tls", "daemon"]),
    ("clock", &[]),
    ("network", &["evidence", "tls"]),
    ("tls", &[]),
    ("telemetry", &["config", "deliver"]),
    ("cli", ALL),
    ("", ALL),
];

const PURE: &[&str] = &["evidence", "analysis", "report"];

/// Rooms that call others reach them by the same ways, and say in the same words why those are not trusted.
const OUTSIDE: &[&str] = &["evidence", "analysis", "report", "network", "tls"];

/// `cli`, `main` and the crate root put everything together.
const ALL: &[&str] = &[
    "evidence",
    "analysis",
    "report",
    "source",
    "store",
    "deliver",
    "serve",
    "simulator",
    "daemon",
    "config",
    "clock",
    "telemetry",
    "network",
    "tls",
    "cli",
];

/// Tests of any room may look at the simulated world; nothing else that they need lies outside their room's arrows.
const ALSO_IN_TESTS: &str = "simulator";

fn imports_point_inward(files: &[SourceFile]) -> Vec<Violation> {
    files.iter().flat_map(outward_imports).collect()
}

fn outward_imports(file: &SourceFile) -> Vec<Violation> {
    let own = file.module().first().copied().unwrap_or("");
    let Some((_, allowed)) = MAY_NAME.iter().find(|(module, _)| *module == own) else {
        return vec![Violation::new(file, 1, format!("`{own}` is no known module: give it a row in tests/it/house/imports.rs"))];
    };
    let forbidden = named_modules(file).into_iter().filter(|(line, name)| {
        let in_test = file.is_test(*line) && name == ALSO_IN_TESTS;
        name != own && !in_test && ALL.contains(&name.as_str()) && !allowed.contains(&name.as_str())
    });
    forbidden.map(|(line, name)| Violation::new(file, line, format!("`{own}` must not import `{name}`"))).collect()
}

/// The top-level modules that a file names: by `crate::`, by `duskwatch::`, or by enough `super::`.
fn named_modules(file: &SourceFile) -> Vec<(usize, String)> {
    static START: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:crate|duskwatch|super(?:\s*::\s*super)*)\s*::\s*").expect("a valid expression"));
    let depth = file.module().len();
    let mut named = Vec::new();
    for start in START.find_iter(&file.code) {
        if start.as_str().starts_with("super") && start.as_str().matches("super").count() != depth {
            continue;
        }
        for (offset, name) in first_segments(&file.code[start.end()..]) {
            named.push((file.line_of(start.end() + offset), name));
        }
    }
    named
}

/// The first segment of a path, or of each path of a `{…}` group, with its offset.
fn first_segments(path: &str) -> Vec<(usize, String)> {
    let word_at = |offset: usize| path[offset..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    if !path.starts_with('{') {
        return vec![(0, word_at(0))];
    }
    let mut segments = Vec::new();
    let mut depth = 0_usize;
    let mut expected = false;
    for (offset, character) in path.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            _ if expected && depth == 1 && !character.is_whitespace() => segments.push((offset, word_at(offset))),
            _ => {}
        }
        expected = depth == 1 && (matches!(character, '{' | ',') || (expected && character.is_whitespace()));
    }
    segments
}

#[test]
fn every_import_points_inward() {
    assert_kept(&imports_point_inward(sources()));
}

#[test]
fn an_outward_import_is_caught_however_it_is_written() {
    assert_caught(imports_point_inward, "src/evidence/day.rs", "use crate::analysis::Policy;", 1);
    assert_caught(imports_point_inward, "src/store/open.rs", "fn f() {\n    crate::deliver::send();\n}\n", 2);
    assert_caught(
        imports_point_inward,
        "src/report/mod.rs",
        "use crate::{\n    evidence::{Day, Grade},\n    source::Page,\n};\n",
        3,
    );
    assert_caught(imports_point_inward, "src/serve/mod.rs", "use super::store::Store;", 1);
    assert_caught(imports_point_inward, "src/serve/page.rs", "use super::super::store::Store;", 1);
    assert_caught(imports_point_inward, "src/daemon/run.rs", "use crate::simulator::World;", 1);
    assert_caught(imports_point_inward, "src/daemon/run.rs", "use crate::config::Config;", 1);
    assert_caught(imports_point_inward, "src/cli.rs/helpers/mod.rs", "", 1);
}

#[test]
fn inward_imports_and_the_simulator_in_tests_are_allowed() {
    assert_allowed(imports_point_inward, "src/report/mod.rs", "use crate::{analysis::Findings, evidence::Day};");
    assert_allowed(imports_point_inward, "src/serve/page.rs", "use super::store::Rows;\n// crate::store\n");
    assert_allowed(imports_point_inward, "src/source/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::simulator::World;\n}\n");
    assert_allowed(imports_point_inward, "src/cli.rs", "use crate::{config, daemon, simulator};");
}
