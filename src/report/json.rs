//! The document as JSON: the same fields under the contract's column names.

use super::{Notice, document::Report};

/// One JSON object and a final newline.
pub fn document(report: &Report) -> String {
    line(report)
}

/// The same of one owner's notice.
pub fn notice(notice: &Notice) -> String {
    line(notice)
}

fn line(document: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string(document).expect("the document holds no map with odd keys");
    text.push('\n');
    text
}
