//! The CSV package: the contract's files and their Frictionless description. A column's name, type, meaning and cell stand
//! in one line, so that header, schema and data cannot drift apart.

mod columns;

use std::io::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::document::{CampaignReport, Report};

/// One file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// How Frictionless calls a column's type.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    Date,
    Instant,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Instant => "datetime",
        }
    }
}

struct Column<R: ?Sized> {
    name: &'static str,
    kind: Kind,
    description: &'static str,
    cell: fn(&R) -> String,
}

/// A file and its description.
struct Table {
    file: File,
    description: Value,
}

/// Every file of the package, `datapackage.json` last. The same report gives the same bytes.
pub fn package(report: &Report) -> Vec<File> {
    let mut campaigns: Vec<&CampaignReport> = report.campaigns.iter().collect();
    campaigns.sort_by_key(|c| &c.id);
    let integrations = campaigns.iter().flat_map(|c| &c.integrations);
    let burndown = campaigns.iter().flat_map(|c| &c.burndown);
    let tables = [
        table("integrations.csv", columns::INTEGRATIONS, &["campaign", "integration"], integrations),
        table("authentications.csv", columns::AUTHENTICATIONS, &[], &report.authentications),
        table("users.csv", columns::USERS, &[], &report.users),
        table("burndown.csv", columns::BURNDOWN, &["campaign", "date"], burndown),
        table("changes.csv", columns::CHANGES, &[], &report.changes),
        table("coverage.csv", columns::COVERAGE, &[], &report.coverage.intervals),
        table("tokens.csv", columns::TOKENS, &[], &report.tokens),
        table("journal.csv", columns::JOURNAL, &["sequence"], &report.journal),
    ];
    let (mut files, resources): (Vec<File>, Vec<Value>) = tables.into_iter().map(|t| (t.file, t.description)).unzip();
    files.push(describe(report, &resources));
    files
}

/// The package as one archive; its entries carry no time, so that the same files give the same bytes.
pub fn archive(files: &[File]) -> Vec<u8> {
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).last_modified_time(DateTime::DEFAULT);
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for file in files {
        zip.start_file(file.name, options).expect("the names are ours, short and distinct");
        zip.write_all(&file.bytes).expect("memory takes what it is given");
    }
    zip.finish().expect("memory takes what it is given").into_inner()
}

fn table<'a, R: 'a>(name: &'static str, columns: &[Column<R>], key: &[&str], rows: impl IntoIterator<Item = &'a R>) -> Table {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(columns.iter().map(|c| c.name)).expect("memory takes what it is given");
    for row in rows {
        let cells = columns.iter().map(|c| (c.cell)(row));
        writer.write_record(cells).expect("every row has one cell a column");
    }
    let bytes = writer.into_inner().expect("memory takes what it is given");
    let description = resource(name, columns, key, &bytes);
    Table { file: File { name, bytes }, description }
}

fn resource<R>(name: &str, columns: &[Column<R>], key: &[&str], bytes: &[u8]) -> Value {
    let field = |c: &Column<R>| json!({ "name": c.name, "type": c.kind.as_str(), "description": c.description });
    let mut schema = json!({ "fields": columns.iter().map(field).collect::<Vec<_>>(), "missingValues": [""] });
    if !key.is_empty() {
        schema["primaryKey"] = json!(key);
    }
    json!({
        "name": name.trim_end_matches(".csv"),
        "path": name,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": bytes.len(),
        "hash": format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))),
        "dialect": {
            "delimiter": ",", "lineTerminator": "\r\n", "quoteChar": "\"", "doubleQuote": true,
            "skipInitialSpace": false, "header": true, "csvddfVersion": 1.2
        },
        "schema": schema,
    })
}

fn describe(report: &Report, resources: &[Value]) -> File {
    let package = json!({
        "profile": "tabular-data-package",
        "name": "duskwatch",
        "title": "duskwatch: who still signs in with a retired credential",
        "description": "Empty cells are unknown or not applicable. Instants are UTC. Lists are joined by a semicolon. \
                        A text that a spreadsheet would run as a formula starts with an apostrophe.",
        "created": columns::instant(report.now),
        "resources": resources,
    });
    let mut bytes = serde_json::to_vec_pretty(&package).expect("a JSON value is always written");
    bytes.push(b'\n');
    File { name: "datapackage.json", bytes }
}
