//! livekit-agents as a worker on the same servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use domain::{Heartbeat, WallTime, WorkerId, Write};
use servers::{Process, free_tcp_port, workspace_root};
use store::Store;
use tokio::task::JoinHandle;

use crate::told;

/// Its imports alone take seconds on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Starts the worker with the addresses of `environment` (the one our agent gets) and waits until it is registered.
pub(crate) async fn start(environment: &BTreeMap<String, String>, log: PathBuf) -> Result<Process> {
    let python = workspace_root().join("target/venv-bench-turns/bin/python");
    ensure!(
        python.is_file(),
        "{} is missing: run `cargo xtask bench turns`, which installs it",
        python.display()
    );
    let port = free_tcp_port()?;
    let script = workspace_root().join("local/benches/turns/livekit_agent.py");
    let mut command = Command::new(python);
    command
        .arg(script)
        .arg("start")
        .envs(environment)
        .env("WORKER_PORT", port.to_string())
        .env("SETTINGS", told::settings().to_string());
    let mut worker = Process::spawn("livekit-agents", &command, &log)?;
    let registered = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("registered worker"));
    worker.until_ready(START_LIMIT, async || registered()).await?;
    Ok(worker)
}

/// Beats in its place: the functions turn callers away when no container lives.
pub(crate) fn beat(store: Store) -> Result<JoinHandle<()>> {
    let worker = WorkerId::new("livekit-agents")?;
    Ok(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(Heartbeat::EVERY_S));
        loop {
            ticks.tick().await;
            let at = now();
            let beat = Heartbeat {
                worker: worker.clone(),
                version: "1.8.9".to_owned(),
                capacity: 150,
                active: 0,
                seat: None,
                at,
            };
            if let Err(error) = store.apply(vec![Write::PutHeartbeat(beat)], at).await {
                tracing::warn!(%error, "no heartbeat for livekit-agents");
            }
        }
    }))
}

fn now() -> WallTime {
    let now = jiff::Timestamp::now().as_millisecond();
    WallTime::from_millis(u64::try_from(now).unwrap_or_default())
}
