//! Which token is asked for, and whether it may be had. Pure.

use std::time::Duration;

use domain::RoomName;
use lambda::{ApiRole, Reply};
use livekit::token::{DEFAULT_TTL, JoinToken, MAX_TTL, Role};
use serde::Deserialize;

/// Shortest life of a token, seconds: less expires before the room is joined.
const MIN_TTL_S: u64 = 60;

/// Longest identity or name, characters.
const MAX_NAME: usize = 128;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    room: String,
    identity: String,
    role: String,
    name: Option<String>,
    ttl_s: Option<u64>,
}

/// A request that holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) room: RoomName,
    pub(crate) identity: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) ttl: Duration,
}

impl Wanted {
    /// Checks a request.
    pub(crate) fn of(asked: Asked) -> Result<Self, Reply> {
        let room = RoomName::new(asked.room).map_err(|error| invalid("room", &error.why))?;
        if room.is_lobby() {
            return Err(invalid("room", "is for agent containers only"));
        }
        named(&asked.identity, "identity")?;
        let name = asked.name.unwrap_or_default();
        if !name.is_empty() {
            named(&name, "name")?;
        }
        let role = role(&asked.role)
            .ok_or_else(|| invalid("role", "must be caller, agent, supervisor-listen or supervisor-speak"))?;
        let ttl_s = asked.ttl_s.unwrap_or(DEFAULT_TTL.as_secs());
        if ttl_s < MIN_TTL_S {
            return Err(invalid("ttl_s", "must be at least 60"));
        }
        let ttl = Duration::from_secs(ttl_s).min(MAX_TTL);
        Ok(Self { room, identity: asked.identity, name, role, ttl })
    }

    /// The least role of an API token that may have it.
    pub(crate) fn needs(&self) -> ApiRole {
        match self.role {
            Role::Caller => ApiRole::Caller,
            Role::Agent => ApiRole::Agent,
            Role::SupervisorListen | Role::SupervisorSpeak => ApiRole::Supervisor,
        }
    }

    /// As it is minted.
    pub(crate) fn join_token(&self) -> JoinToken<'_> {
        JoinToken {
            room: &self.room,
            identity: &self.identity,
            name: &self.name,
            role: self.role,
            ttl: self.ttl,
        }
    }
}

fn role(word: &str) -> Option<Role> {
    match word {
        "caller" => Some(Role::Caller),
        "agent" => Some(Role::Agent),
        "supervisor-listen" => Some(Role::SupervisorListen),
        "supervisor-speak" => Some(Role::SupervisorSpeak),
        _ => None,
    }
}

/// Identities of telephones and of our agents are not for others: a second one evicts the first.
fn named(text: &str, field: &str) -> Result<(), Reply> {
    let length = text.chars().count();
    if length == 0 || length > MAX_NAME || text.chars().any(char::is_control) {
        return Err(invalid(field, "must have 1 to 128 printable characters"));
    }
    if text.starts_with("sip_") || text.starts_with("agent-") {
        return Err(invalid(field, "must not begin with sip_ or agent-"));
    }
    Ok(())
}

fn invalid(field: &str, why: &str) -> Reply {
    Reply::error(400, "invalid_field", &format!("{field}: {why}"))
}
