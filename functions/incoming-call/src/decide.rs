//! What to do with a call, given everything known about it. Pure.

use carrier::Plan;
use carrier::plan::{STREAM_TICKET_S, Voicemail};
use carrier::webhook::Incoming;
use domain::{
    Arrival, CallId, CarrierStatus, ConnectEnd, Direction, EndReason, Event, Fact, JobMetadata, Next,
    NumberConfig, Provider, RateLimit, RateScope, Road, WallTime, Write,
};
use store::StoredCall;

/// Said when nobody has the number.
const UNKNOWN_NUMBER: &str =
    "The number you have called is not in service. Please check it and call again. Goodbye.";

/// Everything a decision rests on.
pub(crate) struct Situation<'a> {
    pub(crate) provider: Provider,
    pub(crate) incoming: &'a Incoming,
    pub(crate) known: &'a store::Incoming,
    pub(crate) limits: Limits,
    pub(crate) now: WallTime,
}

/// What this deployment can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Calls at once, all numbers together.
    pub(crate) max_calls: u32,
    /// Whether there is a place for media streams to connect to.
    pub(crate) media_streams: bool,
}

/// Why the store did not take the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The last place is gone.
    NoPlace,
    /// A limit was reached.
    RateReached,
    /// The agent that the number names does not exist.
    NoAgent,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// The webhook was answered before: the same answer again.
    Repeat(Plan),
    /// A new call.
    Answer(Answer),
}

/// What a new call is told, and what has to happen for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) plan: Plan,
    pub(crate) writes: Vec<Write>,
    /// The agent to send for.
    pub(crate) dispatch: Option<JobMetadata>,
    pub(crate) turned_away: Option<EndReason>,
}

struct Choice {
    road: Road,
    plan: Plan,
    turned_away: Option<EndReason>,
}

/// Decides about a call.
pub(crate) fn decide(situation: &Situation<'_>) -> Decision {
    match &situation.known.call {
        Some(call) if call.plan.is_some() => Decision::Repeat(repeat(call)),
        Some(call) if call.record.is_over() => Decision::Repeat(Plan::Refuse),
        _ => Decision::Answer(answer(situation, choose(situation))),
    }
}

/// Decides again after the store refused what looked right when it was read.
pub(crate) fn decide_again(situation: &Situation<'_>, obstacle: Obstacle) -> Answer {
    let choice = match (&situation.known.number, obstacle) {
        (Some(number), Obstacle::NoPlace) => busy(number),
        (Some(number), Obstacle::NoAgent) => voicemail(number, Some(EndReason::BadConfiguration)),
        (_, _) => refused(),
    };
    answer(situation, choice)
}

/// The answer that was given before.
pub(crate) fn repeat(call: &StoredCall) -> Plan {
    let plan = call.plan.as_deref().and_then(Plan::from_json);
    let plan = plan.unwrap_or_else(|| Plan::Voicemail(Voicemail::default()));
    let fell_back = call.facts.iter().any(|fact| fact.event == Event::ConnectEnded(no_connection()));
    if fell_back { Plan::Voicemail(plan.voicemail()) } else { plan }
}

/// What to write when LiveKit refused the agent: the caller leaves a message instead.
pub(crate) fn fall_back(situation: &Situation<'_>) -> Vec<Write> {
    let call = situation.incoming.call.clone();
    let fact = Fact::connect_ended(situation.now, situation.provider, None, no_connection());
    vec![Write::AddFact { call: call.clone(), fact }, Write::ReleaseSlot { call }]
}

/// A connection that never began.
fn no_connection() -> ConnectEnd {
    ConnectEnd {
        status: CarrierStatus::Failed,
        bridged: Some(false),
        duration_s: None,
        sip_code: None,
        next: Next::Voicemail,
    }
}

fn choose(situation: &Situation<'_>) -> Choice {
    let Some(number) = &situation.known.number else {
        let plan = Plan::Goodbye { text: UNKNOWN_NUMBER.to_owned() };
        return Choice { road: Road::Busy, plan, turned_away: Some(EndReason::UnknownNumber) };
    };
    if is_over_rate(situation, number) {
        return refused();
    }
    match road(situation, number) {
        Road::Sip => with_agent(situation, number, Road::Sip),
        Road::MediaStreams => with_agent(situation, number, Road::MediaStreams),
        Road::Legacy => legacy(number),
        Road::Voicemail => voicemail(number, None),
        Road::Busy => Choice { turned_away: None, ..busy(number) },
    }
}

/// The configured road, or SIP where the carrier or the deployment has no media streams.
fn road(situation: &Situation<'_>, number: &NumberConfig) -> Road {
    let streams = situation.limits.media_streams && situation.provider != Provider::Telnyx;
    match number.road_for(&situation.incoming.call) {
        Road::MediaStreams if !streams => Road::Sip,
        road => road,
    }
}

fn is_over_rate(situation: &Situation<'_>, number: &NumberConfig) -> bool {
    let inbound = situation.incoming.direction == Direction::Inbound;
    let known = situation.known;
    inbound
        && (known.calls_by_caller >= number.limits.per_caller_per_minute
            || known.calls_to_number >= number.limits.per_minute)
}

fn with_agent(situation: &Situation<'_>, number: &NumberConfig, road: Road) -> Choice {
    if situation.known.workers.is_empty() {
        return voicemail(number, Some(EndReason::AgentAbsent));
    }
    if situation.known.active_calls >= places(situation) {
        return busy(number);
    }
    let job = job(situation, number);
    let voicemail = Voicemail::of(number);
    let plan = match road {
        Road::MediaStreams => {
            let expires_at_s = situation.now.as_secs() + STREAM_TICKET_S;
            Plan::MediaStreams { job, expires_at_s, voicemail }
        }
        _ => Plan::Sip { job, ring_s: ring_s(number), limit_s: number.limits.max_duration_s, voicemail },
    };
    Choice { road, plan, turned_away: None }
}

fn places(situation: &Situation<'_>) -> u32 {
    situation.limits.max_calls.min(situation.known.capacity())
}

fn job(situation: &Situation<'_>, number: &NumberConfig) -> JobMetadata {
    JobMetadata {
        call_id: situation.incoming.call.clone(),
        provider: situation.provider,
        caller: situation.incoming.caller.clone(),
        number: number.number.clone(),
        agent_id: number.agent.clone(),
        headers: situation.incoming.headers.clone(),
    }
}

fn ring_s(number: &NumberConfig) -> u16 {
    u16::try_from(number.limits.ring_timeout_s).unwrap_or(120)
}

fn legacy(number: &NumberConfig) -> Choice {
    let Some(uri) = number.legacy_sip_uri.clone() else {
        return voicemail(number, Some(EndReason::BadConfiguration));
    };
    let limit_s = number.limits.max_duration_s;
    let plan = Plan::Legacy { uri, ring_s: ring_s(number), limit_s, voicemail: Voicemail::of(number) };
    Choice { road: Road::Legacy, plan, turned_away: None }
}

fn voicemail(number: &NumberConfig, turned_away: Option<EndReason>) -> Choice {
    Choice { road: Road::Voicemail, plan: Plan::Voicemail(Voicemail::of(number)), turned_away }
}

fn busy(number: &NumberConfig) -> Choice {
    let plan = Plan::Goodbye { text: number.busy_text.clone() };
    Choice { road: Road::Busy, plan, turned_away: Some(EndReason::CapacityFull) }
}

fn refused() -> Choice {
    Choice { road: Road::Busy, plan: Plan::Refuse, turned_away: Some(EndReason::RateLimited) }
}

fn answer(situation: &Situation<'_>, choice: Choice) -> Answer {
    let Choice { road, plan, turned_away } = choice;
    let call = situation.incoming.call.clone();
    let mut writes = vec![
        Write::OpenCall { call: call.clone(), plan: plan.to_json() },
        Write::AddFact { call: call.clone(), fact: arrived(situation, road, turned_away) },
    ];
    if let Some(number) = situation.known.number.as_ref().filter(|_| road.needs_agent()) {
        writes.push(Write::NeedAgent { agent: number.agent.clone() });
        writes.push(Write::TakeSlot { call: call.clone(), limit: places(situation) });
    }
    if turned_away.is_none() {
        writes.extend(counted(situation));
    }
    let dispatch = match &plan {
        Plan::Sip { job, .. } => Some(job.clone()),
        _ => None,
    };
    Answer { plan, writes, dispatch, turned_away }
}

fn arrived(situation: &Situation<'_>, road: Road, turned_away: Option<EndReason>) -> Fact {
    let incoming = situation.incoming;
    let arrival = Arrival {
        provider: situation.provider,
        direction: incoming.direction,
        caller: incoming.caller.clone(),
        number: incoming.number.clone(),
        agent: situation.known.number.as_ref().map(|number| number.agent.clone()),
        road,
        turned_away,
    };
    Fact::arrived(situation.now, arrival)
}

/// What a call counts against: its caller's limit and its number's. Calls we placed count against neither.
fn counted(situation: &Situation<'_>) -> Vec<Write> {
    let incoming = situation.incoming;
    let Some(config) = &situation.known.number else {
        return Vec::new();
    };
    if incoming.direction == Direction::Outbound {
        return Vec::new();
    }
    let number = config.number.clone();
    let by_caller = RateScope::Caller { caller: incoming.caller.clone(), number: number.clone() };
    let to_number = RateScope::Number { number };
    [(by_caller, config.limits.per_caller_per_minute), (to_number, config.limits.per_minute)]
        .map(|(scope, limit)| Write::CountRate(RateLimit::per_minute(scope, limit, situation.now)))
        .to_vec()
}

/// The call, for log lines.
pub(crate) fn call_of(answer: &Answer) -> Option<&CallId> {
    answer.writes.iter().find_map(|write| match write {
        Write::OpenCall { call, .. } => Some(call),
        _ => None,
    })
}
