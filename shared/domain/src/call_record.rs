//! The one record of a call, folded from everything known about it.
//!
//! See the crate's documentation for the lattice and the order of authorities.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::end_reason::EndReason;
use crate::end_verdict::Context;
use crate::event::{
    Arrival, CarrierStatus, Event, Leg, LegStatus, Next, OperatorAct, Party, Presence, Report, RoomEvent,
    Sweep,
};
use crate::fact::Fact;
use crate::facts::Facts;
use crate::fault::Whose;
use crate::id::{AgentId, CallId};
use crate::job::{JobMetadata, SipHeaders};
use crate::phone::{Caller, E164};
use crate::road::{Direction, Provider, Road};
use crate::time::WallTime;

/// How far a call has come. The order is the lattice's: a call never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// Something was heard of it.
    New,
    /// It rings.
    Ringing,
    /// It was answered.
    Active,
    /// It is over, for good.
    Ended,
}

impl CallState {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ringing => "ringing",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

/// What the facts about a call add up to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call.
    pub call_id: CallId,
    /// How far it has come.
    pub state: CallState,
    /// Why it ended; something exactly when `state` is [`CallState::Ended`].
    pub end_reason: Option<EndReason>,
    /// Whose doing the end was; something exactly when `end_reason` is.
    pub fault: Option<Whose>,
    /// Who brought it.
    pub provider: Option<Provider>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// How it was answered; voicemail when it came to that.
    pub road: Option<Road>,
    /// The other party.
    pub caller: Option<Caller>,
    /// Our number.
    pub number: Option<E164>,
    /// The agent the number was configured for.
    pub agent_id: Option<AgentId>,
    /// When we first heard of it.
    pub opened_at: WallTime,
    /// When it began to ring.
    pub ringing_at: Option<WallTime>,
    /// When it was answered.
    pub answered_at: Option<WallTime>,
    /// When it ended; something exactly when `state` is [`CallState::Ended`].
    pub ended_at: Option<WallTime>,
    /// Seconds from answer to end, the carrier's figure if it gave one; nothing for calls that were not
    /// answered or are not over.
    pub duration_s: Option<u32>,
    /// The carrier's id of the message the caller left.
    pub recording: Option<String>,
    /// Whether the carrier reported two different ends of the caller's leg.
    pub contradicted: bool,
    /// The agent's figures of the call, as it gave them.
    pub summary: Option<Value>,
}

impl CallRecord {
    /// What an agent must know to answer the call; nothing when it is not known who calls whom.
    #[must_use]
    pub fn job(&self) -> Option<JobMetadata> {
        Some(JobMetadata {
            call_id: self.call_id.clone(),
            provider: self.provider?,
            caller: self.caller.clone()?,
            number: self.number.clone()?,
            agent_id: self.agent_id.clone()?,
            // They were the first dispatch's; a record has no room for them.
            headers: SipHeaders::default(),
        })
    }

    /// Folds facts into the record: a pure function of the set. Nothing for no facts.
    #[must_use]
    pub fn of(call_id: &CallId, facts: &Facts) -> Option<Self> {
        let opened_at = facts.iter().map(|fact| fact.at).min()?;
        let view = View { facts };
        let arrival = view.arrival();
        let answered_at = view.answered_at();
        let ended_at = view.is_over().then(|| view.ended_at(answered_at)).flatten();
        let end_reason = ended_at.map(|_| view.end_reason(answered_at.is_some()));
        let ringing_at = view.ringing_at();
        Some(Self {
            call_id: call_id.clone(),
            state: state(ringing_at, answered_at, ended_at),
            end_reason,
            fault: end_reason.map(EndReason::whose),
            provider: arrival.map(|a| a.provider),
            direction: arrival.map(|a| a.direction),
            road: view.road(),
            caller: arrival.map(|a| a.caller.clone()),
            number: arrival.and_then(|a| a.number.clone()),
            agent_id: arrival.and_then(|a| a.agent.clone()),
            opened_at,
            ringing_at,
            answered_at,
            ended_at,
            duration_s: ended_at.and_then(|end| view.duration_s(answered_at?, end)),
            recording: view.recording(),
            contradicted: view.is_contradicted(),
            summary: view.summary(),
        })
    }

    /// Whether the call is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == CallState::Ended
    }
}

const fn state(ringing: Option<WallTime>, answered: Option<WallTime>, ended: Option<WallTime>) -> CallState {
    match (ringing, answered, ended) {
        (_, _, Some(_)) => CallState::Ended,
        (_, Some(_), None) => CallState::Active,
        (Some(_), None, None) => CallState::Ringing,
        (None, None, None) => CallState::New,
    }
}

/// Questions to a set of facts; each answer is a function of the set, not of its history.
struct View<'a> {
    facts: &'a Facts,
}

impl<'a> View<'a> {
    fn events(&self) -> impl Iterator<Item = (&'a Fact, &'a Event)> {
        self.facts.iter().map(|fact| (fact, &fact.event))
    }

    /// The arrival that counts: a carrier's webhook before LiveKit's, then the earliest.
    fn arrival(&self) -> Option<&'a Arrival> {
        self.events()
            .filter_map(|(fact, event)| match event {
                Event::Arrived(arrival) => Some((arrival.provider == Provider::Sip, fact, arrival)),
                _ => None,
            })
            .min_by_key(|(is_sip, fact, _)| (*is_sip, fact.at, &fact.key))
            .map(|(_, _, arrival)| arrival)
    }

    /// The call was opened by LiveKit's webhook: the room is all there is of it.
    fn is_room_only(&self) -> bool {
        self.events().any(|(_, e)| matches!(e, Event::Arrived(a) if a.provider == Provider::Sip))
    }

    fn road(&self) -> Option<Road> {
        if self.went_to_voicemail() {
            return Some(Road::Voicemail);
        }
        self.arrival().map(|arrival| arrival.road)
    }

    fn went_to_voicemail(&self) -> bool {
        self.events().any(|(_, event)| match event {
            Event::Voicemail(_) => true,
            Event::ConnectEnded(end) => end.next == Next::Voicemail,
            _ => false,
        })
    }

    fn first(&self, wanted: impl Fn(&Event) -> bool) -> Option<WallTime> {
        self.events().filter(|(_, event)| wanted(event)).map(|(fact, _)| fact.at).min()
    }

    fn ringing_at(&self) -> Option<WallTime> {
        self.first(|event| match event {
            Event::Arrived(arrival) => arrival.direction == Direction::Inbound,
            Event::Status(s) => s.leg == Leg::Parent && s.status == CarrierStatus::Ringing,
            Event::Agent(a) => a.report == Report::CallerRinging,
            Event::Participant(p) => p.party == Party::Caller && p.change == Presence::Joined,
            _ => false,
        })
    }

    /// The first word of an answer; without one, a connection that came about tells by its length.
    fn answered_at(&self) -> Option<WallTime> {
        let told = self.first(|event| match event {
            Event::Status(s) => s.status == CarrierStatus::InProgress,
            Event::Agent(a) => a.report == Report::CallerActive,
            _ => false,
        });
        told.or_else(|| {
            let connected = self.events().filter_map(|(fact, event)| match event {
                Event::ConnectEnded(end) if end.was_bridged() => {
                    Some(fact.at.minus_secs(u64::from(end.duration_s.unwrap_or(0))))
                }
                _ => None,
            });
            connected.min()
        })
    }

    /// A call is over once one closing fact is known. More facts cannot take that back.
    fn is_over(&self) -> bool {
        let room_only = self.is_room_only();
        self.events().any(|(_, event)| closes(event, room_only))
    }

    /// The caller's leg as the carrier last closed it: the highest sequence number wins.
    fn parent_end(&self) -> Option<(&'a Fact, &'a LegStatus)> {
        self.events()
            .filter_map(|(fact, event)| match event {
                Event::Status(s) if s.leg == Leg::Parent && s.status.is_terminal() => Some((fact, s)),
                _ => None,
            })
            .max_by_key(|(fact, status)| (status.sequence, std::cmp::Reverse((fact.at, &fact.key))))
    }

    fn is_contradicted(&self) -> bool {
        let mut ends = self.events().filter_map(|(_, event)| match event {
            Event::Status(s) if s.leg == Leg::Parent && s.status.is_terminal() => Some(&s.status),
            _ => None,
        });
        let first = ends.next();
        ends.any(|other| Some(other) != first)
    }

    /// The time of the end, from who knows it best: the carrier, the end of the connection, those who
    /// were in the room, the sweeper. Never before the answer.
    fn ended_at(&self, answered_at: Option<WallTime>) -> Option<WallTime> {
        let went_to_voicemail = self.went_to_voicemail();
        let end = self
            .parent_end()
            .map(|(fact, _)| fact.at)
            .or_else(|| self.first(|event| closes(event, false) && !is_swept(event)))
            .or_else(|| self.first(|event| !went_to_voicemail && (ends_in_room(event) || is_room_end(event))))
            .or_else(|| self.first(is_swept))
            .or_else(|| self.first(|event| closes(event, true)))?;
        Some(answered_at.map_or(end, |answer| end.max(answer)))
    }

    fn duration_s(&self, answered_at: WallTime, ended_at: WallTime) -> Option<u32> {
        let told = self.parent_end().and_then(|(_, status)| status.duration_s);
        told.or_else(|| u32::try_from(ended_at.secs_since(answered_at)).ok())
    }

    fn recording(&self) -> Option<String> {
        self.events()
            .filter_map(|(_, event)| match event {
                Event::Voicemail(message) => message.recording.clone(),
                _ => None,
            })
            .max()
    }

    fn summary(&self) -> Option<Value> {
        self.events()
            .filter_map(|(fact, event)| match event {
                Event::Agent(account) => match &account.report {
                    Report::Summary { json } => Some((fact.at, &fact.key, json)),
                    _ => None,
                },
                _ => None,
            })
            .max()
            .and_then(|(_, _, json)| serde_json::from_str(json).ok())
    }

    /// The one reason: of all who say something, the most believed; within one authority the latest.
    fn end_reason(&self, was_answered: bool) -> EndReason {
        let context = Context {
            was_answered,
            direction: self.arrival().map_or(Direction::Inbound, |arrival| arrival.direction),
            is_legacy: self.arrival().is_some_and(|arrival| arrival.road == Road::Legacy),
        };
        self.events()
            .filter_map(|(fact, event)| {
                let (authority, reason) = context.says(event)?;
                Some(((authority, sequence(event), fact.at, &fact.key), reason))
            })
            .max_by(|(a, _), (b, _)| a.cmp(b))
            .map_or(EndReason::Lost, |(_, reason)| reason)
    }
}

/// Whether an event closes a call. `room_only`: there is no carrier who will tell, so leaving the room
/// is the end.
fn closes(event: &Event, room_only: bool) -> bool {
    match event {
        Event::Status(s) => s.leg == Leg::Parent && s.status.is_terminal(),
        Event::ConnectEnded(end) => end.next == Next::HangUp,
        Event::Voicemail(message) => !message.again,
        Event::Operator(OperatorAct::Stopped) => true,
        Event::Swept(_) => is_swept(event),
        Event::Room(_) => room_only && is_room_end(event),
        Event::Participant(_) | Event::Agent(_) => room_only && ends_in_room(event),
        Event::Arrived(_) | Event::Operator(OperatorAct::TookOver) => false,
    }
}

fn is_swept(event: &Event) -> bool {
    matches!(event, Event::Swept(Sweep::Over { .. }))
}

fn is_room_end(event: &Event) -> bool {
    matches!(event, Event::Room(RoomEvent::Finished))
}

fn ends_in_room(event: &Event) -> bool {
    match event {
        Event::Participant(p) => p.party == Party::Caller && p.change != Presence::Joined,
        Event::Agent(account) => matches!(account.report, Report::Ended { .. }),
        _ => false,
    }
}

fn sequence(event: &Event) -> Option<u64> {
    match event {
        Event::Status(status) => status.sequence,
        _ => None,
    }
}
