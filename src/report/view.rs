//! What the templates see: parts of the document, sentences about them, and filters that format and never count.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use minijinja::{Environment, HtmlEscape, State, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde};

use super::{
    document::{CampaignReport, IntegrationRow, Report, TeamRow, TeamTime, WindowRow},
    forecast, words,
};

/// Compiled-in templates by name; names that end in `.html` escape what they print.
const TEMPLATES: [(&str, &str); 20] = [
    ("base.html", include_str!("templates/base.html")),
    ("page.html", include_str!("templates/page.html")),
    ("glossary.html", include_str!("templates/glossary.html")),
    ("row.html", include_str!("templates/row.html")),
    ("steps.html", include_str!("templates/steps.html")),
    ("evidence.html", include_str!("templates/evidence.html")),
    ("team.html", include_str!("templates/team.html")),
    ("coverage.html", include_str!("templates/coverage.html")),
    ("sources.html", include_str!("templates/sources.html")),
    ("ranking.html", include_str!("templates/ranking.html")),
    ("forecasts.html", include_str!("templates/forecasts.html")),
    ("nothing.html", include_str!("templates/nothing.html")),
    ("digest.html", include_str!("templates/digest.html")),
    ("digest.txt", include_str!("templates/digest.txt")),
    ("brief.html", include_str!("templates/brief.html")),
    ("brief.txt", include_str!("templates/brief.txt")),
    ("notice.html", include_str!("templates/notice.html")),
    ("notice.txt", include_str!("templates/notice.txt")),
    ("mail.html", include_str!("templates/mail.html")),
    ("styles.html", include_str!("templates/styles.html")),
];

/// How much of each list a document shows; the CSV package has all of it.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) ranked: usize,
    pub(super) changes: usize,
    pub(super) teams: usize,
    pub(super) sources: usize,
}

/// Renders one template over the report.
pub(super) fn render(report: &Report, template: &str, limits: Limits, more: Value) -> String {
    let shared = context! {
        late => Serde(report.late),
        campaigns => report.campaigns.iter().map(|c| campaign(report, c, limits)).collect::<Vec<_>>(),
        expiring => Serde(&report.expiring),
        no_inventory => words::NO_INVENTORY,
        failing => report.failing.iter().map(|row| words::failing(row, &report.zone)).collect::<Vec<_>>(),
        undelivered => report.undelivered.iter().map(|row| words::undelivered(row, &report.zone)).collect::<Vec<_>>(),
        expiries => report.expiries.iter().map(|e| expiry(e, limits)).collect::<Vec<_>>(),
        steps => Serde(&report.steps),
        ..coverage(report, limits)
    };
    fill_in(template, &report.zone, context! { ..more, ..shared })
}

/// Who was looking, and what all numbers rest on.
pub(super) fn coverage(report: &Report, limits: Limits) -> Value {
    context! {
        limits => words::limits(report),
        now => Serde(report.now),
        timezone => report.timezone.as_str(),
        coverage_words => words::coverage(&report.coverage, &report.zone),
        complete => report.coverage.complete && report.coverage.sources.iter().all(|s| s.warning.is_empty()),
        since => Serde(report.coverage.since),
        sources => sources(report, limits),
        limits_sources => limits.sources,
        sources_left_out => report.coverage.sources.len().saturating_sub(limits.sources),
        observed => Serde(&report.coverage.observed),
        blind_spots => Serde(&report.blind_spots),
        unknown => Serde(&report.unknown),
    }
}

/// Renders one template over what it sees.
pub(super) fn fill_in(template: &str, zone: &TimeZone, values: Value) -> String {
    let environment = environment(zone);
    let template = environment.get_template(template).expect("the template is in the list");
    let mut text = template.render(values).expect("a test renders every template");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn campaign(report: &Report, c: &CampaignReport, limits: Limits) -> Value {
    let ranked: Vec<&IntegrationRow> = c.integrations.iter().filter(|i| i.rank.is_some()).collect();
    let shown = &ranked[..ranked.len().min(limits.ranked)];
    let teams = &c.teams[..c.teams.len().min(limits.teams)];
    let steps = report.steps.iter().filter(|steps| c.has_steps && shown.iter().any(|row| row.client == steps.client));
    context! {
        id => c.id.as_str(), name => c.name.as_str(), noun => c.noun.as_str(), advice => c.advice.as_str(),
        leftovers => c.words.leftover.of(c.counts.stale), documentation => c.documentation.as_str(),
        freeze => Serde(c.freeze), removal => Serde(c.removal), removed => c.removed,
        days_left => c.days_left, days_since => -c.days_left,
        moved => Serde(&c.moved),
        counts => Serde(c.counts),
        blind => c.blind,
        unseen => context! {
            it => words::unseen(c, "it"), them => words::unseen(c, "them"), in_windows => words::unseen(c, "what runs in them"),
        },
        headline => words::headline(c, &report.zone),
        change => words::change(c, report),
        contradiction => words::contradiction(c),
        outlook => forecast::outlook(c),
        needed => forecast::needed(c),
        past_forecasts => forecast::past(c),
        moves => Serde(&c.forecast.moves),
        movement => c.movement.as_ref().map(|m| movement(m, limits)),
        rows => Serde(shown),
        ranked => ranked.len(),
        left_out => ranked.len() - shown.len(),
        team_groups => team_groups(teams),
        teams => Serde(teams),
        verdict => forecast::verdict(c),
        kinds => words::kinds(&c.counts),
        causes => c.movement.as_ref().map(words::causes),
        steps => steps.take(MAX_STEPS).map(|steps| Value::from(Serde(steps))).collect::<Vec<_>>(),
        glossary => words::glossary(shown.iter().map(|row| row.status), c.removed),
        teams_left_out => c.teams.len() - teams.len(),
        blockers => Serde(&c.blockers),
        has_windows => !c.all_windows.is_empty(),
        windows => windows(c, &report.zone),
        window_only => window_only(c),
        waivers => Serde(&c.waivers),
        pace => pace(c),
        alt => super::chart::alt(c),
    }
}

/// Clients whose steps one document tells.
const MAX_STEPS: usize = 8;

/// The teams by how their lead time stands to the time that is left, with a heading; groups without teams are left out.
fn team_groups(teams: &[TeamRow]) -> Vec<Value> {
    let groups = [
        (TeamTime::TooLate, "Already too late for their lead time"),
        (TeamTime::Soon, "Late soon, unless they start"),
        (TeamTime::Fine, "In time"),
    ];
    let group = |(time, heading): (TeamTime, &str)| {
        let rows: Vec<&TeamRow> = teams.iter().filter(|team| team.time == time).collect();
        (!rows.is_empty()).then(|| context! { heading, rows => Serde(rows) })
    };
    groups.into_iter().filter_map(group).collect()
}

fn expiry(e: &super::document::ExpiryReport, limits: Limits) -> Value {
    let shown = &e.tokens[..e.tokens.len().min(limits.ranked)];
    let row =
        |t: &super::document::TokenRow| context! { line => words::token_line(t), words => words::token_words(t), ..Serde(t) };
    context! {
        name => e.name.as_str(), documentation => e.documentation.as_str(), advice => e.advice.as_str(),
        headline => words::expiring_headline(e),
        counts => Serde(e.counts),
        rows => shown.iter().map(row).collect::<Vec<_>>(),
        left_out => e.tokens.len() - shown.len(),
    }
}

fn movement(m: &super::document::Movement, limits: Limits) -> Value {
    let shown = &m.changes[..m.changes.len().min(limits.changes)];
    context! {
        before => m.before, delta => m.delta, unexplained => m.unexplained,
        causes => Serde(&m.causes),
        changes => Serde(shown),
        left_out => m.changes.len() - shown.len(),
    }
}

/// The next windows with what is expected to run in them.
fn windows(c: &CampaignReport, zone: &TimeZone) -> Vec<Value> {
    let row = |window: &WindowRow| {
        context! { span => words::span(window.from, window.to, zone), words => words::expected_in(window, c.blind), ..Serde(window) }
    };
    c.windows.iter().map(row).collect()
}

/// What is known to run inside windows: integrations that were refused nowhere else.
fn window_only(c: &CampaignReport) -> Value {
    const SHOWN: usize = 10;
    let rows: Vec<&IntegrationRow> =
        c.integrations.iter().filter(|i| i.window_only && i.status.remaining()).take(SHOWN).collect();
    Value::from(Serde(rows))
}

/// Where the number stood one, four and twelve weeks before, as known now.
fn pace(c: &CampaignReport) -> Vec<Value> {
    let Some(last) = c.burndown.last() else { return Vec::new() };
    let before = |weeks: i32| c.burndown.iter().find(|d| d.date == last.date.plus(-7 * weeks));
    [1, 4, 12]
        .into_iter()
        .filter_map(|weeks| before(weeks).map(|day| (weeks, day)))
        .map(|(weeks, day)| {
            context! { weeks, remaining => day.remaining, delta => i64::from(last.remaining) - i64::from(day.remaining) }
        })
        .collect()
}

fn sources(report: &Report, limits: Limits) -> Vec<Value> {
    let row = |s: &super::document::SourceRow| {
        context! { words => words::source_state(s.state), ..Serde(s) }
    };
    report.coverage.sources.iter().take(limits.sources).map(row).collect()
}

fn environment(zone: &TimeZone) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().expect("only white space is set");
    environment.set_syntax(syntax);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).expect("a test renders every template");
    }
    let zone = zone.clone();
    environment.add_filter("when", move |at: &str| parsed(at).map(|at| words::instant(at, &zone)).unwrap_or_default());
    environment.add_filter("short", |name: &str| words::short_name(name).to_owned());
    environment.add_filter("day", |at: &str| parsed(at).map(words::day).unwrap_or_default());
    environment.add_filter("n", |n: i128| words::grouped(shown(n)));
    environment.add_filter("signed", words::signed);
    environment.add_filter("percent", words::percent);
    environment.add_filter("tenths", |number: f64| format!("{number:.1}"));
    environment.add_filter("hundredths", |number: f64| format!("{number:.2}"));
    environment.add_filter("whole", |number: f64| format!("{:.0}", number.ceil()));
    environment.add_filter("in_path", in_path);
    environment.add_filter("hours", |hours: f64| format!("{hours:.1} h"));
    environment.add_filter("counted", |n: i128, noun: &str| words::counted(shown(n), noun));
    environment.add_filter("sentence", words::sentence_case);
    environment.add_filter("glued", |text: &str| words::glued(text));
    environment.add_filter("fill", |text: &str, indent: usize| fill(text, indent, TEXT_WIDTH));
    environment.add_function("link", link);
    environment
}

/// A name that leads to its own page where there is one: in a document that is served, and for a name that is not empty.
fn link(state: &State<'_, '_>, pages: &str, name: &str, text: &str) -> Value {
    let text = HtmlEscape(text);
    let is_served = state.lookup("served").is_some_and(|served| served.is_true());
    let html = if is_served && !name.is_empty() {
        format!("<a href=\"/{pages}/{}\">{text}</a>", in_path(name))
    } else {
        text.to_string()
    };
    Value::from_safe_string(html)
}

/// Of a count that no such number holds, as many as one can.
fn shown(count: i128) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A name as one segment of a path: everything but letters, digits and four marks is encoded.
pub(super) fn in_path(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("memory takes what it is given");
        }
    }
    out
}

fn parsed(at: &str) -> Option<Timestamp> {
    at.parse().ok()
}

/// Plain-text mail is broken at this width, so that every reader shows it as it was meant.
const TEXT_WIDTH: usize = 76;

/// Breaks a paragraph into lines of at most so many characters; every line but the first is indented.
pub(super) fn fill(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / width * (indent + 1));
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}
