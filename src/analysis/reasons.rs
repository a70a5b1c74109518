//! Why an integration has its status and grade, in plain words, and what to do about it.

use super::figures::Figures;
use super::identity::People;
use super::rank::{counted, rounded};
use super::rights::Leaver;
use super::timeline::{RETIRED_AFTER_DAYS, Standing};
use super::{Closure, Integration, NameState, Person, Rhythm, Waiver};
use crate::evidence::{Campaign, Client, Credential, Day, Grade, Outcome, Status, time::MS_PER_DAY, time::instant};

/// The advice where the catalogue knows nothing of the client.
const GENERAL_ADVICE: &str = "Create an API token with the scopes the job needs, or a repository access token; username: the \
                              Atlassian account email for REST, x-bitbucket-api-token-auth or the Bitbucket username for git";
/// The usual reasons for which a replacement is refused, and how each is mended.
const REPLACEMENT_TRAP: &str = "check its username (the account email for REST, x-bitbucket-api-token-auth or the Bitbucket \
                                username for git), its scopes and its expiry";

/// Sources are read in turns, and a turn that is late is no blindness; a day without one is.
const UNSEEN_AFTER_MS: i64 = MS_PER_DAY;

/// Reasons, the most important first.
pub(super) fn reasons(
    row: &Integration,
    campaign: &Campaign,
    figures: &Figures,
    standing: &Standing,
    rules: &[String],
    (waiver, closure): (Option<&Waiver>, Option<&Closure>),
    name_of: &dyn Fn(u32) -> String,
) -> Vec<String> {
    let noun = campaign.words.one.as_str();
    let mut reasons = Vec::new();
    if row.contradiction {
        reasons.push(format!("contradiction: {noun} was accepted after the removal"));
    }
    if row.returned {
        reasons.push(format!("came back: it had stopped using {noun}, and uses it again"));
    }
    reasons.push(status_words(row, campaign, standing, closure));
    if let Some(kept) = standing.kept_by.filter(|_| row.status.remaining() || row.status == Status::Stale) {
        reasons.push(format!(
            "counts as in use because of {} alone: its days of use lie up to {} apart, the last is {}, and it is given {} of silence",
            name_of(kept.place),
            rounded(kept.period_days.ceil(), "day", "days"),
            kept.last,
            rounded(kept.horizon_days.ceil(), "day", "days"),
        ));
    }
    reasons.extend(row.proof.as_ref().map(|proof| proof.words(noun)));
    reasons.push(use_words(row, noun, figures.rule(row.grade).and_then(|rule| rules.get(usize::from(rule)))));
    reasons.push(rhythm_words(row));
    reasons.extend(row.brownouts.words.iter().cloned());
    if row.window_only {
        reasons.push("rejected only inside brownout windows".to_owned());
    }
    if let Some(trap) = &row.trap {
        reasons.push(trap.words.clone());
    } else if row.replacement_rejected_30d > 0 {
        let refused = counted(row.replacement_rejected_30d, "time", "times");
        let trap = if campaign.advice.is_none() { REPLACEMENT_TRAP } else { "look at what it answers" };
        reasons.push(format!("a replacement was refused {refused} in 30 days: {trap}"));
    }
    if let Some(since) = row.unseen_since {
        reasons.push(format!("its sources have not looked since {}", Day::of(since)));
    }
    if let Some(waiver) = waiver {
        reasons.push(format!("accepted until {} by {} ({})", waiver.until, waiver.approver, waiver.ticket));
    }
    reasons
}

/// What there is to say of whoever it belongs to. A leaver is urgent whatever the status.
pub(super) fn of_user(row: &Integration, leaver: Option<Leaver>, people: &People) -> Vec<String> {
    let name = row.user.name.as_deref().or(row.user.email.as_deref()).unwrap_or_default();
    let urgent = "it stops when the account is closed, and its user cannot move it";
    let left = leaver.map(|leaver| match leaver.since {
        Some(since) => format!("urgent: its user has left every workspace that is read (the last one by {since}); {urgent}"),
        None => format!("urgent: its user's account is known and on no member list; {urgent}"),
    });
    let unclear = match row.name_state {
        NameState::Resolved => None,
        NameState::Ambiguous => Some(ambiguous(name, &people.candidates(&row.user.id))),
        NameState::Unresolved if row.user.id.is_empty() => Some("nothing that was seen of it names a user".to_owned()),
        NameState::Unresolved if people.lacks_account(&row.user.id) => {
            let own = row.user.id.strip_prefix("name:").unwrap_or_default();
            Some(format!("{own} is listed without an account id: a row of the directory with both resolves the user"))
        }
        NameState::Unresolved => Some(format!("its user is not resolved: no inventory knows {name}")),
    };
    let former = people.former_names(&row.user.id).map(str::to_owned);
    left.into_iter().chain(unclear).chain(former).collect()
}

fn ambiguous(name: &str, candidates: &[Person]) -> String {
    const NAMED: usize = 3;
    let shown = |person: &Person| match (&person.name, &person.email) {
        (Some(name), Some(email)) => format!("{name} ({email})"),
        _ => format!("{} ({})", person.name.as_deref().unwrap_or("somebody"), person.id),
    };
    let mut names: Vec<String> = candidates.iter().take(NAMED).map(shown).collect();
    if candidates.len() > NAMED {
        names.push(format!("{} more", candidates.len() - NAMED));
    }
    let names = names.join(" or ");
    format!("its user is ambiguous: {name} may be {names}; a row of the directory with account id and nickname tells them apart")
}

fn status_words(row: &Integration, campaign: &Campaign, standing: &Standing, closure: Option<&Closure>) -> String {
    let noun = &campaign.words.one;
    let replaced = row.replacement_last_seen.map_or_else(String::new, |at| Day::of(at).to_string());
    let replacement = campaign.words.replacement.as_deref().unwrap_or_else(|| row.replacement.map_or("a replacement", noun_of));
    // Where the outcome is not known, too, it was seen at work and no more.
    let worked = if campaign.replacement.counts(Outcome::Unknown) { "used" } else { "accepted" };
    let silent = |enough: f64| format!("{} (enough: {:.0})", counted(standing.silent_days.into(), "day", "days"), enough.ceil());
    match row.status {
        Status::Stale => format!("{noun} is still tried and refused, while {replacement} is {worked} everywhere it is needed"),
        Status::Migrating => {
            format!("{replacement} was {worked} on {replaced}, but {noun} was still presented on {}", Day::of(row.last_seen))
        }
        Status::Failing => format!("its newest use of {noun} was refused, on {}", Day::of(row.last_seen)),
        Status::Active => format!("{noun} was last used on {}", Day::of(row.last_seen)),
        Status::Migrated => format!("{replacement} was {worked} on {replaced}, after the last use of {noun}"),
        Status::Retired => closure.map_or_else(
            || {
                let silent = silent(standing.horizon_days.max(RETIRED_AFTER_DAYS));
                format!("no use of {noun} for {silent} that somebody looked at, and nothing else since")
            },
            |Closure { by, date, ticket, .. }| {
                format!("declared gone by {by} on {date} ({ticket}), and no use of {noun} since then disproves it")
            },
        ),
        Status::Quiet => {
            let silent = silent(standing.horizon_days);
            format!("not seen with {noun} for {silent} that somebody looked at; that proves nothing")
        }
    }
}

/// How it works, what its silence means while it counts as in use, and when it is expected next.
fn rhythm_words(row: &Integration) -> String {
    let Rhythm { words, silence, next, machine, .. } = &row.rhythm;
    let kind = match machine {
        Some(true) => ", like a machine",
        Some(false) => ", like a person",
        None => "",
    };
    let silence = if silence.is_empty() { String::new() } else { format!("; {silence}") };
    let next = next.filter(|_| row.status.remaining()).map_or_else(String::new, |(from, to)| {
        let (first, last) = (Day::of(from), Day::of_ms(to.as_millisecond() - 1));
        if first == last { format!("; next expected on {first}") } else { format!("; next expected from {first} to {last}") }
    });
    format!("{words}{kind}{silence}{next}")
}

fn use_words(row: &Integration, noun: &str, rule: Option<&String>) -> String {
    let (uses, span) = match (row.uses_7d, row.uses_30d) {
        (0, 0) => {
            return format!("no use in the last 30 days, the last on {} ({})", Day::of(row.last_seen), grade_words(row, rule));
        }
        (0, uses) => (uses, 30),
        (uses, _) => (uses, 7),
    };
    let looks = if row.grade >= Grade::Strong { "" } else { "what looks like " };
    format!("{} in the last {span} days with {looks}{noun} ({})", counted(uses, "use", "uses"), grade_words(row, rule))
}

fn grade_words(row: &Integration, rule: Option<&String>) -> String {
    rule.map_or_else(|| row.grade.to_string(), |rule| format!("{}: {rule}", row.grade))
}

/// What to do: the campaign's own advice, else what to create for the client, which username, which scopes.
pub(super) fn advice(campaign: &Campaign, client: Option<&Client>) -> String {
    match (&campaign.advice, client) {
        (Some(advice), _) => advice.clone(),
        (None, None) => GENERAL_ADVICE.to_owned(),
        (None, Some(client)) => {
            format!("Create: {}; username: {}; scopes: {}", client.replacement, client.username, client.scopes)
        }
    }
}

/// When the sources that showed an integration stopped looking; none while one of them still looks.
pub(super) fn unseen_since(looked_until_ms: i64, now_ms: i64) -> Option<jiff::Timestamp> {
    (now_ms - looked_until_ms >= UNSEEN_AFTER_MS).then(|| instant(looked_until_ms))
}

/// A credential in a sentence.
fn noun_of(credential: Credential) -> &'static str {
    match credential {
        Credential::AppPassword => "an app password",
        Credential::ApiToken => "an API token",
        Credential::AccessToken => "an access token",
        Credential::Oauth => "an OAuth token",
        Credential::SshKey => "an SSH key",
        Credential::Session => "a browser session",
        Credential::Connect => "a Connect app",
        Credential::Container => "a container token",
        Credential::AccountPassword => "an account password",
        Credential::Unknown => "an unknown credential",
    }
}
