//! Strokes and pixels: the only place that knows the drawing library.

use std::sync::Once;

use plotters::{
    coord::Shift,
    element::DashedPathElement,
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::picture::{Ink, Picture, Point, Sample, Shape};

/// DejaVu Sans, Latin subset; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans-subset.ttf");
const FONT_NAME: &str = "sans-serif";
static FONT_REGISTERED: Once = Once::new();

/// Size in CSS pixels. Everything is drawn with twice as many, for dense screens.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 330;
const SCALE: i32 = 2;
const FONT_SIZE: i32 = 14;
/// From one line of words to the next.
const LINE: i32 = 20;
const MARGIN: i32 = 8;
/// Between the numbers of the axis and the plane, and the least room that they take.
const GAP: i32 = 6;
const LEAST_LEFT: i32 = 38;
/// Of an entry of the key: its sample, and the room to the next.
const SAMPLE: i32 = 20;
const APART: i32 = 18;

type Drawing<E> = Result<(), DrawingAreaErrorKind<E>>;
type Area<DB> = DrawingArea<DB, Shift>;

pub(super) fn svg(picture: &Picture) -> String {
    let mut out = String::new();
    let backend = SVGBackend::with_string(&mut out, size());
    draw(&backend.into_drawing_area(), picture).expect("memory takes what it is given, and the font is compiled in");
    // On a page the colours are the page's, which has other ones on dark ground.
    Ink::ALL.into_iter().fold(out, |svg, ink| {
        let (r, g, b) = ink.rgb();
        svg.replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var(--{})\"", ink.name()))
    })
}

pub(super) fn png(picture: &Picture) -> Vec<u8> {
    let (width, height) = size();
    let mut pixels = vec![255; (width * height * 3) as usize];
    let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
    draw(&backend.into_drawing_area(), picture).expect("memory takes what it is given, and the font is compiled in");
    encode(&pixels, width, height)
}

fn size() -> (u32, u32) {
    let scale = SCALE.unsigned_abs();
    (WIDTH * scale, HEIGHT * scale)
}

/// Where the plane lies on the picture, in pixels, and what it shows.
struct Plane {
    x: (f64, f64),
    top: f64,
    left: i32,
    right: i32,
    upper: i32,
    lower: i32,
}

impl Plane {
    fn at(&self, (x, y): Point) -> (i32, i32) {
        let along = (x - self.x.0) / (self.x.1 - self.x.0);
        let up = y / self.top;
        (part(self.left, self.right, along), part(self.lower, self.upper, up))
    }
}

/// So much of the way from one pixel to the other, no further than the picture goes.
fn part(from: i32, to: i32, share: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the picture's size")]
    let moved = (f64::from(to - from) * share.clamp(-1.0, 2.0)).round() as i32;
    from + moved
}

fn draw<DB: DrawingBackend>(area: &Area<DB>, picture: &Picture) -> Drawing<DB::ErrorType> {
    FONT_REGISTERED.call_once(|| {
        assert!(register_font(FONT_NAME, FontStyle::Normal, FONT).is_ok(), "the compiled-in font is valid");
    });
    let key = key_lines(picture);
    let above = labels_above(picture);
    let plane = plane(picture, &above, key.len());
    draw_spans(area, picture, &plane)?;
    draw_axes(area, picture, &plane)?;
    for shape in &picture.shapes {
        draw_shape(area, shape, &plane)?;
    }
    for mark in &picture.marks {
        let line = vec![plane.at((mark.at, 0.0)), plane.at((mark.at, picture.top))];
        area.draw(&PathElement::new(line, color(mark.ink).stroke_width(4)))?;
    }
    draw_above(area, picture, &plane, &above)?;
    draw_key(area, &plane, &key)?;
    area.present()
}

fn color(ink: Ink) -> RGBColor {
    let (r, g, b) = ink.rgb();
    RGBColor(r, g, b)
}

fn style(ink: Ink, h: HPos, v: VPos) -> TextStyle<'static> {
    (FONT_NAME, FONT_SIZE * SCALE).into_font().color(&color(ink)).pos(Pos::new(h, v))
}

/// How wide words are, in pixels of the picture.
fn width(words: &str) -> i32 {
    let size = (FONT_NAME, FONT_SIZE * SCALE).into_font().box_size(words);
    size.ok().and_then(|(width, _)| i32::try_from(width).ok()).unwrap_or_default()
}

/// The plane is what axes, dates above and key below leave.
fn plane(picture: &Picture, above: &[Above], key_lines: usize) -> Plane {
    let (width_px, height_px) = size();
    let (right, bottom) = (i32::try_from(width_px).unwrap_or(i32::MAX), i32::try_from(height_px).unwrap_or(i32::MAX));
    let rows = above.iter().map(|label| label.row + 1).max().unwrap_or(0);
    let key_height = i32::try_from(key_lines).unwrap_or(0) * LINE * SCALE;
    let widest = picture.y_labels.iter().map(|(_, words)| width(words)).max().unwrap_or(0);
    Plane {
        x: picture.x,
        top: picture.top,
        left: (widest + (MARGIN + GAP) * SCALE).max(LEAST_LEFT * SCALE),
        right: right - 2 * MARGIN * SCALE,
        upper: (MARGIN + LINE * rows) * SCALE,
        lower: bottom - key_height - (LINE + MARGIN + GAP) * SCALE,
    }
}

fn draw_spans<DB: DrawingBackend>(area: &Area<DB>, picture: &Picture, plane: &Plane) -> Drawing<DB::ErrorType> {
    for span in &picture.spans {
        let corners = [plane.at((span.from, 0.0)), plane.at((span.to, picture.top))];
        area.draw(&Rectangle::new(corners, color(Ink::Vermillion).mix(span.opacity).filled()))?;
    }
    Ok(())
}

fn draw_axes<DB: DrawingBackend>(area: &Area<DB>, picture: &Picture, plane: &Plane) -> Drawing<DB::ErrorType> {
    let line = color(Ink::Grid).stroke_width(SCALE.unsigned_abs());
    for (y, words) in &picture.y_labels {
        if !picture.lying {
            area.draw(&PathElement::new(vec![plane.at((picture.x.0, *y)), plane.at((picture.x.1, *y))], line))?;
        }
        let (left, middle) = plane.at((picture.x.0, *y));
        area.draw(&Text::new(words.clone(), (left - GAP * SCALE, middle), style(Ink::Soft, HPos::Right, VPos::Center)))?;
    }
    let mut free = i32::MIN;
    for (x, words) in &picture.x_labels {
        if picture.lying {
            area.draw(&PathElement::new(vec![plane.at((*x, 0.0)), plane.at((*x, picture.top))], line))?;
        }
        let (at, lower) = plane.at((*x, 0.0));
        let h = if picture.lying { HPos::Center } else { HPos::Left };
        if at >= free && at + width(words) <= plane.right + MARGIN * SCALE {
            let tick = vec![(at, lower), (at, lower + 4 * SCALE)];
            area.draw(&PathElement::new(tick, color(Ink::Soft).stroke_width(SCALE.unsigned_abs())))?;
            area.draw(&Text::new(words.clone(), (at, lower + GAP * SCALE), style(Ink::Soft, h, VPos::Top)))?;
            free = at + width(words) + GAP * SCALE;
        }
    }
    Ok(())
}

fn draw_shape<DB: DrawingBackend>(area: &Area<DB>, shape: &Shape, plane: &Plane) -> Drawing<DB::ErrorType> {
    let placed = |points: &[Point]| points.iter().map(|point| plane.at(*point)).collect::<Vec<_>>();
    match shape {
        Shape::Line { points, ink, width } => {
            area.draw(&PathElement::new(placed(points), color(*ink).stroke_width(width * SCALE.unsigned_abs())))
        }
        Shape::Dashes { points, ink } => area.draw(&dashes(placed(points), *ink)),
        Shape::Area { points, ink, opacity } => area.draw(&Polygon::new(placed(points), color(*ink).mix(*opacity))),
        Shape::Bar { corners, ink } => {
            let [from, to] = corners.map(|corner| plane.at(corner));
            // A line of the ground parts bars that touch.
            let (left, right) = if to.0 - from.0 > 4 { (from.0 + 1, to.0 - 1) } else { (from.0, to.0) };
            let upper = if from.1 - to.1 > 2 { to.1 + 1 } else { to.1 };
            area.draw(&Rectangle::new([(left, from.1), (right, upper)], color(*ink).filled()))
        }
        Shape::Words { at, words } => {
            let (x, y) = plane.at(*at);
            area.draw(&Text::new(words.clone(), (x + GAP * SCALE, y), style(Ink::Soft, HPos::Left, VPos::Center)))
        }
    }
}

fn dashes(points: Vec<(i32, i32)>, ink: Ink) -> DashedPathElement<std::vec::IntoIter<(i32, i32)>, i32> {
    DashedPathElement::new(points, 4 * SCALE, 3 * SCALE, color(ink).stroke_width(3))
}

/// Words above the plane, in rows so that none stands in another's way.
struct Above {
    at: f64,
    words: String,
    ink: Ink,
    row: i32,
}

/// Those of dates and of what is shaded, from left to right, each in the first row that has room.
fn labels_above(picture: &Picture) -> Vec<Above> {
    let spans = picture.spans.iter().filter(|span| !span.words.is_empty());
    let mut labels: Vec<Above> =
        spans.map(|span| Above { at: span.from, words: span.words.clone(), ink: Ink::Vermillion, row: 0 }).collect();
    labels.extend(picture.marks.iter().map(|mark| Above { at: mark.at, words: mark.words.clone(), ink: mark.ink, row: 0 }));
    labels.sort_by(|a, b| a.at.total_cmp(&b.at));
    // Where words end depends on the plane only by its left edge: close enough for rows.
    let across = |at: f64| part(LEAST_LEFT * SCALE, plane_right(), (at - picture.x.0) / (picture.x.1 - picture.x.0));
    let mut ends: Vec<i32> = Vec::new();
    for label in &mut labels {
        let (from, to) = extent(across(label.at), &label.words, plane_right());
        let row = ends.iter().position(|end| *end < from).unwrap_or(ends.len());
        if row == ends.len() {
            ends.push(to);
        } else {
            ends[row] = to;
        }
        label.row = i32::try_from(row).unwrap_or(0);
    }
    labels
}

fn plane_right() -> i32 {
    i32::try_from(size().0).unwrap_or(i32::MAX) - 2 * MARGIN * SCALE
}

/// From where to where words above a place go: to its right, unless the picture ends there.
fn extent(at: i32, words: &str, right: i32) -> (i32, i32) {
    let wide = width(words) + GAP * SCALE;
    let from = at.min(right + MARGIN * SCALE - wide);
    (from, from + wide)
}

fn draw_above<DB: DrawingBackend>(area: &Area<DB>, picture: &Picture, plane: &Plane, above: &[Above]) -> Drawing<DB::ErrorType> {
    for label in above {
        let (at, _) = plane.at((label.at.clamp(picture.x.0, picture.x.1), 0.0));
        let (from, _) = extent(at, &label.words, plane.right);
        let lower = plane.upper - (2 + LINE * label.row) * SCALE;
        area.draw(&Text::new(label.words.clone(), (from, lower), style(label.ink, HPos::Left, VPos::Bottom)))?;
    }
    Ok(())
}

/// The entries of the key, as many in a line as fit.
fn key_lines(picture: &Picture) -> Vec<Vec<&(Sample, Ink, String)>> {
    let room = plane_right() - LEAST_LEFT * SCALE;
    let mut lines: Vec<Vec<&(Sample, Ink, String)>> = Vec::new();
    let mut used = i32::MAX;
    for entry in &picture.key {
        let wide = entry_width(&entry.2);
        if used.saturating_add(wide) > room {
            lines.push(Vec::new());
            used = 0;
        }
        used += wide;
        if let Some(line) = lines.last_mut() {
            line.push(entry);
        }
    }
    lines
}

fn entry_width(words: &str) -> i32 {
    (SAMPLE + GAP + APART) * SCALE + width(words)
}

fn draw_key<DB: DrawingBackend>(area: &Area<DB>, plane: &Plane, lines: &[Vec<&(Sample, Ink, String)>]) -> Drawing<DB::ErrorType> {
    let mut middle = plane.lower + (LINE + GAP + LINE / 2) * SCALE;
    for line in lines {
        let mut left = LEAST_LEFT * SCALE;
        for (sample, ink, words) in line {
            draw_sample(area, (*sample, *ink), left, middle)?;
            let at = (left + (SAMPLE + GAP) * SCALE, middle);
            area.draw(&Text::new(words.clone(), at, style(Ink::Soft, HPos::Left, VPos::Center)))?;
            left += entry_width(words);
        }
        middle += LINE * SCALE;
    }
    Ok(())
}

fn draw_sample<DB: DrawingBackend>(
    area: &Area<DB>,
    (sample, ink): (Sample, Ink),
    left: i32,
    middle: i32,
) -> Drawing<DB::ErrorType> {
    let ends = vec![(left, middle), (left + SAMPLE * SCALE, middle)];
    let corners = [(left, middle - 5 * SCALE), (left + SAMPLE * SCALE, middle + 5 * SCALE)];
    match sample {
        Sample::Line => area.draw(&PathElement::new(ends, color(ink).stroke_width(4))),
        Sample::Dashes => area.draw(&dashes(ends, ink)),
        Sample::Fill => area.draw(&Rectangle::new(corners, color(ink).filled())),
        Sample::Faint => area.draw(&Rectangle::new(corners, color(ink).mix(0.25).filled())),
    }
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Large even surfaces: rows as they are compress best.
    encoder.set_filter(png::FilterType::NoFilter);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header().expect("memory takes what it is given");
    writer.write_image_data(pixels).expect("three bytes a pixel");
    writer.finish().expect("memory takes what it is given");
    out
}
