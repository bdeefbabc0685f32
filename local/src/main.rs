//! The local stack: `local up`, `local down`, `local call`. `cargo xtask` builds what is needed and runs this.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use local::call::{CallOptions, call};
use local::up::{detach, down, up};
use local::{DEFAULT_LAMBDA_PORT, Layout, Report, StackOptions, script};

/// The whole product on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything; Ctrl-C stops it.
    Up {
        /// Leave it running and return; `down` stops it.
        #[arg(long)]
        detach: bool,
        #[command(flatten)]
        stack: StackArguments,
    },
    /// Stop what `up --detach` left running.
    Down,
    /// Call the sample number with a SIP phone and show what came of it.
    Call {
        #[command(flatten)]
        call: CallOptions,
        #[command(flatten)]
        stack: StackArguments,
    },
}

#[derive(Debug, Args)]
struct StackArguments {
    /// Base of the signed URLs, when it is not the front's own address.
    #[arg(long, env = "PUBLIC_BASE_URL")]
    public_base_url: Option<String>,
    /// What the simulated vendors hear and say: a configuration of `simulator`.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Calls at once.
    #[arg(long, env = "MAX_CALLS", default_value_t = 150)]
    max_calls: u32,
}

impl StackArguments {
    fn options(&self) -> StackOptions {
        StackOptions {
            public_base_url: self.public_base_url.clone(),
            simulator_config: Some(self.script.clone().unwrap_or_else(script::path)),
            max_calls: self.max_calls,
            lambda_port: Some(DEFAULT_LAMBDA_PORT),
            ..StackOptions::new(Layout::default())
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,dynoxide=error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse().command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            Report::new().line(&format!("\nerror: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether all went well.
async fn run(command: Command) -> Result<bool> {
    let layout = Layout::default();
    match command {
        Command::Up { detach: false, stack } => up(stack.options()).await.map(|()| true),
        Command::Up { detach: true, .. } => {
            let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--detach").collect();
            let file = detach(&layout, &arguments).await?;
            Report::new().line(&format!("\nup at {}; see {}", file.base_url, layout.stack_file().display()));
            Ok(true)
        }
        Command::Down => {
            let stopped = down(&layout).await?;
            Report::new().line(if stopped { "stopped" } else { "nothing is running" });
            Ok(true)
        }
        Command::Call { call: options, stack } => call(&layout, options, stack.options()).await,
    }
}
