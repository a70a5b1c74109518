//! How many blocks of log lines may be in memory at one time, whatever number of logs and imports is being read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
};

/// One is read or parsed beside another, while a third goes into the store: enough for two cores, and each has some five
/// megabytes with what its lines become. More cores gain little, since the store takes one block after the other.
const MAX_BLOCKS: usize = 3;

/// Memory is the process's, so the limit is too.
static BLOCKS: Semaphore = Semaphore::const_new(MAX_BLOCKS);

/// Where blocks were, for the next ones: memory that one thread takes and another gives back, again and again, is not given
/// back to the system. Empty when no block is in memory.
static ROOMS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The right to have one block in memory, and the block.
pub struct InFlight {
    bytes: Vec<u8>,
    /// Given back before the lock on [`ROOMS`] is, so that the last one knows that it is the last.
    permit: Option<SemaphorePermit<'static>>,
}

impl InFlight {
    /// Waits, on a blocking thread of the runtime, until there is room for one more block.
    pub fn wait() -> Self {
        let permit = Handle::current().block_on(BLOCKS.acquire()).expect("nobody closes the semaphore");
        Self { bytes: rooms().pop().unwrap_or_default(), permit: Some(permit) }
    }

    /// The same with a block in it.
    pub fn holding(mut self, block: &[u8]) -> Self {
        self.bytes.reserve_exact(block.len());
        self.bytes.extend_from_slice(block);
        self
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let (mut bytes, mut rooms) = (std::mem::take(&mut self.bytes), rooms());
        bytes.clear();
        rooms.push(bytes);
        drop(self.permit.take());
        if BLOCKS.available_permits() == MAX_BLOCKS {
            rooms.clear();
        }
    }
}

fn rooms() -> MutexGuard<'static, Vec<Vec<u8>>> {
    ROOMS.lock().unwrap_or_else(PoisonError::into_inner)
}
