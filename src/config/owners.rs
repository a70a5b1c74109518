//! `[[owner]]` and `owners_file`: who answers for what. The first that matches counts, so the order of both is kept.

use std::{borrow::Cow, io::Read as _, path::Path};

use csv::StringRecord;

use super::{
    fields::{address, check_title, title},
    reader::{Fault, Section, suggestion},
};
use crate::{
    analysis::Owner,
    evidence::{format::register, redact, settings::parse_days},
    source::open_file,
};

/// The columns of a file of owners: the keys of `[[owner]]` and of its `match`.
const COLUMNS: [&str; 8] = ["name", "email", "lead_time", "workspace", "repository", "client", "user", "origin"];
const PATTERNS: std::ops::Range<usize> = 3..8;
/// Bytes of a column's name that a fault repeats.
const MAX_COLUMN: usize = 40;
/// A longer table is no list of teams.
const MAX_BYTES: u64 = 4 << 20;
/// A file that is something else has a fault in each row.
const MAX_FAULTS: usize = 20;

/// The owners of the file, in its order; behind them those of `owners_file`. An `[[owner]]` may name such a file, too: its rows
/// then stand in its place.
pub(super) fn owners(root: &Section) -> Vec<Owner> {
    let mut owners: Vec<Owner> = root.tables("owner").into_iter().flat_map(owner).collect();
    owners.extend(listed(root));
    owners
}

fn owner(section: Section) -> Vec<Owner> {
    if section.has("owners_file") {
        let owners = listed(&section);
        section.finish();
        return owners;
    }
    let patterns = section.table("match");
    let owner = Owner {
        name: title(&section, "name"),
        email: section.parsed("email", address),
        lead_time_days: section.days("lead_time"),
        workspace: patterns.string("workspace"),
        repository: patterns.string("repository"),
        client: patterns.string("client"),
        user: patterns.string("user"),
        origin: patterns.string("origin"),
    };
    if !section.has("match") {
        section.fault("match", "is missing: say what is theirs, for example { repository = \"payments-*\" }");
    }
    patterns.finish();
    section.finish();
    vec![owner]
}

/// What the file behind `owners_file` lists, if one is named.
fn listed(section: &Section) -> Vec<Owner> {
    let read = section.parsed("owners_file", |file| {
        let mut text = String::new();
        let open = open_file(Path::new(file)).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
        match open {
            Err(error) => Err(format!("{file} cannot be read: {error}")),
            Ok(bytes) if bytes as u64 > MAX_BYTES => Err(format!("{file} has more than {MAX_BYTES} bytes")),
            Ok(_) => Ok((file.to_owned(), text)),
        }
    });
    let Some((file, text)) = read else { return Vec::new() };
    let (owners, faults) = read_table(&file, &text);
    section.adopt(faults);
    owners
}

/// Reads a table with one owner a row; an empty cell is a key that is not given.
fn read_table(file: &str, text: &str) -> (Vec<Owner>, Vec<Fault>) {
    let (mut owners, mut faults) = (Vec::new(), Vec::new());
    let mut fault = |line: u64, key: &str, words: String| {
        if faults.len() < MAX_FAULTS {
            faults.push(Fault { file: file.to_owned(), line: usize::try_from(line).unwrap_or(0), key: key.to_owned(), words });
        }
    };
    let mut table = register::table(text);
    let written: Vec<String> = table.headers().map(|header| header.iter().map(str::to_owned).collect()).unwrap_or_default();
    let header: Vec<String> = written.iter().map(|name| column(name)).collect();
    for (number, column) in header.iter().enumerate() {
        // What stands there may be anything: the first row of another file.
        let shown = redact::identifier(written[number].as_str().into(), MAX_COLUMN);
        let shown = shown.map_or_else(|| format!("(column {})", number + 1), Cow::into_owned);
        if !COLUMNS.contains(&column.as_str()) {
            fault(1, &shown, format!("is no column of owners{}", suggestion(column, &COLUMNS)));
        } else if header[..number].contains(column) {
            fault(1, &shown, "stands twice".to_owned());
        }
    }
    if !header.iter().any(|column| column == COLUMNS[0]) {
        fault(1, COLUMNS[0], format!("is missing: the first line names the columns, of {}", COLUMNS.join(", ")));
        return (owners, faults);
    }
    let places = COLUMNS.map(|name| header.iter().position(|column| column == name));
    for record in table.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if record.len() > header.len() {
                    fault(
                        line,
                        "(row)",
                        format!("has {} cells for {} columns: a cell with a comma stands in quotes", record.len(), header.len()),
                    );
                }
                owners.push(row(&record, &places, |key, words| fault(line, key, words)));
            }
            Err(error) => fault(error.position().map_or(0, csv::Position::line), "(row)", format!("cannot be read: {error}")),
        }
    }
    (owners, faults)
}

fn column(name: &str) -> String {
    let name = register::column(name);
    if name == "e_mail" { "email".to_owned() } else { name }
}

fn row(record: &StringRecord, places: &[Option<usize>; 8], mut fault: impl FnMut(&str, String)) -> Owner {
    let cells = places.map(|place| place.and_then(|place| record.get(place)).filter(|cell| !cell.is_empty()));
    if cells[PATTERNS].iter().all(Option::is_none) {
        fault(COLUMNS[3], format!("say what is theirs, in one of {} at least; * means all", COLUMNS[PATTERNS].join(", ")));
    }
    let [name, email, lead_time, patterns @ ..] = cells;
    let [workspace, repository, client, user, origin] = patterns.map(|pattern| pattern.map(str::to_owned));
    let name = name.unwrap_or_default();
    if let Err(words) = check_title(name) {
        fault(COLUMNS[0], words);
    }
    let mut checked = |column: usize, checked: Option<Result<(), String>>| {
        if let Some(Err(words)) = checked {
            fault(COLUMNS[column], words);
        }
    };
    checked(1, email.map(|email| address(email).map(drop)));
    let days = lead_time.map(parse_days);
    checked(2, days.clone().map(|days| days.map(drop)));
    Owner {
        name: name.to_owned(),
        email: email.map(str::to_owned),
        lead_time_days: days.and_then(Result::ok),
        workspace,
        repository,
        client,
        user,
        origin,
    }
}
