//! Spans of calls, sent by OTLP over HTTP to a collector, when there is one.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names it; the exporter's other variables (`…_HEADERS`, `…_TIMEOUT`,
//! `OTEL_RESOURCE_ATTRIBUTES`) are OpenTelemetry's own. Batches leave from a thread of the SDK, never from a call.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use opentelemetry::trace::{SpanBuilder, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use reqwest::Client;
use telemetry::span;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::call::trace::CallSpan;

/// Path of traces below a collector's address (OTLP specification).
const TRACES: &str = "/v1/traces";
/// One request to the collector.
const WITHIN: Duration = Duration::from_secs(10);

/// Where spans go.
#[derive(Debug, Clone, Default)]
pub struct Spans(Option<(SdkTracerProvider, SdkTracer)>);

impl Spans {
    /// Nowhere.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// To the collector at this address, by this client; inside a runtime.
    ///
    /// # Errors
    /// The address is no URL.
    pub fn to(endpoint: &str, client: Client) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(format!("{}{TRACES}", endpoint.trim_end_matches('/')))
            .with_http_client(Poster { client, runtime: Handle::current() })
            .build()?;
        let resource = Resource::builder().with_service_name("ringdown-agent").build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let tracer = provider.tracer("ringdown");
        Ok(Self(Some((provider, tracer))))
    }

    /// Where the spans of a call go whose time zero is at `started`; nothing when nobody wants them. `attributes`
    /// are those of the call.
    #[must_use]
    pub fn call(&self, started: SystemTime, attributes: Vec<KeyValue>) -> Option<SpanSink> {
        let (_, tracer) = self.0.clone()?;
        let builder =
            SpanBuilder::from_name(span::INVOKE_AGENT).with_start_time(started).with_attributes(attributes);
        let call = Context::new().with_span(tracer.build_with_context(builder, &Context::new()));
        Some(SpanSink { tracer, call, started, parents: VecDeque::new() })
    }

    /// Sends what waits; for the end of the process.
    pub async fn flush(&self) {
        let Some((provider, _)) = self.0.clone() else { return };
        match spawn_blocking(move || provider.force_flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "spans not sent"),
            Err(error) => warn!(%error, "spans not sent"),
        }
    }
}

/// Spans a later one may still have as its parent: those of a tool that outlives its turn.
const PARENTS_KEPT: usize = 16;

/// Takes the spans of one call as they end.
#[derive(Debug)]
pub struct SpanSink {
    tracer: SdkTracer,
    call: Context,
    started: SystemTime,
    parents: VecDeque<(usize, Context)>,
}

impl SpanSink {
    /// Hands over a span that is over. Its parent comes before it; one long gone is replaced by the call.
    pub fn send(&mut self, span: CallSpan) {
        let at = |time: dialogue::CallTime| self.started + Duration::from_millis(time.as_ms());
        let known = |parent| self.parents.iter().find(|(id, _)| *id == parent).map(|(_, context)| context);
        let parent = span.parent.and_then(known).unwrap_or(&self.call);
        let builder = SpanBuilder::from_name(span.name)
            .with_start_time(at(span.start))
            .with_attributes(span.attributes);
        let context = parent.with_span(self.tracer.build_with_context(builder, parent));
        context.span().end_with_timestamp(at(span.end));
        if span.name == span::AGENT_TURN {
            self.parents.push_back((span.id, context));
            if self.parents.len() > PARENTS_KEPT {
                self.parents.pop_front();
            }
        }
    }

    /// The call is over, and so is its own span.
    pub fn finish(self, ended: SystemTime, end_reason: &str) {
        let call = self.call.span();
        call.set_attribute(KeyValue::new(span::END_REASON, end_reason.to_owned()));
        call.end_with_timestamp(ended.max(self.started));
    }
}

/// The process's HTTP client, from the SDK's thread, which has no runtime of its own.
#[derive(Debug)]
struct Poster {
    client: Client,
    runtime: Handle,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Poster {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let mut request = reqwest::Request::try_from(request)?;
            request.timeout_mut().get_or_insert(WITHIN);
            let answer = client.execute(request).await?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>(response)
        });
        Box::pin(async move { Ok(sending.await??) })
    }
}
