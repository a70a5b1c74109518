//! The access lists and the token inventory over weeks: what a round costs, what stays known, and what a report of an
//! earlier day says.

use std::{collections::BTreeMap, sync::Arc};

use duskwatch::{
    daemon::look,
    evidence::{Day, Missing},
    simulator::{Options, ServeOptions, Size, World},
    store::Store,
};
use serde_json::Value;

use crate::support::{NOW, Site, at, days_before, small_world};

/// The endpoints of an access round.
const ENDPOINTS: [&str; 6] =
    ["permissions", "members", "repositories", "permissions/repositories", "permissions/repositories/one", "deploy-keys"];

/// Requests answered by now, by endpoint.
fn requests(site: &Site) -> BTreeMap<&'static str, u64> {
    let answered = site.server.requests();
    let of = |endpoint| answered.iter().filter(|((name, _), _)| *name == endpoint).map(|(_, count)| count).sum();
    ENDPOINTS.into_iter().map(|endpoint| (endpoint, of(endpoint))).collect()
}

fn access_sources(site: &Site) -> Vec<String> {
    site.world.workspaces().map(|slug| format!("access/{slug}")).collect()
}

/// Repositories of the twelve workspaces together. The manual's figures are those of 6,000, which take a minute to ask.
const REPOSITORIES: usize = 1_200;

/// `cargo test --test it access::an_access_round -- --nocapture` prints the figures.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_round_of_twelve_workspaces_asks_for_nothing_twice() {
    let options = Options { repositories: Some(REPOSITORIES), ..Options::new(Size::Default, at(NOW)) };
    let options = Options { history_days: 3, future_days: 1, intensity: 0.1, ..options };
    let site = Site::new(&Arc::new(World::generate(31, &options)), ServeOptions::default()).await;
    let engine = site.engine();
    let outcome = engine.poll(&access_sources(&site), None, at(NOW)).await.unwrap();
    assert_eq!(outcome.failed, Vec::<String>::new(), "{:#?}", outcome.lines);
    let asked = requests(&site);
    let roster = Store::open_read_only(&site.store()).unwrap().read(|r| r.roster(at(NOW))).await.unwrap();
    let pages = |rows: usize| rows.div_ceil(100) as u64;
    let by_workspace = |names: Vec<&str>| -> u64 {
        let mut rows = BTreeMap::<&str, usize>::new();
        for name in names {
            *rows.entry(name).or_default() += 1;
        }
        rows.into_values().map(pages).sum()
    };
    let lists = [
        ("permissions", by_workspace(roster.members.iter().map(|m| m.workspace.as_str()).collect())),
        ("repositories", by_workspace(roster.repositories.iter().map(|r| r.workspace.as_str()).collect())),
        ("members", 0),
        ("deploy-keys", u64::try_from(REPOSITORIES).unwrap()),
    ];
    for (endpoint, expected) in lists {
        assert_eq!(asked[endpoint], expected, "{endpoint}");
    }
    let total: u64 = asked.values().sum();
    println!("12 workspaces, {} repositories, {} rights: {total} requests", roster.repositories.len(), roster.permissions.len());
    println!("{asked:#?}");
}

/// Rounds that bring nothing new.
const UNCHANGED_ROUNDS: i64 = 10;

/// Bytes that they may add all the same: two pages, for the intervals of coverage.
const MAX_GROWTH: u64 = 8_192;

#[tokio::test(flavor = "multi_thread")]
async fn rounds_that_bring_nothing_new_add_nothing_to_the_store() {
    let world = small_world(32, at(NOW), 5);
    let site = Site::new(&world, ServeOptions::default()).await;
    let engine = site.engine();
    let mut sources = access_sources(&site);
    sources.push("tokens/acme".to_owned());
    let size = async || {
        let store = Store::open_read_only(&site.store()).unwrap();
        store.read(duskwatch::store::Reader::store_size_bytes).await.unwrap()
    };
    engine.poll(&sources, None, days_before(at(NOW), UNCHANGED_ROUNDS)).await.unwrap();
    let before = size().await;
    for days in (0..UNCHANGED_ROUNDS).rev() {
        let outcome = engine.poll(&sources, None, days_before(at(NOW), days)).await.unwrap();
        assert_eq!(outcome.failed, Vec::<String>::new(), "{:#?}", outcome.lines);
    }
    let after = size().await;
    println!("{UNCHANGED_ROUNDS} unchanged rounds: {before} bytes before, {after} after");
    assert!(before > 0 && after <= before + MAX_GROWTH, "{before} bytes before, {after} after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_an_earlier_day_says_who_could_do_what_then() {
    let world = small_world(33, at(NOW), 12);
    let mut site = Site::new(&world, ServeOptions::default()).await;
    let before = days_before(world.now(), 3);
    site.grow(before);
    site.poll(&site.engine(), before).await;
    let workspaces: Vec<String> = world.workspaces().map(str::to_owned).collect();
    // On the day before NOW everybody leaves, and every token is taken away.
    let left = days_before(world.now(), 1);
    let leave = move |w: &mut duskwatch::store::Writer<'_>| {
        for workspace in &workspaces {
            w.put_members(workspace, &[], Missing::Gone, left)?;
            w.put_permissions(workspace, &[], Missing::Gone, left)?;
        }
        w.put_tokens("acme", &[], Missing::Gone, left)
    };
    Store::open(&site.store()).unwrap().write(leave).await.unwrap();

    let then = report_of(&site, Some(Day(Day::of(world.now()).0 - 2))).await;
    let now = report_of(&site, None).await;
    let count = |report: &Value, list: &str, key: &str, value: &Value| {
        report[list].as_array().unwrap().iter().filter(|row| row[key] == *value).count()
    };
    for permission in ["admin", "write"] {
        assert!(count(&then, "users", "highest_permission", &permission.into()) > 0, "{permission}");
        assert_eq!(count(&now, "users", "highest_permission", &permission.into()), 0, "{permission}");
    }
    assert!(count(&then, "users", "member", &true.into()) > 0);
    assert_eq!(count(&now, "users", "member", &true.into()), 0);
    assert!(count(&then, "tokens", "status", &"allowed".into()) > 0);
    assert_eq!(count(&then, "tokens", "status", &"revoked".into()), 0);
    assert_eq!(count(&now, "tokens", "status", &"allowed".into()), 0);
    assert!(count(&now, "tokens", "status", &"revoked".into()) > 0);
    assert!(now["users"].as_array().unwrap().iter().all(|user| user["live_api_tokens"] == 0));
}

async fn report_of(site: &Site, as_of: Option<Day>) -> Value {
    let judged = look(site.options(), as_of, at(NOW)).await.unwrap();
    serde_json::from_str(&judged.json()).unwrap()
}
