//! `simulator [config.json]`: starts the vendors, prints where they listen as one line of JSON, runs until SIGTERM or
//! Ctrl-C.

use std::io::Write as _;

use anyhow::Context as _;
use simulator::{Config, Simulator};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Before anybody is told where it listens, and may stop it.
    let mut terminate = signal(SignalKind::terminate())?;
    let simulator = Simulator::start(config()?).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", serde_json::to_string(&simulator.addresses)?)?;
    stdout.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    simulator.stop().await;
    Ok(())
}

fn config() -> anyhow::Result<Config> {
    let Some(path) = std::env::args_os().nth(1) else { return Ok(Config::default()) };
    let path = std::path::PathBuf::from(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("configuration {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("configuration {}", path.display()))
}
