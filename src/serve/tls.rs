//! The service's own certificate, from two PEM files.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, as they were when they were read.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    files: [PathBuf; 2],
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a chain of certificates, the service's own first, and its key.
    ///
    /// # Errors
    /// Files that cannot be read, that hold something else, or that do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self> {
        let file = |path: &Path| std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&file(certificate)?)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} is not readable as PEM", certificate.display()))?;
        ensure!(!chain.is_empty(), "{} holds no certificate in PEM", certificate.display());
        // The error of a key quotes nothing of it.
        let own = PrivateKeyDer::from_pem_slice(&file(key)?).with_context(|| format!("{} holds no key in PEM", key.display()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS cannot be set up")?
            .with_no_client_auth()
            .with_single_cert(chain, own)
            .with_context(|| format!("{} and {} do not belong together", certificate.display(), key.display()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), files: [certificate.to_owned(), key.to_owned()] })
    }

    /// The certificate's file and the key's.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}
