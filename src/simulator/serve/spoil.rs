//! Pages that are well formed and yet wrong: `next` leads astray, lists are null, items are odd.

use serde_json::{Value, json};
use url::Url;

use super::{
    atlassian::another_name,
    kinds::{FaultKind, Odd},
    reply::{Ask, Reply},
};

/// A secret that a misled client would show or send on.
const LOOSE_SECRET: &str = "simulated-loose-secret";
const HUGE_FIELD_BYTES: usize = 1 << 20;
const FIELD_DEPTH: usize = 1_000;
/// Stands in the JSON where bytes shall be that are no UTF-8.
const NOT_UTF8: &str = "\u{fffd}";
/// When a late event happened.
const LATE_TIME: &str = "2026-01-02T03:04:05Z";

/// The same page with the fault in it. Answers that are no pages, and faults that spoil none, are left as they are.
/// `number` tells requests apart; `elsewhere` is the origin of another host.
pub(super) fn spoil(fault: &FaultKind, reply: Reply, ask: &Ask, elsewhere: &str, number: u64) -> Reply {
    let page = (reply.status == 200).then(|| serde_json::from_slice::<Value>(&reply.body).ok()).flatten();
    let Some(mut page) = page.filter(|page| list(page).is_some()) else { return reply };
    match fault {
        FaultKind::EndWithoutCursor if is_empty(&page) => end(&mut page),
        FaultKind::BareNext => bare_next(&mut page),
        FaultKind::SameCursor => lead_to(&mut page, &ask.address()),
        FaultKind::FreshCursors => lead_to(&mut page, &renamed(ask, number)),
        FaultKind::NextOnOtherHost => lead_to(&mut page, &format!("{elsewhere}{}?cursor=stolen", ask.path)),
        FaultKind::NextWithOtherScheme => lead_to(&mut page, &ask.address().replacen("http:", "https:", 1)),
        FaultKind::NextWithUserInfo => {
            let stranger = format!("http://somebody:{LOOSE_SECRET}@");
            lead_to(&mut page, &ask.address().replacen("http://", &stranger, 1));
        }
        FaultKind::NullData => {
            let name = list(&page).unwrap_or_default();
            page[name] = Value::Null;
            end(&mut page);
        }
        FaultKind::Odd(odd) => add_odd(&mut page, *odd),
        _ => return reply,
    }
    let mut body = page.to_string().into_bytes();
    if *fault == FaultKind::Odd(Odd::InvalidUtf8) {
        body = without_utf8(&body);
    }
    Reply { body, ..reply }
}

/// The name of the list in a page.
fn list(page: &Value) -> Option<&'static str> {
    ["data", "values"].into_iter().find(|name| page[*name].is_array())
}

fn is_empty(page: &Value) -> bool {
    list(page).is_some_and(|name| page[name].as_array().is_none_or(Vec::is_empty))
}

/// Makes an address the following page, in each place where the page names one.
fn lead_to(page: &mut Value, address: &str) {
    if page.get("values").is_some() {
        page["next"] = json!(address);
        return;
    }
    let cursor = Url::parse(address).ok().and_then(|url| cursor(&url));
    if page["meta"].is_object() && cursor.is_some() {
        page["meta"]["next"] = json!(cursor);
    }
    page["links"]["next"] = json!(address);
}

fn cursor(url: &Url) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == "cursor").map(|(_, cursor)| cursor.into_owned())
}

fn end(page: &mut Value) {
    if let Some(page) = page.as_object_mut() {
        page.remove("next");
    }
    for place in ["meta", "links"] {
        if page[place].is_object() {
            page[place]["next"] = Value::Null;
        }
    }
}

fn bare_next(page: &mut Value) {
    let address = page["links"]["next"].as_str().and_then(|next| Url::parse(next).ok());
    if let Some(cursor) = address.and_then(|url| cursor(&url)).filter(|_| page.get("meta").is_none()) {
        page["links"]["next"] = json!(cursor);
    }
}

/// The address that was asked, so that it looks like another one and leads to the same page.
fn renamed(ask: &Ask, number: u64) -> String {
    let Ok(mut url) = Url::parse(&ask.address()) else { return ask.address() };
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(key, _)| key != "token").collect();
    let mut query = url.query_pairs_mut();
    query.clear();
    for (key, value) in &pairs {
        let value = if key == "cursor" { another_name(value, number) } else { value.clone() };
        query.append_pair(key, &value);
    }
    if ask.path.starts_with("/2.0/") {
        query.append_pair("token", &number.to_string());
    }
    drop(query);
    url.into()
}

/// Puts one more item at the front. On an empty page of events there is none to be like, and nothing is added.
fn add_odd(page: &mut Value, odd: Odd) {
    let name = list(page).unwrap_or_default();
    let Some(items) = page[name].as_array_mut() else { return };
    let item = match items.first() {
        Some(first) if first["type"] == "events" => odd_event(first.clone(), odd),
        Some(first) if first["type"] != "event-actions" => odd_row(odd),
        _ => return,
    };
    items.insert(0, item);
}

/// An event like its neighbour, with an id of its own that is always the same.
fn odd_event(mut event: Value, odd: Odd) -> Value {
    event["id"] = json!(format!("odd-{odd:?}-{}", event["id"].as_str().unwrap_or_default()));
    let attributes = &mut event["attributes"];
    match odd {
        Odd::Late => attributes["time"] = json!(LATE_TIME),
        Odd::UnknownValues => {
            attributes["action"] = json!("bitbucket_simulated_novelty");
            attributes["actor"]["auth"] = json!({"authType": "simulated-novelty", "tokenName": "simulated"});
            attributes["context"] = json!([{"id": "1", "type": "simulated-novelties", "attributes": {"name": 7}}]);
            event["type"] = json!("simulated-novelties");
        }
        Odd::MissingFields => {
            event["attributes"] = json!({"time": attributes["time"], "processedAt": attributes["processedAt"],
                "action": attributes["action"]});
        }
        Odd::SystemActor => attributes["actor"] = json!({"id": "confluence", "name": "Confluence", "email": "Atlassian app"}),
        _ => attributes["actor"]["name"] = field(odd),
    }
    event
}

/// A row that no list can use.
fn odd_row(odd: Odd) -> Value {
    json!({"type": "simulated-novelty", "id": null, "permission": "simulated", "user": {}, "repository": {"full_name": "x/y"},
        "display_name": field(odd)})
}

fn field(odd: Odd) -> Value {
    match odd {
        Odd::HugeField => json!("x".repeat(HUGE_FIELD_BYTES)),
        Odd::NestedField => (0..FIELD_DEPTH).fold(json!("bottom"), |inner, _| json!([inner])),
        Odd::InvalidUtf8 => json!(format!("Mira {NOT_UTF8} Tessel")),
        _ => Value::Null,
    }
}

/// Puts a byte that no UTF-8 text has in the place of each mark.
fn without_utf8(body: &[u8]) -> Vec<u8> {
    let mut rest = body;
    let mut out = Vec::with_capacity(body.len());
    while let Some(at) = rest.windows(NOT_UTF8.len()).position(|window| window == NOT_UTF8.as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.push(0xff);
        rest = &rest[at + NOT_UTF8.len()..];
    }
    out.extend_from_slice(rest);
    out
}
