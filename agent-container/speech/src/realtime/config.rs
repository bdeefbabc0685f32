//! What the agent's configuration says about speech to speech.

use serde_json::{Map, Value};

use crate::{ChatMessage, Endpoint, Tool, ToolChoice};

/// What the agent's configuration says about a speech-to-speech model.
#[derive(Clone, Debug, PartialEq)]
pub struct RealtimeConfig {
    /// Address and key.
    pub endpoint: Endpoint,
    /// Vendor's model name.
    pub model: String,
    /// Vendor's voice name; empty for the vendor's own choice.
    pub voice: String,
    /// Prompt.
    pub instructions: String,
    /// Functions the model may ask for.
    pub tools: Vec<Tool>,
    /// Whether it must, may or must not.
    pub tool_choice: ToolChoice,
    /// Model that writes down what the caller says; nothing is written down without one.
    pub transcription_model: Option<String>,
    /// ISO 639-1 language of the caller, for that model.
    pub language: Option<String>,
    /// Who decides about turns.
    pub turns: TurnDetection,
    /// Longest reply, tokens.
    pub max_output_tokens: Option<u32>,
    /// What was said before, when the socket replaces another one.
    pub history: Vec<ChatMessage>,
    /// Further fields of the session in the vendor's words; they win over ours of the same name.
    pub extra: Map<String, Value>,
}

/// Who decides when the caller's turn begins and ends.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnDetection {
    /// The vendor, by energy; it answers and interrupts itself by itself.
    Server {
        /// 0 to 1.
        threshold: f32,
        /// Audio kept from before the onset, milliseconds.
        prefix_padding_ms: u32,
        /// Silence that ends a turn, milliseconds.
        silence_ms: u32,
        /// Silence after which the model speaks up by itself, 5000 to 30 000 milliseconds.
        idle_timeout_ms: Option<u32>,
    },
    /// The vendor, by meaning: `low`, `medium`, `high` or `auto`.
    Semantic {
        /// How soon.
        eagerness: String,
    },
    /// We: [`crate::RealtimeSocket::commit`].
    Ours,
}
