//! Values that keys of several sections hold.

use std::collections::BTreeSet;

use secrecy::SecretString;
use url::Url;

use super::reader::{Section, suggestion};
use crate::{
    deliver::mail,
    evidence::{Day, Grade},
    network::Network,
};

pub(super) fn grade(text: &str) -> Result<Grade, String> {
    match Grade::parse(text) {
        Some(grade) if grade > Grade::None => Ok(grade),
        _ => Err(format!("`{text}` is no grade that counts{}", suggestion(text, &["weak", "strong", "proven"]))),
    }
}

pub(super) fn address(text: &str) -> Result<String, String> {
    mail::check_address(text).map(|()| text.to_owned())
}

pub(super) fn network_of(section: &Section, key: &'static str, text: &str) -> Option<ipnet::IpNet> {
    let network = text.parse().ok();
    if network.is_none() {
        let near =
            text.parse::<std::net::IpAddr>().ok().map(|address| format!("; did you mean `{}`?", ipnet::IpNet::from(address)));
        let near = near.unwrap_or_else(|| ": write \"10.20.0.0/16\"".to_owned());
        section.fault(key, format!("`{text}` is no network{near}"));
    }
    network
}

/// A name that becomes part of a source's name, a metric's attribute or a file's name.
pub(super) fn name(section: &Section, key: &'static str) -> String {
    let name = section.required(key);
    if name.len() > 64 || name.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\')) {
        section.fault(key, "must be a short word without blanks or slashes");
    }
    name
}

/// A name for people, which no source and no file has: blanks may stand in it.
pub(super) fn title(section: &Section, key: &'static str) -> String {
    let title = section.required(key);
    if !title.is_empty()
        && let Err(words) = check_title(&title)
    {
        section.fault(key, words);
    }
    title
}

pub(super) fn check_title(title: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&title.len()) && title.trim() == title;
    if fits && !title.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')) {
        return Ok(());
    }
    Err("must be a short name in one line, without slashes".to_owned())
}

/// When a secret of our own ends, if its operator says so.
pub(super) fn expiry(section: &Section, key: &'static str) -> Option<jiff::civil::Date> {
    section.instant(key).map(|at| Day::of(at).date())
}

pub(super) fn required_secret(section: &Section, key: &'static str) -> SecretString {
    if !section.has(key) {
        section.fault(key, "is missing");
    }
    section.secret(key).unwrap_or_default()
}

/// The address of an API, to which a credential is sent.
pub(super) fn api_url(section: &Section, network: &Network) -> Url {
    checked_url(section, "api_url", &["https", "http"], |url| network.check(url).map_err(|error| error.to_string()))
}

pub(super) fn url(section: &Section, key: &'static str, schemes: &[&str]) -> Url {
    checked_url(section, key, schemes, |_| Ok(()))
}

pub(super) fn checked_url(
    section: &Section,
    key: &'static str,
    schemes: &[&str],
    check: impl Fn(&Url) -> Result<(), String>,
) -> Url {
    let parsed = section.parsed(key, |text| checked_address(text, schemes, check));
    parsed.unwrap_or_else(|| Url::parse("http://127.0.0.1").expect("a literal URL"))
}

/// An address without credentials, of one of these schemes, that `check` lets pass.
pub(super) fn checked_address(text: &str, schemes: &[&str], check: impl Fn(&Url) -> Result<(), String>) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL that begins with {}://: {error}", schemes.join(":// or ")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a username or password".to_owned());
    }
    if !schemes.contains(&url.scheme()) || url.host_str().is_none() {
        return Err(format!("`{text}` must start with {}://", schemes.join(":// or ")));
    }
    check(&url)?;
    Ok(url)
}

/// Refuses a name that two elements of `[[key]]` have, in the order of whose names they are given.
pub(super) fn unique<'n>(root: &Section, key: &'static str, names: impl Iterator<Item = &'n String>) {
    let mut seen = BTreeSet::new();
    for (number, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
        if !seen.insert(name) {
            root.fault_of(key, number, format!("the name `{name}` stands twice"));
        }
    }
}
