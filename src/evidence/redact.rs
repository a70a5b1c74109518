//! Secrets never survive. Of what was presented to sign in, only the scheme, the username and the first four characters
//! of a recognised prefix are kept; other text is scrubbed, cut to a length and freed of control characters.
//!
//! The prefixes are Atlassian's own (staff answer of 2025-08-26, community qaq-p/3093481): `ATBB` app password, `ATAT`
//! API token, `ATCT` access token. Everything else is recognised by where it stands (a header, a URL, after a word such
//! as `password`) or by its look (long, without the rhythm of words).

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use regex::{Captures, Regex};

/// What stands for a removed secret.
const GONE: &str = "…";

const PREFIXES: [&str; 3] = ["ATBB", "ATAT", "ATCT"];

/// Schemes of authentication that are kept. Anything else in that place may be a secret.
pub const SCHEMES: [&str; 9] = ["basic", "bearer", "ssh", "digest", "negotiate", "ntlm", "jwt", "token", "oauth"];

/// App passwords of before 2023 are 20 alphanumerics without a prefix; nothing shorter can be told from a name.
const MIN_OPAQUE: usize = 20;

/// A name with a recognised prefix is a token from this length on; shorter ones may be somebody's name.
const MIN_TOKEN: usize = 12;

/// Names of people; the longest e-mail address has 254 characters.
pub const MAX_NAME: usize = 254;

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
    let value = value.trim();
    let name = value[..name_end(value)].trim_end();
    let token = secret_prefix(name).is_some() && name.len() >= MIN_TOKEN;
    let within = name.as_bytes().split(|byte| !in_run(*byte)).any(|run| opaque(run) || run.len() >= MIN_TOKEN && has_prefix(run));
    let announced = name.bytes().any(announces) && scrub(name) != name;
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

/// Free text as it may be kept: scrubbed and bounded; nothing if nothing is left. `-` is how logs write nothing.
pub fn free_text(value: Cow<'_, str>, max: usize) -> Option<Cow<'_, str>> {
    present(match scrub(&value) {
        Cow::Borrowed(_) => bounded(value, max),
        Cow::Owned(scrubbed) => bounded(Cow::Owned(scrubbed), max),
    })
}

/// An identifier as it may be kept. It may look like nothing in particular, as a secret does, so only what is surely a
/// secret makes it disappear: two different secrets must not become the same identifier.
pub fn identifier(value: Cow<'_, str>, max: usize) -> Option<Cow<'_, str>> {
    if suspicious(value.as_bytes()) {
        // The last three have a colon or an equals sign, and are slow to find nothing.
        let named = || value.contains([':', '=']) && [&PAIR, &HEADER, &NAMED].into_iter().any(|sign| sign.is_match(&value));
        let secret = PREFIX.is_match(&value) || JWT.is_match(&value) || named();
        if secret || value.contains(char::is_whitespace) && scrub(&value) != value {
            return None;
        }
    }
    present(bounded(value, max))
}

fn present(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
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

/// Removes what is or may be a secret from free text. Text without a sign of one is given back as it came.
pub fn scrub(text: &str) -> Cow<'_, str> {
    if !suspicious(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut clean = Cow::Borrowed(text);
    for step in [headers, urls, netrc, named_values, schemes, pairs, prefixes, look] {
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
    URL.replace_all(text, |found: &Captures<'_>| format!("{}{}", &found[1], reduced_url(&found[2])))
}

fn netrc(text: &str) -> Cow<'_, str> {
    NETRC.replace_all(text, "$1…")
}

fn named_values(text: &str) -> Cow<'_, str> {
    NAMED.replace_all(text, "$1=…")
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
    match OPTION.replace_all(text, "$1 $2$3$4:…") {
        Cow::Borrowed(_) => PAIR.replace_all(text, "$1@"),
        Cow::Owned(clean) => Cow::Owned(PAIR.replace_all(&clean, "$1@").into_owned()),
    }
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
/// `/` and `@`.
pub fn user_information_end(rest: &str) -> Option<usize> {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    match authority.split_once(':') {
        Some((_, port)) if !port.bytes().all(|b| b.is_ascii_digit()) => rest.rfind('@'),
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

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that every test compiles")
}

static HEADER: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)\b((?:proxy-)?authorization|private-token|x-api-key|(?:set-)?cookie)[\\"']*\s*[:=][^\r\n]*"#));
static URL: LazyLock<Regex> = LazyLock::new(|| regex(r#"([A-Za-z][A-Za-z0-9+.-]*://)([^\s"'<>]*)"#));
/// A value in quotes ends with them; one without ends at a space, since a password may hold any other character.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)\b([a-z_.-]*(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|credentials?|auth))[\\"']*\s*[:=]\s*(?:\\+"[^"]*|"(?:[^"\\]|\\.)*|'[^']*|[^\s"']+)"#,
    )
});
/// The words of a `.netrc` file, on one line or on several.
static NETRC: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)\b((?:machine|default|login|account)\s[^"']{0,400}?\bpassword\s+)(?:"[^"]*|\S+)"#));
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)\b(basic|bearer|jwt|token|digest|negotiate)([\s:="']+)([A-Za-z0-9+/=_.~%-]+)"#));
static PAIR: LazyLock<Regex> = LazyLock::new(|| regex(r#"([^\s:/@"'=]+):[^\s"'/][^\s"']*@"#));
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(-u|--user)[\s=]*(?:("[^:"]+):[^"]*|('[^:']+):[^']*|([^\s:"']+):\S+)"#));
static PREFIX: LazyLock<Regex> = LazyLock::new(|| regex(r"(AT(?:BB|AT|CT))[A-Za-z0-9_=+/%-]{4,}"));
static JWT: LazyLock<Regex> = LazyLock::new(|| regex(r"eyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9_.-]*"));
static RUN: LazyLock<Regex> = LazyLock::new(|| regex(r"[A-Za-z0-9_+-]{20,}"));

/// Words after which a secret may stand, by their last letter; the superset of those in the patterns above. Of words that
/// end alike the shorter one stands for both.
fn keywords_ending_in(last: u8) -> &'static [&'static [u8]] {
    match last {
        b'c' => &[b"basic"],
        b'd' => &[b"password", b"passwd", b"pwd"],
        b'e' => &[b"cookie", b"passphrase", b"negotiate"],
        b'h' => &[b"auth"],
        b'l' => &[b"credential"],
        b'n' => &[b"authorization", b"token"],
        b'r' => &[b"bearer", b"--user"],
        b's' => &[b"credentials"],
        b't' => &[b"secret", b"jwt", b"digest"],
        b'u' => &[b"-u"],
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

    pub(super) const OF: [u8; 256] = {
        let mut of = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
            let meant = byte as u8;
            of[byte] = match meant {
                b'T' => RUN | T,
                b'J' => RUN | J,
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'+' | b'-' => RUN,
                b':' | b'=' | b'"' | b'\'' | b'\\' | b' ' | b'\t' | b'\n' | b'\r' | 0x0c => ANNOUNCES,
                b'@' | b'?' => SIGN,
                _ => 0,
            };
            byte += 1;
        }
        of
    };
}

/// Whether any step of [`scrub`] might change the text. One look at each byte, because nearly all text passes here.
fn suspicious(text: &[u8]) -> bool {
    let (mut start, mut met) = (0, 0);
    for (at, &byte) in text.iter().enumerate() {
        let class = class::OF[usize::from(byte)];
        if class & class::RUN != 0 {
            met |= class;
            continue;
        }
        let run = &text[start..at];
        if class & class::SIGN != 0 || looks_secret(run, met) || class & class::ANNOUNCES != 0 && is_keyword(run) {
            return true;
        }
        (start, met) = (at + 1, 0);
    }
    looks_secret(&text[start..], met)
}

fn announces(byte: u8) -> bool {
    class::OF[usize::from(byte)] & class::ANNOUNCES != 0
}

fn is_keyword(run: &[u8]) -> bool {
    let Some(last) = run.last() else { return false };
    let is_end = |word: &&[u8]| run.len() >= word.len() && run[run.len() - word.len()..].eq_ignore_ascii_case(word);
    keywords_ending_in(last.to_ascii_lowercase()).iter().any(is_end)
}

/// `met` says which letters the run has.
fn looks_secret(run: &[u8], met: u8) -> bool {
    opaque(run) || met & class::T != 0 && has_prefix(run) || met & class::J != 0 && run.windows(3).any(|three| three == b"eyJ")
}

fn has_prefix(run: &[u8]) -> bool {
    run.windows(4).any(|four| matches!(four, b"ATBB" | b"ATAT" | b"ATCT"))
}

fn in_run(byte: u8) -> bool {
    class::OF[usize::from(byte)] & class::RUN != 0
}

/// Long and without the rhythm of words: names change from small to capital letters or to digits once a word, random
/// text at every second or third character. UUIDs are names.
fn opaque(run: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(scheme: &'static str, username: &str, prefix: Option<&'static str>) -> Presented {
        Presented {
            scheme: (!scheme.is_empty()).then_some(scheme),
            username: (!username.is_empty()).then(|| username.to_owned()),
            secret_prefix: prefix,
        }
    }

    fn base64(text: &str) -> String {
        data_encoding::BASE64.encode(text.as_bytes())
    }

    #[test]
    fn a_header_is_reduced_to_scheme_username_and_prefix() {
        for (header, expected) in [
            (format!("Basic {}", base64("mtessel:ATBBabcdefgh12345678")), presented("basic", "mtessel", Some("ATBB"))),
            (format!("basic {}", base64("Mira.T@example.test:hun:ter2")), presented("basic", "Mira.T@example.test", None)),
            (
                format!("Authorization: Basic {}", base64("x-token-auth:ATCTT3xFfGN0")),
                presented("basic", "x-token-auth", Some("ATCT")),
            ),
            (format!("Basic {}", base64("ATATT3xFfGF0abcdefgh:")), presented("basic", "", Some("ATAT"))),
            ("Basic mtessel:hunter2".to_owned(), presented("basic", "mtessel", None)),
            ("Basic !!not-base64!!".to_owned(), presented("basic", "", None)),
            ("Bearer ATCTT3xFfGN0secret".to_owned(), presented("bearer", "", Some("ATCT"))),
            ("BEARER opaque".to_owned(), presented("bearer", "", None)),
            ("hunter2".to_owned(), Presented::default()),
            ("ATBBhunter2hunter2".to_owned(), presented("", "", Some("ATBB"))),
            (String::new(), Presented::default()),
        ] {
            assert_eq!(authorization(&header), expected, "{header}");
        }
    }

    #[test]
    fn a_username_that_holds_a_secret_is_reduced() {
        for (given, kept) in [
            ("mtessel", Some("mtessel")),
            ("mtessel:hunter2", Some("mtessel")),
            ("mtessel%3Ahunter2", Some("mtessel")),
            ("{8f9a3c51-77aa-4bce-9c11-3b5f9a2d1e00}", Some("{8f9a3c51-77aa-4bce-9c11-3b5f9a2d1e00}")),
            ("a.very.long.address@payments.example.test", Some("a.very.long.address@payments.example.test")),
            ("x-bitbucket-api-token-auth", Some("x-bitbucket-api-token-auth")),
            ("ATATurk", Some("ATATurk")),
            ("ATBBabcdefgh12345678", None),
            ("kq8Zr2Lm9Xw4Tb7Yc1Vd", None),
            ("x=ATBBabcdefgh12345678;y", None),
            ("kq8Zr2Lm9Xw4Tb7Yc1Vd@example.test", None),
            ("export BITBUCKET_TOKEN='hunter2'", None),
            ("machine bitbucket.org login mtessel password hunter2", None),
            ("ACME\\mtessel", Some("ACME\\mtessel")),
            ("Mira Tessel", Some("Mira Tessel")),
            ("-", None),
            (":", None),
        ] {
            assert_eq!(username(given).as_deref(), kept, "{given}");
        }
    }

    #[test]
    fn secrets_in_free_text_are_gone_and_the_rest_stays() {
        for (given, kept) in [
            (
                "fatal: unable to access 'https://mtessel:hunter2@bitbucket.org/acme/r.git/': 410",
                "fatal: unable to access 'https://mtessel@bitbucket.org/acme/r.git/': 410",
            ),
            ("clone https://mtessel:hun/t@r2@bitbucket.org/acme/r.git", "clone https://mtessel@bitbucket.org/acme/r.git"),
            ("clone https://ATATT3xFfGF0aaaa@bitbucket.org/acme/r", "clone https://bitbucket.org/acme/r"),
            ("GET https://api.bitbucket.org/2.0/user?access_token=hunter2", "GET https://api.bitbucket.org/2.0/user"),
            ("> Authorization: Basic bXRlc3NlbDpodW50ZXIy", "> Authorization: …"),
            (r#"{"authorization":"Bearer hunter2","x":1"#, r#"{"authorization: …"#),
            ("sent Basic bXRlc3NlbDpodW50ZXIy to it", "sent Basic … to it"),
            ("password=hunter2 retry=3", "password=… retry=3"),
            ("BITBUCKET_TOKEN: hunter2", "BITBUCKET_TOKEN=…"),
            ("curl -u mtessel:hunter2 https://x", "curl -u mtessel:… https://x"),
            ("curl -u 'mtessel:hun ter/2' https://x", "curl -u 'mtessel:…' https://x"),
            ("mtessel:hunter2@bitbucket.org", "mtessel@bitbucket.org"),
            ("password=hun&ter;2 retry=3", "password=… retry=3"),
            (r#"{\"password\":\"hun ter2\",\"x\":1}"#, r#"{\"password=…",\"x\":1}"#),
            ("machine bitbucket.org login mtessel password hunter2", "machine bitbucket.org login mtessel password …"),
            ("used ATBBabcdefgh12345678 here", "used ATBB… here"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "…"),
            ("key kq8Zr2Lm9Xw4Tb7Yc1Vd.", "key …."),
        ] {
            assert_eq!(scrub(given), kept);
        }
    }

    #[test]
    fn ordinary_text_is_given_back_as_it_came() {
        for text in [
            "remote: CHANGE-3222 - Functionality has been deprecated",
            "remote: App passwords are deprecated and must be replaced with API tokens.",
            "remote: https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-3222",
            "remote: API Token provided has no Bitbucket scopes.",
            "git/2.43.0 (vsts-agent-git/3.236.1)",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
            "RenovateBot/37.1.0 (https://github.com/renovatebot/renovate)",
            "payments/nightly-build-of-the-2026-release",
            "PaymentsIntegrationNightlyBuild2026",
            "run 0d9f2d5e-3b1a-4c1e-9d1e-6f0c0a7b1111",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    /// [`suspicious`] as it would be written if it cost nothing.
    fn suspicious_in_words(text: &[u8]) -> bool {
        const KEYWORDS: [&str; 20] = [
            "authorization",
            "private-token",
            "cookie",
            "password",
            "passwd",
            "passphrase",
            "pwd",
            "secret",
            "token",
            "key",
            "credential",
            "credentials",
            "auth",
            "basic",
            "bearer",
            "jwt",
            "digest",
            "negotiate",
            "-u",
            "--user",
        ];
        let is_run = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
        let found = |run: &[u8], part: &[u8]| run.windows(part.len()).any(|at| at == part);
        let is_announced = |run: &[u8]| {
            let word = String::from_utf8_lossy(run).to_ascii_lowercase();
            KEYWORDS.iter().any(|keyword| word.ends_with(keyword))
        };
        let mut start = 0;
        let ends = (0..text.len()).filter(|at| !is_run(text[*at])).chain([text.len()]);
        ends.into_iter().any(|end| {
            let run = &text[std::mem::replace(&mut start, end + 1)..end];
            let behind = text.get(end).copied();
            opaque(run)
                || [&b"ATBB"[..], b"ATAT", b"ATCT", b"eyJ"].into_iter().any(|part| found(run, part))
                || behind.is_some_and(|sign| b"@?".contains(&sign))
                || behind.is_some_and(|sign| b":=\"'\\".contains(&sign) || sign.is_ascii_whitespace()) && is_announced(run)
        })
    }

    #[test]
    fn one_look_at_each_byte_finds_what_many_find() {
        const PIECES: [&str; 24] = [
            "token",
            "Authorization",
            "private-token",
            "PASSWORD",
            "--user",
            "-u",
            "key",
            "keys",
            "credentials",
            "ATBB",
            "ATAT",
            "eyJ",
            "J",
            "T",
            "abc",
            "kq8Zr2Lm9Xw4Tb7Yc1Vd",
            "/",
            ":",
            "=",
            "@",
            "?",
            " ",
            "\"",
            "é",
        ];
        let mut random = fastrand::Rng::with_seed(26);
        let (mut found, tries) = (0, 20_000);
        for _ in 0..tries {
            let text: String = (0..random.usize(0..6)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
            assert_eq!(suspicious(text.as_bytes()), suspicious_in_words(text.as_bytes()), "{text}");
            found += usize::from(suspicious(text.as_bytes()));
        }
        assert!(found > tries / 4 && found < tries, "both answers are met: {found}");
    }

    #[test]
    fn random_secrets_of_every_length_are_recognised_by_their_look() {
        let mut random = fastrand::Rng::with_seed(3_222);
        let missed = (0..1_000).filter(|_| {
            let secret: String = (0..random.usize(24..80)).map(|_| random.alphanumeric()).collect();
            scrub(&format!("with {secret} in it")).contains(&secret)
        });
        assert!(missed.count() <= 10);
    }

    #[test]
    fn kept_text_has_a_length_and_no_control_characters() {
        assert_eq!(bounded(Cow::Borrowed("añb"), 2), "a");
        assert_eq!(bounded(Cow::Borrowed("a\u{1b}[31m\u{85}b"), 9), "a [31m b");
        assert_eq!(free_text(Cow::Borrowed(" - "), 9), None);
        assert_eq!(identifier(Cow::Borrowed("5b10ac8d82e05b22cc7d4ef5"), 99).as_deref(), Some("5b10ac8d82e05b22cc7d4ef5"));
        assert_eq!(identifier(Cow::Borrowed("ATBBabcdefgh12345678"), 99), None);
    }
}
