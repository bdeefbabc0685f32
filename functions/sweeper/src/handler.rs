//! The spine of `sweeper`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use carrier_api::{Accounts, CarrierApi};
use domain::{CallId, CallRecord, EndReason, JobMetadata, RoomName, WallTime, Write};
use lambda::{Function, Parts, Reply, Request, SettingsError, close_if_ended, remove_room, store_failed};
use livekit::webhook::Participant;
use serde_json::json;
use store::{Listed, Store, StoreError};
use telemetry::{event, field};

use crate::carriers::{Carriers, Questions, Word};
use crate::decide::{Action, GRACE_S, Room, close, decide, redispatched, repaired, sip_caller};

/// Longest wait for the table to take a write.
const STORE_DEADLINE: Duration = Duration::from_millis(5000);

/// Longest wait for LiveKit, each time.
const LIVEKIT_DEADLINE: Duration = Duration::from_millis(3000);

/// Longest wait for a carrier, each time.
const CARRIER_DEADLINE: Duration = Duration::from_millis(3000);

/// Wait before a carrier that is too busy is asked again; doubles.
const CARRIER_FIRST_WAIT: Duration = Duration::from_millis(250);

/// Most calls looked at in one run; the oldest come first, the others have their turn in a minute.
const MOST_CALLS: usize = 500;

/// Prefix of the rooms of carriers' calls.
const CALL_PREFIX: &str = "call-";

/// The scheduled sweep.
pub(crate) struct Sweeper {
    pub(crate) agent_name: String,
    pub(crate) store: Store,
    pub(crate) livekit: livekit::Client,
    /// Where carriers are asked how a call stands.
    pub(crate) carriers: Carriers,
}

/// What one run did.
#[derive(Debug, Default)]
struct Swept {
    looked_at: usize,
    closed: usize,
    redispatched: usize,
    repaired: usize,
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
            carriers: Carriers {
                accounts: Accounts::read(|name| settings.optional(name).map(str::to_owned)),
                api: CarrierApi::default()
                    .with_deadline(settings.deadline("CARRIER_DEADLINE_MS", CARRIER_DEADLINE)?)
                    .with_first_wait(settings.deadline("CARRIER_FIRST_WAIT_MS", CARRIER_FIRST_WAIT)?),
            },
        })
    }

    async fn serve(&self, _: &Request, now: WallTime) -> Result<Reply, Reply> {
        let swept = self.sweep(now).await.map_err(|error| {
            failed(&error);
            Reply::error(503, "store_failed", "the table does not answer")
        })?;
        Ok(Reply::json(200, &swept.json()))
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
        let mut questions = self.carriers.questions();
        let mut swept = Swept { looked_at: open.len(), ..Swept::default() };
        for call in &open {
            self.act(call, rooms.as_ref(), &mut questions, now, &mut swept).await;
        }
        let known: HashSet<&CallId> = open.iter().map(|call| &call.record.call_id).collect();
        self.look_at_other_rooms(rooms.unwrap_or_default(), &known, now, &mut swept).await;
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

    /// How a call's room looks, and who is in it.
    async fn look(&self, call: &CallId, rooms: Option<&HashMap<String, u64>>) -> (Room, Vec<Participant>) {
        let room = RoomName::for_call(call);
        match rooms {
            None => (Room::Unknown, Vec::new()),
            Some(rooms) if !rooms.contains_key(room.as_str()) => (Room::Absent, Vec::new()),
            Some(_) => match self.livekit.participants(&room).await {
                Ok(people) => (Room::of(&people), people),
                Err(_) => (Room::Unknown, Vec::new()),
            },
        }
    }

    async fn act(
        &self,
        call: &Listed,
        rooms: Option<&HashMap<String, u64>>,
        questions: &mut Questions<'_>,
        now: WallTime,
        swept: &mut Swept,
    ) {
        let record = &call.record;
        let (room, people) = self.look(&record.call_id, rooms).await;
        match decide(record, call.has_slot, &room, now) {
            Action::Leave => {}
            Action::Close(reason) => self.close(record, reason, questions, now, swept).await,
            Action::Redispatch(job) => self.redispatch(record, &job, now, swept).await,
            Action::FreePlace => {
                let freed = vec![Write::ReleaseSlot { call: record.call_id.clone() }];
                self.write(&record.call_id, freed, now, swept).await;
            }
            Action::Repair => self.repair(&record.call_id, &people, now, swept).await,
        }
    }

    async fn close(
        &self,
        record: &CallRecord,
        reason: EndReason,
        questions: &mut Questions<'_>,
        now: WallTime,
        swept: &mut Swept,
    ) {
        let writes = match questions.ask(record, now).await {
            Word::Over(writes) => writes,
            Word::GoesOn => return,
            Word::None => close(record, reason, now),
        };
        tracing::warn!({ field::EVENT } = event::CALL_SWEPT, { field::CALL } = %record.call_id.masked(), "a call's events were lost");
        self.write(&record.call_id, writes, now, swept).await;
        swept.closed += 1;
    }

    /// A telephone is in the room of a call whose beginning was never stored: its own headers tell who it is,
    /// and the place it takes is counted.
    async fn repair(&self, call: &CallId, people: &[Participant], now: WallTime, swept: &mut Swept) {
        let Some((caller, number)) = people.iter().find_map(sip_caller) else { return };
        let Ok(Some(config)) = self.store.number(&number).await else { return };
        tracing::warn!({ field::EVENT } = event::CALL_SWEPT, { field::CALL } = %call.masked(), "a call's beginning was lost");
        self.write(call, repaired(call, caller, &config, now), now, swept).await;
        swept.repaired += 1;
    }

    /// The caller waits in the room, and nobody comes: whatever was sent for is lost.
    async fn redispatch(&self, record: &CallRecord, job: &JobMetadata, now: WallTime, swept: &mut Swept) {
        let room = RoomName::for_call(&record.call_id);
        if let Err(error) = self.livekit.dispatch(&room, &self.agent_name, &job.to_json()).await {
            tracing::error!({ field::EVENT } = event::DISPATCH_FAILED, { field::CALL } = %record.call_id.masked(), { field::ERROR } = %error, "no agent");
            swept.failed += 1;
            return;
        }
        tracing::warn!({ field::EVENT } = event::AGENT_REDISPATCHED, { field::CALL } = %record.call_id.masked(), "an agent was sent again");
        self.write(&record.call_id, redispatched(record, now), now, swept).await;
        swept.redispatched += 1;
    }

    async fn write(&self, call: &CallId, writes: Vec<Write>, now: WallTime, swept: &mut Swept) {
        match self.store.apply(writes, now).await {
            Ok(applied) => close_if_ended(&self.livekit, call, &applied).await,
            Err(error) => {
                failed(&error);
                swept.failed += 1;
            }
        }
    }

    /// Rooms of calls that are over: somebody may still hang in them, in silence. And of calls that nobody
    /// stored.
    async fn look_at_other_rooms(
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
            match self.store.call(&call, now).await {
                Ok(Some(stored)) if stored.record.is_over() => {
                    remove_room(&self.livekit, &call).await;
                    swept.rooms_removed += 1;
                }
                Ok(None) => {
                    let people = self.livekit.participants(&room).await.unwrap_or_default();
                    self.repair(&call, &people, now, swept).await;
                }
                Ok(Some(_)) | Err(_) => {}
            }
        }
    }
}

impl Swept {
    fn json(&self) -> serde_json::Value {
        json!({
            "looked_at": self.looked_at,
            "closed": self.closed,
            "redispatched": self.redispatched,
            "repaired": self.repaired,
            "rooms_removed": self.rooms_removed,
            "failed": self.failed,
        })
    }
}

fn failed(error: &StoreError) {
    store_failed(None, "the sweep could not store what it found", error);
}
