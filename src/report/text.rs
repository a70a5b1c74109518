//! The report on a terminal: headline, coverage, ranking. No colour codes: the caller knows whether there is a terminal.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableComponent, Width, presets};

use super::{
    document::{CampaignReport, ExpiryReport, IntegrationRow, Report, SourceState},
    forecast, view, words,
};
use crate::evidence::Day;

/// Rows that fit a terminal's scroll-back without drowning the headline.
const MAX_ROWS: usize = 50;
/// Tokens beside them.
const MAX_TOKENS: usize = 10;
/// Workspaces whose observed share stands with the coverage.
const MAX_WORKSPACES: usize = 20;
/// Narrower than this no table is readable; wider than this no line is.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=240;
/// Below this, only the columns that say who, what and by when.
const WIDE: usize = 118;
/// From this on there is room to say why.
const WIDEST: usize = 150;

/// A column of the ranking; which of them are shown depends on the terminal.
struct Column {
    title: &'static str,
    /// The narrowest terminal that shows it.
    from: usize,
    /// More columns than this it never takes; the last one takes what the others leave.
    width: Option<u16>,
    shown: Shown,
    cell: fn(&IntegrationRow) -> String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    BeforeTheRemoval,
    AfterIt,
}

const COLUMNS: [Column; 12] = [
    Column {
        title: "#",
        from: 0,
        width: Some(6),
        shown: Shown::Always,
        cell: |r| r.rank.map(|rank| rank.to_string()).unwrap_or_default(),
    },
    Column { title: "id", from: 0, width: Some(11), shown: Shown::Always, cell: |r| r.integration.clone() },
    Column { title: "status", from: 0, width: Some(12), shown: Shown::Always, cell: |r| r.status.to_string() },
    Column {
        title: "grade",
        from: 0,
        width: Some(11),
        shown: Shown::Always,
        cell: |r| if r.known { "known".to_owned() } else { "possible".to_owned() },
    },
    Column {
        title: "user",
        from: 0,
        width: Some(22),
        shown: Shown::Always,
        cell: |r| or_dash(if r.user_name.is_empty() { &r.user } else { &r.user_name }),
    },
    Column { title: "client", from: 0, width: Some(20), shown: Shown::Always, cell: |r| r.client.clone() },
    Column { title: "origin", from: WIDE, width: Some(18), shown: Shown::Always, cell: |r| r.origin.clone() },
    Column { title: "owner", from: WIDE, width: Some(14), shown: Shown::Always, cell: |r| or_dash(&r.owner) },
    Column {
        title: "uses 30 d",
        from: WIDE,
        width: Some(11),
        shown: Shown::Always,
        cell: |r| words::grouped(i64::try_from(r.uses_30d).unwrap_or(i64::MAX)),
    },
    Column { title: "start by", from: 0, width: Some(19), shown: Shown::BeforeTheRemoval, cell: start_by },
    Column { title: "last seen", from: 0, width: Some(12), shown: Shown::AfterIt, cell: |r| Day::of(r.last_seen).to_string() },
    Column {
        title: "why",
        from: WIDEST,
        width: None,
        shown: Shown::Always,
        cell: |r| r.reasons.first().cloned().unwrap_or_default(),
    },
];

/// The report as plain text for a terminal of so many columns.
pub fn summary(report: &Report, width: usize) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut lines = Vec::new();
    for (number, campaign) in report.campaigns.iter().enumerate() {
        lines.push(format!("{}, seen from {}", campaign.name, words::instant(report.now, &report.zone)));
        lines.push(view::fill(&words::headline(campaign, &report.zone), 0, width));
        lines.push(view::fill(&forecast::outlook(campaign), 0, width));
        lines.push(view::fill(&words::change(campaign, report), 0, width));
        let moved = campaign.movement.as_ref().filter(|movement| !movement.causes.is_empty() || movement.unexplained != 0);
        lines.extend(moved.map(|movement| view::fill(&words::sentence_case(&words::causes(movement)), 0, width)));
        if number == 0 {
            lines.extend(coverage(report, width));
        }
        if campaign.counts.contradictions > 0 {
            lines.push(view::fill(&format!("CONTRADICTION: {}", words::contradiction(campaign)), 0, width));
        }
        lines.push(String::new());
        lines.push(ranking(campaign, width));
        lines.extend(marks(campaign).iter().map(|line| view::fill(line, 2, width)));
        lines.push(String::new());
    }
    if report.campaigns.is_empty() {
        lines.push("No campaign is configured.".to_owned());
        lines.extend(coverage(report, width));
        lines.push(String::new());
    }
    for expiry in &report.expiries {
        lines.extend(expiring(expiry, width));
        lines.push(String::new());
    }
    lines.push(view::fill(&words::limits(report), 0, width));
    lines.join("\n") + "\n"
}

/// Who was looking, what was not seen, and what nobody can see.
fn coverage(report: &Report, width: usize) -> Vec<String> {
    let mut lines = vec![view::fill(&format!("Coverage: {}", words::coverage(&report.coverage, &report.zone)), 0, width)];
    if let Some(observed) = &report.coverage.observed {
        lines.push(view::fill(&format!("Observed: {}", observed.words), 0, width));
        lines
            .extend(observed.workspaces.iter().take(MAX_WORKSPACES).map(|row| format!("  {}", view::fill(&row.words, 4, width))));
    }
    for source in &report.coverage.sources {
        if !matches!(source.state, SourceState::Reading | SourceState::Imported) {
            let read = source.looked_until.map(|at| format!(", read up to {}", words::instant(at, &report.zone)));
            let (state, read) = (words::source_state(source.state), read.unwrap_or_default());
            lines.push(format!("  {}", view::fill(&format!("{}: {state}{read}. {}", source.source, source.failure), 4, width)));
        }
        if !source.warning.is_empty() {
            lines.push(format!("  {}", view::fill(&format!("{}: {}.", source.source, source.warning), 4, width)));
        }
    }
    let budgets: Vec<String> = report.coverage.sources.iter().filter_map(words::budget).collect();
    if !budgets.is_empty() {
        lines.push(view::fill(&format!("Request budget in use: {}.", budgets.join(", ")), 0, width));
    }
    let blind = report.blind_spots.iter().map(|spot| format!("No source can see: {} ({}).", spot.name, spot.reason));
    lines.extend(blind.map(|line| view::fill(&line, 0, width)));
    lines
}

/// The tokens that end first.
fn expiring(expiry: &ExpiryReport, width: usize) -> Vec<String> {
    let mut lines = vec![expiry.name.clone(), view::fill(&words::expiring_headline(expiry), 0, width)];
    for token in expiry.tokens.iter().take(MAX_TOKENS) {
        lines.push(format!("  {}", view::fill(&words::token_line(token), 4, width)));
    }
    match expiry.tokens.len().saturating_sub(MAX_TOKENS) {
        0 => {}
        more => lines.push(format!("  … and {more} more in tokens.csv.")),
    }
    lines
}

fn ranking(campaign: &CampaignReport, width: usize) -> String {
    let ranked: Vec<&IntegrationRow> = campaign.integrations.iter().filter(|i| i.rank.is_some()).collect();
    if ranked.is_empty() {
        return if campaign.blind { "Nothing is known." } else { "Nothing remains to be ranked." }.to_owned();
    }
    let other = if campaign.removed { Shown::BeforeTheRemoval } else { Shown::AfterIt };
    let columns = || COLUMNS.iter().filter(|column| width >= column.from && column.shown != other);
    let mut table = Table::new();
    table.force_no_tty().load_preset(presets::UTF8_HORIZONTAL_ONLY).remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(columns().map(|column| column.title));
    for (shown, column) in table.column_iter_mut().zip(columns()) {
        if let Some(width) = column.width {
            shown.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width)));
        }
    }
    table.add_rows(ranked.iter().take(MAX_ROWS).map(|row| columns().map(|column| (column.cell)(row)).collect::<Vec<_>>()));
    match ranked.len().saturating_sub(MAX_ROWS) {
        0 => table.trim_fmt(),
        more => format!("{}\n… and {more} more in the CSV package.", table.trim_fmt()),
    }
}

/// What a row of the table has no room for: a line for each thing that is true of some of them.
fn marks(campaign: &CampaignReport) -> Vec<String> {
    let shown: Vec<&IntegrationRow> = campaign.integrations.iter().filter(|i| i.rank.is_some()).take(MAX_ROWS).collect();
    // Whose start has passed stands in the table.
    let flags = words::FLAGS.iter().filter(|(words, _)| *words != words::OVERDUE);
    let flagged = flags.map(|(words, is_set)| {
        let ids = shown.iter().filter(|row| is_set(row)).map(|row| row.integration.clone()).collect();
        (*words, ids)
    });
    let unseen = |row: &&IntegrationRow| Some(format!("{} ({})", row.integration, words::day(row.unseen_since?)));
    let marked: Vec<(&str, Vec<String>)> =
        flagged.chain([("not seen since", shown.iter().filter_map(unseen).collect())]).collect();
    let told = marked.into_iter().filter(|(_, rows)| !rows.is_empty());
    told.map(|(words, rows)| format!("{}: {}", words::sentence_case(words), rows.join(", "))).collect()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { text.to_owned() }
}

fn start_by(row: &IntegrationRow) -> String {
    format!("{}{}", Day::of(row.latest_safe_start), if row.overdue { " passed" } else { "" })
}
