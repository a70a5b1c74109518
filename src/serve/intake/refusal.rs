//! Why a request is refused as a whole, and when its sender may come again.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::door::LIMITS;
use crate::evidence::format::MAX_BLOCK_LINES;

/// When to come again where no better time is known: the store is rarely busy for longer.
const COME_AGAIN: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No sender's token.
    Stranger,
    TooOften(Duration),
    /// Too many wrong tokens came from its address.
    TooManyGuesses(Duration),
    UnknownEncoding,
    TooLarge,
    TooManyLines,
    TooSlow,
    /// Cut off, or not packed as it says.
    Damaged,
    Empty,
    /// All places are taken, or the store does not answer.
    Busy,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Stranger => StatusCode::UNAUTHORIZED,
            Self::TooOften(_) | Self::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge | Self::TooManyLines => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Damaged | Self::Empty => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn words(self) -> String {
        let words = match self {
            Self::Stranger => "A sender's token is required.",
            Self::TooOften(_) => "Too many requests: gather lines and send them together.",
            Self::TooManyGuesses(_) => "Too many wrong tokens came from your address.",
            Self::UnknownEncoding => "The body may be plain, gzip or zstd.",
            Self::TooLarge => {
                let (sent, unpacked) = (LIMITS.body >> 20, LIMITS.unpacked >> 20);
                return format!("Too large: at most {sent} MiB as sent and {unpacked} MiB unpacked.\n");
            }
            Self::TooManyLines => return format!("Too many lines: at most {MAX_BLOCK_LINES} a request.\n"),
            Self::TooSlow => "The body took too long.",
            Self::Damaged => "The body is damaged, or not compressed as its Content-Encoding says.",
            Self::Empty => "The body holds no line.",
            Self::Busy => "Nothing can be recorded at the moment: send the same again.",
        };
        format!("{words}\n")
    }

    fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Stranger => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"duskwatch intake\", charset=\"UTF-8\"")))
            }
            Self::TooOften(wait) | Self::TooManyGuesses(wait) => {
                Some((header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)))
            }
            Self::Busy => Some((header::RETRY_AFTER, HeaderValue::from(COME_AGAIN.as_secs()))),
            Self::UnknownEncoding => Some((header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    /// The connection ends, as part of the body may be under way.
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::from_iter([(header::CONNECTION, HeaderValue::from_static("close"))]);
        headers.extend(self.header());
        (self.status(), headers, self.words()).into_response()
    }
}
