//! Speech to text: what every vendor's session looks like from outside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::assemblyai::AssemblyAi;
use crate::deepgram_flux::DeepgramFlux;
use crate::deepgram_listen::DeepgramListen;
use crate::whisper::SttFile;
use crate::{Endpoint, Fault, Vendor, WsMessage, WsRequest};

/// Which protocol to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SttVendor {
    /// Deepgram `/v1/listen` (Nova).
    Deepgram,
    /// Deepgram `/v2/listen` (Flux).
    DeepgramFlux,
    /// AssemblyAI streaming v3.
    #[serde(rename = "assemblyai")]
    AssemblyAi,
    /// OpenAI `/audio/transcriptions`, one request an utterance.
    #[serde(rename = "openai")]
    OpenAi,
    /// Groq `/audio/transcriptions`, one request an utterance.
    Groq,
}

impl SttVendor {
    /// Whose endpoint and key it uses.
    pub fn vendor(self) -> Vendor {
        match self {
            Self::Deepgram | Self::DeepgramFlux => Vendor::Deepgram,
            Self::AssemblyAi => Vendor::AssemblyAi,
            Self::OpenAi => Vendor::OpenAi,
            Self::Groq => Vendor::Groq,
        }
    }
}

/// What the agent's configuration says about speech to text.
#[derive(Clone, Debug, PartialEq)]
pub struct SttConfig {
    /// Protocol.
    pub vendor: SttVendor,
    /// Address and key.
    pub endpoint: Endpoint,
    /// Vendor's model name.
    pub model: String,
    /// BCP 47 language; the vendor's default when absent.
    pub language: Option<String>,
    /// Rate of the samples given to `audio`, hertz. The pipeline's is 16 000.
    pub sample_rate: u32,
    /// The rest.
    pub options: SttOptions,
}

/// Settings with a meaning for more than one vendor, and a way to pass any other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SttOptions {
    /// Silence after which the vendor closes an utterance, milliseconds.
    pub endpointing_ms: Option<u32>,
    /// Words to expect: names, products.
    pub keyterms: Vec<String>,
    /// Confidence that ends a turn (Flux, AssemblyAI), 0 to 1.
    pub end_of_turn_threshold: Option<f32>,
    /// Confidence of a speculative end (Flux), 0 to 1; off when absent.
    pub eager_threshold: Option<f32>,
    /// Silence that ends a turn whatever the model thinks (Flux, AssemblyAI), milliseconds.
    pub end_of_turn_timeout_ms: Option<u32>,
    /// Further query parameters or form fields in the vendor's words; they win over ours of the same name.
    pub extra: Vec<(String, String)>,
}

/// Words with their place in the stream of audio sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The words, never empty in an event.
    pub text: String,
    /// Start of the first word or of the stretch it was found in, milliseconds of audio sent.
    pub start_ms: u64,
    /// End of the last word or of the stretch, milliseconds of audio sent.
    pub end_ms: u64,
    /// Vendor's confidence, 0 to 1; 1 when it gives none.
    pub confidence: f32,
    /// Language heard, when the vendor says so.
    pub language: Option<String>,
}

/// What a session reports. The same text comes in exactly one `Final`; everything else with text is a preview of
/// the words after the last `Final`.
#[derive(Clone, Debug, PartialEq)]
pub enum SttEvent {
    /// The vendor accepted the session.
    Ready {
        /// Vendor's id of the session, for its support.
        request_id: String,
    },
    /// The vendor heard speech begin. May repeat, may never come.
    SpeechStarted {
        /// Milliseconds of audio sent.
        at_ms: u64,
    },
    /// Words so far since the last `Final`; replaces the interim before.
    Interim(Transcript),
    /// Settled words; append to those of the turn.
    Final(Transcript),
    /// The turn is probably over with these words: worth a speculative reply.
    EagerEndOfTurn(Transcript),
    /// Words of an utterance that goes on, asked for by [`crate::SttFile::so_far`]; empty when there are none yet.
    SoFar(Transcript),
    /// The eager end was wrong: the caller goes on.
    TurnResumed,
    /// The vendor heard the speech pause or end. May come twice, or without words before it.
    EndOfSpeech {
        /// End of the last word, milliseconds of audio sent, when known.
        at_ms: Option<u64>,
    },
    /// The vendor's model says the turn is over; the words came as `Final` before.
    EndOfTurn {
        /// Confidence, 0 to 1.
        confidence: f32,
    },
    /// The answer to `finalize`: everything heard before it is settled. Not guaranteed to come: wait at most
    /// [`Stt::FINALIZE_BUDGET`].
    Flushed,
    /// The session ended as asked.
    Closed,
    /// A message without meaning for the call, with the reason.
    Ignored(String),
}

/// A session in the vendor's protocol.
#[derive(Debug)]
pub enum Stt {
    /// One WebSocket for the call.
    Socket(SttSocket),
    /// One HTTP request an utterance.
    File(SttFile),
}

impl Stt {
    /// Longest useful wait for [`SttEvent::Flushed`] (Deepgram gives no guarantee; its clients wait 300 to 500 ms).
    pub const FINALIZE_BUDGET: Duration = Duration::from_millis(500);

    /// The session the configuration asks for.
    pub fn new(config: SttConfig) -> Self {
        match config.vendor {
            SttVendor::Deepgram => Self::Socket(SttSocket::Deepgram(DeepgramListen::new(config))),
            SttVendor::DeepgramFlux => Self::Socket(SttSocket::Flux(DeepgramFlux::new(config))),
            SttVendor::AssemblyAi => Self::Socket(SttSocket::AssemblyAi(AssemblyAi::new(config))),
            SttVendor::OpenAi | SttVendor::Groq => Self::File(SttFile::new(config)),
        }
    }
}

/// A session over a WebSocket. After a reconnect, make a new one: stream times start at zero again.
#[derive(Debug)]
pub enum SttSocket {
    #[doc(hidden)]
    Deepgram(DeepgramListen),
    #[doc(hidden)]
    Flux(DeepgramFlux),
    #[doc(hidden)]
    AssemblyAi(AssemblyAi),
}

impl SttSocket {
    /// The socket to open.
    pub fn connect(&self) -> WsRequest {
        match self {
            Self::Deepgram(session) => session.connect(),
            Self::Flux(session) => session.connect(),
            Self::AssemblyAi(session) => session.connect(),
        }
    }

    /// Audio at the configured rate, any length. Vendors that want larger chunks get them gathered: then there is
    /// nothing to send yet.
    pub fn audio(&mut self, samples: &[i16]) -> Option<WsMessage> {
        match self {
            Self::Deepgram(session) => session.audio(samples),
            Self::Flux(session) => session.audio(samples),
            Self::AssemblyAi(session) => session.audio(samples),
        }
    }

    /// What to send when no audio was sent for [`Self::keep_alive_after`], and again after each such time.
    pub fn keep_alive(&mut self) -> Vec<WsMessage> {
        match self {
            Self::Deepgram(session) => session.keep_alive(),
            Self::Flux(session) => session.keep_alive(),
            Self::AssemblyAi(session) => session.keep_alive(),
        }
    }

    /// How long the vendor may go without audio.
    pub fn keep_alive_after(&self) -> Duration {
        match self {
            Self::Deepgram(_) => DeepgramListen::KEEP_ALIVE_AFTER,
            Self::Flux(_) => DeepgramFlux::KEEP_ALIVE_AFTER,
            Self::AssemblyAi(_) => AssemblyAi::KEEP_ALIVE_AFTER,
        }
    }

    /// Our own VAD heard the end of speech: ask for the words now.
    pub fn finalize(&mut self) -> Vec<WsMessage> {
        match self {
            Self::Deepgram(session) => session.finalize(),
            Self::Flux(session) => session.finalize(),
            Self::AssemblyAi(session) => session.finalize(),
        }
    }

    /// Asks the vendor to settle the rest and close; [`SttEvent::Closed`] follows.
    pub fn close(&mut self) -> Vec<WsMessage> {
        match self {
            Self::Deepgram(session) => session.close(),
            Self::Flux(session) => session.close(),
            Self::AssemblyAi(session) => session.close(),
        }
    }

    /// What a message from the vendor means.
    ///
    /// # Errors
    /// When the session is over without being asked to, or beyond help.
    pub fn decode(&mut self, message: WsMessage) -> Result<Vec<SttEvent>, Fault> {
        match self {
            Self::Deepgram(session) => session.decode(message),
            Self::Flux(session) => session.decode(message),
            Self::AssemblyAi(session) => session.decode(message),
        }
    }
}

/// `en` of `en-US`, for vendors that name languages without their country.
pub(crate) fn primary(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

/// Milliseconds from a vendor's seconds; nonsense (negative, not a number) becomes 0.
pub(crate) fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}
