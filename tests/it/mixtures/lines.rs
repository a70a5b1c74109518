//! What a line of each log says, read with other eyes than the product's.

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

use super::truth::Item;

/// The logs that the configuration reads.
pub const LOGS: [&str; 5] = ["egress-inspected", "egress-plain", "gateway", "squid", "filter"];

const HOSTS: [&str; 2] = ["bitbucket.org", "api.bitbucket.org"];

/// Client, time and method of a line of the gateway.
static COMBINED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"^(\S+) - \S+ \[([^]]+)\] "(\S+) \S+ HTTP/1.1" \d{3} \d+ "-" ".*"\r?$"#).unwrap());

/// Time, client, method and host of a line of squid.
static SQUID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\d+)\.(\d{3}) +\d+ (\S+) \S+ \d+ (\S+) (?:https://)?([^/: ]+)\S* \S+ HIER_").unwrap());

/// The item that a line or a row of a log is, where it concerns Bitbucket.
pub fn item(log: &str, line: &str) -> Option<Item> {
    let (id, time_ms) = match log {
        "gateway" => combined(line),
        "squid" => squid(line),
        "filter" => filter(line),
        _ => json(line),
    }?;
    Some((format!("log/{log}"), id, time_ms))
}

/// By what an item is known that has no id of its own.
pub fn id(client: &str, method: &str) -> String {
    format!("{client} {method}")
}

fn json(line: &str) -> Option<(String, i64)> {
    let line: Value = serde_json::from_str(line).ok()?;
    HOSTS.contains(&line["host"].as_str()?).then_some(())?;
    let time: Timestamp = line["time"].as_str()?.parse().ok()?;
    Some((line["event_id"].as_str()?.to_owned(), time.as_millisecond()))
}

fn combined(line: &str) -> Option<(String, i64)> {
    let (_, [client, time, method]) = COMBINED.captures(line)?.extract();
    let time = Timestamp::strptime("%d/%b/%Y:%H:%M:%S %z", time).ok()?;
    Some((id(client, method), time.as_millisecond()))
}

fn squid(line: &str) -> Option<(String, i64)> {
    let (_, [seconds, millis, client, method, host]) = SQUID.captures(line)?.extract();
    HOSTS.contains(&host).then_some(())?;
    Some((id(client, method), format!("{seconds}{millis}").parse().ok()?))
}

fn filter(row: &str) -> Option<(String, i64)> {
    let cells: Vec<&str> = row.split(';').collect();
    let [time, client, _, _, host, method, _, _, _, _, ..] = cells[..] else { return None };
    HOSTS.contains(&host).then_some(())?;
    let time: Timestamp = format!("{}Z", time.replacen(' ', "T", 1)).parse().ok()?;
    Some((id(client, method), time.as_millisecond()))
}
