//! Engines that keep logs themselves: asked in their own language, they answer with rows of text.

use std::time::Duration;

use super::{
    Client, FetchError, Usage,
    clickhouse::{self, ClickHouse},
    postgresql::{self, PostgreSql},
};

/// Whom questions are asked of.
pub struct LogEngine(Kind);

enum Kind {
    ClickHouse(ClickHouse),
    PostgreSql(PostgreSql),
}

/// How a question is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Unique: ClickHouse refuses or replaces a question that has the id of another.
    pub id: &'a str,
    /// For people who look at what the engine is doing.
    pub label: &'a str,
    /// How long the engine may take.
    pub limit: Duration,
}

/// Some questions, one after the other.
pub struct Session<'e>(Opened<'e>);

enum Opened<'e> {
    ClickHouse(&'e ClickHouse, clickhouse::Settings),
    PostgreSql(&'e PostgreSql, postgresql::Session),
}

/// Rows that are still coming.
pub struct Rows(Answer);

enum Answer {
    ClickHouse(clickhouse::Rows),
    PostgreSql(postgresql::Rows),
}

impl LogEngine {
    pub fn clickhouse(client: Client) -> Self {
        Self(Kind::ClickHouse(ClickHouse { client }))
    }

    /// # Errors
    /// When the file of further certificate authorities cannot be read.
    pub fn postgresql(options: postgresql::Options) -> anyhow::Result<Self> {
        PostgreSql::new(options).map(Kind::PostgreSql).map(Self)
    }

    /// What was asked since the last call.
    pub fn take_usage(&self) -> Usage {
        match &self.0 {
            Kind::ClickHouse(engine) => engine.client.take_usage(),
            Kind::PostgreSql(engine) => engine.take_usage(),
        }
    }

    /// Begins to ask.
    pub async fn session(&self) -> Result<Session<'_>, FetchError> {
        Ok(Session(match &self.0 {
            Kind::ClickHouse(engine) => Opened::ClickHouse(engine, engine.settings().await?),
            Kind::PostgreSql(engine) => Opened::PostgreSql(engine, engine.session().await?),
        }))
    }
}

impl Session<'_> {
    /// What time it is there, in milliseconds since the epoch, if the engine says so.
    pub fn now_ms(&self) -> Option<i64> {
        match &self.0 {
            Opened::ClickHouse(_, settings) => settings.now_ms,
            Opened::PostgreSql(_, session) => session.now_ms,
        }
    }

    /// Asks, and returns as soon as the answer begins. Whoever drops the answer ends the question.
    pub async fn ask(&self, statement: String, asking: Asking<'_>) -> Result<Rows, FetchError> {
        Ok(Rows(match &self.0 {
            Opened::ClickHouse(engine, settings) => Answer::ClickHouse(engine.ask(statement, asking, settings).await?),
            Opened::PostgreSql(engine, session) => Answer::PostgreSql(engine.ask(session, &statement, asking).await?),
        }))
    }
}

impl Rows {
    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<String>>>, FetchError> {
        match &mut self.0 {
            Answer::ClickHouse(rows) => rows.next().await,
            Answer::PostgreSql(rows) => rows.next().await,
        }
    }

    /// How many rows there were so far that are no text.
    pub fn unreadable(&self) -> u64 {
        match &self.0 {
            // It replaces what is no UTF-8.
            Answer::ClickHouse(_) => 0,
            Answer::PostgreSql(rows) => rows.unreadable(),
        }
    }
}
