//! Transcripts: the output of git and of CI jobs. Of a file only the failing operations matter, and of these only the lines
//! that say so; everything else is counted and dropped.
//!
//! An operation begins with a command, or with the first `remote:` line, and ends with the client's last word. What fails
//! is one sighting: the time from the line's prefix, the place and the user from the address, the server's words, the job
//! from the first lines or the path. `remote:` where git writes it proves itself; other words need a 401 or 410 beside them,
//! and words in a command, a list or a commit message are a quotation.

use std::borrow::Cow;

use super::{Defaults, Piece, draft::Refusal};
use crate::evidence::{Page, Sighting, Skipped, redact, time};

mod failure;
mod job;
mod line;
mod sign;

use failure::{Failure, Judged, Request};
use line::{Clock, plain, section, split_stamp};
use sign::{Sign, Target};

/// What the beginning of a file is read for: the job's name.
pub const HEAD_BYTES: usize = 16_384;
/// A command and its failure stand no further apart, and so do the lines of one failure: an answer's headers are twenty.
const NEAR_LINES: usize = 40;
/// A failure has no more lines.
const MAX_OPERATION_LINES: usize = 120;
/// What is left for the next look may not be more than this, whatever it is.
const MAX_HELD_BYTES: usize = 256 * 1_024;
/// What of a line is looked at; progress bars make the longest that mean something.
const LOOKED_AT: usize = 16_384;
/// The server's words are four lines of git, or the body of an answer.
const MAX_WORDS: usize = 1_000;
/// Samples are for people: enough to recognise the line.
const MAX_SAMPLE: usize = 160;

/// Reads whole operations.
///
/// Skipped are, by reason: `no_evidence`, lines that tell of no failure; `quotation`, the words where nobody failed;
/// `no_user`, a refusal that names nobody; `other_host`; `future`.
pub(super) fn parse(piece: Piece<'_>, now_ms: i64) -> Page<'static> {
    let head = String::from_utf8_lossy(&piece.header[..piece.header.len().min(HEAD_BYTES)]);
    let job = job::of_head(&head).or_else(|| job::of_path(piece.path));
    read(piece.bytes, job.as_deref(), piece.changed_ms, true, now_ms).page
}

/// Splits off whole lines what needs not be read again. The rest is an operation that may go on in what is written next.
pub fn split_operations(lines: &[u8]) -> (&[u8], &[u8]) {
    lines.split_at(read(lines, None, 0, false, i64::MAX).consumed)
}

/// Cuts whole lines behind the last line of each failing operation.
pub fn operations(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut ends = read(lines, None, 0, true, i64::MAX).ends;
    ends.push(lines.len());
    ends.dedup();
    let starts = std::iter::once(0).chain(ends.clone());
    starts.zip(ends).map(|(start, end)| &lines[start..end])
}

/// What some lines hold.
#[derive(Debug, Default)]
struct Read {
    page: Page<'static>,
    /// Where the last line of each sighting's operation ends.
    ends: Vec<usize>,
    consumed: usize,
}

/// With `last` nothing follows the lines, and all of them are consumed.
fn read(block: &[u8], job: Option<&str>, changed_ms: i64, last: bool, now_ms: i64) -> Read {
    let mut reader = Reader::new(job, changed_ms.min(now_ms), now_ms);
    let mut at = 0;
    for bytes in block.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(looked_at(bytes));
        reader.end = at + bytes.len();
        reader.line(at, text.trim_end_matches(['\n', '\r']));
        at = reader.end;
    }
    reader.finish(block.len(), last)
}

/// The beginning of a line, in whole words: half of one does not show that it is a secret.
fn looked_at(line: &[u8]) -> &[u8] {
    let beginning = &line[..line.len().min(LOOKED_AT)];
    match beginning.iter().rposition(u8::is_ascii_whitespace) {
        Some(blank) if beginning.len() < line.len() => &beginning[..blank],
        _ => beginning,
    }
}

/// A command that was given.
struct Command {
    /// Where the next look has to begin to know of it, and how many lines stand before; none once its failure is told.
    start: Option<(usize, usize)>,
    line: usize,
    request: Option<Request>,
}

struct Reader<'a> {
    job: Option<&'a str>,
    now_ms: i64,
    clock: Clock,
    /// How many lines were read, and where the last of them ends.
    number: usize,
    end: usize,
    command: Option<Command>,
    failure: Option<Failure>,
    in_commit: bool,
    /// The last refusal, which some runners print twice.
    told: String,
    /// What was not kept, and where it begins.
    notes: Vec<(usize, &'static str, String)>,
    kept_lines: usize,
    read: Read,
}

impl<'a> Reader<'a> {
    fn new(job: Option<&'a str>, changed_ms: i64, now_ms: i64) -> Self {
        Self {
            job,
            now_ms,
            clock: Clock::new(changed_ms),
            number: 0,
            end: 0,
            command: None,
            failure: None,
            in_commit: false,
            told: String::new(),
            notes: Vec::new(),
            kept_lines: 0,
            read: Read::default(),
        }
    }

    fn line(&mut self, at: usize, line: &str) {
        self.number += 1;
        self.let_go();
        let line = plain(line.trim_start_matches('\u{feff}'));
        let (stamp, rest) = split_stamp(&line);
        if let Some(stamp) = stamp {
            self.clock.take(stamp);
        }
        for text in rest.split('\r') {
            match section(text) {
                Some(stamp) => self.clock.take(stamp),
                None => self.text(at, text),
            }
        }
    }

    /// Forgets what is too long ago to belong to what comes.
    fn let_go(&mut self) {
        let number = self.number;
        let over =
            |failure: &Failure| number - failure.last_line > NEAR_LINES || number - failure.first_line > MAX_OPERATION_LINES;
        if self.failure.as_ref().is_some_and(over) {
            self.settle();
        }
        self.command.take_if(|command| number - command.line > NEAR_LINES);
    }

    fn text(&mut self, at: usize, text: &str) {
        let sign = sign::read(text, self.in_commit);
        self.in_commit = match sign {
            Sign::Commit => true,
            _ => self.in_commit && (text.trim().is_empty() || text.starts_with("    ")),
        };
        match sign {
            Sign::Command(target) => self.begin(at, target),
            Sign::Remote { words, proof, at_the_edge } => {
                let failure = self.failing(at, true);
                failure.hear(words);
                failure.claimed |= proof;
                failure.proven |= proof && at_the_edge;
            }
            Sign::Claim { words, url, status } => {
                // After the client's last word whoever claims it speaks of something else, unless the body of the answer stands
                // right below it.
                let body = url.is_none() && status.is_none() && words.contains('{');
                let below = body && self.failure.as_ref().is_some_and(|failure| self.number <= failure.last_line + 1);
                let failure = self.failing(at, !below);
                failure.hear(&words);
                failure.claimed = true;
                failure.status = status.or(failure.status);
                failure.url = url.map(str::to_owned).or(failure.url.take());
            }
            Sign::Status(status) => {
                let failure = self.failing(at, false);
                failure.status = Some(status);
            }
            Sign::Refusal { url, status } => self.refused(at, text, url, status),
            Sign::Quotation(words) => self.note(at, "quotation", sample(words)),
            Sign::Commit | Sign::Nothing => {}
        }
    }

    /// A new command ends what the one before has left to say. One without an address goes where the last one went.
    fn begin(&mut self, at: usize, target: Option<Target<'_>>) {
        self.settle();
        self.told.clear();
        let before = self.command.take();
        let known = before.as_ref().and_then(|before| before.start).unwrap_or((at, self.number - 1));
        let (start, request) = match target {
            Some(target) => ((at, self.number - 1), Some(Request::of(&target))),
            None => (known, before.and_then(|before| before.request)),
        };
        self.command = Some(Command { start: Some(start), line: self.number, request });
    }

    /// The failure that a line belongs to. With `anew` a line after the client's last word begins another.
    fn failing(&mut self, at: usize, anew: bool) -> &mut Failure {
        if anew && self.failure.as_ref().is_some_and(|failure| failure.closed) {
            self.settle();
        }
        let (number, end, time_ms) = (self.number, self.end, self.clock.now_ms());
        let failure = self.failure.get_or_insert_with(|| Failure::new(at, number, time_ms));
        failure.goes_on(end, number);
        failure
    }

    fn refused(&mut self, at: usize, text: &str, url: Option<&str>, status: u16) {
        if text == self.told && self.failure.as_ref().is_none_or(|failure| failure.closed) {
            return;
        }
        let failure = self.failing(at, true);
        failure.status = Some(status);
        failure.url = url.map(str::to_owned).or(failure.url.take());
        failure.closed = true;
        text.clone_into(&mut self.told);
    }

    /// What was told of a failure becomes a sighting, or is passed over.
    fn settle(&mut self) {
        let Some(failure) = self.failure.take() else { return };
        let given = self.command.as_ref().and_then(|command| command.request.as_ref());
        match failure.judge(given) {
            Judged::Evidence => self.keep(&failure),
            Judged::Quotation => self.note(failure.start, "quotation", sample(&failure.words)),
            Judged::Nameless => self.note(failure.start, "no_user", failure.url.as_deref().map(sample).unwrap_or_default()),
            Judged::Nothing => {}
        }
    }

    fn keep(&mut self, failure: &Failure) {
        let given = self.command.as_ref().and_then(|command| command.request.as_ref());
        let draft = failure.draft(given, self.job);
        match draft.finish(Defaults::default(), self.now_ms).map(Sighting::into_owned) {
            Ok(sighting) => {
                self.read.page.sightings.push(sighting);
                self.read.ends.push(failure.end);
                self.kept_lines += failure.lines;
                if let Some(command) = &mut self.command {
                    command.start = None;
                }
            }
            Err(Refusal::OtherHost(host)) => self.note(failure.start, "other_host", host),
            Err(_) => self.note(failure.start, "future", time::instant(failure.time_ms).to_string()),
        }
    }

    fn note(&mut self, at: usize, reason: &'static str, sample: String) {
        self.notes.push((at, reason, sample));
    }

    fn finish(mut self, length: usize, last: bool) -> Read {
        let held = self.held().filter(|(start, _)| !last && length - start <= MAX_HELD_BYTES);
        if held.is_none() {
            self.settle();
        }
        let (consumed, lines) = held.unwrap_or((length, self.number));
        let dropped = lines.saturating_sub(self.kept_lines);
        let skipped = &mut self.read.page.skipped;
        if dropped > 0 {
            skipped.push(Skipped { reason: "no_evidence", count: dropped as u64, sample: String::new() });
        }
        for (_, reason, sample) in self.notes.into_iter().filter(|(at, ..)| *at < consumed) {
            Skipped::add(skipped, &Skipped { reason, count: 1, sample });
        }
        self.read.consumed = consumed;
        self.read
    }

    /// Where the operation begins that may not be over, and how many lines stand before it.
    fn held(&self) -> Option<(usize, usize)> {
        let failure = self.failure.as_ref().map(|failure| (failure.start, failure.first_line - 1));
        let command = self.command.as_ref().and_then(|command| command.start);
        failure.into_iter().chain(command).min()
    }
}

/// Free text of a transcript as it may be shown.
fn sample(words: &str) -> String {
    redact::free_text(Cow::Borrowed(words), MAX_SAMPLE).map(Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests;
