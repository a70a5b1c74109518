//! How much the store grows, from what it holds.

use jiff::Timestamp;
use rusqlite::named_params;

use super::{Reader, StoreError, convert::count};
use crate::evidence::Day;

const SUM_USES_BETWEEN: &str = include_str!("../../sql/queries/growth/sum_uses_between.sql");
const FIND_FIRST_DAY: &str = include_str!("../../sql/queries/growth/find_first_day.sql");

/// Days of evidence that the growth is taken from, today not included.
const LOOK_BACK_DAYS: i32 = 30;

/// Size and growth of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Without pages that are free and will be used again.
    pub used_bytes: u64,
    /// What a day of evidence as the last ones takes, until the first of it is too old; none while there is no whole day.
    pub bytes_a_day: Option<u64>,
}

impl Reader {
    /// How much the store grows. What a use takes is taken from everything of the days that may be kept, `raw_days` of them.
    pub fn growth(&self, now: Timestamp, raw_days: i32) -> Result<Growth, StoreError> {
        let pragma = |name| self.connection.pragma_query_value(None, name, |row| count(row, 0));
        let used_bytes = pragma("page_count")?.saturating_sub(pragma("freelist_count")?) * pragma("page_size")?;
        let today = Day::of(now);
        let kept_from = today.plus(raw_days.saturating_neg());
        let first_lately = self.first_day(today.plus(-LOOK_BACK_DAYS))?;
        let lately_from = first_lately.filter(|first| *first < today);
        let Some(from) = lately_from else { return Ok(Growth { used_bytes, bytes_a_day: None }) };
        let kept = self.uses_between(kept_from.min(from), today.plus(1))?;
        let days = u128::from(today.0.abs_diff(from.0));
        let uses = u128::from(self.uses_between(from, today)?);
        let a_day = u128::from(used_bytes) * uses / u128::from(kept.max(1)) / days;
        Ok(Growth { used_bytes, bytes_a_day: Some(u64::try_from(a_day).unwrap_or(u64::MAX)) })
    }

    /// The first day on which anything is counted.
    pub(super) fn first_counted_day(&self) -> Result<Option<Day>, StoreError> {
        self.first_day(Day(i32::MIN))
    }

    fn uses_between(&self, from: Day, before: Day) -> Result<u64, StoreError> {
        let values = named_params! { ":from": from.0, ":before": before.0 };
        Ok(self.connection.prepare_cached(SUM_USES_BETWEEN)?.query_row(values, |row| count(row, 0))?)
    }

    fn first_day(&self, from: Day) -> Result<Option<Day>, StoreError> {
        let mut find = self.connection.prepare_cached(FIND_FIRST_DAY)?;
        Ok(find.query_row(named_params! { ":from": from.0 }, |row| row.get::<_, Option<i32>>(0))?.map(Day))
    }
}
