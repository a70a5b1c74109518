//! Asking again: leave from the budget before every attempt, a bounded number of attempts, back-off with jitter between.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

use super::{FetchError, Refusal, budget::Budget, headers::RateSigns};

/// The pause after each failed attempt; its length is the number of retries. A refused request (429) waits as the server
/// says instead.
pub(super) const BACKOFF: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];
/// A request that would wait longer than this fails at once, so that its source can be tried again by the schedule
/// and the others go on.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Requests under way at once with one credential; more would not finish sooner under any documented limit.
const MAX_IN_FLIGHT: usize = 4;

/// What all users of one credential share.
pub(super) struct Gate {
    budget: Mutex<Budget>,
    random: Mutex<fastrand::Rng>,
    in_flight: Semaphore,
}

impl Gate {
    pub(super) fn new(budget: Budget, seed: u64) -> Self {
        Self {
            budget: Mutex::new(budget),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
        }
    }

    pub(super) fn learn(&self, signs: &RateSigns, refused: bool) -> Duration {
        lock(&self.budget).learn(signs, refused, Instant::now().into_std())
    }

    pub(super) fn used(&self) -> f64 {
        lock(&self.budget).used(Instant::now().into_std())
    }

    /// Waits for leave to send one request; the permit is held while it is under way.
    async fn admit(&self, at: &str) -> Result<SemaphorePermit<'_>, FetchError> {
        let permit = self.in_flight.acquire().await.expect("the semaphore is never closed");
        let started = Instant::now();
        loop {
            let now = Instant::now();
            let Err(wait) = lock(&self.budget).admit(now.into_std()) else { return Ok(permit) };
            if now - started + wait > LONGEST_WAIT {
                return Err(FetchError::RateLimited { at: at.to_owned(), wait });
            }
            sleep(wait).await;
        }
    }

    /// Half to one and a half times as long, so that many clients do not come back at once.
    fn jittered(&self, pause: Duration) -> Duration {
        pause.mul_f64(0.5 + lock(&self.random).f64())
    }
}

/// Runs `attempt` until it succeeds, fails for good, or has failed `retries` times more. A credential that is refused
/// without a reason of its own has failed for good the second time.
pub(super) async fn persist<T, F>(gate: &Gate, at: &str, retries: usize, mut attempt: impl FnMut() -> F) -> Result<T, FetchError>
where
    F: Future<Output = Result<T, FetchError>>,
{
    let mut doubted = false;
    for pause in BACKOFF.into_iter().take(retries) {
        let permit = gate.admit(at).await?;
        let outcome = attempt().await;
        drop(permit);
        match outcome {
            // The budget is blocked for as long as the server said.
            Err(FetchError::RateLimited { .. }) => {}
            Err(error) if error.is_transient() => sleep(gate.jittered(pause)).await,
            Err(error) if !doubted && is_doubtful(&error) => {
                doubted = true;
                sleep(gate.jittered(BACKOFF[1])).await;
            }
            other => return other,
        }
    }
    let _permit = gate.admit(at).await?;
    attempt().await
}

/// Valid credentials are now and then refused as if they were none (BCLOUD-24107): the first such answer proves nothing yet.
fn is_doubtful(error: &FetchError) -> bool {
    matches!(error, FetchError::Unauthorized { why: Refusal::Invalid | Refusal::OtherKind, .. })
}

/// A poisoned lock guards plain numbers that are valid at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
