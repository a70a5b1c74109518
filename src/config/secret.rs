//! Secrets come by reference, from the environment or a file, and live in `SecretString`.

use secrecy::{ExposeSecret as _, SecretString};

/// A longer file is no secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Whether a command needs the secrets that the configuration names. One that only reads or fills the store (report, export,
/// import) does not: whoever may read the store can use it without holding a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    Needed,
    /// They stay unread, and are empty.
    Unneeded,
    /// The key with which files for other instances are signed, and no other.
    ToSign,
}

/// Resolves `env:NAME` or `file:PATH`; trailing line ends are cut. The error never holds what was read.
pub fn resolve(reference: &str, secrets: Secrets) -> Result<SecretString, String> {
    let refers = reference.starts_with("env:") || reference.starts_with("file:");
    if refers && secrets != Secrets::Needed {
        return Ok(SecretString::default());
    }
    let read = found(reference)?;
    let value = read.expose_secret().trim_end_matches(['\r', '\n']);
    if value.trim().is_empty() {
        return Err("the secret is empty".to_owned());
    }
    if value.chars().any(char::is_control) {
        return Err("the secret holds control characters".to_owned());
    }
    Ok(SecretString::from(value.to_owned()))
}

/// Resolves a reference to a text of several lines, a key in PEM; none when it is not needed.
pub fn resolve_pem(reference: &str, secrets: Secrets) -> Result<Option<SecretString>, String> {
    if secrets == Secrets::Unneeded { Ok(None) } else { found(reference).map(Some) }
}

/// What is read is overwritten when it is dropped, as what is kept of it is.
fn found(reference: &str) -> Result<SecretString, String> {
    if let Some(name) = reference.strip_prefix("env:") {
        environment(name).map(SecretString::from).ok_or_else(|| format!("the environment variable `{name}` is not set"))
    } else if let Some(path) = reference.strip_prefix("file:") {
        read(path).map_err(|error| format!("{path} cannot be read: {error}"))
    } else {
        Err("must be a reference, \"env:NAME\" or \"file:PATH\", never the secret itself".to_owned())
    }
}

fn read(path: &str) -> std::io::Result<SecretString> {
    if std::fs::metadata(path)?.len() > MAX_SECRET_BYTES {
        return Err(std::io::Error::other("too long for a secret"));
    }
    std::fs::read_to_string(path).map(SecretString::from)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
