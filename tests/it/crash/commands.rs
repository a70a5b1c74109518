//! Every command that writes, killed at every place where it does, or refused by its disk; then it is called again, as
//! somebody would.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    process::Stdio,
};

use duskwatch::store::Store;
use jiff::Timestamp;
use tokio::task::{JoinSet, block_in_place};

use super::{Disk, Letter, Life, assert_packages_are_whole, assert_sent_once, assert_sound, crashes};
use crate::exchange::party::{self, Party, WEST};
use crate::support::{
    NOW, Site, at, days_before,
    disk::{Disk as FaultyDisk, Fault},
    file_name, files,
    lake::Lake,
    picture::{Picture, assert_same_counts},
    program::{duskwatch_at, program},
    smtp::MailServer,
};

/// Crashes that are played where nobody asks for more.
const CRASHES: usize = 20;
/// The same of a disk that refuses.
const REFUSALS: usize = 20;
const HISTORY_DAYS: u32 = 8;
/// Lines of the file that is imported: more than one batch.
const IMPORTED: i64 = 3_000;

/// A command, and how many days before [`NOW`] everything was read before it is called.
struct Scenario {
    name: &'static str,
    arguments: &'static [&'static str],
    read_before: &'static [i64],
}

const SCENARIOS: [Scenario; 12] = [
    Scenario { name: "the first poll", arguments: &["poll"], read_before: &[] },
    Scenario { name: "a poll", arguments: &["poll"], read_before: &[1] },
    Scenario { name: "an engine", arguments: &["poll", "--source", "query/lake"], read_before: &[1] },
    Scenario { name: "import", arguments: &["import", "--format", "json", "hand.jsonl"], read_before: &[0] },
    Scenario { name: "a register", arguments: &["import", "--format", "directory", "people.csv"], read_before: &[0] },
    Scenario { name: "an exchange", arguments: &["import", "--format", "exchange", "west.ndjson.zst"], read_before: &[0] },
    Scenario { name: "send", arguments: &["send", "--audience", "security"], read_before: &[0] },
    Scenario { name: "export", arguments: &["export"], read_before: &[0] },
    Scenario { name: "reclassify", arguments: &["reclassify"], read_before: &[0] },
    Scenario { name: "prune", arguments: &["store", "prune"], read_before: &[0] },
    Scenario { name: "forget", arguments: &["store", "forget", "SOMEBODY"], read_before: &[0] },
    Scenario { name: "backup", arguments: &["store", "backup", "copy.db"], read_before: &[0] },
];

/// What a command leaves behind when nothing goes wrong.
struct Calm {
    picture: Picture,
    letters: BTreeSet<Letter>,
    /// The files of packages and copies.
    made: BTreeSet<String>,
}

/// A command about to be called.
struct Stage {
    scenario: &'static Scenario,
    site: Site,
    mail: MailServer,
    disk: FaultyDisk,
    before: Disk,
    arguments: Vec<String>,
    /// What is asked, as long as this stands.
    _lake: Lake,
}

#[derive(Debug, Default)]
struct Outcome {
    faults: u64,
    by_scenario: BTreeMap<&'static str, u64>,
    /// How many operations of a scenario each of the faults may strike.
    operations: BTreeMap<&'static str, Vec<u64>>,
    repeated_mails: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_killed_at_any_operation_of_its_disk_leaves_nothing_half_done() {
    let outcome = play_all(&Fault::DEADLY, CRASHES).await;
    eprintln!("crashes of commands: {outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_disk_refuses_at_any_operation_says_so_and_leaves_nothing_half_done() {
    let outcome = play_all(&Fault::REFUSALS, REFUSALS).await;
    eprintln!("refusals of a disk: {outcome:#?}");
}

/// Plays as many faults as are wanted, as many of each scenario.
async fn play_all(faults: &'static [Fault], otherwise: usize) -> Outcome {
    let (wanted, mut plays) = ((crashes(otherwise) as u64).div_ceil(SCENARIOS.len() as u64), JoinSet::new());
    for (number, scenario) in SCENARIOS.iter().enumerate() {
        plays.spawn(async move { play(scenario, 90 + number as u64, faults, wanted).await });
    }
    let mut outcome = Outcome::default();
    while let Some(played) = plays.join_next().await {
        let played = played.unwrap();
        outcome.faults += played.faults;
        outcome.by_scenario.extend(played.by_scenario);
        outcome.operations.extend(played.operations);
        outcome.repeated_mails += played.repeated_mails;
    }
    assert!(outcome.faults >= wanted, "{outcome:#?}");
    outcome
}

async fn play(scenario: &'static Scenario, seed: u64, faults: &'static [Fault], wanted: u64) -> Outcome {
    let stage = Stage::set(scenario, seed).await;
    let calm = stage.calm().await;
    let places: Vec<u64> = faults.iter().map(|fault| stage.operations(*fault)).collect();
    assert!(places[0] > 5, "{}: {places:?} operations are no test", scenario.name);
    let kinds = faults.len() as u64;
    let wanted = wanted.min(places.iter().sum());
    let mut outcome = Outcome { faults: wanted, ..Outcome::default() };
    for step in 0..wanted {
        // Spread over the operations and the faults, the same ones each time; all of them where so many are wanted.
        let kind = usize::try_from(step % kinds).unwrap();
        let times = wanted.div_ceil(kinds);
        let operation = (step / kinds * places[kind] + places[kind] / 2) / times + 1;
        outcome.repeated_mails += stage.fail(&calm, faults[kind], operation).await;
    }
    outcome.by_scenario.insert(scenario.name, wanted);
    outcome.operations.insert(scenario.name, places);
    outcome
}

impl Stage {
    async fn set(scenario: &'static Scenario, seed: u64) -> Self {
        let (mut site, mail) = super::site(seed, HISTORY_DAYS).await;
        write_inputs(&site);
        let lake = Lake::start().await;
        if scenario.name == "an engine" {
            super::append(&site, &lake.section());
        }
        let mut arguments: Vec<String> = scenario.arguments.iter().map(ToString::to_string).collect();
        for days in scenario.read_before {
            let before = days_before(at(NOW), *days);
            site.grow(before);
            let ran = duskwatch_at(&site, &before.to_string(), &["poll"]);
            assert_eq!(ran.status, 0, "{ran:#?}");
        }
        site.grow(at(NOW));
        if scenario.name == "export" {
            // Of the same day, so that it is replaced.
            let ran = duskwatch_at(&site, NOW, &["export"]);
            assert_eq!(ran.status, 0, "{ran:#?}");
        }
        if scenario.name == "an exchange" {
            let west = Party::new(&site, &party::logs(&site), false, &WEST.section());
            west.poll(NOW).await;
            fs::copy(west.hand_over(None, NOW).await, site.path("west.ndjson.zst")).unwrap();
            super::append(&site, &party::exchanges("36h"));
        }
        change_configuration(&site, scenario.name);
        for argument in &mut arguments {
            if argument == "SOMEBODY" {
                let truth = site.world.truth();
                argument
                    .clone_from(&truth.users().iter().find(|user| !user.service && user.formerly.is_none()).unwrap().account_id);
            }
        }
        let (disk, before) = (FaultyDisk::of(&site), Disk::of(&site));
        Self { scenario, site, mail, disk, before, arguments, _lake: lake }
    }

    /// Calls the command, and returns how it ended and what it said; no status when it was killed.
    fn call(&self, fault: Fault, operation: u64) -> (Option<i32>, String) {
        let mut command = program(&self.site);
        command.args(["--now", NOW]).args(&self.arguments).stdin(Stdio::null());
        self.disk.under(&mut command, fault, operation);
        let ran = block_in_place(|| command.output()).unwrap();
        let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(!said.contains("panicked"), "{}: {said}", self.scenario.name);
        (ran.status.code(), said)
    }

    /// Calls the command while nothing fails.
    fn call_calmly(&self, when: &str) {
        let (status, said) = self.call(Fault::Kill, 0);
        // Who was erased before is nobody's name any more.
        let erased = self.scenario.name == "forget" && said.contains("nobody goes by");
        assert!(status == Some(0) || erased, "{when}: {status:?}: {said}");
    }

    fn operations(&self, fault: Fault) -> u64 {
        self.before.put_back(&self.site);
        self.call(fault, 0);
        self.mail.take_in_order();
        self.disk.operations()
    }

    /// What is written beside the store.
    fn made(&self) -> BTreeSet<String> {
        let shown = |path: &&std::path::PathBuf| path.starts_with(self.site.path("csv")) || file_name(path) == "copy.db";
        let name = |path: &std::path::PathBuf| path.strip_prefix(self.site.dir.path()).unwrap().display().to_string();
        files(self.site.dir.path()).iter().filter(shown).map(name).collect()
    }

    async fn calm(&self) -> Calm {
        self.call_calmly(self.scenario.name);
        let letters = assert_sent_once(&[Life::of(&self.site, &self.mail)]);
        Calm { picture: Picture::of(&self.site.store()).await, letters, made: self.made() }
    }

    /// One fault and the next call. Returns how many mails came twice.
    async fn fail(&self, calm: &Calm, fault: Fault, operation: u64) -> u64 {
        let when = format!("{}: {fault:?} at operation {operation}", self.scenario.name);
        self.before.put_back(&self.site);
        let (status, said) = self.call(fault, operation);
        if let Some(status) = status.filter(|status| *status != 0) {
            let words = fault.words();
            assert!(!words.is_empty() && words.iter().any(|words| said.contains(words)), "{when}: {status}: {said}");
        }
        let first = Life::of(&self.site, &self.mail);
        // A store that was never made whole is none yet: the next call makes it.
        let none = self.scenario.read_before.is_empty() && Store::open_read_only(&self.site.store()).is_err();
        if !none {
            assert_sound(&self.site, &when).await;
        }
        assert_packages_are_whole(&self.site, &when);

        self.call_calmly(&when);
        assert_sound(&self.site, &when).await;
        assert_packages_are_whole(&self.site, &when);
        let second = Life::of(&self.site, &self.mail);
        let arrived = first.sent.len() + second.sent.len();
        let sent = assert_sent_once(&[first, second]);
        assert_eq!(sent, calm.letters, "{when}");
        assert_eq!(self.made(), calm.made, "{when}");
        assert_same(&calm.picture, &Picture::of(&self.site.store()).await, &when);
        (arrived - sent.len()) as u64
    }
}

fn assert_same(calm: &Picture, found: &Picture, when: &str) {
    eprintln!("{when}");
    assert_same_counts(&calm.counts, &found.counts);
    assert_eq!(calm.totals.items, found.totals.items, "{when}");
    let skipped = |picture: &Picture| {
        let totals = picture.totals.skipped.iter();
        totals.map(|total| (total.source.clone(), total.reason.clone(), total.count)).collect::<BTreeSet<_>>()
    };
    assert_eq!(skipped(calm), skipped(found), "{when}");
    let authentications = |picture: &Picture| format!("{:?}", picture.totals.authentications);
    assert_eq!(authentications(calm), authentications(found), "{when}");
    let ledger = |picture: &Picture| {
        let intervals = |(source, _): (&String, _)| (source.clone(), format!("{:?}", picture.states_of(source)));
        picture.coverage.iter().map(intervals).collect::<Vec<_>>()
    };
    assert_eq!(ledger(calm), ledger(found), "{when}");
}

/// Files to be imported.
fn write_inputs(site: &Site) {
    let (mut lines, last) = (String::new(), at(NOW).as_second());
    for n in 0..IMPORTED {
        let time = Timestamp::from_second(last - 60 * n).unwrap();
        writeln!(
            lines,
            "{{\"time\":\"{time}\",\"username\":\"user-{}\",\"secret_prefix\":\"ATBB\",\"status\":200,\"method\":\"GET\",\
             \"host\":\"bitbucket.org\",\"path\":\"/acme/repo-{}.git/info/refs\"}}",
            n % 7,
            n % 50
        )
        .unwrap();
    }
    fs::write(site.path("hand.jsonl"), lines).unwrap();
    let mut people = "email,nickname,account_id,name,team\n".to_owned();
    for n in 0..50 {
        writeln!(people, "user-{n}@example.test,user-{n},,Somebody {n},payments").unwrap();
    }
    fs::write(site.path("people.csv"), people).unwrap();
}

/// What makes a command have something to do.
fn change_configuration(site: &Site, scenario: &str) {
    let mut text = fs::read_to_string(site.config()).unwrap();
    match scenario {
        "prune" => text = text.replace("9999d", "3d"),
        "reclassify" => text += "[[origin]]\nname = \"everywhere\"\nnetworks = [\"0.0.0.0/0\"]\n",
        _ => return,
    }
    fs::write(site.config(), text).unwrap();
}

#[test]
fn a_mail_may_come_twice_only_where_the_word_of_its_arrival_was_cut_off() {
    let letter = |name: &str| (name.to_owned(), "to".to_owned());
    let life = |sent: &[&str], recorded: &[&str]| Life {
        sent: sent.iter().map(|name| letter(name)).collect(),
        recorded: recorded.iter().map(|name| letter(name)).collect(),
    };
    assert_eq!(assert_sent_once(&[life(&["a", "b"], &["a"]), life(&["b", "c"], &["a", "b", "c"])]).len(), 3);
    let wrong = [
        [life(&["a", "b"], &[]), life(&["a"], &[])],
        [life(&["a", "b"], &["a", "b"]), life(&["b"], &["a", "b"])],
        [life(&["a"], &["a"]), life(&["a"], &["a"])],
        [life(&["a"], &["a", "b"]), life(&[], &["a", "b"])],
    ];
    for lives in wrong {
        assert!(std::panic::catch_unwind(|| assert_sent_once(&lives)).is_err());
    }
}
