//! Every user that evidence, a member list or a token inventory names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::assess::Scene;
use super::days::Cell;
use super::figures::{MONTH_DAYS, recent};
use super::observed::Watch;
use super::owners::{Subject, owner_of};
use super::timeline::Rules;
use super::{CampaignFindings, UserFinding};
use crate::evidence::{ApiToken, time::instant};

/// The status of a token that works, in any case.
const LIVE: &str = "allowed";

/// All users, sorted by id. What an access token does under an account of its own is no user's.
pub(super) fn judge(scene: &Scene<'_>, watch: &Watch, campaigns: &[CampaignFindings]) -> Vec<UserFinding> {
    let units = units_by_user(scene);
    let remaining = remaining(campaigns);
    let tokens = live_tokens(scene);
    let rules: Vec<Rules<'_>> = scene.campaigns().collect();
    let listed = scene.rights.members().cloned().chain(tokens.keys().cloned());
    let mut everybody: BTreeSet<String> = units.keys().map(|user| (*user).to_owned()).chain(listed).collect();
    everybody.retain(|user| !scene.people.is_token(user));
    let inventory = !scene.inputs.roster.tokens.is_empty() || !scene.inputs.roster.gone_tokens.is_empty();
    everybody
        .into_iter()
        .map(|id| {
            let own = units.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            let mut user = unused(scene, &id, own);
            user.remaining_integrations =
                remaining.get(id.as_str()).map_or(0, |ids| u32::try_from(ids.len()).unwrap_or(u32::MAX));
            user.observed = watch.observed(scene, &id);
            user.live_api_tokens = inventory.then(|| tokens.get(&id).copied().unwrap_or(0));
            for cell in own.iter().flat_map(|unit| &scene.uses.units[*unit].cells) {
                count(&mut user, cell, &rules);
            }
            user
        })
        .collect()
}

/// The units of every user with evidence up to today.
fn units_by_user<'a>(scene: &'a Scene<'_>) -> BTreeMap<&'a str, Vec<usize>> {
    let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, unit) in scene.units.iter().enumerate() {
        if !unit.key.user.is_empty() && !scene.uses.units[number].cells.is_empty() {
            users.entry(&unit.key.user).or_default().push(number);
        }
    }
    users
}

/// Remaining integrations by user; one that several campaigns concern counts once.
fn remaining(campaigns: &[CampaignFindings]) -> HashMap<&str, BTreeSet<&str>> {
    let mut users: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for row in campaigns.iter().flat_map(|campaign| &campaign.integrations).filter(|row| row.status.remaining()) {
        users.entry(&row.user.id).or_default().insert(&row.id);
    }
    users
}

/// Live tokens by user, with zero for users whose tokens are all dead.
fn live_tokens(scene: &Scene<'_>) -> HashMap<String, u32> {
    let now = scene.inputs.now;
    let live = |token: &ApiToken| token.status.eq_ignore_ascii_case(LIVE) && token.expires_at.is_none_or(|at| at > now);
    let mut users = HashMap::new();
    for token in &scene.inputs.roster.tokens {
        if let Some(user) = scene.people.id_of(&token.person) {
            *users.entry(user).or_insert(0) += u32::from(live(token));
        }
    }
    users
}

fn unused(scene: &Scene<'_>, id: &str, units: &[usize]) -> UserFinding {
    let user = scene.people.person(id);
    UserFinding {
        owner: owner(scene, &user, units),
        user,
        remaining_integrations: 0,
        legacy_uses_30d: 0,
        replacement_uses_30d: 0,
        other_uses_30d: 0,
        last_legacy: None,
        live_api_tokens: None,
        last_accessed: scene.rights.last_accessed(id),
        highest_permission: scene.rights.highest_anywhere(id).map(|permission| permission.as_str().to_owned()),
        observed: None,
        member: scene.rights.is_member(id),
    }
}

/// The first owner whose patterns match anything that the user does.
fn owner(scene: &Scene<'_>, user: &super::Person, units: &[usize]) -> Option<String> {
    let cells = units.iter().flat_map(|unit| &scene.uses.units[*unit].cells);
    let numbers: BTreeSet<u32> = cells.map(|cell| cell.place).collect();
    let places = || numbers.iter().map(|place| scene.uses.places[*place as usize]);
    let repositories: Vec<String> =
        places().filter_map(|place| Some(format!("{}/{}", place.workspace.unwrap_or_default(), place.repository?))).collect();
    let origins: Vec<String> = units.iter().map(|unit| scene.units[*unit].key.origin.text()).collect();
    let subject = Subject {
        user,
        workspaces: places().filter_map(|place| place.workspace).collect(),
        repositories: repositories.iter().map(String::as_str).collect(),
        clients: units.iter().map(|unit| scene.units[*unit].key.client.as_str()).collect(),
        origins: origins.iter().map(String::as_str).collect(),
    };
    owner_of(&scene.inputs.policy.owners, &scene.teams, &subject).map(|owner| owner.name.clone())
}

fn count(user: &mut UserFinding, cell: &Cell, rules: &[Rules<'_>]) {
    let legacy = rules.iter().any(|rules| rules.is_legacy(cell));
    if legacy {
        user.last_legacy = user.last_legacy.max(Some(instant(cell.last_ms)));
    }
    if !rules.iter().any(|rules| recent(cell, rules, MONTH_DAYS)) {
        return;
    }
    let replacement = rules.iter().any(|rules| rules.is_replacement(cell));
    *match (legacy, replacement) {
        (true, _) => &mut user.legacy_uses_30d,
        (_, true) => &mut user.replacement_uses_30d,
        _ => &mut user.other_uses_30d,
    } += cell.uses;
}
