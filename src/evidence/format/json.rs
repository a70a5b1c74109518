//! JSON lines: one object a line. One pass over each line, without a tree and, for common lines, without an allocation.

use std::{borrow::Cow, fmt, sync::LazyLock};

use regex::Regex;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Defaults, Fields,
    draft::{Draft, Refusal, Value},
    fields::{Node, Target},
    lines::{self, MAX_SAMPLE},
};
use crate::evidence::{Page, redact};

/// What of a line is looked at for its sample.
const SAMPLED: usize = 4_096;

/// Reads a block of whole lines; a last one without its end is read too. `now_ms` is the present, Unix milliseconds.
///
/// Lines are skipped, by reason: `malformed`, `no_time`, `future`, `other_host`, `too_long`, `no_use`, `comment`. Blank lines
/// are nothing. Sightings borrow from the block.
pub fn parse_lines<'a>(block: &'a [u8], fields: &Fields, defaults: Defaults<'a>, now_ms: i64) -> Page<'a> {
    lines::parse(block, defaults, now_ms, |line| read(line, fields).ok_or(Refusal::Malformed), sample)
}

/// The keys at the beginning of a line that begins as an object, the shape of any other. Anything else in it may be a secret in the
/// wrong place.
fn sample(line: &str) -> String {
    let object = redact::cut(line, SAMPLED).trim_start_matches('\u{feff}').trim_start();
    if !object.starts_with('{') {
        return lines::shape(line);
    }
    let keys: Vec<_> = QUOTED
        .captures_iter(object)
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .filter(|key| redact::scrub(key) == *key)
        .collect();
    redact::bounded(Cow::Owned(format!("{{{}}}", keys.join(","))), MAX_SAMPLE).into_owned()
}

/// A text in quotes; the first group is a key's, and only one that looks like a name. The last text may lack its end.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[{,]\s*("[A-Za-z][A-Za-z_.-]{0,39}")\s*:|"(?:[^"\\]|\\.)*(?:"|\\?$)"#)
        .expect("the pattern is a constant that every test compiles")
});

/// Reads one object.
fn read<'a>(line: &'a str, fields: &Fields) -> Option<Draft<'a>> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let mut draft = Draft::new();
    let mut json = serde_json::Deserializer::from_str(line);
    let read = Reader { target: fields.root(), draft: &mut draft }.deserialize(&mut json);
    read.and_then(|()| json.end()).ok().map(|()| draft)
}

/// Reads one value into the draft: a field's, or an object in which fields are nested. Anything else is passed over.
struct Reader<'s, 'a> {
    target: &'s Target,
    draft: &'s mut Draft<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn take(self, value: Value<'a>) {
        if let Target::Field(field) = self.target {
            self.draft.set(*field, value);
        }
    }
}

impl<'a> DeserializeSeed<'a> for Reader<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Reader<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.take(Value::Text(Cow::Borrowed(text)));
        Ok(())
    }

    /// Text with escapes in it.
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.take(Value::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.take(Value::Integer(number));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "no field needs more than 63 bits exactly")]
        self.take(i64::try_from(number).map_or(Value::Number(number as f64), Value::Integer));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.take(Value::Number(number));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut items: S) -> Result<(), S::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let Target::Nested(node) = self.target else {
            return IgnoredAny.visit_map(map).map(drop);
        };
        while let Some(known) = map.next_key_seed(Key(node))? {
            match known {
                Some(target) => map.next_value_seed(Reader { target, draft: self.draft })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Looks a key up as it is read, so that unknown ones cost nothing more.
struct Key<'s>(&'s Node);

impl<'a, 's> DeserializeSeed<'a> for Key<'s> {
    type Value = Option<&'s Target>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'s> Visitor<'_> for Key<'s> {
    type Value = Option<&'s Target>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(key))
    }
}

#[cfg(test)]
mod tests;
