//! What the parts can do alone: parsing with serde_json into borrowed, typed structs, and inserting with rusqlite.

use std::{borrow::Cow, fs, hint::black_box, path::Path, time::Instant};

use rusqlite::{Connection, named_params};
use serde::Deserialize;

const PREPARE: &str = include_str!("prepare.sql");
const INSERT: &str = include_str!("insert.sql");
/// Rows of one transaction: as many as a page of the audit stream has events.
const ROWS: usize = 500;

/// What the product reads of a log line.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed to be measured")]
struct Line<'a> {
    time: &'a str,
    event_id: Option<&'a str>,
    client_ip: Option<&'a str>,
    host: Option<&'a str>,
    method: Option<&'a str>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    status: Option<u16>,
    #[serde(borrow)]
    user_agent: Option<Cow<'a, str>>,
    scheme: Option<&'a str>,
    username: Option<&'a str>,
    secret_prefix: Option<&'a str>,
    secret_id: Option<&'a str>,
    authorization: Option<&'a str>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// A page of the audit stream, with what the product reads of an event.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    #[serde(borrow)]
    attributes: Attributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed to be measured")]
struct Attributes<'a> {
    time: &'a str,
    processed_at: &'a str,
    action: &'a str,
    #[serde(borrow)]
    actor: Actor<'a>,
    #[serde(borrow)]
    context: Vec<Object<'a>>,
    #[serde(borrow)]
    container: Option<Vec<Object<'a>>>,
    location: Option<Location<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed to be measured")]
struct Actor<'a> {
    id: &'a str,
    #[serde(borrow)]
    name: Cow<'a, str>,
    email: Option<&'a str>,
    auth: Option<Auth<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed to be measured")]
struct Auth<'a> {
    #[serde(rename = "authType")]
    kind: &'a str,
    token_id: Option<&'a str>,
    #[serde(borrow)]
    token_label: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token_name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed to be measured")]
struct Object<'a> {
    id: &'a str,
    r#type: &'a str,
    #[serde(borrow)]
    attributes: Names<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed to be measured")]
struct Names<'a> {
    slug: Option<&'a str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    full_name: Option<&'a str>,
}

#[derive(Deserialize)]
struct Location<'a> {
    ip: &'a str,
}

/// Parses every line; lines per second, those that are broken included.
pub fn parse_lines(text: &str) -> f64 {
    let begun = Instant::now();
    let parsed = text.lines().map(|line| black_box(serde_json::from_str::<Line<'_>>(line)));
    per_second(parsed.map(drop).count(), begun)
}

/// Parses every page; events per second.
pub fn parse_pages(pages: &[String]) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut events = 0;
    for page in pages {
        events += black_box(serde_json::from_str::<Page<'_>>(page)?).data.len();
    }
    Ok(per_second(events, begun))
}

/// A narrow row: an id, when, who, from where, what.
pub type Row = [String; 5];

/// One row an event.
pub fn rows(pages: &[String]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for page in pages {
        let page: Page<'_> = serde_json::from_str(page)?;
        rows.extend(page.data.iter().map(|Event { id, attributes }| {
            let ip = attributes.location.as_ref().map_or("", |location| location.ip);
            [*id, attributes.time, attributes.actor.id, ip, attributes.action].map(str::to_owned)
        }));
    }
    Ok(rows)
}

/// Inserts the rows into a new file with the store's pragmas; rows per second.
pub fn insert(path: &Path, rows: &[Row]) -> anyhow::Result<f64> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    let mut connection = Connection::open(path)?;
    connection.execute_batch(PREPARE)?;
    let begun = Instant::now();
    for rows in rows.chunks(ROWS) {
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare_cached(INSERT)?;
        for [id, time, actor, ip, action] in rows {
            insert.execute(named_params! { ":id": id, ":time": time, ":actor": actor, ":ip": ip, ":action": action })?;
        }
        drop(insert);
        transaction.commit()?;
    }
    Ok(per_second(rows.len(), begun))
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
fn per_second(count: usize, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}
