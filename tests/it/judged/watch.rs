//! A world as the service sees it, week by week: its logs grow, every source is polled, the judgement is recorded, and what
//! the JSON report says is kept beside what is really so.

use std::{collections::BTreeMap, sync::Arc};

use duskwatch::{
    evidence::{Day, Status},
    simulator::{self, ServeOptions, Size, World},
};
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use super::{
    attribution::{self, Marks, Pairs},
    forecasts::BurndownDay,
    truth::{Key, Truth},
};
use crate::support::{Site, at, integrations};

/// The removal that the weeks are counted to; every view is the end of a Monday.
pub const REMOVAL: &str = "2026-07-28T00:00:00Z";
/// Weeks after the removal that are still watched.
pub const WEEKS_AFTER: i64 = 3;
/// Days of the world before its first view: longer than logs begin to be read in earnest, shorter than the 180 days that
/// the audit stream reaches back.
const DAYS_BEFORE: i64 = 80;

/// One row of the report.
#[derive(Debug)]
pub struct Row {
    pub key: Key,
    pub status: Status,
    /// By proven or strong evidence.
    pub known: bool,
    pub rank: Option<u64>,
    pub last_seen: Timestamp,
}

/// What is said at one instant, and what is so.
#[derive(Debug)]
pub struct View {
    pub now: Timestamp,
    /// Until the removal; negative after it.
    pub weeks_left: i64,
    pub rows: Vec<Row>,
    /// Of each integration with legacy use.
    pub real: BTreeMap<u32, Status>,
    /// Day by day, as known then.
    pub burndown: Vec<BurndownDay>,
    /// How the evidence was put together; not looked at every week.
    pub pairs: Option<Pairs>,
}

/// Attribution is judged once in so many weeks.
const PAIRED_EVERY: i64 = 4;

/// The world that is watched from so many weeks before the removal to some weeks after it.
pub fn world(seed: u64, size: Size, weeks_before: i64) -> Arc<World> {
    Arc::new(generate(seed, size, weeks_before, None))
}

/// The refused legacy uses in the week from the removal on, of each integration that has any: the mean of so many worlds
/// that are this one up to the removal, and have another future.
pub fn expected_failing_uses(seed: u64, size: Size, weeks_before: i64, futures: u32) -> BTreeMap<u32, f64> {
    let mut mean: BTreeMap<u32, f64> = BTreeMap::new();
    for number in 1..=futures {
        let world = generate(seed, size, weeks_before, Some((Day::of(at(REMOVAL)), number.into())));
        for (integration, uses) in failing_uses(&world) {
            *mean.entry(integration).or_default() += uses / f64::from(futures);
        }
    }
    mean
}

/// The refused legacy uses in the week from the removal on, of each integration that has any.
pub fn failing_uses(world: &World) -> BTreeMap<u32, f64> {
    let truth = world.truth();
    let uses = |it| f64::from(u32::try_from(truth.failing_after_removal(it).count()).unwrap());
    truth.integrations().iter().map(|it| (it.id, uses(it))).filter(|(_, uses)| *uses > 0.0).collect()
}

fn generate(seed: u64, size: Size, weeks_before: i64, future: Option<(Day, u64)>) -> World {
    let end = view_at(-WEEKS_AFTER);
    let history = (weeks_before + WEEKS_AFTER) * 7 + DAYS_BEFORE;
    let options = simulator::Options {
        history_days: u32::try_from(history).unwrap(),
        future_days: 3,
        future,
        ..simulator::Options::new(size, end)
    };
    World::generate(seed, &options)
}

fn view_at(weeks_left: i64) -> Timestamp {
    at(REMOVAL).checked_sub((weeks_left * 7 * 24).hours()).unwrap()
}

/// Watches a world weekly.
pub async fn watch(world: &Arc<World>, truth: &Truth<'_>, weeks_before: i64) -> Vec<View> {
    let mut site = Site::new(world, ServeOptions::default()).await;
    if world.truth().integrations().iter().any(|it| it.job.is_some()) {
        site.watch_jobs();
    }
    let engine = site.engine();
    let marks = Marks::of(world);
    let mut views = Vec::new();
    for weeks_left in (-WEEKS_AFTER..=weeks_before).rev() {
        let now = view_at(weeks_left);
        site.grow(now);
        let round = engine.poll(&[], None, now).await.unwrap();
        // A log of which nothing has been collected yet is missed, and said to be.
        assert!(round.failed.iter().all(|source| source.starts_with("log/")), "{:#?}", round.lines);
        let report = site.report(&engine, now).await;
        let rows = integrations(&report).iter().map(Row::of).collect();
        let burndown = report["campaigns"][0]["burndown"].as_array().unwrap().iter().map(BurndownDay::of).collect();
        let mut view = View { now, weeks_left, rows, real: truth.statuses(now), burndown, pairs: None };
        if weeks_left % PAIRED_EVERY == 0 {
            view.pairs = Some(attribution::pairs(&site.store(), world, &marks, &view).await);
        }
        views.push(view);
    }
    views
}

impl Row {
    fn of(row: &Value) -> Self {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        Self {
            key: (text("user"), text("client"), text("origin")),
            status: Status::parse(row["status"].as_str().unwrap()).unwrap(),
            known: row["known"].as_bool().unwrap(),
            rank: row["rank"].as_u64(),
            last_seen: at(&text("last_seen")),
        }
    }
}

impl View {
    /// The last day that is seen.
    pub fn day(&self) -> Day {
        Day::of_ms(self.now.as_millisecond() - 1)
    }
}
