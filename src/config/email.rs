//! `[email]`: the way to the mail server, and who receives which report.

use url::Url;

use super::{
    fields::{address, expiry},
    reader::{Section, suggestion},
};
use crate::{
    daemon::options::Email,
    deliver::mail::{self, Mailer},
    evidence::Credential,
    network::Network,
    report::{Audience, OwnCredential},
};

/// With it, how many recipients wait for mail where no server is set.
pub(super) fn email(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> (Option<Email>, usize) {
    let expires = expiry(&section, "password_expires");
    let server = section.parsed("server", |text| {
        let url = Url::parse(text).map_err(|error| format!("is no URL such as \"smtps://mail.example.test:465\": {error}"))?;
        let options = mail::Options { server: text.to_owned(), username: None, password: None, ca_pem: None };
        Mailer::new(&options).and_then(|_| network.check_host(&url)).map(|()| url).map_err(|error| format!("{error:#}"))
    });
    let (username, password) = (section.string("username"), section.secret("password"));
    let from = section.parsed("from", |from| mail::check_address(from).map(|()| from.to_owned()));
    if password.is_some() {
        own.push(OwnCredential { name: "email.password".to_owned(), kind: Credential::AccountPassword, expires });
    }
    let contact = section.parsed("contact", address);
    let recipients = section.tables("recipient").into_iter().map(recipient).collect::<Vec<_>>();
    // A mailbox is the same in capitals.
    let key = |(address, audience): &(String, Audience)| (address.to_lowercase(), audience.to_string());
    for (number, recipient) in recipients.iter().enumerate().filter(|(_, (address, _))| !address.is_empty()) {
        if recipients[..number].iter().any(|other| key(other) == key(recipient)) {
            let (address, audience) = recipient;
            section.fault_of("recipient", number, format!("`{address}` stands twice for {audience}"));
        }
    }
    let waiting = if server.is_some() { 0 } else { recipients.len() };
    let email = server.map(|server| {
        if section.string("from").is_none() {
            section.fault("from", "is missing");
        }
        match (&username, &password) {
            (None, Some(_)) => section.fault("username", "is missing: a password needs one"),
            (Some(_), None) if !section.has("password") => section.fault("password", "is missing: a username needs one"),
            _ => {}
        }
        Email { server, username, password, from: from.unwrap_or_default(), contact: contact.unwrap_or_default(), recipients }
    });
    section.finish();
    (email, waiting)
}

fn recipient(section: Section) -> (String, Audience) {
    let address = section.required("address");
    if !address.is_empty()
        && let Err(words) = mail::check_address(&address)
    {
        section.fault("address", words);
    }
    let audience = section.parsed("audience", |text| {
        let whole = text.parse().ok().filter(|audience| Audience::WHOLE.contains(audience));
        whole.ok_or_else(|| format!("`{text}` is no audience{}", suggestion(text, &["security", "leadership"])))
    });
    section.finish();
    (address, audience.unwrap_or(Audience::Security))
}
