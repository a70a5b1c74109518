//! The engine: store, classifier and sources of one configuration, and a round of any of them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    Judged, Options,
    freshness::Budgets,
    options::{Organization, Workspace, WorkspaceAuth},
    rounds::{AccessRound, AuditRound, LogRound, Setting, TokensRound},
};
use crate::{
    analysis::{Classifier, Rules},
    deliver::otel,
    evidence::{ClientCatalogue, Coverage, CoverageState, Day},
    serve,
    source::{Auth, Client, ClientOptions, FetchError, Network, Usage},
    store::{Lock, OpenError, SourceState, Store, StoreError},
};

/// Rounds that `poll` runs side by side: enough to wait for several hosts at once.
const ROUNDS_AT_ONCE: usize = 8;

/// How often a failed request is sent again within a round; the next round tries again anyway.
const RETRIES: usize = 3;

/// Everything that a configuration sets up.
pub struct Engine {
    pub(super) options: Arc<Options>,
    pub(super) store: Store,
    pub(super) catalogue: Arc<ClientCatalogue>,
    sources: Vec<Source>,
    budgets: Mutex<Budgets>,
}

/// One configured source.
struct Source {
    name: String,
    /// What it signs in with, as the configuration names it, and the scopes that it needs; empty for files.
    credential: String,
    kind: Kind,
}

enum Kind {
    Audit(AuditRound),
    Tokens(TokensRound),
    Access(AccessRound),
    Log(LogRound),
}

/// What came of one round.
#[derive(Debug)]
pub struct Round {
    /// Something was recorded that a judgement would see.
    pub changed: bool,
    /// One line for people: what was read, or what is wrong and what to do.
    pub line: String,
    pub failed: bool,
}

/// What came of one round of every source.
#[derive(Debug, Default)]
pub struct PollOutcome {
    pub lines: Vec<String>,
    /// The names of the sources that failed, wholly or in part.
    pub failed: Vec<String>,
}

/// Why a round did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("{error}; the secret is {credential}")]
    Credential { error: FetchError, credential: String },
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Files(#[from] std::io::Error),
    #[error("{0}")]
    InPart(String),
}

/// What a round read.
#[derive(Debug, Default)]
pub struct Tally {
    pub items: u64,
    pub skipped: u64,
    pub note: String,
}

impl Engine {
    /// Opens the store and prepares the sources.
    ///
    /// # Errors
    /// When the store cannot be opened, or a client not be built from what is configured.
    pub fn open(options: Options) -> anyhow::Result<Self> {
        let store = Store::open(&options.store)?;
        let catalogue = Arc::new(ClientCatalogue::builtin().map_err(anyhow::Error::msg).context("clients.toml")?);
        let mut sources = Vec::new();
        for organization in &options.organizations {
            organization_sources(&options, organization, &catalogue, &mut sources)?;
        }
        for log in &options.logs {
            let setting = setting(&options, &catalogue, format!("log/{}", log.name))?;
            let name = setting.name.clone();
            sources.push(Source { name, credential: String::new(), kind: Kind::Log(LogRound::new(setting, Arc::clone(log))) });
        }
        Ok(Self { options: Arc::new(options), store, catalogue, sources, budgets: Mutex::default() })
    }

    pub(super) fn setting(&self, name: String) -> anyhow::Result<Setting> {
        setting(&self.options, &self.catalogue, name)
    }

    /// The right to collect and deliver, which one process has at a time.
    pub fn lock(&self) -> Result<Lock, OpenError> {
        Store::lock_exclusive(&self.options.store)
    }

    /// In the order of the configuration.
    pub fn source_names(&self) -> Vec<String> {
        self.sources.iter().map(|s| s.name.clone()).collect()
    }

    /// How often a source is read.
    pub fn every(&self, index: usize) -> Duration {
        self.options.every(&self.sources[index].name)
    }

    pub fn serve_options(&self) -> serve::Options {
        serve::Options { listen: self.options.http.listen, token: self.options.http.token.clone() }
    }

    /// Serves one judgement's page until `stop`, and returns its address.
    pub async fn serve_once(&self, judged: &Judged, stop: CancellationToken) -> anyhow::Result<SocketAddr> {
        let options = self.serve_options();
        let listener = serve::listen(&options).await?;
        let address = listener.local_addr()?;
        let (sender, page) = watch::channel(Arc::new(judged.served()));
        tokio::spawn(async move {
            serve::run(listener, options.token, page, None, stop).await;
            drop(sender);
        });
        Ok(address)
    }

    /// The exporter of metrics, when an endpoint is set.
    pub fn start_exporter(&self) -> anyhow::Result<Option<otel::Exporter>> {
        let Some(otel) = &self.options.otel else { return Ok(None) };
        let options = otel::Options {
            endpoint: otel.endpoint.to_string(),
            protocol: if otel.grpc { otel::Protocol::Grpc } else { otel::Protocol::Http },
            interval: otel.interval,
            headers: otel.headers.clone(),
            ca_pem: self.options.network.ca_pem()?,
        };
        let service = otel::Service {
            name: "duskwatch".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance_id: self.options.store.display().to_string(),
        };
        otel::Exporter::start(&options, &service).map(Some)
    }

    /// One round of every source, or of those named.
    ///
    /// # Errors
    /// Only when the store fails; what a source refuses is in the outcome.
    pub async fn poll(self: &Arc<Self>, only: &[String], since: Option<Day>, now: Timestamp) -> anyhow::Result<PollOutcome> {
        let wanted = (0..self.sources.len()).filter(|i| only.is_empty() || only.contains(&self.sources[*i].name));
        let rounds = stream::iter(wanted).map(|index| async move { (index, self.round(index, since, now).await) });
        let mut rounds: Vec<(usize, Round)> = rounds.buffer_unordered(ROUNDS_AT_ONCE).collect().await;
        rounds.sort_by_key(|(index, _)| *index);
        let mut outcome = PollOutcome::default();
        for (index, round) in rounds {
            if round.failed {
                outcome.failed.push(self.sources[index].name.clone());
            }
            outcome.lines.push(format!("{}: {}", self.sources[index].name, round.line));
        }
        Ok(outcome)
    }

    /// One round of one source: what it brings is recorded page by page; how it went is recorded at the end.
    pub async fn round(&self, index: usize, since: Option<Day>, now: Timestamp) -> Round {
        let source = &self.sources[index];
        let result = match &source.kind {
            Kind::Audit(round) => round.run(&self.store, since, now).await,
            Kind::Tokens(round) => round.run(&self.store, now).await,
            Kind::Access(round) => round.run(&self.store, now).await,
            Kind::Log(round) => round.run(&self.store, now).await,
        };
        let result = result.map_err(|error| error.with_credential(&source.credential));
        let usage = match &source.kind {
            Kind::Audit(round) => round.usage(),
            Kind::Tokens(round) => round.usage(),
            Kind::Access(round) => round.usage(),
            Kind::Log(_) => Usage::default(),
        };
        if !matches!(source.kind, Kind::Log(_)) {
            self.budgets.lock().unwrap_or_else(PoisonError::into_inner).insert(source.name.clone(), usage.budget_used);
        }
        if let Err(error) = self.note_round(&source.name, &result, usage, now).await {
            tracing::error!(source = source.name, %error, "how the round went could not be recorded");
        }
        match result {
            Ok(tally) => {
                tracing::debug!(source = source.name, items = tally.items, skipped = tally.skipped, "round done");
                Round { changed: tally.items > 0 || !tally.note.is_empty(), line: words(&tally), failed: false }
            }
            Err(error) => {
                tracing::warn!(source = source.name, %error, "round failed");
                Round { changed: true, line: error.to_string(), failed: true }
            }
        }
    }

    /// The used part of each source's request budget after its last round.
    pub(super) fn budgets(&self) -> Budgets {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Freshness, requests, and for a round that failed the interval that nobody saw.
    async fn note_round(
        &self,
        name: &str,
        result: &Result<Tally, RoundError>,
        usage: Usage,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let failure = result.as_ref().err().map(|error| (error.to_string(), gap_state(error)));
        let looked_until = looked_until(&self.store, name).await?;
        let name = name.to_owned();
        self.store
            .write(move |w| {
                for (class, requests) in &usage.requests {
                    w.count_requests(&name, class, *requests)?;
                }
                let mut state = SourceState::default();
                match failure {
                    None => state.last_success = Some(now),
                    Some((words, gap)) => {
                        state.last_failure = Some(now);
                        if let (Some(state), Some(from_ms)) = (gap, looked_until) {
                            let to_ms = now.as_millisecond();
                            w.cover(&name, &Coverage { from_ms, to_ms, state, items: 0, skipped: 0, reason: words.clone() })?;
                        }
                        state.failure = Some(words);
                    }
                }
                w.note_source(&name, &state)
            })
            .await
    }
}

impl RoundError {
    /// Says which secret to look at when it is the cause.
    fn with_credential(self, credential: &str) -> Self {
        match self {
            Self::Fetch(error) if error.is_ours() => Self::Credential { error, credential: credential.to_owned() },
            other => other,
        }
    }
}

/// Whether a failed round leaves a gap: not when it was read in part and has said so itself.
fn gap_state(error: &RoundError) -> Option<CoverageState> {
    match error {
        RoundError::Credential { .. } => Some(CoverageState::NotPermitted),
        RoundError::InPart(_) => None,
        _ => Some(CoverageState::Missed),
    }
}

fn words(tally: &Tally) -> String {
    let mut words = vec![format!("{} items", tally.items)];
    if tally.skipped > 0 {
        words.push(format!("{} skipped", tally.skipped));
    }
    if !tally.note.is_empty() {
        words.push(tally.note.clone());
    }
    words.join(", ")
}

/// Up to when a source was looked at, in milliseconds; none when it never was.
pub(super) async fn looked_until(store: &Store, source: &str) -> Result<Option<i64>, StoreError> {
    let source = source.to_owned();
    store.read(move |r| Ok(r.ledger()?.looked_until_ms(&source))).await
}

fn setting(options: &Options, catalogue: &Arc<ClientCatalogue>, name: String) -> anyhow::Result<Setting> {
    let rules = Rules::builtin().map_err(anyhow::Error::msg).context("rules.toml")?;
    let calendar = options.campaigns.first().context("there is no campaign")?.clone();
    let classifier = Classifier::new(rules, Arc::clone(catalogue), options.networks.clone(), calendar);
    Ok(Setting::new(name, classifier))
}

fn organization_sources(
    options: &Options,
    organization: &Organization,
    catalogue: &Arc<ClientCatalogue>,
    sources: &mut Vec<Source>,
) -> anyhow::Result<()> {
    let key = Auth::Bearer(organization.api_key.clone());
    let client =
        client(&organization.api_url, key, (Some(organization.requests_per_minute), None), organization.share, &options.network)?;
    let setting = setting(options, catalogue, format!("audit/{}", organization.name))?;
    let name = setting.name.clone();
    let round = AuditRound::new(setting, client.sibling(), &organization.id, organization.overlap);
    let credential = |scope| format!("organization.{}.api_key, which needs the scope {scope}", organization.name);
    sources.push(Source { name, credential: credential("read:events:admin"), kind: Kind::Audit(round) });
    let round = TokensRound::new(client.sibling(), &organization.name, &organization.id);
    let name = format!("tokens/{}", organization.name);
    sources.push(Source { name, credential: credential("read:tokens:admin"), kind: Kind::Tokens(round) });
    for workspace in &organization.workspaces {
        let round = AccessRound::new(workspace_client(workspace, organization.share, &options.network)?, &workspace.slug);
        let name = format!("access/{}", workspace.slug);
        sources.push(Source { name, credential: workspace_credential(workspace), kind: Kind::Access(round) });
    }
    Ok(())
}

fn workspace_credential(workspace: &Workspace) -> String {
    let slug = &workspace.slug;
    match workspace.auth {
        WorkspaceAuth::AccessToken(_) => {
            format!("workspace.{slug}.access_token, which needs the scopes account and repository:admin")
        }
        WorkspaceAuth::ApiToken { .. } => format!(
            "workspace.{slug}.api_token, which needs the scopes read:workspace:bitbucket, read:repository:bitbucket and \
             admin:repository:bitbucket"
        ),
    }
}

fn workspace_client(workspace: &Workspace, share: f64, network: &Network) -> anyhow::Result<Client> {
    let auth = match &workspace.auth {
        WorkspaceAuth::AccessToken(token) => Auth::Bearer(token.clone()),
        WorkspaceAuth::ApiToken { email, token } => Auth::Basic { email: email.clone(), token: token.clone() },
    };
    client(&workspace.api_url, auth, (None, Some(workspace.requests_per_hour)), share, network)
}

fn client(
    base: &Url,
    auth: Auth,
    (minute, hour): (Option<u32>, Option<u32>),
    share: f64,
    network: &Network,
) -> anyhow::Result<Client> {
    // Clients of different hosts must not retry in step.
    let seed = base.as_str().bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let options = ClientOptions {
        base_url: base.clone(),
        auth,
        requests_per_minute: minute,
        requests_per_hour: hour,
        share,
        retries: RETRIES,
        network: network.clone(),
        seed,
    };
    Client::new(options)
}
