//! The burn-down: what remained each day, as known now and as it was reported, and what is forecast.

use jiff::Timestamp;

use super::picture::{Ink, Mark, Picture, Point, Sample, Shape, Span, x};
use crate::{
    evidence::{Day, time},
    report::{
        document::{BurndownRow, CampaignReport, ForecastPointRow},
        words,
    },
};

/// History before this does not help to see the end.
const MAX_DAYS: i32 = 183;
/// Room to the right of the last line, in days.
const DAYS_AFTER: f64 = 3.0;

/// None below two days: a point is no curve.
pub fn burndown(campaign: &CampaignReport, now: Timestamp) -> Option<Picture> {
    let days = lately(&campaign.burndown);
    let last = days.last().filter(|_| days.len() > 1)?;
    let ahead: Vec<&ForecastPointRow> = path(campaign).filter(|point| point.date > last.date).collect();
    let end = if campaign.removed { x(now) } else { x(campaign.removal) };
    let across = (f64::from(days[0].date.0), end.max(x(now)) + DAYS_AFTER);
    let counted = days.iter().map(|d| d.remaining.max(d.remaining_as_reported.unwrap_or(0)));
    let highest = counted.chain(ahead.iter().map(|p| p.p90)).max().unwrap_or(0);
    let mut shapes = forecast(last, &ahead);
    shapes.extend(curves(days));
    Some(Picture {
        title: "Burn-down",
        alt: finding(campaign),
        note: "Days are UTC. The past is shown as it is known now; dashed, as it was reported on the day.",
        spans: brownouts(campaign, across),
        marks: dates(campaign, across),
        shapes,
        key: key(days, last, campaign, !ahead.is_empty()),
        ..Picture::over_days(across, u64::from(highest))
    })
}

/// The finding that the picture shows.
pub(super) fn finding(campaign: &CampaignReport) -> String {
    let (Some(first), Some(last)) = (campaign.burndown.first(), campaign.burndown.last()) else {
        return "No history yet.".to_owned();
    };
    let peak = campaign.burndown.iter().map(|d| d.remaining).max().unwrap_or(0);
    let forecast = campaign.forecast.end.as_ref().filter(|_| !campaign.removed);
    let forecast = forecast.map_or_else(String::new, |end| {
        format!("; forecast {} to {} then", words::grouped(end.p10.into()), words::grouped(end.p90.into()))
    });
    format!(
        "Burn-down of remaining integrations: {} on {}, at most {}, {} on {} ({} known); removal on {}{forecast}.",
        words::grouped(first.remaining.into()),
        first.date,
        words::grouped(peak.into()),
        words::grouped(last.remaining.into()),
        last.date,
        words::grouped(last.remaining_known.into()),
        Day::of(campaign.removal),
    )
}

/// What is forecast up to the removal.
fn path(campaign: &CampaignReport) -> impl Iterator<Item = &ForecastPointRow> {
    campaign.forecast.path.iter().filter(|_| !campaign.removed)
}

/// The days that are shown.
pub(super) fn lately(burndown: &[BurndownRow]) -> &[BurndownRow] {
    let Some(last) = burndown.last() else { return burndown };
    &burndown[burndown.partition_point(|d| d.date < last.date.plus(-MAX_DAYS))..]
}

/// A band from the last number to the quantiles ahead, and its middle.
fn forecast(last: &BurndownRow, ahead: &[&ForecastPointRow]) -> Vec<Shape> {
    let curve = |value: fn(&ForecastPointRow) -> u32| {
        let start = (f64::from(last.date.0), f64::from(last.remaining));
        std::iter::once(start).chain(ahead.iter().map(move |p| (f64::from(p.date.0), f64::from(value(p))))).collect::<Vec<_>>()
    };
    if ahead.is_empty() {
        return Vec::new();
    }
    let points: Vec<Point> = curve(|p| p.p90).into_iter().chain(curve(|p| p.p10).into_iter().rev()).collect();
    vec![Shape::Area { points, ink: Ink::Blue, opacity: 0.25 }, Shape::Dashes { points: curve(|p| p.p50), ink: Ink::Blue }]
}

fn curves(days: &[BurndownRow]) -> Vec<Shape> {
    let curve = |value: fn(&BurndownRow) -> u32| days.iter().map(move |d| (f64::from(d.date.0), f64::from(value(d))));
    let ends = |at: usize| (f64::from(days[at].date.0), 0.0);
    let known: Vec<Point> = [ends(0)].into_iter().chain(curve(|d| d.remaining_known)).chain([ends(days.len() - 1)]).collect();
    let reported = reported(days);
    let mut shapes = vec![Shape::Area { points: known, ink: Ink::Blue, opacity: 0.25 }];
    if reported.len() > 1 {
        shapes.push(Shape::Dashes { points: reported, ink: Ink::Soft });
    }
    shapes.push(Shape::Line { points: curve(|d| d.remaining).collect(), ink: Ink::Blue, width: 2 });
    shapes
}

fn reported(days: &[BurndownRow]) -> Vec<Point> {
    days.iter().filter_map(|d| d.remaining_as_reported.map(|n| (f64::from(d.date.0), f64::from(n)))).collect()
}

/// The key has the numbers of today, which spares labels that lines would strike through.
fn key(days: &[BurndownRow], last: &BurndownRow, campaign: &CampaignReport, is_forecast: bool) -> Vec<(Sample, Ink, String)> {
    let mut key = vec![
        (Sample::Line, Ink::Blue, format!("{} remaining", words::counted(last.remaining, "integration"))),
        (Sample::Faint, Ink::Blue, format!("of them {} known", words::grouped(last.remaining_known.into()))),
    ];
    if reported(days).len() > 1 {
        key.push((Sample::Dashes, Ink::Soft, "as reported on the day".to_owned()));
    }
    if let Some(end) = campaign.forecast.end.as_ref().filter(|_| is_forecast) {
        let [p50, p10, p90] = [end.p50, end.p10, end.p90].map(|n| words::grouped(n.into()));
        key.push((Sample::Dashes, Ink::Blue, format!("forecast {p50} ({p10} to {p90})")));
    }
    key
}

/// Single windows are thinner than a pixel: the span of the published and of the extrapolated ones is shaded.
pub(super) fn brownouts(campaign: &CampaignReport, across: (f64, f64)) -> Vec<Span> {
    let mut spans = Vec::new();
    for (published, opacity, words) in [(true, 0.16, "brownouts"), (false, 0.07, "extrapolated brownouts")] {
        let mut windows = campaign.all_windows.iter().filter(|w| w.published == published);
        let Some(from) = windows.next() else { continue };
        let to = windows.next_back().unwrap_or(from);
        let (from, to) = (x(time::instant(from.from_ms)).max(across.0), x(time::instant(to.to_ms)).min(across.1));
        // Beside the published ones the shorter word will do.
        let words = words.strip_suffix(" brownouts").filter(|_| !spans.is_empty()).unwrap_or(words);
        if from < to {
            spans.push(Span { from, to, opacity, words: words.to_owned() });
        }
    }
    spans
}

pub(super) fn dates(campaign: &CampaignReport, across: (f64, f64)) -> Vec<Mark> {
    let all = [(campaign.freeze, "freeze", Ink::Soft), (Some(campaign.removal), "removal", Ink::Vermillion)];
    let mark = |(at, what, ink): (Option<Timestamp>, &str, Ink)| {
        let at = at?;
        Some(Mark { at: x(at), words: format!("{what} {}", words::day(at)), ink })
    };
    all.into_iter().filter_map(mark).filter(|mark| (across.0..=across.1).contains(&mark.at)).collect()
}
