//! The sentences that several renderers share: here what stands at the top of a document, beside it what its parts say.

mod coverage;
mod forms;
mod rows;
mod tokens;

use jiff::tz::TimeZone;

use super::document::{CampaignReport, CauseRow, Counts, FailingRow, Movement, Report, UndeliveredRow};
use crate::evidence::campaign::Words;
pub(super) use coverage::{
    Complete, NOT_CONFIGURED, budget, coverage, nameless, no_file, no_round, observed, observed_workspace, read_in_part, silence,
    source_state,
};
pub(super) use forms::{counted, day, glued, grouped, hours, instant, percent, sentence_case, signed, span, stamp};
pub(super) use rows::{FLAGS, OVERDUE, expected_in, flags, glossary, rhythm, short_name};
pub(super) use tokens::{NO_INVENTORY, expiring_headline, expiring_soon, token_line, token_words};

/// What all numbers rest on, on the first screen of every report; before it that they do not all rest on the present rules,
/// where that is so.
pub(super) fn limits(report: &Report) -> String {
    let one = report.campaigns.first().map_or("what is being retired", |c| c.words.one.as_str());
    let limits = format!(
        "No Atlassian API says that a request used {one}. What stands here is concluded from what requests and refusals show, \
         so every row has a grade: known (proven or strong evidence) or possible (weak evidence). Nobody seen does not mean \
         nobody there."
    );
    if report.judged_otherwise == 0 {
        return limits;
    }
    let items = grouped(i64::try_from(report.judged_otherwise).unwrap_or(i64::MAX));
    format!(
        "The rules changed: {items} kept items were judged by other ones. Run duskwatch reclassify, and start a service anew that \
         began before. {limits}"
    )
}

/// The digest's subject, in the contract's two forms.
pub(super) fn subject(report: &Report) -> String {
    let Some(c) = report.campaigns.first() else { return "[duskwatch] no campaign is configured".to_owned() };
    if c.blind {
        return format!("[duskwatch] unknown: {}", unseen(c, &c.noun));
    }
    if c.removed {
        return format!(
            "[duskwatch] {}, {}, day {} after the removal",
            broken(&c.words, &c.counts),
            expiring_soon(&report.expiring),
            -c.days_left,
        );
    }
    let change = c.movement.as_ref().map(|m| format!(" ({})", signed(m.delta))).unwrap_or_default();
    format!(
        "[duskwatch] {} still on {}{change}, {} failing, {} left",
        counted(c.counts.remaining, "integration"),
        c.noun,
        c.counts.failing,
        counted(c.days_left, "day"),
    )
}

pub(super) fn brief_subject(report: &Report) -> String {
    let Some(c) = report.campaigns.first() else { return "[duskwatch] weekly brief: no campaign is configured".to_owned() };
    if c.blind {
        return format!("[duskwatch] weekly brief: unknown, {}", unseen(c, &c.noun));
    }
    if c.removed {
        let broken = broken(&c.words, &c.counts);
        return format!("[duskwatch] weekly brief: {broken}, day {} after the removal", -c.days_left);
    }
    let (remaining, days) = (counted(c.counts.remaining, "integration"), counted(c.days_left, "day"));
    format!("[duskwatch] weekly brief: {remaining} still on {}, {days} left", c.noun)
}

/// Why nothing is known of a campaign: that nothing can show `what`.
pub(super) fn unseen(c: &CampaignReport, what: &str) -> String {
    match c.reaches_back_to {
        None => format!("nothing that is connected can show {what}"),
        Some(_) => format!("nothing that can show {what} reaches back to then"),
    }
}

/// `3 broken, 6 stale secrets`: what fails, and what those who have moved left behind.
pub(super) fn broken(words: &Words, n: &Counts) -> String {
    format!("{} broken, {}", grouped(n.failing.into()), leftovers(words, n))
}

fn leftovers(words: &Words, n: &Counts) -> String {
    format!("{} {}", grouped(n.stale.into()), words.leftover.of(n.stale))
}

/// `3 known, 2 possible`.
pub(super) fn sure(n: &Counts) -> String {
    format!("{} known, {} possible", grouped(n.known.into()), grouped(n.possible.into()))
}

/// Once the removal has passed: what fails, what was left behind, and what remains in all.
pub(super) fn after_removal(words: &Words, noun: &str, n: &Counts, removal: &str) -> String {
    let fail = if n.failing == 1 { "integration fails" } else { "integrations fail" };
    let are = if n.stale == 1 { "is" } else { "are" };
    let remain = if n.remaining == 1 { "remains" } else { "remain" };
    format!(
        "{} {fail} now, and {} {are} still tried by something that has moved; {} {remain} in all ({}). {} {} on {removal}.",
        grouped(n.failing.into()),
        leftovers(words, n),
        grouped(n.remaining.into()),
        sure(n),
        sentence_case(noun),
        words.ended,
    )
}

/// The number, what it consists of, and the time that is left.
pub(super) fn headline(c: &CampaignReport, zone: &TimeZone) -> String {
    let n = &c.counts;
    let sure = sure(n);
    let removal = instant(c.removal, zone);
    if c.blind {
        let time = if c.removed { &c.words.ended } else { &c.words.ends };
        if let Some(look) = c.reaches_back_to {
            return format!(
                "Unknown. Nothing that can show who {} {} reaches back to that day: what was read begins on {}. A count of zero \
                 says nothing. {} {time} on {removal}.",
                c.words.uses.one,
                c.noun,
                instant(look, zone),
                sentence_case(&c.noun),
            );
        }
        return format!(
            "Unknown. Nothing that is connected can show who {} {}: no API says it, and no log, transcript or intake has been \
             read. A count of zero says nothing; connect one of them first. {} {time} on {removal}.",
            c.words.uses.one,
            c.noun,
            sentence_case(&c.noun),
        );
    }
    if c.removed {
        return after_removal(&c.words, &c.noun, n, &removal);
    }
    format!(
        "{} still {} {} ({sure}), {} of them failing now. {} left until the removal on {removal}.",
        counted(n.remaining, "integration"),
        c.words.uses.of(n.remaining),
        c.noun,
        n.failing,
        counted(c.days_left, "day"),
    )
}

/// Whether anything is different from the last digest, and whether that can be trusted: "nothing changed" is said only when
/// everybody was looking.
pub(super) fn change(c: &CampaignReport, report: &Report) -> String {
    let Some(m) = &c.movement else {
        let first = if report.previous.is_none() { "This is the first digest" } else { "The last digest did not speak of this" };
        return format!("{first}: there is nothing to compare with.");
    };
    let since = instant(m.since, &report.zone);
    match (m.changes.is_empty() && m.delta == 0, report.coverage.complete) {
        (true, true) => format!("Nothing changed since the last digest ({since}), and every source was read throughout."),
        (true, false) => format!(
            "No change was seen since the last digest ({since}), but not every source could be read: this is not the same as \
             no change."
        ),
        (false, complete) => {
            let doubt = if complete { "" } else { " Not every source could be read in that time." };
            format!(
                "{} since the last digest ({since}): {} remained then, {} now.{doubt}",
                changes_of_status(m.changes.len()),
                m.before,
                c.counts.remaining
            )
        }
    }
}

/// What the changes since the last digest did, by cause, with what is known and what is possible apart.
pub(super) fn causes(m: &Movement) -> String {
    let cause = |row: &CauseRow| {
        let parts = match (row.effect_known, row.effect_possible) {
            (0, 0) => String::new(),
            (known, possible) => format!(": {} known, {} possible", signed(known), signed(possible)),
        };
        format!("{} {} ({} remaining{parts})", row.cause, grouped(row.changes.into()), signed(row.effect))
    };
    let mut parts: Vec<String> = m.causes.iter().map(cause).collect();
    if m.unexplained != 0 {
        parts.push(format!("{} by late evidence that no recorded change explains", signed(m.unexplained)));
    }
    format!("{}.", parts.join("; "))
}

/// What cannot be, and what it may mean.
pub(super) fn contradiction(c: &CampaignReport) -> String {
    format!(
        "{} was accepted after the removal, proven for {}. Either the removal date is wrong or the evidence is.",
        c.words.one,
        counted(c.counts.contradictions, "integration"),
    )
}

/// Whether those that remain work like machines or like people.
pub(super) fn kinds(n: &Counts) -> String {
    let [machines, people, unknown] = [n.machines, n.people, n.kind_unknown].map(|n| grouped(n.into()));
    format!("By how they work: {machines} like machines, {people} like people, {unknown} not known.")
}

/// A message that did not arrive everywhere.
pub(super) fn undelivered(row: &UndeliveredRow, zone: &TimeZone) -> String {
    format!(
        "The {} that was due on {} did not reach {} of its recipients and is given up: {}",
        document(&row.channel, &row.audience),
        instant(row.due, zone),
        grouped(row.recipients.into()),
        row.failure
    )
}

/// A part of the service that fails.
pub(super) fn failing(row: &FailingRow, zone: &TimeZone) -> String {
    format!("{} is failing since {}: {}", row.part, instant(row.since, zone), row.reason)
}

/// What leaves by a channel to an audience, or to all owners.
pub(super) fn document(channel: &str, audience: &str) -> String {
    match (channel, audience) {
        ("mail", "security") => "digest".to_owned(),
        ("mail", "leadership") => "brief".to_owned(),
        ("mail", "owners") => "notices".to_owned(),
        ("mail", "alarms") => "alarm".to_owned(),
        ("mail", audience) => {
            audience.strip_prefix("owner:").map_or_else(|| audience.to_owned(), |owner| format!("notice to {owner}"))
        }
        ("csv", _) => "CSV package".to_owned(),
        (channel, _) => format!("{channel} message"),
    }
}

fn changes_of_status(n: usize) -> String {
    format!("{} of status", counted(i64::try_from(n).unwrap_or(i64::MAX), "change"))
}
