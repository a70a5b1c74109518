//! The organisation's audit events: drawn once, held compactly in the order of processing, rendered when asked for.
//!
//! Nothing here ever says that an app password was used: such events have no `auth`, as SSH and anonymous ones have none.

use serde_json::{Value, json};

use crate::evidence::{Credential, Day, Operation, Outcome, time::instant};

use super::{
    World,
    actions::{ACTIONS, About, ELSEWHERE, LOGIN, LOGIN_FAILED, OF_MACHINES, OF_PEOPLE, OF_SYSTEMS, TOKEN_CREATED, TOKEN_REVOKED},
    address::Site,
    inventory::{self, token_id, token_label},
    seed::{Topic, poisson},
    uses::{Use, free_day},
};

/// How an event says its actor signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    Unsaid,
    ApiToken,
    ThreeLegged,
    TwoLegged,
    Connect,
    Container,
    Session,
    /// An access token, which acts as a user of its own and says nothing of how.
    AccessToken,
    /// A value that no documentation lists.
    Novel,
}

/// One event in 40 bytes; the rest follows from the seed and `key`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuditEvent {
    pub processed_ms: i64,
    pub key: u64,
    pub delay_ms: u32,
    /// A user; [`SYSTEM`] for a product that acts by itself.
    actor: u32,
    /// A repository, workspace or token, by what the action is about.
    object: u32,
    /// The integration that acted, or [`NOBODY`].
    integration: u32,
    action: u16,
    auth: Auth,
}

const SYSTEM: u32 = u32::MAX;
const NOBODY: u32 = u32::MAX;
/// Share of the API writes of integrations that are worth an event.
const SHARE_OF_WRITES: f64 = 0.85;

/// All events of a world.
pub(super) fn generate(world: &World, noise: f64) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    for day in world.days() {
        of_uses(world, day, &mut events);
        of_people(world, day, noise, &mut events);
    }
    of_tokens(world, &mut events);
    events.sort_by_key(|event| (event.processed_ms, event.key));
    events
}

struct Draft {
    at_ms: i64,
    actor: u32,
    object: u32,
    integration: u32,
    action: usize,
    auth: Auth,
}

impl Draft {
    fn event(self, key: u64) -> AuditEvent {
        let delay_ms = delay(&mut fastrand::Rng::with_seed(key));
        AuditEvent {
            processed_ms: self.at_ms + i64::from(delay_ms),
            key,
            delay_ms,
            actor: self.actor,
            object: self.object,
            integration: self.integration,
            action: u16::try_from(self.action).expect("the catalogue of actions is short"),
            auth: self.auth,
        }
    }
}

/// Mostly seconds; a few minutes to hours; now and then most of a day.
fn delay(rng: &mut fastrand::Rng) -> u32 {
    match rng.u32(..1_000) {
        0..3 => rng.u32(3_600_000..72_000_000),
        3..40 => rng.u32(60_000..5_400_000),
        _ => rng.u32(200..6_000),
    }
}

fn of_uses(world: &World, day: Day, events: &mut Vec<AuditEvent>) {
    let mut uses: Vec<Use> = Vec::new();
    for integration in world.integrations.iter().filter(|it| it.part.rest > 0 && it.part.writes > 0) {
        uses.clear();
        world.uses_on(integration, day, &mut uses);
        for (n, one) in uses.iter().enumerate() {
            let written = one.operation == Operation::ApiWrite && one.outcome == Outcome::Accepted;
            let key =
                world.seed.hash(Topic::AuditOfUses, u64::from(integration.id) << 20 | n as u64, u64::from(day.0.unsigned_abs()));
            let mut rng = fastrand::Rng::with_seed(key);
            if !written || rng.f64() >= SHARE_OF_WRITES {
                continue;
            }
            events.push(
                Draft {
                    at_ms: one.at_ms,
                    actor: u32::try_from(integration.user).expect("users are counted in thousands"),
                    object: u32::try_from(one.repository).expect("repositories are counted in thousands"),
                    integration: integration.id,
                    action: rng.usize(OF_MACHINES),
                    auth: shown(one.credential, &mut rng),
                }
                .event(key),
            );
        }
    }
}

fn shown(credential: Credential, rng: &mut fastrand::Rng) -> Auth {
    match credential {
        Credential::ApiToken => Auth::ApiToken,
        Credential::AccessToken => Auth::AccessToken,
        Credential::Oauth if rng.f64() < 0.3 => Auth::TwoLegged,
        Credential::Oauth => Auth::ThreeLegged,
        _ => Auth::Unsaid,
    }
}

/// What people do in browsers, and products by themselves, on one day.
fn of_people(world: &World, day: Day, noise: f64, events: &mut Vec<AuditEvent>) {
    let mut rng = world.seed.stream(Topic::AuditNoise, 0, u64::from(day.0.unsigned_abs()));
    let people = u32::try_from(world.places.users.len()).expect("users are counted in thousands");
    let share = if free_day(day) { 0.12 } else { 1.0 };
    for n in 0..poisson(&mut rng, f64::from(people) * noise * share) {
        // Service accounts seldom sit in front of a browser.
        let mut anybody = (0..5).map(|_| rng.u32(..people));
        let actor = anybody.find(|actor| !world.places.users[*actor as usize].service).unwrap_or(0);
        let (action, auth) = ordinary(&mut rng);
        if world.places.users[actor as usize].has_left_by(day) {
            continue;
        }
        let system = OF_SYSTEMS.contains(&action) && rng.f64() < 0.2;
        let object = match ACTIONS[action].about {
            About::Repository => rng.usize(..world.places.repositories.len()),
            _ => rng.usize(..world.places.workspaces.len()),
        };
        // Three uniforms make a working day with a middle.
        let at_ms = day.start_ms() + 4 * 3_600_000 + (0..3).map(|_| rng.i64(0..5 * 3_600_000)).sum::<i64>();
        let draft = Draft {
            at_ms,
            actor: if system { SYSTEM } else { actor },
            object: u32::try_from(object).expect("repositories are counted in thousands"),
            integration: NOBODY,
            action,
            auth: if system { Auth::Unsaid } else { auth },
        };
        events.push(draft.event(world.seed.hash(Topic::AuditNoise, u64::from(n) + 1, u64::from(day.0.unsigned_abs()))));
    }
}

/// An action that no integration of ours causes, and how its actor is signed in.
fn ordinary(rng: &mut fastrand::Rng) -> (usize, Auth) {
    match rng.u32(..100) {
        0..18 => (if rng.f64() < 0.05 { LOGIN_FAILED } else { LOGIN }, Auth::Session),
        18..34 => (rng.usize(OF_PEOPLE), if rng.f64() < 0.75 { Auth::Session } else { Auth::Unsaid }),
        34..36 => (rng.usize(OF_PEOPLE), Auth::Connect),
        36 => (rng.usize(OF_PEOPLE), Auth::Container),
        37 => (rng.usize(OF_PEOPLE), Auth::Novel),
        _ => (rng.usize(ELSEWHERE), if rng.bool() { Auth::Session } else { Auth::Unsaid }),
    }
}

/// Tokens are made and revoked in a browser.
fn of_tokens(world: &World, events: &mut Vec<AuditEvent>) {
    let (start, end) = (world.first.start_ms(), world.last.start_ms());
    for (index, token) in inventory::generate(world).into_iter().enumerate() {
        let instants = [(TOKEN_CREATED, Some(token.created_ms)), (TOKEN_REVOKED, token.revoked_ms)];
        for (action, at_ms) in instants {
            let Some(at_ms) = at_ms.filter(|at| (start..end).contains(at)) else { continue };
            let draft = Draft {
                at_ms,
                actor: u32::try_from(token.user).expect("users are counted in thousands"),
                object: u32::try_from(index).expect("tokens are counted in thousands"),
                integration: NOBODY,
                action,
                auth: Auth::Session,
            };
            events.push(draft.event(world.seed.hash(Topic::AuditOfUses, u64::MAX - index as u64, action as u64)));
        }
    }
}

impl AuditEvent {
    pub fn time_ms(&self) -> i64 {
        self.processed_ms - i64::from(self.delay_ms)
    }

    /// The time that it shows, and the integration that caused it, if one did.
    pub fn caused_by(&self) -> Option<(i64, u32)> {
        let ms = self.time_ms();
        let shown = if whole_seconds(&mut self.details()) { ms.div_euclid(1_000) * 1_000 } else { ms };
        (self.integration != NOBODY).then_some((shown, self.integration))
    }

    /// Decides every detail that is not held.
    fn details(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.key ^ 0x51)
    }

    /// The event as the API shows it.
    pub fn render(&self, world: &World, organization: &str) -> Value {
        let mut rng = self.details();
        let action = &ACTIONS[usize::from(self.action)];
        let id = world.seed.uuid(Topic::EventId, self.key, u64::from(self.action));
        let mut attributes = json!({
            "time": time_text(self.time_ms(), whole_seconds(&mut rng)),
            "processedAt": time_text(self.processed_ms, false),
            "action": action.id,
            "actor": self.actor_json(world, organization, &mut rng),
            "context": [self.context(world, action.about)],
        });
        match rng.u32(..12) {
            0 => {}
            1 => attributes["container"] = Value::Null,
            2 => attributes["container"] = json!([]),
            _ => attributes["container"] = self.container(world, action.about),
        }
        if let Some(location) = self.location(world, &mut rng) {
            attributes["location"] = location;
        }
        json!({
            "id": id,
            "type": "events",
            "attributes": attributes,
            "links": {"self": format!("https://api.atlassian.com/admin/v1/orgs/{organization}/events/{id}")},
            "relations": null,
            "message": {"content": action.display, "format": "simple"},
        })
    }

    fn actor_json(&self, world: &World, organization: &str, rng: &mut fastrand::Rng) -> Value {
        if self.actor == SYSTEM {
            return json!({"id": "confluence", "name": "Confluence", "email": "Atlassian app", "links": {}});
        }
        if self.auth == Auth::AccessToken {
            let it = &world.integrations[self.integration as usize];
            let id = world.seed.uuid(Topic::Inventory, 9, u64::from(it.deployment));
            return json!({"id": format!("712020:{id}"), "name": token_label(world, it.id), "email": ""});
        }
        let user = &world.places.users[self.actor as usize];
        let mut actor = json!({
            "id": user.account_id,
            "name": user.display_name,
            "email": user.email,
            "picture": null,
            "links": {"self": format!("https://api.atlassian.com/admin/v1/orgs/{organization}/users/{}", user.account_id)},
        });
        if rng.f64() < 0.05 {
            actor["email"] = Value::Null;
        }
        if let Some(auth) = self.auth_json(world, rng) {
            actor["auth"] = auth;
        }
        actor
    }

    fn auth_json(&self, world: &World, rng: &mut fastrand::Rng) -> Option<Value> {
        let plain = |kind: &str| Some(json!({ "authType": kind }));
        match self.auth {
            Auth::Unsaid | Auth::AccessToken => None,
            Auth::ThreeLegged => plain("auth-token-for-3LO"),
            Auth::TwoLegged => plain("auth-token-for-2LO"),
            Auth::Connect => plain("connect-token"),
            Auth::Container => plain("container-token"),
            Auth::Session => plain("session"),
            Auth::Novel => plain("workload-identity"),
            Auth::ApiToken => {
                let it = &world.integrations[self.integration as usize];
                let label_key = if rng.f64() < 0.2 { "tokenName" } else { "tokenLabel" };
                Some(json!({
                    "authType": "api-token",
                    "tokenId": token_id(world, it.deployment),
                    label_key: token_label(world, it.id),
                }))
            }
        }
    }

    fn context(&self, world: &World, about: About) -> Value {
        let object = self.object as usize;
        match about {
            About::Repository => {
                let it = &world.places.repositories[object];
                let name = world.places.full_name(object);
                json!({"id": it.uuid, "type": "repositories", "attributes": {"name": it.slug, "fullName": name}, "links": {}})
            }
            About::Workspace => {
                let it = &world.places.workspaces[object];
                json!({"id": it.uuid, "type": "workspaces", "attributes": {"name": it.name, "slug": it.slug}, "links": {}})
            }
            About::Token => json!({"id": format!("token-{object}"), "type": "api-tokens", "attributes": {}, "links": {}}),
            About::Person => json!({"id": format!("obj-{object}"), "type": "users", "attributes": {"accountType": "atlassian"}}),
            About::Site => json!({"id": format!("obj-{object}"), "type": "groups", "attributes": {"name": ""}, "links": null}),
        }
    }

    fn container(&self, world: &World, about: About) -> Value {
        let workspace = match about {
            About::Repository => world.places.repositories[self.object as usize].workspace,
            About::Workspace => self.object as usize,
            About::Person | About::Token | About::Site => {
                let attributes = json!({"siteName": "acme", "siteHostName": "https://acme.example.test"});
                return json!([{"id": "site-1", "type": "sites", "attributes": attributes, "links": {}}]);
            }
        };
        let it = &world.places.workspaces[workspace];
        json!([{"id": it.uuid, "type": "workspaces", "attributes": {"name": it.name, "slug": it.slug}, "links": {}}])
    }

    /// Where the actor was, if the event says so at all.
    fn location(&self, world: &World, rng: &mut fastrand::Rng) -> Option<Value> {
        if self.actor == SYSTEM || rng.f64() < 0.08 {
            return None;
        }
        let day = Day::of_ms(self.time_ms());
        let site = world.integrations.get(self.integration as usize).map(|it| (it.site, u64::from(it.deployment)));
        let (site, who) = site.unwrap_or((Site::Roaming, u64::from(self.actor) | 1 << 32));
        let ip = if rng.f64() < 0.03 { String::new() } else { site.address(world.seed, who, day, rng).to_string() };
        Some(json!({"ip": ip, "geo": "EU", "countryName": "", "regionName": "", "city": ""}))
    }
}

/// The first of an event's details: some show no milliseconds.
fn whole_seconds(details: &mut fastrand::Rng) -> bool {
    details.f64() < 0.25
}

/// RFC 3339 with milliseconds, or without.
pub(super) fn time_text(ms: i64, whole_seconds: bool) -> String {
    let at = instant(ms);
    if whole_seconds { at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() } else { at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string() }
}
