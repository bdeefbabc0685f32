//! `call`: plays the carrier and the caller, and shows what came of it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::future::join_all;

use crate::layout::Layout;
use crate::outcome::Outcome;
use crate::place::{CallPlan, PlacedCall, place};
use crate::report::Report;
use crate::script;
use crate::speech;
use crate::stack::{Stack, StackOptions};
use crate::stack_file::StackFile;
use crate::transcript::{follow, journal};

/// Options of `call`.
#[derive(Debug, Args)]
pub struct CallOptions {
    /// Print one JSON object (with --count: an array) as the last line on standard output.
    #[arg(long)]
    json: bool,
    /// Calls at once.
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Where the recordings go.
    #[arg(long)]
    recording_dir: Option<PathBuf>,
    /// What the caller says instead of the script's lines; may be repeated. The simulated recogniser still returns the script's words.
    #[arg(long)]
    say: Vec<String>,
    /// A WAV file that the caller plays instead of speaking.
    #[arg(long, conflicts_with = "say")]
    wav: Vec<PathBuf>,
    /// The caller's number.
    #[arg(long, default_value = "+15550100200")]
    from: String,
}

/// Places the calls, on the running stack or on one of its own. Returns whether all were good.
///
/// # Errors
/// When a part does not come up, or the carrier's side of a call fails altogether.
pub async fn call(layout: &Layout, options: CallOptions, stack_options: StackOptions) -> Result<bool> {
    let report = Report::new();
    if let Some(running) = StackFile::of_running(&layout.stack_file())? {
        report.line(&format!("using the running stack at {}", running.base_url));
        return calls(layout, &running, &options, report).await;
    }
    let stack = Stack::start(stack_options, report).await?;
    let good = calls(layout, stack.file(), &options, report).await;
    stack.stop().await;
    good
}

async fn calls(layout: &Layout, stack: &StackFile, options: &CallOptions, report: Report) -> Result<bool> {
    let utterances = utterances(options).await?;
    let plans = plans(layout, options, &utterances)?;
    report.line(&format!("\ncalling {} …\n", stack.number));
    let single = plans.len() == 1;
    let bar = report.bar(if single { 0 } else { plans.len() as u64 });
    let placed = join_all(plans.iter().map(async |plan| {
        let placed = if single { live(stack, plan, report).await } else { place(stack, plan, |_| {}).await };
        bar.inc(1);
        placed
    }))
    .await;
    bar.finish_and_clear();
    let placed = placed.into_iter().collect::<Result<Vec<_>>>()?;
    if let [one] = placed.as_slice() {
        show(report, one);
    }
    summary(report, &placed);
    if options.json {
        print_json(&placed, options.count)?;
    }
    Ok(placed.iter().all(|placed| placed.outcome.complaints().is_empty()))
}

async fn utterances(options: &CallOptions) -> Result<Vec<Vec<i16>>> {
    if !options.wav.is_empty() {
        return options.wav.iter().map(|path| speech::read(path)).collect();
    }
    let lines = if options.say.is_empty() { script::lines()? } else { options.say.clone() };
    let mut utterances = Vec::new();
    for line in &lines {
        utterances.push(speech::speak(line).await?);
    }
    Ok(utterances)
}

fn plans(layout: &Layout, options: &CallOptions, utterances: &[Vec<i16>]) -> Result<Vec<CallPlan>> {
    if options.count == 0 {
        bail!("--count must be at least 1");
    }
    let stamp = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let recordings = options.recording_dir.clone().unwrap_or_else(|| layout.calls());
    std::fs::create_dir_all(&recordings)
        .with_context(|| format!("cannot create {}", recordings.display()))?;
    let recordings = recordings.canonicalize()?;
    let plan = |number: usize| {
        let name = format!("{stamp}-{}-{number}", std::process::id());
        CallPlan {
            caller: caller(&options.from, number),
            utterances: utterances.to_vec(),
            phone_dir: layout.calls().join("phones").join(&name),
            recording: recordings.join(format!("{name}.wav")),
        }
    };
    Ok((0..options.count).map(plan).collect())
}

/// Each of several callers has a number of their own: the last digits are counted up.
fn caller(first: &str, number: usize) -> String {
    let digits: String = first.chars().skip_while(|c| *c == '+').collect();
    match digits.parse::<u64>() {
        Ok(value) => format!("+{}", value + number as u64),
        Err(_) => first.to_owned(),
    }
}

/// One call, with its transcript as it comes.
async fn live(stack: &StackFile, plan: &CallPlan, report: Report) -> Result<PlacedCall> {
    let (announced, mut call_sid) = tokio::sync::watch::channel(String::new());
    let transcript = async {
        if call_sid.wait_for(|sid| !sid.is_empty()).await.is_err() {
            return;
        }
        let journal = journal(&stack.extra.journal_dir, &call_sid.borrow().clone());
        follow(journal, |line| report.line(line)).await;
    };
    let placing = place(stack, plan, |call_sid| {
        // The transcript waits for it, unless it is gone already.
        let _ = announced.send(call_sid.to_owned());
    });
    tokio::select! {
        placed = placing => placed,
        () = async { transcript.await; std::future::pending().await } => bail!("the transcript outlived the call"),
    }
}

fn show(report: Report, placed: &PlacedCall) {
    for told in &placed.told {
        report.line(&format!(" carrier │ {told}"));
    }
    report.line("\ntimeline, seconds since the webhook");
    for (at, what) in &placed.timeline {
        report.line(&format!("  {at:>8.3}  {what}"));
    }
    if let Some(record) = placed.record.as_ref().and_then(|record| serde_json::to_string_pretty(record).ok())
    {
        report.line(&format!("\nrecord in DynamoDB\n{record}"));
    }
}

fn summary(report: Report, placed: &[PlacedCall]) {
    report.line("");
    for PlacedCall { outcome, problems, .. } in placed {
        report.line(&one_line(outcome));
        for complaint in outcome.complaints() {
            report.line(&format!("  ✗ {complaint}"));
        }
        for problem in problems {
            report.line(&format!("  ! {problem}"));
        }
        if let Some(recording) = &outcome.recording {
            report.line(&format!("  recording: {}", recording.display()));
        }
    }
}

fn one_line(outcome: &Outcome) -> String {
    let mark = if outcome.complaints().is_empty() { '✓' } else { '✗' };
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    let replies: Vec<String> = outcome.reply_latency_ms.iter().map(|ms| format!("{ms} ms")).collect();
    format!(
        "{mark} {}: webhook {:.0} ms, answered {}, greeting {}, replies {} [{}], {} ({})",
        outcome.call_sid,
        outcome.webhook_to_twiml_ms,
        ms(outcome.invite_to_ok_ms),
        ms(outcome.answer_to_greeting_ms.map(|ms| ms as f64)),
        outcome.replies_heard,
        replies.join(", "),
        outcome.state.as_deref().unwrap_or("no record"),
        outcome.end_reason.as_deref().unwrap_or("no reason"),
    )
}

fn print_json(placed: &[PlacedCall], count: usize) -> Result<()> {
    let outcomes: Vec<&Outcome> = placed.iter().map(|placed| &placed.outcome).collect();
    let json = match outcomes.as_slice() {
        [one] if count == 1 => serde_json::to_string(one)?,
        all => serde_json::to_string(all)?,
    };
    writeln!(std::io::stdout(), "{json}").context("standard output is closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_at_once_have_different_numbers() {
        assert_eq!(caller("+15550100200", 3), "+15550100203");
        assert_eq!(caller("anonymous", 3), "anonymous");
    }
}
