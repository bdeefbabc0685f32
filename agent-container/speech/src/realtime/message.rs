//! Messages of the vendor, by their GA names and, where they only differ by name, by those of the beta, which some
//! Azure endpoints still speak.

use serde::Deserialize;

use crate::{Fault, FaultKind, Usage, Vendor};

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Message {
    #[serde(rename = "session.created")]
    SessionCreated { session: Session },
    #[serde(rename = "session.updated")]
    SessionUpdated,
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted {
        #[serde(default)]
        audio_start_ms: u64,
    },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped {
        #[serde(default)]
        audio_end_ms: u64,
    },
    #[serde(rename = "input_audio_buffer.timeout_triggered")]
    IdleTimeout,
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    CallerDelta {
        #[serde(default)]
        delta: String,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    CallerCompleted {
        #[serde(default)]
        transcript: String,
    },
    #[serde(rename = "response.created")]
    ResponseCreated,
    #[serde(rename = "response.output_audio.delta", alias = "response.audio.delta")]
    AudioDelta { item_id: String, delta: String },
    #[serde(
        rename = "response.output_audio_transcript.delta",
        alias = "response.audio_transcript.delta",
        alias = "response.output_text.delta",
        alias = "response.text.delta"
    )]
    TextDelta { item_id: String, delta: String },
    #[serde(rename = "response.function_call_arguments.done")]
    ToolCall {
        call_id: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        arguments: String,
    },
    #[serde(rename = "response.done")]
    ResponseDone { response: Done },
    #[serde(rename = "error")]
    Error { error: Complaint },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct Session {
    #[serde(default)]
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    pub(super) status: String,
    status_details: Option<Details>,
    pub(super) usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Details {
    error: Option<Complaint>,
}

impl Done {
    pub(super) fn fault(&self) -> Fault {
        match self.status_details.as_ref().and_then(|details| details.error.as_ref()) {
            Some(error) => Fault::reported(Vendor::OpenAi, error.code(), &error.message),
            None => Fault::new(Vendor::OpenAi, FaultKind::Unavailable, "failed", ""),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Complaint {
    code: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    pub(super) message: String,
    /// The message of ours that it is about.
    pub(super) event_id: Option<String>,
}

impl Complaint {
    pub(super) fn code(&self) -> &str {
        self.code.as_deref().or(self.kind.as_deref()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    input_token_details: Option<InputTokens>,
}

#[derive(Deserialize)]
struct InputTokens {
    #[serde(default)]
    cached_tokens: u64,
}

impl From<Tokens> for Usage {
    fn from(tokens: Tokens) -> Self {
        Self {
            input_tokens: tokens.input_tokens,
            cached_tokens: tokens.input_token_details.map_or(0, |details| details.cached_tokens),
            output_tokens: tokens.output_tokens,
        }
    }
}
