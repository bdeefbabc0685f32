//! Places one call through a running stack, as carrier and as caller, and measures what the caller got.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use domain::{CallId, CallRecord, WallTime};
use servers::{Phone, PhoneRecording, SAMPLE_RATE};
use store::Store;

use crate::ear::{Heard, listen};
use crate::incoming::{DialledLeg, IncomingCall, LegEnd};
use crate::measure::{self, measure};
use crate::outcome::Outcome;
use crate::owed::{Delays, own_ms, turns};
use crate::stack_file::StackFile;
use crate::transcript::journal;

/// A caller who hears nothing for so long after the answer speaks first.
const GREETING_LIMIT: Duration = Duration::from_secs(8);

/// A caller who gets no reply for so long says the next thing.
const REPLY_LIMIT: Duration = Duration::from_secs(12);

/// The record closes when the last callback and LiveKit's webhooks are merged.
const RECORD_LIMIT: Duration = Duration::from_secs(10);

/// After the last reply the caller waits so long for the agent to hang up.
const PARTING: Duration = Duration::from_secs(3);

/// A hang-up is answered at once.
const HANG_UP_LIMIT: Duration = Duration::from_secs(5);

/// Who calls and what is said.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// The caller's number.
    pub caller: String,
    /// What the caller says, one utterance after each of the agent's, 8 kHz mono.
    pub utterances: Vec<Vec<i16>>,
    /// The phone's own directory.
    pub phone_dir: PathBuf,
    /// Where the stereo recording goes.
    pub recording: PathBuf,
}

/// What is known of a call when it is over.
#[derive(Debug)]
pub struct PlacedCall {
    /// The result.
    pub outcome: Outcome,
    /// Utterances and latencies.
    pub heard: measure::Heard,
    /// What happened when, in seconds since the webhook was sent.
    pub timeline: Vec<(f64, String)>,
    /// What the carrier's own voice told the caller.
    pub told: Vec<String>,
    /// The final record.
    pub record: Option<CallRecord>,
    /// Callbacks that went wrong.
    pub problems: Vec<String>,
}

/// Places the call of `plan`. `announce` is told the call's id as soon as it is known, so that somebody can follow its journal.
///
/// # Errors
/// When the webhook or the phone fails altogether; a bad call is an [`Outcome`] with complaints.
pub async fn place(stack: &StackFile, plan: &CallPlan, announce: impl Fn(&str)) -> Result<PlacedCall> {
    let mut timeline = Timeline::new();
    let mut call = IncomingCall::arrive(stack, &plan.caller).await?;
    timeline.note(Instant::now(), format!("TwiML after {:.0} ms", call.answer.took.as_secs_f64() * 1000.0));
    announce(&call.call_sid);
    let mut legs = Vec::new();
    let mut next = call.until_dial().await?;
    while let Some(mut leg) = next {
        let dir = plan.phone_dir.join(legs.len().to_string());
        let phone = IncomingCall::phone(&leg, &dir, &plan.caller, Vec::new()).await?;
        let (ended, caller_left) = talk(&mut call, &mut leg, phone, plan, &mut timeline).await?;
        next = call.leg_ended(&mut leg, &ended.end, caller_left).await?;
        legs.push((leg, ended));
    }
    let told = call.told.clone();
    let (call_sid, webhook) = (call.call_sid.clone(), call.answer.took);
    let talked = legs.iter().find_map(|(_, ended)| ended.end.duration);
    let problems = call.over(talked).await;
    timeline.note(Instant::now(), "all callbacks answered".to_owned());
    let record = closed_record(stack, &call_sid).await?;
    timeline.note(Instant::now(), "record read".to_owned());

    let best = legs.iter().find(|(_, ended)| ended.answered.is_some()).or(legs.first());
    let heard =
        best.and_then(|(_, ended)| Some(measure(&ended.recording, ended.answered?))).unwrap_or_default();
    let own = own(stack, record.as_ref(), &call_sid, &heard).await;
    let recording = match best.and_then(|(_, ended)| Some((ended, ended.answered?))) {
        Some((ended, answered)) => {
            ended.recording.write_stereo(answered, &plan.recording)?;
            timeline.conversation(answered, &heard, &own);
            Some(plan.recording.clone())
        }
        None => None,
    };
    let outcome = Outcome {
        call_sid,
        room: legs.first().map(|(leg, _)| leg.room().to_owned()),
        state: record.as_ref().map(|record| record.state.as_str().to_owned()),
        end_reason: record
            .as_ref()
            .and_then(|record| record.end_reason)
            .map(|reason| reason.as_str().to_owned()),
        greeting_heard: heard.greeting_ms.is_some(),
        replies_heard: heard.replies.len(),
        webhook_to_twiml_ms: (webhook.as_secs_f64() * 10_000.0).round() / 10.0,
        invite_to_ok_ms: best
            .and_then(|(_, ended)| ended.invite_to_ok)
            .map(|took| took.as_secs_f64() * 1000.0),
        answer_to_greeting_ms: heard.greeting_ms,
        reply_latency_ms: heard.replies_ms(),
        reply_own_ms: own,
        recording,
        utterances: plan.utterances.len(),
    };
    Ok(PlacedCall { outcome, heard, timeline: timeline.sorted(), told, record, problems })
}

/// Our own share of each reply's latency.
async fn own(
    stack: &StackFile,
    record: Option<&CallRecord>,
    call_sid: &str,
    heard: &measure::Heard,
) -> Vec<Option<i64>> {
    let unknown = || vec![None; heard.replies.len()];
    let Some(agent_id) = record.and_then(|record| record.agent_id.as_ref()) else { return unknown() };
    let store = Store::new(store::client::local(&stack.dynamodb_url), &stack.table);
    let Ok(Some(agent)) = store.agent(agent_id).await else { return unknown() };
    let Some(delays) = Delays::of(stack, &agent).await else { return unknown() };
    let journal = tokio::fs::read_to_string(journal(&stack.extra.journal_dir, call_sid)).await;
    own_ms(heard, &turns(&journal.unwrap_or_default()), delays)
}

/// A leg that is over.
#[derive(Debug)]
struct Ended {
    end: LegEnd,
    answered: Option<Instant>,
    invite_to_ok: Option<Duration>,
    recording: PhoneRecording,
}

/// Dials, holds the conversation, hangs up. Also says whether it was the caller who ended it.
async fn talk(
    call: &mut IncomingCall,
    leg: &mut DialledLeg,
    mut phone: Phone,
    plan: &CallPlan,
    timeline: &mut Timeline,
) -> Result<(Ended, bool)> {
    let not_answered = call.dial(leg, &mut phone).await?;
    let mut caller_left = false;
    if not_answered.is_none() {
        converse(&mut phone, &plan.utterances).await?;
        caller_left = phone.progress().closed.is_none();
        if caller_left {
            phone.hang_up().await?;
        }
        phone.until_closed(HANG_UP_LIMIT).await?;
    }
    let progress = phone.progress();
    let end = not_answered.unwrap_or_else(|| IncomingCall::end_of(&phone));
    let steps =
        [("INVITE", progress.dialled), ("180 Ringing", progress.ringing), ("200 OK", progress.answered)];
    for (name, at) in steps.into_iter().chain([("first RTP", progress.first_rtp)]) {
        timeline.maybe(at, name);
    }
    let by = if caller_left { "caller hangs up" } else { end.reason.as_str() };
    timeline.maybe(progress.closed, by);
    let invite_to_ok = progress.dialled.zip(progress.answered).map(|(dialled, answered)| answered - dialled);
    Ok((
        Ended { end, answered: progress.answered, invite_to_ok, recording: phone.finish().await? },
        caller_left,
    ))
}

/// Listens to the greeting, then says each utterance and listens to the reply.
async fn converse(phone: &mut Phone, utterances: &[Vec<i16>]) -> Result<()> {
    if listen(phone, 0, GREETING_LIMIT).await? == Heard::CallEnded {
        return Ok(());
    }
    for utterance in utterances {
        let from = phone.heard_samples();
        phone.say(utterance).await?;
        let said = Duration::from_secs_f64(utterance.len() as f64 / f64::from(SAMPLE_RATE));
        if listen(phone, from, said + REPLY_LIMIT).await? == Heard::CallEnded
            || phone.progress().closed.is_some()
        {
            return Ok(());
        }
    }
    // Not closed in time means that it is for the caller to hang up.
    let _ = phone.until_closed(PARTING).await;
    Ok(())
}

/// Reads the record until it is closed, or what it is when that takes too long.
async fn closed_record(stack: &StackFile, call_sid: &str) -> Result<Option<CallRecord>> {
    let store = Store::new(store::client::local(&stack.dynamodb_url), &stack.table);
    let call: CallId = call_sid.parse().context("the carrier's id is no call id")?;
    let deadline = tokio::time::Instant::now() + RECORD_LIMIT;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let stored = store.call(&call, now()).await?.map(|stored| stored.record);
        if stored.as_ref().is_some_and(CallRecord::is_over) || tokio::time::Instant::now() >= deadline {
            return Ok(stored);
        }
    }
}

fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// What happened when.
#[derive(Debug)]
struct Timeline {
    start: Instant,
    entries: Vec<(Instant, String)>,
}

impl Timeline {
    fn new() -> Self {
        let start = Instant::now();
        Self { start, entries: vec![(start, "webhook".to_owned())] }
    }

    fn note(&mut self, at: Instant, what: String) {
        self.entries.push((at, what));
    }

    fn maybe(&mut self, at: Option<Instant>, what: &str) {
        self.entries.extend(at.map(|at| (at, what.to_owned())));
    }

    fn conversation(&mut self, answered: Instant, heard: &measure::Heard, own: &[Option<i64>]) {
        for (reply, own) in heard.replies.iter().zip(own) {
            let own = own.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms} ms"));
            let at = answered + Duration::from_millis(reply.start_ms);
            self.note(at, format!("  reply after {} ms, of which ours: {own}", reply.latency_ms()));
        }
        for (who, segments) in [("caller", &heard.caller), ("agent", &heard.agent)] {
            for segment in segments {
                let at = answered + Duration::from_millis(segment.start_ms);
                self.note(at, format!("{who} speaks, {:.1} s", segment.ms() as f64 / 1000.0));
            }
        }
    }

    fn sorted(mut self) -> Vec<(f64, String)> {
        self.entries.sort_by_key(|(at, _)| *at);
        self.entries.into_iter().map(|(at, what)| ((at - self.start).as_secs_f64(), what)).collect()
    }
}
