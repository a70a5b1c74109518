//! What there is to know, as the doors show it on a calm day, and what a store has kept of it, item by item.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use aho_corasick::AhoCorasick;
use data_encoding::BASE64;
use duskwatch::{
    evidence::{Coverage, CoverageState, Member, Roster, Sighting},
    simulator::{ServeOptions, Server, World},
    store::Store,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    files::Files,
    ledger::Checked,
    lines::{self, LOGS},
};
use crate::{
    simulation::{HOOK_KEY, SENDER_TOKEN, collector, engine},
    support::{
        Site,
        picture::{self, Counts, Picture},
    },
};

/// Pages of one list that a test reads at most.
const MAX_PAGES: usize = 200;

/// The source that reads the output of jobs.
const OUTPUT: &str = "log/ci-output";

/// Source, id ([`lines::id`] where it has none), own time in milliseconds.
pub type Item = (String, String, i64);

/// How often each item was kept.
pub type Items = BTreeMap<Item, u64>;

/// Every item that a store has kept.
pub fn kept(store: &Path) -> Items {
    let mut items = Items::new();
    for (source, sighting) in picture::kept(store) {
        *items.entry((source, id(&sighting), sighting.time_ms)).or_default() += 1;
    }
    items
}

/// The id of an item, or what is known of one that has none.
fn id(sighting: &Sighting<'_>) -> String {
    let client = sighting.client_ip.map_or_else(String::new, |client| client.to_string());
    let known = || lines::id(&client, sighting.method.as_deref().unwrap_or_default());
    sighting.event_id.as_deref().map_or_else(known, str::to_owned)
}

pub async fn roster(store: &Path) -> Roster {
    Store::open_read_only(store).unwrap().read(|r| r.roster(Timestamp::MAX)).await.unwrap()
}

/// The rows of the access lists and the inventory, one text each, without what [`accessed`] tells.
pub fn rows(roster: &Roster) -> BTreeSet<String> {
    let Roster { members, repositories, permissions, deploy_keys, tokens, .. } = roster;
    let mut rows = BTreeSet::new();
    rows.extend(members.iter().map(|row| format!("{:?}", Member { last_accessed: None, ..row.clone() })));
    rows.extend(repositories.iter().map(|row| format!("{row:?}")));
    rows.extend(permissions.iter().map(|row| format!("{row:?}")));
    rows.extend(deploy_keys.iter().map(|row| format!("{row:?}")));
    rows.extend(tokens.iter().map(|row| format!("{row:?}")));
    rows
}

/// When each member was last there, where anybody knows: a list forgets it after a while, and a store does not.
pub fn accessed(roster: &Roster) -> BTreeMap<(String, Option<String>), Timestamp> {
    let known = roster.members.iter().filter_map(|row| row.last_accessed.map(|at| (row, at)));
    known.map(|(row, at)| ((row.workspace.clone(), row.person.account_id.clone()), at)).collect()
}

/// The names in the lists of one workspace, without what changes from hour to hour.
fn access_names(roster: &Roster, workspace: &str) -> BTreeSet<String> {
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
    /// What the ledger says on that day.
    pub coverage: BTreeMap<String, Vec<Coverage>>,
    pub roster: Roster,
    /// When each event was processed.
    pub processed: BTreeMap<String, i64>,
    secrets: AhoCorasick,
}

impl Truth {
    /// Reads a world on a calm day, and makes sure that the product misses nothing on such a day.
    pub async fn of(world: &Arc<World>) -> Self {
        let site = Site::grown(world, ServeOptions::default()).await;
        site.watch_jobs();
        site.poll(&site.engine(), world.now()).await;
        let (picture, items, processed) = (Picture::of(&site.store()).await, kept(&site.store()), processed(&site).await);
        let of = |source: &'static str| items.iter().filter(move |((name, ..), _)| name == source);
        assert!(of("audit/acme").all(|((_, id, _), times)| processed.contains_key(id) && *times == 1));
        let events = of("audit/acme").count() as u64;
        assert_eq!((events, events + picture.skipped("audit/acme")), (picture.items("audit/acme"), processed.len() as u64));
        let lines = lines_of(&site);
        for log in LOGS {
            let shown: Items =
                lines.iter().filter(|((source, ..), _)| source[4..] == *log).map(|(it, n)| (it.clone(), *n)).collect();
            let read: Items =
                items.iter().filter(|((source, ..), _)| source[4..] == *log).map(|(it, n)| (it.clone(), *n)).collect();
            assert!(shown.len() > 20, "{} lines of {log} are no test", shown.len());
            assert_eq!(read, shown, "a line of {log} is lost on a calm day");
        }
        let failures = of(OUTPUT).count();
        assert!(events > 50 && failures > 1, "{events} events and {failures} failures are no test");
        let (roster, secrets) = (roster(&site.store()).await, secrets(&site));
        let Picture { counts, coverage, .. } = picture;
        Self { world: Arc::clone(world), items, counts, coverage, roster, processed, secrets }
    }

    /// What was told or shown holds no secret.
    #[track_caller]
    pub fn assert_tells_no_secret(&self, what: &str, bytes: &[u8]) {
        let found = self.secrets.find(bytes).map(|found| String::from_utf8_lossy(&bytes[found.range()]));
        assert_eq!(found, None, "{what} holds a secret");
    }

    /// Neither the store nor a package holds one.
    #[track_caller]
    pub fn assert_keeps_no_secret(&self, site: &Site) {
        for path in crate::support::files(site.dir.path()) {
            if path.starts_with(site.path("csv")) || crate::support::file_name(&path).starts_with("duskwatch.db") {
                self.assert_tells_no_secret(&path.display().to_string(), &fs::read(&path).unwrap());
            }
        }
    }
}

fn covered(picture: &Picture, source: &str, ms: i64) -> bool {
    let intervals = picture.coverage.get(source).into_iter().flatten();
    intervals.filter(|it| it.state == CoverageState::Covered).any(|it| (it.from_ms..it.to_ms).contains(&ms))
}

/// What the ledger calls covered has been recorded; returns what there is, what was kept and how much was looked for.
pub async fn assert_honest(truth: &Truth, site: &Site, files: &Files, now: Timestamp) -> (Picture, Items, Checked) {
    let mut checked = Checked::default();
    let (picture, kept) = (Picture::of(&site.store()).await, kept(&site.store()));
    for item @ (source, id, time_ms) in truth.items.keys() {
        let seen_ms = truth.processed.get(id).copied().unwrap_or(*time_ms);
        let there = seen_ms < now.as_millisecond() && !files.is_late(item);
        // The last run that an output shows may still be going on, and is then read later.
        if !there || source == OUTPUT {
            continue;
        }
        let covered = covered(&picture, source, seen_ms);
        checked.note(item, covered);
        if covered {
            assert!(kept.contains_key(item), "{item:?} is not recorded, and {:?} is", picture.coverage[source]);
        }
    }
    (picture, kept, checked)
}

/// What is known of a list that the ledger calls covered now is what stands in it. `calm` serves the same world without any trouble.
pub async fn assert_lists_honest(truth: &Truth, site: &Site, calm: &Server, picture: &Picture, now: Timestamp) {
    let roster = roster(&site.store()).await;
    calm.set_now(now);
    if covered(picture, "tokens/acme", now.as_millisecond()) {
        let listed: BTreeSet<String> = roster.tokens.iter().map(|token| token.token_id.clone()).collect();
        assert_eq!(listed, token_ids(calm, &truth.world.organization().id).await);
    }
    for workspace in truth.world.workspaces() {
        if covered(picture, &format!("access/{workspace}"), now.as_millisecond()) {
            let names = |of| access_names(of, workspace);
            assert_eq!(names(&roster), names(&truth.roster), "{workspace}");
        }
    }
}

/// What was expected and is not there, and what is there beyond what was expected.
pub fn differences(expected: &Items, kept: &Items) -> (Vec<Item>, Vec<Item>) {
    let times = |items: &Items, item| items.get(item).copied().unwrap_or(0);
    let lost = expected.iter().filter(|(item, wanted)| times(kept, item) < **wanted).map(|(item, _)| item.clone());
    let known = |item: &Item| item.1.starts_with("odd-").then_some(1);
    let repeated = kept.iter().filter(|(item, found)| **found > known(item).unwrap_or_else(|| times(expected, item)));
    (lost.collect(), repeated.map(|(item, _)| item.clone()).collect())
}

/// What must stand nowhere: the keys of the site, one that an answer brings, and what careless lines hold.
fn secrets(site: &Site) -> AhoCorasick {
    let mut secrets = crate::secrets::secrets(site);
    assert!(secrets.len() > 2, "no line of {LOGS:?} is careless");
    secrets.extend(["simulated-loose-secret".to_owned(), SENDER_TOKEN.to_owned(), BASE64.encode(&HOOK_KEY)]);
    secrets.extend([engine::PASSWORD, collector::KEY].map(str::to_owned));
    // As a mail writes them, too.
    AhoCorasick::new(secrets.iter().map(|secret| secret.trim_end_matches('='))).unwrap()
}

/// What the compressed chunks of a store hold, as text.
pub fn chunks(store: &Path) -> String {
    picture::kept(store).iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join("\n")
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
async fn token_ids(server: &Server, organization: &str) -> BTreeSet<String> {
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
fn lines_of(site: &Site) -> Items {
    let mut found = Items::new();
    for log in LOGS {
        for item in site.items_of(log).iter().filter_map(|line| lines::item(log, line)) {
            *found.entry(item).or_default() += 1;
        }
    }
    found
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ms(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}
