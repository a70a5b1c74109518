//! What a campaign asks of a use: which credential, at which host, in which workspace.

use crate::evidence::{Credential, Outcome};

/// Conditions that must all hold; a list that is empty is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    pub credentials: Vec<Credential>,
    /// Lower case; one with a port means that port only.
    pub hosts: Vec<String>,
    /// Lower case.
    pub workspaces: Vec<String>,
    /// Which outcomes count; of legacy use all.
    pub outcomes: Vec<Outcome>,
}

impl Predicate {
    pub fn takes(&self, credential: Credential) -> bool {
        self.credentials.is_empty() || self.names(credential)
    }

    pub fn names(&self, credential: Credential) -> bool {
        self.credentials.contains(&credential)
    }

    pub fn counts(&self, outcome: Outcome) -> bool {
        self.outcomes.contains(&outcome)
    }

    /// Whether it asks where the use went, and not only for the credential.
    pub fn is_bound(&self) -> bool {
        !self.hosts.is_empty() || !self.workspaces.is_empty()
    }

    /// Whether the conditions on the place hold. A place that is not known fulfils none.
    pub fn fits(&self, host: Option<&str>, workspace: Option<&str>) -> bool {
        let at_host = self.hosts.is_empty() || host.is_some_and(|host| self.hosts.iter().any(|known| same_host(known, host)));
        at_host && (self.workspaces.is_empty() || workspace.is_some_and(|name| self.workspaces.iter().any(|known| known == name)))
    }
}

/// `bitbucket.org` stands for itself with any port.
fn same_host(known: &str, host: &str) -> bool {
    let name = if known.contains(':') { host } else { host.split(':').next().unwrap_or(host) };
    known == name
}
