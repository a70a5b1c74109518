//! A round over one `[[log]]`: what its files have gained since the last one.
//!
//! A blocking thread reads, others parse and count block beside block, and the store records them in the order of the file.
//! All cores have work, and only a few blocks are in memory.

use std::{collections::BTreeMap, io, sync::Arc};

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
        Batch, Coverage, CoverageState, CursorUpdate, Skipped,
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
        let stored: BTreeMap<String, String> = store.read(move |r| r.cursors(&name)).await?.into_iter().collect();
        let mut begin = Begin::new(looked_until(store, &self.setting.name).await?, stored.get(BEGAN));
        let log = Arc::clone(&self.log);
        let looked = spawn_blocking(move || plan(&log.paths, Layout::Lines, &stored, now)).await;
        let plan = looked.map_err(io::Error::other)?.map_err(io::Error::other)?;
        if plan.found == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no file matches {}", self.log.paths.join(", "))).into());
        }
        let mut tally = self.read_files(store, plan.files, &mut begin, now).await?;
        tally.skipped += plan.skipped.iter().map(|s| s.count).sum::<u64>();
        let unread = plan.skipped.iter().map(|s| format!("{} ({})", s.reason, s.sample)).collect::<Vec<_>>().join("; ");
        let state = if unread.is_empty() { CoverageState::Covered } else { CoverageState::Missed };
        let (items, skipped, to_ms) = (tally.items, tally.skipped, now.as_millisecond());
        let coverage = begin.ms().map(|from_ms| Coverage { from_ms, to_ms, state, items, skipped, reason: unread.clone() });
        let mut cursors = plan.cursors;
        cursors.push(CursorUpdate { key: BEGAN.to_owned(), value: None });
        let batch = Batch {
            source: self.setting.name.clone(),
            cursors,
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
        begin: &mut Begin,
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
            let (mut batch, first_ms) = parsed.await.map_err(io::Error::other)?;
            tally.items += batch.items;
            tally.skipped += batch.skipped.iter().map(|s| s.count).sum::<u64>();
            batch.cursors.extend(begin.earlier(first_ms));
            store.write(move |w| w.record(&batch, now)).await?;
        }
        reading.await.map_err(io::Error::other)??;
        Ok(tally)
    }
}

/// The cursor of a first look that is under way: the earliest instant of the lines read so far.
const BEGAN: &str = "began";

/// Since when a log that was read to its end is covered: since the look before, or, the first time, since its first line.
/// A first look may be interrupted, so its beginning is committed with the lines.
enum Begin {
    Looked(i64),
    First(Option<i64>),
}

impl Begin {
    fn new(looked_until: Option<i64>, began: Option<&String>) -> Self {
        looked_until.map_or_else(|| Self::First(began.and_then(|text| text.parse().ok())), Self::Looked)
    }

    fn ms(&self) -> Option<i64> {
        match self {
            Self::Looked(ms) => Some(*ms),
            Self::First(ms) => *ms,
        }
    }

    /// Takes the first line of a block into account; the update, when it is the earliest yet.
    fn earlier(&mut self, first_ms: Option<i64>) -> Option<CursorUpdate> {
        let Self::First(began) = self else { return None };
        let first_ms = first_ms.filter(|first| began.is_none_or(|began| *first < began))?;
        *began = Some(first_ms);
        Some(CursorUpdate { key: BEGAN.to_owned(), value: Some(first_ms.to_string()) })
    }
}

/// A block that is being parsed: what it became, and the instant of its first line.
type Parsing = JoinHandle<(Batch, Option<i64>)>;

/// Reads block after block and has each parsed. Ends early, without an error, when nobody takes the blocks any more: the
/// round has ended.
fn read(files: Vec<FilePlan>, parser: &Arc<Parser>, blocks: &mpsc::Sender<Parsing>) -> io::Result<()> {
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
    fn parse(&self, bytes: &[u8], cursor: CursorUpdate, skipped: Vec<Skipped>) -> (Batch, Option<i64>) {
        let defaults = Defaults { host: self.log.host.as_deref() };
        let page = parse_lines(bytes, &self.log.fields, defaults, self.now.as_millisecond());
        // By the order in the file: a stray date in between claims nothing.
        let first_ms = page.sightings.first().map(|s| s.time_ms);
        let mut batch = self.classifier.with(|classifier| fold(&self.name, page, None, classifier));
        batch.skipped.extend(skipped);
        batch.cursors = vec![cursor];
        (batch, first_ms)
    }
}
