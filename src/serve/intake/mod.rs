//! The way in for evidence: `POST /v1/evidence`, NDJSON that senders push, each with a token of its own.
//!
//! The lines go to the daemon through a channel, with the way back; the answer is given after their commit. Whatever a
//! sender can fill has a limit, and one who meets it is told when to come again: it sends again, and what had arrived
//! before is recognised, so nothing is lost and nothing piles up in memory.
//!
//! Absent: what a line means, and whether it came before (`daemon`).

mod body;
mod door;
mod rate;
mod refusal;
#[cfg(test)]
mod tests;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

pub use door::Intake;
pub(super) use door::router;

/// The lines of one request, and the way back to whoever waits for the answer.
#[derive(Debug)]
pub struct Pushed {
    /// Place of its sender among the tokens given to [`Intake::new`].
    pub sender: usize,
    /// NDJSON, at most [`crate::evidence::format::MAX_BLOCK_LINES`] lines.
    pub lines: Vec<u8>,
    pub reply: Reply,
}

/// Gone without a word, it tells the sender to come again.
#[derive(Debug)]
pub struct Reply {
    answer: oneshot::Sender<Receipt>,
    /// Held as long as the lines are in memory, whether or not the sender still waits.
    _places: [OwnedSemaphorePermit; 2],
}

impl Reply {
    /// To be called after the commit.
    pub fn send(self, receipt: Receipt) {
        if self.answer.send(receipt).is_err() {
            tracing::debug!("a sender of evidence did not wait for its answer");
        }
    }
}

/// What became of the lines of one request: each is recorded, repeated or skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Blank ones not included.
    pub lines: u64,
    pub recorded: u64,
    /// Recorded before.
    pub repeated: u64,
    pub skipped: u64,
    /// Of the skipped ones, those that are no JSON objects.
    pub malformed: u64,
    /// The first of the skipped ones, counted from 1 within the body, with the reason.
    pub refused: Vec<(usize, &'static str)>,
}

impl Receipt {
    /// Whether any line is a JSON object.
    pub fn is_ndjson(&self) -> bool {
        self.malformed < self.lines
    }
}

impl IntoResponse for Receipt {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Refused {
            line: usize,
            reason: &'static str,
        }
        #[derive(Serialize)]
        struct Body {
            lines: u64,
            recorded: u64,
            repeated: u64,
            skipped: u64,
            refused: Vec<Refused>,
        }
        let status = if self.is_ndjson() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        let refused = self.refused.into_iter().map(|(line, reason)| Refused { line, reason }).collect();
        let Self { lines, recorded, repeated, skipped, .. } = self;
        let body = serde_json::to_string(&Body { lines, recorded, repeated, skipped, refused })
            .expect("numbers and names of reasons are JSON");
        (status, [(header::CONTENT_TYPE, "application/json")], body + "\n").into_response()
    }
}
