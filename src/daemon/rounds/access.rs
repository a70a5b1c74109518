//! A round over one workspace's access lists: members, permissions, repositories, rights, and a share of the deploy keys.
//! A list that cannot be read takes no other with it: what was read is recorded, and coverage says what was not.

use std::{collections::BTreeMap, ops::ControlFlow};

use jiff::Timestamp;

use super::tokens::snapshot;
use crate::{
    daemon::engine::{RoundError, Tally, looked_until},
    evidence::{Batch, CoverageState, CursorUpdate, DeployKey, Member, Person, Repository, RepositoryPermission},
    source::{Access, Answer, Client, FetchError, Usage},
    store::{Store, StoreError},
};

/// Repositories whose deploy keys one round asks for: each is a request, and the budget of an hour is 1,000.
const DEPLOY_KEY_REQUESTS: usize = 100;

/// Lists that may fail before the rest is left to the next round: each has been retried, so the API itself is ill.
const MAX_FAILED_LISTS: usize = 2;

/// Reasons that coverage quotes: the first ones say what is wrong, and a hundred repositories would say it again.
const MAX_REASONS: usize = 5;

/// The cursor of the rotation over the repositories: the slug that was asked last.
const ROTATION: &str = "deploy_keys_after";

pub struct AccessRound {
    name: String,
    workspace: String,
    client: Client,
    api: Access,
}

/// What one round brought. A list that could not be read is absent, and a reason says why.
#[derive(Default)]
struct Lists {
    members: Option<Vec<Member>>,
    repositories: Option<Vec<Repository>>,
    permissions: Option<Vec<RepositoryPermission>>,
    deploy_keys: Vec<(String, Vec<DeployKey>)>,
    batch: Batch,
    reasons: Vec<String>,
    /// Why lists failed that our credential may see.
    failed: Vec<FetchError>,
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
                self.note(&limit);
                None
            }
        }
    }

    /// As [`Lists::take`], and notes why a list failed. Breaks when asking for another one is no use.
    fn take_or_fail<T>(&mut self, answer: Result<Answer<T>, FetchError>) -> ControlFlow<(), Option<Vec<T>>> {
        match answer {
            Ok(answer) => ControlFlow::Continue(self.take(answer)),
            Err(error) => {
                let hopeless = error.is_ours() || self.failed.len() + 1 >= MAX_FAILED_LISTS;
                self.note(&error);
                self.failed.push(error);
                if hopeless { ControlFlow::Break(()) } else { ControlFlow::Continue(None) }
            }
        }
    }

    fn note(&mut self, reason: &impl ToString) {
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(reason.to_string());
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
        if self.lists(&mut lists).await.is_continue() {
            self.deploy_keys(store, &mut lists).await?;
        }
        let failed = lists.failed.first().cloned();
        match failed {
            Some(error) if lists.items == 0 => Err(error.into()),
            None => Ok(self.record(store, lists, now).await?),
            Some(_) => Err(RoundError::InPart(self.record(store, lists, now).await?.note)),
        }
    }

    async fn lists(&self, lists: &mut Lists) -> ControlFlow<()> {
        lists.members = lists.take_or_fail(self.api.permissions().await)?;
        let members = lists.take_or_fail(self.api.members().await)?;
        lists.members = joined(members, lists.members.take());
        lists.repositories = lists.take_or_fail(self.api.repositories().await)?;
        lists.permissions = lists.take_or_fail(self.api.repository_permissions().await)?;
        ControlFlow::Continue(())
    }

    /// Asks for the deploy keys of the repositories that are next in turn. One that fails has had its turn.
    async fn deploy_keys(&self, store: &Store, lists: &mut Lists) -> Result<(), RoundError> {
        let name = self.name.clone();
        let cursors = store.read(move |r| r.cursors(&name)).await?;
        let after = cursors.into_iter().find(|(key, _)| key == ROTATION).map(|(_, slug)| slug).unwrap_or_default();
        let mut slugs: Vec<String> = lists.repositories.iter().flatten().map(|r| r.slug.clone()).collect();
        slugs.sort();
        let split = slugs.partition_point(|slug| *slug <= after);
        slugs.rotate_left(split);
        for slug in slugs.into_iter().take(DEPLOY_KEY_REQUESTS) {
            // Where the credential lacks the right, or the API is ill, every other repository would only spend the budget.
            let stop = match self.api.deploy_keys(&slug).await {
                Ok(answer) => match lists.take(answer) {
                    Some(keys) => {
                        lists.deploy_keys.push((slug.clone(), keys));
                        false
                    }
                    None => true,
                },
                Err(error) => {
                    lists.note(&error);
                    error.is_transient() || error.is_ours()
                }
            };
            lists.batch.cursors = vec![CursorUpdate { key: ROTATION.to_owned(), value: Some(slug) }];
            if stop {
                break;
            }
        }
        Ok(())
    }

    async fn record(&self, store: &Store, lists: Lists, now: Timestamp) -> Result<Tally, StoreError> {
        let since = looked_until(store, &self.name).await?;
        let Lists { members, repositories, permissions, deploy_keys, mut batch, reasons, items, .. } = lists;
        batch.source.clone_from(&self.name);
        let skipped = batch.skipped.iter().map(|s| s.count).sum();
        let note = reasons.join("; ");
        let mut interval = snapshot(now, since, items, skipped);
        if !reasons.is_empty() {
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
        Ok(Tally { items, skipped, note, ..Tally::default() })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::server::{Server, answer, client, json};

    const MEMBERS: &str = r#"{"values": [{"user": {"account_id": "712020:a"}, "permission": "owner"}]}"#;
    const REPOSITORIES: &str = r#"{"values": [{"slug": "a"}, {"slug": "b"}, {"slug": "c"}]}"#;

    fn script(target: &str) -> Vec<u8> {
        match target.split('?').next().unwrap_or_default() {
            "/workspaces/acme/members" | "/workspaces/acme/permissions" => json(MEMBERS),
            "/repositories/acme" => json(REPOSITORIES),
            _ => json(r#"{"values": []}"#),
        }
    }

    async fn round(server: &Server, store: &Store) -> Result<Tally, RoundError> {
        AccessRound::new(client(&server.base), "acme").run(store, "2026-07-03T07:00:00Z".parse().expect("an instant")).await
    }

    async fn recorded(store: &Store) -> (usize, usize, Vec<(String, String)>) {
        let roster = store.read(crate::store::Reader::roster).await.expect("a roster");
        let cursors = store.read(|r| r.cursors("access/acme")).await.expect("cursors");
        (roster.members.len(), roster.repositories.len(), cursors)
    }

    fn after(slug: &str) -> Vec<(String, String)> {
        vec![(ROTATION.to_owned(), slug.to_owned())]
    }

    #[tokio::test]
    async fn a_repository_that_fails_has_had_its_turn_and_the_lists_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        for (file, status, reached) in [("refused.db", "400 Bad Request", "c"), ("ill.db", "503 Service Unavailable", "b")] {
            let server = Server::start(
                move |target, _| {
                    if target.contains("/b/deploy-keys") { answer(status, "", "") } else { script(target) }
                },
            )
            .await;
            let store = Store::open(&directory.path().join(file)).expect("a store");
            let tally = round(&server, &store).await.expect("the lists were read");
            assert!(tally.note.contains("/b/deploy-keys"), "{}", tally.note);
            assert_eq!(recorded(&store).await, (1, 3, after(reached)), "{status}");
        }
    }

    #[tokio::test]
    async fn a_list_that_fails_takes_no_other_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("duskwatch.db")).expect("a store");
        let server = Server::start(|target, _| {
            if target.starts_with("/workspaces/acme/permissions?") { answer("500 Oops", "", "") } else { script(target) }
        })
        .await;
        let failed = round(&server, &store).await;
        assert!(matches!(&failed, Err(RoundError::InPart(why)) if why.contains("500")), "{failed:?}");
        assert_eq!(recorded(&store).await, (1, 3, after("c")));
    }

    #[tokio::test]
    async fn an_api_that_answers_nothing_fails_the_round_and_records_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("duskwatch.db")).expect("a store");
        let server = Server::start(|_, _| answer("503 Service Unavailable", "", "")).await;
        let failed = round(&server, &store).await;
        assert!(matches!(failed, Err(RoundError::Fetch(FetchError::Unavailable { .. }))), "{failed:?}");
        assert_eq!((server.requests().len(), recorded(&store).await), (2, (0, 0, Vec::new())));
    }
}
