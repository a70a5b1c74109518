//! The clients of the sources, one for each credential.

use std::time::Duration;

use url::Url;

use crate::source::{Auth, Client, ClientOptions, Network};

/// How often a failed request is sent again within a round; the next round tries again anyway.
const RETRIES: usize = 3;

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
