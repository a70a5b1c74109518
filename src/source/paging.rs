//! Walking a list to its end: bounded, never round in circles, never to another origin.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use super::{
    Client, FetchError,
    http::{Reply, place},
};
use crate::evidence::Skipped;

/// Pages of one list: at 100 rows a page, half a million rows.
const MAX_PAGES: usize = 5_000;

/// Rows of one list, those that cannot be read included: twice what the pages hold at their documented size, so a larger
/// page cannot fill the memory.
const MAX_ROWS: usize = 1_000_000;

/// One page of a list, rows not yet read.
pub(super) struct ListPage {
    pub rows: Vec<Box<RawValue>>,
    pub next: Option<Url>,
}

/// The readable rows of a whole list, and how many were not readable.
pub(super) struct Rows<T> {
    pub rows: Vec<T>,
    pub malformed: u64,
}

impl<T> Rows<T> {
    /// The rows that could not be read, as the report wants them.
    pub(super) fn skipped(&self, endpoint: &str) -> Vec<Skipped> {
        if self.malformed == 0 {
            return Vec::new();
        }
        vec![Skipped { reason: "malformed", count: self.malformed, sample: format!("a row of {endpoint}") }]
    }
}

/// Reads every page from `first` on; `read` is one page of the API's own form.
pub(super) async fn walk<T: DeserializeOwned>(
    client: &Client,
    first: Url,
    read: impl Fn(&Reply) -> Result<ListPage, FetchError>,
) -> Result<Rows<T>, FetchError> {
    let mut found = Rows { rows: Vec::new(), malformed: 0 };
    let (mut seen, mut rows) = (HashSet::new(), 0);
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
            match serde_json::from_str(row.get()) {
                Ok(row) => found.rows.push(row),
                Err(_) => found.malformed += 1,
            }
        }
        next = page.next;
    }
    Ok(found)
}
