//! What is seen: axes, shapes, dates, and the key that names the colours.

use jiff::Timestamp;

use super::draw;
use crate::evidence::{Day, time};

/// Colours that stay apart for colour-blind readers (after Okabe and Ito) and on light and dark ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Axes and words.
    Soft,
    Grid,
    Blue,
    Vermillion,
    Green,
    Amber,
    Purple,
    Grey,
}

impl Ink {
    pub(super) const ALL: [Self; 8] =
        [Self::Soft, Self::Grid, Self::Blue, Self::Vermillion, Self::Green, Self::Amber, Self::Purple, Self::Grey];

    /// On white. The style sheet of the pages has another set for dark ground, by name.
    pub(super) fn rgb(self) -> (u8, u8, u8) {
        match self {
            Self::Soft => (75, 85, 99),
            Self::Grid => (209, 213, 219),
            Self::Blue => (0, 114, 178),
            Self::Vermillion => (203, 85, 0),
            Self::Green => (0, 140, 104),
            Self::Amber => (176, 118, 0),
            Self::Purple => (168, 82, 138),
            Self::Grey => (128, 138, 150),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Grid => "line",
            Self::Blue => "blue",
            Self::Vermillion => "vermillion",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Purple => "purple",
            Self::Grey => "grey",
        }
    }
}

pub(super) type Point = (f64, f64);

pub(super) enum Shape {
    /// Through its points; its width is in pixels.
    Line {
        points: Vec<Point>,
        ink: Ink,
        width: u32,
    },
    Dashes {
        points: Vec<Point>,
        ink: Ink,
    },
    /// Filled between its points; the opacity lets what lies below be seen.
    Area {
        points: Vec<Point>,
        ink: Ink,
        opacity: f64,
    },
    /// From one corner to the other.
    Bar {
        corners: [Point; 2],
        ink: Ink,
    },
    /// Words beside a point.
    Words {
        at: Point,
        words: String,
    },
}

/// How an entry of the key looks: as what it names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    Line,
    Dashes,
    Fill,
    Faint,
}

/// A vertical line with words above.
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) words: String,
    pub(super) ink: Ink,
}

/// A time that is shaded, with words above.
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) opacity: f64,
    pub(super) words: String,
}

/// One chart, not drawn yet.
pub struct Picture {
    /// What it is about.
    pub title: &'static str,
    /// The finding that it shows, for those who do not see it.
    pub alt: String,
    /// How to read it.
    pub note: &'static str,
    pub(super) x: (f64, f64),
    pub(super) top: f64,
    /// Words on the axes, with their place.
    pub(super) x_labels: Vec<(f64, String)>,
    pub(super) y_labels: Vec<(f64, String)>,
    /// Lines of the grid stand on the numbers: on the vertical axis, or for lying bars on the other one.
    pub(super) lying: bool,
    pub(super) spans: Vec<Span>,
    pub(super) marks: Vec<Mark>,
    pub(super) shapes: Vec<Shape>,
    pub(super) key: Vec<(Sample, Ink, String)>,
}

impl Picture {
    /// An empty plane over days, as high as a number: what a chart over time begins with.
    pub(super) fn over_days(across: (f64, f64), highest: u64) -> Self {
        let (top, y_labels) = numbers(highest);
        Self {
            title: "",
            alt: String::new(),
            note: "",
            x: across,
            top,
            x_labels: day_labels(across),
            y_labels,
            lying: false,
            spans: Vec::new(),
            marks: Vec::new(),
            shapes: Vec::new(),
            key: Vec::new(),
        }
    }

    /// An SVG element that takes its colours from the page.
    pub fn svg(&self) -> String {
        draw::svg(self, &draw::WHOLE)
    }

    /// The same, to stand beside another one.
    pub fn half_svg(&self) -> String {
        draw::svg(self, &draw::HALF)
    }

    /// A PNG on a soft ground, for mails.
    pub fn png(&self) -> Vec<u8> {
        draw::png(self)
    }
}

/// Days since 1970 with their fraction.
pub(super) fn x(at: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of the calendar are below 2^52")]
    let days = at.as_millisecond() as f64 / time::MS_PER_DAY as f64;
    days
}

/// Labels on the number axis, about.
const GRID_LINES: u64 = 4;

/// 1, 2 or 5 times a power of ten.
pub(super) fn grid_step(highest: u64) -> u64 {
    let wanted = (highest / GRID_LINES).max(1);
    let power = 10_u64.pow(wanted.ilog10());
    [1, 2, 5, 10].iter().map(|n| n * power).find(|step| *step >= wanted).unwrap_or(wanted)
}

/// The labels of an axis from nothing to above the highest number, and where it ends.
pub(super) fn numbers(highest: u64) -> (f64, Vec<(f64, String)>) {
    let step = grid_step(highest);
    let last = highest / step + 1;
    let label = |n: u64| (real(n * step), crate::report::words::grouped(i64::try_from(n * step).unwrap_or(i64::MAX)));
    (real(last * step), (0..=last).map(label).collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(super) fn real(n: u64) -> f64 {
    n as f64
}

/// Labels for days: the first ones of the months; on a short axis, every seventh day.
pub(super) fn day_labels((first, last): (f64, f64)) -> Vec<(f64, String)> {
    const SHORT_DAYS: i32 = 45;
    #[expect(clippy::cast_possible_truncation, reason = "days of the calendar fit")]
    let (first, last) = (first.ceil() as i32, last.floor() as i32);
    let days = (first..=last).map(Day);
    let label = |day: Day, form: &str| (f64::from(day.0), day.date().strftime(form).to_string());
    if last - first <= SHORT_DAYS {
        days.step_by(7).map(|day| label(day, "%-d %b")).collect()
    } else {
        let months: Vec<Day> = days.filter(|day| day.date().day() == 1).collect();
        // A year and more of months would stand in each other's way.
        let every = months.len().div_ceil(9).max(1);
        months.into_iter().step_by(every).map(|day| label(day, "%b %Y")).collect()
    }
}

/// Bars on top of each other, from nothing upwards: the heights in the order of the inks.
pub(super) fn stack(from: f64, to: f64, heights: &[(u64, Ink)]) -> Vec<Shape> {
    let mut below = 0.0;
    let mut bars = Vec::new();
    for (height, ink) in heights.iter().filter(|(height, _)| *height > 0) {
        let above = below + real(*height);
        bars.push(Shape::Bar { corners: [(from, below), (to, above)], ink: *ink });
        below = above;
    }
    bars
}
