//! Evidence from files by hand. The same content twice changes nothing: a line is known by its bytes and by how many equal
//! ones stood before it in its file.
//!
//! Three kinds of work go on side by side: one thread reads blocks of whole lines and says what each line is known by, others
//! make a batch of all lines of a block, and the store asks which lines are new and takes the batch. Nearly always all of
//! them are; where some are not, the block is read once more without those.

mod identity;
mod register;

use std::{fmt, io, path::Path, sync::Arc};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    Engine,
    rounds::{InFlight, Setting, Shared, record_all},
};
use crate::{
    analysis::fold,
    evidence::{
        Batch, Coverage, CoverageState, Day, Page, Skipped, SourceKind,
        coverage::MAX_CLAIMED_MS,
        format::{Form, Format, Piece, is_ahead, is_understood, parse_block},
    },
    source::{Layout, changed_ms, content_blocks},
    store::{SourceState, StoreError, Writer},
};
use identity::{Identities, Ids, Key, Keys};
pub use register::RegisterKind;

/// Blocks that wait, parsed or not, while others are read and recorded; `record_all` looks at one more.
const BLOCKS_AHEAD: usize = 1;

/// The name of an import that uses no `[[log]]` section's settings.
const BY_HAND: &str = "files";

/// What one import did, so far or in all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Lines of a log, rows of a table, operations of a transcript.
    pub read: u64,
    /// Those whose content was imported before.
    pub repeated: u64,
    pub items: u64,
    /// Lines that were not kept, by reason, each with a sample.
    pub skipped: Vec<Skipped>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} read, {} recorded, {} known before", self.read, self.items, self.repeated)?;
        for Skipped { reason, count, sample } in &self.skipped {
            write!(f, "\n  {count} skipped ({reason})")?;
            if !sample.is_empty() {
                write!(f, ", such as: {sample}")?;
            }
        }
        Ok(())
    }
}

impl Imported {
    /// Lines were read, and none of them was understood: mostly a file of another format.
    pub fn understood_nothing(&self) -> bool {
        let nothing = self.items == 0 && self.repeated == 0 && self.read > 0;
        nothing && !self.skipped.iter().any(is_understood)
    }

    fn add(&mut self, read: u64, repeated: u64, batch: &Batch) {
        self.read += read;
        self.repeated += repeated;
        self.items += batch.items;
        batch.skipped.iter().for_each(|skip| Skipped::add(&mut self.skipped, skip));
    }
}

/// What a file is read with.
struct Reading {
    source: String,
    form: Form,
    classifier: Shared,
    now: Timestamp,
}

/// What a file says of all its lines.
struct File {
    header: Vec<u8>,
    path: String,
    changed_ms: i64,
}

impl File {
    fn piece<'a>(&'a self, bytes: &'a [u8]) -> Piece<'a> {
        Piece { bytes, header: &self.header, path: &self.path, changed_ms: self.changed_ms }
    }
}

/// Whole lines, what identifies each of them in its file, and what they are when all of them are new.
struct Lines {
    block: InFlight,
    file: Arc<File>,
    keys: Vec<Key>,
    /// Where they stand in the content.
    offset: u64,
    /// A line was passed over before them because no block can hold it; its identity is the last one.
    too_long: bool,
    batch: Batch,
    /// The own times of the lines.
    times: Vec<Option<i64>>,
    /// The instants of the first and the last line that is evidence.
    span: Option<(i64, i64)>,
}

/// What of a page is no batch: the times of its lines, and of the first and the last that is evidence.
type Times = (Vec<Option<i64>>, Option<(i64, i64)>);

impl Lines {
    fn identities(&self, identities: &mut Identities) -> Ids {
        let mut ids = identities.of(&self.keys, &self.times);
        if self.too_long {
            ids.push(format_args!("before.{}", self.offset));
        }
        ids
    }
}

impl Engine {
    /// Imports one file; `-` is standard input. `progress` is told after each transaction what was done so far.
    ///
    /// # Errors
    /// A name that no `[[log]]` section has; a file that cannot be read to its end (what was read of it is kept); a store
    /// that cannot be written.
    pub async fn import(
        &self,
        format: Format,
        name: Option<&str>,
        path: &Path,
        now: Timestamp,
        progress: impl Fn(&Imported),
    ) -> anyhow::Result<Imported> {
        let form = self.form(format, name)?;
        let setting = self.setting(SourceKind::Import.source(name.unwrap_or(BY_HAND)));
        let reading = Arc::new(Reading { source: setting.name.clone(), form, classifier: setting.classifier(), now });
        let (blocks, inbox) = mpsc::channel(BLOCKS_AHEAD);
        let (file, reader) = (path.to_owned(), Arc::clone(&reading));
        let read = spawn_blocking(move || reader.read(&file, &blocks));
        let record = move |so_far: &mut SoFar, w: &mut Writer<'_>, lines| so_far.record(w, lines, &reading);
        let recording =
            record_all::<_, _, anyhow::Error>(inbox, &self.store, SoFar::new(), record, |so_far| progress(&so_far.imported));
        let SoFar { imported, span, .. } = recording.await?;
        read.await?.context("reading")?;
        self.claim_coverage(setting, span, &imported, now).await?;
        self.pack_after("import", now).await;
        Ok(imported)
    }

    fn form(&self, format: Format, name: Option<&str>) -> anyhow::Result<Form> {
        let Some(name) = name else { return Ok(Form::new(format)) };
        let log = self.options.logs.iter().find(|log| log.name == name);
        let log = log.with_context(|| format!("the configuration has no [[log]] section named `{name}`"))?;
        Ok(Form { format, ..log.form.clone() })
    }

    /// Whoever imports a file hands over whole days, from its first line's to its last's. By the order in the file: a stray
    /// date in between claims nothing.
    async fn claim_coverage(
        &self,
        setting: Setting,
        span: Option<(i64, i64)>,
        imported: &Imported,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let now_ms = now.as_millisecond();
        let known = |ms: i64| ms.clamp(now_ms - MAX_CLAIMED_MS, now_ms);
        let coverage = span.map(|(first, last)| (known(first.min(last)), known(first.max(last)))).map(|(from, to)| Coverage {
            from_ms: Day::of_ms(from).start_ms(),
            to_ms: Day::of_ms(to).end_ms().min(now_ms),
            state: CoverageState::Covered,
            items: imported.items,
            skipped: imported.skipped.iter().map(|s| s.count).sum(),
            reason: String::new(),
        });
        let batch = Batch { source: setting.name.clone(), coverage: coverage.into_iter().collect(), ..Batch::default() };
        let state = SourceState { last_success: Some(now), ..SourceState::default() };
        let write = move |w: &mut Writer<'_>| {
            w.record(&batch, now)?;
            w.note_source(&setting.name, &state)
        };
        Ok(self.store.write(write).await?)
    }
}

/// What was recorded of a file so far.
struct SoFar {
    identities: Identities,
    imported: Imported,
    /// The instants of the first and the last line that is evidence, by the order in the file.
    span: Option<(i64, i64)>,
}

impl SoFar {
    fn new() -> Self {
        Self { identities: Identities::new(), imported: Imported::default(), span: None }
    }

    /// Records those of some lines that are new.
    fn record(&mut self, w: &mut Writer<'_>, lines: Lines, reading: &Reading) -> Result<(), StoreError> {
        self.span = match (self.span, lines.span) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (before, of_these) => before.or(of_these),
        };
        let ids = lines.identities(&mut self.identities);
        let fresh = claim(w, &ids, &lines.times, reading)?;
        let repeated = fresh.iter().filter(|fresh| !**fresh).count();
        let batch = if repeated == 0 { lines.batch } else { reading.only_fresh(&lines, &fresh) };
        w.record(&batch, reading.now)?;
        self.imported.add(ids.len() as u64, repeated as u64, &batch);
        Ok(())
    }
}

/// Which of some lines are new. One that is refused since its time has not come is remembered apart: it is counted once, and
/// still welcome when it has.
fn claim(w: &mut Writer<'_>, ids: &Ids, times: &[Option<i64>], reading: &Reading) -> Result<Vec<bool>, StoreError> {
    let ahead = |time: Option<i64>| time.is_some_and(|ms| is_ahead(ms, reading.now.as_millisecond()));
    let items = || ids.iter().zip(times.iter().copied().chain(std::iter::repeat(None)));
    if !times.iter().any(|time| ahead(*time)) {
        return w.claim(&reading.source, items(), reading.now);
    }
    let apart: Vec<(String, Option<i64>)> =
        items().map(|(id, time)| (format!("{}{id}", if ahead(time) { "ahead " } else { "" }), time)).collect();
    w.claim(&reading.source, apart.iter().map(|(id, time)| (id.as_str(), *time)), reading.now)
}

impl Reading {
    /// Reads a file in blocks of whole lines. Ends early when nobody takes them any more.
    fn read(self: &Arc<Self>, path: &Path, taken: &mpsc::Sender<JoinHandle<Lines>>) -> io::Result<()> {
        let mut blocks = content_blocks(path, Layout::of(self.form.format))?;
        let file = Arc::new(File {
            header: blocks.header().to_vec(),
            path: path.to_string_lossy().into_owned(),
            changed_ms: changed_ms(path).unwrap_or(self.now.as_millisecond()),
        });
        let mut keys = Keys::new(self.form.format);
        loop {
            let in_flight = InFlight::wait();
            let too_long = blocks.advance()?;
            let last = blocks.is_last();
            let block = in_flight.holding(blocks.bytes());
            let (keys, offset) = (keys.of(block.bytes(), &file.header), blocks.offset());
            let (reading, file) = (Arc::clone(self), Arc::clone(&file));
            let parse = move || {
                let (mut batch, (times, span)) = reading.parse(file.piece(block.bytes()));
                batch.skipped.extend(too_long.then(passed_over));
                Lines { block, file, keys, offset, too_long, batch, times, span }
            };
            if taken.blocking_send(spawn_blocking(parse)).is_err() || last {
                return Ok(());
            }
        }
    }

    fn parse(&self, piece: Piece<'_>) -> (Batch, Times) {
        let mut page = parse_block(piece, &self.form, self.now.as_millisecond());
        let span = page.sightings.first().zip(page.sightings.last()).map(|(first, last)| (first.time_ms, last.time_ms));
        let times = std::mem::take(&mut page.times);
        (self.fold(page), (times, span))
    }

    fn fold(&self, page: Page<'_>) -> Batch {
        self.classifier.with(|classifier| fold(&self.source, page, None, classifier))
    }

    /// What those lines are that are new.
    fn only_fresh(&self, lines: &Lines, fresh: &[bool]) -> Batch {
        let all = identity::lines(self.form.format, lines.block.bytes(), &lines.file.header);
        let kept: Vec<u8> = all.zip(fresh).filter(|(_, fresh)| **fresh).flat_map(|(line, _)| line).copied().collect();
        let mut batch = self.parse(lines.file.piece(&kept)).0;
        let new = lines.too_long && fresh.last() == Some(&true);
        batch.skipped.extend(new.then(passed_over));
        batch
    }
}

/// The line that no block can hold.
fn passed_over() -> Skipped {
    Skipped { reason: "too_long", count: 1, sample: String::new() }
}
