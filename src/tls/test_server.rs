//! A TLS server's half for the tests of whoever speaks TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The CA that signed the certificate, which is for 127.0.0.1 and otel.example.test.
pub const CA: &[u8] = include_bytes!("../../tests/data/deliver/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../tests/data/deliver/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../tests/data/deliver/tls/server.key");

/// Accepts as 127.0.0.1, with `protocols` in ALPN.
pub fn acceptor(protocols: &[&[u8]]) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}
