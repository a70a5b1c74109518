//! The logs and traces of the service itself. The SDK gathers them on threads of its own; they leave by the same way as the
//! metrics, on the runtime, and a hung collector holds up neither the service nor its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::tonic::collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest};
use opentelemetry_proto::transform::{
    common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
    trace::tonic::group_spans_by_resource_and_scope,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::{
    Options, Service,
    sender::{Sender, Signal},
};

/// What gathers logs and traces; none of either where they are not asked for.
#[derive(Debug, Default)]
pub struct Own {
    logs: Option<SdkLoggerProvider>,
    traces: Option<SdkTracerProvider>,
}

impl Own {
    /// Gathers what is asked for. Called on the runtime on which it leaves.
    pub fn start(options: &Options, service: &Service, logs: bool, traces: bool) -> Result<Self> {
        if !logs && !traces {
            return Ok(Self::default());
        }
        let resource = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", service.name.clone()),
            KeyValue::new("service.version", service.version.clone()),
            KeyValue::new("service.instance.id", service.instance_id.clone()),
        ]);
        let resource = resource.build();
        let way = Way { sender: Arc::new(Sender::new(options)?), runtime: Handle::current(), resource: Arc::default() };
        let log_provider =
            || SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(way.clone()).build();
        let tracer_provider =
            || SdkTracerProvider::builder().with_resource(resource.clone()).with_batch_exporter(way.clone()).build();
        Ok(Self { logs: logs.then(log_provider), traces: traces.then(tracer_provider) })
    }

    pub fn logs(&self) -> Option<&SdkLoggerProvider> {
        self.logs.as_ref()
    }

    pub fn tracer(&self) -> Option<SdkTracer> {
        self.traces.as_ref().map(|provider| provider.tracer("duskwatch"))
    }

    /// Sends what was gathered, and stops; after `limit` it is left to its fate. Not on the runtime, which waits for its own.
    pub async fn shutdown(self, limit: Duration) -> Result<()> {
        let (done, waiting) = tokio::sync::oneshot::channel();
        let stop = move || {
            let logs = self.logs.map_or(Ok(()), |provider| provider.shutdown());
            let traces = self.traces.map_or(Ok(()), |provider| provider.shutdown());
            // Nobody waits any more after the limit.
            drop(done.send(logs.and(traces)));
        };
        std::thread::Builder::new().name("otel-stop".to_owned()).spawn(stop).context("no thread for the last export")?;
        match tokio::time::timeout(limit, waiting).await {
            Ok(Ok(result)) => result.context("the last logs and traces were not taken"),
            Ok(Err(_)) => bail!("exporting the last logs and traces panicked"),
            Err(_) => bail!("the last logs and traces were not taken within {limit:?}"),
        }
    }
}

#[derive(Clone)]
struct Way {
    sender: Arc<Sender>,
    runtime: Handle,
    resource: Arc<ResourceAttributesWithSchema>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way")
    }
}

impl Way {
    /// The SDK polls exports on threads without a runtime.
    async fn send(&self, signal: Signal) -> OTelSdkResult {
        let sender = Arc::clone(&self.sender);
        let sent = self.runtime.spawn(async move { sender.send(&signal).await }).await;
        match sent {
            Ok(result) => result.map_err(|error| OTelSdkError::InternalFailure(format!("{error:#}"))),
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        }
    }
}

impl LogExporter for Way {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        self.send(Signal::Logs(ExportLogsServiceRequest { resource_logs })).await
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = Arc::new(resource.into());
    }
}

impl SpanExporter for Way {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        self.send(Signal::Traces(ExportTraceServiceRequest { resource_spans })).await
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = Arc::new(resource.into());
    }
}
