//! The CSV package: the contract's files and their Frictionless description. A column's name, type, meaning and cell stand
//! in one line, so that header, schema and data cannot drift apart.
//!
//! Every file is written row by row to whoever takes it: a million rows need no more memory than one. The description needs
//! the size and hash of each file: where the others were written with it these were taken on the way, else each is written
//! past it for that.

mod columns;

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::document::{CampaignReport, Report};
use columns::{AUTHENTICATIONS, BURNDOWN, CHANGES, COVERAGE, INTEGRATIONS, JOURNAL, TOKENS, USERS};

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
    cell: fn(&R) -> Cow<'_, str>,
}

/// One file of the package.
struct Table {
    name: &'static str,
    /// The columns that tell one row from every other; none where several may be alike.
    key: &'static [&'static str],
    fields: fn() -> Vec<Value>,
    write: fn(&Report, &mut dyn Write) -> io::Result<()>,
}

const TABLES: [Table; 8] = [
    Table {
        name: "integrations.csv",
        key: &["campaign", "integration"],
        fields: || fields(INTEGRATIONS),
        write: |report, out| rows(out, INTEGRATIONS, campaigns(report).iter().flat_map(|c| &c.integrations)),
    },
    Table {
        name: "authentications.csv",
        key: &[],
        fields: || fields(AUTHENTICATIONS),
        write: |report, out| streamed(out, AUTHENTICATIONS, |row| report.authentications.each(row)),
    },
    Table { name: "users.csv", key: &[], fields: || fields(USERS), write: |report, out| rows(out, USERS, &report.users) },
    Table {
        name: "burndown.csv",
        key: &["campaign", "date"],
        fields: || fields(BURNDOWN),
        write: |report, out| rows(out, BURNDOWN, campaigns(report).iter().flat_map(|c| &c.burndown)),
    },
    Table { name: "changes.csv", key: &[], fields: || fields(CHANGES), write: |report, out| rows(out, CHANGES, &report.changes) },
    Table {
        name: "coverage.csv",
        key: &[],
        fields: || fields(COVERAGE),
        write: |report, out| rows(out, COVERAGE, &report.coverage.intervals),
    },
    Table { name: "tokens.csv", key: &[], fields: || fields(TOKENS), write: |report, out| rows(out, TOKENS, &report.tokens) },
    Table {
        name: "journal.csv",
        key: &["sequence"],
        fields: || fields(JOURNAL),
        write: |report, out| rows(out, JOURNAL, &report.journal),
    },
];

/// The description of the others.
const DESCRIPTION: &str = "datapackage.json";

/// The files of the package, the description last.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name).chain([DESCRIPTION])
}

/// Writes one file of the package. The same report gives the same bytes.
///
/// # Errors
/// Those of `out`; a name that is none of [`names()`].
pub fn write(report: &Report, name: &str, out: &mut dyn Write) -> io::Result<()> {
    Package::new(report).write(name, out)
}

/// The files of one package, written one after the other.
pub struct Package<'a> {
    report: &'a Report,
    /// Of the files that were written.
    written: RefCell<BTreeMap<&'static str, Measure>>,
}

impl<'a> Package<'a> {
    pub fn new(report: &'a Report) -> Self {
        Self { report, written: RefCell::default() }
    }

    /// Writes one file.
    ///
    /// # Errors
    /// Those of `out`; a name that is none of [`names()`].
    pub fn write(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        if name == DESCRIPTION {
            return self.describe(out);
        }
        let table = TABLES.iter().find(|table| table.name == name).ok_or(io::ErrorKind::NotFound)?;
        let measure = self.measured(table, out)?;
        self.written.borrow_mut().insert(table.name, measure);
        Ok(())
    }

    fn measured(&self, table: &Table, out: &mut dyn Write) -> io::Result<Measure> {
        let mut measured = Measured { out, measure: Measure::default() };
        (table.write)(self.report, &mut measured)?;
        Ok(measured.measure)
    }

    fn describe(&self, out: &mut dyn Write) -> io::Result<()> {
        let resource = |table: &Table| {
            let written = self.written.borrow().get(table.name).cloned();
            Ok(resource(table, written.map_or_else(|| self.measured(table, &mut io::sink()), Ok)?))
        };
        let resources: Vec<Value> = TABLES.iter().map(resource).collect::<io::Result<_>>()?;
        describe(self.report, &resources, out)
    }
}

/// The package as one archive; its entries carry no time, so that the same report gives the same bytes.
pub fn archive(report: &Report) -> Vec<u8> {
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).last_modified_time(DateTime::DEFAULT);
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    let package = Package::new(report);
    for name in names() {
        zip.start_file(name, options).expect("the names are ours, short and distinct");
        let mut out = io::BufWriter::new(&mut zip);
        package.write(name, &mut out).and_then(|()| out.flush()).expect("memory takes what it is given");
    }
    zip.finish().expect("memory takes what it is given").into_inner()
}

fn campaigns(report: &Report) -> Vec<&CampaignReport> {
    let mut campaigns: Vec<&CampaignReport> = report.campaigns.iter().collect();
    campaigns.sort_by_key(|c| &c.id);
    campaigns
}

fn rows<'a, R: 'a>(out: &mut dyn Write, columns: &[Column<R>], rows: impl IntoIterator<Item = &'a R>) -> io::Result<()> {
    streamed(out, columns, |row| rows.into_iter().try_for_each(row))
}

/// Writes the rows that `each` tells of one after the other.
fn streamed<R>(
    out: &mut dyn Write,
    columns: &[Column<R>],
    each: impl FnOnce(&mut dyn FnMut(&R) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(columns.iter().map(|c| c.name))?;
    each(&mut |row| Ok(writer.write_record(columns.iter().map(|c| Cell((c.cell)(row))))?))?;
    writer.flush()
}

/// The csv crate takes bytes.
struct Cell<'r>(Cow<'r, str>);

impl AsRef<[u8]> for Cell<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn fields<R>(columns: &[Column<R>]) -> Vec<Value> {
    columns.iter().map(|c| json!({ "name": c.name, "type": c.kind.as_str(), "description": c.description })).collect()
}

/// A file's size, and its hash.
#[derive(Clone, Default)]
struct Measure {
    bytes: u64,
    hash: Sha256,
}

/// Measures a file while it is written.
struct Measured<'o> {
    out: &'o mut dyn Write,
    measure: Measure,
}

impl Write for Measured<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.measure.bytes += taken as u64;
        self.measure.hash.update(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn resource(table: &Table, measure: Measure) -> Value {
    let mut schema = json!({ "fields": (table.fields)(), "missingValues": [""] });
    if !table.key.is_empty() {
        schema["primaryKey"] = json!(table.key);
    }
    json!({
        "name": table.name.trim_end_matches(".csv"),
        "path": table.name,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": measure.bytes,
        "hash": format!("sha256:{}", data_encoding::HEXLOWER.encode(&measure.hash.finalize())),
        "dialect": {
            "delimiter": ",", "lineTerminator": "\r\n", "quoteChar": "\"", "doubleQuote": true,
            "skipInitialSpace": false, "header": true, "csvddfVersion": 1.2
        },
        "schema": schema,
    })
}

fn describe(report: &Report, resources: &[Value], out: &mut dyn Write) -> io::Result<()> {
    let package = json!({
        "profile": "tabular-data-package",
        "name": "duskwatch",
        "title": "duskwatch: who still signs in with a retired credential",
        "description": "Empty cells are unknown or not applicable. Instants are UTC. Lists are joined by a semicolon. \
                        A text that a spreadsheet would run as a formula starts with an apostrophe, also behind a \
                        semicolon.",
        "created": columns::instant(report.now),
        "resources": resources,
    });
    serde_json::to_writer_pretty(&mut *out, &package)?;
    out.write_all(b"\n")
}
