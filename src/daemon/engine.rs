//! The engine: store, classifier and sources of one configuration, and a round of any of them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant as Stopwatch},
};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use super::outcome::{PollOutcome, Round, RoundError, Tally, gap_state};
use super::{
    Judged, Options,
    clients::{
        Clients, hourly_limit, log_engine, organization_client, organization_credential, query_credential, workspace_client,
        workspace_credential, workspace_secret,
    },
    delivery::OUTBOX,
    freshness::{self, Budgets},
    options::Organization,
    rounds::{AccessRound, AuditRound, BEGAN, LogRound, QueryRound, Setting, TokensRound},
    skew,
    trace::Thread,
    trouble::{News, STORE, Troubles},
    webhooks::WEBHOOK,
};
use crate::{
    analysis,
    clock::Clock,
    deliver::otel,
    evidence::{Batch, Coverage, CoverageState, CursorUpdate, Day, SourceKind, coverage::is_list},
    report::{FailingPart, Figure, figures::failing, prometheus},
    serve::{self, Readiness},
    source::Usage,
    store::{Lock, OpenError, Reader, SourceState, Store, StoreError, Writer},
};

/// Rounds that `poll` runs side by side: enough to wait for several hosts at once.
const ROUNDS_AT_ONCE: usize = 8;

/// The name under which trouble of the judgement is told.
pub(super) const JUDGEMENT: &str = "judgement";

/// The name under which a new configuration that is refused is told.
const CONFIGURATION: &str = "configuration";

/// What stands before a source's name where reading what is older of it is told of.
const OLDER_OF: &str = "what is older of ";

/// The name under which trouble with a collector of metrics is told.
pub(super) const EXPORT: &str = "otel";
/// The part that hands changes of status to a collector, which may take metrics all the same.
pub(super) const EXPORT_OF_CHANGES: &str = "changes";

/// What stands before a host's name where it is told that our clock differs from the host's.
pub(super) const CLOCK: &str = "clock/";

/// A clock that is set back by less was not wrong.
const SET_RIGHT_MS: i64 = 60_000;

/// Everything that a configuration sets up.
pub struct Engine {
    pub(super) options: Arc<Options>,
    pub(super) store: Store,
    sources: Vec<Source>,
    clients: Clients,
    budgets: Arc<Mutex<Budgets>>,
    troubles: Arc<Mutex<Troubles>>,
}

/// One configured source.
struct Source {
    name: String,
    /// What it signs in with, as the configuration names it, and the scopes that it needs; empty for files.
    credential: String,
    /// The host of the API, with whose clock ours is compared; engines and collectors may be wrong themselves.
    witness: Option<String>,
    kind: Kind,
}

enum Kind {
    Audit(Box<AuditRound>),
    Tokens(TokensRound),
    Access(AccessRound),
    Log(LogRound),
    Query(QueryRound),
}

impl Engine {
    /// Opens the store and prepares the sources.
    ///
    /// # Errors
    /// When the store cannot be opened, or a client not be built from what is configured.
    pub fn open(options: Options) -> anyhow::Result<Self> {
        let store = Store::open(&options.store)?;
        Self::over(store, options, Clients::default(), Arc::default(), Arc::default())
    }

    /// The engine of a new configuration over the same store. What was spent of request budgets and what is in trouble stays
    /// known.
    pub(super) fn renewed(&self, options: Options) -> anyhow::Result<Self> {
        let (budgets, troubles) = (Arc::clone(&self.budgets), Arc::clone(&self.troubles));
        let renewed = Self::over(self.store.clone(), options, self.clients.renewed(), budgets, troubles)?;
        // Nobody would ever say that what is gone works again; a clock that is still wrong is told anew.
        renewed.troubles().forget(|part| renewed.lacks(part));
        Ok(renewed)
    }

    /// Whether a part that was in trouble is one that this configuration has nothing of: a source or the older part of one, a
    /// delivery, the exporter, the mail server, programs that are told.
    pub(super) fn lacks(&self, part: &str) -> bool {
        let source = part.strip_prefix(OLDER_OF).unwrap_or(part);
        let is_delivery = || self.deliveries().iter().any(|delivery| delivery.to_string() == part);
        match part {
            EXPORT | EXPORT_OF_CHANGES => self.options.otel.is_none(),
            WEBHOOK => !self.has_webhooks(),
            OUTBOX => self.options.email.is_none(),
            _ => part.contains('/') && !self.is_source(source) && !is_delivery(),
        }
    }

    fn over(
        store: Store,
        options: Options,
        mut clients: Clients,
        budgets: Arc<Mutex<Budgets>>,
        troubles: Arc<Mutex<Troubles>>,
    ) -> anyhow::Result<Self> {
        let store = store.limited_to(options.callers_per_source());
        let mut sources = Vec::new();
        for organization in &options.organizations {
            organization_sources(&options, organization, &mut clients, &mut sources)?;
        }
        for log in &options.logs {
            let setting = setting(&options, SourceKind::Log.source(&log.name));
            let name = setting.name.clone();
            let kind = Kind::Log(LogRound::new(setting, Arc::clone(log)));
            sources.push(Source { name, credential: String::new(), witness: None, kind });
        }
        for query in &options.queries {
            let engine = log_engine(&options, query, &mut clients)?;
            let name = SourceKind::Query.source(&query.name);
            let round = QueryRound::new(name.clone(), Arc::clone(query), engine, options.fingerprint());
            sources.push(Source { name, credential: query_credential(query), witness: None, kind: Kind::Query(round) });
        }
        Ok(Self { options: Arc::new(options), store, sources, clients, budgets, troubles })
    }

    /// Whether a source, or another part of the service, is in trouble.
    pub(super) fn is_failing(&self, name: &str) -> bool {
        self.troubles().is_open(name)
    }

    pub(super) fn setting(&self, name: String) -> Setting {
        setting(&self.options, name)
    }

    /// The right to collect and deliver, which one process has at a time.
    pub fn lock(&self) -> Result<Lock, OpenError> {
        Store::lock_exclusive(&self.options.store)
    }

    /// The right to judge beside a process that collects; nobody has it while somebody is erased.
    pub fn lock_judging(&self) -> Result<Lock, OpenError> {
        Store::lock_judging(&self.options.store)
    }

    /// The right to erase somebody, while nobody collects, delivers or judges.
    pub fn lock_erasing(&self) -> Result<(Lock, Lock), OpenError> {
        Store::lock_erasing(&self.options.store)
    }

    /// In the order of the configuration.
    pub fn source_names(&self) -> Vec<String> {
        self.sources.iter().map(|s| s.name.clone()).collect()
    }

    /// How long to wait between the beginnings of two rounds of a source.
    pub fn every(&self, index: usize) -> Duration {
        let name = &self.sources[index].name;
        if self.troubles().is_ours(name) { freshness::rested(name, &self.options) } else { self.options.every(name) }
    }

    /// What is not as it should be, a line each: the store, and every source that is not fresh or waits for somebody to act; and
    /// what keeps nobody from looking: sources of which a part is not read, parts of the service that fail.
    pub async fn readiness(&self, now: Timestamp) -> Readiness {
        let (options, budgets) = (Arc::clone(&self.options), self.budgets());
        let lines = move |r: &Reader| Ok((freshness::source_lines(r, &options, &budgets, now)?, r.read_in_part()?));
        let read = self.store.read(lines).await;
        let troubles = self.troubles();
        let readiness = match (troubles.store_words(), read) {
            (Some(words), _) => Readiness { not_ready: vec![format!("{STORE}: {words}")], ..Readiness::default() },
            (None, Err(error)) => Readiness { not_ready: vec![format!("{STORE}: {error}")], ..Readiness::default() },
            (None, Ok((lines, in_part))) => {
                freshness::readiness(&lines, &in_part, &self.options, |name| troubles.is_ours(name), now)
            }
        };
        let failing = troubles.of_parts(|part| self.is_source(part));
        let words = |(part, since, why): (&str, Timestamp, &str)| {
            // Who asks for this has no token, and a mail server names whose mailbox is full.
            let why = if part == OUTBOX { "mails wait; the page and the log say why" } else { why };
            format!("{part}: failing since {since}: {why}")
        };
        let failing = failing.map(words).collect::<Vec<_>>();
        Readiness { in_part: [readiness.in_part, failing].concat(), ..readiness }
    }

    /// Takes note of how a part of the service fared with the store, and logs and returns whether that is news.
    pub(super) fn note_store(&self, part: &str, failure: Option<&StoreError>, now: Timestamp) -> bool {
        let mut troubles = self.troubles();
        let news = match failure {
            Some(error) => troubles.store_failed(part, &format!("{}: {error}", self.options.store.display()), now),
            None => troubles.store_well(part, now),
        };
        say(STORE, troubles.store_reason().as_deref(), news)
    }

    /// Takes note that a part of the service works, and the store with it, and logs and returns whether that is news.
    pub(super) fn note_well(&self, part: &str, now: Timestamp) -> bool {
        let store = self.note_store(part, None, now);
        let news = self.troubles().well(part);
        say(part, None, news) || store
    }

    /// Takes note that a part of the service failed, and logs and returns whether that is news. `ours` when only somebody's
    /// action can mend it.
    pub(super) fn note_failed(&self, part: &str, why: &str, ours: bool, now: Timestamp) -> bool {
        let news = self.troubles().failed(part, why, ours, now);
        say(part, Some(why), news)
    }

    /// As [`Engine::note_failed`], of a failure that may be the store's own.
    pub(super) fn note_error(&self, part: &str, error: &anyhow::Error, now: Timestamp) -> bool {
        match error.downcast_ref::<StoreError>() {
            Some(error) => self.note_store(part, Some(error), now),
            None => self.note_failed(part, &format!("{error:#}"), false, now),
        }
    }

    /// Takes note that the clock of this machine was set back.
    pub(super) fn note_clock_set_back(&self, now: Timestamp) {
        self.troubles().clock_was_set(now);
    }

    /// Has what waits in the outbox tried at once: its pauses were measured by a clock that was ahead.
    pub(super) async fn hurry(&self, now: Timestamp) -> Result<(), StoreError> {
        self.store.write(move |w| w.hurry(now)).await
    }

    /// Takes note of why a new configuration is refused, or that it is in force.
    pub(super) fn note_configuration(&self, refused: Option<&String>, now: Timestamp) {
        let words = |why| format!("the new one is refused ({why}), see the log: the service goes on with the one it has");
        match refused {
            Some(why) => self.troubles().failed(CONFIGURATION, &words(why), true, now),
            None => self.troubles().well(CONFIGURATION),
        };
    }

    /// Whether a source waits for somebody to act.
    pub(super) fn waits_for_somebody(&self, source: &str) -> bool {
        self.troubles().is_ours(source)
    }

    /// What trouble of the store, or of the judgement, means to whoever reads the page; and that other parts of the service fail.
    pub(super) fn trouble_words(&self) -> Vec<String> {
        let troubles = self.troubles();
        let store = troubles.store_words().map(|words| format!("The store is {words}."));
        let judged = || troubles.of_part(JUDGEMENT).map(|(since, why)| format!("Nothing is judged since {since}: {why}."));
        let blind = store.or_else(judged).map(|words| format!("{words} What is shown here is what was known before."));
        drop(troubles);
        let parts = self.failing_parts();
        let parts = parts
            .iter()
            .filter(|part| part.part != STORE)
            .map(|part| format!("{} is failing since {}: {}.", part.part, part.since, part.reason));
        blind.into_iter().chain(parts).collect()
    }

    /// What of the service fails, but for what a report tells elsewhere: the sources and their clock, and the judgement. The store is
    /// told as well, since one that is damaged or nearly full serves some and fails others.
    pub(super) fn failing_parts(&self) -> Vec<FailingPart> {
        let troubles = self.troubles();
        let is_told = |part: &str| part == JUDGEMENT || part.starts_with(CLOCK) || self.is_source(part);
        let part = |(part, since, reason): (&str, Timestamp, &str)| FailingPart {
            part: part.to_owned(),
            since,
            reason: reason.to_owned(),
        };
        let store = troubles.of_store().zip(troubles.store_reason());
        let store = store.map(|((since, _), reason)| FailingPart { part: STORE.to_owned(), since, reason });
        store.into_iter().chain(troubles.of_parts(is_told).map(part)).collect()
    }

    /// What the metrics say of trouble of the store, and of parts that are no sources.
    pub(super) fn failing(&self) -> Vec<Figure> {
        let troubles = self.troubles();
        let parts: Vec<_> =
            troubles.of_parts(|part| self.is_source(part)).map(|(part, since, _)| (part.to_owned(), since)).collect();
        failing(troubles.of_store().map(|(since, _)| since), &parts)
    }

    fn is_source(&self, part: &str) -> bool {
        self.sources.iter().any(|source| source.name == part)
    }

    /// Since when the store fails, and why; none while it works.
    pub(super) fn store_trouble(&self) -> Option<(Timestamp, String)> {
        self.troubles().of_store()
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn serve_options(&self) -> serve::Options {
        serve::Options { listen: self.options.http.listen, access: self.options.http.access.clone() }
    }

    /// Serves one judgement's page until `stop`, and returns its address.
    pub async fn serve_once(&self, judged: &Judged, stop: CancellationToken) -> anyhow::Result<SocketAddr> {
        let options = self.serve_options();
        let listener = serve::listen(&options).await?;
        let address = listener.local_addr()?;
        let figures = [self.figures(&judged.measured(), judged.seen_at()).await?, self.failing()].concat();
        let served = serve::Served {
            pulse: None,
            document: Some(Arc::new(judged.document(&self.store))),
            metrics: prometheus::exposition(&figures).into(),
            readiness: self.readiness(judged.seen_at()).await,
            trouble: self.trouble_words(),
        };
        let (sender, page) = watch::channel(Arc::new(served));
        tokio::spawn(async move {
            let (_, doors) = watch::channel(Arc::new(serve::Doors { access: options.access, intake: None }));
            serve::run(listener, doors, page, stop).await;
            drop(sender);
        });
        Ok(address)
    }

    /// The exporter of metrics, when an endpoint is set.
    pub fn start_exporter(&self) -> anyhow::Result<Option<otel::Exporter>> {
        let Some(otel) = &self.options.otel else { return Ok(None) };
        let options = otel.export_options(&self.options.network);
        otel::Exporter::start(&options, &self.options.exporting()).map(Some)
    }

    /// One round of every source, or of those named.
    ///
    /// # Errors
    /// Only when the store fails; what a source refuses is in the outcome.
    pub async fn poll(self: &Arc<Self>, only: &[String], since: Option<Day>, now: Timestamp) -> anyhow::Result<PollOutcome> {
        let wanted = (0..self.sources.len()).filter(|i| only.is_empty() || only.contains(&self.sources[*i].name));
        let now = (now, Stopwatch::now());
        let rounds = stream::iter(wanted).map(|index| async move { (index, self.whole_round(index, since, now).await) });
        let mut rounds: Vec<(usize, Round)> = rounds.buffer_unordered(ROUNDS_AT_ONCE).collect().await;
        rounds.sort_by_key(|(index, _)| *index);
        self.pack_after("poll", now.0).await;
        let mut outcome = PollOutcome::default();
        for (index, round) in rounds {
            if round.failed {
                outcome.failed.push(self.sources[index].name.clone());
            }
            outcome.lines.push(format!("{}: {}", self.sources[index].name, round.line));
        }
        Ok(outcome)
    }

    /// A round of one source, and all that is older: what [`Engine::round`] leaves for later when nobody waits for it. From
    /// a day that somebody asked for on, nothing is older.
    async fn whole_round(&self, index: usize, since: Option<Day>, now: skew::Reading) -> Round {
        let round = self.round_by(index, since, now).await;
        if round.failed || !round.unread || since.is_some() {
            return round;
        }
        let older = self.older_round(index, now.0, None).await;
        let line = format!("{}; of what is older: {}", round.line, older.line);
        Round { line, changed: round.changed || older.changed, ..older }
    }

    /// Reads what a source's steady rounds have left, the newest first, until nothing is left or the time is over. How fresh
    /// the source is does not depend on it; what it could not read is in the ledger.
    #[tracing::instrument(name = "older round", level = "debug", skip_all, fields(source = self.sources[index].name))]
    pub async fn older_round(&self, index: usize, now: Timestamp, until: Option<Instant>) -> Round {
        let source = &self.sources[index];
        let (result, usage) = match &source.kind {
            Kind::Audit(round) => (round.run_older(&self.store, now, until).await, round.usage()),
            Kind::Tokens(_) | Kind::Access(_) | Kind::Log(_) | Kind::Query(_) => (Ok(Tally::default()), Usage::default()),
        };
        let result = result.map_err(|error| error.with_credential(&source.credential));
        let (name, answered) = (source.name.clone(), usage.is_answered());
        let counted = if usage.requests.is_empty() {
            None
        } else {
            Some(self.store.write(move |w| count_requests(w, &name, &usage)).await)
        };
        self.ended(&format!("{OLDER_OF}{}", source.name), result, (answered, counted), now)
    }

    /// When the store began to count.
    pub async fn counts_since(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let journal = self.store.read(Reader::journal).await?;
        Ok(journal.first().map_or(now, |entry| entry.at))
    }

    /// One round of one source: what it brings is recorded page by page; how it went is recorded at the end.
    pub async fn round(&self, index: usize, since: Option<Day>, now: Timestamp) -> Round {
        self.round_by(index, since, (now, Stopwatch::now())).await
    }

    /// The same by a clock that was read before: rounds of a `poll` wait for each other.
    #[tracing::instrument(name = "round", level = "debug", skip_all, fields(source = self.sources[index].name))]
    async fn round_by(&self, index: usize, since: Option<Day>, clock: skew::Reading) -> Round {
        let (now, _) = clock;
        let source = &self.sources[index];
        let well = match source.kind {
            // Knows by its slices what was asked too early.
            Kind::Query(_) => Ok(()),
            Kind::Log(_) => forget_future(&self.store, &source.name, Some(BEGAN), now).await,
            _ => forget_future(&self.store, &source.name, None, now).await,
        };
        let result = match (well, &source.kind) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Kind::Audit(round)) => round.run(&self.store, since, now).await,
            (Ok(()), Kind::Tokens(round)) => round.run(&self.store, now).await,
            (Ok(()), Kind::Access(round)) => round.run(&self.store, now).await,
            (Ok(()), Kind::Log(round)) => round.run(&self.store, now).await,
            (Ok(()), Kind::Query(round)) => round.run(&self.store, since, now).await,
        };
        let result = result.map_err(|error| error.with_credential(&source.credential));
        let usage = match &source.kind {
            Kind::Audit(round) => round.usage(),
            Kind::Tokens(round) => round.usage(),
            Kind::Access(round) => round.usage(),
            Kind::Log(_) => Usage::default(),
            Kind::Query(round) => round.usage(),
        };
        if !matches!(source.kind, Kind::Log(_)) {
            self.budgets.lock().unwrap_or_else(PoisonError::into_inner).insert(source.name.clone(), usage.budget_used);
        }
        let answered = usage.is_answered();
        let (told, news) = self.note_clock(source, &usage, clock);
        let noted = self.note_round(source, &result, (usage, told), now).await;
        let round = self.ended(&source.name, result, (answered, Some(noted)), now);
        Round { changed: round.changed || news, ..round }
    }

    /// Takes note of what a witness says of our clock: what a reader should know of it, empty when it is right, and whether that
    /// is news, which it logs.
    fn note_clock(&self, source: &Source, usage: &Usage, ours: skew::Reading) -> (String, bool) {
        let (Some(host), Some(theirs)) = (&source.witness, usage.server_time) else { return Default::default() };
        // A command that goes by `--now` has a clock of its own, and this machine's may be right all the same.
        let clocks = [ours, (Clock::System.now(), Stopwatch::now())].map(|clock| skew::ahead_seconds(clock, theirs));
        let ahead = clocks.into_iter().min_by_key(|ahead| ahead.saturating_abs()).unwrap_or_default();
        let part = format!("{CLOCK}{host}");
        if ahead.saturating_abs() <= skew::WRONG_SECONDS {
            let news = self.troubles().well(&part);
            return (String::new(), say(&part, None, news));
        }
        let words = skew::words("the clock of this machine", ahead, &format!("{host}'s"));
        let news = self.note_failed(&part, &words, true, ours.0);
        (words, news)
    }

    /// Says how a round went, as far as that is news. `answered` says that its source answered, so that a round that failed
    /// may have recorded something before; `noted` how writing down its end went, where there was something to write.
    fn ended(
        &self,
        part: &str,
        result: Result<Tally, RoundError>,
        (answered, noted): (bool, Option<Result<(), StoreError>>),
        now: Timestamp,
    ) -> Round {
        // The store's own trouble is told once for all sources.
        let store_failure = match (&result, &noted) {
            (Err(RoundError::Store(error)), _) | (_, Some(Err(error))) => Some(error),
            _ => None,
        };
        let store_news = self.note_store(part, store_failure, now);
        match result {
            Ok(tally) => {
                tracing::debug!(part, items = tally.items, skipped = tally.skipped, tally.unread, "round done");
                let news = say(part, None, self.troubles().well(part)) || store_news;
                let changed = news || tally.items > 0 || !tally.left_out.is_empty();
                Round { changed, line: words(&tally), failed: false, rests: false, unread: tally.unread, thread: Thread::here() }
            }
            Err(error) => {
                let line = error.to_string();
                let ours = matches!(error, RoundError::Credential { .. } | RoundError::NotPermitted(_));
                let by_store = matches!(error, RoundError::Store(_));
                let news = !by_store && self.note_failed(part, &line, ours, now);
                let recorded = answered || matches!(error, RoundError::InPart(_));
                let changed = news || store_news || recorded;
                Round { changed, line, failed: true, rests: !by_store, unread: false, thread: Thread::here() }
            }
        }
    }

    /// The used part of each source's request budget after its last round.
    pub(super) fn budgets(&self) -> Budgets {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn source_state(&self, name: &str) -> Result<SourceState, StoreError> {
        let states = self.store.read(Reader::source_states).await?;
        Ok(states.into_iter().find_map(|(known, state)| (known == name).then_some(state)).unwrap_or_default())
    }

    /// Of a list that was read now and never before: the time from its last failure on, for what that failed of.
    async fn closed_before(&self, name: &str, now_ms: i64) -> Result<Option<Coverage>, StoreError> {
        let before = self.source_state(name).await?;
        if !is_list(name) || before.last_failure.is_none() || before.last_success.is_some() {
            return Ok(None);
        }
        let mut ledger = self.store.read(Reader::ledger).await?;
        let intervals = ledger.sources.remove(name).unwrap_or_default();
        let looked_before = intervals.iter().any(|interval| interval.state.looked() && interval.from_ms < now_ms);
        let last = intervals.into_iter().rfind(|interval| !interval.state.looked() && interval.to_ms < now_ms);
        Ok(last.filter(|_| !looked_before).map(|last| Coverage {
            from_ms: last.to_ms,
            to_ms: now_ms,
            items: 0,
            skipped: 0,
            ..last
        }))
    }

    /// Freshness, requests, and for a round that failed the interval that nobody saw.
    async fn note_round(
        &self,
        source: &Source,
        result: &Result<Tally, RoundError>,
        (usage, clock): (Usage, String),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = &source.name;
        // A round that failed has its failure to tell, and takes nothing back.
        let warning = result.as_ref().ok().map(|tally| {
            let words = [tally.warning, &clock];
            words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ")
        });
        let failure = result.as_ref().err().map(|error| (error.to_string(), gap_state(error)));
        let is_closed = failure.as_ref().is_some_and(|(_, state)| *state == Some(CoverageState::NotPermitted));
        let now_ms = now.as_millisecond();
        let closed = if result.is_ok() { self.closed_before(name, now_ms).await? } else { None };
        let unseen = match looked_until(&self.store, name).await? {
            Some(ms) => Some((ms, now_ms)),
            // Since it failed last at least, nobody has seen anything.
            None => match self.source_state(name).await?.last_failure {
                Some(at) => Some((at.as_millisecond(), now_ms)),
                // Of a list nothing but the ledger says since when it was closed to us, once it opens; and of any source, that it is
                // closed to us and does not only fail.
                None if is_list(name) => Some((now_ms, now_ms + 1)),
                None => is_closed.then_some((now_ms - 1, now_ms)),
            },
        };
        let name = name.to_owned();
        self.store
            .write(move |w| {
                count_requests(w, &name, &usage)?;
                closed.iter().try_for_each(|closed| w.cover(&name, closed))?;
                let mut state = SourceState { warning, ..SourceState::default() };
                match failure {
                    None => state.last_success = Some(now),
                    Some((words, gap)) => {
                        state.last_failure = Some(now);
                        if let (Some(state), Some((from_ms, to_ms))) = (gap, unseen) {
                            w.cover(&name, &Coverage { from_ms, to_ms, state, items: 0, skipped: 0, reason: words.clone() })?;
                        }
                        state.failure = Some(words);
                    }
                }
                w.note_source(&name, &state)
            })
            .await
    }
}

/// Logs what is news of a part of the service, and returns whether it is.
fn say(part: &str, error: Option<&str>, news: Option<News>) -> bool {
    let error = error.unwrap_or_default();
    match news {
        Some(News::Begun) => tracing::warn!(part, error, "it fails"),
        Some(News::Still { since }) => tracing::warn!(part, error, %since, "it still fails"),
        Some(News::Over { since }) => tracing::info!(part, failed_since = %since, "it works again"),
        None => {}
    }
    news.is_some()
}

fn count_requests(w: &mut Writer<'_>, source: &str, usage: &Usage) -> Result<(), StoreError> {
    usage.requests.iter().try_for_each(|(class, requests)| w.count_requests(source, class, *requests))
}

fn words(tally: &Tally) -> String {
    let mut words = vec![analysis::counted(tally.items, "item", "items")];
    if tally.skipped > 0 {
        words.push(format!("{} skipped", tally.skipped));
    }
    if !tally.left_out.is_empty() {
        words.push(tally.left_out.clone());
    }
    words.join(", ")
}

/// Up to when a source was looked at, in milliseconds; none when it never was.
pub(super) async fn looked_until(store: &Store, source: &str) -> Result<Option<i64>, StoreError> {
    let source = source.to_owned();
    store.read(move |r| r.looked_until_ms(&source)).await
}

/// What a clock that was ahead has written of a source's ledger is taken back: else nobody would look there again, and what is
/// not seen would count as seen. When it became wrong nobody knows: as long ago, it is taken, as it was ahead.
/// Of a log nothing would be left if it is this clock that is wrong, by more than all that was seen: `began` keeps where that began.
async fn forget_future(store: &Store, source: &str, began: Option<&'static str>, now: Timestamp) -> Result<(), StoreError> {
    let until_ms = looked_until(store, source).await?.unwrap_or(i64::MIN);
    let ahead_ms = until_ms.saturating_sub(now.as_millisecond());
    if ahead_ms > SET_RIGHT_MS {
        let doubted_from = now.checked_sub(SignedDuration::from_millis(ahead_ms)).unwrap_or(Timestamp::UNIX_EPOCH);
        tracing::warn!(
            source,
            %doubted_from,
            "it was looked at in the future: the clock was ahead, and what its last look says of the time since is taken back"
        );
        let ledger = store.read(Reader::ledger).await?;
        let first = ledger.sources.get(source).and_then(|intervals| intervals.first());
        let first = first.filter(|first| first.from_ms >= now.as_millisecond());
        let kept =
            began.zip(first).map(|(key, first)| CursorUpdate { key: key.to_owned(), value: Some(first.from_ms.to_string()) });
        let batch = Batch { source: source.to_owned(), cursors: kept.into_iter().collect(), ..Batch::default() };
        let forget = move |w: &mut Writer<'_>| {
            w.forget_future(&batch.source, now, doubted_from)?;
            w.record(&batch, now)
        };
        store.write(forget).await?;
    }
    Ok(())
}

fn setting(options: &Options, name: String) -> Setting {
    Setting::new(name, options.classifier())
}

fn organization_sources(
    options: &Options,
    organization: &Organization,
    clients: &mut Clients,
    sources: &mut Vec<Source>,
) -> anyhow::Result<()> {
    let client = organization_client(options, organization, clients)?;
    let host = |api: &Url| api.host_str().map(str::to_owned);
    let witness = host(&organization.api_url);
    let setting = setting(options, SourceKind::Audit.source(&organization.name));
    let name = setting.name.clone();
    let round = AuditRound::new(setting, client.sibling(), &organization.id, organization.overlap);
    let credential = |scope| organization_credential(&organization.name, scope);
    let kind = Kind::Audit(Box::new(round));
    sources.push(Source { name, credential: credential("read:events:admin"), witness: witness.clone(), kind });
    let round = TokensRound::new(client.sibling(), &organization.name, &organization.id);
    let name = SourceKind::Tokens.source(&organization.name);
    sources.push(Source { name, credential: credential("read:tokens:admin"), witness, kind: Kind::Tokens(round) });
    for workspace in &organization.workspaces {
        let client = workspace_client(options, organization, workspace, clients)?;
        let round = AccessRound::new(client, &workspace.slug, hourly_limit(options, workspace), workspace_secret(workspace));
        let name = SourceKind::Access.source(&workspace.slug);
        let (credential, witness) = (workspace_credential(workspace), host(&workspace.api_url));
        sources.push(Source { name, credential, witness, kind: Kind::Access(round) });
    }
    Ok(())
}
