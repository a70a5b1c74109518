//! Who and what there is: people, members, repositories, rights, tokens, as the inventories list them.

use std::sync::Arc;

use jiff::Timestamp;

use super::Credential;

/// Facts about one identity that stood together in one place. Two of them that share a strong key (account id, uuid)
/// are one user; the judgement joins them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person {
    pub account_id: Option<String>,
    /// Bitbucket's `{uuid}`, braces kept.
    pub uuid: Option<String>,
    pub nickname: Option<String>,
    pub display_name: Option<String>,
    /// Lower case.
    pub email: Option<String>,
}

/// A member of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub workspace: String,
    pub person: Person,
    /// `owner`, `member`, `collaborator`; none where only the member list was readable.
    pub permission: Option<String>,
    /// Vanishes when the workspace is administered on admin.atlassian.com.
    pub last_accessed: Option<Timestamp>,
}

/// From when to when a workspace's member list named somebody so. Lists are read every few hours: that exact it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub workspace: String,
    pub person: Person,
    pub from: Timestamp,
    /// None while it still does.
    pub until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub workspace: String,
    pub slug: String,
    pub uuid: Option<String>,
    pub is_private: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    Read,
    Write,
    Admin,
}

impl Permission {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// An effective right of one user on one repository. There are as many as users times repositories, so texts are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPermission {
    pub workspace: Arc<str>,
    pub repository: Arc<str>,
    pub account_id: Arc<str>,
    pub permission: Permission,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployKey {
    pub workspace: String,
    pub repository: String,
    pub key_id: i64,
    pub label: String,
    pub created_at: Option<Timestamp>,
    pub last_used: Option<Timestamp>,
}

/// A token of the organisation's inventory; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    pub organization: String,
    pub token_id: String,
    pub label: String,
    pub status: String,
    pub person: Person,
    pub created_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub last_active_at: Option<Timestamp>,
}

/// A token that the inventory no longer lists, as it was listed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneToken {
    pub token: ApiToken,
    /// When it was first missing from the list.
    pub gone_at: Timestamp,
}

impl GoneToken {
    /// Why it is gone, in the words of the inventories: what had not expired was taken away.
    pub fn status(&self) -> &'static str {
        if self.token.expires_at.is_some_and(|at| at <= self.gone_at) { "expired" } else { "revoked" }
    }
}

/// What a list says of those that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// All of it was read: they are gone.
    Gone,
    /// A row could not be read, or the list changed while it was walked: they may still be there.
    Unread,
}

/// A credential that no API lists, as a register does; never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredCredential {
    pub kind: Credential,
    pub label: String,
    /// Where it is used or kept.
    pub location: String,
    /// A team.
    pub owner: Option<String>,
    pub expires_at: Option<Timestamp>,
}

/// A person of the organisation's own directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    pub person: Person,
    pub team: Option<String>,
}

/// Everything the inventories say of one instant.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    pub people: Vec<Person>,
    pub members: Vec<Member>,
    /// All that the member lists have said by then, the present rows included.
    pub listed: Vec<Listed>,
    /// What lists began to say after the instant at which all this held: who takes a name then did not have it yet.
    pub listed_later: Vec<Listed>,
    pub repositories: Vec<Repository>,
    pub permissions: Vec<RepositoryPermission>,
    pub deploy_keys: Vec<DeployKey>,
    pub tokens: Vec<ApiToken>,
    /// All that were ever listed and no longer are.
    pub gone_tokens: Vec<GoneToken>,
    pub registered: Vec<RegisteredCredential>,
    pub directory: Vec<DirectoryEntry>,
}
