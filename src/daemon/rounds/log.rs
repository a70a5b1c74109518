//! A round over one `[[log]]`: what its files have gained since the last one.
//!
//! A blocking thread reads; each block is parsed and counted on a thread of its own; the store records what comes of them,
//! in the order of the file. All cores have work, and only a few blocks are in memory.

use std::{io, sync::Arc};

use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{Setting, Shared};
use crate::{
    analysis::fold,
    daemon::{
        engine::{RoundError, Tally, looked_until},
        options::Log,
    },
    evidence::{
        Batch, Coverage, CoverageState, CursorUpdate, Page, Skipped,
        format::{Defaults, json::parse_lines},
    },
    source::{FilePlan, FileReader, Layout, plan},
    store::Store,
};

/// Blocks that wait while others are read and recorded: three are being parsed at most, some thirty megabytes.
const BLOCKS_AHEAD: usize = 1;

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
        let parser = Arc::new(Parser {
            name: self.setting.name.clone(),
            log: Arc::clone(&self.log),
            classifier: self.setting.classifier(),
            now,
        });
        let reading = spawn_blocking(move || read(files, &parser, &blocks));
        let mut tally = Tally::default();
        while let Some(parsed) = inbox.recv().await {
            let mut batch = parsed.await.map_err(io::Error::other)?;
            tally.items += batch.items;
            tally.skipped += batch.skipped.iter().map(|s| s.count).sum::<u64>();
            if !first_look {
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

/// Reads block after block and has each parsed. Ends early, without an error, when nobody takes the blocks any more: the
/// round has ended.
fn read(files: Vec<FilePlan>, parser: &Arc<Parser>, blocks: &mpsc::Sender<JoinHandle<Batch>>) -> io::Result<()> {
    for file in files {
        let mut reader = FileReader::open(file)?;
        while let Some(block) = reader.next_block()? {
            let (bytes, cursor, skipped) = (block.bytes.to_vec(), block.cursor, block.skipped);
            let parser = Arc::clone(parser);
            let parsing = spawn_blocking(move || parser.parse(&bytes, cursor, skipped));
            if blocks.blocking_send(parsing).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What a block is parsed with.
struct Parser {
    name: String,
    log: Arc<Log>,
    classifier: Shared,
    now: Timestamp,
}

impl Parser {
    fn parse(&self, bytes: &[u8], cursor: CursorUpdate, skipped: Vec<Skipped>) -> Batch {
        let defaults = Defaults { host: self.log.host.as_deref() };
        let page = parse_lines(bytes, &self.log.fields, defaults, self.now.as_millisecond());
        let span = self.span(&page);
        let mut batch = self.classifier.with(|classifier| fold(&self.name, page, None, classifier));
        batch.coverage.extend(span);
        batch.skipped.extend(skipped);
        batch.cursors = vec![cursor];
        batch
    }

    /// From the first to the last line of a block, by the order in the file: a stray date in between claims nothing.
    fn span(&self, page: &Page<'_>) -> Option<Coverage> {
        let (first, last) = (page.sightings.first()?, page.sightings.last()?);
        let to_ms = last.time_ms.min(self.now.as_millisecond());
        let state = CoverageState::Covered;
        Some(Coverage { from_ms: first.time_ms, to_ms, state, items: 0, skipped: 0, reason: String::new() })
    }
}
