//! What has to be asked of every repository by itself: its deploy keys, and the rights on it where they are closed as a
//! whole. A round asks as many repositories as its allowance pays for; the next one goes on behind the last of them.

use jiff::Timestamp;

use super::access::Found;
use crate::{
    evidence::{Batch, CursorUpdate, DeployKey, Missing, RepositoryPermission},
    source::{Access, Answer, FetchError},
    store::{Store, StoreError},
};

/// The cursor of the rotation over the repositories: the slug that was asked last.
pub const ROTATION: &str = "repositories_after";

/// Repositories whose answers are recorded in one transaction, with the cursor behind them.
const RECORDED_AT_ONCE: usize = 25;

/// Who asks, for whom.
pub struct Place<'a> {
    pub api: &'a Access,
    pub store: &'a Store,
    pub source: &'a str,
    pub workspace: &'a str,
}

/// What is asked of each repository. One that would be refused everywhere is asked no more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Questions {
    pub deploy_keys: bool,
    pub rights: bool,
}

impl Questions {
    fn count(self) -> usize {
        usize::from(self.deploy_keys) + usize::from(self.rights)
    }
}

/// What one repository answered; absent is what was not asked or not answered.
struct Answered {
    repository: String,
    deploy_keys: Option<(Vec<DeployKey>, Missing)>,
    rights: Option<(Vec<RepositoryPermission>, Missing)>,
}

/// Asks the repositories that are next in turn. One that fails has had its turn.
pub async fn ask(
    place: &Place<'_>,
    slugs: Vec<String>,
    mut questions: Questions,
    allowance: usize,
    found: &mut Found,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (mut left, mut answered) = (allowance, Vec::new());
    for repository in in_turn(place, slugs).await? {
        if questions.count() == 0 || left < questions.count() {
            break;
        }
        left -= questions.count();
        let mut of_one = Answered { repository, deploy_keys: None, rights: None };
        let asked = ask_one(place.api, &mut of_one, &mut questions, found).await;
        answered.push(of_one);
        match asked {
            // Where the API is ill or our credential is no longer accepted, every other repository would only spend the budget.
            Err(error) if error.is_transient() || error.is_ours() => {
                found.fail(error);
                break;
            }
            Err(error) => found.note(&error),
            Ok(()) => {}
        }
        if answered.len() >= RECORDED_AT_ONCE {
            record(place, std::mem::take(&mut answered), now).await?;
        }
    }
    record(place, answered, now).await
}

/// The repositories, the one behind the last one asked first.
async fn in_turn(place: &Place<'_>, mut slugs: Vec<String>) -> Result<Vec<String>, StoreError> {
    let source = place.source.to_owned();
    let cursors = place.store.read(move |r| r.cursors(&source)).await?;
    let after = cursors.into_iter().find(|(key, _)| key == ROTATION).map(|(_, slug)| slug).unwrap_or_default();
    slugs.sort();
    let split = slugs.partition_point(|slug| *slug <= after);
    slugs.rotate_left(split);
    Ok(slugs)
}

async fn ask_one(api: &Access, of_one: &mut Answered, questions: &mut Questions, found: &mut Found) -> Result<(), FetchError> {
    if questions.deploy_keys {
        let answer = api.deploy_keys(&of_one.repository).await?;
        questions.deploy_keys = may_be_open_elsewhere(&answer);
        of_one.deploy_keys = found.take(answer);
    }
    if questions.rights {
        let answer = api.permissions_on(&of_one.repository).await?;
        questions.rights = may_be_open_elsewhere(&answer);
        of_one.rights = found.take(answer);
    }
    Ok(())
}

fn may_be_open_elsewhere<T>(answer: &Answer<T>) -> bool {
    !matches!(answer, Answer::Limited(limit) if limit.reason.is_everywhere())
}

async fn record(place: &Place<'_>, answered: Vec<Answered>, now: Timestamp) -> Result<(), StoreError> {
    let Some(last) = answered.last() else { return Ok(()) };
    let cursors = vec![CursorUpdate { key: ROTATION.to_owned(), value: Some(last.repository.clone()) }];
    let batch = Batch { source: place.source.to_owned(), cursors, ..Batch::default() };
    let workspace = place.workspace.to_owned();
    place
        .store
        .write(move |w| {
            for Answered { repository, deploy_keys, rights } in &answered {
                if let Some((keys, missing)) = deploy_keys {
                    w.put_deploy_keys(&workspace, repository, keys, *missing, now)?;
                }
                if let Some((rights, missing)) = rights {
                    w.put_permissions_on(&workspace, repository, rights, *missing, now)?;
                }
            }
            w.record(&batch, now)
        })
        .await
}
