//! Text to speech: what every vendor's session looks like from outside.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::deepgram_aura::DeepgramAura;
use crate::elevenlabs::ElevenLabs;
use crate::speech_http::TtsHttp;
use crate::{Endpoint, Fault, Vendor, WsMessage, WsRequest};

/// Which protocol to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TtsVendor {
    /// ElevenLabs multi-context WebSocket.
    #[serde(rename = "elevenlabs")]
    ElevenLabs,
    /// Deepgram Aura WebSocket.
    Deepgram,
    /// OpenAI `/audio/speech`, one request a sentence.
    #[serde(rename = "openai")]
    OpenAi,
    /// Groq `/audio/speech`, one request a sentence.
    Groq,
}

impl TtsVendor {
    /// Whose endpoint and key it uses.
    pub fn vendor(self) -> Vendor {
        match self {
            Self::ElevenLabs => Vendor::ElevenLabs,
            Self::Deepgram => Vendor::Deepgram,
            Self::OpenAi => Vendor::OpenAi,
            Self::Groq => Vendor::Groq,
        }
    }
}

/// What the agent's configuration says about its voice.
#[derive(Clone, Debug, PartialEq)]
pub struct TtsConfig {
    /// Protocol.
    pub vendor: TtsVendor,
    /// Address and key.
    pub endpoint: Endpoint,
    /// Vendor's model name.
    pub model: String,
    /// Vendor's name or id of the voice; a cloned voice is just its id. Ignored by Deepgram, whose model names it.
    pub voice: String,
    /// ISO 639-1 language to insist on, where the vendor takes one.
    pub language: Option<String>,
    /// Rate to ask for, hertz. The answer may have another one (OpenAI: always 24 000): see [`TtsEvent::Audio`].
    pub sample_rate: u32,
    /// How the voice speaks.
    pub settings: VoiceSettings,
    /// Further query parameters (sockets) or body fields (HTTP) in the vendor's words; they win over ours of the
    /// same name.
    pub extra: Vec<(String, String)>,
}

/// Passed through where the vendor knows them; absent ones are the vendor's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoiceSettings {
    /// 0 to 1: steadier or livelier (ElevenLabs).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stability: Option<f32>,
    /// 0 to 1: how close to the original (ElevenLabs).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity_boost: Option<f32>,
    /// 0 to 1: exaggeration; above 0 costs time (ElevenLabs).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<f32>,
    /// Closer to the original, costs time (ElevenLabs).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_speaker_boost: Option<bool>,
    /// 1 is the voice's own speed; ElevenLabs takes 0.7 to 1.2, OpenAI 0.25 to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
}

/// One utterance of the agent; unique for the life of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContextId(pub u64);

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl ContextId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('s')?.parse().ok().map(Self)
    }
}

/// A character and when it sounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenChar {
    /// Usually one character.
    pub text: String,
    /// Milliseconds of audio since the context's first sample.
    pub start_ms: u64,
    /// Milliseconds.
    pub duration_ms: u64,
}

/// What a session reports. Nothing comes for a context after it was cancelled.
#[derive(Clone, Debug, PartialEq)]
pub enum TtsEvent {
    /// The next samples of a context, in order.
    Audio {
        /// Whose.
        context: ContextId,
        /// Their rate, hertz.
        sample_rate: u32,
        /// Mono.
        samples: Vec<i16>,
    },
    /// Which characters sound when; comes before the audio it describes.
    Alignment {
        /// Whose.
        context: ContextId,
        /// In order, continuing the last.
        chars: Vec<SpokenChar>,
    },
    /// Everything flushed so far has been delivered.
    Flushed {
        /// Whose.
        context: ContextId,
    },
    /// Everything of a finished context has been delivered.
    Done {
        /// Whose.
        context: ContextId,
    },
    /// The vendor lost this context; others go on.
    Lost {
        /// Whose.
        context: ContextId,
        /// Why.
        fault: Fault,
    },
    /// The session ended as asked.
    Closed,
    /// A message without meaning for the call, with the reason.
    Ignored(String),
}

/// A session in the vendor's protocol.
#[derive(Debug)]
pub enum Tts {
    /// One WebSocket for many utterances.
    Socket(TtsSocket),
    /// One HTTP request a sentence.
    Http(TtsHttp),
}

impl Tts {
    /// The session the configuration asks for.
    pub fn new(config: TtsConfig) -> Self {
        match config.vendor {
            TtsVendor::ElevenLabs => Self::Socket(TtsSocket::ElevenLabs(ElevenLabs::new(config))),
            TtsVendor::Deepgram => Self::Socket(TtsSocket::Deepgram(DeepgramAura::new(config))),
            TtsVendor::OpenAi | TtsVendor::Groq => Self::Http(TtsHttp::new(config)),
        }
    }
}

/// A session over a WebSocket, made for one connection.
///
/// `open`, then any number of `text` and `flush`, then `finish` (deliver everything) or `cancel` (deliver nothing
/// more). Commands for a context that is not open send nothing.
#[derive(Debug)]
pub enum TtsSocket {
    #[doc(hidden)]
    ElevenLabs(ElevenLabs),
    #[doc(hidden)]
    Deepgram(DeepgramAura),
}

impl TtsSocket {
    /// The socket to open.
    pub fn connect(&self) -> WsRequest {
        match self {
            Self::ElevenLabs(session) => session.connect(),
            Self::Deepgram(session) => session.connect(),
        }
    }

    /// Starts an utterance; `None` when the socket is full (cancelled contexts count until the vendor has let them
    /// go): use another socket.
    pub fn open(&mut self, context: ContextId) -> Option<Vec<WsMessage>> {
        match self {
            Self::ElevenLabs(session) => session.open(context),
            Self::Deepgram(session) => session.open(context),
        }
    }

    /// More words: whole sentences or clauses.
    pub fn text(&mut self, context: ContextId, text: &str) -> Vec<WsMessage> {
        match self {
            Self::ElevenLabs(session) => session.text(context, text),
            Self::Deepgram(session) => session.text(context, text),
        }
    }

    /// Speak what was sent so far without waiting for more, unless the vendor was asked too often. `now` is the age of the
    /// socket.
    pub fn flush(&mut self, context: ContextId, now: Duration) -> Vec<WsMessage> {
        match self {
            Self::ElevenLabs(session) => session.flush(context),
            Self::Deepgram(session) => session.flush(context, now),
        }
    }

    /// No more words; [`TtsEvent::Done`] follows the last audio.
    pub fn finish(&mut self, context: ContextId) -> Vec<WsMessage> {
        match self {
            Self::ElevenLabs(session) => session.finish(context),
            Self::Deepgram(session) => session.finish(context),
        }
    }

    /// Barge-in: no more of this, not even what is under way.
    pub fn cancel(&mut self, context: ContextId) -> Vec<WsMessage> {
        match self {
            Self::ElevenLabs(session) => session.cancel(context),
            Self::Deepgram(session) => session.cancel(context),
        }
    }

    /// What to send when nothing was sent for [`Self::keep_alive_after`].
    pub fn keep_alive(&mut self) -> Vec<WsMessage> {
        match self {
            Self::ElevenLabs(session) => session.keep_alive(),
            Self::Deepgram(session) => session.keep_alive(),
        }
    }

    /// How long the vendor may go without a message.
    pub fn keep_alive_after(&self) -> Duration {
        match self {
            Self::ElevenLabs(_) => ElevenLabs::KEEP_ALIVE_AFTER,
            Self::Deepgram(_) => DeepgramAura::KEEP_ALIVE_AFTER,
        }
    }

    /// Age at which to open a new socket at an idle point.
    pub fn retire_after(&self) -> Duration {
        match self {
            Self::ElevenLabs(_) => ElevenLabs::RETIRE_AFTER,
            Self::Deepgram(_) => DeepgramAura::RETIRE_AFTER,
        }
    }

    /// Asks the vendor to close.
    pub fn close(&mut self) -> Vec<WsMessage> {
        match self {
            Self::ElevenLabs(session) => session.close(),
            Self::Deepgram(session) => session.close(),
        }
    }

    /// What a message from the vendor means.
    ///
    /// # Errors
    /// When the session is over without being asked to, or beyond help; every open context is lost.
    pub fn decode(&mut self, message: WsMessage) -> Result<Vec<TtsEvent>, Fault> {
        match self {
            Self::ElevenLabs(session) => session.decode(message),
            Self::Deepgram(session) => session.decode(message),
        }
    }
}
