//! Who may do what in one Bitbucket workspace: members, permissions, repositories, effective repository permissions and
//! deploy keys. Lists are read whole. What the credential may not see is a [`Limit`] of coverage, never an empty list.

mod glance;

use std::{collections::HashSet, fmt, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use url::Url;

use super::{
    Client, FetchError,
    http::Reply,
    paging::{ListPage, Opening, PageSize, Row, walk},
    text::{count_unknown, filled, written},
};
use crate::evidence::{
    DeployKey, Member, Missing, Permission, Person, Repository, RepositoryPermission, Skipped, UnknownValue, time::parse_instant,
};

pub use glance::Glance;

/// The access lists of one workspace.
#[derive(Clone, Debug)]
pub struct Access {
    client: Client,
    workspace: String,
    size: PageSize,
}

/// What a list request brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    Complete(Listing<T>),
    /// Nothing, and why; everything else that went wrong is a [`FetchError`].
    Limited(Limit),
}

/// A whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    pub items: Vec<T>,
    pub skipped: Vec<Skipped>,
    pub unknown: Vec<UnknownValue>,
    pub missing: Missing,
}

/// A list that our credential cannot see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The endpoint below the API's base, names left as placeholders: `/workspaces/{workspace}/members`.
    pub endpoint: &'static str,
    pub reason: LimitReason,
    /// What to do about it, as a clause.
    pub advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitReason {
    /// 403 that names the scope that is missing.
    Scope,
    /// 403 without a reason: a role is missing, or a scope.
    Forbidden,
    /// 404: it does not exist, or our credential may not even know that it does.
    NotVisible,
    /// 410: Atlassian removed the function.
    Removed,
    /// 410: the workspace is marked as spam, as Bitbucket documents it.
    MarkedAsSpam,
}

impl LimitReason {
    /// Whether the same question about another repository would be answered alike.
    pub fn is_everywhere(self) -> bool {
        !matches!(self, Self::Forbidden | Self::NotVisible)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.reason {
            LimitReason::Scope | LimitReason::Forbidden => "is forbidden to our credential",
            LimitReason::NotVisible => "is not visible to our credential",
            LimitReason::Removed => "was removed by Atlassian",
            LimitReason::MarkedAsSpam => "is gone, perhaps marked as spam",
        };
        write!(f, "{} {what}: {}", self.endpoint, self.advice)
    }
}

/// An endpoint, and the scopes of the two kinds of token that open it.
struct Endpoint {
    /// Below the API's base; what stands in braces is a name.
    path: &'static str,
    /// The fields of a row that are read; the others, most of the bytes, are not asked for.
    fields: &'static str,
    access_token_scope: &'static str,
    api_token_scope: &'static str,
    role: &'static str,
}

const MEMBERS: Endpoint = Endpoint {
    path: "/workspaces/{workspace}/members",
    fields: "values.user.uuid,values.user.account_id,values.user.nickname,values.user.display_name",
    access_token_scope: "account",
    api_token_scope: "read:workspace:bitbucket",
    role: "a member of the workspace",
};
const PERMISSIONS: Endpoint = Endpoint {
    path: "/workspaces/{workspace}/permissions",
    fields: "values.permission,values.last_accessed,values.user.uuid,values.user.account_id,values.user.nickname,values.user.display_name",
    ..MEMBERS
};
const REPOSITORIES: Endpoint = Endpoint {
    path: "/repositories/{workspace}",
    fields: "values.slug,values.full_name,values.uuid,values.is_private",
    access_token_scope: "repository",
    api_token_scope: "read:repository:bitbucket",
    role: "a member of the workspace",
};
const REPOSITORY_PERMISSIONS: Endpoint = Endpoint {
    path: "/workspaces/{workspace}/permissions/repositories",
    fields: "values.permission,values.user.account_id,values.repository.full_name",
    access_token_scope: "account",
    api_token_scope: "read:repository:bitbucket",
    role: "an administrator of the workspace",
};
const PERMISSIONS_ON_REPOSITORY: Endpoint = Endpoint {
    path: "/workspaces/{workspace}/permissions/repositories/{repository}",
    access_token_scope: "repository",
    role: "an administrator of the repository",
    ..REPOSITORY_PERMISSIONS
};
const DEPLOY_KEYS: Endpoint = Endpoint {
    path: "/repositories/{workspace}/{repository}/deploy-keys",
    fields: "values.id,values.label,values.created_on,values.added_on,values.last_used",
    access_token_scope: "repository:admin",
    api_token_scope: "admin:repository:bitbucket",
    role: "an administrator of the repository",
};

impl Access {
    pub fn new(client: Client, workspace: &str) -> Self {
        Self { client, workspace: workspace.to_owned(), size: PageSize::default() }
    }

    /// Everybody in the workspace, permissions unknown: for credentials that [`Access::permissions`] is closed to.
    pub async fn members(&self) -> Result<Answer<Member>, FetchError> {
        self.memberships(&MEMBERS).await
    }

    /// Everybody in the workspace with their role and, where Bitbucket still tells it, their last activity.
    pub async fn permissions(&self) -> Result<Answer<Member>, FetchError> {
        self.memberships(&PERMISSIONS).await
    }

    pub async fn repositories(&self) -> Result<Answer<Repository>, FetchError> {
        self.list(&REPOSITORIES, "", |row: RepositoryRow, _| named(row.repository(&self.workspace))).await
    }

    /// Effective rights of every user on every repository; open to workspace administrators only.
    pub async fn repository_permissions(&self) -> Result<Answer<RepositoryPermission>, FetchError> {
        self.rights(&REPOSITORY_PERMISSIONS, "").await
    }

    /// Effective rights of every user on one repository; open to its administrators. Explicit grants alone
    /// (`permissions-config`) would need a wider scope and leave out what groups and projects give.
    pub async fn permissions_on(&self, repository: &str) -> Result<Answer<RepositoryPermission>, FetchError> {
        self.rights(&PERMISSIONS_ON_REPOSITORY, repository).await
    }

    /// The deploy keys of one repository; the keys themselves are not kept.
    pub async fn deploy_keys(&self, repository: &str) -> Result<Answer<DeployKey>, FetchError> {
        self.list(&DEPLOY_KEYS, repository, |row: DeployKeyRow, _| Row::Item(row.deploy_key(&self.workspace, repository))).await
    }

    async fn memberships(&self, endpoint: &Endpoint) -> Result<Answer<Member>, FetchError> {
        self.list(endpoint, "", |row: Membership, _| named(row.member(&self.workspace))).await
    }

    async fn rights(&self, endpoint: &Endpoint, repository: &str) -> Result<Answer<RepositoryPermission>, FetchError> {
        let mut texts = Texts::default();
        let workspace = texts.shared(&self.workspace);
        self.list(endpoint, repository, |row: PermissionRow, unknown| row.permission(&workspace, &mut texts, unknown)).await
    }

    /// Reads one list whole: of a repository, where the endpoint has a place for one.
    async fn list<R: DeserializeOwned, T>(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        mut item: impl FnMut(R, &mut Vec<UnknownValue>) -> Row<T>,
    ) -> Result<Answer<T>, FetchError> {
        let mut unknown = Vec::new();
        let opening = Opening {
            client: &self.client,
            size: &self.size,
            address: |length: &'static str| self.first_page(endpoint, repository, length),
            refuses_size: FetchError::may_be_of_page_size,
        };
        match walk(opening, |reply, _| self.read(reply), |row| item(row, &mut unknown)).await {
            Ok(list) => {
                let skipped = list.skipped(endpoint.path);
                Ok(Answer::Complete(Listing { items: list.items, skipped, unknown, missing: list.missing }))
            }
            Err(error) => limit(endpoint, &error).map(Answer::Limited).ok_or(error),
        }
    }

    /// The address of a list's first page.
    fn first_page(&self, endpoint: &Endpoint, repository: &str, length: &str) -> Url {
        let segments = endpoint.path.split('/').skip(1).map(|segment| match segment {
            "{workspace}" => &self.workspace,
            "{repository}" => repository,
            fixed => fixed,
        });
        let mut url = self.client.url(segments);
        let fields = format!("next,size,{}", endpoint.fields);
        url.query_pairs_mut().append_pair("pagelen", length).append_pair("fields", &fields);
        url
    }

    fn read(&self, reply: &Reply) -> Result<ListPage, FetchError> {
        let envelope: Envelope = reply.json()?;
        let next = envelope.next.as_deref().filter(|next| !next.is_empty());
        let next = next.map(|next| self.client.follow(next)).transpose()?;
        Ok(ListPage { rows: envelope.values, next, total: envelope.size })
    }
}

/// Names that many rows repeat, each held once.
#[derive(Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

fn named<T>(item: Option<T>) -> Row<T> {
    item.map_or(Row::Nameless, Row::Item)
}

fn limit(endpoint: &Endpoint, error: &FetchError) -> Option<Limit> {
    let (reason, advice) = match error {
        FetchError::Forbidden { required, .. } if !required.is_empty() => {
            (LimitReason::Scope, format!("grant the scope {}", required.join(", ")))
        }
        FetchError::Forbidden { .. } => (LimitReason::Forbidden, grant(endpoint)),
        FetchError::NotFound { .. } => (LimitReason::NotVisible, format!("check the name, or {}", grant(endpoint))),
        FetchError::Gone { change: Some(change), .. } => {
            (LimitReason::Removed, format!("a newer duskwatch is needed ({change})"))
        }
        FetchError::Gone { .. } => (LimitReason::MarkedAsSpam, "ask Atlassian to unlock the workspace".to_owned()),
        _ => return None,
    };
    Some(Limit { endpoint: endpoint.path, reason, advice })
}

fn grant(endpoint: &Endpoint) -> String {
    let Endpoint { access_token_scope, api_token_scope, role, .. } = endpoint;
    format!("grant the scope {access_token_scope} (access token) or {api_token_scope} (API token), and be {role}")
}

#[derive(Deserialize)]
struct Envelope {
    values: Vec<Box<RawValue>>,
    next: Option<String>,
    size: Option<u64>,
}

#[derive(Deserialize)]
struct User {
    uuid: Option<String>,
    account_id: Option<String>,
    nickname: Option<String>,
    display_name: Option<String>,
}

impl User {
    /// None for a user without any key.
    fn person(self) -> Option<Person> {
        let person = Person {
            account_id: filled(self.account_id),
            uuid: filled(self.uuid),
            nickname: filled(self.nickname),
            display_name: written(self.display_name),
            email: None,
        };
        (person.account_id.is_some() || person.uuid.is_some() || person.nickname.is_some()).then_some(person)
    }
}

#[derive(Deserialize)]
struct Membership {
    user: User,
    permission: Option<String>,
    last_accessed: Option<String>,
}

impl Membership {
    fn member(self, workspace: &str) -> Option<Member> {
        Some(Member {
            workspace: workspace.to_owned(),
            person: self.user.person()?,
            permission: filled(self.permission),
            last_accessed: self.last_accessed.and_then(|t| parse_instant(&t)),
        })
    }
}

#[derive(Deserialize)]
struct RepositoryRow {
    slug: Option<String>,
    full_name: Option<String>,
    uuid: Option<String>,
    is_private: Option<bool>,
}

impl RepositoryRow {
    fn repository(self, workspace: &str) -> Option<Repository> {
        Some(Repository {
            workspace: workspace.to_owned(),
            slug: filled(self.slug).map(|slug| slug.to_lowercase()).or_else(|| slug_of(self.full_name.as_deref()?))?,
            uuid: filled(self.uuid),
            is_private: self.is_private.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
struct PermissionRow {
    permission: String,
    user: User,
    repository: NamedRepository,
}

#[derive(Deserialize)]
struct NamedRepository {
    full_name: String,
}

impl PermissionRow {
    fn permission(self, workspace: &Arc<str>, texts: &mut Texts, unknown: &mut Vec<UnknownValue>) -> Row<RepositoryPermission> {
        let (Some(repository), Some(account_id)) = (slug_of(&self.repository.full_name), filled(self.user.account_id)) else {
            return Row::Nameless;
        };
        let Some(permission) = Permission::parse(&self.permission) else {
            count_unknown(unknown, "permission", &self.permission);
            return Row::Unread;
        };
        Row::Item(RepositoryPermission {
            workspace: Arc::clone(workspace),
            repository: texts.shared(&repository),
            account_id: texts.shared(&account_id),
            permission,
        })
    }
}

#[derive(Deserialize)]
struct DeployKeyRow {
    id: i64,
    label: Option<String>,
    created_on: Option<String>,
    added_on: Option<String>,
    last_used: Option<String>,
}

impl DeployKeyRow {
    fn deploy_key(self, workspace: &str, repository: &str) -> DeployKey {
        let instant = |text: Option<String>| text.and_then(|t| parse_instant(&t));
        DeployKey {
            workspace: workspace.to_owned(),
            repository: repository.to_owned(),
            key_id: self.id,
            label: written(self.label).unwrap_or_default(),
            created_at: instant(self.created_on.or(self.added_on)),
            last_used: instant(self.last_used),
        }
    }
}

/// The last part of `workspace/repository`; none where the whole holds a secret, of which a part would not look like one.
fn slug_of(full_name: &str) -> Option<String> {
    let whole = filled(Some(full_name.to_owned()))?;
    filled(whole.rsplit('/').next().map(str::to_lowercase))
}
