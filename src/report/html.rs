//! The page: self-contained, readable without JavaScript, with no request to anywhere.

use minijinja::{Value, context};
use sha2::{Digest, Sha256};

use super::{
    chart,
    document::Report,
    view::{self, Limits},
};

const STYLE: &str = include_str!("templates/page.css");
const SCRIPT: &str = include_str!("templates/page.js");

/// A browser lays out a thousand rows at once without a pause; the CSV package has all of them.
const LIMITS: Limits = Limits { ranked: 1_000, changes: 100, teams: 200, sources: 200 };

/// One HTML document.
pub fn page(report: &Report) -> String {
    let charts: Vec<Option<Value>> =
        report.campaigns.iter().map(|c| chart::svg(c, report.now).map(Value::from_safe_string)).collect();
    let more = context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        charts,
    };
    view::render(report, "page.html", LIMITS, more)
}

/// Base64 of the SHA-256 of the page's one script, for the `Content-Security-Policy` that allows nothing else.
pub fn script_sha256() -> String {
    data_encoding::BASE64.encode(&Sha256::digest(SCRIPT))
}
