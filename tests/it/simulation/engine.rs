//! An engine that keeps a log of its own: it is down, refuses, dawdles, gives up in the middle, answers what was not asked, and
//! knows some rows late.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use duskwatch::evidence::CoverageState;
use fastrand::Rng;
use jiff::Timestamp;

use super::hours::{self, HOUR_MS};
use crate::{
    mixtures::{ledger::Looks, trouble::pick},
    support::{
        lake::{Lake, Trouble},
        picture::Picture,
    },
};

pub const SOURCE: &str = "query/lake";
/// How long late rows are waited for, of a slice, and one more: the longest that a settled slice may go beyond what was there.
const WAITED_MS: i64 = 6 * HOUR_MS;
/// What duskwatch signs in with.
pub const PASSWORD: &str = "q7RkT2vXw9LmB4ns";

/// What goes wrong. An answer may take ten minutes.
const TROUBLES: [Trouble; 14] = [
    Trouble::Exception,
    Trouble::Cut,
    Trouble::Stranger,
    Trouble::HangsUp,
    Trouble::Refuses("401 Unauthorized", ""),
    Trouble::Refuses("403 Forbidden", "Code: 497. DB::Exception: Not enough privileges"),
    Trouble::Refuses("404 Not Found", "Code: 60. DB::Exception: There is no such table"),
    Trouble::Refuses("500 Internal Server Error", "Code: 241. DB::Exception: Memory limit exceeded"),
    Trouble::Refuses("503 Service Unavailable", ""),
    Trouble::Late(20),
    Trouble::Late(1_000),
    Trouble::Malformed,
    Trouble::Overlapping,
    Trouble::Page,
];

pub struct Keeper {
    pub lake: Lake,
    /// Up to when the world has gone on, in milliseconds.
    present: Arc<AtomicI64>,
    /// How far the clock of the engine is behind it.
    behind: Arc<AtomicI64>,
    /// The first hour of the first day.
    begun: i64,
}

/// How far the first look goes back.
const BACKFILL_DAYS: i64 = 3;

impl Keeper {
    pub async fn start(begun: Timestamp) -> Self {
        let (lake, present) = (Lake::start().await, Arc::new(AtomicI64::new(begun.as_millisecond())));
        let now = Arc::clone(&present);
        lake.shows(move |hour| held(hour, now.load(Ordering::Relaxed)));
        let behind = Arc::new(AtomicI64::new(0));
        let clock = (Arc::clone(&present), Arc::clone(&behind));
        lake.tells_time(move || clock.0.load(Ordering::Relaxed) - clock.1.load(Ordering::Relaxed));
        let begun = begun.as_millisecond().div_euclid(24 * HOUR_MS) * 24;
        Self { lake, present, behind, begun }
    }

    /// The section that asks it; its password stands in a file.
    pub fn section(&self, password: &str) -> String {
        let settings = format!(
            "username = \"duskwatch\"\npassword = \"file:{password}\"\nslice = \"2h\"\nlate = \"3h\"\n\
             backfill = \"{BACKFILL_DAYS}d\"\n"
        );
        self.lake.section_with(&settings)
    }

    pub fn go_on(&self, present: Timestamp) {
        self.present.store(present.as_millisecond(), Ordering::Relaxed);
    }

    /// What goes wrong in the next step, if anything does: all the time, or once after some answers.
    pub fn disturb(&self, rng: &mut Rng) {
        self.lake.fails(None);
        let behind = if rng.usize(..8) == 0 { rng.i64(1..100) * HOUR_MS } else { 0 };
        self.behind.store(behind, Ordering::Relaxed);
        if rng.usize(..3) == 0 {
            let trouble = pick(rng, &TROUBLES);
            if rng.bool() {
                self.lake.fails(Some(trouble));
            } else {
                self.lake.fails_after(rng.usize(..3), trouble);
            }
        }
    }

    /// Nothing goes wrong any more.
    pub fn is_well(&self) {
        self.lake.is_well();
        self.behind.store(0, Ordering::Relaxed);
    }

    /// Of each hour that the ledger calls covered all is counted, late rows included, and nothing of an hour that it does not
    /// speak of. Of one that is looked at in part all is there that was known at the end of it. Running totals count no line twice,
    /// and leave out none but of hours that a wrong clock may have settled too early; they have what of these is asked for again.
    pub fn assert_counted(&self, picture: &Picture, looks: &Looks) {
        let (counted, mut lines, mut doubted, mut again) = (hours::counted(picture, SOURCE), 0, 0, 0);
        let (first, end) = (self.begun - 24 * BACKFILL_DAYS, self.present.load(Ordering::Relaxed) / HOUR_MS);
        assert!(counted.keys().all(|hour| (first..end).contains(hour)), "{counted:?}");
        for hour in first..end {
            let (found, whole) = (counted.get(&hour).copied().unwrap_or(0), all_of(hour));
            let state = hours::looked_at(picture, SOURCE, hour);
            let (fits, settled) = match state {
                Some(CoverageState::Covered) => (found == whole, whole),
                Some(CoverageState::Partial) => ((hours::at_once(hour)..=whole).contains(&found), 0),
                _ => (found == 0, 0),
            };
            assert!(
                fits,
                "{found} of {whole} are counted in hour {hour}, which is {state:?}: {:?}",
                picture.coverage.get(SOURCE)
            );
            lines += settled;
            if looks.is_in_doubt(hour * HOUR_MS, WAITED_MS) {
                (doubted, again) = (doubted + settled, again + whole - settled);
            }
        }
        let (items, fit) = (picture.items(SOURCE), lines - doubted..=lines + again);
        assert!(
            fit.contains(&items),
            "{items} of {lines} settled lines, {doubted} of them in doubt, and {again} that were settled"
        );
    }

    /// Everything since the first day that can be settled is.
    pub fn assert_settled(&self, picture: &Picture, now: Timestamp) {
        let settled = now.as_millisecond() / HOUR_MS - 6;
        let open: Vec<i64> = (self.begun..settled)
            .filter(|hour| hours::looked_at(picture, SOURCE, *hour) != Some(CoverageState::Covered))
            .collect();
        assert!(open.is_empty(), "{open:?} of {:?}", picture.coverage.get(SOURCE));
    }
}

fn all_of(hour: i64) -> u64 {
    hours::at_once(hour) + hours::later(hour).0
}

/// What is known of an hour at an instant.
fn held(hour: i64, present_ms: i64) -> Vec<(String, usize)> {
    let (late, after) = hours::later(hour);
    let late = if (hour + 1) * HOUR_MS + after <= present_ms { late } else { 0 };
    vec![(hours::repository(hour), usize::try_from(hours::at_once(hour) + late).unwrap())]
}
