//! How this machine reaches the outside: the `[network]` section of the configuration.

use std::{net::Ipv4Addr, path::PathBuf};

use anyhow::{Context, bail};
use reqwest::{Certificate, ClientBuilder, Proxy};
use serde::Deserialize;
use url::{Host, Url};

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
        if is_loopback(address) { Ok(()) } else { self.allows(address) }
    }

    fn allows(&self, address: &Url) -> anyhow::Result<()> {
        let host = address.host_str().with_context(|| format!("{address} names no host"))?;
        if !self.allowed_hosts.is_empty() && !self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
            bail!("{host} is not among network.allowed_hosts");
        }
        Ok(())
    }

    /// The bytes of `ca_file`, for other parties that speak TLS.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ca_pem(&self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.ca_file.as_os_str().is_empty() {
            return Ok(None);
        }
        std::fs::read(&self.ca_file).map(Some).with_context(|| format!("network.ca_file {}", self.ca_file.display()))
    }

    pub(super) fn apply(&self, mut builder: ClientBuilder, base: &Url) -> anyhow::Result<ClientBuilder> {
        if !self.ca_file.as_os_str().is_empty() {
            let what = || format!("network.ca_file {}", self.ca_file.display());
            let pem = std::fs::read(&self.ca_file).with_context(what)?;
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).with_context(what)?);
        }
        if is_loopback(base) {
            return Ok(builder.no_proxy());
        }
        match self.proxy.as_str() {
            "" => Ok(builder),
            proxy => Ok(builder.proxy(Proxy::all(proxy).context("network.proxy")?)),
        }
    }
}

/// Refuses an address to which a credential would go in clear text.
pub fn check_transport(base: &Url) -> anyhow::Result<()> {
    // What is no HTTP is encrypted by its own protocol wherever it leaves this machine.
    if !matches!(base.scheme(), "https" | "http" | "postgresql") {
        bail!("{base} is neither https nor http");
    }
    if base.scheme() == "http" && !is_loopback(base) {
        bail!("{base} would send the credential unencrypted: use https (http is for loopback addresses only)");
    }
    Ok(())
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // Schemes that no browser knows have addresses of IPv4 as names.
        Some(Host::Domain(name)) => {
            let is_address = || name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
            name == "localhost" || name.ends_with(".localhost") || is_address()
        }
        None => false,
    }
}
