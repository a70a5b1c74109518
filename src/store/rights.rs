//! Rights on repositories, with their past: the largest inventory, so it is compared by numbers and never held as text.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use jiff::Timestamp;
use rusqlite::{Params, named_params};

use super::{StoreError, Writer, convert::word, intern::name_id};
use crate::evidence::{Missing, Permission, RepositoryPermission};

const LIST_PERMISSIONS_OF: &str = include_str!("../../sql/queries/inventory/list_permissions_of.sql");
const LIST_PERMISSIONS_ON: &str = include_str!("../../sql/queries/inventory/list_permissions_on.sql");
const INSERT_PERMISSION: &str = include_str!("../../sql/queries/inventory/insert_permission.sql");
const CLOSE_PERMISSION: &str = include_str!("../../sql/queries/inventory/close_permission.sql");

/// The numbers of a repository and an account.
type Pair = (i64, i64);

/// A row that is present.
struct Held {
    id: i64,
    pair: Pair,
    permission: Permission,
}

impl Writer<'_> {
    /// Replaces the rights on all repositories of a workspace.
    pub fn put_permissions(
        &mut self,
        workspace: &str,
        permissions: &[RepositoryPermission],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let workspace_id = name_id(self.connection, workspace)?;
        let present = self.held(LIST_PERMISSIONS_OF, named_params! { ":workspace_id": workspace_id })?;
        self.replace(workspace_id, &present, permissions, missing, now)
    }

    /// Replaces the rights on one repository of a workspace.
    pub fn put_permissions_on(
        &mut self,
        workspace: &str,
        repository: &str,
        permissions: &[RepositoryPermission],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let workspace_id = name_id(self.connection, workspace)?;
        let repository_id = name_id(self.connection, repository)?;
        let scope = named_params! { ":workspace_id": workspace_id, ":repository_id": repository_id };
        let present = self.held(LIST_PERMISSIONS_ON, scope)?;
        self.replace(workspace_id, &present, permissions, missing, now)
    }

    fn held(&self, query: &str, scope: impl Params) -> Result<Vec<Held>, StoreError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(scope, |row| {
            let permission = word(row, 3, Permission::parse)?;
            Ok(Held { id: row.get(0)?, pair: (row.get(1)?, row.get(2)?), permission })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn replace(
        &self,
        workspace_id: i64,
        present: &[Held],
        permissions: &[RepositoryPermission],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut begun = self.listed(permissions)?;
        let mut left = Vec::new();
        for held in present {
            match begun.get(&held.pair) {
                Some(permission) if *permission == held.permission => {
                    begun.remove(&held.pair);
                }
                Some(_) => left.push(held.id),
                None => left.extend((missing == Missing::Gone).then_some(held.id)),
            }
        }
        self.close(CLOSE_PERMISSION, &left, now)?;
        let mut insert = self.connection.prepare_cached(INSERT_PERMISSION)?;
        for ((repository_id, account_id), permission) in begun {
            insert.execute(named_params! {
                ":workspace_id": workspace_id,
                ":repository_id": repository_id,
                ":account_id": account_id,
                ":permission": permission.as_str(),
                ":now_ms": now.as_millisecond(),
            })?;
        }
        Ok(())
    }

    /// By number; of rights that are listed twice the higher counts.
    fn listed(&self, permissions: &[RepositoryPermission]) -> Result<BTreeMap<Pair, Permission>, StoreError> {
        let mut numbers = HashMap::<&str, i64>::new();
        for text in permissions.iter().flat_map(|right| [&*right.repository, &*right.account_id]) {
            if let Entry::Vacant(entry) = numbers.entry(text) {
                entry.insert(name_id(self.connection, text)?);
            }
        }
        let mut listed = BTreeMap::new();
        for right in permissions {
            let pair = (numbers[&*right.repository], numbers[&*right.account_id]);
            let permission = listed.entry(pair).or_insert(right.permission);
            *permission = right.permission.max(*permission);
        }
        Ok(listed)
    }
}
