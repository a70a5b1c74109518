//! How often one sender may come. Pure: the instant is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket, told as the instant at which it is full again.
#[derive(Debug)]
pub(super) struct Bucket {
    burst: u32,
    pause: Duration,
    full_at: Instant,
}

impl Bucket {
    /// Lets `burst` requests through at once, and one more after each `pause`.
    pub(super) fn full(burst: u32, pause: Duration, now: Instant) -> Self {
        Self { burst, pause, full_at: now }
    }

    /// Leave for one request, or how long to wait.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.pause;
        let wait = (full_at - now).saturating_sub(self.pause * self.burst);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_a_pause() {
        let start = Instant::now();
        let mut bucket = Bucket::full(3, Duration::from_secs(2), start);
        assert_eq!([0; 3].map(|_| bucket.take(start)), [Ok(()); 3]);
        assert_eq!(bucket.take(start), Err(Duration::from_secs(2)));
        let later = start + Duration::from_millis(2_500);
        assert_eq!(bucket.take(later), Ok(()));
        assert_eq!(bucket.take(later), Err(Duration::from_millis(1_500)));
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!([0; 4].map(|_| bucket.take(much_later).is_ok()), [true, true, true, false]);
    }
}
