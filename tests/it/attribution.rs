//! The judgement against the truth of simulated worlds, as far as anybody can see it through the logs.

use std::{collections::BTreeMap, sync::Arc};

use duskwatch::{
    daemon::Engine,
    evidence::{Day, Origin, Outcome},
    report::Audience,
    simulator::{Door, Integration, ServeOptions, Use, World},
};
use jiff::Timestamp;
use regex::Regex;
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

/// Whether a log that is read here shows what an integration does.
fn shown(integration: &Integration) -> bool {
    matches!(integration.door, Some(Door::Inspected | Door::Plain | Door::Gateway | Door::Filter))
}

/// What really happened of an integration's legacy uses before `now`, if a log shows it.
fn visible(world: &World, integration: &Integration, now: Timestamp) -> Vec<Use> {
    let truth = world.truth();
    let (first, last) = truth.days();
    // The truth hands its uses out only for its own integrations.
    let own = truth.integrations().iter().find(|it| it.id == integration.id && shown(it));
    let uses = own.into_iter().flat_map(|it| truth.legacy_uses(it, first, last));
    uses.filter(|one| one.at_ms < now.as_millisecond()).collect()
}

#[derive(Debug, Default)]
struct Score {
    /// Integrations that truly and visibly used an app password in the last seven days, with success.
    live: usize,
    /// Of them, those that the report has under the right user, client and origin, as not yet done.
    found: usize,
    /// Rows by proven or strong evidence, and those whose user, client and origin really used an app password.
    known: usize,
    truly_known: usize,
    /// The same of all rows. A token under a nickname at git looks like an app password where no log shows more.
    rows: usize,
    true_rows: usize,
    slips: Vec<String>,
}

impl Score {
    fn of(world: &World, report: &Value, now: Timestamp) -> Self {
        let rows: BTreeMap<Key, &Value> = integrations(report).iter().map(|row| (key_of_row(row), row)).collect();
        let (mut score, mut real) = (Self::default(), BTreeMap::new());
        for integration in world.truth().integrations() {
            let (key, uses) = (key_of(world, integration), visible(world, integration, now));
            score.judge(&key, rows.get(&key).copied(), &uses, now);
            if !uses.is_empty() {
                real.insert(key, integration.fate);
            }
        }
        for (key, row) in rows {
            let (known, truly) = (row["known"] == true, real.contains_key(&key));
            score.rows += 1;
            score.true_rows += usize::from(truly);
            score.known += usize::from(known);
            score.truly_known += usize::from(known && truly);
            if !truly {
                score.slips.push(format!("nobody uses an app password as {key:?}: {} {}", row["status"], row["reasons"]));
            }
        }
        score
    }

    fn judge(&mut self, key: &Key, row: Option<&Value>, uses: &[Use], now: Timestamp) {
        let week = Day(Day::of(now).0 - 6);
        let recent = |one: &&Use| Day::of_ms(one.at_ms) >= week;
        let status = row.map(|row| row["status"].as_str().unwrap());
        if uses.iter().filter(recent).any(|one| one.outcome == Outcome::Accepted) {
            self.live += 1;
            match status {
                Some("active" | "migrating" | "failing") => self.found += 1,
                other => self.slips.push(format!("{key:?} used an app password and is {other:?}")),
            }
        }
        let done = matches!(status, Some("migrated" | "retired"));
        assert!(!(done && uses.iter().any(|one| recent(&one) && !one.transient)), "{key:?} is not done: {row:#?}");
    }

    fn add(&mut self, other: Self) {
        self.live += other.live;
        self.found += other.found;
        self.known += other.known;
        self.truly_known += other.truly_known;
        self.rows += other.rows;
        self.true_rows += other.true_rows;
        self.slips.extend(other.slips);
    }
}

/// A world as the report sees it at its present.
async fn judged(world: &Arc<World>) -> (Site, Arc<Engine>, Value) {
    let site = Site::grown(world, ServeOptions::default()).await;
    let engine = site.engine();
    site.poll(&engine, world.now()).await;
    let report = site.report(&engine, world.now()).await;
    (site, engine, report)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred integrations")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn who_still_uses_an_app_password_is_found_under_the_right_name() {
    let mut total = Score::default();
    for seed in 1..=5 {
        let world = small_world(seed, at(NOW), 30);
        let (_site, _engine, report) = judged(&world).await;
        let one = Score::of(&world, &report, at(NOW));
        println!(
            "seed {seed}: found {}/{}, known {}/{}, all rows {}/{}",
            one.found, one.live, one.truly_known, one.known, one.true_rows, one.rows
        );
        total.add(one);
    }
    let (recall, known) = (share(total.found, total.live), share(total.truly_known, total.known));
    let all = share(total.true_rows, total.rows);
    println!("recall {recall:.3}, precision of what is known {known:.3}, of all {all:.3}\n{}", total.slips.join("\n"));
    assert!(total.live >= 20 && total.known >= 20, "too few to judge: {total:#?}");
    assert!(recall >= 0.95 && known >= 0.95 && all >= 0.85, "{total:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_freeze_in_the_brownouts_and_after_the_removal_the_report_says_what_counts_then() {
    let still = r"^\[duskwatch\] [1-9]\d* integrations? still on app passwords, \d+ failing, (\d+) days left$";
    let broken =
        r"^\[duskwatch\] [1-9]\d* broken, \d+ stale secrets?, \d+ tokens? expires? in 60 days, day (\d+) after the removal$";
    for (now, form, days) in [
        ("2025-08-15T07:00:00Z", still, "347"),
        ("2026-07-03T07:00:00Z", still, "25"),
        ("2026-07-28T12:00:00Z", r"^\[duskwatch\] .* after the removal$", ""),
        ("2026-11-21T07:00:00Z", broken, "116"),
    ] {
        let world = small_world(3, at(now), 25);
        let (_site, engine, report) = judged(&world).await;
        let judged = engine.judge(at(now)).await.unwrap();
        let subject = judged.letter(&Audience::Security).subject;
        let matched = Regex::new(form).unwrap().captures(&subject).unwrap_or_else(|| panic!("{now}: {subject}"));
        assert_eq!(matched.get(1).map_or("", |days| days.as_str()), days, "{subject}");
        assert!(!judged.html(&Audience::Security).is_empty() && !judged.letter(&Audience::Leadership).text.is_empty());
        assert_eq!(report["campaigns"][0]["removed"], at(now) >= at("2026-07-28T00:00:00Z"));
        if at(now) < at("2026-06-01T00:00:00Z") {
            assert_eq!(report["campaigns"][0]["counts"]["failing"], 0, "nothing is refused before the brownouts");
        }
        broken_ones_are_named(&world, &report, at(now));
    }
}

/// After the removal, who was refused in the last week and reaches nothing with a replacement is failing. What roams is left
/// out: by the contract another laptop's token, which names no user, may be taken for its own.
fn broken_ones_are_named(world: &World, report: &Value, now: Timestamp) {
    if report["campaigns"][0]["removed"] != true {
        return;
    }
    let rows: BTreeMap<Key, &Value> = integrations(report).iter().map(|row| (key_of_row(row), row)).collect();
    let truth = world.truth();
    let removal = Day::of(truth.campaign().removal);
    let week = (Day(Day::of(now).0 - 6).max(removal), Day::of(now));
    for integration in truth.integrations().iter().filter(|it| shown(it) && it.origin != Origin::Roaming) {
        let refused = truth.legacy_uses(integration, week.0, week.1).filter(|one| !one.transient).count();
        let replaced = truth.replacement_uses(integration, truth.days().0, truth.days().1).count();
        let Some(row) = rows.get(&key_of(world, integration)).filter(|_| refused > 0 && replaced == 0) else { continue };
        let seen = row["last_seen"].as_str().unwrap() >= week.0.to_string().as_str();
        assert!(!seen || row["status"] == "failing", "{integration:?}: {row:#?}");
    }
}
