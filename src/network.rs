//! How this machine reaches the outside: the `[network]` section of the configuration, and the one door through which every
//! HTTP client of ours leaves, so that each follows the same rules. What else a client needs its own room adds.

pub mod bounded;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, redirect, retry};
use serde::Deserialize;
use url::Url;

use crate::{evidence::loopback::is_loopback, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("duskwatch/", env!("CARGO_PKG_VERSION"));

/// The `[network]` section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// A PEM file of further certificate authorities. Those of the operating system stay trusted, or in their place those of the
    /// files that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. Empty: none.
    pub(crate) ca_file: PathBuf,
    /// An HTTP proxy for everything but this machine; empty, the system's settings apply.
    pub(crate) proxy: String,
    /// When not empty, no other host is spoken to: no API, engine, receiver, collector or mail server. The proxy, which is asked
    /// for them, need not stand here, nor a collector or mail server on this machine.
    pub(crate) allowed_hosts: Vec<String>,
}

impl Network {
    /// Refuses a base address that credentials must not be sent to.
    pub fn check(&self, base: &Url) -> anyhow::Result<()> {
        check_transport(base)?;
        self.allows(base)
    }

    /// Refuses an address of another machine that is not among `allowed_hosts`. What else its scheme needs its own room says.
    pub fn check_host(&self, address: &Url) -> anyhow::Result<()> {
        if is_here(address) { Ok(()) } else { self.allows(address) }
    }

    fn allows(&self, address: &Url) -> anyhow::Result<()> {
        let host = address.host_str().with_context(|| format!("{address} names no host"))?;
        if !self.allowed_hosts.is_empty() && !self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
            bail!("{host} is not among network.allowed_hosts");
        }
        Ok(())
    }

    /// The bytes of `ca_file`, in which there is a certificate.
    ///
    /// # Errors
    /// When the file cannot be read, or holds none.
    pub fn ca_pem(&self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.ca_file.as_os_str().is_empty() {
            return Ok(None);
        }
        let what = || format!("network.ca_file {}", self.ca_file.display());
        let pem = std::fs::read(&self.ca_file).with_context(what)?;
        tls::authorities(&pem).with_context(what)?;
        Ok(Some(pem))
    }

    /// A client for one address. A TLS provider must have been installed for the process.
    ///
    /// # Errors
    /// A host that is not allowed, a certificate file that cannot be used.
    pub fn client(&self, to: &Url) -> anyhow::Result<ClientBuilder> {
        self.check_host(to)?;
        let mut builder = bare();
        if let Some(pem) = self.ca_pem()? {
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).context("network.ca_file")?);
        }
        // What stays on this machine passes no proxy, which would read it.
        if is_here(to) {
            return Ok(builder.no_proxy());
        }
        match self.proxy.as_str() {
            "" => Ok(builder),
            proxy => Ok(builder.proxy(Proxy::all(proxy).context("network.proxy")?)),
        }
    }
}

/// A client for the service of this machine itself, at whatever address it listens.
pub fn client_for_ourselves() -> ClientBuilder {
    bare().no_proxy()
}

/// Redirects are not followed: they would carry a key to somebody who was not configured. Who wants to ask again counts it.
fn bare() -> ClientBuilder {
    let builder = Client::builder().user_agent(USER_AGENT).connect_timeout(CONNECT_TIMEOUT);
    builder.redirect(redirect::Policy::none()).retry(retry::never())
}

/// `[network]` with the authority of the tests.
#[cfg(test)]
pub(crate) fn trusting() -> Network {
    let ca_file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deliver/tls/ca.pem").into();
    Network { ca_file, ..Network::default() }
}

/// Refuses an address to which a credential would go in clear text.
pub fn check_transport(base: &Url) -> anyhow::Result<()> {
    // What is no HTTP is encrypted by its own protocol wherever it leaves this machine.
    if !matches!(base.scheme(), "https" | "http" | "postgresql") {
        bail!("{base} is neither https nor http");
    }
    if base.scheme() == "http" && !is_here(base) {
        bail!("{base} would send the credential unencrypted: use https (http is for loopback addresses only)");
    }
    Ok(())
}

/// Whether an address leads nowhere but to this machine.
pub fn is_here(address: &Url) -> bool {
    address.host_str().is_some_and(is_loopback)
}
