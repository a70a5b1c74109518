//! Lists of members, repositories, rights, deploy keys and tokens, and registers, as instances hand them to one another.
//!
//! What another instance's lists say stands beside what is read here, marked with the source of its files (`told_by`), and is
//! replaced as a whole by its newest file. A report sees all of them as one: what stands in several lists is there once
//! (`store::merged`). While a file is read its rows are marked with that source's number below zero, and count nowhere.

use rusqlite::{Row, named_params};

use super::{
    Reader, StoreError, Writer,
    convert::{ms, text_or_empty},
    intern::name_id,
    inventory::NOTE_TOKEN_USE,
    roster,
};
use crate::evidence::{
    Day, DirectoryEntry, RegisteredCredential,
    exchange::{Entry, Held, PREFIX, source_name},
    time::instant,
};

const HAS_EXCHANGED: &str = include_str!("../../sql/queries/exchange/has_exchanged.sql");
const LIST_PEOPLE: &str = include_str!("../../sql/queries/exchange/list_people.sql");
const LIST_MEMBERS: &str = include_str!("../../sql/queries/exchange/list_members.sql");
const LIST_REPOSITORIES: &str = include_str!("../../sql/queries/exchange/list_repositories.sql");
const LIST_PERMISSIONS: &str = include_str!("../../sql/queries/exchange/list_permissions.sql");
const LIST_DEPLOY_KEYS: &str = include_str!("../../sql/queries/exchange/list_deploy_keys.sql");
const LIST_TOKENS: &str = include_str!("../../sql/queries/exchange/list_tokens.sql");
const LIST_TOKEN_USES: &str = include_str!("../../sql/queries/exchange/list_token_uses.sql");
const LIST_CREDENTIALS: &str = include_str!("../../sql/queries/exchange/list_credentials.sql");
const LIST_DIRECTORY: &str = include_str!("../../sql/queries/exchange/list_directory.sql");
const INSERT_MEMBER: &str = include_str!("../../sql/queries/exchange/insert_member.sql");
const INSERT_REPOSITORY: &str = include_str!("../../sql/queries/exchange/insert_repository.sql");
const INSERT_REPOSITORY_PERMISSION: &str = include_str!("../../sql/queries/exchange/insert_repository_permission.sql");
const INSERT_DEPLOY_KEY: &str = include_str!("../../sql/queries/exchange/insert_deploy_key.sql");
const INSERT_API_TOKEN: &str = include_str!("../../sql/queries/exchange/insert_api_token.sql");
const DELETE_CREDENTIALS: &str = include_str!("../../sql/queries/exchange/delete_credentials.sql");
const DELETE_DIRECTORIES: &str = include_str!("../../sql/queries/exchange/delete_directories.sql");
/// Take out what a source has told.
const DELETE: [&str; 7] = [
    include_str!("../../sql/queries/exchange/delete_people.sql"),
    include_str!("../../sql/queries/exchange/delete_members.sql"),
    include_str!("../../sql/queries/exchange/delete_repositories.sql"),
    include_str!("../../sql/queries/exchange/delete_permissions.sql"),
    include_str!("../../sql/queries/exchange/delete_deploy_keys.sql"),
    include_str!("../../sql/queries/exchange/delete_tokens.sql"),
    include_str!("../../sql/queries/exchange/delete_token_uses.sql"),
];
/// Let what was staged stand.
const TAKE_UP: [&str; 7] = [
    include_str!("../../sql/queries/exchange/take_up_people.sql"),
    include_str!("../../sql/queries/exchange/take_up_members.sql"),
    include_str!("../../sql/queries/exchange/take_up_repositories.sql"),
    include_str!("../../sql/queries/exchange/take_up_permissions.sql"),
    include_str!("../../sql/queries/exchange/take_up_deploy_keys.sql"),
    include_str!("../../sql/queries/exchange/take_up_tokens.sql"),
    include_str!("../../sql/queries/exchange/take_up_token_uses.sql"),
];

impl Reader {
    /// Whether anything of another instance was taken in.
    pub(super) fn has_exchanged(&self) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached(HAS_EXCHANGED)?.query_row([], |row| row.get(0))?)
    }

    /// Hands over every row of the lists that are read here, and of the registers.
    pub fn each_entry<E>(&self, mut take: impl FnMut(&Entry) -> Result<(), E>) -> Result<Result<(), E>, StoreError> {
        let mut refused = None;
        let mut each = |query: &str, read: &dyn Fn(&Row<'_>) -> rusqlite::Result<Entry>| {
            let mut statement = self.connection.prepare_cached(query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()?.filter(|_| refused.is_none()) {
                refused = take(&read(row)?).err();
            }
            Ok::<_, StoreError>(())
        };
        each(LIST_PEOPLE, &|row| Ok(Entry::Person(super::convert::person(row, 0)?)))?;
        each(LIST_MEMBERS, &|row| Ok(Entry::Member(roster::member(row, 0)?, held(row, 8)?)))?;
        each(LIST_REPOSITORIES, &|row| Ok(Entry::Repository(roster::repository(row, 0)?, held(row, 4)?)))?;
        each(LIST_PERMISSIONS, &|row| Ok(Entry::Right(roster::right(row)?, held(row, 4)?)))?;
        each(LIST_DEPLOY_KEYS, &|row| Ok(Entry::DeployKey(roster::deploy_key(row, 0)?, held(row, 6)?)))?;
        each(LIST_TOKENS, &|row| Ok(Entry::Token(roster::token(row, 0)?, held(row, 12)?)))?;
        each(LIST_TOKEN_USES, &|row| {
            Ok(Entry::TokenUse { organization: row.get(0)?, token_id: row.get(1)?, last: instant(row.get(2)?) })
        })?;
        each(LIST_CREDENTIALS, &|row| Ok(Entry::Credential(row.get(5)?, roster::registered(row, 0)?)))?;
        each(LIST_DIRECTORY, &|row| Ok(Entry::Directory(row.get(6)?, roster::directory_entry(row, 0)?)))?;
        Ok(refused.map_or(Ok(()), Err))
    }
}

fn held(row: &Row<'_>, first: usize) -> rusqlite::Result<Held> {
    Ok(Held { from_ms: row.get(first)?, to_ms: row.get(first + 1)? })
}

impl Writer<'_> {
    /// Takes in rows of another instance's lists, which count nowhere yet. Those of registers wait elsewhere.
    pub fn stage_entries(&mut self, instance: &str, entries: &[Entry]) -> Result<(), StoreError> {
        let told_by = -self.source_id(&source_name(instance, ""))?;
        entries.iter().try_for_each(|entry| self.stage_entry(told_by, entry))
    }

    fn stage_entry(&mut self, told_by: i64, entry: &Entry) -> Result<(), StoreError> {
        match entry {
            Entry::Person(person) => drop(self.person_id(person, told_by)?),
            Entry::TokenUse { organization, token_id, last } => {
                self.connection.prepare_cached(NOTE_TOKEN_USE)?.execute(named_params! {
                    ":organization": organization,
                    ":token_id": token_id,
                    ":day": Day::of(*last).0,
                    ":told_by": told_by,
                    ":last_ms": last.as_millisecond(),
                })?;
            }
            Entry::Member(member, held) => {
                let person_id = self.person_id(&member.person, told_by)?;
                self.connection.prepare_cached(INSERT_MEMBER)?.execute(named_params! {
                    ":workspace": member.workspace,
                    ":person_id": person_id,
                    ":permission": text_or_empty(member.permission.as_ref()),
                    ":last_accessed_ms": ms(member.last_accessed),
                    ":valid_from_ms": held.from_ms,
                    ":valid_to_ms": held.to_ms,
                    ":told_by": told_by,
                })?;
            }
            Entry::Repository(repository, held) => {
                self.connection.prepare_cached(INSERT_REPOSITORY)?.execute(named_params! {
                    ":workspace": repository.workspace,
                    ":slug": repository.slug,
                    ":uuid": text_or_empty(repository.uuid.as_ref()),
                    ":is_private": repository.is_private,
                    ":valid_from_ms": held.from_ms,
                    ":valid_to_ms": held.to_ms,
                    ":told_by": told_by,
                })?;
            }
            Entry::Right(right, held) => {
                self.connection.prepare_cached(INSERT_REPOSITORY_PERMISSION)?.execute(named_params! {
                    ":workspace_id": name_id(self.connection, &right.workspace)?,
                    ":repository_id": name_id(self.connection, &right.repository)?,
                    ":account_id": name_id(self.connection, &right.account_id)?,
                    ":permission": right.permission.as_str(),
                    ":valid_from_ms": held.from_ms,
                    ":valid_to_ms": held.to_ms,
                    ":told_by": told_by,
                })?;
            }
            Entry::DeployKey(key, held) => {
                self.connection.prepare_cached(INSERT_DEPLOY_KEY)?.execute(named_params! {
                    ":workspace": key.workspace,
                    ":repository": key.repository,
                    ":key_id": key.key_id,
                    ":label": key.label,
                    ":created_ms": ms(key.created_at),
                    ":last_used_ms": ms(key.last_used),
                    ":valid_from_ms": held.from_ms,
                    ":valid_to_ms": held.to_ms,
                    ":told_by": told_by,
                })?;
            }
            Entry::Token(token, held) => {
                let person_id = self.person_id(&token.person, told_by)?;
                self.connection.prepare_cached(INSERT_API_TOKEN)?.execute(named_params! {
                    ":organization": token.organization,
                    ":token_id": token.token_id,
                    ":label": token.label,
                    ":status": token.status,
                    ":person_id": person_id,
                    ":created_ms": ms(token.created_at),
                    ":expires_ms": ms(token.expires_at),
                    ":last_active_ms": ms(token.last_active_at),
                    ":valid_from_ms": held.from_ms,
                    ":valid_to_ms": held.to_ms,
                    ":told_by": told_by,
                })?;
            }
            Entry::Credential(..) | Entry::Directory(..) => {}
        }
        Ok(())
    }

    /// Forgets what has come of an instance's lists: another file begins, or one was refused.
    pub(super) fn forget_staged_entries(&self, source_id: i64) -> Result<(), StoreError> {
        DELETE.iter().try_for_each(|statement| self.run_for(statement, -source_id))
    }

    /// What was staged of an instance's lists takes the place of what its last file said; so do its registers.
    pub(super) fn take_up_entries(&mut self, instance: &str, registers: &[Entry]) -> Result<(), StoreError> {
        let source_id = self.source_id(&source_name(instance, ""))?;
        for (delete, take_up) in DELETE.iter().zip(TAKE_UP) {
            self.run_for(delete, source_id)?;
            self.run_for(take_up, source_id)?;
        }
        let prefix = format!("{PREFIX}{instance}/");
        for statement in [DELETE_CREDENTIALS, DELETE_DIRECTORIES] {
            self.connection.prepare_cached(statement)?.execute(named_params! { ":prefix": prefix })?;
        }
        let (mut credentials, mut people) = (Registers::<RegisteredCredential>::new(), Registers::<DirectoryEntry>::new());
        for entry in registers {
            match entry {
                Entry::Credential(register, row) => credentials.entry(register).or_default().push(row.clone()),
                Entry::Directory(register, row) => people.entry(register).or_default().push(row.clone()),
                _ => {}
            }
        }
        credentials.iter().try_for_each(|(register, rows)| self.put_registered(&format!("{prefix}{register}"), rows))?;
        people.iter().try_for_each(|(register, rows)| self.put_directory(&format!("{prefix}{register}"), rows))
    }

    fn run_for(&self, statement: &str, told_by: i64) -> Result<(), StoreError> {
        self.connection.prepare_cached(statement)?.execute(named_params! { ":told_by": told_by })?;
        Ok(())
    }
}

/// Rows by the name of their register.
type Registers<'e, T> = std::collections::BTreeMap<&'e String, Vec<T>>;
