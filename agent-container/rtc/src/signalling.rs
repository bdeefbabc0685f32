//! The only module that knows `livekit-signaling`: its messages in, ours out.

use std::collections::BTreeMap;
use std::time::Duration;

use livekit_protocol as proto;
use livekit_signaling::{SignalClient, SignalError, SignalEvent, SignalEvents, SignalOptions};
use proto::participant_info::{Kind as ProtoKind, State};
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;

use crate::negotiation::{Description, Role};
use crate::participant::{Kind, Participant};

/// Newest protocol whose data channels are still opened in band, which is what we do.
const PROTOCOL_VERSION: u32 = 16;
/// Closing says goodbye to a server that may be gone; then the socket is dropped.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What the server told us on joining.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) room_sid: String,
    pub(crate) me: Participant,
    pub(crate) others: Vec<Participant>,
}

/// What the server says later.
#[derive(Debug)]
pub(crate) enum Signal {
    Offer(Description),
    Answer(Description),
    Candidate(Role, String),
    /// Our track of this cid is published under this sid.
    Published {
        cid: String,
        sid: String,
    },
    Participants(Vec<Participant>),
    /// The server ends the session.
    Leave {
        reason: LeaveReason,
        may_return: bool,
    },
    /// Somebody muted one of our tracks, or took the mute back.
    Mute {
        sid: String,
        muted: bool,
    },
    /// Somebody hears our track from now on.
    Heard {
        sid: String,
    },
    /// Our track was taken out of the room.
    Unpublished {
        sid: String,
    },
    /// A request of ours was refused.
    Refused {
        reason: String,
    },
    /// Something unreadable.
    Malformed {
        reason: String,
    },
    /// A newer token for joining again.
    Token(String),
    /// The socket is gone.
    Closed(String),
}

/// Why the server ended the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    DuplicateIdentity,
    Removed,
    /// The server, or the connection to it, is at fault.
    Trouble,
}

/// Why a join failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// The server refuses us: the token is wrong or old, or the room is not to be joined.
    #[error("refused: {0}")]
    Refused(String),
    /// Worth another attempt.
    #[error("{0}")]
    Transient(String),
}

/// One signalling connection.
#[derive(Debug)]
pub(crate) struct Signalling {
    client: SignalClient,
    events: SignalEvents,
}

impl Signalling {
    /// Connects and joins. Fails after `within` for each of the two attempts the crate makes (handshake, diagnosis).
    pub(crate) async fn join(url: &str, token: &str, within: Duration) -> Result<(Self, Joined), JoinError> {
        let mut options = SignalOptions::default();
        options.auto_subscribe = true;
        options.region_failover = false;
        options.protocol_version = PROTOCOL_VERSION;
        options.client_capabilities = Vec::new();
        options.connect_timeout = within;
        let (client, join, events) =
            SignalClient::connect(url, token, options, None).await.map_err(join_error)?;
        let Some(me) = join.participant.map(participant) else {
            return Err(JoinError::Transient("the join response names no participant".into()));
        };
        let others = join.other_participants.into_iter().map(participant).collect();
        let room_sid = join.room.map(|room| room.sid).unwrap_or_default();
        Ok((Self { client, events }, Joined { room_sid, me, others }))
    }

    /// The next thing the server says that concerns us. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            match self.events.recv().await {
                None => return Signal::Closed("the signalling task ended".into()),
                Some(SignalEvent::Close(reason)) => return Signal::Closed(reason.into_owned()),
                Some(SignalEvent::Message(message)) => {
                    if let Some(signal) = signal(*message) {
                        return signal;
                    }
                }
            }
        }
    }

    /// Announces our track; comes before the offer that carries it.
    pub(crate) async fn add_audio_track(&self, cid: &str, name: &str) {
        let request = proto::AddTrackRequest {
            cid: cid.into(),
            name: name.into(),
            r#type: proto::TrackType::Audio.into(),
            source: proto::TrackSource::Microphone.into(),
            // Still read by servers that do not know `audio_features`.
            audio_features: vec![proto::AudioTrackFeature::TfNoDtx.into()],
            disable_red: true,
            stream: name.into(),
            ..Default::default()
        };
        self.client.send(Request::AddTrack(request)).await;
    }

    pub(crate) async fn offer(&self, id: u32, sdp: String) {
        self.client.send(Request::Offer(description("offer", id, sdp))).await;
    }

    pub(crate) async fn answer(&self, id: u32, sdp: String) {
        self.client.send(Request::Answer(description("answer", id, sdp))).await;
    }

    pub(crate) async fn set_attributes(&self, attributes: &BTreeMap<String, String>) {
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let request_id = self.client.next_request_id();
        let update = proto::UpdateParticipantMetadata { attributes, request_id, ..Default::default() };
        self.client.send(Request::UpdateMetadata(update)).await;
    }

    /// Confirms a mute.
    pub(crate) async fn mute(&self, sid: String, muted: bool) {
        self.client.send(Request::Mute(proto::MuteTrackRequest { sid, muted })).await;
    }

    /// Says goodbye and closes. Without it the server keeps a ghost of us for 20 s.
    pub(crate) async fn leave(self) {
        let leave = proto::LeaveRequest {
            reason: proto::DisconnectReason::ClientInitiated.into(),
            action: proto::leave_request::Action::Disconnect.into(),
            ..Default::default()
        };
        self.client.send(Request::Leave(leave)).await;
        self.close().await;
    }

    /// Closes without a goodbye.
    pub(crate) async fn close(self) {
        // What cannot be closed in time is dropped with the client.
        let _ = tokio::time::timeout(CLOSE_WITHIN, self.client.close()).await;
    }
}

fn description(kind: &str, id: u32, sdp: String) -> proto::SessionDescription {
    proto::SessionDescription { r#type: kind.into(), sdp, id, ..Default::default() }
}

fn join_error(error: SignalError) -> JoinError {
    match error {
        SignalError::Client(..) | SignalError::TokenFormat | SignalError::UrlParse(_) => {
            JoinError::Refused(error.to_string())
        }
        other => JoinError::Transient(other.to_string()),
    }
}

fn signal(message: Response) -> Option<Signal> {
    Some(match message {
        Response::Offer(offer) => Signal::Offer(described(offer)),
        Response::Answer(answer) => Signal::Answer(described(answer)),
        Response::Trickle(trickle) => return candidate(&trickle),
        Response::TrackPublished(published) => {
            Signal::Published { cid: published.cid, sid: published.track.unwrap_or_default().sid }
        }
        Response::Update(update) => {
            Signal::Participants(update.participants.into_iter().map(participant).collect())
        }
        Response::Leave(leave) => Signal::Leave {
            reason: leave_reason(leave.reason()),
            may_return: leave.action() != proto::leave_request::Action::Disconnect,
        },
        Response::Mute(mute) => Signal::Mute { sid: mute.sid, muted: mute.muted },
        Response::TrackSubscribed(subscribed) => Signal::Heard { sid: subscribed.track_sid },
        Response::TrackUnpublished(unpublished) => Signal::Unpublished { sid: unpublished.track_sid },
        Response::RequestResponse(response) => return refusal(&response),
        Response::RefreshToken(token) => Signal::Token(token),
        // Video, statistics, data tracks, resuming: nothing an audio-only client has to answer.
        _ => return None,
    })
}

fn described(description: proto::SessionDescription) -> Description {
    let mid_to_track = description.mid_to_track_id;
    Description { id: description.id, sdp: description.sdp, mid_to_track }
}

fn candidate(trickle: &proto::TrickleRequest) -> Option<Signal> {
    let role = match trickle.target() {
        proto::SignalTarget::Publisher => Role::Publisher,
        proto::SignalTarget::Subscriber => Role::Subscriber,
    };
    let init: serde_json::Value = match serde_json::from_str(&trickle.candidate_init) {
        Ok(init) => init,
        Err(error) => return Some(Signal::Malformed { reason: format!("candidate: {error}") }),
    };
    let candidate = init.get("candidate")?.as_str()?;
    // The end of candidates is an empty one.
    (!candidate.is_empty()).then(|| Signal::Candidate(role, candidate.to_owned()))
}

fn refusal(response: &proto::RequestResponse) -> Option<Signal> {
    use proto::request_response::Reason;
    match response.reason() {
        Reason::Ok | Reason::Queued => None,
        reason => Some(Signal::Refused { reason: format!("{}: {}", reason.as_str_name(), response.message) }),
    }
}

fn leave_reason(reason: proto::DisconnectReason) -> LeaveReason {
    use proto::DisconnectReason as Reason;
    match reason {
        Reason::DuplicateIdentity => LeaveReason::DuplicateIdentity,
        Reason::ParticipantRemoved | Reason::RoomDeleted | Reason::RoomClosed | Reason::ClientInitiated => {
            LeaveReason::Removed
        }
        _ => LeaveReason::Trouble,
    }
}

fn participant(info: proto::ParticipantInfo) -> Participant {
    let kind = match info.kind() {
        ProtoKind::Sip => Kind::Sip,
        ProtoKind::Agent => Kind::Agent,
        _ => Kind::Other,
    };
    let audio = |track: &&proto::TrackInfo| track.r#type() == proto::TrackType::Audio;
    Participant {
        kind,
        gone: info.state() == State::Disconnected,
        // Servers before 1.8 know seconds only.
        joined_at_ms: if info.joined_at_ms > 0 { info.joined_at_ms } else { info.joined_at * 1000 },
        audio_tracks: info.tracks.iter().filter(audio).map(|track| track.sid.clone()).collect(),
        attributes: info.attributes.into_iter().collect(),
        sid: info.sid,
        identity: info.identity,
    }
}
