//! Speech to speech: OpenAI Realtime, GA shape, over a WebSocket.
//!
//! ```text
//! connect ─▶ session.created ─▶ session.update ─▶ session.updated ─▶ history ─▶ Ready
//! Ready ─▶ audio …  ─▶ response.created ─▶ audio, text, tool calls ─▶ response.done
//! barge-in: interrupt(item, played) ─▶ cancel + truncate (or delete when nothing was heard)
//! ```
//!
//! After any call, send everything [`RealtimeSocket::poll_send`] gives.

mod config;
mod event;
mod message;
mod update;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use crate::pcm::{self, Samples, from_base64};
use crate::tolerance::Tolerance;
use crate::wire::Query;
use crate::{ChatMessage, Fault, FaultKind, ToolCall, Vendor, WsMessage, WsRequest, openai_chat};
pub use config::{RealtimeConfig, TurnDetection};
pub use event::{Outcome, RealtimeEvent};
use message::Message;

/// The only rate of `audio/pcm`, hertz.
const RATE: u32 = 24_000;

/// One session, made for one connection.
#[derive(Debug)]
pub struct RealtimeSocket {
    config: RealtimeConfig,
    tolerance: Tolerance,
    outbox: VecDeque<WsMessage>,
    session_id: String,
    ready: bool,
    closing: bool,
    response: Response,
    /// Replies asked for: the number of the last one is its name when the vendor refuses it.
    asked: u64,
    /// A reply was asked for while another one was under way.
    wanted: bool,
    /// The reply under way was cancelled by us.
    cancelled: bool,
    /// Calls not yet answered, and whether any was answered.
    calls: BTreeSet<String>,
    answered: bool,
    item: Item,
    /// Item interrupted last; what still comes of it is not heard.
    interrupted: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    None,
    /// Asked for and not yet begun, or under way.
    Active,
}

/// The item being spoken.
#[derive(Debug, Default)]
struct Item {
    id: String,
    samples: Samples,
    received: u64,
}

impl RealtimeSocket {
    /// The vendor ends a session at 60 min without a warning; replace it, with the history, at an idle point from
    /// this age on.
    pub const RECYCLE_AFTER: Duration = Duration::from_secs(25 * 60);

    /// A session at its beginning.
    pub fn new(config: RealtimeConfig) -> Self {
        Self {
            config,
            tolerance: Tolerance::new(Vendor::OpenAi, Tolerance::AUDIO),
            outbox: VecDeque::new(),
            session_id: String::new(),
            ready: false,
            closing: false,
            response: Response::None,
            asked: 0,
            wanted: false,
            cancelled: false,
            calls: BTreeSet::new(),
            answered: false,
            item: Item::default(),
            interrupted: None,
        }
    }

    /// The socket to open. No `OpenAI-Beta` header: sessions in the old shape are closed.
    pub fn connect(&self) -> WsRequest {
        let RealtimeConfig { endpoint, model, .. } = &self.config;
        let mut query = Query::default();
        query.push("model", model);
        WsRequest {
            url: endpoint.ws(&format!("/realtime{}", query.finish())),
            headers: openai_chat::headers(endpoint),
        }
    }

    /// Rate of samples both ways, hertz.
    pub fn sample_rate(&self) -> u32 {
        RATE
    }

    /// The next message to send.
    pub fn poll_send(&mut self) -> Option<WsMessage> {
        self.outbox.pop_front()
    }

    /// The caller's audio. Dropped until the session is ready: what was said before nobody could answer.
    pub fn audio(&mut self, samples: &[i16]) {
        if self.ready && !samples.is_empty() {
            self.send(json!({"type": "input_audio_buffer.append", "audio": pcm::to_base64(samples)}));
        }
    }

    /// The caller's turn is over, with [`TurnDetection::Ours`]; a reply follows.
    pub fn commit(&mut self) {
        self.send(json!({"type": "input_audio_buffer.commit"}));
        self.respond(None);
    }

    /// Asks for a reply, as soon as the one under way is over; `instructions` are for this one only (a greeting).
    pub fn respond(&mut self, instructions: Option<&str>) {
        if self.response == Response::Active {
            self.wanted = true;
            return;
        }
        self.response = Response::Active;
        self.asked += 1;
        let response = instructions.map_or(json!({}), |text| json!({"instructions": text}));
        self.send(json!({"type": "response.create", "event_id": self.last_asked(), "response": response}));
    }

    /// Something to know, without a reply: an instruction or words.
    pub fn remember(&mut self, message: &ChatMessage) {
        self.outbox.extend(update::item(message).map(|message| WsMessage::json(&message)));
    }

    /// The answer to a tool call; when all are there, the reply goes on.
    pub fn tool_result(&mut self, call_id: &str, output: &str) {
        if !self.calls.remove(call_id) {
            return;
        }
        self.answered = true;
        let item = json!({"type": "function_call_output", "call_id": call_id, "output": output});
        self.send(json!({"type": "conversation.item.create", "item": item}));
        self.go_on();
    }

    /// The reply under way is not wanted any more.
    pub fn cancel(&mut self) {
        self.wanted = false;
        if self.response == Response::Active && !std::mem::replace(&mut self.cancelled, true) {
            self.send(json!({"type": "response.cancel"}));
        }
    }

    /// Barge-in: the caller heard `played_ms` of `item`, by the clock of the playout. What comes of it later is
    /// dropped, and the model forgets what was not heard.
    pub fn interrupt(&mut self, item: &str, played_ms: u64) {
        self.cancel();
        self.interrupted = Some(item.to_owned());
        // More than was received is an error after which sessions were seen to stay silent; nothing heard cannot
        // be truncated.
        let received_ms =
            if self.item.id == item { self.item.received * 1000 / u64::from(RATE) } else { u64::MAX };
        let heard_ms = played_ms.min(received_ms);
        self.send(if heard_ms == 0 {
            json!({"type": "conversation.item.delete", "item_id": item})
        } else {
            json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": heard_ms})
        });
    }

    /// The socket will be closed; its end is then no fault.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Whether the vendor accepted the configuration: what is said from here on is heard.
    pub fn ready(&self) -> bool {
        self.ready
    }

    /// Whether the session may be replaced by another now.
    pub fn idle(&self) -> bool {
        self.response == Response::None && self.calls.is_empty()
    }

    /// What a message from the vendor means.
    ///
    /// # Errors
    /// When the session is over without being asked to, or beyond help.
    pub fn decode(&mut self, message: WsMessage) -> Result<Vec<RealtimeEvent>, Fault> {
        let text = match message {
            WsMessage::Text(text) => text,
            WsMessage::Binary(bytes) => {
                self.tolerance.size(bytes.len())?;
                let ignored = self.tolerance.ignore::<()>("binary message".to_owned())?;
                return Ok(ignored.err().map(RealtimeEvent::Ignored).into_iter().collect());
            }
            WsMessage::Close { .. } if self.closing => return Ok(Vec::new()),
            WsMessage::Close { code, reason } => return Err(closed(code, &reason)),
        };
        match self.tolerance.parse::<Message>(&text)? {
            Ok(message) => self.understand(message),
            Err(reason) => Ok(vec![RealtimeEvent::Ignored(reason)]),
        }
    }

    fn understand(&mut self, message: Message) -> Result<Vec<RealtimeEvent>, Fault> {
        Ok(match message {
            Message::SessionCreated { session } => {
                self.session_id = session.id;
                self.send(update::session(&self.config));
                Vec::new()
            }
            Message::SessionUpdated if self.ready => Vec::new(),
            Message::SessionUpdated => self.begin(),
            Message::SpeechStarted { audio_start_ms } => {
                vec![RealtimeEvent::SpeechStarted { at_ms: audio_start_ms }]
            }
            Message::SpeechStopped { audio_end_ms } => {
                vec![RealtimeEvent::SpeechStopped { at_ms: audio_end_ms }]
            }
            Message::IdleTimeout => vec![RealtimeEvent::IdleTimeout],
            Message::CallerDelta { delta } => words(delta, RealtimeEvent::CallerInterim),
            Message::CallerCompleted { transcript } => words(transcript, RealtimeEvent::CallerFinal),
            Message::ResponseCreated => {
                self.response = Response::Active;
                vec![RealtimeEvent::ResponseStarted]
            }
            Message::AudioDelta { item_id, delta } => return self.hear(item_id, &delta),
            Message::TextDelta { item_id, .. } if self.is_interrupted(&item_id) => {
                vec![RealtimeEvent::Ignored("words of an interrupted item".to_owned())]
            }
            Message::TextDelta { item_id, delta } => {
                words(delta, |text| RealtimeEvent::Text { item: item_id, text })
            }
            Message::ToolCall { call_id, name, arguments } => {
                self.calls.insert(call_id.clone());
                vec![RealtimeEvent::ToolCall(ToolCall { id: call_id, name, arguments })]
            }
            Message::ResponseDone { response } => self.done(response),
            Message::Error { error } => return self.complaint(error),
            Message::Other => vec![RealtimeEvent::Ignored("message without meaning for the call".to_owned())],
        })
    }

    fn begin(&mut self) -> Vec<RealtimeEvent> {
        self.ready = true;
        let history = std::mem::take(&mut self.config.history);
        history.iter().for_each(|message| self.remember(message));
        vec![RealtimeEvent::Ready { session_id: self.session_id.clone() }]
    }

    fn hear(&mut self, item: String, audio: &str) -> Result<Vec<RealtimeEvent>, Fault> {
        if self.is_interrupted(&item) {
            return Ok(vec![RealtimeEvent::Ignored("audio of an interrupted item".to_owned())]);
        }
        let Some(bytes) = from_base64(audio) else {
            let ignored = self.tolerance.ignore::<()>("audio is not base64".to_owned())?;
            return Ok(ignored.err().map(RealtimeEvent::Ignored).into_iter().collect());
        };
        if self.item.id != item {
            self.item = Item { id: item.clone(), ..Item::default() };
        }
        let samples = self.item.samples.push(&bytes);
        self.item.received += samples.len() as u64;
        Ok(if samples.is_empty() { Vec::new() } else { vec![RealtimeEvent::Audio { item, samples }] })
    }

    fn last_asked(&self) -> String {
        format!("respond{}", self.asked)
    }

    fn done(&mut self, response: message::Done) -> Vec<RealtimeEvent> {
        let outcome = match response.status.as_str() {
            "cancelled" => Outcome::Cancelled,
            "incomplete" => Outcome::Incomplete,
            "failed" => Outcome::Failed(response.fault()),
            _ => Outcome::Completed,
        };
        if outcome == Outcome::Cancelled {
            // Tools asked for in a reply that was interrupted are answered, but nobody waits for more words.
            self.answered = false;
        }
        self.over();
        vec![RealtimeEvent::ResponseDone { outcome, usage: response.usage.map(Into::into) }]
    }

    /// The reply is over: one that waited for its end is asked for.
    fn over(&mut self) {
        self.response = Response::None;
        self.cancelled = false;
        self.go_on();
        if std::mem::take(&mut self.wanted) {
            self.respond(None);
        }
    }

    /// After the last tool result and the end of the reply that asked for it, the model has to be asked to go on.
    fn go_on(&mut self) {
        if self.answered && self.calls.is_empty() && self.response == Response::None {
            self.answered = false;
            self.wanted = false;
            self.respond(None);
        }
    }

    fn complaint(&mut self, error: message::Complaint) -> Result<Vec<RealtimeEvent>, Fault> {
        let code = error.code();
        match code {
            "response_cancel_not_active" | "input_audio_buffer_commit_empty" => {}
            "conversation_already_has_active_response" => {
                self.response = Response::Active;
                self.wanted = true;
            }
            "insufficient_quota"
            | "invalid_api_key"
            | "account_deactivated"
            | "billing_hard_limit_reached"
            | "beta_api_shape_disabled"
            | "session_expired"
            | "model_not_found" => {
                return Err(Fault::reported(Vendor::OpenAi, code, &error.message));
            }
            // A session that was never configured cannot be used.
            _ if !self.ready => return Err(Fault::reported(Vendor::OpenAi, code, &error.message)),
            // No reply comes, and no end of one.
            _ if self.response == Response::Active && error.event_id == Some(self.last_asked()) => {
                let outcome = Outcome::Failed(Fault::reported(Vendor::OpenAi, code, &error.message));
                self.over();
                return Ok(vec![RealtimeEvent::ResponseDone { outcome, usage: None }]);
            }
            _ => {}
        }
        Ok(vec![RealtimeEvent::Ignored(format!("error {code}"))])
    }

    fn is_interrupted(&self, item: &str) -> bool {
        self.interrupted.as_deref() == Some(item)
    }

    fn send(&mut self, message: Value) {
        self.outbox.push_back(WsMessage::json(&message));
    }
}

fn words(text: String, event: impl FnOnce(String) -> RealtimeEvent) -> Vec<RealtimeEvent> {
    if text.is_empty() { Vec::new() } else { vec![event(text)] }
}

/// The reason is `<type>.<code>`.
fn closed(code: u16, reason: &str) -> Fault {
    if let Some((_, named)) = reason.split_once('.') {
        let fault = Fault::reported(Vendor::OpenAi, named, reason);
        if fault.kind != FaultKind::Unavailable {
            return fault;
        }
    }
    let kind = if code == 4000 { FaultKind::Refused } else { FaultKind::Disconnected };
    Fault::new(Vendor::OpenAi, kind, code.to_string(), reason)
}
