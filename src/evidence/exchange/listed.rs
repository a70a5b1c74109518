//! What lists say, as lines of a file: members, repositories, rights, deploy keys, tokens, registers and directories.
//!
//! Their kinds begin with `list_`, and stand first in their lines. A list goes with its past: each row says from when to when it
//! held.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Malformed, text,
    wire::{word, written},
};
use crate::evidence::{
    ApiToken, Credential, DeployKey, DirectoryEntry, Member, Permission, Person, RegisteredCredential, Repository,
    RepositoryPermission, time::instant,
};

/// How a line of a list begins.
const BEGINNING: &[u8] = b"{\"kind\":\"list_";

/// From when to when a row held, Unix milliseconds; none while it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub from_ms: i64,
    pub to_ms: Option<i64>,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Facts that stood together elsewhere than in a list.
    Person(Person),
    Member(Member, Held),
    Repository(Repository, Held),
    Right(RepositoryPermission, Held),
    DeployKey(DeployKey, Held),
    Token(ApiToken, Held),
    /// A last use of a token, on one day of several.
    TokenUse {
        organization: String,
        token_id: String,
        last: Timestamp,
    },
    /// Of the register of this name.
    Credential(String, RegisteredCredential),
    Directory(String, DirectoryEntry),
}

impl Entry {
    /// Takes out a last use that cannot have been; gives it back when nothing is left of the row.
    pub(super) fn forget_ahead(&mut self, is_ahead: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
        let last = match self {
            Self::Member(member, _) => &mut member.last_accessed,
            Self::DeployKey(key, _) => &mut key.last_used,
            Self::Token(token, _) => &mut token.last_active_at,
            Self::TokenUse { last, .. } => return is_ahead(*last).then_some(*last),
            _ => return None,
        };
        *last = last.filter(|at| !is_ahead(*at));
        None
    }
}

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Who<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uuid: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nickname: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display_name: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
enum Wire<'a> {
    #[serde(rename = "list_person")]
    Person { person: Who<'a> },
    #[serde(rename = "list_member")]
    Member {
        workspace: Cow<'a, str>,
        person: Who<'a>,
        permission: Text<'a>,
        last_accessed_ms: Option<i64>,
        from_ms: i64,
        to_ms: Option<i64>,
    },
    #[serde(rename = "list_repository")]
    Repository { workspace: Cow<'a, str>, slug: Cow<'a, str>, uuid: Text<'a>, is_private: bool, from_ms: i64, to_ms: Option<i64> },
    #[serde(rename = "list_right")]
    Right {
        workspace: Cow<'a, str>,
        repository: Cow<'a, str>,
        account_id: Cow<'a, str>,
        permission: Cow<'a, str>,
        from_ms: i64,
        to_ms: Option<i64>,
    },
    #[serde(rename = "list_deploy_key")]
    DeployKey {
        workspace: Cow<'a, str>,
        repository: Cow<'a, str>,
        key_id: i64,
        label: Cow<'a, str>,
        created_ms: Option<i64>,
        last_used_ms: Option<i64>,
        from_ms: i64,
        to_ms: Option<i64>,
    },
    #[serde(rename = "list_token")]
    Token {
        organization: Cow<'a, str>,
        token_id: Cow<'a, str>,
        label: Cow<'a, str>,
        status: Cow<'a, str>,
        person: Who<'a>,
        created_ms: Option<i64>,
        expires_ms: Option<i64>,
        last_active_ms: Option<i64>,
        from_ms: i64,
        to_ms: Option<i64>,
    },
    #[serde(rename = "list_token_use")]
    TokenUse { organization: Cow<'a, str>, token_id: Cow<'a, str>, last_ms: i64 },
    #[serde(rename = "list_credential")]
    Credential {
        register: Cow<'a, str>,
        credential: Cow<'a, str>,
        label: Cow<'a, str>,
        location: Cow<'a, str>,
        owner: Text<'a>,
        expires_ms: Option<i64>,
    },
    #[serde(rename = "list_directory")]
    Directory { register: Cow<'a, str>, person: Who<'a>, team: Text<'a> },
}

/// Whether a line is one of a list.
pub(super) fn is_entry(line: &[u8]) -> bool {
    line.starts_with(BEGINNING)
}

pub(super) fn write(entry: &Entry) -> Vec<u8> {
    written(&wire(entry))
}

fn ms(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millisecond)
}

fn given(text: Option<&String>) -> Text<'_> {
    text.map(|text| text.as_str().into())
}

fn who(person: &Person) -> Who<'_> {
    Who {
        account_id: given(person.account_id.as_ref()),
        uuid: given(person.uuid.as_ref()),
        nickname: given(person.nickname.as_ref()),
        display_name: given(person.display_name.as_ref()),
        email: given(person.email.as_ref()),
    }
}

fn wire(entry: &Entry) -> Wire<'_> {
    match entry {
        Entry::Person(person) => Wire::Person { person: who(person) },
        Entry::Member(member, held) => Wire::Member {
            workspace: member.workspace.as_str().into(),
            person: who(&member.person),
            permission: given(member.permission.as_ref()),
            last_accessed_ms: ms(member.last_accessed),
            from_ms: held.from_ms,
            to_ms: held.to_ms,
        },
        Entry::Repository(repository, held) => Wire::Repository {
            workspace: repository.workspace.as_str().into(),
            slug: repository.slug.as_str().into(),
            uuid: given(repository.uuid.as_ref()),
            is_private: repository.is_private,
            from_ms: held.from_ms,
            to_ms: held.to_ms,
        },
        Entry::Right(right, held) => Wire::Right {
            workspace: (&*right.workspace).into(),
            repository: (&*right.repository).into(),
            account_id: (&*right.account_id).into(),
            permission: right.permission.as_str().into(),
            from_ms: held.from_ms,
            to_ms: held.to_ms,
        },
        Entry::DeployKey(key, held) => Wire::DeployKey {
            workspace: key.workspace.as_str().into(),
            repository: key.repository.as_str().into(),
            key_id: key.key_id,
            label: key.label.as_str().into(),
            created_ms: ms(key.created_at),
            last_used_ms: ms(key.last_used),
            from_ms: held.from_ms,
            to_ms: held.to_ms,
        },
        Entry::Token(token, held) => Wire::Token {
            organization: token.organization.as_str().into(),
            token_id: token.token_id.as_str().into(),
            label: token.label.as_str().into(),
            status: token.status.as_str().into(),
            person: who(&token.person),
            created_ms: ms(token.created_at),
            expires_ms: ms(token.expires_at),
            last_active_ms: ms(token.last_active_at),
            from_ms: held.from_ms,
            to_ms: held.to_ms,
        },
        Entry::TokenUse { organization, token_id, last } => Wire::TokenUse {
            organization: organization.as_str().into(),
            token_id: token_id.as_str().into(),
            last_ms: last.as_millisecond(),
        },
        Entry::Credential(register, credential) => Wire::Credential {
            register: register.as_str().into(),
            credential: credential.kind.as_str().into(),
            label: credential.label.as_str().into(),
            location: credential.location.as_str().into(),
            owner: given(credential.owner.as_ref()),
            expires_ms: ms(credential.expires_at),
        },
        Entry::Directory(register, entry) => {
            Wire::Directory { register: register.as_str().into(), person: who(&entry.person), team: given(entry.team.as_ref()) }
        }
    }
}

pub(super) fn read(line: &[u8]) -> Result<Entry, Malformed> {
    let wire = serde_json::from_slice(line).map_err(|error| Malformed::unreadable(&error))?;
    Ok(match wire {
        Wire::Person { person } => Entry::Person(person_of(person)),
        Wire::Member { workspace, person, permission, last_accessed_ms, from_ms, to_ms } => Entry::Member(
            Member {
                workspace: kept(workspace),
                person: person_of(person),
                permission: optional(permission),
                last_accessed: last_accessed_ms.map(instant),
            },
            Held { from_ms, to_ms },
        ),
        Wire::Repository { workspace, slug, uuid, is_private, from_ms, to_ms } => Entry::Repository(
            Repository { workspace: kept(workspace), slug: kept(slug), uuid: optional(uuid), is_private },
            Held { from_ms, to_ms },
        ),
        Wire::Right { workspace, repository, account_id, permission, from_ms, to_ms } => Entry::Right(
            RepositoryPermission {
                workspace: kept(workspace).into(),
                repository: kept(repository).into(),
                account_id: kept(account_id).into(),
                permission: word(&permission, Permission::parse)?,
            },
            Held { from_ms, to_ms },
        ),
        Wire::DeployKey { workspace, repository, key_id, label, created_ms, last_used_ms, from_ms, to_ms } => Entry::DeployKey(
            DeployKey {
                workspace: kept(workspace),
                repository: kept(repository),
                key_id,
                label: written_by_people(Some(label)).unwrap_or_default(),
                created_at: created_ms.map(instant),
                last_used: last_used_ms.map(instant),
            },
            Held { from_ms, to_ms },
        ),
        token @ Wire::Token { .. } => token_of(token)?,
        Wire::TokenUse { organization, token_id, last_ms } => {
            Entry::TokenUse { organization: kept(organization), token_id: kept(token_id), last: instant(last_ms) }
        }
        Wire::Credential { register, credential, label, location, owner, expires_ms } => Entry::Credential(
            kept(register),
            RegisteredCredential {
                kind: word(&credential, Credential::parse)?,
                label: written_by_people(Some(label)).unwrap_or_default(),
                location: written_by_people(Some(location)).unwrap_or_default(),
                owner: written_by_people(owner),
                expires_at: expires_ms.map(instant),
            },
        ),
        Wire::Directory { register, person, team } => {
            Entry::Directory(kept(register), DirectoryEntry { person: person_of(person), team: written_by_people(team) })
        }
    })
}

fn token_of(wire: Wire<'_>) -> Result<Entry, Malformed> {
    let Wire::Token { organization, token_id, label, status, person, created_ms, expires_ms, last_active_ms, from_ms, to_ms } =
        wire
    else {
        return Err(Malformed("no token".to_owned()));
    };
    let token = ApiToken {
        organization: kept(organization),
        token_id: kept(token_id),
        label: written_by_people(Some(label)).unwrap_or_default(),
        status: kept(status),
        person: person_of(person),
        created_at: created_ms.map(instant),
        expires_at: expires_ms.map(instant),
        last_active_at: last_active_ms.map(instant),
    };
    Ok(Entry::Token(token, Held { from_ms, to_ms }))
}

fn person_of(who: Who<'_>) -> Person {
    Person {
        account_id: optional(who.account_id),
        uuid: optional(who.uuid),
        nickname: who.nickname.and_then(|name| text::name(&name)),
        display_name: written_by_people(who.display_name),
        email: who.email.and_then(|email| text::name(&email)),
    }
}

fn optional(text: Text<'_>) -> Option<String> {
    text.and_then(|text| text::identifier(&text))
}

fn kept(text: Cow<'_, str>) -> String {
    optional(Some(text)).unwrap_or_default()
}

fn written_by_people(text: Text<'_>) -> Option<String> {
    text.and_then(|text| text::label(&text))
}
