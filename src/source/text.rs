//! Bounds on what others write: lengths of names, numbers of unknown values.

use std::borrow::Cow;

use crate::evidence::{UnknownValue, redact};

/// Names and labels are cut here: the longest that Atlassian accepts are a few hundred characters.
pub(super) const MAX_TEXT_BYTES: usize = 1_024;

/// Distinct unknown values of one page or list that are kept; more say nothing more.
const MAX_UNKNOWN: usize = 50;

/// Cuts a text at the limit, between characters. What is cut is searched for secrets before: half of one looks like none.
pub(super) fn bounded(text: &str) -> Option<Cow<'_, str>> {
    if text.len() <= MAX_TEXT_BYTES { Some(Cow::Borrowed(text)) } else { label(Cow::Borrowed(text)) }
}

/// An identifier or a word, bounded; none where nothing stands, or a secret.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    id(Cow::Owned(text?)).map(Cow::into_owned)
}

/// What people wrote, without the secrets that they wrote into it; none where nothing stands.
pub(super) fn written(text: Option<String>) -> Option<String> {
    label(Cow::Owned(text?)).map(Cow::into_owned)
}

pub(super) fn id(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    redact::identifier(text, MAX_TEXT_BYTES)
}

pub(super) fn label(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    redact::free_text(text, MAX_TEXT_BYTES)
}

/// Counts a value that nobody has explained yet, without the secrets in it.
pub(super) fn count_unknown(unknown: &mut Vec<UnknownValue>, field: &'static str, value: &str) {
    let Some(value) = label(Cow::Borrowed(value)) else { return };
    if let Some(known) = unknown.iter_mut().find(|u| u.field == field && u.value == value) {
        known.count += 1;
    } else if unknown.len() < MAX_UNKNOWN {
        unknown.push(UnknownValue { field, value: value.into_owned(), count: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_searched_for_secrets_before_it_is_cut() {
        let long = format!("{}https://mtessel:hunter2-and-more@bitbucket.org/acme", "x ".repeat(500));
        let kept = bounded(&long).unwrap();
        assert!(kept.len() <= MAX_TEXT_BYTES && kept.contains("https://mtessel@bit"), "{kept}");
        assert!(matches!(bounded("payments"), Some(Cow::Borrowed("payments"))));
    }
}
