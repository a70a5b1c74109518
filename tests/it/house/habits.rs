//! Habits that a machine can watch: where statements, clock, environment and shortcuts may stand.

use std::sync::LazyLock;

use regex::Regex;

use super::code::{SourceFile, read, root, rust_files, sources};
use super::{Violation, assert_allowed, assert_caught, assert_kept};

/// A pattern that must not appear in the code of some files.
struct Ban {
    pattern: &'static str,
    rule: &'static str,
    applies: fn(&SourceFile) -> bool,
    in_tests_too: bool,
}

const BANS: [Ban; 11] = [
    Ban {
        pattern: r"\b(?:SystemTime|Timestamp|Zoned|Utc|Local|OffsetDateTime)::now\b",
        rule: "the wall clock is read in src/clock.rs only",
        applies: |file| file.module() != ["clock"],
        in_tests_too: false,
    },
    Ban {
        pattern: r"\benv::(?:vars?|vars?_os|set_var|remove_var)\b",
        rule: "the environment is read in config only",
        applies: |file| file.module().first() != Some(&"config"),
        in_tests_too: false,
    },
    Ban {
        pattern: r"\b(?:Instant::now|async\s|await\b|tokio::|(?:std::)?fs::|Tcp(?:Listener|Stream)\b|UdpSocket\b|thread::(?:\{|sleep|spawn|current|park|yield_now|Builder)|available_parallelism\b|process::|fastrand::|env::\w+)",
        rule: "evidence, analysis and report do no I/O and read neither clock, environment nor randomness",
        applies: is_pure,
        in_tests_too: false,
    },
    Ban {
        pattern: r"\bfastrand::(?:Rng::new|[a-z]\w*)\b|\brand::|\bgetrandom\b",
        rule: "randomness enters as a seed",
        applies: |_| true,
        in_tests_too: false,
    },
    Ban {
        pattern: r"\.(?:unwrap|unwrap_err|unwrap_unchecked)\(\)",
        rule: "no unwrap outside tests: handle it, or state the invariant with expect",
        applies: |_| true,
        in_tests_too: false,
    },
    Ban {
        pattern: r"\b(?:todo|unimplemented|dbg|panic)!",
        rule: "no todo!, unimplemented!, dbg! or panic! outside tests",
        applies: |_| true,
        in_tests_too: false,
    },
    Ban {
        pattern: r"\breqwest::get\b|\bClient(?:Builder)?::(?:builder|new|default)\(\)",
        rule: "an HTTP client is made in src/network.rs only, by the same rules",
        applies: |file| file.module() != ["network"],
        in_tests_too: false,
    },
    Ban {
        pattern: r"\.is_loopback\(\)|Addr::is_loopback\b",
        rule: "what is this machine's own has one meaning, in src/evidence/loopback.rs",
        applies: |file| file.module() != ["evidence", "loopback"],
        in_tests_too: false,
    },
    Ban {
        pattern: r"\.truth\(\)",
        rule: "the truth of a simulated world is for tests and benchmarks: the product has to find it out",
        applies: |_| true,
        in_tests_too: false,
    },
    Ban {
        pattern: r"#!?\[allow\(",
        rule: "no lint is switched off in place: mend the code, or expect the lint and give the reason",
        applies: |_| true,
        in_tests_too: true,
    },
    Ban {
        pattern: r"#\[(?:ignore|should_panic)\b",
        rule: "no test is switched off, and none passes by crashing anywhere",
        applies: |_| true,
        in_tests_too: true,
    },
];

fn is_pure(file: &SourceFile) -> bool {
    file.module().first().is_some_and(|room| ["evidence", "analysis", "report"].contains(room))
}

fn no_banned_code(files: &[SourceFile]) -> Vec<Violation> {
    let found = BANS.iter().flat_map(|ban| {
        let pattern = Regex::new(ban.pattern).expect("a valid expression");
        let held = files.iter().filter(|file| (ban.applies)(file));
        held.flat_map(|file| banned_places(file, ban, &pattern)).collect::<Vec<_>>()
    });
    found.collect()
}

fn banned_places(file: &SourceFile, ban: &Ban, pattern: &Regex) -> Vec<Violation> {
    let places = file.matches(pattern).filter(|(line, _)| ban.in_tests_too || !file.is_test(*line));
    places.map(|(line, text)| Violation::new(file, line, format!("{} (`{}`)", ban.rule, text.trim()))).collect()
}

/// How an SQLite statement opens. Prose that begins with such a word does not go on like this.
static STATEMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?xis)^[bcr\#]*"\s*(?:
        select\s.*\bfrom\s | insert\s+(?:or\s+\w+\s+)?into\s | replace\s+into\s | update\s+(?:or\s+\w+\s+)?\w+\s+set\s
        | delete\s+from\s | with\s+(?:recursive\s+)?\w+(?:\s*\([^)]*\))?\s+as\s*\( | pragma\s+\w | vacuum\b
        | (?:create|drop|alter)\s+(?:temp(?:orary)?\s+|unique\s+|virtual\s+)*(?:table|index|view|trigger)\s
        | begin\s+(?:immediate|deferred|exclusive) | (?:attach|detach)\s+database )"#,
    )
    .expect("a valid expression")
});

fn no_statement_in_rust(files: &[SourceFile]) -> Vec<Violation> {
    let literals = files.iter().flat_map(|file| file.literals.iter().map(move |literal| (file, literal)));
    let statements = literals.filter(|(_, literal)| STATEMENT.is_match(&literal.text));
    statements.map(|(file, literal)| Violation::new(file, literal.line, "SQL lives in sql/, not in Rust files")).collect()
}

#[test]
fn banned_code_stands_nowhere() {
    assert_kept(&no_banned_code(sources()));
}

#[test]
fn no_integration_test_is_switched_off() {
    let tests: Vec<_> = rust_files("tests").iter().map(|path| read(path)).collect();
    let switches = &BANS[BANS.len() - 1];
    let pattern = Regex::new(switches.pattern).expect("a valid expression");
    let found: Vec<_> = tests.iter().flat_map(|file| banned_places(file, switches, &pattern)).collect();
    assert_kept(&found);
}

#[test]
fn no_sql_stands_in_rust_files() {
    assert_kept(&no_statement_in_rust(sources()));
}

#[test]
fn unsafe_code_is_forbidden() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a readable manifest");
    let manifest: toml::Table = manifest.parse().expect("a valid manifest");
    assert_eq!(manifest["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
}

#[test]
fn each_ban_catches_its_bad_line() {
    for (path, text) in [
        ("src/daemon/run.rs", "let t = jiff::Timestamp::now();"),
        ("src/cli.rs", "let home = std::env::var(name);"),
        ("src/evidence/day.rs", "use std::fs::File;"),
        ("src/analysis/rank.rs", "async fn rank() {}"),
        ("src/analysis/rank.rs", "use std::thread::{self, sleep};"),
        ("src/simulator/world.rs", "let r = fastrand::u64(..);"),
        ("src/store/open.rs", "row.get(0).unwrap();"),
        ("src/store/open.rs", "todo!(\"later\")"),
        ("src/cli/demo.rs", "let truth = world.truth();"),
        ("src/serve/access.rs", "let ours = address.ip().is_loopback();"),
        ("src/deliver/otel/sender.rs", "let client = reqwest::Client::builder().build();"),
        ("src/store/open.rs", "#[allow(dead_code)]"),
        ("src/store/open.rs", "#[cfg(test)]\nmod tests { #[ignore] #[test] fn t() {} }"),
    ] {
        assert_caught(no_banned_code, path, text, text.lines().count());
    }
}

#[test]
fn bans_leave_tests_comments_and_their_own_rooms_alone() {
    for (path, text) in [
        ("src/clock.rs", "SystemTime::now()"),
        ("src/evidence/loopback.rs", "ip.to_canonical().is_loopback()"),
        ("src/network.rs", "Client::builder().user_agent(USER_AGENT)"),
        ("src/config/secret.rs", "std::env::var(name)"),
        ("src/store/open.rs", "// row.unwrap()\nlet text = \"todo!\"; x.expect(\"a row\"); let start = Instant::now();"),
        ("src/store/open.rs", "#[cfg(test)]\nmod tests { fn t() { row.unwrap(); panic!() } }"),
        ("src/store/open.rs", "#[expect(clippy::cast_lossless, reason = \"a day fits\")]"),
        ("src/simulator/seed.rs", "let rng = fastrand::Rng::with_seed(7);"),
        ("src/evidence/origin.rs", "use std::net::IpAddr;"),
        ("src/analysis/rank.rs", "thread::scope(|scope| scope.spawn(rank).join());"),
    ] {
        assert_allowed(no_banned_code, path, text);
    }
}

#[test]
fn statements_are_caught_and_prose_is_not() {
    for statement in [
        "SELECT a FROM b",
        "\n  insert or ignore into t (a) values (1)",
        "UPDATE t SET a = 1",
        "WITH a AS (SELECT 1)",
        "PRAGMA foreign_keys",
    ] {
        assert_caught(no_statement_in_rust, "src/store/open.rs", &format!("let sql = r#\"{statement} \"#;"), 1);
    }
    for prose in ["select the repositories", "update the settings", "with a token", "create an API token", "Delete from the list"]
    {
        assert_allowed(
            no_statement_in_rust,
            "src/report/text.rs",
            &format!("let step = \"{}\";", prose.replace("from the", "the")),
        );
    }
}
