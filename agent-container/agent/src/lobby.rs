//! The container's seat in the lobby: calls are announced there 200 ms before LiveKit's job for them.
//!
//! livekit-server waits a constant 200 ms between a dispatch and asking the workers (psrpc's affinity
//! time-out). The function that asks for the dispatch therefore tells one container at the same time, which
//! goes ahead. An announcement that is lost or declined costs nothing: LiveKit's job comes as ever.

use std::sync::Arc;
use std::time::Duration;

use carrier::TicketKey;
use domain::{Announcement, RoomName, Seat, WallTime};
use livekit::{Project, token};
use rtc::{Lobby, LobbyEvent, LobbyOptions, Media};
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::call::reports::wall_now;
use crate::worker::link::{Command, Event};
use crate::worker::session::{Assignment, identity};

/// A seat's token is looked at when it is taken.
const SEAT_TTL: Duration = Duration::from_secs(300);
/// A call's token is used at once, and again when a connection is lost within this time; the server sends
/// newer ones meanwhile.
const CALL_TTL: Duration = Duration::from_secs(600);
/// Prefix of the ids of calls that have no job of LiveKit's yet.
const PREFIX: &str = "AN_";
/// Longest id taken from outside, in characters (`domain::JobId`).
const MAX_ID: usize = 128;

/// What the seat is made of.
#[derive(Debug, Clone)]
pub struct LobbySetup {
    /// The LiveKit deployment.
    pub project: Project,
    /// Name under which calls are dispatched to us.
    pub agent_name: String,
    /// The seat.
    pub seat: Seat,
}

/// Why an announcement is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not the JSON we know.
    #[error("not understood: {0}")]
    Malformed(String),
    /// Not ours, or too late.
    #[error("{0}")]
    Ticket(carrier::TicketError),
    /// No token could be made.
    #[error("{0}")]
    Token(String),
}

/// Keeps the seat and hands on what is announced, until both ends of the channels are gone.
pub async fn sit(
    media: Media,
    setup: LobbySetup,
    events: mpsc::Sender<Event>,
    commands: mpsc::Sender<Command>,
) {
    let setup = Arc::new(setup);
    let tickets = TicketKey::derive(setup.project.api_secret.reveal());
    let of = Arc::clone(&setup);
    let make_token = move || {
        token::seat(&of.project, &of.seat, SEAT_TTL).unwrap_or_else(|error| {
            error!(%error, "no token for the lobby");
            String::new()
        })
    };
    let options = LobbyOptions {
        url: setup.project.url.clone(),
        token: Box::new(make_token),
        topic: Seat::TOPIC.to_owned(),
    };
    let mut lobby = Lobby::sit(&media, options);
    loop {
        let event = tokio::select! {
            event = lobby.events.recv() => event,
            () = events.closed() => return,
        };
        let told = match event {
            Some(LobbyEvent::Seated) => events.send(Event::Seated(true)).await.is_ok(),
            Some(LobbyEvent::Lost) => events.send(Event::Seated(false)).await.is_ok(),
            Some(LobbyEvent::Message(bytes)) => match announced(&setup, &tickets, &bytes, wall_now()) {
                Ok(assignment) => {
                    info!(job_id = assignment.job_id, "call announced");
                    commands.send(Command::Announced(assignment)).await.is_ok()
                }
                Err(refusal) => {
                    warn!(%refusal, "announcement ignored");
                    true
                }
            },
            None => false,
        };
        if !told {
            return;
        }
    }
}

/// The call an announcement is about, with a token to join it.
///
/// # Errors
/// It is not to be believed.
pub fn announced(
    setup: &LobbySetup,
    tickets: &TicketKey,
    bytes: &[u8],
    now: WallTime,
) -> Result<Assignment, Refusal> {
    let announcement =
        Announcement::from_json(bytes).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let call = announcement.job.call_id.as_str();
    tickets.check_announcement(call, &announcement.ticket, now.as_secs()).map_err(Refusal::Ticket)?;
    let room = RoomName::for_call(&announcement.job.call_id);
    // Ids have a bound, and a room's name may be longer than its call's.
    let job_id: String = format!("{PREFIX}{call}").chars().take(MAX_ID).collect();
    let token = token::agent(&setup.project, &room, &identity(&job_id), &setup.agent_name, CALL_TTL)
        .map_err(|error| Refusal::Token(error.to_string()))?;
    let metadata = announcement.job.to_json();
    Ok(Assignment { job_id, room: room.to_string(), metadata, url: None, token })
}

#[cfg(test)]
mod tests {
    use domain::{AgentId, CallId, Caller, E164, JobMetadata, Provider, Secret, WorkerId};

    use super::*;

    fn setup() -> LobbySetup {
        let api_secret = Secret::new("secret-secret-secret-secret-secret".to_owned());
        let project = Project { url: "ws://127.0.0.1:1".to_owned(), api_key: "key".to_owned(), api_secret };
        let seat = Seat::of(&WorkerId::new("worker-1").unwrap(), "ringdown").unwrap();
        LobbySetup { project, agent_name: "ringdown".to_owned(), seat }
    }

    fn announcement(call: &str, ticket: impl FnOnce(&TicketKey) -> String) -> Result<Assignment, Refusal> {
        let setup = setup();
        let tickets = TicketKey::derive(setup.project.api_secret.reveal());
        let job = JobMetadata {
            call_id: CallId::new(call).unwrap(),
            provider: Provider::Twilio,
            caller: Caller::parse("+15550100123"),
            number: E164::new("+15550100100").unwrap(),
            agent_id: AgentId::new("reception").unwrap(),
            headers: domain::SipHeaders::default(),
        };
        let ticket = ticket(&tickets);
        let json = Announcement { job, ticket }.to_json();
        announced(&setup, &tickets, json.as_bytes(), WallTime::from_secs(1000))
    }

    #[test]
    fn an_announcement_leads_to_its_calls_room() {
        let assignment = announcement("CA1", |key| key.announcement("CA1", 1010)).unwrap();
        assert_eq!((assignment.job_id.as_str(), assignment.room.as_str()), ("AN_CA1", "call-CA1"));
        assert_eq!(JobMetadata::from_json(&assignment.metadata).unwrap().call_id.as_str(), "CA1");
    }

    #[test]
    fn what_is_not_ours_or_too_late_is_ignored() {
        let forged = Err(Refusal::Ticket(carrier::TicketError::Forged));
        assert_eq!(announcement("CA1", |key| key.announcement("CA2", 1010)), forged);
        assert_eq!(announcement("CA1", |_| "1010.guess".to_owned()), forged);
        let expired = Err(Refusal::Ticket(carrier::TicketError::Expired));
        assert_eq!(announcement("CA1", |key| key.announcement("CA1", 1000)), expired);
        let setup = setup();
        let garbage = announced(&setup, &TicketKey::derive("x"), b"{", WallTime::from_secs(0));
        assert!(matches!(garbage, Err(Refusal::Malformed(_))));
    }
}
