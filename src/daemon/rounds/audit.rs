//! A round over an organisation's audit log.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, ToSpan as _};
use tokio::sync::Mutex;

use super::Setting;
use crate::{
    analysis::fold,
    daemon::engine::{RoundError, Tally},
    evidence::{Coverage, CoverageState, CursorUpdate, Day, Page},
    source::{Actions, Audit, AuditPage, Client, FetchError, Step, Then, Usage, Walk},
    store::{Store, StoreError},
};

/// How long the catalogue of actions is good.
const ACTIONS_FOR_HOURS: i64 = 24;

pub struct AuditRound {
    setting: Setting,
    client: Client,
    overlap: Duration,
    api: Mutex<Api>,
}

struct Api {
    audit: Audit,
    actions: Option<(Timestamp, Arc<Actions>)>,
}

impl AuditRound {
    pub fn new(setting: Setting, client: Client, organization_id: &str, overlap: Duration) -> Self {
        let audit = Audit::new(client.clone(), organization_id);
        Self { setting, client, overlap, api: Mutex::new(Api { audit, actions: None }) }
    }

    pub fn usage(&self) -> Usage {
        self.client.take_usage()
    }

    /// Walks from the stored cursor to the end of the stream. The next page is fetched while one is being recorded.
    pub async fn run(&self, store: &Store, since: Option<Day>, now: Timestamp) -> Result<Tally, RoundError> {
        let mut api = self.api.lock().await;
        let actions = api.actions(now).await?;
        let name = self.setting.name.clone();
        let stored = store.read(move |r| r.cursors(&name)).await?.into_iter().collect();
        let mut walk = Walk::start(&stored, now, since.map(Day::start), self.overlap);
        let mut tally = Tally::default();
        let mut next = Some(self.fetch(&mut api.audit, &mut walk, store).await?);
        while let Some(page) = next.take() {
            let page = Arc::new(page);
            let step = {
                let parsed = page.parse(&actions);
                walk.after(&page, &parsed)
            };
            let then = step.then;
            let record = self.record(store, Arc::clone(&page), Arc::clone(&actions), step, now);
            let recorded = if then == Then::Continue {
                let (recorded, fetched) = tokio::join!(record, self.fetch(&mut api.audit, &mut walk, store));
                let recorded = recorded?;
                next = Some(fetched?);
                recorded
            } else {
                record.await?
            };
            tally.items += recorded.items;
            tally.skipped += recorded.skipped;
            if then == Then::Endless {
                return Err(RoundError::InPart(
                    "the stream goes in circles; the next round begins at the stored time".to_owned(),
                ));
            }
        }
        Ok(tally)
    }

    /// Fetches the page where the walk stands; a cursor that is no longer accepted is dropped, once.
    async fn fetch(&self, audit: &mut Audit, walk: &mut Walk, store: &Store) -> Result<AuditPage, RoundError> {
        match audit.page(walk.position()).await {
            Err(FetchError::CursorRefused { .. }) if matches!(walk.position(), crate::source::Position::Cursor(_)) => {
                tracing::warn!(source = self.setting.name, "the cursor is no longer accepted: going on from the stored time");
                if let Some(forget) = walk.cursor_refused() {
                    self.forget(store, forget).await?;
                }
                Ok(audit.page(walk.position()).await?)
            }
            other => Ok(other?),
        }
    }

    async fn forget(&self, store: &Store, cursor: CursorUpdate) -> Result<(), StoreError> {
        let batch = crate::evidence::Batch { source: self.setting.name.clone(), cursors: vec![cursor], ..Default::default() };
        store.write(move |w| w.record(&batch, Timestamp::UNIX_EPOCH)).await
    }

    async fn record(
        &self,
        store: &Store,
        page: Arc<AuditPage>,
        actions: Arc<Actions>,
        step: Step,
        now: Timestamp,
    ) -> Result<Tally, RoundError> {
        let name = self.setting.name.clone();
        let classifier = self.setting.classifier();
        let recorded = store.write(move |w| {
            let page = page.parse(&actions).page;
            let claimed = w.claim(&name, named(&page), now)?;
            let mut claimed = claimed.into_iter();
            let fresh: Vec<bool> =
                page.sightings.iter().map(|s| s.event_id.is_none() || claimed.next().unwrap_or(true)).collect();
            let mut batch = classifier.with(|classifier| fold(&name, page, Some(&fresh), classifier));
            let tally = Tally { items: batch.items, skipped: batch.skipped.iter().map(|s| s.count).sum(), ..Tally::default() };
            batch.cursors = step.cursors;
            batch.coverage.extend(step.covered.map(|(from_ms, to_ms)| Coverage {
                from_ms,
                to_ms,
                state: CoverageState::Covered,
                items: tally.items,
                skipped: tally.skipped,
                reason: String::new(),
            }));
            w.record(&batch, now)?;
            Ok(tally)
        });
        Ok(recorded.await?)
    }
}

/// The ids by which events are recognised, with their own time.
fn named<'p>(page: &'p Page<'_>) -> impl Iterator<Item = (&'p str, i64)> {
    page.sightings.iter().filter_map(|s| s.event_id.as_deref().map(|id| (id, s.time_ms)))
}

impl Api {
    /// The catalogue of actions, fetched at the start and daily. One that cannot be fetched again is used on.
    async fn actions(&mut self, now: Timestamp) -> Result<Arc<Actions>, RoundError> {
        let known = self.actions.as_ref();
        if let Some((at, actions)) = known
            && now < at.saturating_add(ACTIONS_FOR_HOURS.hours()).unwrap_or(*at)
        {
            return Ok(Arc::clone(actions));
        }
        match (self.audit.actions().await, known) {
            (Ok(actions), _) => {
                let actions = Arc::new(actions);
                self.actions = Some((now, Arc::clone(&actions)));
                Ok(actions)
            }
            (Err(error), Some((_, actions))) if error.is_transient() => {
                tracing::warn!(%error, "the catalogue of actions could not be read again: yesterday's is used");
                Ok(Arc::clone(actions))
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}
