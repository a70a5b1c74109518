//! A round over an organisation's audit log: the steady lane towards the present, and the older lane in the time it leaves.
//!
//! Pages are a pipeline: while one is being fetched, those before it are parsed and counted on blocking threads, and those
//! before them are written. The store's one transaction at a time only claims ids and writes. What a page counts depends on
//! which of its events came before, and only the transaction knows that; so a page is counted as if all of it were new, which
//! holds for nearly every one, and counted again inside the transaction where it does not.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{Timestamp, ToSpan as _};
use tokio::{
    sync::{Mutex, mpsc},
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};

use super::{Setting, Shared, record_all};
use crate::{
    analysis::fold,
    daemon::engine::{RoundError, Tally, gap_state},
    evidence::{
        Batch, Coverage, CoverageState, Day, Page, Sighting, Skipped,
        format::{FUTURE, is_ahead},
        time::instant,
    },
    source::{Actions, Audit, AuditPage, Client, FetchError, Slice, Step, Then, Usage, Walk, lost, next_slice},
    store::{Store, StoreError, Writer},
};

/// How long the catalogue of actions is good.
const ACTIONS_FOR_HOURS: i64 = 24;

/// A catalogue that could not be read again is asked for after this long.
const ACTIONS_AGAIN_HOURS: i64 = 1;

/// What it means that the catalogue could not be read again.
const OUTDATED: &str = "the catalogue of actions could not be read again, so an older one is used: actions that Atlassian has \
                        added since are judged by their names alone";

/// Pages that wait for the store, counted or not: some four megabytes.
const PAGES_AHEAD: usize = 4;

/// Slices of one round of the older lane: far more than retention holds of whole ones, so that only a ledger in shreds or a
/// fault of ours is cut short.
const MAX_SLICES: usize = 200;

/// What the ledger says of events that Atlassian dropped before anybody read them.
const LOST: &str = "nobody looked while Atlassian still kept these events, which is 180 days";

/// What a catalogue without any action of Bitbucket means.
pub const UNLINKED: &str = "the catalogue of actions names none of Bitbucket: link the workspaces to the organisation in Atlassian \
                        Administration (Guard is needed), else nothing that happens in Bitbucket is ever seen here";

pub struct AuditRound {
    setting: Setting,
    client: Client,
    overlap: Duration,
    steady: Mutex<Audit>,
    older: Mutex<Audit>,
    actions: Mutex<Option<Catalogue>>,
}

/// The catalogue of actions as it was read last.
#[derive(Clone)]
struct Catalogue {
    actions: Arc<Actions>,
    good_until: Timestamp,
    /// What a reader should know of it; empty is nothing.
    warning: &'static str,
}

impl AuditRound {
    pub fn new(setting: Setting, client: Client, organization_id: &str, overlap: Duration) -> Self {
        let audit = Audit::new(client.clone(), organization_id);
        Self { setting, client, overlap, steady: Mutex::new(audit.clone()), older: Mutex::new(audit), actions: Mutex::default() }
    }

    pub fn usage(&self) -> Usage {
        self.client.take_usage()
    }

    /// Walks from the stored cursor to the end of the stream.
    pub async fn run(&self, store: &Store, since: Option<Day>, now: Timestamp) -> Result<Tally, RoundError> {
        let mut audit = self.steady.lock().await;
        let Catalogue { actions, warning, .. } = self.actions(&audit, now).await?;
        self.note_lost(store, now).await?;
        let walk = Walk::steady(&self.stored(store).await?, now, since.map(Day::start), self.overlap);
        let tally = self.follow(store, (&mut audit, walk), self.recorder(actions, now), None).await?;
        let unread = self.next_slice(store, now).await?.is_some();
        Ok(Tally { warning, unread, ..tally })
    }

    /// Reads what is older than the beginning of the steady lane, and the gaps of the ledger, the newest first, until
    /// nothing is left or the time is over. What cannot be read is a gap, with the reason.
    pub async fn run_older(&self, store: &Store, now: Timestamp, until: Option<Instant>) -> Result<Tally, RoundError> {
        let mut audit = self.older.lock().await;
        let Catalogue { actions, .. } = self.actions(&audit, now).await?;
        let mut tally = Tally::default();
        for _ in 0..MAX_SLICES {
            let slice = self.next_slice(store, now).await?;
            let Some(slice) = slice.filter(|_| !is_over(until)) else {
                return Ok(Tally { unread: slice.is_some(), ..tally });
            };
            let walk = Walk::older(&self.stored(store).await?, slice, now, self.overlap);
            match self.follow(store, (&mut audit, walk), self.recorder(Arc::clone(&actions), now), until).await {
                Ok(read) => tally.add(&read),
                Err(error) => {
                    self.note_gap(store, &error, now).await?;
                    return Err(error);
                }
            }
        }
        Ok(Tally { unread: true, ..tally })
    }

    /// Pages are fetched while others are being counted and recorded; what was fetched before a failure is recorded all the same.
    async fn follow(
        &self,
        store: &Store,
        (audit, walk): (&mut Audit, Walk),
        recorder: Recorder,
        until: Option<Instant>,
    ) -> Result<Tally, RoundError> {
        let (pages, inbox) = mpsc::channel(PAGES_AHEAD);
        let recorder = Arc::new(recorder);
        let fetching = self.fetch_all(audit, walk, (pages, &recorder), until);
        let record = {
            let recorder = Arc::clone(&recorder);
            move |tally: &mut Tally, w: &mut Writer<'_>, page| recorder.record(w, page).map(|recorded| tally.add(&recorded))
        };
        let recording = record_all(inbox, store, Tally::default(), record, |_| ());
        let (fetched, recorded): (_, Result<_, RoundError>) = tokio::join!(fetching, recording);
        let tally = recorded?;
        fetched.map(|()| tally)
    }

    async fn fetch_all(
        &self,
        audit: &mut Audit,
        mut walk: Walk,
        (pages, recorder): (mpsc::Sender<JoinHandle<Counted>>, &Arc<Recorder>),
        until: Option<Instant>,
    ) -> Result<(), RoundError> {
        loop {
            let page = self.fetch(audit, &mut walk).await?;
            let step = walk.after(&page);
            let then = step.then;
            let counting = Arc::clone(recorder);
            if pages.send(spawn_blocking(move || counting.count(page, step))).await.is_err() {
                // Recording has failed, and says why.
                return Ok(());
            }
            match then {
                Then::Continue if is_over(until) => return Ok(()),
                Then::Continue => {}
                Then::CaughtUp | Then::Later => return Ok(()),
                Then::Endless => return Err(audit.endless(&walk).into()),
            }
        }
    }

    /// Fetches the page where the walk stands; a cursor that is no longer accepted is given up, once.
    async fn fetch(&self, audit: &mut Audit, walk: &mut Walk) -> Result<AuditPage, RoundError> {
        match audit.page(walk.position()).await {
            Err(FetchError::CursorRefused { .. }) if walk.cursor_refused() => {
                tracing::debug!(source = self.setting.name, "the cursor is no longer accepted: going on from the stored time");
                Ok(audit.page(walk.position()).await?)
            }
            other => Ok(other?),
        }
    }

    async fn stored(&self, store: &Store) -> Result<BTreeMap<String, String>, StoreError> {
        let name = self.setting.name.clone();
        store.read(move |r| Ok(r.cursors(&name)?.into_iter().collect())).await
    }

    async fn next_slice(&self, store: &Store, now: Timestamp) -> Result<Option<Slice>, StoreError> {
        let name = self.setting.name.clone();
        store.read(move |r| Ok(next_slice(&r.ledger()?, &name, now))).await
    }

    /// Says what nobody can read any more, after a silence of ours that was longer than Atlassian keeps events.
    async fn note_lost(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let name = self.setting.name.clone();
        match store.read(move |r| Ok(lost(&r.ledger()?, &name, now))).await? {
            Some(slice) => self.miss(store, slice, CoverageState::Missed, LOST.to_owned()).await,
            None => Ok(()),
        }
    }

    /// Says what the older lane could not read of its slice.
    async fn note_gap(&self, store: &Store, error: &RoundError, now: Timestamp) -> Result<(), StoreError> {
        match self.next_slice(store, now).await? {
            // Nobody else says what of a slice was left.
            Some(slice) => self.miss(store, slice, gap_state(error).unwrap_or(CoverageState::Missed), error.to_string()).await,
            None => Ok(()),
        }
    }

    async fn miss(
        &self,
        store: &Store,
        Slice { from_ms, to_ms }: Slice,
        state: CoverageState,
        reason: String,
    ) -> Result<(), StoreError> {
        let name = self.setting.name.clone();
        let missed = Coverage { from_ms, to_ms, state, items: 0, skipped: 0, reason };
        store.write(move |w| w.cover(&name, &missed)).await
    }

    fn recorder(&self, actions: Arc<Actions>, now: Timestamp) -> Recorder {
        Recorder { name: self.setting.name.clone(), classifier: self.setting.classifier(), actions, now }
    }

    /// The catalogue of actions, fetched at the start and daily. One that cannot be fetched again is used on, unless our
    /// credential is the cause: then nothing else can be read either.
    async fn actions(&self, audit: &Audit, now: Timestamp) -> Result<Catalogue, RoundError> {
        let mut known = self.actions.lock().await;
        if let Some(catalogue) = known.as_ref().filter(|catalogue| now < catalogue.good_until) {
            return Ok(catalogue.clone());
        }
        let good_for = |hours: i64| now.saturating_add(hours.hours()).unwrap_or(now);
        let catalogue = match (audit.actions().await, known.take()) {
            (Ok(actions), _) => {
                let warning = if actions.counts().0 == 0 { UNLINKED } else { "" };
                Catalogue { actions: Arc::new(actions), good_until: good_for(ACTIONS_FOR_HOURS), warning }
            }
            (Err(error), Some(older)) if !error.is_ours() => {
                tracing::warn!(source = self.setting.name, %error, "an older catalogue of actions is used");
                let warning = if older.warning.is_empty() { OUTDATED } else { older.warning };
                Catalogue { good_until: good_for(ACTIONS_AGAIN_HOURS), warning, ..older }
            }
            (Err(error), older) => {
                *known = older;
                return Err(error.into());
            }
        };
        *known = Some(catalogue.clone());
        Ok(catalogue)
    }
}

fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

/// A page, what to commit with it, and what it comes to if all of it is new.
struct Counted {
    page: AuditPage,
    step: Step,
    /// The id and time of each of its sightings, and after them of what it passed over; what has none cannot be recognised.
    ids: Vec<Option<(String, i64)>>,
    batch: Batch,
}

/// What pages are counted and recorded with.
struct Recorder {
    name: String,
    classifier: Shared,
    actions: Arc<Actions>,
    now: Timestamp,
}

impl Recorder {
    fn count(&self, page: AuditPage, step: Step) -> Counted {
        let parsed = page.parse(&self.actions);
        let named = |id: &str, time_ms: i64| Some((id.to_owned(), time_ms));
        let sightings = parsed.sightings.iter().map(|s| s.event_id.as_deref().and_then(|id| named(id, s.time_ms)));
        let passed_over = parsed.passed_over.iter().map(|(id, time_ms)| named(id, *time_ms));
        let ids = sightings.chain(passed_over).collect();
        let batch = self.fold(parsed, None);
        Counted { page, step, ids, batch }
    }

    /// What is dated too far ahead is passed over, and counted as that when it comes first.
    fn fold(&self, page: Page<'_>, fresh: Option<&[bool]>) -> Batch {
        let is_ahead = |sighting: &Sighting<'_>| is_ahead(sighting.time_ms, self.now.as_millisecond());
        let Some(sample) = page.sightings.iter().find(|sighting| is_ahead(sighting)).map(|s| instant(s.time_ms).to_string())
        else {
            return self.classifier.with(|classifier| fold(&self.name, page, fresh, classifier));
        };
        let mut fresh = fresh.map_or_else(|| vec![true; page.sightings.len() + page.passed_over.len()], <[bool]>::to_vec);
        let mut count = 0;
        for (fresh, _) in fresh.iter_mut().zip(&page.sightings).filter(|(_, sighting)| is_ahead(sighting)) {
            count += u64::from(std::mem::take(fresh));
        }
        let mut batch = self.classifier.with(|classifier| fold(&self.name, page, Some(&fresh), classifier));
        batch.skipped.extend((count > 0).then_some(Skipped { reason: FUTURE, count, sample }));
        batch
    }

    fn record(&self, w: &mut Writer<'_>, Counted { page, step, ids, batch }: Counted) -> Result<Tally, StoreError> {
        let named = ids.iter().flatten().map(|(id, time_ms)| (id.as_str(), Some(*time_ms)));
        let mut claimed = w.claim(&self.name, named, self.now)?.into_iter();
        let fresh: Vec<bool> = ids.iter().map(|id| id.is_none() || claimed.next().unwrap_or(true)).collect();
        let all_new = fresh.iter().all(|fresh| *fresh);
        let mut batch = if all_new { batch } else { self.fold(page.parse(&self.actions), Some(&fresh)) };
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
        w.record(&batch, self.now)?;
        Ok(tally)
    }
}

#[cfg(test)]
mod tests;
