//! `[[webhook]]`: programs that are told of changes and alarms.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use url::Url;

use super::{
    fields::{checked_address, expiry, required_secret},
    reader::Section,
};
use crate::{
    daemon::options::Webhook,
    deliver::webhook::{check_secret, place},
    evidence::Credential,
    network::Network,
    report::OwnCredential,
};

pub(super) fn webhooks(root: &Section, network: &Network, own: &mut Vec<OwnCredential>) -> Vec<Webhook> {
    let mut webhooks: Vec<Webhook> = root.tables("webhook").into_iter().map(|s| webhook(s, network, own)).collect();
    // One address with two secrets is a secret that is being replaced. Who needs no secret has not read them.
    let known_secret = |webhook: &Webhook| webhook.url != nowhere() && !webhook.secret.expose_secret().is_empty();
    let same = |a: &Webhook, b: &Webhook| a.url == b.url && a.secret.expose_secret() == b.secret.expose_secret();
    for (number, webhook) in webhooks.iter().enumerate().filter(|(_, webhook)| known_secret(webhook)) {
        if webhooks[..number].iter().any(|other| same(other, webhook)) {
            root.fault_of("webhook", number, "this address stands twice");
        }
    }
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    for webhook in &mut webhooks {
        let number = known.entry(webhook.label.clone()).or_default();
        *number += 1;
        if *number > 1 {
            webhook.label = format!("{} ({number})", webhook.label);
        }
    }
    webhooks
}

fn webhook(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> Webhook {
    let (label, url) = address(&section, network);
    let expires = expiry(&section, "secret_expires");
    own.push(OwnCredential { name: format!("webhook.{label}.secret"), kind: Credential::Unknown, expires });
    let secret = required_secret(&section, "secret");
    // Who needs no secret has not read it.
    if !secret.expose_secret().is_empty()
        && let Err(words) = check_secret(&secret)
    {
        section.fault("secret", words);
    }
    section.finish();
    Webhook { label, url, secret }
}

/// Stands for an address with a fault, or one that is not needed.
fn nowhere() -> Url {
    Url::parse("http://127.0.0.1").expect("a literal URL")
}

/// Where it is, and what it is called. The addresses of many receivers are secrets, so it may be a reference to one.
fn address(section: &Section, network: &Network) -> (String, Url) {
    let written = section.required("url");
    let refers = written.starts_with("env:") || written.starts_with("file:");
    let text = if refers {
        match section.resolve("url", &written) {
            Ok(secret) => secret.expose_secret().to_owned(),
            Err(words) => {
                section.fault("url", words);
                String::new()
            }
        }
    } else {
        written.clone()
    };
    if text.is_empty() {
        return (written, nowhere());
    }
    let checked = checked_address(&text, &["https", "http"], |url| network.check(url).map_err(|error| error.to_string()));
    match checked {
        Ok(url) if refers => (written, url),
        Ok(url) => (place(&url), url),
        // What is wrong with an address that is a secret may not repeat it.
        Err(_) if refers => {
            section.fault("url", "is no address that can be used: https://… (http on this machine)");
            (written, nowhere())
        }
        Err(words) => {
            section.fault("url", without_path(&words, &text));
            (String::new(), nowhere())
        }
    }
}

/// What is wrong with an address, without what may be a secret of it: it goes into the log.
fn without_path(words: &str, address: &str) -> String {
    let Ok(url) = Url::parse(address) else { return words.to_owned() };
    let shown = format!("{}://{}/…", url.scheme(), url.host_str().unwrap_or_default());
    words.replace(address, &shown).replace(url.as_str(), &shown)
}
