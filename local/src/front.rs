//! One HTTP address with the production routes: what API Gateway is in production.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::gateway_event::{Arrived, event, refusal, response};
use crate::routes::{ROUTES, find};

/// An HTTP API waits this long for a function, 30 s at most.
const FUNCTION_LIMIT: Duration = Duration::from_secs(30);

/// Largest body an HTTP API takes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// The running front. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Front {
    server: JoinHandle<()>,
}

struct Gateway {
    emulator: String,
    client: reqwest::Client,
    requests: AtomicU64,
}

impl Front {
    /// Takes a free port of 127.0.0.1 before anybody is behind it, since the functions and LiveKit must know the address.
    pub(crate) async fn reserve() -> Result<(TcpListener, String)> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("no free port for the HTTP front")?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok((listener, url))
    }

    /// Serves the production routes on `listener`, invoking functions at `emulator` (`http://127.0.0.1:PORT`).
    pub(crate) fn serve(listener: TcpListener, emulator: &str) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(FUNCTION_LIMIT).build()?;
        let gateway = Gateway { emulator: emulator.to_owned(), client, requests: AtomicU64::new(0) };
        let router = Router::new().fallback(answer).with_state(Arc::new(gateway));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the HTTP front ended");
            }
        });
        Ok(Self { server })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(route) = find(&parts.method, parts.uri.path()) else {
        return refusal(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    };
    let request_id = format!("local-{}", gateway.requests.fetch_add(1, Ordering::Relaxed));
    let arrived = Arrived {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        body: &body,
        at_ms: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis(),
        request_id: &request_id,
    };
    let event = event(&arrived, route);
    match gateway.invoke(route.function, event.to_string()).await {
        Ok(answer) => response(&answer),
        Err(error) => {
            tracing::error!(function = route.function, %error, "no answer");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
    }
}

impl Gateway {
    async fn invoke(&self, function: &str, event: String) -> Result<Vec<u8>, reqwest::Error> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.emulator);
        let answer = self.client.post(url).body(event).send().await?;
        Ok(answer.bytes().await?.to_vec())
    }
}

/// The routes, for the status table.
pub(crate) fn route_count() -> usize {
    ROUTES.len()
}
