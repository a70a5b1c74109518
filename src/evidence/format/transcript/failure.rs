//! One failing operation: what is told of it line by line, whether it is evidence, and the sighting it becomes.

use std::borrow::Cow;

use super::{
    super::{
        draft::{Draft, Value},
        fields::Field,
        request::percent_decoded,
    },
    MAX_WORDS,
    sign::Target,
};
use crate::evidence::{place::is_bitbucket_host, redact::user_information_end};

/// What a command asks for. It may hold a secret, and lives no longer than its operation.
pub(super) struct Request {
    url: String,
    method: &'static str,
    writes: bool,
    user: Option<String>,
    authorization: Option<String>,
}

impl Request {
    pub(super) fn of(target: &Target<'_>) -> Self {
        Self {
            url: target.url.to_owned(),
            method: target.method,
            writes: target.writes,
            user: target.user.map(str::to_owned),
            authorization: target.authorization.map(str::to_owned),
        }
    }
}

/// A failure that is being told.
pub(super) struct Failure {
    pub start: usize,
    pub first_line: usize,
    /// The last line that told something, and where it ends.
    pub last_line: usize,
    pub end: usize,
    pub lines: usize,
    pub time_ms: i64,
    pub words: String,
    /// The server says it, where git writes what it says.
    pub proven: bool,
    /// It is said, wherever it stands.
    pub claimed: bool,
    pub status: Option<u16>,
    pub url: Option<String>,
    /// The client has said its last word.
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Evidence,
    Quotation,
    /// A refusal that names nobody.
    Nameless,
    Nothing,
}

impl Failure {
    pub(super) fn new(start: usize, line: usize, time_ms: i64) -> Self {
        Self {
            start,
            first_line: line,
            last_line: line,
            end: start,
            lines: 0,
            time_ms,
            words: String::new(),
            proven: false,
            claimed: false,
            status: None,
            url: None,
            closed: false,
        }
    }

    pub(super) fn goes_on(&mut self, end: usize, line: usize) {
        (self.end, self.last_line) = (end, line);
        self.lines += 1;
    }

    /// Adds what the server said. Lines stay whole: what ends in the middle of a secret does not show that it is one.
    pub(super) fn hear(&mut self, words: &str) {
        if self.words.len() >= MAX_WORDS {
            return;
        }
        if !self.words.is_empty() {
            self.words.push('\n');
        }
        self.words.push_str(words.trim_end());
    }

    /// The contract's sign, and besides it what rules can judge: git's 410, and a 401 that names a user.
    pub(super) fn judge(&self, given: Option<&Request>) -> Judged {
        let refused = matches!(self.status, Some(401 | 410));
        if self.proven || self.claimed && refused {
            return Judged::Evidence;
        }
        if self.claimed {
            return Judged::Quotation;
        }
        let url = self.url.as_deref().or(given.map(|given| given.url.as_str()));
        let Some(address) = url.and_then(Address::of).filter(|address| is_bitbucket_host(address.host)) else {
            return Judged::Nothing;
        };
        match self.status {
            Some(410) if address.is_repository() => Judged::Evidence,
            Some(401) if self.names_user(given) => Judged::Evidence,
            Some(401) => Judged::Nameless,
            _ => Judged::Nothing,
        }
    }

    fn names_user(&self, given: Option<&Request>) -> bool {
        self.user(given).is_some() || self.same_request(given).is_some_and(|given| given.authorization.is_some())
    }

    /// The command, if this is its failure.
    fn same_request<'g>(&self, given: Option<&'g Request>) -> Option<&'g Request> {
        let Some(own) = self.url.as_deref().and_then(Address::of) else { return given };
        given.filter(|given| Address::of(&given.url).is_some_and(|address| address.same_place(&own)))
    }

    /// The user, with what may follow a colon, as the address or the command line names it.
    fn user<'s>(&'s self, given: Option<&'s Request>) -> Option<&'s str> {
        let of_url = |url: &'s str| Address::of(url)?.user.filter(|user| is_told(user));
        let own = self.url.as_deref().and_then(of_url);
        own.or_else(|| {
            let given = self.same_request(given)?;
            given.user.as_deref().filter(|user| is_told(user)).or_else(|| of_url(&given.url))
        })
    }

    /// The sighting in the making; secrets are reduced by it.
    pub(super) fn draft<'d>(&self, given: Option<&Request>, job: Option<&str>) -> Draft<'d> {
        let text = |text: &str| Value::Text(Cow::Owned(text.to_owned()));
        let mut draft = Draft::new();
        draft.set(Field::Time, Value::Integer(self.time_ms));
        if let Some(job) = job {
            draft.set(Field::Job, text(job));
        }
        if let Some(status) = self.status {
            draft.set(Field::Status, Value::Integer(status.into()));
        }
        if !self.words.is_empty() {
            draft.set(Field::Message, text(&self.words));
        }
        let same = self.same_request(given);
        if let Some(header) = same.and_then(|given| given.authorization.as_deref()).filter(|header| is_told(header)) {
            draft.set(Field::Authorization, text(header));
        }
        if let Some(user) = self.user(given) {
            draft.set(Field::Scheme, text("basic"));
            draft.set(Field::Username, text(&percent_decoded(user)));
        }
        let url = self.url.as_deref().or(given.map(|given| given.url.as_str()));
        if let Some(address) = url.and_then(Address::of) {
            let writes = same.is_some_and(|given| given.writes);
            draft.set(Field::Path, text(&address.asked_for(writes)));
            if let Some(method) = if address.is_repository() { Some("GET") } else { same.map(|given| given.method) } {
                draft.set(Field::Method, text(method));
            }
        }
        draft
    }
}

/// Build systems hide secrets behind stars and shells show the names of variables: neither names anybody.
fn is_told(text: &str) -> bool {
    let name = text.split(':').next().unwrap_or(text);
    !name.is_empty() && !name.contains(['$', '*', '{', '[', '<'])
}

/// The parts of an address.
struct Address<'u> {
    user: Option<&'u str>,
    host: &'u str,
    path: &'u str,
}

impl<'u> Address<'u> {
    fn of(url: &'u str) -> Option<Self> {
        let rest = url.split_once("://")?.1;
        let (user, rest) = match user_information_end(rest) {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let path = rest[end..].split(['?', '#']).next().unwrap_or_default();
        Some(Self { user, host: &rest[..end], path: path.trim_end_matches('/') })
    }

    fn segments(&self) -> impl Iterator<Item = &'u str> + use<'u> {
        self.path.trim_start_matches('/').split('/')
    }

    /// The address of a repository as git is given it, not of a page or an API.
    fn is_repository(&self) -> bool {
        let git = |at: Option<&str>| at.is_none_or(|next| next == "info");
        !self.host.to_ascii_lowercase().starts_with("api.") && self.segments().count() >= 2 && git(self.segments().nth(2))
    }

    fn same_place(&self, other: &Address<'_>) -> bool {
        let repository = |address: &Address<'_>| {
            let parts: Vec<String> = address.segments().take(2).map(str::to_ascii_lowercase).collect();
            parts.join("/").trim_end_matches(".git").to_owned()
        };
        let api = !self.is_repository() || !other.is_repository();
        if api { self.host == other.host && self.path == other.path } else { repository(self) == repository(other) }
    }

    /// The address of the request that was refused: what git asks of a repository first. A path with the name of a
    /// variable in it says nothing.
    fn asked_for(&self, writes: bool) -> String {
        let Self { host, path, .. } = self;
        match () {
            () if path.contains(['$', '{', '*']) => format!("https://{host}"),
            () if !self.is_repository() || path.contains("/info/") => format!("https://{host}{path}"),
            () if writes => format!("https://{host}{path}/info/refs?service=git-receive-pack"),
            () => format!("https://{host}{path}/info/refs"),
        }
    }
}
