//! The spine of `rooms`.

use std::time::Duration;

use domain::{CallId, E164, Fact, Faulty, OperatorAct, RoomName, WallTime, Write};
use lambda::{ApiRole, ApiTokens, Function, Parts, Reply, Request, SettingsError, store_failed};
use livekit::token::{DEFAULT_TTL, JoinToken, Role, join};
use livekit::webhook::Participant;
use livekit::{LiveKitError, token};
use serde_json::{Value, json};
use store::{Applied, Query, Refusal, Store, StoreError};
use telemetry::field;

use crate::decide::{Asked, open};

/// Longest wait for LiveKit, each time.
const LIVEKIT_DEADLINE: Duration = Duration::from_millis(3000);

/// `POST /rooms`.
pub(crate) struct Rooms {
    pub(crate) agent_name: String,
    pub(crate) max_calls: u32,
    pub(crate) api_tokens: ApiTokens,
    pub(crate) store: Store,
    pub(crate) livekit: livekit::Client,
}

impl Function for Rooms {
    /// A transfer rings for up to 30 s, which the gateway does not wait for: it is told to look again.
    const DEADLINE: Duration = Duration::from_secs(25);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let settings = &parts.settings;
        Ok(Self {
            agent_name: settings.agent_name(),
            max_calls: settings.max_calls()?,
            api_tokens: settings.api_tokens()?,
            store: parts.patient_store()?,
            livekit: parts.livekit(LIVEKIT_DEADLINE)?,
        })
    }

    async fn serve(&self, request: &Request, now: WallTime) -> Result<Reply, Reply> {
        request.require_method("POST")?;
        self.api_tokens.authorize(request, ApiRole::Caller)?;
        let asked = request.json::<Asked>()?;
        self.api_tokens.authorize(request, asked.needs())?;
        asked.check()?;
        let told = match asked {
            Asked::Open { room, number, identity } => self.open(&room, &number, &identity, now).await?,
            Asked::List => self.list().await?,
            Asked::Participants { room } => self.participants(&room).await?,
            Asked::Remove { room, identity } => {
                let removed = self.livekit.remove_participant(&room, &identity).await.map_err(failed)?;
                json!({"removed": removed})
            }
            Asked::HangUp { room } => self.hang_up(&room, now).await?,
            Asked::Transfer { room, identity, target } => {
                self.livekit.transfer(&room, &identity, &target).await.map_err(failed)?;
                json!({"transferred": true})
            }
        };
        Ok(Reply::json(200, &told))
    }

    fn fallback(_: &str) -> Reply {
        Reply::error(504, "too_slow", "it is not done yet; look again")
    }
}

impl Rooms {
    async fn open(
        &self,
        room: &RoomName,
        number: &E164,
        identity: &str,
        now: WallTime,
    ) -> Result<Value, Reply> {
        let call = CallId::of_room(room);
        let caller = domain::Caller::Client(identity.to_owned());
        let query = Query { call: &call, caller: &caller, number: Some(number) };
        let known = self.store.incoming(&query, now).await.map_err(unstored)?;
        let config = known.number.as_ref();
        let config =
            config.ok_or_else(|| Reply::error(404, "unknown_number", "number: is not one of ours"))?;
        let opening = open(room, identity, config, self.max_calls.min(known.capacity()), now);
        match self.store.apply(opening.writes, now).await.map_err(unstored)? {
            Applied::Done(_) => {}
            Applied::Refused(Refusal::CapacityFull) => {
                return Err(Reply::error(409, "capacity_full", "every place is taken"));
            }
            Applied::Refused(Refusal::UnknownAgent(_)) => {
                return Err(Reply::error(409, "unknown_agent", "number: names an agent that does not exist"));
            }
            Applied::Refused(_) => return Err(Reply::error(409, "over", "this room's call is over")),
        }
        self.send_for_agent(room, &opening.job.to_json()).await?;
        let wanted = JoinToken { room, identity, name: identity, role: Role::Caller, ttl: DEFAULT_TTL };
        let token = join(self.livekit.project(), &wanted).map_err(failed)?;
        Ok(json!({
            "room": room, "call_id": call, "token": token, "url": self.livekit.project().url,
            "expires_at": now.as_secs() + token::DEFAULT_TTL.as_secs(),
        }))
    }

    /// Every dispatch adds an agent, so one that is there already is enough.
    async fn send_for_agent(&self, room: &RoomName, metadata: &str) -> Result<(), Reply> {
        let there = self.livekit.dispatches(room).await.map_err(failed)?;
        if there.iter().any(|dispatch| dispatch.agent_name == self.agent_name) {
            return Ok(());
        }
        self.livekit.dispatch(room, &self.agent_name, metadata).await.map(drop).map_err(failed)
    }

    async fn list(&self) -> Result<Value, Reply> {
        let rooms = self.livekit.rooms(&[]).await.map_err(failed)?;
        let rooms: Vec<Value> = rooms
            .iter()
            .map(|room| json!({"room": room.name, "sid": room.sid, "opened_at": room.created_s}))
            .collect();
        Ok(json!({"rooms": rooms}))
    }

    async fn participants(&self, room: &RoomName) -> Result<Value, Reply> {
        let all = self.livekit.participants(room).await.map_err(failed)?;
        let all: Vec<Value> = all.iter().map(shown).collect();
        Ok(json!({"room": room, "participants": all}))
    }

    async fn hang_up(&self, room: &RoomName, now: WallTime) -> Result<Value, Reply> {
        let closed = self.livekit.delete_room(room).await.map_err(failed)?;
        let call = CallId::of_room(room);
        if self.store.call(&call, now).await.map_err(unstored)?.is_some() {
            let fact = Fact::operator(now, "rooms/hang-up", OperatorAct::Stopped);
            self.store.apply(vec![Write::AddFact { call, fact }], now).await.map_err(unstored)?;
        }
        Ok(json!({"closed": closed}))
    }
}

fn shown(participant: &Participant) -> Value {
    let status = participant.sip.as_ref().and_then(|sip| sip.status.clone());
    json!({"identity": participant.identity, "kind": format!("{:?}", participant.kind).to_lowercase(), "sip_status": status})
}

fn failed(error: LiveKitError) -> Reply {
    tracing::error!(
        { field::WHOSE } = error.fault().whose.as_str(),
        { field::ERROR } = %error,
        "LiveKit did not do it"
    );
    match error {
        LiveKitError::NotFound { .. } => {
            Reply::error(404, "not_found", "there is no such room or participant")
        }
        LiveKitError::Sip { status, .. } => {
            Reply::error(502, "sip_refused", &format!("the far end answered {status}"))
        }
        LiveKitError::Deadline { .. } => Reply::error(504, "livekit_slow", "LiveKit did not answer in time"),
        _ => Reply::error(502, "livekit_failed", "LiveKit did not do it"),
    }
}

fn unstored(error: StoreError) -> Reply {
    store_failed(None, "the table does not answer", &error);
    Reply::error(503, "store_failed", "the table does not answer; try again")
}
