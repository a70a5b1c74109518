//! The burn-down, drawn once for two surfaces: SVG for the page, PNG for mail (mail clients show no SVG).

use std::sync::Once;

use jiff::Timestamp;
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    element::DashedPathElement,
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    document::{BurndownRow, CampaignReport, ForecastPointRow},
    words,
};
use crate::evidence::{Day, time};

/// DejaVu Sans, Latin subset; its licence lies beside it.
const FONT: &[u8] = include_bytes!("fonts/DejaVuSans-subset.ttf");
const FONT_NAME: &str = "sans-serif";
static FONT_REGISTERED: Once = Once::new();

/// Colours that stay apart for colour-blind readers (Okabe and Ito) and on light and dark ground.
const REMAINING: RGBColor = RGBColor(0, 114, 178);
const REMOVAL: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(75, 85, 99);
const GRID: RGBColor = RGBColor(209, 213, 219);

/// Size in CSS pixels; the PNG has twice as many, for dense screens.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 300;
const PNG_SCALE: u32 = 2;
/// History before this does not help to see the end.
const MAX_DAYS: i32 = 183;
/// Room to the right of the last line, in days.
const DAYS_AFTER: f64 = 3.0;
/// Labels on the number axis, about.
const GRID_LINES: u32 = 4;
const FONT_SIZE: u32 = 12;

type Drawing<E> = Result<(), DrawingAreaErrorKind<E>>;
type Plane<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What to draw: the days that are shown, and where the axes end.
struct Plan<'a> {
    campaign: &'a CampaignReport,
    days: &'a [BurndownRow],
    first: f64,
    last: f64,
    top: f64,
    step: u32,
    scale: u32,
}

/// The burn-down as an SVG element. None below two days: a point is no curve.
pub fn svg(campaign: &CampaignReport, now: Timestamp) -> Option<String> {
    let plan = plan(campaign, now, 1)?;
    let mut out = String::new();
    let backend = SVGBackend::with_string(&mut out, (WIDTH, HEIGHT));
    draw(&backend.into_drawing_area(), &plan).expect("memory takes what it is given, and the font is compiled in");
    Some(out)
}

/// The burn-down as a PNG on white. None below two days.
pub fn png(campaign: &CampaignReport, now: Timestamp) -> Option<Vec<u8>> {
    let plan = plan(campaign, now, PNG_SCALE)?;
    let (width, height) = (WIDTH * PNG_SCALE, HEIGHT * PNG_SCALE);
    let mut pixels = vec![255; (width * height * 3) as usize];
    let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
    draw(&backend.into_drawing_area(), &plan).expect("memory takes what it is given, and the font is compiled in");
    Some(encode(&pixels, width, height))
}

/// The finding that the picture shows, for those who do not see it.
pub fn alt(campaign: &CampaignReport) -> String {
    let (Some(first), Some(last)) = (campaign.burndown.first(), campaign.burndown.last()) else {
        return "No history yet.".to_owned();
    };
    let peak = campaign.burndown.iter().map(|d| d.remaining).max().unwrap_or(0);
    let forecast = campaign.forecast.end.as_ref().filter(|_| !campaign.removed);
    let forecast = forecast.map_or_else(String::new, |end| format!("; forecast {} to {} then", end.p10, end.p90));
    format!(
        "Burn-down of remaining integrations: {} on {}, at most {peak}, {} on {} ({} known); removal on {}{forecast}.",
        first.remaining,
        first.date,
        last.remaining,
        last.date,
        last.remaining_known,
        Day::of(campaign.removal),
    )
}

fn plan(campaign: &CampaignReport, now: Timestamp, scale: u32) -> Option<Plan<'_>> {
    let last_day = campaign.burndown.last()?.date;
    let start = campaign.burndown.partition_point(|d| d.date < last_day.plus(-MAX_DAYS));
    let days = &campaign.burndown[start..];
    if days.len() < 2 {
        return None;
    }
    let counted = days.iter().map(|d| d.remaining.max(d.remaining_as_reported.unwrap_or(0)));
    let ahead = campaign.forecast.path.iter().filter(|_| !campaign.removed).map(|p| p.p90);
    let highest = counted.chain(ahead).max().unwrap_or(0);
    let step = grid_step(highest);
    let end = if campaign.removed { x(now) } else { x(campaign.removal) };
    let top = f64::from((highest / step + 1) * step);
    Some(Plan { campaign, days, first: f64::from(days[0].date.0), last: end.max(x(now)) + DAYS_AFTER, top, step, scale })
}

/// Days since 1970 with their fraction.
fn x(at: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of the calendar are below 2^52")]
    let days = at.as_millisecond() as f64 / time::MS_PER_DAY as f64;
    days
}

/// 1, 2 or 5 times a power of ten.
fn grid_step(highest: u32) -> u32 {
    let wanted = (highest / GRID_LINES).max(1);
    let power = 10_u32.pow(wanted.ilog10());
    [1, 2, 5, 10].iter().map(|n| n * power).find(|step| *step >= wanted).unwrap_or(wanted)
}

fn draw<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    FONT_REGISTERED.call_once(|| {
        assert!(register_font(FONT_NAME, FontStyle::Normal, FONT).is_ok(), "the compiled-in font is valid");
    });
    let mut chart = ChartBuilder::on(area)
        .margin_top(26 * plan.scale)
        .margin_right(96 * plan.scale)
        .margin_bottom(30 * plan.scale)
        .margin_left(44 * plan.scale)
        .build_cartesian_2d(plan.first..plan.last, 0.0..plan.top)?;
    draw_windows(&mut chart, plan)?;
    draw_axes(&mut chart, plan)?;
    draw_forecast(&chart, plan)?;
    draw_curves(&mut chart, plan)?;
    draw_dates(&mut chart, plan)?;
    area.present()
}

fn style(plan: &Plan<'_>, color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    (FONT_NAME, FONT_SIZE * plan.scale).into_font().color(&color).pos(Pos::new(h, v))
}

/// Text at a point of the plane, moved by CSS pixels.
fn label<DB: DrawingBackend>(
    chart: &Plane<'_, DB>,
    plan: &Plan<'_>,
    at: (f64, f64),
    moved: (i32, i32),
    text: &str,
    style: &TextStyle<'static>,
) -> Drawing<DB::ErrorType> {
    let scale = i32::try_from(plan.scale).unwrap_or(1);
    let moved = (moved.0 * scale, moved.1 * scale);
    chart.plotting_area().draw(&(EmptyElement::at(at) + Text::new(text.to_owned(), moved, style.clone())))
}

/// Single windows are thinner than a pixel: the span of the published and of the extrapolated ones is shaded.
fn draw_windows<DB: DrawingBackend>(chart: &mut Plane<'_, DB>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    for (published, opacity) in [(true, 0.16), (false, 0.07)] {
        let mut windows = plan.campaign.all_windows.iter().filter(|w| w.published == published);
        let Some(from) = windows.next() else { continue };
        let to = windows.next_back().unwrap_or(from);
        let (from, to) = (x(time::instant(from.from_ms)).max(plan.first), x(time::instant(to.to_ms)).min(plan.last));
        if from < to {
            let span = Rectangle::new([(from, 0.0), (to, plan.top)], REMOVAL.mix(opacity).filled());
            chart.plotting_area().draw(&span)?;
            let what = if published { "brownouts" } else { "extrapolated" };
            if to - from > (plan.last - plan.first) / 10.0 || published {
                let style = style(plan, INK, HPos::Left, VPos::Bottom);
                let drop = if published { -2 } else { -14 };
                label(chart, plan, (from, plan.top), (0, drop), what, &style)?;
            }
        }
    }
    Ok(())
}

fn draw_axes<DB: DrawingBackend>(chart: &mut Plane<'_, DB>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the axis ends at a small whole number")]
    let top = plan.top as u32;
    for value in (0..=top).step_by(plan.step as usize) {
        let y = f64::from(value);
        chart.plotting_area().draw(&PathElement::new([(plan.first, y), (plan.last, y)], GRID.stroke_width(plan.scale)))?;
        let style = style(plan, INK, HPos::Right, VPos::Center);
        label(chart, plan, (plan.first, y), (-6, 0), &value.to_string(), &style)?;
    }
    for (day, text) in month_starts(plan) {
        chart.plotting_area().draw(&PathElement::new([(day, 0.0), (day, plan.top / 60.0)], INK.stroke_width(plan.scale)))?;
        let style = style(plan, INK, HPos::Left, VPos::Top);
        label(chart, plan, (day, 0.0), (0, 6), &text, &style)?;
    }
    Ok(())
}

/// The first days of the months in the plane; on a short plane, every seventh day.
fn month_starts(plan: &Plan<'_>) -> Vec<(f64, String)> {
    const SHORT_DAYS: i32 = 45;
    #[expect(clippy::cast_possible_truncation, reason = "days of the calendar fit")]
    let (first, last) = (plan.first.ceil() as i32, plan.last.floor() as i32);
    let days = (first..=last).map(Day);
    let label = |day: Day, form: &str| (f64::from(day.0), day.date().strftime(form).to_string());
    if last - first <= SHORT_DAYS {
        days.step_by(7).map(|day| label(day, "%-d %b")).collect()
    } else {
        days.filter(|day| day.date().day() == 1).map(|day| label(day, "%b %Y")).collect()
    }
}

/// The forecast: a band from the last number to the quantiles ahead, and its middle dashed.
fn draw_forecast<DB: DrawingBackend>(chart: &Plane<'_, DB>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    let (Some(last), false) = (plan.days.last(), plan.campaign.removed) else { return Ok(()) };
    let ahead: Vec<&ForecastPointRow> = plan.campaign.forecast.path.iter().filter(|p| p.date > last.date).collect();
    let curve = |value: fn(&ForecastPointRow) -> u32| {
        let start = (f64::from(last.date.0), f64::from(last.remaining));
        std::iter::once(start).chain(ahead.iter().map(move |p| (f64::from(p.date.0), f64::from(value(p))))).collect::<Vec<_>>()
    };
    if ahead.is_empty() {
        return Ok(());
    }
    let band: Vec<(f64, f64)> = curve(|p| p.p90).into_iter().chain(curve(|p| p.p10).into_iter().rev()).collect();
    chart.plotting_area().draw(&Polygon::new(band, REMAINING.mix(0.14)))?;
    let middle = DashedPathElement::new(curve(|p| p.p50), 5 * plan.scale, 4 * plan.scale, REMAINING.stroke_width(plan.scale));
    chart.plotting_area().draw(&middle)
}

fn draw_curves<DB: DrawingBackend>(chart: &mut Plane<'_, DB>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    let curve = |value: fn(&BurndownRow) -> u32| plan.days.iter().map(move |d| (f64::from(d.date.0), f64::from(value(d))));
    let known = curve(|d| d.remaining_known);
    chart.draw_series(AreaSeries::new(known, 0.0, REMAINING.mix(0.22)))?;
    let reported: Vec<(f64, f64)> =
        plan.days.iter().filter_map(|d| d.remaining_as_reported.map(|n| (f64::from(d.date.0), f64::from(n)))).collect();
    if reported.len() > 1 {
        let dashes = DashedPathElement::new(reported, 3 * plan.scale, 3 * plan.scale, INK.stroke_width(plan.scale));
        chart.plotting_area().draw(&dashes)?;
    }
    chart.draw_series(LineSeries::new(curve(|d| d.remaining), REMAINING.stroke_width(2 * plan.scale)))?;
    label_ends(chart, plan)
}

/// The curves are named at their ends, which spares a legend.
fn label_ends<DB: DrawingBackend>(chart: &Plane<'_, DB>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    let Some(last) = plan.days.last() else { return Ok(()) };
    let (remaining, known) = (f64::from(last.remaining), f64::from(last.remaining_known));
    // Two labels need a line's height between them: about a twelfth of the plane.
    let apart = plan.top / 12.0;
    let at = if plan.campaign.removed { plan.last } else { f64::from(last.date.0) };
    let style = style(plan, REMAINING, HPos::Left, VPos::Center);
    let upper = remaining.max(known + apart);
    label(chart, plan, (at, upper), (6, 0), &format!("{} remaining", last.remaining), &style)?;
    label(chart, plan, (at, known.min(upper - apart)), (6, 0), &format!("{} known", last.remaining_known), &style)
}

fn draw_dates<DB: DrawingBackend>(chart: &mut Plane<'_, DB>, plan: &Plan<'_>) -> Drawing<DB::ErrorType> {
    for (at, what, color) in [(plan.campaign.freeze, "freeze", INK), (Some(plan.campaign.removal), "removal", REMOVAL)] {
        let Some(at) = at else { continue };
        let at_x = x(at);
        if at_x < plan.first || at_x > plan.last {
            continue;
        }
        let line = PathElement::new([(at_x, 0.0), (at_x, plan.top)], color.stroke_width(2 * plan.scale));
        chart.plotting_area().draw(&line)?;
        let style = style(plan, color, HPos::Left, VPos::Bottom);
        label(chart, plan, (at_x, plan.top), (-2, -2), &format!("{what} {}", words::short_day(at)), &style)?;
    }
    Ok(())
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("memory takes what it is given");
    writer.write_image_data(pixels).expect("three bytes a pixel");
    writer.finish().expect("memory takes what it is given");
    out
}
