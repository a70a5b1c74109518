//! Secrets never survive. Of what was presented to sign in, only the scheme, the username and the first four characters
//! of a recognised prefix are kept; other text is scrubbed, cut to a length and freed of control characters.
//!
//! The prefixes are Atlassian's own (staff answer of 2025-08-26, community qaq-p/3093481): `ATBB` app password, `ATAT`
//! API token, `ATCT` access token. Everything else is recognised by where it stands (a header, a URL, after a word such
//! as `password`) or by its look (long, without the rhythm of words).

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

mod address;
mod gate;

pub use address::{Address, Style, addresses};
use gate::{announces, has_prefix, in_run, opaque, suspicious};

/// What stands for a removed secret.
const GONE: &str = "…";

const PREFIXES: [&str; 3] = ["ATBB", "ATAT", "ATCT"];

/// Schemes of authentication that are kept. Anything else in that place may be a secret.
pub const SCHEMES: [&str; 9] = ["basic", "bearer", "ssh", "digest", "negotiate", "ntlm", "jwt", "token", "oauth"];

/// App passwords of before 2023 are 20 alphanumerics without a prefix; nothing shorter can be told from a name.
const MIN_OPAQUE: usize = 20;

/// How often a text is escaped at most: an address in the query of an address in a query.
const MOST_ESCAPES: usize = 3;

/// A name with a recognised prefix is a token from this length on; shorter ones may be somebody's name.
const MIN_TOKEN: usize = 12;

/// Names of people; the longest e-mail address has 254 characters.
pub const MAX_NAME: usize = 254;

/// So much behind what is kept of a text is looked at as well: what a secret is recognised by may stand behind it. The rest may be
/// a megabyte that somebody made to be slow.
const CONTEXT: usize = 4_096;

/// What was presented to sign in, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// Lower case, one of a closed list.
    pub scheme: Option<&'static str>,
    pub username: Option<String>,
    pub secret_prefix: Option<&'static str>,
}

/// Reduces the value of an `Authorization` header (its name may stand before it).
pub fn authorization(value: &str) -> Presented {
    let value = value.trim().trim_matches(['"', '\'']);
    let value = match value.split_once(':') {
        Some((name, rest)) if name.trim_end().to_ascii_lowercase().ends_with("authorization") => rest.trim_start(),
        _ => value,
    };
    let (word, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    let rest = rest.trim();
    match scheme(word) {
        Some("basic") => Presented { scheme: Some("basic"), ..basic(rest) },
        Some(known) => Presented { scheme: Some(known), username: None, secret_prefix: secret_prefix(rest) },
        None => Presented { secret_prefix: secret_prefix(value), ..Presented::default() },
    }
}

/// The scheme of authentication that a word names.
pub fn scheme(word: &str) -> Option<&'static str> {
    SCHEMES.into_iter().find(|known| word.eq_ignore_ascii_case(known))
}

/// The first four characters of a recognised secret.
pub fn secret_prefix(secret: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| secret.starts_with(prefix))
}

fn basic(encoded: &str) -> Presented {
    if encoded.contains(':') {
        return user_and_secret(encoded);
    }
    let bare = encoded.trim_end_matches('=').as_bytes();
    match BASE64_NOPAD.decode(bare).or_else(|_| BASE64URL_NOPAD.decode(bare)) {
        Ok(bytes) => user_and_secret(&String::from_utf8_lossy(&bytes)),
        Err(_) => Presented { secret_prefix: secret_prefix(encoded), ..Presented::default() },
    }
}

/// Reduces `user:secret`. Without a colon nobody can tell which of the two it is: only a recognised prefix is kept.
pub fn user_and_secret(pair: &str) -> Presented {
    let Some((user, secret)) = pair.split_once(':') else {
        return Presented { secret_prefix: secret_prefix(pair), ..Presented::default() };
    };
    let reduced = username(user);
    Presented {
        scheme: None,
        secret_prefix: secret_prefix(secret).or_else(|| reduced.is_none().then(|| secret_prefix(user)).flatten()),
        username: reduced.map(Cow::into_owned),
    }
}

/// A username as it may be kept: what follows a colon is gone, and so is a name that is itself a token or announces a secret.
pub fn username(value: &str) -> Option<Cow<'_, str>> {
    let value = cut(value.trim(), MAX_NAME + CONTEXT);
    let name = value[..name_end(value)].trim_end();
    let token = secret_prefix(name).is_some() && name.len() >= MIN_TOKEN;
    let within = name.as_bytes().split(|byte| !in_run(*byte)).any(|run| opaque(run) || run.len() >= MIN_TOKEN && has_prefix(run));
    let announced = name.bytes().any(|byte| announces(byte) || byte == b'%') && scrub(name) != name;
    if name.is_empty() || name == "-" || token || within || announced || name.starts_with("eyJ") && name.len() >= MIN_OPAQUE {
        return None;
    }
    Some(bounded(Cow::Borrowed(name), MAX_NAME))
}

/// Where the colon stands, plain or percent-encoded, behind which a secret may follow.
fn name_end(value: &str) -> usize {
    let colon = |(at, _): &(usize, char)| {
        value[*at..].starts_with(':') || value[*at..].get(..3).is_some_and(|c| c.eq_ignore_ascii_case("%3a"))
    };
    value.char_indices().filter(|(_, c)| matches!(c, ':' | '%')).find(colon).map_or(value.len(), |(at, _)| at)
}

/// Free text as it may be kept: scrubbed and bounded; nothing if nothing is left.
pub fn free_text(value: Cow<'_, str>, max: usize) -> Option<Cow<'_, str>> {
    let value = near(value, max);
    present(match scrub(&value) {
        Cow::Borrowed(_) => bounded(value, max),
        Cow::Owned(scrubbed) => kept(scrubbed, value.len(), max),
    })
}

/// What is kept of a scrubbed text of which so many bytes were looked at. Where that was not all of it, not what runs on at the end,
/// nor what stands in an element that does not end: the sign by which a secret there is known may stand behind.
pub fn kept(scrubbed: String, looked_at: usize, max: usize) -> Cow<'static, str> {
    let is_cut = looked_at + char::MAX.len_utf8() > max + CONTEXT;
    let ended = scrubbed.rfind(char::is_whitespace).unwrap_or(0);
    let opened = scrubbed.rfind('<').filter(|at| !scrubbed[*at..].starts_with("</") && scrubbed[*at..].contains('>'));
    let sure = ended.max(scrubbed.len().saturating_sub(CONTEXT)).min(opened.unwrap_or(usize::MAX));
    bounded(Cow::Owned(scrubbed), if is_cut { max.min(sure) } else { max })
}

/// An identifier as it may be kept. It may look like nothing in particular, as a secret does, so only what is surely a
/// secret makes it disappear: two different secrets must not become the same identifier.
pub fn identifier(value: Cow<'_, str>, max: usize) -> Option<Cow<'_, str>> {
    let value = near(value, max);
    if surely_secret(&value) || unescaped(&value).is_some_and(|meant| surely_secret(&meant)) {
        return None;
    }
    present(bounded(value, max))
}

fn surely_secret(value: &str) -> bool {
    if !suspicious(value.as_bytes()) {
        return false;
    }
    // These have one of the signs, and are slow to find nothing.
    let named = || {
        value.contains([':', '=', '<', ','])
            && [&PAIR, &HEADER, &NAMED, &OPTION, &USER, &MARKUP].into_iter().any(|sign| sign.is_match(value))
    };
    let in_address = || {
        let user = |rest: &str| user_information_end(rest).is_some_and(|at| rest[..at].contains(':'));
        addresses(value, &ADDRESS).any(|found| user(&value[found.rest..found.end]))
    };
    PREFIX.is_match(value)
        || JWT.is_match(value)
        || named()
        || in_address()
        || value.contains(char::is_whitespace) && steps(value) != value
}

/// A text in which something stands. `-` is how logs write nothing.
pub fn present(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let trimmed = text.trim();
    match trimmed.len() {
        0 => None,
        1 if trimmed == "-" => None,
        n if n == text.len() => Some(text),
        _ => Some(Cow::Owned(trimmed.to_owned())),
    }
}

/// Cuts at a character boundary and replaces control characters by spaces.
pub fn bounded(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    let end = cut(&text, max).len();
    let text = if end < text.len() { slice(text, 0..end) } else { text };
    // Without an early end many bytes are compared at once.
    let perhaps = text.bytes().map(|b| u8::from(b < b' ' || b == 0x7f || b == 0xc2)).fold(0, |all, one| all | one);
    if perhaps != 0 && text.contains(char::is_control) {
        return Cow::Owned(text.replace(char::is_control, " "));
    }
    text
}

/// What is looked at of a text of which at most `max` bytes are kept.
pub fn near(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    let end = cut(&text, max + CONTEXT).len();
    if end < text.len() { slice(text, 0..end) } else { text }
}

/// The beginning of a text, at most `max` bytes of whole characters.
pub fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// A part of a text, borrowed where the text was.
pub fn slice(text: Cow<'_, str>, range: Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

/// Removes what is or may be a secret from free text. Text without a sign of one is given back as it came, and so is text
/// with escapes in it, unless it holds a secret when it is read without them: then it is kept as it reads.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let clean = if suspicious(text.as_bytes()) { steps(text) } else { Cow::Borrowed(text) };
    if clean.contains('%')
        && let Some(meant) = unescaped(&clean).filter(|meant| suspicious(meant.as_bytes()))
    {
        let again = steps(&meant);
        if again != meant {
            return Cow::Owned(again.into_owned());
        }
    }
    clean
}

/// What a text says whose signs are written as `%3A`, perhaps more than once; none where nothing is.
fn unescaped(text: &str) -> Option<String> {
    let mut meant = None;
    for _ in 0..MOST_ESCAPES {
        let written = meant.as_deref().unwrap_or(text);
        match written.contains('%').then(|| percent_decode_str(written).decode_utf8_lossy()) {
            Some(Cow::Owned(next)) => meant = Some(next),
            _ => break,
        }
    }
    meant
}

fn steps(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    for step in [headers, urls, netrc, options, named_values, schemes, pairs, markup, prefixes, look] {
        if let Cow::Owned(next) = step(&clean) {
            clean = Cow::Owned(next);
        }
    }
    clean
}

fn headers(text: &str) -> Cow<'_, str> {
    HEADER.replace_all(text, "$1: …")
}

fn urls(text: &str) -> Cow<'_, str> {
    let (mut clean, mut kept) = (String::new(), 0);
    for found in addresses(text, &ADDRESS) {
        clean.push_str(&text[kept..found.rest]);
        clean.push_str(&reduced_url(&text[found.rest..found.end]));
        kept = found.end;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[kept..]);
    Cow::Owned(clean)
}

fn netrc(text: &str) -> Cow<'_, str> {
    NETRC.replace_all(text, "$1…")
}

fn options(text: &str) -> Cow<'_, str> {
    OPTION.replace_all(text, "$1$2…")
}

fn named_values(text: &str) -> Cow<'_, str> {
    NAMED.replace_all(text, |found: &Captures<'_>| {
        let credential = ["credential", "credentials"].into_iter().any(|end| found[1].eq_ignore_ascii_case(end));
        // `forbidden to our credential: grant the scope`: nobody calls a password so before it, and the sentence goes on.
        if credential && word(&found[2]) { found[0].to_owned() } else { format!("{}={GONE}", &found[1]) }
    })
}

fn schemes(text: &str) -> Cow<'_, str> {
    SCHEME.replace_all(
        text,
        |found: &Captures<'_>| {
            if word(&found[3]) { found[0].to_owned() } else { format!("{}{}{GONE}", &found[1], &found[2]) }
        },
    )
}

fn pairs(text: &str) -> Cow<'_, str> {
    // The option first: its quotes may hold a password with spaces, slashes and `@`.
    match USER.replace_all(text, "$1 $2$3$4:…") {
        Cow::Borrowed(_) => PAIR.replace_all(text, "$1@"),
        Cow::Owned(clean) => Cow::Owned(PAIR.replace_all(&clean, "$1@").into_owned()),
    }
}

fn markup(text: &str) -> Cow<'_, str> {
    MARKUP.replace_all(text, "$1…$2")
}

fn prefixes(text: &str) -> Cow<'_, str> {
    PREFIX.replace_all(text, "$1…")
}

fn look(text: &str) -> Cow<'_, str> {
    let clean = JWT.replace_all(text, GONE);
    let end = RUN.replace_all(
        &clean,
        |found: &Captures<'_>| {
            if opaque(found[0].as_bytes()) { GONE.to_owned() } else { found[0].to_owned() }
        },
    );
    Cow::Owned(end.into_owned())
}

/// Where the `@` stands that ends the user information in what follows `://`. A password may hold any character, even
/// `/` and `@`, and begin with it: nothing is no port.
pub fn user_information_end(rest: &str) -> Option<usize> {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    match authority.split_once(':') {
        Some((_, port)) if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) => rest.rfind('@'),
        _ => authority.rfind('@'),
    }
}

/// Drops the password and the query of what follows `://`.
fn reduced_url(rest: &str) -> String {
    let at = user_information_end(rest);
    let (user, place) = at.map_or((None, rest), |at| (username(&rest[..at]), &rest[at + 1..]));
    let place = &place[..place.find('?').unwrap_or(place.len())];
    user.map_or_else(|| place.to_owned(), |user| format!("{user}@{place}"))
}

/// `Basic authentication`, `Bearer tokens`: what follows is a word of the sentence.
fn word(text: &str) -> bool {
    text.len() <= 16 && text.bytes().all(|b| b.is_ascii_alphabetic()) && text.bytes().skip(1).all(|b| b.is_ascii_lowercase())
}

/// A scheme begins with a letter.
fn scheme_length(text: &str) -> Option<usize> {
    let run = text.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-')).count();
    let at = text[text.len() - run..].find(|c: char| c.is_ascii_alphabetic())?;
    Some(run - at)
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that every test compiles")
}

/// Names of secrets.
const NAME: &str = r#"(?:password|passwd|passphrase|passcode|[_.-]pass|["']pass|pwd|secret|token|(?:api|access|secret|private)[_-]?key|credentials?|auth)"#;
/// What a name of a secret may end with and still be one; variables of the environment with anything.
const ENDING: &str = r"(?:[_-]?[0-9]+|[_-](?:key|value|confirmation)|(?-i:_[A-Z0-9_]+))*";
/// A value in quotes ends with them, which shells write in several ways. One without ends at a blank, since a password may
/// hold any other character, and at a quote behind which no value goes on.
const VALUE: &str = r#"(?:\\+"[^"]*|"(?:[^"\\]|\\.)*|\\*'[^']*(?:'(?:\\'|"'")'[^']*)*|[^\s"'](?:[^\s"']|["'][^\s"',;:)}\]])*)"#;
/// What an encoded value is written with, and the lines before its last one where it was wrapped.
const ENCODED: &str = r"(?:[A-Za-z0-9+/=_.~%-]{60,}\r?\n\s*)*[A-Za-z0-9+/=_.~%-]+";
/// Between a name and its value, where they are two members of an object or two elements.
const MEMBER: &str = r#"(?:\s|["']\s*,)[\s\\"']*value[\\"']*\s*[:=]+>?|</\w+>\s*<\w+>"#;

/// A header's value ends with its line, unless it goes on behind a blank or what is encoded stands on several.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(
        r#"(?i)\b((?:proxy-)?authorization|private-token|x-api-key|(?:set-)?cookie)[\\"'\]]*(?:\s*[:=]|{MEMBER})(?:\s*["']?(?:basic|bearer|token|jwt)\s+{ENCODED})?[^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*"#
    ))
});
/// Addresses of any scheme, which may have a password without a name.
const ADDRESS: Style = Style { scheme: scheme_length, stops: &['"', '\'', '<', '>'], password: |_, _| true };
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(
        r#"(?i)({NAME}{ENDING}|(?:^|[\s&?;,])pass)[\\"'\]]*(?:\s*[:=]+>?|{MEMBER})\s*(?:[|>][+-]?\s+)?(?:\(?\s*ConvertTo-SecureString\s+(?:-String\s+)?)?({VALUE})"#
    ))
});
/// The words of a `.netrc` file, on one line or on several.
static NETRC: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)\b((?:machine|default|login|account)\s[^"']*?\bpassword\s+)(?:"[^"]*|\S+)"#));
/// Where a blank or a comma is enough: behind options, behind the words by which variables and settings are set, where
/// `-p` means a password, and before quotes.
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(
        r#"(?i)(?:(\B--?[a-z0-9-]*{NAME}(?:[\\"']+\s*,\s*|\s+)(?:\(?\s*ConvertTo-SecureString\s+(?:-String\s+)?)?|\bConvertTo-SecureString\s+(?:-String\s+)?|\b(?:(?-i:ENV|ARG)|setx|set-item|config(?:\s+(?:--\w+|set))*)\s+[\w.:$/-]*[_.:]{NAME}{ENDING}\s+|\b(?:sshpass|mysql\w*|login)\b[^\r\n]*?\s-p\s*){VALUE}|((?:password|passwd|passphrase|pwd)\s+)["'][^"']*)"#
    ))
});
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r#"(?i)\b(basic|bearer|jwt|token|digest|negotiate)([\s:="']+)({ENCODED})"#)));
static PAIR: LazyLock<Regex> = LazyLock::new(|| regex(r#"([^\s:/@"'=]+):[^\s"'/](?:[^\s"']|["'][^\s"',;:)}\]])*@"#));
/// What curl is told of the user, whose short options may stand together and before their value without a blank.
static USER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"((?:^|[^\w+-])(?:-[aBfgGiIjJkLlnNOpqRsSvV]*[uU]|--(?:proxy-)?user))[\s=\\]*(?:("[^:"]+):[^"]*|('[^:']+):[^']*|([^\s:"']+):(?:"[^"]*|'[^']*|\S)\S*)"#,
    )
});
/// An element that is named like a secret. Without its end it may be a placeholder, behind which the sentence goes on.
static MARKUP: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(
        r#"(?i)(<[^<>]{{0,200}}{NAME}{ENDING}["']?(?:\s[^<>]{{0,200}})?>)(?:<!\[CDATA\[(?:[^\]]|\][^\]])*(?:\]\]>)?|[^<]+(</)|[^\s<\]),.;:@/"'][^<]*)"#
    ))
});
static PREFIX: LazyLock<Regex> = LazyLock::new(|| regex(r"(AT(?:BB|AT|CT))[A-Za-z0-9_=+/%-]{4,}"));
static JWT: LazyLock<Regex> = LazyLock::new(|| regex(r"eyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9_.-]*"));
static RUN: LazyLock<Regex> = LazyLock::new(|| regex(r"[A-Za-z0-9_+-]{20,}"));

#[cfg(test)]
mod tests;
