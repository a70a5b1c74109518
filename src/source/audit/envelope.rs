//! What stands around the events of a page.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::{self, Mark, Outline};
use crate::source::{Client, FetchError, Unread, http::Reply};

/// A page. Without a list in `data` an answer is no page: the end of the stream is an empty list.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub data: T,
    pub meta: Option<Meta>,
    pub links: Option<Links>,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Links {
    pub next: Option<String>,
}

/// One pass over the page: the events themselves are read where they are recorded, on another thread.
pub(super) fn outlined(reply: &Reply) -> Result<Envelope<Outline>, FetchError> {
    if let Ok(Envelope { data, meta, links }) = serde_json::from_str::<Envelope<Vec<Mark<'_>>>>(&reply.text) {
        return Ok(Envelope { data: Outline::of(data), meta, links });
    }
    let page: Envelope<&RawValue> = serde_json::from_str(&reply.text).map_err(|error| reply.unreadable(&error))?;
    if !page.data.get().starts_with('[') {
        let cause = Unread::OtherShape { line: 1, column: 1 };
        return Err(FetchError::Unreadable { at: reply.at.clone(), cause });
    }
    let marks = event::singly(page.data.get()).map(Result::unwrap_or_default);
    Ok(Envelope { data: Outline::of(marks), meta: page.meta, links: page.links })
}

/// The cursor of a link to the next page, or one that stands in the link's place. A link without a cursor leads to where nobody
/// knows: it is not the stream's end.
pub(super) fn linked_cursor(linked: String, client: &Client, reply: &Reply) -> Result<String, FetchError> {
    if !linked.contains(['/', '?', ':']) {
        return Ok(linked);
    }
    let url = client.follow(&linked)?;
    let cursor = url.query_pairs().find(|(key, _)| key == "cursor").map(|(_, cursor)| cursor.into_owned());
    let cause = Unread::OtherShape { line: 1, column: 1 };
    cursor.ok_or_else(|| FetchError::Unreadable { at: reply.at.clone(), cause })
}
