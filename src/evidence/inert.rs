//! Names that others chose, made harmless. Everything that a stranger may have written passes through here once, when the
//! report is built, so that no renderer has to remember it.

/// A longer name is cut: it would push everything else off the page.
pub const MAX_NAME_CHARS: usize = 120;
/// A record of the journal names several things that were accepted.
pub const MAX_RECORD_CHARS: usize = 4_000;
/// Sentences from the judgement hold several names.
pub const MAX_SENTENCE_CHARS: usize = 600;

/// A name on one line: control characters and characters that reorder or hide text are spelt out (`\u{202e}`), and the
/// length is bounded.
pub fn name(text: &str) -> String {
    bounded(text, MAX_NAME_CHARS)
}

/// The same for a whole sentence.
pub fn sentence(text: &str) -> String {
    bounded(text, MAX_SENTENCE_CHARS)
}

/// The same for a record of the journal, or a path, which stay as they are written.
pub fn record(text: &str) -> String {
    bounded(text, MAX_RECORD_CHARS)
}

fn bounded(text: &str, limit: usize) -> String {
    // Nearly all of them.
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(limit));
    let mut length = 0;
    for c in text.chars() {
        if length >= limit {
            out.push('…');
            break;
        }
        if hides_or_moves(c) {
            let escape = c.escape_default();
            length += escape.len();
            out.extend(escape);
        } else {
            length += 1;
            out.push(c);
        }
    }
    out
}

/// Control characters, line separators, directional marks and overrides, invisible formatting, fillers, variation selectors
/// and what is drawn as a blank: all that Unicode lets a program leave out when it draws text (`Default_Ignorable_Code_Point`)
/// but the joiners, and the rest that is seen by nobody. Emoji are readable without the selector that is spelt out behind them.
pub fn hides_or_moves(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{13430}'..='\u{13442}' | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The two joiners, which are invisible as well and stay in names: some scripts cannot be written without them.
pub fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_moves_text_is_spelt_out() {
        assert_eq!(name("a\u{202e}b\r\nBcc: x\u{1b}[31m\u{200f}"), "a\\u{202e}b\\r\\nBcc: x\\u{1b}[31m\\u{200f}");
        for hidden in ['\u{180b}', '\u{180f}', '\u{2065}', '\u{2800}', '\u{fff0}', '\u{1bca0}', '\u{1d173}', '\u{e0fff}'] {
            assert_eq!(name(&format!("al{hidden}ice")), format!("al{}ice", hidden.escape_default()));
        }
        assert_eq!(name("soft\u{ad}\u{3164}\u{ffa0}\u{115f}"), "soft\\u{ad}\\u{3164}\\u{ffa0}\\u{115f}");
        assert_eq!(name("Zoë \u{200d}名前"), "Zoë \u{200d}名前");
    }

    /// `Default_Ignorable_Code_Point`, as Unicode 14 has it.
    const IGNORABLE: [std::ops::RangeInclusive<char>; 17] = [
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{61c}'..='\u{61c}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{202a}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff0}'..='\u{fff8}',
        '\u{1bca0}'..='\u{1bca3}',
        '\u{1d173}'..='\u{1d17a}',
        '\u{e0000}'..='\u{e0fff}',
    ];

    #[test]
    fn whatever_may_be_left_out_of_drawn_text_is_spelt_out_but_the_joiners() {
        for c in IGNORABLE.into_iter().flatten().chain(['\u{2800}', '\u{fffb}', '\u{13441}', '\u{16fe4}', '\u{1d159}']) {
            let spelt = if joins(c) { c.to_string() } else { format!("\\u{{{:x}}}", u32::from(c)) };
            assert_eq!(name(&format!("al{c}ice")), format!("al{spelt}ice"));
        }
        assert_eq!(name("Zoë ⠿ 한글 ᄀ ￦ � ❤"), "Zoë ⠿ 한글 ᄀ ￦ � ❤");
    }

    #[test]
    fn a_megabyte_of_name_is_cut() {
        let cut = name(&"\u{202e}x".repeat(500_000));
        assert!(cut.chars().count() < MAX_NAME_CHARS + 12, "{cut}");
        assert!(cut.ends_with('…'));
        assert_eq!(name(&"y".repeat(MAX_NAME_CHARS)), "y".repeat(MAX_NAME_CHARS));
    }
}
