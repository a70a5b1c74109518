//! `reclassify`: the present rules, catalogue, named networks and dates applied to everything that was kept.
//!
//! A batch of chunks at a time is read, judged on all cores and added to counts that nobody sees yet; the last transaction
//! takes in what was recorded meanwhile, puts the new counts in place of the old ones, and with them the ids, the statuses and
//! the line in the journal. It may end anywhere before that and goes on there when it is started again.

use std::{collections::BTreeMap, fmt, sync::Arc};

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{
    Engine, Options, cores,
    freshness::Budgets,
    judge::{JUDGED_AT_MOST, Material, OTHERS_JUDGE},
    rounds::{Setting, Shared},
};
use crate::{
    analysis::{self, Anew, Collected, Reclassified, Recount, counted, recount},
    evidence::{Day, SourceKind, UnknownTotal, chunk},
    report::inert,
    store::{Progress, Reader, Rejudged, Store, StoreError, StoredChunk, Writer},
};

/// What one batch brings to the store in one short transaction.
const BATCH_CHUNKS: u32 = 8;
/// A batch is no larger than this, but for its last chunk.
const BATCH_BYTES: usize = 8 << 20;

/// What a reclassification did, or would do.
pub struct Outcome {
    pub items: u64,
    pub reclassified: Reclassified,
    dry_run: bool,
}

impl Engine {
    /// Judges anew everything that is kept; `progress` is told after each batch how many items are done.
    ///
    /// # Errors
    /// When the store fails, or another process reclassifies at the same time.
    pub async fn reclassify(&self, now: Timestamp, progress: impl Fn(u64)) -> anyhow::Result<Outcome> {
        self.begin("reclassify", now).await?;
        // What is different up to now has other causes.
        self.judge(now).await?;
        let judges = Judges::new(&self.options, &self.store).await?;
        let fingerprint = judges.fingerprint.clone();
        let mut step = self.store.write(move |w| w.begin_reclassification(&fingerprint)).await?;
        loop {
            let after = step.done_chunk;
            let chunks = self.store.read(move |r| r.chunks_after(after, BATCH_CHUNKS, BATCH_BYTES)).await?;
            let Some(rejudged) = judges.rejudge(chunks).await? else { break };
            let rules = Arc::clone(&judges.rules);
            let added = self.store.write(move |w| w.add_rejudged(&step, &rejudged, &rules)).await?;
            step = added.context(OTHER)?;
            tracing::debug!(items = step.items, chunk = step.done_chunk, "a batch was judged anew");
            progress(step.items);
        }
        let outcome = self.switch(judges, step, now).await?;
        self.pack_after("reclassify", now).await;
        Ok(outcome)
    }

    /// Says in the log that kept evidence was judged by other rules.
    pub async fn say_if_rules_changed(&self) -> anyhow::Result<()> {
        let fingerprint = self.options.fingerprint();
        let items = self.store.read(move |r| r.items_judged_otherwise(&fingerprint)).await?;
        if items > 0 {
            tracing::warn!(items, "the rules changed: run duskwatch reclassify to judge anew what is kept");
        }
        Ok(())
    }

    async fn switch(&self, judges: Judges, step: Progress, now: Timestamp) -> anyhow::Result<Outcome> {
        for _ in 0..JUDGED_AT_MOST {
            if let Some(outcome) = self.switch_once(&judges, &step, now).await? {
                return Ok(outcome);
            }
        }
        bail!(OTHERS_JUDGE)
    }

    /// None when somebody else has recorded a judgement meanwhile: what it found would be taken back, and found again.
    async fn switch_once(&self, judges: &Judges, step: &Progress, now: Timestamp) -> anyhow::Result<Option<Outcome>> {
        let (judges, step) = (judges.clone(), step.clone());
        let (options, budgets, judging, after) = (Arc::clone(&self.options), self.budgets(), judges.clone(), step.done_chunk);
        let read = move |r: &Reader| {
            let built = Collected::on(r.anew(Day(i32::MAX))?, r.no_callers(options.callers_per_source())?);
            let anew = judging.with_rest(r, built, after)?.finish();
            Ok((Material::read(r, &options, &budgets, now)?, anew))
        };
        let (mut material, anew) = self.store.read(read).await?;
        let options = Arc::clone(&self.options);
        let compared = spawn_blocking(move || {
            let explained = explained(&options, material.unknown());
            let reclassified = material.reclassified(&options, anew, now);
            let report = material.report_of(&reclassified.findings, &reclassified.changes, &options, None);
            (material, reclassified, report, explained)
        });
        let (material, reclassified, report, explained) = compared.await?;
        let (messages, is_last) = (self.messages_of(&report, &material, now), material.is_last());
        let detail = inert::record(&detail(&judges.fingerprint, &reclassified));
        let actor = self.actor("reclassify");
        let write = move |w: &mut Writer<'_>| {
            if !is_last(w)? {
                return Ok(Written::Late);
            }
            let rest: Vec<Rejudged> =
                w.chunks_after(step.done_chunk, u32::MAX)?.into_iter().map(|chunk| judges.rejudged(chunk)).collect();
            let last = rest.last().map_or(step.done_chunk, |rejudged| rejudged.chunk);
            let step = w.add_rejudged(&step, &rest, &judges.rules)?.filter(|step| step.done_chunk == last);
            let Some(step) = step else { return Ok(Written::Taken) };
            w.switch_to_rejudged(&step)?;
            w.remember_keys(&reclassified.keys, now)?;
            w.forget_unknown(&explained)?;
            w.record_findings(&reclassified.findings, &reclassified.changes)?;
            messages.iter().try_for_each(|message| w.enqueue(message, now).map(drop))?;
            w.journal(now, &actor, "reclassify", &detail)?;
            Ok(Written::Done(step.items, Box::new(reclassified)))
        };
        match self.store.write(write).await? {
            Written::Done(items, reclassified) => Ok(Some(Outcome { items, reclassified: *reclassified, dry_run: false })),
            Written::Late => Ok(None),
            Written::Taken => bail!(OTHER),
        }
    }
}

/// What came of the last transaction.
enum Written {
    /// So many items were judged anew, with this outcome.
    Done(u64, Box<Reclassified>),
    /// Somebody else has recorded a judgement meanwhile.
    Late,
    /// Somebody else works on the same.
    Taken,
}

const OTHER: &str = "another reclassify works on this store: when it has ended there may be nothing left to do";

/// What [`Engine::reclassify`] would do; nothing is written. It takes as much memory as a report.
pub async fn preview_reclassification(options: Options, now: Timestamp, progress: impl Fn(u64)) -> anyhow::Result<Outcome> {
    let store = Store::open_read_only(&options.store)?;
    let options = Arc::new(options);
    let judges = Judges::new(&options, &store).await?;
    let limit = options.callers_per_source();
    let (mut collected, mut after) = (Collected::new(store.read(move |r| r.no_callers(limit)).await?), 0);
    loop {
        let chunks = store.read(move |r| r.chunks_after(after, BATCH_CHUNKS, BATCH_BYTES)).await?;
        let Some(rejudged) = judges.rejudge(chunks).await? else { break };
        for Rejudged { chunk, source, recount } in rejudged {
            collected.add(&source, recount, &judges.rules);
            after = chunk;
        }
        progress(collected.items());
    }
    let reading = Arc::clone(&options);
    let read = move |r: &Reader| {
        let collected = judges.with_rest(r, collected, after)?;
        Ok((Material::read(r, &reading, &Budgets::new(), now)?, collected))
    };
    let (material, collected) = store.read(read).await?;
    let items = collected.items();
    let anew: Anew = collected.finish();
    let reclassified = spawn_blocking(move || material.reclassified(&options, anew, now)).await?;
    Ok(Outcome { items, reclassified, dry_run: true })
}

/// What chunks are judged by: the same for all sources, but for those whose word does not count beyond a grade.
#[derive(Clone)]
struct Judges {
    fingerprint: String,
    rules: Arc<Vec<String>>,
    unlimited: Shared,
    limited: Arc<BTreeMap<String, Shared>>,
}

impl Judges {
    async fn new(options: &Options, store: &Store) -> anyhow::Result<Self> {
        let classifier = options.classifier();
        let states = store.read(Reader::source_states).await?;
        let kept = states.into_iter().filter_map(|(source, state)| Some((source, state.maximum_grade?)));
        // What the configuration says now goes before what it said when the source was last heard.
        let configured = options.http.intake.iter().map(|sender| (SourceKind::Intake.source(&sender.name), sender.maximum_grade));
        let limits: BTreeMap<_, _> = kept.chain(configured).collect();
        let limited = limits.into_iter().map(|(source, grade)| {
            let setting = Setting::new(source, classifier.clone().with_maximum_grade(grade));
            (setting.name.clone(), setting.classifier())
        });
        Ok(Self {
            fingerprint: classifier.fingerprint().to_owned(),
            rules: Arc::new(classifier.rules().ids().map(str::to_owned).collect()),
            limited: Arc::new(limited.collect()),
            unlimited: Setting::new(String::new(), classifier).classifier(),
        })
    }

    /// Judges chunks on all cores, in their order; none when there are none.
    async fn rejudge(&self, chunks: Vec<StoredChunk>) -> anyhow::Result<Option<Vec<Rejudged>>> {
        if chunks.is_empty() {
            return Ok(None);
        }
        let judged = stream::iter(chunks).map(|chunk| {
            let judges = self.clone();
            spawn_blocking(move || judges.rejudged(chunk))
        });
        Ok(Some(judged.buffered(cores()).try_collect().await?))
    }

    /// Adds the chunks that were recorded since the last batch, so that everything is of one moment.
    fn with_rest(&self, r: &Reader, mut collected: Collected, after: i64) -> Result<Collected, StoreError> {
        for chunk in r.chunks_after(after, u32::MAX, usize::MAX)? {
            let Rejudged { source, recount, .. } = self.rejudged(chunk);
            collected.add(&source, recount, &self.rules);
        }
        Ok(collected)
    }

    /// A chunk that cannot be read counts nothing, so that its days are seen as not kept whole, and stay as they are.
    fn rejudged(&self, stored: StoredChunk) -> Rejudged {
        let StoredChunk { id, source, bytes } = stored;
        let shared = self.limited.get(&source).unwrap_or(&self.unlimited);
        let read = shared.with(|classifier| chunk::with_decoded(&bytes, |kept| recount(kept, classifier)));
        let recount = read.unwrap_or_else(|error| {
            tracing::warn!(chunk = id, source, %error, "a chunk cannot be read: its days stay as they were counted");
            Recount::default()
        });
        Rejudged { chunk: id, source, recount }
    }
}

/// Values that were listed as unknown and that the present rules or catalogue explain.
fn explained(options: &Options, unknown: &[UnknownTotal]) -> Vec<(String, String)> {
    let known = |total: &&UnknownTotal| match total.field.as_str() {
        "auth_type" => options.rules.knows_auth_type(&total.value),
        // Only the product's name is kept of a user agent; most patterns want its version, too.
        "user_agent" => {
            let recognised = |agent: &str| options.catalogue.position_of(agent).is_some();
            recognised(&total.value) || recognised(&format!("{}/1.0", total.value))
        }
        _ => false,
    };
    unknown.iter().filter(known).map(|total| (total.field.clone(), total.value.clone())).collect()
}

/// The line in the journal.
fn detail(fingerprint: &str, reclassified: &Reclassified) -> String {
    let Reclassified { uses, changed, left_days, left_uses, changes, keys, .. } = reclassified;
    format!(
        "by the rules {}: {changed} of {uses} uses are judged otherwise, {} statuses changed, {} keys follow their integration; \
         {left_uses} uses on {left_days} days of which a source is not kept whole stay",
        &fingerprint[..16],
        changes.len(),
        keys.len(),
    )
}

/// Moves and changes of status that are listed; all changes are in `changes.csv`.
const MAX_LISTED: usize = 40;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reclassified { uses, changed, moves, left_days, left_uses, changes, .. } = &self.reclassified;
        let were = if self.dry_run { "would be" } else { "are" };
        writeln!(
            f,
            "{} kept, {}: {changed} {were} judged otherwise",
            counted(self.items, "item", "items"),
            counted(*uses, "use", "uses")
        )?;
        for analysis::Move { what, from, to, uses, integrations } in moves.iter().take(MAX_LISTED) {
            let (from, to) = (inert::name(from), inert::name(to));
            writeln!(
                f,
                "  {what}: {from} -> {to}: {} of {}",
                counted(*uses, "use", "uses"),
                counted(*integrations, "integration", "integrations")
            )?;
        }
        if moves.len() > MAX_LISTED {
            writeln!(f, "  and {} more", moves.len() - MAX_LISTED)?;
        }
        let statuses = counted(changes.len() as u64, "status", "statuses");
        writeln!(f, "{statuses} {}", if self.dry_run { "would change" } else { "changed" })?;
        for change in changes.iter().take(MAX_LISTED) {
            let word = |status: Option<crate::evidence::Status>, none| status.map_or(none, crate::evidence::Status::as_str);
            let (from, to) = (word(change.from, "new"), word(change.to, "gone"));
            writeln!(f, "  {}: {from} -> {to}", inert::name(&change.integration))?;
        }
        if changes.len() > MAX_LISTED {
            writeln!(f, "  and {} more", changes.len() - MAX_LISTED)?;
        }
        let (uses, days) = (counted(*left_uses, "use", "uses"), counted(*left_days, "day", "days"));
        write!(f, "{uses} on {days} of which a source is not kept whole stay as they were counted")
    }
}
