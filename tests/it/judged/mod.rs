//! How good the judgement is: worlds whose truth is known are watched week by week, and what is said is compared with what
//! is so. README.md beside this file is the method, for statisticians.
//!
//! Without anything said, a few small worlds keep bounds that show at once when something breaks. For the figures:
//!
//! ```text
//! DUSKWATCH_SEEDS=50 cargo test --release --locked --test it judged -- --nocapture
//! ```
//!
//! watches the worlds of seeds 1 to 50 at the default size, and prints every figure with its goal; `DUSKWATCH_SEEDS=101-160`
//! those of other seeds, for whoever chooses a constant. `DUSKWATCH_SLIPS=NAME` also prints each case that a figure whose name
//! contains NAME has lost.

use std::{
    collections::BTreeMap,
    env,
    ops::RangeInclusive,
    sync::Mutex,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use duskwatch::simulator::Size;

use table::{Goal, Line, Sample};
use truth::Truth;

mod attribution;
mod figures;
mod forecasts;
mod table;
mod truth;
mod watch;

/// Every figure, what was promised of it, and the bound that a few small worlds keep.
const FIGURES: &[(&str, Goal, Goal)] = &[
    ("remaining, proven and strong: precision", Goal::AtLeast(0.97), Goal::AtLeast(0.94)),
    ("remaining, proven and strong: recall", Goal::AtLeast(0.97), Goal::AtLeast(0.94)),
    ("remaining, all grades: precision", Goal::AtLeast(0.9), Goal::AtLeast(0.9)),
    ("remaining, all grades: recall", Goal::AtLeast(0.9), Goal::AtLeast(0.9)),
    ("status, exact", Goal::AtLeast(0.95), Goal::AtLeast(0.92)),
    ("migrated or retired, wrong", Goal::Below(0.01), Goal::Below(0.03)),
    ("migrated or retired, not truly either", Goal::Told, Goal::Told),
    ("attribution, pairwise F1", Goal::AtLeast(0.97), Goal::AtLeast(0.97)),
    ("ranking on the eve, NDCG@20", Goal::AtLeast(0.95), Goal::AtLeast(0.85)),
    ("ranking on the eve, places of open rows", Goal::Told, Goal::Told),
    ("ranking on the eve, by expected gains", Goal::Told, Goal::Told),
    ("ranking on the eve, without open rows", Goal::Told, Goal::Told),
    ("ranking on the eve, at best", Goal::Told, Goal::Told),
    ("ranking on the eve, by true uses of 28 days", Goal::Told, Goal::Told),
    ("ranking 2 weeks before, NDCG@20", Goal::Told, Goal::Told),
    ("ranking 2 weeks before, by true uses", Goal::Told, Goal::Told),
    ("ranking 8 weeks before, NDCG@20", Goal::Told, Goal::Told),
    ("ranking 8 weeks before, by true uses", Goal::Told, Goal::Told),
    ("forecast 8 weeks: 10-90 % holds", Goal::Between(0.72, 0.9), Goal::Told),
    ("forecast 8 weeks: MAE", Goal::Told, Goal::Told),
    ("forecast 8 weeks: MAE of a straight line", Goal::Told, Goal::Told),
    ("forecast 8 weeks: MAE of no change", Goal::Told, Goal::Told),
    ("forecast 6 weeks: 10-90 % holds", Goal::Between(0.72, 0.9), Goal::Told),
    ("forecast 6 weeks: MAE", Goal::Told, Goal::Told),
    ("forecast 6 weeks: MAE of a straight line", Goal::Told, Goal::Told),
    ("forecast 6 weeks: MAE of no change", Goal::Told, Goal::Told),
    ("forecast 4 weeks: 10-90 % holds", Goal::Between(0.72, 0.9), Goal::Told),
    ("forecast 4 weeks: MAE", Goal::Told, Goal::Told),
    ("forecast 4 weeks: MAE of a straight line", Goal::Told, Goal::Told),
    ("forecast 4 weeks: MAE of no change", Goal::Told, Goal::Told),
    ("forecast 2 weeks: 10-90 % holds", Goal::Between(0.72, 0.9), Goal::Told),
    ("forecast 2 weeks: MAE", Goal::Told, Goal::Told),
    ("forecast 2 weeks: MAE of a straight line", Goal::Told, Goal::Told),
    ("forecast 2 weeks: MAE of no change", Goal::Told, Goal::Told),
    ("rows that leave something open", Goal::Told, Goal::Told),
    ("not observed, of those that remain", Goal::Told, Goal::Told),
    ("attribution, strictly: pairwise F1", Goal::Told, Goal::Told),
    ("evidence whose line is not known", Goal::Told, Goal::Told),
];

/// Worlds of the same past whose mean says what can be expected of the week after the removal.
const FUTURES: u32 = 24;
const FEW_SEEDS: RangeInclusive<u64> = 1..=2;
/// Weeks before the removal from which a world is watched.
const WEEKS: i64 = 20;
const FEW_WEEKS: i64 = 8;

type Figures = BTreeMap<&'static str, Sample>;

#[expect(clippy::disallowed_methods, reason = "what to measure is asked for on the command line of the tests")]
fn asked(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The figures of one world.
async fn figures_of(seed: u64, size: Size, weeks: i64) -> Figures {
    let world = watch::world(seed, size, weeks);
    let truth = Truth::of(&world);
    let views = watch::watch(&world, &truth, weeks).await;
    figures::of(&world, &truth, &views, &watch::expected_failing_uses(seed, size, weeks, FUTURES))
}

/// `50` is the first fifty seeds, `101-160` the sixty from 101 on.
fn seeds(text: &str) -> RangeInclusive<u64> {
    let (first, last) = text.split_once('-').unwrap_or(("1", text));
    first.parse().unwrap()..=last.parse().unwrap()
}

/// Watches the worlds of some seeds, as many at a time as there are processors.
fn measured(seeds: &RangeInclusive<u64>, size: Size, weeks: i64) -> Vec<Figures> {
    let (next, worlds) = (AtomicU64::new(*seeds.start()), Mutex::new(Vec::new()));
    let worker = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > *seeds.end() {
                return;
            }
            let figures = runtime.block_on(figures_of(seed, size, weeks));
            worlds.lock().unwrap().push((seed, figures));
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(worker)));
    });
    let mut worlds = worlds.into_inner().unwrap();
    worlds.sort_by_key(|(seed, _)| *seed);
    worlds.into_iter().map(|(_, figures)| figures).collect()
}

#[test]
fn what_is_said_week_by_week_is_what_is_so() {
    let worlds = match asked("DUSKWATCH_SEEDS") {
        Some(text) => measured(&seeds(&text), Size::Default, WEEKS),
        None => measured(&FEW_SEEDS, Size::Small, FEW_WEEKS),
    };
    let lines: Vec<Line> = FIGURES.iter().map(|(name, goal, _)| Line::new(name, *goal, &worlds)).collect();
    println!("{} worlds\n{}", worlds.len(), table::text(&lines));
    let slips = asked("DUSKWATCH_SLIPS").unwrap_or_else(|| "\n".to_owned());
    for line in lines.iter().filter(|line| line.name.contains(&slips)) {
        println!("{}:\n{}", line.name, line.all.slips.join("\n"));
    }
    for (line, (_, _, bound)) in lines.iter().zip(FIGURES) {
        let kept = line.all.value().map_or(matches!(bound, Goal::Told), |value| bound.is_met(value));
        assert!(kept, "{} must be {bound:?}: {:?}", line.name, line.all);
    }
}
