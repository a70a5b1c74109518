//! What wakes the service: cron jobs that only send ticks. Their own notion of time is not trusted: a lost or doubled tick changes
//! nothing. They wait for instants of the clock on the wall, so that one that is set back would have them wait until it is there
//! again; a slower rhythm that nobody can set goes on beside them.
//!
//! They have a thread to themselves. The scheduler looks at its jobs twice a second and runs them by several tasks each; among
//! the workers those wake one another, and a service at rest should rest. For the same reason sources are looked at every five
//! seconds: each tick wakes the thread of the loop too, and no round is due to the second.

use std::time::Duration;

use tokio::{
    runtime::Builder,
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
    time::{Instant, interval_at},
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

/// How long nothing ticks at the most, whatever becomes of the clock on the wall.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// Sends ticks until `stop`; before that they end only with an error.
pub(super) fn start(stop: CancellationToken) -> (mpsc::Receiver<Tick>, JoinHandle<anyhow::Result<()>>) {
    let (ticks, inbox) = mpsc::channel(TICKS_PENDING);
    (inbox, spawn_blocking(|| Builder::new_current_thread().enable_time().build()?.block_on(keep_time(ticks, stop))))
}

async fn keep_time(ticks: mpsc::Sender<Tick>, stop: CancellationToken) -> anyhow::Result<()> {
    let send = move |tick| {
        if ticks.try_send(tick).is_err() {
            tracing::trace!(?tick, "a tick was not needed: others are pending");
        }
    };
    let mut scheduler = JobScheduler::new().await?;
    for (line, tick) in [("*/5 * * * * *", Tick::Sources), ("*/20 * * * * *", Tick::Reports)] {
        let send = send.clone();
        scheduler.add(Job::new(line, move |_, _| send(tick))?).await?;
    }
    scheduler.start().await?;
    let mut steady = interval_at(Instant::now() + AT_LEAST_EVERY, AT_LEAST_EVERY);
    while stop.run_until_cancelled(steady.tick()).await.is_some() {
        [Tick::Sources, Tick::Reports].into_iter().for_each(&send);
    }
    Ok(scheduler.shutdown().await?)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ticks_though_the_clock_on_the_wall_stands_still() {
        // An hour goes by in no time by the one clock, as one that is set back by an hour goes by twice.
        let ((ticks, mut inbox), stop) = (mpsc::channel(TICKS_PENDING), CancellationToken::new());
        let timer = tokio::spawn(keep_time(ticks, stop.clone()));
        let hour = async {
            let mut reports = 0;
            while reports < 120 {
                reports += usize::from(matches!(inbox.recv().await, Some(Tick::Reports)));
            }
        };
        timeout(Duration::from_secs(3_660), hour).await.expect("it ticks twice a minute");
        stop.cancel();
        timer.await.unwrap().unwrap();
    }
}
