//! ClickHouse, asked over HTTP (<https://clickhouse.com/docs/en/interfaces/http>): the statement is the body, settings stand in
//! the address, rows come as `TabSeparated`.
//!
//! Every question has an id of its own and a time limit. Servers that know how are told to stop when we hang up, and to keep
//! our label in their log of queries.

use std::time::Duration;

use url::Url;

use super::{Asking, Client, FetchError, Refusal, http::asking::Coming};

/// Settings that not every release knows, with what they are to be. ClickHouse 26.9 took five times as long over a question
/// when it left out branches of a CASE row by row, for they are cheap and many; 18.16 never leaves out any.
const WANTED: [(&str, &str); 2] =
    [("cancel_http_readonly_queries_on_client_close", "1"), ("short_circuit_function_evaluation", "disable")];
/// The one that takes the label.
const COMMENT: &str = "log_comment";
const BEGIN_SESSION: &str = include_str!("../../sql/engines/clickhouse_session.sql");
/// How long the server's own settings may take to come.
const SHORTLY: Duration = Duration::from_secs(30);
/// The server ends a question itself; the answer's last bytes get this much longer.
const GRACE: Duration = Duration::from_secs(10);

pub(super) struct ClickHouse {
    pub client: Client,
}

/// Which of the settings that we would like a server knows, and what time it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    known: Vec<String>,
    /// In milliseconds since the epoch.
    pub now_ms: Option<i64>,
}

/// Rows that are still coming.
pub(super) struct Rows(Coming);

impl ClickHouse {
    /// Asks the server what it knows; it may have been updated since.
    pub async fn settings(&self) -> Result<Settings, FetchError> {
        let mut rows = Rows(self.send(self.client.url([]), BEGIN_SESSION.to_owned(), SHORTLY).await?);
        let mut settings = Settings::default();
        while let Some(more) = rows.next().await? {
            for row in more {
                match row.as_slice() {
                    [kind, name] if kind == "setting" => settings.known.push(name.clone()),
                    [kind, seconds] if kind == "time" => {
                        settings.now_ms = seconds.parse().ok().and_then(|seconds: i64| seconds.checked_mul(1_000));
                    }
                    _ => {}
                }
            }
        }
        Ok(settings)
    }

    /// Asks, and returns as soon as the answer begins.
    ///
    /// # Errors
    /// What the server refuses is told by its code; its words may quote what it read.
    pub async fn ask(&self, statement: String, asking: Asking<'_>, settings: &Settings) -> Result<Rows, FetchError> {
        let mut url = self.client.url([]);
        let known = |name: &str| settings.known.iter().any(|known| known == name);
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("query_id", asking.id).append_pair("max_execution_time", &asking.limit.as_secs().to_string());
            for (name, value) in WANTED.into_iter().filter(|(name, _)| known(name)) {
                pairs.append_pair(name, value);
            }
            if known(COMMENT) {
                pairs.append_pair(COMMENT, asking.label);
            }
        }
        Ok(Rows(self.send(url, statement, asking.limit + GRACE).await?))
    }

    async fn send(&self, url: Url, statement: String, limit: Duration) -> Result<Coming, FetchError> {
        let asked = self.client.ask(&url, statement, limit).await?;
        asked.map_err(|refused| refusal(super::http::place(&url), refused.status.as_u16(), &refused.said))
    }
}

impl Rows {
    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<String>>>, FetchError> {
        let lines = self.0.lines().await?;
        Ok(lines.map(|lines| lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(row).collect()))
    }
}

/// Columns of a line, without what `TabSeparated` writes for tabs and the like.
fn row(line: &[u8]) -> Vec<String> {
    line.split(|byte| *byte == b'\t').map(|column| unescaped(&String::from_utf8_lossy(column))).collect()
}

fn unescaped(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut signs = written.chars();
    while let Some(sign) = signs.next() {
        text.push(match (sign, if sign == '\\' { signs.next() } else { None }) {
            (_, Some('t')) => '\t',
            (_, Some('n')) => '\n',
            (_, Some('r')) => '\r',
            (_, Some('b')) => '\u{8}',
            (_, Some('f')) => '\u{c}',
            (_, Some('0')) => '\0',
            (_, Some(other)) => other,
            (sign, None) => sign,
        });
    }
    text
}

/// `Code: 60, e.displayText() = …` in the old releases, `Code: 60. DB::Exception: …` in those of today
/// (<https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp>).
fn refusal(at: String, status: u16, said: &str) -> FetchError {
    let code =
        said.split_once("Code: ").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).take(6).collect::<String>());
    match (code.as_deref(), status) {
        (Some("192" | "193" | "194" | "516"), _) | (None, 401) => FetchError::Unauthorized { at, why: Refusal::Account },
        (Some("497"), _) | (None, 403) => FetchError::Forbidden { at, required: Vec::new(), granted: Vec::new() },
        (Some(code), _) => FetchError::Engine { at, code: code.to_owned() },
        (None, 408 | 425 | 429 | 500..) => super::refusal::refusal(&at, status, "", false, Duration::ZERO),
        (None, _) => FetchError::NoEngine { at, status },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_apart_and_read_as_they_were() {
        assert_eq!(row(b"a\t\tb\\tc\\\\d\\'e"), ["a", "", "b\tc\\d'e"]);
    }

    #[test]
    fn a_refusal_is_told_by_its_code_and_not_quoted() {
        let refused = |status, said: &str| refusal("ch:8123/".to_owned(), status, said).to_string();
        assert_eq!(
            refused(500, "Code: 60, e.displayText() = DB::Exception: Table default.secret doesn't exist."),
            "ch:8123/ refuses the question (code 60: there is no such table)"
        );
        assert!(refused(500, "Code: 193, e.displayText() = DB::Exception: Wrong password").contains("(401)"));
        assert!(refused(403, "Code: 516. DB::Exception: Authentication failed").contains("(401)"));
        assert!(refused(502, "<html>").contains("status 502"));
        assert_eq!(refused(404, "<html>"), "ch:8123/ answers with status 404, as no engine does: check url");
        assert!(refused(500, "Code: 9999999999").ends_with("(code 999999)"));
    }
}
