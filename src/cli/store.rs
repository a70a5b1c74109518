//! The store in an operator's hands.

use clap::Subcommand;

use super::{Failure, progress::Progress, say};
use crate::{
    clock::Clock,
    daemon::{Engine, Options, Pruned},
};

#[derive(Subcommand)]
pub enum Action {
    /// Remove what is older than [store] keep_raw and keep_evidence, and give its space back; counts of days are kept. A
    /// running service does it once a day.
    Prune,
}

pub async fn run(action: Action, options: Options, clock: Clock) -> Result<(), Failure> {
    match action {
        Action::Prune => prune(options, clock).await,
    }
}

async fn prune(options: Options, clock: Clock) -> Result<(), Failure> {
    let (engine, now, bar) = (Engine::open(options)?, clock.now(), Progress::start());
    engine.begin("store prune", now).await.map_err(anyhow::Error::from)?;
    let progress = |pruned: &Pruned| bar.step(format!("{} batches and {} ids removed", pruned.chunks, pruned.ids));
    let pruned = engine.prune("store prune", now, progress).await.map_err(anyhow::Error::from)?;
    bar.finish();
    Ok(say(&pruned)?)
}
