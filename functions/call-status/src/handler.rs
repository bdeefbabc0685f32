//! The spine of `call-status`.

use std::time::Duration;

use domain::WallTime;
use lambda::{Carriers, Function, Parts, Reply, Request, SettingsError, admit, close_if_ended, store_failed};
use store::{Applied, Store, StoreError};
use telemetry::{event, field};

use crate::decide::{Decision, decide};

/// Longest wait for LiveKit.
const LIVEKIT_DEADLINE: Duration = Duration::from_millis(1000);

/// `POST /call-status`.
pub(crate) struct CallStatus {
    pub(crate) base_url: String,
    pub(crate) carriers: Carriers,
    pub(crate) store: Store,
    pub(crate) livekit: livekit::Client,
}

impl Function for CallStatus {
    const DEADLINE: Duration = Duration::from_millis(4500);

    fn build(parts: &Parts) -> Result<Self, SettingsError> {
        let settings = &parts.settings;
        Ok(Self {
            base_url: settings.public_base_url()?,
            carriers: settings.carriers()?,
            store: parts.patient_store()?,
            livekit: parts.livekit(LIVEKIT_DEADLINE)?,
        })
    }

    async fn serve(&self, request: &Request, now: WallTime) -> Result<Reply, Reply> {
        let admitted = admit(&self.carriers, &self.base_url, request, now)?;
        let decision = decide(admitted.provider, &admitted.form, now).map_err(Reply::bad_form)?;
        let Decision { call, writes } = decision;
        if writes.is_empty() {
            return Ok(Reply::no_content());
        }
        let applied = self.store.apply(writes, now).await.map_err(|error| unstored(&error))?;
        close_if_ended(&self.livekit, &call, &applied).await;
        if let Applied::Refused(refusal) = &applied {
            tracing::info!({ field::EVENT } = event::EVENT_IGNORED, { field::CALL } = %call.masked(), ?refusal, "ignored");
        }
        Ok(Reply::no_content())
    }

    fn fallback(_: &str) -> Reply {
        Reply::error(503, "too_slow", "the callback was not stored; send it again")
    }
}

/// Nobody hears the answer to a callback, and a carrier repeats one that failed.
fn unstored(error: &StoreError) -> Reply {
    store_failed(None, "a callback could not be stored", error);
    Reply::error(503, "store_failed", "the callback was not stored; send it again")
}
