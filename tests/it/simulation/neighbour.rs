//! Another instance, whose files come as files do: late, in any order, again, half written, never, changed on the way, or from
//! somebody who only says to be it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use duskwatch::{
    daemon::Engine,
    evidence::{CoverageState, Day},
};
use fastrand::Rng;
use jiff::Timestamp;
use rusqlite::{Connection, named_params};
use tokio::time::sleep;

use super::{
    hours::{self, HOUR_MS},
    until,
};
use crate::{
    exchange::party::{EAST, Party, WEST, lines, signed},
    support::{Site, picture::Picture},
};

/// What it reads, as that is called where it is reported.
pub const SOURCE: &str = "exchange/west/log/west";
/// The instance itself: when it was looking.
const INSTANCE: &str = "exchange/west";
const LATE_AFTER_MS: i64 = 36 * HOUR_MS;
/// Clocks may differ by so much.
const AHEAD_MS: i64 = HOUR_MS;
const HAS_STAGED_COUNTS: &str = include_str!("../../data/faults/has_staged_counts.sql");
const HAS_TAKEN_DAYS: &str = include_str!("../../data/faults/has_taken_days.sql");

/// A file as it was written.
#[derive(Clone, Debug)]
struct Written {
    path: PathBuf,
    from: Day,
    /// Not included.
    until: Day,
    at_ms: i64,
}

/// What a file is where it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Whole,
    /// The rest is still on its way.
    Half,
    /// A byte is another.
    Changed,
    /// Signed by somebody else.
    Forged,
}

/// A file on its way, and for how many steps more.
struct Parcel {
    file: Written,
    state: State,
    arrives_in: u32,
}

/// Where an import is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Before anything of the file counts.
    Early,
    /// When some of its days do.
    Halfway,
}

pub struct Neighbour {
    party: Party,
    log: PathBuf,
    inbox: PathBuf,
    store: PathBuf,
    first: i64,
    /// The hour up to which its log is written.
    next: i64,
    parcels: Vec<Parcel>,
    /// For so many steps nothing arrives.
    cut_off: u32,
    /// Nothing goes wrong any more.
    calm: bool,
    /// What lies where files arrive.
    lying: Vec<(Written, State)>,
    /// When the file was written that speaks for a day.
    spoken: BTreeMap<Day, i64>,
    /// When the newest file was written that was taken in to its end.
    newest_ms: Option<i64>,
    /// Files of which some days may have been taken up.
    torn: Vec<Written>,
    /// When its last file was written; a file is named by that.
    last: Option<Timestamp>,
    /// How often a file was what, and what came of it.
    pub fates: BTreeMap<&'static str, u64>,
}

impl Neighbour {
    pub fn new(site: &Site, begun: Timestamp) -> Self {
        let log = "[[log]]\nname = \"west\"\nformat = \"json\"\npaths = [\"{dir}/west.jsonl\"]\n";
        let party = Party::new(site, &[], false, &(WEST.section() + log));
        let inbox = site.path("in");
        fs::create_dir(&inbox).unwrap();
        let first = begun.as_millisecond().div_euclid(24 * HOUR_MS) * 24 - 24;
        Self {
            log: party.path("west.jsonl"),
            party,
            inbox,
            store: site.store(),
            first,
            next: first,
            parcels: Vec::new(),
            cut_off: 0,
            calm: false,
            lying: Vec::new(),
            spoken: BTreeMap::new(),
            newest_ms: None,
            torn: Vec::new(),
            last: None,
            fates: BTreeMap::new(),
        }
    }

    /// What the reporter says of it.
    pub fn section() -> String {
        WEST.trusted("36h")
    }

    fn note(&mut self, fate: &'static str) {
        *self.fates.entry(fate).or_default() += 1;
    }

    /// Its log grows to an instant, and now and then it reads it and writes a file.
    pub async fn go_on(&mut self, rng: &mut Rng, present: Timestamp) {
        self.grow(present);
        if rng.usize(..3) == 0 && self.last.is_none_or(|last| last < present) {
            let recent = (rng.usize(..3) == 0).then(|| Day::of(present).plus(-rng.i32(0..4)));
            let file = self.write(recent, present).await;
            self.send(rng, file);
        }
        if self.cut_off > 0 {
            self.cut_off -= 1;
        } else if rng.usize(..20) == 0 {
            self.cut_off = rng.u32(8..30);
            self.note("cut off");
        }
        self.arrive();
    }

    fn grow(&mut self, present: Timestamp) {
        let mut text = String::new();
        for hour in self.next..present.as_millisecond().div_euclid(HOUR_MS) {
            for number in 0..hours::at_once(hour) {
                let time = Timestamp::from_millisecond(hour * HOUR_MS + i64::try_from(number).unwrap() * 60_000).unwrap();
                let repository = hours::repository(hour);
                writeln!(
                    text,
                    "{{\"time\":\"{time}\",\"username\":\"ada\",\"secret_prefix\":\"ATBB\",\"status\":200,\
                     \"host\":\"bitbucket.org\",\"path\":\"/acme/{repository}.git/info/refs\"}}"
                )
                .unwrap();
            }
            self.next = hour + 1;
        }
        OpenOptions::new().create(true).append(true).open(&self.log).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// A file of everything, or of what was counted from a day on.
    async fn write(&mut self, from: Option<Day>, now: Timestamp) -> Written {
        let (said, first) = (now.to_string(), Day::of_ms(self.first * HOUR_MS));
        self.party.poll(&said).await;
        let path = self.party.hand_over(from, &said).await;
        self.note("written");
        self.last = Some(now);
        Written { path, from: from.unwrap_or(first), until: Day::of(now).plus(1), at_ms: now.as_millisecond() }
    }

    fn send(&mut self, rng: &mut Rng, file: Written) {
        let (state, arrives_in) = match rng.usize(..12) {
            0 => return self.note("lost"),
            1 => (State::Changed, 0),
            2 => (State::Forged, 0),
            3 | 4 => (State::Half, 0),
            5 | 6 => (State::Whole, rng.u32(1..20)),
            _ => (State::Whole, 0),
        };
        if arrives_in > 0 {
            self.note("delayed");
        }
        self.parcels.push(Parcel { file, state, arrives_in });
    }

    /// What was half there is whole now; what was on its way long enough is there, unless nothing gets through.
    fn arrive(&mut self) {
        for (file, state) in &mut self.lying {
            if *state == State::Half {
                *state = State::Whole;
                fs::copy(&file.path, self.inbox.join(file.path.file_name().unwrap())).unwrap();
            }
        }
        if self.cut_off > 0 {
            return;
        }
        self.parcels.iter_mut().for_each(|parcel| parcel.arrives_in = parcel.arrives_in.saturating_sub(1));
        let (there, underway) = std::mem::take(&mut self.parcels).into_iter().partition(|parcel| parcel.arrives_in == 0);
        self.parcels = underway;
        for Parcel { file, state, .. } in there {
            let mut bytes = fs::read(&file.path).unwrap();
            match state {
                State::Whole => {}
                State::Half => bytes.truncate(bytes.len() / 2),
                State::Changed => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                }
                State::Forged => bytes = signed(&lines(&file.path), EAST.key),
            }
            fs::write(self.inbox.join(file.path.file_name().unwrap()), bytes).unwrap();
            self.lying.retain(|(other, _)| other.path != file.path);
            self.lying.push((file, state));
        }
        self.lying.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    }

    /// Whether anything lies where files arrive.
    pub fn has_files(&self) -> bool {
        !self.lying.is_empty()
    }

    /// The command that takes in whatever lies there, as a timer starts it. Returns what it said of each file, and whether
    /// it was there to judge afterwards.
    pub async fn take_in(&mut self, rng: &mut Rng, command: &Arc<Engine>, now: Timestamp, no_pages: bool) -> (Vec<String>, bool) {
        let (mut said, mut offered) = (Vec::new(), std::mem::take(&mut self.lying).into_iter());
        while let Some((file, state)) = offered.next() {
            let death = match rng.usize(..12) {
                0 if !self.calm => Some(Death::Early),
                1 if !self.calm => Some(Death::Halfway),
                _ => None,
            };
            let taken = self.import(command, &file, death, now).await;
            let name = file.path.file_name().unwrap().display().to_string();
            said.push(format!("{name}, {state:?}: {}", taken.as_ref().map_or("killed".to_owned(), |taken| format!("{taken:?}"))));
            let (killed, stays) = (taken.is_none(), self.settle(rng, &file, state, taken, (now, no_pages)));
            if stays || killed {
                self.lying.push((file, state));
            } else {
                fs::remove_file(self.inbox.join(name)).unwrap();
            }
            if killed {
                self.lying.extend(offered);
                return (said, false);
            }
        }
        (said, true)
    }

    async fn import(
        &self,
        command: &Arc<Engine>,
        file: &Written,
        death: Option<Death>,
        now: Timestamp,
    ) -> Option<Result<u64, String>> {
        let path = self.inbox.join(file.path.file_name().unwrap());
        let connection = Connection::open(&self.store).unwrap();
        let over = || match death {
            None => false,
            Some(Death::Early) => has_staged_counts(&connection),
            Some(Death::Halfway) => has_taken_days(&connection, file.at_ms),
        };
        let taken = until(over, command.import_exchange(&path, now, |_| {})).await;
        // What was being written is written, or not, before the next process begins.
        sleep(Duration::from_millis(1)).await;
        taken.map(|taken| taken.map(|imported| imported.items).map_err(|error| format!("{error:#}")))
    }

    /// What is known of a file that was offered, and whether it is offered again.
    fn settle(
        &mut self,
        rng: &mut Rng,
        file: &Written,
        state: State,
        taken: Option<Result<u64, String>>,
        (now, no_pages): (Timestamp, bool),
    ) -> bool {
        let is_ahead = file.at_ms > now.as_millisecond() + AHEAD_MS;
        match (state, taken) {
            (State::Whole, Some(Ok(_))) => {
                assert!(!is_ahead, "{file:?} was written in the future");
                for day in (file.from.0..file.until.0).map(Day) {
                    let spoken = self.spoken.entry(day).or_insert(file.at_ms);
                    *spoken = file.at_ms.max(*spoken);
                }
                self.note(if self.newest_ms >= Some(file.at_ms) { "older than known, or known" } else { "taken in" });
                self.newest_ms = self.newest_ms.max(Some(file.at_ms));
                self.torn.retain(|torn| torn.path != file.path);
                rng.usize(..4) == 0
            }
            (State::Whole, Some(Err(words))) => {
                assert!(is_ahead || no_pages, "{file:?} is refused: {words}");
                self.note(if is_ahead { "from the future" } else { "failed at the store" });
                self.tear(file, !is_ahead);
                true
            }
            (State::Whole, None) => {
                self.note("killed");
                self.tear(file, !is_ahead);
                true
            }
            (_, Some(Ok(items))) => panic!("{items} items of {file:?} were taken in, which is {state:?}"),
            (State::Half, _) => {
                self.note("half written");
                true
            }
            (State::Changed, _) => {
                self.note("changed on the way");
                false
            }
            (State::Forged, _) => {
                self.note("of another key");
                false
            }
        }
    }

    fn tear(&mut self, file: &Written, may_count: bool) {
        if may_count && !self.torn.iter().any(|torn| torn.path == file.path) {
            self.torn.push(file.clone());
        }
    }

    /// Each day is counted, and called covered, as the newest file says that speaks for it; of one that was not taken in to
    /// its end each day is as before or as it says.
    pub fn assert_counted(&self, picture: &Picture) {
        let counted = hours::counted(picture, SOURCE);
        let (first, end) = (Day::of_ms(self.first * HOUR_MS), Day::of_ms(self.next * HOUR_MS).plus(1));
        let days: BTreeSet<Day> = counted.keys().map(|hour| Day::of_ms(hour * HOUR_MS)).collect();
        assert!(days.iter().all(|day| (first..end).contains(day)), "{days:?}");
        for day in (first.0..end.0).map(Day) {
            let known = self.spoken.get(&day).copied();
            let torn = self.torn.iter().filter(|file| (file.from..file.until).contains(&day)).map(|file| Some(file.at_ms));
            let may_be: BTreeSet<Option<i64>> = torn.filter(|at| *at > known).chain([known]).collect();
            let as_of = |written: &Option<i64>| hours::of(day).all(|hour| fits(picture, &counted, hour, *written));
            let found: Vec<_> = hours::of(day).map(|hour| counted.get(&hour).copied().unwrap_or(0)).collect();
            assert!(
                may_be.iter().any(as_of),
                "{day} is {found:?}, covered {:?}, and is to be as of {may_be:?}",
                picture.coverage.get(SOURCE)
            );
        }
    }

    /// Whoever asks whether all is well is told when no newer file came for long.
    pub fn assert_missed(&self, not_ready: &[String], now: Timestamp) {
        let late = self.newest_ms.is_none_or(|at| (now.as_millisecond() - at).abs() > LATE_AFTER_MS);
        let told = not_ready.iter().any(|line| line.starts_with(&format!("{INSTANCE}: ")));
        // The trouble of the store is told in the place of all others; of a torn file it is not known whether it was the end.
        if self.torn.is_empty() && !not_ready.iter().any(|line| line.starts_with("store: ")) {
            assert_eq!(told, late, "its newest file is of {:?}: {not_ready:?}", self.newest_ms);
        }
    }

    /// Its last file gets through, and whatever else is under way does not matter any more.
    pub async fn come_through(&mut self, present: Timestamp) {
        self.grow(present);
        (self.cut_off, self.calm) = (0, true);
        let file = self.write(None, present).await;
        self.parcels.push(Parcel { file, state: State::Whole, arrives_in: 0 });
        self.arrive();
    }

    /// Everything that it has counted is counted here.
    pub fn assert_complete(&self, picture: &Picture, present: Timestamp) {
        let counted = hours::counted(picture, SOURCE);
        let wanted = self.first..present.as_millisecond().div_euclid(HOUR_MS);
        let expected: BTreeMap<i64, u64> = wanted.map(|hour| (hour, hours::at_once(hour))).collect();
        assert!(self.torn.is_empty(), "{:?}", self.torn);
        assert_eq!(counted, expected);
        assert_eq!(picture.items(SOURCE), expected.values().sum::<u64>());
    }
}

/// Whether an hour is counted and covered as in a file that was written then.
fn fits(picture: &Picture, counted: &BTreeMap<i64, u64>, hour: i64, written: Option<i64>) -> bool {
    let known = written.is_some_and(|at| (hour + 1) * HOUR_MS <= at);
    let expected = if known { hours::at_once(hour) } else { 0 };
    let covered = |source| hours::looked_at(picture, source, hour) == Some(CoverageState::Covered);
    let counts = counted.get(&hour).copied().unwrap_or(0) == expected;
    counts && [SOURCE, INSTANCE].into_iter().all(|source| covered(source) == known)
}

fn has_staged_counts(connection: &Connection) -> bool {
    connection.query_row(HAS_STAGED_COUNTS, [], |row| row.get(0)).unwrap()
}

fn has_taken_days(connection: &Connection, written_ms: i64) -> bool {
    connection.query_row(HAS_TAKEN_DAYS, named_params! { ":written_ms": written_ms }, |row| row.get(0)).unwrap()
}
