//! What the inventories said at an instant.

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;
use rusqlite::{Params, Row, named_params};

use super::{
    Reader, StoreError,
    convert::{optional_instant, optional_text, person, word},
    merged::merged,
};
use crate::evidence::{
    ApiToken, Credential, DeployKey, DirectoryEntry, GoneToken, Listed, Member, Permission, RegisteredCredential, Repository,
    RepositoryPermission, Roster, time::instant,
};

const LIST_PEOPLE: &str = include_str!("../../sql/queries/report/list_people.sql");
const LIST_MEMBERS: &str = include_str!("../../sql/queries/report/list_members.sql");
const LIST_MEMBERSHIPS: &str = include_str!("../../sql/queries/report/list_memberships.sql");
const LIST_REPOSITORIES: &str = include_str!("../../sql/queries/report/list_repositories.sql");
const LIST_PERMISSIONS: &str = include_str!("../../sql/queries/report/list_permissions.sql");
const LIST_DEPLOY_KEYS: &str = include_str!("../../sql/queries/report/list_deploy_keys.sql");
const LIST_TOKENS: &str = include_str!("../../sql/queries/report/list_tokens.sql");
const LIST_GONE_TOKENS: &str = include_str!("../../sql/queries/report/list_gone_tokens.sql");
const LIST_REGISTERED_CREDENTIALS: &str = include_str!("../../sql/queries/report/list_registered_credentials.sql");
const LIST_DIRECTORY: &str = include_str!("../../sql/queries/report/list_directory.sql");

impl Reader {
    /// Everybody who was ever named, and the members, repositories, rights, deploy keys and tokens as they were at an
    /// instant: whoever had come by then and not left. Before anything was listed it is the first list. An instant of last
    /// use that lies after it is left out; tokens have the last one before it.
    pub fn roster(&self, at: Timestamp) -> Result<Roster, StoreError> {
        let at_ms = at.as_millisecond();
        let at = named_params! { ":at_ms": at_ms };
        let memberships = self.list(LIST_MEMBERSHIPS, at, |row| Ok((row.get(8)?, listed(row)?)))?;
        let (later, by_then): (Vec<_>, Vec<_>) = memberships.into_iter().partition(|(later, _)| *later);
        let rows = |memberships: Vec<(bool, Listed)>| memberships.into_iter().map(|(_, row)| row).collect();
        let roster = Roster {
            people: self.list(LIST_PEOPLE, [], |row| person(row, 0))?,
            members: self.list(LIST_MEMBERS, at, |row| member(row, 0))?,
            listed: rows(by_then),
            listed_later: rows(later),
            repositories: self.list(LIST_REPOSITORIES, at, |row| repository(row, 0))?,
            permissions: self.permissions(at)?,
            deploy_keys: self.list(LIST_DEPLOY_KEYS, at, |row| deploy_key(row, 0))?,
            tokens: self.list(LIST_TOKENS, at, |row| token(row, 0))?,
            gone_tokens: self
                .list(LIST_GONE_TOKENS, at, |row| Ok(GoneToken { token: token(row, 0)?, gone_at: instant(row.get(12)?) }))?,
            registered: self.list(LIST_REGISTERED_CREDENTIALS, [], |row| registered(row, 0))?,
            directory: self.list(LIST_DIRECTORY, [], |row| directory_entry(row, 0))?,
        };
        Ok(if self.has_exchanged()? { merged(roster) } else { roster })
    }

    fn permissions(&self, at: impl Params) -> Result<Vec<RepositoryPermission>, StoreError> {
        let mut texts = HashSet::<Arc<str>>::new();
        let mut shared = |row: &Row<'_>, column| {
            let text = row.get_ref(column)?.as_str()?;
            let known = texts.get(text).cloned();
            Ok::<_, rusqlite::Error>(known.unwrap_or_else(|| {
                let new: Arc<str> = text.into();
                texts.insert(Arc::clone(&new));
                new
            }))
        };
        self.list(LIST_PERMISSIONS, at, |row| {
            Ok(RepositoryPermission {
                workspace: shared(row, 0)?,
                repository: shared(row, 1)?,
                account_id: shared(row, 2)?,
                permission: word(row, 3, Permission::parse)?,
            })
        })
    }

    fn list<T>(
        &self,
        query: &str,
        scope: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(scope, read)?;
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

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed { workspace: row.get(0)?, person: person(row, 1)?, from: instant(row.get(6)?), until: optional_instant(row, 7)? })
}

pub(super) fn repository(row: &Row<'_>, first: usize) -> rusqlite::Result<Repository> {
    Ok(Repository {
        workspace: row.get(first)?,
        slug: row.get(first + 1)?,
        uuid: optional_text(row, first + 2)?,
        is_private: row.get(first + 3)?,
    })
}

/// Of the names of workspace, repository and account.
pub(super) fn right(row: &Row<'_>) -> rusqlite::Result<RepositoryPermission> {
    let text = |column| Ok::<Arc<str>, rusqlite::Error>(row.get_ref(column)?.as_str()?.into());
    Ok(RepositoryPermission {
        workspace: text(0)?,
        repository: text(1)?,
        account_id: text(2)?,
        permission: word(row, 3, Permission::parse)?,
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

pub(super) fn registered(row: &Row<'_>, first: usize) -> rusqlite::Result<RegisteredCredential> {
    Ok(RegisteredCredential {
        kind: word(row, first, Credential::parse)?,
        label: row.get(first + 1)?,
        location: row.get(first + 2)?,
        owner: optional_text(row, first + 3)?,
        expires_at: optional_instant(row, first + 4)?,
    })
}

pub(super) fn directory_entry(row: &Row<'_>, first: usize) -> rusqlite::Result<DirectoryEntry> {
    Ok(DirectoryEntry { person: person(row, first)?, team: optional_text(row, first + 5)? })
}
