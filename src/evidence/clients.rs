//! The client catalogue: how software is recognised, what replaces its app password, and the steps of doing so.
//!
//! Data in `config/clients.toml`, and rows of the organisation's own before it. Hidden: inheritance between rows, ways and
//! categories (`wire`), how versions are found and compared (`version`).

mod steps;
mod version;
mod wire;

use std::sync::OnceLock;

use regex::{Regex, RegexSet};

use super::Category;
use steps::Secret;
pub use steps::{Proof, Steps, Username};
use version::Bound;
pub use wire::CatalogueFault;
use wire::{Read, Way};

/// One entry of the catalogue.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub name: String,
    pub category: Category,
    /// Generic clients under which it appears when it does not send its own name.
    pub shows_as: Vec<String>,
    /// Words in the name of an account, job, network or token that give it away, lower case.
    pub words: Vec<String>,
    /// What to create instead of the app password.
    pub replacement: String,
    /// Which username goes with it.
    pub username: String,
    /// The least set; of each secret, where it needs two.
    pub scopes: String,
    pub documentation: String,
    /// How sure the pattern is, or the advice where there is no pattern: `high`, `medium`, `low`.
    pub confidence: String,
    /// The version that can use the replacement, in words; empty where none is known.
    pub needs: String,
    user_agent: Option<String>,
    unverified: Option<String>,
    example: Option<String>,
    /// What it needs: one, or two.
    secrets: Vec<Secret>,
    too_old: Vec<Bound>,
    before: Vec<String>,
    change: Vec<String>,
    traps: Vec<String>,
    usual_owner: String,
}

impl Client {
    /// Whether its user agent was verified in a public source, or named by the organisation; else only a fragment of a
    /// name is known, which somebody has to confirm.
    pub fn verified(&self) -> bool {
        self.user_agent.is_some()
    }

    /// The version in a user agent of this client: the first number after the name that it is recognised by.
    pub fn version_in<'a>(&self, user_agent: &'a str) -> Option<&'a str> {
        let mut patterns = [&self.user_agent, &self.unverified].into_iter().flatten();
        let start = patterns.find_map(|pattern| Some(Regex::new(pattern).ok()?.find(user_agent)?.start()))?;
        version::version_after(user_agent, start)
    }

    /// Whether a version is known to be too old for the replacement.
    pub fn too_old(&self, version: &str) -> bool {
        version::too_old(&self.too_old, version)
    }
}

/// The catalogue. Rows are in matching order: the first match wins, generic names come last.
#[derive(Debug)]
pub struct ClientCatalogue {
    clients: Vec<Client>,
    ways: Vec<Way>,
    /// Compiled when somebody is first to be recognised: most commands recognise nobody.
    recognition: OnceLock<Recognition>,
}

/// All patterns, matched in one pass.
#[derive(Debug)]
struct Recognition {
    patterns: RegexSet,
    /// Pattern number to client number.
    owners: Vec<usize>,
}

/// Each pattern with the number of its client: verified ones first, each kind in the order of the rows.
fn owned_patterns(clients: &[Client]) -> impl Iterator<Item = (usize, &str)> {
    let verified = clients.iter().enumerate().filter_map(|(n, client)| Some((n, client.user_agent.as_deref()?)));
    let unverified = clients.iter().enumerate().filter_map(|(n, client)| Some((n, client.unverified.as_deref()?)));
    verified.chain(unverified)
}

impl Recognition {
    fn of(clients: &[Client]) -> Result<Self, regex::Error> {
        let (owners, patterns): (Vec<usize>, Vec<&str>) = owned_patterns(clients).unzip();
        Ok(Self { patterns: RegexSet::new(patterns)?, owners })
    }
}

const CATALOGUE: &str = include_str!("../../config/clients.toml");

/// The row whose steps fit software that nobody recognises.
const ANY_SCRIPT: &str = "python-requests";

impl ClientCatalogue {
    /// The compiled-in catalogue. That its patterns compile and recognise their examples is for a test to say, not for each start.
    ///
    /// # Errors
    /// None in a released binary: a test parses the same text.
    pub fn builtin() -> Result<Self, String> {
        let Read { ways, clients, faults, .. } = wire::read(CATALOGUE, "");
        if faults.is_empty() { Ok(Self { clients, ways, recognition: OnceLock::new() }) } else { Err(joined(&faults)) }
    }

    /// Reads a whole catalogue.
    #[cfg(test)]
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::checked(wire::read(text, "")).map_err(|faults| joined(&faults))
    }

    /// The compiled-in catalogue after rows of the organisation's own, which are asked first. What such a row leaves out
    /// comes from the compiled-in row of the same id, else from its way and category.
    ///
    /// # Errors
    /// Everything that is wrong with the rows, by line: unknown keys or categories, a pattern that does not compile, an id used
    /// twice, a row that nothing can be recognised by, an example that its row does not recognise or that a row before it does.
    pub fn with_additions(text: &str) -> Result<Self, Vec<CatalogueFault>> {
        Self::checked(wire::read(CATALOGUE, text))
    }

    fn checked(read: Read) -> Result<Self, Vec<CatalogueFault>> {
        let Read { ways, clients, mut faults, lines } = read;
        let recognition =
            Recognition::of(&clients).map_err(|error| vec![CatalogueFault { line: 0, words: error.to_string() }])?;
        let catalogue = Self { clients, ways, recognition: recognition.into() };
        faults.extend(catalogue.unreached(&lines));
        faults.sort_by_key(|fault| fault.line);
        if faults.is_empty() { Ok(catalogue) } else { Err(faults) }
    }

    /// Rows that do not recognise what they say they do.
    fn unreached(&self, lines: &[usize]) -> Vec<CatalogueFault> {
        let fault = |number: usize, words: String| CatalogueFault { line: lines[number], words };
        // What the organisation puts first may well take what the compiled-in rows are examples of.
        let added = lines.iter().any(|line| *line > 0);
        let mut faults = Vec::new();
        for (number, client) in self.clients.iter().enumerate().filter(|(number, _)| !added || lines[*number] > 0) {
            if lines[number] > 0 && client.user_agent.is_none() && client.unverified.is_none() && client.words.is_empty() {
                faults.push(fault(number, format!("client `{}`: nothing is recognised by it: it has no user_agent", client.id)));
            }
            let Some(example) = &client.example else { continue };
            let words = match self.recognise(example) {
                Some(found) if found.id == client.id => continue,
                Some(found) => {
                    format!("client `{}`: its example is recognised as `{}`, which stands before it", client.id, found.id)
                }
                None => format!("client `{}`: its pattern does not recognise its example", client.id),
            };
            faults.push(fault(number, words));
        }
        faults
    }

    /// The first entry whose pattern matches.
    pub fn recognise(&self, user_agent: &str) -> Option<&Client> {
        self.position_of(user_agent).map(|position| self.at(position))
    }

    /// Which entry matches, for those who remember it by user agent: matching is the dear part.
    pub fn position_of(&self, user_agent: &str) -> Option<usize> {
        let compiled = || Recognition::of(&self.clients).expect("compiled in, and a test compiles it");
        let Recognition { patterns, owners } = self.recognition.get_or_init(compiled);
        patterns.matches(user_agent).iter().next().map(|n| owners[n])
    }

    /// What recognises whom, in matching order: pattern, id and category.
    pub fn recognition(&self) -> impl Iterator<Item = (&str, &str, Category)> {
        owned_patterns(&self.clients)
            .map(|(owner, pattern)| (pattern, self.clients[owner].id.as_str(), self.clients[owner].category))
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

    /// What to do for a client; for one that the catalogue does not know, what holds for any script. None only in an empty
    /// catalogue.
    pub fn steps(&self, id: &str) -> Option<Steps> {
        let (known, client) = match self.get(id) {
            Some(client) => (true, client),
            None => (false, self.get(ANY_SCRIPT)?),
        };
        let steps = Steps::of(client, &self.ways);
        Some(if known { steps } else { Steps { client: id.to_owned(), client_name: id.to_owned(), ..steps } })
    }
}

fn joined(faults: &[CatalogueFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
