//! Spans of calls, sent by OTLP over HTTP to a collector, when there is one.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names it; the exporter's other variables (`…_HEADERS`, `…_TIMEOUT`,
//! `OTEL_RESOURCE_ATTRIBUTES`) are OpenTelemetry's own. Batches leave from a thread of the SDK, never from a call.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use opentelemetry::Context;
use opentelemetry::trace::{SpanBuilder, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use reqwest::Client;
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

    /// Whether anybody wants spans.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands over the spans of a call whose time zero was at `started`.
    pub fn export(&self, started: SystemTime, spans: Vec<CallSpan>) {
        let Some((_, tracer)) = &self.0 else { return };
        let at = |time: dialogue::CallTime| started + Duration::from_millis(time.as_ms());
        let parents: Vec<Option<usize>> = spans.iter().map(|span| span.parent).collect();
        let mut contexts: Vec<Option<Context>> = vec![None; spans.len()];
        let mut spans: Vec<Option<CallSpan>> = spans.into_iter().map(Some).collect();
        for index in 0..spans.len() {
            // A parent may come after its children in the list; parents first.
            let mut path = vec![index];
            while let Some(parent) =
                path.last().and_then(|&of| parents[of]).filter(|&of| contexts[of].is_none())
            {
                path.push(parent);
            }
            for of in path.into_iter().rev() {
                let Some(span) = spans[of].take() else { continue };
                let parent = parents[of].and_then(|of| contexts[of].clone()).unwrap_or_default();
                let builder = SpanBuilder::from_name(span.name)
                    .with_start_time(at(span.start))
                    .with_attributes(span.attributes);
                let context = parent.with_span(tracer.build_with_context(builder, &parent));
                context.span().end_with_timestamp(at(span.end.unwrap_or(span.start)));
                contexts[of] = Some(context);
            }
        }
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
