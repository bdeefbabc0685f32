//! Health and metrics over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use crate::supervisor::Status;

/// Time for the health check's own request.
const CHECK_WITHIN: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct Health {
    status: Arc<Status>,
    metrics: PrometheusHandle,
    capacity: usize,
}

/// `/healthz`: the process lives; `/readyz`: it takes calls; `/metrics`: Prometheus.
pub fn router(status: Arc<Status>, metrics: PrometheusHandle, capacity: usize) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async |State(health): State<Health>| health.metrics.render()))
        .with_state(Health { status, metrics, capacity })
}

async fn ready(State(health): State<Health>) -> (StatusCode, Json<Value>) {
    let status = &health.status;
    let (registered, draining) = (status.registered.load(Relaxed), status.draining.load(Relaxed));
    let code = if registered && !draining { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "registered": registered,
        "seated": status.seated.load(Relaxed),
        "draining": draining,
        "active_calls": status.calls.load(Relaxed),
        "capacity": health.capacity,
        "version": env!("CARGO_PKG_VERSION"),
    });
    (code, Json(body))
}

/// Asks a running container whether it is well, as an image without a shell has to.
///
/// # Errors
/// It does not answer, or not with 200.
pub async fn check(mut address: SocketAddr) -> anyhow::Result<()> {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let asking = async {
        let response = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::net::tls::http_config())
            .build()?
            .get(format!("http://{address}/healthz"))
            .send()
            .await?;
        anyhow::ensure!(response.status().is_success(), "answered {}", response.status());
        Ok(())
    };
    tokio::time::timeout(CHECK_WITHIN, asking).await?
}
