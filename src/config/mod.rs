//! The configuration: `default.toml`, compiled in, under the user's file. Every fault is found at once, each with file,
//! line, key, what is wrong and the nearest valid spelling.
//!
//! Only this room reads the environment. Absent: what the options do (the rooms that declare them).

mod campaign;
mod email;
mod exchange;
mod fields;
mod http;
mod intake;
mod judgement;
mod log;
mod organization;
mod owners;
mod query;
mod reader;
mod secret;
mod sections;
mod webhook;

use std::{path::Path, sync::LazyLock};

use toml::de::DeTable;

pub use reader::{Fault, nearest};
pub use secret::Secrets;

use crate::daemon::{Options, options::Page};
use reader::{Document, Section};

pub const DEFAULTS: &str = include_str!("../../config/default.toml");

static DEFAULT_TABLE: LazyLock<DeTable<'static>> =
    LazyLock::new(|| DeTable::parse(DEFAULTS).expect("default.toml is compiled in, and a test reads it").into_inner());

/// Reads the configuration file.
///
/// # Errors
/// All faults of the file, in its order; the file itself when it cannot be read.
pub fn load(path: &Path, secrets: Secrets) -> Result<Options, Vec<Fault>> {
    let (file, text) = read(path)?;
    parse(&file, &text, secrets)
}

/// Where the page of a service with this configuration is, which goes on with the one it has while the file is faulty.
///
/// # Errors
/// The faults of a file that does not say it; the file itself when it cannot be read.
pub fn page(path: &Path) -> Result<Page, Vec<Fault>> {
    let (file, text) = read(path)?;
    let document = Document::new(&file, &text, Secrets::Unneeded.into());
    let user = document.parse();
    http::page(&Section::root(&document, &user, &DEFAULT_TABLE).table("http")).ok_or_else(|| document.finish())
}

/// The name of a file, which faults carry, and what stands in it.
fn read(path: &Path) -> Result<(String, String), Vec<Fault>> {
    let file = path.display().to_string();
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => Ok((file, text)),
        Ok(Err(error)) => {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            Err(vec![Fault { file, line, key: "(file)".to_owned(), words: "is no UTF-8 here".to_owned() }])
        }
        Err(error) => {
            let words = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is no such file: name yours with --config, begin one with config/minimal.toml, or try `duskwatch demo`"
                        .to_owned()
                }
                _ => format!("cannot be read: {error}"),
            };
            Err(vec![Fault { file, line: 0, key: "(file)".to_owned(), words }])
        }
    }
}

/// As [`load`], for whoever looks at sources: without one, nothing would be found wrong.
///
/// # Errors
/// As [`load`]; a configuration with nothing to watch.
pub fn load_to_watch(path: &Path) -> Result<Options, Vec<Fault>> {
    let options = load(path, Secrets::Needed)?;
    if options.watches() {
        return Ok(options);
    }
    let words =
        "nothing is watched: there is no [[organization]], no [[log]], no [[query]], no [[http.intake]] and no [[exchange]]"
            .to_owned();
    Err(vec![Fault { file: path.display().to_string(), line: 0, key: "(file)".to_owned(), words }])
}

/// Reads a configuration text; `file` is the name that faults carry.
///
/// # Errors
/// All faults of the text.
pub fn parse(file: &str, text: &str, secrets: Secrets) -> Result<Options, Vec<Fault>> {
    let document = Document::new(file, text, secrets.into());
    let user = document.parse();
    let root = Section::root(&document, &user, &DEFAULT_TABLE);
    let options = sections::read(&root);
    root.finish();
    let faults = document.finish();
    if faults.is_empty() { Ok(options) } else { Err(faults) }
}

/// The user's wish for output without colour (<https://no-color.org>).
pub fn no_color() -> bool {
    secret::environment("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
