//! Texts of a file as they may be kept: each is searched for secrets as a log's field of the same meaning is.

use std::borrow::Cow;

use super::MAX_TEXT;
use crate::evidence::redact;

/// Whom a field names, without what follows a colon.
pub(super) fn name(text: &str) -> Option<String> {
    let name = redact::username(text)?;
    // Where a control character stood at its beginning or its end, there is a blank now.
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// What people write: what looks like a secret is gone.
pub(super) fn label(text: &str) -> Option<String> {
    free(text, MAX_TEXT)
}

/// The same, of another length.
pub(super) fn free(text: &str, max: usize) -> Option<String> {
    redact::free_text(Cow::Borrowed(text), max).map(Cow::into_owned)
}

/// What machines write, and what may look like anything.
pub(super) fn identifier(text: &str) -> Option<String> {
    redact::identifier(Cow::Borrowed(text), MAX_TEXT).map(Cow::into_owned)
}
