//! The organisation's audit log, read through its polling stream: events in the order in which Atlassian processed them,
//! so that late ones are not missed. The stream cannot filter by product; what concerns neither Bitbucket nor
//! credentials is counted and dropped here.
//!
//! A round: [`Walk::steady`] decides from the stored cursors where to go on, [`Audit::page`] fetches, [`AuditPage::parse`]
//! reads, [`Walk::after`] says whether and where to go on and which cursors to commit with the page's evidence. What is
//! older is read in slices ([`next_slice`], [`Walk::older`]) in the time that the steady rounds leave.

mod actions;
mod envelope;
mod event;
mod slices;
mod walk;
mod word;

use jiff::Timestamp;
use url::Url;

pub use actions::Actions;
pub use slices::{Slice, lost, next_slice};
pub use walk::{Position, Step, Then, Walk};

use envelope::{Envelope, linked_cursor, outlined};
use event::Outline;

use super::{
    Client, FetchError,
    http::{Reply, place},
};
use crate::evidence::Page;

/// Events a page: quoted from the vendor's reference as the maximum of this endpoint.
const LARGE_PAGE: u16 = 500;
/// The documented default, for servers that refuse the larger size.
const DEFAULT_PAGE: u16 = 200;

/// The audit log of one organisation.
#[derive(Clone, Debug)]
pub struct Audit {
    client: Client,
    stream: Url,
    actions: Url,
    page_size: u16,
}

/// One page as it came, with what a walk has to know of it.
#[derive(Debug)]
pub struct AuditPage {
    text: String,
    /// All events, those that cannot be read included.
    pub events: u64,
    /// The latest `processedAt`, in milliseconds.
    pub newest_ms: Option<i64>,
    /// The own time of that event.
    pub newest_time_ms: Option<i64>,
    /// The cursor of the following page.
    pub next: Option<String>,
}

impl Audit {
    /// `id` is Atlassian's organisation id.
    pub fn new(client: Client, id: &str) -> Self {
        let stream = client.url(["admin", "v1", "orgs", id, "events-stream"]);
        let actions = client.url(["admin", "v1", "orgs", id, "event-actions"]);
        Self { client, stream, actions, page_size: LARGE_PAGE }
    }

    /// Which actions concern Bitbucket, and which concern credentials.
    pub async fn actions(&self) -> Result<Actions, FetchError> {
        self.client.get(&self.actions, |reply| Ok(Actions::new(&reply.json()?))).await
    }

    /// Fetches the page at a position. A page size that is refused where the default is not is lowered once and for all.
    pub async fn page(&mut self, position: &Position) -> Result<AuditPage, FetchError> {
        match self.sized_page(position, self.page_size).await {
            Err(error) if self.page_size > DEFAULT_PAGE && error.may_be_of_page_size() => {
                let page = self.sized_page(position, DEFAULT_PAGE).await?;
                self.page_size = DEFAULT_PAGE;
                Ok(page)
            }
            other => other,
        }
    }

    async fn sized_page(&self, position: &Position, size: u16) -> Result<AuditPage, FetchError> {
        self.client.get(&self.page_url(position, size), |reply| self.read(reply)).await
    }

    /// Asks for one event processed since an instant: whether the stream answers us at all.
    pub async fn glance(&self, since: Timestamp) -> Result<(), FetchError> {
        self.sized_page(&Position::From(since.as_millisecond()), 1).await.map(drop)
    }

    /// What it means that a walk goes in circles.
    pub fn endless(&self, walk: &Walk) -> FetchError {
        FetchError::EndlessPaging { at: place(&self.stream), pages: walk.pages() }
    }

    fn page_url(&self, position: &Position, size: u16) -> Url {
        let mut url = self.stream.clone();
        let mut query = url.query_pairs_mut();
        match position {
            Position::Cursor(cursor) => query.append_pair("cursor", cursor),
            Position::From(ms) => query.append_pair("from", &ms.to_string()),
            Position::Between { from_ms, to_ms } => {
                query.append_pair("from", &from_ms.to_string()).append_pair("to", &to_ms.to_string())
            }
        };
        query.append_pair("limit", &size.to_string());
        drop(query);
        url
    }

    fn read(&self, reply: Reply) -> Result<AuditPage, FetchError> {
        let Envelope { data: outline, meta, links } = outlined(&reply)?;
        let next = meta.and_then(|meta| meta.next).filter(|next| !next.is_empty());
        let linked = links.and_then(|links| links.next).filter(|next| !next.is_empty());
        let next = match (next, linked) {
            (None, Some(linked)) => Some(linked_cursor(linked, &self.client, &reply)?),
            (next, Some(address)) => {
                self.client.follow(&address)?;
                next
            }
            (next, None) => next,
        };
        let Outline { events, newest_ms, newest_time_ms } = outline;
        Ok(AuditPage { text: reply.text, events, newest_ms, newest_time_ms, next })
    }
}

impl AuditPage {
    /// A page of which only what a walk has to know is known.
    #[cfg(test)]
    pub(super) fn of_nothing(events: u64, newest_ms: Option<i64>, next: Option<String>) -> Self {
        Self { text: String::new(), events, newest_ms, newest_time_ms: newest_ms, next }
    }

    /// Reads the events, borrowing from the page.
    pub fn parse(&self, actions: &Actions) -> Page<'_> {
        event::parse(&self.text, actions)
    }
}
