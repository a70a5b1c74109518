//! Several instances, one report: what this one counted is written into a signed file, and files of others are taken in.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{Engine, Imported, Options, freshness::Budgets, judge::Material};
use crate::{
    analysis::counted,
    deliver::files,
    evidence::{
        Batch, Coverage, Day, DayCount, Skipped, Track,
        coverage::by_day,
        exchange::{
            self, Entry, Header, Item, Line, Parser, Source,
            seal::{PrivateKey, PublicKey, Seal},
        },
    },
    report::privacy::HandOver,
    source::{ExchangeFile, Verified},
    store::{Counted, Exchanged, Reader, Store, StoreError, Writer},
};

/// Smaller files for a little more time: files cross borders.
const COMPRESSION_LEVEL: i32 = 6;
/// What such a file is called in a directory, behind the instance and the instant.
const ENDING: &str = "ndjson.zst";
/// Counts, or rows of lists, of one short transaction.
const ROWS_AT_ONCE: usize = 8_192;
/// Days of one short transaction.
const DAYS_AT_ONCE: usize = 8;
/// Pieces of a file that wait while others are recorded.
const PIECES_AHEAD: usize = 2;
/// Clocks differ; one that is further ahead would keep later files out.
const CLOCK_AHEAD_MS: i64 = 3_600_000;

/// A file that was written for another instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    pub path: PathBuf,
    pub from: Day,
    pub until: Day,
    pub sources: usize,
    pub tracks: u64,
    pub counts: u64,
    /// Of lists.
    pub rows: u64,
}

impl HandedOver {
    fn new(path: &Path, header: &Header, sources: usize) -> Self {
        Self { path: path.to_owned(), from: header.from, until: header.until, sources, tracks: 0, counts: 0, rows: 0 }
    }
}

impl fmt::Display for HandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, from, until, sources, tracks, counts, rows } = self;
        write!(f, "{}: {from} to {}", crate::source::shown(path), until.plus(-1))?;
        let parts = [
            (*sources as u64, "source", "sources"),
            (*tracks, "track", "tracks"),
            (*counts, "day count", "day counts"),
            (*rows, "row of lists", "rows of lists"),
        ];
        parts.iter().try_for_each(|(count, one, many)| write!(f, ", {}", counted(*count, one, many)))
    }
}

/// Writes what this instance counted from a day on, or all of it, into a file, or into a file of its own in a directory.
///
/// # Errors
/// A configuration without `[instance]`; a store or a file that fails.
pub async fn hand_over(options: Options, from: Option<Day>, output: &Path, now: Timestamp) -> anyhow::Result<HandedOver> {
    let instance = options.instance.as_ref().context("there is no [instance] in the configuration: give it a name and a key")?;
    let key = instance.key.clone().context("the key of [instance] was not read")?;
    let path = if output.is_dir() {
        output.join(format!("{}-{}.{ENDING}", instance.name, now.strftime("%Y%m%dT%H%M%SZ")))
    } else {
        output.to_owned()
    };
    let store = Store::open_read_only(&options.store)?;
    let name = instance.name.clone();
    let write = move |r: &Reader| {
        let disguise = disguise(r, &options, now)?;
        Ok(Writing { reader: r, disguise: disguise.as_ref(), now }.write(&name, &key, from, &path))
    };
    store.read(write).await?
}

/// What people are called in a file, unless it is by their names. It takes a judgement to know who is a human.
fn disguise(reader: &Reader, options: &Options, now: Timestamp) -> Result<Option<HandOver>, StoreError> {
    if !options.privacy.pseudonyms {
        return Ok(None);
    }
    let material = Material::read(reader, options, &Budgets::new(), now)?;
    let findings = material.assess(options, now);
    Ok(material.hand_over(&findings, options))
}

/// A file for another instance, from one snapshot of the store.
struct Writing<'a> {
    reader: &'a Reader,
    disguise: Option<&'a HandOver>,
    now: Timestamp,
}

impl Writing<'_> {
    fn write(&self, instance: &str, key: &PrivateKey, from: Option<Day>, path: &Path) -> anyhow::Result<HandedOver> {
        let today = Day::of(self.now);
        let earliest = today.plus(1 - exchange::MAX_DAYS);
        let first = from.or(self.reader.first_known_day()?).unwrap_or(today);
        let header = Header {
            instance: instance.to_owned(),
            written_ms: self.now.as_millisecond(),
            from: first.clamp(earliest, today),
            until: today.plus(1),
        };
        let sources = self.reader.own_sources()?;
        let mut written = HandedOver::new(path, &header, sources.len());
        files::write_file(path, |out| {
            let mut sealed = Sealed { out: zstd::Encoder::new(out, COMPRESSION_LEVEL)?, seal: Seal::default() };
            sealed.line(&Line::Header(&header))?;
            sources.iter().try_for_each(|source| sealed.line(&Line::Source(source)))?;
            self.coverage(&header, &sources, &mut sealed)?;
            self.counts(&header, &sources, &mut sealed, &mut written)?;
            self.lists(&mut sealed, &mut written)?;
            sealed.finish(key)
        })?;
        Ok(written)
    }

    fn coverage<W: Write>(&self, header: &Header, sources: &[Source], sealed: &mut Sealed<'_, W>) -> io::Result<()> {
        let ledger = self.reader.ledger().map_err(io::Error::other)?;
        for (number, source) in sources.iter().enumerate() {
            let intervals = ledger.sources.get(&source.name).map_or(&[][..], Vec::as_slice);
            for mut interval in intervals.iter().flat_map(by_day) {
                if (header.from..header.until).contains(&Day::of_ms(interval.from_ms)) {
                    if let Some(disguise) = self.disguise {
                        interval.reason = disguise.text(&interval.reason);
                    }
                    sealed.line(&Line::Coverage(number, &interval))?;
                }
            }
        }
        Ok(())
    }

    fn counts<W: Write>(
        &self,
        header: &Header,
        sources: &[Source],
        sealed: &mut Sealed<'_, W>,
        written: &mut HandedOver,
    ) -> io::Result<()> {
        let verdicts = self.reader.own_verdicts().map_err(io::Error::other)?;
        let number: BTreeMap<i64, usize> = verdicts.iter().enumerate().map(|(number, (row, ..))| (*row, number)).collect();
        verdicts.iter().try_for_each(|(_, verdict, rule)| sealed.line(&Line::Verdict(*verdict, rule)))?;
        // The track that came last, its source, and how it was shown last.
        let (mut source, mut named, mut shown) = (0, Track::default(), None);
        let counted = self.reader.each_counted(sources, (header.from, header.until), |counted| match counted {
            Counted::Track(of, track) => {
                (source, shown) = (of, None);
                named.clone_from(track);
                Ok(())
            }
            Counted::Count(count, verdict) => {
                // Somebody else may have gone by a name before.
                let again = shown.is_none() || self.disguise.is_some();
                let now =
                    again.then(|| self.disguise.map_or_else(|| named.clone(), |disguise| disguise.track(&named, count.day)));
                if let Some(now) = now.filter(|now| shown.as_ref() != Some(now)) {
                    written.tracks += 1;
                    sealed.line(&Line::Track(source, &now))?;
                    shown = Some(now);
                }
                written.counts += 1;
                sealed.line(&Line::Count(count, number.get(&verdict).copied().unwrap_or_default()))
            }
        });
        counted.map_err(io::Error::other)?
    }

    fn lists<W: Write>(&self, sealed: &mut Sealed<'_, W>, written: &mut HandedOver) -> io::Result<()> {
        let listed = self.reader.each_entry(|entry| {
            let hidden = self.disguise.map(|disguise| disguise.entry(entry));
            let Some(shown) = hidden.as_ref().map_or(Some(entry), Option::as_ref) else { return Ok(()) };
            written.rows += 1;
            sealed.line(&Line::Entry(shown))
        });
        listed.map_err(io::Error::other)?
    }
}

/// Compresses lines, and hashes them as they are.
struct Sealed<'o, W: Write> {
    out: zstd::Encoder<'o, W>,
    seal: Seal,
}

impl<W: Write> Sealed<'_, W> {
    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        let bytes = exchange::line(line);
        self.seal.add(&bytes);
        self.out.write_all(&bytes)
    }

    fn finish(mut self, key: &PrivateKey) -> io::Result<()> {
        self.out.write_all(&exchange::end(&key.sign(&self.seal.digest())))?;
        self.out.finish().map(drop)
    }
}

/// What the thread that reads a file says to whoever records it.
enum Part {
    /// By source.
    Counts(Vec<Batch>),
    Entries(Vec<Entry>),
}

/// What of a file is taken up day by day once all of it was read.
struct Rest {
    coverage: BTreeMap<Day, Vec<(usize, Coverage)>>,
    registers: Vec<Entry>,
    /// Rows that were not kept, by reason.
    skipped: Vec<Skipped>,
}

impl Engine {
    /// Takes in a file of another instance; `progress` is told what was done so far.
    ///
    /// # Errors
    /// A file that is damaged, of an instance that is not trusted, not signed by it, or that says what cannot be: nothing has
    /// changed then. A store that cannot be written: what was taken up of the file stays, and the file can be taken in again.
    pub async fn import_exchange(&self, path: &Path, now: Timestamp, progress: impl Fn(&Imported)) -> anyhow::Result<Imported> {
        let (options, of) = (Arc::clone(&self.options), path.to_owned());
        let verify = move || {
            let mut file = ExchangeFile::open(&of)?;
            let verified = file.verify(|header| trusted(&options, header, now))?;
            Ok::<_, io::Error>((file, verified))
        };
        let (mut file, verified) = spawn_blocking(verify).await??;
        let Verified { header, sources, digest, lines } = verified;
        let exchanged = Arc::new(Exchanged { header, digest, sources });
        let asked = Arc::clone(&exchanged);
        let (is_news, names_too_many) = self.store.read(move |r| Ok((r.is_news(&asked)?, r.names_too_many(&asked)?))).await?;
        if !is_news {
            return Ok(Imported { read: lines, repeated: lines, ..Imported::default() });
        }
        let limit = exchange::MAX_SOURCES;
        anyhow::ensure!(!names_too_many, "with those of its earlier files it names more than {limit} sources");
        self.forget_staged(&exchanged).await?;
        let (parts, mut inbox) = mpsc::channel(PIECES_AHEAD);
        let of = Arc::clone(&exchanged);
        let reading = spawn_blocking(move || Taking::new(of, parts).read(&mut file));
        let mut imported = Imported::default();
        while let Some(part) = inbox.recv().await {
            imported.read += part.len();
            let of = Arc::clone(&exchanged);
            self.store.write(move |w| part.stage(w, &of.header.instance)).await?;
            progress(&imported);
        }
        let skipped = match reading.await? {
            Ok(mut rest) => {
                let skipped = std::mem::take(&mut rest.skipped);
                self.take_up(&exchanged, rest).await?;
                skipped
            }
            Err(error) => {
                self.forget_staged(&exchanged).await?;
                return Err(error.into());
            }
        };
        self.pack_after("import", now).await;
        let items = lines.saturating_sub(skipped.iter().map(|skip| skip.count).sum());
        Ok(Imported { read: lines, items, skipped, ..Imported::default() })
    }

    async fn forget_staged(&self, file: &Arc<Exchanged>) -> anyhow::Result<()> {
        let file = Arc::clone(file);
        let forget = move |w: &mut Writer<'_>| w.begin_exchange(&file);
        Ok(self.store.write(forget).await?)
    }

    /// Puts the days of a file that was read whole in the place of earlier ones.
    async fn take_up(&self, file: &Arc<Exchanged>, mut rest: Rest) -> anyhow::Result<()> {
        let days: Vec<Day> = file.header.days().collect();
        for some in days.chunks(DAYS_AT_ONCE) {
            let some: Vec<_> = some.iter().map(|day| (*day, rest.coverage.remove(day).unwrap_or_default())).collect();
            let file = Arc::clone(file);
            let write =
                move |w: &mut Writer<'_>| some.iter().try_for_each(|(day, coverage)| w.exchange_day(&file, *day, coverage));
            self.store.write(write).await?;
            tracing::debug!("some days of a file are taken up");
        }
        let file = Arc::clone(file);
        Ok(self.store.write(move |w| w.end_exchange(&file, &rest.registers)).await?)
    }
}

/// The key of whom the file claims to be, if that is somebody.
fn trusted(options: &Options, header: &Header, now: Timestamp) -> Result<PublicKey, String> {
    let name = &header.instance;
    if options.instance.as_ref().is_some_and(|own| own.name == *name) {
        return Err(format!("this is `{name}` itself: its own counts are here already"));
    }
    if header.written_ms > now.as_millisecond() + CLOCK_AHEAD_MS {
        return Err(format!("`{name}` wrote it in the future: set the clocks right"));
    }
    let other = options.exchanges.iter().find(|other| other.name == *name);
    let unknown = || format!("it says that `{name}` wrote it, and no [[exchange]] of the configuration has this name");
    other.map(|other| other.public_key).ok_or_else(unknown)
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Counts(batches) => batches.iter().map(|batch| batch.counts.len() as u64).sum(),
            Self::Entries(entries) => entries.len() as u64,
        }
    }

    fn stage(&self, writer: &mut Writer<'_>, instance: &str) -> Result<(), StoreError> {
        match self {
            Self::Counts(batches) => batches.iter().try_for_each(|batch| writer.stage(batch)),
            Self::Entries(entries) => writer.stage_entries(instance, entries),
        }
    }
}

/// Reads the lines of a file that is proven, and hands over what they say.
struct Taking {
    file: Arc<Exchanged>,
    parser: Parser,
    parts: mpsc::Sender<Part>,
    /// Of the track that came last, its source and its place in that source's batch.
    track: Option<(usize, Box<Track>, Option<u32>)>,
    batches: BTreeMap<usize, Batch>,
    /// How many counts are in them.
    waiting: usize,
    entries: Vec<Entry>,
    rest: Rest,
}

impl Taking {
    fn new(file: Arc<Exchanged>, parts: mpsc::Sender<Part>) -> Self {
        let rest = Rest { coverage: BTreeMap::new(), registers: Vec::new(), skipped: Vec::new() };
        let (batches, entries) = (BTreeMap::new(), Vec::new());
        Self { file, parser: Parser::default(), parts, track: None, batches, waiting: 0, entries, rest }
    }

    fn read(mut self, file: &mut ExchangeFile) -> io::Result<Rest> {
        file.read(|line| {
            let item = self.parser.line(line).map_err(io::Error::other)?;
            self.take(item)
        })?;
        self.hand_on_counts()?;
        self.hand_on_entries()?;
        Ok(self.rest)
    }

    fn take(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Coverage(source, interval) => {
                self.rest.coverage.entry(Day::of_ms(interval.from_ms)).or_default().push((source, interval));
            }
            Item::Track(source, track) => self.track = Some((source, track, None)),
            Item::Count(count) => self.count(count)?,
            Item::Entry(entry) => self.entry(*entry)?,
            Item::Skipped(skip) => Skipped::add(&mut self.rest.skipped, &skip),
            Item::Header(_) | Item::Source(_) | Item::Defined => {}
        }
        Ok(())
    }

    fn entry(&mut self, entry: Entry) -> io::Result<()> {
        if matches!(entry, Entry::Credential(..) | Entry::Directory(..)) {
            self.rest.registers.push(entry);
        } else {
            self.entries.push(entry);
        }
        if self.entries.len() >= ROWS_AT_ONCE { self.hand_on_entries() } else { Ok(()) }
    }

    fn count(&mut self, count: DayCount) -> io::Result<()> {
        let Some((source, track, place)) = &mut self.track else { return Ok(()) };
        let batch = self.batches.entry(*source).or_default();
        let place = *place.get_or_insert_with(|| {
            batch.tracks.push(Track::clone(track));
            u32::try_from(batch.tracks.len() - 1).unwrap_or(u32::MAX)
        });
        batch.counts.push(DayCount { track: place, ..count });
        self.waiting += 1;
        if self.waiting >= ROWS_AT_ONCE { self.hand_on_counts() } else { Ok(()) }
    }

    fn hand_on_counts(&mut self) -> io::Result<()> {
        let Exchanged { header, sources, .. } = &*self.file;
        let batches = std::mem::take(&mut self.batches).into_iter().filter_map(|(source, batch)| {
            let source = exchange::source_name(&header.instance, &sources.get(source)?.name);
            Some(Batch { source, rules: self.parser.rules().to_vec(), ..batch })
        });
        let batches = batches.collect();
        self.waiting = 0;
        if let Some((_, _, place)) = &mut self.track {
            *place = None;
        }
        self.send(Part::Counts(batches))
    }

    fn hand_on_entries(&mut self) -> io::Result<()> {
        let entries = std::mem::take(&mut self.entries);
        self.send(Part::Entries(entries))
    }

    /// Whoever takes the file in may have failed, and not hear more of it.
    fn send(&self, part: Part) -> io::Result<()> {
        self.parts.blocking_send(part).map_err(|_| io::Error::other("nobody takes the file in any more"))
    }
}
