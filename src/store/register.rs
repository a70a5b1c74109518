//! What the organisation writes down itself: credentials that no API lists, and its directory of people. A register is
//! known by its file's name, and replaced as a whole.

use rusqlite::named_params;

use super::{
    StoreError, Writer,
    convert::{ms, text_or_empty},
};
use crate::evidence::{DirectoryEntry, RegisteredCredential};

const DELETE_CREDENTIALS: &str = include_str!("../../sql/queries/register/delete_credentials.sql");
const INSERT_CREDENTIAL: &str = include_str!("../../sql/queries/register/insert_credential.sql");
const DELETE_DIRECTORY: &str = include_str!("../../sql/queries/register/delete_directory.sql");
const INSERT_DIRECTORY_ENTRY: &str = include_str!("../../sql/queries/register/insert_directory_entry.sql");

impl Writer<'_> {
    /// Replaces the credentials of a register.
    pub fn put_registered(&mut self, register: &str, credentials: &[RegisteredCredential]) -> Result<(), StoreError> {
        self.connection.prepare_cached(DELETE_CREDENTIALS)?.execute(named_params! { ":register": register })?;
        let mut insert = self.connection.prepare_cached(INSERT_CREDENTIAL)?;
        for credential in credentials {
            insert.execute(named_params! {
                ":register": register,
                ":kind": credential.kind.as_str(),
                ":label": credential.label,
                ":location": credential.location,
                ":owner": text_or_empty(credential.owner.as_ref()),
                ":expires_ms": ms(credential.expires_at),
            })?;
        }
        Ok(())
    }

    /// Replaces the people of a directory.
    pub fn put_directory(&mut self, register: &str, entries: &[DirectoryEntry]) -> Result<(), StoreError> {
        self.connection.prepare_cached(DELETE_DIRECTORY)?.execute(named_params! { ":register": register })?;
        let mut insert = self.connection.prepare_cached(INSERT_DIRECTORY_ENTRY)?;
        for (line, DirectoryEntry { person, team }) in (1_i64..).zip(entries) {
            insert.execute(named_params! {
                ":register": register,
                ":line": line,
                ":account_id": text_or_empty(person.account_id.as_ref()),
                ":nickname": text_or_empty(person.nickname.as_ref()),
                ":display_name": text_or_empty(person.display_name.as_ref()),
                ":email": text_or_empty(person.email.as_ref()),
                ":team": text_or_empty(team.as_ref()),
            })?;
        }
        Ok(())
    }
}
