//! How far the clock of this machine is off another one. Atlassian's is trusted; nothing is refused because of it, but what is
//! read by a wrong clock is dated wrongly, and somebody has to be told.

use std::time::Instant;

use jiff::Timestamp;

/// Clocks that differ by more are not both right: days are taken for others, and cron lines come at odd times.
pub const WRONG_SECONDS: i64 = 300;

/// A clock as it was read, and when that was by a stopwatch, which nobody sets.
pub type Reading = (Timestamp, Instant);

/// How many seconds one clock is ahead of another one, whenever they were read.
pub fn ahead_seconds(of_it: Reading, of_other: Reading) -> i64 {
    let now = |(shown, at): Reading| shown.saturating_add(at.elapsed()).unwrap_or(shown);
    now(of_it).duration_since(now(of_other)).as_secs()
}

/// What that means, in words.
pub fn words(it: &str, ahead_seconds: i64, other: &str) -> String {
    let difference = spelled(ahead_seconds.saturating_abs());
    match ahead_seconds {
        0 => format!("{it} agrees with {other}"),
        1.. => format!("{it} is {difference} ahead of {other}"),
        ..0 => format!("{it} is {difference} behind {other}"),
    }
}

/// As exactly as somebody would say it, so that it stays the same from one answer to the next.
fn spelled(seconds: i64) -> String {
    if seconds < WRONG_SECONDS {
        return format!("{seconds} s");
    }
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min")];
    let said = parts.iter().filter(|(count, _)| *count > 0).take(2).map(|(count, unit)| format!("{count} {unit}"));
    said.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_said_in_two_units_at_most() {
        let said = |seconds| words("ours", seconds, "theirs");
        assert_eq!(said(0), "ours agrees with theirs");
        assert_eq!(said(-170), "ours is 170 s behind theirs");
        assert_eq!(said(WRONG_SECONDS + 59), "ours is 5 min ahead of theirs");
        assert_eq!(said(7_200), "ours is 2 h ahead of theirs");
        assert_eq!(said(-(2 * 86_400 + 3 * 3_600 + 59 * 60)), "ours is 2 d 3 h behind theirs");
    }
}
