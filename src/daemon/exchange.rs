//! Several instances, one report: what this one counted is written into a signed file, and files of others are taken in.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{Engine, Imported, Options};
use crate::{
    deliver::files,
    evidence::{
        Batch, Coverage, Day, DayCount, Track,
        coverage::by_day,
        exchange::{
            self, Header, Item, Line, Parser, Source,
            seal::{PrivateKey, PublicKey, Seal},
        },
    },
    source::{ExchangeFile, Verified},
    store::{Counted, Exchanged, Reader, Store, Writer},
};

/// Smaller files for a little more time: files cross borders.
const COMPRESSION_LEVEL: i32 = 6;
/// What such a file is called in a directory, behind the instance and the instant.
const ENDING: &str = "ndjson.zst";
/// Counts of one short transaction.
const COUNTS_AT_ONCE: usize = 8_192;
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
}

impl fmt::Display for HandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, from, until, sources, tracks, counts } = self;
        let last = until.plus(-1);
        write!(f, "{}: {from} to {last}, {sources} sources, {tracks} tracks, {counts} day counts", crate::source::shown(path))
    }
}

/// Writes what this instance counted from a day on, or all of it, into a file, or into a file of its own in a directory.
///
/// # Errors
/// A configuration without `[instance]`, or one that shows people under pseudonyms; a store or a file that fails.
pub async fn hand_over(options: Options, from: Option<Day>, output: &Path, now: Timestamp) -> anyhow::Result<HandedOver> {
    let instance = options.instance.context("there is no [instance] in the configuration: give it a name and a key")?;
    let key = instance.key.context("the key of [instance] was not read")?;
    ensure!(
        !options.privacy.pseudonyms,
        "[privacy] people = \"pseudonyms\" keeps names here, and a file would carry them on: hand over from a configuration of \
         the same store that says \"named\", if these names may go where the file goes"
    );
    let path = if output.is_dir() {
        output.join(format!("{}-{}.{ENDING}", instance.name, now.strftime("%Y%m%dT%H%M%SZ")))
    } else {
        output.to_owned()
    };
    let store = Store::open_read_only(&options.store)?;
    let name = instance.name;
    store.read(move |r| Ok(write(r, &name, &key, from, &path, now))).await?
}

fn write(
    reader: &Reader,
    instance: &str,
    key: &PrivateKey,
    from: Option<Day>,
    path: &Path,
    now: Timestamp,
) -> anyhow::Result<HandedOver> {
    let today = Day::of(now);
    let earliest = today.plus(1 - exchange::MAX_DAYS);
    let first = from.or(reader.first_known_day()?).unwrap_or(today);
    let header = Header {
        instance: instance.to_owned(),
        written_ms: now.as_millisecond(),
        from: first.clamp(earliest, today),
        until: today.plus(1),
    };
    let sources = reader.own_sources()?;
    let (mut tracks, mut counts) = (0, 0);
    files::write_file(path, |out| {
        let mut sealed = Sealed { out: zstd::Encoder::new(out, COMPRESSION_LEVEL)?, seal: Seal::default() };
        sealed.line(&Line::Header(&header))?;
        sources.iter().try_for_each(|source| sealed.line(&Line::Source(source)))?;
        write_coverage(reader, &header, &sources, &mut sealed)?;
        let verdicts = reader.own_verdicts().map_err(io::Error::other)?;
        let number: BTreeMap<i64, usize> = verdicts.iter().enumerate().map(|(number, (row, ..))| (*row, number)).collect();
        verdicts.iter().try_for_each(|(_, verdict, rule)| sealed.line(&Line::Verdict(*verdict, rule)))?;
        let written = reader.each_counted(&sources, (header.from, header.until), |counted| match counted {
            Counted::Track(source, track) => {
                tracks += 1;
                sealed.line(&Line::Track(source, track))
            }
            Counted::Count(count, verdict) => {
                counts += 1;
                sealed.line(&Line::Count(count, number.get(&verdict).copied().unwrap_or_default()))
            }
        });
        written.map_err(io::Error::other)??;
        sealed.finish(key)
    })?;
    Ok(HandedOver { path: path.to_owned(), from: header.from, until: header.until, sources: sources.len(), tracks, counts })
}

fn write_coverage<W: Write>(reader: &Reader, header: &Header, sources: &[Source], sealed: &mut Sealed<'_, W>) -> io::Result<()> {
    let ledger = reader.ledger().map_err(io::Error::other)?;
    for (number, source) in sources.iter().enumerate() {
        let intervals = ledger.sources.get(&source.name).map_or(&[][..], Vec::as_slice);
        for interval in intervals.iter().flat_map(by_day) {
            if (header.from..header.until).contains(&Day::of_ms(interval.from_ms)) {
                sealed.line(&Line::Coverage(number, &interval))?;
            }
        }
    }
    Ok(())
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
    /// All its sources; nothing else was read yet.
    Sources(Vec<Source>),
    /// Counts, by source.
    Counts(Vec<Batch>),
}

/// What of a file is taken up day by day once all of it was read.
struct Rest {
    digest: [u8; 32],
    coverage: BTreeMap<Day, Vec<(usize, Coverage)>>,
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
        let instance = verified.header.instance.clone();
        let (parts, mut inbox) = mpsc::channel(PIECES_AHEAD);
        let reading = spawn_blocking(move || Taking::new(instance, parts).read(&mut file));
        let Some(Part::Sources(sources)) = inbox.recv().await else {
            reading.await??;
            bail!("the file says nothing");
        };
        let Verified { header, digest, lines } = verified;
        let exchanged = Arc::new(Exchanged { header, digest, sources });
        let asked = Arc::clone(&exchanged);
        if !self.store.read(move |r| r.is_news(&asked)).await? {
            return Ok(Imported { read: lines, repeated: lines, ..Imported::default() });
        }
        self.forget_staged(&exchanged).await?;
        let mut imported = Imported::default();
        while let Some(part) = inbox.recv().await {
            let Part::Counts(batches) = part else { bail!("the file names its sources twice") };
            imported.read += batches.iter().map(|batch| batch.counts.len() as u64).sum::<u64>();
            self.store.write(move |w| batches.iter().try_for_each(|batch| w.stage(batch))).await?;
            progress(&imported);
        }
        let rest = reading.await?.and_then(|rest| unchanged(rest, digest));
        match rest {
            Ok(rest) => self.take_up(&exchanged, rest).await?,
            Err(error) => {
                self.forget_staged(&exchanged).await?;
                return Err(error.into());
            }
        }
        self.pack_after("import", now).await;
        Ok(Imported { read: lines, items: lines, ..Imported::default() })
    }

    async fn forget_staged(&self, file: &Arc<Exchanged>) -> anyhow::Result<()> {
        let file = Arc::clone(file);
        let forget = move |w: &mut Writer<'_>| file.names().try_for_each(|name| w.begin_answer(&name));
        Ok(self.store.write(forget).await?)
    }

    /// Puts the days of a file that was read whole in the place of earlier ones.
    async fn take_up(&self, file: &Arc<Exchanged>, mut rest: Rest) -> anyhow::Result<()> {
        let days: Vec<Day> = file.header.days().collect();
        for some in days.chunks(DAYS_AT_ONCE) {
            let some: Vec<_> = some.iter().map(|day| (*day, rest.coverage.remove(day).unwrap_or_default())).collect();
            let file = Arc::clone(file);
            let write = move |w: &mut Writer<'_>| {
                some.iter().try_for_each(|(day, coverage)| w.exchange_day(&file, *day, coverage).map(drop))
            };
            self.store.write(write).await?;
            tracing::debug!("some days of a file are taken up");
        }
        let file = Arc::clone(file);
        Ok(self.store.write(move |w| w.end_exchange(&file)).await?)
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

fn unchanged(rest: Rest, digest: [u8; 32]) -> io::Result<Rest> {
    if rest.digest == digest { Ok(rest) } else { Err(io::Error::other("the file was changed while it was read")) }
}

/// Reads the lines of a file that is proven, and hands over what they say.
struct Taking {
    instance: String,
    parser: Parser,
    sources: Vec<Source>,
    /// None once they were handed over.
    parts: mpsc::Sender<Part>,
    told: bool,
    /// Of the track that came last, its source and its place in that source's batch.
    track: Option<(usize, Box<Track>, Option<u32>)>,
    batches: BTreeMap<usize, Batch>,
    waiting: usize,
    coverage: BTreeMap<Day, Vec<(usize, Coverage)>>,
}

impl Taking {
    fn new(instance: String, parts: mpsc::Sender<Part>) -> Self {
        Self {
            instance,
            parser: Parser::default(),
            sources: Vec::new(),
            parts,
            told: false,
            track: None,
            batches: BTreeMap::new(),
            waiting: 0,
            coverage: BTreeMap::new(),
        }
    }

    fn read(mut self, file: &mut ExchangeFile) -> io::Result<Rest> {
        let digest = file.read(|line| self.line(line))?;
        self.tell_sources()?;
        self.hand_on()?;
        Ok(Rest { digest, coverage: self.coverage })
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        match self.parser.line(line).map_err(io::Error::other)? {
            Item::Header(_) => Ok(()),
            Item::Source(source) if self.told => Err(io::Error::other(format!("the source {} comes too late", source.name))),
            Item::Source(source) => {
                self.sources.push(source);
                Ok(())
            }
            other => {
                self.tell_sources()?;
                self.take(other)
            }
        }
    }

    fn take(&mut self, item: Item) -> io::Result<()> {
        match item {
            Item::Coverage(source, interval) => {
                self.coverage.entry(Day::of_ms(interval.from_ms)).or_default().push((source, interval));
            }
            Item::Track(source, track) => self.track = Some((source, track, None)),
            Item::Count(count) => self.count(count)?,
            Item::Header(_) | Item::Source(_) | Item::Defined => {}
        }
        Ok(())
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
        if self.waiting >= COUNTS_AT_ONCE { self.hand_on() } else { Ok(()) }
    }

    fn tell_sources(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.told, true) {
            return Ok(());
        }
        self.send(Part::Sources(self.sources.clone()))
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let batches = std::mem::take(&mut self.batches).into_iter().map(|(source, batch)| Batch {
            source: exchange::source_name(&self.instance, &self.sources[source].name),
            rules: self.parser.rules().to_vec(),
            ..batch
        });
        let batches = batches.collect();
        self.waiting = 0;
        if let Some((_, _, place)) = &mut self.track {
            *place = None;
        }
        self.send(Part::Counts(batches))
    }

    /// Whoever takes the file in may not want to hear more of it.
    fn send(&self, part: Part) -> io::Result<()> {
        self.parts.blocking_send(part).map_err(|_| io::Error::other("nobody takes the file in any more"))
    }
}
