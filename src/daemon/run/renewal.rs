//! A new configuration while the service runs: asked for by SIGHUP, or because the file of a secret has changed.
//!
//! It is taken up as a whole or not at all. Store, page, timer and what was spent of request budgets stay as they are; rounds
//! that are under way end as at a stop, which loses nothing, and begin anew.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{STOP_LIMIT, Service, SourceClock, start_intake};
use crate::{clock::Clock, daemon::Options, deliver::otel, evidence::settings::Fault, serve::Doors};

/// Reads the configuration anew.
type Load = Box<dyn Fn() -> Result<Options, Vec<Fault>> + Send + Sync>;

/// When the configuration is read anew, and how.
pub struct Renewal {
    pub(super) asked: mpsc::Receiver<()>,
    load: Load,
    /// The files of secrets, as they were when they were read.
    seen: Vec<(PathBuf, Option<Signature>)>,
}

/// By which a file that was replaced or written to is recognised: when, how long, which one.
type Signature = (i64, i64, u64, u64);

impl Renewal {
    /// `asked` brings a word for each wish of the operator.
    pub fn new(asked: mpsc::Receiver<()>, load: impl Fn() -> Result<Options, Vec<Fault>> + Send + Sync + 'static) -> Self {
        Self { asked, load: Box::new(load), seen: Vec::new() }
    }

    /// Remembers the files of a configuration that is in force.
    pub(super) fn watch(&mut self, options: &Options) {
        self.seen = options.secret_files().map(|path| (path.clone(), signature(&path))).collect();
    }

    /// Whether a secret has changed since it was read.
    pub(super) fn is_due(&self) -> bool {
        self.seen.iter().any(|(path, known)| signature(path) != *known)
    }
}

/// None of a file that is not there.
fn signature(path: &PathBuf) -> Option<Signature> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino()))
}

impl Service {
    /// Takes up the configuration as it is now; one that is refused leaves the old one in force: the log tells it once, and
    /// `/readyz` until another is taken up.
    pub(super) async fn renew(&mut self, renewal: &mut Renewal, cause: &str) {
        let outcome = match (renewal.load)() {
            Ok(options) => self.take_up(options).await,
            Err(faults) => {
                for fault in &faults {
                    tracing::error!(%fault, "in the new configuration");
                }
                Err(anyhow::anyhow!("{} fault{}", faults.len(), if faults.len() == 1 { "" } else { "s" }))
            }
        };
        renewal.watch(&self.engine.options);
        let (outcome, now) = (outcome.map_err(|error| format!("{error:#}")), Clock::System.now());
        self.engine.note_configuration(outcome.as_ref().err(), now);
        self.show_trouble(now).await;
        match outcome {
            Ok(()) => {
                tracing::info!(cause, "the new configuration is in force");
                self.judge(Clock::System.now()).await;
            }
            Err(error) => {
                tracing::error!(cause, error, "the new configuration is refused: the service goes on with the one it has");
            }
        }
    }

    /// Everything that can fail comes before everything that changes.
    async fn take_up(&mut self, options: Options) -> anyhow::Result<()> {
        let now = Clock::System.now();
        let (options, kept) = options.after(&self.engine.options);
        for key in kept {
            tracing::warn!(key, "this cannot change while the service runs: it takes effect at the next start");
        }
        let engine = Arc::new(self.engine.renewed(options)?);
        let exporter = engine.start_exporter().context("[otel]")?.map(Arc::new);
        let (intake, recording) = start_intake(&engine, &self.pushed).await?;
        engine.begin("reload", now).await?;
        engine.say_if_rules_changed().await?;
        engine.begin_schedules(now).await?;
        self.end_rounds().await?;
        self.doors.send_replace(Arc::new(Doors { access: engine.serve_options().access, intake }));
        self.recordings.retain(|recording| !recording.is_finished());
        self.recordings.push(recording);
        retire(std::mem::replace(&mut self.exporter, exporter));
        (self.failed_exports, self.accepted_exports) = (0, 0);
        // What is new was not there before.
        self.reads_since = now;
        self.set_clocks(&engine.source_names());
        self.engine = engine;
        Ok(())
    }

    /// Ends the rounds at their next await, and waits for what they are committing: the next ones begin at its cursor.
    async fn end_rounds(&mut self) -> anyhow::Result<()> {
        self.rounds.shutdown().await;
        Ok(self.engine.store.write(|_| Ok(())).await?)
    }

    /// Sources go on in their rhythm; those that were interrupted, are new or are failing begin at once.
    fn set_clocks(&mut self, names: &[String]) {
        let before: Vec<(String, SourceClock)> =
            self.engine.source_names().into_iter().zip(std::mem::take(&mut self.sources)).collect();
        let started = |name: &String| -> Option<Timestamp> {
            let (_, clock) = before.iter().find(|(known, _)| known == name)?;
            clock.started.filter(|_| clock.running.is_none() && !self.engine.is_failing(name))
        };
        self.sources = names.iter().map(|name| SourceClock { started: started(name), ..SourceClock::default() }).collect();
    }
}

/// The collector that is no longer asked gets the last figures, while the service goes on.
fn retire(exporter: Option<Arc<otel::Exporter>>) {
    let Some(exporter) = exporter else { return };
    tokio::spawn(async move {
        if let Err(error) = exporter.shutdown(STOP_LIMIT).await {
            tracing::warn!(error = %format!("{error:#}"), "the last metrics were not exported");
        }
    });
}
