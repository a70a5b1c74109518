//! The two registers that people hand over as tables: credentials that no API lists, and the directory of people. Columns
//! may stand in any order, under any of their usual names; a row that says too little is counted, with its number.

use std::{borrow::Cow, collections::HashSet};

use jiff::Timestamp;

use crate::evidence::{
    Credential, Day, DirectoryEntry, Person, RegisteredCredential, Skipped,
    redact::{self, MAX_NAME},
    time,
};

/// A register of a whole organisation has some ten thousand rows of a hundred characters.
pub const MAX_REGISTER_BYTES: usize = 32 << 20;

/// Rows as they were read, and what was not.
#[derive(Debug)]
pub struct Register<T> {
    pub rows: Vec<T>,
    pub skipped: Vec<Skipped>,
}

/// Names of the columns of a register of credentials, each with those that mean the same.
const CREDENTIAL_COLUMNS: [&[&str]; 5] = [
    &["kind", "type", "credential"],
    &["label", "name", "title", "description"],
    &["owner", "team", "responsible"],
    &["location", "where", "where_it_lives", "place", "repository"],
    &["expires_at", "expires", "expiry", "expiration", "expiry_date", "expiration_date", "valid_until"],
];

/// Names of the columns of a directory.
const DIRECTORY_COLUMNS: [&[&str]; 5] = [
    &["email", "e_mail", "mail", "email_address"],
    &["nickname", "username", "user_name", "login", "bitbucket_username"],
    &["account_id", "atlassian_account_id", "atlassian_id", "user_id"],
    &["name", "display_name", "full_name", "public_name"],
    &["team", "owner", "department", "group"],
];

/// Words for kinds of credentials beside those of the contract.
const KINDS: [(&str, Credential); 9] = [
    ("repository_access_token", Credential::AccessToken),
    ("project_access_token", Credential::AccessToken),
    ("workspace_access_token", Credential::AccessToken),
    ("oauth_consumer", Credential::Oauth),
    ("oauth_client", Credential::Oauth),
    ("deploy_key", Credential::SshKey),
    ("access_key", Credential::SshKey),
    ("ssh", Credential::SshKey),
    ("connect_app", Credential::Connect),
];

/// Reads a register of credentials. A row needs a label or a location; an unknown kind is kept as unknown; of rows with the
/// same kind, label and location the first counts.
///
/// # Errors
/// A header without any of the columns that a row needs, in words.
pub fn credentials(text: &str) -> Result<Register<RegisteredCredential>, String> {
    let mut listed = HashSet::new();
    read(text, &CREDENTIAL_COLUMNS, &[1, 3], |[kind, label, owner, location, expires]| {
        let expires_at = expiry(expires)?;
        let location = kept(location).unwrap_or_default();
        let label = kept(label).unwrap_or_else(|| location.clone());
        if label.is_empty() {
            return Err("no_label");
        }
        let kind = kind_of(kind);
        if !listed.insert((kind.as_str(), label.clone(), location.clone())) {
            return Err("duplicate");
        }
        Ok(RegisteredCredential { kind, label, location, owner: kept(owner), expires_at })
    })
}

/// Reads a directory. A row needs an e-mail address, a nickname or an account id.
///
/// # Errors
/// A header without any of the columns that a row needs, in words.
pub fn directory(text: &str) -> Result<Register<DirectoryEntry>, String> {
    read(text, &DIRECTORY_COLUMNS, &[0, 1, 2], |[email, nickname, account_id, name, team]| {
        let person = Person {
            account_id: redact::identifier(Cow::Borrowed(account_id), MAX_NAME).map(Cow::into_owned),
            uuid: None,
            nickname: redact::username(nickname).map(Cow::into_owned),
            display_name: kept(name),
            email: redact::username(email).map(|email| email.to_lowercase()).filter(|email| email.contains('@')),
        };
        if person.account_id.is_none() && person.nickname.is_none() && person.email.is_none() {
            return Err("no_identity");
        }
        Ok(DirectoryEntry { person, team: kept(team) })
    })
}

fn read<T>(
    text: &str,
    columns: &[&[&str]; 5],
    needed: &[usize],
    mut row: impl FnMut([&str; 5]) -> Result<T, &'static str>,
) -> Result<Register<T>, String> {
    let mut table = table(text);
    let header: Vec<String> = table.headers().map_err(|_| "the header is unreadable")?.iter().map(column).collect();
    let places = columns.map(|names| header.iter().position(|column| names.contains(&column.as_str())));
    if needed.iter().all(|column| places[*column].is_none()) {
        let names: Vec<&str> = needed.iter().map(|column| columns[*column][0]).collect();
        return Err(format!("the first line names none of the columns {}", names.join(", ")));
    }
    let mut register = Register { rows: Vec::new(), skipped: Vec::new() };
    for (record, number) in table.records().zip(1..) {
        let found = record
            .map_err(|_| "malformed")
            .and_then(|record| row(places.map(|place| place.and_then(|place| record.get(place)).unwrap_or_default())));
        match found {
            Ok(row) => register.rows.push(row),
            // What stands in the row may be a secret in the wrong place.
            Err(reason) => Skipped::add(&mut register.skipped, &Skipped { reason, count: 1, sample: format!("row {number}") }),
        }
    }
    Ok(register)
}

/// A table as people write them: with a byte order mark or not, whatever stands between its cells, blanks around them.
pub fn table(text: &str) -> csv::Reader<&[u8]> {
    let text = text.trim_start_matches('\u{feff}');
    csv::ReaderBuilder::new().delimiter(delimiter(text)).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes())
}

fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| header.matches(char::from(delimiter)).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// What a column is called, however it is spelt.
pub fn column(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

fn kept(text: &str) -> Option<String> {
    redact::free_text(Cow::Borrowed(text), MAX_NAME).map(Cow::into_owned)
}

fn kind_of(text: &str) -> Credential {
    let word = column(text);
    let word = word.trim_end_matches('s');
    let alias = || KINDS.iter().find(|(alias, _)| *alias == word).map(|(_, kind)| *kind);
    Credential::parse(word).or_else(alias).unwrap_or(Credential::Unknown)
}

/// A day means its beginning. Nothing, `-` and `never` are no expiry.
fn expiry(text: &str) -> Result<Option<Timestamp>, &'static str> {
    if ["", "-", "never", "none"].iter().any(|none| text.eq_ignore_ascii_case(none)) {
        return Ok(None);
    }
    let at = Day::parse(text).map(Day::start).or_else(|| time::parse_instant(text));
    at.map(Some).ok_or("no_date")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_of_credentials_is_read_by_its_columns() {
        let text = "\u{feff}Expiry;Kind;Label;Where it lives;Owner;Ticket\r\n\
            2027-05-01;Repository access token;mirror;vault/ci;payments;X-1\r\n\
            never;deploy key;\"nightly; main\";acme/api;;\r\n\
            2027-05-01T12:00:00Z;smart card;door;;;\r\n\
            2027-05-01T22:30:00-05:00;smart card;gate;;;\r\n\
            soon;oauth;x;;;\r\n\
            ;api_token;;;;\r\n\
            ;access_token;used ATCTT3xhunter2hunter2;;;\r\n\
            2028-05-01;Access tokens;mirror;vault/ci;;\r\n";
        let register = credentials(text).expect("a header");
        let row = |kind, label: &str, location: &str, owner: Option<&str>, expires: Option<&str>| RegisteredCredential {
            kind,
            label: label.to_owned(),
            location: location.to_owned(),
            owner: owner.map(str::to_owned),
            expires_at: expires.map(|at| at.parse().expect("an instant")),
        };
        let expected = [
            row(Credential::AccessToken, "mirror", "vault/ci", Some("payments"), Some("2027-05-01T00:00:00Z")),
            row(Credential::SshKey, "nightly; main", "acme/api", None, None),
            row(Credential::Unknown, "door", "", None, Some("2027-05-01T12:00:00Z")),
            row(Credential::Unknown, "gate", "", None, Some("2027-05-02T03:30:00Z")),
            row(Credential::AccessToken, "used ATCT…", "", None, None),
        ];
        assert_eq!(register.rows, expected);
        let skipped: Vec<_> = register.skipped.iter().map(|s| (s.reason, s.count, s.sample.as_str())).collect();
        assert_eq!(skipped, [("no_date", 1, "row 5"), ("no_label", 1, "row 6"), ("duplicate", 1, "row 8")]);
    }

    #[test]
    fn a_directory_is_read_by_its_columns() {
        let text = "E-Mail,Username,Account ID,Name,Team\n\
            Ada@Example.test,ada,557058:1b2c,Ada,payments\n\
            ,bob,,Bob,\n\
            not-an-address,,,Carol,payments\n";
        let register = directory(text).expect("a header");
        let person = |email: Option<&str>, nickname: &str, account: Option<&str>, name: &str| Person {
            account_id: account.map(str::to_owned),
            uuid: None,
            nickname: Some(nickname.to_owned()),
            display_name: Some(name.to_owned()),
            email: email.map(str::to_owned),
        };
        let ada = person(Some("ada@example.test"), "ada", Some("557058:1b2c"), "Ada");
        let expected = [
            DirectoryEntry { person: ada, team: Some("payments".to_owned()) },
            DirectoryEntry { person: person(None, "bob", None, "Bob"), team: None },
        ];
        assert_eq!(register.rows, expected);
        assert_eq!(register.skipped[0].reason, "no_identity");
        assert!(directory("kind,label\nx,y\n").is_err_and(|words| words.contains("email, nickname, account_id")));
    }
}
