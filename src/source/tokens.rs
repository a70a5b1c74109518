//! The organisation's inventory of API tokens. It lists live tokens of managed accounts, never app passwords, and never a
//! token's value. Unknown query parameters are answered with status 500, so only `pageSize` and `cursor` are ever sent.

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::{
    Client, FetchError, Outage,
    http::Reply,
    paging::{ListPage, Opening, PageSize, Row, walk},
    text::{filled, written},
};
use crate::evidence::{ApiToken, Missing, Person, Skipped, time::parse_instant};

/// The token inventory of one organisation.
#[derive(Clone, Debug)]
pub struct Tokens {
    client: Client,
    organization: String,
    url: Url,
    size: PageSize,
}

/// The whole inventory.
#[derive(Clone, Debug)]
pub struct TokenList {
    pub tokens: Vec<ApiToken>,
    pub skipped: Vec<Skipped>,
    pub missing: Missing,
}

impl Tokens {
    /// `organization` is the name of the configuration, `id` Atlassian's.
    pub fn new(client: Client, organization: &str, id: &str) -> Self {
        let url = client.url(["admin", "api-access", "v1", "orgs", id, "api-tokens"]);
        Self { client, organization: organization.to_owned(), url, size: PageSize::default() }
    }

    /// Reads the whole list.
    pub async fn list(&self) -> Result<TokenList, FetchError> {
        let token = |row: TokenRow| row.token(&self.organization).map_or(Row::Nameless, Row::Item);
        let opening = self.opening(|size| self.page_url(size, None));
        let list = walk(opening, |reply, size| self.read(reply, size), token).await?;
        Ok(TokenList { skipped: list.skipped("api-tokens"), tokens: list.items, missing: list.missing })
    }

    /// Asks for one token: whether the inventory answers us at all.
    pub async fn glance(&self) -> Result<(), FetchError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("pageSize", "1");
        self.client.get(&url, |reply| self.read(&reply, "1")).await.map(drop)
    }

    /// The live tokens of the account with this e-mail address, as far as one page shows them.
    pub async fn of_account(&self, email: &str) -> Result<Vec<ApiToken>, FetchError> {
        let opening = self.opening(|size| {
            let mut url = self.page_url(size, None);
            url.query_pairs_mut().append_pair("q", email);
            url
        });
        let (_, _, page) = opening.page(|reply, size| self.read(reply, size)).await?;
        let tokens =
            page.rows.iter().filter_map(|row| serde_json::from_str::<TokenRow>(row.get()).ok()?.token(&self.organization));
        // The search is a loose one.
        Ok(tokens.filter(|token| token.person.email.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(email))).collect())
    }

    fn opening<F: Fn(&'static str) -> Url>(&self, address: F) -> Opening<'_, F, impl Fn(&FetchError) -> bool> {
        Opening { client: &self.client, size: &self.size, address, refuses_size }
    }

    fn page_url(&self, size: &str, cursor: Option<&str>) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("pageSize", size).extend_pairs(cursor.map(|c| ("cursor", c)));
        url
    }

    /// `links.next` is a whole address or a bare cursor; both occur.
    fn read(&self, reply: &Reply, size: &str) -> Result<ListPage, FetchError> {
        let envelope: Envelope = reply.json()?;
        let next = match envelope.links.and_then(|links| links.next).as_deref() {
            None | Some("") => None,
            Some(next) if next.starts_with('/') || next.contains("://") => Some(self.client.follow(next)?),
            Some(cursor) => Some(self.page_url(size, Some(cursor))),
        };
        Ok(ListPage { rows: envelope.data, next, total: None })
    }
}

/// The inventory answers a parameter that it does not take with status 500.
fn refuses_size(error: &FetchError) -> bool {
    error.may_be_of_page_size() || matches!(error, FetchError::Unavailable { cause: Outage::Status(500), .. })
}

#[derive(Deserialize)]
struct Envelope {
    data: Vec<Box<RawValue>>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRow {
    id: String,
    label: Option<String>,
    status: Option<String>,
    created_at: Option<String>,
    expires_at: Option<String>,
    last_active_at: Option<String>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

impl TokenRow {
    /// None for a token without an id that may be kept.
    fn token(self, organization: &str) -> Option<ApiToken> {
        let instant = |text: Option<String>| text.and_then(|t| parse_instant(&t));
        let user = self.user.unwrap_or(User { id: None, name: None, email: None });
        Some(ApiToken {
            organization: organization.to_owned(),
            token_id: filled(Some(self.id))?,
            label: written(self.label).unwrap_or_default(),
            status: filled(self.status).unwrap_or_default().to_ascii_lowercase(),
            person: Person {
                account_id: filled(user.id),
                display_name: written(user.name),
                email: filled(user.email).map(|e| e.to_lowercase()),
                ..Person::default()
            },
            created_at: instant(self.created_at),
            expires_at: instant(self.expires_at),
            last_active_at: instant(self.last_active_at),
        })
    }
}
