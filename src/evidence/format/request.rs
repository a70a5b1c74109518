//! What proxies and web servers write of a request: its parts, and how they quote them.

use std::borrow::Cow;

use super::{
    UserField,
    draft::{Draft, Refusal, Value},
    fields::Field,
};

/// Methods are short words; what is longer is no request.
const MAX_METHOD: usize = 32;

pub(super) fn text(value: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(value))
}

/// Method and target of a request. What a tunnel leads to is a host and no path.
pub(super) fn set_request<'l>(draft: &mut Draft<'l>, method: &'l str, target: Cow<'l, str>) -> Result<(), Refusal> {
    let word = !method.is_empty() && method.len() <= MAX_METHOD && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !word || !(is_tunnel(method) || target.starts_with('/') || target.contains("://")) {
        return Err(Refusal::NoRequest);
    }
    draft.set(Field::Method, text(method));
    draft.set(if is_tunnel(method) { Field::Host } else { Field::Path }, Value::Text(target));
    Ok(())
}

/// The user field, where it holds the name that was presented to Bitbucket: a log shows one of basic authentication only.
pub(super) fn set_user<'l>(draft: &mut Draft<'l>, user: UserField, name: Cow<'l, str>) {
    if user == UserField::Bitbucket && !matches!(&*name, "" | "-") {
        draft.set(Field::Scheme, text("basic"));
        draft.set(Field::Username, Value::Text(name));
    }
}

pub(super) fn is_tunnel(method: &str) -> bool {
    method.eq_ignore_ascii_case("CONNECT")
}

/// The next text in quotes, as it is written, and what follows it.
pub(super) fn quoted(rest: &str) -> Option<(&str, &str)> {
    let (_, text) = rest.split_once('"')?;
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some((&text[..end], &text[end + 1..]))
}

/// Undoes how Apache and nginx write quotes and control characters inside quotes: `\"` and `\x22`.
pub(super) fn unescaped(written: &str) -> Cow<'_, str> {
    decoded(written, b'\\', |behind| match behind {
        [b'x', digits @ ..] => hexadecimal(digits).map(|byte| (byte, 3)),
        [letter, ..] if letter.is_ascii_alphabetic() => Some((b' ', 1)),
        [sign, ..] => Some((*sign, 1)),
        [] => None,
    })
}

/// Undoes how squid writes blanks and the like: `%20`.
pub(super) fn percent_decoded(written: &str) -> Cow<'_, str> {
    decoded(written, b'%', |behind| hexadecimal(behind).map(|byte| (byte, 2)))
}

/// `meant` says which byte stands behind an escape sign and in how many bytes; none where the sign stands for itself.
fn decoded(written: &str, escape: u8, meant: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Cow<'_, str> {
    if !written.bytes().any(|byte| byte == escape) {
        return Cow::Borrowed(written);
    }
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, length) = meant(behind).filter(|_| byte == escape).unwrap_or((byte, 0));
        bytes.push(byte);
        rest = &behind[length..];
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}
