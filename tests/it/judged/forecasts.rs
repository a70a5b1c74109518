//! What was forecast of the number that remains at the removal, against what came, beside two forecasts that know nothing.

use std::collections::BTreeMap;

use duskwatch::evidence::Day;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    table::Sample,
    watch::{REMOVAL, View},
};
use crate::support::at;

/// Days of the past that the straight line goes through.
const LINE_DAYS: usize = 28;

/// The views that are judged: weeks before the removal, and the figures of the interval, of the absolute errors of its
/// middle, of the straight line and of no change.
const FORECASTS: &[(i64, [&str; 4])] = &[
    (
        8,
        [
            "forecast 8 weeks: 10-90 % holds",
            "forecast 8 weeks: MAE",
            "forecast 8 weeks: MAE of a straight line",
            "forecast 8 weeks: MAE of no change",
        ],
    ),
    (
        6,
        [
            "forecast 6 weeks: 10-90 % holds",
            "forecast 6 weeks: MAE",
            "forecast 6 weeks: MAE of a straight line",
            "forecast 6 weeks: MAE of no change",
        ],
    ),
    (
        4,
        [
            "forecast 4 weeks: 10-90 % holds",
            "forecast 4 weeks: MAE",
            "forecast 4 weeks: MAE of a straight line",
            "forecast 4 weeks: MAE of no change",
        ],
    ),
    (
        2,
        [
            "forecast 2 weeks: 10-90 % holds",
            "forecast 2 weeks: MAE",
            "forecast 2 weeks: MAE of a straight line",
            "forecast 2 weeks: MAE of no change",
        ],
    ),
];

/// One day of the report's burn-down.
#[derive(Clone, Debug)]
pub struct BurndownDay {
    day: Day,
    remaining: f64,
    /// 10, 50 and 90 %, as forecast on that day.
    forecast: Option<[f64; 3]>,
}

impl BurndownDay {
    pub fn of(row: &Value) -> Self {
        let quantile = |name: &str| row[name].as_f64();
        let [low, middle, high] = ["forecast_p10", "forecast_p50", "forecast_p90"].map(quantile);
        Self {
            day: Day::parse(row["date"].as_str().unwrap()).unwrap(),
            remaining: row["remaining"].as_f64().unwrap(),
            forecast: low.zip(middle).zip(high).map(|((low, middle), high)| [low, middle, high]),
        }
    }
}

/// The figures of one watched world. What came is the number of the last day before the removal, as known at the end.
pub fn figures(views: &[View]) -> BTreeMap<&'static str, Sample> {
    let removal: Timestamp = at(REMOVAL);
    let eve = Day::of(removal).plus(-1);
    let last = views.last().and_then(|view| view.burndown.iter().find(|day| day.day == eve));
    let mut figures = BTreeMap::new();
    for (view, names) in views.iter().filter_map(|view| Some((view, FORECASTS.iter().find(|it| it.0 == view.weeks_left)?.1))) {
        let (Some(came), Some(today)) = (last.map(|day| day.remaining), view.burndown.last()) else { continue };
        let Some([low, middle, high]) = today.forecast else { continue };
        let error = |said: f64| Sample::of((said - came).abs(), vec![format!("{said} for {came}")]);
        let mut held = Sample::default();
        held.count((low..=high).contains(&came), Some(format!("{low} to {high} for {came}")));
        let line = straight_line(&view.burndown, f64::from(eve.0 - today.day.0));
        let samples = [held, error(middle), error(line.max(0.0)), error(today.remaining)];
        figures.extend(names.into_iter().zip(samples));
    }
    figures
}

/// The least-squares line through the last days, so many days after the last of them.
fn straight_line(days: &[BurndownDay], ahead: f64) -> f64 {
    let past = days.iter().rev().take(LINE_DAYS).zip(0_u32..).map(|(day, back)| (-f64::from(back), day.remaining));
    let count = f64::from(u32::try_from(days.len().min(LINE_DAYS)).unwrap());
    let (mean_x, mean_y) = past.clone().fold((0.0, 0.0), |(x, y), (day, remaining)| (x + day / count, y + remaining / count));
    let (xy, xx) = past.fold((0.0, 0.0), |(xy, xx), (day, remaining)| {
        (xy + (day - mean_x) * (remaining - mean_y), xx + (day - mean_x) * (day - mean_x))
    });
    mean_y + if xx > 0.0 { xy / xx } else { 0.0 } * (ahead - mean_x)
}

#[test]
fn a_straight_line_goes_on_straight() {
    let day = |number: i32| BurndownDay { day: Day(number), remaining: f64::from(100 - 2 * number), forecast: None };
    let days: Vec<BurndownDay> = (0..30).map(day).collect();
    assert!((straight_line(&days, 10.0) - 22.0).abs() < 1e-9);
    assert!((straight_line(&days[..1], 10.0) - 100.0).abs() < 1e-9);
}
