//! Who may read: callers on this machine, or callers with the token.

use axum::http::{HeaderMap, header};
use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{Options, StartError};

/// A token is required where others can connect.
pub(super) fn check(options: &Options) -> Result<(), StartError> {
    match &options.token {
        Some(token) if token.expose_secret().is_empty() => Err(StartError::EmptyToken),
        None if !options.listen.ip().is_loopback() => Err(StartError::TokenRequired(options.listen)),
        _ => Ok(()),
    }
}

/// Whether the request names this machine itself as its host. Where no token is asked for, this keeps pages of other sites
/// out, whose names an attacker can let point to the loopback address (DNS rebinding).
pub(super) fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Ok(url) = url::Url::parse(&format!("http://{host}/")) else { return false };
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether the request carries the token, as bearer or as the password of HTTP basic authentication (any user name).
pub(super) fn is_allowed(headers: &HeaderMap, token: &SecretString) -> bool {
    presented(headers).is_some_and(|given| given.ct_eq(token.expose_secret().as_bytes()).into())
}

/// The token that a request carries, right or wrong.
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
