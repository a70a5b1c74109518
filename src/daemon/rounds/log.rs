//! A round over one `[[log]]`: what its files have gained since the last one.
//!
//! A blocking thread reads, parses and counts; the store records what it hands over, block by block. Two cores have work,
//! and only a few blocks are in memory.

use std::{io, sync::Arc};

use jiff::Timestamp;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{Setting, Shared};
use crate::{
    analysis::fold,
    daemon::{
        engine::{RoundError, Tally, looked_until},
        options::Log,
    },
    evidence::{
        Batch, Coverage, CoverageState, Page,
        format::{Defaults, json::parse_lines},
        time::MS_PER_DAY,
    },
    source::{FilePlan, FileReader, Layout, plan},
    store::Store,
};

/// Blocks that wait for the store while the next one is parsed.
const BLOCKS_AHEAD: usize = 2;

/// The longest time without a line that a first look takes for silence, a long weekend. More looks like a missing file,
/// and then nobody knows.
const LONGEST_SILENCE_MS: i64 = 4 * MS_PER_DAY;

pub struct LogRound {
    setting: Setting,
    log: Arc<Log>,
}

impl LogRound {
    pub fn new(setting: Setting, log: Arc<Log>) -> Self {
        Self { setting, log }
    }

    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<Tally, RoundError> {
        let name = self.setting.name.clone();
        let stored = store.read(move |r| r.cursors(&name)).await?.into_iter().collect();
        let log = Arc::clone(&self.log);
        let looked = spawn_blocking(move || plan(&log.paths, Layout::Lines, &stored, now)).await;
        let plan = looked.map_err(io::Error::other)?.map_err(io::Error::other)?;
        if plan.found == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no file matches {}", self.log.paths.join(", "))).into());
        }
        let first_look = looked_until(store, &self.setting.name).await?.is_none();
        let mut tally = self.read_files(store, plan.files, first_look, now).await?;
        tally.skipped += plan.skipped.iter().map(|s| s.count).sum::<u64>();
        let unread = plan.skipped.iter().map(|s| format!("{} ({})", s.reason, s.sample)).collect::<Vec<_>>().join("; ");
        let state = if unread.is_empty() { CoverageState::Covered } else { CoverageState::Missed };
        let coverage = self.up_to_now(store, state, &unread, now).await?;
        let batch = Batch {
            source: self.setting.name.clone(),
            cursors: plan.cursors,
            skipped: plan.skipped,
            coverage: coverage.into_iter().collect(),
            ..Batch::default()
        };
        store.write(move |w| w.record(&batch, now)).await?;
        if unread.is_empty() { Ok(tally) } else { Err(RoundError::InPart(unread)) }
    }

    /// Reads the planned files, the oldest first, and records each block with its cursor.
    async fn read_files(
        &self,
        store: &Store,
        files: Vec<FilePlan>,
        first_look: bool,
        now: Timestamp,
    ) -> Result<Tally, RoundError> {
        let (blocks, mut inbox) = mpsc::channel(BLOCKS_AHEAD);
        let reader =
            Reader { name: self.setting.name.clone(), log: Arc::clone(&self.log), classifier: self.setting.classifier(), now };
        let reading = spawn_blocking(move || reader.read(files, &blocks));
        let (mut tally, mut seen_to_ms) = (Tally::default(), None);
        while let Some(mut batch) = inbox.recv().await {
            tally.items += batch.items;
            tally.skipped += batch.skipped.iter().map(|s| s.count).sum::<u64>();
            if first_look {
                batch.coverage.iter_mut().for_each(|span| join(span, &mut seen_to_ms));
            } else {
                // Only a first look has to say since when there is a log; later ones go on from the one before.
                batch.coverage.clear();
            }
            store.write(move |w| w.record(&batch, now)).await?;
        }
        reading.await.map_err(io::Error::other)??;
        Ok(tally)
    }

    /// The interval from the last look to now: a log that is read to its end has shown all that happened.
    async fn up_to_now(
        &self,
        store: &Store,
        state: CoverageState,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Coverage>, RoundError> {
        let since = looked_until(store, &self.setting.name).await?;
        let to_ms = now.as_millisecond();
        Ok(since.map(|from_ms| Coverage { from_ms, to_ms, state, items: 0, skipped: 0, reason: reason.to_owned() }))
    }
}

/// Lets a block's interval begin where the one before it ended: between the last line of one file and the first line of
/// the next nobody looked away.
fn join(span: &mut Coverage, seen_to_ms: &mut Option<i64>) {
    if let Some(before) = seen_to_ms.filter(|before| span.from_ms - before <= LONGEST_SILENCE_MS) {
        span.from_ms = span.from_ms.min(before);
    }
    *seen_to_ms = (*seen_to_ms).max(Some(span.to_ms));
}

/// What the blocking thread works with.
struct Reader {
    name: String,
    log: Arc<Log>,
    classifier: Shared,
    now: Timestamp,
}

impl Reader {
    /// Ends early, without an error, when nobody takes the blocks any more: the round has ended.
    fn read(&self, files: Vec<FilePlan>, blocks: &mpsc::Sender<Batch>) -> io::Result<()> {
        let defaults = Defaults { host: self.log.host.as_deref(), ..Defaults::default() };
        for file in files {
            let mut reader = FileReader::open(file)?;
            while let Some(block) = reader.next_block()? {
                let page = parse_lines(block.bytes, &self.log.fields, defaults, self.now.as_millisecond());
                let span = self.span(&page);
                let mut batch = self.classifier.with(|classifier| fold(&self.name, page, None, classifier));
                batch.coverage.extend(span);
                batch.skipped.extend(block.skipped);
                batch.cursors = vec![block.cursor];
                if blocks.blocking_send(batch).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// From the first to the last line of a block, by the order in the file: a stray date in between claims nothing.
    fn span(&self, page: &Page<'_>) -> Option<Coverage> {
        let (first, last) = (page.sightings.first()?, page.sightings.last()?);
        let to_ms = last.time_ms.min(self.now.as_millisecond());
        let state = CoverageState::Covered;
        Some(Coverage { from_ms: first.time_ms, to_ms, state, items: 0, skipped: 0, reason: String::new() })
    }
}
