//! The explanation on a terminal.

use jiff::{Timestamp, tz::TimeZone};

use super::{EvidenceRow, Explained, ExplainedRow, ExplainedUserRow, VerdictRow};
use crate::{
    evidence::WindowKind,
    report::{steps::StepsRow, view, words},
};

/// Narrower than this nothing is readable; wider than this no line is.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=160;

/// Lines of at most so many characters; headings are bold where the terminal takes it.
struct Page {
    lines: Vec<String>,
    width: usize,
    bold: bool,
}

impl Page {
    fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(if self.bold { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() });
    }

    fn line(&mut self, text: &str) {
        self.lines.push(format!("  {}", view::fill(text, 4, self.width)));
    }

    /// `Label    text`, the text in a column of its own.
    fn entry(&mut self, label: &str, text: &str) {
        const COLUMN: usize = 16;
        if text.is_empty() {
            return;
        }
        let body = view::fill(text, COLUMN, self.width);
        self.lines.push(format!("  {label:<width$}{body}", width = COLUMN - 2));
    }

    /// The first entry carries the label, the others stand below it.
    fn entries<'t>(&mut self, label: &str, texts: impl IntoIterator<Item = &'t String>) {
        for (number, text) in texts.into_iter().enumerate() {
            self.entry(if number == 0 { label } else { "" }, text);
        }
    }

    /// A command stays on one line, however long it is: it is meant to be copied.
    fn command(&mut self, command: &str) {
        self.lines.push(format!("      {command}"));
    }
}

/// The explanation as plain text for a terminal of so many columns.
pub fn text(explained: &Explained, width: usize, bold: bool) -> String {
    let mut page = Page { lines: Vec::new(), width: width.clamp(*WIDTHS.start(), *WIDTHS.end()), bold };
    let zone = &explained.zone;
    if let Some(user) = &explained.user {
        self::user(&mut page, user, zone);
    }
    for integration in &explained.integrations {
        self::integration(&mut page, integration, zone, explained.user.is_none());
    }
    evidence(&mut page, explained);
    page.lines.join("\n") + "\n"
}

fn user(page: &mut Page, user: &ExplainedUserRow, zone: &TimeZone) {
    page.heading(&who(&user.user_name, &user.user, &user.user_email));
    if let Some(figures) = &user.figures {
        let member = match figures.member {
            Some(true) => "a member of a workspace",
            Some(false) => "a member of no workspace any more",
            None => "no list of members could be read",
        };
        page.entry("Member", member);
        page.entry("Owner", &figures.owner);
        page.entry(
            "Last 30 days",
            &format!(
                "{} with the legacy credential, {} with a replacement, {} otherwise",
                uses(figures.legacy_uses_30d),
                uses(figures.replacement_uses_30d),
                uses(figures.other_uses_30d)
            ),
        );
        page.entry("API tokens", &figures.live_api_tokens.map(|n| format!("{n} live")).unwrap_or_default());
    }
    let memberships = user.memberships.iter().map(|m| {
        let accessed = m.last_accessed.map(|at| format!(", last active {}", words::instant(at, zone))).unwrap_or_default();
        let permission = if m.permission.is_empty() { "permission unknown" } else { &m.permission };
        format!("{}: {permission}{accessed}", m.workspace)
    });
    page.entries("Workspaces", &memberships.collect::<Vec<_>>());
    let tokens = user.tokens.iter().map(|t| {
        let expires = t.expires_at.map(|at| format!(", ends {}", words::day(at))).unwrap_or_default();
        let active = t.last_active_at.map(|at| format!(", last used {}", words::day(at))).unwrap_or_default();
        format!("{} “{}” {}{active}{expires}", t.token, t.label, t.status.to_lowercase())
    });
    page.entries("Tokens", &tokens.collect::<Vec<_>>());
}

fn who(name: &str, id: &str, email: &str) -> String {
    let more: Vec<&str> = [id, email].into_iter().filter(|text| !text.is_empty() && *text != name).collect();
    match (name.is_empty(), more.is_empty()) {
        (true, true) => "nobody named".to_owned(),
        (true, false) => more.join(", "),
        (false, true) => name.to_owned(),
        (false, false) => format!("{name} ({})", more.join(", ")),
    }
}

fn integration(page: &mut Page, row: &ExplainedRow, zone: &TimeZone, in_full: bool) {
    let user = who(&row.user_name, &row.user, "");
    page.heading(&format!("{}  {} from {}, {user}", row.integration, row.client, row.origin));
    let doubt = if row.client_verified { "" } else { " (recognised by a part of its user agent that nobody has verified)" };
    page.entry("Software", &format!("{}{doubt}", row.client_name));
    if let Some(guess) = &row.guess {
        page.entry("Probably", &format!("{}: {}", guess.words.trim_start_matches("probably "), guess.reason));
    }
    let versions = row.versions.iter().map(|v| {
        let old = if v.too_old { ", too old for the replacement" } else { "" };
        format!("{} (last seen {}{old})", v.version, words::day(v.last_seen))
    });
    page.entry("Versions", &versions.collect::<Vec<_>>().join(", "));
    let former = row.names.iter().filter(|n| (&n.user, &n.client, &n.origin) != (&row.user, &row.client, &row.origin));
    let former = former.map(|n| format!("{}, {} from {}", who("", &n.user, ""), n.client, n.origin));
    page.entries("Also known as", &former.collect::<Vec<_>>());
    if row.verdicts.is_empty() {
        page.entry("Verdict", "none: nothing was seen of it that is being retired");
    }
    for verdict in &row.verdicts {
        self::verdict(page, verdict, zone);
    }
    if !in_full {
        return;
    }
    if let Some(steps) = &row.steps {
        page.heading(&format!("Steps for {}", steps.client));
        self::steps(page, steps);
    }
    if let Some(steps) = &row.steps_if_guessed {
        page.heading(&format!("Steps if it is {}", steps.client));
        self::steps(page, steps);
    }
}

fn verdict(page: &mut Page, verdict: &VerdictRow, zone: &TimeZone) {
    let row = &verdict.row;
    page.heading(&verdict.campaign_name);
    let flags = words::flags(row);
    let sure = if row.known { "known" } else { "possible" };
    page.entry(
        "Verdict",
        &[format!("{}, {sure} ({})", row.status, row.grade), flags.join(", ")].join(if flags.is_empty() { "" } else { ", " }),
    );
    page.entries("Why", &row.reasons);
    page.entry(
        "Silent",
        &format!(
            "{} of the {:.0} that count as over",
            words::counted(verdict.silent_days, "covered day"),
            verdict.horizon_days.ceil()
        ),
    );
    page.entry("Rhythm", &words::rhythm(row, zone));
    page.entries("Brownouts", &verdict.brownouts_met);
    let week = if row.status.remaining() {
        format!("{:.1} uses are expected in the first week", row.first_week_uses)
    } else {
        String::new()
    };
    page.entry("After removal", &week);
    let accepted = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| words::instant(at, zone));
    page.entry(
        "Legacy use",
        &format!(
            "first {}, last {}; last accepted {}, last refused {}; {} in 7 days, {} in 30, of which {} refused",
            words::instant(row.first_seen, zone),
            words::instant(row.last_seen, zone),
            accepted(row.last_accepted),
            accepted(row.last_rejected),
            uses(row.uses_7d),
            row.uses_30d,
            row.rejected_30d
        ),
    );
    if let (Some(credential), Some(at)) = (row.replacement, row.replacement_last_seen) {
        page.entry("Replacement", &format!("{credential}, last accepted {}", words::instant(at, zone)));
    }
    page.entries("Still missing", &row.migration_missing);
    page.entry("Refused", &row.trap);
    page.entry("Same secret", &row.secret_shared_with.join(", "));
    page.entry("Seen by", &verdict.sources.join(", "));
    page.entry("Repositories", &row.repositories.join(", "));
    let owner = if row.owner.is_empty() { "nobody yet".to_owned() } else { format!("{}: {}", row.owner, verdict.owner_why) };
    page.entry("Owner", &owner);
    page.entry(
        "Deadline",
        &format!("{}; start by {} at the latest", words::instant(row.deadline, zone), words::day(row.latest_safe_start)),
    );
    if let Some(rank) = row.rank {
        page.entry("Rank", &format!("{rank}, with a score of {:.2}", row.score));
        for (number, term) in row.terms.iter().enumerate() {
            let label = if number == 0 { "Terms" } else { "" };
            let words = view::fill(&term.words, 39, page.width);
            page.lines.push(format!("  {label:<14}{:<13}{:>7.2}  {words}", term.name, term.value));
        }
    }
    for (number, words) in verdict.would_change.iter().enumerate() {
        page.entry(if number == 0 { "Would change" } else { "" }, &format!("{words}."));
    }
}

fn steps(page: &mut Page, steps: &StepsRow) {
    page.entry("Who", &format!("usually {}", steps.usual_owner));
    page.entry("Instead", &steps.replacement);
    page.entry("Version", &steps.needs);
    let mut number = 0;
    for line in steps.create.iter().chain(&steps.change) {
        number += 1;
        page.line(&format!("{number}. {line}."));
    }
    for name in &steps.usernames {
        let label = if name.surface.is_empty() { "Username".to_owned() } else { format!("User on {}", name.surface) };
        page.entry(&label, &name.username);
    }
    page.entry("Scopes", &steps.scopes);
    page.entries("Traps", &steps.traps);
    for proof in &steps.proofs {
        page.entry("Proof", proof.shows);
        page.command(&proof.command);
    }
    page.line(&format!("{}.", steps.finish));
    page.entry("Read more", &steps.documentation);
}

fn evidence(page: &mut Page, explained: &Explained) {
    page.heading("Evidence, newest first");
    if explained.evidence.is_empty() {
        page.line("None is kept.");
    }
    let several = explained.integrations.len() > 1;
    for piece in &explained.evidence {
        page.line(&self::piece(piece, several));
    }
    let counts_only = explained.evidence.iter().any(|piece| !piece.kept);
    if let Some(day) = explained.kept_from.filter(|_| counts_only) {
        page.line(&format!(
            "Single pieces of days before {day} were removed by the rule ([store] keep_raw); their counts are kept."
        ));
    }
    if let Some(more) = &explained.more {
        let grouped = words::grouped(i64::try_from(more.uses).unwrap_or(i64::MAX));
        page.line(&format!("… and {grouped} more uses back to {}; ask for more with --limit.", more.oldest));
    }
    if !explained.rules.is_empty() {
        page.heading("Rules that graded it");
        let widest = explained.rules.iter().map(|rule| rule.rule.chars().count()).max().unwrap_or(0);
        for rule in &explained.rules {
            let reason = view::fill(&rule.reason, widest + 4, page.width);
            page.lines.push(format!("  {:<widest$}  {reason}", rule.rule));
        }
    }
}

/// When and where, then what the answer was, then what the rules made of it.
fn piece(piece: &EvidenceRow, several: bool) -> String {
    let mut parts = Vec::new();
    parts.push(words::stamp(piece.time, piece.until, piece.kept));
    if several {
        parts.push(piece.integration.clone());
    }
    parts.push(piece.source.clone());
    if piece.uses != 1 {
        parts.push(uses(piece.uses));
    }
    let place = [piece.workspace.as_str(), piece.repository.as_str()].into_iter().filter(|text| !text.is_empty());
    let place = place.collect::<Vec<_>>().join("/");
    let named = |label: &str, text: &str| if text.is_empty() { String::new() } else { format!("{label}{text}") };
    let status = piece.status.map(|status| format!("answered {status}")).unwrap_or_default();
    parts.push(piece.operation.to_string());
    parts.extend([
        place,
        named("as ", &piece.presented),
        named("from ", if piece.client_ip.is_empty() { &piece.origin } else { &piece.client_ip }),
        piece.user_agent.clone(),
        named("token ", &piece.token_label),
        named("auth ", &piece.auth_type),
        piece.action.clone(),
        status,
        if piece.message.is_empty() { String::new() } else { format!("“{}”", piece.message) },
    ]);
    parts.retain(|part| !part.is_empty());
    format!("{} → {}", parts.join(" · "), graded(piece))
}

fn graded(piece: &EvidenceRow) -> String {
    let window = match piece.brownout {
        WindowKind::Outside => "",
        WindowKind::Published => ", inside a published brownout",
        WindowKind::Extrapolated => ", inside an extrapolated brownout",
    };
    let lifted = match (piece.lifted_credential, piece.lifted_grade) {
        (Some(credential), Some(grade)) => format!(", lifted to {credential}, {grade} ({})", piece.lifted_by),
        _ => String::new(),
    };
    let otherwise = if piece.recorded_otherwise { "; counted otherwise when it was recorded: reclassify" } else { "" };
    let open = if piece.open { "; names less, and fits only here" } else { "" };
    format!("{}, {}, {} ({}){lifted}{window}{open}{otherwise}", piece.credential, piece.grade, piece.outcome, piece.rule)
}

fn uses(n: u64) -> String {
    words::counted(i64::try_from(n).unwrap_or(i64::MAX), "use")
}
