//! LiveKit's webhooks: is it LiveKit's, and what does it say about a call?
//!
//! The raw room object carries a `turnPassword`, and a SIP participant's attributes may carry its
//! `Proxy-Authorization`. Only the fields named here are ever read, so neither can be stored or logged.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::{CallId, Fact, ParticipantEvent, Party, Presence, RoomEvent, RoomName, WallTime};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::project::Project;

/// Clock difference that is forgiven on `exp` and `nbf`, seconds.
const LEEWAY_S: u64 = 60;

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No token, or none of ours.
    #[error("the token is missing or not signed with our secret")]
    Unsigned,
    /// The token is of another key, too old or too young.
    #[error("the token has expired or is of another key")]
    Stale,
    /// The body is not the one that was signed.
    #[error("the body is not the signed one")]
    Altered,
    /// Signed, but not an event.
    #[error("the body is no event")]
    Malformed,
}

/// One event, reduced to what the control plane uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Unique per event; the same on repeats.
    pub id: String,
    /// What happened.
    pub kind: NoticeKind,
    /// The room, when the event has one.
    pub room: Option<String>,
    /// The room's own id, `RM_…`.
    pub room_sid: Option<String>,
    /// When the server says it happened.
    pub at: WallTime,
    /// Who it is about, for participant events.
    pub participant: Option<Participant>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// A room was opened.
    RoomStarted,
    /// A room was closed.
    RoomFinished,
    /// Somebody's media connected.
    ParticipantJoined,
    /// Somebody left.
    ParticipantLeft,
    /// Somebody tried to join and never connected.
    ParticipantAborted,
    /// Anything else: tracks, egress, ingress, and what later servers add.
    Other,
}

/// A participant as webhooks show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Identity in the room.
    pub identity: String,
    /// What it is.
    pub kind: ParticipantKind,
    /// SIP facts; absent for whoever is not on the telephone.
    pub sip: Option<SipFacts>,
    /// Why it left, `CLIENT_INITIATED` and so on.
    pub disconnect_reason: Option<String>,
}

/// What a participant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticipantKind {
    /// A telephone.
    Sip,
    /// An agent.
    Agent,
    /// Anybody else.
    Other,
}

/// The `sip.…` attributes that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SipFacts {
    /// `SCL_…`.
    pub call_id: Option<String>,
    /// `dialing ringing automation active hangup`.
    pub status: Option<String>,
    /// The far end's number or user part.
    pub phone_number: Option<String>,
    /// Our number, or the room's name on the webhook's road.
    pub trunk_number: Option<String>,
    /// The carrier's own call, when it said so (`X-Twilio-CallSid`).
    pub carrier_call_id: Option<String>,
    /// Our own headers without their `sip.h.x-ringdown-` prefix: `call`, `from`, `to`.
    pub headers: BTreeMap<String, String>,
}

/// Verifies `authorization` over the raw `body`, then reads the event.
///
/// # Errors
/// See [`WebhookError`]; all but `Malformed` mean that it is not LiveKit's.
pub fn receive(
    project: &Project,
    authorization: &str,
    body: &[u8],
    now: WallTime,
) -> Result<Notice, WebhookError> {
    let claims = verified_claims(project, authorization)?;
    let now_s = now.as_secs();
    let young = claims.nbf.is_some_and(|nbf| nbf > now_s + LEEWAY_S);
    if claims.iss != project.api_key || young || claims.exp + LEEWAY_S < now_s {
        return Err(WebhookError::Stale);
    }
    let digest = STANDARD.encode(Sha256::digest(body));
    if !bool::from(digest.as_bytes().ct_eq(claims.sha256.as_bytes())) {
        return Err(WebhookError::Altered);
    }
    read(body)
}

impl Notice {
    /// The call it is about, by the name of its room.
    pub fn call_id(&self) -> Option<CallId> {
        Some(CallId::of_room(&RoomName::new(self.room.as_deref()?).ok()?))
    }

    /// The caller's telephone coming in: the first that is heard of a call without a carrier's webhook.
    pub fn caller_joining(&self) -> Option<&SipFacts> {
        let participant = self.participant.as_ref()?;
        (self.kind == NoticeKind::ParticipantJoined).then_some(participant.sip.as_ref()).flatten()
    }

    /// What it adds to what is known of the call; nothing for tracks and the like. `now` is when we learnt
    /// of it.
    pub fn fact(&self, now: WallTime) -> Option<Fact> {
        match self.kind {
            NoticeKind::RoomStarted => Some(Fact::room(now, &self.id, RoomEvent::Started)),
            NoticeKind::RoomFinished => Some(Fact::room(now, &self.id, RoomEvent::Finished)),
            NoticeKind::ParticipantJoined => self.participant_fact(now, Presence::Joined),
            NoticeKind::ParticipantLeft => {
                let reason = self.participant.as_ref()?.disconnect_reason.as_deref();
                self.participant_fact(now, departure(reason)?)
            }
            NoticeKind::ParticipantAborted => {
                let caller = self.participant.as_ref()?.kind == ParticipantKind::Sip;
                caller.then(|| self.participant_fact(now, Presence::ConnectionLost)).flatten()
            }
            NoticeKind::Other => None,
        }
    }

    fn participant_fact(&self, now: WallTime, change: Presence) -> Option<Fact> {
        let party = match self.participant.as_ref()?.kind {
            ParticipantKind::Sip => Party::Caller,
            ParticipantKind::Agent => Party::Agent,
            ParticipantKind::Other => Party::Other,
        };
        Some(Fact::participant(now, &self.id, ParticipantEvent { party, change }))
    }
}

/// What a `DisconnectReason` means for a call; nothing when the participant did not really go.
fn departure(reason: Option<&str>) -> Option<Presence> {
    match reason {
        Some("DUPLICATE_IDENTITY" | "MIGRATION") => None,
        Some("CLIENT_INITIATED" | "USER_UNAVAILABLE" | "USER_REJECTED") => Some(Presence::Left),
        Some("ROOM_CLOSED" | "ROOM_DELETED") => Some(Presence::LeftWithRoom),
        Some("PARTICIPANT_REMOVED") => Some(Presence::Removed),
        _ => Some(Presence::ConnectionLost),
    }
}

/// Reads an event whose signature has been verified.
///
/// # Errors
/// [`WebhookError::Malformed`].
fn read(body: &[u8]) -> Result<Notice, WebhookError> {
    let wire: WireEvent = serde_json::from_slice(body).map_err(|_| WebhookError::Malformed)?;
    let at = wire.created_at.as_ref().and_then(WireNumber::value).unwrap_or(0);
    let (room, room_sid) = wire.room.map_or((None, None), |room| (room.name, room.sid));
    Ok(Notice {
        id: wire.id,
        kind: NoticeKind::of(&wire.event),
        room,
        room_sid,
        at: WallTime::from_secs(at),
        participant: wire.participant.and_then(WireParticipant::read),
    })
}

/// Signs `body` as LiveKit does, good for five minutes from `now`: for tests and local stacks.
pub fn sign(project: &Project, body: &[u8], now: WallTime) -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let now_s = now.as_secs();
    let claims = serde_json::json!({
        "iss": project.api_key, "exp": now_s + 300, "nbf": now_s,
        "sha256": STANDARD.encode(Sha256::digest(body)),
    });
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let mac = jwt_mac(project, &format!("{header}.{claims}"));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[derive(Deserialize)]
struct JwtHeader {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: u64,
    nbf: Option<u64>,
    sha256: String,
}

fn verified_claims(project: &Project, authorization: &str) -> Result<Claims, WebhookError> {
    let token = authorization.strip_prefix("Bearer ").unwrap_or(authorization);
    let (signed, signature) = token.rsplit_once('.').ok_or(WebhookError::Unsigned)?;
    let (header, claims) = signed.split_once('.').ok_or(WebhookError::Unsigned)?;
    let header: JwtHeader = decode_part(header).ok_or(WebhookError::Unsigned)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| WebhookError::Unsigned)?;
    let genuine: bool = jwt_mac(project, signed).ct_eq(&signature).into();
    if header.alg != "HS256" || !genuine || project.api_secret.reveal().is_empty() {
        return Err(WebhookError::Unsigned);
    }
    decode_part(claims).ok_or(WebhookError::Unsigned)
}

fn jwt_mac(project: &Project, signed: &str) -> Vec<u8> {
    let key = project.api_secret.reveal().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn decode_part<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEvent {
    event: String,
    #[serde(default)]
    id: String,
    created_at: Option<WireNumber>,
    room: Option<WireRoom>,
    participant: Option<WireParticipant>,
}

/// protojson writes 64-bit numbers as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireNumber {
    Number(u64),
    Text(String),
}

impl WireNumber {
    fn value(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

#[derive(Deserialize)]
struct WireRoom {
    name: Option<String>,
    sid: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireParticipant {
    identity: Option<String>,
    kind: Option<String>,
    disconnect_reason: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl WireParticipant {
    fn read(self) -> Option<Participant> {
        let kind = match self.kind.as_deref() {
            Some("SIP") => ParticipantKind::Sip,
            Some("AGENT") => ParticipantKind::Agent,
            _ => ParticipantKind::Other,
        };
        Some(Participant {
            identity: self.identity?,
            kind,
            sip: (kind == ParticipantKind::Sip).then(|| SipFacts::of(&self.attributes)),
            disconnect_reason: self.disconnect_reason,
        })
    }
}

impl NoticeKind {
    fn of(name: &str) -> Self {
        match name {
            "room_started" => Self::RoomStarted,
            "room_finished" => Self::RoomFinished,
            "participant_joined" => Self::ParticipantJoined,
            "participant_left" => Self::ParticipantLeft,
            "participant_connection_aborted" => Self::ParticipantAborted,
            _ => Self::Other,
        }
    }
}

impl SipFacts {
    /// Picks the named attributes out of all of them.
    pub fn of(attributes: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| attributes.get(name).filter(|value| !value.is_empty()).cloned();
        Self {
            call_id: get("sip.callID"),
            status: get("sip.callStatus"),
            phone_number: get("sip.phoneNumber"),
            trunk_number: get("sip.trunkPhoneNumber"),
            carrier_call_id: get("sip.twilio.callSid").or_else(|| get("sip.telnyx.callLegID")),
            headers: attributes
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.strip_prefix("sip.h.x-ringdown-")?.to_owned(), value.clone()))
                })
                .collect(),
        }
    }
}
