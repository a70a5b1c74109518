//! Squid's native access log, also with more fields behind.
//!
//! `seconds.millis elapsed client code/status bytes method url user hierarchy/peer type …`

use super::{
    UserField,
    draft::{Draft, Refusal, Value},
    fields::Field,
    request::{percent_decoded, quoted, set_request, set_user, text, unescaped},
};

/// Reads one line.
pub(super) fn read(line: &str, user: UserField) -> Result<Draft<'_>, Refusal> {
    let mut rest = line;
    let mut words = [""; 10];
    for word in &mut words {
        rest = rest.trim_start();
        (*word, rest) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
    }
    let [time, _elapsed, client, answer, _bytes, method, url, name, ..] = words;
    let (code, status) = answer.split_once('/').filter(|_| !name.is_empty()).ok_or(Refusal::Malformed)?;
    let mut draft = Draft::new();
    draft.set(Field::Time, text(time));
    draft.set(Field::ClientIp, text(client));
    set_request(&mut draft, method, url.into())?;
    // What squid itself denied never reached Bitbucket.
    if !code.starts_with("TCP_DENIED") {
        draft.set(Field::Status, text(status));
    }
    set_user(&mut draft, user, percent_decoded(name));
    if let Some(agent) = last_quoted(rest) {
        draft.set(Field::UserAgent, Value::Text(unescaped(agent)));
    }
    Ok(draft)
}

/// The field in quotes that extended formats end with is the user agent; a referrer stands before it.
fn last_quoted(mut rest: &str) -> Option<&str> {
    let mut last = None;
    while let Some((field, behind)) = quoted(rest) {
        (last, rest) = (Some(field), behind);
    }
    last
}
