//! What the daemon is told: the organisation, its sources, its outputs. `config` fills it in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::tz::TimeZone;
use secrecy::SecretString;
use url::Url;

use super::Delivery;
pub use super::rounds::Pace;
pub use super::webhooks::Webhook;
use crate::{
    analysis::{Classifier, Policy, Rules, question::Question},
    deliver::{mail, otel},
    evidence::{
        Campaign, ClientCatalogue, Expiry, Grade, NamedNetworks, SourceKind,
        exchange::{
            self,
            seal::{PrivateKey, PublicKey},
        },
        format::Form,
    },
    network::Network,
    report::{self, Audience, BlindSpot, OwnCredential},
    serve,
};

#[derive(Debug)]
pub struct Options {
    pub(crate) organizations: Vec<Organization>,
    pub(crate) logs: Vec<Arc<Log>>,
    pub(crate) queries: Vec<Arc<Query>>,
    /// Who this is to others that take its files in; none where nobody does.
    pub(crate) instance: Option<Instance>,
    /// Whose files are taken in.
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) http: Http,
    pub(crate) network: Network,
    pub(crate) rules: Arc<Rules>,
    pub(crate) catalogue: Arc<ClientCatalogue>,
    pub(crate) store: PathBuf,
    pub(crate) retention: Retention,
    /// So many integrations of one source have names; what is beyond them is counted together ([`Callers`]).
    ///
    /// [`Callers`]: crate::evidence::Callers
    pub(crate) integrations_per_source: u32,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) expiries: Vec<Expiry>,
    pub(crate) schedule: Schedule,
    pub(crate) email: Option<Email>,
    /// Recipients of mail that no server takes, since none is set.
    pub(crate) waiting_for_mail: usize,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) privacy: Privacy,
    pub(crate) csv: Csv,
    pub(crate) otel: Option<Otel>,
    /// So many of the highest ranks are single series of the metrics.
    pub(crate) top: u32,
    pub(crate) policy: Policy,
    pub(crate) networks: NamedNetworks,
    pub(crate) blind_spots: Vec<BlindSpot>,
    pub(crate) own_credentials: Vec<OwnCredential>,
    /// Every secret that the configuration names, in its order.
    pub(crate) secrets: Vec<SecretReference>,
    /// Where the service manager listens, if one does.
    pub(crate) manager: Option<String>,
    /// Who runs this program, for the journal.
    pub(crate) operator: String,
}

/// A secret, by where it comes from; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// `organization[0].api_key`.
    pub(crate) key: String,
    /// None for one that stands in the environment.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Organization {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) api_url: Url,
    pub(crate) api_key: SecretString,
    pub(crate) requests_per_minute: u32,
    pub(crate) share: f64,
    pub(crate) overlap: Duration,
    pub(crate) workspaces: Vec<Workspace>,
}

#[derive(Debug)]
pub struct Workspace {
    pub(crate) slug: String,
    pub(crate) api_url: Url,
    pub(crate) auth: WorkspaceAuth,
    pub(crate) requests_per_hour: u32,
}

#[derive(Debug)]
pub enum WorkspaceAuth {
    AccessToken(SecretString),
    ApiToken { email: String, token: SecretString },
}

impl WorkspaceAuth {
    /// Of the account whose API token it is.
    pub(super) fn email(&self) -> Option<&str> {
        match self {
            Self::AccessToken(_) => None,
            Self::ApiToken { email, .. } => Some(email),
        }
    }
}

#[derive(Debug)]
pub struct Log {
    pub(crate) name: String,
    pub(crate) paths: Vec<String>,
    pub(crate) form: Form,
}

/// An engine that keeps a log, and what it is asked.
#[derive(Debug)]
pub struct Query {
    pub(crate) name: String,
    pub(crate) url: Url,
    pub(crate) username: String,
    pub(crate) password: SecretString,
    pub(crate) question: Question,
    pub(crate) pace: Pace,
    /// How far a first look goes back.
    pub(crate) backfill_days: i32,
    /// How long one question may take.
    pub(crate) limit: Duration,
}

/// Who this instance is to another one that takes in what it counted.
#[derive(Debug)]
pub struct Instance {
    pub(crate) name: String,
    /// What its files are signed with; none for commands that need no secrets.
    pub(crate) key: Option<Arc<PrivateKey>>,
}

/// Another instance, whose files are taken in.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) name: String,
    pub(crate) public_key: PublicKey,
    /// It is late when its newest file is older than this.
    pub(crate) late_after: Duration,
}

#[derive(Debug)]
pub struct Http {
    pub(crate) listen: SocketAddr,
    pub(crate) access: serve::Access,
    pub(crate) intake: Vec<Sender>,
}

impl Http {
    pub(crate) fn page(&self) -> Page {
        Page { listen: self.listen, encrypted: Some(self.access.tls.is_some()) }
    }
}

/// Where the page of a service is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub(crate) listen: SocketAddr,
    /// None where it may be said in what could not be read.
    pub(crate) encrypted: Option<bool>,
}

/// Somebody who may push evidence.
#[derive(Debug)]
pub struct Sender {
    pub(crate) name: String,
    pub(crate) token: SecretString,
    /// What its lines may be about; empty is everything.
    pub(crate) workspaces: Vec<String>,
    /// Whatever the rules say of its lines, they count no more than this.
    pub(crate) maximum_grade: Grade,
}

/// How long what was recorded is kept, in days; counts of days are kept for good.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// What was read.
    pub(crate) raw_days: i32,
    /// By what single pieces are recognised when they come again; what was read is not kept longer either.
    pub(crate) evidence_days: i32,
}

#[derive(Debug)]
pub struct Schedule {
    pub(crate) timezone: TimeZone,
    pub(crate) audit: Duration,
    pub(crate) tokens: Duration,
    pub(crate) access: Duration,
    pub(crate) logs: Duration,
    pub(crate) queries: Duration,
    /// Five-field cron, in the time zone; none is never.
    pub(crate) digest: Option<String>,
    pub(crate) brief: Option<String>,
    pub(crate) notices: Option<String>,
}

#[derive(Debug)]
pub struct Email {
    pub(crate) server: Url,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) from: String,
    /// Whom readers ask; empty: whoever runs this.
    pub(crate) contact: String,
    pub(crate) recipients: Vec<(String, Audience)>,
}

/// How people are shown.
#[derive(Debug, Default)]
pub struct Privacy {
    pub(crate) pseudonyms: bool,
    /// Patterns of names that are machines' whatever else is known of them.
    pub(crate) machines: Vec<String>,
}

#[derive(Debug)]
pub struct Csv {
    pub(crate) directory: Option<PathBuf>,
    pub(crate) keep_days: i32,
}

#[derive(Debug)]
pub struct Otel {
    pub(crate) endpoint: Url,
    pub(crate) grpc: bool,
    pub(crate) interval: Duration,
    pub(crate) headers: Vec<(String, SecretString)>,
    /// Whether the service's own logs and traces leave as well.
    pub(crate) logs: bool,
    pub(crate) traces: bool,
}

impl Email {
    /// The way to the mail server.
    pub(super) fn mail_options(&self, ca_pem: Option<Vec<u8>>) -> mail::Options {
        let (username, password) = (self.username.clone(), self.password.clone());
        mail::Options { server: self.server.to_string(), username, password, ca_pem }
    }
}

impl Otel {
    /// The way to the collector.
    pub(super) fn export_options(&self, network: &Network) -> otel::Options {
        otel::Options {
            endpoint: self.endpoint.to_string(),
            protocol: if self.grpc { otel::Protocol::Grpc } else { otel::Protocol::Http },
            interval: self.interval,
            headers: self.headers.clone(),
            network: network.clone(),
        }
    }
}

impl Options {
    /// Who exports.
    pub(super) fn exporting(&self) -> otel::Service {
        otel::Service {
            name: "duskwatch".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance_id: self.store.display().to_string(),
        }
    }

    /// A name that other instances give as well, with that of this one where it has one: mail systems drop what has an id that
    /// they know.
    pub(super) fn named_here(&self, name: &str) -> String {
        self.instance.as_ref().map_or_else(|| name.to_owned(), |here| format!("{name}.{}", here.name))
    }

    /// Gathers the service's own logs and traces, where the configuration asks for them.
    pub fn own_telemetry(&self) -> anyhow::Result<otel::Own> {
        let Some(otel) = &self.otel else { return Ok(otel::Own::default()) };
        otel::Own::start(&otel.export_options(&self.network), &self.exporting(), otel.logs, otel.traces)
    }

    /// These options for a service that runs by others: with what cannot change meanwhile, and the keys of that where it
    /// would.
    pub(super) fn after(self, running: &Self) -> (Self, Vec<&'static str>) {
        let own = |options: &Self| options.otel.as_ref().map_or((false, false), |otel| (otel.logs, otel.traces));
        let changed = [
            ("store.path", self.store != running.store),
            ("http.listen", self.http.listen != running.http.listen),
            ("otel.logs, otel.traces", own(&self) != own(running)),
        ];
        let kept = changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect();
        let http = Http { listen: running.http.listen, ..self.http };
        (Self { store: running.store.clone(), http, ..self }, kept)
    }

    /// The files that secrets come from, the certificate of the page among them.
    pub(super) fn secret_files(&self) -> impl Iterator<Item = PathBuf> {
        let certificate = self.http.access.tls.iter().flat_map(|tls| tls.files().iter().cloned());
        self.secrets.iter().filter_map(|secret| secret.file.clone()).chain(certificate)
    }

    pub(super) fn callers_per_source(&self) -> usize {
        usize::try_from(self.integrations_per_source).unwrap_or(usize::MAX)
    }

    /// What stands for all that evidence is judged by.
    pub(super) fn fingerprint(&self) -> String {
        self.classifier().fingerprint().to_owned()
    }

    /// What every sighting is judged by.
    pub(super) fn classifier(&self) -> Classifier {
        let calendar = Campaign::calendar(&self.campaigns);
        Classifier::new(Arc::clone(&self.rules), Arc::clone(&self.catalogue), self.networks.clone(), calendar)
    }

    /// The names of all sources, in the order of the configuration.
    pub fn source_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for organization in &self.organizations {
            names.push(SourceKind::Audit.source(&organization.name));
            names.push(SourceKind::Tokens.source(&organization.name));
            names.extend(organization.workspaces.iter().map(|w| SourceKind::Access.source(&w.slug)));
        }
        names.extend(self.logs.iter().map(|log| SourceKind::Log.source(&log.name)));
        names.extend(self.queries.iter().map(|query| SourceKind::Query.source(&query.name)));
        names
    }

    /// Whether there is any source at all.
    pub fn watches(&self) -> bool {
        !self.source_names().is_empty() || self.pushed_names().next().is_some() || !self.exchanges.is_empty()
    }

    /// The names under which the files of other instances are sources.
    pub(super) fn exchanged_names(&self) -> impl Iterator<Item = String> {
        self.exchanges.iter().map(|other| exchange::source_name(&other.name, ""))
    }

    /// How old what a source showed last may be before it is late, where that is told for it alone: of another instance's.
    pub(super) fn late_after(&self, source: &str) -> Option<Duration> {
        let instance = exchange::instance_of(source)?;
        self.exchanges.iter().find(|other| other.name == instance).map(|other| other.late_after)
    }

    /// The names of the sources that are pushed, which no round reads.
    pub(super) fn pushed_names(&self) -> impl Iterator<Item = String> {
        self.http.intake.iter().map(|sender| SourceKind::Intake.source(&sender.name))
    }

    /// The names of the `[[log]]` sections.
    pub fn log_names(&self) -> impl Iterator<Item = &str> {
        self.logs.iter().map(|log| log.name.as_str())
    }

    pub fn has_owner(&self, name: &str) -> bool {
        self.policy.owners.iter().any(|owner| owner.name == name)
    }

    /// Where the store is.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Where CSV packages go, if anywhere, and for how many days they are kept.
    pub fn package(&self) -> (Option<PathBuf>, i32) {
        (self.csv.directory.clone(), self.csv.keep_days)
    }

    /// The addresses that receive an audience's mail.
    pub(super) fn recipients(&self, audience: &Audience) -> Vec<String> {
        if let Audience::Owner(name) = audience {
            return self.owner_addresses().into_iter().filter(|(owner, _)| owner == name).map(|(_, address)| address).collect();
        }
        let recipients = self.email.iter().flat_map(|email| &email.recipients);
        recipients.filter(|(_, of)| of == audience).map(|(address, _)| address.clone()).collect()
    }

    /// Whether mail to an audience of the outbox goes to an address. Alarms are for the readers of the digest.
    pub(super) fn is_recipient(&self, audience: &str, address: &str) -> bool {
        let audience = audience.parse().unwrap_or(Audience::Security);
        self.email.is_some() && self.recipients(&audience).iter().any(|reader| mail::is_same_mailbox(reader, address))
    }

    /// The owners who can be written to, each once, with their address.
    pub(super) fn owner_addresses(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for owner in &self.policy.owners {
            let known = found.iter().any(|(name, _)| *name == owner.name);
            if let Some(address) = owner.email.as_ref().filter(|_| !known) {
                found.push((owner.name.clone(), address.clone()));
            }
        }
        found
    }

    /// Whom readers ask when something is wrong; empty where nobody is named.
    pub(super) fn contact(&self) -> &str {
        self.email.as_ref().map_or("", |email| email.contact.as_str())
    }

    /// What is configured to leave; the digest, where there is one, first.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        let mails = Audience::WHOLE.into_iter().filter(|audience| !self.recipients(audience).is_empty()).map(Delivery::Mail);
        let noticed = self.schedule.notices.is_some() && self.email.is_some() && !self.owner_addresses().is_empty();
        let package = self.csv.directory.is_some().then_some(Delivery::Package);
        mails.chain(package).chain(noticed.then_some(Delivery::Notices)).collect()
    }

    /// The organisations and workspaces by name, as reports and metrics know them.
    pub(super) fn known_organizations(&self) -> Vec<report::Organization> {
        let known = |organization: &Organization| report::Organization {
            name: organization.name.clone(),
            workspaces: organization.workspaces.iter().map(|w| w.slug.clone()).collect(),
        };
        self.organizations.iter().map(known).collect()
    }

    /// How often a source is read, by its name.
    pub fn every(&self, source: &str) -> Duration {
        match source.split_once('/').map_or(source, |(kind, _)| kind) {
            "audit" => self.schedule.audit,
            "tokens" => self.schedule.tokens,
            "access" => self.schedule.access,
            "query" => self.schedule.queries,
            _ => self.schedule.logs,
        }
    }
}
