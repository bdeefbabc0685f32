//! What may happen to a call, in the words of those who tell.

use serde::{Deserialize, Serialize};

use crate::end_reason::EndReason;
use crate::id::{AgentId, JobId, LegId, WorkerId};
use crate::phone::{Caller, E164};
use crate::road::{Direction, Provider, Road};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The call reached us and was sent down a road.
    Arrived(Arrival),
    /// The carrier reports the state of a leg.
    Status(LegStatus),
    /// The verb that connected the caller (`<Dial>`, `<Connect>`) ended.
    ConnectEnded(ConnectEnd),
    /// The room began or ended.
    Room(RoomEvent),
    /// Somebody came into the room or left it.
    Participant(ParticipantEvent),
    /// The agent reports.
    Agent(AgentReport),
    /// A message was left, or not.
    Voicemail(VoicemailEvent),
    /// The sweeper found the call over, or without an agent.
    Swept(Sweep),
    /// An operator acted.
    Operator(OperatorAct),
}

/// A call as it arrived, and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Arrival {
    /// Who brought it.
    pub provider: Provider,
    /// Who called whom.
    pub direction: Direction,
    /// The other party.
    pub caller: Caller,
    /// Our number; nothing when what was called is no number.
    pub number: Option<E164>,
    /// The agent the number is configured for.
    pub agent: Option<AgentId>,
    /// How it is answered.
    pub road: Road,
    /// Why the caller was not put through to an agent, when that was decided at the door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_away: Option<EndReason>,
}

/// Which leg of the call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The caller's own.
    Parent,
    /// One the carrier made for us, to LiveKit or to another system.
    Child(LegId),
}

/// A carrier's word on a leg.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LegStatus {
    /// Which leg.
    pub leg: Leg,
    /// Its state.
    pub status: CarrierStatus,
    /// The carrier's sequence number, when it sends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Length of the leg in seconds, on terminal states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u32>,
    /// The SIP response that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_code: Option<u16>,
}

/// State of a leg, in the words all three carriers share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CarrierStatus {
    /// Waiting at the carrier.
    Queued,
    /// Being set up.
    Initiated,
    /// Ringing.
    Ringing,
    /// Answered.
    InProgress,
    /// Ended after being answered, or hung up by the caller.
    Completed,
    /// The line was busy.
    Busy,
    /// It could not be set up.
    Failed,
    /// Nobody answered.
    NoAnswer,
    /// Given up before it was answered.
    Canceled,
    /// A word we do not know: evidence, nothing else. At most 32 characters are kept.
    Other(String),
}

impl CarrierStatus {
    /// Reads a carrier's word; any letter case.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "queued" => Self::Queued,
            "initiated" => Self::Initiated,
            "ringing" => Self::Ringing,
            "in-progress" | "answered" => Self::InProgress,
            "completed" => Self::Completed,
            "busy" => Self::Busy,
            "failed" => Self::Failed,
            "no-answer" => Self::NoAnswer,
            "canceled" | "cancelled" => Self::Canceled,
            _ => Self::Other(word.chars().filter(|c| c.is_ascii_graphic()).take(32).collect()),
        }
    }

    /// The carriers' word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
            Self::Other(word) => word,
        }
    }

    /// Whether nothing follows it.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled)
    }
}

/// How the verb that connected the caller ended, and what we told the carrier to do next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectEnd {
    /// The carrier's word: `completed`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: CarrierStatus,
    /// Whether the two legs were connected; nothing when the carrier does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridged: Option<bool>,
    /// Seconds they were connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u32>,
    /// The SIP response that ended the child leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_code: Option<u16>,
    /// What the carrier was told to do then.
    pub next: Next,
}

impl ConnectEnd {
    /// Whether caller and agent were connected.
    #[must_use]
    pub fn was_bridged(&self) -> bool {
        let ended_well = matches!(self.status, CarrierStatus::Completed | CarrierStatus::InProgress);
        ended_well && self.bridged != Some(false)
    }
}

/// What a carrier is told to do after a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// End the call.
    HangUp,
    /// Take a message.
    Voicemail,
}

/// The room began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "room")]
pub enum RoomEvent {
    /// It exists.
    Started,
    /// It is gone.
    Finished,
}

/// Somebody came into the room or left it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParticipantEvent {
    /// Who.
    pub party: Party,
    /// What they did.
    pub change: Presence,
}

/// Who is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The caller's SIP leg.
    Caller,
    /// An agent.
    Agent,
    /// A supervisor or anybody else.
    Other,
}

/// Coming and going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Came in.
    Joined,
    /// Left by itself: a caller who hung up, an agent who was done.
    Left,
    /// Left because the room was deleted or closed.
    LeftWithRoom,
    /// Was put out by somebody.
    Removed,
    /// The connection was lost.
    ConnectionLost,
}

/// An agent's own account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgentReport {
    /// Whose account: the LiveKit job.
    pub job: JobId,
    /// What it says.
    pub report: Report,
}

/// What an agent says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It took the job.
    Accepted {
        /// Its container.
        worker: WorkerId,
    },
    /// It is in the room and can be heard.
    Joined,
    /// The caller's line is ringing.
    CallerRinging,
    /// The caller's line is open: both hear each other.
    CallerActive,
    /// The first audio of the greeting left.
    Greeted,
    /// It leaves because an older agent serves the call. Says nothing about the call.
    Superseded,
    /// It is done with the call.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// Figures of the call, as a JSON object: latencies by stage (p50, p95), turns, turns without reply.
    Summary {
        /// The object.
        json: String,
    },
}

impl Report {
    /// The kind's name in keys.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Joined => "joined",
            Self::CallerRinging => "caller_ringing",
            Self::CallerActive => "caller_active",
            Self::Greeted => "greeted",
            Self::Superseded => "superseded",
            Self::Ended { .. } => "ended",
            Self::Summary { .. } => "summary",
        }
    }
}

/// A message left by the caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VoicemailEvent {
    /// The carrier's id of the recording; nothing when no message was left.
    pub recording: Option<String>,
    /// Its length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u32>,
    /// Whether the caller gets another try; if not, the call is over.
    pub again: bool,
}

/// What the sweeper found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "found")]
pub enum Sweep {
    /// The call is over; the reason holds unless somebody who was there says otherwise.
    Over {
        /// The sweeper's best guess.
        reason: EndReason,
    },
    /// The caller waits alone, an agent was sent for.
    Redispatched,
}

/// What an operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act")]
pub enum OperatorAct {
    /// Ended the call.
    Stopped,
    /// Took the call over.
    TookOver,
}
