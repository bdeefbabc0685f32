//! What the control plane tells an agent, and what agents tell the control plane.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CallId, JobId, RoomName, WorkerId};
use crate::invalid::Invalid;
use crate::phone::{Caller, E164};
use crate::road::Provider;
use crate::time::WallTime;

/// The metadata of a LiveKit dispatch: all the agent must know to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMetadata {
    /// The call.
    pub call_id: CallId,
    /// Who brought it.
    pub provider: Provider,
    /// Who calls.
    pub caller: Caller,
    /// The number they called.
    pub number: E164,
    /// Which agent answers.
    pub agent_id: AgentId,
    /// X- headers of the INVITE with which the caller reached the carrier, where the carrier tells them; names in lower
    /// case with `_` for `-`.
    #[serde(default, skip_serializing_if = "SipHeaders::is_empty")]
    pub headers: SipHeaders,
}

/// Headers of an INVITE, by name. What is in them is the caller's business: it is not printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SipHeaders(BTreeMap<String, String>);

impl SipHeaders {
    /// Most headers that are kept.
    pub const MOST: usize = 16;
    /// Longest value, in bytes.
    pub const LONGEST: usize = 256;

    /// The first of `headers`; those whose name has anything but letters, digits, `-` and `_`, and those whose value is
    /// long or has control characters, are left out.
    #[must_use]
    pub fn new(headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let plain = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let good = headers.into_iter().filter(|(name, value)| {
            plain(name) && value.len() <= Self::LONGEST && !value.chars().any(char::is_control)
        });
        let named = good.map(|(name, value)| (Self::name(&name), value));
        Self(named.take(Self::MOST).collect())
    }

    /// How templates name a header: `x_customer` for `X-Customer`.
    #[must_use]
    pub fn name(header: &str) -> String {
        header.to_ascii_lowercase().replace('-', "_")
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They, by name.
    #[must_use]
    pub fn reveal(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl fmt::Debug for SipHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl JobMetadata {
    /// The JSON that travels.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When it is not the JSON [`JobMetadata::to_json`] writes. Unknown fields are ignored, since
    /// functions and agents are deployed one after the other.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// A sign of life of an agent container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which container.
    pub worker: WorkerId,
    /// The version it runs.
    pub version: String,
    /// Calls it can take in all; 0 while it drains.
    pub capacity: u32,
    /// Calls it has now.
    pub active: u32,
    /// Where calls can be announced to it; nothing while it has no seat, or takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<Seat>,
    /// When it beat.
    pub at: WallTime,
}

/// A container's place in a LiveKit room without audio, where calls are announced to it: a message there
/// arrives 200 ms before the job that LiveKit makes of a dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The lobby.
    pub room: RoomName,
    /// The container's identity in it.
    pub identity: String,
}

impl Seat {
    /// Topic of announcements.
    pub const TOPIC: &str = "ringdown.call";

    /// The seat of a container in the lobby of all agents of a name.
    ///
    /// # Errors
    /// When the agent's name makes no room name.
    pub fn of(worker: &WorkerId, agent_name: &str) -> Result<Self, Invalid> {
        let room = RoomName::new(format!("{}{agent_name}", RoomName::LOBBY_PREFIX))?;
        Ok(Self { room, identity: worker.to_string() })
    }
}

/// What a container is told of a call that is about to arrive, ahead of LiveKit's job for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The call; its room is [`RoomName::for_call`].
    pub job: JobMetadata,
    /// Proof that it comes from us, bound to the call and to a time.
    pub ticket: String,
}

impl Announcement {
    /// The JSON that travels.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When it is not the JSON [`Announcement::to_json`] writes. Unknown fields are ignored.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl Heartbeat {
    /// How often a container beats, in seconds.
    pub const EVERY_S: u64 = 10;
    /// A container that has not beaten for this many seconds counts as gone: three beats lost.
    pub const FRESH_S: u64 = 35;

    /// Whether the container can be counted on at `now`.
    #[must_use]
    pub const fn is_fresh(&self, now: WallTime) -> bool {
        now.millis_since(self.at) <= Self::FRESH_S * 1000
    }
}

/// One agent's stay in one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The LiveKit job.
    pub job: JobId,
    /// The call.
    pub call: CallId,
    /// The room.
    pub room: RoomName,
    /// The container.
    pub worker: WorkerId,
    /// The agent's identity in the room.
    pub identity: String,
    /// When it joined.
    pub started_at: WallTime,
    /// When it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<WallTime>,
}
