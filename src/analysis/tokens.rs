//! The tokens of the inventories and the credentials of the registers: when they end, how long their owner needs to renew
//! them, and which integrations use them.

use std::collections::{BTreeSet, HashMap};

use jiff::SignedDuration;

use super::assess::Scene;
use super::{Person, Policy, TokenFinding, UserFinding};
use crate::evidence::{Credential, GoneToken, RegisteredCredential, SourceKind, time::days_between};

/// How long a token that is gone is still shown, so that whoever reads the lists once a month sees it go.
const SHOWN_WHEN_GONE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// All tokens, those lately gone included, sorted by expiry (those without one last), then id.
pub(super) fn judge(scene: &Scene<'_>, users: &[UserFinding]) -> Vec<TokenFinding> {
    let used = Used::of(scene);
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
            let owner = owner.and_then(|at| users[at].owner.clone());
            TokenFinding {
                token: token.token_id.clone(),
                kind: Credential::ApiToken,
                label: token.label.clone(),
                user: scene.people.person(&user),
                integrations: used.by(Some(&token.token_id), &token.label, &user),
                status: status.to_owned(),
                created_at: token.created_at,
                last_active_at: token.last_active_at,
                expires_at: token.expires_at,
                days_left: token.expires_at.map(|at| days_between(scene.inputs.now, at)),
                lead_time_days: lead_time_days(scene.inputs.policy, owner.as_deref()),
                leaver: scene.rights.leaver(&scene.people, &user, &[]).is_some(),
                owner,
                listed_by: SourceKind::Tokens.source(&token.organization),
            }
        })
        .collect();
    tokens.extend(scene.inputs.roster.registered.iter().map(|credential| registered(credential, scene, &used)));
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
fn registered(credential: &RegisteredCredential, scene: &Scene<'_>, used: &Used<'_>) -> TokenFinding {
    let RegisteredCredential { kind, label, location, owner, expires_at } = credential;
    TokenFinding {
        token: if location.is_empty() || location == label { label.clone() } else { format!("{location}: {label}") },
        kind: *kind,
        label: label.clone(),
        user: Person::default(),
        owner: owner.clone(),
        integrations: used.by(None, label, ""),
        status: String::new(),
        created_at: None,
        last_active_at: None,
        expires_at: *expires_at,
        days_left: expires_at.map(|at| days_between(scene.inputs.now, at)),
        lead_time_days: lead_time_days(scene.inputs.policy, owner.as_deref()),
        leaver: false,
        listed_by: "import/register".to_owned(),
    }
}

fn lead_time_days(policy: &Policy, owner: Option<&str>) -> i32 {
    let named = policy.owners.iter().find(|known| owner.is_some_and(|name| known.name.eq_ignore_ascii_case(name)));
    named.and_then(|owner| owner.lead_time_days).unwrap_or(policy.lead_time_days)
}

/// The integrations in which tokens were seen.
struct Used<'a> {
    ids: &'a [String],
    /// Units by token id, and by the label and the user of evidence that has no id.
    by_id: HashMap<&'a str, BTreeSet<usize>>,
    by_label: HashMap<(&'a str, &'a str), BTreeSet<usize>>,
    /// How many tokens and registered credentials have a label.
    labels: HashMap<&'a str, usize>,
}

impl<'a> Used<'a> {
    fn of(scene: &'a Scene<'_>) -> Self {
        let roster = scene.inputs.roster;
        let mut used = Self { ids: &scene.ids, by_id: HashMap::new(), by_label: HashMap::new(), labels: HashMap::new() };
        let registered = roster.registered.iter().map(|credential| credential.label.as_str());
        for label in roster.tokens.iter().map(|token| token.label.as_str()).chain(registered) {
            *used.labels.entry(label).or_default() += 1;
        }
        for (number, unit) in scene.units.iter().enumerate() {
            for track in unit.tracks.iter().map(|track| &scene.inputs.history.tracks[*track].track) {
                match (track.token_id.as_deref(), track.token_label.as_deref()) {
                    (Some(id), _) => used.by_id.entry(id).or_default().insert(number),
                    (None, Some(label)) => used.by_label.entry((label, &unit.key.user)).or_default().insert(number),
                    (None, None) => false,
                };
            }
        }
        used
    }

    /// Sorted. A label tells with the token's own user; with nobody, or of a credential that has no user, it tells only when no
    /// other token is called so.
    fn by(&self, id: Option<&str>, label: &str, user: &str) -> Vec<String> {
        let mut units: BTreeSet<usize> = id.and_then(|id| self.by_id.get(id)).cloned().unwrap_or_default();
        if !user.is_empty() {
            units.extend(self.by_label.get(&(label, user)).into_iter().flatten());
        }
        if self.labels.get(label) == Some(&1) {
            let anybody = |of: &&str| user.is_empty() || of.is_empty();
            let alike = self.by_label.iter().filter(|((known, of), _)| *known == label && anybody(of));
            units.extend(alike.flat_map(|(_, units)| units));
        }
        let mut ids: Vec<String> = units.into_iter().map(|unit| self.ids[unit].clone()).collect();
        ids.sort_unstable();
        ids
    }
}
