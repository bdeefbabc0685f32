//! The whole container, put together.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use carrier::TicketKey;
use domain::{Seat, WorkerId};
use futures_util::FutureExt as _;
use livekit::{Client, Project, token};
use metrics_exporter_prometheus::PrometheusBuilder;
use rtc::{Media, MediaOptions};
use speech::{Header, WsRequest};
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info};

use crate::call::bundles::Bundles;
use crate::call::call::{Patience, Shared};
use crate::call::journal::Journals;
use crate::call::rehearsal;
use crate::config::Config;
use crate::drivers::turn_model::TurnModels;
use crate::drivers::vendors::Vendors;
use crate::drivers::voice::Clips;
use crate::health;
use crate::lobby::{self, LobbySetup};
use crate::media_meter::MediaMeter;
use crate::media_stream::{self, MediaStreams};
use crate::net::{http, tls};
use crate::roads::Rooms;
use crate::spans::Spans;
use crate::supervisor::{Status, Supervisor, SupervisorSetup};
use crate::worker::link::{Link, MakeRequest};
use crate::worker::session::{Session, Settings};

/// A worker's token is for one connection; the server looks at it once.
const WORKER_TOKEN_TTL: Duration = Duration::from_secs(300);
/// Media streams that may wait for the supervisor.
const STREAM_BOUND: usize = 16;
/// One request to the server's API.
const API_WITHIN: Duration = Duration::from_secs(5);
/// Buckets of times in milliseconds.
const BUCKETS_MS: [f64; 14] =
    [5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 750.0, 1000.0, 1500.0, 2500.0, 5000.0];

/// Runs the container until SIGTERM or SIGINT and its last call.
///
/// # Errors
/// Something it cannot do without is missing: an address in use, a folder, threads.
pub async fn run(config: Config) -> anyhow::Result<()> {
    tls::install_provider();
    let stop = stop_signal()?;
    // The worker first: nothing may stand between the start and the first call.
    let bound = 2 * config.max_calls + 8;
    let (events_tx, events) = mpsc::channel(bound);
    let (commands, commands_rx) = mpsc::channel(bound);
    let worker =
        Link::new(Session::new(settings(&config)), worker_request(&config.livekit), events_tx.clone());
    let worker = tokio::spawn(worker.run(commands_rx));

    let metrics = PrometheusBuilder::new()
        .set_buckets(&BUCKETS_MS)
        .context("buckets of the metrics")?
        .install_recorder()
        .context("metrics")?;
    let status = Arc::new(Status::default());
    let listener = TcpListener::bind(config.health_addr)
        .await
        .with_context(|| format!("HEALTH_ADDR {}", config.health_addr))?;
    info!(address = %listener.local_addr()?, "health is served");
    let (streams_tx, streams) = mpsc::channel(STREAM_BOUND);
    let tickets = TicketKey::derive(config.livekit.api_secret.reveal());
    let router = health::router(Arc::clone(&status), metrics, config.max_calls)
        .merge(media_stream::router(MediaStreams::new(tickets, streams_tx, config.stream_signature.clone())));
    let serving = tokio::spawn(axum::serve(listener, router).into_future());

    let media = Media::start(MediaOptions::default()).context("media threads")?;
    let worker_id = worker_id()?;
    let seat = config.lobby.then(|| Seat::of(&worker_id, &config.agent_name)).transpose()?;
    if let Some(seat) = seat.clone() {
        let setup =
            LobbySetup { project: config.livekit.clone(), agent_name: config.agent_name.clone(), seat };
        tokio::spawn(lobby::sit(media.clone(), setup, events_tx, commands.clone()));
    }
    let meter = MediaMeter::default();
    tokio::spawn(meter.clone().run(media.clone()));
    let rooms = Rooms::new(media, meter, Client::new(config.livekit.clone(), API_WITHIN));
    let shared = Arc::new(shared(&config, worker_id).await?);
    let spans = shared.spans.clone();
    tokio::spawn(rehearsal::rehearse(Arc::clone(&shared)));
    let supervisor = Supervisor::new(SupervisorSetup {
        shared,
        roads: Arc::new(rooms),
        events,
        streams,
        commands,
        status,
        seat,
        max_calls: config.max_calls,
        drain_within: config.drain_within,
    });
    supervisor.run(stop).await;
    if let Err(error) = worker.await {
        error!(%error, "worker");
    }
    spans.flush().await;
    serving.abort();
    Ok(())
}

async fn shared(config: &Config, worker: WorkerId) -> anyhow::Result<Shared> {
    let records: Arc<dyn crate::call::records::Records> =
        Arc::new(Store::new(store::client::connect().await, config.table.clone()));
    let journals = match &config.journal_dir {
        Some(folder) => {
            Journals::in_folder(folder).with_context(|| format!("JOURNAL_DIR {}", folder.display()))?
        }
        None => Journals::off(),
    };
    let client = http::client().context("HTTP client")?;
    let spans = match &config.otlp_endpoint {
        Some(endpoint) => Spans::to(endpoint, client.clone()).context("OTEL_EXPORTER_OTLP_ENDPOINT")?,
        None => Spans::off(),
    };
    Ok(Shared {
        bundles: Bundles::new(Arc::clone(&records)),
        records,
        client,
        spans,
        vendors: Vendors::default(),
        turn_models: turn_models(config)?,
        clips: Clips::default(),
        endpoints: config.endpoints.clone(),
        journals,
        patience: Patience::default(),
        worker,
    })
}

fn turn_models(config: &Config) -> anyhow::Result<TurnModels> {
    let share = f64::from(config.turn_model_percent) / 100.0;
    match &config.turn_model {
        Some(weights) => TurnModels::load(weights, share).context("thread of the end-of-turn model"),
        None => Ok(TurnModels::default()),
    }
}

/// A name nobody else has: host and a random number.
fn worker_id() -> anyhow::Result<WorkerId> {
    let host = env::var("HOSTNAME").unwrap_or_default();
    let plain: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    Ok(WorkerId::new(format!("{plain}-{:08x}", rand::random::<u32>()))?)
}

fn settings(config: &Config) -> Settings {
    Settings {
        agent_name: config.agent_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: config.max_calls,
    }
}

/// The request for `/agent`, with a fresh token each time.
fn worker_request(project: &Project) -> MakeRequest {
    let project = project.clone();
    let base = project.url.trim_end_matches('/').replacen("http", "ws", 1);
    Box::new(move || {
        let token = token::worker(&project, WORKER_TOKEN_TTL).unwrap_or_else(|error| {
            error!(%error, "no worker token");
            String::new()
        });
        let value = format!("Bearer {token}");
        WsRequest {
            url: format!("{base}/agent"),
            headers: vec![Header { name: "authorization", value, secret: true }],
        }
    })
}

/// Comes with SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    .boxed())
}
