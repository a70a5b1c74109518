//! Addresses in a text (`scheme://user:password@host/path`), found in one pass: a password may hold anything but a blank, so
//! that where it ends is known only from the end of its word, and a search that begins again at each `://` reads a long word
//! as often as it has addresses.

/// What is taken for an address.
pub struct Style {
    /// The length of the scheme that a text ends with; none where it ends with none.
    pub scheme: fn(&str) -> Option<usize>,
    /// What ends an address beside blanks, except before the `@` behind a password.
    pub stops: &'static [char],
    /// Whether user and password may be these, of which the latter is followed by the rest of its word.
    pub password: fn(&str, &str) -> bool,
}

/// Where an address stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub start: usize,
    /// Where it goes on behind `://`.
    pub rest: usize,
    pub end: usize,
}

/// What ends the user's name in an address.
const AFTER_NAME: [char; 5] = ['/', '?', '#', '@', ':'];

/// The addresses of a text, which do not overlap.
pub fn addresses<'t>(text: &'t str, style: &'t Style) -> impl Iterator<Item = Address> + 't {
    let mut word = Word::default();
    // Where the next may begin, and from where `://` is looked for.
    let (mut from, mut search) = (0, 0);
    std::iter::from_fn(move || {
        loop {
            let separator = search + text[search..].find("://")?;
            let rest = separator + "://".len();
            search = rest;
            if let Some(length) = (style.scheme)(&text[from..separator]) {
                word = word.around(text, rest);
                let end = style.end(text, rest, word);
                (from, search) = (end, end);
                return Some(Address { start: separator - length, rest, end });
            }
        }
    })
}

impl Style {
    fn end(&self, text: &str, rest: usize, word: Word) -> usize {
        let stops = |c: char| c.is_whitespace() || self.stops.contains(&c);
        let until = |from: usize, stop: &dyn Fn(char) -> bool| text[from..].find(stop).map_or(text.len(), |at| from + at);
        let name = until(rest, &|c| stops(c) || AFTER_NAME.contains(&c));
        let behind = match (text[name..].strip_prefix(':'), word.last_at) {
            (Some(password), Some(at)) if at > name && (self.password)(&text[rest..name], password) => at + 1,
            _ => rest,
        };
        until(behind, &stops)
    }
}

/// The end of a word, and the last `@` in it.
#[derive(Clone, Copy, Default)]
struct Word {
    end: usize,
    last_at: Option<usize>,
}

impl Word {
    /// The word in which a place stands, which may be this one.
    fn around(self, text: &str, place: usize) -> Self {
        if place < self.end {
            return Self { last_at: self.last_at.filter(|at| *at >= place), ..self };
        }
        let end = text[place..].find(char::is_whitespace).map_or(text.len(), |at| place + at);
        Self { end, last_at: text[place..end].rfind('@').map(|at| place + at) }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::evidence::redact::ADDRESS;

    /// The same, as an expression says it that reads a word again for each address in it.
    #[test]
    fn what_is_found_is_what_an_expression_finds() {
        let plain = Regex::new(r#"([A-Za-z][A-Za-z0-9+.-]*://)((?:[^\s/?#"'<>@:]*:\S*@)?[^\s"'<>]*)"#).expect("a pattern");
        let parts = ["a", "http", "://", ":", "@", "/", " ", "\"", "<", "1", "é", "?", "x.y", "\u{a0}", "-"];
        let mut rng = fastrand::Rng::with_seed(7);
        let mut found = 0;
        for _ in 0..20_000 {
            let text: String = (0..rng.usize(1..24)).map(|_| parts[rng.usize(..parts.len())]).collect();
            let expected: Vec<Address> = plain
                .captures_iter(&text)
                .map(|captures| captures.get(2).map(|rest| (captures.get(1).map_or(0, |s| s.start()), rest)))
                .filter_map(|of| of.map(|(start, rest)| Address { start, rest: rest.start(), end: rest.end() }))
                .collect();
            assert_eq!(addresses(&text, &ADDRESS).collect::<Vec<_>>(), expected, "{text:?}");
            found += expected.len();
        }
        assert!(found > 2_000, "{found}");
    }
}
