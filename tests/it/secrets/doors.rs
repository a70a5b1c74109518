//! Secrets in every field of every door: lines of a log and of an import, and the answers of a server that repeats them.

use axum::{Router, extract::Request};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The fields of a log line that hold text.
const TEXTS: [&str; 14] = [
    "event_id",
    "workspace",
    "repository",
    "email",
    "account_id",
    "user_agent",
    "secret_prefix",
    "secret_id",
    "auth_type",
    "token_id",
    "token_label",
    "job",
    "path",
    "message",
];

/// A line with a text in one field, or in all.
fn line(number: usize, fields: &[(&str, &str)]) -> String {
    let second = number % 60;
    let mut line = json!({"time": format!("2026-07-02T06:07:{second:02}Z"), "host": "api.bitbucket.org", "method": "GET",
        "path": "/2.0/user", "status": 401, "scheme": "basic", "username": format!("user-{number}"), "event_id": format!("e{number}")});
    for (name, text) in fields {
        line[*name] = json!(text);
    }
    line.to_string()
}

/// Log lines that hold each text in each field, under a key that nobody knows, and in the wrong form.
pub fn lines(headers: &[String], texts: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for header in headers {
        for name in ["authorization", "scheme"] {
            lines.push(line(lines.len(), &[(name, header)]));
        }
    }
    for text in texts {
        for name in TEXTS {
            lines.push(line(lines.len(), &[(name, text)]));
        }
        lines.push(line(lines.len(), &[("note", text), ("x-forwarded", text)]));
        lines.push(line(lines.len(), &[("username", &format!("mtessel:{text}"))]));
        lines.push(line(lines.len(), &[("username", &format!("mtessel%3A{text}"))]));
        lines.push(line(lines.len(), &[("host", text)]));
        lines.push(line(lines.len(), &[("host", &format!("bitbucket.org:{text}"))]));
        lines.push(line(lines.len(), &[("time", text)]));
        lines.push(format!("{{\"time\":\"2026-07-02T06:07:01Z\",\"message\":\"{text}"));
        lines.push(text.clone());
    }
    lines
}

/// An audit event with a text in every field.
fn event(number: usize, text: &str) -> Value {
    json!({"id": format!("{text}{number}"), "type": "events", "attributes": {
        "time": "2026-07-02T06:07:12.482Z", "processedAt": "2026-07-02T06:07:13.900Z",
        "action": if number.is_multiple_of(2) { "bitbucket_repository_created" } else { text },
        "actor": {"id": text, "name": text, "email": text,
            "auth": {"authType": text, "tokenId": text, "tokenLabel": text, "tokenName": text}},
        "context": [
            {"id": text, "type": "repositories", "attributes": {"name": text, "fullName": format!("acme/{text}")}},
            {"id": "712020:0d9f2d5e-3b1a-4c1e-9d1e-6f0c0a7b1111", "type": "users", "attributes": {"name": text, "email": text}}],
        "container": [{"id": text, "type": text, "attributes": {"slug": text, "name": text}}],
        "location": {"ip": text, "city": text}},
        "message": {"content": text, "format": "simple"}})
}

fn token(number: usize, text: &str) -> Value {
    let id = if number.is_multiple_of(2) { format!("token-{number}") } else { text.to_owned() };
    json!({"id": id, "label": text, "status": text, "createdAt": text, "scopes": [text],
        "user": {"id": text, "name": text, "email": text}})
}

/// A row that fits every list of Bitbucket.
fn row(number: usize, text: &str) -> Value {
    json!({"type": text, "permission": text, "slug": text, "full_name": format!("acme/{text}"), "uuid": text, "id": number,
        "label": text, "key": text, "comment": text, "last_accessed": text, "repository": {"full_name": format!("acme/{text}")},
        "user": {"uuid": text, "account_id": format!("712020:{number}"), "nickname": text, "display_name": text}})
}

/// Serves all APIs at once and returns its origin: each list is one page, which holds the texts everywhere.
pub async fn serve(texts: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(move |request: Request| {
        let page = page(request.uri().path(), &texts);
        async move { page.to_string() }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

fn page(path: &str, texts: &[String]) -> Value {
    let each =
        |item: fn(usize, &str) -> Value| -> Vec<Value> { texts.iter().enumerate().map(|(n, text)| item(n, text)).collect() };
    match path.rsplit('/').next().unwrap_or_default() {
        "events-stream" => json!({"data": each(event), "meta": {"next": null}, "links": {}}),
        "event-actions" => {
            let shown = json!({"displayName": "Created repository", "groupDisplayName": "Bitbucket Cloud repository actions"});
            json!({"data": [{"id": "bitbucket_repository_created", "attributes": shown}]})
        }
        "api-tokens" => json!({"data": each(token), "links": {}}),
        _ => json!({"values": each(row)}),
    }
}
