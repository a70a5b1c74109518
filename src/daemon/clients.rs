//! The clients of the sources, one for each credential.

use std::time::Duration;

use url::Url;

use crate::source::{Auth, Client, ClientOptions, Network};

/// How often a failed request is sent again within a round; the next round tries again anyway.
const RETRIES: usize = 3;

/// One client for each address and credential: the vendor counts requests by credential, so all sections that name the same
/// one spend from one budget.
pub struct Clients {
    known: Vec<(Url, Auth, Client)>,
    retries: usize,
}

impl Default for Clients {
    fn default() -> Self {
        Self { known: Vec::new(), retries: RETRIES }
    }
}

impl Clients {
    /// Clients that send no request a second time.
    pub fn asking_once() -> Self {
        Self { known: Vec::new(), retries: 0 }
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
        if let Some((_, _, client)) = self.known.iter().find(|(url, known, _)| url == base && *known == auth) {
            return Ok(client.sibling());
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
        self.known.push((base.clone(), auth, client.clone()));
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
    }
}
