//! What the templates of the notice see.

use minijinja::{Value, context, value::Serde};

use super::{Notice, NoticeCampaign, NoticeRow, words};
use crate::{
    evidence::Status,
    report::{view, words as shared},
};

/// Rows that are told in full, and further ones in a line each: mail programs clip HTML above 100 kB.
const FULL: usize = 12;
const BRIEF: usize = 60;
/// Tokens that are listed.
const TOKENS: usize = 20;

/// Renders one template over the notice. `contact` is whom to ask; empty where nobody is named.
pub(in crate::report) fn render(notice: &Notice, template: &str, subject: &str, contact: &str) -> String {
    let removed = notice.campaigns.iter().any(|c| c.removed);
    let statuses = notice.campaigns.iter().flat_map(|c| &c.integrations).map(|row| row.row.status);
    let mut room = Room { full: FULL, brief: BRIEF };
    let tokens: Vec<String> = notice.tokens.iter().take(TOKENS).map(shared::token_line).collect();
    let values = context! {
        subject,
        owner => notice.owner.as_str(),
        now => Serde(notice.now),
        late => Serde(notice.late),
        complete => notice.complete,
        nothing => words::nothing(notice),
        campaigns => notice.campaigns.iter().map(|c| campaign(notice, c, &mut room)).collect::<Vec<_>>(),
        tokens_left_out => notice.tokens.len() - tokens.len(),
        tokens,
        glossary => shared::glossary(statuses, removed),
        basis => words::basis(notice, contact),
    };
    view::fill_in(template, &notice.zone, values)
}

/// The rows that a mail still has room for.
struct Room {
    full: usize,
    brief: usize,
}

impl Room {
    /// Takes as many of `wanted` as there is room for.
    fn take(room: &mut usize, wanted: usize) -> usize {
        let taken = wanted.min(*room);
        *room -= taken;
        taken
    }
}

fn campaign(notice: &Notice, c: &NoticeCampaign, room: &mut Room) -> Value {
    let groups = c.integrations.chunk_by(|a, b| a.row.client == b.row.client);
    context! {
        title => words::title(c),
        headline => words::headline(c, &notice.owner, &notice.zone),
        start => words::start(c),
        overdue => c.counts.overdue > 0,
        advice => c.advice.as_str(),
        groups => groups.map(|rows| group(notice, c, rows, room)).collect::<Vec<_>>(),
    }
}

fn group(notice: &Notice, c: &NoticeCampaign, rows: &[NoticeRow], room: &mut Room) -> Value {
    let full = Room::take(&mut room.full, rows.len());
    let brief = Room::take(&mut room.brief, rows.len() - full);
    let shown = |rows: &[NoticeRow]| rows.iter().map(|it| row(notice, c, it)).collect::<Vec<_>>();
    let client = &rows[0].row;
    context! {
        name => words::group(client),
        rows => shown(&rows[..full]),
        brief => shown(&rows[full..full + brief]),
        left_out => rows.len() - full - brief,
        steps => c.steps.iter().find(|steps| steps.client == client.client).map(Serde),
    }
}

fn row(notice: &Notice, c: &NoticeCampaign, row: &NoticeRow) -> Value {
    context! {
        title => words::who(row),
        colour => colour(row.row.status),
        start => (!c.removed).then(|| shared::day(row.row.latest_safe_start)),
        repositories => words::repositories(row),
        runs => words::runs(row, &notice.zone),
        next_brownout => row.next_brownout.as_ref().map(|hit| words::next_brownout(hit, &notice.zone)),
        shared => words::shared_secret(row),
        ..Serde(row)
    }
}

/// Of the left edge and the status.
fn colour(status: Status) -> &'static str {
    match status {
        Status::Failing => "#a63c00",
        Status::Stale | Status::Quiet => "#566273",
        _ => "#0067a3",
    }
}
