//! Everything an operator asks first, on one screen: where it stands, who is looking, what left, and the store.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    document::{CampaignReport, Report, SourceRow, SourceState},
    inert, view, words,
};

/// Lines of the sources that fit beside everything else on 24 lines; those that need a look go first, and take two.
const MAX_SOURCE_LINES: usize = 9;
/// Deliveries of the same screen.
const MAX_DELIVERIES: usize = 4;
/// Recipients of the same screen for whom something waits, and whom something never reached.
const MAX_WAITING: usize = 2;
const MAX_GIVEN_UP: usize = 2;
/// Lines of what is wrong with one source or recipient.
const MAX_WHY: usize = 3;
/// Narrower than this the table of sources is not readable; wider than this no line is.
const WIDTHS: std::ops::RangeInclusive<usize> = 72..=120;
/// How wide the names of sources are: as the longest of them, between these two.
const NAMES: std::ops::RangeInclusive<usize> = 22..=40;
/// Where the text of an entry begins, and what is wrong with a source.
const COLUMN: usize = 16;
const WHY_COLUMN: usize = 4;

/// What the service and its store say of themselves, beside the report.
#[derive(Clone, Debug)]
pub struct Facts {
    pub store: StoreRow,
    /// Whether the running service answers, in words.
    pub service: String,
    pub deliveries: Vec<DeliveryRow>,
    pub outbox: OutboxRow,
}

/// The screen; JSON has the same fields.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub now: Timestamp,
    #[serde(skip)]
    pub zone: TimeZone,
    pub service: String,
    pub campaigns: Vec<StandRow>,
    /// Every source was read without a gap since the last digest, or in the last day where there is none.
    pub complete: bool,
    /// Those that need a look first.
    pub sources: Vec<SourceRow>,
    pub deliveries: Vec<DeliveryRow>,
    pub outbox: OutboxRow,
    pub store: StoreRow,
    /// What to do next, the most urgent first.
    pub next: Vec<String>,
}

/// Where one retirement stands.
#[derive(Clone, Debug, Serialize)]
pub struct StandRow {
    pub campaign: String,
    pub noun: String,
    /// Nothing that could show the credential was ever read, or none of it reaches back to then: the numbers are unknown, not
    /// zero.
    pub blind: bool,
    /// Why, where that is so.
    #[serde(skip)]
    pub unseen: String,
    pub removed: bool,
    pub remaining: u32,
    pub known: u32,
    pub possible: u32,
    pub failing: u32,
    pub stale: u32,
    /// Against the last digest; null when there was none.
    pub delta: Option<i64>,
    pub since: Option<Timestamp>,
    /// Negative after the removal.
    pub days_left: i32,
}

#[derive(Clone, Debug, Serialize)]
pub struct DeliveryRow {
    /// `mail/security`.
    pub delivery: String,
    /// When it last reached somebody; null for never.
    pub last: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OutboxRow {
    pub pending: u64,
    pub oldest: Option<Timestamp>,
    pub waiting: Vec<WaitingRow>,
    /// Recipients that were given up since the store began.
    pub undeliverable: u64,
    /// Those of the last month, the newest first.
    pub given_up: Vec<GivenUpRow>,
}

/// A recipient whom a message never reached.
#[derive(Clone, Debug, Serialize)]
pub struct GivenUpRow {
    /// `mail`, `webhook`, `otlp`.
    pub channel: String,
    pub recipient: String,
    /// When the message was due.
    pub due: Timestamp,
    pub at: Timestamp,
    /// The last failure in words.
    pub failure: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct WaitingRow {
    /// `mail`, `webhook`, `otlp`.
    pub channel: String,
    pub recipient: String,
    pub messages: u64,
    /// The last failure in words; empty when nothing was tried yet.
    pub failure: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct StoreRow {
    pub path: String,
    pub bytes: u64,
    pub bytes_a_day: Option<u64>,
    pub free_bytes: Option<u64>,
    /// Until the disk is full.
    pub days_left: Option<u64>,
    /// Size, growth and room in words.
    pub words: String,
}

/// Makes the screen.
pub fn build(report: &Report, facts: Facts) -> Status {
    let mut sources = report.coverage.sources.clone();
    sources.sort_by_key(|source| !needs_a_look(source));
    Status {
        now: report.now,
        zone: report.zone.clone(),
        campaigns: report.campaigns.iter().map(stand).collect(),
        complete: report.coverage.complete,
        next: next(report),
        sources,
        service: inert::sentence(&facts.service),
        deliveries: facts.deliveries.into_iter().map(|row| DeliveryRow { delivery: inert::name(&row.delivery), ..row }).collect(),
        outbox: OutboxRow {
            waiting: facts.outbox.waiting.into_iter().map(waiting_row).collect(),
            given_up: facts.outbox.given_up.into_iter().map(given_up_row).collect(),
            ..facts.outbox
        },
        store: StoreRow { path: inert::name(&facts.store.path), ..facts.store },
    }
}

/// Why something was not taken is told in the words of a mail server or a collector.
fn waiting_row(row: WaitingRow) -> WaitingRow {
    WaitingRow { recipient: inert::name(&row.recipient), failure: inert::sentence(&row.failure), ..row }
}

fn given_up_row(row: GivenUpRow) -> GivenUpRow {
    GivenUpRow { recipient: inert::name(&row.recipient), failure: inert::sentence(&row.failure), ..row }
}

fn needs_a_look(source: &SourceRow) -> bool {
    let is_read = matches!(source.state, SourceState::Reading | SourceState::Imported | SourceState::Removed);
    !is_read || !source.warning.is_empty() || source.missed_hours > 0.0
}

fn stand(campaign: &CampaignReport) -> StandRow {
    let counts = &campaign.counts;
    StandRow {
        campaign: campaign.id.clone(),
        noun: campaign.noun.clone(),
        blind: campaign.blind,
        unseen: words::unseen(campaign, "them"),
        removed: campaign.removed,
        remaining: counts.remaining,
        known: counts.known,
        possible: counts.possible,
        failing: counts.failing,
        stale: counts.stale,
        delta: campaign.movement.as_ref().map(|movement| movement.delta),
        since: campaign.movement.as_ref().map(|movement| movement.since),
        days_left: campaign.days_left,
    }
}

fn next(report: &Report) -> Vec<String> {
    let sources = &report.coverage.sources;
    let mut next = Vec::new();
    if sources.is_empty() {
        next.push(
            "connect a source: an [[organization]], a [[log]] or an [[http.intake]]; `duskwatch check` looks at it".to_owned(),
        );
    } else if sources.iter().all(|source| source.looked_until.is_none() && source.items == 0) {
        next.push("nothing was read yet: `duskwatch check`, then `duskwatch run` (or `duskwatch poll`, once)".to_owned());
    } else if report.campaigns.iter().any(|campaign| campaign.blind && campaign.reaches_back_to.is_none()) {
        next.push("connect a log, a transcript or an intake: no API says who uses an app password".to_owned());
    }
    if report.judged_otherwise > 0 {
        next.push("the rules have changed: `duskwatch reclassify` judges anew what is kept".to_owned());
    }
    next
}

/// For a terminal of so many columns; 24 lines where there are few sources.
pub fn text(status: &Status, width: usize) -> String {
    let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
    let zone = &status.zone;
    let mut lines = vec![format!("Seen from {}", words::instant(status.now, zone))];
    let mut entry = |label: &str, text: &str| {
        lines.push(format!("{label:<COLUMN$}{}", view::fill(text, COLUMN, width)));
    };
    entry("Service", &status.service);
    for stand in &status.campaigns {
        entry(&words::sentence_case(&stand.noun), &self::stands(stand, zone));
    }
    let mut watched = status.sources.iter().filter(|row| row.state != SourceState::Removed).peekable();
    let none = watched.peek().is_none();
    let imported = watched.all(|row| row.state == SourceState::Imported);
    let looked = match () {
        () if none => "none",
        () if imported => "nobody looks on: all that was read are files that were imported by hand",
        () if status.complete => match words::Complete::of(&status.sources) {
            words::Complete::Everything => "all read without a gap",
            words::Complete::Polled => "all that are polled read without a gap",
            words::Complete::Pushed => "every sender has been heard; nothing is polled",
        },
        () => "could not look everywhere",
    };
    entry("Sources", looked);
    let (mut told, mut shown) = (Vec::new(), 0);
    let column =
        status.sources.iter().map(|row| row.source.chars().count()).max().unwrap_or(0).clamp(*NAMES.start(), *NAMES.end());
    let bad = status.sources.iter().filter(|row| needs_a_look(row)).count();
    let why_lines = (MAX_SOURCE_LINES / bad.max(1)).saturating_sub(1).clamp(1, MAX_WHY);
    for row in &status.sources {
        let own = source(row, zone, column, (width, why_lines));
        if told.len() + own.len() > MAX_SOURCE_LINES {
            break;
        }
        told.extend(own);
        shown += 1;
    }
    lines.extend(told);
    let rest = &status.sources[shown..];
    if !rest.is_empty() {
        let bad = rest.iter().filter(|source| needs_a_look(source)).count();
        let words = match bad {
            0 => "all well".to_owned(),
            1 => "1 of them needs a look".to_owned(),
            bad => format!("{bad} of them need a look"),
        };
        lines.push(format!("  … and {} more, {words}", rest.len()));
    }
    let mut entry = |label: &str, text: &str| {
        lines.push(format!("{label:<COLUMN$}{}", view::fill(text, COLUMN, width)));
    };
    for delivery in status.deliveries.iter().take(MAX_DELIVERIES) {
        let last = delivery.last.map_or_else(|| "never".to_owned(), |at| format!("last {}", words::instant(at, zone)));
        let (channel, audience) = delivery.delivery.split_once('/').unwrap_or((&delivery.delivery, ""));
        entry(&words::sentence_case(&words::document(channel, audience)), &last);
    }
    entry("Outbox", &outbox(&status.outbox, zone));
    let mut rows = |rows: Vec<String>, most: usize, room: usize| {
        rows.iter().take(most).for_each(|row| entry("", &cut(row, room)));
        if rows.len() > most {
            entry("", &format!("… and {} more", rows.len() - most));
        }
    };
    rows(status.outbox.waiting.iter().map(waiting).collect(), MAX_WAITING, width - COLUMN);
    let given_up = status.outbox.given_up.iter().map(|row| given_up(row, zone));
    rows(given_up.collect(), MAX_GIVEN_UP, MAX_WHY * (width - COLUMN));
    entry("Store", &format!("{}: {}", status.store.path, status.store.words));
    for step in &status.next {
        entry("Next", step);
    }
    lines.join("\n") + "\n"
}

fn stands(stand: &StandRow, zone: &TimeZone) -> String {
    if stand.blind {
        return format!("unknown: {}; a count of zero says nothing", stand.unseen);
    }
    let change = match (stand.delta, stand.since) {
        (Some(delta), Some(since)) => format!("; {} since the digest of {}", words::signed(delta), words::instant(since, zone)),
        _ => "; no digest yet to compare with".to_owned(),
    };
    let days = i64::from(stand.days_left);
    let time = if stand.removed {
        format!("{} still tried by what has moved, day {} after the removal", stand.stale, -days)
    } else {
        format!("{} left", words::counted(days, "day"))
    };
    format!(
        "{} remain ({} known, {} possible), {} failing, {time}{change}",
        stand.remaining, stand.known, stand.possible, stand.failing
    )
}

/// A line, and as many as there is room for to say what is wrong with it.
fn source(row: &SourceRow, zone: &TimeZone, column: usize, (width, why_lines): (usize, usize)) -> Vec<String> {
    let gap = match row.gap_seconds {
        // A gap that has just begun is none yet.
        0 if row.state != SourceState::Reading => String::new(),
        0 => ", no gap in 30 days".to_owned(),
        seconds if seconds < 3_600 => format!(", {} min missed in 30 days", (seconds + 59) / 60),
        seconds => format!(", {} h missed in 30 days", (seconds + 3_599) / 3_600),
    };
    let read = match row.looked_until {
        // Files by hand are no watch that could have a gap.
        Some(at) if row.state == SourceState::Imported => format!(", until {}", words::instant(at, zone)),
        Some(at) => format!(", until {}{gap}", words::instant(at, zone)),
        None if row.state == SourceState::NeverRead => String::new(),
        None => ", never read".to_owned(),
    };
    let line = format!("  {:<column$} {}{read}", row.source, words::source_state(row.state));
    let why = if row.failure.is_empty() || !needs_a_look(row) { &row.warning } else { &row.failure };
    let why = view::fill(&cause(why, why_lines * (width - WHY_COLUMN)), WHY_COLUMN, width);
    let why = why.lines().map(|words| format!("{:WHY_COLUMN$}{}", "", words.trim_start()));
    [line].into_iter().chain(why).map(|line| cut(&line, width)).collect()
}

fn outbox(outbox: &OutboxRow, zone: &TimeZone) -> String {
    let given_up = if outbox.undeliverable == 0 { String::new() } else { format!(", {} given up", outbox.undeliverable) };
    match outbox.oldest {
        Some(at) => format!("{} waiting since {}{given_up}", outbox.pending, words::instant(at, zone)),
        None => format!("empty{given_up}"),
    }
}

fn waiting(row: &WaitingRow) -> String {
    let why = if row.failure.is_empty() { "not tried yet" } else { &row.failure };
    format!("{} to {}, {} waiting: {why}", row.channel, row.recipient, row.messages)
}

fn given_up(row: &GivenUpRow, zone: &TimeZone) -> String {
    format!("{} to {}, due on {}, given up: {}", row.channel, row.recipient, words::instant(row.due, zone), row.failure)
}

/// Why a source is not read, in so many characters: its name says already which API, and what is said first is the cause.
fn cause(why: &str, room: usize) -> String {
    let fits = |text: &str| text.chars().count() < room;
    if fits(why) {
        return why.to_owned();
    }
    let without_place =
        why.split_once(' ').filter(|(place, _)| place.contains('/') && !place.starts_with('/')).map_or(why, |(_, rest)| rest);
    if fits(without_place) {
        return without_place.to_owned();
    }
    without_place.chars().take(room.saturating_sub(2)).chain(['…']).collect()
}

/// What is longer than its place loses its middle: an address at its beginning says who, the reason stands at its end.
fn cut(line: &str, width: usize) -> String {
    let chars: Vec<char> = line.chars().collect();
    let Some(over) = (chars.len() + 1).checked_sub(width).filter(|over| *over > 1) else { return line.to_owned() };
    let head = width / 3;
    chars[..head].iter().chain(&['…']).chain(&chars[head + over..]).collect()
}
