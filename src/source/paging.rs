//! Walking a list to its end: bounded, never round in circles, never to another origin.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use super::{
    Client, FetchError,
    http::{Reply, place},
};
use crate::evidence::{Missing, Skipped};

/// Pages of one list: at 100 rows a page, half a million rows.
const MAX_PAGES: usize = 5_000;

/// Rows of one list, those that cannot be read included: twice what the pages hold at their documented size, so a larger
/// page cannot fill the memory.
const MAX_ROWS: usize = 1_000_000;

/// One page of a list, rows not yet read.
pub(super) struct ListPage {
    pub rows: Vec<Box<RawValue>>,
    pub next: Option<Url>,
    /// Rows of the whole list, where the page says so.
    pub total: Option<u64>,
}

/// What becomes of a row that is well formed.
pub(super) enum Row<T> {
    Item(T),
    /// It lacks what tells one item from another, so no item that is known can be meant.
    Nameless,
    /// It may be an item that is known.
    Unread,
}

/// The items of a whole list.
pub(super) struct Listed<T> {
    pub items: Vec<T>,
    /// Rows that are no items.
    malformed: u64,
    /// What the list says of those that are not in it.
    pub missing: Missing,
}

impl<T> Listed<T> {
    /// The rows that could not be read, as the report wants them.
    pub(super) fn skipped(&self, endpoint: &str) -> Vec<Skipped> {
        if self.malformed == 0 {
            return Vec::new();
        }
        vec![Skipped { reason: "malformed", count: self.malformed, sample: format!("a row of {endpoint}") }]
    }

    fn add(&mut self, row: Row<T>) {
        match row {
            Row::Item(item) => return self.items.push(item),
            Row::Nameless => {}
            Row::Unread => self.missing = Missing::Unread,
        }
        self.malformed += 1;
    }
}

/// Reads every page from `first` on. `read` is one page of the API's own form, `item` one of its rows. What a page holds
/// is turned into items before the next one is asked for.
pub(super) async fn walk<R: DeserializeOwned, T>(
    client: &Client,
    first: Url,
    read: impl Fn(&Reply) -> Result<ListPage, FetchError>,
    mut item: impl FnMut(R) -> Row<T>,
) -> Result<Listed<T>, FetchError> {
    let mut found = Listed { items: Vec::new(), malformed: 0, missing: Missing::Gone };
    let (mut seen, mut rows, mut total) = (HashSet::new(), 0, None);
    let mut next = Some(first);
    while let Some(url) = next {
        if seen.len() >= MAX_PAGES || !seen.insert(url.clone()) {
            return Err(FetchError::EndlessPaging { at: place(&url), pages: seen.len() });
        }
        let page = client.get(&url, |reply| read(&reply)).await?;
        rows += page.rows.len();
        if rows > MAX_ROWS {
            return Err(FetchError::EndlessPaging { at: place(&url), pages: seen.len() });
        }
        for row in &page.rows {
            found.add(serde_json::from_str(row.get()).map_or(Row::Unread, &mut item));
        }
        // A list that changes while it is walked moves rows over the edges of its pages, past the one who walks.
        if *total.get_or_insert(page.total) != page.total {
            found.missing = Missing::Unread;
        }
        next = page.next;
    }
    if total.flatten().is_some_and(|total| total != rows as u64) {
        found.missing = Missing::Unread;
    }
    Ok(found)
}
