//! Who is trusted by TLS, and why two parties did not agree on it, in words that say what to do. Every client library buries
//! that in another depth of its errors.

use std::{error::Error, io, sync::Arc};

use anyhow::{Context as _, ensure};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error as TlsError, OtherError,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

#[cfg(test)]
pub mod test_server;

/// Links of a chain of causes that are looked at; real ones have five or six.
const MAX_LINKS: usize = 16;

/// How the library that looks at certificates calls one of an authority in a server's place. It gives it no type that is ours.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";

/// The authorities of a CA file. One without any is refused: the TLS libraries would take it as "none in addition".
pub fn authorities(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().context("the CA file is not readable as PEM")?;
    ensure!(!found.is_empty(), "the CA file holds no certificate in PEM");
    Ok(found)
}

/// TLS as a client, with whom the platform's authorities, or those of a CA file beside them, vouch for.
pub fn connector(ca_pem: Option<&[u8]>) -> anyhow::Result<TlsConnector> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(ca_pem, &provider)?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn verifier(ca_pem: Option<&[u8]>, provider: &Arc<CryptoProvider>) -> anyhow::Result<Verifier> {
    let further = ca_pem.map(authorities).transpose()?.unwrap_or_default();
    Ok(Verifier::new_with_extra_roots(further, Arc::clone(provider))?)
}

/// The words for what went wrong between two parties; none where TLS is not the cause.
pub fn words(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    for _ in 0..MAX_LINKS {
        let link = next?;
        if let Some(found) = disagreement(link) {
            return Some(plain(found));
        }
        next = link.source();
    }
    None
}

/// The source of an error of the operating system's kind is not what it holds, but the source of that.
fn disagreement<'e>(link: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let held = || link.downcast_ref::<io::Error>()?.get_ref().and_then(|held| disagreement(held));
    link.downcast_ref().or_else(held)
}

fn plain(error: &TlsError) -> String {
    let words = match error {
        TlsError::InvalidCertificate(reason) => return distrust(reason),
        TlsError::PeerIncompatible(_)
        | TlsError::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        ) => "it speaks no TLS 1.2 or newer, or none that is safe",
        TlsError::InvalidMessage(_) => "it does not answer in TLS",
        other => return other.to_string(),
    };
    words.to_owned()
}

fn distrust(reason: &CertificateError) -> String {
    let words = match reason {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted here; a private authority is named in network.ca_file"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host; somebody else answers in its place"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, or the clock here is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, or the clock here is wrong"
        }
        CertificateError::Revoked => "its certificate was revoked",
        CertificateError::Other(OtherError(other)) if other.to_string() == CA_AS_SERVER => {
            "it shows a self-signed certificate, or an authority's own, as its own; it needs one issued by an authority, and \
             network.ca_file that names this authority unless everybody trusts it"
        }
        other => return format!("its certificate is not accepted: {other}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::{
        client::danger::ServerCertVerifier as _,
        pki_types::{ServerName, UnixTime},
    };

    use super::*;

    #[test]
    fn an_authority_that_shows_its_own_certificate_is_told_what_it_needs() {
        // As `openssl req -x509` makes one: self-signed, and of an authority. To be named in the CA file does not help it.
        let shown = authorities(test_server::CA).expect("it is there").remove(0);
        let host = ServerName::try_from("127.0.0.1").expect("it is one");
        for ca_pem in [None, Some(test_server::CA)] {
            let verifier = verifier(ca_pem, &Arc::new(ring::default_provider())).expect("the platform has authorities");
            let refused = verifier.verify_server_cert(&shown, &[], &host, &[], UnixTime::now()).expect_err("it is no server's");
            let said = words(&io::Error::other(refused)).expect("it is TLS");
            for part in ["self-signed", "authority's own", "issued by an authority", "network.ca_file"] {
                assert!(said.contains(part), "{said}");
            }
            assert!(!said.contains("Other"), "{said}");
        }
    }

    #[test]
    fn every_reason_is_said_in_words_however_deep_it_lies() {
        for (reason, said) in [
            (CertificateError::UnknownIssuer, "network.ca_file"),
            (CertificateError::NotValidForName, "for another host"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "not valid yet"),
            (CertificateError::Revoked, "was revoked"),
            (CertificateError::BadSignature, "is not accepted"),
        ] {
            let deep = io::Error::other(io::Error::other(TlsError::InvalidCertificate(reason)));
            let deeper = anyhow::Error::new(deep).context("connecting");
            let found = words(deeper.as_ref()).expect("it is TLS");
            assert!(found.contains(said), "{found}");
        }
        let old = TlsError::AlertReceived(AlertDescription::ProtocolVersion);
        assert!(words(&old).is_some_and(|words| words.contains("no TLS 1.2 or newer")));
        assert_eq!(words(&io::Error::other("connection refused")), None);
    }
}
