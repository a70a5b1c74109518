//! How many legacy uses are to be expected on a day and in an hour, at the present rate.
//!
//! A day's expectation is the mean of its weekday over the last weeks that were seen, drawn towards the mean of all days by
//! two days' worth of it: with the Gamma prior of that weight the mean of a Poisson rate becomes (Σ uses + k·m) / (n + k)
//! (A. Gelman et al., "Bayesian Data Analysis", 3rd ed., 2.6). The days of a period that comes less than once a week are
//! averaged by themselves, so that what is due in one week and not in another is expected so. Within the day uses are spread as
//! the hours outside brownouts were used, each hour's uses divided by how much of that hour was open.
//!
//! A refused use is tried again, so that a broken job would look busier than it ever was: refusals of a day count no more
//! than what is missing to a usual day without any.

use super::activity::{ActiveDay, Activity, as_f64, part, weekday};
use super::calendar::Calendar;
use super::period::{Pattern, Period};
use crate::analysis::rank::total;
use crate::evidence::{Day, Window, time::MS_PER_HOUR};

/// The weight of all days in each weekday's mean, in days.
const SHRINKAGE_DAYS: f64 = 2.0;
/// Four of each weekday; more where there was less to see.
const LOOK_BACK_DAYS: [usize; 3] = [28, 56, 92];
const ENOUGH_DAYS_OF_USE: usize = 3;
/// Runs of a rare period that its size is taken from.
const RARE_RUNS: usize = 4;
/// Below this many uses outside brownouts their hours say nothing, and all hours are taken.
const ENOUGH_USES: f64 = 3.0;
/// An hour that was open less than this is taken for as open: dividing by nearly nothing says nothing.
const LEAST_OPEN: f64 = 0.1;
/// Days without brownouts that make a basis of their own for what to expect inside them.
const ENOUGH_UNDISTURBED: usize = 14;

/// Expected uses by weekday, on the days of rare periods, and how they spread over the hours of a day (a share each, 1 in all).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expectation {
    weekdays: [f64; 7],
    rare: Vec<(Pattern, f64)>,
    hours: [f64; 24],
    /// The days that all of it is measured on, of those that were seen.
    pub(super) days: f64,
}

impl Expectation {
    /// At the present rate: from the days up to the last one that is over.
    pub(super) fn present(activity: &Activity, periods: &[Period], hours: &[f64; 24]) -> Self {
        let usual = usual_day(activity);
        let uses = |active: &ActiveDay| {
            let accepted = as_f64(active.accepted);
            let rejected = as_f64(active.rejected);
            accepted + usual.map_or(rejected, |usual| rejected.min((usual - accepted).max(1.0)))
        };
        Self::fit(activity, periods, hours, activity.last_whole, |day| Some((activity.on(day).map_or(0.0, uses), 1.0)))
    }

    /// As it worked outside brownouts while it was in use: what they are compared with. On days without any, where there are
    /// enough of them; else outside the windows, for as much of a day's work as they left open.
    pub(super) fn undisturbed(activity: &Activity, periods: &[Period], hours: &[f64; 24], calendar: &Calendar) -> Self {
        let until = activity.last().min(activity.last_whole);
        let days = activity.looked_days(until.plus(-LONG_DAYS), until);
        let undisturbed = days.filter(|day| calendar.disturbed(*day).is_none());
        let enough = undisturbed.take(ENOUGH_UNDISTURBED).count() == ENOUGH_UNDISTURBED;
        let outside = |day| activity.on(day).map_or(0.0, |active| as_f64(active.outside));
        Self::fit(activity, periods, hours, until, |day| {
            let Some(open) = calendar.disturbed(day) else { return Some((outside(day), 1.0)) };
            let open: f64 = hours.iter().zip(open).map(|(share, open)| share * open).sum();
            (!enough && open > 0.0).then(|| (outside(day), open))
        })
    }

    /// `of_day` gives a day's uses and the part of the day they stand for; none for a day that says nothing.
    fn fit(
        activity: &Activity,
        periods: &[Period],
        hours: &[f64; 24],
        until: Day,
        of_day: impl Fn(Day) -> Option<(f64, f64)>,
    ) -> Self {
        let rare: Vec<Pattern> = periods.iter().map(|p| p.pattern).filter(|p| days_apart(*p) > 7.0).collect();
        let days = || activity.looked_days(activity.first(), until).rev();
        let mean_of = |pattern: &Pattern| {
            let runs = days().filter(|day| pattern.includes(*day)).filter_map(&of_day).take(RARE_RUNS);
            mean(runs).map(|mean| (*pattern, mean))
        };
        let newest = activity.last().plus(-FARTHEST_DAYS);
        let common = days().take_while(|day| *day >= newest).filter(|day| !rare.iter().any(|pattern| pattern.includes(*day)));
        let measured: Vec<(Day, (f64, f64))> = common.filter_map(|day| Some((day, of_day(day)?))).collect();
        let measured = look_back(&measured);
        Self {
            weekdays: weekday_means(measured),
            rare: rare.iter().filter_map(mean_of).collect(),
            hours: *hours,
            days: total(measured.iter().map(|(_, (_, part))| *part)),
        }
    }

    /// Expected uses on a day.
    pub(super) fn on(&self, day: Day) -> f64 {
        let rare = self.rare.iter().find(|(pattern, _)| pattern.includes(day));
        rare.map_or(self.weekdays[weekday(day)], |(_, uses)| *uses)
    }

    /// Expected uses in an average week; a rare run counts for its share.
    pub(super) fn weekly(&self) -> f64 {
        let rare: f64 = self.rare.iter().map(|(pattern, uses)| uses * 7.0 / days_apart(*pattern)).sum();
        self.weekdays.iter().sum::<f64>() + rare
    }

    /// Expected uses on so many days from one on.
    pub(super) fn from(&self, first: Day, days: i32) -> f64 {
        total((0..days).map(|n| self.on(first.plus(n))))
    }

    /// Expected uses inside a window.
    pub(super) fn within(&self, window: &Window) -> f64 {
        let days = Day::of_ms(window.from_ms).0..=Day::of_ms(window.to_ms - 1).0;
        let on = |day: Day| {
            let (from_ms, to_ms) = (window.from_ms.max(day.start_ms()), window.to_ms.min(day.end_ms()));
            let part_of = |hour: i64| {
                let start_ms = day.start_ms() + hour * MS_PER_HOUR;
                let common_ms = to_ms.min(start_ms + MS_PER_HOUR) - from_ms.max(start_ms);
                self.hours[usize::try_from(hour).unwrap_or(0)] * part(common_ms, MS_PER_HOUR)
            };
            let hour_of = |ms: i64| (ms - day.start_ms()) / MS_PER_HOUR;
            self.on(day) * (hour_of(from_ms)..=hour_of(to_ms - 1)).map(part_of).sum::<f64>()
        };
        days.map(Day).map(on).sum()
    }

    /// Expected uses by UTC hour of an average day.
    pub(super) fn by_hour(&self) -> [f64; 24] {
        let average = self.weekdays.iter().sum::<f64>() / 7.0;
        self.hours.map(|share| share * average)
    }
}

const LONG_DAYS: i32 = 92;
/// Days before the last use that are looked back on: enough for 92 that were seen, though every second one was not.
const FARTHEST_DAYS: i32 = 184;

/// How many days lie between two runs of a pattern on average, of one that does not come several times a week.
fn days_apart(pattern: Pattern) -> f64 {
    match pattern {
        Pattern::Daily | Pattern::Weekdays(_) => 1.0,
        Pattern::Monthly(_) => 365.25 / 12.0,
        Pattern::Every(step, _) => step.into(),
    }
}

/// The median of the days of use on which nothing was refused; none where there was no such day.
fn usual_day(activity: &Activity) -> Option<f64> {
    let mut days: Vec<u64> =
        activity.days.iter().rev().filter(|a| a.rejected == 0).take(LONG_DAYS as usize).map(|a| a.accepted).collect();
    days.sort_unstable();
    (!days.is_empty()).then(|| as_f64(days[days.len() / 2]))
}

/// The newest days, as many as it took to see three days of use while it was in use; they come newest first.
fn look_back(days: &[(Day, (f64, f64))]) -> &[(Day, (f64, f64))] {
    let in_use = |(_, (uses, _)): &&(Day, (f64, f64))| *uses > 0.0;
    let silent = days.iter().position(|day| in_use(&day)).unwrap_or(0);
    let used = |length: usize| days.iter().skip(silent).take(length).filter(in_use).count();
    let length = LOOK_BACK_DAYS.into_iter().find(|length| used(*length) >= ENOUGH_DAYS_OF_USE).unwrap_or(LOOK_BACK_DAYS[2]);
    &days[..days.len().min(length)]
}

fn mean(days: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (uses, parts) = days.fold((0.0, 0.0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
    (parts > 0.0).then(|| uses / parts)
}

fn weekday_means(days: &[(Day, (f64, f64))]) -> [f64; 7] {
    let all = mean(days.iter().map(|(_, day)| *day)).unwrap_or(0.0);
    std::array::from_fn(|wanted| {
        let own = days.iter().filter(|(day, _)| weekday(*day) == wanted);
        let (uses, parts) = own.fold((0.0, 0.0), |sum, (_, day)| (sum.0 + day.0, sum.1 + day.1));
        (uses + SHRINKAGE_DAYS * all) / (parts + SHRINKAGE_DAYS)
    })
}

/// How uses spread over the hours of a day, a share each, 1 in all.
pub(super) fn hour_shares(activity: &Activity, calendar: &Calendar) -> [f64; 24] {
    if activity.outside_by_hour.iter().sum::<f64>() < ENOUGH_USES {
        return shares(activity.by_hour);
    }
    let (mut seen, mut closed) = (0.0, [0.0; 24]);
    for day in activity.looked_days(activity.first(), activity.last()) {
        seen += 1.0;
        for (sum, open) in closed.iter_mut().zip(calendar.disturbed(day).into_iter().flatten()) {
            *sum += 1.0 - open;
        }
    }
    let open = |hour: usize| 1.0 - closed[hour] / f64::max(seen, 1.0);
    shares(std::array::from_fn(|hour| activity.outside_by_hour[hour] / open(hour).max(LEAST_OPEN)))
}

fn shares(uses: [f64; 24]) -> [f64; 24] {
    let all: f64 = uses.iter().sum();
    uses.map(|of_hour| if all > 0.0 { of_hour / all } else { 1.0 / 24.0 })
}
