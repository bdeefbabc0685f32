//! Who has the floor: the brain of a call, pure and deterministic.
//!
//! ```text
//!   Input ──▶ Dialogue::handle(now, input) ──▶ poll() ──▶ Output, until None
//!                                          └─▶ deadline() ──▶ when to call handle(at, Input::Wake)
//! ```
//!
//! No clock, no randomness, no socket: the same inputs at the same call times give the same outputs, so a
//! journal ([`JournalLine`]) replays, and any call turns into a test. Samples never enter here.

mod barge_in;
mod caller;
mod chunker;
mod config;
mod config_error;
mod dialogue;
mod digits;
mod explain;
mod from_agent;
mod heard;
mod hearing;
mod ids;
mod input;
mod journal;
mod leaving;
mod live;
mod message;
mod mouth;
mod output;
mod pauses;
mod phrases;
mod reply;
mod speech;
mod summary;
mod template;
mod thinking;
mod time;
mod timer;
mod tool;
mod toolbox;
mod trace;
mod tracer;
mod turn_config;
mod turn_end;
mod validate;
mod waits;
mod words;

pub mod builtin;

pub use config::{Config, Mind, Phrases, Rescue, Road};
pub use config_error::ConfigError;
pub use dialogue::Dialogue;
pub use explain::{Decision, Explain};
pub use ids::{AskId, SayId, ThinkId, ToolId, TransferId, TurnId};
pub use input::{
    Failure, FailureKind, Input, LineChange, LiveEvent, SayEvent, Stt, ThinkEvent, ToolResult,
    TransferResult, Usage, Vad, WordTime,
};
pub use journal::{JOURNAL_VERSION, JournalHeader, JournalLine};
pub use message::{HistoryItem, Message, ToolCall};
pub use output::{
    LeaveReason, LiveCommand, Output, SayChunk, SayKind, State, StateChange, ThinkRequest, ToolRun, ToolUse,
    Who,
};
pub use summary::{Percentiles, Summary};
pub use template::{Variables, render};
pub use time::CallTime;
pub use timer::Timer;
pub use tool::{ToolClass, ToolSpec};
pub use trace::{Anchors, Deltas, Stage, TurnOutcome, TurnTrace};
pub use tracer::Tracer;
pub use turn_config::{
    Digits, EndBy, Endpointing, EndpointingMode, Interruption, Limits, Preemptive, RecogniserConfig, Silence,
    TextConfig, TextRules, Tools, TurnConfig, TurnModelConfig, Unaccepted, VadConfig, Watchdog,
};
