//! What is asked of a room, and what opening one takes. Pure.

use domain::{
    Arrival, CallId, Caller, Direction, E164, Fact, JobMetadata, NumberConfig, Provider, Road, RoomName,
    WallTime, Write,
};
use lambda::{ApiRole, Reply};
use serde::Deserialize;

/// Prefix of the rooms that belong to carriers' calls.
const CALL_PREFIX: &str = "call-";

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Asked {
    /// A room with an agent in it, and a caller's token for it.
    Open { room: RoomName, number: E164, identity: String },
    /// All rooms.
    List,
    /// Who is in a room.
    Participants { room: RoomName },
    /// Take somebody out.
    Remove { room: RoomName, identity: String },
    /// End a call.
    HangUp { room: RoomName },
    /// Hand a telephone to somebody else.
    Transfer { room: RoomName, identity: String, target: String },
}

impl Asked {
    /// The least role of an API token that may ask it.
    pub(crate) fn needs(&self) -> ApiRole {
        match self {
            Self::Open { .. } => ApiRole::Caller,
            _ => ApiRole::Supervisor,
        }
    }

    /// Checks what the types cannot say.
    pub(crate) fn check(&self) -> Result<(), Reply> {
        let fault = match self {
            Self::Open { room, .. } if room.as_str().starts_with(CALL_PREFIX) => {
                Some(("room", "names of carriers' calls are taken"))
            }
            Self::Open { room, .. } if !is_plain(room.as_str()) => {
                Some(("room", "may contain letters, digits, - and _ only"))
            }
            Self::Open { identity, .. } if !is_plain(identity) || identity.starts_with("agent-") => {
                Some(("identity", "may contain letters, digits, - and _ only, and not begin with agent-"))
            }
            Self::Transfer { target, .. } if !is_target(target) => {
                Some(("target", "must be tel:+… or sip:user@host"))
            }
            _ => None,
        };
        match fault {
            None => Ok(()),
            Some((field, why)) => Err(Reply::error(400, "invalid_field", &format!("{field}: {why}"))),
        }
    }
}

/// What opening a room takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opening {
    pub(crate) writes: Vec<Write>,
    pub(crate) job: JobMetadata,
}

/// Opens a room as a call of its own: it has a record and takes a place like any other.
pub(crate) fn open(
    room: &RoomName,
    identity: &str,
    number: &NumberConfig,
    limit: u32,
    now: WallTime,
) -> Opening {
    let call = CallId::of_room(room);
    let caller = Caller::Client(identity.to_owned());
    let arrival = Arrival {
        provider: Provider::Sip,
        direction: Direction::Inbound,
        caller: caller.clone(),
        number: Some(number.number.clone()),
        agent: Some(number.agent.clone()),
        road: Road::Sip,
        turned_away: None,
    };
    let job = JobMetadata {
        call_id: call.clone(),
        provider: Provider::Sip,
        caller,
        number: number.number.clone(),
        agent_id: number.agent.clone(),
        headers: domain::SipHeaders::default(),
    };
    let writes = vec![
        Write::AddFact { call: call.clone(), fact: Fact::arrived(now, arrival) },
        Write::NeedAgent { agent: number.agent.clone() },
        Write::TakeSlot { call, limit },
    ];
    Opening { writes, job }
}

fn is_plain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn is_target(text: &str) -> bool {
    let number = text.strip_prefix("tel:").is_some_and(|number| E164::new(number).is_ok());
    let address = text.strip_prefix("sip:").is_some_and(|rest| {
        rest.contains('@')
            && rest.len() < 255
            && rest.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
    });
    number || address
}
