//! What a handler is asked and what it answers, before HTTP.

use serde_json::{Value, json};

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
    pub body: String,
}

impl Reply {
    pub fn json(status: u16, value: &Value) -> Self {
        Self { status, kind: "application/json", headers: Vec::new(), body: value.to_string() }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", headers: Vec::new(), body: body.to_owned() }
    }

    pub fn html() -> Self {
        let body = "<!DOCTYPE html><html><head><title>Atlassian Status</title></head><body>We'll be right back.</body></html>";
        Self { status: 200, kind: "text/html", headers: Vec::new(), body: body.to_owned() }
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
