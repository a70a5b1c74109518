//! Names inside longer texts.

use std::ops::Range;

use regex::{Match, Regex, RegexBuilder};

use super::{Identity, written};
use crate::evidence::mention::{is_telling, stands_alone};

/// A shorter nickname or display name is a word of sentences and of software, too.
const SHORTEST_IN_TEXT: usize = 4;

/// In what people call their jobs and secrets, initials are somebody.
const SHORTEST_IN_LABEL: usize = 2;

/// Bytes of patterns that one expression looks for: a person may have tokens without end, and an expression may not be as large.
const PATTERNS_AT_ONCE_BYTES: usize = 8_192;

/// Replaces names where they stand as words of their own.
#[derive(Clone, Debug)]
pub(super) struct Scrub {
    /// The longest names in the first.
    names: Vec<Regex>,
    /// What may not stand beside a name, beside letters and digits.
    glue: &'static [char],
    pseudonym: String,
}

impl Scrub {
    /// Of sentences.
    pub(super) fn of_text(identity: &Identity, pseudonym: &str) -> Self {
        Self::new(identity, pseudonym, SHORTEST_IN_TEXT, &[])
    }

    /// Of labels: `mte-laptop` names `mte`.
    pub(super) fn of_label(identity: &Identity, pseudonym: &str) -> Self {
        Self::new(identity, pseudonym, SHORTEST_IN_LABEL, &[])
    }

    /// Of paths, in which `mtessel-notes` is the name of a place.
    pub(super) fn of_path(identity: &Identity, pseudonym: &str) -> Self {
        Self::new(identity, pseudonym, SHORTEST_IN_TEXT, &['-', '_', '.'])
    }

    fn new(identity: &Identity, pseudonym: &str, shortest: usize, glue: &'static [char]) -> Self {
        let called = identity.nicknames.iter().chain(&identity.display_names).filter(|name| is_telling(name, shortest));
        let ids = identity.accounts.iter().chain(&identity.uuids).chain(&identity.emails).chain(&identity.tokens);
        let mut names: Vec<&String> = ids.chain(called).collect();
        // The longest first: a name may begin another one.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let patterns: Vec<String> = names.into_iter().flat_map(|name| written::patterns(name)).collect();
        Self { names: expressions(&patterns), glue, pseudonym: pseudonym.to_owned() }
    }

    /// Where names stand, one behind the other; of those that begin at one place the longest that stands alone.
    fn found<'t>(&self, text: &'t str) -> impl Iterator<Item = Range<usize>> {
        // What each expression finds next is asked again once it lies behind.
        let mut next: Vec<Option<Match<'t>>> = self.names.iter().map(|names| names.find(text)).collect();
        let mut go_on_at = move |at: usize| {
            for (next, names) in next.iter_mut().zip(&self.names) {
                if next.is_some_and(|found| found.start() < at) {
                    *next = names.find_at(text, at);
                }
            }
            next.iter().flatten().min_by_key(|found| found.start()).copied()
        };
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let found = go_on_at(at)?;
                if let Some(end) = self.end_of_name(text, found.start(), found.end()) {
                    at = end;
                    return Some(found.start()..end);
                }
                // Another name may begin inside of what is none.
                at = found.start() + text[found.start()..].chars().next().map_or(1, char::len_utf8);
            }
        })
    }

    /// Where the longest name ends that begins at a place, ends at another or before it, and stands alone.
    fn end_of_name(&self, text: &str, start: usize, mut end: usize) -> Option<usize> {
        while !stands_alone(text, start, end, self.glue) {
            let before = text[..end].char_indices().next_back().map_or(start, |(at, _)| at);
            let shorter = self.names.iter().filter_map(|names| names.find_at(&text[..before], start));
            end = shorter.filter(|found| found.start() == start).map(|found| found.end()).max()?;
        }
        Some(end)
    }

    /// Whether a name stands in the text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.found(text).next().is_some()
    }

    /// The text without the names; none where there is none.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let (mut left, mut end) = (String::new(), 0);
        for found in self.found(text) {
            left.push_str(&text[end..found.start]);
            left.push_str(&self.pseudonym);
            end = found.end;
        }
        (end > 0).then(|| left + &text[end..])
    }
}

/// Expressions that look for all of the patterns, in their order.
fn expressions(patterns: &[String]) -> Vec<Regex> {
    let mut bytes = 0;
    let pieces = patterns.chunk_by(|_, next| {
        bytes += next.len();
        let fits = bytes <= PATTERNS_AT_ONCE_BYTES;
        bytes = if fits { bytes } else { 0 };
        fits
    });
    let one = |piece: &[String]| {
        RegexBuilder::new(&piece.join("|")).case_insensitive(true).build().expect("so many escaped names are an expression")
    };
    pieces.map(one).collect()
}
