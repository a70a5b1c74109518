//! Packing the counts of the past, so that a judgement reads them quickly (`store::packed`): by whoever collects, after the fact,
//! a period a transaction.

use std::time::Duration;

use jiff::Timestamp;

use super::Engine;
use crate::{evidence::Day, store::StoreError};

/// How often the service looks for what it can pack: late evidence comes for hours, and each of it would ask for a packing.
pub(super) const PACKED_EVERY: Duration = Duration::from_secs(3_600);

impl Engine {
    /// Packs what is over, after a command has recorded something. What it recorded does not depend on it, and the next one packs
    /// what is left.
    pub(super) async fn pack_after(&self, command: &str, now: Timestamp) {
        if let Err(error) = self.pack(now).await {
            tracing::warn!(command, %error, "the counts of the past are not packed: reports take longer until they are");
        }
    }

    /// Packs every period that is over and is not packed.
    pub(super) async fn pack(&self, now: Timestamp) -> Result<(), StoreError> {
        while self.store.write(move |w| w.pack_next(Day::of(now))).await? {
            tracing::debug!("a period is packed");
        }
        Ok(())
    }
}
