//! What goes to each vendor and what its answers mean, as tables.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod anthropic;
mod assemblyai;
mod deepgram_aura;
mod deepgram_flux;
mod deepgram_listen;
mod elevenlabs;
mod fallback;
mod faults;
mod nonsense;
mod openai_chat;
mod realtime;
mod speech_http;
mod sse;
mod whisper;

use serde_json::Value;
use speech::{Body, Endpoint, WsMessage};

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::new("http://127.0.0.1:8000", "k3y")
}

pub(crate) fn text(message: &str) -> WsMessage {
    WsMessage::Text(message.to_owned())
}

/// Messages as JSON, to compare without minding the order of fields.
pub(crate) fn json(messages: &[WsMessage]) -> Vec<Value> {
    messages
        .iter()
        .map(|message| match message {
            WsMessage::Text(text) => serde_json::from_str(text).unwrap(),
            other => panic!("not text: {other:?}"),
        })
        .collect()
}

pub(crate) fn body(body: &Body) -> Value {
    serde_json::from_slice(&body.0).unwrap()
}
