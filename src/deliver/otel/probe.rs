//! Whether a collector takes what we send, asked by an export without any figure.

use anyhow::Result;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

use super::{
    Options,
    sender::{Sender, Signal},
};

/// Sends one empty export.
///
/// # Errors
/// The collector's refusal, or why it was not reached.
pub async fn probe(options: &Options) -> Result<()> {
    Ok(Sender::new(options)?.send(&Signal::Metrics(ExportMetricsServiceRequest::default())).await?)
}
