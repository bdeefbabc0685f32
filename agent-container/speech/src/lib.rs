//! What is said to speech and language vendors, and what their answers mean; no socket, clock or runtime.
//!
//! One file a vendor. Each turns a request into bytes ([`HttpRequest`], [`WsRequest`], [`WsMessage`]) and bytes
//! into events ([`SttEvent`], [`ChatEvent`], [`TtsEvent`], [`RealtimeEvent`]); the agent owns the sockets.
//!
//! ```text
//! SttConfig ─▶ Stt::new ─┬▶ Stt::Socket: connect, audio, keep_alive, finalize, close, decode
//!                        └▶ Stt::File:   audio (buffers), finalize ─▶ HttpRequest, decode(status, body)
//! LlmConfig ─▶ request(&ChatRequest) ─▶ HttpRequest;  stream() ─▶ ChatStream::push(bytes) ─▶ ChatEvent
//! RealtimeConfig ─▶ RealtimeSocket: connect, audio, interrupt, tool_result, poll_send, decode
//! TtsConfig ─▶ Tts::new ─┬▶ Tts::Socket: connect, open, text, flush, finish, cancel, keep_alive, decode
//!                        └▶ Tts::Http:   request(text) ─▶ HttpRequest;  stream(context) ─▶ TtsStream::push(bytes)
//! ```
//!
//! What is the same everywhere:
//! * Audio is mono `i16` at the configured rate; bytes on the wire are little endian.
//! * A message nobody can read is [`SttEvent::Ignored`] (or its sibling) with a reason, until too many come in a
//!   row: then, like everything the session cannot survive, it is a [`Fault`], which says who is to blame and
//!   whether another try makes sense.
//! * No model, voice or language is named in code: the configuration of the agent names them.
//! * Keys are [`Key`]: they print as `***`.
//! * Which vendor comes next after a fault, and after how long, is decided by [`Fallback`] and [`Attempt`].

#![warn(missing_docs)]

mod anthropic;
mod assemblyai;
mod deepgram_aura;
mod deepgram_flux;
mod deepgram_listen;
mod elevenlabs;
mod fallback;
mod fault;
mod key;
mod llm;
mod openai_chat;
mod pcm;
mod realtime;
mod speech_http;
mod sse;
mod stt;
mod tolerance;
mod tts;
mod vendor;
mod wav;
mod whisper;
mod wire;

pub use fallback::{
    Attempt, BreakerSettings, Changed, Deadlines, Delivered, Fallback, Kind, Next, reconnect_after,
};
pub use fault::{Blame, Fault, FaultKind, Retry};
pub use key::Key;
pub use llm::{
    ChatEvent, ChatMessage, ChatRequest, ChatStream, FinishReason, LlmConfig, LlmOptions, Tool, ToolCall,
    ToolChoice, Usage,
};
pub use realtime::{Outcome, RealtimeConfig, RealtimeEvent, RealtimeSocket, TurnDetection};
pub use speech_http::{TtsHttp, TtsStream};
pub use sse::{SseEvent, SseReader};
pub use stt::{Stt, SttConfig, SttEvent, SttOptions, SttSocket, SttVendor, Transcript};
pub use tts::{ContextId, SpokenChar, Tts, TtsConfig, TtsEvent, TtsSocket, TtsVendor, VoiceSettings};
pub use vendor::{Endpoint, Vendor};
pub use whisper::{Asked, SttFile, Utterance};
pub use wire::{Body, Header, HttpRequest, Method, WsMessage, WsRequest};
