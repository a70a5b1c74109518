//! Mail: composing a message once, addressing it to one recipient at a time, and handing it to the configured SMTP server.
//!
//! The same [`Mail`] always yields the same bytes, so what the outbox repeats after a crash is recognisably the same
//! message. Absent: the outbox, the schedule, and who receives what.

mod compose;
mod consent;
mod hearing;
mod smtp;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use lettre::message::Mailbox;
use secrecy::SecretString;

pub use compose::{addressed, compose};
pub use smtp::{Mailer, SendError};

/// Where mail leaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// `smtps://host[:465]`, `smtp://host[:587]` (STARTTLS required) or, on loopback only, `smtp+plain://host[:25]`.
    pub server: String,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// Certificates in PEM that are trusted beside the platform's.
    pub ca_pem: Option<Vec<u8>>,
}

/// One message, without recipient and subject: [`addressed`] adds those of one copy, so that no recipient is shown to
/// another, and a copy that leaves late can say so.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `Name <address>` or an address.
    pub from: String,
    /// Who answers, and whom to ask not to be written to any more; empty: nobody.
    pub contact: String,
    /// Stable for the life of the message: a repeat is recognised by it. With or without angle brackets.
    pub message_id: String,
    /// `Description <list.host>` or `list.host`.
    pub list_id: String,
    pub date: Timestamp,
    pub text: String,
    pub html: String,
    pub inline: Vec<Inline>,
    pub attachments: Vec<Attachment>,
}

/// A picture that the HTML shows by `cid:content_id`.
#[derive(Clone, Debug)]
pub struct Inline {
    pub content_id: String,
    pub mime: String,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Attachment {
    pub name: String,
    pub mime: String,
    pub bytes: Vec<u8>,
}

/// Says what is wrong with `text` as a sender or recipient (`Name <address>` or an address).
pub fn check_address(text: &str) -> Result<(), String> {
    mailbox(text).map(drop)
}

/// Whether two addresses are of one mailbox, whatever it is called beside them; it is the same in capitals.
pub fn is_same_mailbox(one: &str, other: &str) -> bool {
    let email = |text: &str| mailbox(text).map(|mailbox| mailbox.email.to_string().to_lowercase());
    one == other || email(one).is_ok_and(|one| email(other).is_ok_and(|other| one == other))
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("a mail address holds no control characters".to_owned());
    }
    text.parse().map_err(|error| format!("{text:?} is no mail address: {error}"))
}
