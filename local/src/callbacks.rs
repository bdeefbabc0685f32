//! Status callbacks of the two legs of a call, in the order a carrier numbers them.

use tokio::task::JoinSet;

use crate::webhooks::Webhooks;

/// One leg of a call: the caller's, or the one that was dialled.
#[derive(Debug)]
pub(crate) struct Leg {
    url: Option<String>,
    common: Vec<(&'static str, String)>,
    sent: u32,
}

/// Sends callbacks beside the call, as a carrier does: nobody waits for them.
#[derive(Debug)]
pub(crate) struct Callbacks {
    webhooks: Webhooks,
    sending: JoinSet<Option<String>>,
}

impl Leg {
    /// A leg that reports to `url` with `common` parameters; to nobody without one.
    pub(crate) fn new(url: Option<String>, common: Vec<(&'static str, String)>) -> Self {
        Self { url, common, sent: 0 }
    }
}

impl Callbacks {
    pub(crate) fn new(webhooks: Webhooks) -> Self {
        Self { webhooks, sending: JoinSet::new() }
    }

    /// Reports that `leg` is now `status` (`ringing`, `in-progress`, `completed`, …).
    pub(crate) fn report(&mut self, leg: &mut Leg, status: &str, more: &[(&'static str, String)]) {
        let Some(url) = leg.url.clone() else { return };
        let mut parameters = leg.common.clone();
        parameters.extend_from_slice(&[
            ("CallStatus", status.to_owned()),
            ("SequenceNumber", leg.sent.to_string()),
            ("CallbackSource", "call-progress-events".to_owned()),
            ("Timestamp", timestamp()),
        ]);
        parameters.extend_from_slice(more);
        leg.sent += 1;
        let (webhooks, status) = (self.webhooks.clone(), status.to_owned());
        self.sending.spawn(async move {
            match webhooks.post(&url, &parameters).await {
                Ok(answer) if answer.status < 300 => None,
                Ok(answer) => Some(format!("callback `{status}` was answered {}", answer.status)),
                Err(error) => Some(format!("callback `{status}`: {error:#}")),
            }
        });
    }

    /// Waits until all were answered; what went wrong.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        let mut problems = Vec::new();
        while let Some(sent) = self.sending.join_next().await {
            problems.extend(sent.ok().flatten());
        }
        problems
    }
}

/// RFC 2822, in UTC, as Twilio writes it.
fn timestamp() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&now).unwrap_or_default()
}
