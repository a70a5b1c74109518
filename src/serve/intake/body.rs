//! The body of a request: read, unpacked, counted, each up to a limit.

use std::{
    io::{self, Read},
    time::Duration,
};

use axum::{
    body::BodyDataStream,
    http::{HeaderMap, header},
};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::refusal::Refusal;
use crate::evidence::format::MAX_BLOCK_LINES;

/// The largest zstd window, as a power of two: 8 MiB, which every decoder should offer (RFC 8878, 3.1.1.1.2); senders that
/// need more (`--long`, `--ultra`) would make us hold it.
const MAX_WINDOW_LOG: u32 = 23;

/// How long a refused body is waited for before its sender is told.
const PASS_OVER_TIME: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

impl Encoding {
    /// None for one that is unknown, and for several.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut named = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, more) = (named.next(), named.next());
        if more.is_some() {
            return None;
        }
        match first.map_or(Ok("identity"), |value| value.to_str()).ok()?.trim().to_ascii_lowercase().as_str() {
            "identity" => Some(Self::Plain),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The lines of a body.
    pub(super) fn unpack(self, sent: Vec<u8>, limit: usize) -> Result<Vec<u8>, Refusal> {
        let lines = match self {
            Self::Plain => sent,
            Self::Gzip => read_up_to(MultiGzDecoder::new(sent.as_slice()), limit)?,
            Self::Zstd => read_up_to(zstd_decoder(&sent).map_err(|_| Refusal::Damaged)?, limit)?,
        };
        match lines.trim_ascii_end() {
            b"" => Err(Refusal::Empty),
            text if text.split(|byte| *byte == b'\n').count() > MAX_BLOCK_LINES => Err(Refusal::TooManyLines),
            _ => Ok(lines),
        }
    }
}

fn zstd_decoder(sent: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::Decoder::with_buffer(sent)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(decoder)
}

fn read_up_to(unpacked: impl Read, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    unpacked.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|_| Refusal::Damaged)?;
    if bytes.len() > limit { Err(Refusal::TooLarge) } else { Ok(bytes) }
}

/// Reads a body to its end. One that says beforehand that it is too large is not begun.
pub(super) async fn read(headers: &HeaderMap, body: &mut BodyDataStream, limit: usize) -> Result<Vec<u8>, Refusal> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge);
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
    while let Some(part) = body.next().await {
        let part = part.map_err(|_| Refusal::Damaged)?;
        if bytes.len() + part.len() > limit {
            return Err(Refusal::TooLarge);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Lets the rest of a refused body go by, as far as it is short: who is still writing does not read the answer.
pub(super) async fn pass_over(body: &mut BodyDataStream, limit: usize) {
    let mut passed = 0;
    let passing = async {
        while let Some(Ok(part)) = body.next().await {
            passed += part.len();
            if passed > limit {
                return;
            }
        }
    };
    if timeout(PASS_OVER_TIME, passing).await.is_err() {
        tracing::debug!("a refused body was not waited for to its end");
    }
}
