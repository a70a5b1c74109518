//! Evidence from files by hand. The same content twice changes nothing: a line is known by its bytes and by how many equal
//! ones stood before it in its file.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    Engine,
    rounds::{Setting, Shared},
};
use crate::{
    analysis::fold,
    evidence::{
        Coverage, CoverageState, Day, Sighting,
        format::{Defaults, Fields, MAX_BLOCK_LINES, json::parse_lines},
        time::MS_PER_DAY,
    },
    source::content,
    store::{SourceState, Writer},
};

/// Bytes that are read at a time, and with it the longest line that is imported.
const BLOCK_BYTES: usize = 4 << 20;

/// An import claims no more than the 400 days before it: longer than logs are kept, and shorter than what one stray ancient
/// line would claim.
const MAX_CLAIMED_MS: i64 = 400 * MS_PER_DAY;

/// Blocks that wait for the store while the next one is read.
const BLOCKS_AHEAD: usize = 2;

/// The name of an import that uses no `[[log]]` section's settings.
const BY_HAND: &str = "files";

/// What one import did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub lines: u64,
    /// Lines whose content was imported before.
    pub repeated: u64,
    pub items: u64,
    /// Lines that were not kept, by reason.
    pub skipped: Vec<(&'static str, u64)>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines, {} recorded, {} known before", self.lines, self.items, self.repeated)?;
        for (reason, count) in &self.skipped {
            write!(f, ", {count} skipped ({reason})")?;
        }
        Ok(())
    }
}

/// How lines are read: as a `[[log]]` section says, or as they are.
#[derive(Default)]
struct Form {
    host: Option<String>,
    fields: Fields,
}

/// Whole lines, and what identifies each of them in its file.
struct Lines {
    bytes: Vec<u8>,
    ids: Vec<String>,
}

impl Engine {
    /// Imports one file of JSON lines; `-` is standard input.
    ///
    /// # Errors
    /// A name that no `[[log]]` section has; a file that cannot be read; a store that cannot be written.
    pub async fn import(&self, name: Option<&str>, path: &Path, now: Timestamp) -> anyhow::Result<Imported> {
        let form = Arc::new(self.form(name)?);
        let setting = self.setting(format!("import/{}", name.unwrap_or(BY_HAND)))?;
        let (blocks, mut inbox) = mpsc::channel(BLOCKS_AHEAD);
        let path = path.to_owned();
        let reading = spawn_blocking(move || read_blocks(&path, &blocks));
        let mut imported = Imported::default();
        while let Some(lines) = inbox.recv().await {
            self.import_lines(&setting, Arc::clone(&form), lines, now, &mut imported).await?;
        }
        reading.await?.context("reading")?;
        let source = setting.name;
        let state = SourceState { last_success: Some(now), ..SourceState::default() };
        self.store.write(move |w| w.note_source(&source, &state)).await?;
        Ok(imported)
    }

    fn form(&self, name: Option<&str>) -> anyhow::Result<Form> {
        let Some(name) = name else { return Ok(Form::default()) };
        let log = self.options.logs.iter().find(|log| log.name == name);
        let log = log.with_context(|| format!("the configuration has no [[log]] section named `{name}`"))?;
        Ok(Form { host: log.host.clone(), fields: log.fields.clone() })
    }

    async fn import_lines(
        &self,
        setting: &Setting,
        form: Arc<Form>,
        lines: Lines,
        now: Timestamp,
        imported: &mut Imported,
    ) -> anyhow::Result<()> {
        let (source, classifier) = (setting.name.clone(), setting.classifier());
        let total = lines.ids.len() as u64;
        let write = move |w: &mut Writer<'_>| {
            // The time is not known before the line is read, and a repeat must come with the same one.
            let fresh = w.claim(&source, lines.ids.iter().map(|id| (id.as_str(), 0)), now)?;
            let kept = only(&lines.bytes, &fresh);
            let batch = batch(&source, &form, &kept, &classifier, now);
            w.record(&batch, now)?;
            Ok((fresh.iter().filter(|f| !**f).count() as u64, batch.items, batch.skipped))
        };
        let (repeated, items, skipped) = self.store.write(write).await?;
        imported.lines += total;
        imported.repeated += repeated;
        imported.items += items;
        for skip in skipped {
            match imported.skipped.iter_mut().find(|(reason, _)| *reason == skip.reason) {
                Some((_, count)) => *count += skip.count,
                None => imported.skipped.push((skip.reason, skip.count)),
            }
        }
        Ok(())
    }
}

fn batch(source: &str, form: &Form, bytes: &[u8], classifier: &Shared, now: Timestamp) -> crate::evidence::Batch {
    let defaults = Defaults { host: form.host.as_deref() };
    let page = parse_lines(bytes, &form.fields, defaults, now.as_millisecond());
    // By the order in the file: a stray date in between claims nothing.
    let now_ms = now.as_millisecond();
    let time = |sighting: &Sighting<'_>| sighting.time_ms.clamp(now_ms - MAX_CLAIMED_MS, now_ms);
    let span = page.sightings.first().map(time).zip(page.sightings.last().map(time)).map(|(a, b)| (a.min(b), a.max(b)));
    let mut batch = classifier.with(|classifier| fold(source, page, None, classifier));
    // Whoever imports a file hands over whole days, from its first line's to its last's.
    batch.coverage.extend(span.map(|(first, last)| Coverage {
        from_ms: Day::of_ms(first).start_ms(),
        to_ms: Day::of_ms(last).end_ms().min(now_ms),
        state: CoverageState::Covered,
        items: batch.items,
        skipped: batch.skipped.iter().map(|s| s.count).sum(),
        reason: String::new(),
    }));
    batch
}

/// The lines that are new, one after the other.
fn only(bytes: &[u8], fresh: &[bool]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(fresh);
    lines.filter(|(_, fresh)| **fresh).flat_map(|(line, _)| line.iter().copied()).collect()
}

/// Reads a file in blocks of whole lines. Ends early when nobody takes them any more.
fn read_blocks(path: &Path, blocks: &mpsc::Sender<Lines>) -> io::Result<()> {
    let mut input = content(path)?;
    let mut ordinals: HashMap<[u8; 16], u32> = HashMap::new();
    let mut pending = Vec::new();
    loop {
        let before = pending.len();
        input.by_ref().take((BLOCK_BYTES - before) as u64).read_to_end(&mut pending)?;
        let at_end = pending.len() == before;
        let mut whole = whole_lines(&pending);
        if whole == 0 && pending.len() == BLOCK_BYTES {
            return Err(io::Error::other(format!("a line is longer than {BLOCK_BYTES} bytes")));
        }
        if whole == 0 && at_end {
            whole = pending.len();
        }
        let rest = pending.split_off(whole);
        let bytes = std::mem::replace(&mut pending, rest);
        let ids = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| identity(line, &mut ordinals)).collect();
        if blocks.blocking_send(Lines { bytes, ids }).is_err() || (at_end && pending.is_empty()) {
            return Ok(());
        }
    }
}

/// The length of the whole lines, at most as many as one chunk holds.
fn whole_lines(bytes: &[u8]) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.take(MAX_BLOCK_LINES).last().unwrap_or(0)
}

/// A line's content, without its end, and how many equal lines stood before it.
fn identity(line: &[u8], ordinals: &mut HashMap<[u8; 16], u32>) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(line)[..16]);
    let ordinal = ordinals.entry(key).or_default();
    *ordinal += 1;
    format!("{}.{ordinal}", HEXLOWER.encode(&key))
}
