//! What there is to know, as the doors show it on a calm day, and what a store has kept of it, item by item.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use duskwatch::{
    evidence::Roster,
    simulator::{ServeOptions, Server, World},
    store::Store,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::{
    Site,
    picture::{self, Counts, Picture},
};

/// Pages of one list that a test reads at most.
const MAX_PAGES: usize = 200;

/// Source, event id, own time in milliseconds.
pub type Item = (String, String, i64);

/// How often each item was kept.
pub type Items = BTreeMap<Item, u64>;

/// Every item that a store has kept.
pub fn kept(store: &Path) -> Items {
    let mut items = Items::new();
    for (source, sighting) in picture::kept(store) {
        *items.entry((source, sighting.event_id.unwrap_or_default().into_owned(), sighting.time_ms)).or_default() += 1;
    }
    items
}

pub async fn roster(store: &Path) -> Roster {
    Store::open_read_only(store).unwrap().read(|r| r.roster(Timestamp::MAX)).await.unwrap()
}

/// The rows of the access lists and the inventory, one text each.
pub fn rows(roster: &Roster) -> BTreeSet<String> {
    let Roster { members, repositories, permissions, deploy_keys, tokens, .. } = roster;
    let mut rows = BTreeSet::new();
    rows.extend(members.iter().map(|row| format!("{row:?}")));
    rows.extend(repositories.iter().map(|row| format!("{row:?}")));
    rows.extend(permissions.iter().map(|row| format!("{row:?}")));
    rows.extend(deploy_keys.iter().map(|row| format!("{row:?}")));
    rows.extend(tokens.iter().map(|row| format!("{row:?}")));
    rows
}

/// The names in the lists of one workspace, without what changes from hour to hour.
pub fn access_names(roster: &Roster, workspace: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    names.extend(roster.members.iter().filter(|it| it.workspace == workspace).map(|it| format!("{:?}", it.person.account_id)));
    names.extend(roster.repositories.iter().filter(|it| it.workspace == workspace).map(|it| it.slug.clone()));
    names.extend(roster.permissions.iter().filter(|it| *it.workspace == *workspace).map(|it| format!("{it:?}")));
    names
}

/// What a world shows when nothing goes wrong.
pub struct Truth {
    pub world: Arc<World>,
    pub items: Items,
    pub counts: Counts,
    pub roster: Roster,
    /// When each event was processed.
    pub processed: BTreeMap<String, i64>,
}

impl Truth {
    /// Reads a world on a calm day, and makes sure that the product misses nothing on such a day.
    pub async fn of(world: &Arc<World>) -> Self {
        let site = Site::grown(world, ServeOptions::default()).await;
        site.poll(&site.engine(), world.now()).await;
        let (picture, items, processed) = (Picture::of(&site.store()).await, kept(&site.store()), processed(&site).await);
        let of = |source: &'static str| items.iter().filter(move |((name, ..), _)| name == source);
        assert!(of("audit/acme").all(|((_, id, _), times)| processed.contains_key(id) && *times == 1));
        let events = of("audit/acme").count() as u64;
        assert_eq!((events, events + picture.skipped("audit/acme")), (picture.items("audit/acme"), processed.len() as u64));
        let lines = lines(&site);
        assert!(events > 50 && lines.len() > 50, "{events} events and {} lines are no test", lines.len());
        assert_eq!(items.len(), lines.len() + of("audit/acme").count());
        assert!(lines.iter().all(|(line, times)| items.get(line) == Some(times)), "a line is lost on a calm day");
        Self { world: Arc::clone(world), items, counts: picture.counts, roster: roster(&site.store()).await, processed }
    }
}

/// Every event that the stream shows, with the instant of its processing.
async fn processed(site: &Site) -> BTreeMap<String, i64> {
    let path = format!("/admin/v1/orgs/{}/events-stream?limit=500&", site.world.organization().id);
    let (mut found, mut query) = (BTreeMap::new(), "from=0".to_owned());
    for _ in 0..MAX_PAGES {
        let page = get(&site.server, &format!("{path}{query}")).await;
        let data = page["data"].as_array().unwrap();
        found.extend(data.iter().map(|event| (text(&event["id"]), ms(&event["attributes"]["processedAt"]))));
        match page["meta"]["next"].as_str() {
            Some(next) if !data.is_empty() => query = format!("cursor={next}"),
            _ => return found,
        }
    }
    panic!("the stream has no end");
}

/// The ids of the tokens that the inventory shows now.
pub async fn token_ids(server: &Server, organization: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut next = Some(format!("/admin/api-access/v1/orgs/{organization}/api-tokens?pageSize=100"));
    for _ in 0..MAX_PAGES {
        let Some(path) = next else { return ids };
        let page = get(server, &path).await;
        ids.extend(page["data"].as_array().unwrap().iter().map(|token| text(&token["id"])));
        next = page["links"]["next"].as_str().map(|url| url.replacen(&server.atlassian_url(), "", 1));
    }
    panic!("the inventory has no end");
}

async fn get(server: &Server, path: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let key = ServeOptions::default().organization_key;
    client.get(format!("{}{path}", server.atlassian_url())).bearer_auth(key).send().await.unwrap().json().await.unwrap()
}

/// The lines of the logs that concern Bitbucket.
fn lines(site: &Site) -> Items {
    let mut lines = Items::new();
    for (log, line) in site.lines() {
        let line: Value = serde_json::from_str(&line).unwrap_or_default();
        if matches!(line["host"].as_str(), Some("bitbucket.org" | "api.bitbucket.org")) {
            *lines.entry((format!("log/{log}"), text(&line["event_id"]), ms(&line["time"]))).or_default() += 1;
        }
    }
    lines
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ms(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}
