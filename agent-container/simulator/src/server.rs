//! Starts and stops the vendors.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::serve::ListenerExt as _;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::counters::Counters;
use crate::script::Script;
use crate::voice::Voice;
use crate::world::World;
use crate::{anthropic, assemblyai, control, deepgram, elevenlabs, groq, openai};

/// Names of ports.
const VENDORS: [&str; 7] = ["deepgram", "openai", "elevenlabs", "assemblyai", "anthropic", "groq", "control"];

/// Base URLs, each as the vendor's own SDK takes it.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    /// `ws://…` (the SDK's `production`; the same port speaks HTTP).
    pub deepgram: String,
    /// `http://…/v1`.
    pub openai: String,
    /// `http://…`.
    pub elevenlabs: String,
    /// `ws://…`.
    pub assemblyai: String,
    /// `http://…`.
    pub anthropic: String,
    /// `http://…`.
    pub groq: String,
    /// `http://…`: counters and behaviours.
    pub control: String,
}

/// Running vendors; dropping it stops them.
pub struct Simulator {
    /// Where they listen.
    pub addresses: Addresses,
    world: Arc<World>,
    stop: watch::Sender<bool>,
    servers: JoinSet<std::io::Result<()>>,
}

impl Simulator {
    /// Starts all vendors and waits until they listen.
    ///
    /// # Errors
    /// When espeak-ng is missing, a port is taken, or the script cannot be read.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let unknown = config.ports.keys().find(|name| !VENDORS.contains(&name.as_str()));
        ensure!(unknown.is_none(), "ports: unknown vendor {unknown:?}, known are {VENDORS:?}");
        let script = script(&config)?;
        let voice = Voice::new(config.words_per_minute).await?;
        let world = Arc::new(World::new(script, voice, config.services.clone()));
        let (stop, stopped) = watch::channel(false);
        let mut servers = JoinSet::new();
        let mut serve = async |name: &str, router: Router| -> anyhow::Result<SocketAddr> {
            let port = config.ports.get(name).copied().unwrap_or(0);
            let listener = TcpListener::bind((config.host, port)).await;
            let listener =
                listener.with_context(|| format!("{name}: cannot listen on {}:{port}", config.host))?;
            let address = listener.local_addr()?;
            // Without it, Nagle and delayed acknowledgements add 40 ms to every small message.
            let listener = listener.tap_io(|stream| {
                let _ = stream.set_nodelay(true);
            });
            let mut stopped = stopped.clone();
            let server = axum::serve(listener, router).with_graceful_shutdown(async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            });
            servers.spawn(server.into_future());
            Ok(address)
        };
        let addresses = Addresses {
            deepgram: format!("ws://{}", serve("deepgram", deepgram::router(&world)).await?),
            openai: format!("http://{}/v1", serve("openai", openai::router(&world)).await?),
            elevenlabs: format!("http://{}", serve("elevenlabs", elevenlabs::router(&world)).await?),
            assemblyai: format!("ws://{}", serve("assemblyai", assemblyai::router(&world)).await?),
            anthropic: format!("http://{}", serve("anthropic", anthropic::router(&world)).await?),
            groq: format!("http://{}", serve("groq", groq::router(&world)).await?),
            control: format!("http://{}", serve("control", control::router(&world)).await?),
        };
        Ok(Self { addresses, world, stop, servers })
    }

    /// What was asked so far.
    pub fn counters(&self) -> Counters {
        self.world.ledger.read()
    }

    /// Stops listening; connections still open end with their clients or with the runtime.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        self.servers.shutdown().await;
    }
}

fn script(config: &Config) -> anyhow::Result<Script> {
    let Some(path) = &config.script_file else { return Ok(config.script.clone()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("script {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("script {}", path.display()))
}
