//! How an integration works, beside the contract's period and never in its place: the periods it keeps, whether a machine
//! or a person is behind it, what is to be expected of it, and what brownouts did to it.
//!
//! Everything rests on its [`Activity`], the days of legacy use among the days on which somebody looked: a day that nobody
//! saw is neither use nor silence.

mod activity;
mod brownout;
mod calendar;
mod character;
mod expectation;
mod period;
mod rhythm;

use activity::Activity;
pub(super) use calendar::Calendar;
use expectation::Expectation;

use super::findings::{Brownouts, Exposure, Rhythm};
use super::timeline::{Course, Rules};
use crate::evidence::{Category, Origin, Window};

/// What is known of an integration beside its days of use.
pub(super) struct Subject<'a> {
    pub(super) category: Category,
    pub(super) origin: &'a Origin,
    pub(super) repositories: usize,
    /// `workspace/repository` of a place number.
    pub(super) name_of: &'a dyn Fn(u32) -> String,
}

/// How an integration works.
pub(super) struct Habit {
    pub(super) rhythm: Rhythm,
    pub(super) weekly_uses: f64,
    pub(super) brownouts: Brownouts,
    pub(super) exposure: Exposure,
}

/// Judges one integration's legacy use; `windows` are those to come. None without legacy use.
pub(super) fn judge(
    course: &Course<'_>,
    rules: &Rules<'_>,
    subject: &Subject<'_>,
    (calendar, windows): (&Calendar, &[Window]),
) -> Option<Habit> {
    let activity = Activity::of(course, rules)?;
    let periods = period::periods(&activity);
    let hours = expectation::hour_shares(&activity, calendar);
    let expectation = Expectation::present(&activity, &periods, &hours);
    Some(Habit {
        rhythm: rhythm::rhythm(&activity, &periods, subject),
        weekly_uses: expectation.weekly(),
        brownouts: brownout::brownouts((&activity, &hours), &periods, course.cells, (rules, calendar)),
        exposure: brownout::exposure(&expectation, windows, rules),
    })
}
