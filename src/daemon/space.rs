//! How much the store grows, and how long there is space for it.

use std::fmt;

use jiff::Timestamp;

use super::Options;
use crate::{
    analysis::counted,
    report::size,
    store::{Growth, Store, StoreError},
};

/// Further ahead than this nobody plans.
const FAR_DAYS: u64 = 3_650;

/// The size of the store, and the space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub used_bytes: u64,
    /// None while there is no whole day of evidence.
    pub bytes_a_day: Option<u64>,
    /// None where the file system does not tell.
    pub free_bytes: Option<u64>,
}

impl Space {
    pub async fn of(store: &Store, options: &Options, now: Timestamp) -> Result<Self, StoreError> {
        let raw_days = options.retention.kept_days();
        let (growth, free_bytes) = store.read(move |r| Ok((r.growth(now, raw_days)?, r.free_bytes()))).await?;
        let Growth { used_bytes, bytes_a_day } = growth;
        Ok(Self { used_bytes, bytes_a_day, free_bytes })
    }

    /// After how many days the file system is full, as long as nothing is old enough to be removed.
    pub fn days_left(&self) -> Option<u64> {
        self.free_bytes?.checked_div(self.bytes_a_day?)
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", size(self.used_bytes))?;
        match self.bytes_a_day {
            Some(bytes) => write!(f, ", growing by {} a day", size(bytes))?,
            None => write!(f, "; how much it grows is known after a whole day of evidence")?,
        }
        let Some(free) = self.free_bytes else { return Ok(()) };
        write!(f, "; {} free on its disk", size(free))?;
        match self.days_left() {
            Some(days) if days < FAR_DAYS => write!(f, ", enough for {}", counted(days, "day", "days")),
            Some(_) => write!(f, ", enough for more than ten years"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_long_there_is_space() {
        let space = |bytes_a_day, free_bytes| Space { used_bytes: 12_000_000, bytes_a_day, free_bytes }.to_string();
        assert_eq!(
            space(Some(60_000), Some(6_000_000)),
            "12 MB, growing by 60 kB a day; 6.0 MB free on its disk, enough for 100 days"
        );
        assert!(space(Some(60_000), Some(60_000)).ends_with("enough for 1 day"));
        assert!(space(Some(1), Some(1 << 40)).ends_with("enough for more than ten years"));
        assert!(space(Some(0), Some(1 << 40)).ends_with("free on its disk"));
        assert_eq!(space(None, None), "12 MB; how much it grows is known after a whole day of evidence");
    }
}
