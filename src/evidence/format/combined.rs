//! The access logs of Apache and nginx: common and combined, also with a virtual host before and more fields behind.
//!
//! `[host:port] client identity user [time] "request" status bytes "referrer" "agent" …`

use std::net::IpAddr;

use jiff::Timestamp;

use super::{
    UserField,
    draft::{Draft, Refusal, Value},
    fields::Field,
    request::{quoted, set_request, set_user, text, unescaped},
};
use crate::evidence::time;

/// Reads one line.
pub(super) fn read(line: &str, user: UserField) -> Result<Draft<'_>, Refusal> {
    let (parties, at, rest) = around_time(line.trim()).ok_or(Refusal::Malformed)?;
    let Parties { host, client, name } = parties_of(parties).ok_or(Refusal::Malformed)?;
    let (request, rest) = quoted(rest).ok_or(Refusal::Malformed)?;
    let (method, target) = split_request(request)?;
    let mut draft = Draft::new();
    draft.set(Field::Time, Value::Instant(at));
    draft.set(Field::ClientIp, text(client));
    if let Some(host) = host {
        draft.set(Field::Host, text(host));
    }
    set_request(&mut draft, method, unescaped(target))?;
    draft.set(Field::Status, text(rest.split_whitespace().next().unwrap_or_default()));
    set_user(&mut draft, user, unescaped(name));
    if let Some((agent, _)) = quoted(rest).and_then(|(_referrer, rest)| quoted(rest)) {
        draft.set(Field::UserAgent, Value::Text(unescaped(agent)));
    }
    Ok(draft)
}

/// The longest time that is looked for in brackets.
const MAX_TIME: usize = 64;

/// What stands before the first brackets that hold a time, the time, and what stands behind them. A user's name may hold
/// brackets too.
fn around_time(line: &str) -> Option<(&str, Timestamp, &str)> {
    line.match_indices(" [").find_map(|(open, _)| {
        let inner = open + 2;
        let close = inner + line.as_bytes()[inner..].iter().take(MAX_TIME).position(|byte| *byte == b']')?;
        let at = time::parse_instant(&line[inner..close]).filter(|_| line[inner..close].contains(':'))?;
        Some((&line[..open], at, &line[close + 1..]))
    })
}

struct Parties<'l> {
    host: Option<&'l str>,
    client: &'l str,
    name: &'l str,
}

/// A first word that is no address is a virtual host where it has a port or an address follows, else the name of a client.
fn parties_of(before: &str) -> Option<Parties<'_>> {
    let (first, rest) = before.split_once(' ')?;
    let second = rest.split(' ').next().unwrap_or_default();
    let with_port = first.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let (host, client, rest) = if !is_address(first) && (with_port || is_address(second)) {
        let (client, rest) = rest.split_once(' ')?;
        (Some(first), client, rest)
    } else {
        (None, first, rest)
    };
    let name = rest.trim_start().split_once(' ').map_or("-", |(_identity, name)| name.trim());
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    let client = client.strip_prefix('[').and_then(|client| client.strip_suffix(']')).unwrap_or(client);
    Some(Parties { host, client, name })
}

fn is_address(word: &str) -> bool {
    word.trim_end_matches(',').trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// `GET /path HTTP/1.1`, a full URL, or `CONNECT host:443`. A `-` and the first bytes of a broken connection are none.
fn split_request(request: &str) -> Result<(&str, &str), Refusal> {
    let (method, target) = request.split_once(' ').ok_or(Refusal::NoRequest)?;
    let version = target.rsplit_once(' ').filter(|(_, version)| version.starts_with("HTTP/"));
    Ok((method, version.map_or(target, |(target, _)| target)))
}
