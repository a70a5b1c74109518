//! Walking a list to its end: bounded, never round in circles, never to another origin, with the largest pages that the
//! server takes.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use super::{
    Client, FetchError,
    http::{Reply, place},
};
use crate::evidence::{MALFORMED, Missing, Skipped};

/// Pages of one list: at 100 rows a page, half a million rows.
const MAX_PAGES: usize = 5_000;

/// Rows of one list, those that cannot be read included: twice what the pages hold at their documented size, so a larger
/// page cannot fill the memory.
const MAX_ROWS: usize = 1_000_000;

/// Rows a page: the documented maximum of Bitbucket's lists, and what is tried where less is taken. Single endpoints may have a
/// limit of their own, and of the token inventory's only the last is known to work.
const SIZES: [&str; 3] = ["100", "50", "10"];

/// How to ask for the first page of a list.
pub(super) struct Opening<'a, F, S> {
    pub client: &'a Client,
    /// The size that worked last, kept for the lists to come.
    pub size: &'a PageSize,
    /// The address of the first page with so many rows.
    pub address: F,
    /// Whether a failure may be one of the page's size.
    pub refuses_size: S,
}

/// Which of the sizes a server takes; clones learn together.
#[derive(Clone, Debug, Default)]
pub(super) struct PageSize(Arc<AtomicUsize>);

impl<F: Fn(&'static str) -> Url, S: Fn(&FetchError) -> bool> Opening<'_, F, S> {
    /// The first page, its address and its size. A size that is refused where a smaller one is not is lowered once and for all.
    pub(super) async fn page(
        &self,
        read: impl Fn(&Reply, &'static str) -> Result<ListPage, FetchError>,
    ) -> Result<(Url, &'static str, ListPage), FetchError> {
        let mut refused = None;
        for (number, rows) in SIZES.into_iter().enumerate().skip(self.size.0.load(Ordering::Relaxed)) {
            let url = (self.address)(rows);
            match self.client.get(&url, |reply| read(&reply, rows)).await {
                Ok(page) => {
                    self.size.0.store(number, Ordering::Relaxed);
                    return Ok((url, rows, page));
                }
                Err(error) if (self.refuses_size)(&error) => refused = refused.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        Err(refused.expect("at least one size is left to try"))
    }
}

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
        vec![Skipped { reason: MALFORMED, count: self.malformed, sample: format!("a row of {endpoint}") }]
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

/// Reads every page from the first on. `read` is one page of the API's own form, which was asked for with so many rows, `item`
/// one of its rows. What a page holds is turned into items before the next one is asked for.
pub(super) async fn walk<R: DeserializeOwned, T, F: Fn(&'static str) -> Url, S: Fn(&FetchError) -> bool>(
    opening: Opening<'_, F, S>,
    read: impl Fn(&Reply, &'static str) -> Result<ListPage, FetchError>,
    mut item: impl FnMut(R) -> Row<T>,
) -> Result<Listed<T>, FetchError> {
    let mut found = Listed { items: Vec::new(), malformed: 0, missing: Missing::Gone };
    let (first, size, page) = opening.page(&read).await?;
    let (mut seen, mut rows, total) = (HashSet::from([first.clone()]), 0, page.total);
    let mut coming = Some((first, page));
    while let Some((url, page)) = coming {
        rows += page.rows.len();
        if rows > MAX_ROWS {
            return Err(FetchError::EndlessPaging { at: place(&url), pages: seen.len() });
        }
        for row in &page.rows {
            found.add(serde_json::from_str(row.get()).map_or(Row::Unread, &mut item));
        }
        // A list that changes while it is walked moves rows over the edges of its pages, past the one who walks.
        if total != page.total {
            found.missing = Missing::Unread;
        }
        coming = match page.next {
            Some(url) if seen.len() >= MAX_PAGES || !seen.insert(url.clone()) => {
                return Err(FetchError::EndlessPaging { at: place(&url), pages: seen.len() });
            }
            Some(url) => {
                let page = opening.client.get(&url, |reply| read(&reply, size)).await?;
                Some((url, page))
            }
            None => None,
        };
    }
    if total.is_some_and(|total| total != rows as u64) {
        found.missing = Missing::Unread;
    }
    Ok(found)
}
