//! The document as JSON: the same fields under the contract's column names.

use std::io::{self, Write};

use serde::Serialize;

use super::{Notice, document::Report};

/// Writes one JSON object and a final newline.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    line(report, out)
}

/// The same as a text.
pub fn document(report: &Report) -> String {
    text(report)
}

/// The same of one owner's notice.
pub fn notice(notice: &Notice) -> String {
    text(notice)
}

fn text(document: &impl Serialize) -> String {
    let mut text = Vec::new();
    line(document, &mut text).expect("memory takes all that is written to it");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// No document holds a map with odd keys, so that only `out` can fail.
fn line(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")
}
