//! The client catalogue: how software is recognised by its user agent, and what replaces its app password.

use regex::RegexSet;
use serde::Deserialize;

use super::Category;

/// One entry of `config/clients.toml`.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub name: String,
    pub category: Category,
    /// What to create instead of the app password.
    pub replacement: String,
    /// Which username goes with it.
    pub username: String,
    pub scopes: String,
    pub documentation: String,
    /// How sure the pattern is, or the advice where there is no pattern: `high`, `medium`, `low`.
    pub confidence: String,
}

/// The catalogue, compiled. Rows are in matching order: the first match wins, generic names come last.
#[derive(Debug)]
pub struct ClientCatalogue {
    clients: Vec<Client>,
    patterns: RegexSet,
    /// Pattern number to client number.
    owners: Vec<usize>,
}

const CATALOGUE: &str = include_str!("../../config/clients.toml");

impl ClientCatalogue {
    /// The compiled-in catalogue.
    ///
    /// # Errors
    /// None in a released binary: a test parses the same text.
    pub fn builtin() -> Result<Self, String> {
        Self::parse(CATALOGUE)
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// Names what is wrong: unknown keys or categories, a pattern that does not compile, an id used twice.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wire: Wire = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut clients: Vec<Client> = Vec::with_capacity(wire.client.len());
        let (mut patterns, mut owners) = (Vec::new(), Vec::new());
        for row in wire.client {
            if clients.iter().any(|c| c.id == row.id) {
                return Err(format!("client `{}` stands twice", row.id));
            }
            let category = Category::parse(&row.category)
                .ok_or_else(|| format!("client `{}`: `{}` is no category", row.id, row.category))?;
            if let Some(pattern) = row.user_agent {
                regex::Regex::new(&pattern).map_err(|error| format!("client `{}`: {error}", row.id))?;
                patterns.push(pattern);
                owners.push(clients.len());
            }
            clients.push(Client {
                id: row.id,
                name: row.name,
                category,
                replacement: row.replacement,
                username: row.username,
                scopes: row.scopes,
                documentation: row.documentation,
                confidence: row.confidence,
            });
        }
        let patterns = RegexSet::new(patterns).map_err(|error| error.to_string())?;
        Ok(Self { clients, patterns, owners })
    }

    /// The first entry whose pattern matches.
    pub fn recognise(&self, user_agent: &str) -> Option<&Client> {
        self.position_of(user_agent).map(|position| self.at(position))
    }

    /// Which entry matches, for those who remember it by user agent: matching is the dear part.
    pub fn position_of(&self, user_agent: &str) -> Option<usize> {
        self.patterns.matches(user_agent).iter().next().map(|n| self.owners[n])
    }

    /// The entry at a [`position`](Self::position_of).
    pub fn at(&self, position: usize) -> &Client {
        &self.clients[position]
    }

    pub fn get(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|c| c.id == id)
    }

    /// The category of a client id; unknown ids have the unknown category.
    pub fn category(&self, id: &str) -> Category {
        self.get(id).map_or(Category::Unknown, |c| c.category)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    client: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    category: String,
    user_agent: Option<String>,
    replacement: String,
    username: String,
    scopes: String,
    documentation: String,
    confidence: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_entry_is_recognised_first() {
        let catalogue = ClientCatalogue::builtin().expect("the catalogue is valid");
        for (agent, id) in [
            ("git/2.45.1", "git-cli"),
            ("git/2.39.3 (Apple Git-146)", "git-apple"),
            ("git/2.45.1.windows.1", "git-windows"),
            ("git/2.43.0 (vsts-agent-git/3.236.1)", "azure-pipelines-agent"),
            ("git/2.0 (libgit2 1.7.1)", "libgit2"),
            ("JGit/6.8.0.202311291450-r", "jgit"),
            ("RenovateBot/37.1.0 (https://github.com/renovatebot/renovate)", "renovate"),
            ("go-git/5.x", "go-git"),
            ("Apache-HttpClient/4.5.14 (Java/17.0.9)", "apache-httpclient"),
            ("python-requests/2.31.0", "python-requests"),
        ] {
            assert_eq!(catalogue.recognise(agent).map(|c| c.id.as_str()), Some(id), "{agent}");
        }
        assert!(catalogue.recognise("something nobody has seen").is_none());
        assert!(catalogue.category("git-cli").interactive());
        assert_eq!(catalogue.category("nobody"), Category::Unknown);
    }
}
