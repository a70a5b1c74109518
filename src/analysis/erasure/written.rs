//! Every form in which a name is written, by us or by a source: as it came, made harmless ([`inert`]), and each of these inside
//! of JSON, of a CSV cell, of a page or of an address. Whoever looks for a name anywhere looks for all of them.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;
use url::form_urlencoded::byte_serialize;

use crate::evidence::inert;

/// Characters that stand as they are everywhere. Tokens without end are made of these, and their patterns stay short.
const PLAIN: &[u8] = b"-_.";

/// Of a longer name, which hardly any source tells, only the form in which it came is looked for: all forms of one without end are
/// no expression.
const LONGEST_IN_FORMS_CHARS: usize = 512;

/// What a page calls its characters.
const ENTITIES: [(char, &str); 4] = [('"', "quot"), ('&', "amp"), ('<', "lt"), ('>', "gt")];

/// What is one letter after a backslash.
const LETTERS: [(char, char); 5] = [('\n', 'n'), ('\r', 'r'), ('\t', 't'), ('\u{8}', 'b'), ('\u{c}', 'f')];

/// A name in lower case as expressions that find it in any case: the whole, and what is left where it was cut.
pub(super) fn patterns(name: &str) -> impl Iterator<Item = String> {
    let shown = inert::name(name);
    let cut = shown.strip_suffix('…').filter(|_| shown != inert::record(name)).map(|begin| pattern(begin) + "…");
    [pattern(name)].into_iter().chain(cut)
}

/// The text with a blank for each end of a line that is spelt out: its letter touches no name.
pub(super) fn without_breaks(text: &str) -> Cow<'_, str> {
    static BREAK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\[nrtbf]").expect("a constant that every test compiles"));
    BREAK.replace_all(text, " ")
}

fn pattern(name: &str) -> String {
    if name.chars().nth(LONGEST_IN_FORMS_CHARS).is_some() {
        return regex::escape(name);
    }
    let mut pattern = String::with_capacity(name.len());
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c == 'i' && rest.next_if_eq(&'\u{307}').is_some() {
            // Turkish `İ` is the one letter that is two in lower case, which expressions do not fold.
            pattern.extend(["(?:i", &forms('\u{307}'), "|", &forms('\u{130}'), ")"]);
        } else {
            pattern.push_str(&forms(c));
        }
    }
    pattern
}

/// One character in each of its forms. Backslashes double with every layer of quoting.
fn forms(c: char) -> String {
    let plain = regex::escape(c.encode_utf8(&mut [0; 4]));
    if c.is_ascii_alphanumeric() || u8::try_from(c).is_ok_and(|byte| PLAIN.contains(&byte)) {
        return plain;
    }
    let mut forms = vec![match c {
        '\\' => r"\\+".to_owned(),
        '"' => r#"\\+"|""|\\+""|""#.to_owned(),
        // In a list inside of a cell a semicolon would end the item, and what follows may be no formula.
        ';' => "[;,]'?".to_owned(),
        _ => plain,
    }];
    forms.extend(LETTERS.iter().filter(|(of, _)| *of == c).map(|(_, letter)| format!(r"\\+{letter}")));
    forms.extend(ENTITIES.iter().filter(|(of, _)| *of == c).map(|(_, entity)| format!("&{entity};")));
    if c == ' ' {
        forms.push("%20".to_owned());
    }
    // Expressions fold letters, but no numbers of letters. What a letter becomes in capitals that is several letters, or a plain one
    // (`ß`, `ı`), is somebody else's name.
    let mut capitals = c.to_uppercase();
    let capital = capitals.next().filter(|capital| capitals.next().is_none() && *capital != c && !capital.is_ascii());
    forms.extend([c].into_iter().chain(capital).flat_map(|c| [numbered(c), encoded(c)]));
    format!("(?:{})", forms.join("|"))
}

/// The number of a character, as alternatives: `\u00fc` of JSON, `\u{fc}` of ours, `&#xfc;` and `&#252;` of pages.
fn numbered(c: char) -> String {
    let number = u32::from(c);
    let units: Vec<String> = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\\+u{unit:04x}")).collect();
    format!(r"{}|\\+u\{{{number:x}\}}|&#(?:{number}|x{number:x});", units.concat())
}

/// The character in the query of a request.
fn encoded(c: char) -> String {
    regex::escape(&byte_serialize(c.encode_utf8(&mut [0; 4]).as_bytes()).collect::<String>())
}
