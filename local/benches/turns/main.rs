//! What the agent adds to a turn, inside its process and on the telephone wire, beside livekit-agents.
//!
//!     cargo xtask bench turns [--json] [--only inside|wire] [--calls N,N…] [--without-livekit-agents]
//!
//! **Inside**: 1, 50 and 150 callers over Media Streams talk to one agent process, the simulated vendors in another process. Three
//! figures: the agent's own trace of each turn less the configured delays; the same by the caller's clock, from the moment the turn
//! could end at the earliest (the agent's ear is run again on the frames the caller sent) to the first frame of the reply; and what
//! that ear takes longer, or shorter, than the caller's voice lasted.
//!
//! **On the wire**: 1, 5 and 10 SIP phones call through livekit-sip, first ringdown, then livekit-agents on the same servers with the
//! same vendors and the same settings. Everything is taken from the phones' recordings.

#![allow(clippy::print_stdout, reason = "a program that prints")]

mod cpu;
mod drop_outs;
mod ear;
mod figures;
mod inside;
mod livekit_agents;
mod stream_caller;
mod told;
mod wire;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use inside::Inside;
use local::{Layout, Report, Stack, StackOptions};
use serde_json::json;
use servers::workspace_root;
use store::Store;
use wire::{Side, Wire};

/// Calls at once over Media Streams, with the seconds that count.
const INSIDE: [(usize, u64); 3] = [(1, 40), (50, 30), (150, 30)];
/// SIP calls at once, with the rounds.
const ON_THE_WIRE: [(usize, usize); 3] = [(1, 4), (5, 2), (10, 2)];
/// Time for one side's calls to be forgotten before the next begins.
const PAUSE: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
struct Arguments {
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// One half of it.
    #[arg(long)]
    only: Option<Half>,
    /// Only these numbers of calls at once.
    #[arg(long, value_delimiter = ',')]
    calls: Vec<usize>,
    /// ringdown alone.
    #[arg(long)]
    without_livekit_agents: bool,
    /// Cargo passes it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    Inside,
    Wire,
}

impl Arguments {
    fn wants(&self, half: Half) -> bool {
        self.only.is_none_or(|only| only == half)
    }

    fn wants_calls(&self, calls: usize) -> bool {
        self.calls.is_empty() || self.calls.contains(&calls)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,dynoxide=error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let report = Report::new();
    let mut stack = start(report).await?;
    let inside = inside(&arguments, &stack, report).await?;
    let wire = wire(&arguments, &mut stack, report).await?;
    stack.stop().await;
    table(&inside, &wire);
    if arguments.json {
        println!("{}", json!({ "told": told::settings(), "inside": inside, "wire": wire }));
    }
    Ok(())
}

/// The whole stack, its agent told what this bench wants.
async fn start(report: Report) -> Result<Stack> {
    let layout = Layout::at(workspace_root().join("target/bench-turns"));
    // What an earlier run left is nobody's any more.
    let _ = std::fs::remove_dir_all(layout.root());
    let options = StackOptions {
        simulator_config: Some(told::vendors(layout.root())?),
        agent: false,
        ..StackOptions::new(layout)
    };
    let mut stack = Stack::start(options, report).await?;
    let store = Store::new(stack.database().client(), &stack.file().table);
    let id = "reception".parse().context("the sample agent's id")?;
    let sample = store.agent(&id).await?.context("there is no sample agent")?;
    store.put_agent(told::agent(sample)?).await?;
    let voice = stack.agent_environment().get("ELEVENLABS_BASE_URL").context("no simulated voice")?;
    told::rehearse(voice).await?;
    report.step("agent", stack.start_agent(), |()| "ringdown".to_owned()).await?;
    Ok(stack)
}

async fn inside(arguments: &Arguments, stack: &Stack, report: Report) -> Result<Vec<Inside>> {
    let mut measured = Vec::new();
    for (calls, seconds) in INSIDE {
        if !arguments.wants(Half::Inside) || !arguments.wants_calls(calls) {
            continue;
        }
        if measured.is_empty() {
            report.line(&format!("\ninside the process, ms\n{}", Inside::HEAD));
        }
        measured.push(inside::measure(stack, calls, seconds, report).await?);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(measured)
}

async fn wire(arguments: &Arguments, stack: &mut Stack, report: Report) -> Result<Vec<Wire>> {
    let mut measured = Vec::new();
    if !arguments.wants(Half::Wire) {
        return Ok(measured);
    }
    report.line(&format!("\non the wire, ms beyond the configured {}\n{}", told::CONFIGURED_MS, Wire::HEAD));
    let pid = stack.agents().first().context("no agent runs")?.pid();
    one_side(arguments, stack, "ringdown", pid, report, &mut measured).await?;
    if arguments.without_livekit_agents {
        return Ok(measured);
    }
    stack.kill_agents();
    let log = stack.file().extra.log_dir.join("livekit-agents.log");
    let worker = livekit_agents::start(stack.agent_environment(), log).await?;
    let beating = livekit_agents::beat(Store::new(stack.database().client(), &stack.file().table))?;
    let pid = worker.pid();
    one_side(arguments, stack, "livekit-agents", pid, report, &mut measured).await?;
    beating.abort();
    worker.stop(PAUSE).await;
    Ok(measured)
}

async fn one_side(
    arguments: &Arguments,
    stack: &Stack,
    name: &'static str,
    pid: u32,
    report: Report,
    measured: &mut Vec<Wire>,
) -> Result<()> {
    let dir = workspace_root().join("target/bench-turns/calls");
    let reply = drop_outs::reference(told::REPLY).await?;
    let side = Side { name, stack: stack.file(), pid, dir, reply };
    for (calls, rounds) in ON_THE_WIRE {
        if arguments.wants_calls(calls) {
            let wire = wire::measure(&side, calls, rounds, report).await?;
            wire.faults().iter().for_each(|fault| report.line(&format!("    ! {fault}")));
            measured.push(wire);
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

fn table(inside: &[Inside], wire: &[Wire]) {
    println!("both sides: {}", told::settings());
    if !inside.is_empty() {
        println!("\ninside the process, ms beyond the configured delays\n{}", Inside::HEAD);
        inside.iter().for_each(|row| println!("{}", row.line()));
    }
    if !wire.is_empty() {
        println!("\non the wire, ms beyond the configured {}\n{}", told::CONFIGURED_MS, Wire::HEAD);
        wire.iter().for_each(|row| println!("{}", row.line()));
    }
}
