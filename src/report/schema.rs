//! The JSON Schemas of the report and of an owner's notice, made from the types of the documents; `config/report.schema.json`
//! and `config/notice.schema.json` hold them.
//!
//! Closed sets come as their words and days as dates, as the document writes them: the types of the judgement know no
//! format. Absent: the values (`json`).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema, transform::RecursiveTransform};

use super::{Notice, document::Report};
use crate::{
    analysis::{ChangeCause, NameState, RhythmKind},
    evidence::{Category, CoverageState, Credential, Grade, Status},
};

/// Stands for a closed set in the schema: one of its words.
macro_rules! words {
    ($($name:ident of $set:ident),+ $(,)?) => { $(
        pub enum $name {}

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($set).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let words: Vec<&str> = $set::ALL.iter().map(|word| word.as_str()).collect();
                json_schema!({ "type": "string", "enum": words })
            }
        }
    )+ };
}

words!(
    CategoryWord of Category,
    ChangeCauseWord of ChangeCause,
    CoverageStateWord of CoverageState,
    CredentialWord of Credential,
    GradeWord of Grade,
    NameStateWord of NameState,
    RhythmKindWord of RhythmKind,
    StatusWord of Status,
);

/// A UTC day.
pub enum DayText {}

impl JsonSchema for DayText {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// The schema of the report, with a final newline.
pub fn report() -> String {
    of::<Report>("The report of duskwatch")
}

/// That of a notice.
pub fn notice() -> String {
    of::<Notice>("An owner's notice of duskwatch")
}

/// Every field that is written is named and required, and there is no other.
fn of<T: JsonSchema>(title: &str) -> String {
    let closed = |schema: &mut Schema| {
        if schema.get("properties").is_some() {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
    };
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(RecursiveTransform(closed));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a JSON value is always written");
    text.push('\n');
    text
}
