//! Names inside longer texts.

use regex::{Regex, RegexBuilder};

use super::Identity;
use crate::evidence::mention::{is_telling, stands_alone};

/// A shorter nickname or display name is a word of sentences and of software, too.
const SHORTEST_IN_TEXT: usize = 4;

/// In what people call their jobs and secrets, initials are somebody.
const SHORTEST_IN_LABEL: usize = 2;

/// Replaces names where they stand as words of their own.
#[derive(Clone, Debug)]
pub(super) struct Scrub {
    /// None where there is nothing to look for.
    names: Option<Regex>,
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
        let encoded = names.iter().filter(|name| name.contains('@')).map(|name| name.replace('@', "%40"));
        let patterns: Vec<String> = names.iter().map(|name| (*name).clone()).chain(encoded).map(|name| pattern(&name)).collect();
        let found = || RegexBuilder::new(&patterns.join("|")).case_insensitive(true).build();
        Self {
            names: (!patterns.is_empty()).then(|| found().expect("escaped names are an expression")),
            glue,
            pseudonym: pseudonym.to_owned(),
        }
    }

    /// The text without the names; none where there is none.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let names = self.names.as_ref()?;
        let mut left = String::new();
        let (mut end, mut at) = (0, 0);
        while let Some(found) = names.find_at(text, at) {
            if !stands_alone(text, found.start(), found.end(), self.glue) {
                // Another name may begin inside of what is none.
                at = found.start() + text[found.start()..].chars().next().map_or(1, char::len_utf8);
                continue;
            }
            left.push_str(&text[end..found.start()]);
            left.push_str(&self.pseudonym);
            (end, at) = (found.end(), found.end());
        }
        (end > 0).then(|| left + &text[end..])
    }
}

/// A name in lower case as an expression. Turkish `İ` is the one letter that is two in lower case, which expressions do not fold.
fn pattern(name: &str) -> String {
    regex::escape(name).replace("i\u{307}", "(?:i\u{307}|\u{130})")
}
