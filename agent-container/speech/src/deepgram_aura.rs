//! Deepgram Aura, `/v1/speak` as a WebSocket.
//!
//! The protocol knows no utterances, only an order: each `Flush` is answered by one `Flushed` after its audio. So
//! utterances form a queue here, the audio belongs to the first of it, and `Clear` empties it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::pcm::Samples;
use crate::tolerance::Tolerance;
use crate::wire::{Header, Query};
use crate::{ContextId, Fault, FaultKind, TtsConfig, TtsEvent, Vendor, WsMessage, WsRequest};

/// Longest text of one message.
const LONGEST_CHARS: usize = 2000;
/// The vendor takes 20 flushes a minute, then warns (Deepgram, "TTS WebSocket", rate limits). Up to this many go to clauses in
/// the middle of an utterance; what is left is for the first clause and the end of each: four utterances more.
const CLAUSE_FLUSHES: usize = 12;
const MINUTE: Duration = Duration::from_secs(60);
/// Utterances under way; more means that nothing comes back.
const MOST_CONTEXTS: usize = 8;

/// One session.
#[derive(Debug)]
pub struct DeepgramAura {
    config: TtsConfig,
    tolerance: Tolerance,
    queue: VecDeque<Context>,
    samples: Samples,
    /// Utterances a `Clear` for another one took along, to be reported.
    lost: Vec<ContextId>,
    /// `Clear`s not yet answered: until then, what comes belongs to the past.
    clearing: u32,
    closing: bool,
    /// Age of the socket when it was last asked to flush, and at each flush of the last minute.
    now: Duration,
    flushed_at: VecDeque<Duration>,
}

#[derive(Debug)]
struct Context {
    id: ContextId,
    /// Text sent since the last flush.
    unflushed: bool,
    /// Some of it was flushed.
    begun: bool,
    /// Flushes not yet answered.
    flushes: u32,
    finished: bool,
    /// Cancelled while another one was still being spoken: skipped when its turn comes.
    cancelled: bool,
}

impl DeepgramAura {
    /// The vendor documents no idle timeout; a proxy's is usually a minute. Ping frames are the driver's.
    pub(crate) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(30);
    /// The vendor ends a socket at 60 min.
    pub(crate) const RETIRE_AFTER: Duration = Duration::from_secs(55 * 60);

    pub(crate) fn new(config: TtsConfig) -> Self {
        let tolerance = Tolerance::new(Vendor::Deepgram, Tolerance::AUDIO);
        let (queue, samples) = (VecDeque::new(), Samples::default());
        Self {
            config,
            tolerance,
            queue,
            samples,
            lost: Vec::new(),
            clearing: 0,
            closing: false,
            now: Duration::ZERO,
            flushed_at: VecDeque::new(),
        }
    }

    pub(crate) fn connect(&self) -> WsRequest {
        let TtsConfig { endpoint, model, sample_rate, settings, extra, .. } = &self.config;
        let mut query = Query::default();
        query.push_unless(extra, "model", Some(model));
        query.push_unless(extra, "encoding", Some("linear16"));
        query.push_unless(extra, "sample_rate", Some(sample_rate));
        query.push_unless(extra, "speed", settings.speed);
        query.push_all(extra);
        WsRequest {
            url: endpoint.ws(&format!("/v1/speak{}", query.finish())),
            headers: vec![Header::secret("authorization", format!("Token {}", endpoint.key.reveal()))],
        }
    }

    pub(crate) fn open(&mut self, context: ContextId) -> Option<Vec<WsMessage>> {
        let known = self.queue.iter().any(|queued| queued.id == context);
        // Without context ids, the words of two unfinished utterances would be mixed.
        let busy = self.queue.back().is_some_and(|last| !last.finished);
        if known || busy || self.queue.len() >= MOST_CONTEXTS {
            return None;
        }
        self.queue.push_back(Context {
            id: context,
            unflushed: false,
            begun: false,
            flushes: 0,
            finished: false,
            cancelled: false,
        });
        Some(Vec::new())
    }

    pub(crate) fn text(&mut self, context: ContextId, text: &str) -> Vec<WsMessage> {
        let Some(context) = self.unfinished(context).filter(|_| !text.trim().is_empty()) else {
            return Vec::new();
        };
        context.unflushed = true;
        pieces(text).map(|piece| WsMessage::json(&json!({"type": "Speak", "text": piece}))).collect()
    }

    /// Clauses after the first wait for the next flush when the minute has had many.
    pub(crate) fn flush(&mut self, context: ContextId, now: Duration) -> Vec<WsMessage> {
        self.now = now;
        self.flushed_at.retain(|&at| at + MINUTE > now);
        let spent = self.flushed_at.len() >= CLAUSE_FLUSHES;
        match self.unfinished(context) {
            Some(context) if spent && context.begun => Vec::new(),
            _ => self.flush_now(context),
        }
    }

    fn flush_now(&mut self, context: ContextId) -> Vec<WsMessage> {
        let Some(context) = self.unfinished(context) else { return Vec::new() };
        if !std::mem::take(&mut context.unflushed) {
            return Vec::new();
        }
        context.begun = true;
        context.flushes += 1;
        self.flushed_at.push_back(self.now);
        vec![WsMessage::json(&json!({"type": "Flush"}))]
    }

    /// An utterance without anything to flush still needs an answer that ends it.
    pub(crate) fn finish(&mut self, context: ContextId) -> Vec<WsMessage> {
        if let Some(context) = self.unfinished(context) {
            context.unflushed |= context.flushes == 0;
        }
        let messages = self.flush_now(context);
        if let Some(context) = self.unfinished(context) {
            context.finished = true;
        }
        messages
    }

    /// The first of the queue is cleared, and what was queued behind it is lost. A later one is skipped instead.
    pub(crate) fn cancel(&mut self, context: ContextId) -> Vec<WsMessage> {
        let Some(at) = self.queue.iter().position(|queued| queued.id == context) else { return Vec::new() };
        if at > 0 {
            let messages = self.finish(context);
            self.queue[at].cancelled = true;
            return messages;
        }
        self.lost
            .extend(self.queue.drain(..).skip(1).filter(|queued| !queued.cancelled).map(|queued| queued.id));
        self.clearing += 1;
        self.samples = Samples::default();
        vec![WsMessage::json(&json!({"type": "Clear"}))]
    }

    pub(crate) fn keep_alive(&mut self) -> Vec<WsMessage> {
        Vec::new()
    }

    pub(crate) fn close(&mut self) -> Vec<WsMessage> {
        self.closing = true;
        vec![WsMessage::json(&json!({"type": "Close"}))]
    }

    pub(crate) fn decode(&mut self, message: WsMessage) -> Result<Vec<TtsEvent>, Fault> {
        let text = match message {
            WsMessage::Binary(bytes) => {
                self.tolerance.size(bytes.len())?;
                return Ok(self.audio(&bytes));
            }
            WsMessage::Text(text) => text,
            WsMessage::Close { .. } if self.closing => return Ok(vec![TtsEvent::Closed]),
            WsMessage::Close { code, reason } => return Err(closed(code, &reason)),
        };
        Ok(match self.tolerance.parse::<Message>(&text)? {
            Ok(Message::Flushed) => self.flushed(),
            Ok(Message::Cleared) => {
                self.clearing = self.clearing.saturating_sub(1);
                let fault = || Fault::new(Vendor::Deepgram, FaultKind::Disconnected, "Cleared", "");
                self.lost.drain(..).map(|context| TtsEvent::Lost { context, fault: fault() }).collect()
            }
            Ok(Message::Warning { code }) => {
                vec![TtsEvent::Ignored(format!("warning {}", code.unwrap_or_default()))]
            }
            Ok(Message::Error { code, description }) => {
                return Err(Fault::reported(Vendor::Deepgram, &code, &description));
            }
            Ok(Message::Unknown) => {
                vec![TtsEvent::Ignored("message without meaning for the call".to_owned())]
            }
            Err(reason) => vec![TtsEvent::Ignored(reason)],
        })
    }

    fn audio(&mut self, bytes: &[u8]) -> Vec<TtsEvent> {
        if self.clearing > 0 {
            return vec![TtsEvent::Ignored("audio from before the clear".to_owned())];
        }
        let Some(context) = self.queue.front() else {
            return vec![TtsEvent::Ignored("audio nobody asked for".to_owned())];
        };
        let (context, cancelled) = (context.id, context.cancelled);
        let samples = self.samples.push(bytes);
        if cancelled {
            return vec![TtsEvent::Ignored("audio of a cancelled utterance".to_owned())];
        }
        if samples.is_empty() {
            return Vec::new();
        }
        vec![TtsEvent::Audio { context, sample_rate: self.config.sample_rate, samples }]
    }

    fn flushed(&mut self) -> Vec<TtsEvent> {
        let Some(context) =
            self.queue.front_mut().filter(|context| self.clearing == 0 && context.flushes > 0)
        else {
            return vec![TtsEvent::Ignored("flush of a cancelled utterance".to_owned())];
        };
        context.flushes -= 1;
        let (id, cancelled, done) = (context.id, context.cancelled, context.finished && context.flushes == 0);
        if done {
            self.queue.pop_front();
        }
        if cancelled {
            return vec![TtsEvent::Ignored("flush of a cancelled utterance".to_owned())];
        }
        let done = done.then_some(TtsEvent::Done { context: id });
        [TtsEvent::Flushed { context: id }].into_iter().chain(done).collect()
    }

    fn unfinished(&mut self, context: ContextId) -> Option<&mut Context> {
        self.queue.back_mut().filter(|last| last.id == context && !last.finished)
    }
}

/// Pieces of at most the longest text, cut between words where there are any.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(LONGEST_CHARS).map_or(rest.len(), |(at, _)| at);
        let cut = if end == rest.len() { end } else { rest[..end].rfind(' ').map_or(end, |space| space + 1) };
        let (piece, tail) = rest.split_at(cut);
        rest = tail;
        Some(piece)
    })
}

fn closed(code: u16, reason: &str) -> Fault {
    let kind = match code {
        1008 if reason.contains("DATA-0001") => FaultKind::RateLimited,
        1003 | 1008 | 1009 => FaultKind::Refused,
        _ => FaultKind::Disconnected,
    };
    Fault::new(Vendor::Deepgram, kind, code.to_string(), reason)
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Message {
    Flushed,
    Cleared,
    Warning {
        #[serde(alias = "warn_code")]
        code: Option<String>,
    },
    Error {
        #[serde(default, alias = "err_code")]
        code: String,
        #[serde(default, alias = "err_msg", alias = "message")]
        description: String,
    },
    #[serde(other)]
    Unknown,
}
