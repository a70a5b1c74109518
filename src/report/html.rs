//! The pages: self-contained, readable without JavaScript, with no request to anywhere else.

mod detail;

use minijinja::{HtmlEscape, Value, context, value::Serde};
use sha2::{Digest, Sha256};

use super::{
    chart,
    document::{CampaignReport, IntegrationRow, Report},
    inert,
    ranking::{self, Query, Selection, Sort},
    view::{self, Limits},
};
pub use detail::{address, coverage, forecasts, message, row, team};

const STYLE: &str = include_str!("templates/page.css");
const SCRIPT: &str = include_str!("templates/page.js");

/// A browser lays out a thousand rows at once without a pause; the CSV package has all of them.
const LIMITS: Limits = Limits { ranked: 1_000, changes: 100, teams: 200, sources: 200 };
/// A page that is served lists its ranking a part at a time.
const SERVED: Limits = Limits { ranked: 0, ..LIMITS };

/// One HTML document, to be opened as a file.
pub fn page(report: &Report) -> String {
    let whole = |c: &CampaignReport| {
        let rows: Vec<&IntegrationRow> = c.integrations.iter().filter(|row| row.rank.is_some()).collect();
        let shown = &rows[..rows.len().min(LIMITS.ranked)];
        context! {
            rows => Serde(shown), left_out => rows.len() - shown.len(), heads => heads(c, None),
            pages => 1, chosen => false, form => (),
        }
    };
    let rankings = report.campaigns.iter().map(whole).collect();
    render(report, LIMITS, false, rankings)
}

/// The same document as the service shows it, with links to what stands behind its rows, and the rows that were asked for.
pub fn served_page(report: &Report, query: &Query) -> String {
    let asked = |(number, c): (usize, &CampaignReport)| {
        let query = query.of(&c.id, number);
        ranking(c, &query, &ranking::select(c, &query))
    };
    let rankings = report.campaigns.iter().enumerate().map(asked).collect();
    render(report, SERVED, true, rankings)
}

/// Where a page begins to say something.
const CONTENT: &str = "<main id=\"content\">\n";

/// A page that was made before, with what is wrong now above everything that it says.
pub fn with_trouble(page: &str, trouble: &[String]) -> String {
    let words = trouble.iter().map(|words| HtmlEscape(&inert::sentence(words)).to_string()).collect::<Vec<_>>().join("</p><p>");
    page.replacen(CONTENT, &format!("{CONTENT}<div class=\"note warn\" role=\"alert\"><p>{words}</p></div>\n"), 1)
}

fn render(report: &Report, limits: Limits, served: bool, rankings: Vec<Value>) -> String {
    let charts: Vec<Vec<Value>> = report.campaigns.iter().map(|c| charts(report, c)).collect();
    view::render(report, "page.html", limits, context! { charts, rankings, ..frame(report, served) })
}

/// What every page has.
fn frame(report: &Report, served: bool) -> Value {
    context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        served,
        now => Serde(report.now),
        timezone => report.timezone.as_str(),
    }
}

fn charts(report: &Report, c: &CampaignReport) -> Vec<Value> {
    let pictures = chart::of_campaign(report, c);
    let Some((first, others)) = pictures.split_first() else { return Vec::new() };
    std::iter::once(drawn(first)).chain(others.iter().map(|other| shown(other, other.half_svg()))).collect()
}

fn drawn(picture: &chart::Picture) -> Value {
    shown(picture, picture.svg())
}

fn shown(picture: &chart::Picture, svg: String) -> Value {
    context! {
        title => picture.title, alt => picture.alt.as_str(), note => picture.note, svg => Value::from_safe_string(svg),
    }
}

/// One page of a ranking, and the form that asks for another.
fn ranking(c: &CampaignReport, query: &Query, found: &Selection<'_>) -> Value {
    let parameters = query.parameters();
    let parameter = |name: &str| parameters.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value.as_str());
    let choices = ranking::choices(c, query);
    let fields = [
        ("Status", "status", choices.statuses),
        ("Team", "team", choices.teams),
        ("Workspace", "workspace", choices.workspaces),
        ("Client", "client", choices.clients),
        ("Grade", "grade", choices.grades),
    ];
    let field = |(label, name, choices): (&str, &str, Vec<ranking::Choice>)| context! { label, name, choices => Serde(choices) };
    let turned = |page: usize| (1..=found.pages).contains(&page).then(|| query.turned_to(page));
    context! {
        rows => Serde(&found.rows), found => found.found, page => found.page, pages => found.pages,
        before => turned(found.page - 1), after => turned(found.page + 1),
        left_out => 0, chosen => query.chooses(), heads => heads(c, Some(query)),
        form => context! {
            words => parameter("q"), sort => parameter("sort"), reverse => parameter("reverse"),
            fields => fields.map(field).to_vec(),
        },
    }
}

/// The columns of a ranking; where the server can sort by one, its name is a link.
fn heads(c: &CampaignReport, query: Option<&Query>) -> Vec<Value> {
    let columns = [
        ("#", "r", Some(Sort::Rank)),
        ("Who and what", "", Some(Sort::User)),
        ("Status", "", Some(Sort::Status)),
        ("Owner", "", Some(Sort::Team)),
        ("Uses in 30 d", "r", Some(Sort::Uses)),
        ("Last seen", "", Some(Sort::LastSeen)),
        ("Start by", "", Some(Sort::Start)),
        ("Why, and what to do", "", None),
    ];
    let shown = columns.into_iter().filter(|(_, _, sort)| !(c.removed && *sort == Some(Sort::Start)));
    let head = |(words, class, sort): (&str, &str, Option<Sort>)| {
        let sorting = query.zip(sort);
        context! {
            words, class,
            address => sorting.map(|(query, sort)| query.sorted(sort)),
            direction => sorting.map_or("", |(query, sort)| query.direction(sort)),
        }
    };
    shown.map(head).collect()
}

/// The `Content-Security-Policy` under which the pages work: only their own style and script, nothing from outside; the form
/// and the script ask this server alone.
pub fn content_security_policy() -> String {
    format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
        source_hash(STYLE),
        source_hash(SCRIPT)
    )
}

fn source_hash(text: &str) -> String {
    format!("sha256-{}", data_encoding::BASE64.encode(&Sha256::digest(text)))
}
