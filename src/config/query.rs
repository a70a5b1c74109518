//! `[[query]]`: an engine that keeps the log itself, and where the evidence stands in its table.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{
    fields::{checked_url, expiry, name},
    reader::{Section, suggestion},
};
use crate::{
    analysis::{
        Rules,
        question::{Engine, NOT_ASKED, Question, Table, TimeUnit, is_name},
    },
    daemon::options::{Pace, Query},
    evidence::{Campaign, ClientCatalogue, Credential, NamedNetworks, format::fields::Field, time::MS_PER_HOUR},
    network::Network,
    report::OwnCredential,
};

/// What evidence is judged by: the same for the engine as for what is read here.
pub(super) struct Judges<'a> {
    pub rules: &'a std::sync::Arc<Rules>,
    pub catalogue: &'a ClientCatalogue,
    pub networks: &'a NamedNetworks,
    pub calendar: &'a Campaign,
}

pub(super) fn query(section: Section, network: &Network, judges: &Judges<'_>, own: &mut Vec<OwnCredential>) -> Option<Query> {
    let name = name(&section, "name");
    let expires = expiry(&section, "password_expires");
    let (username, password) = (section.string("username").unwrap_or_default(), section.secret("password"));
    if password.is_some() {
        own.push(OwnCredential { name: format!("query.{name}.password"), kind: Credential::AccountPassword, expires });
    }
    if password.is_some() && username.is_empty() {
        section.fault("username", "is missing: a password needs one");
    }
    let checked = |url: &url::Url| network.check(url).map_err(|error| error.to_string());
    let schemes: &[&str] = if section.string("engine").as_deref() == Some(Engine::PostgreSql.as_str()) {
        &["postgresql"]
    } else {
        &["https", "http"]
    };
    // Where nothing stands nobody is asked instead.
    section.required("url");
    let url = checked_url(&section, "url", schemes, checked);
    let pace = pace(&section);
    let (backfill_days, limit) =
        (section.days("backfill").unwrap_or_default().clamp(1, MAX_BACKFILL_DAYS), section.duration("timeout"));
    let question = table(&section).and_then(|table| {
        let asked = Question::new(table, judges.rules, judges.catalogue, judges.networks, judges.calendar);
        asked.map_err(|refused| refused.iter().for_each(|refused| section.fault("engine", refused.to_string()))).ok()
    });
    section.finish();
    let password = password.unwrap_or_else(SecretString::default);
    Some(Query { name, url, username, password, question: question?, pace, backfill_days, limit })
}

/// As much as any source claims.
const MAX_BACKFILL_DAYS: i32 = 400;

fn pace(section: &Section) -> Pace {
    let hours = |key| section.seconds(key).and_then(|seconds| i64::try_from(seconds).ok());
    let (slice, late) = (hours("slice").unwrap_or(3_600), hours("late").unwrap_or(0));
    if slice % 3_600 != 0 || slice == 0 || 86_400 % slice != 0 {
        section.fault("slice", "must be whole hours that divide a day: 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h");
    }
    Pace { slice_ms: slice.max(3_600) / 3_600 * MS_PER_HOUR, late_ms: late * 1_000 }
}

fn table(section: &Section) -> Option<Table> {
    let engines: Vec<&str> = Engine::ALL.iter().map(|engine| engine.as_str()).collect();
    let engine = section.parsed("engine", |text| {
        Engine::parse(text).ok_or_else(|| format!("`{text}` is no engine{}", suggestion(text, &engines)))
    });
    let units: Vec<&str> = TimeUnit::ALL.iter().map(|unit| unit.as_str()).collect();
    let unit = section.parsed("time_unit", |text| {
        TimeUnit::parse(text).ok_or_else(|| format!("`{text}` is no unit{}", suggestion(text, &units)))
    });
    let name: Vec<String> = section.required("table").split('.').map(str::to_owned).collect();
    if section.has("table") && (name.len() > 3 || !name.iter().all(|part| is_name(part))) {
        section.fault("table", "is no name of a table or view: write \"logs.egress\"");
    }
    let columns = columns(section);
    let host = section.string("host").unwrap_or_default();
    Some(Table { engine: engine?, name, columns, unit: unit?, host })
}

fn columns(section: &Section) -> BTreeMap<&'static str, String> {
    let asked = || Field::ALL.iter().filter(|field| !NOT_ASKED.contains(field)).map(|field| field.as_str());
    let mut columns = BTreeMap::new();
    for (field, column) in section.map("columns") {
        match asked().find(|known| *known == field) {
            Some(known) if is_name(&column) => drop(columns.insert(known, column)),
            Some(_) => section.fault("columns", format!("`{column}` is no name of a column")),
            None => {
                let known: Vec<&str> = asked().collect();
                section
                    .fault("columns", format!("`{field}` is no field that an engine is asked for{}", suggestion(&field, &known)));
            }
        }
    }
    if !columns.contains_key(Field::Time.as_str()) {
        section.fault("columns", "needs the column of the time: { time = \"ts\" }");
        columns.insert(Field::Time.as_str(), Field::Time.as_str().to_owned());
    }
    columns
}
