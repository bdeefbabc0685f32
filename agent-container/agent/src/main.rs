//! The always-on container: `agent` serves calls, `agent healthcheck` asks a running one how it is.

use std::env;
use std::process::ExitCode;

use agent::config::{Config, health_addr};
use agent::{container, health, logging};
use tracing::error;

fn main() -> ExitCode {
    logging::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let get = |name: &str| env::var(name).ok();
    let done = match env::args().nth(1).as_deref() {
        None => match Config::read(get) {
            Ok(config) => runtime.block_on(container::run(config)),
            Err(error) => Err(error.into()),
        },
        Some("healthcheck") => match health_addr(&get) {
            Ok(address) => runtime.block_on(health::check(address)),
            Err(error) => Err(error.into()),
        },
        Some(other) => Err(anyhow::anyhow!("unknown command `{other}`: `agent` or `agent healthcheck`")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = format!("{error:#}"), "ended");
            ExitCode::FAILURE
        }
    }
}
