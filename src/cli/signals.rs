//! What the operating system tells the service.

use anyhow::Context as _;
use tokio::{signal::unix, sync::mpsc};
use tokio_util::sync::CancellationToken;

/// A word for each SIGHUP, from now on; several that nobody has looked at are one.
pub fn hangup() -> anyhow::Result<mpsc::Receiver<()>> {
    let mut signal = unix::signal(unix::SignalKind::hangup()).context("SIGHUP")?;
    let (asking, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while signal.recv().await.is_some() {
            if let Err(mpsc::error::TrySendError::Closed(())) = asking.try_send(()) {
                return;
            }
        }
    });
    Ok(asked)
}

/// Ends on SIGTERM or Ctrl-C.
pub fn stop() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        token.cancel();
    });
    stop
}

async fn wait_for_signal() {
    let interrupted = tokio::signal::ctrl_c();
    match unix::signal(unix::SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            result = interrupted => drop(result),
            _ = terminated.recv() => {}
        },
        Err(_) => drop(interrupted.await),
    }
}
