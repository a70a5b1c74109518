//! A round over one `[[log]]`: what its files have gained since the last one.
//!
//! A blocking thread reads, others parse and count block beside block, and the store records them in the order of the file.
//! All cores have work, and only a few blocks are in memory.

mod glance;
mod odd;

use std::{collections::BTreeMap, io, sync::Arc};

use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{InFlight, Setting, Shared, record_all};
use crate::{
    analysis::{counted, fold},
    daemon::{
        engine::{RoundError, Tally},
        options::Log,
    },
    evidence::{
        Batch, Coverage, CoverageState, CursorUpdate, Ledger, Skipped,
        coverage::MAX_CLAIMED_MS,
        format::{Format, Piece, parse_block},
        time::MS_PER_HOUR,
    },
    source::{FilePlan, FileReader, GONE, Layout, NO_FILE, NO_REGULAR_FILE, Plan, UNREADABLE, plan, shown},
    store::{Reader, Store, StoreError, Writer},
};

pub use glance::glance;
use odd::{KNOWN, ODD, Odd};

/// Blocks of one log that wait, parsed or not, while others are read and recorded; `record_all` looks at one more. Over all logs
/// [`InFlight`] says how many are read.
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
        // Time that has not come is not lost yet: a clock that was ahead thought so.
        let lost_ms: Option<i64> = stored.get(MISSED).and_then(|text| text.parse().ok());
        let missed_until = lost_ms.map(|ms| ms.min(now.as_millisecond()));
        let ledger = store.read(Reader::ledger).await?;
        let since = ledger.looked_until_ms(&self.setting.name).max(missed_until);
        // A first look that was cut off keeps when its lines began.
        let known = [KNOWN, BEGAN].iter().any(|key| stored.contains_key(*key)) || ledger.showed_items(&self.setting.name);
        let begin = Begin::new(since, stored.get(BEGAN), now);
        let odd = Odd::new(stored.get(ODD), since.unwrap_or(now.as_millisecond()), known);
        let log = Arc::clone(&self.log);
        let planned = spawn_blocking(move || plan(&log.paths, Layout::of(log.form.format), &stored, now)).await;
        let mut plan = planned.map_err(io::Error::other)?.map_err(io::Error::other)?;
        if plan.found == 0 {
            return Err(none_found(&self.log, &plan).into());
        }
        // What is missing by name may come back whole.
        let begin = if plan.torn && plan.unread.is_empty() { begin.torn(now) } else { begin };
        plan.cursors.extend(missed_until.filter(|_| missed_until != lost_ms).map(lost_until));
        let files = std::mem::take(&mut plan.files);
        let so_far = self.read_files(store, files, SoFar::new(begin, odd, now)).await?;
        let passed_over = passed_over(&ledger, &self.setting.name, missed_until);
        self.end(store, plan, so_far, &ledger, passed_over).await
    }

    /// Records what the ledger says of a round that was read to its end.
    async fn end(
        &self,
        store: &Store,
        plan: Plan,
        so_far: SoFar,
        ledger: &Ledger,
        passed_over: Option<Coverage>,
    ) -> Result<Tally, RoundError> {
        let SoFar { begin, mut tally, skipped, odd, now } = so_far;
        let (name, to_ms) = (self.setting.name.clone(), now.as_millisecond());
        tally.skipped += plan.skipped.iter().map(|s| s.count).sum::<u64>();
        let unread = plan.unread.iter().chain(unreadable(&skipped)).map(words);
        let unread = unread.chain(odd.words_as_before(&self.log, &name, ledger)).collect::<Vec<_>>().join("; ");
        let reason = [unread.clone()].into_iter().chain(plan.gone.iter().map(words));
        let reason = reason.filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ");
        let state = if reason.is_empty() { CoverageState::Covered } else { CoverageState::Missed };
        let torn = begin.torn_ms(to_ms);
        let from_ms = torn.map_or_else(|| begin.ms(), |(_, resumed_ms)| Some(resumed_ms));
        let from_ms = odd.since_ms().map(|odd_ms| from_ms.map_or(odd_ms, |ms| ms.min(odd_ms))).or(from_ms);
        // What was called covered while the lines were still few is not.
        let revoked_ms = odd.since_ms().filter(|odd_ms| ledger.looked_until_ms(&name).is_some_and(|ms| ms > *odd_ms));
        let (items, skipped) = (tally.items, revoked_ms.map_or(tally.skipped, |_| tally.skipped.max(odd.count())));
        let looked = from_ms.map(|from_ms| Coverage { from_ms, to_ms, state, items, skipped, reason });
        let torn = torn.map(|(from_ms, to_ms)| {
            let (state, reason) = (CoverageState::Missed, TORN.to_owned());
            Coverage { from_ms, to_ms, state, items: 0, skipped: 0, reason }
        });
        let mut cursors = plan.cursors;
        // A look that ends before it begins was made by a clock that is behind, and has not been one.
        cursors.extend(from_ms.is_none_or(|ms| ms < to_ms).then(|| CursorUpdate { key: BEGAN.to_owned(), value: None }));
        cursors.extend(torn.iter().map(|torn| lost_until(torn.to_ms)));
        cursors.extend((plan.lost || odd.since_ms().is_some()).then(|| lost_until(to_ms)));
        let batch = Batch {
            source: name,
            cursors,
            skipped: plan.skipped,
            coverage: passed_over.into_iter().chain(torn).chain(looked).collect(),
            ..Batch::default()
        };
        let write = move |w: &mut Writer<'_>| {
            if let Some(from) = revoked_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
                w.forget_future(&batch.source, from, from)?;
            }
            w.record(&batch, now)
        };
        store.write(write).await?;
        if unread.is_empty() { Ok(tally) } else { Err(RoundError::InPart(unread)) }
    }

    /// Reads the planned files, the oldest first, and records each block with its cursor.
    async fn read_files(&self, store: &Store, files: Vec<FilePlan>, so_far: SoFar) -> Result<SoFar, RoundError> {
        let (blocks, inbox) = mpsc::channel(BLOCKS_AHEAD);
        let parser = Arc::new(Parser {
            name: self.setting.name.clone(),
            log: Arc::clone(&self.log),
            classifier: self.setting.classifier(),
            now: so_far.now,
        });
        let fetch = tracing::debug_span!("fetch");
        let reading = spawn_blocking(move || fetch.in_scope(|| read(files, &parser, &blocks)));
        let all = record_all::<_, _, RoundError>(inbox, store, so_far, SoFar::record, |_| ()).await?;
        reading.await.map_err(io::Error::other)?;
        Ok(all)
    }
}

/// What a round has read so far.
struct SoFar {
    begin: Begin,
    tally: Tally,
    skipped: Vec<Skipped>,
    odd: Odd,
    now: Timestamp,
}

impl SoFar {
    fn new(begin: Begin, odd: Odd, now: Timestamp) -> Self {
        Self { begin, tally: Tally::default(), skipped: Vec::new(), odd, now }
    }

    /// Records a block with its cursor, and with it that its time is lost if it is: no later round reads it again.
    fn record(&mut self, w: &mut Writer<'_>, (mut batch, first_ms): Parsed) -> Result<(), StoreError> {
        self.tally.items += batch.items;
        self.tally.skipped += batch.skipped.iter().map(|s| s.count).sum::<u64>();
        batch.cursors.extend(self.begin.earlier(first_ms));
        batch.skipped.iter().for_each(|skip| Skipped::add(&mut self.skipped, skip));
        batch.cursors.extend(self.odd.add(batch.items, &batch.skipped));
        let lost = unreadable(&self.skipped).next().is_some() || self.odd.since_ms().is_some();
        batch.cursors.extend(lost.then(|| lost_until(self.now.as_millisecond())));
        w.record(&batch, self.now)
    }
}

/// Files that turned out to be unreadable.
fn unreadable(skipped: &[Skipped]) -> impl Iterator<Item = &Skipped> {
    skipped.iter().filter(|skip| skip.reason == UNREADABLE)
}

/// The cursor that keeps any later round from claiming the time up to an instant.
fn lost_until(ms: i64) -> CursorUpdate {
    CursorUpdate { key: MISSED.to_owned(), value: Some(ms.to_string()) }
}

/// Lines that say nothing, whether the others are understood or not.
const COMMENT: &str = "comment";

/// What was not read, and why.
fn words(skipped: &Skipped) -> String {
    let Skipped { reason, count, sample } = skipped;
    let sample = if sample.is_empty() { String::new() } else { format!(", such as {sample}") };
    match *reason {
        GONE => format!("{} went before anybody could read it{sample}", counted(*count, "file", "files")),
        NO_FILE => format!("there is no file any more{sample}"),
        NO_REGULAR_FILE => format!("{} no regular file{sample}", counted(*count, "path is", "paths are")),
        reason if reason == UNREADABLE => format!("{} cannot be read ({UNREADABLE}){sample}", counted(*count, "file", "files")),
        _ => format!("{} left out: {reason}{sample}", counted(*count, "file was", "files were")),
    }
}

/// Nothing is there that could be read, and what is there instead.
fn none_found(log: &Log, plan: &Plan) -> io::Error {
    let instead = plan.unread.iter().map(words);
    let said: Vec<_> = [format!("no file matches {}", log.paths.join(", "))].into_iter().chain(instead).collect();
    io::Error::new(io::ErrorKind::NotFound, said.join("; "))
}

/// The cursor of a first look that is under way: the earliest instant of the lines read so far.
pub const BEGAN: &str = "began";

/// The cursor of what is lost: until when, in Unix milliseconds, lines were passed over that nobody could read.
const MISSED: &str = "missed";

/// What is said of the time between two looks of which the second finds nothing of what was written last at the first.
const TORN: &str = "what was written last had gone before anybody looked again";

/// Who looks more often than this has seen a file until shortly before it went.
const TORN_AFTER_MS: i64 = MS_PER_HOUR;

/// Why time is missed that a look has given up which was cut off before it could say so.
const PASSED_OVER: &str = "lines were passed over that could not be read, in a look that did not end";

/// The time that was given up and of which the ledger says nothing yet.
fn passed_over(ledger: &Ledger, source: &str, missed_until: Option<i64>) -> Option<Coverage> {
    let (from_ms, to_ms) = (ledger.sources.get(source)?.last()?.to_ms, missed_until?);
    let missed = Coverage { from_ms, to_ms, state: CoverageState::Missed, items: 0, skipped: 0, reason: PASSED_OVER.to_owned() };
    (from_ms < to_ms).then_some(missed)
}

/// Since when a log that was read to its end is covered: since the look before, or, the first time, since its first line.
/// A first look may be interrupted, so its beginning is committed with the lines.
enum Begin {
    Looked(i64),
    /// The log goes on with other files: what lies between the look before and their first line is lost.
    Torn {
        since: i64,
        resumed: Option<i64>,
    },
    First {
        began: Option<i64>,
        not_before: i64,
    },
}

impl Begin {
    fn new(looked_until: Option<i64>, began: Option<&String>, now: Timestamp) -> Self {
        let not_before = now.as_millisecond() - MAX_CLAIMED_MS;
        let first = || Self::First { began: began.and_then(|text| text.parse().ok()), not_before };
        looked_until.map_or_else(first, Self::Looked)
    }

    fn ms(&self) -> Option<i64> {
        match self {
            Self::Looked(ms) => Some(*ms),
            Self::Torn { resumed, .. } => *resumed,
            Self::First { began, not_before } => began.map(|ms| ms.max(*not_before)),
        }
    }

    fn torn(self, now: Timestamp) -> Self {
        match self {
            Self::Looked(since) if now.as_millisecond() - since > TORN_AFTER_MS => Self::Torn { since, resumed: None },
            other => other,
        }
    }

    /// What is lost, of a round that ends at an instant.
    fn torn_ms(&self, to_ms: i64) -> Option<(i64, i64)> {
        let Self::Torn { since, resumed } = self else { return None };
        Some((*since, resumed.unwrap_or(to_ms)))
    }

    /// Takes the first line of a block into account; the update, when it is the earliest yet.
    fn earlier(&mut self, first_ms: Option<i64>) -> Option<CursorUpdate> {
        if let Self::Torn { since, resumed: resumed @ None } = self {
            *resumed = first_ms.map(|ms| ms.max(*since));
            return resumed.map(lost_until);
        }
        let Self::First { began, .. } = self else { return None };
        let first_ms = first_ms.filter(|first| began.is_none_or(|began| *first < began))?;
        *began = Some(first_ms);
        Some(CursorUpdate { key: BEGAN.to_owned(), value: Some(first_ms.to_string()) })
    }
}

/// What a block became, and the instant of its first line.
type Parsed = (Batch, Option<i64>);

/// Reads file after file and has each block parsed. Ends early when nobody takes the blocks any more: the round has ended. A
/// file that cannot be read keeps none of the others from being read.
fn read(files: Vec<FilePlan>, parser: &Arc<Parser>, blocks: &mpsc::Sender<JoinHandle<Parsed>>) {
    for file in files {
        let path = shown(&file.path);
        let unopened = file.give_up();
        let read = match FileReader::open(file) {
            Ok(mut reader) => read_file(&mut reader, parser, blocks).map_err(|error| (Some(reader.give_up()), error)),
            // What the system does not open may be opened the next time.
            Err(error) if error.raw_os_error().is_some() => Err((None, error)),
            Err(error) => Err((Some(unopened), error)),
        };
        let taken = read.unwrap_or_else(|(cursor, error)| {
            let skipped = vec![Skipped { reason: UNREADABLE, count: 1, sample: format!("{path}: {error}") }];
            let parser = Arc::clone(parser);
            blocks.blocking_send(spawn_blocking(move || parser.parse(Piece::default(), cursor, skipped))).is_ok()
        });
        if !taken {
            return;
        }
    }
}

/// Whether the blocks were taken to the file's end.
fn read_file(reader: &mut FileReader, parser: &Arc<Parser>, blocks: &mpsc::Sender<JoinHandle<Parsed>>) -> io::Result<bool> {
    let header: Arc<[u8]> = reader.header().into();
    let (path, changed_ms): (Arc<str>, _) = (reader.path().to_string_lossy().into(), reader.changed_ms());
    loop {
        let in_flight = InFlight::wait();
        let Some(block) = reader.next_block()? else { return Ok(true) };
        let (block, cursor, skipped) = (in_flight.holding(block.bytes), block.cursor, block.skipped);
        let (parser, header, path) = (Arc::clone(parser), Arc::clone(&header), Arc::clone(&path));
        let parse = move || {
            let bytes = block.bytes();
            parser.parse(Piece { bytes, header: &header, path: &path, changed_ms }, Some(cursor), skipped)
        };
        if blocks.blocking_send(spawn_blocking(parse)).is_err() {
            return Ok(false);
        }
    }
}

/// What a block is parsed with.
struct Parser {
    name: String,
    log: Arc<Log>,
    classifier: Shared,
    now: Timestamp,
}

impl Parser {
    fn parse(&self, piece: Piece<'_>, cursor: Option<CursorUpdate>, skipped: Vec<Skipped>) -> Parsed {
        let page = parse_block(piece, &self.log.form, self.now.as_millisecond());
        // Transcripts without a failure were looked at as well.
        let unfailing = (self.log.form.format == Format::Transcript && piece.changed_ms > 0).then_some(piece.changed_ms);
        // By the order in the file: a stray date in between claims nothing.
        let first_ms = page.sightings.first().map(|s| s.time_ms).or(unfailing);
        let mut batch = self.classifier.with(|classifier| fold(&self.name, page, None, classifier));
        batch.skipped.extend(skipped);
        batch.cursors = cursor.into_iter().collect();
        (batch, first_ms)
    }
}

#[cfg(test)]
mod tests;
