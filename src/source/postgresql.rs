//! PostgreSQL, and what speaks its protocol (<https://www.postgresql.org/docs/current/protocol.html>), by the simple query
//! protocol: rows come as text while they are made.
//!
//! A connection goes to loopback as it is and everywhere else inside TLS, asked for as the protocol says: one short message, and
//! one byte for an answer.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{Config, NoTls, SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream, config::SslMode, error::SqlState};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Asking, FetchError, Outage, Refusal, Usage,
    messages::{MAX_MESSAGE_BYTES, Messages, TooLong},
};
use crate::{
    network::{addresses_here, bounded::Bounded},
    tls,
};

const BEGIN_SESSION: &str = include_str!("../../sql/engines/postgresql_session.sql");
const TELL_TIME: &str = include_str!("../../sql/engines/postgresql_time.sql");
const BEGIN_QUESTION: &str = include_str!("../../sql/engines/postgresql_question.sql");

/// Connecting, TLS and signing in, each.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The server ends a question itself; the answer's last rows get this much longer.
const GRACE: Duration = Duration::from_secs(10);
/// `SSLRequest`: eight bytes, this number among them.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// Rows that are handed over together.
const ROWS_AT_ONCE: usize = 512;

/// Where a server is, and who asks it.
#[derive(Clone, Debug)]
pub struct Options {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub username: String,
    pub password: SecretString,
    /// Not on loopback.
    pub encrypted: bool,
    /// Further certificate authorities, PEM.
    pub ca_pem: Option<Vec<u8>>,
}

pub(super) struct PostgreSql {
    options: Options,
    tls: Option<TlsConnector>,
    usage: Mutex<Usage>,
}

/// A connection, which ends with it.
pub(super) struct Session {
    client: tokio_postgres::Client,
    too_long: TooLong,
    /// What time it is there, in milliseconds since the epoch.
    pub now_ms: Option<i64>,
    _connection: JoinSet<()>,
}

pub(super) struct Rows {
    at: String,
    too_long: TooLong,
    stream: Pin<Box<SimpleQueryStream>>,
    until: Instant,
    ended: bool,
    unreadable: u64,
}

impl PostgreSql {
    pub fn new(options: Options) -> anyhow::Result<Self> {
        let tls = options.encrypted.then(|| tls::connector(options.ca_pem.as_deref())).transpose()?;
        Ok(Self { options, tls, usage: Mutex::default() })
    }

    pub fn take_usage(&self) -> Usage {
        std::mem::take(&mut *self.usage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub async fn session(&self) -> Result<Session, FetchError> {
        // Boxed: a handshake is many kilobytes, and every round would be as large.
        let session = Box::pin(self.connect()).await;
        self.count(&session);
        session
    }

    async fn connect(&self) -> Result<Session, FetchError> {
        let Options { host, port, database, username, password, .. } = &self.options;
        let mut config = Config::new();
        config.user(username).dbname(database).application_name("duskwatch").ssl_mode(SslMode::Disable);
        if !password.expose_secret().is_empty() {
            config.password(password.expose_secret());
        }
        let reach = async {
            match &self.tls {
                Some(_) => TcpStream::connect((host.as_str(), *port)).await,
                None => TcpStream::connect(&*addresses_here(host, *port)).await,
            }
        };
        let tcp = self.shortly(reach).await?;
        let (mut connection, too_long) = (JoinSet::new(), TooLong::default());
        let heard = Messages::new(too_long.clone());
        // What the connection says at its end is said to whoever asks, too.
        let client = if let Some(tls) = &self.tls {
            let encrypted = self.shortly(async { encrypted(tcp, tls, host).await }).await?;
            let (client, task) = self.within(CONNECT_TIMEOUT, config.connect_raw(Bounded::new(encrypted, heard), NoTls)).await?;
            connection.spawn(async move { drop(task.await) });
            client
        } else {
            let (client, task) = self.within(CONNECT_TIMEOUT, config.connect_raw(Bounded::new(tcp, heard), NoTls)).await?;
            connection.spawn(async move { drop(task.await) });
            client
        };
        self.within(CONNECT_TIMEOUT, client.batch_execute(BEGIN_SESSION)).await?;
        // What speaks the protocol need not know the function.
        let time = async {
            match client.simple_query(TELL_TIME).await {
                Err(error) if error.as_db_error().is_some() => Ok(Vec::new()),
                said => said,
            }
        };
        let said = self.within(CONNECT_TIMEOUT, time).await?;
        let row = said.iter().find_map(|it| if let SimpleQueryMessage::Row(row) = it { row.try_get(0).ok()? } else { None });
        let now_ms = row.and_then(|text| text.parse().ok());
        Ok(Session { client, too_long, now_ms, _connection: connection })
    }

    pub async fn ask(&self, session: &Session, statement: &str, asking: Asking<'_>) -> Result<Rows, FetchError> {
        let label = format!("'{}'", asking.label.replace('\'', "''"));
        let begin = BEGIN_QUESTION.replace("{label}", &label).replace("{limit}", &asking.limit.as_millis().to_string());
        let asked = async {
            session.client.batch_execute(&begin).await?;
            session.client.simple_query_raw(statement).await
        };
        let until = Instant::now() + asking.limit + GRACE;
        let rows = self.within(asking.limit + GRACE, asked).await;
        self.count(&rows);
        Ok(Rows {
            at: self.at(),
            too_long: session.too_long.clone(),
            stream: Box::pin(rows?),
            until,
            ended: false,
            unreadable: 0,
        })
    }

    fn at(&self) -> String {
        format!("{}:{}/{}", self.options.host, self.options.port, self.options.database)
    }

    async fn shortly<T>(&self, work: impl Future<Output = std::io::Result<T>>) -> Result<T, FetchError> {
        let unavailable = |cause| FetchError::Unavailable { at: self.at(), cause };
        let done = timeout(CONNECT_TIMEOUT, work).await.map_err(|_| unavailable(Outage::TimedOut))?;
        done.map_err(|error| unavailable(Outage::Connect(tls::words(&error).unwrap_or_else(|| error.to_string()))))
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, FetchError> {
        let unavailable = |cause| FetchError::Unavailable { at: self.at(), cause };
        let done = timeout(limit, work).await.map_err(|_| unavailable(Outage::TimedOut))?;
        done.map_err(|error| failed(self.at(), &error))
    }

    /// By the classes of HTTP, which the figures of all sources know.
    fn count<T>(&self, result: &Result<T, FetchError>) {
        let class = match result {
            Ok(_) => "2xx",
            Err(FetchError::Unavailable { .. }) => "none",
            Err(error) if error.is_transient() => "5xx",
            Err(_) => "4xx",
        };
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner).requests.entry(class).or_default() += 1;
    }
}

impl Rows {
    pub async fn next(&mut self) -> Result<Option<Vec<Vec<String>>>, FetchError> {
        let mut rows = Vec::new();
        while rows.len() < ROWS_AT_ONCE && !self.ended {
            let next = timeout_at(self.until, self.stream.next()).await;
            let next = next.map_err(|_| FetchError::Unavailable { at: self.at.clone(), cause: Outage::TimedOut })?;
            match next.transpose().map_err(|error| self.failed(&error))? {
                None => self.ended = true,
                Some(SimpleQueryMessage::Row(row)) => match texts(&row) {
                    Some(row) => rows.push(row),
                    None => self.unreadable += 1,
                },
                Some(_) => {}
            }
        }
        Ok(if rows.is_empty() { None } else { Some(rows) })
    }

    /// How many rows there were so far that are no text.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn failed(&self, error: &tokio_postgres::Error) -> FetchError {
        if self.too_long.was_seen() {
            return FetchError::TooLarge { at: self.at.clone(), limit_bytes: MAX_MESSAGE_BYTES };
        }
        failed(self.at.clone(), error)
    }
}

/// The columns of a row. We ask for UTF-8, and a database without an encoding gives what others wrote into it.
fn texts(row: &SimpleQueryRow) -> Option<Vec<String>> {
    (0..row.len()).map(|column| row.try_get(column).ok().map(|text| text.unwrap_or_default().to_owned())).collect()
}

async fn encrypted(mut tcp: TcpStream, tls: &TlsConnector, host: &str) -> std::io::Result<TlsStream<TcpStream>> {
    tcp.write_all(&SSL_REQUEST).await?;
    if tcp.read_u8().await? != b'S' {
        return Err(std::io::Error::other("it speaks no TLS, without which nothing is sent to another machine"));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    tls.connect(name, tcp).await
}

/// By its code; its words may quote what it read.
fn failed(at: String, error: &tokio_postgres::Error) -> FetchError {
    let Some(code) = error.code() else { return FetchError::Unavailable { at, cause: Outage::BrokenOff } };
    match code {
        code if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) => {
            FetchError::Unauthorized { at, why: Refusal::Account }
        }
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            FetchError::Forbidden { at, required: Vec::new(), granted: Vec::new() }
        }
        code => FetchError::Engine { at, code: code.code().to_owned() },
    }
}
