//! The spine of `sweeper`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use carrier::rest::{Outcome, RestApi};
use domain::{CallId, CallRecord, EndReason, Faulty as _, JobMetadata, Provider, RoomName, WallTime, Write};
use lambda::{Function, Parts, Reply, Request, SettingsError, close_if_ended, remove_room};
use serde_json::json;
use store::{Listed, Store, StoreError};
use telemetry::{event, field};

use crate::carrier_api::CarrierApi;
use crate::decide::{Action, GRACE_S, Room, close, decide, redispatched, told_by_carrier};

/// Longest wait for the table to take a write.
const STORE_DEADLINE: Duration = Duration::from_millis(5000);

/// Longest wait for LiveKit, each time.
const LIVEKIT_DEADLINE: Duration = Duration::from_millis(3000);

/// Most calls looked at in one run; the oldest come first, the others have their turn in a minute.
const MOST_CALLS: usize = 500;

/// Prefix of the rooms of carriers' calls.
const CALL_PREFIX: &str = "call-";

/// The scheduled sweep.
pub(crate) struct Sweeper {
    pub(crate) agent_name: String,
    pub(crate) store: Store,
    pub(crate) livekit: livekit::Client,
    /// Where Twilio is asked how a call stands, when its account is known.
    pub(crate) twilio: Option<(RestApi, CarrierApi)>,
}

/// What one run did.
#[derive(Debug, Default)]
struct Swept {
    looked_at: usize,
    closed: usize,
    redispatched: usize,
    rooms_removed: usize,
    failed: usize,
}

impl Function for Sweeper {
    const DEADLINE: Duration = Duration::from_secs(50);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let settings = &parts.settings;
        Ok(Self {
            agent_name: settings.agent_name(),
            store: parts.store(STORE_DEADLINE)?,
            livekit: parts.livekit(LIVEKIT_DEADLINE)?,
            twilio: settings.twilio_api()?.map(|api| (api, CarrierApi::default())),
        })
    }

    async fn handle(&self, _: Request, now: WallTime) -> Reply {
        match self.sweep(now).await {
            Ok(swept) => Reply::json(200, &swept.json()),
            Err(error) => {
                failed(&error);
                Reply::error(503, "store_failed", "the table does not answer")
            }
        }
    }

    fn fallback(_: &str) -> Reply {
        Reply::error(504, "too_slow", "the sweep was not finished")
    }
}

impl Sweeper {
    async fn sweep(&self, now: WallTime) -> Result<Swept, StoreError> {
        let before = WallTime::from_secs(now.as_secs().saturating_sub(GRACE_S));
        let open = self.store.open_calls(before, MOST_CALLS).await?;
        if self.store.workers(now).await?.is_empty() {
            tracing::error!({ field::EVENT } = event::NO_AGENTS, "no agent container gives a sign of life");
        }
        let rooms = self.rooms().await;
        let mut swept = Swept { looked_at: open.len(), ..Swept::default() };
        for call in &open {
            let room = self.room_of(&call.record, rooms.as_ref()).await;
            self.act(call, &room, now, &mut swept).await;
        }
        let known: HashSet<&CallId> = open.iter().map(|call| &call.record.call_id).collect();
        self.remove_left_over(rooms.unwrap_or_default(), &known, now, &mut swept).await;
        Ok(swept)
    }

    /// The rooms that are open, with their age; nothing when LiveKit does not say.
    async fn rooms(&self) -> Option<HashMap<String, u64>> {
        match self.livekit.rooms(&[]).await {
            Ok(rooms) => Some(rooms.into_iter().map(|room| (room.name, room.created_s)).collect()),
            Err(error) => {
                tracing::error!({ field::ERROR } = %error, "LiveKit does not say which rooms are open");
                None
            }
        }
    }

    async fn room_of(&self, record: &CallRecord, rooms: Option<&HashMap<String, u64>>) -> Room {
        let room = RoomName::for_call(&record.call_id);
        match rooms {
            None => Room::Unknown,
            Some(rooms) if !rooms.contains_key(room.as_str()) => Room::Absent,
            Some(_) => match self.livekit.participants(&room).await {
                Ok(participants) => Room::of(&participants),
                Err(_) => Room::Unknown,
            },
        }
    }

    async fn act(&self, call: &Listed, room: &Room, now: WallTime, swept: &mut Swept) {
        let record = &call.record;
        match decide(record, call.has_slot, room, now) {
            Action::Leave => {}
            Action::Close(reason) => self.close(record, reason, now, swept).await,
            Action::Redispatch(job) => self.redispatch(record, &job, now, swept).await,
            Action::FreePlace => {
                self.write(record, vec![Write::ReleaseSlot { call: record.call_id.clone() }], now, swept)
                    .await;
            }
        }
    }

    async fn close(&self, record: &CallRecord, reason: EndReason, now: WallTime, swept: &mut Swept) {
        let writes = match self.ask_carrier(record, now).await {
            Carrier::Over(writes) => writes,
            Carrier::GoesOn => return,
            Carrier::Silent => close(record, reason, now),
        };
        tracing::warn!({ field::EVENT } = event::CALL_SWEPT, { field::CALL } = %record.call_id, "a call's events were lost");
        self.write(record, writes, now, swept).await;
        swept.closed += 1;
    }

    async fn ask_carrier(&self, record: &CallRecord, now: WallTime) -> Carrier {
        let Some((api, client)) = self.twilio.as_ref().filter(|_| record.provider == Some(Provider::Twilio))
        else {
            return Carrier::Silent;
        };
        let Ok(request) = api.fetch_call(record.call_id.as_str()) else {
            return Carrier::Silent;
        };
        let Outcome::Done(Some(call)) = client.send(&request).await else {
            return Carrier::Silent;
        };
        let duration_s = call.duration.as_deref().and_then(|text| text.parse().ok());
        match told_by_carrier(record, &call.status, duration_s, now) {
            Some(writes) => Carrier::Over(writes),
            None => Carrier::GoesOn,
        }
    }

    /// The caller waits in the room, and nobody comes: whatever was sent for is lost.
    async fn redispatch(&self, record: &CallRecord, job: &JobMetadata, now: WallTime, swept: &mut Swept) {
        let room = RoomName::for_call(&record.call_id);
        if let Err(error) = self.livekit.dispatch(&room, &self.agent_name, &job.to_json()).await {
            tracing::error!({ field::EVENT } = event::DISPATCH_FAILED, { field::CALL } = %record.call_id, { field::ERROR } = %error, "no agent");
            swept.failed += 1;
            return;
        }
        tracing::warn!({ field::EVENT } = event::AGENT_REDISPATCHED, { field::CALL } = %record.call_id, "an agent was sent again");
        self.write(record, redispatched(record, now), now, swept).await;
        swept.redispatched += 1;
    }

    async fn write(&self, record: &CallRecord, writes: Vec<Write>, now: WallTime, swept: &mut Swept) {
        match self.store.apply(writes, now).await {
            Ok(applied) => close_if_ended(&self.livekit, &record.call_id, &applied).await,
            Err(error) => {
                failed(&error);
                swept.failed += 1;
            }
        }
    }

    /// Rooms of calls that are over: somebody may still hang in them, in silence.
    async fn remove_left_over(
        &self,
        rooms: HashMap<String, u64>,
        open: &HashSet<&CallId>,
        now: WallTime,
        swept: &mut Swept,
    ) {
        for (name, created_s) in rooms {
            let young = now.as_secs() < created_s + GRACE_S;
            let Some(room) = RoomName::new(name).ok().filter(|room| room.as_str().starts_with(CALL_PREFIX))
            else {
                continue;
            };
            let call = CallId::of_room(&room);
            if young || open.contains(&call) {
                continue;
            }
            let over =
                self.store.call(&call, now).await.is_ok_and(|call| call.is_some_and(|c| c.record.is_over()));
            if over {
                remove_room(&self.livekit, &call).await;
                swept.rooms_removed += 1;
            }
        }
    }
}

/// What the carrier says about a call.
enum Carrier {
    Over(Vec<Write>),
    GoesOn,
    Silent,
}

impl Swept {
    fn json(&self) -> serde_json::Value {
        json!({
            "looked_at": self.looked_at,
            "closed": self.closed,
            "redispatched": self.redispatched,
            "rooms_removed": self.rooms_removed,
            "failed": self.failed,
        })
    }
}

fn failed(error: &StoreError) {
    tracing::error!(
        { field::EVENT } = event::STORE_FAILED,
        { field::WHOSE } = error.fault().whose.as_str(),
        { field::ERROR } = %error,
        "the sweep could not store what it found"
    );
}
