//! The pages behind the rows: one integration or user with its evidence, one team, coverage, forecasts.

use jiff::tz::TimeZone;
use minijinja::{Value, context, value::Serde};

use super::{drawn, frame};
use crate::{
    analysis::Authentication,
    evidence::{Day, Outcome},
    report::{
        chart,
        document::{CampaignReport, IntegrationRow, IntervalRow, Report, TokenRow, UserRow},
        explain::{EvidenceRow, Explained, ExplainedRow, VerdictRow},
        forecast, ranking, view, words,
    },
};

/// Days with rejected uses that are listed.
const MAX_REJECTED: usize = 100;
/// Intervals in which nobody looked; users who are not observed; weeks with forecasts; rows of a team.
const MAX_GAPS: usize = 300;
const MAX_NOT_OBSERVED: usize = 300;
const MAX_MADE: usize = 60;
const MAX_OF_TEAM: usize = 100;
/// Tokens of a team, the first to expire.
const MAX_TOKENS: usize = 50;

/// Where one row is shown.
pub fn address(explained: &Explained) -> String {
    let pages = if explained.user.is_some() { "users" } else { "integrations" };
    format!("/{pages}/{}", view::in_path(explained.id()))
}

/// One integration or one user, with what stands behind it; `is_read` unless the store could not be read.
pub fn row(report: &Report, explained: &Explained, is_read: bool) -> String {
    let ids: Vec<&str> = explained.integrations.iter().map(|row| row.integration.as_str()).collect();
    let uses = report.authentications.of(|user, integration| match &explained.user {
        Some(asked) => user == asked.user,
        None => ids.contains(&integration),
    });
    let rejected: Vec<&Authentication> = uses.iter().rev().filter(|row| row.outcome == Outcome::Rejected).collect();
    let today = Day::of_ms(report.now.as_millisecond() - 1);
    let picture = chart::of_row(&uses, report.campaigns.first(), today);
    let shown = &rejected[..rejected.len().min(MAX_REJECTED)];
    let more = context! {
        heading => heading(explained), id => explained.id(), is_read,
        user => Serde(&explained.user),
        integrations => explained.integrations.iter().map(|row| integration(row, &report.zone)).collect::<Vec<_>>(),
        several => explained.integrations.len() > 1,
        chart => picture.as_ref().map(drawn),
        rejected => shown.iter().map(|row| rejection(row)).collect::<Vec<_>>(),
        rejected_left_out => rejected.len() - shown.len(),
        evidence => explained.evidence.iter().map(piece).collect::<Vec<_>>(),
        rules => Serde(&explained.rules), more => Serde(&explained.more),
    };
    view::fill_in("row.html", &report.zone, context! { ..more, ..frame(report, true) })
}

fn heading(explained: &Explained) -> String {
    let named = |name: &str, id: &str| match (name, id) {
        ("", "") => "Nobody named".to_owned(),
        ("", id) => id.to_owned(),
        (name, _) => name.to_owned(),
    };
    match (&explained.user, explained.integrations.first()) {
        (Some(user), _) => named(&user.user_name, &user.user),
        (None, Some(row)) => {
            format!("{} with {} from {}", named(&row.user_name, &row.user), words::short_name(&row.client_name), row.origin)
        }
        (None, None) => explained.id().to_owned(),
    }
}

fn integration(row: &ExplainedRow, zone: &TimeZone) -> Value {
    context! { verdicts => row.verdicts.iter().map(|v| verdict(v, zone)).collect::<Vec<_>>(), ..Serde(row) }
}

fn verdict(verdict: &VerdictRow, zone: &TimeZone) -> Value {
    context! {
        flags => words::flags(&verdict.row), rhythm_words => words::rhythm(&verdict.row, zone),
        remains => verdict.row.status.remaining(), ..Serde(verdict)
    }
}

fn rejection(row: &Authentication) -> Value {
    context! {
        day => row.day.to_string(), integration => row.integration.as_str(), workspace => row.workspace.as_str(),
        credential => row.credential.as_str(), grade => row.grade.as_str(), uses => row.uses,
    }
}

fn piece(piece: &EvidenceRow) -> Value {
    let place = [piece.workspace.as_str(), piece.repository.as_str()].into_iter().filter(|text| !text.is_empty());
    let lifted = piece.lifted_credential.zip(piece.lifted_grade).map(|(credential, grade)| format!("{credential}, {grade}"));
    context! {
        stamp => words::stamp(piece.time, piece.until, piece.kept), place => place.collect::<Vec<_>>().join("/"), lifted,
        ..Serde(piece)
    }
}

/// What one owner answers for; `-` stands for nobody. None where nothing has this owner.
pub fn team(report: &Report, name: &str) -> Option<String> {
    let owner = Some(name).filter(|name| !name.is_empty())?;
    let owner = if owner == ranking::NOBODY { "" } else { owner };
    let own = |row: &&IntegrationRow| row.owner == owner;
    let tokens: Vec<&TokenRow> = report
        .tokens
        .iter()
        .filter(|token| !owner.is_empty() && token.owner == owner && token.expires_at.is_some() && !token.expired)
        .take(MAX_TOKENS)
        .collect();
    if tokens.is_empty() && !report.campaigns.iter().any(|c| c.integrations.iter().any(|row| own(&row))) {
        return None;
    }
    let of_campaign = |c: &CampaignReport| {
        let rows: Vec<&IntegrationRow> = c.integrations.iter().filter(own).collect();
        context! {
            name => c.name.as_str(), removed => c.removed, found => rows.len(),
            team => Serde(c.teams.iter().find(|team| team.owner == owner)),
            all => ranking::address_of_team(&c.id, name),
            rows => Serde(&rows[..rows.len().min(MAX_OF_TEAM)]),
        }
    };
    let more = context! {
        name => if owner.is_empty() { "No owner yet" } else { owner },
        campaigns => report.campaigns.iter().map(of_campaign).collect::<Vec<_>>(),
        tokens => Serde(tokens),
    };
    Some(view::fill_in("team.html", &report.zone, context! { ..more, ..frame(report, true) }))
}

/// When nobody looked, and who was not seen.
pub fn coverage(report: &Report) -> String {
    let mut gaps: Vec<&IntervalRow> = report.coverage.intervals.iter().filter(|interval| !interval.state.looked()).collect();
    gaps.sort_by_key(|interval| (std::cmp::Reverse(interval.to), &interval.source));
    let unseen: Vec<&UserRow> = report.users.iter().filter(|user| user.observed == Some(false)).collect();
    let (gaps_shown, unseen_shown) = (&gaps[..gaps.len().min(MAX_GAPS)], &unseen[..unseen.len().min(MAX_NOT_OBSERVED)]);
    let more = context! {
        gaps => Serde(gaps_shown), gaps_left_out => gaps.len() - gaps_shown.len(),
        not_observed => Serde(unseen_shown), not_observed_left_out => unseen.len() - unseen_shown.len(),
    };
    view::fill_in(
        "coverage.html",
        &report.zone,
        context! { ..more, ..view::coverage(report, super::LIMITS), ..frame(report, true) },
    )
}

/// What was forecast, and how it did.
pub fn forecasts(report: &Report) -> String {
    let of_campaign = |c: &CampaignReport| {
        let made = c.burndown.iter().rev().filter(|day| day.forecast_p50.is_some()).step_by(7).take(MAX_MADE);
        context! {
            name => c.name.as_str(), removed => c.removed,
            outlook => forecast::outlook(c), needed => forecast::needed(c),
            chart => chart::forecasts(c).as_ref().map(drawn),
            scores => Serde(&c.forecast.scores),
            made => Serde(made.collect::<Vec<_>>()),
        }
    };
    let campaigns = report.campaigns.iter().map(of_campaign).collect::<Vec<_>>();
    view::fill_in("forecasts.html", &report.zone, context! { campaigns, ..frame(report, true) })
}

/// A page that has only something to say.
pub fn message(report: &Report, heading: &str, words: &str) -> String {
    view::fill_in("nothing.html", &report.zone, context! { heading, words, ..frame(report, true) })
}
