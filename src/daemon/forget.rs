//! `store forget`: a person is taken out of the store and of the CSV packages. Counts stay, under a pseudonym that leads back
//! to nobody. If a source names the person again later, that is a new person.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::Engine;
use crate::{
    analysis::{
        counted,
        erasure::{Erasure, Identity, Unclear, identify, written as written_in},
    },
    deliver::files,
    evidence::{Day, chunk, is_crowd, journal::JournalEntry},
    report::inert,
    store::{Erased, Reader, Writer},
};

/// Chunks of one short transaction.
const CHUNKS_A_STEP: u32 = 16;

const ACTION: &str = "forget";

/// What an erasure did; it names nobody.
#[derive(Debug)]
pub struct Forgotten {
    pub pseudonym: String,
    pub erased: Erased,
    /// How many names are kept because somebody else has them, too.
    pub shared: u64,
    /// Those that named the person, and are removed.
    pub packages: Vec<PathBuf>,
    /// Entries of the journal that name the person, as whoever ran or decided something.
    pub journalled: usize,
}

impl Engine {
    /// Erases whoever goes by a name; `progress` is told how many batches are done. Whoever calls has the lock.
    ///
    /// # Errors
    /// The inner one when nobody, or several, go by the name; nothing has changed then.
    pub async fn forget(
        &self,
        asked: &str,
        now: Timestamp,
        progress: impl Fn(u64),
    ) -> anyhow::Result<Result<Forgotten, Unclear>> {
        self.end_erasure().await?;
        let read = |r: &Reader| Ok((r.history(Day(i32::MAX))?, r.roster(Timestamp::MAX)?, r.journal()?));
        let (history, roster, journal) = self.store.read(read).await?;
        let name = asked.to_owned();
        let crowded = history.tracks.iter().any(|shown| shown.track.username.as_deref().is_some_and(is_crowd));
        let (identity, among_others) = match spawn_blocking(move || identify(&history, &roster, &name)).await? {
            Ok(identity) => (identity, false),
            Err(nobody @ Unclear::Nobody(_)) if crowded => match self.among_others(asked.to_lowercase()).await? {
                Some(identity) => (identity, true),
                None => return Ok(Err(nobody)),
            },
            Err(unclear) => return Ok(Err(unclear)),
        };
        let erasure = Erasure::new(identity, next_pseudonym(&journal));
        let named = |entry: &&JournalEntry| [&entry.actor, &entry.detail].iter().any(|text| erasure.text(text).is_some());
        let journalled = journal.iter().filter(named).count();
        // While the store still knows the person, whatever is ended here is done by the next attempt.
        let packages = match self.options.package().0 {
            Some(directory) => remove_packages(&directory, &erasure)?,
            None => Vec::new(),
        };
        // Whoever ends in between begins anew by what knows the person still: of somebody among others only chunks do.
        let (chunks, erased) = if among_others {
            let erased = self.erase(&erasure, now).await?;
            (self.erase_from_chunks(&erasure, progress).await?, erased)
        } else {
            (self.erase_from_chunks(&erasure, progress).await?, self.erase(&erasure, now).await?)
        };
        let erased = Erased { chunks, ..erased };
        self.end_erasure().await?;
        let shared = erasure.shared().len() as u64 + erased.names_of_others;
        Ok(Ok(Forgotten { pseudonym: erasure.pseudonym().to_owned(), erased, shared, packages, journalled }))
    }

    /// Somebody whom only single pieces of evidence name, because their source named too many ([`Callers`]).
    ///
    /// [`Callers`]: crate::evidence::Callers
    async fn among_others(&self, name: String) -> anyhow::Result<Option<Identity>> {
        let (mut written, mut after) = (BTreeSet::new(), 0);
        loop {
            let name = name.clone();
            let read = move |r: &Reader| {
                let chunks = r.chunks_after(after, CHUNKS_A_STEP, usize::MAX)?;
                let mut found = BTreeSet::new();
                for chunk in &chunks {
                    // One that cannot be read is removed when somebody is erased.
                    let names =
                        chunk::with_decoded(&chunk.bytes, |kept| written_in(kept.iter().map(|(sighting, _)| sighting), &name));
                    found.extend(names.unwrap_or_default());
                }
                Ok((found, chunks.last().map(|chunk| chunk.id)))
            };
            let (found, last) = self.store.read(read).await?;
            written.extend(found);
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok((!written.is_empty()).then(|| Identity::of_names(written, &name)))
    }

    async fn erase_from_chunks(&self, erasure: &Erasure, progress: impl Fn(u64)) -> anyhow::Result<u64> {
        let (mut after, mut changed) = (Some(0), 0);
        while let Some(done) = after {
            let erasure = erasure.clone();
            let (more, last) = self.store.write(move |w| w.erase_from_chunks(&erasure, done, CHUNKS_A_STEP)).await?;
            (after, changed) = (last, changed + more);
            tracing::debug!(changed, "a step of an erasure is done");
            progress(changed);
        }
        Ok(changed)
    }

    async fn erase(&self, erasure: &Erasure, now: Timestamp) -> anyhow::Result<Erased> {
        let (erasure, actor) = (erasure.clone(), self.actor("store forget"));
        let write = move |w: &mut Writer<'_>| {
            let erased = w.erase(&erasure, now)?;
            let detail = format!("a person, by request; what was counted of them is {}'s now", erasure.pseudonym());
            w.journal(now, &actor, ACTION, &detail)?;
            Ok(erased)
        };
        Ok(self.store.write(write).await?)
    }

    /// Overwrites what may be left of an erasure in free space: of this one, or of one that was ended before.
    async fn end_erasure(&self) -> anyhow::Result<()> {
        if self.store.read(Reader::has_traces).await? {
            tracing::debug!("the file is written anew");
            self.store
                .leave_no_trace()
                .await
                .context("the person is erased, but traces may be left in the file: run this again")?;
        }
        Ok(())
    }
}

/// A name that nobody had before: the journal counts those who were erased.
fn next_pseudonym(journal: &[JournalEntry]) -> String {
    format!("erased-{}", journal.iter().filter(|entry| entry.action == ACTION).count() + 1)
}

fn remove_packages(directory: &Path, erasure: &Erasure) -> anyhow::Result<Vec<PathBuf>> {
    files::remove_packages(directory, |bytes| erasure.is_named_in(bytes))
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Erased { chunks, tracks, memberships, rights, tokens, directory_rows, .. } = self.erased;
        let Erased { withdrawn, withdrawn_events, names_of_places, .. } = self.erased;
        writeln!(f, "erased: what was counted of this person is {}'s now", self.pseudonym)?;
        writeln!(
            f,
            "  changed: {} of what was read, {} of evidence; removed: {}, {}, {}, {}",
            counted(chunks, "batch", "batches"),
            counted(tracks, "kind", "kinds"),
            counted(memberships, "membership", "memberships"),
            counted(rights, "right", "rights"),
            counted(tokens, "token", "tokens"),
            counted(directory_rows, "row of a directory", "rows of directories")
        )?;
        if withdrawn > 0 {
            let recipients = counted(withdrawn, "recipient", "recipients");
            writeln!(f, "  withdrawn: mail that waited for {recipients}; `duskwatch send` makes it anew")?;
        }
        if withdrawn_events > 0 {
            let messages = counted(withdrawn_events, "message", "messages");
            writeln!(f, "  withdrawn: {messages} to programs that named this person; they are not told again")?;
        }
        for package in &self.packages {
            writeln!(f, "  removed: {}", inert::sentence(&package.display().to_string()))?;
        }
        if self.shared > 0 {
            writeln!(f, "  kept: {} that somebody else has, too", counted(self.shared, "name", "names"))?;
        }
        if names_of_places > 0 {
            let names = counted(names_of_places, "name of a place or of software", "names of places or of software");
            writeln!(f, "  kept: {names}, spelt alike")?;
        }
        if self.journalled > 0 {
            let entries = counted(self.journalled as u64, "entry", "entries");
            writeln!(f, "  kept: {entries} of the journal, as who ran or decided something")?;
        }
        write!(f, "not reached: backups, mail that was sent, files elsewhere, the configuration, the log of the service")
    }
}
