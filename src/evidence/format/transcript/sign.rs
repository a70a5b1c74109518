//! What one line of a transcript says: a command that talks to Bitbucket, a word of the server, a refusal, a status.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

use super::{
    MAX_WORDS,
    line::{regex, unlabelled},
};
use crate::evidence::{place::is_bitbucket_host, redact};

/// What of a long line is kept before the words that make it evidence.
const BEFORE_WORDS: usize = 120;

/// One line, as far as it matters.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) enum Sign<'l> {
    /// A command of git or an HTTP client, with the address it names, if it names one.
    Command(Option<Target<'l>>),
    /// `remote: …`, what the server told git.
    Remote {
        words: &'l str,
        /// Names the kind of credential that it refuses.
        proof: bool,
        /// Stands where git writes it; an indented line may be a quotation.
        at_the_edge: bool,
    },
    /// The same outside of git: the body of an answer, if an answer's status stands near.
    Claim {
        words: Cow<'l, str>,
        url: Option<&'l str>,
        status: Option<u16>,
    },
    /// A client's last word about one request.
    Refusal {
        url: Option<&'l str>,
        status: u16,
    },
    Status(u16),
    /// The same words in a command, a list or a commit message.
    Quotation(&'l str),
    /// The head of a commit, whose indented message follows.
    Commit,
    Nothing,
}

/// Whom a command addresses.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Target<'l> {
    pub url: &'l str,
    pub method: &'static str,
    pub writes: bool,
    /// What `-u` of curl names.
    pub user: Option<&'l str>,
    /// The value of an `Authorization` header on the command line.
    pub authorization: Option<&'l str>,
}

/// Reads a line without its stamp and colours. In the message of a commit, which git indents, everything is quoted.
pub(super) fn read(text: &str, in_commit: bool) -> Sign<'_> {
    if !OF_INTEREST.is_match(text) {
        return Sign::Nothing;
    }
    let proof = PROOF.is_match(text);
    if in_commit && text.starts_with("    ") {
        return if proof { Sign::Quotation(text) } else { Sign::Nothing };
    }
    if COMMIT.is_match(text) {
        return Sign::Commit;
    }
    let words = unlabelled(text.trim_start());
    if let Some(said) = REMOTE.find(words) {
        let said = &words[said.start()..];
        return if PROGRESS.is_match(said) { Sign::Nothing } else { remote(text, said, proof) };
    }
    let command = !LAST_WORD.is_match(words) && is_command(words);
    let (url, status) = (bitbucket_url(words), status(words));
    match (proof, command) {
        (true, _) if is_quotation(words, command, url, status.or_else(|| status_before(words))) => Sign::Quotation(text),
        (true, _) => Sign::Claim { words: excerpt(words), url, status: status.or_else(|| status_before(words)) },
        (false, true) => Sign::Command(target(words)),
        (false, false) => refusal(words, url, status),
    }
}

/// A line that tells the whole story, with its status, is evidence by itself only as a record: with an address or an object.
fn is_quotation(words: &str, command: bool, url: Option<&str>, status: Option<u16>) -> bool {
    let record = url.is_some() || words.contains('{');
    QUOTE.is_match(words) || if status.is_some() { !record } else { command }
}

/// The words with what stands around them; a line may be a whole document. What says that a secret follows may stand before
/// the beginning.
fn excerpt(words: &str) -> Cow<'_, str> {
    if words.len() <= MAX_WORDS {
        return Cow::Borrowed(words);
    }
    let clean = redact::scrub(words);
    let start = PROOF.find(&clean).map_or(0, |found| found.start().saturating_sub(BEFORE_WORDS));
    let start = (start..clean.len()).find(|at| clean.is_char_boundary(*at)).unwrap_or(0);
    let end = clean.len();
    redact::slice(clean, start..end)
}

fn remote<'l>(text: &'l str, words: &'l str, proof: bool) -> Sign<'l> {
    Sign::Remote { words, proof, at_the_edge: !text.starts_with(char::is_whitespace) }
}

fn refusal<'l>(words: &'l str, url: Option<&'l str>, status: Option<u16>) -> Sign<'l> {
    if words.contains("Authentication failed for") {
        return Sign::Refusal { url: url.or_else(|| first_url(words)), status: 401 };
    }
    match (url, status.or_else(|| url.and_then(|url| bare_status(words, url)))) {
        (Some(_), Some(status)) => Sign::Refusal { url, status },
        // Another host's refusal ends the block as well.
        (None, Some(status)) if words.starts_with("fatal:") => Sign::Refusal { url: first_url(words), status },
        (None, Some(status)) => Sign::Status(status),
        _ => Sign::Nothing,
    }
}

fn is_command(words: &str) -> bool {
    GIT.is_match(words) || HTTP_CLIENT.is_match(words) || DOING.is_match(words)
}

fn target(words: &str) -> Option<Target<'_>> {
    let url = bitbucket_url(words).or_else(|| first_url(words))?;
    let client = HTTP_CLIENT.is_match(words);
    let part = |form: &Regex| Some(form.captures(words)?.iter().skip(1).flatten().next()?.as_str());
    let method = if client { method(words) } else { "GET" };
    Some(Target {
        url,
        method,
        writes: !client && PUSH.is_match(words),
        user: if client { part(&USER) } else { None },
        authorization: if client { part(&AUTHORIZATION) } else { None },
    })
}

fn method(words: &str) -> &'static str {
    let told = METHOD.captures(words).map(|found| found[1].to_ascii_uppercase());
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    match told {
        Some(told) => known.into_iter().find(|method| *method == told).unwrap_or("GET"),
        None if DATA.is_match(words) => "POST",
        None => "GET",
    }
}

/// The first address of Bitbucket.
fn bitbucket_url(words: &str) -> Option<&str> {
    let urls = urls(words).map(|url| url.trim_end_matches(['.', ',', ':', ';', ')']));
    urls.into_iter().find(|url| host(url).is_some_and(is_bitbucket_host))
}

fn first_url(words: &str) -> Option<&str> {
    urls(words).next()
}

fn urls(words: &str) -> impl Iterator<Item = &str> {
    redact::addresses(words, &URL).filter(|found| found.rest < found.end).map(|found| &words[found.start..found.end])
}

fn http(text: &str) -> Option<usize> {
    let ends =
        |scheme: &&str| text.get(text.len().wrapping_sub(scheme.len())..).is_some_and(|end| end.eq_ignore_ascii_case(scheme));
    ["https", "http"].into_iter().find(ends).map(str::len)
}

/// The host of an address, whatever stands before an `@`.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = match redact::user_information_end(rest) {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    authority.split(['/', '?', '#']).next()
}

fn status(words: &str) -> Option<u16> {
    let found = STATUS.captures(words)?;
    found.iter().skip(1).flatten().next()?.as_str().parse().ok()
}

/// `[ERROR] 401 {"type": "error", …}`: a bare number counts right before the body of an answer.
fn status_before(words: &str) -> Option<u16> {
    BEFORE_BODY.captures(words)?[1].parse().ok()
}

/// `GET https://api.bitbucket.org/2.0/user: 401 Unauthorized`: a bare number counts beside an address only.
fn bare_status(words: &str, url: &str) -> Option<u16> {
    let outside: Cow<'_, str> = words.replace(url, " ").into();
    BARE.captures(&outside)?[1].parse().ok()
}

/// Nothing else is looked at any closer.
static OF_INTEREST: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)remote:|change-3222|app passwords are|api token (?:must|provided)|account passwords|bitbucket\.org|\bgit\b|curl|http|fatal:|40[13]|410|cloning|^commit |date:|author:",
    )
});
/// With these words the server names the kind of credential that it refuses; the rules tell which.
static PROOF: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)change-3222|app passwords are deprecated|api token must be used with an atlassian registered email|",
        r"api token provided has no bitbucket scopes|stopped supporting account passwords",
    ))
});
static REMOTE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)^remote: "));
static PROGRESS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^remote: (?:Enumerating|Counting|Compressing|Finding|Resolving|Total|Writing|Analyzing) "));
static LAST_WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:fatal|error): |^curl: \("));
/// Traces of a shell, lists, headings, quotations and comments.
static QUOTE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:[+$#*>|-] |[-+*]{3}|//|/\*|echo\b|printf\b|\[[^\]]*\]\(|git\b)"));
static COMMIT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:commit [0-9a-f]{7,40}\b|(?:Author|AuthorDate|Date|CommitDate):\s)"));
static GIT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:^|[\s"'/\\;&|(`])git(?:\.exe)?"?(?:\s+-{1,2}[A-Za-z-]+(?:=\S+)?(?:\s+[^\s-]\S*)?)*\s+(?:clone|fetch|pull|push|ls-remote|submodule|remote|lfs|config remote\.\S+)\b"#,
    )
});
static DOING: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:Cloning|Fetching|Pulling|Pushing|Checking out|Syncing|Retrying|Waiting \d+ seconds)\b"));
static PUSH: LazyLock<Regex> = LazyLock::new(|| regex(r"\bgit\b.*\spush\b|^Pushing\b"));
static HTTP_CLIENT: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:^|[\s"'/;&|(`])(?:curl|wget|http|xh)(?:\.exe)?\s.*https?://"#));
static USER: LazyLock<Regex> = LazyLock::new(|| regex(r#"\s(?:-u|--user)[\s=]*["']?([^\s"']+)|\s--user[= ]([^\s"']+)"#));
static AUTHORIZATION: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?i)authorization:\s*([^"'\r\n]+)"#));
static METHOD: LazyLock<Regex> = LazyLock::new(|| regex(r#"\s(?:-X|--request|--method)[\s=]*["']?([A-Za-z]+)"#));
static DATA: LazyLock<Regex> = LazyLock::new(|| regex(r"\s(?:-d|--data\S*|-F|--form|--json)[\s=]"));
/// What ends an address in what a shell or git says.
const STOPS: &[char] = &['"', '\'', '<', '>', '\\', '`'];
/// Stops end an address, but not its password, which does not begin as a port does.
const URL: redact::Style = redact::Style {
    scheme: http,
    stops: STOPS,
    password: |name, password| {
        let begins = |c: char| !(c.is_whitespace() || STOPS.contains(&c) || c == '/' || c.is_ascii_digit());
        !name.is_empty() && password.starts_with(begins)
    },
};
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)returned error: (\d{3})\b|\bHTTP(?:/[\d.]+)? (?:Error |status:? )?(\d{3})\b|\bstatus(?:[ _-]?code)?["']?\s*[:= ]\s*["']?(\d{3})\b|"code"\s*:\s*(\d{3})\b|\b(\d{3}) Client Error\b|\bresponse code:? (\d{3})\b"#,
    )
});
static BEFORE_BODY: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?i)\b(401|410)\b(?:[ :,-]+(?:Unauthorized|Gone))?[ :,-]+(?:\{|"?(?:App passwords are|API token|CHANGE-3222))"#)
});
static BARE: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(401|410)\b"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_a_word_of_the_server_or_a_refusal() {
        let target = |url| Target { url, method: "GET", writes: false, user: None, authorization: None };
        let gone = "remote: CHANGE-3222 - Functionality has been deprecated";
        let url = "https://ada@bitbucket.org/acme/r.git";
        let fetch = format!(" > git fetch --tags --force --progress -- {url} +refs/heads/*:refs/remotes/origin/* # timeout=10");
        let quiet = format!("[command]/usr/bin/git -c protocol.version=2 fetch --no-tags {url}");
        let body = r#"{"type":"error","error":{"message":"App passwords are deprecated and must be replaced with API tokens."}}"#;
        let unscoped = "remote: API Token provided has no Bitbucket scopes.";
        let nameless = r#"{"type":"error","error":{"message":"API token must be used with an atlassian registered email"}}"#;
        let password = "Bitbucket Cloud recently stopped supporting account passwords for API authentication.";
        for (text, sign) in [
            (fetch.as_str(), Sign::Command(Some(target(url)))),
            (&quiet, Sign::Command(Some(target(url)))),
            ("Cloning into 'r'...", Sign::Command(None)),
            ("$ git fetch origin", Sign::Command(None)),
            (gone, Sign::Remote { words: gone, proof: true, at_the_edge: true }),
            ("stderr: remote: Unauthorized", Sign::Remote { words: "remote: Unauthorized", proof: false, at_the_edge: true }),
            ("remote: Counting objects: 100% (3/3), done.", Sign::Nothing),
            (
                "fatal: unable to access 'https://bitbucket.org/acme/r.git/': The requested URL returned error: 410",
                Sign::Refusal { url: Some("https://bitbucket.org/acme/r.git/"), status: 410 },
            ),
            (
                "##[error]fatal: Authentication failed for 'https://bitbucket.org/acme/r.git/'",
                Sign::Refusal { url: Some("https://bitbucket.org/acme/r.git/"), status: 401 },
            ),
            (
                "fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 410",
                Sign::Refusal { url: Some("https://github.com/a/b/"), status: 410 },
            ),
            (body, Sign::Claim { words: body.into(), url: None, status: None }),
            (unscoped, Sign::Remote { words: unscoped, proof: true, at_the_edge: true }),
            (nameless, Sign::Claim { words: nameless.into(), url: None, status: None }),
            (password, Sign::Claim { words: password.into(), url: None, status: None }),
            ("< HTTP/2 401", Sign::Status(401)),
            ("curl: (22) The requested URL returned error: 401", Sign::Status(401)),
            (
                "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.bitbucket.org/2.0/user",
                Sign::Refusal { url: Some("https://api.bitbucket.org/2.0/user"), status: 401 },
            ),
            (
                "GET https://api.bitbucket.org/2.0/user: 401 Unauthorized",
                Sign::Refusal { url: Some("https://api.bitbucket.org/2.0/user"), status: 401 },
            ),
            ("make: 410 targets", Sign::Nothing),
        ] {
            assert_eq!(read(text, false), sign, "{text}");
        }
    }

    #[test]
    fn words_in_a_command_a_list_or_a_commit_are_a_quotation() {
        for text in [
            "+ echo 'see CHANGE-3222'",
            "$ echo \"remote: CHANGE-3222\"",
            "git commit -m 'CHANGE-3222: tokens'",
            "* CHANGE-3222: App passwords are deprecated",
            "- CHANGE-3222",
            "* API token must be used with an atlassian registered email",
            "App passwords are deprecated since CHANGE-3222; git says: The requested URL returned error: 410",
        ] {
            let sign = read(text, false);
            assert!(matches!(sign, Sign::Quotation(_)), "{text}: {sign:?}");
        }
        assert_eq!(read("commit 3222abc0d", false), Sign::Commit);
        assert!(matches!(read("    remote: CHANGE-3222", true), Sign::Quotation(_)));
    }

    #[test]
    fn the_command_line_of_an_http_client_tells_user_and_method() {
        let line = "+ curl -sf -u ada:ATBBx -X PUT https://api.bitbucket.org/2.0/repositories/acme/r";
        let Sign::Command(Some(target)) = read(line, false) else { panic!("no command") };
        assert_eq!((target.user, target.method), (Some("ada:ATBBx"), "PUT"));
        let line = "curl -d '{}' -H 'Authorization: Bearer ATCTx' https://api.bitbucket.org/2.0/user";
        let Sign::Command(Some(target)) = read(line, false) else { panic!("no command") };
        assert_eq!((target.authorization, target.method), (Some("Bearer ATCTx"), "POST"));
    }
}
