//! ElevenLabs text to speech over the multi-context WebSocket.
//!
//! A context is `Open` → (`finish` or `cancel`) → `Closing`/`Cancelled` → gone at `isFinal`. Closing is
//! asynchronous at the vendor, so a context counts until its `isFinal`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::openai_chat::rounded;
use crate::pcm::{Samples, from_base64};
use crate::tolerance::Tolerance;
use crate::wire::{Header, Query, escape};
use crate::{
    ContextId, Fault, FaultKind, SpokenChar, TtsConfig, TtsEvent, Vendor, VoiceSettings, WsMessage, WsRequest,
};

/// The vendor closes the whole socket at the 6th context; one is kept in reserve for keep-alive.
const MOST_CONTEXTS: usize = 4;
/// Longest the vendor allows, seconds.
const INACTIVITY_TIMEOUT_S: u32 = 180;
/// Name of the context that keeps an idle socket open.
const KEEPER: &str = "keep";

/// One session.
#[derive(Debug)]
pub struct ElevenLabs {
    config: TtsConfig,
    tolerance: Tolerance,
    contexts: BTreeMap<ContextId, Context>,
    keepers: u32,
    closing: bool,
}

#[derive(Debug)]
struct Context {
    state: State,
    samples: Samples,
    delivered: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Finishing,
    Cancelled,
}

impl ElevenLabs {
    /// A third of the inactivity timeout asked for.
    pub(crate) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);
    /// No maximum age is documented; Deepgram's and OpenAI's is 60 min.
    pub(crate) const RETIRE_AFTER: Duration = Duration::from_secs(55 * 60);

    pub(crate) fn new(config: TtsConfig) -> Self {
        let tolerance = Tolerance::new(Vendor::ElevenLabs, Tolerance::AUDIO);
        Self { config, tolerance, contexts: BTreeMap::new(), keepers: 0, closing: false }
    }

    pub(crate) fn connect(&self) -> WsRequest {
        let TtsConfig { endpoint, model, voice, language, sample_rate, extra, .. } = &self.config;
        let format = format!("pcm_{sample_rate}");
        let inactivity = INACTIVITY_TIMEOUT_S.to_string();
        let ours = [
            ("model_id", Some(model.as_str())),
            ("output_format", Some(&format)),
            ("language_code", language.as_deref()),
            // Whole sentences are sent, so the vendor need not wait for 120 characters.
            ("auto_mode", Some("true")),
            ("sync_alignment", Some("true")),
            ("inactivity_timeout", Some(&inactivity)),
        ];
        let mut query = Query::default();
        for (name, value) in ours {
            query.push_unless(extra, name, value);
        }
        query.push_all(extra);
        let path = format!("/v1/text-to-speech/{}/multi-stream-input{}", escape(voice), query.finish());
        WsRequest {
            url: endpoint.ws(&path),
            headers: vec![Header::secret("xi-api-key", endpoint.key.reveal())],
        }
    }

    pub(crate) fn open(&mut self, context: ContextId) -> Option<Vec<WsMessage>> {
        if self.contexts.len() >= MOST_CONTEXTS || self.contexts.contains_key(&context) {
            return None;
        }
        let fresh = Context { state: State::Open, samples: Samples::default(), delivered: 0 };
        self.contexts.insert(context, fresh);
        // Settings are taken from the first message of a context or never.
        let mut first = json!({"text": " ", "context_id": context.to_string()});
        if let Some(settings) = settings(&self.config.settings) {
            first["voice_settings"] = settings;
        }
        Some(vec![WsMessage::json(&first)])
    }

    pub(crate) fn text(&mut self, context: ContextId, text: &str) -> Vec<WsMessage> {
        // Empty text is a keep-alive at best and the end of the stream at worst.
        if text.trim().is_empty() {
            return Vec::new();
        }
        let spaced = format!("{} ", text.trim_end());
        self.when_open(context, |id| vec![WsMessage::json(&json!({"text": spaced, "context_id": id}))])
    }

    pub(crate) fn flush(&mut self, context: ContextId) -> Vec<WsMessage> {
        self.when_open(context, |id| vec![flush(&id)])
    }

    pub(crate) fn finish(&mut self, context: ContextId) -> Vec<WsMessage> {
        let messages = self.when_open(context, |id| vec![flush(&id), close_context(&id)]);
        self.turn(context, State::Finishing);
        messages
    }

    pub(crate) fn cancel(&mut self, context: ContextId) -> Vec<WsMessage> {
        let messages = self.when_open(context, |id| vec![close_context(&id)]);
        self.turn(context, State::Cancelled);
        messages
    }

    /// Empty text resets a context's clock, but only after its first message; an idle socket opens and closes one.
    pub(crate) fn keep_alive(&mut self) -> Vec<WsMessage> {
        let open = self.contexts.iter().filter(|(_, context)| context.state == State::Open);
        let messages: Vec<_> =
            open.map(|(id, _)| WsMessage::json(&json!({"text": "", "context_id": id.to_string()}))).collect();
        if !messages.is_empty() {
            return messages;
        }
        self.keepers += 1;
        let id = format!("{KEEPER}{}", self.keepers);
        vec![WsMessage::json(&json!({"text": " ", "context_id": id})), close_context(&id)]
    }

    pub(crate) fn close(&mut self) -> Vec<WsMessage> {
        self.closing = true;
        vec![WsMessage::json(&json!({"close_socket": true}))]
    }

    pub(crate) fn decode(&mut self, message: WsMessage) -> Result<Vec<TtsEvent>, Fault> {
        let text = match message {
            WsMessage::Text(text) => text,
            // Seen from proxies: the same JSON in a binary frame.
            WsMessage::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            WsMessage::Close { .. } if self.closing => return Ok(vec![TtsEvent::Closed]),
            WsMessage::Close { code, reason } => return Err(closed(code, &reason)),
        };
        match self.tolerance.parse::<Message>(&text)? {
            Ok(message) => self.understand(message),
            Err(reason) => Ok(vec![TtsEvent::Ignored(reason)]),
        }
    }

    fn understand(&mut self, message: Message) -> Result<Vec<TtsEvent>, Fault> {
        if let Some(error) = message.error {
            return Err(reported(&error, message.message.as_deref().unwrap_or_default()));
        }
        let name = message.context_id.unwrap_or_default();
        if name.starts_with(KEEPER) {
            return Ok(vec![TtsEvent::Ignored("answer to keep-alive".to_owned())]);
        }
        let id = ContextId::parse(&name).filter(|id| self.contexts.contains_key(id));
        let Some((id, context)) = id.and_then(|id| Some((id, self.contexts.get_mut(&id)?))) else {
            return Ok(vec![TtsEvent::Ignored("unknown context".to_owned())]);
        };
        let is_final = message.is_final == Some(true);
        let rate = self.config.sample_rate;
        let mut events = Vec::new();
        if context.state == State::Cancelled {
            events.push(TtsEvent::Ignored("cancelled context".to_owned()));
        } else {
            let alignment = message.alignment.or(message.normalized_alignment);
            events.extend(context.align(id, rate, alignment));
            match message.audio.as_deref().filter(|audio| !audio.is_empty()).map(from_base64) {
                Some(None) => events.extend(
                    self.tolerance.ignore::<()>("audio is not base64".into())?.err().map(TtsEvent::Ignored),
                ),
                Some(Some(bytes)) => events.extend(context.audio(id, rate, &bytes)),
                None => {}
            }
            if message.kind.as_deref() == Some("flush_done") {
                events.push(TtsEvent::Flushed { context: id });
            }
            if is_final {
                events.push(TtsEvent::Done { context: id });
            }
        }
        if is_final {
            self.contexts.remove(&id);
        }
        Ok(events)
    }

    fn when_open(&self, context: ContextId, then: impl FnOnce(String) -> Vec<WsMessage>) -> Vec<WsMessage> {
        match self.contexts.get(&context) {
            Some(Context { state: State::Open, .. }) => then(context.to_string()),
            _ => Vec::new(),
        }
    }

    fn turn(&mut self, context: ContextId, state: State) {
        if let Some(context) = self.contexts.get_mut(&context) {
            context.state = state;
        }
    }
}

impl Context {
    fn audio(&mut self, context: ContextId, sample_rate: u32, bytes: &[u8]) -> Option<TtsEvent> {
        let samples = self.samples.push(bytes);
        self.delivered += samples.len() as u64;
        (!samples.is_empty()).then_some(TtsEvent::Audio { context, sample_rate, samples })
    }

    /// Times are relative to the chunk they come with: the audio delivered before it is added.
    fn align(&self, context: ContextId, sample_rate: u32, alignment: Option<Alignment>) -> Option<TtsEvent> {
        let alignment = alignment?;
        let before_ms = self.delivered * 1000 / u64::from(sample_rate.max(1));
        let times = alignment.starts.into_iter().zip(alignment.durations);
        let chars = alignment.chars.into_iter().zip(times).map(|(text, (start, duration))| SpokenChar {
            text,
            start_ms: before_ms + start as u64,
            duration_ms: duration as u64,
        });
        let chars: Vec<_> = chars.collect();
        (!chars.is_empty()).then_some(TtsEvent::Alignment { context, chars })
    }
}

fn flush(id: &str) -> WsMessage {
    WsMessage::json(&json!({"context_id": id, "flush": true}))
}

fn close_context(id: &str) -> WsMessage {
    WsMessage::json(&json!({"context_id": id, "close_context": true}))
}

fn settings(settings: &VoiceSettings) -> Option<Value> {
    let mut object = serde_json::Map::new();
    let numbers = [
        ("stability", settings.stability),
        ("similarity_boost", settings.similarity_boost),
        ("style", settings.style),
        ("speed", settings.speed),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            object.insert(name.into(), rounded(value));
        }
    }
    if let Some(boost) = settings.use_speaker_boost {
        object.insert("use_speaker_boost".into(), boost.into());
    }
    (!object.is_empty()).then_some(Value::Object(object))
}

/// Every error but these is fatal for the socket and closes it with 1008.
fn reported(error: &Value, message: &str) -> Fault {
    let code = error.as_str().or_else(|| error.get("code")?.as_str()).unwrap_or_default();
    let message = error.get("message").and_then(Value::as_str).unwrap_or(message);
    Fault::reported(Vendor::ElevenLabs, code, message)
}

fn closed(code: u16, reason: &str) -> Fault {
    let kind = match code {
        // Sent without an error message before it when the first message of a context was wrong.
        1008 if reason.contains("timeout") => FaultKind::TimedOut,
        1008 => FaultKind::Refused,
        _ => FaultKind::Disconnected,
    };
    Fault::new(Vendor::ElevenLabs, kind, code.to_string(), reason)
}

/// Both spellings of every key are in use.
#[derive(Deserialize)]
struct Message {
    audio: Option<String>,
    #[serde(alias = "isFinal")]
    is_final: Option<bool>,
    #[serde(alias = "contextId")]
    context_id: Option<String>,
    alignment: Option<Alignment>,
    #[serde(alias = "normalizedAlignment")]
    normalized_alignment: Option<Alignment>,
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Alignment {
    #[serde(default)]
    chars: Vec<String>,
    #[serde(default, alias = "charStartTimesMs", alias = "charsStartTimesMs", alias = "char_start_times_ms")]
    starts: Vec<f64>,
    #[serde(default, alias = "charDurationsMs", alias = "charsDurationsMs", alias = "char_durations_ms")]
    durations: Vec<f64>,
}
