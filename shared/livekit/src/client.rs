//! The server's API: dispatch, rooms, participants, transfer.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use domain::{RoomName, Seat};
use livekit_api::services::room::SendDataOptions;
use livekit_api::services::sip::TransferSIPParticipantOptions;
use livekit_api::services::{LiveKitApi, ServiceResult};
use livekit_protocol as proto;

use crate::error::LiveKitError;
use crate::project::Project;
use crate::webhook::{Participant, ParticipantKind, SipFacts};

/// How long a transfer may ring, beyond which it is given up.
const TRANSFER_RINGING: Duration = Duration::from_secs(30);

/// How much longer than our own deadline the HTTP client's is: ours is always the first to pass, also on a machine
/// that stalls for seconds, so that lateness is told as lateness.
const BEYOND_OURS: Duration = Duration::from_secs(60);

/// A connection to the server's API. Built on first use: loading the root certificates costs a cold
/// function more than everything else it does before its first answer.
#[derive(Debug)]
pub struct Client {
    project: Project,
    deadline: Duration,
    api: OnceLock<LiveKitApi>,
}

/// An agent asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// `AD_…`.
    pub id: String,
    /// Which agent.
    pub agent_name: String,
    /// Jobs that workers took for it.
    pub jobs: usize,
}

/// A room as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// `RM_…`.
    pub sid: String,
    /// When it was opened, epoch seconds.
    pub created_s: u64,
}

impl Client {
    /// A client whose every call gives up after `deadline`. Nothing is sent yet.
    pub fn new(project: Project, deadline: Duration) -> Self {
        Self { project, deadline, api: OnceLock::new() }
    }

    /// The deployment it talks to.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// How long each call may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Asks for an agent in a room, which is opened if need be. Every call adds another agent.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time; the agent may come nevertheless.
    pub async fn dispatch(
        &self,
        room: &RoomName,
        agent_name: &str,
        metadata: &str,
    ) -> Result<Dispatch, LiveKitError> {
        let request = proto::CreateAgentDispatchRequest {
            agent_name: agent_name.to_owned(),
            room: room.as_str().to_owned(),
            metadata: metadata.to_owned(),
            ..Default::default()
        };
        let made = self.ask("dispatch", self.api().agent_dispatch().create_dispatch(request)).await?;
        Ok(Dispatch::of(made))
    }

    /// Sends a message to a container in its lobby; it arrives once or not at all, which nobody tells.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time; the message may arrive nevertheless.
    pub async fn announce(&self, seat: &Seat, message: String) -> Result<(), LiveKitError> {
        let options = SendDataOptions {
            kind: proto::data_packet::Kind::Reliable,
            destination_identities: vec![seat.identity.clone()],
            topic: Some(Seat::TOPIC.to_owned()),
            ..SendDataOptions::default()
        };
        let room = self.api().room();
        self.ask("announce", room.send_data(seat.room.as_str(), message.into_bytes(), options)).await
    }

    /// The agents asked for in a room; none when there is no such room.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn dispatches(&self, room: &RoomName) -> Result<Vec<Dispatch>, LiveKitError> {
        if !self.exists(room).await? {
            return Ok(Vec::new());
        }
        let list =
            self.ask("list dispatches", self.api().agent_dispatch().list_dispatch(room.as_str())).await;
        Ok(none_if_gone(list)?.into_iter().map(Dispatch::of).collect())
    }

    /// Withdraws a dispatch, so that another can be made for a caller whose agent never came.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn withdraw(&self, room: &RoomName, dispatch: &Dispatch) -> Result<(), LiveKitError> {
        let api = self.api().agent_dispatch();
        let gone = self.ask("withdraw dispatch", api.delete_dispatch(&dispatch.id, room.as_str())).await;
        match gone {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Closes a room and hangs up whoever is in it. Whether there was one.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn delete_room(&self, room: &RoomName) -> Result<bool, LiveKitError> {
        match self.ask("delete room", self.api().room().delete_room(room.as_str())).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The rooms that are open, all of them or those of `names` that are.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn rooms(&self, names: &[RoomName]) -> Result<Vec<Room>, LiveKitError> {
        let names = names.iter().map(|name| name.as_str().to_owned()).collect();
        let rooms = self.ask("list rooms", self.api().room().list_rooms(names)).await?;
        Ok(rooms.into_iter().map(Room::of).collect())
    }

    /// Who is in a room; nobody when there is no such room.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn participants(&self, room: &RoomName) -> Result<Vec<Participant>, LiveKitError> {
        if !self.exists(room).await? {
            return Ok(Vec::new());
        }
        let list = self.ask("list participants", self.api().room().list_participants(room.as_str())).await;
        Ok(none_if_gone(list)?.into_iter().map(participant).collect())
    }

    /// Questions about a room that no server has are answered `unavailable`, after seconds.
    async fn exists(&self, room: &RoomName) -> Result<bool, LiveKitError> {
        Ok(!self.rooms(std::slice::from_ref(room)).await?.is_empty())
    }

    /// Takes somebody out of a room; a telephone is hung up. Whether they were there.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn remove_participant(&self, room: &RoomName, identity: &str) -> Result<bool, LiveKitError> {
        let api = self.api().room();
        match self.ask("remove participant", api.remove_participant(room.as_str(), identity)).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands a telephone to `target` (`tel:+…` or `sip:…`) and waits until it answers or gives up.
    ///
    /// # Errors
    /// With the far end's SIP status when it refused.
    pub async fn transfer(&self, room: &RoomName, identity: &str, target: &str) -> Result<(), LiveKitError> {
        let options =
            TransferSIPParticipantOptions { ringing_timeout: Some(TRANSFER_RINGING), ..Default::default() };
        let asked = self.api().sip().transfer_sip_participant(
            room.as_str().to_owned(),
            identity.to_owned(),
            target.to_owned(),
            options,
        );
        within("transfer", TRANSFER_RINGING + self.deadline, asked).await
    }

    pub(crate) fn api(&self) -> &LiveKitApi {
        self.api.get_or_init(|| {
            let Project { url, api_key, api_secret } = &self.project;
            let longer = self.deadline.saturating_add(BEYOND_OURS);
            LiveKitApi::with_api_key(url, api_key, api_secret.reveal()).with_request_timeout(longer)
        })
    }

    pub(crate) async fn ask<T>(
        &self,
        verb: &'static str,
        asked: impl Future<Output = ServiceResult<T>>,
    ) -> Result<T, LiveKitError> {
        within(verb, self.deadline, asked).await
    }
}

async fn within<T>(
    verb: &'static str,
    deadline: Duration,
    asked: impl Future<Output = ServiceResult<T>>,
) -> Result<T, LiveKitError> {
    match tokio::time::timeout(deadline, Box::pin(asked)).await {
        Ok(answer) => answer.map_err(|error| LiveKitError::of(verb, error)),
        Err(_) => Err(LiveKitError::Deadline { verb, deadline }),
    }
}

fn none_if_gone<T>(list: Result<Vec<T>, LiveKitError>) -> Result<Vec<T>, LiveKitError> {
    match list {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

impl Dispatch {
    fn of(wire: proto::AgentDispatch) -> Self {
        let jobs = wire.state.map_or(0, |state| state.jobs.len());
        Self { id: wire.id, agent_name: wire.agent_name, jobs }
    }
}

impl Room {
    fn of(wire: proto::Room) -> Self {
        Self { name: wire.name, sid: wire.sid, created_s: u64::try_from(wire.creation_time).unwrap_or(0) }
    }
}

fn participant(wire: proto::ParticipantInfo) -> Participant {
    let kind = match wire.kind() {
        proto::participant_info::Kind::Sip => ParticipantKind::Sip,
        proto::participant_info::Kind::Agent => ParticipantKind::Agent,
        _ => ParticipantKind::Other,
    };
    let attributes = wire.attributes.into_iter().collect();
    Participant {
        identity: wire.identity,
        kind,
        sip: (kind == ParticipantKind::Sip).then(|| SipFacts::of(&attributes)),
        disconnect_reason: None,
    }
}
