//! A round over an organisation's token inventory: the whole list, as a snapshot.

use jiff::Timestamp;

use crate::{
    daemon::engine::{RoundError, Tally, looked_until},
    evidence::{Batch, Coverage, CoverageState, Missing},
    source::{Client, Tokens, Usage},
    store::Store,
};

/// Why a list that was read to its end covers only part of what it should.
const UNREAD: &str = "rows of the token list could not be read; tokens that are missing from it may still be there";

pub struct TokensRound {
    name: String,
    organization: String,
    client: Client,
    api: Tokens,
}

impl TokensRound {
    pub fn new(client: Client, organization: &str, organization_id: &str) -> Self {
        let api = Tokens::new(client.clone(), organization, organization_id);
        Self { name: format!("tokens/{organization}"), organization: organization.to_owned(), client, api }
    }

    pub fn usage(&self) -> Usage {
        self.client.take_usage()
    }

    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<Tally, RoundError> {
        let list = self.api.list().await?;
        let since = looked_until(store, &self.name).await?;
        let (items, skipped) = (list.tokens.len() as u64, list.skipped.iter().map(|s| s.count).sum());
        let missing = list.missing;
        let mut batch = Batch { source: self.name.clone(), skipped: list.skipped, ..Batch::default() };
        let mut interval = snapshot(now, since, items, skipped);
        if missing == Missing::Unread {
            interval.state = CoverageState::Partial;
            UNREAD.clone_into(&mut interval.reason);
        }
        batch.coverage.push(interval);
        let organization = self.organization.clone();
        store
            .write(move |w| {
                w.put_tokens(&organization, &list.tokens, missing, now)?;
                w.record(&batch, now)
            })
            .await?;
        let note = if missing == Missing::Unread { UNREAD.to_owned() } else { String::new() };
        Ok(Tally { items, skipped, note })
    }
}

/// What a list that was read at `now` covers: the time since it was read before, and the instant itself.
pub fn snapshot(now: Timestamp, since: Option<i64>, items: u64, skipped: u64) -> Coverage {
    let now_ms = now.as_millisecond();
    let from_ms = since.filter(|since| *since < now_ms).unwrap_or(now_ms);
    Coverage { from_ms, to_ms: now_ms + 1, state: CoverageState::Covered, items, skipped, reason: String::new() }
}
