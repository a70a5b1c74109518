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

/// Everything is drawn with twice as many pixels as a reader's screen says that it has, for dense ones.
const SCALE: i32 = 2;
const MARGIN: i32 = 8;
/// Between the numbers of the axis and the plane, and the least room that they take.
const GAP: i32 = 6;
const LEAST_LEFT: i32 = 38;
/// Of an entry of the key: its sample, and the room to the next.
const SAMPLE: i32 = 20;
const APART: i32 = 18;

/// What is drawn on; sizes in CSS pixels.
pub(super) struct Canvas {
    width: i32,
    height: i32,
    font_size: i32,
    /// From one line of words to the next.
    line: i32,
}

/// As wide as a page's text, and half as wide.
pub(super) const WHOLE: Canvas = Canvas { width: 720, height: 330, font_size: 14, line: 20 };
pub(super) const HALF: Canvas = Canvas { width: 500, height: 290, font_size: 14, line: 20 };
/// A mail shows the same picture on a desk and shrunk to a phone's 320 pixels, where its words still have to be read.
const MAIL: Canvas = Canvas { width: 440, height: 340, font_size: 16, line: 22 };
/// On which mails show it: a card, softer than white beside dark surroundings.
const MAIL_GROUND: (u8, u8, u8) = (243, 245, 248);

type Drawing<E> = Result<(), DrawingAreaErrorKind<E>>;
type Area<DB> = DrawingArea<DB, Shift>;

pub(super) fn svg(picture: &Picture, canvas: &Canvas) -> String {
    let mut out = String::new();
    let backend = SVGBackend::with_string(&mut out, canvas.pixels());
    draw(&backend.into_drawing_area(), picture, canvas).expect("memory takes what it is given, and the font is compiled in");
    // On a page the colours are the page's, which has other ones on dark ground.
    Ink::ALL.into_iter().fold(out, |svg, ink| {
        let (r, g, b) = ink.rgb();
        svg.replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var(--{})\"", ink.name()))
    })
}

pub(super) fn png(picture: &Picture) -> Vec<u8> {
    let (width, height) = MAIL.pixels();
    let mut pixels = vec![0; (width * height * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let (r, g, b) = MAIL_GROUND;
        area.fill(&RGBColor(r, g, b)).expect("memory takes what it is given");
        draw(&area, picture, &MAIL).expect("memory takes what it is given, and the font is compiled in");
    }
    encode(&pixels, width, height)
}

impl Canvas {
    fn pixels(&self) -> (u32, u32) {
        ((self.width * SCALE).unsigned_abs(), (self.height * SCALE).unsigned_abs())
    }

    /// Where the plane ends on the right, in pixels of the picture.
    fn right(&self) -> i32 {
        (self.width - 2 * MARGIN) * SCALE
    }

    fn style(&self, ink: Ink, h: HPos, v: VPos) -> TextStyle<'static> {
        (FONT_NAME, self.font_size * SCALE).into_font().color(&color(ink)).pos(Pos::new(h, v))
    }

    /// How wide words are, in pixels of the picture.
    fn width_of(&self, words: &str) -> i32 {
        let size = (FONT_NAME, self.font_size * SCALE).into_font().box_size(words);
        size.ok().and_then(|(width, _)| i32::try_from(width).ok()).unwrap_or_default()
    }

    /// Of an entry of the key.
    fn entry_width(&self, words: &str) -> i32 {
        (SAMPLE + GAP + APART) * SCALE + self.width_of(words)
    }
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

fn draw<DB: DrawingBackend>(area: &Area<DB>, picture: &Picture, canvas: &Canvas) -> Drawing<DB::ErrorType> {
    FONT_REGISTERED.call_once(|| {
        assert!(register_font(FONT_NAME, FontStyle::Normal, FONT).is_ok(), "the compiled-in font is valid");
    });
    let key = key_lines(picture, canvas);
    let above = labels_above(picture, canvas);
    let sketch = Sketch { area, picture, canvas, plane: plane(picture, canvas, &above, key.len()) };
    sketch.spans()?;
    sketch.axes()?;
    for shape in &picture.shapes {
        sketch.shape(shape)?;
    }
    sketch.marks()?;
    sketch.above(&above)?;
    sketch.key(&key)?;
    area.present()
}

fn color(ink: Ink) -> RGBColor {
    let (r, g, b) = ink.rgb();
    RGBColor(r, g, b)
}

/// The plane is what axes, dates above and key below leave.
fn plane(picture: &Picture, canvas: &Canvas, above: &[Above], key_lines: usize) -> Plane {
    let rows = above.iter().map(|label| label.row + 1).max().unwrap_or(0);
    let key_height = i32::try_from(key_lines).unwrap_or(0) * canvas.line;
    let widest = picture.y_labels.iter().map(|(_, words)| canvas.width_of(words)).max().unwrap_or(0);
    Plane {
        x: picture.x,
        top: picture.top,
        left: (widest + (MARGIN + GAP) * SCALE).max(LEAST_LEFT * SCALE),
        right: canvas.right(),
        upper: (MARGIN + canvas.line * rows) * SCALE,
        lower: (canvas.height - key_height - canvas.line - MARGIN - GAP) * SCALE,
    }
}

/// Words above the plane, in rows so that none stands in another's way.
struct Above {
    at: f64,
    words: String,
    ink: Ink,
    row: i32,
}

/// Those of dates and of what is shaded, from left to right, each in the first row that has room.
fn labels_above(picture: &Picture, canvas: &Canvas) -> Vec<Above> {
    let spans = picture.spans.iter().filter(|span| !span.words.is_empty());
    let mut labels: Vec<Above> =
        spans.map(|span| Above { at: span.from, words: span.words.clone(), ink: Ink::Vermillion, row: 0 }).collect();
    labels.extend(picture.marks.iter().map(|mark| Above { at: mark.at, words: mark.words.clone(), ink: mark.ink, row: 0 }));
    labels.sort_by(|a, b| a.at.total_cmp(&b.at));
    // Where words end depends on the plane only by its left edge: close enough for rows.
    let across = |at: f64| part(LEAST_LEFT * SCALE, canvas.right(), (at - picture.x.0) / (picture.x.1 - picture.x.0));
    let mut ends: Vec<i32> = Vec::new();
    for label in &mut labels {
        let (from, to) = extent(across(label.at), canvas.width_of(&label.words), canvas.right());
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

/// From where to where words of some width go above a place: to its right, unless the picture ends there.
fn extent(at: i32, width: i32, right: i32) -> (i32, i32) {
    let wide = width + GAP * SCALE;
    let from = at.min(right + MARGIN * SCALE - wide);
    (from, from + wide)
}

/// The entries of the key, as many in a line as fit.
fn key_lines<'p>(picture: &'p Picture, canvas: &Canvas) -> Vec<Vec<&'p (Sample, Ink, String)>> {
    let room = canvas.right() - LEAST_LEFT * SCALE;
    let mut lines: Vec<Vec<&(Sample, Ink, String)>> = Vec::new();
    let mut used = i32::MAX;
    for entry in &picture.key {
        let wide = canvas.entry_width(&entry.2);
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

/// One picture while it is drawn.
struct Sketch<'a, DB: DrawingBackend> {
    area: &'a Area<DB>,
    picture: &'a Picture,
    canvas: &'a Canvas,
    plane: Plane,
}

impl<DB: DrawingBackend> Sketch<'_, DB> {
    fn words(&self, words: &str, at: (i32, i32), ink: Ink, (h, v): (HPos, VPos)) -> Drawing<DB::ErrorType> {
        self.area.draw(&Text::new(words.to_owned(), at, self.canvas.style(ink, h, v)))
    }

    /// Through places on the plane.
    fn line(&self, points: &[Point], style: ShapeStyle) -> Drawing<DB::ErrorType> {
        self.area.draw(&PathElement::new(self.placed(points), style))
    }

    fn placed(&self, points: &[Point]) -> Vec<(i32, i32)> {
        points.iter().map(|point| self.plane.at(*point)).collect()
    }

    fn spans(&self) -> Drawing<DB::ErrorType> {
        for span in &self.picture.spans {
            let corners = [self.plane.at((span.from, 0.0)), self.plane.at((span.to, self.picture.top))];
            self.area.draw(&Rectangle::new(corners, color(Ink::Vermillion).mix(span.opacity).filled()))?;
        }
        Ok(())
    }

    fn axes(&self) -> Drawing<DB::ErrorType> {
        let Self { picture, plane, .. } = self;
        let line = color(Ink::Grid).stroke_width(SCALE.unsigned_abs());
        for (y, words) in &picture.y_labels {
            if !picture.lying {
                self.line(&[(picture.x.0, *y), (picture.x.1, *y)], line)?;
            }
            let (left, middle) = plane.at((picture.x.0, *y));
            self.words(words, (left - GAP * SCALE, middle), Ink::Soft, (HPos::Right, VPos::Center))?;
        }
        let mut free = i32::MIN;
        for (x, words) in &picture.x_labels {
            if picture.lying {
                self.line(&[(*x, 0.0), (*x, picture.top)], line)?;
            }
            let (at, lower) = plane.at((*x, 0.0));
            let h = if picture.lying { HPos::Center } else { HPos::Left };
            let wide = self.canvas.width_of(words);
            if at >= free && at + wide <= plane.right + MARGIN * SCALE {
                let tick = vec![(at, lower), (at, lower + 4 * SCALE)];
                self.area.draw(&PathElement::new(tick, color(Ink::Soft).stroke_width(SCALE.unsigned_abs())))?;
                self.words(words, (at, lower + GAP * SCALE), Ink::Soft, (h, VPos::Top))?;
                free = at + wide + GAP * SCALE;
            }
        }
        Ok(())
    }

    fn shape(&self, shape: &Shape) -> Drawing<DB::ErrorType> {
        match shape {
            Shape::Line { points, ink, width } => self.line(points, color(*ink).stroke_width(width * SCALE.unsigned_abs())),
            Shape::Dashes { points, ink } => self.area.draw(&dashes(self.placed(points), *ink)),
            Shape::Area { points, ink, opacity } => self.area.draw(&Polygon::new(self.placed(points), color(*ink).mix(*opacity))),
            Shape::Bar { corners, ink } => {
                let [from, to] = corners.map(|corner| self.plane.at(corner));
                // A line of the ground parts bars that touch.
                let (left, right) = if to.0 - from.0 > 4 { (from.0 + 1, to.0 - 1) } else { (from.0, to.0) };
                let upper = if from.1 - to.1 > 2 { to.1 + 1 } else { to.1 };
                self.area.draw(&Rectangle::new([(left, from.1), (right, upper)], color(*ink).filled()))
            }
            Shape::Words { at, words } => {
                let (x, y) = self.plane.at(*at);
                self.words(words, (x + GAP * SCALE, y), Ink::Soft, (HPos::Left, VPos::Center))
            }
        }
    }

    fn marks(&self) -> Drawing<DB::ErrorType> {
        for mark in &self.picture.marks {
            self.line(&[(mark.at, 0.0), (mark.at, self.picture.top)], color(mark.ink).stroke_width(4))?;
        }
        Ok(())
    }

    fn above(&self, above: &[Above]) -> Drawing<DB::ErrorType> {
        let Self { picture, plane, canvas, .. } = self;
        for label in above {
            let (at, _) = plane.at((label.at.clamp(picture.x.0, picture.x.1), 0.0));
            let (from, _) = extent(at, canvas.width_of(&label.words), plane.right);
            let lower = plane.upper - (2 + canvas.line * label.row) * SCALE;
            self.words(&label.words, (from, lower), label.ink, (HPos::Left, VPos::Bottom))?;
        }
        Ok(())
    }

    fn key(&self, lines: &[Vec<&(Sample, Ink, String)>]) -> Drawing<DB::ErrorType> {
        let line_height = self.canvas.line;
        let mut middle = self.plane.lower + (line_height + GAP + line_height / 2) * SCALE;
        for line in lines {
            let mut left = LEAST_LEFT * SCALE;
            for (sample, ink, words) in line {
                self.sample(*sample, *ink, (left, middle))?;
                self.words(words, (left + (SAMPLE + GAP) * SCALE, middle), Ink::Soft, (HPos::Left, VPos::Center))?;
                left += self.canvas.entry_width(words);
            }
            middle += line_height * SCALE;
        }
        Ok(())
    }

    fn sample(&self, sample: Sample, ink: Ink, (left, middle): (i32, i32)) -> Drawing<DB::ErrorType> {
        let ends = vec![(left, middle), (left + SAMPLE * SCALE, middle)];
        let corners = [(left, middle - 5 * SCALE), (left + SAMPLE * SCALE, middle + 5 * SCALE)];
        match sample {
            Sample::Line => self.area.draw(&PathElement::new(ends, color(ink).stroke_width(4))),
            Sample::Dashes => self.area.draw(&dashes(ends, ink)),
            Sample::Fill => self.area.draw(&Rectangle::new(corners, color(ink).filled())),
            Sample::Faint => self.area.draw(&Rectangle::new(corners, color(ink).mix(0.25).filled())),
        }
    }
}

fn dashes(points: Vec<(i32, i32)>, ink: Ink) -> DashedPathElement<std::vec::IntoIter<(i32, i32)>, i32> {
    DashedPathElement::new(points, 4 * SCALE, 3 * SCALE, color(ink).stroke_width(3))
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
