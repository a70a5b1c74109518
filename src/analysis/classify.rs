//! The judgement of one sighting: which credential it shows, how firmly, with what outcome, by which client, from where.
//! Only the sighting, the rules and the campaign's calendar are looked at; histories come later.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, net::IpAddr, sync::Arc};

use data_encoding::HEXLOWER;
use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use super::rules::{Derived, Rules};
use crate::evidence::{
    Campaign, Category, ClientCatalogue, Credential, Grade, NamedNetworks, OriginRef, Outcome, Sighting, Verdict, Window,
    place::{self, Place},
};

/// The name of what no catalogue entry recognises.
pub(super) const UNKNOWN_CLIENT: &str = "unknown";

/// What stands for the client of evidence that names user and origin, no client, and stands alone: beside an integration of that
/// user and origin whose user agent nobody knows, which is `unknown` to readers as well, it is not that one's. No row of the
/// catalogue can have this id.
pub(super) const UNNAMED_CLIENT: &str = "";

/// The client of a key as readers know it.
pub(super) fn shown_client(client: &str) -> &str {
    if client == UNNAMED_CLIENT { UNKNOWN_CLIENT } else { client }
}

/// How many user agents and addresses are remembered; an organisation has thousands, a scanner may send millions.
const MAX_REMEMBERED: usize = 16_384;

/// What the rules and the catalogue say of one sighting. Names are borrowed from the sighting or the classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified<'a> {
    pub verdict: Verdict,
    /// The catalogue's id, `unknown` for a user agent that nobody recognises, none without a user agent.
    pub client: Option<&'a str>,
    pub origin: OriginRef<'a>,
    /// As given, else derived from the path; lower case, as Bitbucket's own are.
    pub workspace: Option<Cow<'a, str>>,
    pub repository: Option<Cow<'a, str>>,
    /// The value of `auth_type` is one that no rule explains.
    pub unknown_auth_type: bool,
}

/// The rules, the catalogue, the named networks and the calendar, with a memory of what they said of a user agent and of
/// an address. The memory never changes an answer. One classifier serves one thread.
#[derive(Clone, Debug)]
pub struct Classifier {
    rules: Arc<Rules>,
    catalogue: Arc<ClientCatalogue>,
    networks: NamedNetworks,
    calendar: Campaign,
    maximum_grade: Grade,
    fingerprint: Arc<str>,
    agents: RefCell<Memory<Box<str>>>,
    addresses: RefCell<Memory<IpAddr>>,
}

type Memory<K> = HashMap<K, Option<usize>, RandomState>;

impl Classifier {
    pub fn new(
        rules: impl Into<Arc<Rules>>,
        catalogue: impl Into<Arc<ClientCatalogue>>,
        networks: NamedNetworks,
        calendar: Campaign,
    ) -> Self {
        let (rules, catalogue) = (rules.into(), catalogue.into());
        Self {
            fingerprint: fingerprint(&rules, &catalogue, &networks, &calendar).into(),
            rules,
            catalogue,
            networks,
            calendar,
            maximum_grade: Grade::Proven,
            agents: RefCell::default(),
            addresses: RefCell::default(),
        }
    }

    /// The same for a source whose word does not count beyond a grade, whatever the rules say of it.
    pub fn with_maximum_grade(self, maximum_grade: Grade) -> Self {
        Self { maximum_grade, ..self }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What stands for everything that it judges by: rules, catalogue, named networks and calendar; 64 hexadecimal digits.
    /// Evidence that was judged by another one may be judged otherwise.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub fn classify<'a>(&'a self, sighting: &'a Sighting<'_>) -> Classified<'a> {
        let (scheme, host) = (sighting.scheme.as_deref(), sighting.host.as_deref());
        let place = place::place(scheme, host, sighting.method.as_deref(), sighting.path.as_deref());
        let (client, category) = self.client(sighting.user_agent.as_deref());
        let network = sighting.client_ip.and_then(|ip| self.network(ip));
        let (job, label) = (sighting.job.as_deref(), sighting.token_label.as_deref());
        let auth_type = sighting.auth_type.as_deref();
        let workspace = sighting.workspace.as_deref().or(place.workspace).map(lower);
        let repository = sighting.repository.as_deref().or(place.repository).map(lower);
        Classified {
            verdict: self.verdict(sighting, &place, client, (workspace.as_deref(), repository.as_deref())),
            client,
            origin: OriginRef::of(network, category, sighting.client_ip, job, label),
            workspace,
            repository,
            unknown_auth_type: auth_type.is_some_and(|value| !self.rules.knows_auth_type(value)),
        }
    }

    fn verdict(
        &self,
        sighting: &Sighting<'_>,
        place: &Place<'_>,
        client: Option<&str>,
        (workspace, repository): (Option<&str>, Option<&str>),
    ) -> Verdict {
        let derived = Derived {
            workspace,
            repository,
            client,
            surface: place.surface,
            operation: place.operation,
            git_path: place.git_path,
            outcome: outcome(sighting, place.git_path),
            window: self.calendar.window_at(sighting.time_ms),
            removed: self.calendar.removed_at(sighting.time_ms),
        };
        if !sighting.authentication {
            return self.no_authentication(sighting, &derived);
        }
        let (number, rule) = self.rules.decide(sighting, &derived);
        let outcome = rule.outcome.unwrap_or(derived.outcome);
        let silent = rule.credential == Credential::Unknown && names_nothing(sighting);
        if silent && (sighting.status == Some(401) || outcome != Outcome::Rejected) {
            return self.no_authentication(sighting, &derived);
        }
        Verdict {
            credential: rule.credential,
            grade: rule.grade.min(self.maximum_grade),
            outcome,
            operation: place.operation,
            window: derived.window,
            rule: number,
            authentication: true,
        }
    }

    /// Nobody signed in: git's opening request, what everybody may read, a fact about people or tokens.
    fn no_authentication(&self, sighting: &Sighting<'_>, derived: &Derived<'_>) -> Verdict {
        let (rule, nothing) = self.rules.fallback();
        let outcome = if sighting.status == Some(401) { Outcome::Unknown } else { derived.outcome };
        Verdict {
            credential: nothing.credential,
            grade: nothing.grade,
            outcome,
            operation: derived.operation,
            window: derived.window,
            rule,
            authentication: false,
        }
    }

    fn client(&self, agent: Option<&str>) -> (Option<&str>, Category) {
        let Some(agent) = agent else { return (None, Category::Unknown) };
        let mut agents = self.agents.borrow_mut();
        let position = if let Some(position) = agents.get(agent) {
            *position
        } else {
            let found = self.catalogue.position_of(agent);
            remember(&mut agents, agent.into(), found);
            found
        };
        let client = position.map(|position| self.catalogue.at(position));
        client.map_or((Some(UNKNOWN_CLIENT), Category::Unknown), |client| (Some(client.id.as_str()), client.category))
    }

    fn network(&self, ip: IpAddr) -> Option<&str> {
        let mut addresses = self.addresses.borrow_mut();
        let position = if let Some(position) = addresses.get(&ip) {
            *position
        } else {
            let found = self.networks.position_of(ip);
            remember(&mut addresses, ip, found);
            found
        };
        position.map(|position| self.networks.name_at(position))
    }
}

/// Names and reasons that change no judgement are left out.
fn fingerprint(rules: &Rules, catalogue: &ClientCatalogue, networks: &NamedNetworks, calendar: &Campaign) -> String {
    let mut lines: Vec<String> = Vec::new();
    for rule in rules.iter() {
        let outcome = rule.outcome.map_or("", Outcome::as_str);
        lines.push(format!("rule {:?} {:?} {} {} {outcome}", rule.id, rule.words, rule.credential, rule.grade));
    }
    lines.extend(catalogue.recognition().map(|(pattern, id, category)| format!("client {id:?} {category} {pattern:?}")));
    let mut origins: Vec<_> = networks.iter().map(|(network, name)| format!("origin {network} {name:?}")).collect();
    origins.sort();
    lines.extend(origins);
    lines.push(format!("removal {}", calendar.removal.as_millisecond()));
    let window = |window: &Window| format!("window {} {} {}", window.from_ms, window.to_ms, window.published);
    lines.extend(calendar.windows.iter().map(window));
    HEXLOWER.encode(&Sha256::digest(lines.join("\n")))
}

/// Forgets everything when full: what is common comes back at once.
fn remember<K: std::hash::Hash + Eq>(memory: &mut Memory<K>, key: K, value: Option<usize>) {
    if memory.len() >= MAX_REMEMBERED {
        memory.clear();
    }
    memory.insert(key, value);
}

/// What the answer says. An audit event that names the credential is one that was let in. REST answers 410
/// for removed endpoints too, so there it says nothing.
fn outcome(sighting: &Sighting<'_>, git_path: bool) -> Outcome {
    match sighting.status {
        Some(status) if status < 400 => Outcome::Accepted,
        Some(401) => Outcome::Rejected,
        Some(410) if git_path => Outcome::Rejected,
        None if names_credential(sighting) => Outcome::Accepted,
        _ => Outcome::Unknown,
    }
}

/// As audit events do, by its type or, where there is an action, by its token.
fn names_credential(s: &Sighting<'_>) -> bool {
    s.auth_type.is_some() || (s.action.is_some() && (s.token_id.is_some() || s.token_label.is_some()))
}

/// No user, credential or token is named.
fn names_nothing(s: &Sighting<'_>) -> bool {
    [&s.username, &s.email, &s.account_id, &s.scheme, &s.secret_prefix, &s.secret_id, &s.auth_type, &s.token_id, &s.token_label]
        .into_iter()
        .all(Option::is_none)
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) }
}

#[cfg(test)]
mod tests;
