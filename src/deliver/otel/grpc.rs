//! One call of gRPC, as much of it as exports need: a message behind five bytes goes out over HTTP/2, and how it went comes back
//! after the answer's message, or before it where there is none
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
//!
//! Absent: the connection (`sender`), streams and compression.

use axum::body::Bytes;
use http_body_util::Collected;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderMap;

/// A byte that says whether the message is compressed, and its length in four.
const FRAME_BYTES: usize = 5;

/// By their numbers: what a call can come to, and whether the OTLP specification lets it be tried again
/// (<https://opentelemetry.io/docs/specs/otlp/#failures>).
const CODES: [(&str, bool); 17] = [
    ("Ok", false),
    ("Cancelled", true),
    ("Unknown", false),
    ("InvalidArgument", false),
    ("DeadlineExceeded", true),
    ("NotFound", false),
    ("AlreadyExists", false),
    ("PermissionDenied", false),
    ("ResourceExhausted", true),
    ("FailedPrecondition", false),
    ("Aborted", true),
    ("OutOfRange", true),
    ("Unimplemented", false),
    ("Internal", false),
    ("Unavailable", true),
    ("DataLoss", true),
    ("Unauthenticated", false),
];

/// Why a call failed.
pub(super) struct Failure {
    pub(super) again: bool,
    pub(super) words: String,
}

/// As a call sends it.
///
/// # Panics
/// Above 4 GiB, which no export comes near.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("an export is below 4 GiB").to_be_bytes();
    [&[0], &length[..], message].concat()
}

/// The message of an answer that came with these headers.
///
/// # Errors
/// What the collector says went wrong.
pub(super) fn message(headers: &HeaderMap, answer: Collected<Bytes>) -> Result<Bytes, Failure> {
    ended(answer.trailers().unwrap_or(headers))?;
    let mut message = answer.to_bytes();
    Ok(message.split_off(FRAME_BYTES.min(message.len())))
}

fn ended(trailers: &HeaderMap) -> Result<(), Failure> {
    let said = |name| trailers.get(name).and_then(|value| value.to_str().ok());
    let code = said("grpc-status").and_then(|number| CODES.get(number.parse::<usize>().ok()?));
    match code {
        Some(("Ok", _)) => Ok(()),
        Some(&(name, again)) => {
            let words = percent_decode_str(said("grpc-message").unwrap_or_default()).decode_utf8_lossy();
            Err(Failure { again, words: format!("{name}: {words}") })
        }
        None => Err(Failure { again: false, words: "without a status of gRPC".to_owned() }),
    }
}
