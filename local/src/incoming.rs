//! One incoming call as the carrier handles it: webhook, instructions, legs, callbacks.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use servers::{Phone, PhoneOptions};

use crate::callbacks::{Callbacks, Leg};
use crate::random::random_hex;
use crate::stack_file::StackFile;
use crate::twiml::{Dial, Verb, parse};
use crate::webhooks::{Answer, Webhooks};

/// A carrier lets a `<Dial>` ring this much longer than it says.
const GRACE: Duration = Duration::from_secs(5);

/// Without a `timeout` a `<Dial>` rings this long.
const DEFAULT_RING_S: u64 = 30;

/// Instructions that lead to instructions end somewhere: more of them than this is a loop.
const MOST_DOCUMENTS: usize = 10;

/// A call on the carrier's side.
#[derive(Debug)]
pub struct IncomingCall {
    /// The carrier's id of the caller's leg.
    pub call_sid: String,
    /// The first answer of the webhook.
    pub answer: Answer,
    /// What the caller was told by the carrier's own voice.
    pub told: Vec<String>,
    /// Instructions that are still to be carried out.
    verbs: Vec<Verb>,
    documents: usize,
    webhooks: Webhooks,
    callbacks: Callbacks,
    parent: Leg,
    common: Vec<(&'static str, String)>,
}

/// How a dialled leg ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegEnd {
    /// `completed`, `busy`, `no-answer`, `failed` or `canceled`.
    pub status: &'static str,
    /// From answer to end.
    pub duration: Option<Duration>,
    /// The phone's own words for the end.
    pub reason: String,
}

/// A dialled leg: what the TwiML asked for, and its callbacks.
#[derive(Debug)]
pub struct DialledLeg {
    dial: Dial,
    leg: Leg,
    call_sid: String,
}

impl IncomingCall {
    /// Somebody calls: sends the webhook and reads the instructions.
    ///
    /// # Errors
    /// When nobody answers the webhook, or not with 200 and TwiML.
    pub async fn arrive(stack: &StackFile, caller: &str) -> Result<Self> {
        let webhooks = Webhooks::to(stack)?;
        let call_sid = format!("CA{}", random_hex());
        let common = parameters(stack, &call_sid, caller);
        let mut ringing = common.clone();
        ringing.push(("CallStatus", "ringing".to_owned()));
        let answer = webhooks.post(&webhooks.url("/incoming-call"), &ringing).await?;
        ensure!(answer.status == 200, "the webhook was answered {}: {}", answer.status, answer.body);
        let verbs = parse(&answer.body)?;
        let callbacks = Callbacks::new(webhooks.clone());
        let parent = Leg::new(Some(webhooks.url("/call-status")), common.clone());
        let told = Vec::new();
        Ok(Self { call_sid, answer, told, verbs, documents: 1, webhooks, callbacks, parent, common })
    }

    /// Carries out instructions until one asks to dial, or the call is to end.
    ///
    /// # Errors
    /// When further instructions cannot be had.
    pub async fn until_dial(&mut self) -> Result<Option<DialledLeg>> {
        while !self.verbs.is_empty() {
            match self.verbs.remove(0) {
                Verb::Dial(dial) => return Ok(Some(self.leg_of(dial))),
                Verb::Say(text) => self.told.push(text),
                Verb::Record { action, recording_callback } => {
                    self.record(action, recording_callback).await?
                }
                Verb::Redirect(url) => self.fetch(&url, &[]).await?,
                Verb::Hangup | Verb::Reject => break,
                Verb::Stream(url) => self.told.push(format!("(Media Streams to {url} are not played here)")),
                Verb::Pause | Verb::Other(_) => {}
            }
        }
        Ok(None)
    }

    /// Starts a phone that will place the leg. Apart from [`IncomingCall::dial`], so that its start does not count as ringing.
    ///
    /// # Errors
    /// When the phone does not start.
    pub async fn phone(
        leg: &DialledLeg,
        dir: &std::path::Path,
        caller: &str,
        microphone: Vec<i16>,
    ) -> Result<Phone> {
        Phone::start(&PhoneOptions {
            dir: dir.to_path_buf(),
            caller: caller.to_owned(),
            username: leg.dial.username.clone(),
            password: leg.dial.password.clone(),
            microphone,
        })
        .await
    }

    /// Dials; returns when the other side answers, with how it ended when it does not.
    ///
    /// # Errors
    /// When the phone has died.
    pub async fn dial(&mut self, leg: &mut DialledLeg, phone: &mut Phone) -> Result<Option<LegEnd>> {
        self.callbacks.report(&mut leg.leg, "initiated", &[]);
        phone.dial(leg.dial.dialled()).await?;
        let limit = Duration::from_secs(leg.dial.timeout_s.unwrap_or(DEFAULT_RING_S)) + GRACE;
        if phone.until_ringing(limit).await.is_ok() {
            self.callbacks.report(&mut leg.leg, "ringing", &[]);
        }
        if phone.until_answered(limit).await.is_ok() {
            self.callbacks.report(&mut leg.leg, "in-progress", &[]);
            return Ok(None);
        }
        if phone.progress().closed.is_none() {
            phone.hang_up().await?;
            phone.until_closed(GRACE).await?;
            return Ok(Some(LegEnd {
                status: "no-answer",
                duration: None,
                reason: "rang too long".to_owned(),
            }));
        }
        Ok(Some(Self::end_of(phone)))
    }

    /// How the phone's call ended.
    #[must_use]
    pub fn end_of(phone: &Phone) -> LegEnd {
        let progress = phone.progress();
        let reason = progress.reason.unwrap_or_default();
        let duration = progress.answered.zip(progress.closed).map(|(answered, closed)| closed - answered);
        let status = match (&duration, reason.get(..3)) {
            (Some(_), _) => "completed",
            (None, Some("486" | "600")) => "busy",
            (None, Some("408" | "480" | "487")) => "no-answer",
            (None, _) if reason.ends_with("by user") => "canceled",
            (None, _) => "failed",
        };
        LegEnd { status, duration, reason }
    }

    /// Reports the end of the leg, asks for what comes next, and carries that out up to the next dial.
    ///
    /// # Errors
    /// When the action URL does not answer with TwiML.
    pub async fn leg_ended(
        &mut self,
        leg: &mut DialledLeg,
        end: &LegEnd,
        caller_left: bool,
    ) -> Result<Option<DialledLeg>> {
        let seconds = end.duration.map(|duration| duration.as_secs_f64().round().to_string());
        let mut more = Vec::new();
        more.extend(seconds.iter().map(|seconds| ("CallDuration", seconds.clone())));
        self.callbacks.report(&mut leg.leg, end.status, &more);
        let Some(action) = leg.dial.action.clone() else { return self.until_dial().await };
        let mut parameters = vec![
            ("DialCallStatus", end.status.to_owned()),
            ("DialCallSid", leg.call_sid.clone()),
            ("DialBridged", end.duration.is_some().to_string()),
            ("CallStatus", if caller_left { "completed" } else { "in-progress" }.to_owned()),
        ];
        parameters.extend(seconds.map(|seconds| ("DialCallDuration", seconds)));
        self.fetch(&action, &parameters).await?;
        if caller_left {
            // Nobody is there any more to hear what the instructions say.
            self.verbs.clear();
        }
        self.until_dial().await
    }

    /// The caller's own leg is over: sends its last callback and waits until all callbacks were answered.
    /// Returns what went wrong with them.
    pub async fn over(mut self, duration: Option<Duration>) -> Vec<String> {
        let seconds = duration.map_or(0, |duration| duration.as_secs());
        let more = [("CallDuration", seconds.to_string()), ("Duration", seconds.div_ceil(60).to_string())];
        self.callbacks.report(&mut self.parent, "completed", &more);
        self.callbacks.finish().await
    }

    fn leg_of(&self, dial: Dial) -> DialledLeg {
        let call_sid = format!("CA{}", random_hex());
        let mut common = self.common.clone();
        for (name, value) in &mut common {
            match *name {
                "CallSid" => value.clone_from(&call_sid),
                "Direction" => "outbound-dial".clone_into(value),
                "To" | "Called" => dial.dialled().clone_into(value),
                _ => {}
            }
        }
        common.push(("ParentCallSid", self.call_sid.clone()));
        let leg = Leg::new(dial.status_callback.clone(), common);
        DialledLeg { dial, leg, call_sid }
    }

    /// The caller leaves a message of a few seconds.
    async fn record(&mut self, action: Option<String>, recording_callback: Option<String>) -> Result<()> {
        let recording = format!("RE{}", random_hex());
        let url = format!("https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/{recording}");
        let parameters = [
            ("RecordingSid", recording),
            ("RecordingUrl", url),
            ("RecordingDuration", "4".to_owned()),
            ("RecordingStatus", "completed".to_owned()),
            ("CallStatus", "in-progress".to_owned()),
        ];
        self.told.push("(records a message)".to_owned());
        if let Some(callback) = recording_callback {
            let all: Vec<_> = self.common.iter().cloned().chain(parameters.clone()).collect();
            self.webhooks.post(&callback, &all).await?;
        }
        match action {
            Some(action) => self.fetch(&action, &parameters).await,
            None => Ok(()),
        }
    }

    async fn fetch(&mut self, url: &str, more: &[(&'static str, String)]) -> Result<()> {
        self.documents += 1;
        ensure!(self.documents <= MOST_DOCUMENTS, "the instructions lead in a circle, last to {url}");
        let parameters: Vec<_> = self.common.iter().chain(more).cloned().collect();
        let answer = self.webhooks.post(url, &parameters).await?;
        ensure!(answer.status == 200, "{url} was answered {}: {}", answer.status, answer.body);
        self.verbs = parse(&answer.body).with_context(|| format!("the answer of {url}"))?;
        Ok(())
    }
}

impl DialledLeg {
    /// The room the call is led to: the user part of the dialled address.
    #[must_use]
    pub fn room(&self) -> &str {
        self.dial.user()
    }

    /// The whole address, with its headers.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.dial.address
    }

    /// The address as the phone dials it.
    #[must_use]
    pub fn dialled(&self) -> &str {
        self.dial.dialled()
    }

    /// The digest password, replaced: for a test of a wrong one.
    pub fn with_password(&mut self, password: &str) {
        password.clone_into(&mut self.dial.password);
    }
}

/// What every webhook of a call carries.
fn parameters(stack: &StackFile, call_sid: &str, caller: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CallSid", call_sid.to_owned()),
        ("AccountSid", stack.twilio_account_sid.clone()),
        ("From", caller.to_owned()),
        ("Caller", caller.to_owned()),
        ("To", stack.number.clone()),
        ("Called", stack.number.clone()),
        ("Direction", "inbound".to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("CallerName", "RINGDOWN TEST  ".to_owned()),
        ("FromCountry", "US".to_owned()),
        ("ToCountry", "US".to_owned()),
        ("StirVerstat", "TN-Validation-Passed-A".to_owned()),
    ]
}
