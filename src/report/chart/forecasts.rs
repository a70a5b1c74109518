//! What was forecast for the removal, day by day, beside what remained then.

use super::{
    picture::{Ink, Picture, Point, Sample, Shape},
    remaining::dates,
};
use crate::{
    evidence::Day,
    report::document::{BurndownRow, CampaignReport},
};

/// None below two days with a forecast.
pub fn forecasts(campaign: &CampaignReport) -> Option<Picture> {
    let made: Vec<(&BurndownRow, [u32; 3])> = campaign
        .burndown
        .iter()
        // After the removal another number is forecast: what fails four weeks ahead.
        .filter(|day| day.date < Day::of(campaign.removal))
        .filter_map(|day| Some((day, [day.forecast_p10?, day.forecast_p50?, day.forecast_p90?])))
        .collect();
    let (first, last) = (made.first()?, made.last()?);
    if made.len() < 2 {
        return None;
    }
    let curve = |of: fn(&(&BurndownRow, [u32; 3])) -> u32| {
        made.iter().map(move |day| (f64::from(day.0.date.0), f64::from(of(day)))).collect::<Vec<Point>>()
    };
    let band: Vec<Point> = curve(|day| day.1[2]).into_iter().chain(curve(|day| day.1[0]).into_iter().rev()).collect();
    let highest = made.iter().map(|(day, [_, _, p90])| day.remaining.max(*p90)).max().unwrap_or(0);
    let across = (f64::from(first.0.date.0), f64::from(last.0.date.0) + 1.0);
    let range = |made: &[u32; 3]| format!("{} ({} to {})", made[1], made[0], made[2]);
    Some(Picture {
        title: "Forecasts",
        alt: format!(
            "What was forecast to remain: {} on {}, {} on {}; {} remained on the first day and {} on the last.",
            range(&first.1),
            first.0.date,
            range(&last.1),
            last.0.date,
            first.0.remaining,
            last.0.remaining
        ),
        note: "",
        marks: dates(campaign, across),
        shapes: vec![
            Shape::Area { points: band, ink: Ink::Green, opacity: 0.25 },
            Shape::Line { points: curve(|day| day.1[1]), ink: Ink::Green, width: 2 },
            Shape::Line { points: curve(|day| day.0.remaining), ink: Ink::Blue, width: 2 },
        ],
        key: vec![
            (Sample::Line, Ink::Blue, "remained on the day, as known now".to_owned()),
            (Sample::Line, Ink::Green, "forecast on the day".to_owned()),
            (Sample::Faint, Ink::Green, "its range of four in five".to_owned()),
        ],
        ..Picture::over_days(across, u64::from(highest))
    })
}
