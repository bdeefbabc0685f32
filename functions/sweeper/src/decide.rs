//! What is to be done about a call that is not over. Pure.

use domain::{
    Arrival, CallId, CallRecord, CallState, Caller, CarrierStatus, Direction, E164, EndReason, Fact,
    JobMetadata, Leg, LegStatus, NumberConfig, Provider, Road, Sweep, WallTime, Write,
};
use livekit::webhook::{Participant, ParticipantKind};

/// Younger calls are left alone, seconds: their events are on their way.
pub(crate) const GRACE_S: u64 = 30;

/// After this nobody rings any more, seconds: the longest ring timeout (120), the carriers' own 5, slack.
const RINGING_S: u64 = 180;

/// After this no message is being left any more, seconds: the longest message (600) twice, slack.
const VOICEMAIL_S: u64 = 1500;

/// After this no call goes on, seconds: the longest any carrier allows (14 400), slack.
const LONGEST_S: u64 = 14_400 + 900;

/// How a call's room looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Room {
    /// LiveKit did not say.
    Unknown,
    /// There is none.
    Absent,
    /// There is one.
    Here {
        /// A telephone, or anybody else who is no agent, is in it.
        caller: bool,
        /// An agent is in it.
        agent: bool,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Nothing.
    Leave,
    /// Ask the carrier; without an answer, close it with this reason.
    Close(EndReason),
    /// Send an agent.
    Redispatch(JobMetadata),
    /// It waits for a message to be left: the agent's place is free.
    FreePlace,
    /// It goes on, and how it began is not stored: find out from who is in its room.
    Repair,
}

impl Room {
    /// Who is in it.
    pub(crate) fn of(participants: &[Participant]) -> Self {
        let agent = participants.iter().any(|one| one.kind == ParticipantKind::Agent);
        let caller = participants.iter().any(|one| one.kind != ParticipantKind::Agent);
        Self::Here { caller, agent }
    }
}

/// Decides about a call by its record, its room and the time.
pub(crate) fn decide(record: &CallRecord, has_slot: bool, room: &Room, now: WallTime) -> Action {
    let age_s = now.secs_since(record.opened_at);
    if age_s < GRACE_S || record.is_over() {
        return Action::Leave;
    }
    if age_s > LONGEST_S {
        return Action::Close(EndReason::Lost);
    }
    match record.road {
        Some(Road::Sip) => in_room(record, room, age_s),
        Some(Road::Voicemail) if has_slot => Action::FreePlace,
        Some(Road::Voicemail) if age_s > VOICEMAIL_S => Action::Close(EndReason::Voicemail),
        Some(Road::Busy) if age_s > RINGING_S => Action::Close(EndReason::Lost),
        Some(Road::MediaStreams | Road::Legacy) if rang_out(record, age_s) => {
            Action::Close(EndReason::NeverStarted)
        }
        Some(_) => Action::Leave,
        // Only callbacks are known of it: a webhook whose write failed, or a replay.
        None if matches!(room, Room::Here { caller: true, .. }) => Action::Repair,
        None if rang_out(record, age_s) => Action::Close(EndReason::Lost),
        None => Action::Leave,
    }
}

fn in_room(record: &CallRecord, room: &Room, age_s: u64) -> Action {
    match room {
        Room::Unknown => Action::Leave,
        Room::Here { caller: true, agent: true } => Action::Leave,
        Room::Here { caller: true, agent: false } => record.job().map_or(Action::Leave, Action::Redispatch),
        // The caller's leg is not there, or not there yet.
        Room::Here { caller: false, .. } | Room::Absent => match record.state {
            CallState::Active => Action::Close(EndReason::Lost),
            _ if age_s > RINGING_S => Action::Close(EndReason::CallerNeverJoined),
            _ => Action::Leave,
        },
    }
}

fn rang_out(record: &CallRecord, age_s: u64) -> bool {
    record.state != CallState::Active && age_s > RINGING_S
}

/// Closes a call by our own guess.
pub(crate) fn close(record: &CallRecord, reason: EndReason, now: WallTime) -> Vec<Write> {
    vec![Write::AddFact { call: record.call_id.clone(), fact: Fact::swept(now, Sweep::Over { reason }) }]
}

/// Notes that an agent was sent.
pub(crate) fn redispatched(record: &CallRecord, now: WallTime) -> Vec<Write> {
    vec![Write::AddFact { call: record.call_id.clone(), fact: Fact::swept(now, Sweep::Redispatched) }]
}

/// Closes a call by the carrier's word; nothing while the carrier says that it goes on.
pub(crate) fn told_by_carrier(
    record: &CallRecord,
    status: &str,
    duration_s: Option<u32>,
    now: WallTime,
) -> Option<Vec<Write>> {
    let status = CarrierStatus::parse(status);
    if !status.is_terminal() {
        return None;
    }
    let leg = LegStatus { leg: Leg::Parent, status, sequence: None, duration_s, sip_code: None };
    let fact = Fact::status(now, record.provider.unwrap_or_else(|| provider_of(&record.call_id)), leg);
    Some(vec![Write::AddFact { call: record.call_id.clone(), fact }])
}

/// Who calls which number: by the headers that our own TwiML gave the caller's leg, else by the trunk.
pub(crate) fn sip_caller(participant: &Participant) -> Option<(Caller, E164)> {
    let sip = participant.sip.as_ref()?;
    let number = sip.headers.get("to").or(sip.trunk_number.as_ref())?;
    let caller = sip.headers.get("from").or(sip.phone_number.as_ref());
    Some((Caller::parse(caller.map_or("", String::as_str)), E164::new(number.as_str()).ok()?))
}

/// The beginning of a call that was connected without being stored, with the place it takes.
pub(crate) fn repaired(call: &CallId, caller: Caller, number: &NumberConfig, now: WallTime) -> Vec<Write> {
    let arrival = Arrival {
        provider: provider_of(call),
        direction: Direction::Inbound,
        caller,
        number: Some(number.number.clone()),
        agent: Some(number.agent.clone()),
        road: Road::Sip,
        turned_away: None,
    };
    vec![
        Write::AddFact { call: call.clone(), fact: Fact::arrived(now, arrival) },
        // It is there already, however many there are.
        Write::TakeSlot { call: call.clone(), limit: u32::MAX },
    ]
}

/// Whose call it is, by the shape of its id: `CA…` at Twilio, `v3:…` at Telnyx, a UUID at SignalWire.
pub(crate) fn provider_of(call: &CallId) -> Provider {
    match call.as_str() {
        _ if call.is_of_room() => Provider::Sip,
        id if id.starts_with("v3") => Provider::Telnyx,
        id if id.starts_with("CA") => Provider::Twilio,
        _ => Provider::SignalWire,
    }
}
