//! How one service behaves: delays, pace, fault.

use serde::{Deserialize, Serialize};

/// A protocol of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Deepgram `/v1/listen`.
    DeepgramListen,
    /// Deepgram `/v2/listen` (Flux).
    DeepgramFlux,
    /// Deepgram `/v1/speak` (Aura), WebSocket and HTTP.
    DeepgramSpeak,
    /// OpenAI `/v1/chat/completions`.
    OpenaiChat,
    /// OpenAI `/v1/audio/transcriptions`.
    OpenaiTranscriptions,
    /// OpenAI `/v1/audio/speech`.
    OpenaiSpeech,
    /// OpenAI `/v1/realtime`.
    OpenaiRealtime,
    /// Anthropic `/v1/messages`.
    Anthropic,
    /// ElevenLabs text to speech.
    Elevenlabs,
    /// AssemblyAI `/v3/ws`.
    Assemblyai,
    /// Groq `/openai/v1/chat/completions`.
    GroqChat,
    /// Groq `/openai/v1/audio/transcriptions`.
    GroqTranscriptions,
    /// Groq `/openai/v1/audio/speech`.
    GroqSpeech,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Every delay is longer by `ms` (5000 when not set).
    Slow,
    /// Nothing more is said; the connection stays.
    Silent,
    /// The vendor's own error in the middle of the stream, then what the vendor does after it.
    Error,
    /// HTTP 429 instead of an answer or upgrade.
    RateLimited,
    /// HTTP 401 instead of an answer or upgrade.
    Unauthorized,
    /// HTTP 503 instead of an answer or upgrade.
    Unavailable,
    /// TCP connection dropped without a word.
    Disconnect,
    /// The session reached its maximum age, in the vendor's words.
    Expired,
    /// Truncated JSON, unknown types and bytes that are not UTF-8 in between, then on as usual.
    Garbage,
    /// One message far larger than any honest one, then on as usual.
    Oversize,
}

/// Settings of a service; absent ones are the default's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Delay before the upgrade or the response headers, milliseconds.
    pub connect_ms: Option<u64>,
    /// Delay to the final transcript after the end of speech was noticed, to the first token, to the first audio.
    pub first_ms: Option<u64>,
    /// Tokens per second of a language model; multiple of real time of a voice.
    pub rate: Option<f64>,
    /// Fault.
    pub fault: Option<FaultKind>,
    /// Messages or chunks the vendor sends before the fault strikes.
    pub after: Option<u32>,
    /// Argument of [`FaultKind::Slow`].
    pub ms: Option<u64>,
    /// What the protocol allows and a careless client trips over: other spellings, unanswered messages, chunks cut
    /// differently, missing marks.
    pub quirks: Option<bool>,
    /// Whose utterances are counted together where each comes in a request of its own (transcriptions); callers
    /// speaking at the same time need different ones.
    pub caller: Option<String>,
}

impl Behaviour {
    /// These settings where set, else the other's.
    pub fn or(self, other: &Self) -> Self {
        Self {
            connect_ms: self.connect_ms.or(other.connect_ms),
            first_ms: self.first_ms.or(other.first_ms),
            rate: self.rate.or(other.rate),
            fault: self.fault.or(other.fault),
            after: self.after.or(other.after),
            ms: self.ms.or(other.ms),
            quirks: self.quirks.or(other.quirks),
            caller: self.caller.or_else(|| other.caller.clone()),
        }
    }

    /// Settings behind the `?` of a key.
    ///
    /// # Errors
    /// When there is something there that is not a setting.
    pub fn from_key(key: &str) -> Result<Self, String> {
        let Some((_, settings)) = key.split_once('?') else { return Ok(Self::default()) };
        let pairs = settings.split('&').filter_map(|pair| pair.split_once('='));
        let object = pairs.map(|(name, value)| {
            let plain = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            let value = if name == "caller" { value.into() } else { plain };
            (name.to_owned(), value)
        });
        serde_json::from_value(serde_json::Value::Object(object.collect())).map_err(|error| error.to_string())
    }

    pub(crate) fn quirks(&self) -> bool {
        self.quirks == Some(true)
    }

    pub(crate) fn connect_ms(&self) -> u64 {
        self.connect_ms.unwrap_or(0) + self.slower()
    }

    pub(crate) fn first_ms(&self) -> u64 {
        self.first_ms.unwrap_or(0) + self.slower()
    }

    pub(crate) fn rate(&self) -> f64 {
        self.rate.filter(|rate| *rate > 0.0).unwrap_or(1.0)
    }

    fn slower(&self) -> u64 {
        if self.fault == Some(FaultKind::Slow) { self.ms.unwrap_or(5000) } else { 0 }
    }
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::DeepgramListen,
        Self::DeepgramFlux,
        Self::DeepgramSpeak,
        Self::OpenaiChat,
        Self::OpenaiTranscriptions,
        Self::OpenaiSpeech,
        Self::OpenaiRealtime,
        Self::Anthropic,
        Self::Elevenlabs,
        Self::Assemblyai,
        Self::GroqChat,
        Self::GroqTranscriptions,
        Self::GroqSpeech,
    ];

    /// What a quick vendor does on a good day.
    pub(crate) fn usual(self) -> Behaviour {
        let (first_ms, rate) = match self {
            Self::DeepgramListen | Self::DeepgramFlux | Self::Assemblyai => (100, 1.0),
            Self::OpenaiTranscriptions | Self::GroqTranscriptions => (250, 1.0),
            Self::OpenaiChat | Self::GroqChat | Self::Anthropic => (200, 80.0),
            Self::DeepgramSpeak | Self::Elevenlabs | Self::OpenaiSpeech | Self::GroqSpeech => (120, 8.0),
            Self::OpenaiRealtime => (300, 4.0),
        };
        Behaviour { first_ms: Some(first_ms), rate: Some(rate), ..Behaviour::default() }
    }
}
