//! How earlier forecasts did: how often the truth lay between the 10 and 90 % quantiles, and the pinball loss (Koenker and
//! Bassett, *Regression quantiles*, Econometrica 46, 1978) against two forecasts that anybody can make: nothing changes,
//! and the straight line through the four weeks before goes on.

use super::Quantiles;
use crate::analysis::BurndownDay;
use crate::evidence::Day;

/// The straight line is drawn through this many days.
const LINE_DAYS: i32 = 28;
const LEVELS: [f64; 3] = [0.1, 0.5, 0.9];

/// A forecast of one number, as it is recorded on its day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    pub day: Day,
    /// The day at whose end the number was forecast.
    pub target: Day,
    pub quantiles: Quantiles<u32>,
    /// That nothing is left at the end of that day.
    pub zero_probability: f64,
}

/// How the forecasts of some distance did, whose target has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Days from a forecast to its target, from and to, inclusive.
    pub distance: (i32, i32),
    pub forecasts: u32,
    /// The share that held the truth between the 10 and 90 % quantiles; four of five would be right.
    pub held: f64,
    /// Mean absolute error of the median, in integrations; and of the two naive forecasts.
    pub error: f64,
    pub error_unchanged: f64,
    pub error_line: f64,
    /// Mean pinball loss over the three quantiles, in integrations; and of the two naive forecasts.
    pub pinball: f64,
    pub pinball_unchanged: f64,
    pub pinball_line: f64,
}

/// The distances that are told apart: a week, up to four, and more.
const DISTANCES: [(i32, i32); 3] = [(1, 7), (8, 28), (29, i32::MAX)];

/// Scores every forecast whose target is over, by distance; distances without one are left out. `burndown` is what came,
/// as known now, sorted by day. Forecasts of successive days share most of what they forecast, so the count of them says
/// less than it seems to.
pub fn look_back(recorded: &[Recorded], burndown: &[BurndownDay], today: Day) -> Vec<Score> {
    let judged: Vec<(i32, Judged)> = recorded.iter().filter_map(|forecast| judge(forecast, burndown, today)).collect();
    let of = |distance: (i32, i32)| {
        let inside: Vec<&Judged> =
            judged.iter().filter(|(days, _)| (distance.0..=distance.1).contains(days)).map(|(_, judged)| judged).collect();
        (!inside.is_empty()).then(|| summary(distance, &inside))
    };
    DISTANCES.into_iter().filter_map(of).collect()
}

/// One forecast and what came.
struct Judged {
    truth: f64,
    quantiles: [f64; 3],
    unchanged: f64,
    line: f64,
}

fn judge(forecast: &Recorded, burndown: &[BurndownDay], today: Day) -> Option<(i32, Judged)> {
    let on = |day: Day| burndown.binary_search_by_key(&day, |row| row.day).ok().map(|at| f64::from(burndown[at].remaining));
    let Quantiles { p10, p50, p90 } = forecast.quantiles;
    let days = forecast.target.0 - forecast.day.0;
    if forecast.target >= today || days < 1 {
        return None;
    }
    let judged = Judged {
        truth: on(forecast.target)?,
        quantiles: [p10, p50, p90].map(f64::from),
        unchanged: on(forecast.day)?,
        line: straight_line(burndown, forecast.day, days)?,
    };
    Some((days, judged))
}

/// The least-squares line through the four weeks up to a day, so many days later; never below nothing.
fn straight_line(burndown: &[BurndownDay], day: Day, ahead: i32) -> Option<f64> {
    let points: Vec<(f64, f64)> = burndown
        .iter()
        .filter(|row| row.day <= day && row.day > day.plus(-LINE_DAYS))
        .map(|row| (f64::from(row.day.0 - day.0), f64::from(row.remaining)))
        .collect();
    let count = super::real(points.len());
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let across: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let along: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = if along > 0.0 { across / along } else { 0.0 };
    (!points.is_empty()).then(|| (y + slope * (f64::from(ahead) - x)).max(0.0))
}

/// ρ of a quantile's level: what is above it costs the level, what is below it the rest.
fn pinball(truth: f64, forecast: f64, level: f64) -> f64 {
    let over = truth - forecast;
    over * if over < 0.0 { level - 1.0 } else { level }
}

fn summary(distance: (i32, i32), judged: &[&Judged]) -> Score {
    let mean = |of: &dyn Fn(&Judged) -> f64| judged.iter().map(|j| of(j)).sum::<f64>() / super::real(judged.len());
    let losses = |of: &dyn Fn(&Judged, usize) -> f64| {
        let of_levels = |j: &Judged| LEVELS.iter().zip(0..).map(|(level, at)| pinball(j.truth, of(j, at), *level)).sum::<f64>();
        mean(&|j| of_levels(j) / 3.0)
    };
    Score {
        distance,
        forecasts: u32::try_from(judged.len()).unwrap_or(u32::MAX),
        held: mean(&|j| f64::from(u8::from((j.quantiles[0]..=j.quantiles[2]).contains(&j.truth)))),
        error: mean(&|j| (j.truth - j.quantiles[1]).abs()),
        error_unchanged: mean(&|j| (j.truth - j.unchanged).abs()),
        error_line: mean(&|j| (j.truth - j.line).abs()),
        pinball: losses(&|j, at| j.quantiles[at]),
        pinball_unchanged: losses(&|j, _| j.unchanged),
        pinball_line: losses(&|j, _| j.line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One integration leaves every day: 60 on day 0.
    fn burndown() -> Vec<BurndownDay> {
        (0..60).map(|day| BurndownDay { day: Day(day), remaining: 60 - day.unsigned_abs(), ..BurndownDay::default() }).collect()
    }

    fn made(day: i32, target: i32, [p10, p50, p90]: [u32; 3]) -> Recorded {
        Recorded { day: Day(day), target: Day(target), quantiles: Quantiles { p10, p50, p90 }, zero_probability: 0.0 }
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }

    #[test]
    fn errors_and_losses_are_those_of_the_definition() {
        let scores = look_back(&[made(40, 47, [10, 12, 15])], &burndown(), Day(59));
        let [score] = scores.as_slice() else { panic!("one distance: {scores:?}") };
        assert_eq!((score.distance, score.forecasts), ((1, 7), 1));
        near(score.held, 1.0);
        // 13 came: 3 above the first, 1 above the second, 2 below the third quantile.
        near(score.error, 1.0);
        near(score.pinball, (0.1 * 3.0 + 0.5 * 1.0 + 0.1 * 2.0) / 3.0);
        near(score.error_unchanged, 7.0);
        near(score.pinball_unchanged, (0.9 * 7.0 + 0.5 * 7.0 + 0.1 * 7.0) / 3.0);
        near(score.error_line, 0.0);
        near(score.pinball_line, 0.0);
    }

    #[test]
    fn only_forecasts_whose_day_is_over_are_scored_each_with_its_distance() {
        let forecasts = [made(10, 12, [0, 0, 0]), made(10, 38, [20, 21, 22]), made(10, 59, [0, 1, 2]), made(40, 70, [1, 2, 3])];
        let scores = look_back(&forecasts, &burndown(), Day(59));
        let seen: Vec<_> = scores.iter().map(|score| (score.distance.0, score.forecasts, score.held)).collect();
        assert_eq!(seen, [(1, 1, 0.0), (8, 1, 1.0)], "today is not over, and the day after it has not come");
        assert!(look_back(&[], &burndown(), Day(59)).is_empty());
        assert!(look_back(&forecasts, &[], Day(59)).is_empty(), "nothing is known of what came");
    }

    #[test]
    fn the_line_through_a_number_that_stands_still_is_flat_and_none_leads_below_zero() {
        let still: Vec<BurndownDay> =
            (0..60).map(|day| BurndownDay { day: Day(day), remaining: 9, ..BurndownDay::default() }).collect();
        near(straight_line(&still, Day(50), 40).unwrap(), 9.0);
        near(straight_line(&burndown(), Day(50), 40).unwrap(), 0.0);
        near(straight_line(&burndown()[..1], Day(0), 40).unwrap(), 60.0);
    }
}
