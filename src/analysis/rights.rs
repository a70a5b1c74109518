//! What a user may do, as the access inventories say.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::identity::People;
use crate::evidence::{Day, Ledger, Permission, Roster, SourceKind};

/// A workspace's permission that implies administration of all its repositories.
const WORKSPACE_OWNER: &str = "owner";

/// Somebody whose account is known and who is a member no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaver {
    /// The day on which the last list no longer held them; none for whoever has never been on one.
    pub(super) since: Option<Day>,
}

/// The roster's rights and memberships, by user id.
#[derive(Default)]
pub(super) struct Rights<'a> {
    repositories: HashMap<&'a str, HashMap<(&'a str, &'a str), Permission>>,
    owned_workspaces: HashMap<String, HashSet<&'a str>>,
    members: HashMap<String, Option<Timestamp>>,
    /// When the last list ended that held somebody.
    left: HashMap<String, Day>,
    /// The workspaces whose members are known.
    listed: BTreeSet<&'a str>,
    /// There is a workspace whose list could never be read: somebody may be a member there.
    unread: bool,
}

impl<'a> Rights<'a> {
    pub(super) fn new(roster: &'a Roster, ledger: &Ledger, people: &People, now: Timestamp) -> Self {
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
            *accessed = member.last_accessed.filter(|at| *at <= now).max(*accessed);
            rights.listed.insert(&member.workspace);
        }
        for row in &roster.listed {
            let (Some(until), Some(user)) = (row.until, people.id_of(&row.person)) else { continue };
            let left = rights.left.entry(user).or_insert(Day::of(until));
            *left = Day::of(until).max(*left);
        }
        let workspaces = ledger.sources.keys().filter_map(|source| SourceKind::Access.name_of(source));
        rights.unread = workspaces.into_iter().any(|workspace| !rights.listed.contains(workspace));
        rights
    }

    /// Whether a user has left, as far as what it uses tells: somebody who was never listed may be a member of a workspace
    /// that is not read.
    pub(super) fn leaver(&self, people: &People, user: &str, workspaces: &[&str]) -> Option<Leaver> {
        if self.is_member(user) != Some(false) || people.is_token(user) {
            return None;
        }
        let since = self.left.get(user).copied();
        let known_where_it_works = !workspaces.is_empty() && workspaces.iter().all(|at| self.listed.contains(at));
        (since.is_some() || (known_where_it_works && people.was_listed(user))).then_some(Leaver { since })
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

    /// Whether a user is a member; none when not every list could be read, or when the user is only a name.
    pub(super) fn is_member(&self, user: &str) -> Option<bool> {
        let listed = self.members.contains_key(user);
        let resolved = !user.starts_with("email:") && !user.starts_with("name:");
        (listed || (resolved && !self.members.is_empty() && !self.unread)).then_some(listed)
    }
}
