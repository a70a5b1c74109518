//! The rules of `sql/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::super::{NOT_CONFIGURED, Store, open::MIGRATIONS};
use crate::evidence::Day;

const SCHEMA: &str = include_str!("../../../sql/schema.sql");
const LIST_SCHEMA: &str = include_str!("../../../sql/checks/list_schema.sql");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn migrated() -> Connection {
    let connection = Connection::open_in_memory().expect("a database");
    for migration in MIGRATIONS {
        connection.execute_batch(migration.sql).expect(migration.name);
    }
    connection
}

/// Every file below `directory` with this extension, relative to the root, with its text.
fn files(directory: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    found
}

fn statements() -> Vec<(String, String)> {
    [files("sql/queries", "sql"), files("sql/checks", "sql")].concat()
}

#[test]
fn every_statement_prepares_and_is_the_only_one_in_its_file() {
    let connection = migrated();
    for (name, text) in statements() {
        // This refuses a second statement, too.
        connection.prepare(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(text.starts_with("-- "), "{name} begins with the question it answers");
    }
}

#[test]
fn every_statement_is_loaded_by_the_code() {
    let sources: String = files("src", "rs").into_iter().map(|(_, text)| text).collect();
    for (name, _) in statements() {
        assert_eq!(sources.matches(&format!("{name}\")")).count(), 1, "{name} is loaded in one place");
    }
}

#[test]
fn the_migrations_on_disk_are_those_that_run_and_each_has_sample_rows() {
    let listed: Vec<String> = MIGRATIONS.iter().map(|m| m.name.to_owned()).collect();
    for directory in ["sql/migrations", "tests/data/migrations"] {
        let stem = |name: String| Path::new(&name).file_stem().expect("a name").to_string_lossy().into_owned();
        let on_disk: Vec<String> = files(directory, "sql").into_iter().map(|(name, _)| stem(name)).collect();
        assert_eq!(on_disk, listed, "{directory}");
    }
}

/// What every migration that some store may have applied is, for good. A new one is added here with its release.
const APPLIED: &[(&str, &str)] = &[
    ("0001_first_layout", "87587dfa1efc568b226de541969b5eb4f04c4855c85e0745ce231eb8f667d5d4"),
    ("0002_seen_by_hour", "6f5e644e1def82cfdaf09d5d7f890e3247954b215ca60930d3e7d15e24a4f6a1"),
    ("0003_settled_totals", "a8ac6945b0123faed647a38d38c981dcd39d084674076ca5b34584db1297d577"),
    ("0004_packed_counts", "5888fa7dab15fd01364c461792db7d8028273684fab7872c01faddb24c916bbd"),
    ("0005_slices", "aadedb8fc07866570fe5055e8bcbfcea4060036d7d1f14363a506b1c089a00da"),
    ("0006_exchange", "fdd04087984b065943df7a1faea48872e7dce44984d7ca9511b7028084704221"),
    ("0007_exchanged_lists", "6a72085624879d0fa5c2f153e92cc9b2f95847152847227c67505a3627923521"),
    ("0008_told_people", "8654f6670d32a4386404d54b266b686d29f60c0b5aa21a8f98e361f864a3be19"),
    ("0009_reclassification_limit", "6932b9fbc829209895b5d70457d9c2a21fec37895810e354a2ddee6992cfb7c9"),
    ("0010_withdrawn", "a9bba6babac6ae7e71e921bd5890b10bca75b1a4ae1c8ba39b40a2eaf6ff1707"),
];

#[test]
fn an_applied_migration_is_as_it_was() {
    let found: Vec<_> = MIGRATIONS.iter().map(|m| (m.name, HEXLOWER.encode(&Sha256::digest(m.sql)))).collect();
    let found: Vec<_> = found.iter().map(|(name, hash)| (*name, hash.as_str())).collect();
    assert_eq!(found, APPLIED);
}

#[test]
fn the_schema_for_readers_is_what_the_migrations_make() {
    let documented = Connection::open_in_memory().expect("a database");
    documented.execute_batch(SCHEMA).expect("the schema runs");
    assert_eq!(schema_of(&documented), schema_of(&migrated()));
}

/// The statements that made the schema, without comments and layout.
fn schema_of(connection: &Connection) -> Vec<(String, String, String, String)> {
    let mut statement = connection.prepare(LIST_SCHEMA).expect("a statement");
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, plain(&r.get::<_, String>(3)?))));
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

fn plain(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_migration_runs_over_the_rows_of_those_before_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("duskwatch.db");
    for upto in 1..=MIGRATIONS.len() {
        let connection = super::super::open::open_writer(&path, &MIGRATIONS[..upto]).expect("it migrates");
        let sample = root().join(format!("tests/data/migrations/{}.sql", MIGRATIONS[upto - 1].name));
        connection.execute_batch(&fs::read_to_string(sample).expect("sample rows")).expect("they fit");
    }
    let store = Store::open(&path).expect("a store of today");
    let everything = store.read(|r| {
        r.ledger()?;
        r.roster(jiff::Timestamp::MAX)?;
        r.known_integrations()?;
        r.changes()?;
        r.told_events()?;
        r.due_recipients("mail", jiff::Timestamp::MAX, 10)?;
        Ok((r.history(Day(i32::MAX))?, r.statuses()?, r.totals()?, r.outbox_summary()?))
    });
    let (history, statuses, totals, outbox) = everything.await.expect("every row is understood");
    assert_eq!((history.counts.iter().count(), statuses.len(), totals.requests.len()), (2, 1, 1));
    let settled: Vec<_> = outbox.settled.iter().map(|of| (of.channel.as_str(), of.sent, of.undeliverable)).collect();
    assert_eq!(settled, [("otlp", 0, 1), ("webhook", 1, 0)], "what was settled before and after it is counted");
    let withdrawn = store.read(|r| r.given_up(jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX, 10)).await.expect("rows");
    assert_eq!(withdrawn.iter().filter(|row| row.failure == NOT_CONFIGURED).count(), 2, "before and after it");
}

/// What a statement reads whole, by its plan, must be what its comment admits to, and never a table that grows with
/// every page.
#[test]
fn statements_are_planned_as_their_comments_say() {
    let connection = migrated();
    // SQLite plans a look at the children for every new parent, and runs it only while a foreign key is violated.
    connection.pragma_update(None, "foreign_keys", false).expect("a pragma");
    let mut unexplained = Vec::new();
    for (name, text) in statements() {
        let comment: String = text.lines().filter_map(|line| line.strip_prefix("--")).collect();
        for step in plan(&connection, &text) {
            let Some(scanned) = step.strip_prefix("SCAN ") else { continue };
            let table = scanned.split(' ').next().unwrap_or_default();
            let by_index = scanned.split("INDEX ").nth(1).is_some_and(|index| comment.contains(index));
            // What a window goes over is read by a step of its own.
            let is_window = table.starts_with("(subquery-") && comment.contains("by a window");
            let admitted = by_index || is_window || comment.contains(&format!("scan of {table}")) || table == "CONSTANT";
            let grows = ["day_count", "day_count_next", "chunk", "chunk_track", "chunk_track_next", "seen"].contains(&table);
            if grows || !admitted {
                unexplained.push(format!("{name}: {step}"));
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

/// The outbox keeps every message, and these are asked several times a minute.
#[test]
fn what_is_asked_again_and_again_reads_no_message_that_is_settled() {
    let connection = migrated();
    let asked = [
        "alarm/read_mail_state",
        "outbox/list_due_recipients",
        "outbox/list_waiting_audiences",
        "report/count_made_occurrences",
        "report/count_pending_recipients",
        "report/find_last_occurrence",
        "report/list_given_up",
        "report/list_settled_totals",
    ];
    for name in asked {
        let text = fs::read_to_string(root().join(format!("sql/queries/{name}.sql"))).expect("a statement");
        for step in plan(&connection, &text) {
            let whole = ["message", "recipient", "occurrence"].iter().any(|table| step == format!("SCAN {table}"));
            assert!(!whole, "{name}: {step}");
        }
    }
}

#[test]
fn what_is_not_packed_is_read_in_the_order_of_its_tree() {
    let plan_of = |name: &str| {
        let text = fs::read_to_string(root().join(format!("sql/queries/packed/{name}.sql"))).expect("a statement");
        plan(&migrated(), &text)
    };
    assert_eq!(plan_of("list_counts_between"), ["SEARCH day_count USING PRIMARY KEY (day>? AND day<?)"]);
    assert_eq!(plan_of("list_packed_counts"), ["SCAN packed_counts"]);
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
    // A plan needs no values for the parameters.
    statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().expect("rows")
}
