//! One row of each list: what a credential opens, for a few requests.

use super::{
    Access, DEPLOY_KEYS, Endpoint, FetchError, Limit, MEMBERS, PERMISSIONS, REPOSITORIES, REPOSITORY_PERMISSIONS, RepositoryRow,
    limit,
};
use crate::evidence::Repository;

/// A list that was asked for one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    pub endpoint: &'static str,
    /// The scopes that open it, of an access token and of an API token.
    pub access_token_scope: &'static str,
    pub api_token_scope: &'static str,
    /// Why it stays closed to us.
    pub limit: Option<Limit>,
}

impl Access {
    /// Asks for one row of each list of the workspace: of the members by the second way only where the first is closed, of
    /// the deploy keys by the first repository that is seen.
    pub async fn glance(&self) -> Result<Vec<Glance>, FetchError> {
        let (permissions, _) = self.first_row(&PERMISSIONS, "").await?;
        let mut seen = vec![permissions];
        if seen[0].limit.is_some() {
            seen.push(self.first_row(&MEMBERS, "").await?.0);
        }
        let (repositories, first) = self.first_row(&REPOSITORIES, "").await?;
        seen.push(repositories);
        seen.push(self.first_row(&REPOSITORY_PERMISSIONS, "").await?.0);
        if let Some(repository) = first {
            seen.push(self.first_row(&DEPLOY_KEYS, &repository.slug).await?.0);
        }
        Ok(seen)
    }

    /// One row of a list, which is read only as far as it is a repository.
    async fn first_row(&self, endpoint: &Endpoint, repository: &str) -> Result<(Glance, Option<Repository>), FetchError> {
        let url = self.first_page(endpoint, repository, "1");
        let (limit, row) = match self.client.get(&url, |reply| self.read(&reply)).await {
            Ok(page) => (None, page.rows.into_iter().next()),
            Err(error) => (Some(limit(endpoint, &error).ok_or(error)?), None),
        };
        let first = row.and_then(|row| serde_json::from_str::<RepositoryRow>(row.get()).ok()?.repository(&self.workspace));
        let Endpoint { path, access_token_scope, api_token_scope, .. } = *endpoint;
        Ok((Glance { endpoint: path, access_token_scope, api_token_scope, limit }, first))
    }
}
