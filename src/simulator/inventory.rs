//! The API tokens of the organisation's people, as its inventory lists them.

use crate::evidence::{Credential, Day, Outcome, time::MS_PER_DAY};

use super::{
    World,
    fate::Fate,
    seed::{Topic, pick},
};

#[derive(Debug)]
pub(super) struct Token {
    pub id: String,
    pub label: String,
    pub user: usize,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub revoked_ms: Option<i64>,
    /// The integrations that sign in with it; none for tokens of other products.
    pub integrations: Vec<u32>,
}

/// How far back the last use of a token is looked for.
const LOOK_BACK_DAYS: i32 = 45;
/// Share of the people that have a token for something other than Bitbucket.
const OTHER_TOKEN_SHARE: f64 = 0.22;

/// Every token of the world that an inventory can list, in order of creation.
pub(super) fn generate(world: &World) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for parts in world.integrations.chunk_by(|a, b| a.deployment == b.deployment) {
        tokens.extend(of_deployment(world, start, parts.len()));
        start += parts.len();
    }
    tokens.extend((0..world.places.users.len()).filter_map(|user| of_something_else(world, user)));
    tokens.retain(|token: &Token| world.places.users[token.user].managed);
    tokens.sort_by_key(|token| (token.created_ms, token.id.clone()));
    tokens
}

/// The token id that shows in audit events of an integration.
pub(super) fn token_id(world: &World, deployment: u32) -> String {
    format!("{:012x}", world.seed.hash(Topic::Inventory, 0, u64::from(deployment)) >> 16)
}

pub(super) fn token_label(world: &World, integration: u32) -> String {
    let it = &world.integrations[integration as usize];
    format!("{} {}", it.kind, world.places.repositories[it.repositories[0]].slug)
}

fn of_deployment(world: &World, start: usize, count: usize) -> Option<Token> {
    let parts = &world.integrations[start..start + count];
    let users = parts.iter().filter(|it| it.replacement == Credential::ApiToken);
    let since = users.clone().filter_map(|it| it.fate.replacement_since()).min()?;
    let first = parts.first()?;
    let mut rng = world.seed.stream(Topic::Inventory, 1, u64::from(first.deployment));
    // A token is made during the working day before its first use; those of before the world are up to half a year older.
    let day = if first.fate == Fate::NeverLegacy { Day(world.first.0 - rng.i32(5..170)) } else { Day(since.0 - 1) };
    let created_ms = day.start_ms() + rng.i64(6 * 3_600_000..16 * 3_600_000);
    Some(Token {
        id: token_id(world, first.deployment),
        label: token_label(world, first.id),
        user: first.user,
        created_ms,
        expires_ms: created_ms + 365 * MS_PER_DAY,
        revoked_ms: None,
        integrations: users.map(|it| it.id).collect(),
    })
}

fn of_something_else(world: &World, user: usize) -> Option<Token> {
    const LABELS: &[&str] = &["jira automation", "confluence export", "statuspage", "my laptop", "test", "reporting"];
    const LIFETIMES: &[i64] = &[30, 90, 180, 365, 365, 365];
    let mut rng = world.seed.stream(Topic::Inventory, 2, user as u64);
    if rng.f64() >= OTHER_TOKEN_SHARE {
        return None;
    }
    let day = world.first.0 + rng.i32(-200..world.last.0 - world.first.0);
    let created_ms = Day(day).start_ms() + rng.i64(6 * 3_600_000..16 * 3_600_000);
    Some(Token {
        id: format!("{:012x}", rng.u64(..) >> 16),
        label: (*pick(&mut rng, LABELS)).to_owned(),
        user,
        created_ms,
        expires_ms: created_ms + pick(&mut rng, LIFETIMES) * MS_PER_DAY,
        revoked_ms: (rng.f64() < 0.15).then(|| created_ms + rng.i64(5..120) * MS_PER_DAY),
        integrations: Vec::new(),
    })
}

/// The instant of the last accepted use of a token by `now`.
pub(super) fn last_active(world: &World, token: &Token, now_ms: i64) -> Option<i64> {
    if token.integrations.is_empty() {
        let rested = (world.seed.hash(Topic::Inventory, 3, token.user as u64) % 400) / 3;
        let at = now_ms - i64::try_from(rested).unwrap_or(0) * MS_PER_DAY / 8;
        return (at > token.created_ms).then_some(at);
    }
    let today = Day::of_ms(now_ms);
    let mut uses = Vec::new();
    for day in (today.0 - LOOK_BACK_DAYS..=today.0).rev().map(Day).filter(|day| *day >= world.first && *day < world.last) {
        uses.clear();
        for it in token.integrations.iter().map(|id| &world.integrations[*id as usize]) {
            world.uses_on(it, day, &mut uses);
        }
        let accepted = uses
            .iter()
            .filter(|it| it.credential == Credential::ApiToken && it.outcome == Outcome::Accepted && it.at_ms <= now_ms);
        if let Some(last) = accepted.map(|it| it.at_ms).max() {
            return Some(last);
        }
    }
    None
}
