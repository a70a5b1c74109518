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

/// One HTML document, to be opened as a file.
pub fn page(report: &Report) -> String {
    render(report, false)
}

/// The same document as the service shows it, with links to the other forms.
pub fn served_page(report: &Report) -> String {
    render(report, true)
}

fn render(report: &Report, served: bool) -> String {
    let charts: Vec<Option<Value>> =
        report.campaigns.iter().map(|c| chart::svg(c, report.now).map(Value::from_safe_string)).collect();
    let more = context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        charts,
        served,
    };
    view::render(report, "page.html", LIMITS, more)
}

/// The `Content-Security-Policy` under which the page works: only its own style and script, nothing from outside.
pub fn content_security_policy() -> String {
    format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source_hash(STYLE),
        source_hash(SCRIPT)
    )
}

fn source_hash(text: &str) -> String {
    format!("sha256-{}", data_encoding::BASE64.encode(&Sha256::digest(text)))
}
