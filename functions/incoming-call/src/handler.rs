//! The spine of `incoming-call`.

use std::future::Future;
use std::time::Duration;

use carrier::plan::Voicemail;
use carrier::webhook::{self, Incoming};
use carrier::{Plan, Renderer};
use domain::{Faulty as _, JobMetadata, Provider, RoomName, WallTime, Write};
use lambda::{Carriers, Function, Parts, Reply, Request, SettingsError, admit, served_without_table};
use livekit::LiveKitError;
use store::{Applied, Query, Refusal, Store, StoreError};
use telemetry::{event, field};

use crate::announce::{announcement, seat_for};
use crate::decide::{Answer, Decision, Limits, Obstacle, Situation, decide, decide_again, fall_back, repeat};

/// Longest wait for the table, each time.
const STORE_DEADLINE: Duration = Duration::from_millis(1000);

/// Longest wait for LiveKit to take a dispatch. It answers within 12 ms.
const DISPATCH_DEADLINE: Duration = Duration::from_millis(1000);

/// `POST /incoming-call`.
pub(crate) struct IncomingCall {
    pub(crate) base_url: String,
    pub(crate) carriers: Carriers,
    pub(crate) renderer: Renderer,
    pub(crate) agent_name: String,
    pub(crate) limits: Limits,
    pub(crate) store: Store,
    /// Longest wait for the table, each time; half of it when a first attempt was refused.
    pub(crate) patience: Duration,
    pub(crate) livekit: livekit::Client,
}

impl Function for IncomingCall {
    const DEADLINE: Duration = Duration::from_millis(3000);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let settings = &parts.settings;
        let renderer = settings.renderer()?;
        let media_streams = renderer.media_stream_url.is_some();
        Ok(Self {
            base_url: settings.public_base_url()?,
            carriers: settings.carriers()?,
            renderer,
            agent_name: settings.agent_name(),
            limits: Limits { max_calls: settings.max_calls()?, media_streams },
            store: parts.store(STORE_DEADLINE)?,
            patience: settings.deadline("TABLE_DEADLINE_MS", STORE_DEADLINE)?,
            livekit: parts.livekit(DISPATCH_DEADLINE)?,
        })
    }

    async fn serve(&self, request: &Request, now: WallTime) -> Result<Reply, Reply> {
        let admitted = admit(&self.carriers, &self.base_url, request, now)?;
        let provider = admitted.provider;
        let incoming = webhook::incoming(provider, &admitted.form).map_err(Reply::bad_form)?;
        let plan = match self.load(&incoming, now).await {
            Ok(known) => {
                let situation =
                    Situation { provider, incoming: &incoming, known: &known, limits: self.limits, now };
                self.carry_out(&situation).await
            }
            Err(error) => {
                served_without_table(&incoming.call, "load", &error);
                Plan::Voicemail(Voicemail::default())
            }
        };
        Ok(self.reply(provider, &incoming, &plan))
    }

    fn fallback(_: &str) -> Reply {
        Reply::apology()
    }
}

impl IncomingCall {
    async fn load(&self, incoming: &Incoming, now: WallTime) -> Result<store::Incoming, StoreError> {
        let query =
            Query { call: &incoming.call, caller: &incoming.caller, number: incoming.number.as_ref() };
        within(self.patience, self.store.incoming(&query, now)).await
    }

    async fn carry_out(&self, situation: &Situation<'_>) -> Plan {
        let answer = match decide(situation) {
            Decision::Repeat(plan) => return plan,
            Decision::Answer(answer) => answer,
        };
        let writes = within(self.patience, self.store.apply(answer.writes.clone(), situation.now));
        let job = answer.dispatch.as_ref();
        // Boxed: requests are large, and unoptimised futures of futures outgrow a thread's stack.
        let asked = async { tokio::join!(writes, Box::pin(self.dispatch(job))) };
        let (stored, sent) = beside(asked, Box::pin(self.announce(situation, job))).await;
        match stored {
            Ok(Applied::Done(_)) if sent == Sent::Refused => self.fall_back(situation, answer).await,
            Ok(Applied::Done(_)) => {
                log_answer(situation.provider, &answer);
                answer.plan
            }
            Ok(Applied::Refused(refusal)) => self.refused(situation, answer, refusal).await,
            Err(error) => {
                served_without_table(&situation.incoming.call, "apply", &error);
                if sent == Sent::Refused { Plan::Voicemail(answer.plan.voicemail()) } else { answer.plan }
            }
        }
    }

    /// Asks for the agent. A slow LiveKit is no reason to turn the caller away: the SIP rule asks again
    /// when the caller arrives, and the result of the dial decides about voicemail.
    async fn dispatch(&self, job: Option<&JobMetadata>) -> Sent {
        let Some(job) = job else {
            return Sent::Fine;
        };
        let room = RoomName::for_call(&job.call_id);
        let Err(error) = self.insist(&room, job).await else {
            return Sent::Fine;
        };
        tracing::error!(
            { field::EVENT } = event::DISPATCH_FAILED,
            { field::CALL } = %job.call_id.masked(),
            { field::WHOSE } = error.fault().whose.as_str(),
            { field::ERROR } = %error,
            "no agent could be sent for"
        );
        if matches!(error, LiveKitError::Deadline { .. }) { Sent::Fine } else { Sent::Refused }
    }

    /// Asks a second time when there is no answer after half of the time: LiveKit opens the room first, and a
    /// request that got lost on the way from there leaves a room nobody is sent to. Two agents are none too
    /// many: the younger one leaves.
    async fn insist(&self, room: &RoomName, job: &JobMetadata) -> Result<(), LiveKitError> {
        let metadata = job.to_json();
        let ask = || self.livekit.dispatch(room, &self.agent_name, &metadata);
        let mut first = Box::pin(ask());
        if let Ok(answer) = tokio::time::timeout(self.livekit.deadline() / 2, &mut first).await {
            return answer.map(drop);
        }
        let mut second = Box::pin(ask());
        tokio::select! {
            // The first gives up at the deadline, and the second with it.
            answer = &mut first => answer.map(drop),
            Ok(_) = &mut second => Ok(()),
        }
    }

    /// Tells a container of the call, ahead of LiveKit's job for it; that none can be told, or does not
    /// listen, only means that the caller rings 200 ms longer.
    async fn announce(&self, situation: &Situation<'_>, job: Option<&JobMetadata>) {
        let Some(job) = job else { return };
        let Some(seat) = seat_for(&job.call_id, &situation.known.workers) else { return };
        let message = announcement(&self.renderer.tickets, job, situation.now).to_json();
        if let Err(error) = self.livekit.announce(seat, message).await {
            tracing::info!({ field::CALL } = %job.call_id.masked(), { field::ERROR } = %error, "not announced");
        }
    }

    async fn fall_back(&self, situation: &Situation<'_>, answer: Answer) -> Plan {
        self.write_again(situation, fall_back(situation)).await;
        Plan::Voicemail(answer.plan.voicemail())
    }

    async fn refused(&self, situation: &Situation<'_>, answer: Answer, refusal: Refusal) -> Plan {
        let obstacle = match refusal {
            Refusal::AlreadyOpen(call) => return repeat(&call),
            Refusal::CapacityFull => Obstacle::NoPlace,
            Refusal::RateExceeded(_) => Obstacle::RateReached,
            Refusal::UnknownAgent(_) => Obstacle::NoAgent,
            Refusal::AlreadySeen { .. } | Refusal::Forgotten(_) => return Plan::Refuse,
        };
        let second = decide_again(situation, obstacle);
        log_answer(situation.provider, &second);
        tokio::join!(self.write_again(situation, second.writes), self.take_back(answer.dispatch));
        second.plan
    }

    /// Sends the agent home who was sent for in vain.
    async fn take_back(&self, job: Option<JobMetadata>) {
        let Some(job) = job else { return };
        lambda::remove_room(&self.livekit, &job.call_id).await;
    }

    async fn write_again(&self, situation: &Situation<'_>, writes: Vec<Write>) {
        if let Err(error) = within(self.patience / 2, self.store.apply(writes, situation.now)).await {
            served_without_table(&situation.incoming.call, "apply again", &error);
        }
    }

    fn reply(&self, provider: Provider, incoming: &Incoming, plan: &Plan) -> Reply {
        let document = self.renderer.render(provider, &incoming.call, plan).unwrap_or_else(|error| {
            tracing::error!({ field::EVENT } = event::CALL_DEGRADED, { field::ERROR } = %error, "no SIP address");
            self.renderer.voicemail(provider, &incoming.call, &plan.voicemail(), 0)
        });
        Reply::twiml(&document)
    }
}

/// What became of sending for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Fine,
    Refused,
}

/// Does `work`, and `aside` as far as it gets meanwhile.
async fn beside<T>(work: impl Future<Output = T>, aside: impl Future<Output = ()>) -> T {
    let aside = async {
        aside.await;
        std::future::pending().await
    };
    tokio::select! {
        biased;
        // First of all, so that the message is on its way before anything is waited for.
        () = aside => unreachable!("it stays pending"),
        done = work => done,
    }
}

async fn within<T>(
    deadline: Duration,
    asked: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(deadline, asked).await.unwrap_or(Err(StoreError::Timeout))
}

fn log_answer(provider: Provider, answer: &Answer) {
    let call = crate::decide::call_of(answer).map(domain::CallId::as_str).unwrap_or_default();
    match answer.turned_away {
        None => tracing::info!(
            { field::EVENT } = event::CALL_ANSWERED,
            { field::CALL } = call,
            { field::PROVIDER } = provider.as_str(),
            "a call was answered"
        ),
        Some(reason) => tracing::warn!(
            { field::EVENT } = event::CALL_TURNED_AWAY,
            { field::CALL } = call,
            { field::PROVIDER } = provider.as_str(),
            { field::END_REASON } = reason.as_str(),
            "a call was turned away"
        ),
    }
}
