//! The document as JSON: the same fields under the contract's column names.

use super::document::Report;

/// One JSON object and a final newline.
pub fn document(report: &Report) -> String {
    let mut text = serde_json::to_string(report).expect("the document holds no map with odd keys");
    text.push('\n');
    text
}
