//! Names in texts: found in any case where they stand alone, and replaced.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, Match};

use crate::evidence::{
    Person as Facts,
    mention::{is_telling, stands_alone},
};

/// Shorter names are found in their own fields only: in a text they would be parts of other words.
const SHORTEST: usize = 3;

/// Forms that people make of a first and a last name, where they are as long as this.
const SHORTEST_FORM: usize = 5;

/// What is searched for, in lower case.
#[derive(Default)]
pub(super) struct Collected(BTreeMap<String, Known>);

/// What stands in the place of a name, and the pseudonyms of those whose name it is.
struct Known {
    replacement: String,
    owners: Vec<String>,
}

/// Who wrote a text.
#[derive(Clone, Copy)]
pub(super) enum Speaker<'a> {
    /// The organisation itself: whom it names may be told from others by their pseudonym.
    Trusted,
    /// Anybody. Whoever can write a text for each name of a list must not learn who is who: only the one whose pseudonym is `own`
    /// is told from others, who are all called `other`.
    Anybody { own: &'a str, other: &'a str },
}

impl Collected {
    /// All names of one person.
    pub(super) fn person(&mut self, pseudonym: &str, id: &str, facts: &[Facts]) {
        let bare = id.strip_prefix("name:").or(id.strip_prefix("email:")).unwrap_or(id);
        self.text(bare, pseudonym, pseudonym);
        for known in facts {
            let uuid = known.uuid.as_ref().map(|uuid| uuid.trim_matches(['{', '}']).to_owned());
            for name in [&known.account_id, &known.nickname, &known.display_name, &known.email, &uuid].into_iter().flatten() {
                self.text(name, pseudonym, pseudonym);
            }
            if let Some((local, _)) = known.email.as_deref().and_then(|email| email.split_once('@')) {
                self.text(local, pseudonym, pseudonym);
            }
            for form in known.display_name.as_deref().map(forms).unwrap_or_default() {
                self.text(&form, pseudonym, pseudonym);
            }
        }
    }

    /// A text of one person's own.
    pub(super) fn text(&mut self, text: &str, replacement: &str, owner: &str) {
        let text = text.trim();
        if is_telling(text, SHORTEST) {
            let new = || Known { replacement: replacement.to_owned(), owners: Vec::new() };
            let known = self.0.entry(text.to_lowercase()).or_insert_with(new);
            if known.replacement == replacement && !known.owners.iter().any(|known| known == owner) {
                known.owners.push(owner.to_owned());
            }
        }
    }

    pub(super) fn ready(self) -> Names {
        let (texts, known): (Vec<String>, Vec<Known>) = self.0.into_iter().unzip();
        let finder = AhoCorasick::new(&texts).expect("names of people fit into memory, and are no more than 2^31");
        Names { finder: (!texts.is_empty()).then_some(finder), known }
    }
}

/// `Mara Tessel` as `mara.tessel`, `tessel, mara`, `mtessel` and the like.
fn forms(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let [first, .., last] = words.as_slice() else { return Vec::new() };
    let initial: String = first.chars().take(1).collect();
    let joined =
        ["", ".", "-", "_"].into_iter().flat_map(|with| [format!("{first}{with}{last}"), format!("{last}{with}{first}")]);
    let others = [format!("{last} {first}"), format!("{last}, {first}"), format!("{first} {last}"), format!("{initial}{last}")];
    joined.chain(others).filter(|form| is_telling(form, SHORTEST_FORM)).collect()
}

impl Known {
    fn told_by<'k>(&'k self, speaker: Speaker<'k>) -> &'k str {
        match speaker {
            Speaker::Anybody { own, other } if own.is_empty() || !self.owners.iter().any(|owner| owner == own) => other,
            Speaker::Anybody { .. } | Speaker::Trusted => &self.replacement,
        }
    }
}

#[derive(Default)]
pub(super) struct Names {
    /// None where there is nobody to be found.
    finder: Option<AhoCorasick>,
    known: Vec<Known>,
}

impl Names {
    /// The text without names.
    pub(super) fn replaced(&self, text: &str, speaker: Speaker<'_>) -> Option<String> {
        let finder = self.finder.as_ref()?;
        // Lower case may be longer or shorter than the text: where it is, the text itself is given up.
        let lower = text.to_lowercase();
        let same = lower.len() == text.len() && text.char_indices().map(|(at, _)| at).eq(lower.char_indices().map(|(at, _)| at));
        let shown = if same { text } else { &lower };
        let alone = finder.find_overlapping_iter(&lower).filter(|found| stands_alone(&lower, found.start(), found.end(), &[]));
        let mut alone: Vec<Match> = alone.collect();
        // Of those that overlap the first, and of those the longest.
        alone.sort_by_key(|found| (found.start(), std::cmp::Reverse(found.end())));
        let (mut out, mut done) = (String::new(), 0);
        for found in alone {
            if found.start() >= done {
                out.push_str(&shown[done..found.start()]);
                out.push_str(self.known[found.pattern().as_usize()].told_by(speaker));
                done = found.end();
            }
        }
        (done > 0).then(|| out + &shown[done..])
    }
}
