//! Sums of uses over weeks and hours, which the charts show.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{IntegrationRow, UsageRow, WindowRow};
use crate::{
    analysis::DailyUses,
    evidence::{Credential, Day, counts::add, time},
};

const WEEK: i32 = 7;
const HOURS: usize = 24;
/// Weeks that are summed, the last ones.
const MAX_WEEKS: i32 = 26;

/// Uses by week and credential, of weeks that are over: the last one ends on the day before today.
pub(super) fn by_week(daily: &[DailyUses], today: Day) -> Vec<UsageRow> {
    let week_of = |day: Day| today.plus(-WEEK * ((today.0 - day.0 + WEEK - 1) / WEEK));
    let earliest = today.plus(-WEEK * MAX_WEEKS);
    let mut sums: BTreeMap<(Day, Credential), u64> = BTreeMap::new();
    for row in daily.iter().filter(|row| row.day >= earliest && row.day < today) {
        add(sums.entry((week_of(row.day), row.credential)).or_default(), row.uses);
    }
    let credentials: BTreeSet<Credential> = sums.keys().map(|(_, credential)| *credential).collect();
    // The first week may have begun before anything was read.
    let first = daily.first().map(|row| row.day).map(|day| week_of(day).plus(WEEK).max(earliest));
    let weeks = first.into_iter().flat_map(|first| (first.0..today.0).step_by(7).map(Day));
    let row = |week: Day, credential: Credential| {
        let uses = sums.get(&(week, credential)).copied().unwrap_or(0);
        UsageRow { week, credential, uses }
    };
    weeks.flat_map(|week| credentials.iter().map(move |credential| row(week, *credential))).collect()
}

/// Expected legacy uses of what remains, by UTC hour of an average day.
pub(super) fn by_hour(integrations: &[IntegrationRow]) -> Vec<f64> {
    let mut hours = vec![0.0; HOURS];
    for row in integrations.iter().filter(|row| row.status.remaining()) {
        hours.iter_mut().zip(&row.uses_by_hour).for_each(|(sum, uses)| *sum += uses);
    }
    hours
}

/// The UTC hours that windows meet, a bit each.
pub(super) fn hours_of(windows: &[WindowRow]) -> u32 {
    let hour = |ms: i64| ms.div_euclid(time::MS_PER_DAY / 24);
    let met = |window: &WindowRow| hour(window.from.as_millisecond())..=hour(window.to.as_millisecond() - 1);
    windows.iter().flat_map(met).fold(0, |hours, hour| hours | 1 << hour.rem_euclid(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(day: i32, credential: Credential, uses: u64) -> DailyUses {
        DailyUses { day: Day(day), credential, uses }
    }

    #[test]
    fn weeks_end_on_the_day_before_today_and_the_first_that_is_not_whole_is_left_out() {
        let (legacy, token) = (Credential::AppPassword, Credential::ApiToken);
        let rows = by_week(
            &[used(80, legacy, 1), used(86, legacy, 2), used(92, legacy, 4), used(99, token, 8), used(100, token, 16)],
            Day(100),
        );
        let sums: Vec<_> = rows.iter().map(|row| (row.week.0, row.credential, row.uses)).collect();
        assert_eq!(sums, [(86, legacy, 6), (86, token, 0), (93, legacy, 0), (93, token, 8)]);
        assert!(by_week(&[], Day(100)).is_empty());
    }
}
