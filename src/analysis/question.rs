//! The question that an engine is asked which keeps the log itself: what [`super::Classifier`] would say of every line of a
//! slice of time, counted, in the engine's own language.
//!
//! One set of rules, two executors. Everything that judges a sighting by itself (rules, catalogue of clients, named networks,
//! the campaign's calendar) is put into one statement, of which the engine's answer is the day counts. `sql/engines` holds the
//! statement and the dialects; here stands what is put into it, and how an answer is read. What the statement cannot say is
//! refused before anybody is asked.
//!
//! Other than [`super::fold()`] the engine sees columns as they are: no secret is looked for in the middle of a text, and no text
//! is cut before the rules look at it. What comes back is reduced as the text of any other source is.

mod answer;
mod asked;
mod network;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::Rules;
use crate::evidence::{
    Campaign, ClientCatalogue, Credential, NamedNetworks, RESERVED_USERNAMES, Window, format::fields::Field, pattern,
    place::SITE_PAGES, redact::SCHEMES, vocabulary::spelled,
};
pub use answer::{Answer, Malformed};

spelled!(
    /// The engines that can be asked, as `[[query]] engine` spells them.
    Engine { ClickHouse = "clickhouse", PostgreSql = "postgresql" }
);

spelled!(
    /// What a column of instants holds: dates of the engine's own types, or a number since the Unix epoch.
    TimeUnit { Instant = "instant", Seconds = "seconds", Milliseconds = "milliseconds" }
);

const STATEMENT: &str = include_str!("../../sql/engines/question.sql");
const CLICKHOUSE: &str = include_str!("../../sql/engines/clickhouse.sql");
const POSTGRESQL: &str = include_str!("../../sql/engines/postgresql.sql");

/// ClickHouse reads statements up to 256 KiB unless it is told otherwise (`max_query_size`).
const MAX_STATEMENT_BYTES: usize = 250_000;

/// A table or view of an engine, and where the evidence stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub engine: Engine,
    /// The table's name, with its database or schema before it.
    pub name: Vec<String>,
    /// The column of each field, that of the time among them.
    pub columns: BTreeMap<&'static str, String>,
    pub unit: TimeUnit,
    /// Stands for the host that lines do not name; empty where none does.
    pub host: String,
}

/// Fields that no engine is asked for: headers hold secrets, and a port of its own would have to be joined.
pub const NOT_ASKED: [Field; 2] = [Field::Authorization, Field::Port];

/// Something that the engine could not judge as duskwatch does, by what it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be asked of {engine}: {words}")]
pub struct Refused {
    pub what: String,
    pub engine: Engine,
    pub words: String,
}

/// A question that can be asked of any slice of time.
#[derive(Clone, Debug)]
pub struct Question {
    table: Table,
    rules: Arc<Rules>,
    networks: Vec<String>,
    windows: Vec<Window>,
    removal_ms: i64,
    /// What the statement says whatever the slice.
    said: Value,
}

impl Question {
    /// Puts the question together.
    ///
    /// # Errors
    /// Everything that the engine would judge otherwise, by the id of its rule or client, or by its network.
    pub fn new(
        table: Table,
        rules: &Arc<Rules>,
        catalogue: &ClientCatalogue,
        networks: &NamedNetworks,
        calendar: &Campaign,
    ) -> Result<Self, Vec<Refused>> {
        let mut refused = Vec::new();
        let mut refuse = |what: String, words: String| refused.push(Refused { what, engine: table.engine, words });
        let (asked, signs) = asked::rules(rules, &mut refuse);
        let clients = catalogue.recognition().filter_map(|(regex, id, _)| match pattern::check_of_client(regex) {
            Ok(()) => Some(client(table.engine, id, regex)),
            Err(refusal) => {
                refuse(format!("the client `{id}`"), refusal.to_string());
                None
            }
        });
        let clients: Vec<Value> = clients.collect();
        let interactive = catalogue.iter().filter(|client| client.category.interactive()).map(|client| client.id.clone());
        let interactive: Vec<String> = interactive.collect();
        let patterns = networks.iter().enumerate().filter_map(|(number, (network, name))| {
            let pattern = network::pattern(network);
            if pattern.is_none() {
                refuse(format!("the origin `{name}`"), format!("{network} {}", network::HOLDS_IPV4));
            }
            pattern.map(|pattern| context! { number, pattern })
        });
        let patterns: Vec<Value> = patterns.collect();
        let silent = rules.iter().enumerate().filter(|(_, rule)| rule.credential == Credential::Unknown);
        let silent: Vec<String> = silent.map(|(number, _)| number.to_string()).collect();
        let columns = table.columns.iter().map(|(field, column)| (*field, quoted_name(table.engine, column)));
        let said = context! {
            rules => asked, signs, outcomes => asked::outcomes(rules), fallback => rules.fallback().0, silent,
            clients, interactive, networks => patterns, schemes => SCHEMES, site_pages => SITE_PAGES, reserved => RESERVED_USERNAMES,
            columns => columns.collect::<BTreeMap<_, _>>(), factor => factor(table.unit), host => table.host.as_str(),
            table => table.name.iter().map(|part| quoted_name(table.engine, part)).collect::<Vec<_>>().join("."),
        };
        let question = Self {
            rules: Arc::clone(rules),
            networks: networks.iter().map(|(_, name)| name.to_owned()).collect(),
            windows: calendar.windows.clone(),
            removal_ms: calendar.removal.as_millisecond(),
            said,
            table,
        };
        let length = question.statement((0, 0), "").len();
        if length > MAX_STATEMENT_BYTES {
            let words = format!("together they make a statement of {length} bytes, and {MAX_STATEMENT_BYTES} are the most");
            let what = "the rules, clients and networks".to_owned();
            refused.push(Refused { what, engine: question.table.engine, words });
        }
        if refused.is_empty() { Ok(question) } else { Err(refused) }
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The statement for `from_ms` (included) to `to_ms` (excluded), which are whole seconds; `label` stands in its first line,
    /// for whoever reads the engine's log of queries.
    pub fn statement(&self, (from_ms, to_ms): (i64, i64), label: &str) -> String {
        let before_removal = |window: &&Window| window.from_ms < self.removal_ms;
        let meets = |window: &&Window| window.from_ms < to_ms && window.to_ms > from_ms;
        let windows = self.windows.iter().filter(before_removal).filter(meets).map(|window| {
            let kind = if window.published { "published" } else { "extrapolated" };
            context! { from_ms => window.from_ms, to_ms => window.to_ms.min(self.removal_ms), kind }
        });
        let slice = context! {
            from_ms, to_ms, windows => windows.collect::<Vec<_>>(), removal_ms => self.removal_ms,
            label => label.replace(['\n', '\r'], " "), ..self.said.clone()
        };
        let environment = environment(self.table.engine);
        let template = environment.get_template(QUESTION).expect("compiled in");
        template.render(slice).expect("a test renders the statement with everything that can be in it")
    }

    /// An empty answer for a slice, to be filled row by row.
    pub fn answer(&self, slice: (i64, i64)) -> Answer<'_> {
        Answer::new(self, slice)
    }
}

/// By what a client is recognised, and in which spelling of the user agent.
fn client(engine: Engine, id: &str, regex: &str) -> Value {
    let lower = pattern::in_lower_case(regex);
    let agent = if lower.is_some() { "lower_agent" } else { "s_user_agent" };
    let plain = lower.as_deref().unwrap_or(regex);
    let pattern = if engine == Engine::PostgreSql { pattern::for_postgresql(plain) } else { plain.to_owned() };
    context! { id, pattern, agent }
}

/// The name of the statement among the templates; that of the dialect is what it imports.
const QUESTION: &str = "question";
const DIALECT: &str = "dialect";

fn environment(engine: Engine) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let dialect = match engine {
        Engine::ClickHouse => CLICKHOUSE,
        Engine::PostgreSql => POSTGRESQL,
    };
    environment.add_template(DIALECT, dialect).expect("compiled in, and a test reads it");
    environment.add_template(QUESTION, STATEMENT).expect("compiled in, and a test reads it");
    environment.add_filter("quote", move |text: &Value| quoted(engine, &text.to_string()));
    environment
}

/// A text as a literal of the dialect.
fn quoted(engine: Engine, text: &str) -> String {
    match engine {
        Engine::ClickHouse => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Engine::PostgreSql => format!("'{}'", text.replace('\'', "''")),
    }
}

/// A name of a table or column. [`is_name`] keeps quotes out of it.
fn quoted_name(engine: Engine, name: &str) -> String {
    match engine {
        Engine::ClickHouse => format!("`{name}`"),
        Engine::PostgreSql => format!("\"{name}\""),
    }
}

/// Whether a table or column can have this name here: what would have to be escaped is refused.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && !name.chars().any(|c| c.is_control() || matches!(c, '`' | '"' | '\\' | '\''))
}

/// Milliseconds of one of the column's numbers; 0 where it holds none.
fn factor(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Instant => 0,
        TimeUnit::Seconds => 1_000,
        TimeUnit::Milliseconds => 1,
    }
}
