//! Tokens to join rooms and to serve as a worker: the least grants that a role needs.

use std::time::Duration;

use domain::{RoomName, Seat};
use livekit_api::access_token::{AccessToken, VideoGrants};

use crate::error::LiveKitError;
use crate::project::Project;

/// How long a token is good for when nobody says, seconds.
pub const DEFAULT_TTL: Duration = Duration::from_secs(3600);

/// Attribute in which livekit-server says which agent a participant is.
const AGENT_NAME: &str = "lk.agent_name";

/// Longest life a token may be given.
pub const MAX_TTL: Duration = Duration::from_secs(6 * 3600);

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Talks with the agent: microphone only, hears everybody.
    Caller,
    /// The agent: publishes, hears, sends data, is shown as an agent.
    Agent,
    /// Hears, unseen; nobody hears them.
    SupervisorListen,
    /// Hears, and may speak into the call.
    SupervisorSpeak,
}

/// A token to mint.
#[derive(Debug, Clone)]
pub struct JoinToken<'a> {
    /// The one room it opens.
    pub room: &'a RoomName,
    /// Unique in the room: a second participant of this identity evicts the first.
    pub identity: &'a str,
    /// Shown to the others.
    pub name: &'a str,
    /// What it allows.
    pub role: Role,
    /// Life; longer than [`MAX_TTL`] is cut to it.
    pub ttl: Duration,
}

impl Role {
    fn grants(self, room: &RoomName) -> VideoGrants {
        let joins = VideoGrants { room_join: true, room: room.as_str().to_owned(), ..VideoGrants::default() };
        match self {
            Self::Caller => VideoGrants {
                can_publish: Some(true),
                can_subscribe: Some(true),
                can_publish_data: Some(false),
                can_publish_sources: vec!["microphone".to_owned()],
                ..joins
            },
            Self::Agent => VideoGrants {
                can_publish: Some(true),
                can_subscribe: Some(true),
                can_publish_data: Some(true),
                can_update_own_metadata: Some(true),
                agent: true,
                ..joins
            },
            Self::SupervisorListen => VideoGrants {
                can_publish: Some(false),
                can_subscribe: Some(true),
                can_publish_data: Some(false),
                hidden: true,
                ..joins
            },
            Self::SupervisorSpeak => VideoGrants {
                can_publish: Some(true),
                can_subscribe: Some(true),
                can_publish_data: Some(false),
                can_publish_sources: vec!["microphone".to_owned()],
                ..joins
            },
        }
    }
}

/// Mints a token for one room.
///
/// # Errors
/// When key, secret or identity are empty.
pub fn join(project: &Project, token: &JoinToken<'_>) -> Result<String, LiveKitError> {
    let mut access = access(project)
        .with_identity(token.identity)
        .with_name(token.name)
        .with_grants(token.role.grants(token.room))
        .with_ttl(token.ttl.min(MAX_TTL));
    if token.role == Role::Agent {
        access = access.with_kind("agent");
    }
    access.to_jwt().map_err(|error| LiveKitError::Token(error.to_string()))
}

/// Mints the token of an agent that joins a call without a job of LiveKit's: the same as LiveKit makes for
/// a job, with `agent_name` where others look for it.
///
/// # Errors
/// When key, secret or identity are empty.
pub fn agent(
    project: &Project,
    room: &RoomName,
    identity: &str,
    agent_name: &str,
    ttl: Duration,
) -> Result<String, LiveKitError> {
    access(project)
        .with_identity(identity)
        .with_name(agent_name)
        .with_kind("agent")
        .with_attributes([(AGENT_NAME, agent_name)])
        .with_grants(Role::Agent.grants(room))
        .with_ttl(ttl.min(MAX_TTL))
        .to_jwt()
        .map_err(|error| LiveKitError::Token(error.to_string()))
}

/// Mints the token of a container's seat in the lobby: unseen, says nothing, is told what the server says.
///
/// # Errors
/// When key, secret or identity are empty.
pub fn seat(project: &Project, seat: &Seat, ttl: Duration) -> Result<String, LiveKitError> {
    let grants = VideoGrants {
        can_publish: Some(false),
        can_publish_data: Some(false),
        can_subscribe: Some(true),
        hidden: true,
        room_join: true,
        room: seat.room.as_str().to_owned(),
        ..VideoGrants::default()
    };
    access(project)
        .with_identity(&seat.identity)
        .with_grants(grants)
        .with_ttl(ttl.min(MAX_TTL))
        .to_jwt()
        .map_err(|error| LiveKitError::Token(error.to_string()))
}

/// Mints the token an agent worker registers with.
///
/// # Errors
/// When key or secret are empty.
pub fn worker(project: &Project, ttl: Duration) -> Result<String, LiveKitError> {
    access(project)
        .with_grants(VideoGrants { agent: true, ..VideoGrants::default() })
        .with_ttl(ttl.min(MAX_TTL))
        .to_jwt()
        .map_err(|error| LiveKitError::Token(error.to_string()))
}

fn access(project: &Project) -> AccessToken {
    AccessToken::with_api_key(&project.api_key, project.api_secret.reveal())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Secret;
    use livekit_api::access_token::Claims;

    fn project() -> Project {
        Project {
            url: "ws://127.0.0.1:1".to_owned(),
            api_key: "key".to_owned(),
            api_secret: Secret::new("secret-secret-secret-secret-secret".to_owned()),
        }
    }

    fn claims(role: Role, ttl: Duration) -> Claims {
        let room = RoomName::new("call-CA1").unwrap();
        let token = JoinToken { room: &room, identity: "me", name: "Me", role, ttl };
        Claims::from_unverified(&join(&project(), &token).unwrap()).unwrap()
    }

    /// publish, subscribe, data, sources, hidden, agent
    #[track_caller]
    fn check(role: Role, publish: bool, data: bool, sources: &[&str], hidden: bool, agent: bool) {
        let video = claims(role, DEFAULT_TTL).video;
        assert!(video.room_join && video.room == "call-CA1" && video.can_subscribe == Some(true));
        assert_eq!(video.can_publish, Some(publish));
        assert_eq!(video.can_publish_data, Some(data));
        assert_eq!(video.can_publish_sources, sources);
        assert_eq!((video.hidden, video.agent), (hidden, agent));
        let powers = [video.room_admin, video.room_create, video.room_list, video.room_record];
        assert_eq!(powers, [false; 4], "nobody administers with a join token");
    }

    #[test]
    fn each_role_gets_the_least_it_needs() {
        check(Role::Caller, true, false, &["microphone"], false, false);
        check(Role::Agent, true, true, &[], false, true);
        check(Role::SupervisorListen, false, false, &[], true, false);
        check(Role::SupervisorSpeak, true, false, &["microphone"], false, false);
    }

    #[test]
    fn a_life_is_capped() {
        let life = |ttl| {
            let claims = claims(Role::Caller, ttl);
            claims.exp - claims.nbf
        };
        assert_eq!(life(DEFAULT_TTL), 3600);
        assert_eq!(life(Duration::from_secs(1_000_000)), 6 * 3600);
    }

    #[test]
    fn a_worker_token_opens_no_room() {
        let claims = Claims::from_unverified(&worker(&project(), DEFAULT_TTL).unwrap()).unwrap();
        assert!(claims.video.agent && !claims.video.room_join);
    }

    #[test]
    fn an_announced_agent_is_an_agent_of_its_name() {
        let room = RoomName::new("call-CA1").unwrap();
        let token = agent(&project(), &room, "agent-1", "ringdown", DEFAULT_TTL).unwrap();
        let claims = Claims::from_unverified(&token).unwrap();
        assert_eq!((claims.sub.as_str(), claims.kind.as_str()), ("agent-1", "agent"));
        assert_eq!(claims.attributes.get(AGENT_NAME).map(String::as_str), Some("ringdown"));
        assert!(claims.video.agent && claims.video.room == "call-CA1" && !claims.video.room_admin);
    }

    #[test]
    fn a_seat_is_unseen_and_says_nothing() {
        let worker = domain::WorkerId::new("worker-1").unwrap();
        let of = Seat::of(&worker, "ringdown").unwrap();
        let claims = Claims::from_unverified(&seat(&project(), &of, DEFAULT_TTL).unwrap()).unwrap();
        let video = claims.video;
        assert_eq!((claims.sub.as_str(), video.room.as_str()), ("worker-1", "lobby-ringdown"));
        assert!(of.room.is_lobby() && video.hidden);
        assert_eq!((video.can_publish, video.can_publish_data), (Some(false), Some(false)));
    }

    #[test]
    fn an_empty_identity_is_an_error() {
        let room = RoomName::new("call-CA1").unwrap();
        let token = JoinToken { room: &room, identity: "", name: "", role: Role::Caller, ttl: DEFAULT_TTL };
        assert!(matches!(join(&project(), &token), Err(LiveKitError::Token(_))));
    }
}
