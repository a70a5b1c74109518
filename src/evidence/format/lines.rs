//! What the formats share of which every line is an item: lines become sightings, or are counted with a sample.

use std::{borrow::Cow, io::BufRead as _};

use super::{
    Defaults, MAX_LINE_BYTES,
    draft::{Draft, FUTURE, Refusal},
};
use crate::evidence::{MALFORMED, Page, Sighting, Skipped, redact};

/// Samples are for people: enough to recognise the line.
pub(super) const MAX_SAMPLE: usize = 160;
/// What of a line is looked at for its shape.
const SHAPED: usize = 1_024;
/// What may stand before a line and is none of it: a byte order mark, and the hole that truncating a file leaves in it.
const PADDING: [char; 2] = ['\u{feff}', '\0'];

/// Reads a block line by line. `read` makes a draft of a line, of which only the padding is gone, `sample` says what may be shown of a line
/// that is no evidence.
pub(super) fn parse<'a>(
    block: &'a [u8],
    defaults: Defaults<'a>,
    now_ms: i64,
    read: impl for<'l> Fn(&'l str) -> Result<Draft<'l>, Refusal>,
    sample: impl Fn(&str) -> String,
) -> Page<'a> {
    // A sighting is large: what grows by doubling would hold three times as much for a moment.
    let mut page = Page::default();
    let count = lines(block).count();
    page.sightings.reserve_exact(count);
    page.times.reserve_exact(count);
    let text = |line| std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    items(page, lines(block).map(|line| text(line.strip_suffix(b"\n").unwrap_or(line))), defaults, now_ms, read, sample)
}

/// The lines of some bytes, each with its end, which the last one may lack. (`split_inclusive` looks at one byte after the other.)
pub fn lines(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let rest = bytes;
        let length = bytes.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        Some(&rest[..length])
    })
}

/// The same of items that are cut already, onto a page.
pub(super) fn items<'a>(
    mut page: Page<'a>,
    texts: impl Iterator<Item = Cow<'a, str>>,
    defaults: Defaults<'a>,
    now_ms: i64,
    read: impl for<'l> Fn(&'l str) -> Result<Draft<'l>, Refusal>,
    sample: impl Fn(&str) -> String,
) -> Page<'a> {
    for text in texts {
        match text {
            Cow::Borrowed(line) => {
                let (time_ms, found) = sighting(line, defaults, now_ms, &read);
                page.times.push(time_ms);
                put(&mut page, found, line, &sample);
            }
            Cow::Owned(line) => {
                let (time_ms, found) = sighting(&line, defaults, now_ms, &read);
                page.times.push(time_ms);
                put(&mut page, found.map(|found| found.map(Sighting::into_owned)), &line, &sample);
            }
        }
    }
    page
}

/// What becomes of a line, and the time that it tells.
fn sighting<'l>(
    line: &'l str,
    defaults: Defaults<'l>,
    now_ms: i64,
    read: impl Fn(&'l str) -> Result<Draft<'l>, Refusal>,
) -> (Option<i64>, Result<Option<Sighting<'l>>, Refusal>) {
    if line.len() > MAX_LINE_BYTES {
        return (None, Err(Refusal::TooLong));
    }
    let line = line.trim_start_matches(PADDING);
    match line.trim_start().as_bytes().first() {
        None => return (None, Ok(None)),
        Some(b'#') => return (None, Err(Refusal::Comment)),
        Some(_) => {}
    }
    match read(line) {
        Ok(draft) => (draft.time_ms(), draft.finish(defaults, now_ms).map(Some)),
        Err(refusal) => (None, Err(refusal)),
    }
}

/// Puts what became of a line on the page.
fn put<'a>(page: &mut Page<'a>, found: Result<Option<Sighting<'a>>, Refusal>, line: &str, sample: impl Fn(&str) -> String) {
    let (reason, sample) = match found {
        Ok(sighting) => return page.sightings.extend(sighting),
        Err(Refusal::OtherHost(host)) => ("other_host", host),
        Err(Refusal::Future(at)) => (FUTURE, at.to_string()),
        Err(Refusal::Malformed) => (MALFORMED, sample(line)),
        Err(Refusal::TooLong) => ("too_long", sample(line)),
        Err(Refusal::NoTime) => ("no_time", sample(line)),
        Err(Refusal::NoUse) => ("no_use", sample(line)),
        Err(Refusal::NoRequest) => ("no_request", sample(line)),
        Err(Refusal::Comment) => ("comment", String::new()),
    };
    Skipped::add(&mut page.skipped, &Skipped { reason, count: 1, sample });
}

/// A line without its words: `a` stands for letters, `9` for digits, punctuation is kept. Anything in the line may be a
/// secret in the wrong place, and this still tells a person what is wrong with it.
pub(super) fn shape(line: &str) -> String {
    let mut shape = String::new();
    for c in redact::cut(line, SHAPED).trim().chars() {
        let sign = match c {
            _ if c.is_alphabetic() => 'a',
            _ if c.is_numeric() => '9',
            '"' | '[' | ']' | '{' | '}' | '(' | ')' | ',' | ';' | ':' | '/' | '.' | '-' | '=' | '+' | '_' | '#' | ' ' | '\t' => c,
            _ => '?',
        };
        let repeats = matches!(sign, 'a' | '9' | '?') && shape.ends_with(sign);
        if !repeats && shape.len() < MAX_SAMPLE {
            shape.push(sign);
        }
    }
    shape
}
