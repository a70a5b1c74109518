//! Which part of each hour the brownouts of a campaign leave open; asked of every day of every integration, and made once.

use super::activity::part;
use crate::evidence::{Campaign, Day, time::MS_PER_HOUR};

/// The open part of each hour, 0 to 1, of each day from the first to the last brownout; none of a day without any.
pub(in super::super) struct Calendar {
    first: Day,
    open: Vec<Option<[f64; 24]>>,
}

impl Calendar {
    pub(in super::super) fn new(campaign: &Campaign) -> Self {
        let (Some(first), Some(last)) = (campaign.windows.first(), campaign.windows.last()) else {
            return Self { first: Day(0), open: Vec::new() };
        };
        let (first, last) = (Day::of_ms(first.from_ms), Day::of_ms(last.to_ms - 1));
        let mut open: Vec<Option<[f64; 24]>> = (first.0..=last.0).map(|_| None).collect();
        for window in &campaign.windows {
            let mut from_ms = window.from_ms;
            while from_ms < window.to_ms {
                let next_ms = (from_ms.div_euclid(MS_PER_HOUR) + 1) * MS_PER_HOUR;
                let day = Day::of_ms(from_ms);
                let hour = usize::try_from((from_ms - day.start_ms()) / MS_PER_HOUR).unwrap_or(0);
                let hours = usize::try_from(day.0 - first.0).ok().and_then(|at| open.get_mut(at));
                if let Some(hours) = hours {
                    hours.get_or_insert([1.0; 24])[hour] -= part(next_ms.min(window.to_ms) - from_ms, MS_PER_HOUR);
                }
                from_ms = next_ms;
            }
        }
        Self { first, open }
    }

    /// The open part of each hour of a day; none for a day without any brownout.
    pub(super) fn disturbed(&self, day: Day) -> Option<&[f64; 24]> {
        usize::try_from(day.0 - self.first.0).ok().and_then(|at| self.open.get(at))?.as_ref()
    }
}
