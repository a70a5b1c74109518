//! The one place that reads the clock. `now` is a value: read once a tick or once a command, and passed down.

use jiff::Timestamp;

/// The clock of a command: the system's, or the instant that `--now` names.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    System,
    Fixed(Timestamp),
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => at,
        }
    }
}
