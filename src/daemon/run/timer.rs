//! What wakes the service: cron jobs that only send ticks. Their own notion of time is not trusted: a lost or doubled tick changes
//! nothing.
//!
//! They have a thread to themselves. The scheduler looks at its jobs twice a second and runs them by several tasks each; among
//! the workers those wake one another, and a service at rest should rest. For the same reason sources are looked at every five
//! seconds: each tick wakes the thread of the loop too, and no round is due to the second.

use tokio::{
    runtime::Builder,
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};
use tokio_cron_scheduler::{Job, JobScheduler};
use tokio_util::sync::CancellationToken;

/// The closed set of what the timer wakes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tick {
    /// Which sources are due?
    Sources,
    /// Has anything been recorded since the last judgement; is a report due; is a message waiting?
    Reports,
}

/// A tick that finds this many before it says nothing new: the functions behind it look at what was done, not at ticks.
const TICKS_PENDING: usize = 8;

/// Sends ticks until `stop`; before that they end only with an error.
pub(super) fn start(stop: CancellationToken) -> (mpsc::Receiver<Tick>, JoinHandle<anyhow::Result<()>>) {
    let (ticks, inbox) = mpsc::channel(TICKS_PENDING);
    let keep_time = async move {
        let mut scheduler = JobScheduler::new().await?;
        for (line, tick) in [("*/5 * * * * *", Tick::Sources), ("*/20 * * * * *", Tick::Reports)] {
            let ticks = ticks.clone();
            let job = Job::new(line, move |_, _| {
                if ticks.try_send(tick).is_err() {
                    tracing::trace!(?tick, "a tick was not needed: others are pending");
                }
            })?;
            scheduler.add(job).await?;
        }
        scheduler.start().await?;
        stop.cancelled().await;
        Ok(scheduler.shutdown().await?)
    };
    (inbox, spawn_blocking(|| Builder::new_current_thread().enable_time().build()?.block_on(keep_time)))
}
