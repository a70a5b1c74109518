//! The judgement against the truth of simulated worlds, as far as anybody can see it through the logs.

use std::collections::BTreeMap;

use duskwatch::{
    evidence::{Day, Outcome},
    simulator::{Door, Integration, ServeOptions, Use, World},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::{NOW, Site, at, integrations, small_world};

/// User, client and origin.
type Key = (String, String, String);

fn key_of(world: &World, integration: &Integration) -> Key {
    let user = &world.truth().users()[integration.user];
    (user.account_id.clone(), integration.client.to_owned(), integration.origin.text())
}

fn key_of_row(row: &Value) -> Key {
    let text = |field: &str| row[field].as_str().unwrap().to_owned();
    (text("user"), text("client"), text("origin"))
}

/// What really happened of an integration's legacy uses until `now`, when a log shows them that is read here.
fn visible(world: &World, integration: &Integration, now: Timestamp) -> Vec<Use> {
    if !matches!(integration.door, Some(Door::Inspected | Door::Plain)) {
        return Vec::new();
    }
    let (first, last) = world.truth().days();
    let mut uses: Vec<Use> = Vec::new();
    // The truth is borrowed from the world for as long as the iterator lives.
    let truth = world.truth();
    let known = truth.integrations().iter().find(|it| it.id == integration.id).unwrap();
    uses.extend(truth.legacy_uses(known, first, last).filter(|one| one.at_ms < now.as_millisecond()));
    uses
}

#[derive(Debug, Default)]
struct Score {
    /// Integrations that truly and visibly used an app password in the last seven days.
    live: usize,
    /// Of them, those that the report has under the right user, client and origin, as not yet done.
    found: usize,
    /// Rows that stand for somebody's app password.
    rows: usize,
    /// Of them, those whose user, client and origin really exist and have used an app password.
    true_rows: usize,
    misses: Vec<String>,
}

async fn score(seed: u64) -> Score {
    let now = at(NOW);
    let world = small_world(seed, now, 45);
    let site = Site::grown(&world, ServeOptions::default()).await;
    let engine = site.engine();
    site.poll(&engine, now).await;
    let report = site.report(&engine, now).await;
    let rows: BTreeMap<Key, &Value> = integrations(&report).iter().map(|row| (key_of_row(row), row)).collect();
    let mut score = Score::default();
    let mut real = BTreeMap::new();
    for integration in world.truth().integrations() {
        let (key, uses) = (key_of(&world, integration), visible(&world, integration, now));
        let week = Day(Day::of(now).0 - 6);
        let live = uses.iter().any(|one| one.outcome == Outcome::Accepted && Day::of_ms(one.at_ms) >= week);
        let status = rows.get(&key).map(|row| row["status"].as_str().unwrap());
        if live {
            score.live += 1;
            match status {
                Some("active" | "migrating" | "failing") => score.found += 1,
                other => score.misses.push(format!("seed {seed}: {key:?} is {other:?}: {integration:?}")),
            }
        }
        if !uses.is_empty() {
            real.insert(key, integration.fate);
        }
    }
    score.rows = rows.len();
    score.true_rows = rows.keys().filter(|key| real.contains_key(key)).count();
    score.misses.extend(
        rows.iter()
            .filter(|(key, _)| !real.contains_key(key))
            .map(|(key, row)| format!("seed {seed}: nobody is {key:?}: {} {}", row["status"], row["reasons"])),
    );
    score
}

#[tokio::test(flavor = "multi_thread")]
async fn who_still_uses_an_app_password_is_found_under_the_right_name() {
    let mut total = Score::default();
    for seed in 1..=5 {
        let one = score(seed).await;
        println!("seed {seed}: recall {}/{}, precision {}/{}", one.found, one.live, one.true_rows, one.rows);
        total.live += one.live;
        total.found += one.found;
        total.rows += one.rows;
        total.true_rows += one.true_rows;
        total.misses.extend(one.misses);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred integrations")]
    let (recall, precision) = (total.found as f64 / total.live as f64, total.true_rows as f64 / total.rows as f64);
    println!("recall {recall:.3}, precision {precision:.3}\n{}", total.misses.join("\n"));
    assert!(total.live > 20, "{} is too few to judge", total.live);
    assert!(recall >= 0.95, "recall {recall:.3}:\n{}", total.misses.join("\n"));
}
