//! The clients of the sources, one for each credential, and what the credentials are called.

use std::time::Duration;

use url::Url;

use super::options::{Options, Organization, Query, Workspace, WorkspaceAuth};
use crate::{
    analysis::question,
    network::{Network, is_here},
    source::{Auth, Client, ClientOptions, LogEngine, PostgreSqlOptions},
};

/// How often a failed request is sent again within a round; the next round tries again anyway.
const RETRIES: usize = 3;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Questions to one engine.
const QUESTIONS_A_MINUTE: u32 = 600;

/// Where PostgreSQL listens unless its address says otherwise.
const POSTGRESQL_PORT: u16 = 5432;

/// One client for each address and credential: the vendor counts requests by credential, so all sections that name the same
/// one spend from one budget.
pub struct Clients {
    known: Vec<Known>,
    /// Those of the configuration before, whose budgets go on.
    before: Vec<Known>,
    retries: usize,
}

#[derive(Clone)]
struct Known {
    base: Url,
    auth: Auth,
    limit: (u32, Duration),
    share: f64,
    client: Client,
}

impl Default for Clients {
    fn default() -> Self {
        Self { known: Vec::new(), before: Vec::new(), retries: RETRIES }
    }
}

impl Clients {
    /// Clients that send no request a second time.
    pub fn asking_once() -> Self {
        Self { retries: 0, ..Self::default() }
    }

    /// Clients of a new configuration: what was spent of a limit stays spent.
    pub fn renewed(&self) -> Self {
        Self { before: self.known.clone(), ..Self::default() }
    }

    /// The client of an address and a credential; `share` of `limit`, requests in a window, is ours.
    pub fn of(
        &mut self,
        base: &Url,
        auth: Auth,
        limit: (u32, Duration),
        share: f64,
        network: &Network,
    ) -> anyhow::Result<Client> {
        if let Some(known) = self.known.iter().find(|known| known.base == *base && known.auth == auth) {
            return Ok(known.client.sibling());
        }
        // Clients of different hosts must not retry in step.
        let seed = base.as_str().bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let client = Client::new(ClientOptions {
            base_url: base.clone(),
            auth: auth.clone(),
            limits: vec![limit],
            share,
            retries: self.retries,
            network: network.clone(),
            seed,
        })?;
        let same = |before: &&Known| {
            before.base == *base && before.auth == auth && before.limit == limit && before.share.total_cmp(&share).is_eq()
        };
        let client = match self.before.iter().find(same) {
            Some(before) => client.spending_with(&before.client),
            None => client,
        };
        self.known.push(Known { base: base.clone(), auth, limit, share, client: client.clone() });
        Ok(client)
    }
}

/// An engine that keeps a log. It is asked one question after the other, each of which may cost it much; the limit only keeps a
/// fault of ours from becoming a flood.
pub(super) fn log_engine(options: &Options, query: &Query, clients: &mut Clients) -> anyhow::Result<LogEngine> {
    let (username, password) = (query.username.clone(), query.password.clone());
    match query.question.table().engine {
        question::Engine::ClickHouse => {
            let auth = Auth::Basic { email: username, token: password };
            let client = clients.of(&query.url, auth, (QUESTIONS_A_MINUTE, MINUTE), 1.0, &options.network)?;
            Ok(LogEngine::clickhouse(client))
        }
        question::Engine::PostgreSql => LogEngine::postgresql(PostgreSqlOptions {
            host: query.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: query.url.port().unwrap_or(POSTGRESQL_PORT),
            database: query.url.path().trim_start_matches('/').to_owned(),
            username,
            password,
            encrypted: !is_here(&query.url),
            ca_pem: options.network.ca_pem()?,
        }),
    }
}

pub(super) fn query_credential(query: &Query) -> String {
    format!("query.{}.password, of an account that may read the table", query.name)
}

/// The client of an organisation's APIs; sections that name one key share the lowest of their limits.
pub(super) fn organization_client(
    options: &Options,
    organization: &Organization,
    clients: &mut Clients,
) -> anyhow::Result<Client> {
    let key = |o: &Organization| Auth::Bearer(o.api_key.clone());
    let same = |o: &&Organization| o.api_url == organization.api_url && key(o) == key(organization);
    let limits = options.organizations.iter().filter(same).map(|o| o.requests_per_minute);
    let limit = (limits.min().unwrap_or(organization.requests_per_minute), MINUTE);
    clients.of(&organization.api_url, key(organization), limit, organization.share, &options.network)
}

/// The same for a workspace.
pub(super) fn workspace_client(
    options: &Options,
    organization: &Organization,
    workspace: &Workspace,
    clients: &mut Clients,
) -> anyhow::Result<Client> {
    let limit = (hourly_limit(options, workspace), HOUR);
    clients.of(&workspace.api_url, auth(workspace), limit, organization.share, &options.network)
}

pub(super) fn hourly_limit(options: &Options, workspace: &Workspace) -> u32 {
    let same = |w: &&Workspace| w.api_url == workspace.api_url && auth(w) == auth(workspace);
    let limits = options.organizations.iter().flat_map(|o| &o.workspaces).filter(same).map(|w| w.requests_per_hour);
    limits.min().unwrap_or(workspace.requests_per_hour)
}

/// What an organisation's sources sign in with, for whoever has to mend it.
pub(super) fn organization_credential(name: &str, scope: &str) -> String {
    format!("organization.{name}.api_key, which needs the scope {scope}")
}

pub(super) fn workspace_credential(workspace: &Workspace) -> String {
    let scopes = match workspace.auth {
        WorkspaceAuth::AccessToken(_) => "account, repository and repository:admin",
        WorkspaceAuth::ApiToken { .. } => "read:workspace:bitbucket, read:repository:bitbucket and admin:repository:bitbucket",
    };
    format!("{}, which needs the scopes {scopes}", workspace_secret(workspace))
}

/// The name of the secret alone.
pub(super) fn workspace_secret(workspace: &Workspace) -> String {
    let key = match workspace.auth {
        WorkspaceAuth::AccessToken(_) => "access_token",
        WorkspaceAuth::ApiToken { .. } => "api_token",
    };
    format!("workspace.{}.{key}", workspace.slug)
}

fn auth(workspace: &Workspace) -> Auth {
    match &workspace.auth {
        WorkspaceAuth::AccessToken(token) => Auth::Bearer(token.clone()),
        WorkspaceAuth::ApiToken { email, token } => Auth::Basic { email: email.clone(), token: token.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Tokens;

    #[tokio::test]
    async fn sections_that_name_one_credential_spend_from_one_budget() {
        drop(rustls::crypto::ring::default_provider().install_default());
        // Nobody listens there: a request is spent all the same.
        let base: Url = "http://127.0.0.1:9/".parse().expect("an address");
        let mut clients = Clients::default();
        let mut client = |secret: &str| {
            let limit = (10, Duration::from_secs(3_600));
            clients.of(&base, Auth::Bearer(secret.into()), limit, 1.0, &Network::default()).expect("a client")
        };
        let (one, same, other) = (client("key"), client("key"), client("another key"));
        let sent = Tokens::new(one.clone(), "acme", "ORG").list().await;
        assert!(sent.is_err());
        assert!(same.take_usage().budget_used > 0.0 && other.take_usage().budget_used == 0.0);
        assert!(!one.take_usage().requests.is_empty() && same.take_usage().requests.is_empty());

        let mut renewed = clients.renewed();
        let mut client = |secret: &str, limit: u32| {
            let limit = (limit, Duration::from_secs(3_600));
            renewed.of(&base, Auth::Bearer(secret.into()), limit, 1.0, &Network::default()).expect("a client")
        };
        let (kept, fresh) = (client("key", 10), client("a new key", 10));
        assert!(kept.take_usage().budget_used > 0.0, "what was spent stays spent");
        assert!(fresh.take_usage().budget_used == 0.0);
    }
}
