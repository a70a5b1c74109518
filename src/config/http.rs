//! `[http]`: where the page is served, who may read it, and who may push evidence.

use std::net::SocketAddr;

use super::{
    fields::{expiry, network_of},
    intake,
    reader::Section,
};
use crate::{
    daemon::options::{Http, Organization, Page},
    evidence::{Credential, loopback::is_loopback_address},
    report::OwnCredential,
    serve::{Access, Tls, TrustedProxy},
};

pub fn read(section: Section, organizations: &[Organization], own: &mut Vec<OwnCredential>) -> Http {
    let listen = listen(&section).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let expires = expiry(&section, "token_expires");
    let access = Access { token: section.secret("token"), trusted_proxy: trusted_proxy(&section), tls: tls(&section) };
    if access.token.is_some() {
        own.push(OwnCredential { name: "http.token".to_owned(), kind: Credential::Unknown, expires });
    }
    if access.token.is_none() && !is_loopback_address(listen.ip()) {
        section.fault("token", "is required unless listen is a loopback address");
    }
    let intake = intake::senders(&section, access.token.as_ref(), organizations, own);
    section.finish();
    Http { listen, access, intake }
}

/// Where the page is, for whoever asks nothing but that. None where what says it is wrong, or may stand in what could not be read.
pub fn page(section: &Section) -> Option<Page> {
    let listen = listen(section).filter(|_| section.has("listen") || section.fault_count() == 0)?;
    let certificate = section.table("tls").string("certificate").is_some();
    Some(Page { listen, encrypted: (certificate || section.fault_count() == 0).then_some(certificate) })
}

fn listen(section: &Section) -> Option<SocketAddr> {
    section.parsed("listen", |text| text.parse().map_err(|_| format!("`{text}` is no address: write \"127.0.0.1:9188\"")))
}

/// A reverse proxy that names its callers: both keys, or none.
fn trusted_proxy(http: &Section) -> Option<TrustedProxy> {
    let section = http.table("trusted_proxy");
    let networks: Vec<ipnet::IpNet> =
        section.strings("networks").iter().filter_map(|text| network_of(&section, "networks", text)).collect();
    let proxy = section.parsed("header", |header| TrustedProxy::new(networks.clone(), header));
    if proxy.is_some() && networks.is_empty() {
        section.fault("networks", "is empty: say from which addresses the header is believed, such as [\"10.20.0.5/32\"]");
    } else if section.string("header").is_none() && !networks.is_empty() {
        section.fault("header", "is missing: say in which header the proxy names its caller");
    }
    section.finish();
    proxy
}

/// The page's certificate: both files, or none.
fn tls(http: &Section) -> Option<Tls> {
    let section = http.table("tls");
    let (certificate, key) = (section.string("certificate"), section.string("key"));
    let tls = match (&certificate, &key) {
        (Some(certificate), Some(key)) => {
            section.note_secret("key", key.into());
            let read = Tls::read(certificate.as_ref(), key.as_ref());
            read.map_err(|error| section.fault("certificate", format!("{error:#}"))).ok()
        }
        (None, None) => None,
        (Some(_), None) => {
            section.fault("key", "is missing: a certificate needs its key");
            None
        }
        (None, Some(_)) => {
            section.fault("certificate", "is missing: a key needs its certificate");
            None
        }
    };
    section.finish();
    tls
}
