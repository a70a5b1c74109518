//! When it will be over, and how earlier forecasts did.

use schemars::JsonSchema;
use serde::Serialize;

use super::{text, text_or_null};
use crate::{evidence::Day, report::schema::DayText};

/// When it will be over.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub struct ForecastReport {
    /// What a forecast lacks; empty when there is one.
    pub missing: String,
    /// `remaining`, or after the removal `failing`.
    pub counted: &'static str,
    /// At the end of the last day before the removal; after the removal four weeks ahead.
    pub end: Option<ForecastPointRow>,
    /// The day at whose end nothing is left; none when that lies more than a year after the removal.
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub zero_day_p10: Option<Day>,
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub zero_day_p50: Option<Day>,
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub zero_day_p90: Option<Day>,
    /// Sorted by date; the end is the last.
    pub path: Vec<ForecastPointRow>,
    /// How many of the counted are expected to use the legacy credential still, now.
    pub still_used: f64,
    /// So many must stop each week to be done at the removal.
    pub needed_a_week: f64,
    /// So many stopped each week of the last four.
    pub stopped_a_week: f64,
    /// Most of what stops later still counts at the removal.
    #[serde(serialize_with = "text_or_null")]
    #[schemars(with = "Option<DayText>")]
    pub last_visible_stop: Option<Day>,
    pub moves: Vec<MoveRow>,
    /// How earlier forecasts did, by their distance.
    pub scores: Vec<ScoreRow>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ForecastPointRow {
    #[serde(serialize_with = "text")]
    #[schemars(with = "DayText")]
    pub date: Day,
    pub p10: u32,
    pub p50: u32,
    pub p90: u32,
    pub zero_probability: f64,
}

/// What would change the forecast: one client in one team's hands.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct MoveRow {
    pub client_name: String,
    pub owner: String,
    pub integration_count: usize,
    pub integrations: Vec<String>,
    /// So many fewer integrations are expected to be left at the removal when it is moved today.
    pub effect: f64,
}

/// Forecasts of some distance whose day has come, against what came. Errors and losses are in integrations.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct ScoreRow {
    pub from_days: i32,
    pub to_days: Option<i32>,
    pub forecasts: u32,
    /// The share that held what came between the 10 and 90 % quantiles.
    pub held: f64,
    pub error: f64,
    pub error_unchanged: f64,
    pub error_line: f64,
    pub pinball: f64,
    pub pinball_unchanged: f64,
    pub pinball_line: f64,
}
