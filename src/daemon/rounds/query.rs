//! A round over one `[[query]]`: the slices of time that are over are asked of the engine, oldest first.
//!
//! An answer is read as it comes and staged in short transactions; one more puts it in the place of an earlier answer, with
//! the cursor and the coverage. A round may end anywhere: what was staged and is not whole counts nowhere.

mod slices;

use std::{io, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::super::options::Query;
use crate::{
    analysis::question::{Answer, Malformed},
    daemon::{
        engine::{RoundError, Tally},
        skew::WRONG_SECONDS,
    },
    evidence::{Batch, Coverage, CoverageState, CursorUpdate, Day, Skipped, time},
    source::{Asking, FetchError, LogEngine, Session, Usage},
    store::{Slice, Store, Writer},
};
pub use slices::Pace;
use slices::{ASKED, COUNTED, Progress, SETTLED};

/// Rows of one transaction: a fraction of a second each.
const ROWS_AT_ONCE: usize = 8_192;

/// Slices of one round: far more than a first look takes, so that only a fault of ours is cut short.
const MAX_SLICES: usize = 10_000;

/// What was judged by when all that is counted was asked: a fingerprint.
const RULED: &str = "ruled";
/// What it means that this has changed since.
const OTHER_RULES: &str = "rules, clients, networks or dates have changed since this was asked, and nothing of it is kept to be judged \
                           anew: ask again with `duskwatch poll --source NAME --since DATE`";

/// What it means that the engine's is behind.
const ENGINE_BEHIND: &str =
    "the engine's clock is behind ours, and nothing is asked of a time that has not come there: set the clocks";

/// Why rows of an answer were skipped.
const NOT_UTF8: &str = "not_utf8";
/// What is to be done about it.
const UNREADABLE_ROWS: &str = "rows that are not UTF-8 were skipped: ask through a view that makes them so";

/// Why a slice is not looked at as closely as it will be.
const LATE_ROWS: &str = "rows that come late are still waited for: this is asked once more";

pub struct QueryRound {
    name: String,
    query: Arc<Query>,
    fingerprint: String,
    engine: LogEngine,
}

impl QueryRound {
    /// `fingerprint` stands for what evidence is judged by now.
    pub fn new(name: String, query: Arc<Query>, engine: LogEngine, fingerprint: String) -> Self {
        Self { name, query, fingerprint, engine }
    }

    pub fn usage(&self) -> Usage {
        self.engine.take_usage()
    }

    /// Asks of everything that is over and was not asked, and once more of what is old enough that nothing comes late. From
    /// `since` on everything is asked again.
    pub async fn run(&self, store: &Store, since: Option<Day>, now: Timestamp) -> Result<Tally, RoundError> {
        let name = self.name.clone();
        let cursors = store.read(move |r| r.cursors(&name)).await?;
        let text = |key: &str| cursors.iter().find(|(known, _)| known == key).map(|(_, text)| text.as_str());
        let stored = |key: &str| text(key).and_then(|text| text.parse().ok());
        let session = self.engine.session().await?;
        let here_ms = now.as_millisecond();
        let there_ms = session.now_ms().unwrap_or(here_ms);
        let done = stored(SETTLED).map(|settled_ms| Progress { settled_ms, asked_ms: stored(ASKED).unwrap_or(settled_ms) });
        let begin = Day::of(now).plus(-self.query.backfill_days).start_ms();
        let mut counted_ms = stored(COUNTED).or(done.map(|done| done.settled_ms)).unwrap_or(i64::MIN);
        // While the clocks differ nobody knows which of them is wrong.
        let agree = here_ms.saturating_sub(there_ms).saturating_abs() <= WRONG_SECONDS * 1_000;
        let right = done.map(|done| if agree { done.set_right(self.query.pace, counted_ms, here_ms, begin) } else { done });
        if let Some(right) = right.filter(|_| right != done) {
            // Totals never go back: what begins before now may be in them by half, and is not counted once more.
            counted_ms = counted_ms.min(self.query.pace.slice_end_ms(here_ms));
            self.set_right(store, right, counted_ms, now).await?;
        }
        let done = right;
        let mut progress = match (done, since.map(Day::start_ms)) {
            (Some(done), Some(since_ms)) if since_ms < done.asked_ms => Progress::at(since_ms.min(done.settled_ms)),
            (Some(done), _) => done,
            (None, since_ms) => Progress::at(since_ms.unwrap_or(begin)),
        };
        let ruled = text(RULED).filter(|_| since.is_none()).unwrap_or(&self.fingerprint);
        let warning = match () {
            () if !agree && there_ms < here_ms => ENGINE_BEHIND,
            () if ruled != self.fingerprint => OTHER_RULES,
            () => "",
        };
        let mut tally = Tally { warning, ..Tally::default() };
        for _ in 0..MAX_SLICES {
            // Rows that do not exist yet would be missed for good: a slice is over when it is so by both clocks.
            let Some(slice) = progress.next(self.query.pace, counted_ms, here_ms.min(there_ms)) else { break };
            progress = progress.after(slice);
            let first = slice.settled && slice.from_ms >= counted_ms;
            counted_ms = if first { slice.to_ms } else { counted_ms };
            let known = done.map_or(progress, |done| progress.max(done));
            let cursors = known.cursors(counted_ms).into_iter().chain([(RULED, ruled.to_owned())]).collect();
            let (items, skipped) = self.ask(store, (slice, first), cursors, &session, now).await?;
            (tally.items, tally.skipped) = (tally.items + items, tally.skipped + skipped);
        }
        Ok(tally)
    }

    /// Goes back to where a clock that was ahead is not in doubt: what it asked counts as not looked at until it is asked again.
    async fn set_right(&self, store: &Store, right: Progress, counted_ms: i64, now: Timestamp) -> Result<(), RoundError> {
        tracing::warn!(
            source = self.name,
            "it was asked too early: a clock was ahead, or `late` was shorter; what is in doubt is asked again"
        );
        let from = Timestamp::from_millisecond(right.asked_ms).unwrap_or(now);
        let batch = Batch { source: self.name.clone(), cursors: updates(right.cursors(counted_ms)), ..Batch::default() };
        let record = move |w: &mut Writer<'_>| {
            w.forget_future(&batch.source, from, from)?;
            w.record(&batch, now)
        };
        Ok(store.write(record).await?)
    }

    /// Asks of one slice, and returns how many lines it holds and how many rows could not be read. `cursors` go with its answer.
    async fn ask(
        &self,
        store: &Store,
        (slice, first): (Slice, bool),
        cursors: Vec<(&'static str, String)>,
        session: &Session<'_>,
        now: Timestamp,
    ) -> Result<(u64, u64), RoundError> {
        let name = self.name.clone();
        store.write(move |w| w.begin_answer(&name)).await?;
        let span = (slice.from_ms, slice.to_ms);
        let mut answer = self.query.question.answer(span);
        let skipped = self.read(store, &mut answer, span, session, now).await?;
        let items = answer.lines();
        let state = if slice.settled { CoverageState::Covered } else { CoverageState::Partial };
        let reasons = [(!slice.settled, LATE_ROWS), (skipped > 0, UNREADABLE_ROWS)];
        let reason = reasons.iter().filter(|(holds, _)| *holds).map(|(_, words)| *words).collect::<Vec<_>>().join("; ");
        let unreadable = Skipped { reason: NOT_UTF8, count: skipped, sample: String::new() };
        let batch = Batch {
            source: self.name.clone(),
            items: if first { items } else { 0 },
            unknown: if first { answer.unknown() } else { Vec::new() },
            coverage: vec![Coverage { from_ms: slice.from_ms, to_ms: slice.to_ms, state, items, skipped, reason }],
            skipped: if first && skipped > 0 { vec![unreadable] } else { Vec::new() },
            cursors: updates(cursors),
            ..Batch::default()
        };
        store.write(move |w| w.end_answer(slice, &batch, first, now)).await?;
        Ok((items, skipped))
    }

    /// Stages all rows of an answer, and returns how many could not be read.
    async fn read(
        &self,
        store: &Store,
        answer: &mut Answer<'_>,
        slice: (i64, i64),
        session: &Session<'_>,
        now: Timestamp,
    ) -> Result<u64, RoundError> {
        let label = format!("duskwatch {} {}", self.name, time::instant(slice.0));
        // Two rounds never begin in one millisecond; one round asks of each slice once.
        let id = format!("duskwatch-{}-{}-{}", self.query.name, slice.0, now.as_millisecond());
        let asking = Asking { id: &id, label: &label, limit: self.query.limit };
        let mut rows = session.ask(self.query.question.statement(slice, &label), asking).await?;
        while let Some(more) = rows.next().await? {
            for row in more {
                answer.read(&row).map_err(io::Error::other)?;
            }
            if answer.waiting() >= ROWS_AT_ONCE {
                self.stage(store, answer).await?;
            }
        }
        self.stage(store, answer).await?;
        Ok(rows.unreadable())
    }

    async fn stage(&self, store: &Store, answer: &mut Answer<'_>) -> Result<(), RoundError> {
        let piece = answer.take(&self.name);
        Ok(store.write(move |w| w.stage(&piece)).await?)
    }
}

fn updates(cursors: impl IntoIterator<Item = (&'static str, String)>) -> Vec<CursorUpdate> {
    cursors.into_iter().map(|(key, value)| CursorUpdate { key: key.to_owned(), value: Some(value) }).collect()
}

/// What an engine said when it was glanced at.
pub struct Glance {
    /// What time it is there, if it says so.
    pub time: Option<Timestamp>,
    /// How many lines were in a second, or why its answer is none.
    pub lines: Result<u64, Malformed>,
}

/// Asks of the first second of an hour that is over: whether table, columns and rights are there.
pub async fn glance(query: &Query, engine: LogEngine, now: Timestamp) -> Result<Glance, FetchError> {
    let session = engine.session().await?;
    let time = session.now_ms().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let from_ms = now.as_millisecond().div_euclid(time::MS_PER_HOUR) * time::MS_PER_HOUR - time::MS_PER_HOUR;
    let slice = (from_ms, from_ms + 1_000);
    let (id, label) = (format!("duskwatch-{}-check-{}", query.name, now.as_millisecond()), "duskwatch check");
    let asking = Asking { id: &id, label, limit: Duration::from_secs(30) };
    let mut rows = session.ask(query.question.statement(slice, label), asking).await?;
    let mut answer = query.question.answer(slice);
    while let Some(more) = rows.next().await? {
        if let Err(malformed) = more.iter().try_for_each(|row| answer.read(row)) {
            return Ok(Glance { time, lines: Err(malformed) });
        }
    }
    Ok(Glance { time, lines: Ok(answer.lines()) })
}
