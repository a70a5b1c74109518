//! The tokens of the inventories and the credentials of the registers, and when they end.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::assess::Scene;
use super::{Person, TokenFinding, UserFinding};
use crate::evidence::{Credential, GoneToken, RegisteredCredential, time::MS_PER_DAY};

/// How long a token that is gone is still shown, so that whoever reads the lists once a month sees it go.
const SHOWN_WHEN_GONE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// All tokens, those lately gone included, sorted by expiry (those without one last), then id.
pub(super) fn judge(scene: &Scene<'_>, users: &[UserFinding]) -> Vec<TokenFinding> {
    let integrations = integrations(scene);
    let mut tokens: Vec<TokenFinding> = scene
        .inputs
        .roster
        .tokens
        .iter()
        .map(|token| (token, token.status.as_str()))
        .chain(lately_gone(scene).map(|gone| (&gone.token, gone.status())))
        .map(|(token, status)| {
            let user = scene.people.id_of(&token.person).unwrap_or_default();
            let owner = users.binary_search_by(|finding| finding.user.id.cmp(&user)).ok();
            TokenFinding {
                token: token.token_id.clone(),
                kind: Credential::ApiToken,
                label: token.label.clone(),
                user: scene.people.person(&user),
                owner: owner.and_then(|at| users[at].owner.clone()),
                integration: integrations.get(token.token_id.as_str()).cloned().flatten(),
                status: status.to_owned(),
                created_at: token.created_at,
                last_active_at: token.last_active_at,
                expires_at: token.expires_at,
                days_left: token.expires_at.map(|at| days_left(scene.inputs.now, at)),
                listed_by: format!("tokens/{}", token.organization),
            }
        })
        .collect();
    tokens.extend(scene.inputs.roster.registered.iter().map(|credential| registered(credential, scene.inputs.now)));
    tokens.sort_by(|a, b| {
        let expiry = |token: &TokenFinding| (token.expires_at.is_none(), token.expires_at);
        expiry(a).cmp(&expiry(b)).then_with(|| a.token.cmp(&b.token))
    });
    tokens
}

fn lately_gone<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a GoneToken> {
    let now = scene.inputs.now;
    scene.inputs.roster.gone_tokens.iter().filter(move |gone| now.duration_since(gone.gone_at) <= SHOWN_WHEN_GONE)
}

/// A register names teams, not users, and no ids: what tells two credentials apart is where they live and their label.
fn registered(credential: &RegisteredCredential, now: Timestamp) -> TokenFinding {
    let RegisteredCredential { kind, label, location, owner, expires_at } = credential;
    TokenFinding {
        token: if location.is_empty() || location == label { label.clone() } else { format!("{location}: {label}") },
        kind: *kind,
        label: label.clone(),
        user: Person::default(),
        owner: owner.clone(),
        integration: None,
        status: String::new(),
        created_at: None,
        last_active_at: None,
        expires_at: *expires_at,
        days_left: expires_at.map(|at| days_left(now, at)),
        listed_by: "import/register".to_owned(),
    }
}

fn days_left(now: Timestamp, expires: Timestamp) -> i32 {
    let days = (expires.as_millisecond() - now.as_millisecond()).div_euclid(MS_PER_DAY);
    i32::try_from(days).unwrap_or(i32::MAX)
}

/// The integration that each token was seen in; none where it was seen in several.
fn integrations<'a>(scene: &'a Scene<'_>) -> HashMap<&'a str, Option<String>> {
    let mut seen: HashMap<&str, HashSet<usize>> = HashMap::new();
    for (number, unit) in scene.units.iter().enumerate() {
        let tracks = unit.tracks.iter().map(|track| &scene.inputs.history.tracks[*track].track);
        for token in tracks.filter_map(|track| track.token_id.as_deref()) {
            seen.entry(token).or_default().insert(number);
        }
    }
    let only = |units: HashSet<usize>| units.iter().next().filter(|_| units.len() == 1).map(|unit| scene.ids[*unit].clone());
    seen.into_iter().map(|(token, units)| (token, only(units))).collect()
}
