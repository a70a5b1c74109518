//! The SMTP conversation. It is held step by step, and not through lettre's transport, for two reasons: the step tells
//! whether a refusal concerns this message or the connection, and a server that accepts a message and then never
//! answers to `QUIT` must not make us send it twice.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io, net::SocketAddr};

use anyhow::{Context, Result, anyhow, bail, ensure};
use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{Options, consent::Consent, hearing::Hearing, mailbox};
use crate::{evidence::loopback::is_loopback, network::addresses_here, report::inert, tls};

/// A whole delivery, from the connect to the server's acceptance: generous for greylisting servers that answer slowly
/// on purpose, short enough that one hung server does not hold up the next tick.
const SEND_LIMIT: Duration = Duration::from_secs(120);

/// The TCP connect to one address of the server.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Connecting and signing in, while somebody waits for the answer.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(30);

/// The farewell is a courtesy: the message is already accepted.
const QUIT_LIMIT: Duration = Duration::from_secs(1);

/// How much of a server's words an error repeats, in characters.
const MAX_WORDS: usize = 300;

/// A configured way to an SMTP server; each message has its own connection.
pub struct Mailer {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    pub(super) limit: Duration,
}

enum Security {
    /// TLS from the first byte, with whom the certificate names. It is ours and not lettre's, so that what is inside is bounded.
    Implicit(TlsConnector, ServerName<'static>),
    /// Refuses to go on where the server does not offer it.
    StartTls(TlsParameters),
    /// Loopback only.
    Plain,
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// The server refused this message for good, or the message can never be sent: trying again is pointless.
    /// Everything else, a wrong password and a drop after DATA included, is worth another try with the same
    /// Message-ID.
    pub permanent: bool,
    /// The server was not reached, or did not answer in time: it would be the same with every other message.
    pub unanswered: bool,
    /// The receiver asks to be left alone for so long.
    pub pause: Option<Duration>,
    /// What happened, in one line without addresses.
    pub words: String,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for SendError {}

impl SendError {
    /// It can never be sent.
    pub fn for_good(words: String) -> Self {
        Self { permanent: true, unanswered: false, pause: None, words }
    }

    /// Another try may find it otherwise.
    pub fn for_now(words: String) -> Self {
        Self { permanent: false, unanswered: false, pause: None, words }
    }

    fn unanswered(words: String) -> Self {
        Self { permanent: false, unanswered: true, pause: None, words }
    }
}

impl Mailer {
    /// Reads the server's address; nothing is connected yet.
    pub fn new(options: &Options) -> Result<Self> {
        let url = Url::parse(&options.server).context("the mail server is no URL such as smtps://mail.example.org:465")?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .context("the mail server's URL names no host; it looks like smtps://mail.example.org:465")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        ensure!(
            url.username().is_empty() && url.password().is_none(),
            "the mail server's URL must not hold a username or password"
        );
        ensure!(
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none(),
            "the mail server's URL ends after the port"
        );
        let (security, default_port) = security(url.scheme(), &host, options.ca_pem.as_deref())?;
        Ok(Self {
            port: url.port().unwrap_or(default_port),
            host,
            security,
            credentials: credentials(options)?,
            limit: SEND_LIMIT,
        })
    }

    /// Host and port, for people.
    pub fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Hands one composed message to the server. `from` and `to` may carry display names.
    pub async fn send(&self, from: &str, to: &str, mime: &[u8]) -> Result<(), SendError> {
        let Some(envelope) = envelope(from, to) else {
            return Err(SendError::for_good("the sender or the recipient is no mail address".to_owned()));
        };
        let delivery = timeout(self.limit, self.deliver(&envelope, mime)).await;
        let mut connection = delivery
            .unwrap_or_else(|_| Err(SendError::unanswered(format!("the mail server did not answer within {:?}", self.limit))))?;
        if timeout(QUIT_LIMIT, connection.abort()).await.is_err() {
            tracing::debug!("the mail server accepted the message and did not answer to QUIT");
        }
        Ok(())
    }

    /// Connects as for a message, signs in, and leaves again.
    pub async fn sign_in(&self) -> Result<(), SendError> {
        let late = || SendError::unanswered(format!("the mail server did not answer within {SIGN_IN_LIMIT:?}"));
        let mut connection = timeout(SIGN_IN_LIMIT, self.connect()).await.map_err(|_| late())??;
        if timeout(QUIT_LIMIT, connection.abort()).await.is_err() {
            tracing::debug!("the mail server did not answer to QUIT");
        }
        Ok(())
    }

    async fn deliver(&self, envelope: &Envelope, mime: &[u8]) -> Result<AsyncSmtpConnection, SendError> {
        let mut connection = self.connect().await.map_err(|error| SendError { permanent: false, ..error })?;
        match connection.send(envelope, mime).await {
            Ok(_) => Ok(connection),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Connected, encrypted as configured, and signed in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let stream = self.stream().await.map_err(|error| SendError::unanswered(words(&error)))?;
        self.greeted(stream).await
    }

    async fn stream(&self) -> io::Result<Box<dyn AsyncTokioStream>> {
        let tcp = self.reach().await?;
        let peer = tcp.peer_addr()?;
        Ok(match &self.security {
            Security::Implicit(tls, name) => Box::new(Hearing::bound(tls.connect(name.clone(), tcp).await?, peer)),
            Security::StartTls(_) => Box::new(Hearing::bound(Consent::awaited(tcp), peer)),
            Security::Plain => Box::new(Hearing::bound(tcp, peer)),
        })
    }

    /// The first address of the server that answers.
    async fn reach(&self) -> io::Result<TcpStream> {
        let mut failure = io::Error::other("the mail server's name leads to no address");
        let addresses: Vec<SocketAddr> = match self.security {
            Security::Plain => addresses_here(&self.host, self.port),
            Security::Implicit(..) | Security::StartTls(_) => lookup_host((self.host.as_str(), self.port)).await?.collect(),
        };
        for address in addresses {
            match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::Error::other("the mail server could not be connected to in time"),
            }
        }
        Err(failure)
    }

    async fn greeted(&self, stream: Box<dyn AsyncTokioStream>) -> Result<AsyncSmtpConnection, SendError> {
        let hello = ClientId::default();
        let greeted = AsyncSmtpConnection::connect_with_transport(stream, &hello).await;
        let mut connection = greeted.map_err(|error| refusal(&error))?;
        if let Security::StartTls(tls) = &self.security {
            connection.starttls(tls.clone(), &hello).await.map_err(|error| refusal(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await;
            signed_in.map_err(|error| not_signed_in(&error))?;
        }
        Ok(connection)
    }
}

/// The way of encryption and the default port of a scheme.
fn security(scheme: &str, host: &str, ca_pem: Option<&[u8]>) -> Result<(Security, u16)> {
    Ok(match scheme {
        "smtps" => {
            let name =
                ServerName::try_from(host.to_owned()).context("the mail server's host is none that a certificate names")?;
            (Security::Implicit(tls::connector(ca_pem)?, name), 465)
        }
        "smtp" => (Security::StartTls(starttls(host, ca_pem)?), 587),
        "smtp+plain" => {
            ensure!(
                is_loopback(host),
                "smtp+plain:// is for a server on this machine only; use smtps:// or smtp:// (STARTTLS) for {host}"
            );
            (Security::Plain, 25)
        }
        other => bail!("mail servers are reached by smtps://, smtp:// or smtp+plain://, not by {other}://"),
    })
}

/// The same trust as that of [`tls::connector`], in lettre's own type.
fn starttls(host: &str, ca_pem: Option<&[u8]>) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca_pem {
        tls::authorities(pem)?;
        builder = builder.add_root_certificate(Certificate::from_pem(pem).context("the CA file cannot be used")?);
    }
    builder.build_rustls().context("TLS cannot be set up for the mail server")
}

fn credentials(options: &Options) -> Result<Option<Credentials>> {
    match (&options.username, &options.password) {
        (Some(user), Some(password)) => Ok(Some(Credentials::new(user.clone(), password.expose_secret().to_owned()))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(anyhow!("the mail server has a username without a password")),
        (None, Some(_)) => Err(anyhow!("the mail server has a password without a username")),
    }
}

/// An error of a step at which the server's "no" is meant for good.
fn refusal(error: &SmtpError) -> SendError {
    SendError { permanent: error.is_permanent() || error.is_client(), unanswered: false, pause: None, words: words(error) }
}

/// The same while the password is on its way: a server may quote what it does not understand, so of its answer the code is all
/// that is told.
fn not_signed_in(error: &SmtpError) -> SendError {
    let answer = error.status().map(|code| format!("the mail server answers {code} to user name and password"));
    let nonsense =
        || error.is_response().then(|| "the mail server answers user name and password with what is no answer".to_owned());
    let refusal = refusal(error);
    SendError { words: answer.or_else(nonsense).unwrap_or(refusal.words), ..refusal }
}

fn envelope(from: &str, to: &str) -> Option<Envelope> {
    let address = |text: &str| mailbox(text).ok().map(|mailbox| mailbox.email);
    Envelope::new(Some(address(from)?), vec![address(to)?]).ok()
}

/// The error and the server's words in one bounded line. Servers repeat addresses; logs and pages do not.
fn words(error: &(impl Error + 'static)) -> String {
    let text = tls::words(error).map_or_else(|| error.to_string(), |words| format!("the mail server is not trusted: {words}"));
    let kept = text.split_whitespace().map(|word| if word.contains('@') { "(address)" } else { word });
    let line: Vec<_> = kept.collect();
    inert::sentence(&line.join(" ").chars().take(MAX_WORDS).collect::<String>())
}
