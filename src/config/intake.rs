//! `[[http.intake]]`: who may push evidence, and what each may say.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::{
    fields::{expiry, grade, name, required_secret, unique},
    reader::{Section, nearest},
};
use crate::{
    daemon::options::{Organization, Sender},
    evidence::{Credential, Grade},
    report::OwnCredential,
};

/// Reads the senders of `[http]`, whose own token none of them may have.
pub fn senders(
    http: &Section,
    page: Option<&SecretString>,
    organizations: &[Organization],
    own: &mut Vec<OwnCredential>,
) -> Vec<Sender> {
    let known: Vec<&str> = organizations.iter().flat_map(|o| &o.workspaces).map(|w| w.slug.as_str()).collect();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    owners.extend(page.map(|token| (token.expose_secret().to_owned(), "the page".to_owned())));
    let read = |section| sender(section, &known, &mut owners, own);
    let senders: Vec<Sender> = http.tables("intake").into_iter().map(read).collect();
    unique(http, "intake", senders.iter().map(|sender| &sender.name));
    senders
}

fn sender(section: Section, known: &[&str], owners: &mut BTreeMap<String, String>, own: &mut Vec<OwnCredential>) -> Sender {
    let name = name(&section, "name");
    let expires = expiry(&section, "token_expires");
    own.push(OwnCredential { name: format!("http.intake.{name}.token"), kind: Credential::AccessToken, expires });
    let token = required_secret(&section, "token");
    if !token.expose_secret().is_empty()
        && let Some(other) = owners.insert(token.expose_secret().to_owned(), format!("`{name}`"))
    {
        section.fault("token", format!("is also the token of {other}: each needs its own, so that it is known who speaks"));
    }
    let workspaces: Vec<String> = section.strings("workspaces").iter().map(|slug| slug.to_lowercase()).collect();
    // Who asks no API names no workspace elsewhere.
    for slug in workspaces.iter().filter(|slug| !known.is_empty() && !known.contains(&slug.as_str())) {
        let words = match nearest(slug, known.iter().copied()) {
            Some(near) => format!("`{slug}` is no workspace of the configuration; did you mean `{near}`?"),
            None => format!("`{slug}` is no workspace of the configuration; there are {}", known.join(", ")),
        };
        section.fault("workspaces", words);
    }
    let grade = section.parsed("maximum_grade", grade);
    section.finish();
    Sender { name, token, workspaces, maximum_grade: grade.unwrap_or(Grade::Proven) }
}
