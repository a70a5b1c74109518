//! What a handler is asked and what it answers, before HTTP.

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

/// A request, as far as the simulated APIs look at it.
#[derive(Debug)]
pub(super) struct Ask {
    pub path: String,
    pub query: Vec<(String, String)>,
    pub authorization: Option<String>,
    /// Scheme and authority that the caller used.
    pub origin: String,
}

impl Ask {
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What was asked, as an address of the host that was asked.
    pub fn address(&self) -> String {
        self.address_at(&self.origin)
    }

    /// What was asked, as an address of another origin.
    pub fn address_at(&self, origin: &str) -> String {
        let query = Serializer::new(String::new()).extend_pairs(&self.query).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{origin}{}{mark}{query}", self.path)
    }

    /// A number, if there is one and it is well formed.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ()> {
        self.param(name).map(str::parse).transpose().map_err(|_| ())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, kind, headers: Vec::new(), body: body.into() }
    }

    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub fn html(status: u16) -> Self {
        let body = "<!DOCTYPE html><html><head><title>Atlassian Status</title></head><body>We'll be right back.</body></html>";
        Self::new(status, "text/html", body)
    }

    /// The error form of the organisation's APIs.
    pub fn atlassian_error(status: u16, code: &str, title: &str) -> Self {
        let error = json!({"id": "sim-1", "status": status.to_string(), "code": code, "title": title, "detail": title});
        Self::json(status, &json!({"errors": [error]}))
    }

    /// The error form of Bitbucket's API.
    pub fn bitbucket_error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"type": "error", "error": {"message": message}}))
    }

    pub fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}
