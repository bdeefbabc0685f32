//! The spine of `livekit-webhook`.

use std::time::Duration;

use domain::{CallId, EndReason, Fact, JobMetadata, RoomName, WallTime};
use lambda::{Function, Parts, Reply, Request, SettingsError, close_if_ended, remove_room, store_failed};
use livekit::LiveKitError;
use livekit::webhook::{Notice, WebhookError, receive};
use store::{Applied, Query, Refusal, Store, StoreError};
use telemetry::{event, field};

use crate::decide::{Decision, Need, SipArrival, awaited, decide, need, open, open_refused};

/// Longest wait for LiveKit.
const LIVEKIT_DEADLINE: Duration = Duration::from_millis(1000);

/// `POST /livekit-webhook`.
pub(crate) struct LivekitWebhook {
    pub(crate) agent_name: String,
    pub(crate) max_calls: u32,
    pub(crate) store: Store,
    pub(crate) livekit: livekit::Client,
}

impl Function for LivekitWebhook {
    const DEADLINE: Duration = Duration::from_millis(5000);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let settings = &parts.settings;
        Ok(Self {
            agent_name: settings.agent_name(),
            max_calls: settings.max_calls()?,
            store: parts.patient_store()?,
            livekit: parts.livekit(LIVEKIT_DEADLINE)?,
        })
    }

    async fn serve(&self, request: &Request, now: WallTime) -> Result<Reply, Reply> {
        let notice = self.verified(request, now)?;
        let (Some(call), Some(fact)) = (notice.call_id(), notice.fact(now)) else {
            return Ok(Reply::no_content());
        };
        match need(&call, &notice) {
            Need::Nothing => self.apply_and_look(&call, &notice, fact, now).await,
            Need::Known => self.apply_if_known(&call, fact, now).await,
            Need::Arrival(arrival) => self.open(&call, &arrival, fact, now).await,
        }
        .map_err(|error| unstored(&call, &error))?;
        Ok(Reply::no_content())
    }

    fn fallback(_: &str) -> Reply {
        Reply::error(503, "too_slow", "the event was not stored; send it again")
    }
}

impl LivekitWebhook {
    fn verified(&self, request: &Request, now: WallTime) -> Result<Notice, Reply> {
        request.require_method("POST")?;
        request.content_type()?;
        let authorization = request.header("authorization").unwrap_or_default();
        receive(self.livekit.project(), authorization, &request.body, now).map_err(refused)
    }

    async fn apply(&self, call: &CallId, decision: Decision, now: WallTime) -> Result<(), StoreError> {
        let applied = self.store.apply(decision.writes, now).await?;
        self.follow_up(call, &applied, decision.turned_away).await;
        Ok(())
    }

    /// Adds the event; a caller who joins must find that an agent was sent for.
    async fn apply_and_look(
        &self,
        call: &CallId,
        notice: &Notice,
        fact: Fact,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let applied = self.store.apply(decide(call, fact).writes, now).await?;
        if notice.caller_joining().is_some()
            && let Some(job) = applied.change(call).and_then(|change| awaited(&change.after))
            && let Err(error) = self.see_to_agent(&job).await
        {
            // The caller's dial ends some time, and the sweeper looks as well.
            tracing::error!({ field::EVENT } = event::DISPATCH_FAILED, { field::CALL } = %call.masked(), { field::ERROR } = %error, "no agent could be seen to");
        }
        self.follow_up(call, &applied, false).await;
        Ok(())
    }

    /// Sends for an agent when nobody did: a request that is lost between LiveKit's opening the room and its asking
    /// the workers leaves a room whose SIP rule does not ask again.
    async fn see_to_agent(&self, job: &JobMetadata) -> Result<(), LiveKitError> {
        let room = RoomName::for_call(&job.call_id);
        if !self.livekit.dispatches(&room).await?.is_empty() {
            return Ok(());
        }
        self.livekit.dispatch(&room, &self.agent_name, &job.to_json()).await?;
        tracing::warn!({ field::EVENT } = event::AGENT_REDISPATCHED, { field::CALL } = %job.call_id.masked(), "an agent was sent for again");
        Ok(())
    }

    async fn apply_if_known(&self, call: &CallId, fact: Fact, now: WallTime) -> Result<(), StoreError> {
        match self.store.call(call, now).await? {
            Some(_) => self.apply(call, decide(call, fact), now).await,
            None => Ok(()),
        }
    }

    async fn open(
        &self,
        call: &CallId,
        arrival: &SipArrival,
        fact: Fact,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let query = Query { call, caller: &arrival.caller, number: arrival.number.as_ref() };
        let known = self.store.incoming(&query, now).await?;
        let decision = open(call, arrival, &known, self.max_calls, fact.clone(), now);
        let applied = self.store.apply(decision.writes, now).await?;
        let why = match &applied {
            Applied::Refused(Refusal::CapacityFull) => EndReason::CapacityFull,
            Applied::Refused(Refusal::UnknownAgent(_)) => EndReason::BadConfiguration,
            _ => {
                self.follow_up(call, &applied, decision.turned_away).await;
                return Ok(());
            }
        };
        self.apply(call, open_refused(call, arrival, &known, why, fact, now), now).await
    }

    async fn follow_up(&self, call: &CallId, applied: &Applied, turned_away: bool) {
        if turned_away {
            tracing::warn!({ field::EVENT } = event::CALL_TURNED_AWAY, { field::CALL } = %call.masked(), "turned away");
            remove_room(&self.livekit, call).await;
        }
        close_if_ended(&self.livekit, call, applied).await;
    }
}

fn refused(error: WebhookError) -> Reply {
    let (status, code) = match error {
        WebhookError::Unsigned => (403, "bad_signature"),
        WebhookError::Stale => (403, "stale_token"),
        WebhookError::Altered => (403, "altered_body"),
        WebhookError::Malformed => (400, "malformed_event"),
    };
    tracing::warn!(
        { field::EVENT } = event::WEBHOOK_REJECTED,
        { field::PROVIDER } = "livekit",
        { field::CODE } = code,
        "a webhook was refused"
    );
    Reply::error(status, code, &error.to_string())
}

/// LiveKit repeats what fails with a 5xx, holding back the later events of the room meanwhile.
fn unstored(call: &CallId, error: &StoreError) -> Reply {
    store_failed(Some(call), "an event could not be stored", error);
    Reply::error(503, "store_failed", "the event was not stored; send it again")
}
