//! What the inventories say now.

use rusqlite::Row;

use super::{
    Reader, StoreError,
    convert::{optional_instant, optional_text, person, word},
};
use crate::evidence::{
    ApiToken, Credential, DeployKey, DirectoryEntry, Member, Permission, RegisteredCredential, Repository, RepositoryPermission,
    Roster,
};

const LIST_PEOPLE: &str = include_str!("../../sql/queries/report/list_people.sql");
const LIST_MEMBERS: &str = include_str!("../../sql/queries/report/list_members.sql");
const LIST_REPOSITORIES: &str = include_str!("../../sql/queries/report/list_repositories.sql");
const LIST_PERMISSIONS: &str = include_str!("../../sql/queries/report/list_permissions.sql");
const LIST_DEPLOY_KEYS: &str = include_str!("../../sql/queries/report/list_deploy_keys.sql");
const LIST_TOKENS: &str = include_str!("../../sql/queries/report/list_tokens.sql");
const LIST_REGISTERED_CREDENTIALS: &str = include_str!("../../sql/queries/report/list_registered_credentials.sql");
const LIST_DIRECTORY: &str = include_str!("../../sql/queries/report/list_directory.sql");

impl Reader {
    /// Everybody who was ever named, and the members, repositories, rights and tokens that are present.
    pub fn roster(&self) -> Result<Roster, StoreError> {
        Ok(Roster {
            people: self.list(LIST_PEOPLE, person)?,
            members: self.list(LIST_MEMBERS, member)?,
            repositories: self.list(LIST_REPOSITORIES, repository)?,
            permissions: self.list(LIST_PERMISSIONS, permission)?,
            deploy_keys: self.list(LIST_DEPLOY_KEYS, deploy_key)?,
            tokens: self.list(LIST_TOKENS, token)?,
            registered: self.list(LIST_REGISTERED_CREDENTIALS, registered)?,
            directory: self.list(LIST_DIRECTORY, directory_entry)?,
        })
    }

    fn list<T>(&self, query: &str, read: fn(&Row<'_>, usize) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map([], |row| read(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

pub(super) fn member(row: &Row<'_>, first: usize) -> rusqlite::Result<Member> {
    Ok(Member {
        workspace: row.get(first)?,
        person: person(row, first + 1)?,
        permission: optional_text(row, first + 6)?,
        last_accessed: optional_instant(row, first + 7)?,
    })
}

pub(super) fn repository(row: &Row<'_>, first: usize) -> rusqlite::Result<Repository> {
    Ok(Repository {
        workspace: row.get(first)?,
        slug: row.get(first + 1)?,
        uuid: optional_text(row, first + 2)?,
        is_private: row.get(first + 3)?,
    })
}

pub(super) fn permission(row: &Row<'_>, first: usize) -> rusqlite::Result<RepositoryPermission> {
    Ok(RepositoryPermission {
        workspace: row.get(first)?,
        repository: row.get(first + 1)?,
        account_id: row.get(first + 2)?,
        permission: word(row, first + 3, Permission::parse)?,
    })
}

pub(super) fn deploy_key(row: &Row<'_>, first: usize) -> rusqlite::Result<DeployKey> {
    Ok(DeployKey {
        workspace: row.get(first)?,
        repository: row.get(first + 1)?,
        key_id: row.get(first + 2)?,
        label: row.get(first + 3)?,
        created_at: optional_instant(row, first + 4)?,
        last_used: optional_instant(row, first + 5)?,
    })
}

pub(super) fn token(row: &Row<'_>, first: usize) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        organization: row.get(first)?,
        token_id: row.get(first + 1)?,
        label: row.get(first + 2)?,
        status: row.get(first + 3)?,
        person: person(row, first + 4)?,
        created_at: optional_instant(row, first + 9)?,
        expires_at: optional_instant(row, first + 10)?,
        last_active_at: optional_instant(row, first + 11)?,
    })
}

fn registered(row: &Row<'_>, first: usize) -> rusqlite::Result<RegisteredCredential> {
    Ok(RegisteredCredential {
        kind: word(row, first, Credential::parse)?,
        label: row.get(first + 1)?,
        location: row.get(first + 2)?,
        owner: optional_text(row, first + 3)?,
        expires_at: optional_instant(row, first + 4)?,
    })
}

fn directory_entry(row: &Row<'_>, first: usize) -> rusqlite::Result<DirectoryEntry> {
    Ok(DirectoryEntry { person: person(row, first)?, team: optional_text(row, first + 5)? })
}
