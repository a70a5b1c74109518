//! MIME: `mixed( related( alternative( text, html ), inline… ), attachment… )`, without the levels that are empty.

use std::fmt::Write;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, ensure};
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers, Subject, To};
use lettre::message::{Attachment as Part, Body, Mailbox, Mailboxes, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use super::{Mail, mailbox};
use crate::report::inert;

/// Longest free text in a header, in characters: a subject is one line, whatever a name in it holds.
const MAX_HEADER_TEXT: usize = 250;

/// Longest identifier (Message-ID, Content-ID) in bytes; RFC 5322 allows 998 in a line.
const MAX_IDENTIFIER: usize = 200;

/// The bytes of the message as they are stored in the outbox, written as `.eml` and sent.
///
/// All lines are ASCII. Free text in headers loses its control and direction characters; identifiers and addresses
/// that cannot stand in a header are an error.
pub fn compose(mail: &Mail) -> Result<Vec<u8>> {
    let message_id = identifier(&mail.message_id)?;
    let from = mailbox(&mail.from).map_err(|error| anyhow!("sender: {error}"))?;
    // The real envelope is made when the message is sent; this one only tells lettre that there will be one.
    let envelope = Envelope::new(None, vec![from.email.clone()]).context("the message lacks an address")?;
    let mut message = Message::builder()
        .envelope(envelope)
        .from(from)
        .date(SystemTime::from(mail.date))
        .message_id(Some(format!("<{message_id}>")))
        .raw_header(header("List-Id", list_id(&mail.list_id)))
        .raw_header(header("Auto-Submitted", "auto-generated".to_owned()));
    if !mail.contact.is_empty() {
        let contact = mailbox(&mail.contact).map_err(|error| anyhow!("contact: {error}"))?;
        message = message.raw_header(header("List-Unsubscribe", unsubscribe(&contact, mail))).reply_to(contact);
    }
    let message = message.multipart(body(mail, message_id)?).context("the message lacks an address")?;
    Ok(message.formatted())
}

/// A mail to a person, who takes the reader from the list (RFC 2369). Nobody but that person can: there is no list but the
/// configuration.
fn unsubscribe(contact: &Mailbox, mail: &Mail) -> String {
    let list = list_id(&mail.list_id);
    let list = list.rsplit(['<', '>']).nth(1).unwrap_or_default();
    format!("<mailto:{}?subject=unsubscribe%20{}>", contact.email, list)
}

/// The message for one recipient: the same bytes after a `To` and a `Subject` of its own.
///
/// # Errors
/// Says why the recipient is no mail address.
pub fn addressed(to: &str, subject: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    let mut headers = Headers::new();
    headers.set(To::from(Mailboxes::from(mailbox(to)?)));
    headers.set(Subject::from(header_text(subject)));
    let mut bytes = headers.to_string().into_bytes();
    bytes.extend_from_slice(message);
    Ok(bytes)
}

fn body(mail: &Mail, message_id: &str) -> Result<MultiPart> {
    let alternative = MultiPart::alternative()
        .boundary(boundary(message_id, "alternative"))
        .singlepart(text_part(ContentType::TEXT_PLAIN, &mail.text)?)
        .singlepart(text_part(ContentType::TEXT_HTML, &mail.html)?);
    let shown = if mail.inline.is_empty() {
        alternative
    } else {
        let mut related = MultiPart::related().boundary(boundary(message_id, "related")).multipart(alternative);
        for picture in &mail.inline {
            let id = identifier(&picture.content_id)?.to_owned();
            related = related.singlepart(Part::new_inline(id).body(base64(&picture.bytes)?, media_type(&picture.mime)?));
        }
        related
    };
    if mail.attachments.is_empty() {
        return Ok(shown);
    }
    let mut mixed = MultiPart::mixed().boundary(boundary(message_id, "mixed")).multipart(shown);
    for file in &mail.attachments {
        let part = Part::new(header_text(&file.name)).body(base64(&file.bytes)?, media_type(&file.mime)?);
        mixed = mixed.singlepart(part);
    }
    Ok(mixed)
}

/// Always quoted-printable, even for ASCII: no line is too long, and no line can imitate a boundary.
fn text_part(kind: ContentType, text: &str) -> Result<SinglePart> {
    let body = Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::QuotedPrintable)
        .map_err(|_| anyhow!("the text cannot be written as quoted-printable"))?;
    Ok(SinglePart::builder().content_type(kind).body(body))
}

fn base64(bytes: &[u8]) -> Result<Body> {
    Body::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64)
        .map_err(|_| anyhow!("the content cannot be written as base64"))
}

fn media_type(text: &str) -> Result<ContentType> {
    ContentType::parse(text).map_err(|_| anyhow!("{text:?} is no media type"))
}

/// Derived, not drawn, so that the same mail has the same bytes. `=_` never occurs in quoted-printable or base64, so
/// no content can hold a boundary although it can be foreseen.
fn boundary(message_id: &str, level: &str) -> String {
    let digest = Sha256::digest(format!("{level}\n{message_id}"));
    digest.iter().take(12).fold("=_".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// `Description <id>` with the description made inert, or `<id>`.
fn list_id(text: &str) -> String {
    let text = header_text(text);
    if text.ends_with('>') && text.contains('<') { text } else { format!("<{text}>") }
}

/// The inside of `<…>`: visible ASCII without brackets.
fn identifier(text: &str) -> Result<&str> {
    let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
    let fits = (1..=MAX_IDENTIFIER).contains(&inner.len()) && inner.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    ensure!(fits, "{:?} is no identifier for a mail header", header_text(text));
    Ok(inner)
}

/// One line of bounded length without control, direction and invisible characters.
fn header_text(text: &str) -> String {
    let visible = text.chars().map(|c| if inert::hides_or_moves(c) || inert::joins(c) { ' ' } else { c });
    let line: String = visible.take(MAX_HEADER_TEXT).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
