//! Random mixtures of every trouble there is, over several rounds, while the world goes on: nothing is lost, nothing is
//! counted twice, and at no moment does the ledger claim what was not read.
//!
//! `DUSKWATCH_MIXTURES=1000` plays so many, `DUSKWATCH_MIXTURE_SEED=7` that one alone. Each runs by a clock of its own that
//! jumps over every pause, so the waits that servers ask for cost nothing.

pub mod files;
pub mod ledger;
mod lines;
pub mod trouble;
pub mod truth;

use std::{
    collections::BTreeMap,
    fs,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
    thread,
    time::Duration,
};

use duskwatch::{
    daemon::Engine,
    simulator::{self, ServeOptions, Server, World},
};
use fastrand::Rng;
use jiff::Timestamp;
use tokio::time::sleep;

use files::Files;
use ledger::{Checked, Looks};
use trouble::{Stranger, adds};
use truth::Truth;

use crate::support::{
    NOW, Site, at, files,
    picture::{Picture, assert_no_count_is_missing, assert_same_counts},
    seeds::Plays,
    small_world,
};

const PLAYS: Plays = Plays { name: "MIXTURE", few: 24, shown_every: 100 };
/// Mixtures share this many worlds, whose truth is found out once.
const WORLDS: usize = 6;
/// Days of history of a world: enough for several pages of the stream, little enough to be read in a moment.
const HISTORY_DAYS: u32 = 24;
/// How often a round is asked to go on before it is killed, at most; a whole one takes some hundreds.
const MAX_STEPS_TO_KILL: usize = 400;
/// Longer than any server may ask to wait.
pub const NIGHT: Duration = Duration::from_secs(10_000);

/// What came of one mixture, or of many.
#[derive(Debug, Default)]
struct Outcome {
    mixtures: u64,
    rounds: u64,
    failed_rounds: u64,
    kills: u64,
    faults: BTreeMap<&'static str, u64>,
    items: u64,
    /// How often an item was there while things failed, and in covered time.
    checked: Checked,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.mixtures += other.mixtures;
        self.rounds += other.rounds;
        self.failed_rounds += other.failed_rounds;
        self.kills += other.kills;
        self.items += other.items;
        self.checked.add(other.checked);
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

#[test]
fn no_mixture_of_troubles_loses_or_repeats_anything() {
    let outcome = PLAYS.play(|seed, _| by_a_clock_that_jumps(mixture(seed)), Outcome::add);
    // One alone may have had nothing but trouble.
    if outcome.mixtures > 1 {
        outcome.checked.assert_many(if outcome.mixtures < PLAYS.few { 10 } else { 2 });
    }
}

/// Runs on one thread by a paused clock, which goes on to the next timer whenever there is nothing else to do.
pub fn by_a_clock_that_jumps<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(what)
}

/// One of the worlds, and what there is to know of it.
pub fn truth(seed: u64) -> &'static Truth {
    static TRUTHS: [OnceLock<Truth>; WORLDS] = [const { OnceLock::new() }; WORLDS];
    let number = usize::try_from(seed).unwrap() % WORLDS;
    TRUTHS[number].get_or_init(|| truth_of(40 + number as u64, at(NOW)))
}

/// What there is to know of the world of a seed, or of the next one that has everything in it, at an instant.
pub fn truth_of(seed: u64, now: Timestamp) -> Truth {
    let seeds = (seed..).step_by(WORLDS);
    let world = seeds.map(|seed| small_world(seed, now, HISTORY_DAYS)).find(|world| has_output(world)).unwrap();
    // There is one runtime a thread.
    thread::spawn(move || by_a_clock_that_jumps(async move { Truth::of(&world).await })).join().unwrap()
}

/// Whether a world has jobs whose output tells of failures; some are too small.
fn has_output(world: &World) -> bool {
    let dir = tempfile::tempdir().unwrap();
    world.write_logs(dir.path(), world.truth().days().0.start(), world.now()).unwrap();
    let output = files(&dir.path().join("transcripts")).into_iter().map(|path| fs::read_to_string(path).unwrap());
    output.map(|text| text.matches("fatal: ").count()).sum::<usize>() > 3
}

/// A site in trouble, and everybody who watches it.
struct Mixture {
    truth: &'static Truth,
    rng: Rng,
    site: Site,
    files: Files,
    stranger: Stranger,
    /// The same world without any trouble.
    calm: Server,
    engine: Arc<Engine>,
    looks: Looks,
    outcome: Outcome,
    /// Whether the world has had items that its truth does not know.
    added: bool,
}

async fn mixture(seed: u64) -> Outcome {
    let truth = truth(seed);
    let mut rng = Rng::with_seed(seed);
    let stranger = Stranger::start().await;
    let site = Site::new(&truth.world, trouble::server(&mut rng, stranger.origin.clone())).await;
    site.watch_jobs();
    let calm = simulator::serve(Arc::clone(&truth.world), ServeOptions::default()).await.unwrap();
    let (files, engine) = (Files::new(site.logs()), site.engine());
    let outcome = Outcome { mixtures: 1, ..Outcome::default() };
    let looks = Looks::default();
    let mut mixture = Mixture { truth, rng, site, files, stranger, calm, engine, looks, outcome, added: false };
    for now in mixture.instants() {
        mixture.troubled_round(now).await;
    }
    mixture.calm_rounds().await;
    mixture.compare().await;
    mixture.outcome
}

impl Mixture {
    /// When the rounds are: the last one a little before the world's present.
    fn instants(&mut self) -> Vec<Timestamp> {
        let now_ms = self.truth.world.now().as_millisecond();
        let count = self.rng.usize(3..7);
        let mut instants: Vec<i64> = (0..count).map(|_| now_ms - self.rng.i64(60_000..20 * 86_400_000)).collect();
        instants.sort_unstable();
        instants.into_iter().map(|ms| Timestamp::from_millisecond(ms).unwrap()).collect()
    }

    async fn troubled_round(&mut self, now: Timestamp) {
        self.files.settle();
        self.site.grow(now);
        self.files.disturb(&mut self.rng);
        let faults = trouble::faults(&mut self.rng);
        self.added |= faults.iter().any(adds);
        self.looks.note(now, !faults.is_empty(), &self.files);
        self.site.server.disturb(faults, self.rng.u64(..));
        let hidden = self.rng.usize(..10) == 0;
        if hidden {
            fs::rename(self.site.logs(), self.site.path("elsewhere")).unwrap();
        }
        let steps = if self.rng.usize(..3) == 0 { self.rng.usize(1..MAX_STEPS_TO_KILL) } else { usize::MAX };
        let polled = steps_of(self.engine.poll(&[], None, now), steps).await;
        self.outcome.rounds += 1;
        if let Some(outcome) = polled {
            let failed = outcome.unwrap().failed;
            self.outcome.failed_rounds += u64::from(!failed.is_empty());
            if failed.iter().any(|source| source == ledger::AUDIT) {
                self.looks.note_stopped(now);
            }
        } else {
            self.outcome.kills += 1;
            self.looks.note_killed(now);
        }
        // A pause ends when no work is under way any more: of a killed process none would be.
        sleep(Duration::from_millis(1)).await;
        if steps != usize::MAX || self.rng.bool() {
            self.engine = self.site.engine();
        }
        if hidden {
            fs::rename(self.site.path("elsewhere"), self.site.logs()).unwrap();
        }
        let (_, checked) = self.assert_honest(now).await;
        self.outcome.checked.add(checked);
        sleep(Duration::from_secs(self.rng.u64(1..7_200))).await;
    }

    /// Two rounds without trouble, the last of which must be well.
    async fn calm_rounds(&mut self) {
        self.files.settle();
        self.site.server.disturb(Vec::new(), 0);
        self.site.grow(self.truth.world.now());
        sleep(NIGHT).await;
        self.looks.note(self.truth.world.now(), false, &self.files);
        self.engine.poll(&[], None, self.truth.world.now()).await.unwrap();
        self.site.poll(&self.engine, self.truth.world.now()).await;
    }

    async fn assert_honest(&self, now: Timestamp) -> (Picture, Checked) {
        let (picture, _, checked) = truth::assert_honest(self.truth, &self.site, &self.files, now).await;
        truth::assert_lists_honest(self.truth, &self.site, &self.calm, &picture, now).await;
        (picture, checked)
    }

    /// Compares the store with the truth.
    async fn compare(&mut self) {
        let (now, kept) = (self.truth.world.now(), truth::kept(&self.site.store()));
        let (picture, checked) = self.assert_honest(now).await;
        self.outcome.checked.add(checked);
        ledger::assert_closed(self.truth, &picture, &self.looks, now);
        let (lost, repeated) = truth::differences(&self.truth.items, &kept);
        for (what, items) in [("lost", &lost), ("repeated", &repeated)] {
            assert!(items.is_empty(), "{} {what}, such as {:?}", items.len(), &items[..items.len().min(5)]);
        }
        self.outcome.items = kept.values().sum();
        self.outcome.faults = self.site.server.faults();
        let roster = truth::roster(&self.site.store()).await;
        let rows = truth::rows(&roster);
        let expected = truth::rows(&self.truth.roster);
        let differing: Vec<_> = rows.symmetric_difference(&expected).take(4).collect();
        assert!(differing.is_empty(), "the lists differ: {differing:#?}");
        let accessed = truth::accessed(&roster);
        assert!(truth::accessed(&self.truth.roster).iter().all(|(member, at)| accessed.get(member) >= Some(at)));
        if self.added {
            assert_no_count_is_missing(&self.truth.counts, &picture.counts);
        } else {
            assert_same_counts(&self.truth.counts, &picture.counts);
        }
        assert_eq!(String::from_utf8_lossy(&self.stranger.heard()), "", "another host was spoken to");
        self.truth.assert_keeps_no_secret(&self.site);
        self.truth.assert_tells_no_secret("a chunk", truth::chunks(&self.site.store()).as_bytes());
    }
}

/// Runs a future for so many steps and then drops it where it stands, as a kill would.
async fn steps_of<F: Future>(future: F, mut steps: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if steps == 0 {
            return Poll::Ready(None);
        }
        steps -= 1;
        let polled = future.as_mut().poll(context).map(Some);
        if steps == 0 && polled.is_pending() {
            return Poll::Ready(None);
        }
        polled
    })
    .await
}
