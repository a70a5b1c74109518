//! A round over an organisation's token inventory: the whole list, as a snapshot.

use jiff::Timestamp;

use crate::{
    daemon::engine::{RoundError, Tally, looked_until},
    evidence::{Batch, Coverage, CoverageState, Missing, SourceKind},
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
        Self { name: SourceKind::Tokens.source(organization), organization: organization.to_owned(), client, api }
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
        let left_out = if missing == Missing::Unread { UNREAD.to_owned() } else { String::new() };
        Ok(Tally { items, skipped, left_out, ..Tally::default() })
    }
}

/// What a list that was read at `now` covers: the time since it was read before, and the instant itself.
pub fn snapshot(now: Timestamp, since: Option<i64>, items: u64, skipped: u64) -> Coverage {
    let now_ms = now.as_millisecond();
    let from_ms = since.filter(|since| *since < now_ms).unwrap_or(now_ms);
    Coverage { from_ms, to_ms: now_ms + 1, state: CoverageState::Covered, items, skipped, reason: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::Roster,
        source::{
            FetchError,
            tests::server::{Server, answer, client, json},
        },
    };

    const WHOLE: &str = r#"{"data": [{"id": "t1", "status": "ALLOWED"}, {"id": "t2", "status": "ALLOWED"}], "links": {}}"#;
    const FIRST: &str = r#"{"data": [{"id": "t1", "status": "ALLOWED"}], "links": {"next": "two"}}"#;
    const ODD: &str = r#"{"data": [{"id": "t1", "status": "ALLOWED"}, {"label": "without an id"}], "links": {}}"#;
    const SHORT: &str = r#"{"data": [{"id": "t1", "status": "BLOCKED"}], "links": {}}"#;

    async fn round(store: &Store, script: fn(&str) -> Vec<u8>) -> Result<Tally, RoundError> {
        let server = Server::start(move |target, _| script(target)).await;
        let now = "2026-07-03T07:00:00Z".parse().expect("an instant");
        TokensRound::new(client(&server.base), "acme", "ORG").run(store, now).await
    }

    async fn roster(store: &Store) -> Roster {
        store.read(|r| r.roster(Timestamp::MAX)).await.expect("a roster")
    }

    #[tokio::test]
    async fn only_a_list_that_was_read_whole_takes_tokens_away() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("duskwatch.db")).expect("a store");
        round(&store, |_| json(WHOLE)).await.expect("a good round");
        let cut = round(&store, |target| if target.contains("cursor=two") { answer("500 Oops", "", "") } else { json(FIRST) });
        let cut = cut.await;
        assert!(matches!(cut, Err(RoundError::Fetch(FetchError::Unavailable { .. }))), "{cut:?}");
        assert_eq!(roster(&store).await.tokens.len(), 2);
        let odd = round(&store, |_| json(ODD)).await.expect("a round");
        assert!(odd.left_out.contains("may still be there"), "{}", odd.left_out);
        assert_eq!(roster(&store).await.tokens.len(), 2);
        round(&store, |_| json(SHORT)).await.expect("a good round");
        let roster = roster(&store).await;
        assert_eq!((roster.tokens[0].status.as_str(), roster.tokens.len()), ("blocked", 1));
        assert_eq!((roster.gone_tokens[0].token.token_id.as_str(), roster.gone_tokens.len()), ("t2", 1));
    }
}
