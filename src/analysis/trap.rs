//! Why a replacement credential that is tried is refused, as far as the form of its username and the inventory say, and the
//! step that mends it.
//!
//! One secret has two usernames: an API token goes with the account's e-mail address on the REST API, and with
//! `x-bitbucket-api-token-auth` or the Bitbucket username on git; an access token goes with `x-token-auth` on git and as a
//! bearer token on REST (<https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/>). App passwords never went with an
//! e-mail address, so one that git refuses belongs to a token, though nothing else says so.

use super::assess::Scene;
use super::days::{UnitUses, add, sum};
use super::figures::{MONTH_DAYS, recent};
use super::lift::is_old_name;
use super::rank::counted;
use super::timeline::Rules;
use super::{Trap, TrapKind};
use crate::evidence::{Credential, Day, DayCount, Operation, Outcome, RESERVED_USERNAMES, Track};

/// The trap that most of the refusals of the last 30 days fell into; none where nothing was refused that may be a
/// replacement. With it, how many refusals there were in all that are a replacement's by their username alone.
pub(super) fn trap(scene: &Scene<'_>, rules: &Rules<'_>, number: usize, uses: &UnitUses) -> (Option<Trap>, u64) {
    // Of what two sources have seen a cell counts the larger.
    let recently = || uses.cells.iter().rev().take_while(|cell| recent(cell, rules, MONTH_DAYS));
    let refused = |of: &dyn Fn(Credential) -> bool| -> u64 {
        sum(recently().filter(|cell| cell.outcome == Outcome::Rejected && of(cell.credential)).map(|cell| cell.uses))
    };
    let all = refused(&|credential| !rules.campaign.is_legacy(credential));
    if all == 0 {
        return (None, 0);
    }
    let (met, by_name) = met(scene, rules, number, uses);
    let by_name = by_name.min(refused(&|credential| credential == Credential::Unknown));
    let Some((kind, uses, last_ms)) = met.into_iter().max_by_key(|(kind, uses, _)| (*uses, std::cmp::Reverse(*kind))) else {
        return (None, 0);
    };
    let uses = uses.min(all);
    let expired = (kind == TrapKind::RightUsername).then(|| expired(scene, number, last_ms)).flatten();
    let kind = if expired.is_some() { TrapKind::Expired } else { kind };
    (Some(Trap { kind, uses, words: words(kind, uses, expired) }), by_name)
}

/// The traps that were met, how often and when last, as each source has seen it; and how often the username alone told.
fn met(scene: &Scene<'_>, rules: &Rules<'_>, number: usize, uses: &UnitUses) -> (Vec<(TrapKind, u64, i64)>, u64) {
    let history = scene.inputs.history;
    let (mut met, mut by_name): (Vec<(TrapKind, u64, i64)>, u64) = (Vec::new(), 0);
    for &track in &scene.units[number].tracks {
        for count in history.counts.of(track).filter(|count| is_refusal(count, rules)) {
            let mut verdict = count.verdict;
            scene.counted.secrets.apply(&mut verdict, track);
            let shown = &history.tracks[track].track;
            let lifted = uses.lift.apply(&mut verdict, count.first_ms, is_old_name(shown.username.as_deref())).is_some();
            let kind = kind(shown, verdict.credential, verdict.operation).filter(|_| !lifted);
            let Some(kind) = kind else { continue };
            add(&mut by_name, if verdict.credential == Credential::Unknown { count.uses } else { 0 });
            match met.iter_mut().find(|known| known.0 == kind) {
                Some(known) => *known = (kind, known.1.saturating_add(count.uses), known.2.max(count.last_ms)),
                None => met.push((kind, count.uses, count.last_ms)),
            }
        }
    }
    (met, by_name)
}

fn is_refusal(count: &DayCount, rules: &Rules<'_>) -> bool {
    let recently = count.day > rules.today.plus(-MONTH_DAYS) && count.day <= rules.today;
    recently && count.verdict.authentication && count.verdict.outcome == Outcome::Rejected
}

fn kind(track: &Track, credential: Credential, operation: Operation) -> Option<TrapKind> {
    let name = track.username.as_deref()?;
    let git = match operation {
        Operation::GitRead | Operation::GitWrite => true,
        Operation::ApiRead | Operation::ApiWrite => false,
        Operation::Other => return None,
    };
    let [access_token, api_token] = RESERVED_USERNAMES;
    match credential {
        Credential::ApiToken if name.contains('@') == git || name == access_token => {
            Some(if git { TrapKind::EmailOnGit } else { TrapKind::NoEmailOnRest })
        }
        Credential::ApiToken => Some(TrapKind::RightUsername),
        Credential::AccessToken if git && name == access_token => Some(TrapKind::RightUsername),
        Credential::AccessToken => Some(TrapKind::AccessTokenName),
        Credential::Unknown if git && name.contains('@') => Some(TrapKind::EmailOnGit),
        Credential::Unknown if name == api_token => Some(TrapKind::NoEmailOnRest),
        _ => None,
    }
}

/// The day on which the last of the user's tokens ended, if that was before the refusals and none is left.
fn expired(scene: &Scene<'_>, number: usize, refused_ms: i64) -> Option<Day> {
    let user = &scene.units[number].key.user;
    let roster = scene.inputs.roster;
    let own = roster.tokens.iter().filter(|token| scene.people.id_of(&token.person).as_ref() == Some(user));
    let ends: Option<Vec<_>> = own.map(|token| token.expires_at).collect();
    let last = ends?.into_iter().max()?;
    (last.as_millisecond() <= refused_ms).then(|| Day::of(last))
}

fn words(kind: TrapKind, uses: u64, expired: Option<Day>) -> String {
    let refused = format!("a replacement was refused {} in 30 days", counted(uses, "time", "times"));
    match kind {
        TrapKind::EmailOnGit => format!(
            "{refused}: an e-mail address or x-token-auth is its username on git, which takes x-bitbucket-api-token-auth or the \
             Bitbucket username with an API token; change the username, keep the token"
        ),
        TrapKind::NoEmailOnRest => format!(
            "{refused}: its username on the REST API is not the e-mail address of the Atlassian account, which an API token needs \
             there; change the username, keep the token"
        ),
        TrapKind::AccessTokenName => format!(
            "{refused}: an access token goes with the username x-token-auth on git, and as a bearer token on the REST API; change \
             how it is sent, keep the token"
        ),
        TrapKind::Expired => {
            let day = expired.map_or_else(String::new, |day| format!(", the last on {day}"));
            format!("{refused}: every token of this user has expired{day}; create a new one")
        }
        TrapKind::RightUsername => format!(
            "{refused}, with the right kind of username: check its scopes (write does not include read, and a token made without \
             scopes opens nothing), that it was made for Bitbucket, and its expiry"
        ),
    }
}
