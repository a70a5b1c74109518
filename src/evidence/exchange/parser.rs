//! Lines of a file, one after the other: what each says, held against those before it.

use super::{
    Entry, Header, MAX_COUNT, MAX_DAYS, MAX_HELD_BYTES, MAX_INTERVALS, MAX_LINE_BYTES, MAX_REGISTERED, MAX_SOURCES, MAX_VERDICTS,
    Malformed, PREFIX, Source, is_instance, listed,
    seal::Signature,
    text,
    wire::{self, Read},
};
use crate::evidence::{
    Coverage, Day, DayCount, Origin, Skipped, Track, Verdict,
    format::{FUTURE, is_ahead},
};

/// What is kept of a reason, in bytes.
const MAX_REASON: usize = 2_000;
/// What a rule is called, in bytes.
const MAX_RULE: usize = 100;
/// The longest name of a source.
const MAX_SOURCE_NAME: usize = 200;
/// Kinds of sources that an instance reads itself; what others handed to it, it does not hand on.
const KINDS: [&str; 7] = ["audit", "tokens", "access", "log", "query", "intake", "import"];

/// What a line means to whoever takes the file in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Header(Header),
    Source(Source),
    /// Of the source of this number.
    Coverage(usize, Coverage),
    /// The track to which the next counts belong, and the number of its source.
    Track(usize, Box<Track>),
    /// Of the last track; its verdict points into [`Parser::rules`].
    Count(DayCount),
    /// A row of a list.
    Entry(Box<Entry>),
    /// A row that is not kept.
    Skipped(Skipped),
    /// Something that later lines point to.
    Defined,
}

/// Knows what came before a line.
#[derive(Debug, Default)]
pub struct Parser {
    header: Option<Header>,
    sources: Vec<String>,
    intervals: usize,
    /// How long the lines were that whoever takes the file in holds until its end.
    held_bytes: usize,
    verdicts: Vec<Verdict>,
    rules: Vec<String>,
    has_track: bool,
    registered: usize,
}

impl Parser {
    /// The ids of the rules that verdicts point into, so far.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// The signature that the last line of a file carries; none when the line is another.
    pub fn signature(line: &[u8]) -> Option<Signature> {
        wire::signature(line)
    }

    /// Reads the next line, without its end.
    ///
    /// # Errors
    /// A line that is none of the format's, or that says what cannot be.
    pub fn line(&mut self, line: &[u8]) -> Result<Item, Malformed> {
        refuse_unless(line.len() <= MAX_LINE_BYTES, "a line is longer than any can be")?;
        if self.header.is_some() && listed::is_entry(line) {
            return self.entry(line);
        }
        let read = wire::read(line, self.header.is_none())?;
        match (read, &self.header) {
            (Read::Header(header), None) => self.begin(header),
            (Read::Header(_), Some(_)) => Err(Malformed("a second header".to_owned())),
            (_, None) => Err(Malformed("the file does not begin with its header".to_owned())),
            (Read::Source(source), _) => self.source(source),
            (Read::Coverage(source, interval), Some(header)) => {
                let interval = checked_interval(header, interval)?;
                self.intervals += 1;
                refuse_unless(source < self.sources.len(), "an interval is of a source that the file does not name")?;
                refuse_unless(self.intervals <= MAX_INTERVALS, "more intervals of coverage than a file may hold")?;
                self.hold(line)?;
                Ok(Item::Coverage(source, interval))
            }
            (Read::Verdict(verdict, rule), _) => self.verdict(verdict, rule),
            (Read::Track(source, track), _) => {
                refuse_unless(source < self.sources.len(), "a track is of a source that the file does not name")?;
                self.has_track = true;
                Ok(Item::Track(source, Box::new(clean(*track))))
            }
            (Read::Count(count, verdict), Some(header)) => {
                refuse_unless(self.has_track, "a count comes before every track")?;
                let verdict = *self.verdicts.get(verdict).ok_or_else(|| Malformed("a count has no verdict".to_owned()))?;
                Ok(Item::Count(checked_count(header, DayCount { verdict, ..count })?))
            }
        }
    }

    fn begin(&mut self, header: Header) -> Result<Item, Malformed> {
        refuse_unless(is_instance(&header.instance), "the name of the instance is none")?;
        refuse_unless(header.written_ms >= 0, "the instant at which it was written is none")?;
        let written = Day::of_ms(header.written_ms);
        let days = i64::from(header.until.0) - i64::from(header.from.0);
        refuse_unless((0..=i64::from(MAX_DAYS)).contains(&days), "the days for which it speaks are none, or too many")?;
        refuse_unless(header.until <= written.plus(1), "it speaks for days after the one on which it was written")?;
        self.header = Some(header.clone());
        Ok(Item::Header(header))
    }

    fn source(&mut self, source: Source) -> Result<Item, Malformed> {
        let (kind, name) = source.name.split_once('/').unwrap_or_default();
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '/' | '\\');
        let known = KINDS.contains(&kind) && !name.is_empty() && name.chars().all(plain);
        refuse_unless(known && source.name.len() <= MAX_SOURCE_NAME, "a source has no name that a source can have")?;
        refuse_unless(!self.sources.contains(&source.name), "a source is named twice")?;
        refuse_unless(self.sources.len() < MAX_SOURCES, "more sources than a file may name")?;
        self.sources.push(source.name.clone());
        Ok(Item::Source(Source { items: source.items.min(MAX_COUNT), ..source }))
    }

    fn entry(&mut self, line: &[u8]) -> Result<Item, Malformed> {
        let mut entry = listed::read(line)?;
        // A last use more than a day after the file was written cannot have been.
        let written_ms = self.header.as_ref().map_or(i64::MAX, |header| header.written_ms);
        if let Some(at) = entry.forget_ahead(|at| is_ahead(at.as_millisecond(), written_ms)) {
            return Ok(Item::Skipped(Skipped { reason: FUTURE, count: 1, sample: at.to_string() }));
        }
        if let Entry::Credential(register, _) | Entry::Directory(register, _) = &entry {
            self.registered += 1;
            refuse_unless(self.registered <= MAX_REGISTERED, "more rows of registers than a file may hold")?;
            self.hold(line)?;
            refuse_unless(!register.is_empty() && !register.starts_with(PREFIX), "a register has no name that one can have")?;
        }
        Ok(Item::Entry(Box::new(entry)))
    }

    fn hold(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.held_bytes += line.len();
        refuse_unless(self.held_bytes <= MAX_HELD_BYTES, "more coverage and registers than memory should hold")
    }

    fn verdict(&mut self, verdict: Verdict, rule: String) -> Result<Item, Malformed> {
        let plain = rule.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        refuse_unless(plain && rule.len() <= MAX_RULE, "the id of a rule is none")?;
        refuse_unless(self.verdicts.len() < MAX_VERDICTS, "more verdicts than a file may hold")?;
        let at = self.rules.iter().position(|known| *known == rule).unwrap_or_else(|| {
            self.rules.push(rule);
            self.rules.len() - 1
        });
        let rule = u16::try_from(at).map_err(|_| Malformed("more rules than a file may name".to_owned()))?;
        self.verdicts.push(Verdict { rule, ..verdict });
        Ok(Item::Defined)
    }
}

fn refuse_unless(holds: bool, words: &str) -> Result<(), Malformed> {
    if holds { Ok(()) } else { Err(Malformed(words.to_owned())) }
}

fn checked_interval(header: &Header, mut interval: Coverage) -> Result<Coverage, Malformed> {
    let Coverage { from_ms, to_ms, .. } = interval;
    let day = Day::of_ms(from_ms);
    let within = header.speaks_for(day) && from_ms < to_ms && to_ms <= day.end_ms();
    refuse_unless(within, "an interval of coverage lies outside the day to which it belongs")?;
    interval.reason = text::free(&interval.reason, MAX_REASON).unwrap_or_default();
    (interval.items, interval.skipped) = (interval.items.min(MAX_COUNT), interval.skipped.min(MAX_COUNT));
    Ok(interval)
}

fn checked_count(header: &Header, count: DayCount) -> Result<DayCount, Malformed> {
    let DayCount { day, first_ms, last_ms, uses, hours, .. } = count;
    let within = header.speaks_for(day) && day.start_ms() <= first_ms && first_ms <= last_ms && last_ms < day.end_ms();
    refuse_unless(within, "a count lies outside its day, or the day outside those for which the file speaks")?;
    refuse_unless((1..=MAX_COUNT).contains(&uses) && hours < 1 << 24, "a count says what cannot be counted")?;
    Ok(count)
}

/// Nothing is kept that no log could have brought: secrets, control characters, texts without end.
fn clean(track: Track) -> Track {
    let field = |text: Option<String>, kept: fn(&str) -> Option<String>| text.and_then(|text| kept(&text));
    let origin = |name: String, origin: fn(String) -> Origin| text::label(&name).map_or(Origin::Unknown, origin);
    Track {
        username: field(track.username, text::name),
        email: field(track.email, text::name),
        account_id: field(track.account_id, text::identifier),
        display_name: field(track.display_name, text::label),
        client: field(track.client, text::identifier),
        origin: match track.origin {
            Origin::Network(name) => origin(name, Origin::Network),
            Origin::Job(name) => origin(name, Origin::Job),
            Origin::TokenLabel(name) => origin(name, Origin::TokenLabel),
            other => other,
        },
        host: field(track.host, text::label),
        workspace: field(track.workspace, text::label),
        repository: field(track.repository, text::label),
        token_id: field(track.token_id, text::identifier),
        token_label: field(track.token_label, text::label),
        secret_id: field(track.secret_id, text::identifier),
    }
}
