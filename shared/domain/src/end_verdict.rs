//! What each event says about the end of a call, and how far it is to be believed.

use crate::end_reason::EndReason;
use crate::event::{
    CarrierStatus, ConnectEnd, Event, Leg, LegStatus, Next, OperatorAct, Party, Presence, Report, RoomEvent,
    Sweep,
};
use crate::road::{Direction, Road};

/// Who says why a call ended, from the least to the most believed. The first that speaks at all wins
/// over everything above it in this list, whenever it spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Authority {
    /// The sweeper guesses.
    Sweeper,
    /// The room is gone.
    Room,
    /// The connection ended without a fault.
    Connection,
    /// The carrier closed the caller's leg.
    Carrier,
    /// The caller was seen leaving the room.
    CallerLeft,
    /// The agent was seen vanishing from the room.
    AgentVanished,
    /// The caller was sent to voicemail, or to the legacy system.
    OtherRoad,
    /// The connection to the agent failed.
    FailedConnection,
    /// The call was turned away at the door.
    Door,
    /// The agent gives its account.
    Agent,
    /// An operator acted.
    Operator,
}

/// What has to be known of a call to read a reason out of one event.
pub(crate) struct Context {
    pub(crate) was_answered: bool,
    pub(crate) direction: Direction,
    pub(crate) is_legacy: bool,
}

impl Context {
    /// What an event says about the reason, and with which authority.
    pub(crate) fn says(&self, event: &Event) -> Option<(Authority, EndReason)> {
        match event {
            Event::Arrived(a) => match (a.turned_away, a.road) {
                (Some(reason), _) => Some((Authority::Door, reason)),
                (None, Road::Voicemail) => Some((Authority::OtherRoad, EndReason::Voicemail)),
                _ => None,
            },
            Event::Status(s) if s.leg == Leg::Parent => Some((Authority::Carrier, self.parent_reason(s)?)),
            Event::ConnectEnded(end) => Some(self.connection_reason(end)),
            Event::Room(RoomEvent::Finished) => Some((Authority::Room, EndReason::Lost)),
            Event::Participant(p) => match (p.party, p.change) {
                (Party::Agent, Presence::ConnectionLost) => {
                    Some((Authority::AgentVanished, EndReason::AgentCrashed))
                }
                (Party::Caller, change) => Some((Authority::CallerLeft, self.leaving_reason(change)?)),
                _ => None,
            },
            Event::Agent(account) => match account.report {
                // The agent may see the caller go before it sees the answer that others have seen.
                Report::Ended { reason: EndReason::CallerCancelled } => {
                    Some((Authority::Agent, self.hung_up()))
                }
                Report::Ended { reason } => Some((Authority::Agent, reason)),
                _ => None,
            },
            Event::Voicemail(_) => Some((Authority::OtherRoad, EndReason::Voicemail)),
            Event::Swept(Sweep::Over { reason }) => Some((Authority::Sweeper, *reason)),
            Event::Operator(OperatorAct::Stopped) => Some((Authority::Operator, EndReason::OperatorStopped)),
            Event::Operator(OperatorAct::TookOver) => Some((Authority::Operator, EndReason::TakenOver)),
            Event::Status(_) | Event::Room(RoomEvent::Started) | Event::Swept(Sweep::Redispatched) => None,
        }
    }

    const fn hung_up(&self) -> EndReason {
        if self.was_answered { EndReason::CallerHangup } else { EndReason::CallerCancelled }
    }

    fn parent_reason(&self, end: &LegStatus) -> Option<EndReason> {
        let inbound = self.direction == Direction::Inbound;
        Some(match (&end.status, inbound) {
            (CarrierStatus::Completed, _) => self.hung_up(),
            (CarrierStatus::Busy, false) => EndReason::DialBusy,
            (CarrierStatus::NoAnswer, false) => EndReason::DialNoAnswer,
            (CarrierStatus::Canceled, false) => EndReason::OperatorStopped,
            (CarrierStatus::Busy, true) => EndReason::CapacityFull,
            (CarrierStatus::NoAnswer | CarrierStatus::Canceled, true) => EndReason::CallerCancelled,
            (CarrierStatus::Failed, _) => outbound_failure(end.sip_code),
            _ => return None,
        })
    }

    fn connection_reason(&self, end: &ConnectEnd) -> (Authority, EndReason) {
        match (&end.status, end.next) {
            _ if end.was_bridged() && self.is_legacy => (Authority::OtherRoad, EndReason::HandedOver),
            // Connected, and yet the caller is offered to leave a message: the agent was gone at once.
            _ if end.was_bridged() && end.next == Next::Voicemail => {
                (Authority::FailedConnection, EndReason::AgentCrashed)
            }
            _ if end.was_bridged() => (Authority::Connection, EndReason::CallerHangup),
            // Nobody was to be told anything any more: the caller had hung up first. `<Connect>` reports no
            // state of its own.
            (CarrierStatus::Canceled | CarrierStatus::NoAnswer | CarrierStatus::Other(_), Next::HangUp) => {
                (Authority::Connection, self.hung_up())
            }
            _ => (Authority::FailedConnection, sip_failure(&end.status, end.sip_code)),
        }
    }

    const fn leaving_reason(&self, change: Presence) -> Option<EndReason> {
        match change {
            Presence::Joined => None,
            Presence::Left => Some(self.hung_up()),
            Presence::LeftWithRoom | Presence::Removed => Some(EndReason::AgentHangup),
            Presence::ConnectionLost => Some(EndReason::LiveKitLost),
        }
    }
}

/// Why a call we placed failed, by the SIP response (RFC 3261, section 21).
const fn outbound_failure(sip_code: Option<u16>) -> EndReason {
    match sip_code {
        Some(401 | 403 | 407) => EndReason::PermissionDenied,
        Some(404 | 410 | 484 | 604) => EndReason::InvalidDestination,
        Some(480 | 487) => EndReason::DialNoAnswer,
        Some(486 | 600) => EndReason::DialBusy,
        Some(603) => EndReason::Declined,
        Some(500..=599) => EndReason::CarrierUnavailable,
        _ => EndReason::DialFailed,
    }
}

/// Why the leg to LiveKit's SIP bridge failed. The carrier's word decides where the code is missing.
fn sip_failure(status: &CarrierStatus, sip_code: Option<u16>) -> EndReason {
    match sip_code {
        Some(401 | 403 | 407) => EndReason::SipAuth,
        Some(404 | 484 | 488) => EndReason::SipRouting,
        Some(500..=599) => EndReason::LiveKitUnavailable,
        _ if *status == CarrierStatus::Failed => EndReason::LiveKitUnavailable,
        _ => EndReason::AgentAbsent,
    }
}
