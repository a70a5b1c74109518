//! The calendar (RFC 5545): brownouts, removals, the latest safe start of every owner, and tokens that expire.
//!
//! An event keeps its UID for as long as it speaks of the same thing. Programs keep copies of events and take a copy with a
//! higher SEQUENCE for the newer one, so what was told of an event before comes in with the report, and goes up when its
//! time is another. DTSTAMP says when anything of it changed last: the same report gives the same bytes.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};

use super::{
    document::{CampaignReport, EventRow, TokenRow, WindowRow},
    inputs::{Inputs, ToldEvent},
    rows, words,
};
use crate::evidence::{Day, Window, time::instant};

/// Octets of a line, its end not counted.
const LINE_OCTETS: usize = 75;

/// Tokens that have an event, those that expire first; all are in the CSV package.
const MAX_TOKENS: usize = 1_000;

/// An expired token is kept in the calendar for so long.
const EXPIRED_DAYS: i32 = 31;

/// What an event says before it is compared with what was told of it.
struct Draft {
    uid: String,
    starts: Timestamp,
    ends: Option<Timestamp>,
    category: &'static str,
    summary: String,
    description: String,
    url: String,
}

/// Every event, sorted by its time.
pub(super) fn events(campaigns: &[CampaignReport], tokens: &[TokenRow], inputs: &Inputs<'_>) -> Vec<EventRow> {
    let of_campaign = |c| std::iter::once(removal(c)).chain(brownouts(c)).chain(starts(c));
    let shown = |t: &&TokenRow| {
        let expired = t.status.eq_ignore_ascii_case("expired");
        t.days_left.is_some_and(|days| days >= -EXPIRED_DAYS) && (expired || rows::usable(t))
    };
    let expiries = tokens.iter().filter(shown).take(MAX_TOKENS).filter_map(expiry);
    let drafts = campaigns.iter().flat_map(of_campaign).chain(expiries);
    let mut events: Vec<EventRow> =
        drafts.map(|draft| event(inputs.told_events.get(&draft.uid), draft, inputs.findings.now)).collect();
    events.sort_by(|a, b| (a.starts, &a.uid).cmp(&(b.starts, &b.uid)));
    // Two tokens of one name would be one event.
    events.dedup_by(|a, b| a.uid == b.uid);
    events
}

fn event(told: Option<&ToldEvent>, draft: Draft, now: Timestamp) -> EventRow {
    // As the store keeps them, so that they can be compared.
    let [now, starts, ends] = [now, draft.starts, draft.ends.unwrap_or(draft.starts)].map(|at| instant(at.as_millisecond()));
    let words = hash(&[draft.category, &draft.summary, &draft.description, &draft.url]);
    let (sequence, revised) = match told {
        None => (0, now),
        Some(told) if (told.starts, told.ends) != (starts, ends) => (told.sequence.saturating_add(1), now),
        Some(told) if told.words != words => (told.sequence, now),
        Some(told) => (told.sequence, told.revised),
    };
    EventRow {
        told: ToldEvent { starts, ends, words, sequence, revised },
        uid: draft.uid,
        starts: draft.starts,
        ends: draft.ends,
        category: draft.category,
        summary: draft.summary,
        description: draft.description,
        url: draft.url,
    }
}

/// Twelve characters that stand for some texts.
fn hash(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    data_encoding::BASE32_NOPAD.encode(&hash.finalize()).to_lowercase()[..12].to_owned()
}

fn uid(kind: &str, of: &str) -> String {
    format!("{kind}.{of}@duskwatch")
}

fn removal(c: &CampaignReport) -> Draft {
    let mut description = if c.removed {
        format!("{} ended.", words::sentence_case(&c.noun))
    } else {
        let moving = words::counted(c.counts.remaining, "integration");
        format!("{} end for good. Still to be moved: {moving}.", words::sentence_case(&c.noun))
    };
    let earlier = c.moved.iter().map(|moved| format!("\nIt was {} before: {}", words::day(moved.was), moved.reason));
    description.extend(earlier);
    Draft {
        uid: uid("removal", &c.id),
        starts: c.removal,
        ends: None,
        category: "REMOVAL",
        summary: format!("Removal: {} end", c.noun),
        description,
        url: c.documentation.clone(),
    }
}

/// Windows of one day are told apart by their order on it.
fn brownouts(c: &CampaignReport) -> Vec<Draft> {
    let mut of_day: BTreeMap<String, u32> = BTreeMap::new();
    let mut name = |window: &Window| {
        let day = Day::of_ms(window.from_ms).to_string();
        let number = of_day.entry(day.clone()).or_default();
        *number += 1;
        format!("{}.{day}.{number}", c.id)
    };
    c.all_windows.iter().map(|window| brownout(c, window, uid("brownout", &name(window)))).collect()
}

fn brownout(c: &CampaignReport, window: &Window, uid: String) -> Draft {
    let (starts, ends) = (instant(window.from_ms), instant(window.to_ms));
    let known = if window.published { "The dates are published." } else { "The dates are a guess from earlier brownouts." };
    let expected = |next: &WindowRow| format!(" {}.", words::sentence_case(&words::expected_in(next, c.blind)));
    let next = c.windows.iter().find(|next| (next.from, next.to) == (starts, ends));
    Draft {
        uid,
        starts,
        ends: Some(ends),
        category: "BROWNOUT",
        summary: format!("{}: {} are refused", if window.published { "Brownout" } else { "Probable brownout" }, c.noun),
        description: format!("{known}{}", next.map(expected).unwrap_or_default()),
        url: c.documentation.clone(),
    }
}

/// After the removal it is too late for a start.
fn starts(c: &CampaignReport) -> Vec<Draft> {
    let teams = c.teams.iter().filter(|_| !c.removed);
    let draft = |team: &super::document::TeamRow| {
        let owner = if team.owner.is_empty() { "no owner" } else { &team.owner };
        Draft {
            uid: uid("start", &format!("{}.{}", c.id, hash(&[&team.owner]))),
            starts: team.latest_safe_start,
            ends: None,
            category: "LATEST SAFE START",
            summary: format!("Latest safe start: {owner} ({})", c.noun),
            description: format!(
                "Still to be moved: {}. That takes {}, and {} end on {}.",
                words::counted(team.remaining, "integration"),
                words::counted(team.lead_time_days, "day"),
                c.noun,
                words::day(c.removal),
            ),
            url: c.documentation.clone(),
        }
    };
    teams.map(draft).collect()
}

fn expiry(token: &TokenRow) -> Option<Draft> {
    let own = token.listed_by == rows::OWN;
    let name = if token.label.is_empty() { &token.token } else { &token.label };
    let owner = if token.owner.is_empty() { String::new() } else { format!(" ({})", token.owner) };
    let used = match token.integrations.as_slice() {
        [] => String::new(),
        ids => format!(" Used by {}.", ids.join(", ")),
    };
    Some(Draft {
        uid: uid("expiry", &hash(&[&token.listed_by, &token.token])),
        starts: token.expires_at?,
        ends: None,
        category: "EXPIRY",
        summary: if own { format!("A secret of duskwatch expires: {name}") } else { format!("Token expires: {name}{owner}") },
        description: format!("Kind: {}; listed by {}.{used}", token.kind.as_str().replace('_', " "), token.listed_by),
        url: String::new(),
    })
}

/// The calendar as one file.
pub fn document(events: &[EventRow]) -> String {
    let mut out = Lines::default();
    for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"] {
        out.line(line);
    }
    out.line(concat!("PRODID:-//duskwatch//duskwatch ", env!("CARGO_PKG_VERSION"), "//EN"));
    out.line("X-WR-CALNAME:duskwatch");
    out.line("REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    for event in events {
        out.event(event);
    }
    out.line("END:VCALENDAR");
    out.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn event(&mut self, event: &EventRow) {
        self.line("BEGIN:VEVENT");
        self.property("UID", &event.uid);
        self.property("DTSTAMP", &utc(event.told.revised));
        self.property("LAST-MODIFIED", &utc(event.told.revised));
        self.property("SEQUENCE", &event.told.sequence.to_string());
        self.property("DTSTART", &utc(event.starts));
        if let Some(ends) = event.ends {
            self.property("DTEND", &utc(ends));
        }
        self.property("SUMMARY", &escaped(&event.summary));
        self.property("DESCRIPTION", &escaped(&event.description));
        self.property("CATEGORIES", event.category);
        // Nobody's time is taken.
        self.line("TRANSP:TRANSPARENT");
        // A URI holds no character that would need an escape, and one that does is none.
        if event.url.starts_with("https://") && event.url.chars().all(|c| c.is_ascii_graphic()) {
            self.property("URL", &event.url);
        }
        self.line("END:VEVENT");
    }

    fn property(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}:{value}"));
    }

    /// One content line, folded between characters.
    fn line(&mut self, text: &str) {
        let mut octets = 0;
        for c in text.chars() {
            if octets + c.len_utf8() > LINE_OCTETS {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(c);
            octets += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text value. Names are inert already: no other control character is left.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
