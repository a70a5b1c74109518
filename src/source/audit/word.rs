//! A text of an event that may be missing, null, empty or something else.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{evidence::time::parse_instant, source::text::bounded};

/// Only text that says something is kept, bounded, and borrowed from the page where it can be.
#[derive(Default)]
pub(super) struct Word<'a>(pub Option<Cow<'a, str>>);

impl<'a> Word<'a> {
    pub(super) fn instant_ms(&self) -> Option<i64> {
        self.0.as_deref().and_then(parse_instant).map(jiff::Timestamp::as_millisecond)
    }

    /// This slug, or else a name that has the form of one.
    pub(super) fn or_slug_of(self, name: Word<'a>) -> Option<Cow<'a, str>> {
        let slug_like = |name: &Cow<'_, str>| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        self.0.or_else(|| name.0.filter(slug_like))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or nothing")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Word<'de>, E> {
        Ok(Word(bounded(text.trim()).filter(|text| !text.is_empty())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Word<'de>, E> {
        Ok(Word(bounded(text.trim()).filter(|text| !text.is_empty()).map(|text| Cow::Owned(text.into_owned()))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Word<'de>, E> {
        Ok(Word(Some(number.to_string().into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Word<'de>, E> {
        Ok(Word(Some(number.to_string().into())))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Word<'de>, E> {
        Ok(Word(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Word<'de>, E> {
        Ok(Word(None))
    }

    fn visit_unit<E>(self) -> Result<Word<'de>, E> {
        Ok(Word(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Word<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Word<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }
}
