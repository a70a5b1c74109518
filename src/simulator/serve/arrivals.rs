//! How many requests came, and when, for whoever asks whether a client kept to its budget.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::PoisonError,
};

use tokio::time::Instant;

use super::{Server, limit::Api};

/// Arrivals that are remembered.
const MAX_ARRIVALS: usize = 16_384;

/// When requests came to the two APIs.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    pub atlassian: VecDeque<Instant>,
    pub bitbucket: VecDeque<Instant>,
}

impl Arrivals {
    pub(super) fn note(&mut self, api: Api) {
        let instants = if api == Api::Atlassian { &mut self.atlassian } else { &mut self.bitbucket };
        instants.push_back(Instant::now());
        if instants.len() > MAX_ARRIVALS {
            instants.pop_front();
        }
    }
}

impl Server {
    /// How many requests each endpoint answered with which status.
    pub fn requests(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When requests have come since the last call, the newest of them.
    pub fn take_arrivals(&self) -> Arrivals {
        std::mem::take(&mut *self.shared.arrivals())
    }
}
