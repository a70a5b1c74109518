//! The store in an operator's hands.

use std::path::PathBuf;

use clap::Subcommand;
use tokio::task::spawn_blocking;

use super::{Failure, progress::Progress, say};
use crate::{
    analysis::{counted, erasure::Unclear},
    clock::Clock,
    config,
    daemon::{Engine, Options, Pruned, Space},
    report::{inert, size},
    store::{Finding, Store},
};

#[derive(Subcommand)]
pub enum Action {
    /// Copy the store as it is at this moment to a file, also beside a running service. An earlier copy there is replaced.
    Backup {
        #[arg(value_name = "DEST")]
        to: PathBuf,
    },
    /// Look whether the file is sound, the journal unbroken, and what is counted is what is kept. Exit 1 if something is not.
    Verify,
    /// Remove what is older than [store] keep_raw and keep_evidence, and give its space back; counts of days are kept. A
    /// running service does it once a day.
    Prune,
    /// Erase a person from the store and the CSV packages. What was counted stays, under a pseudonym. Not beside a running
    /// service, import or reclassify.
    Forget {
        /// Account id, e-mail address, nickname or name.
        #[arg(value_name = "USER")]
        user: String,
    },
}

pub async fn run(action: Action, options: Options, clock: Clock) -> Result<(), Failure> {
    match action {
        Action::Backup { to } => Ok(backup(options, to).await?),
        Action::Verify => verify(options, clock).await,
        Action::Prune => prune(options, clock).await,
        Action::Forget { user } => forget(options, clock, &user).await,
    }
}

async fn backup(options: Options, to: PathBuf) -> anyhow::Result<()> {
    let (from, dest) = (options.store().to_owned(), to.clone());
    let bytes = spawn_blocking(move || Store::backup(&from, &dest)).await??;
    say(&format_args!("{}: {}", to.display(), size(bytes)))
}

async fn verify(options: Options, clock: Clock) -> Result<(), Failure> {
    let failed = |error| Failure::Failed(anyhow::Error::new(error));
    let store = Store::open_read_only(options.store()).map_err(|error| Failure::Failed(error.into()))?;
    let bar = Progress::start();
    bar.step("looking at everything");
    let findings = store.read(|r| Ok(r.verify())).await.map_err(failed)?;
    bar.finish();
    let mut faults = 0;
    for Finding { what, well, faults: found, more } in &findings {
        faults += found.len();
        if found.is_empty() {
            say(&format_args!("{what}: {well}"))?;
        }
        for words in found {
            say(&format_args!("{what}: FAULT: {}", inert::sentence(words)))?;
        }
        if *more > 0 {
            say(&format_args!("{what}: FAULT: and {more} more"))?;
        }
    }
    match Space::of(&store, &options, clock.now()).await {
        Ok(space) => say(&format_args!("size: {space}"))?,
        Err(error) => say(&format_args!("size: cannot be told: {error}"))?,
    }
    if faults == 0 {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "the store has {}: keep the file, and restore a backup",
        counted(faults as u64, "fault", "faults")
    )))
}

async fn prune(options: Options, clock: Clock) -> Result<(), Failure> {
    let (engine, now, bar) = (Engine::open(options)?, clock.now(), Progress::start());
    engine.begin("store prune", now).await.map_err(anyhow::Error::from)?;
    let progress = |pruned: &Pruned| bar.step(format!("{} batches and {} ids removed", pruned.chunks, pruned.ids));
    let pruned = engine.prune("store prune", now, progress).await.map_err(anyhow::Error::from)?;
    bar.finish();
    Ok(say(&pruned)?)
}

async fn forget(options: Options, clock: Clock, user: &str) -> Result<(), Failure> {
    let nameless = options.privacy.pseudonyms;
    let engine = Engine::open(options)?;
    // Whoever collects or judges holds names in memory, and would write them again.
    let _locks = engine.lock_erasing().map_err(anyhow::Error::from)?;
    let (now, bar) = (clock.now(), Progress::start());
    engine.begin("store forget", now).await.map_err(anyhow::Error::from)?;
    let progress = |batches: u64| bar.step(format!("{batches} batches changed"));
    let forgotten = engine.forget(user, now, progress).await?;
    bar.finish();
    match forgotten {
        Ok(forgotten) => Ok(say(&forgotten)?),
        Err(unclear) => Err(Failure::Usage(unclear_words(user, &unclear, nameless))),
    }
}

/// `nameless` where no command shows whom it knows.
fn unclear_words(asked: &str, unclear: &Unclear, nameless: bool) -> String {
    let shown = inert::name(asked);
    match unclear {
        Unclear::Several(users) if nameless => format!("`{shown}` may be {} users: give the account id", users.len()),
        Unclear::Nobody(_) if nameless => format!("nobody goes by `{shown}`"),
        Unclear::Several(users) => {
            let users: Vec<String> = users.iter().map(|user| inert::name(user)).collect();
            format!("`{shown}` may be several users: {}", users.join(", "))
        }
        Unclear::Nobody(names) => match config::nearest(asked, names.iter().map(String::as_str)) {
            Some(near) => format!("nobody goes by `{shown}`; did you mean `{}`?", inert::name(near)),
            None => format!("nobody goes by `{shown}`"),
        },
    }
}
