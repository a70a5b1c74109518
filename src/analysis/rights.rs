//! What a user may do, as the access inventories say.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::identity::People;
use crate::evidence::{Permission, Roster};

/// A workspace's permission that implies administration of all its repositories.
const WORKSPACE_OWNER: &str = "owner";

/// The roster's rights and memberships, by user id.
#[derive(Default)]
pub(super) struct Rights<'a> {
    repositories: HashMap<&'a str, HashMap<(&'a str, &'a str), Permission>>,
    owned_workspaces: HashMap<String, HashSet<&'a str>>,
    members: HashMap<String, Option<Timestamp>>,
}

impl<'a> Rights<'a> {
    pub(super) fn new(roster: &'a Roster, people: &People) -> Self {
        let mut rights = Self::default();
        for right in &roster.permissions {
            let place = (&*right.workspace, &*right.repository);
            let permission = rights.repositories.entry(&right.account_id).or_default().entry(place).or_insert(right.permission);
            *permission = right.permission.max(*permission);
        }
        for member in &roster.members {
            let Some(user) = people.id_of(&member.person) else { continue };
            if member.permission.as_deref() == Some(WORKSPACE_OWNER) {
                rights.owned_workspaces.entry(user.clone()).or_default().insert(&member.workspace);
            }
            let accessed = rights.members.entry(user).or_default();
            *accessed = member.last_accessed.max(*accessed);
        }
        rights
    }

    /// The user's highest right on these repositories, and in these workspaces as an owner.
    pub(super) fn highest<'b>(
        &self,
        user: &str,
        workspaces: impl IntoIterator<Item = &'b str>,
        repositories: impl IntoIterator<Item = (&'b str, &'b str)>,
    ) -> Option<Permission> {
        let owned = self.owned_workspaces.get(user);
        if workspaces.into_iter().any(|workspace| owned.is_some_and(|owned| owned.contains(workspace))) {
            return Some(Permission::Admin);
        }
        let rights = self.repositories.get(user)?;
        repositories.into_iter().filter_map(|at| rights.get(&at).copied()).max()
    }

    /// The user's highest right anywhere.
    pub(super) fn highest_anywhere(&self, user: &str) -> Option<Permission> {
        let owns = self.owned_workspaces.contains_key(user).then_some(Permission::Admin);
        owns.or_else(|| self.repositories.get(user)?.values().copied().max())
    }

    /// Everybody on a member list.
    pub(super) fn members(&self) -> impl Iterator<Item = &String> {
        self.members.keys()
    }

    pub(super) fn last_accessed(&self, user: &str) -> Option<Timestamp> {
        self.members.get(user).copied().flatten()
    }

    /// Whether a user is a member; none when no list could be read, or when the user is only a name.
    pub(super) fn is_member(&self, user: &str) -> Option<bool> {
        let listed = self.members.contains_key(user);
        let resolved = !user.starts_with("email:") && !user.starts_with("name:");
        (listed || (resolved && !self.members.is_empty())).then_some(listed)
    }
}
