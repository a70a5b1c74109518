//! A document as JSON: the same fields under the contract's column names.

use std::io::{self, Write};

use serde::Serialize;

/// Writes one JSON object and a final newline. No document holds a map with odd keys, so that only `out` can fail.
pub fn write(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")
}

/// The same as a text.
pub fn text(document: &impl Serialize) -> String {
    let mut text = Vec::new();
    write(document, &mut text).expect("memory takes all that is written to it");
    String::from_utf8(text).expect("JSON is UTF-8")
}
