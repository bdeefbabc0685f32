//! The spine of `dial-result`.

use std::time::Duration;

use carrier::webhook::{self, BadForm};
use carrier::{Renderer, Step, Twiml};
use domain::{CallId, Provider, WallTime};
use lambda::{
    Admitted, Carriers, Function, Parts, Reply, Request, SettingsError, admit, close_if_ended, remove_room,
    served_without_table,
};
use store::{Store, StoreError, StoredCall};
use telemetry::field;

use crate::decide::{Decision, Then, after_connection, after_recording, call_of};

/// Longest wait for the table, each time.
const STORE_DEADLINE: Duration = Duration::from_millis(1200);

/// Longest wait for LiveKit.
const LIVEKIT_DEADLINE: Duration = Duration::from_millis(800);

/// Said to whoever left a message.
const THANKS: &str = "Thank you for your message. Goodbye.";

/// `POST /dial-result/{ticket}`.
pub(crate) struct DialResult {
    pub(crate) base_url: String,
    pub(crate) carriers: Carriers,
    pub(crate) renderer: Renderer,
    pub(crate) store: Store,
    /// Longest wait for the table, each time.
    pub(crate) patience: Duration,
    pub(crate) livekit: livekit::Client,
}

impl Function for DialResult {
    const DEADLINE: Duration = Duration::from_millis(4000);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let settings = &parts.settings;
        Ok(Self {
            base_url: settings.public_base_url()?,
            carriers: settings.carriers()?,
            renderer: settings.renderer()?,
            store: parts.store(STORE_DEADLINE)?,
            patience: settings.deadline("TABLE_DEADLINE_MS", STORE_DEADLINE)?,
            livekit: parts.livekit(LIVEKIT_DEADLINE)?,
        })
    }

    async fn serve(&self, request: &Request, now: WallTime) -> Result<Reply, Reply> {
        let admitted = admit(&self.carriers, &self.base_url, request, now)?;
        let result = webhook::dial_result(admitted.provider, &admitted.form).map_err(Reply::bad_form)?;
        let step = self.step(&admitted, &result.call)?;
        log_result(&result);
        let known = self.load(&result.call, now).await;
        let decision = match step {
            Step::Connect => after_connection(admitted.provider, &result, known.as_ref(), now),
            Step::Voicemail(attempt) => {
                let recording =
                    webhook::recording(admitted.provider, &admitted.form).map_err(Reply::bad_form)?;
                after_recording(admitted.provider, &recording, attempt, known.as_ref(), now)
            }
        };
        self.apply(&result.call, &decision, now).await;
        Ok(self.reply(admitted.provider, &result.call, decision.then))
    }

    fn fallback(_: &str) -> Reply {
        Reply::apology()
    }
}

impl DialResult {
    /// The step that the ticket in the path stands for.
    fn step(&self, admitted: &Admitted, call: &CallId) -> Result<Step, Reply> {
        let ticket = admitted.route.rsplit('/').next().unwrap_or_default();
        let step = self.renderer.tickets.check_step(call.as_str(), ticket);
        let step = step.map_err(|error| Reply::error(403, "foreign_ticket", &error.to_string()))?;
        if crate::decide::fits(step, webhook::is_recording(&admitted.form)) {
            Ok(step)
        } else {
            Err(Reply::bad_form(BadForm::WrongRoute))
        }
    }

    async fn load(&self, call: &CallId, now: WallTime) -> Option<StoredCall> {
        let asked = tokio::time::timeout(self.patience, self.store.call(call, now)).await;
        asked.unwrap_or(Err(StoreError::Timeout)).unwrap_or_else(|error| {
            served_without_table(call, "load", &error);
            None
        })
    }

    async fn apply(&self, call: &CallId, decision: &Decision, now: WallTime) {
        let asked = self.store.apply(decision.writes.clone(), now);
        match tokio::time::timeout(self.patience, asked).await.unwrap_or(Err(StoreError::Timeout)) {
            Ok(applied) if decision.room_is_done && !ended(&applied, call) => {
                remove_room(&self.livekit, call).await;
            }
            Ok(applied) => close_if_ended(&self.livekit, call, &applied).await,
            Err(error) => served_without_table(call_of(decision).unwrap_or(call), "apply", &error),
        }
    }

    fn reply(&self, provider: Provider, call: &CallId, then: Then) -> Reply {
        Reply::twiml(&match then {
            Then::HangUp => Twiml::hangup(),
            Then::Thanks => Twiml::goodbye(THANKS, None),
            Then::Record { voicemail, attempt } => {
                self.renderer.voicemail(provider, call, &voicemail, attempt)
            }
        })
    }
}

/// What becomes of the caller never depends on the SIP status, but who looks for the cause wants it.
fn log_result(result: &webhook::DialResult) {
    tracing::info!(
        { field::CALL } = %result.call.masked(),
        { field::STATUS } = result.status.as_str(),
        { field::SIP_STATUS } = result.sip_code,
        "a step of a call ended"
    );
}

fn ended(applied: &store::Applied, call: &CallId) -> bool {
    applied.change(call).is_some_and(store::CallChange::ended_now)
}
