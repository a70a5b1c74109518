//! The organisation's APIs: audit stream, catalogue of actions, token inventory.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{
    options::{EndOfStream, NextForm},
    reply::{Ask, Reply},
    route::Shared,
};
use crate::simulator::{
    actions::ACTIONS,
    audit::{AuditEvent, time_text},
    inventory,
};

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 500;
/// Every so many pages repeat the last events of the page before.
const REPEAT_EVERY: usize = 5;
const REPEATED: usize = 2;

/// Where a walk through the stream stands. Positions are stable: events are sorted by processing and never removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    descending: bool,
    position: usize,
    /// First position of the walk.
    low: usize,
    to_ms: i64,
}

impl Cursor {
    fn encode(self) -> String {
        let text = format!("{}.{}.{}.{}", u8::from(self.descending), self.position, self.low, self.to_ms);
        BASE64URL_NOPAD.encode(text.as_bytes())
    }

    fn decode(text: &str) -> Option<Self> {
        let text = plain(text)?;
        let mut parts = text.split('.');
        Some(Self {
            descending: parts.next()? == "1",
            position: parts.next()?.parse().ok()?,
            low: parts.next()?.parse().ok()?,
            to_ms: parts.next()?.parse().ok()?,
        })
    }
}

/// What a cursor says, without the name that [`another_name`] has added.
fn plain(cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?).ok()?;
    Some(text.split('~').next().unwrap_or_default().to_owned())
}

/// A cursor that looks different and leads to the same place; text that is no cursor stays as it is.
pub(super) fn another_name(cursor: &str, number: u64) -> String {
    let renamed = plain(cursor).map(|text| BASE64URL_NOPAD.encode(format!("{text}~{number}").as_bytes()));
    renamed.unwrap_or_else(|| cursor.to_owned())
}

pub(super) fn unauthorized(shared: &Shared, ask: &Ask) -> Option<Reply> {
    let wanted = format!("Bearer {}", shared.options.organization_key);
    (ask.authorization.as_deref() != Some(wanted.as_str()))
        .then(|| Reply::atlassian_error(401, "UNAUTHORIZED", "The API key is invalid, expired or lacks a scope"))
}

/// `GET /admin/v1/orgs/{id}/events-stream`.
pub(super) fn events(shared: &Shared, ask: &Ask, duplicate: bool) -> Reply {
    let invalid_time = || Reply::atlassian_error(400, "INVALID_SEARCH_TIME_DATE", "from and to are milliseconds");
    let (Ok(from), Ok(to)) = (ask.number::<i64>("from"), ask.number::<i64>("to")) else { return invalid_time() };
    let limit = match ask.number::<usize>("limit") {
        Ok(limit) => limit.unwrap_or(DEFAULT_LIMIT),
        Err(()) => 0,
    };
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Reply::atlassian_error(400, "INVALID_LIMIT", "limit is a number from 1 to 500");
    }
    let events = &shared.world.events;
    let end = |to_ms: i64| events.partition_point(|it| it.processed_ms <= shared.now_ms() && it.processed_ms < to_ms);
    let cursor = if let Some(text) = ask.param("cursor") {
        let Some(cursor) = Cursor::decode(text).filter(|it| it.position <= events.len()) else {
            return Reply::atlassian_error(400, "INVALID_PAGE_CURSOR", "The page cursor is invalid or has expired");
        };
        cursor
    } else {
        let low = from.map_or(0, |from| events.partition_point(|it| it.processed_ms < from));
        let to_ms = to.unwrap_or(i64::MAX);
        let descending = ask.param("sortOrder") == Some("desc");
        Cursor { descending, position: if descending { end(to_ms).max(low) } else { low }, low, to_ms }
    };
    let (page, next) = page(events, cursor, end(cursor.to_ms), limit, shared.options.repeats, duplicate);
    envelope(shared, ask, limit, &page, next)
}

/// One page, and where the walk goes on.
fn page(
    events: &[AuditEvent],
    at: Cursor,
    end: usize,
    limit: usize,
    repeats: bool,
    duplicate: bool,
) -> (Vec<AuditEvent>, Cursor) {
    if at.descending {
        let start = at.position.saturating_sub(limit).max(at.low);
        let page = events[start..at.position.max(start)].iter().rev().copied().collect();
        return (page, Cursor { position: start, ..at });
    }
    let due = repeats && (at.position / limit) % REPEAT_EVERY == REPEAT_EVERY - 1;
    let back = if duplicate { limit / 2 } else { REPEATED };
    let back = if duplicate || (due && limit > 2 * REPEATED) { back.min(at.position - at.low.min(at.position)) } else { 0 };
    let stop = (at.position + limit - back).min(end).max(at.position);
    if stop == at.position {
        return (Vec::new(), at);
    }
    (events[at.position - back..stop].to_vec(), Cursor { position: stop, ..at })
}

fn envelope(shared: &Shared, ask: &Ask, limit: usize, page: &[AuditEvent], next: Cursor) -> Reply {
    let data: Vec<Value> = page.iter().map(|it| it.render(&shared.world, &shared.organization)).collect();
    let ended = page.is_empty() && shared.options.end_of_stream == EndOfStream::EmptyPageWithoutCursor;
    let next = (!ended).then(|| next.encode());
    let address = format!("{}{}", ask.origin, ask.path);
    Reply::json(
        200,
        &json!({
            "data": data,
            "meta": {
                "next": next, "page_size": limit, "prev": null, "current": null, "count": null,
                "start_index": 1, "end_index": page.len(), "total": page.len(), "attributes": null,
            },
            "links": {
                "self": address,
                "next": next.as_ref().map(|cursor| format!("{address}?limit={limit}&cursor={cursor}")),
                "prev": null,
            },
        }),
    )
}

/// `GET /admin/v1/orgs/{id}/event-actions`.
pub(super) fn actions() -> Reply {
    let data: Vec<Value> = ACTIONS
        .iter()
        .map(|it| {
            let attributes = json!({"displayName": it.display, "groupDisplayName": it.group, "groupDisplayNames": [it.group]});
            json!({"id": it.id, "type": "event-actions", "attributes": attributes, "links": null, "message": null})
        })
        .collect();
    Reply::json(200, &json!({"data": data, "meta": null, "links": {}}))
}

const DEFAULT_PAGE_SIZE: usize = 50;
const KNOWN_PARAMETERS: &[&str] = &[
    "q",
    "status",
    "createdAtSearchType",
    "createdAtUom",
    "createdAtValue",
    "createdAtFrom",
    "createdAtTo",
    "createdAtRangeFrom",
    "createdAtRangeTo",
    "lastActiveAtSearchType",
    "lastActiveAtUom",
    "lastActiveAtValue",
    "lastActiveAtFrom",
    "lastActiveAtTo",
    "lastActiveAtRangeFrom",
    "lastActiveAtRangeTo",
    "sort",
    "pageSize",
    "cursor",
];

/// `GET /admin/api-access/v1/orgs/{id}/api-tokens`. A parameter that it does not know makes it fail, as the real one does.
pub(super) fn tokens(shared: &Shared, ask: &Ask) -> Reply {
    let known = ask.query.iter().all(|(key, _)| KNOWN_PARAMETERS.contains(&key.as_str()));
    let size = ask.number::<usize>("pageSize");
    let (true, Ok(size)) = (known, size) else {
        return failed();
    };
    let size = size.unwrap_or(DEFAULT_PAGE_SIZE).clamp(1, 100);
    let start = match ask.param("cursor").map(position) {
        None => 0,
        Some(Some(start)) => start,
        Some(None) => return Reply::atlassian_error(400, "INVALID_PAGE_CURSOR", "The page cursor is invalid or has expired"),
    };
    let now = shared.now_ms();
    let live = shared
        .tokens
        .iter()
        .enumerate()
        .skip(start)
        .filter(|(_, token)| token.created_ms <= now && token.expires_ms > now && token.revoked_ms.is_none_or(|at| at > now));
    let mut shown: Vec<usize> = live.map(|(index, _)| index).take(size + 1).collect();
    let next = if shown.len() > size { shown.pop() } else { None };
    let data: Vec<Value> = shown.iter().map(|index| token(shared, *index, now)).collect();
    let address = format!("{}{}", ask.origin, ask.path);
    let next =
        next.map(|index| BASE64URL_NOPAD.encode(index.to_string().as_bytes())).map(|cursor| match shared.options.next_form {
            NextForm::Url => format!("{address}?pageSize={size}&cursor={cursor}"),
            NextForm::BareCursor => cursor,
        });
    Reply::json(200, &json!({"data": data, "links": {"self": address, "next": next, "prev": null}}))
}

/// The token inventory's answer to parameters that it does not take.
pub(super) fn failed() -> Reply {
    Reply::atlassian_error(500, "INTERNAL_SERVER_ERROR", "Internal server error")
}

fn position(cursor: &str) -> Option<usize> {
    plain(cursor)?.parse().ok()
}

fn token(shared: &Shared, index: usize, now_ms: i64) -> Value {
    let token = &shared.tokens[index];
    let user = &shared.world.places.users[token.user];
    let last = inventory::last_active(&shared.world, token, now_ms);
    json!({
        "id": token.id,
        "label": token.label,
        "status": "ALLOWED",
        "createdAt": time_text(token.created_ms, true),
        "expiresAt": time_text(token.expires_ms, true),
        "lastActiveAt": last.map(|at| time_text(at, true)),
        "user": {"id": user.account_id, "orgId": shared.organization, "name": user.display_name, "email": user.email},
    })
}
