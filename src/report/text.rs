//! The report on a terminal: headline, coverage, ranking. No colour codes: the caller knows whether there is a terminal.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};

use super::{
    document::{CampaignReport, IntegrationRow, Report, SourceState},
    words,
};

/// Rows that fit a terminal's scroll-back without drowning the headline.
const MAX_ROWS: usize = 50;
/// Narrower than this no table is readable; wider than this no line is.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=240;

/// The report as plain text for a terminal of so many columns.
pub fn summary(report: &Report, width: usize) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let mut out = String::new();
    for campaign in &report.campaigns {
        add(&mut out, &format!("{}, seen from {}", campaign.name, words::instant(report.now, &report.zone)));
        add(&mut out, &words::headline(campaign, &report.zone));
        add(&mut out, &words::change(campaign, &report.coverage, &report.zone));
        out.push('\n');
        add(&mut out, &ranking(campaign, width));
    }
    if report.campaigns.is_empty() {
        add(&mut out, "No campaign is configured.");
    }
    out.push('\n');
    add(&mut out, &format!("Coverage: {}", words::coverage(&report.coverage, &report.zone)));
    for source in report.coverage.sources.iter().filter(|s| s.state != SourceState::Reading) {
        add(&mut out, format!("  {}: {} {}", source.source, words::source_state(source.state), source.failure).trim_end());
    }
    out.push('\n');
    add(&mut out, words::LIMITS);
    out
}

fn add(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a string takes what it is given");
}

fn ranking(campaign: &CampaignReport, width: usize) -> String {
    let ranked: Vec<&IntegrationRow> = campaign.integrations.iter().filter(|i| i.rank.is_some()).collect();
    if ranked.is_empty() {
        return "Nothing remains to be ranked.".to_owned();
    }
    let mut table = Table::new();
    table.force_no_tty().load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["#", "id", "status", "grade", "user", "client", "origin", "owner", "uses 30 d", "start by", "why"]);
    for row in ranked.iter().take(MAX_ROWS) {
        table.add_row(cells(row));
    }
    let mut out = table.to_string();
    if ranked.len() > MAX_ROWS {
        write!(out, "\n… and {} more; `duskwatch export` writes all of them.", ranked.len() - MAX_ROWS)
            .expect("a string takes what it is given");
    }
    out
}

fn cells(row: &IntegrationRow) -> [String; 11] {
    let or_dash = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    [
        row.rank.map(|r| r.to_string()).unwrap_or_default(),
        row.integration.clone(),
        row.status.to_string(),
        format!("{} ({})", if row.known { "known" } else { "possible" }, row.grade),
        or_dash(if row.user_name.is_empty() { &row.user } else { &row.user_name }),
        row.client_name.clone(),
        row.origin.clone(),
        or_dash(&row.owner),
        words::grouped(i64::try_from(row.uses_30d).unwrap_or(i64::MAX)),
        format!("{}{}", words::day(row.latest_safe_start), if row.overdue { ", late" } else { "" }),
        row.reasons.first().cloned().unwrap_or_default(),
    ]
}
