//! What is worth a closer look: one cheap look at each byte, because nearly all text passes here and holds no secret.

use super::MIN_OPAQUE;

/// Words after which a secret may stand, by their last letter; the superset of those in the patterns above. Of words that
/// end alike the shorter one stands for both.
fn keywords_ending_in(last: u8) -> &'static [&'static [u8]] {
    match last {
        b'c' => &[b"basic"],
        b'd' => &[b"password", b"passwd", b"pwd"],
        b'e' => &[b"cookie", b"passphrase", b"passcode", b"negotiate", b"_value", b"-value"],
        b'h' => &[b"auth"],
        b'l' => &[b"credential"],
        b'n' => &[b"authorization", b"token", b"_confirmation", b"-confirmation"],
        b'g' => &[b"securestring"],
        b'r' => &[b"bearer"],
        b's' => &[b"credentials", b"pass"],
        b't' => &[b"secret", b"jwt", b"digest"],
        b'y' => &[b"key"],
        _ => &[],
    }
}

/// What one byte may mean in a text that may hold a secret, as bits.
mod class {
    /// Part of a word, a number or a secret.
    pub(super) const RUN: u8 = 1;
    /// Is in every recognised prefix.
    pub(super) const T: u8 = 1 << 1;
    /// Is in the beginning of every JSON web token.
    pub(super) const J: u8 = 1 << 2;
    /// Stands between a keyword and its secret.
    pub(super) const ANNOUNCES: u8 = 1 << 3;
    /// Stands behind user information, or before a query.
    pub(super) const SIGN: u8 = 1 << 4;
    /// Joins words to one, or begins an option.
    pub(super) const JOINS: u8 = 1 << 5;

    pub(super) const OF: [u8; 256] = {
        let mut of = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
            let meant = byte as u8;
            of[byte] = match meant {
                b'T' => RUN | T,
                b'J' => RUN | J,
                b'_' | b'-' => RUN | JOINS,
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' => RUN,
                // What is not in ASCII may be part of a blank.
                b':' | b'=' | b'"' | b'\'' | b'\\' | b']' | b'<' | b'>' | b' ' | b'\t'..=b'\r' | 0x80.. => ANNOUNCES,
                b'@' | b'?' => SIGN,
                _ => 0,
            };
            byte += 1;
        }
        of
    };
}

/// Whether any step of [`super::scrub`] might change the text.
pub(super) fn suspicious(text: &[u8]) -> bool {
    let (mut start, mut met) = (0, 0);
    for (at, &byte) in text.iter().enumerate() {
        let class = class::OF[usize::from(byte)];
        if class & class::RUN != 0 {
            met |= class;
            continue;
        }
        let run = &text[start..at];
        if class & class::SIGN != 0 || looks_secret(run, met) || class & class::ANNOUNCES != 0 && is_announced(run, met) {
            return true;
        }
        (start, met) = (at + 1, 0);
    }
    looks_secret(&text[start..], met)
}

pub(super) fn announces(byte: u8) -> bool {
    class::OF[usize::from(byte)] & class::ANNOUNCES != 0
}

/// Keywords may have a number, and variables of the environment go on behind them.
fn is_announced(run: &[u8], met: u8) -> bool {
    let run = unnumbered(run);
    let variable = met & class::JOINS != 0 && run.last().is_some_and(u8::is_ascii_uppercase);
    is_keyword(run) || variable && run.split(|byte| *byte == b'_').any(|word| is_keyword(unnumbered(word)))
}

fn unnumbered(run: &[u8]) -> &[u8] {
    let mut run = run;
    while let [rest @ .., b'0'..=b'9' | b'_' | b'-'] = run {
        run = rest;
    }
    run
}

fn is_keyword(run: &[u8]) -> bool {
    let Some(last) = run.last() else { return false };
    let is_end = |word: &&[u8]| run.len() >= word.len() && run[run.len() - word.len()..].eq_ignore_ascii_case(word);
    keywords_ending_in(last.to_ascii_lowercase()).iter().any(is_end)
}

/// `met` says which letters the run has.
fn looks_secret(run: &[u8], met: u8) -> bool {
    opaque(run)
        || met & class::T != 0 && has_prefix(run)
        || met & class::J != 0 && run.windows(3).any(|three| three == b"eyJ")
        || met & class::JOINS != 0 && names_user(run)
}

/// An option of curl that says who asks, or one of others with a password; it may hold the beginning of what it tells, whatever ends
/// that.
fn names_user(run: &[u8]) -> bool {
    run.starts_with(b"-") && (run.iter().any(|byte| matches!(byte, b'u' | b'U')) || matches!(run, [_, b'p' | b'P', ..]))
}

pub(super) fn has_prefix(run: &[u8]) -> bool {
    run.windows(4).any(|four| matches!(four, b"ATBB" | b"ATAT" | b"ATCT"))
}

pub(super) fn in_run(byte: u8) -> bool {
    class::OF[usize::from(byte)] & class::RUN != 0
}

/// Long and without the rhythm of words: names change from small to capital letters or to digits once a word, random
/// text at every second or third character. UUIDs are names.
pub(super) fn opaque(run: &[u8]) -> bool {
    if run.len() < MIN_OPAQUE || is_uuid(run) {
        return false;
    }
    let changes = run.windows(2).filter(|pair| {
        let (a, b) = (pair[0], pair[1]);
        a.is_ascii_lowercase() && b.is_ascii_uppercase()
            || a.is_ascii_alphabetic() && b.is_ascii_digit()
            || a.is_ascii_digit() && b.is_ascii_alphabetic()
    });
    run.iter().all(|b| in_run(*b)) && changes.count() * 5 >= run.len()
}

fn is_uuid(run: &[u8]) -> bool {
    run.len() == 36
        && run.iter().enumerate().all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}
