//! The figures in Prometheus' text format, with the names that OpenTelemetry's rules give them there: dots become
//! underscores, the unit is the suffix, counters end in `_total`.

use std::{collections::BTreeMap, fmt::Write as _};

use super::figures::{Figure, FigureKind};

/// What the text is served as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The attribute by which a figure is a part of a distribution.
const QUANTILE: &str = "quantile";

/// Every finite figure; those of one name stand together, as the format wants it.
pub fn exposition(figures: &[Figure]) -> String {
    let mut families: BTreeMap<String, Vec<&Figure>> = BTreeMap::new();
    for figure in figures.iter().filter(|figure| figure.value.is_finite()) {
        families.entry(name(figure)).or_default().push(figure);
    }
    let mut out = String::new();
    for (name, family) in &families {
        let first = family[0];
        write!(out, "# HELP {name} {}\n# TYPE {name} {}\n", escaped(first.description), kind(first)).unwrap_or_default();
        let mut seen = BTreeMap::new();
        for figure in family {
            seen.insert(labels(figure), figure.value);
        }
        for (labels, value) in seen {
            // Writing to a string cannot fail.
            writeln!(out, "{name}{labels} {value}").unwrap_or_default();
        }
    }
    out
}

/// The name of a figure's family.
pub fn name(figure: &Figure) -> String {
    let mut name = figure.name.replace('.', "_");
    let unit = match (figure.unit, figure.kind) {
        ("s", _) => "_seconds",
        ("By", _) => "_bytes",
        ("1", FigureKind::Gauge) => "_ratio",
        _ => "",
    };
    if !name.ends_with(unit) {
        name.push_str(unit);
    }
    if figure.kind == FigureKind::Counter {
        name.push_str("_total");
    }
    name
}

/// Only summaries may have a label of that name.
fn kind(figure: &Figure) -> &'static str {
    match figure.kind {
        FigureKind::Counter => "counter",
        FigureKind::Gauge if figure.attributes.iter().any(|(key, _)| *key == QUANTILE) => "summary",
        FigureKind::Gauge => "gauge",
    }
}

fn labels(figure: &Figure) -> String {
    if figure.attributes.is_empty() {
        return String::new();
    }
    let pairs: Vec<_> = figure.attributes.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &'static str, unit: &'static str, kind: FigureKind, value: f64) -> Figure {
        Figure { name, unit, description: "What it \\ is", kind, attributes: vec![("source", "a\"b\\c".to_owned())], value }
    }

    #[test]
    fn names_units_and_kinds_follow_the_rules_of_opentelemetry() {
        let names = [
            ("duskwatch.integrations", "{integration}", FigureKind::Gauge, "duskwatch_integrations"),
            ("duskwatch.source.requests", "{request}", FigureKind::Counter, "duskwatch_source_requests_total"),
            ("duskwatch.observed.ratio", "1", FigureKind::Gauge, "duskwatch_observed_ratio"),
            ("duskwatch.source.budget.used", "1", FigureKind::Gauge, "duskwatch_source_budget_used_ratio"),
            ("duskwatch.removal.time", "s", FigureKind::Gauge, "duskwatch_removal_time_seconds"),
            ("duskwatch.store.size", "By", FigureKind::Gauge, "duskwatch_store_size_bytes"),
        ];
        for (own, unit, kind, expected) in names {
            assert_eq!(name(&figure(own, unit, kind, 0.0)), expected);
        }
    }

    #[test]
    fn families_stand_together_values_are_escaped_and_what_is_no_number_is_left_out() {
        let mut quantile = figure("b", "{integration}", FigureKind::Gauge, 4.0);
        quantile.attributes = vec![("quantile", "0.5".to_owned())];
        let bare = Figure { attributes: Vec::new(), ..figure("c", "By", FigureKind::Gauge, 5_242_880.0) };
        let figures = [
            figure("a", "{item}", FigureKind::Counter, 3.0),
            quantile,
            figure("b", "{integration}", FigureKind::Gauge, f64::NAN),
            bare,
            figure("a", "{item}", FigureKind::Counter, 4.0),
        ];
        let expected = "# HELP a_total What it \\\\ is\n# TYPE a_total counter\na_total{source=\"a\\\"b\\\\c\"} 4\n\
                        # HELP b What it \\\\ is\n# TYPE b summary\nb{quantile=\"0.5\"} 4\n\
                        # HELP c_bytes What it \\\\ is\n# TYPE c_bytes gauge\nc_bytes 5242880\n";
        assert_eq!(exposition(&figures), expected);
    }
}
