//! A round over an organisation's audit log.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, ToSpan as _};
use tokio::sync::{Mutex, mpsc};

use super::{Setting, Shared};
use crate::{
    analysis::fold,
    daemon::engine::{RoundError, Tally},
    evidence::{Coverage, CoverageState, Day, Page},
    source::{Actions, Audit, AuditPage, Client, FetchError, Step, Then, Usage, Walk},
    store::{Store, StoreError, Writer},
};

/// How long the catalogue of actions is good.
const ACTIONS_FOR_HOURS: i64 = 24;

/// Pages that wait for the store, and pages that one transaction takes: some four megabytes.
const PAGES_AHEAD: usize = 4;

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

    /// Walks from the stored cursor to the end of the stream. Pages are fetched while others are being recorded; what was
    /// fetched before a failure is recorded all the same.
    pub async fn run(&self, store: &Store, since: Option<Day>, now: Timestamp) -> Result<Tally, RoundError> {
        let mut api = self.api.lock().await;
        let actions = api.actions(now).await?;
        let name = self.setting.name.clone();
        let stored = store.read(move |r| r.cursors(&name)).await?.into_iter().collect();
        let walk = Walk::start(&stored, now, since.map(Day::start), self.overlap);
        let (pages, inbox) = mpsc::channel(PAGES_AHEAD);
        let recorder = Recorder { name: self.setting.name.clone(), classifier: self.setting.classifier(), actions, now };
        let fetching = self.fetch_all(&mut api.audit, walk, pages);
        let (fetched, recorded) = tokio::join!(fetching, record_all(store, inbox, Arc::new(recorder)));
        let tally = recorded?;
        fetched.map(|()| tally)
    }

    async fn fetch_all(&self, audit: &mut Audit, mut walk: Walk, pages: mpsc::Sender<Fetched>) -> Result<(), RoundError> {
        loop {
            let page = self.fetch(audit, &mut walk).await?;
            let step = walk.after(&page);
            let then = step.then;
            if pages.send((page, step)).await.is_err() {
                // Recording has failed, and says why.
                return Ok(());
            }
            match then {
                Then::Continue => {}
                Then::CaughtUp => return Ok(()),
                Then::Endless => {
                    let words = "the stream goes in circles; the next round begins at the stored time";
                    return Err(RoundError::InPart(words.to_owned()));
                }
            }
        }
    }

    /// Fetches the page where the walk stands; a cursor that is no longer accepted is given up, once.
    async fn fetch(&self, audit: &mut Audit, walk: &mut Walk) -> Result<AuditPage, RoundError> {
        match audit.page(walk.position()).await {
            Err(FetchError::CursorRefused { .. }) if walk.cursor_refused() => {
                tracing::warn!(source = self.setting.name, "the cursor is no longer accepted: going on from the stored time");
                Ok(audit.page(walk.position()).await?)
            }
            other => Ok(other?),
        }
    }
}

/// Records the pages in their order. Those that wait together share a transaction, since what a commit costs is waiting for
/// the disk.
async fn record_all(store: &Store, mut inbox: mpsc::Receiver<Fetched>, recorder: Arc<Recorder>) -> Result<Tally, RoundError> {
    let mut tally = Tally::default();
    let mut waiting = Vec::new();
    while inbox.recv_many(&mut waiting, PAGES_AHEAD).await > 0 {
        let (pages, recorder) = (std::mem::take(&mut waiting), Arc::clone(&recorder));
        let recorded = store.write(move |w| recorder.record_together(w, &pages)).await?;
        tally.items += recorded.items;
        tally.skipped += recorded.skipped;
    }
    Ok(tally)
}

/// A page and what to commit with it.
type Fetched = (AuditPage, Step);

/// What a write transaction works with.
struct Recorder {
    name: String,
    classifier: Shared,
    actions: Arc<Actions>,
    now: Timestamp,
}

impl Recorder {
    fn record_together(&self, w: &mut Writer<'_>, pages: &[Fetched]) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        for (page, step) in pages {
            let recorded = self.record(w, page, step)?;
            tally.items += recorded.items;
            tally.skipped += recorded.skipped;
        }
        Ok(tally)
    }

    fn record(&self, w: &mut Writer<'_>, page: &AuditPage, step: &Step) -> Result<Tally, StoreError> {
        let page = page.parse(&self.actions);
        let mut claimed = w.claim(&self.name, named(&page), self.now)?.into_iter();
        let fresh: Vec<bool> = page.sightings.iter().map(|s| s.event_id.is_none() || claimed.next().unwrap_or(true)).collect();
        let mut batch = self.classifier.with(|classifier| fold(&self.name, page, Some(&fresh), classifier));
        let tally = Tally { items: batch.items, skipped: batch.skipped.iter().map(|s| s.count).sum(), ..Tally::default() };
        batch.cursors.clone_from(&step.cursors);
        batch.coverage.extend(step.covered.map(|(from_ms, to_ms)| Coverage {
            from_ms,
            to_ms,
            state: CoverageState::Covered,
            items: tally.items,
            skipped: tally.skipped,
            reason: String::new(),
        }));
        w.record(&batch, self.now)?;
        Ok(tally)
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
