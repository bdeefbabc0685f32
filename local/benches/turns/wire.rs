//! What a caller with a telephone gets: real SIP calls, judged by the phones' recordings alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::join_all;
use local::{CallPlan, PlacedCall, Report, StackFile, place, speech};
use serde::Serialize;

use crate::cpu::Meter;
use crate::drop_outs::Gaps;
use crate::figures::{Figures, fine, tenths};
use crate::told::{CONFIGURED_MS, LINES};

/// Between two callers' first ring.
const BETWEEN_CALLS: Duration = Duration::from_millis(150);
/// After the last answer, until the processor's time counts as that of a call that goes on.
const SETTLE: Duration = Duration::from_secs(1);

/// What was measured of one side with so many calls at once. Milliseconds, beyond the configured delays.
#[derive(Debug, Serialize)]
pub(crate) struct Wire {
    side: &'static str,
    calls: usize,
    rounds: usize,
    utterances: usize,
    replies: usize,
    reply_ms: Figures,
    /// Missing 20 ms frames inside the agent's speech.
    drop_outs_percent: f64,
    /// While all calls talk.
    core_per_call: f64,
    /// From the webhook to the end, a call, over what talking costs.
    set_up_cpu_s: f64,
    faults: Vec<String>,
}

/// What is called, and who answers.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) name: &'static str,
    pub(crate) stack: &'a StackFile,
    /// The process that answers; what it started counts too.
    pub(crate) pid: u32,
    pub(crate) dir: PathBuf,
    /// The reply as it was synthesised.
    pub(crate) reply: Gaps,
}

/// One call as it was placed.
struct Placed {
    at: Instant,
    call: PlacedCall,
    recording: PathBuf,
}

/// Places `calls` calls at once, `rounds` times.
pub(crate) async fn measure(side: &Side<'_>, calls: usize, rounds: usize, report: Report) -> Result<Wire> {
    let mut utterances = Vec::new();
    for line in LINES {
        utterances.push(speech::speak(line).await?);
    }
    let mut wire = Wire::new(side.name, calls, rounds);
    let (mut replies, mut gaps, mut cores, mut set_up) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let dir = side.dir.join(format!("{}-{calls}-{round}", side.name));
        let meter = Meter::start(side.pid);
        let begun = Instant::now();
        let placed = join_all((0..calls).map(|number| one(side.stack, &dir, number, &utterances))).await;
        let placed: Vec<Placed> = placed.into_iter().filter_map(|placed| wire.keep(placed)).collect();
        if let Some((core, fixed)) = costs(&meter, begun, &placed) {
            cores.push(core);
            set_up.push(fixed);
        }
        for placed in &placed {
            let complaints = placed.call.outcome.complaints();
            wire.faults.extend(complaints.iter().map(|complaint| (*complaint).to_owned()));
            wire.utterances += LINES.len();
            replies.extend(placed.call.heard.replies_ms().iter().map(|&ms| ms as f64 - CONFIGURED_MS as f64));
            gaps.extend(speech_gaps(placed)?);
        }
    }
    wire.replies = replies.len();
    wire.reply_ms = Figures::of(replies);
    wire.drop_outs_percent = tenths(Gaps::missing_percent(&gaps, side.reply));
    wire.core_per_call = fine(median(cores));
    wire.set_up_cpu_s = fine(median(set_up));
    report.line(&wire.line());
    Ok(wire)
}

async fn one(stack: &StackFile, dir: &Path, number: usize, utterances: &[Vec<i16>]) -> Result<Placed> {
    tokio::time::sleep(BETWEEN_CALLS * u32::try_from(number)?).await;
    let recording = dir.join(format!("{number}.wav"));
    let plan = CallPlan {
        caller: format!("+155501{number:05}"),
        utterances: utterances.to_vec(),
        phone_dir: dir.join(number.to_string()),
        recording: recording.clone(),
    };
    std::fs::create_dir_all(&plan.phone_dir)?;
    let at = Instant::now();
    let call = place(stack, &plan, |_| {}).await?;
    Ok(Placed { at, call, recording })
}

/// Gaps of the agent's replies: what it said after the greeting.
fn speech_gaps(placed: &Placed) -> Result<Vec<Gaps>> {
    let Some(path) = placed.call.outcome.recording.as_ref() else { return Ok(Vec::new()) };
    let mut reader = hound::WavReader::open(path)
        .with_context(|| format!("cannot read {}", placed.recording.display()))?;
    let samples: Vec<i16> = reader.samples::<i16>().skip(1).step_by(2).collect::<Result<_, _>>()?;
    let heard = &placed.call.heard;
    let first = heard.caller.first().map_or(u64::MAX, |first| first.start_ms);
    let replies = heard.agent.iter().filter(|segment| segment.start_ms > first);
    Ok(replies.map(|&segment| Gaps::within(&samples, segment)).collect())
}

/// CPU of a call while all talk, as a share of a core, and what each call cost beyond that, in seconds.
fn costs(meter: &Meter, begun: Instant, placed: &[Placed]) -> Option<(f64, f64)> {
    let moment = |placed: &Placed, what: fn(&str) -> bool| {
        let (after, _) = placed.call.timeline.iter().find(|(_, name)| what(name))?;
        Some(placed.at + Duration::from_secs_f64(*after))
    };
    let answered = |placed: &Placed| moment(placed, |name| name == "200 OK");
    let closed = |placed: &Placed| moment(placed, |name| name == "all callbacks answered");
    let from = placed.iter().filter_map(answered).max()? + SETTLE;
    let to = placed.iter().filter_map(closed).min()?;
    let (window, count) = (to.checked_duration_since(from)?.as_secs_f64(), placed.len() as f64);
    let core = meter.between(from, to) / window / count;
    let talked: f64 =
        placed.iter().filter_map(|placed| Some((closed(placed)? - answered(placed)?).as_secs_f64())).sum();
    let all = meter.between(begun, Instant::now());
    Some((core, (all - core * talked) / count))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Wire {
    /// The table's columns.
    pub(crate) const HEAD: &str = "  side             calls   replies   reply p50     p95     max   drop-outs   cores a call   set-up CPU";

    fn new(side: &'static str, calls: usize, rounds: usize) -> Self {
        Self {
            side,
            calls,
            rounds,
            utterances: 0,
            replies: 0,
            reply_ms: Figures::default(),
            drop_outs_percent: 0.0,
            core_per_call: 0.0,
            set_up_cpu_s: 0.0,
            faults: Vec::new(),
        }
    }

    /// A call that could not be placed is a fault of the side that was called.
    fn keep(&mut self, placed: Result<Placed>) -> Option<Placed> {
        match placed {
            Ok(placed) => Some(placed),
            Err(error) => {
                self.utterances += LINES.len();
                self.faults.push(format!("{error:#}"));
                None
            }
        }
    }

    /// One row of the table.
    pub(crate) fn line(&self) -> String {
        format!(
            "  {:<15}  {:>5}  {:>3} of {:<3}  {:>8.0}  {:>6.0}  {:>6.0}   {:>7.1} %   {:>12.4}   {:>8.2} s",
            self.side,
            self.calls,
            self.replies,
            self.utterances,
            self.reply_ms.p50,
            self.reply_ms.p95,
            self.reply_ms.max,
            self.drop_outs_percent,
            self.core_per_call,
            self.set_up_cpu_s,
        )
    }

    /// What went wrong.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }
}
