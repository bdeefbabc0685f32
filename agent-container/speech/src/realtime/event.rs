//! What a session reports.

use crate::{Fault, ToolCall, Usage};

/// What a session reports.
#[derive(Clone, Debug, PartialEq)]
pub enum RealtimeEvent {
    /// The session is configured and knows the history.
    Ready {
        /// Vendor's id of the session.
        session_id: String,
    },
    /// The vendor heard the caller begin to speak.
    SpeechStarted {
        /// Milliseconds of audio sent.
        at_ms: u64,
    },
    /// The vendor heard the caller stop.
    SpeechStopped {
        /// Milliseconds of audio sent.
        at_ms: u64,
    },
    /// What the caller said, as far as it is written down.
    CallerInterim(String),
    /// What the caller said.
    CallerFinal(String),
    /// The caller was silent for the idle timeout; a reply follows.
    IdleTimeout,
    /// A reply begins.
    ResponseStarted,
    /// The next samples of the reply, at [`crate::RealtimeSocket::sample_rate`].
    Audio {
        /// Which item; name it when interrupting.
        item: String,
        /// Mono.
        samples: Vec<i16>,
    },
    /// The next words of the reply.
    Text {
        /// Which item.
        item: String,
        /// Words.
        text: String,
    },
    /// The model wants a tool: answer with [`crate::RealtimeSocket::tool_result`].
    ToolCall(ToolCall),
    /// A reply is over.
    ResponseDone {
        /// How.
        outcome: Outcome,
        /// Tokens used.
        usage: Option<Usage>,
    },
    /// A message without meaning for the call, with the reason.
    Ignored(String),
}

/// How a reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Said everything, or asked for tools.
    Completed,
    /// Interrupted.
    Cancelled,
    /// Cut at the longest length or by a filter.
    Incomplete,
    /// The vendor failed at it; the session goes on.
    Failed(Fault),
}
