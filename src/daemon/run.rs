//! The service: a timer wakes it, pure functions say what is due, rounds run side by side, and one judgement follows them.

mod renewal;
mod timer;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp, Unit};
use tokio::{
    sync::{Notify, watch},
    task::{Id, JoinError, JoinHandle, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::{
    Engine, Options,
    alarms::StoreAlarm,
    changed::CHANGES,
    delivery::{Delivery, MAIL, OUTBOX, late},
    engine::{EXPORT, EXPORT_OF_CHANGES, JUDGEMENT, Round},
    judge::{Judged, Measured},
    manager::Manager,
    packing::PACKED_EVERY,
    schedule::{Due, SteadyClock, interval_due},
    trace::{self, Causes, Thread},
    webhooks::WEBHOOK,
};
use crate::{
    clock::Clock,
    deliver::otel,
    report::{Alarm, Figure, Late, prometheus},
    serve::{self, Doors, Intake, Pulse, Served},
};

pub use renewal::Renewal;
use timer::Tick;

/// The names under which trouble of a part that is no source is told.
const METRICS: &str = "metrics";
const RETENTION: &str = "retention";
const ALARMS: &str = "alarms";

/// Days go by where nothing is recorded, too: what is quiet, overdue or forecast changes with them.
const JUDGED_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// How long a stop waits for metrics to be flushed and for callers to be answered.
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// Runs the service until `stop`; what `renewal` brings is taken up meanwhile.
///
/// # Errors
/// What keeps it from starting: the store, the address, a second instance on the same store.
pub async fn run(options: Options, mut renewal: Renewal, stop: CancellationToken) -> anyhow::Result<()> {
    renewal.watch(&options);
    let engine = Arc::new(Engine::open(options)?);
    let _lock = engine.lock()?;
    let (manager, pulse) = (Manager::find(engine.options.manager.as_deref()), Pulse::default());
    // The store knows how fresh its sources are, however much it holds; the first judgement takes longer.
    let readiness = engine.readiness(Clock::System.now()).await;
    let (served, page) = watch::channel(Arc::new(Served { pulse: Some(pulse.clone()), readiness, ..Served::default() }));
    let listener = serve::listen(&engine.serve_options()).await?;
    tracing::info!(address = %listener.local_addr()?, "the page is served");
    engine.begin("run", Clock::System.now()).await?;
    engine.say_if_rules_changed().await?;
    engine.begin_schedules(Clock::System.now()).await?;
    let pushed = Arc::new(Notify::new());
    let (intake, recording) = start_intake(&engine, &pushed).await?;
    let (doors, met) = watch::channel(Arc::new(Doors { access: engine.serve_options().access, intake }));
    let server = tokio::spawn(serve::run(listener, met, page, stop.clone()));
    let exporter = engine.start_exporter().context("[otel]")?.map(Arc::new);
    let counts_since = engine.counts_since(Clock::System.now()).await?;
    let (mut ticks, timer) = timer::start(stop.clone());
    let mut service = Service::new(engine, Shown { served, doors }, (Arc::clone(&pushed), recording), exporter, counts_since);
    manager.ready();
    service.start_due_rounds(Clock::System.now());
    service.judge(Clock::System.now()).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            tick = ticks.recv() => {
                let Some(tick) = tick else { break };
                service.on(tick, Clock::System.now()).await;
                if renewal.is_due() {
                    service.renew(&mut renewal, "a secret has changed").await;
                }
                pulse.beat();
                if matches!(tick, Tick::Reports) {
                    manager.turning(&service.status());
                }
            }
            Some(()) = renewal.asked.recv() => service.renew(&mut renewal, "SIGHUP").await,
            () = pushed.notified() => service.dirty = true,
            Some(done) = service.rounds.join_next_with_id() => service.finished(done, Clock::System.now()),
            Some(done) = service.alarming.join_next() => service.store_alarm = done.unwrap_or_default(),
            Some(done) = service.telling.join_next() => if let Err(error) = done {
                tracing::error!(panic = error.is_panic(), "telling programs ended badly; it is tried again");
            },
            Some(done) = service.pruning.join_next() => if let Err(error) = done {
                tracing::error!(panic = error.is_panic(), "removing what is old ended badly; it is tried again");
            },
            Some(done) = service.sending.join_next() => if let Err(error) = done {
                tracing::error!(panic = error.is_panic(), "sending ended badly; it is tried again");
            },
        }
    }
    tracing::info!("stopping");
    // Also where the timer has ended by itself: without it nothing is done, so whoever watches has to start anew.
    stop.cancel();
    manager.stopping();
    let timed = timer.await.context("the timer")?;
    let recordings = service.stop().await;
    if let Err(error) = server.await {
        tracing::error!(panic = error.is_panic(), "the server ended badly");
    }
    for recording in recordings {
        if let Err(error) = recording.await {
            tracing::error!(panic = error.is_panic(), "recording what senders push ended badly");
        }
    }
    tracing::info!("stopped");
    timed.context("the timer")
}

/// The door for senders, and the task that records what comes through it: it ends when the door is gone.
async fn start_intake(engine: &Arc<Engine>, pushed: &Arc<Notify>) -> anyhow::Result<(Option<Intake>, JoinHandle<()>)> {
    let senders = engine.senders().await?;
    let Some((intake, inbox)) = engine.intake() else { return Ok((None, tokio::spawn(async {}))) };
    let (engine, pushed) = (Arc::clone(engine), Arc::clone(pushed));
    Ok((Some(intake), tokio::spawn(async move { engine.record_pushed(senders, inbox, pushed).await })))
}

/// What the loop holds between two ticks.
struct Service {
    engine: Arc<Engine>,
    served: watch::Sender<Arc<Served>>,
    /// What callers meet; the door for senders is in it.
    doors: watch::Sender<Arc<Doors>>,
    pushed: Arc<Notify>,
    /// The tasks that record what comes through the door for senders: this one's, and those of doors that are closing.
    recordings: Vec<JoinHandle<()>>,
    exporter: Option<Arc<otel::Exporter>>,
    /// When the counters began.
    counts_since: Timestamp,
    /// The traces of rounds that wait to be judged, and that of a judgement that waits to be told of.
    causes: Causes,
    judged: Option<Thread>,
    rounds: JoinSet<(usize, Round)>,
    /// The one task that sends what waits in the outbox.
    sending: JoinSet<()>,
    /// What removes what is too old and packs what is over, while it does; and when it last looked for what it can pack.
    pruning: JoinSet<()>,
    packed: Option<Timestamp>,
    /// What is removed does not come back: it waits while the clock may be wrong.
    clock: SteadyClock,
    /// Pauses in the outbox may have been measured by a clock that was ahead and was set back.
    pauses_too_long: bool,
    sources: Vec<SourceClock>,
    /// Something was recorded since the last judgement.
    dirty: bool,
    judged_at: Timestamp,
    measured: Measured,
    /// What was measured last.
    figures: Vec<Figure>,
    /// The one task that tells programs.
    telling: JoinSet<()>,
    /// The one task that tells the store's trouble, and what it has told.
    alarming: JoinSet<StoreAlarm>,
    store_alarm: StoreAlarm,
    /// What is back by the last judgement; none before the first.
    returned: Option<Vec<Alarm>>,
    /// Since when these sources could have been read by this clock: the start, the last reload, or when the clock was set or the
    /// machine woke.
    reads_since: Timestamp,
    /// Exports that had failed, and that had arrived, when it was last looked.
    failed_exports: u64,
    accepted_exports: u64,
}

/// What callers of the page are shown, and what they meet before.
struct Shown {
    served: watch::Sender<Arc<Served>>,
    doors: watch::Sender<Arc<Doors>>,
}

/// When a source was last started, and the rounds that are under way: the steady one, and the one that reads what is older.
#[derive(Default)]
struct SourceClock {
    started: Option<Timestamp>,
    running: Option<Id>,
    older: Option<Id>,
    /// What is older could not be read, and is left alone until then.
    older_rests_until: Option<Instant>,
}

/// What is older is read for this long at a time, so that a judgement sees it.
const OLDER_AT_MOST: Duration = Duration::from_secs(60);

/// A source whose older evidence cannot be read keeps its requests for what is new.
const OLDER_RESTS: Duration = Duration::from_secs(10 * 60);

impl Service {
    fn new(
        engine: Arc<Engine>,
        Shown { served, doors }: Shown,
        (pushed, recording): (Arc<Notify>, JoinHandle<()>),
        exporter: Option<Arc<otel::Exporter>>,
        counts_since: Timestamp,
    ) -> Self {
        let sources = engine.source_names().iter().map(|_| SourceClock::default()).collect();
        Self {
            engine,
            served,
            doors,
            pushed,
            recordings: vec![recording],
            exporter,
            counts_since,
            causes: Causes::default(),
            judged: None,
            rounds: JoinSet::new(),
            sending: JoinSet::new(),
            pruning: JoinSet::new(),
            packed: None,
            telling: JoinSet::new(),
            alarming: JoinSet::new(),
            store_alarm: StoreAlarm::default(),
            returned: None,
            reads_since: Clock::System.now(),
            sources,
            dirty: false,
            clock: SteadyClock::default(),
            pauses_too_long: false,
            judged_at: Timestamp::UNIX_EPOCH,
            measured: Measured::default(),
            figures: Vec::new(),
            failed_exports: 0,
            accepted_exports: 0,
        }
    }

    /// One line for whoever asks the service manager.
    fn status(&self) -> String {
        self.served.borrow().readiness.not_ready.first().cloned().unwrap_or_else(|| "every source is fresh".to_owned())
    }

    async fn on(&mut self, tick: Tick, now: Timestamp) {
        match tick {
            Tick::Sources => self.start_due_rounds(now),
            Tick::Reports => {
                let steady = Instant::now().into_std();
                if let Some(by) = self.clock.was_set(steady, now) {
                    self.note_clock_set(by, now);
                }
                if self.dirty || interval_due(Some(self.judged_at), JUDGED_AGAIN_AFTER, now) {
                    self.judge(now).await;
                }
                self.send_due_reports(now).await;
                self.raise_alarms(now).await;
                self.watch_exports(now);
                if self.clock.is_steady(steady) {
                    self.prune_when_due(now);
                }
                self.measure(now).await;
                self.show_trouble(now).await;
            }
        }
    }

    fn note_clock_set(&mut self, by: SignedDuration, now: Timestamp) {
        self.reads_since = now;
        let by = by.round(Unit::Second).unwrap_or(by);
        if by.is_negative() {
            tracing::warn!(by = %format!("{:#}", -by), "the clock of this machine was set back");
            self.engine.note_clock_set_back(now);
            self.pauses_too_long = true;
        } else {
            tracing::info!(by = %format!("{by:#}"), "the clock of this machine was set forward, or it slept");
        }
    }

    /// Has what waits in the outbox tried at once where a clock that was ahead measured its pause. What is on its way may note one by
    /// that clock as well: nothing else leaves before it has come to its end, and then pauses are looked at again.
    async fn shorten_pauses(&mut self, now: Timestamp) {
        let is_last = self.sending.is_empty() && self.telling.is_empty();
        match self.engine.hurry(now).await {
            Ok(()) => self.pauses_too_long = !is_last,
            Err(error) => drop(self.engine.note_store(OUTBOX, Some(&error), now)),
        }
    }

    fn start_due_rounds(&mut self, now: Timestamp) {
        for (index, clock) in self.sources.iter_mut().enumerate() {
            if clock.running.is_some() || !interval_due(clock.started, self.engine.every(index), now) {
                continue;
            }
            let engine = Arc::clone(&self.engine);
            let handle = self.rounds.spawn(async move { (index, engine.round(index, None, now).await) });
            (clock.started, clock.running) = (Some(now), Some(handle.id()));
        }
    }

    /// Reads what is older in the time until the next steady round is due. The last page may end after that: the steady round
    /// does not wait for it.
    fn start_older_round(&mut self, index: usize, now: Timestamp) {
        let (clock, every) = (&mut self.sources[index], self.engine.every(index));
        let due =
            clock.started.map_or(Duration::ZERO, |started| every.saturating_sub(now.duration_since(started).unsigned_abs()));
        let resting = clock.older_rests_until.is_some_and(|until| Instant::now() < until);
        if clock.older.is_some() || resting || due.is_zero() {
            return;
        }
        let until = Instant::now() + due.min(OLDER_AT_MOST);
        let engine = Arc::clone(&self.engine);
        let handle = self.rounds.spawn(async move { (index, engine.older_round(index, now, Some(until)).await) });
        clock.older = Some(handle.id());
    }

    fn finished(&mut self, done: Result<(Id, (usize, Round)), JoinError>, now: Timestamp) {
        let (id, round) = match done {
            Ok((id, round)) => (id, Some(round)),
            Err(error) => {
                tracing::error!(panic = error.is_panic(), "a round ended badly; its source is tried again when it is due");
                (error.id(), None)
            }
        };
        if let Some((_, changed)) = round.as_ref().filter(|(_, round)| round.changed) {
            self.dirty = true;
            self.causes.add(changed.thread.clone());
        }
        let rests = round.as_ref().is_none_or(|(_, round)| round.rests);
        for clock in &mut self.sources {
            if clock.running == Some(id) {
                clock.running = None;
            } else if clock.older == Some(id) {
                clock.older = None;
                clock.older_rests_until = rests.then(|| Instant::now() + OLDER_RESTS);
            }
        }
        if let Some((index, _)) = round.filter(|(_, round)| round.unread) {
            self.start_older_round(index, now);
        }
    }

    /// Judges, records what changed, and shows the result on the page and in the metrics.
    async fn judge(&mut self, now: Timestamp) {
        self.judge_for(now, None).await;
    }

    /// Changes what callers are shown.
    fn show(&self, change: impl FnOnce(&mut Served)) {
        self.served.send_modify(|served| change(Arc::make_mut(served)));
    }

    /// Shows what is not as it should be now.
    async fn show_trouble(&self, now: Timestamp) {
        let (readiness, trouble) = (self.engine.readiness(now).await, self.engine.trouble_words());
        self.show(|served| (served.readiness, served.trouble) = (readiness, trouble));
    }

    async fn judge_for(&mut self, now: Timestamp, late: Option<Late>) -> Option<Judged> {
        let span = tracing::debug_span!("judge");
        self.causes.lead_to(&span);
        let judging = async { (self.engine.judge_for(now, late).await, Thread::here()) };
        let (judged, thread) = judging.instrument(span).await;
        self.judged = Some(thread);
        match judged {
            Ok(judged) => {
                self.measured = judged.measured();
                self.engine.note_well(JUDGEMENT, now);
                self.returned = Some(judged.returned());
                self.measure(now).await;
                // Only what leaves may be late: the page is made anew when it would have been.
                if late.is_none() {
                    (self.dirty, self.judged_at) = (false, now);
                    let document = Arc::new(judged.document(&self.engine.store));
                    self.show(|served| served.document = Some(document));
                }
                self.show_trouble(now).await;
                Some(judged)
            }
            Err(error) => {
                self.engine.note_error(JUDGEMENT, &error, now);
                None
            }
        }
    }

    /// Measures the service anew, and shows that beside what the last judgement found.
    async fn measure(&mut self, now: Timestamp) {
        match self.engine.figures(&self.measured, now).await {
            Ok(figures) => {
                self.engine.note_store(METRICS, None, now);
                self.figures = figures;
            }
            Err(error) => {
                self.engine.note_store(METRICS, Some(&error), now);
            }
        }
        let figures: Vec<Figure> = self.figures.iter().cloned().chain(self.engine.failing()).collect();
        let text = prometheus::exposition(&figures);
        self.show(|served| served.metrics = text.into());
        if let Some(exporter) = &self.exporter {
            exporter.publish(&figures, self.counts_since, now);
        }
    }

    async fn send_due_reports(&mut self, now: Timestamp) {
        for delivery in self.engine.deliveries() {
            match self.engine.due(&delivery, now).await {
                Ok(Some(due)) => self.make(&delivery, due, now).await,
                Ok(None) => {
                    self.engine.note_store(&delivery.to_string(), None, now);
                }
                Err(error) => {
                    self.engine.note_error(&delivery.to_string(), &error, now);
                }
            }
        }
        if self.pauses_too_long {
            self.shorten_pauses(now).await;
        }
        if self.pauses_too_long {
            return;
        }
        if self.telling.is_empty() {
            let engine = Arc::clone(&self.engine);
            self.telling.spawn(async move {
                let sent = engine.send_events(now, now).await;
                engine.note_sent(WEBHOOK, WEBHOOK, sent, now).await;
            });
        }
        if self.sending.is_empty() {
            let (engine, exporter, span) = (Arc::clone(&self.engine), self.exporter.clone(), self.delivering());
            let sending = async move {
                let sent = engine.send_waiting(now).await;
                engine.note_sent(OUTBOX, MAIL, sent, now).await;
                let sent = engine.send_changes(exporter.as_deref(), now).await;
                engine.note_sent(EXPORT_OF_CHANGES, CHANGES, sent, now).await;
            };
            self.sending.spawn(sending.instrument(span));
        }
    }

    /// Alarms go out at once; while the store fails, the one about that.
    async fn raise_alarms(&mut self, now: Timestamp) {
        if !self.alarming.is_empty() {
            return;
        }
        match self.engine.raise_alarms(self.returned.as_deref(), &mut self.store_alarm, self.reads_since, now).await {
            Ok(()) => self.engine.note_well(ALARMS, now),
            Err(error) => self.engine.note_error(ALARMS, &error, now),
        };
        if self.engine.owes_store_alarm(&self.store_alarm, now) {
            let (engine, store) = (Arc::clone(&self.engine), self.store_alarm.clone());
            self.alarming.spawn(async move { engine.tell_store_alarm(store, now).await });
        }
    }

    /// The next step in the trace of the last judgement.
    fn delivering(&mut self) -> Span {
        let Some(thread) = self.judged.take() else { return Span::none() };
        let span = tracing::debug_span!("deliver");
        trace::go_on(&span, thread);
        span
    }

    async fn make(&mut self, delivery: &Delivery, due: Due, now: Timestamp) {
        let Some(judged) = self.judge_for(now, late(&due)).await else { return };
        let span = self.delivering();
        match self.engine.make(delivery, &judged, due, now).instrument(span).await {
            Ok(done) => {
                self.engine.note_well(&delivery.to_string(), now);
                tracing::info!(%delivery, occurrence = %due.occurrence, late = due.late, "{done}");
            }
            Err(error) => {
                self.engine.note_error(&delivery.to_string(), &error, now);
            }
        }
    }

    /// Metrics leave by a thread of the SDK, which speaks to nobody when they do not arrive.
    fn watch_exports(&mut self, now: Timestamp) {
        let Some(exports) = self.exporter.as_deref().map(otel::Exporter::exports) else { return };
        let endpoint = self.engine.options.otel.as_ref().map(|otel| otel.endpoint.as_str()).unwrap_or_default();
        match exports.last_error {
            Some(error) if exports.failed > self.failed_exports => {
                self.engine.note_failed(EXPORT, &format!("{endpoint}: {error}"), false, now);
            }
            // What failed before it has been made up for.
            _ if exports.accepted > self.accepted_exports => {
                self.engine.note_well(EXPORT, now);
            }
            _ => {}
        }
        (self.failed_exports, self.accepted_exports) = (exports.failed, exports.accepted);
    }

    /// It takes its turn between others that write, so nothing waits for its end.
    fn prune_when_due(&mut self, now: Timestamp) {
        if !self.pruning.is_empty() {
            return;
        }
        let engine = Arc::clone(&self.engine);
        let packs = interval_due(self.packed, PACKED_EVERY, now);
        self.packed = if packs { Some(now) } else { self.packed };
        let keep = async move {
            if packs {
                engine.pack(now).await?;
            }
            engine.prune_when_due(now).await
        };
        let engine = Arc::clone(&self.engine);
        self.pruning.spawn(async move {
            match keep.await {
                Ok(()) => engine.note_well(RETENTION, now),
                Err(error) => engine.note_store(RETENTION, Some(&error), now),
            };
        });
    }

    /// Ends the rounds at their next await, and returns what ends with the doors: what is being committed is committed, what is not is fetched again.
    async fn stop(mut self) -> Vec<JoinHandle<()>> {
        self.rounds.shutdown().await;
        self.sending.shutdown().await;
        self.pruning.shutdown().await;
        self.telling.shutdown().await;
        self.alarming.shutdown().await;
        if let Some(exporter) = self.exporter
            && let Err(error) = exporter.shutdown(STOP_LIMIT).await
        {
            tracing::warn!(error = %format!("{error:#}"), "the last metrics were not exported");
        }
        self.recordings
    }
}

#[cfg(test)]
mod tests;
