//! A round over one workspace's access lists: members, permissions, repositories, rights, and a share of what has to be
//! asked of each repository by itself. A list that cannot be read takes no other with it: what was read is recorded, and
//! coverage says what was not.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::{rotation, tokens::snapshot};
use crate::{
    daemon::engine::{RoundError, Tally, looked_until},
    evidence::{Batch, CoverageState, Member, Missing, Repository, RepositoryPermission, SourceKind},
    source::{Access, Answer, Client, FetchError, Listing, Usage},
    store::{Store, StoreError},
};

/// Lists that may fail before the rest is left to the next round: each has been retried, so the API itself is ill.
const MAX_FAILED_LISTS: usize = 2;

/// Reasons that coverage quotes: the first ones say what is wrong.
const MAX_REASONS: usize = 5;

/// The part of the hour's requests, one in so many, that a round spends on asking repositories one by one: at 1,000 an
/// hour 200, so that twelve workspaces behind one token are through within half of six hours.
const ROTATION_PART: u32 = 5;

pub struct AccessRound {
    name: String,
    workspace: String,
    client: Client,
    api: Access,
    /// Requests that a round spends on single repositories.
    allowance: usize,
    /// What it signs in with, as the configuration names it.
    secret: String,
}

/// What a round has found out so far.
#[derive(Default)]
pub(super) struct Found {
    /// Skipped and unknown values.
    pub batch: Batch,
    reasons: Vec<String>,
    /// Our credential may not see some of it.
    limited: bool,
    /// Why lists failed that our credential may see.
    failed: Vec<FetchError>,
    items: u64,
}

impl Found {
    /// Takes an answer's rows, and notes what it left out; none where our credential may not see them.
    pub fn take<T>(&mut self, answer: Answer<T>) -> Option<(Vec<T>, Missing)> {
        let Listing { items, skipped, unknown, missing } = match answer {
            Answer::Complete(listing) => listing,
            Answer::Limited(limit) => {
                self.note(&limit);
                self.limited = true;
                return None;
            }
        };
        if missing == Missing::Unread
            && let Some(rows) = skipped.first()
        {
            self.note(&format!("{} could not be read; what is missing from that list may still be there", rows.sample));
        }
        self.items += items.len() as u64;
        self.batch.skipped.extend(skipped);
        self.batch.unknown.extend(unknown);
        Some((items, missing))
    }

    /// As [`Found::take`], and notes why a list failed. Breaks when asking for another one is no use.
    fn take_or_fail<T>(&mut self, answer: Result<Answer<T>, FetchError>) -> ControlFlow<(), Option<(Vec<T>, Missing)>> {
        match answer {
            Ok(answer) => ControlFlow::Continue(self.take(answer)),
            Err(error) => {
                let hopeless = error.is_ours() || self.failed.len() + 1 >= MAX_FAILED_LISTS;
                self.fail(error);
                if hopeless { ControlFlow::Break(()) } else { ControlFlow::Continue(None) }
            }
        }
    }

    /// Something failed that our credential may see, and that another try may find well.
    pub fn fail(&mut self, error: FetchError) {
        self.note(&error);
        self.failed.push(error);
    }

    /// Adds a reason for what was not seen, once.
    pub fn note(&mut self, reason: &impl ToString) {
        let reason = reason.to_string();
        if self.reasons.len() < MAX_REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// The lists of a whole workspace. One that could not be read is absent.
#[derive(Default)]
struct Lists {
    members: Option<(Vec<Member>, Missing)>,
    repositories: Option<(Vec<Repository>, Missing)>,
    permissions: Option<(Vec<RepositoryPermission>, Missing)>,
    /// The rights are closed to us as a whole, and may be open on single repositories.
    rights_by_repository: bool,
}

impl AccessRound {
    /// `requests_per_hour` is the vendor's limit for the credential, which the configuration calls `secret`.
    pub fn new(client: Client, workspace: &str, requests_per_hour: u32, secret: String) -> Self {
        let api = Access::new(client.clone(), workspace);
        let allowance = usize::try_from(requests_per_hour / ROTATION_PART).unwrap_or(usize::MAX).max(1);
        Self { name: SourceKind::Access.source(workspace), workspace: workspace.to_owned(), client, api, allowance, secret }
    }

    pub fn usage(&self) -> Usage {
        self.client.take_usage()
    }

    /// The lists are recorded before repositories are asked one by one, which takes as long as the budget wants.
    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<Tally, RoundError> {
        let (mut lists, mut found) = (Lists::default(), Found::default());
        let going_on = self.read(&mut lists, &mut found).await.is_continue();
        if let Some(error) = found.failed.first().filter(|_| found.items == 0) {
            return Err(error.clone().into());
        }
        let repositories = lists.repositories.iter().flat_map(|(repositories, _)| repositories);
        let slugs: Vec<String> = repositories.map(|repository| repository.slug.clone()).collect();
        let questions = rotation::Questions { deploy_keys: true, rights: lists.rights_by_repository };
        self.put(store, lists, now).await?;
        if going_on {
            let place = rotation::Place { api: &self.api, store, source: &self.name, workspace: &self.workspace };
            rotation::ask(&place, slugs, questions, self.allowance, &mut found, now).await?;
        }
        let (failed, nothing) = (!found.failed.is_empty(), found.items == 0 && !found.reasons.is_empty());
        let tally = self.record(store, found, now).await?;
        match (failed, nothing) {
            (true, _) => Err(RoundError::InPart(tally.left_out)),
            (false, true) => Err(RoundError::NotPermitted(tally.left_out)),
            (false, false) => Ok(tally),
        }
    }

    /// The members are asked for only where the permissions, which name them too, cannot be read.
    async fn read(&self, lists: &mut Lists, found: &mut Found) -> ControlFlow<()> {
        lists.members = found.take_or_fail(self.api.permissions().await)?;
        if lists.members.is_none() {
            let failed = !found.failed.is_empty();
            lists.members = found.take_or_fail(self.api.members().await)?;
            // Whom only the permissions name is still there when they could not be read.
            if let Some((_, missing)) = lists.members.as_mut().filter(|_| failed) {
                *missing = Missing::Unread;
            }
        }
        lists.repositories = found.take_or_fail(self.api.repositories().await)?;
        let rights = self.api.repository_permissions().await;
        lists.rights_by_repository = lists.repositories.is_some() && matches!(rights, Ok(Answer::Limited(_)));
        lists.permissions = found.take_or_fail(rights)?;
        if lists.rights_by_repository {
            found.note(&"until then the rights are read one repository after the other, where it is an administrator");
        }
        ControlFlow::Continue(())
    }

    async fn put(&self, store: &Store, lists: Lists, now: Timestamp) -> Result<(), StoreError> {
        let workspace = self.workspace.clone();
        store
            .write(move |w| {
                if let Some((members, missing)) = &lists.members {
                    w.put_members(&workspace, members, *missing, now)?;
                }
                if let Some((repositories, missing)) = &lists.repositories {
                    w.put_repositories(&workspace, repositories, *missing, now)?;
                }
                if let Some((permissions, missing)) = &lists.permissions {
                    w.put_permissions(&workspace, permissions, *missing, now)?;
                }
                Ok(())
            })
            .await
    }

    async fn record(&self, store: &Store, found: Found, now: Timestamp) -> Result<Tally, StoreError> {
        let since = looked_until(store, &self.name).await?;
        let Found { mut batch, mut reasons, limited, failed, items } = found;
        if limited || failed.iter().any(FetchError::is_ours) {
            reasons.push(format!("the secret is {}", self.secret));
        }
        batch.source.clone_from(&self.name);
        let skipped = batch.skipped.iter().map(|s| s.count).sum();
        let left_out = reasons.join("; ");
        let mut interval = snapshot(now, since, items, skipped);
        if !reasons.is_empty() {
            interval.state = if items == 0 { CoverageState::NotPermitted } else { CoverageState::Partial };
            interval.reason.clone_from(&left_out);
        }
        batch.coverage.push(interval);
        store.write(move |w| w.record(&batch, now)).await?;
        Ok(Tally { items, skipped, left_out, ..Tally::default() })
    }
}

#[cfg(test)]
mod tests;
