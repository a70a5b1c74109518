//! A round over one workspace's access lists: members, permissions, repositories, rights, and a share of the deploy keys.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::tokens::snapshot;
use crate::{
    daemon::engine::{RoundError, Tally, looked_until},
    evidence::{Batch, CoverageState, CursorUpdate, DeployKey, Member, Person, Repository, RepositoryPermission},
    source::{Access, Answer, Client, Limit, Usage},
    store::{Store, StoreError},
};

/// Repositories whose deploy keys one round asks for: each is a request, and the budget of an hour is 1,000.
const DEPLOY_KEY_REQUESTS: usize = 100;

/// The cursor of the rotation over the repositories: the slug that was asked last.
const ROTATION: &str = "deploy_keys_after";

pub struct AccessRound {
    name: String,
    workspace: String,
    client: Client,
    api: Access,
}

/// What one round brought. A list that our credential may not see is absent, and its limit says why.
#[derive(Default)]
struct Lists {
    members: Option<Vec<Member>>,
    repositories: Option<Vec<Repository>>,
    permissions: Option<Vec<RepositoryPermission>>,
    deploy_keys: Vec<(String, Vec<DeployKey>)>,
    batch: Batch,
    limits: Vec<Limit>,
    items: u64,
}

impl Lists {
    /// Takes an answer's rows, and notes what it left out.
    fn take<T>(&mut self, answer: Answer<T>) -> Option<Vec<T>> {
        match answer {
            Answer::Complete(listing) => {
                self.items += listing.items.len() as u64;
                self.batch.skipped.extend(listing.skipped);
                self.batch.unknown.extend(listing.unknown);
                Some(listing.items)
            }
            Answer::Limited(limit) => {
                self.limits.push(limit);
                None
            }
        }
    }
}

impl AccessRound {
    pub fn new(client: Client, workspace: &str) -> Self {
        let api = Access::new(client.clone(), workspace);
        Self { name: format!("access/{workspace}"), workspace: workspace.to_owned(), client, api }
    }

    pub fn usage(&self) -> Usage {
        self.client.take_usage()
    }

    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<Tally, RoundError> {
        let mut lists = Lists::default();
        let permissions = lists.take(self.api.permissions().await?);
        let members = lists.take(self.api.members().await?);
        lists.members = joined(members, permissions);
        let repositories = self.api.repositories().await?;
        lists.repositories = lists.take(repositories);
        let rights = self.api.repository_permissions().await?;
        lists.permissions = lists.take(rights);
        self.deploy_keys(store, &mut lists).await?;
        Ok(self.record(store, lists, now).await?)
    }

    /// Asks for the deploy keys of the repositories that are next in turn.
    async fn deploy_keys(&self, store: &Store, lists: &mut Lists) -> Result<(), RoundError> {
        let name = self.name.clone();
        let cursors = store.read(move |r| r.cursors(&name)).await?;
        let after = cursors.into_iter().find(|(key, _)| key == ROTATION).map(|(_, slug)| slug).unwrap_or_default();
        let mut slugs: Vec<String> = lists.repositories.iter().flatten().map(|r| r.slug.clone()).collect();
        slugs.sort();
        let split = slugs.partition_point(|slug| *slug <= after);
        slugs.rotate_left(split);
        for slug in slugs.into_iter().take(DEPLOY_KEY_REQUESTS) {
            let answer = self.api.deploy_keys(&slug).await?;
            let refused = matches!(answer, Answer::Limited(_));
            if let Some(keys) = lists.take(answer) {
                lists.deploy_keys.push((slug.clone(), keys));
            }
            lists.batch.cursors = vec![CursorUpdate { key: ROTATION.to_owned(), value: Some(slug) }];
            if refused {
                // The credential lacks the right; asking for every other repository would only spend the budget.
                break;
            }
        }
        Ok(())
    }

    async fn record(&self, store: &Store, lists: Lists, now: Timestamp) -> Result<Tally, StoreError> {
        let since = looked_until(store, &self.name).await?;
        let Lists { members, repositories, permissions, deploy_keys, mut batch, limits, items } = lists;
        batch.source.clone_from(&self.name);
        let skipped = batch.skipped.iter().map(|s| s.count).sum();
        let note = limits.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let mut interval = snapshot(now, since, items, skipped);
        if !limits.is_empty() {
            interval.state = if items == 0 { CoverageState::NotPermitted } else { CoverageState::Partial };
            interval.reason.clone_from(&note);
        }
        batch.coverage.push(interval);
        let workspace = self.workspace.clone();
        store
            .write(move |w| {
                if let Some(members) = &members {
                    w.put_members(&workspace, members, now)?;
                }
                if let Some(repositories) = &repositories {
                    w.put_repositories(&workspace, repositories, now)?;
                }
                if let Some(permissions) = &permissions {
                    w.put_permissions(&workspace, permissions, now)?;
                }
                for (repository, keys) in &deploy_keys {
                    w.put_deploy_keys(&workspace, repository, keys, now)?;
                }
                w.record(&batch, now)
            })
            .await?;
        Ok(Tally { items, skipped, note })
    }
}

/// The members, with permission and last access where the permissions list has them. Either list alone is enough.
fn joined(members: Option<Vec<Member>>, permissions: Option<Vec<Member>>) -> Option<Vec<Member>> {
    match (members, permissions) {
        (Some(members), Some(permissions)) => {
            let mut all: BTreeMap<Person, Member> = members.into_iter().map(|m| (m.person.clone(), m)).collect();
            all.extend(permissions.into_iter().map(|m| (m.person.clone(), m)));
            Some(all.into_values().collect())
        }
        (members, permissions) => permissions.or(members),
    }
}
