//! How each log writes one request.

use std::io::{self, Write};

use data_encoding::BASE64;
use serde::Serialize;

use crate::evidence::time::instant;

use super::{
    super::{Door, audit::time_text},
    exchange::Exchange,
};

/// Percent of the inspecting proxy's lines that name the prefix of the secret.
const PREFIX_PERCENT: u64 = 60;
/// One line in so many carries a whole `Authorization` header, as careless proxies do.
const CARELESS_EVERY: u64 = 37;
/// One line in so many is followed by half a line.
const MALFORMED_EVERY: u64 = 1_999;
/// One line in so many ends as on Windows.
const CRLF_EVERY: u64 = 211;

/// Writes one request, and now and then something broken behind it; returns the number of lines.
pub(super) fn write(to: &mut impl Write, door: Door, it: &Exchange<'_>) -> io::Result<u64> {
    let line = match door {
        Door::Inspected | Door::Plain => json(door, it),
        Door::Gateway => combined(it),
        Door::Squid => squid(it),
        Door::Filter => row(it),
    };
    to.write_all(line.as_bytes())?;
    to.write_all(if it.salt.is_multiple_of(CRLF_EVERY) { b"\r\n" } else { b"\n" })?;
    if !it.salt.is_multiple_of(MALFORMED_EVERY) {
        return Ok(1);
    }
    let half: String = line.chars().take(line.chars().count() / 2).collect();
    writeln!(to, "{half}")?;
    Ok(2)
}

/// Writes one request as a line that is whole, is followed by nothing broken, and carries no header.
pub(super) fn write_tidy(to: &mut impl Write, door: Door, mut it: Exchange<'_>) -> io::Result<()> {
    while it.salt.is_multiple_of(CARELESS_EVERY) || it.salt.is_multiple_of(MALFORMED_EVERY) {
        it.salt = it.salt.wrapping_add(1);
    }
    write(to, door, &it).map(drop)
}

/// Whether the inspecting proxy writes this request's whole header, which it should not.
fn careless(door: Door, it: &Exchange<'_>) -> bool {
    door == Door::Inspected && it.salt.is_multiple_of(CARELESS_EVERY)
}

/// The beginning of the secret, where a line tells it.
pub(super) fn prefix(door: Door, it: &Exchange<'_>) -> Option<&'static str> {
    let tells = careless(door, it) || (door == Door::Inspected && it.salt % 100 < PREFIX_PERCENT);
    it.login.as_ref().and_then(|login| login.prefix).filter(|_| tells)
}

/// What the server said, where a line keeps it.
pub(super) fn message(door: Door, it: &Exchange<'_>) -> Option<&'static str> {
    it.message.filter(|_| matches!(door, Door::Inspected | Door::Filter))
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event_id: String,
    client_ip: String,
    host: &'a str,
    method: &'a str,
    path: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    proxy: &'a str,
    bytes_in: u64,
    bytes_out: u64,
    duration_ms: u64,
}

fn json(door: Door, it: &Exchange<'_>) -> String {
    let (inspected, login) = (door == Door::Inspected, it.login.as_ref());
    let header =
        login.filter(|_| careless(door, it)).and_then(|login| header(login.scheme, login.username, login.prefix, it.salt));
    let shown = login.filter(|_| header.is_none());
    let line = Line {
        time: time_text(it.at_ms, false),
        event_id: format!("{:016x}", it.salt ^ it.at_ms.unsigned_abs()),
        client_ip: it.address.to_string(),
        host: it.host,
        method: it.method,
        path: &it.path,
        status: it.status,
        user_agent: Some(it.agent).filter(|agent| !agent.is_empty()),
        scheme: shown.map(|login| login.scheme),
        username: shown.and_then(|login| login.username),
        secret_prefix: shown.and(prefix(door, it)),
        secret_id: shown.filter(|_| inspected).map(|login| login.secret_id.as_str()),
        authorization: header,
        message: message(door, it),
        proxy: if inspected { "egress-1" } else { "egress-2" },
        bytes_in: 380 + it.salt % 900,
        bytes_out: 1_200 + it.salt % 80_000,
        duration_ms: 20 + it.salt % 700,
    };
    serde_json::to_string(&line).expect("a line of text and numbers serialises")
}

/// A whole header, with a secret that opens nothing.
fn header(scheme: &str, username: Option<&str>, prefix: Option<&str>, salt: u64) -> Option<String> {
    let mut rng = fastrand::Rng::with_seed(salt);
    let secret: String = (0..24).map(|_| rng.alphanumeric()).collect();
    let secret = format!("{}{secret}", prefix.unwrap_or_default());
    match scheme {
        "basic" => Some(format!("Basic {}", BASE64.encode(format!("{}:{secret}", username?).as_bytes()))),
        "bearer" => Some(format!("Bearer {secret}")),
        _ => None,
    }
}

fn combined(it: &Exchange<'_>) -> String {
    let user = it.login.as_ref().and_then(|login| login.username).unwrap_or("-");
    let time = instant(it.at_ms).strftime("%d/%b/%Y:%H:%M:%S +0000");
    let (method, path, status, bytes) = (it.method, &it.path, it.status, 200 + it.salt % 60_000);
    let agent = if it.agent.is_empty() { "-" } else { it.agent };
    format!("{} - {user} [{time}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"", it.address)
}

/// Squid's native format; its user field, where there is one, is the proxy's own.
fn squid(it: &Exchange<'_>) -> String {
    let (seconds, millis) = (it.at_ms.div_euclid(1_000), it.at_ms.rem_euclid(1_000));
    let (duration, bytes) = (20 + it.salt % 900, 300 + it.salt % 70_000);
    let user = if it.salt.is_multiple_of(3) { "host-account" } else { "-" };
    let what = if it.method == "CONNECT" { it.path.clone() } else { format!("https://{}{}", it.host, it.path) };
    let code = if it.method == "CONNECT" { "TCP_TUNNEL" } else { "TCP_MISS" };
    format!(
        "{seconds}.{millis:03} {duration:6} {} {code}/{:03} {bytes} {} {what} {user} HIER_DIRECT/192.0.2.18 -",
        it.address, it.status, it.method
    )
}

/// A row of the filter's table: what the server said goes over several lines, and quotes stand where they must.
fn row(it: &Exchange<'_>) -> String {
    let login = it.login.as_ref();
    let reason = it.message.map(|message| format!("remote: {message}\nremote: see \"the changelog\"; ask for help"));
    let cells = [
        instant(it.at_ms).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        it.address.to_string(),
        login.and_then(|login| login.username).unwrap_or_default().to_owned(),
        login.map_or_else(String::new, |login| login.scheme.to_owned()),
        it.host.to_owned(),
        it.method.to_owned(),
        it.path.clone(),
        it.status.to_string(),
        it.agent.to_owned(),
        reason.unwrap_or_default(),
    ];
    cells.map(|cell| quoted(&cell)).join(";")
}

fn quoted(cell: &str) -> String {
    let plain = !cell.contains([';', '"', '\n', '\r']);
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}
