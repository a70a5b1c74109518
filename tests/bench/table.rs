//! Samples to medians, and the table.

/// One row: what was measured, once a run.
pub struct Gauge {
    name: String,
    unit: String,
    samples: Vec<f64>,
}

impl Gauge {
    pub fn new(name: impl Into<String>, unit: impl Into<String>, samples: Vec<f64>) -> Self {
        Self { name: name.into(), unit: unit.into(), samples }
    }
}

/// The table, under a line that says what was read. The spread is the distance from the least to the most, in parts of the
/// median.
pub fn text(what: &str, runs: usize, gauges: &[Gauge]) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut lines = vec![format!("\n{what}\n{runs} runs, {cores} cores\n"), line("", "", ["median", "least", "most", "spread"])];
    for gauge in gauges {
        let mut sorted = gauge.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most, median) = (sorted[0], sorted[sorted.len() - 1], sorted[sorted.len() / 2]);
        let spread = format!("{:.0} %", (most - least) / median.max(f64::MIN_POSITIVE) * 100.0);
        lines.push(line(&gauge.name, &gauge.unit, [&number(median), &number(least), &number(most), &spread]));
    }
    lines.join("\n")
}

fn line(name: &str, unit: &str, [median, least, most, spread]: [&str; 4]) -> String {
    format!("{name:<36} {unit:<12} {median:>10} {least:>10} {most:>10} {spread:>7}")
}

/// Three figures that mean something, thousands apart.
fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
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

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^53")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
