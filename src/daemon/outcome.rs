//! What comes of a round: what it read, or why it failed and what that leaves in the ledger.

use super::trace::Thread;
use crate::{evidence::CoverageState, source::FetchError, store::StoreError};

/// What came of one round.
#[derive(Debug)]
pub struct Round {
    /// Something was recorded that a judgement would see.
    pub changed: bool,
    /// One line for people: what was read, or what is wrong and what to do.
    pub line: String,
    pub failed: bool,
    /// It failed where asking again soon would only spend requests: not by the store.
    pub rests: bool,
    /// The source still has older evidence, which the steady rounds leave for [`Engine::older_round`].
    pub unread: bool,
    /// Where its trace may go on.
    pub thread: Thread,
}

/// What came of one round of every source.
#[derive(Debug, Default)]
pub struct PollOutcome {
    pub lines: Vec<String>,
    /// The names of the sources that failed, wholly or in part.
    pub failed: Vec<String>,
}

/// Why a round did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("{error}; the secret is {credential}")]
    Credential { error: FetchError, credential: String },
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Files(#[from] std::io::Error),
    #[error("{0}")]
    InPart(String),
    /// Nothing of it may be seen with our credential.
    #[error("{0}")]
    NotPermitted(String),
}

/// What a round read.
#[derive(Debug, Default)]
pub struct Tally {
    pub items: u64,
    pub skipped: u64,
    /// What of the source was not read, and why, as its coverage says it; empty is nothing.
    pub left_out: String,
    /// What a reader should know though everything was read; empty is nothing.
    pub warning: &'static str,
    /// There is older evidence that this round left for later.
    pub unread: bool,
}

impl Tally {
    pub fn add(&mut self, more: &Self) {
        self.items += more.items;
        self.skipped += more.skipped;
    }
}

impl RoundError {
    /// Says which secret to look at when it is the cause.
    pub fn with_credential(self, credential: &str) -> Self {
        match self {
            Self::Fetch(error) if error.is_ours() => Self::Credential { error, credential: credential.to_owned() },
            other => other,
        }
    }
}

/// Whether a failed round leaves a gap: not when it was read in part and has said so itself.
pub fn gap_state(error: &RoundError) -> Option<CoverageState> {
    match error {
        RoundError::Credential { .. } => Some(CoverageState::NotPermitted),
        RoundError::Fetch(error) if error.is_ours() => Some(CoverageState::NotPermitted),
        RoundError::InPart(_) | RoundError::NotPermitted(_) => None,
        _ => Some(CoverageState::Missed),
    }
}
