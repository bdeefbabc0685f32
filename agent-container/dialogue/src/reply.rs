//! The agent's answer in the making: steps of model, speech and tools.

use crate::chunker::Chunker;
use crate::{CallTime, SayId, ThinkId, ToolCall, ToolClass, ToolId, TurnId};

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The turn it answers; `None` while speculative, and for answers nobody asked for.
    pub(crate) turn: Option<TurnId>,
    /// The words it answers, normalised.
    pub(crate) key: String,
    /// The turn is committed: it may speak and act.
    pub(crate) committed: bool,
    pub(crate) step: u32,
    /// The running request.
    pub(crate) think: Option<ThinkId>,
    pub(crate) chunker: Chunker,
    /// Pieces kept back until the commit.
    pub(crate) ready: Vec<String>,
    /// This step's speech.
    pub(crate) say: Option<SayId>,
    /// The step's text is complete.
    pub(crate) thought: bool,
    /// Something was handed to the voice, in any step.
    pub(crate) spoke: bool,
    /// This step's tool calls.
    pub(crate) calls: Vec<Call>,
    /// What follows the last word.
    pub(crate) after: Option<After>,
    /// Requests that failed.
    pub(crate) failures: u32,
    /// Use the fallback vendor.
    pub(crate) fallback: bool,
    /// Late tool results the model knew of.
    pub(crate) knows: u32,
}

/// A tool call of a step.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: ToolId,
    pub(crate) call: ToolCall,
    pub(crate) class: ToolClass,
    pub(crate) state: CallState,
    pub(crate) since: CallTime,
    pub(crate) deadline: CallTime,
}

/// How far a tool call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallState {
    /// Kept back until the turn is committed.
    Kept,
    /// Running in the driver.
    Running,
    /// Waiting for the same call that runs already.
    Joined(ToolId),
    /// The dialogue waits for keys.
    Collecting,
    /// Ended.
    Done { output: String, error: bool },
}

impl Call {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, CallState::Done { .. })
    }
}

/// What follows the last word of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    End,
    Transfer { to: String },
    Voicemail,
}

impl Reply {
    pub(crate) fn new(turn: Option<TurnId>, key: String, committed: bool) -> Self {
        Self {
            turn,
            key,
            committed,
            step: 0,
            think: None,
            chunker: Chunker::default(),
            ready: Vec::new(),
            say: None,
            thought: false,
            spoke: false,
            calls: Vec::new(),
            after: None,
            failures: 0,
            fallback: false,
            knows: 0,
        }
    }

    /// The model has answered this step and all its tools have ended.
    pub(crate) fn step_is_done(&self) -> bool {
        self.thought && self.calls.iter().all(Call::is_done)
    }
}
