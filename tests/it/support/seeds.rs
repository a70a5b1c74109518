//! Plays that are drawn from seeds: a few where nobody asks for more, many or one alone by the environment.

use std::{
    env,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// What is to be played, and how.
pub struct Plays {
    /// `DUSKWATCH_{name}S` says how many to play, `DUSKWATCH_{name}_SEED` which one alone.
    pub name: &'static str,
    /// How many are played where nobody asks.
    pub few: u64,
    /// A long play shows every so many seeds how it goes.
    pub shown_every: u64,
}

#[expect(clippy::disallowed_methods, reason = "how long to play is asked for on the command line of the tests")]
pub fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

impl Plays {
    /// Plays as many seeds at a time as there are processors, and fails with those that failed. What is played learns its
    /// seed, and whether somebody asked for it. Returns what came of all.
    pub fn play<T: Debug + Default + Send>(&self, one: impl Fn(u64, bool) -> T + Sync, add: impl Fn(&mut T, T) + Sync) -> T {
        let alone_by = format!("DUSKWATCH_{}_SEED", self.name);
        let (alone, many) = (number(&alone_by), number(&format!("DUSKWATCH_{}S", self.name)));
        let asked = alone.or(many).is_some();
        let seeds = alone.map_or(0..many.unwrap_or(self.few), |seed| seed..seed + 1);
        let begun = Instant::now();
        let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new((0, T::default(), Vec::new())));
        let worker = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if !seeds.contains(&seed) {
                    return;
                }
                let played = catch_unwind(AssertUnwindSafe(|| one(seed, asked)));
                let (played_so_far, outcome, failed) = &mut *sum.lock().unwrap();
                match played {
                    Ok(played) => add(outcome, played),
                    Err(_) => failed.push(seed),
                }
                *played_so_far += 1;
                if u64::is_multiple_of(*played_so_far, self.shown_every) {
                    let seconds = begun.elapsed().as_secs();
                    eprintln!("{played_so_far} played in {seconds} s: {outcome:?}, failed: {failed:?}");
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().unwrap().get() {
                scope.spawn(worker);
            }
        });
        let (played, outcome, mut failed) = sum.into_inner().unwrap();
        eprintln!("{played} played in {} s: {outcome:#?}", begun.elapsed().as_secs());
        failed.sort_unstable();
        assert!(failed.is_empty(), "replay one of them with {alone_by}: {failed:?}");
        outcome
    }
}
