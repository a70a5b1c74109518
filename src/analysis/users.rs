//! Every user that evidence, a member list or a token inventory names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::assess::Scene;
use super::days::{Cell, UnitUses, add};
use super::figures::{MONTH_DAYS, recent};
use super::observed::Watch;
use super::owners::{Subject, owner_of};
use super::timeline::Rules;
use super::{CampaignFindings, UserFinding};
use crate::evidence::{ApiToken, time::instant};

/// The status of a token that works, in any case.
const LIVE: &str = "allowed";

/// All users, sorted by id. What an access token does under an account of its own is no user's.
pub(super) fn judge(
    scene: &Scene<'_>,
    watch: &Watch,
    campaigns: &[CampaignFindings],
    collected: &Collected<'_>,
) -> Vec<UserFinding> {
    let users = &collected.0;
    let remaining = remaining(campaigns);
    let tokens = live_tokens(scene);
    let listed = scene.rights.members().cloned().chain(tokens.keys().cloned());
    let mut everybody: BTreeSet<String> = users.keys().map(|user| (*user).to_owned()).chain(listed).collect();
    everybody.retain(|user| !scene.people.is_token(user));
    let inventory = !scene.inputs.roster.tokens.is_empty() || !scene.inputs.roster.gone_tokens.is_empty();
    let none = Used::default();
    everybody
        .into_iter()
        .map(|id| {
            let own = users.get(id.as_str()).unwrap_or(&none);
            let mut user = described(scene, &id, own);
            user.remaining_integrations =
                remaining.get(id.as_str()).map_or(0, |ids| u32::try_from(ids.len()).unwrap_or(u32::MAX));
            user.observed = watch.observed(scene, &id);
            user.live_api_tokens = inventory.then(|| tokens.get(&id).copied().unwrap_or(0));
            user
        })
        .collect()
}

/// What every user with evidence up to today did, collected unit by unit.
#[derive(Default)]
pub(super) struct Collected<'a>(BTreeMap<&'a str, Used>);

/// What one user did.
#[derive(Default)]
struct Used {
    /// Numbers of units, each with those of its places.
    units: Vec<(usize, BTreeSet<u32>)>,
    legacy_uses_30d: u64,
    replacement_uses_30d: u64,
    other_uses_30d: u64,
    last_legacy_ms: Option<i64>,
}

impl<'a> Collected<'a> {
    pub(super) fn add(&mut self, scene: &'a Scene<'_>, rules: &[Rules<'_>], number: usize, uses: &UnitUses) {
        let user = scene.units[number].key.user.as_str();
        if user.is_empty() || uses.cells.is_empty() {
            return;
        }
        let used = self.0.entry(user).or_default();
        used.units.push((number, uses.cells.iter().map(|cell| cell.place).collect()));
        uses.cells.iter().for_each(|cell| used.count(cell, rules));
    }

    /// Takes over what other users did.
    pub(super) fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }
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

fn described(scene: &Scene<'_>, id: &str, used: &Used) -> UserFinding {
    let user = scene.people.person(id);
    UserFinding {
        owner: owner(scene, &user, used),
        user,
        remaining_integrations: 0,
        legacy_uses_30d: used.legacy_uses_30d,
        replacement_uses_30d: used.replacement_uses_30d,
        other_uses_30d: used.other_uses_30d,
        last_legacy: used.last_legacy_ms.map(instant),
        live_api_tokens: None,
        last_accessed: scene.rights.last_accessed(id),
        highest_permission: scene.rights.highest_anywhere(id).map(|permission| permission.as_str().to_owned()),
        observed: None,
        member: scene.rights.is_member(id),
    }
}

/// The first owner whose patterns match one of the user's integrations, or the user who has none.
fn owner(scene: &Scene<'_>, user: &super::Person, Used { units, .. }: &Used) -> Option<String> {
    let named = |places: &BTreeSet<u32>| -> Vec<String> {
        let places = places.iter().map(|place| scene.names.places[*place as usize]);
        places.filter_map(|place| Some(format!("{}/{}", place.workspace.unwrap_or_default(), place.repository?))).collect()
    };
    let names = scene.people.names(&user.id);
    let texts: Vec<(Vec<String>, String)> =
        units.iter().map(|(number, places)| (named(places), scene.units[*number].key.origin.text())).collect();
    let nothing = Subject { user_id: &user.id, names, ..Subject::default() };
    let mut subjects: Vec<Subject<'_>> = Vec::with_capacity(units.len());
    for ((number, places), (repositories, origin)) in units.iter().zip(&texts) {
        subjects.push(Subject {
            workspaces: places.iter().filter_map(|place| scene.names.places[*place as usize].workspace).collect(),
            repositories: repositories.iter().map(String::as_str).collect(),
            clients: vec![scene.units[*number].key.shown_client()],
            origins: vec![origin],
            ..nothing.clone()
        });
    }
    if subjects.is_empty() {
        subjects.push(nothing);
    }
    owner_of(&scene.inputs.policy.owners, &scene.teams, &subjects).map(|owner| owner.name.clone())
}

impl Used {
    fn count(&mut self, cell: &Cell, rules: &[Rules<'_>]) {
        let legacy = rules.iter().any(|rules| rules.is_legacy(cell));
        if legacy {
            self.last_legacy_ms = self.last_legacy_ms.max(Some(cell.last_ms));
        }
        if !rules.iter().any(|rules| recent(cell, rules, MONTH_DAYS)) {
            return;
        }
        let replacement = rules.iter().any(|rules| rules.is_replacement(cell));
        let uses = match (legacy, replacement) {
            (true, _) => &mut self.legacy_uses_30d,
            (_, true) => &mut self.replacement_uses_30d,
            _ => &mut self.other_uses_30d,
        };
        add(uses, cell.uses);
    }
}
