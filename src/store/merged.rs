//! One roster from the lists of several instances: what stands in more than one of them is there once.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use crate::evidence::{
    ApiToken, DeployKey, GoneToken, Listed, Member, RegisteredCredential, Repository, RepositoryPermission, Roster,
};

/// Joins what is told of the same, in the order in which it is met first.
fn joined<T, K: Eq + Hash>(items: Vec<T>, key: impl Fn(&T) -> K, join: impl Fn(&mut T, T)) -> Vec<T> {
    let mut places = HashMap::new();
    let mut joined: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        let place = *places.entry(key(&item)).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(known) => join(known, item),
            None => joined.push(item),
        }
    }
    joined
}

/// Of two words about the same the greater, so that it does not matter who told which; one that is told beats none.
fn keep<T: Ord>(known: &mut T, other: T) {
    if other > *known {
        *known = other;
    }
}

pub(super) fn merged(roster: Roster) -> Roster {
    let tokens = tokens(roster.tokens);
    let present: HashSet<_> = tokens.iter().map(token_key).collect();
    let gone = roster.gone_tokens.into_iter().filter(|gone| !present.contains(&token_key(&gone.token))).collect();
    Roster {
        members: members(roster.members),
        listed: listed(roster.listed),
        listed_later: listed(roster.listed_later),
        repositories: repositories(roster.repositories),
        permissions: rights(roster.permissions),
        deploy_keys: deploy_keys(roster.deploy_keys),
        gone_tokens: joined(
            gone,
            |gone: &GoneToken| token_key(&gone.token),
            |known, other| {
                if other.gone_at > known.gone_at {
                    *known = other;
                }
            },
        ),
        tokens,
        registered: registered(roster.registered),
        directory: joined(roster.directory, |entry| (entry.person.clone(), entry.team.clone()), |_, _| {}),
        people: roster.people,
    }
}

fn listed(rows: Vec<Listed>) -> Vec<Listed> {
    joined(rows, |row| (row.workspace.clone(), row.person.clone(), row.from, row.until), |_, _| {})
}

fn members(members: Vec<Member>) -> Vec<Member> {
    joined(
        members,
        |member| (member.workspace.clone(), member.person.clone()),
        |known, other| {
            keep(&mut known.permission, other.permission);
            keep(&mut known.last_accessed, other.last_accessed);
        },
    )
}

fn repositories(repositories: Vec<Repository>) -> Vec<Repository> {
    joined(
        repositories,
        |repository| (repository.workspace.clone(), repository.slug.clone()),
        |known, other| {
            keep(&mut known.uuid, other.uuid);
            keep(&mut known.is_private, other.is_private);
        },
    )
}

fn rights(rights: Vec<RepositoryPermission>) -> Vec<RepositoryPermission> {
    joined(
        rights,
        |right| (right.workspace.clone(), right.repository.clone(), right.account_id.clone()),
        |known, other| keep(&mut known.permission, other.permission),
    )
}

fn deploy_keys(keys: Vec<DeployKey>) -> Vec<DeployKey> {
    joined(
        keys,
        |key| (key.workspace.clone(), key.repository.clone(), key.key_id),
        |known, other| {
            keep(&mut known.label, other.label);
            keep(&mut known.created_at, other.created_at);
            keep(&mut known.last_used, other.last_used);
        },
    )
}

fn token_key(token: &ApiToken) -> (String, String) {
    (token.organization.clone(), token.token_id.clone())
}

/// The token as it is told by whoever has seen it used last.
fn tokens(tokens: Vec<ApiToken>) -> Vec<ApiToken> {
    joined(tokens, token_key, |known, other| {
        let newest = |token: &ApiToken| (token.last_active_at, token.status.clone(), token.label.clone());
        if newest(&other) > newest(known) {
            *known = other;
        }
    })
}

fn registered(credentials: Vec<RegisteredCredential>) -> Vec<RegisteredCredential> {
    joined(
        credentials,
        |row| (row.kind, row.label.clone(), row.location.clone()),
        |known, other| {
            keep(&mut known.owner, other.owner);
            keep(&mut known.expires_at, other.expires_at);
        },
    )
}
