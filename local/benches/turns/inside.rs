//! What the agent's process adds to each turn, with callers over Media Streams.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dialogue::{JournalLine, Output};
use futures_util::future::try_join_all;
use local::{Report, Stack, speech};
use serde::Serialize;

use crate::cpu;
use crate::ear::{self, End};
use crate::figures::{Figures, fine};
use crate::stream_caller::{Call, Load, Turn, Utterance, call};
use crate::told::{CONFIGURED_MS, ENDPOINTING_MS, LINES, VENDORS_MS};

/// Between two callers' first ring, so that they do not speak in step.
const BETWEEN_CALLS: Duration = Duration::from_millis(43);
/// From the last caller's ring until turns count.
const SETTLE: Duration = Duration::from_secs(4);
/// Journals are written behind the call.
const JOURNALS_WRITTEN: Duration = Duration::from_secs(2);

/// What was measured with so many calls at once. Milliseconds; cores as shares of one.
#[derive(Debug, Serialize)]
pub(crate) struct Inside {
    calls: usize,
    turns: usize,
    without_reply: usize,
    /// By the agent's own trace of each turn: from the end of the voice to the first sample out, less the configured delays.
    trace_ms: Figures,
    /// By the caller's clock: from the moment the turn could end to the agent's first frame, less the vendors' delays.
    socket_ms: Figures,
    /// From the last loud frame sent to what the ear takes for the end of the voice.
    ear_ms: Figures,
    /// CPU of each process.
    agent_core_per_call: f64,
    agent_core: f64,
    vendors_core: f64,
    callers_core: f64,
}

/// Measures `calls` calls at once for `seconds`.
pub(crate) async fn measure(stack: &Stack, calls: usize, seconds: u64, report: Report) -> Result<Inside> {
    let mut utterances = Vec::new();
    for line in LINES {
        utterances.push(Utterance::new(&speech::speak(line).await?));
    }
    let from = Instant::now() + BETWEEN_CALLS * u32::try_from(calls)? + SETTLE;
    let until = from + Duration::from_secs(seconds);
    let load = Arc::new(Load { stack: stack.file().clone(), utterances, from, until });
    let stamp = jiff::Timestamp::now().as_millisecond();
    let callers = (0..calls).map(|number| {
        let (load, call_id) = (load.clone(), format!("CA{stamp}x{number}"));
        tokio::spawn(async move {
            tokio::time::sleep(BETWEEN_CALLS * u32::try_from(number)?).await;
            call(load, call_id).await
        })
    });
    let callers: Vec<_> = callers.collect();
    let used = cpu_used(stack, from, until).await?;
    let finished = try_join_all(callers).await?.into_iter().collect::<Result<Vec<Call>>>()?;
    tokio::time::sleep(JOURNALS_WRITTEN).await;
    let inside = judge(stack, &load, finished, used).await?;
    report.line(&inside.line());
    Ok(inside)
}

/// Cores used by agent, vendors and this process (callers, DynamoDB) between two moments.
async fn cpu_used(stack: &Stack, from: Instant, until: Instant) -> Result<[f64; 3]> {
    let agent = stack.agents().first().context("no agent runs")?.pid();
    let vendors = stack.file().pids.get("vendors").copied().context("no vendors run")?;
    // Below this process are all the others: only its own time counts.
    let read = || [cpu::seconds(agent), cpu::seconds(vendors), cpu::own_seconds(std::process::id())];
    tokio::time::sleep_until(from.into()).await;
    let before = read();
    tokio::time::sleep_until(until.into()).await;
    let after = read();
    let seconds = (until - from).as_secs_f64();
    Ok([0, 1, 2].map(|at| (after[at] - before[at]) / seconds))
}

async fn judge(stack: &Stack, load: &Arc<Load>, calls: Vec<Call>, used: [f64; 3]) -> Result<Inside> {
    let count = calls.len();
    let mut trace_ms = Vec::new();
    for call in &calls {
        trace_ms.extend(traced(stack, call)?);
    }
    let heard = hear(load, calls).await?;
    let turns: Vec<(&Call, &Turn, Option<End>)> = heard
        .iter()
        .flat_map(|(call, ends)| call.turns.iter().zip(ends).map(move |(turn, end)| (call, turn, *end)))
        .collect();
    let full: Vec<(&Call, Instant, &Turn, End)> =
        turns.iter().filter_map(|(call, turn, end)| Some((*call, turn.replied?, *turn, (*end)?))).collect();
    ensure!(!full.is_empty(), "not one turn was answered");
    let [agent_core, vendors_core, callers_core] = used.map(fine);
    Ok(Inside {
        calls: count,
        turns: turns.len(),
        without_reply: turns.iter().filter(|(_, turn, _)| turn.replied.is_none()).count(),
        trace_ms: Figures::of(trace_ms),
        socket_ms: Figures::of(full.iter().map(|(call, replied, _, end)| socket_ms(call, *replied, *end))),
        ear_ms: Figures::of(full.iter().map(|(call, _, turn, end)| ear_ms(call, turn, *end))),
        agent_core_per_call: fine(agent_core / count as f64),
        agent_core,
        vendors_core,
        callers_core,
    })
}

/// What the ear made of each call, on the threads for blocking work.
async fn hear(load: &Arc<Load>, calls: Vec<Call>) -> Result<Vec<(Call, Vec<Option<End>>)>> {
    let hearing = calls.into_iter().map(|call| {
        let load = load.clone();
        tokio::task::spawn_blocking(move || {
            let ends = ear::ends(&load, &call)?;
            anyhow::Ok((call, ends))
        })
    });
    try_join_all(hearing).await?.into_iter().collect()
}

/// From the moment the turn could end at the earliest: known to the ear, and the endpointing delay over.
fn socket_ms(call: &Call, replied: Instant, end: End) -> f64 {
    let known = call.sent[end.frame].0;
    let waits = Duration::from_millis(ENDPOINTING_MS.saturating_sub(end.silence_ms));
    since(replied, known + waits) - VENDORS_MS as f64
}

fn ear_ms(call: &Call, turn: &Turn, end: End) -> f64 {
    since(call.sent[end.frame].0, call.sent[turn.last_loud_frame].0) - end.silence_ms as f64
}

fn since(later: Instant, earlier: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(after) => after.as_secs_f64() * 1000.0,
        None => -((earlier - later).as_secs_f64() * 1000.0),
    }
}

/// The agent's own account of the turns that count.
fn traced(stack: &Stack, call: &Call) -> Result<Vec<f64>> {
    let path = local::journal(&stack.file().extra.journal_dir, &call.call_id);
    let journal =
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let traces = journal.lines().filter_map(|line| match serde_json::from_str(line).ok()? {
        JournalLine::Out { output: Output::Turn(trace), .. } => trace.deltas.e2e_ms,
        _ => None,
    });
    let by_number: BTreeMap<usize, u64> = traces.enumerate().collect();
    let counted = call.turns.iter().filter_map(|turn| by_number.get(&turn.number));
    Ok(counted.map(|&ms| ms as f64 - CONFIGURED_MS as f64).collect())
}

impl Inside {
    /// The table's columns.
    pub(crate) const HEAD: &str = "  calls  turns   trace p50    p99   socket p50    p99   ear p50    p99   agent cores a call   callers  vendors";

    /// One row of it.
    pub(crate) fn line(&self) -> String {
        format!(
            "  {:>5}  {:>5}   {:>9.1}  {:>5.1}   {:>10.1}  {:>5.1}   {:>7.1}  {:>5.1}   {:>18.4}   {:>7.3}  {:>7.3}",
            self.calls,
            self.turns - self.without_reply,
            self.trace_ms.p50,
            self.trace_ms.p99,
            self.socket_ms.p50,
            self.socket_ms.p99,
            self.ear_ms.p50,
            self.ear_ms.p99,
            self.agent_core_per_call,
            self.callers_core,
            self.vendors_core,
        )
    }
}
