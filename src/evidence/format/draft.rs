//! A sighting in the making: values arrive field by field, in any order, and are reduced as they arrive.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use jiff::Timestamp;

use super::{
    fields::Field,
    request::{is_tunnel, percent_decoded},
};
use crate::evidence::{
    Day, Sighting, place,
    redact::{self, MAX_NAME, Presented},
    time,
};

/// Names of workspaces, repositories, tokens, jobs, hosts: as long as names of people.
const MAX_LABEL: usize = MAX_NAME;
/// Browsers send up to 200 characters; longer ones are padding.
const MAX_USER_AGENT: usize = 300;
/// A path names its repository in the beginning.
const MAX_PATH: usize = 512;
/// The lines of git around `CHANGE-3222` have about 250 characters.
const MAX_MESSAGE: usize = 1_000;
const SSH: &str = "ssh";
/// The name in every session over SSH: the key says who it is.
const SSH_USER: &str = "git";
/// More uses a day than one piece of evidence can honestly stand for.
const MAX_USES: f64 = 100_000_000.0;
/// Clocks differ; evidence dated further ahead than this is wrong.
const MAX_AHEAD_MS: i64 = time::MS_PER_DAY;

/// The reason for which it is skipped.
pub const FUTURE: &str = "future";

/// Whether an instant is further ahead than clocks differ.
pub fn is_ahead(time_ms: i64, now_ms: i64) -> bool {
    time_ms > now_ms.saturating_add(MAX_AHEAD_MS)
}

/// What a source knows of lines that do not say it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults<'a> {
    pub host: Option<&'a str>,
}

/// One value as a format gave it.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Integer(i64),
    Instant(Timestamp),
}

/// Why a line is no evidence, with what of it is safe to show.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    Malformed,
    Comment,
    NoRequest,
    TooLong,
    NoTime,
    Future(Timestamp),
    OtherHost(String),
    NoUse,
}

#[derive(Debug)]
pub(super) struct Draft<'a> {
    sighting: Sighting<'a>,
    time: Option<i64>,
    port: Option<u16>,
    /// A host that was part of a path outranks the host field.
    host_in_path: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new() -> Self {
        let sighting = Sighting { uses: 1, authentication: true, ..Sighting::default() };
        Self { sighting, time: None, port: None, host_in_path: false }
    }

    /// Takes one value. What a header says never replaces what a field of its own says.
    pub(super) fn set(&mut self, field: Field, value: Value<'a>) {
        let s = &mut self.sighting;
        match field {
            Field::Time => self.time = value.instant(),
            Field::Until => s.until_ms = value.instant(),
            Field::Status => s.status = value.status(),
            Field::Uses => s.uses = value.uses(),
            Field::Port => self.port = value.port(),
            _ => self.set_text(field, value.text()),
        }
    }

    fn set_text(&mut self, field: Field, text: Cow<'a, str>) {
        let s = &mut self.sighting;
        match field {
            Field::EventId => s.event_id = redact::identifier(text, MAX_LABEL),
            Field::Workspace => s.workspace = redact::free_text(text, MAX_LABEL),
            Field::Repository => self.set_repository(text),
            Field::Username => self.set_username(text),
            Field::Email => s.email = name(text).map(lower),
            Field::AccountId => s.account_id = redact::identifier(text, MAX_LABEL),
            Field::ClientIp => s.client_ip = address(&text),
            Field::UserAgent => s.user_agent = redact::free_text(text, MAX_USER_AGENT),
            Field::Scheme => self.set_scheme(&text),
            Field::SecretPrefix => s.secret_prefix = redact::secret_prefix(&text).map(Cow::Borrowed).or(s.secret_prefix.take()),
            Field::SecretId => s.secret_id = redact::identifier(text, MAX_LABEL),
            Field::AuthType => s.auth_type = redact::free_text(text, MAX_LABEL),
            Field::TokenId => s.token_id = redact::identifier(text, MAX_LABEL),
            Field::TokenLabel => s.token_label = redact::free_text(text, MAX_LABEL),
            Field::Job => s.job = redact::free_text(text, MAX_LABEL),
            Field::Host => self.set_host(text),
            Field::Method => s.method = redact::free_text(text, MAX_LABEL).map(upper),
            Field::Path => self.set_path(text),
            Field::Message => s.message = redact::free_text(text, MAX_MESSAGE),
            Field::Authorization => self.present(redact::authorization(&text)),
            Field::Time | Field::Until | Field::Status | Field::Uses | Field::Port => {}
        }
    }

    fn set_repository(&mut self, text: Cow<'a, str>) {
        let Some(text) = redact::free_text(text, MAX_LABEL) else { return };
        // It may be given as an address: `https://bitbucket.org/acme/web.git`, `git@bitbucket.org:acme/web.git`.
        let after = |at: Option<usize>, from: usize| at.map_or(from, |at| from + at + 1);
        let begin = match text.find("://").map(|scheme_end| scheme_end + 3) {
            Some(authority) => after(text[authority..].find('/'), authority),
            None => after(text.find(['/', ':']).filter(|at| text[*at..].starts_with(':')), 0),
        };
        let slash = text[begin..].rfind('/').map(|at| begin + at);
        if let Some(slash) = slash {
            let workspace = text[begin..slash].trim_matches('/');
            if self.sighting.workspace.is_none() && !workspace.is_empty() && !workspace.contains('/') {
                self.sighting.workspace = Some(Cow::Owned(workspace.to_owned()));
            }
        }
        let start = slash.map_or(begin, |slash| slash + 1);
        if let Some(slug) = place::slug(Some(&text[start..])) {
            let end = start + slug.len();
            self.sighting.repository = Some(redact::slice(text, start..end));
        }
    }

    fn set_username(&mut self, text: Cow<'a, str>) {
        if self.sighting.secret_prefix.is_none() && text.contains("AT") {
            self.sighting.secret_prefix = user_information(&text).secret_prefix.map(Cow::Borrowed);
        }
        if let Some(name) = name(text) {
            self.sighting.username = Some(if name.contains('@') { lower(name) } else { name });
        }
    }

    fn set_scheme(&mut self, text: &str) {
        match redact::scheme(text.trim()) {
            Some(scheme) => self.sighting.scheme = Some(Cow::Borrowed(scheme)),
            None => self.present(redact::authorization(text)),
        }
    }

    fn present(&mut self, presented: Presented) {
        let s = &mut self.sighting;
        s.scheme = s.scheme.take().or(presented.scheme.map(Cow::Borrowed));
        s.secret_prefix = s.secret_prefix.take().or(presented.secret_prefix.map(Cow::Borrowed));
        if s.username.is_none() {
            s.username = presented.username.map(|name| if name.contains('@') { lower(name.into()) } else { name.into() });
        }
    }

    fn set_host(&mut self, text: Cow<'a, str>) {
        if self.host_in_path {
            return;
        }
        if !text.contains('/') && place::is_bitbucket_host(&text) {
            // What stands behind the colon may be anything.
            let plain = text.split_once(':').is_none_or(|(_, port)| is_port(port));
            self.sighting.host = if plain { Some(without_usual_port(lower(text))) } else { host_name(text) };
            return;
        }
        // What stands before an `@` or behind a slash may be a part of a secret, and would not show it alone.
        let Some(text) = redact::free_text(text, MAX_LABEL) else { return };
        let host = text.split_once("://").map_or(&*text, |(_, host)| host);
        let host = &host[host.rfind('@').map_or(0, |at| at + 1)..];
        let start = text.len() - host.len();
        let end = start + host.find('/').unwrap_or(host.len());
        self.sighting.host = host_name(redact::slice(text, start..end));
    }

    /// A path, or the full URL that a proxy logs.
    fn set_path(&mut self, text: Cow<'a, str>) {
        let mut start = 0;
        if let Some((host, path)) = remote(&text) {
            self.sighting.scheme = Some(Cow::Borrowed(SSH));
            self.sighting.host = host_name(Cow::Owned(host.to_owned()));
            self.host_in_path = true;
            self.sighting.path = scrubbed_path(Cow::Owned(format!("/{}", &path[..kept_path(path)])));
            return;
        }
        // Most are plain paths, and looking for more costs.
        let scheme_end = if text.starts_with('/') { None } else { text.find("://") };
        if let Some(scheme_end) = scheme_end.filter(|end| !text[..*end].contains(['/', '?'])) {
            let rest = &text[scheme_end + 3..];
            if text[..scheme_end].eq_ignore_ascii_case(SSH) {
                self.sighting.scheme = Some(Cow::Borrowed(SSH));
            }
            let at = redact::user_information_end(rest);
            if let Some(at) = at {
                self.present(user_information(&rest[..at]));
            }
            let authority = scheme_end + 3 + at.map_or(0, |at| at + 1);
            start = authority + text[authority..].find(['/', '?', '#']).unwrap_or(text.len() - authority);
            self.sighting.host = host_name(Cow::Owned(text[authority..start].to_owned()));
            self.host_in_path = true;
        } else if !text.starts_with('/') && place::is_bitbucket_host(&text) {
            self.sighting.host = host_name(text);
            self.host_in_path = true;
            return;
        }
        let end = start + kept_path(&text[start..]);
        self.sighting.path = scrubbed_path(redact::slice(text, start..end));
    }

    /// The time that was given.
    pub(super) fn time_ms(&self) -> Option<i64> {
        self.time
    }

    /// The sighting, or why there is none.
    pub(super) fn finish(mut self, defaults: Defaults<'a>, now_ms: i64) -> Result<Sighting<'a>, Refusal> {
        if self.sighting.host.is_none() {
            self.sighting.host = defaults.host.map(Cow::Borrowed);
        }
        self.sighting.host = self.sighting.host.map(|host| with_port(host, self.port));
        if self.sighting.scheme.as_deref() == Some(SSH) && self.sighting.username.as_deref() == Some(SSH_USER) {
            self.sighting.username = None;
        }
        if let Some(host) = self.sighting.host.as_deref().filter(|host| !place::is_bitbucket_host(host)) {
            return Err(Refusal::OtherHost(host.to_owned()));
        }
        let time_ms = self.time.ok_or(Refusal::NoTime)?;
        if is_ahead(time_ms, now_ms) {
            return Err(Refusal::Future(time::instant(time_ms)));
        }
        if self.sighting.uses == 0 {
            return Err(Refusal::NoUse);
        }
        if self.sighting.method.as_deref().is_some_and(is_tunnel) {
            // It is the proxy's answer, and says nothing of what Bitbucket answered inside.
            self.sighting.status = None;
        }
        // Uses that are counted together are those of one day, and nobody has seen one that is still to come.
        let last_ms = (Day::of_ms(time_ms).end_ms() - 1).min(now_ms.max(time_ms));
        self.sighting.time_ms = time_ms;
        self.sighting.until_ms = self.sighting.until_ms.filter(|until| *until > time_ms).map(|until| until.min(last_ms));
        Ok(self.sighting)
    }
}

impl<'a> Value<'a> {
    fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Instant(at) => Cow::Owned(at.to_string()),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "whole milliseconds of any calendar date fit 53 bits")]
            Self::Integer(number) => Some(*number as f64),
            Self::Instant(_) => None,
        }
    }

    fn instant(&self) -> Option<i64> {
        let at = match self {
            Self::Text(text) => return time::parse_ms(text),
            Self::Instant(at) => Some(*at),
            _ => self.number().and_then(time::epoch),
        };
        at.map(Timestamp::as_millisecond)
    }

    /// `410`, `"410"` and `"410 Gone"`.
    fn status(&self) -> Option<u16> {
        let status = match self {
            Self::Text(text) => text.split_whitespace().next()?.parse().ok(),
            Self::Integer(number) => u16::try_from(*number).ok(),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "anything out of range is no status")]
            Self::Number(number) => Some(*number as u16),
            Self::Instant(_) => None,
        };
        status.filter(|status| (100..600).contains(status))
    }

    fn port(&self) -> Option<u16> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range of ports")]
        self.number().filter(|port| (1.0..=65_535.0).contains(port)).map(|port| port as u16)
    }

    /// At least one where the value is no number: the line itself is a use.
    fn uses(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a range that fits")]
        self.number().map_or(1, |number| number.clamp(0.0, MAX_USES) as u32)
    }
}

/// A name as it may be kept, borrowed where it could be.
fn name(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match text {
        Cow::Borrowed(text) => redact::username(text),
        Cow::Owned(text) => redact::username(&text).map(|name| Cow::Owned(name.into_owned())),
    }
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { text }
}

fn upper(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_lowercase()) { Cow::Owned(text.to_ascii_uppercase()) } else { text }
}

/// An address alone, in brackets, with a port, or the first of a forwarded list.
fn address(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next().unwrap_or(text).trim();
    let bare = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(first);
    bare.parse().ok().or_else(|| first.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// Lower case, without the port that goes without saying, and without what is no port: it may be part of a password.
fn host_name(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let no_port = |at: &usize| !is_port(&text[at + 1..]);
    let end = text.find(':').filter(no_port).filter(|_| !text.starts_with('[') && text.parse::<IpAddr>().is_err());
    let end = end.unwrap_or(text.len());
    redact::free_text(redact::slice(text, 0..end), MAX_LABEL).map(lower).map(without_usual_port)
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The port that stands in a field of its own, where it does not go without saying.
fn with_port(host: Cow<'_, str>, port: Option<u16>) -> Cow<'_, str> {
    match port {
        Some(port) if !host.contains(':') => without_usual_port(Cow::Owned(format!("{host}:{port}"))),
        _ => host,
    }
}

/// Host and path of a remote as git writes those over SSH: `git@bitbucket.org:acme/pay.git`.
fn remote(text: &str) -> Option<(&str, &str)> {
    let (host, path) = text.strip_prefix(SSH_USER)?.strip_prefix('@')?.split_once(':')?;
    place::is_bitbucket_host(host).then_some((host, path))
}

fn without_usual_port(text: Cow<'_, str>) -> Cow<'_, str> {
    let end = text.strip_suffix(":443").or_else(|| text.strip_suffix(":80")).map_or(text.len(), str::len);
    if text.starts_with("altssh.") { text } else { redact::slice(text, 0..end) }
}

/// What stands before the `@` of a URL, or in a field for usernames. A password there is sent by basic authentication. In a
/// URL an e-mail address can only be written with escapes.
fn user_information(text: &str) -> Presented {
    let text = &*percent_decoded(text);
    if text.contains(':') {
        return Presented { scheme: Some("basic"), ..redact::user_and_secret(text) };
    }
    let username = redact::username(text).map(Cow::into_owned);
    Presented { scheme: None, secret_prefix: if username.is_none() { redact::secret_prefix(text) } else { None }, username }
}

/// How much of a path is kept: no query, except the one that tells git's reads from its writes.
fn kept_path(path: &str) -> usize {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let service =
        ["?service=git-upload-pack", "?service=git-receive-pack"].into_iter().find(|query| path[end..].starts_with(query));
    end + service.map_or(0, str::len)
}

/// The query that is kept is a constant, and would only look suspicious. Escapes hide the signs of a secret: a path that
/// holds one when it is read without them is kept as it then reads.
fn scrubbed_path(path: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let path = redact::near(path, MAX_PATH);
    let (begin, service) = path.split_at(path.find('?').unwrap_or(path.len()));
    let meant = percent_decoded(begin);
    let scrubbed = match redact::scrub(&meant) {
        Cow::Owned(scrubbed) if scrubbed != meant => Cow::Owned(scrubbed),
        _ => redact::scrub(begin),
    };
    redact::present(match scrubbed {
        Cow::Owned(scrubbed) => redact::kept(scrubbed + service, path.len(), MAX_PATH),
        Cow::Borrowed(_) => redact::bounded(path, MAX_PATH),
    })
}
