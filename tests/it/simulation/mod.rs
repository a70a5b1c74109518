//! Weeks of a service in seconds: every source, the store, the judgement, the schedule and the outbox go by a simulated clock,
//! while everything around them fails now and then. After each step the store is compared with the truth, and the mail with
//! the schedule.
//!
//! What is simulated is the step of the service: which sources are due, a round of each (an engine that keeps a log among them),
//! what a sender pushes, the files of another instance that a command beside the service takes in, a judgement, what is due by
//! the schedule, what waits in the outbox for people, for programs and for a collector of OpenTelemetry, what is an alarm. The
//! world answers on loopback in the same thread, under a clock that jumps over every pause, so that a day costs what is computed
//! in it and the product needs no second way to speak to a server. One step comes after the other, so a seed plays the same
//! every time: `DUSKWATCH_SIMULATION_SEED=7` replays one, `DUSKWATCH_SIMULATIONS=100` plays so many.

pub mod collector;
pub mod engine;
mod hours;
mod life;
mod neighbour;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, mpsc},
    task::Poll,
    thread,
    time::Duration,
};

use data_encoding::BASE64;
use duskwatch::{
    daemon::{
        Engine, Judged, Measured, Senders, StoreAlarm,
        schedule::{Due, interval_due},
    },
    deliver::otel::Exporter,
    report::{Alarm, Audience, Late},
    simulator::{self, ServeOptions, Server},
    store::Store,
};
use fastrand::Rng;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rusqlite::Connection;
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use collector::Watch;
use engine::Keeper;
use life::{Budgets, Life};
use neighbour::Neighbour;

use crate::{
    mixtures::{
        NIGHT, by_a_clock_that_jumps,
        files::Files,
        ledger::{self, Checked, Looks},
        trouble::{self, Stranger},
        truth::{self, Items, Truth},
    },
    support::{
        Site, at, days_before,
        hooks::{Hooks, Manner},
        picture::{Picture, assert_no_count_is_missing, assert_same_counts},
        seeds::Plays,
        smtp::MailServer,
    },
};

const PLAYS: Plays = Plays { name: "SIMULATION", few: 2, shown_every: 10 };
/// The days of a play, and of one that somebody asks for.
const FEW_DAYS: i64 = 3;
const ALL_DAYS: i64 = 23;
/// The seed that is played twice: in its day are a kill, files of the other instance and a collector in a mood.
const REPEATED: u64 = PLAYS.few;
/// Lines of what happened before a failure.
const TOLD_OF_A_FAILURE: usize = 120;
/// Small ones, so that they are spent.
const BUDGETS: Budgets = Budgets { a_minute: 20, an_hour: 150 };
const READERS: [(&str, &str); 2] = [("security@example.test", "security"), ("board@example.test", "leadership")];
/// The source of what is pushed, and the lines of one request.
const SENDER: &str = "intake/ci";
const PUSHED: i64 = 4;
/// What the sender signs in with, and what webhooks are signed with.
pub const SENDER_TOKEN: &str = "J8tWv0sLq2cY5hXn";
pub const HOOK_KEY: [u8; 32] = [7; 32];
/// So much of the world's time goes by between two steps of a clock that is wrong.
const MOMENT: Duration = Duration::from_secs(600);
/// When the digest is due, by the clock of Berlin.
const DIGEST: (i8, i8) = (2, 30);

/// What fails beside the servers, for some steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// The directory of the logs is not there.
    LogsAway,
    /// The store takes no page; no attempt at a mail.
    NoPages,
    NoAttempts,
    /// The mail server refuses for now; takes a mail and does not say so.
    MailRefused,
    MailSilent,
    /// The same of the receiver of webhooks.
    HooksRefused,
    HooksSilent,
    /// A file stands where packages are to be written.
    PackagesBlocked,
}

impl Trouble {
    const ALL: [Self; 8] = [
        Self::LogsAway,
        Self::NoPages,
        Self::NoAttempts,
        Self::MailRefused,
        Self::MailSilent,
        Self::HooksRefused,
        Self::HooksSilent,
        Self::PackagesBlocked,
    ];
}

/// What came of one seed, or of many.
#[derive(Debug, Default)]
struct Outcome {
    seeds: u64,
    days: u64,
    steps: u64,
    rounds: u64,
    failed_rounds: u64,
    kills: u64,
    kills_inside_a_round: u64,
    jumps: u64,
    times_ahead: u64,
    digests: u64,
    late_digests: u64,
    mails: u64,
    repeated_mails: u64,
    events: u64,
    repeated_events: u64,
    alarms: u64,
    pushes: u64,
    /// How often an item was there, and in covered time.
    checked: Checked,
    requests: u64,
    /// The most requests of a life in a minute to the organisation's APIs, and in an hour to the workspaces'.
    fullest: (usize, usize),
    questions: u64,
    exports: u64,
    told_changes: u64,
    repeated_changes: u64,
    troubles: BTreeMap<Trouble, u64>,
    faults: BTreeMap<&'static str, u64>,
    /// What became of the answers of the engine, of the files of the other instance, and of what was sent to the collector.
    answers: BTreeMap<&'static str, u64>,
    files: BTreeMap<&'static str, u64>,
    collector: BTreeMap<&'static str, u64>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.days += other.days;
        self.steps += other.steps;
        self.rounds += other.rounds;
        self.failed_rounds += other.failed_rounds;
        self.kills += other.kills;
        self.kills_inside_a_round += other.kills_inside_a_round;
        self.jumps += other.jumps;
        self.times_ahead += other.times_ahead;
        self.digests += other.digests;
        self.late_digests += other.late_digests;
        self.mails += other.mails;
        self.repeated_mails += other.repeated_mails;
        self.events += other.events;
        self.repeated_events += other.repeated_events;
        self.alarms += other.alarms;
        self.pushes += other.pushes;
        self.checked.add(other.checked);
        self.requests += other.requests;
        self.fullest = (self.fullest.0.max(other.fullest.0), self.fullest.1.max(other.fullest.1));
        self.questions += other.questions;
        self.exports += other.exports;
        self.told_changes += other.told_changes;
        self.repeated_changes += other.repeated_changes;
        add(&mut self.troubles, other.troubles);
        add(&mut self.faults, other.faults);
        add(&mut self.answers, other.answers);
        add(&mut self.files, other.files);
        add(&mut self.collector, other.collector);
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *sums.entry(key).or_default() += count;
    }
}

#[test]
fn whatever_fails_the_store_is_true_the_ledger_honest_and_each_digest_sent_once() {
    let play = |seed, asked| play(crate::mixtures::truth(seed), seed, if asked { ALL_DAYS } else { FEW_DAYS }).0;
    let outcome = PLAYS.play(play, Outcome::add);
    outcome.checked.assert_many(if outcome.seeds < PLAYS.few { 10 } else { 2 });
    assert!(outcome.fullest.0 * 2 > BUDGETS.ours().0, "nothing was spent: {outcome:?}");
    assert!(outcome.days < 200 || outcome.times_ahead > 10, "the clock was never ahead: {outcome:?}");
}

#[test]
fn on_a_day_whose_clocks_are_set_back_a_digest_is_due_once() {
    // In Berlin it is half past two twice on 25 October.
    let truth = crate::mixtures::truth_of(40, at("2026-10-27T07:00:00Z"));
    let (outcome, _) = play(Box::leak(Box::new(truth)), PLAYS.few + 1, FEW_DAYS);
    assert!(outcome.digests > 1 && outcome.days >= FEW_DAYS.unsigned_abs(), "{outcome:?}");
}

#[test]
fn a_seed_plays_the_same_every_time() {
    let one = || play(crate::mixtures::truth(REPEATED), REPEATED, 1);
    let ((outcome, first), (_, second)) = (one(), one());
    let moods = outcome.collector.keys().filter(|mood| **mood != "takes").count();
    assert!(outcome.kills > 0 && outcome.files.len() > 2 && moods > 0, "too little to compare: {outcome:#?}");
    let differing = first.lines().zip(second.lines()).find(|(a, b)| a != b);
    assert_eq!(differing, None);
    assert!(first == second && first.lines().count() > 50);
}

/// What came of a seed, and everything that happened.
fn play(truth: &'static Truth, seed: u64, days: i64) -> (Outcome, String) {
    by_a_clock_that_jumps(async move {
        let mut simulation = Simulation::begin(truth, seed, days).await;
        simulation.troubled_days().await;
        simulation.calm_end().await;
        (std::mem::take(&mut simulation.outcome), std::mem::take(&mut simulation.trace))
    })
}

/// A mail as it arrived last.
struct Letter {
    subject: String,
    /// Whether its sender was told.
    acknowledged: bool,
}

/// What the process knows that lives; another one begins without it.
#[derive(Default)]
struct Memory {
    /// When each source was started last.
    started: Vec<Option<Timestamp>>,
    dirty: bool,
    begun: Timestamp,
    returned: Option<Vec<Alarm>>,
    measured: Measured,
    store_alarm: StoreAlarm,
    senders: Option<Senders>,
    exporter: Option<Arc<Exporter>>,
}

impl Memory {
    fn of(engine: &Engine, begun: Timestamp) -> Self {
        let exporter = engine.start_exporter().unwrap().map(Arc::new);
        Self { started: vec![None; engine.source_names().len()], dirty: true, begun, exporter, ..Self::default() }
    }

    fn note(&mut self, judged: &Judged) {
        (self.dirty, self.returned, self.measured) = (false, Some(judged.returned()), judged.measured());
    }
}

struct Simulation {
    truth: &'static Truth,
    rng: Rng,
    site: Site,
    files: Files,
    stranger: Stranger,
    mail: MailServer,
    hooks: Hooks,
    keeper: Keeper,
    neighbour: Neighbour,
    watch: Watch,
    /// The same world without any trouble.
    calm: Server,
    engine: Arc<Engine>,
    memory: Memory,
    begun: Timestamp,
    now: Timestamp,
    /// Up to when the world has gone on.
    present: Timestamp,
    /// Since when, in the world, the clock of the service is ahead of it. What the ledger says of that time it cannot know.
    ahead: Option<Timestamp>,
    /// What fails now, and for how many steps more.
    troubles: BTreeMap<Trouble, u32>,
    /// Whether this is the last step, in which nobody is killed.
    last: bool,
    /// Whether the world has had items that its truth does not know.
    added: bool,
    looks: Looks,
    /// What the present process has asked of the servers.
    life: Life,
    /// The mails that arrived, by id and recipient.
    arrived: BTreeMap<(String, String), Letter>,
    /// The events that arrived, by id, and whether their sender knows it.
    events: BTreeMap<String, bool>,
    /// How often each alarm has begun, less how often it was over, as programs were told.
    alarms: BTreeMap<String, i64>,
    /// The request that the sender has not seen answered yet.
    unanswered: Option<Vec<u8>>,
    outcome: Outcome,
    trace: String,
}

/// What led to a failure is told with it.
impl Drop for Simulation {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines: Vec<&str> = self.trace.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(TOLD_OF_A_FAILURE)..].join("\n"));
        }
    }
}

impl Simulation {
    async fn begin(truth: &'static Truth, seed: u64, days: i64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5117);
        let stranger = Stranger::start().await;
        let served = ServeOptions {
            requests_per_minute: BUDGETS.a_minute,
            requests_per_hour: BUDGETS.an_hour,
            ..trouble::server(&mut rng, stranger.origin.clone())
        };
        let mut site = Site::new(&truth.world, served).await;
        site.watch_jobs();
        let begun = days_before(truth.world.now(), days);
        let (mail, hooks) = (MailServer::start().await, Hooks::start().await);
        let (keeper, neighbour, watch) = (Keeper::start(begun).await, Neighbour::new(&site, begun), Watch::start().await);
        configure(&site, &mail, &hooks, (&keeper, &watch));
        site.grow(begun);
        let (files, engine) = (Files::new(site.logs()), site.engine());
        let calm = simulator::serve(Arc::clone(&truth.world), ServeOptions::default()).await.unwrap();
        engine.begin("run", begun).await.unwrap();
        engine.begin_schedules(begun).await.unwrap();
        let memory = Memory::of(&engine, begun);
        Self {
            truth,
            rng,
            site,
            files,
            stranger,
            mail,
            hooks,
            keeper,
            neighbour,
            watch,
            calm,
            engine,
            memory,
            begun,
            now: begun,
            present: begun,
            ahead: None,
            troubles: BTreeMap::new(),
            last: false,
            added: false,
            looks: Looks::default(),
            life: Life::default(),
            arrived: BTreeMap::new(),
            events: BTreeMap::new(),
            alarms: BTreeMap::new(),
            unanswered: None,
            outcome: Outcome { seeds: 1, ..Outcome::default() },
            trace: String::new(),
        }
    }

    fn note(&mut self, words: &str) {
        // Two plays have other ports and directories.
        let mail = self.mail.url.trim_start_matches("smtp+plain://");
        let (lake, collector) = (&self.keeper.lake.address, self.watch.collector.url.trim_start_matches("http://"));
        let own = [&self.site.server.addr.to_string(), &self.stranger.origin, mail, &self.hooks.url, lake, collector];
        let words = words.replace(&self.site.dir.path().display().to_string(), "DIR");
        let words = own.into_iter().fold(words, |words, own| words.replace(own, "HOST"));
        writeln!(self.trace, "{} {words}", self.now).unwrap();
    }

    async fn troubled_days(&mut self) {
        let end = self.truth.world.now();
        while self.present < end {
            self.go_on(end).await;
            self.files.settle();
            self.site.grow(self.present);
            self.keeper.go_on(self.present);
            self.neighbour.go_on(&mut self.rng, self.present).await;
            self.disturb();
            self.step().await;
            self.look().await;
        }
    }

    /// Lets time go by: hours, and now and then days of a sleeping machine, a clock that is set back, or one that is days ahead
    /// until it is set right.
    async fn go_on(&mut self, end: Timestamp) {
        let was_ahead = self.ahead.is_some();
        if was_ahead && self.rng.bool() {
            self.set_clock_right();
        }
        let left = end.duration_since(self.now).as_mins();
        let minutes = match self.rng.usize(..40) {
            // A service that slept until then would find no future in its ledger, and could not know that it ever was ahead.
            _ if was_ahead => 10,
            0 => self.rng.i64(1_000..3_500),
            1 => -self.rng.i64(1..90),
            2 if left > 600 => {
                self.ahead = Some(self.present);
                self.outcome.times_ahead += 1;
                self.rng.i64(180..6_000.min(left / 2))
            }
            _ => self.rng.i64(20..260),
        };
        if !(0..1_000).contains(&minutes) {
            self.outcome.jumps += 1;
        }
        let before = self.now;
        self.now = self.now.checked_add(minutes.minutes()).unwrap().clamp(self.begun, end);
        if self.now < before {
            self.looks.doubt(before, self.now);
        }
        // The world goes on when the clock of the service is set back, and does not hurry when it is ahead.
        let present = if self.ahead.is_some() { self.present.checked_add(MOMENT).unwrap().min(end) } else { self.now };
        self.present = self.present.max(present);
        // A sleeping machine's other clock stands still, and one that is set back or ahead goes on.
        let passed =
            if minutes < 0 || self.ahead.is_some() { MOMENT } else { Duration::from_secs(60 * minutes.unsigned_abs().min(300)) };
        sleep(passed).await;
    }

    fn set_clock_right(&mut self) {
        self.looks.doubt(self.now, self.present);
        (self.ahead, self.now) = (None, self.present);
    }

    /// Ends troubles whose time is over, and lets others begin.
    fn disturb(&mut self) {
        let over: Vec<Trouble> = self.troubles.iter().filter(|(_, left)| **left == 0).map(|(trouble, _)| *trouble).collect();
        for trouble in over {
            self.troubles.remove(&trouble);
            self.switch(trouble, false);
        }
        self.troubles.values_mut().for_each(|left| *left -= 1);
        for trouble in Trouble::ALL {
            if self.rng.usize(..25) == 0 && !self.troubles.contains_key(&trouble) {
                let steps = self.rng.u32(0..5);
                self.troubles.insert(trouble, steps);
                self.switch(trouble, true);
                *self.outcome.troubles.entry(trouble).or_default() += 1;
            }
        }
        if self.rng.usize(..6) == 0 && !self.troubles.contains_key(&Trouble::LogsAway) {
            self.files.disturb(&mut self.rng);
        }
        let faults = if self.rng.usize(..3) == 0 { trouble::faults(&mut self.rng) } else { Vec::new() };
        self.added |= faults.iter().any(trouble::adds);
        self.note(&format!("fails: {:?}, {faults:?}", self.troubles));
        self.looks.note(self.now, !faults.is_empty(), &self.files);
        if self.troubles.contains_key(&Trouble::NoPages) {
            self.looks.note_refused(self.now);
        }
        self.site.server.disturb(faults, self.rng.u64(..));
        self.keeper.disturb(&mut self.rng);
        self.watch.disturb(&mut self.rng);
        if self.rng.usize(..15) == 0 {
            self.restart();
        }
    }

    fn switch(&mut self, trouble: Trouble, on: bool) {
        match trouble {
            // What grows meanwhile grows elsewhere.
            Trouble::LogsAway => {}
            Trouble::NoPages if on => self.execute(include_str!("../../data/faults/refuse_coverage.sql")),
            Trouble::NoPages => self.execute(include_str!("../../data/faults/accept_coverage.sql")),
            Trouble::NoAttempts if on => self.execute(include_str!("../../data/faults/refuse_attempts.sql")),
            Trouble::NoAttempts => self.execute(include_str!("../../data/faults/accept_attempts.sql")),
            Trouble::MailRefused => {
                let refused = READERS.map(|(address, _)| (address, "451 4.2.0 come back later"));
                self.mail.refuse(if on { &refused } else { &[] });
            }
            Trouble::MailSilent => self.mail.fall_silent(on),
            Trouble::HooksRefused | Trouble::HooksSilent => {
                let fails = |how| self.troubles.contains_key(&how);
                self.hooks.behave(match (fails(Trouble::HooksRefused), fails(Trouble::HooksSilent)) {
                    (true, _) => Manner::Refuses,
                    (false, true) => Manner::Denies,
                    (false, false) => Manner::Takes,
                });
            }
            Trouble::PackagesBlocked => self.block_packages(on),
        }
    }

    fn execute(&self, sql: &str) {
        Connection::open(self.site.store()).unwrap().execute_batch(sql).unwrap();
    }

    fn block_packages(&self, on: bool) {
        let (csv, aside) = (self.site.path("csv"), self.site.path("csv-aside"));
        if on {
            if csv.exists() {
                fs::rename(&csv, &aside).unwrap();
            }
            fs::write(&csv, "").unwrap();
        } else {
            fs::remove_file(&csv).unwrap();
            if aside.exists() {
                fs::rename(&aside, &csv).unwrap();
            }
        }
    }

    /// The process ends where it stands, and another one begins: what was only in memory is gone.
    fn restart(&mut self) {
        self.note_requests();
        self.life = Life::default();
        self.engine = self.site.engine();
        self.memory = Memory::of(&self.engine, self.now);
        self.outcome.kills += 1;
    }

    /// Everything that a service does when it is woken.
    async fn step(&mut self) {
        self.outcome.steps += 1;
        let away = self.troubles.contains_key(&Trouble::LogsAway).then(|| (self.site.logs(), self.site.path("elsewhere")));
        if let Some((logs, elsewhere)) = &away {
            fs::rename(logs, elsewhere).unwrap();
        }
        for index in 0..self.memory.started.len() {
            if interval_due(self.memory.started[index], self.engine.every(index), self.now) {
                self.memory.started[index] = Some(self.now);
                self.round(index).await;
            }
            if self.rng.usize(..300) == 0 && !self.last {
                self.restart();
            }
        }
        if let Some((logs, elsewhere)) = away {
            fs::rename(elsewhere, logs).unwrap();
        }
        self.push().await;
        self.take_in().await;
        if self.memory.dirty
            && let Ok(judged) = self.engine.judge(self.now).await
        {
            self.memory.note(&judged);
        }
        // Others go on while the service makes its reports.
        if self.rng.usize(..4) == 0 {
            self.push().await;
        }
        for delivery in self.engine.deliveries() {
            let Ok(Some(due)) = self.engine.due(&delivery, self.now).await else { continue };
            let late = due.late.then_some(Late { due: due.first, missed: due.count });
            let Ok(judged) = self.engine.judge_for(self.now, late).await else { continue };
            let Due { occurrence, count, .. } = due;
            let made = self.engine.make(&delivery, &judged, due, self.now).await;
            self.note(&format!("{delivery} of {occurrence}, {count}: {}", made.unwrap_or_else(|error| format!("{error:#}"))));
        }
        if self.rng.usize(..20) == 0 && !self.last {
            self.restart();
        }
        unhurried(self.tell()).await;
        self.export().await;
    }

    /// A command takes in the files of the other instance, and judges while the service does.
    async fn take_in(&mut self) {
        if !self.neighbour.has_files() {
            return;
        }
        let (command, no_pages) = (self.site.engine(), self.troubles.contains_key(&Trouble::NoPages));
        let (said, lives) = self.neighbour.take_in(&mut self.rng, &command, self.now, no_pages).await;
        for words in said {
            self.note(&words);
        }
        if lives {
            let (beside, judged) = tokio::join!(command.judge(self.now), self.engine.judge(self.now));
            beside.unwrap();
            self.memory.note(&judged.unwrap());
        }
    }

    /// Figures are shown to the exporter, which has a rhythm of its own, and changes of status leave for the collector.
    async fn export(&mut self) {
        let Some(exporter) = self.memory.exporter.clone() else { return };
        let figures = self.engine.figures(&self.memory.measured, self.now).await.unwrap();
        let since = self.engine.counts_since(self.now).await.unwrap();
        exporter.publish(&figures, since, self.now);
        self.watch.look(self.truth, false);
        let last = self.watch.last_request(&mut self.rng);
        let (engine, collector) = (Arc::clone(&self.engine), &self.watch.collector);
        let sent = until(|| collector.requests() >= last, engine.send_changes(Some(&exporter), self.now)).await;
        if let Some(sent) = sent {
            // By its words: the `Debug` of an error can hold a backtrace, which names the place of the call.
            let words = sent.map_or_else(|error| format!("not sent: {error:#}"), |sent| format!("{sent:?}"));
            return self.note(&format!("changes: {words}"));
        }
        sleep(Duration::from_millis(1)).await;
        self.note("killed while changes left");
        self.watch.look(self.truth, true);
        self.restart();
    }

    /// What leaves by itself.
    async fn tell(&mut self) {
        let (engine, now) = (Arc::clone(&self.engine), self.now);
        let memory = &mut self.memory;
        let raised = engine.raise_alarms(memory.returned.as_deref(), &mut memory.store_alarm, memory.begun, now).await;
        if engine.owes_store_alarm(&self.memory.store_alarm, now) {
            self.memory.store_alarm = engine.tell_store_alarm(std::mem::take(&mut self.memory.store_alarm), now).await;
        }
        for sent in [raised.map(|()| 0), engine.send_events(now, now).await.map(|sent| sent.delivered)] {
            self.note(&sent.map_or_else(|error| format!("not told: {error:#}"), |sent| format!("told {sent}")));
        }
        match engine.send_waiting(now).await {
            Ok(sent) => self.note(&format!("sent {}, waiting: {:?}", sent.delivered, sent.waiting)),
            Err(error) => self.note(&format!("not sent: {error:#}")),
        }
    }

    /// A sender pushes what happened, again and again until it is answered, and now and then once more.
    async fn push(&mut self) {
        if self.memory.senders.is_none() {
            self.memory.senders = self.engine.senders().await.ok();
        }
        let Some(senders) = &mut self.memory.senders else { return };
        let again = self.unanswered.is_some();
        let lines = self.unanswered.take().unwrap_or_else(|| pushed(self.outcome.pushes, self.present));
        let answer = self.engine.record_push(senders, 0, lines.clone(), self.now).await;
        self.memory.dirty |= answer.is_some();
        // The answer may be cut off.
        let heard = answer.as_ref().filter(|_| self.rng.usize(..4) > 0);
        if let Some(receipt) = heard {
            assert!(receipt.recorded + receipt.repeated == PUSHED.unsigned_abs(), "{receipt:?}");
            assert!(again || receipt.repeated == 0, "{receipt:?}");
            self.outcome.pushes += 1;
        } else {
            self.unanswered = Some(lines);
        }
        self.note(&format!("pushed: {answer:?}"));
    }

    async fn round(&mut self, index: usize) {
        let (server, lake) = (&self.site.server, &self.keeper.lake);
        let before = asked(server);
        let asked = || asked(server) + lake.questions();
        let last = if self.rng.usize(..25) == 0 && !self.last { asked() + self.rng.u64(1..10) } else { u64::MAX };
        let engine = Arc::clone(&self.engine);
        let Some(mut round) = until(|| asked() >= last, engine.round(index, None, self.now)).await else {
            // What was being written is written, or not, before the next process begins.
            sleep(Duration::from_millis(1)).await;
            self.note("killed inside a round");
            self.looks.note_killed(self.now);
            self.outcome.kills_inside_a_round += 1;
            return self.restart();
        };
        self.outcome.rounds += 1;
        self.outcome.failed_rounds += u64::from(round.failed);
        self.memory.dirty |= round.changed;
        self.note(&round.line);
        if self::asked(&self.site.server) > before && !self.looks.is_disturbed(self.now) {
            self.assert_clock_is_told().await;
        }
        if round.unread && !round.failed {
            round = self.engine.older_round(index, self.now, None).await;
            self.memory.dirty |= round.changed;
            self.note(&format!("older: {}", round.line));
        }
        if round.failed && self.engine.source_names()[index] == ledger::AUDIT {
            self.looks.note_stopped(self.now);
        }
    }

    /// Servers that are well show their clock with every answer.
    async fn assert_clock_is_told(&self) {
        let ready = self.engine.readiness(self.now).await;
        let told = ready.in_part.iter().any(|line| line.starts_with("clock/"));
        let differ = self.now.duration_since(self.present).as_secs().abs() > 300;
        let store_fails = ready.not_ready.iter().any(|line| line.starts_with("store: "));
        assert!(told == differ || store_fails, "{} is not {}: {ready:?}", self.now, self.present);
    }

    /// What must be so at any moment.
    async fn look(&mut self) {
        let known = self.ahead.unwrap_or(self.present);
        let (picture, kept, checked) = truth::assert_honest(self.truth, &self.site, &self.files, known).await;
        if self.ahead.is_none() {
            truth::assert_lists_honest(self.truth, &self.site, &self.calm, &picture, self.present).await;
        }
        self.outcome.checked.add(checked);
        self.keeper.assert_counted(&picture, &self.looks);
        self.neighbour.assert_counted(&picture);
        self.neighbour.assert_missed(&self.engine.readiness(self.now).await.not_ready, self.now);
        self.watch.look(self.truth, false);
        let (items, pushed) = apart(kept);
        let (_, repeated) = truth::differences(&self.truth.items, &items);
        assert_eq!(repeated, [], "recorded twice");
        assert_eq!(pushed.values().find(|times| **times > 1), None, "recorded twice");
        self.truth.assert_keeps_no_secret(&self.site);
        self.note_requests();
        assert_eq!(String::from_utf8_lossy(&self.stranger.heard()), "", "another host was spoken to");
        let silent = self.troubles.contains_key(&Trouble::MailSilent);
        for mail in self.mail.take_in_order() {
            let (id, subject) = (mail.header("Message-ID").unwrap(), mail.header("Subject").unwrap());
            mail.everything().iter().for_each(|part| self.truth.assert_tells_no_secret(&id, part));
            self.note(&format!("{id} to {}", mail.to));
            self.outcome.mails += 1;
            // What cannot be recorded may be told by each process.
            if id.starts_with("<duskwatch.alarm.store.") {
                continue;
            }
            let letter = (id, mail.to);
            if let Some(before) = self.arrived.insert(letter.clone(), Letter { subject, acknowledged: !silent }) {
                assert!(!before.acknowledged, "{letter:?} comes twice");
                self.outcome.repeated_mails += 1;
            }
        }
        for told in self.hooks.take() {
            self.truth.assert_tells_no_secret(&told.id, told.body.to_string().as_bytes());
            self.note(&format!("{} {}", told.id, told.body["type"]));
            self.outcome.events += 1;
            if told.id.starts_with("msg_store.") {
                continue;
            }
            if let Some(acknowledged) = self.events.insert(told.id.clone(), told.acknowledged) {
                assert!(!acknowledged, "{} comes twice", told.id);
                self.outcome.repeated_events += 1;
                continue;
            }
            let about = format!("{} {}", told.body["data"]["alarm"], told.body["data"]["about"]);
            match told.body["type"].as_str().unwrap() {
                "alarm.begun" => *self.alarms.entry(about).or_default() += 1,
                "alarm.over" => *self.alarms.entry(about).or_default() -= 1,
                other => assert_eq!(other, "integration.changed"),
            }
        }
    }

    /// Everything works again: what was missed is made up for, and all is as if nothing had ever failed.
    async fn calm_end(&mut self) {
        for trouble in std::mem::take(&mut self.troubles).into_keys() {
            self.switch(trouble, false);
        }
        self.files.settle();
        if self.ahead.is_some() {
            self.set_clock_right();
        }
        self.site.server.disturb(Vec::new(), 0);
        self.site.grow(self.truth.world.now());
        self.keeper.is_well();
        self.watch.is_well();
        self.neighbour.come_through(self.present).await;
        // What the last step sent is known to be over when it is looked at again, as a service does soon.
        for (pause, last) in [(0.minutes(), false), (9.hours(), false), (9.hours(), false), (1.minute(), true)] {
            self.last = last;
            self.now = self.now.checked_add(pause).unwrap();
            self.keeper.go_on(self.now);
            sleep(NIGHT).await;
            self.memory.started.fill(None);
            self.looks.note(self.now, false, &self.files);
            self.step().await;
            self.look().await;
        }
        self.compare().await;
        self.assert_alarms();
        self.assert_digests();
        self.assert_shows_no_secret().await;
        self.outcome.days = u64::try_from(self.now.duration_since(self.begun).as_hours() / 24).unwrap();
        self.outcome.faults = self.site.server.faults();
        self.outcome.requests = self.site.server.requests().values().sum();
        (self.outcome.questions, self.outcome.answers) = (self.keeper.lake.questions(), self.keeper.lake.troubles());
        self.outcome.files = std::mem::take(&mut self.neighbour.fates);
        self.outcome.collector = std::mem::take(&mut self.watch.moods);
        (self.outcome.exports, self.outcome.repeated_changes) = (self.watch.exports, self.watch.repeated);
        self.outcome.told_changes = self.watch.told();
    }

    async fn compare(&self) {
        let mut picture = Picture::of(&self.site.store()).await;
        let (items, pushed) = apart(truth::kept(&self.site.store()));
        let (lost, repeated) = truth::differences(&self.truth.items, &items);
        assert_eq!((lost, repeated), (Vec::new(), Vec::new()), "lost, and recorded twice");
        let answered = PUSHED.unsigned_abs() * self.outcome.pushes;
        let waiting = if self.unanswered.is_some() { PUSHED.unsigned_abs() } else { 0 };
        assert!((answered..=answered + waiting).contains(&(pushed.len() as u64)), "{} of {answered}", pushed.len());
        assert_eq!(picture.uses(SENDER), pushed.len() as u64);
        ledger::assert_closed(self.truth, &picture, &self.looks, self.now);
        self.keeper.assert_settled(&picture, self.now);
        self.neighbour.assert_complete(&picture, self.present);
        self.watch.assert_told(&self.site).await;
        picture.counts.retain(|(source, ..), _| ![SENDER, engine::SOURCE, neighbour::SOURCE].contains(&source.as_str()));
        if self.added {
            assert_no_count_is_missing(&self.truth.counts, &picture.counts);
        } else {
            assert_same_counts(&self.truth.counts, &picture.counts);
        }
        let store = Store::open_read_only(&self.site.store()).unwrap();
        let (findings, outbox) = store.read(|r| Ok((r.verify(), r.outbox_summary()?))).await.unwrap();
        assert!(findings.iter().all(|finding| finding.faults.is_empty()), "{findings:#?}");
        assert_eq!(outbox.pending, 0, "everything has left");
        let sent = |name| outbox.settled.iter().find(|channel| channel.channel == name).map_or(0, |channel| channel.sent);
        let arrived = (self.arrived.len() as u64, self.events.len() as u64);
        assert_eq!((sent("mail"), sent("webhook")), arrived, "each was recorded as sent once");
    }

    /// What waits for those who look, and what is kept for those who ask why.
    async fn assert_shows_no_secret(&self) {
        let judged = self.engine.judge(self.now).await.unwrap();
        for audience in Audience::WHOLE {
            self.truth.assert_tells_no_secret("a report", judged.text(&audience, 200).as_bytes());
            self.truth.assert_tells_no_secret("a report", judged.html(&audience).as_bytes());
        }
        self.truth.assert_tells_no_secret("a report", judged.json().as_bytes());
        self.truth.assert_tells_no_secret("a chunk", truth::chunks(&self.site.store()).as_bytes());
        let stop = CancellationToken::new();
        let address = self.engine.serve_once(&judged, stop.clone()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for path in ["", "coverage", "forecasts", "?sort=last_seen", "metrics", "readyz", "calendar.ics"] {
            let page = client.get(format!("http://{address}/{path}")).send().await.unwrap().text().await.unwrap();
            self.truth.assert_tells_no_secret(path, page.as_bytes());
        }
        stop.cancel();
    }

    /// What was told to be wrong was told to be over. Not so of the store, of whose trouble the next process knows nothing, and
    /// of integrations, which may be back for good.
    fn assert_alarms(&mut self) {
        let ends = |about: &&String| about.contains("source_down") || about.contains("undeliverable");
        let open: Vec<_> = self.alarms.keys().filter(ends).filter(|about| self.alarms[*about] != 0).collect();
        assert!(open.is_empty(), "{open:?} of {:?}", self.alarms);
        self.outcome.alarms = self.alarms.len() as u64;
    }

    /// Every digest of the schedule was sent, or a later one says that it is late.
    fn assert_digests(&mut self) {
        let to = READERS[0].0;
        let sent: BTreeMap<i64, &str> = self
            .arrived
            .iter()
            .filter(|((id, reader), _)| reader == to && id.starts_with("<duskwatch.security."))
            .map(|((id, _), letter)| (id.split(['.', '@']).nth(2).unwrap().parse().unwrap(), letter.subject.as_str()))
            .collect();
        let due = self.due_digests();
        assert!(sent.keys().all(|at| due.contains(at)), "{sent:?} are not all of {due:?}");
        for missed in due.iter().filter(|at| !sent.contains_key(at)) {
            let (_, subject) = sent.range(missed..).next().expect("a later digest stands for a missed one");
            assert!(subject.contains("(late: due"), "{missed} is missing, and {subject} is not late");
        }
        self.outcome.digests = sent.len() as u64;
        self.outcome.late_digests = sent.values().filter(|subject| subject.contains("(late: due")).count() as u64;
    }

    /// The instants at which a digest was due, in seconds.
    fn due_digests(&self) -> BTreeSet<i64> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let days = self.begun.to_zoned(zone.clone()).date().series(1.day());
        let instants = days.map(|day| day.at(DIGEST.0, DIGEST.1, 0, 0).to_zoned(zone.clone()).unwrap().timestamp());
        let due = instants.skip_while(|at| *at <= self.begun).take_while(|at| *at <= self.now);
        due.map(Timestamp::as_second).collect()
    }

    /// What the server was asked since the last look belongs to the life that is going on.
    fn note_requests(&mut self) {
        self.life.add(self.site.server.take_arrivals());
        self.life.assert_within(BUDGETS);
        let (minute, hour) = self.life.fullest();
        self.outcome.fullest = (self.outcome.fullest.0.max(minute), self.outcome.fullest.1.max(hour));
    }
}

/// How often each item was kept: of the world, and of the sender.
fn apart(kept: Items) -> (Items, Items) {
    kept.into_iter().partition(|((source, ..), _)| source != SENDER)
}

/// Lets the clock stand still meanwhile: mail goes back and forth so often that a jump to its time limit would cut it off.
async fn unhurried<T>(what: impl Future<Output = T>) -> T {
    let (done, until_done) = mpsc::channel::<()>();
    let holding = spawn_blocking(move || until_done.recv().is_err());
    let came = what.await;
    drop(done);
    assert!(holding.await.unwrap());
    came
}

/// How many requests a server has answered.
fn asked(server: &Server) -> u64 {
    server.requests().values().sum()
}

/// Goes on until it is over, as when a server has answered so many requests, and drops the rest where it stands, as a kill would.
async fn until<F: Future>(over: impl Fn() -> bool, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| if over() { Poll::Ready(None) } else { future.as_mut().poll(context).map(Some) }).await
}

/// The lines of a request of the sender. Now and then somebody is in it who was never heard of.
fn pushed(number: u64, now: Timestamp) -> Vec<u8> {
    let line = |n: i64| {
        let time = now.checked_sub(n.minutes()).unwrap();
        let user = n.unsigned_abs() + number / 6;
        format!(
            "{{\"event_id\":\"{number}-{n}\",\"time\":\"{time}\",\"username\":\"pushed-{user}\",\"secret_prefix\":\"ATBB\",\
             \"status\":200,\"host\":\"bitbucket.org\",\"path\":\"/acme/pushed.git/info/refs\"}}\n"
        )
    };
    (0..PUSHED).map(line).collect::<String>().into_bytes()
}

/// Tells a site what its servers allow.
fn limit(site: &Site, Budgets { a_minute, an_hour }: Budgets) {
    let text = fs::read_to_string(site.config()).unwrap();
    let text = text.replace("requests_per_minute = 60000", &format!("requests_per_minute = {a_minute}"));
    let text = text.replace("requests_per_hour = 1000000", &format!("requests_per_hour = {an_hour}"));
    fs::write(site.config(), text).unwrap();
}

/// What the site of a service has beside its sources.
fn configure(site: &Site, mail: &MailServer, hooks: &Hooks, (keeper, watch): (&Keeper, &Watch)) {
    fs::write(site.path("ci.token"), SENDER_TOKEN).unwrap();
    fs::write(site.path("lake.password"), engine::PASSWORD).unwrap();
    fs::write(site.path("collector.key"), collector::KEY).unwrap();
    fs::write(site.path("hook.secret"), format!("whsec_{}", BASE64.encode(&HOOK_KEY))).unwrap();
    limit(site, BUDGETS);
    let mut text = fs::read_to_string(site.config()).unwrap();
    let (hour, minute) = DIGEST;
    write!(
        text,
        "[schedule]\ntimezone = \"Europe/Berlin\"\naudit = \"1h\"\ntokens = \"12h\"\naccess = \"1d\"\nlogs = \"2h\"\nqueries = \"1h\"\n\
         digest = \"{minute} {hour} * * *\"\nbrief = \"0 8 * * MON\"\n\
         [[http.intake]]\nname = \"ci\"\ntoken = \"file:{}\"\n\
         [[webhook]]\nurl = \"{}/hook\"\nsecret = \"file:{}\"\n\
         [email]\nserver = {:?}\nfrom = \"Duskwatch <duskwatch@example.test>\"\n",
        site.path("ci.token").display(),
        hooks.url,
        site.path("hook.secret").display(),
        mail.url
    )
    .unwrap();
    for (address, audience) in READERS {
        writeln!(text, "[[email.recipient]]\naddress = {address:?}\naudience = {audience:?}").unwrap();
    }
    text += &keeper.section(&site.path("lake.password").display().to_string());
    text += &watch.section(&site.path("collector.key").display().to_string());
    text += &Neighbour::section();
    fs::write(site.config(), text).unwrap();
}
