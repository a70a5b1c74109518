//! Where a name is mentioned in a text.
//!
//! Most scripts set words apart, and there a name is meant where it stands alone. Chinese, Japanese, Korean and Thai do not, or
//! tie particles to names: there it is meant wherever it stands, and two characters are a whole name.

use percent_encoding::percent_decode_str;

/// Whether a name is long enough to be looked for in texts; `shortest` holds for scripts that set words apart.
pub fn is_telling(name: &str, shortest: usize) -> bool {
    let length = name.chars().count();
    length >= shortest || (length >= 2 && name.chars().all(is_run_together))
}

/// Whether what stands at a place of the text is a name of its own: no letter or digit, nor any of `glue`, touches it.
pub fn stands_alone(text: &str, start: usize, end: usize, glue: &[char]) -> bool {
    let found = &text[start..end];
    let touched = |own: Option<char>, beside: Option<char>| {
        let apart = own.is_some_and(|own| !is_run_together(own));
        beside.is_some_and(|c| (apart && c.is_alphanumeric() && !is_run_together(c)) || glue.contains(&c))
    };
    let before = escape(&text[..start]).or_else(|| text[..start].chars().next_back());
    !touched(found.chars().next(), before) && !touched(found.chars().next_back(), text[end..].chars().next())
}

/// The character that is spelt out at the end of a path or a query, as `%3D` or `%C3%A4`, or of JSON, as `\u003c`.
fn escape(text: &str) -> Option<char> {
    let last = |bytes: usize| text.len().checked_sub(bytes).and_then(|at| text.get(at..));
    if let Some(digits) = last(6).and_then(|last| last.strip_prefix("\\u")) {
        return u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    }
    let spelt = (1..=4).map_while(|bytes| last(3 * bytes).filter(|run| run.starts_with('%')));
    spelt.filter_map(|run| percent_decode_str(run).decode_utf8().ok()?.chars().next()).find(|c| *c != '%')
}

/// Characters of scripts that set no space between words, or none between a name and what follows it.
fn is_run_together(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn alone(text: &str, name: &str, expected: bool) {
        let start = text.find(name).expect("it is there");
        assert_eq!(stands_alone(text, start, start + name.len(), &['-']), expected, "{name} in {text}");
    }

    #[test]
    fn names_stand_alone_where_words_are_set_apart_and_anywhere_where_they_are_not() {
        for (text, name, expected) in [
            ("mtess laptop", "mtess", true),
            ("mtessel", "mtess", false),
            ("amtess", "mtess", false),
            ("a/mtess", "mtess", true),
            ("mtess-notes", "mtess", false),
            ("author%3Dmtess%26", "mtess", true),
            ("author%41mtess", "mtess", false),
            ("author%C3%A4mtess", "mtess", false),
            ("author%C2%A0mtess", "mtess", true),
            ("%E2%80%99mtess", "mtess", true),
            (r"\u003cmtess", "mtess", true),
            (r"\u00e4mtess", "mtess", false),
            ("100%mtess", "mtess", true),
            ("%zzmtess", "mtess", false),
            ("%2dmtess", "mtess", false),
            ("王伟的笔记本", "王伟", true),
            ("laptop王伟2", "王伟", true),
            ("王伟-notes", "王伟", false),
            ("mtessの端末", "mtess", true),
            ("김철수의 노트북", "김철수", true),
        ] {
            alone(text, name, expected);
        }
    }

    #[test]
    fn two_characters_are_a_whole_name_in_some_scripts() {
        assert!(is_telling("王伟", 4) && is_telling("mtes", 4));
        assert!(!is_telling("mte", 4) && !is_telling("王", 4) && !is_telling("m伟", 4));
    }
}
