//! Who may read: callers on this machine, callers with the token, callers for whom a trusted proxy vouches.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use data_encoding::BASE64;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::{Options, StartError, failures::Failures, tls::Tls};
use crate::evidence::loopback::{is_loopback, is_loopback_address};

/// Who may come in, and how.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Required unless the service listens on a loopback address.
    pub token: Option<SecretString>,
    pub trusted_proxy: Option<TrustedProxy>,
    /// Without it the page is served in clear text.
    pub tls: Option<Tls>,
}

/// A reverse proxy that knows its callers and names them in a header.
#[derive(Clone, Debug)]
pub struct TrustedProxy {
    networks: Vec<IpNet>,
    header: HeaderName,
}

impl TrustedProxy {
    /// A proxy at these addresses, which takes the header from its callers and sets its own.
    ///
    /// # Errors
    /// Says what is no header for this.
    pub fn new(networks: Vec<IpNet>, header: &str) -> Result<Self, String> {
        let name: HeaderName = header.parse().map_err(|_| format!("`{header}` is no name of a header"))?;
        if [header::AUTHORIZATION, header::HOST, header::COOKIE].contains(&name) {
            return Err(format!(
                "`{header}` comes from callers themselves: name the header in which the proxy puts who they are"
            ));
        }
        Ok(Self { networks, header: name })
    }

    fn is_at(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    fn vouches(&self, headers: &HeaderMap) -> bool {
        headers.get(&self.header).is_some_and(|who| !who.as_bytes().trim_ascii().is_empty())
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) address: IpAddr,
    pub(super) by_tls: bool,
}

/// Why a caller is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// Without the token.
    Away,
    /// Too many wrong ones came from this address; the time until another may.
    Later(Duration),
    /// It names another host than this machine.
    Elsewhere,
}

impl Access {
    /// Whether a caller may come in.
    pub(super) fn admit(&self, caller: Caller, headers: &HeaderMap, failures: &Failures) -> Result<(), Turned> {
        let proxy = self.trusted_proxy.as_ref().filter(|proxy| proxy.is_at(caller.address));
        if proxy.is_some_and(|proxy| proxy.vouches(headers)) {
            return Ok(());
        }
        match (&self.token, presented(headers)) {
            (Some(token), Some(given)) => {
                let now = Instant::now();
                failures.patience(caller.address, now).map_err(Turned::Later)?;
                if digest(&given).ct_eq(&digest(token.expose_secret().as_bytes())).into() {
                    return Ok(());
                }
                failures.note(caller.address, now);
                Err(Turned::Away)
            }
            (Some(_), None) => Err(Turned::Away),
            // The proxy is on this machine, and did not say who is behind it.
            (None, _) if proxy.is_some() => Err(Turned::Away),
            (None, _) if names_this_machine(headers) => Ok(()),
            (None, _) => Err(Turned::Elsewhere),
        }
    }

    /// The same for the paths that machines ask without a token.
    pub(super) fn admit_to_health(&self, headers: &HeaderMap) -> Result<(), Turned> {
        let open = self.token.is_some() || self.trusted_proxy.is_some() || names_this_machine(headers);
        if open { Ok(()) } else { Err(Turned::Elsewhere) }
    }
}

/// A token is required where others can connect.
pub(super) fn check(options: &Options) -> Result<(), StartError> {
    match &options.access.token {
        Some(token) if token.expose_secret().is_empty() => Err(StartError::EmptyToken),
        None if !is_loopback_address(options.listen.ip()) => Err(StartError::TokenRequired(options.listen)),
        _ => Ok(()),
    }
}

/// Whether what callers send and see is readable on its way.
pub(super) fn is_in_clear_text(options: &Options, address: SocketAddr) -> bool {
    options.access.tls.is_none() && !is_loopback_address(address.ip())
}

/// Whether the request names this machine itself as its host. Where no token is asked for, this keeps pages of other sites
/// out, whose names an attacker can let point to the loopback address (DNS rebinding).
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Ok(url) = url::Url::parse(&format!("http://{host}/")) else { return false };
    url.host_str().is_some_and(is_loopback)
}

/// What stands for a token in comparisons, so that the time they take says neither how much of it was right nor how long it is.
pub(super) fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The token that a request carries as bearer or as the password of HTTP basic authentication (any user name), right or
/// wrong.
pub(super) fn presented(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let value = value.trim().as_bytes();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64.decode(value).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}
