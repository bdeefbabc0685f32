//! `cargo xtask …`: set-up, run, test, package. Thin, so that it compiles in seconds: it prepares the machine, builds what is
//! needed and hands over.

mod build;
mod package;
mod python;
mod servers;
mod setup;
mod shell;
mod system;
mod test;
mod tidy;
mod turn_model;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks of this repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install and build what the other tasks need; does nothing where it is there already.
    Setup,
    /// Start the whole product on this machine; `--detach` leaves it running. Options: `up --help`.
    #[command(disable_help_flag = true)]
    Up {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Stop what `up --detach` left running.
    Down,
    /// Call the agent with a real SIP phone. Options: `call --help`.
    #[command(disable_help_flag = true)]
    Call {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check format, lints and template, and run every test.
    Test,
    /// Run a benchmark by its name, or list them.
    Bench {
        name: Option<String>,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Replay a call's journal. Options: `replay --help`.
    #[command(disable_help_flag = true)]
    Replay {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run a `.call` scenario and print its timeline. Options: `scenario --help`.
    #[command(disable_help_flag = true)]
    Scenario {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Fetch the weights of the end-of-turn model and print where they are, for `SMART_TURN_MODEL`.
    TurnModel,
    /// Format the sources and apply what clippy can mend by itself.
    Tidy,
    /// Build the arm64 zips, and target/lambda/template.yaml, with which `sam deploy` takes them.
    Package {
        /// Not optimised, in a fifth of the time; not for deployment.
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            shell::say(&format!("\nerror: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Setup => setup::all().map(|()| ExitCode::SUCCESS),
        Task::Up { arguments } => build::ready_and_run("local", "up", &arguments),
        Task::Down => build::run("local", "down", &[]),
        Task::Call { arguments } => build::ready_and_run("local", "call", &arguments),
        Task::Test => test::all(),
        Task::Bench { name, arguments } => build::bench(name.as_deref(), &arguments),
        Task::Replay { arguments } => build::run("replay", "replay", &arguments),
        Task::Scenario { arguments } => build::run("replay", "scenario", &arguments),
        Task::TurnModel => turn_model::print(),
        Task::Tidy => tidy::all().map(|()| ExitCode::SUCCESS),
        Task::Package { quick } => package::all(quick).map(|()| ExitCode::SUCCESS),
    }
}
