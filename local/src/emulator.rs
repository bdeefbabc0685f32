//! cargo-lambda's emulator of the Lambda Runtime API, and our functions' real binaries connected to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use servers::{Process, Tool, free_tcp_port, workspace_root};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::binaries::binary;

/// The port `cargo lambda invoke` asks when it is told none.
pub const DEFAULT_PORT: u16 = 9000;

/// It reads the workspace's metadata first, which a compiler beside it can hold up.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The emulator's memory figure for each function, as in `template.yaml`.
const MEMORY_MB: &str = "256";

/// The running emulator with its functions. Dropping it stops all.
#[derive(Debug)]
pub(crate) struct Emulator {
    port: u16,
    processes: Vec<Process>,
    // `cargo lambda invoke` asks ::1 by default; the emulator listens on one address only.
    _v6: Option<AbortOnDrop>,
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Emulator {
    /// Starts the emulator on `wanted` if that is free, else on another port.
    pub(crate) async fn start(logs: &std::path::Path, wanted: Option<u16>) -> Result<Self> {
        let port = match wanted {
            Some(port) if TcpListener::bind(("127.0.0.1", port)).await.is_ok() => port,
            _ => free_tcp_port()?,
        };
        let mut command = Command::new(Tool::CargoLambda.path()?);
        command.args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()]);
        command.current_dir(workspace_root());
        let mut process = Process::spawn("lambda emulator", &command, &logs.join("lambda-emulator.log"))?;
        let listens = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        process.until_ready(START_LIMIT, listens).await?;
        let v6 = forward_v6(port).await;
        Ok(Self { port, processes: vec![process], _v6: v6 })
    }

    /// Starts `instances` of each function with `environment`.
    pub(crate) fn connect(
        &mut self,
        functions: &[&str],
        instances: usize,
        environment: &BTreeMap<String, String>,
        logs: &std::path::Path,
    ) -> Result<()> {
        for function in functions {
            let binary: PathBuf = binary(function)?;
            for instance in 1..=instances {
                let mut command = Command::new(&binary);
                command.envs(environment).envs(self.runtime_environment(function));
                let name = format!("{function}-{instance}");
                let process = Process::spawn(&name, &command, &logs.join(format!("{name}.log")))
                    .with_context(|| format!("function {function}"))?;
                self.processes.push(process);
            }
        }
        Ok(())
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The emulator first, then the functions.
    pub(crate) fn processes(&self) -> &[Process] {
        &self.processes
    }

    pub(crate) fn processes_mut(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    /// What Lambda itself would set. The value the tool prints serves the default function only.
    fn runtime_environment(&self, function: &str) -> [(&'static str, String); 6] {
        [
            ("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{}/.rt/{function}", self.port)),
            ("AWS_LAMBDA_FUNCTION_NAME", function.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB.to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO".to_owned()),
        ]
    }
}

async fn forward_v6(port: u16) -> Option<AbortOnDrop> {
    let listener = TcpListener::bind(("::1", port)).await.ok()?;
    let forward = async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                // Either side may close when it likes.
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    };
    Some(AbortOnDrop(tokio::spawn(forward)))
}
