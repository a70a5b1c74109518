//! How many blocks of log lines may be in memory at one time, whatever number of logs and imports is being read.

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
};

/// One is read, two are parsed, one waits for the store: enough for two cores, and each has some ten megabytes with what its
/// lines become. More cores gain little, since the store takes one block after the other.
const MAX_BLOCKS: usize = 4;

/// Memory is the process's, so the limit is too.
static BLOCKS: Semaphore = Semaphore::const_new(MAX_BLOCKS);

/// The right to have one block in memory. It ends when this is dropped.
pub struct InFlight {
    _permit: SemaphorePermit<'static>,
}

impl InFlight {
    /// Waits, on a blocking thread of the runtime, until there is room for one more block.
    pub fn wait() -> Self {
        let permit = Handle::current().block_on(BLOCKS.acquire());
        Self { _permit: permit.expect("nobody closes the semaphore") }
    }
}
