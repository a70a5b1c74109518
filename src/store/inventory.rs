//! Inventories as they are listed, with their past: who had which right when stays known.
//!
//! A new list is compared with the rows that are present. What left is closed, what is new is begun, what became
//! another is both; an unchanged list writes nothing. A list that was not read whole closes nothing ([`Missing::Unread`]).
//! Instants of last use move too often to keep their past in rows: they are set in place, and only ever forward, because
//! an API that stops telling them takes nothing back. One that lies ahead is no use, or it would hide all that come. The days on which a token was used are kept apart.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Params, Row, named_params};

use super::{
    StoreError, Writer,
    convert::{ms, text_or_empty},
    intern::TOLD_HERE,
    roster,
};
use crate::evidence::{ApiToken, Day, DeployKey, Member, Missing, Person, Repository, time::MS_PER_DAY};

const LIST_MEMBERS_OF: &str = include_str!("../../sql/queries/inventory/list_members_of.sql");
const INSERT_MEMBER: &str = include_str!("../../sql/queries/inventory/insert_member.sql");
const TOUCH_MEMBER: &str = include_str!("../../sql/queries/inventory/touch_member.sql");
const CLOSE_MEMBER: &str = include_str!("../../sql/queries/inventory/close_member.sql");
const LIST_REPOSITORIES_OF: &str = include_str!("../../sql/queries/inventory/list_repositories_of.sql");
const INSERT_REPOSITORY: &str = include_str!("../../sql/queries/inventory/insert_repository.sql");
const CLOSE_REPOSITORY: &str = include_str!("../../sql/queries/inventory/close_repository.sql");
const LIST_DEPLOY_KEYS_OF: &str = include_str!("../../sql/queries/inventory/list_deploy_keys_of.sql");
const INSERT_DEPLOY_KEY: &str = include_str!("../../sql/queries/inventory/insert_deploy_key.sql");
const TOUCH_DEPLOY_KEY: &str = include_str!("../../sql/queries/inventory/touch_deploy_key.sql");
const CLOSE_DEPLOY_KEY: &str = include_str!("../../sql/queries/inventory/close_deploy_key.sql");
const LIST_TOKENS_OF: &str = include_str!("../../sql/queries/inventory/list_tokens_of.sql");
const INSERT_TOKEN: &str = include_str!("../../sql/queries/inventory/insert_token.sql");
const TOUCH_TOKEN: &str = include_str!("../../sql/queries/inventory/touch_token.sql");
pub(super) const NOTE_TOKEN_USE: &str = include_str!("../../sql/queries/inventory/note_token_use.sql");
const CLOSE_TOKEN: &str = include_str!("../../sql/queries/inventory/close_token.sql");

impl Writer<'_> {
    /// Replaces the members of a workspace. Where the list does not tell a permission or the last activity, those that
    /// are known stay.
    pub fn put_members(
        &mut self,
        workspace: &str,
        members: &[Member],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let present = self.present(LIST_MEMBERS_OF, named_params! { ":workspace": workspace }, roster::member)?;
        let newest = |new: &Member, old: &Member| Member {
            permission: new.permission.clone().or_else(|| old.permission.clone()),
            last_accessed: newest_access(new.last_accessed, old.last_accessed, now),
            ..new.clone()
        };
        let same = |old: &Member, new: &Member| old.person == new.person && old.permission == new.permission;
        let difference = compare(&present, members, missing, |member| person_key(&member.person), newest, same);
        self.close(CLOSE_MEMBER, &difference.left, now)?;
        for member in difference.begun {
            self.connection.prepare_cached(INSERT_MEMBER)?.execute(named_params! {
                ":workspace": workspace,
                ":person_id": self.person_id(&member.person, TOLD_HERE)?,
                ":permission": text_or_empty(member.permission.as_ref()),
                ":last_accessed_ms": ms(newest_access(member.last_accessed, None, now)),
                ":now_ms": now.as_millisecond(),
            })?;
        }
        let mut touch = self.connection.prepare_cached(TOUCH_MEMBER)?;
        for (id, member) in difference.touched {
            touch.execute(named_params! { ":id": id, ":last_accessed_ms": ms(member.last_accessed) })?;
        }
        Ok(())
    }

    /// Replaces the repositories of a workspace. With a repository go the rights on it and its deploy keys.
    pub fn put_repositories(
        &mut self,
        workspace: &str,
        repositories: &[Repository],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let present = self.present(LIST_REPOSITORIES_OF, named_params! { ":workspace": workspace }, roster::repository)?;
        let newest = |new: &Repository, _: &Repository| new.clone();
        let slug = |repository: &'_ Repository| repository.slug.clone();
        let difference = compare(&present, repositories, missing, slug, newest, Repository::eq);
        self.close(CLOSE_REPOSITORY, &difference.left, now)?;
        let listed: HashSet<&str> = repositories.iter().map(|repository| repository.slug.as_str()).collect();
        let left: HashSet<i64> = difference.left.into_iter().collect();
        for (_, gone) in present.iter().filter(|(id, old)| left.contains(id) && !listed.contains(old.slug.as_str())) {
            self.put_permissions_on(workspace, &gone.slug, &[], Missing::Gone, now)?;
            self.put_deploy_keys(workspace, &gone.slug, &[], Missing::Gone, now)?;
        }
        let mut insert = self.connection.prepare_cached(INSERT_REPOSITORY)?;
        for repository in difference.begun {
            insert.execute(named_params! {
                ":workspace": workspace,
                ":slug": repository.slug,
                ":uuid": text_or_empty(repository.uuid.as_ref()),
                ":is_private": repository.is_private,
                ":now_ms": now.as_millisecond(),
            })?;
        }
        Ok(())
    }

    /// Replaces the deploy keys of one repository.
    pub fn put_deploy_keys(
        &mut self,
        workspace: &str,
        repository: &str,
        keys: &[DeployKey],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let scope = named_params! { ":workspace": workspace, ":repository": repository };
        let present = self.present(LIST_DEPLOY_KEYS_OF, scope, roster::deploy_key)?;
        let newest = |new: &DeployKey, old: &DeployKey| DeployKey {
            last_used: newest_use(new.last_used, old.last_used, now),
            ..new.clone()
        };
        let same = |old: &DeployKey, new: &DeployKey| old.label == new.label && old.created_at == new.created_at;
        let difference = compare(&present, keys, missing, |key| key.key_id, newest, same);
        self.close(CLOSE_DEPLOY_KEY, &difference.left, now)?;
        let mut insert = self.connection.prepare_cached(INSERT_DEPLOY_KEY)?;
        for key in difference.begun {
            insert.execute(named_params! {
                ":workspace": workspace,
                ":repository": repository,
                ":key_id": key.key_id,
                ":label": key.label,
                ":created_ms": ms(key.created_at),
                ":last_used_ms": ms(newest_use(key.last_used, None, now)),
                ":now_ms": now.as_millisecond(),
            })?;
        }
        let mut touch = self.connection.prepare_cached(TOUCH_DEPLOY_KEY)?;
        for (id, key) in difference.touched {
            touch.execute(named_params! { ":id": id, ":last_used_ms": ms(key.last_used) })?;
        }
        Ok(())
    }

    /// Replaces the tokens of an organization, and notes the days on which they were used.
    pub fn put_tokens(
        &mut self,
        organization: &str,
        tokens: &[ApiToken],
        missing: Missing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let present = self.present(LIST_TOKENS_OF, named_params! { ":organization": organization }, roster::token)?;
        let newest = |new: &ApiToken, old: &ApiToken| ApiToken {
            last_active_at: newest_use(new.last_active_at, old.last_active_at, now),
            ..new.clone()
        };
        let same = |old: &ApiToken, new: &ApiToken| {
            (&old.label, &old.status, &old.person, old.created_at, old.expires_at)
                == (&new.label, &new.status, &new.person, new.created_at, new.expires_at)
        };
        let difference = compare(&present, tokens, missing, |token| token.token_id.as_str(), newest, same);
        self.close(CLOSE_TOKEN, &difference.left, now)?;
        for token in &difference.begun {
            self.connection.prepare_cached(INSERT_TOKEN)?.execute(named_params! {
                ":organization": organization,
                ":token_id": token.token_id,
                ":label": token.label,
                ":status": token.status,
                ":person_id": self.person_id(&token.person, TOLD_HERE)?,
                ":created_ms": ms(token.created_at),
                ":expires_ms": ms(token.expires_at),
                ":last_active_ms": ms(newest_use(token.last_active_at, None, now)),
                ":now_ms": now.as_millisecond(),
            })?;
        }
        let mut touch = self.connection.prepare_cached(TOUCH_TOKEN)?;
        for (id, token) in &difference.touched {
            touch.execute(named_params! { ":id": id, ":last_active_ms": ms(token.last_active_at) })?;
        }
        self.note_uses(organization, difference.begun.iter().chain(difference.touched.iter().map(|(_, token)| token)), now)
    }

    fn note_uses<'t>(
        &self,
        organization: &str,
        tokens: impl Iterator<Item = &'t ApiToken>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut note = self.connection.prepare_cached(NOTE_TOKEN_USE)?;
        for (token, last) in tokens.filter_map(|token| Some((token, newest_use(token.last_active_at, None, now)?))) {
            note.execute(named_params! {
                ":organization": organization,
                ":token_id": token.token_id,
                ":day": Day::of(last).0,
                ":told_by": TOLD_HERE,
                ":last_ms": last.as_millisecond(),
            })?;
        }
        Ok(())
    }

    /// The present rows of one scope with their numbers, which the query gives first.
    fn present<T>(
        &self,
        query: &str,
        scope: impl Params,
        read: fn(&Row<'_>, usize) -> rusqlite::Result<T>,
    ) -> Result<Vec<(i64, T)>, StoreError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(scope, |row| Ok((row.get(0)?, read(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ends rows by their numbers.
    pub(super) fn close(&self, query: &str, ids: &[i64], now: Timestamp) -> Result<(), StoreError> {
        let mut close = self.connection.prepare_cached(query)?;
        for id in ids {
            close.execute(named_params! { ":id": id, ":now_ms": now.as_millisecond() })?;
        }
        Ok(())
    }
}

/// What a new list changes against the rows that are present.
struct Difference<T> {
    /// Rows to close: gone, or another now.
    left: Vec<i64>,
    /// Items to begin a row for: new, or another now.
    begun: Vec<T>,
    /// Rows in which only instants of last use moved.
    touched: Vec<(i64, T)>,
}

/// Compares by `key`; of items with the same key the first counts. `newest` is a listed item with what is known better from
/// its row; `same` ignores instants of last use.
fn compare<'l, T: Clone + PartialEq, K: Ord>(
    present: &'l [(i64, T)],
    listed: &'l [T],
    missing: Missing,
    key: impl Fn(&'l T) -> K,
    newest: impl Fn(&T, &T) -> T,
    same: impl Fn(&T, &T) -> bool,
) -> Difference<T> {
    let mut rest = BTreeMap::new();
    for item in listed {
        rest.entry(key(item)).or_insert(item);
    }
    let mut difference = Difference { left: Vec::new(), begun: Vec::new(), touched: Vec::new() };
    for (id, old) in present {
        let Some(new) = rest.remove(&key(old)).map(|new| newest(new, old)) else {
            difference.left.extend((missing == Missing::Gone).then_some(*id));
            continue;
        };
        if !same(old, &new) {
            difference.left.push(*id);
            difference.begun.push(new);
        } else if *old != new {
            difference.touched.push((*id, new));
        }
    }
    difference.begun.extend(rest.into_values().cloned());
    difference
}

/// The newer of two instants of last use, of those that can be. Clocks differ, by less than a day.
fn newest_use(new: Option<Timestamp>, known: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let latest_ms = now.as_millisecond().saturating_add(MS_PER_DAY);
    [new, known].into_iter().flatten().filter(|at| at.as_millisecond() <= latest_ms).max()
}

/// The same of activity, of which a day that is looked back on may have only what was by then: none is ahead.
fn newest_access(new: Option<Timestamp>, known: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    newest_use(new, known, now).map(|at| at.min(now))
}

/// What stays when a person is renamed, as far as it is known.
fn person_key(person: &Person) -> Option<&str> {
    let Person { account_id, uuid, nickname, display_name, email } = person;
    [account_id, uuid, email, nickname, display_name].into_iter().find_map(Option::as_deref)
}
