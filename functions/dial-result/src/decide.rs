//! What a caller is told when a step of the call is over. Pure.

use carrier::plan::Voicemail;
use carrier::ticket::VOICEMAIL_ATTEMPTS;
use carrier::webhook::{DialResult, Recording};
use carrier::{Plan, Step};
use domain::{
    AgentReport, CallId, CarrierStatus, ConnectEnd, Event, Fact, Next, Provider, Report, VoicemailEvent,
    WallTime, Write,
};
use store::StoredCall;

/// A connection this short, of which no agent knows, was an agent that crashed, seconds.
const CRASHED_WITHIN_S: u32 = 3;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) writes: Vec<Write>,
    pub(crate) then: Then,
    /// The room has no further use.
    pub(crate) room_is_done: bool,
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing more.
    HangUp,
    /// To leave a message.
    Record { voicemail: Voicemail, attempt: u8 },
    /// Good-bye, with thanks for a message.
    Thanks,
}

/// Decides after a connection ended.
pub(crate) fn after_connection(
    provider: Provider,
    result: &DialResult,
    known: Option<&StoredCall>,
    now: WallTime,
) -> Decision {
    let end = ConnectEnd {
        status: result.status.clone(),
        bridged: result.bridged,
        duration_s: result.duration_s,
        sip_code: result.sip_code,
        next: next(result, known),
    };
    let fact = Fact::connect_ended(now, provider, result.leg.as_ref(), end);
    let next = told_before(known, &fact).unwrap_or_else(|| next(result, known));
    let then = match next {
        Next::HangUp => Then::HangUp,
        Next::Voicemail => Then::Record { voicemail: voicemail_of(known), attempt: 0 },
    };
    let call = result.call.clone();
    let writes = vec![Write::AddFact { call: call.clone(), fact }, Write::ReleaseSlot { call }];
    Decision { writes, then, room_is_done: true }
}

/// Decides after a recording ended.
pub(crate) fn after_recording(
    provider: Provider,
    recording: &Recording,
    attempt: u8,
    known: Option<&StoredCall>,
    now: WallTime,
) -> Decision {
    let is_message = recording.id.is_some() && recording.duration_s.unwrap_or(0) > 0;
    let again = !is_message && !recording.caller_gone && attempt + 1 < VOICEMAIL_ATTEMPTS;
    let message = VoicemailEvent {
        recording: recording.id.clone().filter(|_| is_message),
        duration_s: recording.duration_s,
        again,
    };
    let fact = Fact::voicemail(now, provider, u32::from(attempt), message);
    let then = match (again, is_message) {
        (true, _) => Then::Record { voicemail: voicemail_of(known), attempt: attempt + 1 },
        (false, true) => Then::Thanks,
        (false, false) => Then::HangUp,
    };
    let writes = vec![Write::AddFact { call: recording.call.clone(), fact }];
    Decision { writes, then, room_is_done: false }
}

/// What the same result was answered with when it came first.
fn told_before(known: Option<&StoredCall>, fact: &Fact) -> Option<Next> {
    known?.facts.iter().find(|earlier| earlier.key == fact.key).and_then(|earlier| match &earlier.event {
        Event::ConnectEnded(end) => Some(end.next),
        _ => None,
    })
}

fn next(result: &DialResult, known: Option<&StoredCall>) -> Next {
    if result.caller_gone || was_served(result, known) { Next::HangUp } else { Next::Voicemail }
}

/// Whether the caller had somebody to talk to. Never by SIP code: carriers do not say which becomes what.
fn was_served(result: &DialResult, known: Option<&StoredCall>) -> bool {
    let bridged = match &result.status {
        CarrierStatus::Completed | CarrierStatus::InProgress => result.bridged != Some(false),
        // `<Connect>` reports no dial status: only the agent knows.
        CarrierStatus::Other(word) if word.is_empty() => return agent_spoke(known),
        _ => false,
    };
    let short = result.duration_s.is_some_and(|seconds| seconds <= CRASHED_WITHIN_S);
    bridged && (!short || is_legacy(known) || agent_spoke(known))
}

fn agent_spoke(known: Option<&StoredCall>) -> bool {
    known.is_some_and(|call| call.facts.iter().any(|fact| is_sign_of_agent(&fact.event)))
}

fn is_sign_of_agent(event: &Event) -> bool {
    let Event::Agent(AgentReport { report, .. }) = event else {
        return false;
    };
    matches!(report, Report::CallerActive | Report::Greeted | Report::Ended { .. } | Report::Summary { .. })
}

fn is_legacy(known: Option<&StoredCall>) -> bool {
    matches!(plan_of(known), Some(Plan::Legacy { .. }))
}

fn voicemail_of(known: Option<&StoredCall>) -> Voicemail {
    plan_of(known).map(|plan| plan.voicemail()).unwrap_or_default()
}

fn plan_of(known: Option<&StoredCall>) -> Option<Plan> {
    known?.plan.as_deref().and_then(Plan::from_json)
}

/// Whether a ticket's step fits what was posted to it.
pub(crate) fn fits(step: Step, is_recording: bool) -> bool {
    is_recording == matches!(step, Step::Voicemail(_))
}

/// The call of the writes, for log lines.
pub(crate) fn call_of(decision: &Decision) -> Option<&CallId> {
    decision.writes.iter().find_map(|write| match write {
        Write::AddFact { call, .. } => Some(call),
        _ => None,
    })
}
