//! The end of a pipeline: what blocking threads make, beside each other, is recorded in its order.

use std::io;

use tokio::{
    runtime::Handle,
    sync::mpsc::Receiver,
    task::{JoinError, JoinHandle},
};

use crate::store::{Store, StoreError, Writer};

/// What one transaction takes at most: so much that waiting for the disk is a small part of it, and so little that nobody else who
/// writes waits long.
const MAX_TOGETHER: usize = 8;

/// Records all that comes, with what was known before in `state`, and returns what is known then. A commit is a wait for the disk, so
/// what was made meanwhile shares the next one; what is still being made does not keep it waiting. `committed` is told after each.
pub async fn record_all<T, S, E>(
    made: Receiver<JoinHandle<T>>,
    store: &Store,
    mut state: S,
    mut record: impl FnMut(&mut S, &mut Writer<'_>, T) -> Result<(), StoreError> + Send + 'static,
    committed: impl Fn(&S),
) -> Result<S, E>
where
    T: Send + 'static,
    S: Send + 'static,
    E: From<StoreError> + From<io::Error>,
{
    let mut made = Made { inbox: made, next: None };
    while let Some(first) = made.wait().await {
        let first = first.map_err(io::Error::other)?;
        let work = move |w: &mut Writer<'_>| {
            record(&mut state, w, first)?;
            for _ in 1..MAX_TOGETHER {
                match made.waiting() {
                    Some(Ok(next)) => record(&mut state, w, next)?,
                    Some(Err(panicked)) => return Ok(Err(panicked)),
                    None => break,
                }
            }
            Ok(Ok((made, state, record)))
        };
        (made, state, record) = store.write(work).await?.map_err(io::Error::other)?;
        committed(&state);
    }
    Ok(state)
}

struct Made<T> {
    inbox: Receiver<JoinHandle<T>>,
    /// Taken from the inbox before it was finished.
    next: Option<JoinHandle<T>>,
}

impl<T> Made<T> {
    /// The next, as soon as it is finished; none when nothing comes any more.
    async fn wait(&mut self) -> Option<Result<T, JoinError>> {
        let next = match self.next.take() {
            Some(next) => next,
            None => self.inbox.recv().await?,
        };
        Some(next.await)
    }

    /// The next if it is finished already; asked on a blocking thread.
    fn waiting(&mut self) -> Option<Result<T, JoinError>> {
        self.next = self.next.take().or_else(|| self.inbox.try_recv().ok());
        let finished = self.next.take_if(|next| next.is_finished())?;
        Some(Handle::current().block_on(finished))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use jiff::Timestamp;
    use tokio::{
        spawn,
        sync::{Notify, mpsc},
        task::yield_now,
        time::timeout,
    };

    use super::*;
    use crate::evidence::{Batch, CursorUpdate};

    /// Stands for what the store refuses.
    const REFUSED: u32 = 99;

    /// Records what is being made, and says what was kept after each commit, in the end, and how it ended.
    async fn run(
        making: Vec<JoinHandle<u32>>,
        committed: impl Fn(),
    ) -> (Vec<Vec<u32>>, Option<String>, anyhow::Result<Vec<u32>>) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("store")).expect("a store");
        let (sender, inbox) = mpsc::channel(making.len());
        for item in making {
            sender.send(item).await.expect("room");
        }
        drop(sender);
        // Whoever needs nothing but to be polled is finished after this.
        yield_now().await;
        let commits = Mutex::new(Vec::new());
        let note = |all: &Vec<u32>| {
            commits.lock().expect("a list").push(all.clone());
            committed();
        };
        let recording = record_all(inbox, &store, Vec::new(), write, note);
        let outcome = timeout(Duration::from_secs(30), recording).await.expect("an end");
        let kept = store.read(|r| r.cursors("source")).await.expect("cursors").pop().map(|(_, last)| last);
        (commits.into_inner().expect("a list"), kept, outcome)
    }

    fn write(all: &mut Vec<u32>, w: &mut Writer<'_>, item: u32) -> Result<(), StoreError> {
        let cursors = vec![CursorUpdate { key: "last".to_owned(), value: Some(item.to_string()) }];
        w.record(&Batch { source: "source".to_owned(), cursors, ..Batch::default() }, Timestamp::UNIX_EPOCH)?;
        all.push(item);
        if item == REFUSED { Err(StoreError::Full) } else { Ok(()) }
    }

    fn made(item: u32) -> JoinHandle<u32> {
        spawn(async move { item })
    }

    #[tokio::test]
    async fn what_waits_shares_a_transaction_and_is_recorded_in_its_order() {
        let (commits, kept, outcome) = run((1..=10).map(made).collect(), || ()).await;
        assert_eq!(commits, [(1..=8).collect::<Vec<_>>(), (1..=10).collect()]);
        assert_eq!((kept.as_deref(), outcome.expect("recorded")), (Some("10"), (1..=10).collect()));
    }

    #[tokio::test]
    async fn what_is_still_being_made_keeps_nobody_waiting() {
        let first_is_kept = Arc::new(Notify::new());
        let waits = Arc::clone(&first_is_kept);
        let late = spawn(async move {
            waits.notified().await;
            2
        });
        let (commits, ..) = run(vec![made(1), late, made(3)], || first_is_kept.notify_one()).await;
        assert_eq!(commits, [vec![1], vec![1, 2, 3]]);
    }

    #[tokio::test]
    async fn what_came_before_a_panic_is_kept_and_nothing_after_it() {
        let panicking = spawn(async { panic!("of this test") });
        let (commits, kept, outcome) = run(vec![made(1), panicking, made(3)], || ()).await;
        assert_eq!((commits, kept.as_deref()), (Vec::new(), Some("1")));
        assert!(outcome.expect_err("an end").to_string().contains("panicked"));
    }

    #[tokio::test]
    async fn of_a_transaction_that_fails_nothing_is_kept() {
        let (commits, kept, outcome) = run(vec![made(1), made(REFUSED)], || ()).await;
        assert_eq!((commits, kept), (Vec::new(), None));
        assert!(matches!(outcome.expect_err("an end").downcast_ref(), Some(StoreError::Full)));
    }
}
