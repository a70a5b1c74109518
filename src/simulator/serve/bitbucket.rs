//! Bitbucket's REST API 2.0, as far as an inventory needs it.

use std::sync::atomic::Ordering;

use data_encoding::BASE64;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{
    reply::{Ask, Reply},
    route::Shared,
};
use crate::{
    evidence::{Credential, Day, Outcome, WindowKind, time::instant},
    simulator::{User, World, seed::Topic},
};

const DEFAULT_PAGELEN: usize = 10;
const MAX_PAGELEN: usize = 100;
/// How far back the uses are looked at that make somebody's `last_accessed`.
const LOOK_BACK_DAYS: i32 = 10;

/// Refuses what is not our token, in the forms in which Bitbucket does.
pub(super) fn unauthorized(shared: &Shared, ask: &Ask) -> Option<Reply> {
    let options = &shared.options;
    let Some(given) = ask.authorization.as_deref() else { return Some(Reply::text(401, "")) };
    if let Some(token) = given.strip_prefix("Bearer ") {
        return (token != options.workspace_token)
            .then(|| Reply::bitbucket_error(401, "Token is invalid, expired, or not supported for this endpoint."));
    }
    let pair = given.strip_prefix("Basic ").and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let pair = pair.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    match pair.split_once(':') {
        Some((email, token)) if email == options.email && token == options.api_token => None,
        Some((_, secret)) if secret.starts_with("ATBB") => refused_app_password(shared),
        Some((_, token)) if token == options.api_token => {
            Some(Reply::bitbucket_error(401, "API token must be used with an atlassian registered email"))
        }
        _ => Some(Reply::text(401, "Login failed due to incorrect login credentials or method.\n")),
    }
}

/// App passwords are refused inside windows and after the removal, in every form that has been seen.
fn refused_app_password(shared: &Shared) -> Option<Reply> {
    const DEPRECATED: &str = "App passwords are deprecated and must be replaced with API tokens.";
    let (campaign, now) = (&shared.world.campaign, shared.now_ms());
    let closed = campaign.removed_at(now) || campaign.window_at(now) != WindowKind::Outside;
    closed.then(|| match shared.number.load(Ordering::Relaxed) % 4 {
        0 => Reply::text(401, ""),
        1 => Reply::bitbucket_error(401, DEPRECATED),
        2 => changed(401, "CHANGE-3222", DEPRECATED),
        _ => Reply::text(401, "Login failed due to incorrect login credentials or method.\n"),
    })
}

/// The answer of a function that a change has taken away.
fn changed(status: u16, change: &str, detail: &str) -> Reply {
    let data = json!({"announcement_url": format!("https://developer.atlassian.com/cloud/bitbucket/changelog#{change}")});
    let message = format!("{change} - Functionality has been deprecated");
    Reply::json(status, &json!({"type": "error", "error": {"message": message, "detail": detail, "data": data}, "data": data}))
}

/// The cross-workspace endpoints, which are gone for every credential.
pub(super) fn removed() -> Reply {
    changed(410, "CHANGE-2770", "Please read the changelog entry for more details.")
}

/// The index of a workspace by slug or uuid, or the answer that there is none.
fn workspace(shared: &Shared, id: &str) -> Result<usize, Reply> {
    let found = shared.world.places.workspaces.iter().position(|it| it.slug == id || it.uuid == id);
    found.ok_or_else(|| Reply::bitbucket_error(404, &format!("No workspace with identifier '{id}'.")))
}

pub(super) fn user(shared: &Shared) -> Reply {
    let id = shared.world.seed.uuid(Topic::People, 77, 0);
    Reply::json(
        200,
        &json!({"type": "user", "uuid": format!("{{{id}}}"), "account_id": format!("712020:{id}"), "nickname": "duskwatch",
            "display_name": "Duskwatch", "username": "duskwatch", "links": {}}),
    )
}

/// Today, where the members of a workspace may be seen by now.
fn open_members(shared: &Shared, workspace: usize) -> Result<Day, Reply> {
    let today = Day::of_ms(shared.now_ms());
    let closed = shared.world.places.workspaces[workspace].members_from.is_some_and(|from| today < from);
    if closed { Err(Reply::bitbucket_error(403, "Forbidden")) } else { Ok(today) }
}

pub(super) fn members(shared: &Shared, ask: &Ask, id: &str) -> Result<Reply, Reply> {
    let index = workspace(shared, id)?;
    let today = open_members(shared, index)?;
    let people: Vec<&User> = shared.world.places.members(index, today).map(|(_, user)| user).collect();
    let item = |n: usize| {
        json!({"type": "workspace_membership", "user": user_json(people[n], today), "workspace": workspace_json(&shared.world, index),
            "links": {"self": {"href": format!("{}/2.0/workspaces/{id}/members/{}", ask.origin, people[n].account_id)}}})
    };
    paged(ask, people.len(), item)
}

pub(super) fn permissions(shared: &Shared, ask: &Ask, id: &str) -> Result<Reply, Reply> {
    let index = workspace(shared, id)?;
    let today = open_members(shared, index)?;
    let people: Vec<(usize, &User)> = shared.world.places.members(index, today).collect();
    let shows_activity = shared.world.places.workspaces[index].shows_activity;
    paged(ask, people.len(), |n| {
        let (number, user) = people[n];
        let permission = if number.is_multiple_of(23) { "owner" } else { "member" };
        let mut item = json!({"type": "workspace_membership", "permission": permission, "user": user_json(user, today),
            "workspace": workspace_json(&shared.world, index)});
        if shows_activity {
            item["added_on"] = json!("2024-02-09T16:18:37.523382+00:00");
            if let Some(at) = last_accessed(shared, number) {
                item["last_accessed"] = json!(instant(at).strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string());
            }
        }
        item
    })
}

/// The last accepted use of anything, or a look at the web site; some people never come.
fn last_accessed(shared: &Shared, user: usize) -> Option<i64> {
    let world = &shared.world;
    let now = shared.now_ms();
    let mut uses = Vec::new();
    let today = Day::of_ms(now).0;
    for day in (today - LOOK_BACK_DAYS..=today).map(Day).filter(|day| *day >= world.first && *day < world.last) {
        for it in shared.by_user.get(&user).into_iter().flatten() {
            world.uses_on(&world.integrations[*it as usize], day, &mut uses);
        }
    }
    let used = uses.iter().filter(|it| it.outcome == Outcome::Accepted && it.at_ms <= now).map(|it| it.at_ms).max();
    let draw = world.seed.hash(Topic::Absence, user as u64, 1 << 33);
    let days_ago = i64::try_from(draw % 90).unwrap_or(0);
    let visit = (!draw.is_multiple_of(5)).then(|| now - days_ago * 86_400_000 - i64::try_from(draw % 40_000_000).unwrap_or(0));
    used.max(visit)
}

pub(super) fn repositories(shared: &Shared, ask: &Ask, id: &str) -> Result<Reply, Reply> {
    let index = workspace(shared, id)?;
    let own = of_workspace(&shared.world, index);
    paged(ask, own.len(), |n| repository_json(&shared.world, own[n]))
}

fn of_workspace(world: &World, workspace: usize) -> Vec<usize> {
    (0..world.places.repositories.len()).filter(|r| world.places.repositories[*r].workspace == workspace).collect()
}

pub(super) fn repository_permissions(shared: &Shared, ask: &Ask, id: &str) -> Result<Reply, Reply> {
    let index = workspace(shared, id)?;
    let world = &shared.world;
    if !world.places.workspaces[index].administered {
        return Err(Reply::bitbucket_error(403, "Forbidden"));
    }
    rights_on(shared, ask, index, &of_workspace(world, index))
}

/// The rights on one repository, for its administrators; ours are some of them where it administers no workspace.
pub(super) fn permissions_on(shared: &Shared, ask: &Ask, id: &str, slug: &str) -> Result<Reply, Reply> {
    let index = workspace(shared, id)?;
    let repository = repository(shared, index, slug)?;
    let ours = !shared.world.seed.hash(Topic::Permission, repository as u64, 1 << 41).is_multiple_of(3);
    if !shared.world.places.workspaces[index].administered && !ours {
        return Err(Reply::bitbucket_error(403, "Forbidden"));
    }
    rights_on(shared, ask, index, &[repository])
}

fn rights_on(shared: &Shared, ask: &Ask, workspace: usize, repositories: &[usize]) -> Result<Reply, Reply> {
    let world = &shared.world;
    let today = open_members(shared, workspace)?;
    let mut rights: Vec<(usize, usize, &str)> = Vec::new();
    for (number, user) in world.places.members(workspace, today) {
        let on = |repository: &usize| right(world, number, user, *repository).map(|it| (number, *repository, it));
        rights.extend(repositories.iter().filter_map(on));
    }
    paged(ask, rights.len(), |n| {
        let (number, repository, permission) = rights[n];
        let it = &world.places.repositories[repository];
        json!({"type": "repository_permission", "permission": permission, "user": user_json(&world.places.users[number], today),
            "repository": {"type": "repository", "name": it.slug, "full_name": world.places.full_name(repository), "uuid": it.uuid}})
    })
}

/// Teams write to their own repositories; others read some.
fn right(world: &World, number: usize, user: &User, repository: usize) -> Option<&'static str> {
    let own = world.places.repositories[repository].team == user.team;
    let draw = world.seed.hash(Topic::Permission, number as u64, repository as u64) % 100;
    match (own, draw) {
        (true, 0..12) => Some("admin"),
        (false, 0..20) => Some("read"),
        (true, _) | (false, 20..24) => Some("write"),
        (false, _) => None,
    }
}

/// The index of a repository by slug or uuid, or the answer that there is none to be seen.
fn repository(shared: &Shared, workspace: usize, id: &str) -> Result<usize, Reply> {
    let all = &shared.world.places.repositories;
    let found = all.iter().position(|it| it.workspace == workspace && (it.slug == id || it.uuid == id));
    found.ok_or_else(|| {
        Reply::bitbucket_error(
            404,
            "You may not have access to this repository or it no longer exists in this workspace. If you think this repository \
             exists and you have access, make sure you are authenticated.",
        )
    })
}

pub(super) fn deploy_keys(shared: &Shared, ask: &Ask, id: &str, slug: &str) -> Result<Reply, Reply> {
    let index = workspace(shared, id)?;
    let keys = keys(shared, repository(shared, index, slug)?);
    paged(ask, keys.len(), |n| keys[n].clone())
}

/// The keys of integrations that went to SSH, and one or two that lie about.
fn keys(shared: &Shared, repository: usize) -> Vec<Value> {
    let world = &shared.world;
    let now = shared.now_ms();
    let ssh =
        world.integrations.iter().filter(|it| it.replacement == Credential::SshKey && it.repositories.contains(&repository));
    let moved = ssh.filter(|it| it.fate.replacement_since().is_some_and(|day| day.start_ms() <= now));
    let mut labels: Vec<(u64, String, bool)> =
        moved.map(|it| (u64::from(it.deployment) + 1_000, it.kind.to_owned(), true)).collect();
    let idle = world.seed.hash(Topic::Permission, repository as u64, 1 << 40) % 3;
    labels.extend((0..idle).map(|n| (100_000 + repository as u64 * 4 + n, format!("deploy-{n}"), n == 1)));
    let item = |(id, label, used): (u64, String, bool)| {
        let last_used = used.then(|| instant(now - i64::try_from(id % 40_000).unwrap_or(0) * 1_000).to_string());
        json!({"type": "deploy_key", "id": id, "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "label": label, "comment": "ci@example.test",
            "added_on": "2024-11-05T09:12:44.000000+00:00", "last_used": last_used,
            "repository": {"type": "repository", "full_name": world.places.full_name(repository)}, "links": {}})
    };
    labels.into_iter().map(item).collect()
}

fn user_json(user: &User, today: Day) -> Value {
    json!({"type": "user", "uuid": user.uuid, "account_id": user.account_id, "nickname": user.nickname_on(today),
        "display_name": user.display_name, "links": {}})
}

fn workspace_json(world: &World, index: usize) -> Value {
    let it = &world.places.workspaces[index];
    json!({"type": "workspace", "slug": it.slug, "uuid": it.uuid, "name": it.name})
}

fn repository_json(world: &World, index: usize) -> Value {
    let it = &world.places.repositories[index];
    let name = world.places.full_name(index);
    json!({
        "type": "repository", "full_name": name, "name": it.slug, "slug": it.slug, "uuid": it.uuid, "description": "",
        "links": {"self": {"href": format!("https://api.bitbucket.org/2.0/repositories/{name}")},
            "clone": [{"name": "https", "href": format!("https://bitbucket.org/{name}.git")},
                {"name": "ssh", "href": format!("git@bitbucket.org:{name}.git")}]},
        "scm": "git", "website": "", "owner": {"display_name": "acme", "type": "team"},
        "workspace": workspace_json(world, it.workspace), "is_private": it.is_private, "language": "",
        "fork_policy": "no_forks", "created_on": "2021-10-13T23:35:11.622182+00:00",
        "updated_on": "2026-01-11T11:28:45.659483+00:00", "size": 284_915, "has_issues": false, "has_wiki": false,
        "mainbranch": (!index.is_multiple_of(41)).then(|| json!({"name": "main", "type": "branch"})),
    })
}

pub(super) fn invalid_page() -> Reply {
    Reply::bitbucket_error(400, "Invalid page or pagelen")
}

/// Bitbucket's envelope around one page of a list.
fn paged(ask: &Ask, total: usize, item: impl Fn(usize) -> Value) -> Result<Reply, Reply> {
    let pagelen = ask.number::<usize>("pagelen").map(|it| it.unwrap_or(DEFAULT_PAGELEN));
    let page = ask.number::<usize>("page").map(|it| it.unwrap_or(1));
    let (Ok(pagelen @ 1..=MAX_PAGELEN), Ok(page @ 1..)) = (pagelen, page) else {
        return Err(invalid_page());
    };
    let start = (page - 1).saturating_mul(pagelen).min(total);
    let end = (start + pagelen).min(total);
    let values: Vec<Value> = (start..end).map(item).collect();
    let mut body = json!({"size": total, "page": page, "pagelen": pagelen, "values": values});
    if end < total {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(ask.query.iter().filter(|(key, _)| key != "page"));
        let query = query.append_pair("page", &(page + 1).to_string()).finish();
        body["next"] = json!(format!("{}{}?{query}", ask.origin, ask.path));
    }
    if let Some(fields) = ask.param("fields") {
        keep_only(&mut body, &fields.split(',').map(|path| path.split('.').collect()).collect::<Vec<Vec<&str>>>());
    }
    Ok(Reply::json(200, &body))
}

/// A partial response: of every object only the fields that a path leads to.
fn keep_only(value: &mut Value, paths: &[Vec<&str>]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| keep_only(item, paths)),
        Value::Object(fields) => {
            fields.retain(|name, _| paths.iter().any(|path| path.first() == Some(&name.as_str())));
            for (name, inner) in fields {
                let below = paths.iter().filter(|path| path[0] == name).map(|path| path[1..].to_vec());
                let below: Vec<Vec<&str>> = below.filter(|path| !path.is_empty()).collect();
                if !below.is_empty() {
                    keep_only(inner, &below);
                }
            }
        }
        _ => {}
    }
}
