//! What goes to another instance, without the names of humans: every name of theirs is their pseudonym, so that what belongs to
//! one person still does where it is judged.

use super::{Disguise, People, names::Speaker};
use crate::{
    analysis::{Findings, Policy, Who},
    evidence::{
        ApiToken, Day, DeployKey, DirectoryEntry, Member, Origin, Person, RegisteredCredential, Repository, RepositoryPermission,
        Track, exchange::Entry, is_reserved,
    },
};

pub struct HandOver {
    disguise: Disguise,
    who: Who,
}

impl HandOver {
    pub fn new(people: &People<'_>, findings: &Findings, policy: &Policy, who: Who) -> Self {
        Self { disguise: Disguise::new(people, findings, policy), who }
    }

    /// A text that a name may stand in. Its place takes a code of the text, so that two of them stay two and none tells whose
    /// name it was.
    pub fn text(&self, text: &str) -> String {
        let code = self.disguise.pseudonym("place", text);
        let speaker = Speaker::Anybody { own: "", other: &code };
        self.disguise.names.replaced(text, speaker).unwrap_or_else(|| text.to_owned())
    }

    /// What the organisation says itself.
    fn own(&self, text: &str) -> String {
        self.disguise.names.replaced(text, Speaker::Trusted).unwrap_or_else(|| text.to_owned())
    }

    /// A track as it is on a day: a nickname may have been another's before.
    pub fn track(&self, track: &Track, day: Day) -> Track {
        let user = self.who.of_track(track, day);
        let machine = user.as_deref().is_some_and(|id| self.disguise.is_machine(id));
        let text = |text: &Option<String>| text.as_deref().map(|text| self.text(text));
        let label = |label: &str| if machine { self.text(label) } else { self.disguise.label(label) };
        let mut shown = Track {
            origin: match &track.origin {
                Origin::Network(name) => Origin::Network(self.text(name)),
                Origin::Job(name) => Origin::Job(self.text(name)),
                Origin::TokenLabel(name) => Origin::TokenLabel(label(name)),
                other => other.clone(),
            },
            host: text(&track.host),
            workspace: text(&track.workspace),
            repository: text(&track.repository),
            token_label: track.token_label.as_deref().map(label),
            secret_id: text(&track.secret_id),
            ..track.clone()
        };
        if let Some(pseudonym) = user.as_deref().filter(|_| !machine).map(|id| self.disguise.id(id)) {
            shown.username = track.username.as_deref().map(|name| presented(name, &pseudonym));
            (shown.email, shown.display_name) = (None, None);
            shown.account_id = Some(pseudonym);
        }
        shown
    }

    /// A row of a list; none when it is about nobody, or holds nothing but names.
    pub fn entry(&self, entry: &Entry) -> Option<Entry> {
        Some(match entry {
            Entry::Person(_) => return None,
            Entry::Member(member, held) => {
                let (workspace, person) = (self.text(&member.workspace), self.person(&member.person)?);
                Entry::Member(Member { workspace, person, ..member.clone() }, *held)
            }
            Entry::Repository(repository, held) => {
                let (workspace, slug) = (self.text(&repository.workspace), self.text(&repository.slug));
                Entry::Repository(Repository { workspace, slug, ..repository.clone() }, *held)
            }
            Entry::Right(right, held) => {
                let account = Person { account_id: Some(right.account_id.to_string()), ..Person::default() };
                let right = RepositoryPermission {
                    workspace: self.text(&right.workspace).into(),
                    repository: self.text(&right.repository).into(),
                    account_id: self.person(&account)?.account_id?.into(),
                    permission: right.permission,
                };
                Entry::Right(right, *held)
            }
            Entry::DeployKey(key, held) => {
                let (workspace, repository) = (self.text(&key.workspace), self.text(&key.repository));
                Entry::DeployKey(DeployKey { workspace, repository, label: self.text(&key.label), ..key.clone() }, *held)
            }
            Entry::Token(token, held) => {
                let machine = self.who.of(&token.person).is_some_and(|id| self.disguise.is_machine(&id));
                let label = if machine { self.text(&token.label) } else { self.disguise.label(&token.label) };
                let person = self.person(&token.person).unwrap_or_default();
                Entry::Token(ApiToken { label, person, ..token.clone() }, *held)
            }
            Entry::TokenUse { .. } => entry.clone(),
            Entry::Credential(register, credential) => {
                let owner = credential.owner.as_ref();
                let owner = owner.map(|owner| if self.disguise.is_team(owner) { owner.clone() } else { self.own(owner) });
                let (label, location) = (self.own(&credential.label), self.own(&credential.location));
                Entry::Credential(self.text(register), RegisteredCredential { label, location, owner, ..credential.clone() })
            }
            Entry::Directory(register, entry) => {
                let person = self.person(&entry.person)?;
                Entry::Directory(self.text(register), DirectoryEntry { person, team: entry.team.clone() })
            }
        })
    }

    fn person(&self, facts: &Person) -> Option<Person> {
        let id = self.who.of(facts)?;
        if self.disguise.is_machine(&id) {
            return Some(facts.clone());
        }
        Some(Person { account_id: Some(self.disguise.id(&id)), ..Person::default() })
    }
}

/// What stands for the name that was presented with a secret: its kind stays.
fn presented(name: &str, pseudonym: &str) -> String {
    match name {
        reserved if is_reserved(reserved) => reserved.to_owned(),
        email if email.contains('@') => format!("{pseudonym}@pseudonym.invalid"),
        _ => pseudonym.to_owned(),
    }
}
