//! What a webhook of LiveKit adds to what is known of a call. Pure.

use domain::{
    Arrival, CallId, CallRecord, Caller, Direction, E164, EndReason, Fact, JobMetadata, Provider, Road,
    WallTime, Write,
};
use livekit::webhook::{Notice, SipFacts};

/// A call that came by a SIP trunk, without a carrier's webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SipArrival {
    pub(crate) caller: Caller,
    pub(crate) number: Option<E164>,
}

/// What has to be known before it can be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: the call is known by its carrier's webhook, or will be.
    Nothing,
    /// Whether the call is known: rooms that are no calls are none of our business.
    Known,
    /// What its number is configured to do: it begins here.
    Arrival(SipArrival),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) writes: Vec<Write>,
    /// The caller is not taken: the room goes.
    pub(crate) turned_away: bool,
}

/// What has to be known before `notice` can be decided about.
pub(crate) fn need(call: &CallId, notice: &Notice) -> Need {
    if !call.is_of_room() {
        return Need::Nothing;
    }
    notice.caller_joining().map_or(Need::Known, |sip| Need::Arrival(SipArrival::of(sip)))
}

/// Whom an agent has to be there for: a caller on the way to one, whose webhook asked for it.
pub(crate) fn awaited(record: &CallRecord) -> Option<JobMetadata> {
    let waits = record.road == Some(Road::Sip) && record.answered_at.is_none() && !record.is_over();
    record.job().filter(|_| waits)
}

/// Adds the event to a call.
pub(crate) fn decide(call: &CallId, fact: Fact) -> Decision {
    Decision { writes: vec![Write::AddFact { call: call.clone(), fact }], turned_away: false }
}

/// Opens a call that came by a SIP trunk: a place, if there is one and somebody to answer.
pub(crate) fn open(
    call: &CallId,
    arrival: &SipArrival,
    known: &store::Incoming,
    max_calls: u32,
    fact: Fact,
    now: WallTime,
) -> Decision {
    let limit = max_calls.min(known.capacity());
    let has_place = known.call.as_ref().is_some_and(|call| call.has_slot);
    let turned_away = match &known.number {
        None => Some(EndReason::UnknownNumber),
        Some(_) if has_place => None,
        Some(_) if known.workers.is_empty() => Some(EndReason::AgentAbsent),
        Some(_) if known.active_calls >= limit => Some(EndReason::CapacityFull),
        Some(_) => None,
    };
    opened(call, arrival, known, turned_away, limit, fact, now)
}

/// Opens it as turned away, after the store found no place where there had been one, or no agent.
pub(crate) fn open_refused(
    call: &CallId,
    arrival: &SipArrival,
    known: &store::Incoming,
    why: EndReason,
    fact: Fact,
    now: WallTime,
) -> Decision {
    opened(call, arrival, known, Some(why), 0, fact, now)
}

fn opened(
    call: &CallId,
    arrival: &SipArrival,
    known: &store::Incoming,
    turned_away: Option<EndReason>,
    limit: u32,
    fact: Fact,
    now: WallTime,
) -> Decision {
    let road = if turned_away.is_some() { Road::Busy } else { Road::Sip };
    let arrived = Arrival {
        provider: Provider::Sip,
        direction: Direction::Inbound,
        caller: arrival.caller.clone(),
        number: arrival.number.clone(),
        agent: known.number.as_ref().map(|number| number.agent.clone()),
        road,
        turned_away,
    };
    let mut writes = vec![
        Write::AddFact { call: call.clone(), fact: Fact::arrived(now, arrived) },
        Write::AddFact { call: call.clone(), fact },
    ];
    if let Some(number) = known.number.as_ref().filter(|_| turned_away.is_none()) {
        writes.push(Write::NeedAgent { agent: number.agent.clone() });
        writes.push(Write::TakeSlot { call: call.clone(), limit });
    }
    Decision { writes, turned_away: turned_away.is_some() }
}

impl SipArrival {
    fn of(sip: &SipFacts) -> Self {
        let caller = Caller::parse(sip.phone_number.as_deref().unwrap_or_default());
        let number = sip.trunk_number.as_deref().and_then(|number| E164::new(number).ok());
        Self { caller, number }
    }
}
