//! Who has the floor: the brain of a call, pure and deterministic.
//!
//! ```text
//!   Input ──▶ Dialogue::handle(now, input) ──▶ poll() ──▶ Output, until None
//!                                          └─▶ deadline() ──▶ when to call handle(at, Input::Wake)
//! ```
//!
//! No clock, no randomness, no socket: the same inputs at the same call times give the same outputs, so a
//! journal ([`JournalLine`]) replays, and any call turns into a test. Samples never enter here.
//!
//! # What a driver does
//!
//! * Makes a [`Config`] ([`Config::for_agent`]), a [`Dialogue`] of it while the phone still rings (the greeting is
//!   prepared then and held), and writes the journal's header.
//! * Writes every input to the journal before [`Dialogue::handle`], every output before carrying it out.
//! * Carries out every [`Output`] without deciding. Speeches play one after the other in the order of their first
//!   [`SayChunk`]; [`Output::Pause`] before the first audio means "do not begin".
//! * Answers every speech with exactly one [`SayEvent::Finished`], every tool with one [`Input::Tool`] (cancelled
//!   ones may be left out). Word times and [`SayEvent::Synthesised`] make the history exact.
//! * Exhausts its own vendors before it reports a [`Failure`]; a request with `fallback` set skips the first one.
//!
//! # Where to look
//!
//! [`Dialogue`] has the transition match and the diagram. `hearing` follows voice and words, `turn_end` decides
//! what becomes of a turn, `barge_in` who gives way, `speculation` works ahead, `thinking` takes a reply step by
//! step, `toolbox` runs tools, `mouth` queues speeches, `waits` holds the deadlines, `leaving` the ways out, `live`
//! speech-to-speech sessions. `tracer` folds the metrics ([`TurnTrace`], [`Summary`]); nothing else measures.

mod answering_machine;
mod barge_in;
mod caller;
mod chunker;
mod config;
mod config_error;
mod dialogue;
mod digits;
mod endpointing;
mod explain;
mod final_words;
mod from_agent;
mod heard;
mod hearing;
mod ids;
mod input;
mod interruption;
mod journal;
mod leaving;
mod live;
mod message;
mod mouth;
mod output;
mod pauses;
mod phrases;
mod reply;
mod speculation;
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
mod turn_model;
mod validate;
mod waits;
mod words;

pub mod builtin;

pub use answering_machine::{Answerer, AnsweringMachine, Finding, Sound};
pub use config::{Config, Mind, Phrases, Rescue, Road};
pub use config_error::ConfigError;
pub use dialogue::Dialogue;
pub use endpointing::{
    EndBy, Endpointing, EndpointingMode, RecogniserConfig, TextRules, TurnModelConfig, TurnModelKind,
};
pub use explain::{Decision, Explain};
pub use heard::heard;
pub use ids::{AskId, SayId, ThinkId, ToolId, TransferId, TurnId};
pub use input::{
    Failure, FailureKind, Input, LineChange, LiveEvent, SayEvent, Stt, ThinkEvent, ToolResult,
    TransferResult, TurnAnswer, TurnSkip, Usage, Vad, WordTime,
};
pub use interruption::{Interruption, Unaccepted};
pub use journal::{JOURNAL_VERSION, JournalHeader, JournalLine};
pub use message::{HistoryItem, Message, ToolCall};
pub use output::{
    LeaveReason, LiveCommand, Output, SayChunk, SayKind, State, StateChange, ThinkRequest, ToolRun, ToolUse,
    Who,
};
pub use pauses::{WordClass, word_class};
pub use summary::{Percentiles, Stages, Summary};
pub use template::{Variables, render};
pub use time::CallTime;
pub use timer::Timer;
pub use tool::{ToolClass, ToolSpec};
pub use trace::{Anchors, Deltas, Stage, TurnOutcome, TurnTrace};
pub use tracer::Tracer;
pub use turn_config::{
    Digits, Limits, Preemptive, Silence, TextConfig, Tools, TurnConfig, VadConfig, Watchdog,
};
pub use words::is_vowel;
