//! Samples to medians, goals, and the table.

/// One row: what was measured, once a run.
pub struct Row {
    name: String,
    unit: &'static str,
    samples: Vec<f64>,
    goal: Option<Goal>,
}

#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Row {
    pub fn new(name: impl Into<String>, unit: &'static str, samples: Vec<f64>) -> Self {
        Self { name: name.into(), unit, samples, goal: None }
    }

    pub fn at_least(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtLeast(goal)), ..self }
    }

    pub fn at_most(self, goal: f64) -> Self {
        Self { goal: Some(Goal::AtMost(goal)), ..self }
    }

    pub fn median(&self) -> f64 {
        median(&self.samples)
    }

    fn verdict(&self) -> (String, &'static str) {
        let said = |met: bool| if met { "met" } else { "MISSED" };
        match self.goal {
            None => (String::new(), ""),
            Some(Goal::AtLeast(goal)) => (format!("≥ {}", number(goal)), said(self.median() >= goal)),
            Some(Goal::AtMost(goal)) => (format!("≤ {}", number(goal)), said(self.median() <= goal)),
        }
    }
}

pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// The table. The spread is the distance from the least to the most, in parts of the median.
pub fn text(rows: &[Row]) -> String {
    let mut lines = vec![line("", "", ["median", "least", "most", "spread", "goal"], "")];
    for row in rows {
        let (least, most) =
            row.samples.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        let spread = format!("{:.0} %", (most - least) / row.median().max(f64::MIN_POSITIVE) * 100.0);
        let (goal, verdict) = row.verdict();
        lines.push(line(&row.name, row.unit, [&number(row.median()), &number(least), &number(most), &spread, &goal], verdict));
    }
    lines.join("\n")
}

fn line(name: &str, unit: &str, [median, least, most, spread, goal]: [&str; 5], verdict: &str) -> String {
    let line = format!("{name:<48} {unit:<12} {median:>10} {least:>10} {most:>10} {spread:>7} {goal:>10} {verdict}");
    line.trim_end().to_owned()
}

/// Three figures that mean something, thousands apart.
fn number(value: f64) -> String {
    if value < 100.0 {
        let decimals = if value < 1.0 { 3 } else { 1 };
        return format!("{value:.decimals$}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "counts and sizes here are far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

pub fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1 << 20)
}
