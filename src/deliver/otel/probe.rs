//! Whether a collector takes what we send, asked by an export without any figure.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use opentelemetry_sdk::metrics::{data::ResourceMetrics, exporter::PushMetricExporter};

use super::{Exports, Options, lock, transport};

/// Sends one empty export.
///
/// # Errors
/// The collector's refusal, or why it was not reached.
pub async fn probe(options: &Options) -> Result<()> {
    let exports = Arc::<Mutex<Exports>>::default();
    let exporter = transport::exporter(options, Arc::clone(&exports))?;
    let runtime = tokio::runtime::Handle::current();
    let (done, waiting) = tokio::sync::oneshot::channel();
    // As the SDK exports: from a thread of its own, on which the HTTP client may block, with the runtime at hand for gRPC.
    std::thread::Builder::new()
        .name("otel-probe".to_owned())
        .spawn(move || {
            let _at_hand = runtime.enter();
            let asked = futures_executor::block_on(exporter.export(&ResourceMetrics::default()));
            drop(exporter);
            if done.send(asked).is_err() {
                tracing::debug!("nobody waited for the collector's answer");
            }
        })
        .context("no thread for the export")?;
    let asked = waiting.await.context("the export ended badly")?;
    let told = lock(&exports).last_error.take();
    asked.map_err(|error| told.map_or_else(|| error.into(), |words| anyhow!(words)))
}
