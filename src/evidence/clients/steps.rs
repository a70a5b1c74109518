//! What a person does to move one integration, in the order of doing it.

use super::{Client, wire::Way};

/// The steps for one client. Every list may be empty. Placeholders in commands are `WORKSPACE/REPOSITORY` and `EMAIL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Catalogue id, or `unknown`.
    pub client: String,
    pub client_name: String,
    /// Who usually looks after such software: `the platform team`.
    pub usual_owner: String,
    /// What to create instead of the app password, in short.
    pub replacement: String,
    /// The version that can use the replacement, in words; empty where none is known.
    pub needs: String,
    pub create: Vec<String>,
    pub usernames: Vec<Username>,
    /// The least set.
    pub scopes: String,
    /// Where the old secret is replaced by the new one.
    pub change: Vec<String>,
    pub traps: Vec<String>,
    pub proofs: Vec<Proof>,
    pub finish: String,
    pub documentation: String,
}

/// Which name goes with the new secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    /// `git` or `REST`; empty where the tool has no such field.
    pub surface: &'static str,
    pub username: String,
}

/// A command that shows that the new secret works. It asks for the secret: none stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub shows: &'static str,
    pub command: String,
}

/// One app password often serves several places, and each of them goes on sending it.
const FINISH: &str = "Search for the old app password everywhere it may be stored, since one often serves several places; \
                      when it is silent and the new secret is in use, this report shows the integration as migrated";
const PROVES_READING: &str = "git reads with it: asks for the password (paste the token) and lists the branches";
const PROVES_PUSHING: &str = "git may push with it, in a clone: asks the server, changes nothing";
const PROVES_REST: &str = "REST takes it: asks for the secret and shows the repository";
const PROVES_TOKEN: &str = "Bitbucket gives the consumer a token: asks for its key and secret, shows 200 and not the token";

/// What software talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surfaces {
    pub(super) git: bool,
    pub(super) rest: bool,
}

/// One of a client's secrets, and how it comes by it.
#[derive(Clone, Debug)]
pub(super) struct Secret {
    /// What the second one is for, `the import of projects`; empty for the first one.
    pub(super) purpose: String,
    /// Its number.
    pub(super) way: usize,
    pub(super) surfaces: Surfaces,
    pub(super) scopes: String,
}

impl Secret {
    fn labelled(&self, before: &str, text: &str) -> String {
        if self.purpose.is_empty() { text.to_owned() } else { format!("{before} {}: {text}", self.purpose) }
    }
}

/// The least set of each.
pub(super) fn scopes(secrets: &[Secret]) -> String {
    secrets.iter().map(|secret| secret.labelled("for", &secret.scopes)).collect::<Vec<_>>().join("; ")
}

impl Steps {
    pub(super) fn of(client: &Client, ways: &[Way]) -> Self {
        let secrets = || client.secrets.iter().map(|secret| (secret, &ways[secret.way]));
        let create = secrets().flat_map(|(secret, way)| create(client, secret, way));
        let traps = secrets().flat_map(|(secret, way)| traps(secret.surfaces, way));
        Self {
            client: client.id.clone(),
            client_name: client.name.clone(),
            usual_owner: client.usual_owner.clone(),
            replacement: client.replacement.clone(),
            needs: client.needs.clone(),
            create: client.before.iter().cloned().chain(create).collect(),
            usernames: secrets().flat_map(|(secret, way)| usernames(client, secret, way)).collect(),
            scopes: client.scopes.clone(),
            change: client.change.clone(),
            traps: client.traps.iter().cloned().chain(traps).collect(),
            proofs: secrets().flat_map(|(secret, way)| proofs(secret, way)).collect(),
            finish: FINISH.to_owned(),
            documentation: client.documentation.clone(),
        }
    }

    /// The same for one repository (`workspace/repository`) and account, as far as both can stand in a command as they are.
    #[must_use]
    pub fn filled(mut self, repository: Option<&str>, email: Option<&str>) -> Self {
        for proof in &mut self.proofs {
            if let Some(repository) = repository.filter(|name| is_repository(name)) {
                proof.command = proof.command.replace("WORKSPACE/REPOSITORY", repository);
            }
            if let Some(email) = email.filter(|email| is_email(email)) {
                proof.command = proof.command.replace("EMAIL", email);
            }
        }
        self
    }
}

/// What stands in a shell command without quotes may hold nothing that a shell reads otherwise.
fn is_plain(text: &str, more: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_repository(name: &str) -> bool {
    name.split_once('/').is_some_and(|(workspace, slug)| is_plain(workspace, "_-") && is_plain(slug, "._-"))
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| is_plain(name, "._+-") && is_plain(host, ".-"))
}

/// Where nothing has to be chosen, what to create is said in one line.
fn create(client: &Client, secret: &Secret, way: &Way) -> Vec<String> {
    let lines = way.create.iter().filter(|line| !secret.scopes.is_empty() || !line.contains("{scopes}"));
    let mut lines: Vec<String> = lines.map(|line| line.replace("{scopes}", &secret.scopes)).collect();
    if let Some(first) = lines.first_mut() {
        *first = secret.labelled("For", first);
    }
    if lines.is_empty() { vec![client.replacement.clone()] } else { lines }
}

fn usernames(client: &Client, secret: &Secret, way: &Way) -> Vec<Username> {
    let on = |on: bool, surface, name: &Option<String>| {
        let name = name.as_deref().filter(|_| on)?;
        Some(Username { surface, username: secret.labelled("for", name) })
    };
    let both = [on(secret.surfaces.git, "git", &way.git), on(secret.surfaces.rest, "REST", &way.rest)];
    let names: Vec<Username> = both.into_iter().flatten().collect();
    if names.is_empty() { vec![Username { surface: "", username: client.username.clone() }] } else { names }
}

fn traps(Surfaces { git, rest }: Surfaces, way: &Way) -> Vec<String> {
    let traps = |on: bool, traps: &[String]| if on { traps.to_vec() } else { Vec::new() };
    [traps(git && rest, &way.traps_both), traps(git, &way.traps_git), way.traps.clone()].concat()
}

fn proofs(secret: &Secret, way: &Way) -> Vec<Proof> {
    let (scopes, Surfaces { git, rest }) = (&secret.scopes, secret.surfaces);
    let pushes = scopes.contains("write:repository") || scopes.contains("repository:write");
    let on = |on: bool, shows, command: &Option<String>| command.clone().filter(|_| on).map(|command| Proof { shows, command });
    [
        on(git, PROVES_READING, &way.prove_git),
        on(git && pushes, PROVES_PUSHING, &way.prove_push),
        on(rest, PROVES_REST, &way.prove_rest),
        // Without permissions to choose, it is the tool's own app that is connected, and there is no secret to prove.
        on(!scopes.is_empty(), PROVES_TOKEN, &way.prove_token),
    ]
    .into_iter()
    .flatten()
    .collect()
}
