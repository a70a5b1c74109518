//! How this machine reaches the outside: the `[network]` section of the configuration, and the one door through which every
//! HTTP client of ours leaves, so that each follows the same rules. What else a client needs its own room adds.

pub mod bounded;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, bail};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{
    Certificate, Client, ClientBuilder, Proxy,
    header::{DATE, HeaderMap},
    redirect, retry,
};
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
            let at = addresses_here(to.host_str().unwrap_or_default(), to.port_or_known_default().unwrap_or_default());
            return Ok(builder.no_proxy().resolve_to_addrs(to.host_str().unwrap_or_default(), &at));
        }
        match self.proxy.as_str() {
            "" => Ok(builder),
            proxy => Ok(builder.proxy(Proxy::all(proxy).context("network.proxy")?)),
        }
    }
}

/// Where a host of this machine listens. Nobody is asked for the names that are reserved for it: what goes there in clear text
/// stays here, whatever a resolver makes of them.
pub fn addresses_here(host: &str, port: u16) -> Vec<SocketAddr> {
    let named = || vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let addresses = host.trim_matches(['[', ']']).parse().map_or_else(|_| named(), |address| vec![address]);
    addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()
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

/// How long an answer asks to be left alone by a header such as `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). A date is
/// measured by the server's own `Date`, so our clock need not be right; without one it says nothing. What is past asks for no wait.
pub fn asked_pause(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => http_date(text)?.as_second() - date(headers)?.as_second(),
    };
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The server's own time.
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?.trim())
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn nobody_is_asked_where_a_name_of_this_machine_leads() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://nobody.localhost:{}", listener.local_addr().unwrap().port())).unwrap();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.read_u8().await.unwrap() != b'\n' {}
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            stream
        });
        let answer = Network::default().client(&url).unwrap().build().unwrap().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        drop(heard.await.unwrap());
        for (host, first) in [("db.localhost", "127.0.0.1:5"), ("[::1]", "[::1]:5"), ("127.0.0.9", "127.0.0.9:5")] {
            assert_eq!(addresses_here(host, 5)[0].to_string(), first);
        }
    }
}
