//! Whether the service turns. Whoever drives it beats at every turn; a pulse that stands still for too long is a failure that
//! nothing else would show, since callers are answered from memory.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The longest turn, a judgement of a large organisation, takes far less. Below the watchdog time of the systemd unit.
const STANDS_STILL_AFTER: Duration = Duration::from_secs(4 * 60);

#[derive(Clone, Debug)]
pub struct Pulse {
    last: Arc<Mutex<Instant>>,
    limit: Duration,
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new(STANDS_STILL_AFTER)
    }
}

impl Pulse {
    /// It begins to count now.
    pub fn new(limit: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), limit }
    }

    pub fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long it has stood still, where that is too long.
    pub fn stands_still(&self) -> Option<Duration> {
        let silent = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        (silent > self.limit).then_some(silent)
    }
}
