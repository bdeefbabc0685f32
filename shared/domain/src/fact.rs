//! One event of a call, with its identity.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{
    AgentReport, Arrival, ConnectEnd, Event, Leg, LegStatus, OperatorAct, ParticipantEvent, Report,
    RoomEvent, Sweep, VoicemailEvent,
};
use crate::id::{JobId, LegId};
use crate::road::Provider;
use crate::time::WallTime;

/// What makes two deliveries one event: who sent it and their name for it. Spelt
/// `<source>/<kind>/<…>`; built by the constructors of [`Fact`] only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactKey(String);

impl FactKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One event of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// Its identity: the same event delivered again has the same key.
    pub key: FactKey,
    /// When we learnt of it, by our own clock. A sender's time stamps are never used for ordering.
    pub at: WallTime,
    /// What happened.
    pub event: Event,
}

impl Fact {
    fn new(key: String, at: WallTime, event: Event) -> Self {
        Self { key: FactKey(key), at, event }
    }

    /// The call reached us.
    #[must_use]
    pub fn arrived(at: WallTime, arrival: Arrival) -> Self {
        Self::new(format!("{}/arrived", arrival.provider), at, Event::Arrived(arrival))
    }

    /// A status callback. Carriers name it by leg and sequence number, else by leg and state.
    #[must_use]
    pub fn status(at: WallTime, provider: Provider, status: LegStatus) -> Self {
        let leg = match &status.leg {
            Leg::Parent => "parent",
            Leg::Child(id) => id.as_str(),
        };
        let sequence = status.sequence.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let word = status.status.as_str();
        Self::new(format!("{provider}/status/{leg}/{sequence}/{word}"), at, Event::Status(status))
    }

    /// The `<Dial>` or `<Connect>` ended. `leg` is the child leg, when the carrier names it.
    #[must_use]
    pub fn connect_ended(at: WallTime, provider: Provider, leg: Option<&LegId>, end: ConnectEnd) -> Self {
        let leg = leg.map_or("-", LegId::as_str);
        Self::new(format!("{provider}/connect-ended/{leg}"), at, Event::ConnectEnded(end))
    }

    /// A webhook of LiveKit about the room. `event_id` is LiveKit's (`EV_…`).
    #[must_use]
    pub fn room(at: WallTime, event_id: &str, event: RoomEvent) -> Self {
        Self::new(format!("livekit/{event_id}"), at, Event::Room(event))
    }

    /// A webhook of LiveKit about a participant. `event_id` is LiveKit's (`EV_…`).
    #[must_use]
    pub fn participant(at: WallTime, event_id: &str, event: ParticipantEvent) -> Self {
        Self::new(format!("livekit/{event_id}"), at, Event::Participant(event))
    }

    /// A report of an agent; each job makes each kind of report once.
    #[must_use]
    pub fn agent(at: WallTime, job: JobId, report: Report) -> Self {
        let key = format!("agent/{job}/{}", report.kind());
        Self::new(key, at, Event::Agent(AgentReport { job, report }))
    }

    /// A message was left or not. `attempt` counts from 0.
    #[must_use]
    pub fn voicemail(at: WallTime, provider: Provider, attempt: u32, event: VoicemailEvent) -> Self {
        Self::new(format!("{provider}/voicemail/{attempt}"), at, Event::Voicemail(event))
    }

    /// The sweeper's finding. It closes a call once; it may send for an agent several times.
    #[must_use]
    pub fn swept(at: WallTime, sweep: Sweep) -> Self {
        let key = match sweep {
            Sweep::Over { .. } => "sweeper/over".to_owned(),
            Sweep::Redispatched => format!("sweeper/redispatched/{}", at.as_millis()),
        };
        Self::new(key, at, Event::Swept(sweep))
    }

    /// An operator's act. `request_id` names the request, so that its repetition is one act.
    #[must_use]
    pub fn operator(at: WallTime, request_id: &str, act: OperatorAct) -> Self {
        Self::new(format!("operator/{request_id}"), at, Event::Operator(act))
    }
}
